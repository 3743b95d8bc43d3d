"""Default visibility through its services: drafts, applying, undoing, two admins at once, overrides and locks."""

from __future__ import annotations

import json
from functools import partial

import pytest

from policies.errors import Conflict, Invalid, NotFound, Refused
from policies.terms import ANONYMOUS, Level, Viewer
from tests.conftest import NOW
from tests.factories import make_account, make_organization
from tests.services.people import BIT
from tests.together import at_once
from webapp.services import matrix, matrix_apply, matrix_draft, sessions
from webapp.services.admins import Organization
from webapp.services.context import Context
from webapp.services.matrix_draft import SITE, Place
from webapp.store import policy, profiles


@pytest.fixture
def boss(ctx: Context):
    return sign_in(ctx, make_account(ctx.db, "boss", is_admin=True))


@pytest.fixture
def other(ctx: Context):
    return sign_in(ctx, make_account(ctx.db, "other", is_admin=True))


@pytest.fixture
def acme(ctx: Context) -> Place:
    return Place(Organization(make_organization(ctx.db), "acme", "Acme"))


def sign_in(ctx: Context, account_id: int):
    return sessions.load_session(ctx, sessions.start(ctx, account_id, NOW), NOW)


def press(ctx: Context, session, sent: str, place: Place = SITE) -> None:
    matrix_draft.press(ctx, session, place, sent, NOW)


def page(ctx: Context, session, place: Place = SITE):
    return matrix.open_page(ctx, session, place)


def put(ctx: Context, session, *presses: str, place: Place = SITE, tell: bool = False, note: str = "") -> int:
    """Press and apply, as somebody does who looked at the page."""
    for sent in presses:
        press(ctx, session, sent, place)
    shown = page(ctx, session, place)
    return matrix_apply.apply(
        ctx, session, place, NOW, seen=shown.seen, revision=shown.revision, note=note, tell=tell
    )


def undo(ctx: Context, session, step: int, place: Place = SITE) -> None:
    matrix_apply.undo(ctx, session, place, step, NOW, seen=matrix.open_undo(ctx, place, step).seen)


def cells(shown, field: str) -> str:
    """The row of a field as letters: S shown, H hidden; managed first."""
    row = next(row for row in shown.rows if row.field == field)
    return " ".join("".join("S" if cell.shown else "H" for cell in group.cells) for group in row.groups)


def level(ctx: Context, account_id: int, field: str) -> Level:
    group = profiles.load_group_of(ctx.db, account_id)
    return ctx.gate(group.version).levels(group.subject(group.asked))[field]


def sees(ctx: Context, account_id: int, field: str, viewer: Viewer = ANONYMOUS) -> bool:
    group = profiles.load_group_of(ctx.db, account_id)
    gate = ctx.gate(group.version)
    return bool(gate.mask(viewer, group.subject(group.asked)) >> gate.bit[field] & 1)


# The tables and the draft ------------------------------------------------------------------------------------------


def test_s79_the_tables_start_as_written(sqlite_ctx: Context) -> None:
    ctx = sqlite_ctx
    shown = page(ctx, sign_in(ctx, make_account(ctx.db, "boss", is_admin=True)))
    table = {row.field: cells(shown, row.field) for row in shown.rows}
    assert table["avatar"] == "HS S"
    assert table["full_name"] == "SS S"
    assert table["job_title"] == "SS S"
    assert {table[name] for name in ("department", "organization", "location", "timezone")} == {"HS S"}
    assert table["email"] == "HH H"
    assert {table[name] for name in ("bio", "links", "products", "stats", "badges", "kudos", "activity")} == {"SS S"}
    assert len(shown.rows) == 17
    assert shown.dry is None


def test_s78_anyone_implies_organization_whichever_cell_is_pressed(ctx: Context, boss) -> None:
    press(ctx, boss, "cell:managed:email:anyone:show")
    assert cells(page(ctx, boss), "email") == "SS H"
    press(ctx, boss, "cell:managed:email:organization:hide")
    assert cells(page(ctx, boss), "email") == "HH H"
    assert page(ctx, boss).changes == ()                # back where it was: no draft
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    assert cells(page(ctx, boss), "job_title") == "HS S"
    press(ctx, boss, "cell:personal:job_title:anyone:hide")
    assert cells(page(ctx, boss), "job_title") == "HS H"


def test_a_second_press_of_the_same_does_nothing(ctx: Context, boss) -> None:
    for _ in range(2):
        press(ctx, boss, "cell:managed:email:anyone:show")
    assert page(ctx, boss).changes == ("E-mail address opens to Anyone, managed accounts",)


