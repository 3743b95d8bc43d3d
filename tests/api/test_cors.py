"""Scripts of other sites: what they may read, and that a public app's own pages can do the whole flow (T97)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.flow import CLIENT, VERIFIER, Browser
from tests.conftest import NOW
from tests.factories import make_account
from tests.services.appmaker import BACK, SECRET, make_app
from webapp.services import oauth
from webapp.store.database import Database

HOME = "https://questboard.example"
EVIL = "https://evil.example"
METADATA = "/.well-known/oauth-authorization-server"
READS = ("/api/v1/users/acc-sally", "/api/v1/users?accountId=acc-sally", "/api/v1/profiles/sally", "/api/v1/people",
         "/api/v1/me", "/api/v1/users/nobody", "/api/v1/profiles/nobody")  # fmt: skip


@pytest.fixture
def sally(app: Any, sqlite_db: Database) -> int:
    app.config["CLOCK"] = lambda: NOW
    return make_account(sqlite_db, full_name="Sally Marsh")


def from_page(client: FlaskClient, path: str, origin: str, method: str = "POST", **more: Any) -> Any:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", **more.pop("headers", {})}
    return client.open(path, method=method, headers=headers, **more)


def cors(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("Access-Control")}


def exchange(code: str, **more: str) -> dict[str, str]:
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER,
            "client_id": CLIENT, **more}  # fmt: skip


def test_the_pages_of_a_public_app_exchange_refresh_read_and_revoke(app: Any, sqlite_db: Database, sally: int) -> None:
    make_app(sqlite_db, make_account(sqlite_db, "tinker"), public=True)
    client = app.test_client()
    told = from_page(client, METADATA, HOME, "GET")
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    made = from_page(client, "/oauth/token", HOME, data=exchange(Browser(app, sally).code()))
    assert (made.status_code, made.headers["Access-Control-Allow-Origin"]) == (200, HOME)
    refresh = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": made.get_json()["refresh_token"]}
    again = from_page(client, "/oauth/token", HOME, data=refresh)
    assert (again.status_code, again.headers["Access-Control-Allow-Origin"]) == (200, HOME)
    token = {"Authorization": f"Bearer {again.get_json()['access_token']}"}
    for path in READS:
        asked = from_page(client, path, HOME, "OPTIONS", headers={"Access-Control-Request-Headers": "authorization"})
        assert asked.status_code == 204
        assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
        read = from_page(client, path, HOME, "GET", headers=token)
        assert read.headers["Access-Control-Allow-Origin"] == HOME, path
        assert {"Authorization", "Origin"} <= set(read.headers["Vary"].split(", "))
        assert read.headers["Cache-Control"].startswith("private, ")
    back = {"token": again.get_json()["refresh_token"], "client_id": CLIENT}
    gone = from_page(client, "/oauth/revoke", HOME, data=back)
    assert (gone.status_code, gone.headers["Access-Control-Allow-Origin"]) == (200, HOME)
    after = from_page(client, "/api/v1/me", HOME, "GET", headers=token)
    assert (after.status_code, after.headers["Access-Control-Allow-Origin"]) == (401, "*")
    wrong = from_page(client, "/oauth/token", HOME, data=refresh)
    assert (wrong.status_code, wrong.headers["Access-Control-Allow-Origin"]) == (400, HOME)
    assert wrong.get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize("origin", [EVIL, "null", "http://questboard.example", f"{HOME}:8443", f"{HOME}.evil.example",
                                    "https://QUESTBOARD.example/", ""])  # fmt: skip
def test_t97_no_other_site_reads_what_a_public_apps_code_or_token_gives(
    app: Any, sqlite_db: Database, sally: int, origin: str
) -> None:
    make_app(sqlite_db, make_account(sqlite_db, "tinker"), public=True)
    client = app.test_client()
    made = from_page(client, "/oauth/token", origin, data=exchange(Browser(app, sally).code()))
    assert cors(made) == {}
    token = {"Authorization": f"Bearer {made.get_json()['access_token']}"}
    for path in READS:
        assert cors(from_page(client, path, origin, "GET", headers=token)) == {}, path


@pytest.mark.parametrize("proof", ["basic", "post"])
def test_t97_what_a_secret_gives_no_site_reads(app: Any, sqlite_db: Database, sally: int, proof: str) -> None:
    """An app with a secret has no business in a page, its own neither."""
    make_app(sqlite_db, make_account(sqlite_db, "tinker"))
    client = app.test_client()
    form, more = exchange(Browser(app, sally).code()), {}
    if proof == "basic":
        more = {"auth": (CLIENT, SECRET)}
    else:
        form["client_secret"] = SECRET
    made = from_page(client, "/oauth/token", HOME, data=form, **more)
    assert made.status_code == 200
    assert cors(made) == {}
    token = {"Authorization": f"Bearer {made.get_json()['access_token']}"}
    for path in READS:
        assert cors(from_page(client, path, HOME, "GET", headers=token)) == {}, path


def test_t97_nowhere_are_credentials_allowed_and_consent_is_no_script_s(
    app: Any, sqlite_db: Database, sally: int
) -> None:
    make_app(sqlite_db, make_account(sqlite_db, "tinker"), public=True)
    client = app.test_client()
    answers = [from_page(client, path, HOME, method) for path, method in (
        *((path, "GET") for path in (*READS, METADATA)), ("/oauth/token", "POST"), ("/oauth/revoke", "POST"),
        ("/oauth/introspect", "POST"), ("/oauth/token", "OPTIONS"), ("/api/v1/me", "OPTIONS"),
    )]  # fmt: skip
    assert not [answer for answer in answers if "Access-Control-Allow-Credentials" in answer.headers]
    for path, method in (("/oauth/authorize", "GET"), ("/oauth/authorize", "OPTIONS"), ("/oauth/introspect", "POST"),
                         ("/oauth/introspect", "OPTIONS"), ("/u/sally", "GET"), ("/api/v1/activities", "OPTIONS"),
                         ("/api/v1/activities", "POST"), ("/settings/apps", "GET")):  # fmt: skip
        assert cors(from_page(client, path, HOME, method)) == {}, (method, path)


def test_t19_only_the_doors_without_cookies_take_posts_of_other_sites(app: Any, client: FlaskClient) -> None:
    opened = {
        rule.rule for rule in app.url_map.iter_rules() for method in (rule.methods or set()) & {"POST", "PUT", "DELETE"}
        if from_page(client, rule.rule.replace("<", "").replace(">", ""), EVIL, method).status_code != 403
    }  # fmt: skip
    assert opened == {"/oauth/token", "/oauth/revoke"}


@pytest.mark.parametrize(("uri", "origin"), [
    ("https://app.example/back", "https://app.example"), ("https://app.example:443/", "https://app.example"),
    ("https://APP.example:8443/x?y", "https://app.example:8443"), ("http://127.0.0.1:3000/cb", "http://127.0.0.1:3000"),
    ("http://[::1]:3000/cb", "http://[::1]:3000"), ("http://localhost:80/cb", "http://localhost"),
])  # fmt: skip
def test_an_origin_is_written_as_browsers_write_it(uri: str, origin: str) -> None:
    assert oauth._origin(uri) == origin
