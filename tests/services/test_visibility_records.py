"""Whose record Settings > Profile and visibility governs, and what it says of a lock (D7, D15, mission of links)."""

from __future__ import annotations

import pytest

from policies.errors import Refused
from policies.terms import ANONYMOUS, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account, make_organization
from tests.services.people import BIT, see
from webapp.services import visibility
from webapp.services.context import Context
from webapp.services.viewing import load_viewer
from webapp.store import policy

DAY = 86_400


@pytest.fixture
def admin(ctx: Context) -> int:
    """Who sets the locks: nobody may be told."""
    return make_account(ctx.db, "bossy", full_name="Bo Ssy", public_name="Bossy One", is_admin=True)


def lock(ctx: Context, admin: int, scope: str, field: str, level: int, at: int) -> None:
    with ctx.db.transaction():
        policy.append_change(ctx.db, "lock", scope, at, bit=BIT[field], level=level, actor_id=admin)


@pytest.mark.parametrize(("scope", "who"), [("managed", "This site"), ("org", "Acme")])
def test_d15_a_lock_is_told_with_who_and_when_and_never_whose_hand(
    ctx: Context, admin: int, scope: str, who: str
) -> None:
    worker = load_viewer(ctx, make_account(ctx.db, "work", kind="managed", location="Oslo"))
    whose = f"org:{make_organization(ctx.db)}" if scope == "org" else scope
    lock(ctx, admin, whose, "location", 0, NOW - 9 * DAY)
    page = visibility.open_page(ctx, worker)
    row = page.row("location")
    assert row is not None
    assert row.locked_by == who.replace("This", "this")
    steps = [step for step in row.why if "at the widest" in step.text]
    assert [(step.text, step.since) for step in steps] == [(f"{who} allows Only you at the widest", NOW - 9 * DAY)]
    told = repr(page)
    assert not [name for name in ("bossy", "Bossy One", "Bo Ssy") if name in told]


def test_d15_of_two_locks_the_lower_is_told(ctx: Context, admin: int) -> None:
    worker = load_viewer(ctx, make_account(ctx.db, "work", kind="managed", location="Oslo"))
    lock(ctx, admin, "managed", "bio", 1, NOW - 5 * DAY)
    lock(ctx, admin, f"org:{make_organization(ctx.db)}", "bio", 0, NOW - 3 * DAY)
    row = visibility.open_page(ctx, worker).row("bio")
    assert row is not None
    assert ("Acme allows Only you at the widest", NOW - 3 * DAY) in [(step.text, step.since) for step in row.why]
    with pytest.raises(Refused):
        visibility.save(ctx, worker, visibility.read_acts(ctx, {"level-bio": "organization"}), NOW)


@pytest.fixture
def pair(ctx: Context) -> tuple[Viewer, Viewer]:
    """The primary's session and that of a personal account linked to it."""
    sally = make_account(ctx.db, "sally", location="Lisbon", bio="Sally's")
    second = make_account(ctx.db, "second", location="Oslo", bio="Second's")
    link(ctx.db, second, sally)
    return load_viewer(ctx, sally), load_viewer(ctx, second)


def chosen(ctx: Context, viewer: Viewer) -> int:
    row = ctx.db.row("SELECT chosen FROM account WHERE id = ?", (viewer.account_id,))
    return int(row[0]) if row else -1


def test_a_linked_personal_session_shows_and_edits_its_own_record_only(
    ctx: Context, pair: tuple[Viewer, Viewer]
) -> None:
    sally, second = pair
    page = visibility.open_page(ctx, second)
    assert (page.handle, page.profile_handle, page.is_primary, page.is_silent) == ("second", "sally", False, False)
    assert page.preview.handle == "second"
    assert "Oslo" in repr(page)
    assert "Lisbon" not in repr(page)
    acts = visibility.read_acts(ctx, {"level-location": "only_you", "level-bio": "only_you"})
    visibility.save(ctx, second, acts, NOW)
    assert (chosen(ctx, sally), chosen(ctx, second)) == (0, 1 << BIT["location"] | 1 << BIT["bio"])


def test_the_profile_follows_the_primarys_levels_alone(ctx: Context, pair: tuple[Viewer, Viewer]) -> None:
    """What the linked account chose hides nothing of the primary's record, what the primary chose hides it."""
    sally, second = pair
    visibility.save(ctx, second, visibility.read_acts(ctx, {"level-location": "only_you"}), NOW)
    assert [fact.value for fact in see(ctx, "sally", ANONYMOUS).facts] == ["Lisbon"]
    visibility.save(ctx, sally, visibility.read_acts(ctx, {"level-location": "only_you"}), NOW)
    assert see(ctx, "sally", ANONYMOUS).facts == ()
    page = visibility.open_page(ctx, sally)
    assert (page.handle, page.profile_handle, page.is_primary) == ("sally", "", True)


def test_a_silent_personal_account_governs_its_own_page(ctx: Context, pair: tuple[Viewer, Viewer]) -> None:
    sally, second = pair
    ctx.db.execute("UPDATE account SET silent = ? WHERE id = ?", (True, second.account_id))
    page = visibility.open_page(ctx, second)
    assert (page.handle, page.is_silent) == ("second", True)
    visibility.save(ctx, second, visibility.read_acts(ctx, {"level-location": "only_you"}), NOW)
    assert see(ctx, "second", ANONYMOUS).facts == ()
    assert [fact.value for fact in see(ctx, "sally", ANONYMOUS).facts] == ["Lisbon"]
    assert chosen(ctx, sally) == 0


@pytest.mark.parametrize("silent", [False, True])
def test_d22_with_a_deactivated_primary_a_linked_account_still_sets_its_own_levels(
    ctx: Context, pair: tuple[Viewer, Viewer], silent: bool
) -> None:
    """What apps get of it, and the page of its own that a silent one has, are there all the same (D5)."""
    sally, second = pair
    ctx.db.execute("UPDATE account SET silent = ? WHERE id = ?", (silent, second.account_id))
    ctx.db.execute("UPDATE account SET state = 'deactivated', state_at = 1 WHERE id = ?", (sally.account_id,))
    page = visibility.open_page(ctx, second)
    assert (page.handle, page.profile_handle) == ("second", "")
    assert visibility.save(ctx, second, visibility.read_acts(ctx, {"level-location": "only_you"}), NOW)
    assert chosen(ctx, second) == 1 << BIT["location"]