def test_a_draft_is_the_admins_own_survives_and_is_seen_by_nobody(ctx: Context, boss, other) -> None:
    ann = make_account(ctx.db, "ann", kind="managed")
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    again = sign_in(ctx, boss.account_id)
    assert cells(page(ctx, again), "job_title") == "HS S"
    assert cells(page(ctx, other), "job_title") == "SS S"
    assert level(ctx, ann, "job_title") is Level.ANYONE
    matrix_draft.discard(ctx, boss, SITE)
    assert cells(page(ctx, again), "job_title") == "SS S"


@pytest.mark.parametrize("sent", [
    "", "cell", "cell:managed", "cell:managed:email", "cell:managed:email:anyone:maybe", "cell:managed:x:anyone:show",
    "cell:org:1:email:anyone:show", "cell:org#1:email:anyone:show", "cell:organization:email:anyone:show",
    "cell:managed:email:inherit", "cell:known:email:anyone:show", "lock:managed:email:wide", "lock:org:email:anyone",
    "lock:personal:email:organization", "drop:base:managed:email", "cell:personal:email:organization:show",
])  # fmt: skip
def test_t67_what_is_not_on_the_page_cannot_be_drafted(sqlite_ctx: Context, sent: str) -> None:
    ctx = sqlite_ctx
    boss = sign_in(ctx, make_account(ctx.db, "boss", is_admin=True))
    with pytest.raises(Invalid):
        press(ctx, boss, sent)
    assert page(ctx, boss).changes == ()


def test_s81_what_the_code_fixes_is_no_admins_to_change(ctx: Context, boss) -> None:
    for sent in ("cell:personal:full_name:anyone:hide", "lock:personal:full_name:only_you"):
        with pytest.raises(Refused):
            press(ctx, boss, sent)


# Applying ----------------------------------------------------------------------------------------------------------


def test_t65_a_narrower_default_acts_at_once_and_own_choices_are_kept(ctx: Context, boss) -> None:
    ann = make_account(ctx.db, "ann", kind="managed")
    ben = make_account(ctx.db, "ben", kind="managed", chosen=1 << BIT["job_title"], chosen_org=1 << BIT["job_title"],
                       chosen_anyone=1 << BIT["job_title"])
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    dry = page(ctx, boss).dry
    assert (dry.now, dry.asked, dry.keep, dry.same) == (1, 0, 1, 1)      # boss is a personal account
    put(ctx, boss)
    assert (sees(ctx, ann, "job_title"), sees(ctx, ben, "job_title")) == (False, True)
    assert page(ctx, boss).changes == ()


def test_d11_a_wider_default_asks_and_holds_for_who_joins_from_then_on(ctx: Context, boss) -> None:
    ann = make_account(ctx.db, "ann", kind="managed")
    put(ctx, boss, "cell:managed:department:anyone:show")
    new = make_account(ctx.db, "new", kind="managed")
    assert (sees(ctx, ann, "department"), sees(ctx, new, "department")) == (False, True)
    group = profiles.load_group_of(ctx.db, ann)
    assert ctx.gate().pending(group.subject(group.asked)) == {"department": Level.ANYONE}


def test_applying_is_one_transaction_with_its_audit_row_and_history(ctx: Context, boss) -> None:
    make_account(ctx.db, "ann", kind="managed")
    step = put(ctx, boss, "cell:managed:job_title:anyone:hide", "lock:managed:email:only_you", note="Spring review")
    event, detail = ctx.db.row("SELECT event, detail FROM audit WHERE event LIKE 'policy:%'")
    told = json.loads(detail)
    assert (event, told["step"], told["note"]) == ("policy:apply", step, "Spring review")
    assert told["counts"] == {"asked": 0, "keep": 0, "now": 1, "same": 1}
    assert {"op": "lock", "scope": "managed", "field": "email", "level": "only_you"} in told["changes"]
    shown = page(ctx, boss).history[0]
    assert (shown.who, shown.note, shown.now) == ("@boss", "Spring review", 1)
    assert shown.lines == ("Job title closes to Anyone, managed accounts",
                           "E-mail address is locked at Only you, managed accounts")


