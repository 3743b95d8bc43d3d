"""The audited door: account records and nothing else, every look noted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.errors import Invalid, NotFound, Refused
from tests.conftest import NOW
from tests.factories import link, make_account
from webapp.services import admin_members, people_index, sessions
from webapp.services.context import Context
from webapp.services.sessions import Session


@pytest.fixture
def boss(ctx: Context) -> Session:
    session = sessions.load_session(ctx, sessions.start(ctx, make_account(ctx.db, "boss", is_admin=True), NOW), NOW)
    assert session is not None
    return session


def handles(ctx: Context, boss: Session, q: str, state: str = "") -> list[str]:
    return [row.handle for row in admin_members.search(ctx, boss, q, state, "", NOW).rows]


def notes(ctx: Context, event: str) -> list[tuple[int | None, int | None, dict[str, Any]]]:
    rows = ctx.db.rows("SELECT actor_id, subject_id, detail FROM audit WHERE event = ? ORDER BY id", (event,))
    return [(actor, subject, json.loads(detail)) for actor, subject, detail in rows]


def test_accounts_are_found_by_address_domain_handle_and_shown_name(ctx: Context, boss: Session) -> None:
    ann = make_account(ctx.db, "ann", full_name="Zora Quick")
    emma = make_account(ctx.db, "emma", kind="managed", full_name="Emma Stone")
    make_account(ctx.db, "anna-b", state="deactivated")
    make_account(ctx.db, "gone", state="deleted")
    people_index.refresh(ctx, [ann, emma])
    assert handles(ctx, boss, "ANN@home.example") == ["ann"]
    assert handles(ctx, boss, "@acme.example") == ["emma"]
    assert handles(ctx, boss, "ann") == ["ann", "anna-b"]
    assert handles(ctx, boss, "@ann", "deactivated") == ["anna-b"]
    assert handles(ctx, boss, "zora quick") == ["ann"]
    assert handles(ctx, boss, "gone") == []
    assert handles(ctx, boss, "") == ["anna-b", "emma", "ann", "boss"]
    for odd in ("%", "_", "' OR 1=1", "a@b@c", "\x00", "@.", "ann@", "x" * 5000, '"NEAR(', "Ａnn"):
        handles(ctx, boss, odd)
    row = admin_members.search(ctx, boss, "emma@acme.example", "", "", NOW).rows[0]
    assert (row.kind, row.state_label, row.is_verified) == ("Managed by Acme", "Active", True)


def test_no_hidden_name_is_searched_for_or_shown(ctx: Context, boss: Session) -> None:
    ann = make_account(ctx.db, "ann", full_name="Zora Quick", private=True, keep_name=False, bio="secret bio")
    people_index.refresh(ctx, [ann])
    assert handles(ctx, boss, "zora") == []
    page = admin_members.search(ctx, boss, "ann", "", "", NOW)
    shown = str(page) + str(admin_members.open_member(ctx, boss, page.rows[0].key, NOW))
    for hidden in ("Zora", "Quick", "secret", "private"):
        assert hidden not in shown


def test_every_look_is_noted_and_holds_no_address(ctx: Context, boss: Session) -> None:
    ann = make_account(ctx.db, "ann")
    handles(ctx, boss, "ann@home.example")
    admin_members.open_member(ctx, boss, "acc-ann", NOW)
    assert notes(ctx, "member:search") == [(boss.account_id, None, {"accounts": [ann], "by": "address", "n": 1})]
    assert notes(ctx, "member:look") == [(boss.account_id, ann, {})]
    assert "@" not in str(ctx.db.rows("SELECT detail FROM audit"))
    with pytest.raises(NotFound):
        admin_members.open_member(ctx, boss, "nobody", NOW)


def test_pages_follow_each_other_without_gap_or_repeat(ctx: Context, boss: Session, monkeypatch: Any) -> None:
    monkeypatch.setattr(admin_members, "PAGE", 3)
    made = [f"m{number:02}" for number in range(10)]
    for handle in made:
        make_account(ctx.db, handle, email=f"{handle}@home.example")
    for q, expected in (("m", made), ("", [*reversed(made), "boss"])):
        seen: list[str] = []
        cursor = ""
        while True:
            page = admin_members.search(ctx, boss, q, "", cursor, NOW)
            seen += [row.handle for row in page.rows]
            cursor = page.next_cursor
            if not cursor:
                break
        assert seen == expected
    assert [row.handle for row in admin_members.search(ctx, boss, "m", "", "forged", NOW).rows] == made[:3]


def test_d5_t36_nothing_tells_what_is_linked(ctx: Context, boss: Session) -> None:
    """The same pages, byte for byte, whether an account is linked to one, to another, or to none."""
    ann, bob, cleo = (make_account(ctx.db, handle) for handle in ("ann", "bob", "cleo"))

    def look() -> str:
        pages = [admin_members.search(ctx, boss, q, "", "", NOW) for q in ("", "ann", "bob", "cleo")]
        return str(pages + [admin_members.open_member(ctx, boss, f"acc-{one}", NOW) for one in ("ann", "bob", "cleo")])

    before = look()
    link(ctx.db, bob, ann)
    assert look() == before
    ctx.db.execute("UPDATE account SET primary_id = NULL, linked_at = NULL WHERE id = ?", (bob,))
    link(ctx.db, cleo, ann, silent=True)
    assert look() == before


def test_t17_deactivate_and_reactivate_are_noted_and_need_a_recent_password(ctx: Context, boss: Session) -> None:
    ann = make_account(ctx.db, "ann")
    raw = sessions.start(ctx, ann, NOW)
    with pytest.raises(Refused):
        admin_members.deactivate(ctx, boss, "acc-ann", "spam", NOW + 301)
    with pytest.raises(Invalid):
        admin_members.deactivate(ctx, boss, "acc-ann", "x" * 500, NOW)
    with pytest.raises(Refused):
        admin_members.deactivate(ctx, boss, "acc-boss", "", NOW)
    admin_members.deactivate(ctx, boss, "acc-ann", "spam", NOW)
    assert sessions.load_session(ctx, raw, NOW) is None
    assert admin_members.open_member(ctx, boss, "acc-ann", NOW).can_reactivate
    admin_members.reactivate(ctx, boss, "acc-ann", NOW)
    assert notes(ctx, "account:deactivate") == [(boss.account_id, ann, {"reason": "spam"})]
    assert notes(ctx, "account:reactivate") == [(boss.account_id, ann, {})]


def test_there_is_no_verb_that_merges_accounts() -> None:
    from webapp.pages.admin import members

    names = [name for module in (admin_members, members) for name in dir(module)]
    assert not [name for name in names if "merge" in name.lower()]
