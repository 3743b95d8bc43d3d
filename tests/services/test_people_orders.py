"""The directory's other orders, by kudos points and by the day of joining: who stands where, and who keeps it so.

Random worlds against a brute-force truth are in test_people.py; here is one rule after the other, and every writer.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from policies.terms import ANONYMOUS, ActivityKind, Area, Event, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account, make_organization, set_counters
from tests.services.people import BIT, choose, holds, set_columns
from tests.services.test_people import asked, handles, walk
from tests.together import at_once
from webapp.ops.doctor import examine
from webapp.services import ingest, people, people_index, repair, sessions
from webapp.services import ladder_settings as levels
from webapp.services.context import Context
from webapp.store import people as store
from webapp.store import people_search, policy

DAY = 86_400


def board(ctx: Context, viewer: Viewer = ANONYMOUS, sort: str = "helpful") -> list[str]:
    return handles(asked(ctx, viewer, sort=sort))


def crowd(ctx: Context, count: int) -> list[int]:
    """Members of few points and days, every fourth hiding one or the other, every third of acme."""
    ids = []
    with ctx.db.transaction():
        for number in range(count):
            ids.append(make_account(
                ctx.db, f"h{number:03}", kind="managed" if number % 3 == 0 else "personal",
                full_name=f"{'Ann' if number % 2 else 'Bo'} {number % 11}", answers=number % 5 * (number % 7),
                member_since=NOW - number % 9 * DAY,
            ))  # fmt: skip
            if number % 4 == 0:
                hidden = ("stats", "kudos", "activity")[number // 12 % 3]
                choose(ctx.db, ids[-1], **({"org": [hidden]} if number % 3 == 0 else {"you": [hidden]}))
    people_index.rebuild(ctx)
    return ids


@pytest.mark.parametrize("sort", ["helpful", "newest"])
@pytest.mark.parametrize("given_", [{}, {"q": "ann"}, {"q": "b"}, {"q": "a", "active": True}], ids=str)
def test_t50_pages_of_an_order_are_the_whole_cut_up(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, sort: str, given_: dict[str, Any]
) -> None:
    """No card twice and none missing, however few rows are looked at, for Anyone and for a colleague."""
    from tests.services.test_people import truth

    crowd(ctx, 90)
    acme = Viewer(organizations=frozenset({make_organization(ctx.db, "acme")}))
    for viewer in (ANONYMOUS, acme):
        right = truth(ctx, viewer, people.Asked(sort=sort, **given_))
        assert walk(ctx, viewer, sort=sort, **given_) == right
        with monkeypatch.context() as patch:
            patch.setattr(people, "PAGE", 4)
            for steps in ({"WALK": 3}, {"FURTHER": 30}, {"FURTHER": 3}, {"SLACK": 0}):
                for name, value in steps.items():
                    patch.setattr(people_search, name, value)
                assert walk(ctx, viewer, sort=sort, **given_) == right
    assert walk(ctx, sort=sort) != walk(ctx, acme, sort=sort)


def test_a_place_is_of_one_order_only(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd(ctx, 12)
    monkeypatch.setattr(people, "PAGE", 4)
    cursors = {sort: asked(ctx, sort=sort).next_cursor for sort in ("", *people.SORTS)}
    for sort, cursor in cursors.items():
        for other in cursors:
            page = handles(asked(ctx, sort=other, cursor=cursor))
            assert (page == handles(asked(ctx, sort=other))) == (sort != other), (sort, other)


def test_t47_whoever_hides_what_an_order_is_made_of_comes_last_whatever_it_is(ctx: Context) -> None:
    ids: dict[str, int] = {}
    for handle, points, hidden in (("a", 90, "stats"), ("b", 80, "kudos"), ("c", 70, "activity"), ("d", 0, ""),
                                   ("e", 9, "")):
        account = ids[handle] = make_account(ctx.db, handle, answers=points, member_since=NOW - points * DAY)
        if hidden:
            choose(ctx.db, account, you=[hidden])
    people_index.rebuild(ctx)
    assert board(ctx) == ["c", "e", "d", "a", "b"]
    assert board(ctx, sort="newest") == ["d", "e", "b", "a", "c"]
    them = "(SELECT id FROM account WHERE handle IN ('a', 'b', 'c'))"
    ctx.db.execute(f"UPDATE account SET member_since = {NOW} - id * {DAY} WHERE id IN {them}")
    ctx.db.execute(f"UPDATE counter SET answers = 90 - answers WHERE account_id IN {them}")
    ctx.db.execute(f"UPDATE counter SET accepted_solutions = 1000 * account_id WHERE account_id IN {them}")
    set_counters(ctx.db, ids["c"], answers=70, accepted_solutions=0)
    ctx.db.execute("UPDATE account SET member_since = ? WHERE handle IN ('a', 'b')", (NOW - 85 * DAY,))
    people_index.rebuild(ctx)
    assert board(ctx) == ["c", "e", "d", "a", "b"]
    assert board(ctx, sort="newest")[-1] == "c"


def test_t47_each_audience_has_an_order_of_its_own(ctx: Context) -> None:
    low, high = (make_account(ctx.db, name, kind="managed", answers=n) for name, n in (("low", 1), ("high", 9)))
    choose(ctx.db, high, org=["stats"])
    people_index.rebuild(ctx)
    acme = Viewer(organizations=frozenset({make_organization(ctx.db, "acme")}))
    assert board(ctx, acme) == ["high", "low"]
    assert board(ctx) == ["low", "high"]
    # Somebody of two organizations is shown each member once, at the place of what they see.
    work = make_account(ctx.db, "work", "work@beta.example", kind="managed", department="Glass")
    head = make_account(ctx.db, "head", answers=5)
    link(ctx.db, work, head)
    people_index.rebuild(ctx)
    both = Viewer(organizations=acme.organizations | {make_organization(ctx.db, "beta")})
    assert board(ctx, both) == ["high", "head", "low"]
    assert low


def test_t48_edits_and_log_ins_move_nobody(ctx: Context) -> None:
    crowd(ctx, 20)
    before = {sort: board(ctx, sort=sort) for sort in people.SORTS}
    ctx.db.execute(
        "UPDATE account SET row_version = row_version + id, edit_version = edit_version + id, created_at = created_at"
        " - id * 100000, email_verified_at = email_verified_at + id, timezone = 'UTC'"
    )
    people_index.rebuild(ctx)
    assert {sort: board(ctx, sort=sort) for sort in people.SORTS} == before


def test_within_a_day_the_order_is_by_name(ctx: Context) -> None:
    """No finer than the page tells it."""
    for handle, second in (("zed", 70), ("amy", 10), ("moe", 40)):
        make_account(ctx.db, handle, member_since=NOW // DAY * DAY + second)
    people_index.rebuild(ctx)
    assert board(ctx, sort="newest") == ["amy", "moe", "zed"]


def test_after_a_lock_nobody_stands_where_hidden_numbers_put_them(ctx: Context) -> None:
    """No row of the index is touched; whoever was placed by what is hidden now is passed over until it is."""
    crowd(ctx, 40)
    acme = Viewer(organizations=frozenset({make_organization(ctx.db, "acme")}))
    with ctx.db.transaction():
        for name in ("kudos", "activity"):
            policy.append_change(ctx.db, "lock", "managed", NOW, bit=BIT[name], level=0)
    managed = {f"h{number:03}" for number in range(0, 40, 3)}
    for viewer in (ANONYMOUS, acme):
        for sort in ("helpful", "newest"):
            shown = [handle for handle in board(ctx, viewer, sort) if handle in managed]
            rows = f"SELECT handle, {sort} FROM people WHERE audience IN (?, 0) ORDER BY audience"
            places = dict(ctx.db.rows(rows, (max(viewer.organizations, default=0),)))   # an own row comes after
            assert all(places[handle] == 1 for handle in shown), (sort, shown)
    assert people_index.catch_up(ctx)
    hidden = {row[0] for row in ctx.db.rows("SELECT handle FROM people WHERE helpful = 1")}
    assert managed <= hidden == set(board(ctx)[-len(hidden):])
    assert set(board(ctx)) == set(board(ctx, sort="name"))


def test_nobody_is_walked_past_where_one_organization_stands_in_front(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague's page costs what anybody's does, however many colleagues come first."""
    with ctx.db.transaction():
        for number in range(400):
            make_account(ctx.db, f"m{number:03}", kind="personal" if number % 10 == 9 else "managed",
                         department="Glass", answers=number % 7 + (0 if number % 10 == 9 else 50))
    people_index.rebuild(ctx)
    monkeypatch.setattr(people, "PAGE", 5)
    acme = Viewer(organizations=frozenset({make_organization(ctx.db, "acme")}))
    asked_for: list[int] = []
    real = people_search.find

    def find(*args: Any) -> Any:
        found = real(*args)
        asked_for.append(len(found))
        return found

    monkeypatch.setattr(people_search, "find", find)
    if ctx.db.dialect == "sqlite":
        steps = []
        for viewer in (ANONYMOUS, acme):
            count = [0]
            ctx.db.connection().set_progress_handler(lambda count=count: count.__setitem__(0, count[0] + 1), 10)
            find(ctx.db, sorted(viewer.organizations), people_search.Search(order="helpful"), 6)
            ctx.db.connection().set_progress_handler(None, 0)
            steps.append(count[0])
        assert steps[1] < 6 * steps[0], steps
    first = board(ctx, acme)
    assert len(first) == 5
    assert first == walk(ctx, acme, sort="helpful")[:5]
    assert asked_for[-1] >= 5


