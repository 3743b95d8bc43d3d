"""The API's readings on both databases, and what they leave in logs: nothing of anybody (T70)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from policies.terms import Viewer
from tests.api.bearers import make_app, make_token
from tests.factories import link, make_account
from tests.services.people import choose, set_columns, statements
from webapp.services import api_users as users
from webapp.services.app_views import ANYBODY, Looker
from webapp.services.context import Context

VALUES = {"full_name": "Sally Marsh", "location": "Lisbon", "department": "Works"}


def test_one_and_many_answer_alike_for_everybody(ctx: Context) -> None:
    ids = [f"acc-{name}" for name in ("ann", "work", "silent", "mgd", "hidden", "gone")]
    ann, work, silent = (make_account(ctx.db, name, **VALUES) for name in ("ann", "work", "silent"))
    make_account(ctx.db, "mgd", kind="managed", **VALUES)
    make_account(ctx.db, "hidden", private=True, keep_name=False)
    make_account(ctx.db, "gone", state="deleted", state_at=1)
    link(ctx.db, work, ann)
    link(ctx.db, silent, ann, silent=True)
    choose(ctx.db, work, you=("location",))
    (acme,) = ctx.db.row("SELECT id FROM organization")  # type: ignore[misc]
    colleague = Viewer(organizations=frozenset({acme}))
    for looker in (ANYBODY, Looker(colleague, colleague), Looker(member=Viewer(ann, ann), ticked=2**17 - 1)):
        single = [found for one in ids if (found := users.user_json(ctx, looker, one)) is not None]
        assert users.users_json(ctx, looker, ids) == single
        assert [one["accountId"] for one in single] == ids[:4]
        assert "location" not in single[1]
    assert "department" in users.users_json(ctx, Looker(colleague, colleague), ["acc-mgd"])[0]
    assert "department" not in users.users_json(ctx, ANYBODY, ["acc-mgd"])[0]


def test_an_account_whose_primary_is_gone_or_private_leads_nowhere(ctx: Context) -> None:
    """D5, D22: its own record goes on, without the way to a profile."""
    ann, work = (make_account(ctx.db, name, **VALUES) for name in ("ann", "work"))
    link(ctx.db, work, ann)
    (found,) = users.users_json(ctx, ANYBODY, ["acc-work"])
    assert found["profileUrl"].endswith("/u/ann")
    for gone in ({"state": "deactivated", "state_at": 1}, {"state": "closing", "state_at": 1},
                 {"state": "active", "private": True}):  # fmt: skip
        set_columns(ctx.db, ann, **gone)
        (left,) = users.users_json(ctx, ANYBODY, ["acc-work"])
        assert "profileUrl" not in left
        assert left["accountId"] == "acc-work"


def test_t61_the_same_statements_run_whoever_is_asked_for(ctx: Context) -> None:
    make_account(ctx.db, "ann", **VALUES)
    make_account(ctx.db, "hidden", private=True, keep_name=False)
    ctx.gate()
    counts = set()
    for name in ("ann", "hidden", "never", "\0", "x" * 99):
        with statements(ctx.db) as seen:
            users.user_json(ctx, ANYBODY, f"acc-{name}")
        with statements(ctx.db) as more:
            users.users_json(ctx, ANYBODY, [f"acc-{name}"])
        counts.add((len(seen), len(more)))
    assert counts == {(2, 2)}


def test_t70_no_token_id_or_value_of_the_api_reaches_a_log(
    client: Any, sqlite_ctx: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "vitrine.access")
    sally = make_account(sqlite_ctx.db, **VALUES)
    token = make_token(sqlite_ctx.db, make_app(sqlite_ctx.db), sally)
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("users/acc-sally", "users?accountId=acc-sally", "profiles/sally", "me", "people?q=marsh", "nothing"):
        client.get(f"/api/v1/{path}", headers=headers)
        client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}x"})
    body = {"events": [{"externalId": "secret-id", "actor": "secret-actor", "kind": "answer", "occurredAt": "never"}]}
    client.post("/api/v1/activities", json=body, headers=headers)
    logged = caplog.text + " ".join(str(record.__dict__) for record in caplog.records)
    assert "/api/v1/users/<account_id>" in logged, "the access log was not looked at"
    for secret in (token, "acc-sally", "marsh", "Sally", "secret-id", "secret-actor"):
        assert secret not in logged
