"""Linking by the operator's word: what is written, what is refused, the silent box."""

from __future__ import annotations

from typing import Any

import pytest

from policies.errors import NotFound, Refused
from policies.manager import PolicyManager
from policies.terms import ALL
from tests.conftest import NOW
from webapp.services.context import Context, Site
from webapp.services.link_operator import link_by_operator, silence_by_operator
from webapp.store import accounts
from webapp.store.database import Database
from webapp.store.policy import append_change


@pytest.fixture
def ctx(db: Database) -> Context:
    return Context(db, PolicyManager(), Site())


def account(ctx: Context, handle: str, domain_id: int | None = None, **columns: Any) -> int:
    made = accounts.insert(
        ctx.db, NOW, public_id=handle, handle=handle, public_name=handle, domain_id=domain_id,
        **{"state": "active", **columns},
    )  # fmt: skip
    assert made is not None
    return made


def managed_domain(ctx: Context) -> int:
    db = ctx.db
    with db.transaction():
        row = db.execute(
            "INSERT INTO organization(slug, name, created_at) VALUES ('acme', 'Acme', ?) RETURNING id", (NOW,)
        ).fetchone()
        domain = db.execute(
            "INSERT INTO email_domain(name, organization_id, verified_at, method) VALUES ('acme.example', ?, ?, 'word')"
            " RETURNING id",
            (row[0], NOW),
        ).fetchone()
        append_change(db, "domain", f"domain:{domain[0]}", NOW, value=row[0])
    return int(domain[0])


def row(ctx: Context, account_id: int, columns: str) -> Any:
    return ctx.db.row(f"SELECT {columns} FROM account WHERE id = ?", (account_id,))


def test_s54_a_link_is_one_row_and_both_pages_are_new(ctx: Context) -> None:
    first, second = account(ctx, "first"), account(ctx, "second")
    link_by_operator(ctx, first, second, NOW)
    assert row(ctx, second, "primary_id, linked_at, link_cap_anyone, row_version, edit_version") == (
        first, NOW, ALL, 2, 0
    )  # fmt: skip
    assert row(ctx, first, "primary_id, row_version, edit_version") == (None, 2, 0)


def test_i11_both_accounts_have_an_audit_row_that_does_not_name_the_other(ctx: Context) -> None:
    first, second = account(ctx, "first"), account(ctx, "second")
    link_by_operator(ctx, first, second, NOW)
    assert ctx.db.rows("SELECT event, actor_id, subject_id, detail FROM audit ORDER BY id") == [
        ("account:link", None, first, '{"by": "operator", "part": "primary"}'),
        ("account:link", None, second, '{"by": "operator", "part": "linked"}'),
    ]


def test_d10_a_private_account_makes_the_profile_private_through_its_link(ctx: Context) -> None:
    first, second = account(ctx, "first"), account(ctx, "second", private=True)
    link_by_operator(ctx, first, second, NOW)
    assert (bool(row(ctx, second, "link_private")[0]), bool(row(ctx, first, "private")[0])) == (True, False)


def test_a_linked_account_may_be_managed_but_a_primary_not(ctx: Context) -> None:
    domain = managed_domain(ctx)
    personal, managed, other = account(ctx, "personal"), account(ctx, "managed", domain), account(ctx, "other", domain)
    refusals = {}
    for name, pair in {"managed primary": (managed, personal), "two managed": (managed, other)}.items():
        with pytest.raises(Refused) as refused:
            link_by_operator(ctx, *pair, NOW)
        refusals[name] = refused.value.rule
    assert refusals == {"managed primary": "rule_primary_is_personal", "two managed": "rule_not_two_managed"}
    link_by_operator(ctx, personal, managed, NOW)
    assert row(ctx, managed, "primary_id") == (personal,)


def test_refusals_name_their_rule_and_change_nothing(ctx: Context) -> None:
    a, b, c, d = (account(ctx, name) for name in "abcd")
    link_by_operator(ctx, a, b, NOW)
    link_by_operator(ctx, c, d, NOW)
    before = ctx.db.rows("SELECT * FROM account ORDER BY id"), ctx.db.rows("SELECT * FROM audit")
    rules = {}
    pairs = {"itself": (a, a), "same group": (a, b), "linked": (b, c), "elsewhere": (a, d), "two primaries": (a, c)}
    for name, pair in pairs.items():
        with pytest.raises(Refused) as refused:
            link_by_operator(ctx, *pair, NOW)
        rules[name] = refused.value.rule
    assert rules == {
        "itself": "rule_not_itself", "same group": "rule_not_same_group", "linked": "rule_only_primary_links",
        "elsewhere": "rule_not_linked_elsewhere", "two primaries": "rule_not_two_primaries",
    }  # fmt: skip
    assert (ctx.db.rows("SELECT * FROM account ORDER BY id"), ctx.db.rows("SELECT * FROM audit")) == before


@pytest.mark.parametrize("state", ["deactivated", "closing", "deleted"])
def test_accounts_that_are_gone_are_not_linked(ctx: Context, state: str) -> None:
    first, gone = account(ctx, "first"), account(ctx, "gone", state=state)
    with pytest.raises(NotFound):
        link_by_operator(ctx, first, gone, NOW)


def test_d5_the_silent_box_is_a_column_of_the_link(ctx: Context) -> None:
    first, second = account(ctx, "first"), account(ctx, "second")
    with pytest.raises(Refused):
        silence_by_operator(ctx, second, True, NOW)
    link_by_operator(ctx, first, second, NOW)
    silence_by_operator(ctx, second, True, NOW)
    assert row(ctx, second, "primary_id, linked_at, row_version") == (first, NOW, 3)
    assert bool(row(ctx, second, "silent")[0])
    silence_by_operator(ctx, second, False, NOW)
    assert not row(ctx, second, "silent")[0]
    assert row(ctx, first, "row_version") == (4,)