def test_a_word_of_everybodys_costs_a_small_organization_what_its_own_rows_do(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many others it stands with: few rows are walked to their end, the index of words is not asked."""
    with ctx.db.transaction():
        for number in range(40):
            make_account(ctx.db, f"m{number:02}", kind="managed" if number > 35 else "personal", department="Glass",
                         bio="glass", full_name=f"Ann {number:02}")
    people_index.rebuild(ctx)
    acme = make_organization(ctx.db, "acme")
    monkeypatch.setattr(people_search, "WALK", 10)
    seen: list[str] = []
    real = ctx.db.rows
    monkeypatch.setattr(ctx.db, "rows", lambda sql, params=(): seen.append(sql) or real(sql, params))
    for order in people_search.ORDERS:
        found = people_search.find(ctx.db, (acme,), people_search.Search(("glass",), order=order), 6)
        assert len(found) == 6
        assert order != "name-down" or acme in {row.audience for row in found}
        assert not [sql for sql in seen if "LIKE" in sql or "MATCH" in sql], order


# Who keeps it so -----------------------------------------------------------------------------------------------------


def event(n: int, actor: str, kind: ActivityKind = ActivityKind.ACCEPTED_SOLUTION, by: str = "") -> Event:
    return Event(f"e{n}", actor, kind, NOW - n, title=f"T {n}", object=f"o{n}", by=by)


@pytest.fixture
def forum(ctx: Context) -> dict[str, int]:
    """Three members and one more who is linked to the first, all known to the forum; their index is written."""
    ingest.register_source(ctx, "forum", "Forum", Area.FORUM, NOW)
    ids = {name: make_account(ctx.db, name) for name in ("ann", "bob", "cleo", "work")}
    link(ctx.db, ids["work"], ids["ann"])
    number = ctx.db.row("SELECT id FROM source WHERE name = 'forum'")
    assert number
    for name, account in ids.items():
        ctx.db.execute("INSERT INTO identity(source_id, actor, account_id, created_at) VALUES (?,?,?,1)",
                       (number[0], name, account))
    people_index.rebuild(ctx)
    return ids


def sent(ctx: Context, *events: Event) -> None:
    assert {one.result.value for one in ingest.record_events(ctx, "forum", events, NOW)} == {"created"}


def test_what_is_counted_moves_the_order_in_the_same_transaction(ctx: Context, forum: dict[str, int]) -> None:
    assert board(ctx) == ["ann", "bob", "cleo"]
    sent(ctx, event(1, "cleo"))
    assert board(ctx) == ["cleo", "ann", "bob"]
    sent(ctx, event(2, "work"), event(3, "work"))                       # a linked account's stand with its primary
    assert board(ctx) == ["ann", "cleo", "bob"]
    sent(ctx, *[event(n, "bob", ActivityKind.COURSE_COMPLETED) for n in range(4, 8)])
    assert board(ctx) == ["bob", "ann", "cleo"]
    ingest.retract_event(ctx, "forum", "e2", NOW)
    ingest.retract_event(ctx, "forum", "e3", NOW)
    assert board(ctx) == ["bob", "cleo", "ann"]
    sent(ctx, event(8, "ann", ActivityKind.KUDOS, "work"), event(9, "ann", ActivityKind.LIKE_RECEIVED, "work"))
    assert board(ctx) == ["bob", "cleo", "ann"]                         # D9: from one's own account
    sent(ctx, *[event(n, "ann", ActivityKind.KUDOS, "bob") for n in range(10, 17)])
    assert board(ctx) == ["bob", "ann", "cleo"]
    sent(ctx, event(17, "ann", ActivityKind.KUDOS, "bob"))
    assert board(ctx) == ["ann", "bob", "cleo"]
    assert list(examine(ctx)) == []


def test_events_that_waited_and_givers_known_later_move_it_too(ctx: Context, forum: dict[str, int]) -> None:
    sent(ctx, event(1, "dora"), event(2, "ann", ActivityKind.KUDOS, "dora"), event(3, "cleo", ActivityKind.ANSWER))
    assert board(ctx) == ["ann", "cleo", "bob"]
    identity = ctx.db.row("SELECT id FROM identity WHERE actor = 'dora'")
    assert identity
    ingest.attach_identity(ctx, identity[0], forum["work"], NOW)        # what dora gave was from ann's own account
    assert board(ctx) == ["ann", "cleo", "bob"]
    assert list(examine(ctx)) == []


def test_a_silent_account_is_counted_with_its_primary_and_on_its_own(ctx: Context, forum: dict[str, int]) -> None:
    set_columns(ctx.db, forum["work"], silent=True)
    people_index.rebuild(ctx)
    sent(ctx, event(1, "cleo"), event(2, "work"), event(3, "work"))
    assert board(ctx) == ["ann", "work", "cleo", "bob"]
    assert list(examine(ctx)) == []


@pytest.mark.parametrize("silent", [False, True])
def test_activity_moves_the_last_active_day_on_and_never_back(
    ctx: Context, forum: dict[str, int], silent: bool
) -> None:
    """Of whom it shows as active: the account itself, or the primary it is linked to and shown with."""
    set_columns(ctx.db, forum["work"], silent=silent)
    people_index.rebuild(ctx)
    shown_as, last = "work" if silent else "ann", dict.fromkeys(("ann", "bob", "cleo", "work"), 0)
    for number, (actor, ago) in enumerate([
        ("cleo", 400), ("cleo", 5), ("cleo", 5), ("cleo", 9), ("work", 3), ("bob", 3), ("work", 3), ("work", 700),
        ("ann", 4), ("cleo", 2), ("ann", 1), ("work", 2),
    ]):  # fmt: skip
        sent(ctx, Event(f"d{number}", actor, ActivityKind.COMMENT, NOW - ago * DAY, title="Said"))
        who = shown_as if actor == "work" else actor
        last[who] = max(last[who], (NOW - ago * DAY) // DAY)
        found = dict(ctx.db.rows("SELECT handle, active_day FROM people WHERE audience = 0"))
        assert found == {handle: last[handle] for handle in found}, (number, actor, ago)
        assert list(examine(ctx)) == []


def test_doctor_knows_the_directory_and_repair_mends_it(ctx: Context, forum: dict[str, int]) -> None:
    sent(ctx, event(1, "cleo"))
    ctx.db.execute("UPDATE people SET helpful = 0, name = 'X' WHERE handle = 'cleo'")
    assert list(examine(ctx)) == [
        f"the directory's row of account {forum['cleo']} for audience 0 is not right: name, helpful"
    ]
    ctx.db.execute("DELETE FROM people WHERE handle = 'bob'")
    assert f"the directory's row of account {forum['bob']} for audience 0 is not right: the whole row" in examine(ctx)
    people_index.rebuild(ctx)
    assert list(examine(ctx)) == []
    set_counters(ctx.db, forum["bob"], accepted_solutions=50)
    people_index.rebuild(ctx)
    assert board(ctx)[0] == "bob"
    repair.repair(ctx)
    assert board(ctx) == ["cleo", "ann", "bob"]
    assert list(examine(ctx)) == []


def test_other_points_are_another_order_once_the_worker_has_been(ctx: Context, forum: dict[str, int]) -> None:
    """The place follows the points in force, and the index is written anew when they change."""
    sent(ctx, event(1, "cleo"), event(2, "bob", ActivityKind.ARTICLE))
    assert board(ctx) == ["cleo", "bob", "ann"]
    before = levels.in_force(ctx)
    after = levels.Tables(before.ladders, {**before.points, "articles": 99}, before.levels)
    admin = sessions.load_session(ctx, sessions.start(ctx, make_account(ctx.db, "boss", is_admin=True), NOW), NOW)
    assert admin
    levels.apply(ctx, admin, after, levels.mark_of(before, after), NOW)
    assert people_index.catch_up(ctx)
    assert board(ctx) == ["bob", "cleo", "ann", "boss"]


def test_two_batches_for_one_group_at_once_lose_nothing(ctx: Context, forum: dict[str, int]) -> None:
    """The sums of the group are right in the directory whichever commits last."""
    ingest.register_source(ctx, "school", "School", Area.LEARNING, NOW)
    number = ctx.db.row("SELECT id FROM source WHERE name = 'school'")
    assert number
    ctx.db.execute("INSERT INTO identity(source_id, actor, account_id, created_at) VALUES (?,'ann',?,1)",
                   (number[0], forum["ann"]))
    at_once(
        ctx.db,
        *[lambda n=n: ingest.record_events(ctx, "forum", [event(n, "work")], NOW) for n in range(8)],
        *[lambda n=n: ingest.record_events(ctx, "school", [event(n, "ann")], NOW) for n in range(8)],
        *[lambda: people_index.rebuild(ctx)] * 4,
    )
    assert ctx.db.row("SELECT helpful FROM people WHERE handle = 'ann'") == (-16 * 15,)
    assert list(examine(ctx)) == []


def test_an_edit_of_a_linked_account_beside_a_batch_for_its_primary(
    ctx: Context, forum: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit holds the linked account's row, the batch the primary's: what is counted meanwhile stays counted."""
    write, begun = store.replace_entries, threading.Event()

    def slowly(*args: Any) -> None:
        begun.set()
        time.sleep(0.3)
        write(*args)

    def edit() -> None:
        with ctx.db.transaction():
            ctx.db.execute("UPDATE account SET row_version = row_version + 1 WHERE id = ?", (forum["work"],))
            people_index.refresh(ctx, [forum["work"]])

    def batch() -> None:
        assert begun.wait(10)
        sent(ctx, event(1, "ann"))

    monkeypatch.setattr(store, "replace_entries", slowly)
    at_once(ctx.db, edit, batch)
    assert ctx.db.row("SELECT helpful FROM people WHERE handle = 'ann'") == (-15,)


def test_a_course_done_on_two_accounts_counts_once(ctx: Context, forum: dict[str, int]) -> None:
    for account in ("ann", "work"):
        holds(ctx.db, forum[account], "course", "c1")
    people_index.rebuild(ctx)
    assert ctx.db.row("SELECT helpful FROM people WHERE handle = 'ann'") == (-10,)
