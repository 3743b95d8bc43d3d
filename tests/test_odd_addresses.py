"""Zero bytes, which PostgreSQL takes in no text, and numbers that no database holds: an answer and no error (T84)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import NOW
from tests.factories import make_account, make_organization
from webapp.app import create_app
from webapp.config import Config
from webapp.ops.twin import reset_limits
from webapp.services import sessions
from webapp.services.context import Context

PARAMETER = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")


@pytest.fixture
def admin(ctx: Context, config: Config) -> Any:
    """`admin(method, path, **form)`: what a site admin's browser is answered, on each of both databases."""
    app = create_app(replace(config, database_url=ctx.db.url), context=ctx)
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.config["CLOCK"] = lambda: NOW
    client = app.test_client()
    account = make_account(ctx.db, "boss", is_admin=True)
    with client.session_transaction() as cookie:
        cookie["_user_id"] = sessions.start(ctx, account, NOW)
        cookie["_fresh"] = True
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/settings/profile").text)
    assert found

    def ask(method: str, path: str, **form: str) -> int:
        reset_limits(app)
        data = {"csrf_token": found[1], **form} if method != "GET" else None
        return client.open(path, method=method, data=data).status_code

    ask.rules = list(app.url_map.iter_rules())  # type: ignore[attr-defined]
    return ask


def filled(rule: str, values: dict[str, str]) -> str:
    """The address of a rule with these values of its parameters."""
    return PARAMETER.sub(lambda found: values.get(found[2], "1"), rule)


def test_t84_no_address_with_a_zero_byte_reaches_the_database(admin: Any, ctx: Context) -> None:
    make_organization(ctx.db, "acme")
    asked = 0
    for rule in admin.rules:
        names = [name for kind, name in PARAMETER.findall(rule.rule) if not kind or kind == "event_id"]
        for odd in names:
            path = filled(rule.rule, {"slug": "acme", odd: "a%00b"})
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                wanted = 401 if "event_id" in rule.rule else 404       # an event is of a source, which says who it is
                assert admin(method, path) == wanted, (method, path)
                asked += 1
    assert asked > 60


def test_t84_a_number_that_no_database_holds_leads_nowhere(admin: Any) -> None:
    asked = 0
    for rule in admin.rules:
        if any(kind == "int" for kind, _ in PARAMETER.findall(rule.rule)):
            for number in ("9" * 30, str(2**63), "9" * 3000):
                numbers = {name: number for kind, name in PARAMETER.findall(rule.rule) if kind == "int"}
                path = filled(rule.rule, {"slug": "acme", **numbers})
                for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                    assert admin(method, path) in {404, 405}, (method, path)
                    asked += 1
    assert asked > 20


def test_t84_a_zero_byte_in_a_filter_or_a_name_is_told(admin: Any) -> None:
    for name in ("actor", "subject", "event", "since"):
        assert admin("GET", f"/admin/audit?{name}=a%00b") in {200, 422}, name
    assert admin("POST", "/admin/sources", name="a\0b", label="A", area="forum") == 422
    assert admin("POST", "/admin/sources/token", source="a\0b") == 404