def test_d11_undo_shows_again_what_was_shown_and_nothing_to_who_acted_between(ctx: Context, boss) -> None:
    ann, ben = (make_account(ctx.db, name, kind="managed") for name in ("ann", "ben"))
    step = put(ctx, boss, "cell:managed:job_title:anyone:hide")
    ctx.db.execute("UPDATE account SET base_version = ?, cap_anyone = cap_anyone - ? WHERE id = ?",
                   (ctx.db.policy_version(), 1 << BIT["job_title"], ben))     # ben acted in between: folded
    dry = matrix.open_undo(ctx, SITE, step).dry
    assert (dry.now, dry.asked) == (1, 1)
    undo(ctx, boss, step)
    assert (sees(ctx, ann, "job_title"), sees(ctx, ben, "job_title")) == (True, False)
    assert page(ctx, boss).history[0].is_undone
    with pytest.raises(NotFound):
        undo(ctx, boss, step)
    assert ctx.db.row("SELECT COUNT(*) FROM audit WHERE event = 'policy:undo'") == (1,)


def test_a_failing_apply_leaves_nothing_behind(ctx: Context, boss, monkeypatch) -> None:
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    shown, before = page(ctx, boss), policy.load_log(ctx.db)
    monkeypatch.setattr("webapp.services.matrix_apply.audit.record", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        matrix_apply.apply(ctx, boss, SITE, NOW, seen=shown.seen, revision=shown.revision)
    assert policy.load_log(ctx.db) == before
    assert page(ctx, boss).changes == shown.changes


# Two at once -------------------------------------------------------------------------------------------------------


def test_the_second_admin_is_told_what_changed_and_nothing_is_lost(ctx: Context, boss, other) -> None:
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    seen = page(ctx, boss)
    put(ctx, other, "cell:managed:department:organization:hide")
    with pytest.raises(Conflict):
        matrix_apply.apply(ctx, boss, SITE, NOW, seen=seen.seen, revision=seen.revision)
    told = page(ctx, boss)
    assert told.changes == ("Job title closes to Anyone, managed accounts",)
    assert told.meanwhile == ("@other: Department closes to Organization, managed accounts.",)
    put(ctx, boss)
    assert [cells(page(ctx, boss), field) for field in ("job_title", "department")] == ["HS S", "HH S"]


def test_what_the_other_did_already_is_not_done_twice(ctx: Context, boss, other) -> None:
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    put(ctx, other, "cell:managed:job_title:anyone:hide")
    version = ctx.db.policy_version()
    assert page(ctx, boss).changes == ()
    shown = page(ctx, boss)
    assert matrix_apply.apply(ctx, boss, SITE, NOW, seen=shown.seen, revision=shown.revision) == 0
    assert ctx.db.policy_version() == version


def test_a_draft_changed_in_another_window_is_looked_at_again(ctx: Context, boss) -> None:
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    shown = page(ctx, boss)
    press(ctx, boss, "cell:managed:email:anyone:show")
    with pytest.raises(Conflict):
        matrix_apply.apply(ctx, boss, SITE, NOW, seen=shown.seen, revision=shown.revision)
    assert len(page(ctx, boss).changes) == 2


def test_an_undo_is_told_too(ctx: Context, boss, other) -> None:
    step = put(ctx, other, "cell:managed:department:organization:hide")
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    undo(ctx, other, step)
    assert page(ctx, boss).meanwhile == ("@other took back: Department closes to Organization, managed accounts.",)


# Organizations: overrides and locks --------------------------------------------------------------------------------


def test_an_override_rules_its_organization_only(ctx: Context, boss, acme: Place) -> None:
    ann, zoe = make_account(ctx.db, "ann", kind="managed"), make_account(ctx.db, "zoe", "zoe@zed.example", "managed")
    put(ctx, boss, "cell:organization:job_title:anyone:hide", place=acme)
    assert (sees(ctx, ann, "job_title"), sees(ctx, zoe, "job_title")) == (False, True)
    shown = page(ctx, boss, acme)
    assert cells(shown, "job_title") == "HS"
    row = next(row for row in shown.rows if row.field == "job_title")
    assert row.groups[0].own
    assert page(ctx, boss).overrides[0].lines == ("Job title shows to Organization.",)
    put(ctx, boss, "cell:organization:job_title:inherit", place=acme)
    assert cells(page(ctx, boss, acme), "job_title") == "SS"
    assert not sees(ctx, ann, "job_title")               # D19: taking the override away opens nothing


def test_an_override_may_keep_what_the_community_changes_later(ctx: Context, boss, acme: Place) -> None:
    ann = make_account(ctx.db, "ann", kind="managed")
    put(ctx, boss, "cell:organization:job_title:keep", place=acme)
    put(ctx, boss, "cell:managed:job_title:anyone:hide")
    assert sees(ctx, ann, "job_title")


def test_d11_a_lock_cuts_at_once_the_lower_holds_and_an_own_choice_returns_when_it_ends(
    ctx: Context, boss, acme: Place
) -> None:
    one = 1 << BIT["job_title"]
    ann = make_account(ctx.db, "ann", kind="managed")
    ben = make_account(ctx.db, "ben", kind="managed", chosen=one, chosen_org=one, chosen_anyone=one)
    put(ctx, boss, "lock:managed:job_title:organization")
    put(ctx, boss, "lock:organization:job_title:only_you", place=acme)
    assert (level(ctx, ann, "job_title"), level(ctx, ben, "job_title")) == (Level.ONLY_YOU, Level.ONLY_YOU)
    put(ctx, boss, "lock:organization:job_title:none", place=acme)
    assert level(ctx, ben, "job_title") is Level.ORGANIZATION          # the site's still holds
    press(ctx, boss, "lock:managed:job_title:none")
    dry = page(ctx, boss).dry
    assert (dry.now, dry.asked) == (1, 1)                # ben's own choice returns, ann is asked
    put(ctx, boss)
    assert (level(ctx, ann, "job_title"), level(ctx, ben, "job_title")) == (Level.ONLY_YOU, Level.ANYONE)


def test_d19_a_lock_that_would_widen_waits_for_the_member(ctx: Context, boss, acme: Place) -> None:
    ann = make_account(ctx.db, "ann", kind="managed")
    put(ctx, boss, "lock:organization:email:anyone", place=acme)
    assert level(ctx, ann, "email") is Level.ONLY_YOU
    group = profiles.load_group_of(ctx.db, ann)
    assert ctx.gate().pending(group.subject(group.asked)) == {"email": Level.ANYONE}


def test_a_step_is_undone_on_its_own_page_only(ctx: Context, boss, acme: Place) -> None:
    step = put(ctx, boss, "cell:organization:job_title:anyone:hide", place=acme)
    with pytest.raises(NotFound):
        matrix.open_undo(ctx, SITE, step)
    undo(ctx, boss, step, place=acme)
    assert cells(page(ctx, boss, acme), "job_title") == "SS"


def test_t69_an_admin_who_was_deleted_is_named_nowhere_in_the_history(ctx: Context, boss, other) -> None:
    step = put(ctx, boss, "cell:personal:bio:anyone:hide")
    press(ctx, other, "cell:personal:location:anyone:hide")
    put(ctx, boss, "cell:personal:timezone:anyone:hide")
    ctx.db.execute("UPDATE account SET state = 'deleted' WHERE handle = 'boss'")
    shown = page(ctx, other)
    assert {one.who for one in shown.history} == {"a deleted account"}
    assert matrix.open_undo(ctx, SITE, step).step.who == "a deleted account"
    assert "@boss" not in repr(shown)
    assert "a deleted account:" in shown.meanwhile[0]


def test_another_process_decides_by_the_new_policy_at_its_next_question(ctx: Context, boss, config) -> None:
    """A second context stands for another worker: it has its own gate and its own connection's view of the version."""
    from webapp.app import open_context
    from webapp.store.database import Database

    ann = make_account(ctx.db, "ann", kind="managed")
    elsewhere = open_context(config, Database.open(ctx.db.url))
    try:
        assert sees(elsewhere, ann, "job_title")
        put(ctx, boss, "cell:managed:job_title:anyone:hide")
        assert not sees(elsewhere, ann, "job_title")
    finally:
        elsewhere.db.close()
        from webapp.store import models

        models.bind(ctx.db.peewee)


def test_of_two_admins_who_apply_at_the_same_moment_one_is_told(ctx: Context, boss, other) -> None:
    press(ctx, boss, "cell:managed:job_title:anyone:hide")
    press(ctx, other, "cell:managed:department:organization:hide")
    shown = {session.handle: page(ctx, session) for session in (boss, other)}

    def run(session):
        seen = shown[session.handle]
        return matrix_apply.apply(ctx, session, SITE, NOW, seen=seen.seen, revision=seen.revision)

    results = at_once(ctx.db, partial(run, boss), partial(run, other), expected=(Conflict,))
    assert sorted(isinstance(result, Conflict) for result in results) == [False, True]
    loser = boss if isinstance(results[0], Conflict) else other
    assert len(page(ctx, loser).changes) == len(page(ctx, loser).meanwhile) == 1
