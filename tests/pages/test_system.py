"""What every answer carries, what every request must pass, error pages, and the pages for machines."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import pytest
from flask import Response

from tests.test_attacks import refusals
from webapp.app import create_app
from webapp.config import Config
from webapp.pages import guards
from webapp.services.throttle import TooMany

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

STRONG = "q8Zt4Yx1Lm9Pr3Ws7Vu2Nk6Jh5Gf0DdE"


def test_security_headers_on_every_kind_of_answer(client):
    for path in ("/healthz", "/", "/nothing-here", "/static/vitrine.css"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"] == CSP
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert len(headers["X-Request-Id"]) == 16
        assert "Strict-Transport-Security" not in headers


def test_the_site_answers_while_redis_is_down(data_dir, sqlite_ctx):
    """The brake is shared where it can be; each process counts by itself until then, and still brakes."""
    config = Config.from_env({
        "DATA_DIR": str(data_dir), "SECRET_KEY": STRONG, "BASE_URL": "http://localhost",
        "REDIS_URL": "redis://127.0.0.1:1",
    })
    client = create_app(replace(config, database_url=sqlite_ctx.db.url), context=sqlite_ctx).test_client()
    codes = [client.post("/login", data={"email": "a@b.example"}).status_code for _ in range(241)]
    assert codes[0] in {400, 403, 422}
    assert codes[-1] == 429
    assert 500 not in codes


def test_https_site_sends_hsts_and_a_host_bound_cookie(data_dir, sqlite_ctx):
    """T79 of the headers; the cookie's name makes the browser bind it to this host and to https."""
    config = Config.from_env({
        "DATA_DIR": str(data_dir), "BASE_URL": "https://vitrine.example", "SECRET_KEY": STRONG,
    })
    app = create_app(config, context=sqlite_ctx)
    client = app.test_client()
    answer = client.get("/login", base_url="https://vitrine.example")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:80", "", "local host"])
