"""Every route has a declared caller, and no way around it: methods, HEAD, slashes, encodings (T71, T72)."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from webapp.pages import guards

SAMPLE = {
    "handle": "nobody", "name": "x", "key": "x", "section": "about", "path": "x", "source": "x", "kind": "x",
    "slug": "x", "badge": "x",
}


DECLARED = {"public", "member", "recent", "admin", "any_admin", "organization_admin", "bearer"}


def undeclared(app: Flask) -> list[str]:
    """Routes whose view carries no mark of guards.py."""
    return sorted(
        rule.rule for rule in app.url_map.iter_rules()
        if guards.declared_caller(app.view_functions[rule.endpoint]) not in DECLARED
    )


def address(rule) -> str | None:
    """A concrete address of a rule, None where a part has no sample."""
    with_values = rule.rule
    for part in re.findall(r"<[^>]+>", with_values):
        choice = re.match(r"<any\(([^)]*)\):", part)
        name = part.strip("<>").rpartition(":")[2]
        value = choice.group(1).split(",")[-1].strip(" '\"") if choice else SAMPLE.get(name, "1")
        with_values = with_values.replace(part, value)
    return with_values


def test_every_route_declares_who_may_call_it(app):
    assert undeclared(app) == []


def test_a_planted_route_without_a_rule_is_caught(app):
    app.add_url_rule("/planted", "planted", lambda: "x")
    assert undeclared(app) == ["/planted"]


def test_t71_a_route_for_members_refuses_anonymous_callers(app, client):
    """Each unsafe method, too: without a log-in nothing is done, whatever the address names."""
    app.config["WTF_CSRF_ENABLED"] = False
    walked = 0
    for rule in app.url_map.iter_rules():
        if guards.declared_caller(app.view_functions[rule.endpoint]) == "public":
            continue
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            answer = client.open(address(rule), method=method)
            assert answer.status_code in {303, 401}, (method, rule.rule, answer.status_code)
            assert answer.headers.get("Location", "/login").startswith("/login"), rule.rule
            walked += 1
    assert walked


def test_htmx_is_sent_to_the_log_in_page_by_header(app, client):
    app.config["WTF_CSRF_ENABLED"] = False
    rule = next(r for r in app.url_map.iter_rules()
                if guards.declared_caller(app.view_functions[r.endpoint]) == "member" and "GET" in r.methods)
    answer = client.get(address(rule), headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("/login")


def test_t72_other_methods_are_refused(app, client):
    """No method override, no automatic OPTIONS: what a route does not declare is 405."""
    app.config["WTF_CSRF_ENABLED"] = False
    by_rule: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        by_rule.setdefault(rule.rule, set()).update(rule.methods)
    for rule in app.url_map.iter_rules():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - by_rule[rule.rule]:
            answer = client.open(address(rule), method=method)
            # A path may fit another rule with a variable part as well; never a 2xx.
            assert answer.status_code in {404, 405, 303, 401}, (method, rule.rule, answer.status_code)
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        assert client.get("/healthz", headers={header: "POST"}).status_code == 200
        assert client.post("/healthz?_method=GET", headers={header: "GET"}).status_code == 405


def test_t72_head_answers_as_get(app, client):
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods:
            continue
        get, head = client.get(address(rule)), client.head(address(rule))
        assert (head.status_code, head.data) == (get.status_code, b""), rule.rule


@pytest.mark.parametrize("path", [
    "/healthz/", "/readyz/", "/healthz;x=1", "/%68ealthz%2f", "/healthz%00", "/static/../vitrine.css",
    "/static/%2e%2e/vitrine.css", "/static/%252e%252e%252fvitrine.css", "/u/%2561dmin", "/settings/security;/x",
    "/settings%2fsecurity%2f..", "/settings/%2e/security",
])
def test_t72_odd_paths_lead_nowhere(client, path):
    answer = client.get(path)
    assert answer.status_code in {400, 404}, (path, answer.status_code)


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/u/x", "/\\evil.example", "/u//evil.example"])
def test_t78_double_slashes_stay_on_this_site(client, path):
    answer = client.get(path, base_url="http://localhost")
    assert answer.status_code in {301, 308, 400, 404}
    if "Location" in answer.headers:
        assert answer.headers["Location"].startswith("http://localhost/")