def test_t83_unknown_host_is_refused(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 400


def test_t83_forwarded_headers_count_only_behind_a_configured_proxy(client, data_dir, sqlite_ctx):
    seen = []

    def remember(answer: Response) -> Response:
        from flask import request

        seen.append((request.remote_addr, request.scheme, request.host))
        return answer

    client.application.after_request_funcs.setdefault(None, []).append(remember)
    forwarded = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    client.get("/healthz", headers=forwarded)
    behind = create_app(
        Config(data_dir=data_dir, database_url=sqlite_ctx.db.url, secret_key="k" * 40, trusted_proxies=1),
        context=sqlite_ctx,
    )
    behind.after_request_funcs.setdefault(None, []).append(remember)
    behind.test_client().get("/healthz", headers=forwarded)
    assert seen == [("127.0.0.1", "http", "localhost"), ("9.9.9.9", "https", "localhost")]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_t19_a_change_from_another_site_is_refused(client, site):
    assert client.post("/login", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert client.get("/login", headers={"Sec-Fetch-Site": site}).status_code == 200


@pytest.mark.parametrize(("kind", "body"), [
    ("application/x-www-form-urlencoded", b"a=1"), ("application/json", b"{}"), ("text/plain", b"csrf_token=x"),
])
def test_t73_a_change_without_the_sessions_token_is_refused(app, client, kind, body):
    """Every unsafe public route; those for members refuse before, for want of a log-in."""
    for rule in app.url_map.iter_rules():
        if "POST" in rule.methods and not rule.arguments:
            code = client.post(rule.rule, data=body, content_type=kind).status_code
            assert code in refusals(rule.rule), (rule.rule, code)


def test_t84_a_form_of_a_thousand_parts_or_too_many_bytes_is_refused_fast(client):
    began = time.perf_counter()
    parts = {f"field{n}": "x" for n in range(1000)}
    assert client.post("/login", data=parts, content_type="multipart/form-data").status_code == 413
    assert client.post("/login", data={"email": "x" * 300_000}, content_type="multipart/form-data").status_code == 413
    assert client.post("/login", data=b"x" * (3 * 1024 * 1024 + 1)).status_code == 413
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(("status", "word"), [
    (400, "one piece"), (403, "not allowed"), (404, "nothing here"), (405, "does not work"), (413, "too large"),
    (429, "a little fast"), (500, "our side"), (503, "Not available"),
])
def test_error_pages(app, client, status, word):
    from flask import abort

    app.add_url_rule("/fail", "fail", guards.public(lambda: abort(status)))
    answer = client.get("/fail")
    assert answer.status_code == status
    assert word in answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    short = client.get("/fail", headers={"HX-Request": "true"})
    assert short.status_code == status
    assert "<html" not in short.text


def test_an_error_page_says_once_how_long_to_wait(app, client):
    def fail() -> str:
        raise TooMany("That was tried too often. Wait 15 minutes, then try again.", "", 900)

    app.add_url_rule("/fail", "fail", guards.public(fail))
    answer = client.get("/fail")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert "<h1>That was tried too often</h1>" in answer.text
    assert '<p class="lede">Wait 15 minutes, then try again.</p>' in answer.text
    assert "minute, then" not in answer.text
    short = client.get("/fail", headers={"HX-Request": "true"})
    assert short.text == "That was tried too often. Wait 15 minutes, then try again."


@pytest.mark.parametrize(("status", "offered"), [(404, True), (500, False), (503, False)])
def test_a_failure_of_ours_offers_nobody_to_log_in(app, client, status, offered):
    """Who meets it may well be logged in: the menu is left out because it would have to be looked up."""
    from flask import abort

    app.add_url_rule("/fail", "fail", guards.public(lambda: abort(status)))
    assert ('href="/login"' in client.get("/fail").text) is offered


def test_t60_t70_an_unexpected_error_tells_nothing(app, client, caplog):
    """Neither the page nor the log holds the exception's own text, which may hold a person's data."""
    def fail() -> str:
        raise ValueError("can" + "ary-4711@example.org")

    app.add_url_rule("/fail", "fail", guards.public(fail))
    app.testing = False
    with caplog.at_level(logging.INFO):
        answer = client.get("/fail?token=canary-4711")
    assert answer.status_code == 500
    assert "canary" not in answer.text
    assert "canary" not in caplog.text
    assert "ValueError" in caplog.text


def test_t14_no_path_value_or_query_reaches_the_access_log(client, caplog):
    with caplog.at_level(logging.INFO, "vitrine.access"):
        client.get("/verify?token=canary-4711")
        client.get("/u/canary-4711")
        client.get("/canary-4711")
    assert "canary" not in caplog.text
    assert "GET /verify" in caplog.text


def test_a_lost_database_is_a_clear_503_and_comes_back(app, client, sqlite_ctx):
    path = sqlite_ctx.db.sqlite_path
    sqlite_ctx.db.close()
    moved = path.with_name("away.db")
    path.rename(moved)
    path.mkdir()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "sqlite" not in answer.text.lower()
    path.rmdir()
    moved.rename(path)
    assert client.get("/readyz").status_code == 200


def test_readyz_is_red_when_a_migration_is_pending(client, sqlite_ctx):
    assert client.get("/readyz").status_code == 200
    sqlite_ctx.db.execute("DELETE FROM schema_migration")
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_readyz_is_red_when_the_database_takes_no_write(client, sqlite_ctx):
    sqlite_ctx.db.execute("PRAGMA query_only = 1")
    assert client.get("/readyz").status_code == 503


def test_metrics_are_for_this_machine_only(client):
    client.get("/healthz")
    text = client.get("/metrics").text
    assert 'vitrine_requests_total{method="GET",route="/healthz",status="2xx"} 1.0' in text
    assert "vitrine_outbox_waiting 0.0" in text
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 404


def test_t70_metrics_labels_are_patterns(client):
    client.get("/u/canary-4711?x=canary-4711")
    client.get("/canary-4711")
    assert "canary" not in client.get("/metrics").text


def test_robots_security_txt_change_password(data_dir, sqlite_ctx, client):
    assert "Disallow: /settings/" in client.get("/robots.txt").text
    assert client.get("/.well-known/security.txt").status_code == 404
    answer = client.get("/.well-known/change-password")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/security")
    config = Config.from_env({
        "DATA_DIR": str(data_dir), "SECRET_KEY": "k" * 40, "SECURITY_CONTACT": "mailto:safe@example.org",
    })
    text = create_app(config, context=sqlite_ctx).test_client().get("/.well-known/security.txt").text
    assert "Contact: mailto:safe@example.org\n" in text
    assert "Expires: 20" in text


def test_t58_anonymous_pages_may_be_kept_and_are_asked_for_again(client):
    answer = client.get("/")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"HX-Request", "Cookie"} <= set(answer.headers["Vary"].replace(" ", "").split(","))
    etag = answer.headers["ETag"]
    assert client.get("/", headers={"If-None-Match": etag}).status_code == 304
    assert client.get("/", headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_a_page_with_a_form_token_is_stored_nowhere_and_not_compressed(client):
    """BREACH: the token must not stand in a compressed answer."""
    packed = {"Accept-Encoding": "br, gzip"}
    form = client.get("/login", headers=packed)
    assert form.headers["Cache-Control"] == "private, no-store"
    assert "Content-Encoding" not in form.headers
    assert client.get("/", headers=packed).headers["Content-Encoding"] == "br"


def test_a_flood_of_changes_is_braked(client):
    answers = [client.post("/login") for _ in range(241)]
    assert {answer.status_code for answer in answers[:240]} == {403}
    assert answers[240].status_code == 429
    assert int(answers[240].headers["Retry-After"]) <= 60
    assert client.get("/login").status_code == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_the_server_cut_costs_one_answer(ctx, config, database_url, open_database):
    client = create_app(config, context=ctx).test_client()
    assert client.get("/u/nobody").status_code == 404
    open_database(database_url).rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    answer = client.get("/u/nobody")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert client.get("/u/nobody").status_code == 404
