"""The log's order by account: what waits reads as what is filed, and nothing is lost or twice (G9, I6, S18)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.manager import PolicyManager
from policies.terms import ActivityKind, Area, Event
from tests.conftest import NOW
from tests.factories import make_account
from tests.together import Beside
from webapp.services.context import Context, Site
from webapp.services.counting import UNLISTED
from webapp.services.ingest import attach_identity, record_events, register_source, retract_event
from webapp.services.repair import find_differences, repair
from webapp.store import activity, days, export, filing, identities, ladders, people_cards
from webapp.store.database import Database

KINDS = (ActivityKind.ANSWER, ActivityKind.COMMENT, ActivityKind.COURSE_COMPLETED, ActivityKind.LIKE_RECEIVED)


@pytest.fixture
def ctx(db: Database) -> Context:
    """Ann and Ben, each known at a forum and at a school."""
    return _filled(db)


def _filled(db: Database) -> Context:
    found = Context(db, PolicyManager(), Site())
    for number, name in enumerate(("ann", "ben"), 1):
        make_account(db, name, id=number)
    for source, area in (("forum", Area.FORUM), ("school", Area.LEARNING)):
        register_source(found, source, source.title(), area, NOW)
        row = db.row("SELECT id FROM source WHERE name = ?", (source,))
        assert row is not None
        with db.transaction():
            identities.save_identities(db, row[0], [("ann", 1, None), ("ben", 2, None)], NOW)
    return found


def told(number: int, actor: str = "ann", kind: ActivityKind = ActivityKind.ANSWER, at: int = NOW) -> Event:
    return Event(f"e{number}", actor, kind, at, object=f"o{number}", title=f"Thread {number}")


def waiting(db: Database, account_id: int = 1) -> int:
    row = db.row("SELECT unfiled FROM counter WHERE account_id = ?", (account_id,))
    assert row is not None
    return str(row[0]).count(",")


def filed(db: Database, account_id: int = 1) -> int:
    return len(db.rows("SELECT activity_id FROM filed WHERE account_id = ?", (account_id,)))


def days_read(db: Database, ids: Sequence[int], without: Sequence[str]) -> dict[tuple[int, int], int]:
    """{(day, area number): listed activities} as the heatmap sums them up."""
    counts = Counter[tuple[int, int]]()
    _, waits = activity.load_recent(db, ids, 3, without)
    for start, numbers in [waits, *activity.load_days(db, ids, NOW // 86_400 - 40, NOW // 86_400, without)]:
        for day, area, n in zip(*[iter(numbers)] * 3, strict=True):
            counts[start + day, area] += n
    return {place: n for place, n in counts.items() if n}


def everything_read(db: Database) -> list[object]:
    """What every reader of activity by account is given, in all its forms."""
    kinds = [kind.value for kind in KINDS]
    found: list[object] = []
    for ids in ((1,), (2,), (1, 2)):
        for asked in ({}, {"kind": "answer"}, {"source": "school"}, {"without": ("comment",)}, {"after": (NOW - 5, 9)}):
            found.append(activity.load_rows(db, ids, 7, **asked))  # type: ignore[arg-type]
        found.append(activity.load_recent(db, ids, 3, ("comment",))[0])
        found += [activity.load_sources(db, ids), activity.load_sources(db, ids, ("answer", "comment"))]
        found.append(activity.load_kinds(db, ids, kinds))
        found += [days_read(db, ids, ()), days_read(db, ids, ("comment",)), days_read(db, ids, ("answer", "comment"))]
    found += [filing.load_days(db), filing.load_days(db, 2), people_cards.load_last_days(db, [(1,), (2,), (1, 2)])]
    for account_id in (1, 2):
        after = export.FIRST_ACT
        while page := export.load_acts(db, account_id, after, 3):
            found.append(page)
            after = page[-1][:3]
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["forum", "school"]), st.sampled_from(["ann", "ben"]), st.sampled_from(KINDS),
            st.integers(0, 8), st.booleans(),
        ),
        max_size=25,
    )
)  # fmt: skip
def test_g9_what_waits_reads_as_what_is_filed(
    ctx: Context, events: Sequence[tuple[str, str, ActivityKind, int, bool]]
) -> None:
    db = ctx.db
    for table in ("crossing", "held", "activity_year", "filed", "activity"):
        db.execute(f"DELETE FROM {table}")
    db.execute("UPDATE counter SET unfiled = '', answers = 0, total_posts = 0, likes_received = 0")
    for number, (source, actor, kind, ago, files) in enumerate(events):
        record_events(ctx, source, [told(number, actor, kind, NOW - ago)], NOW)
        if files:
            with db.transaction():
                filing.file_all(db, [1, 2])
    assert find_differences(ctx) == []
    seen = everything_read(db)
    with db.transaction():
        filing.file_all(db, [1, 2])
    assert (waiting(db, 1), waiting(db, 2)) == (0, 0)
    assert find_differences(ctx) == []
    assert everything_read(db) == seen
    listed = sum(kind not in UNLISTED for _, actor, kind, _, _ in events if actor == "ann")
    assert len(activity.load_rows(db, (1,), 100)) == listed


@pytest.mark.parametrize("files", [False, True])
def test_g9_an_act_that_alone_is_of_its_kind_and_source_is_offered_at_once(ctx: Context, files: bool) -> None:
    record_events(ctx, "forum", [told(1, at=NOW - 1)], NOW)
    with ctx.db.transaction():
        filing.file_all(ctx.db, [1])
    record_events(ctx, "school", [told(2, kind=ActivityKind.COMMENT)], NOW)
    if files:
        with ctx.db.transaction():
            filing.file_all(ctx.db, [1])
    assert waiting(ctx.db) == (0 if files else 1)
    assert activity.load_kinds(ctx.db, (1,), ["answer", "article", "comment"]) == ["answer", "comment"]
    assert activity.load_sources(ctx.db, (1,)) == [("forum", "Forum"), ("school", "School")]
    assert [row.title for row in activity.load_rows(ctx.db, (1,), 9)] == ["Thread 2", "Thread 1"]
    assert [row.title for row in activity.load_rows(ctx.db, (1,), 9, kind="comment")] == ["Thread 2"]
    assert [act[0] for act in export.load_acts(ctx.db, 1, export.FIRST_ACT, 9)] == ["answer", "comment"]


def test_g9_events_are_filed_some_dozens_at_a_time(ctx: Context) -> None:
    sizes = []
    for number in range(100):
        record_events(ctx, "forum", [told(number)], NOW)
        sizes.append((waiting(ctx.db), filed(ctx.db)))
        assert sum(sizes[-1]) == number + 1
    moves = [now[1] - before[1] for before, now in pairwise(sizes) if now[1] > before[1]]
    assert sizes[0] == (1, 0)
    assert max(waits for waits, _ in sizes) > 20
    assert len(moves) < 6, moves
    assert find_differences(ctx) == []


def test_g9_many_events_of_one_account_in_a_batch_do_not_wait(ctx: Context) -> None:
    record_events(ctx, "forum", [told(number, kind=ActivityKind.COMMENT) for number in range(500)], NOW)
    assert (waiting(ctx.db), filed(ctx.db)) == (0, 500)


@pytest.mark.parametrize("files", [False, True])
def test_an_event_taken_back_is_neither_filed_nor_waiting(ctx: Context, files: bool) -> None:
    record_events(ctx, "forum", [told(number, at=NOW - number) for number in range(3)], NOW)
    if files:
        with ctx.db.transaction():
            filing.file_all(ctx.db, [1])
    assert retract_event(ctx, "forum", "e1", NOW)
    assert [row.title for row in activity.load_rows(ctx.db, (1,), 9)] == ["Thread 0", "Thread 2"]
    assert find_differences(ctx) == []


def test_d21_events_that_waited_for_a_person_are_theirs_at_once(ctx: Context) -> None:
    record_events(ctx, "forum", [told(number, "newcomer", at=NOW - number) for number in range(60)], NOW)
    row = ctx.db.row("SELECT id FROM identity WHERE actor = 'newcomer'")
    assert row is not None
    assert attach_identity(ctx, row[0], 2, NOW) == 60
    assert len(activity.load_rows(ctx.db, (2,), 100)) == 60
    assert find_differences(ctx) == []


def test_a_new_step_of_a_ladder_is_dated_through_what_waits(ctx: Context) -> None:
    record_events(ctx, "forum", [told(number, at=NOW - 10 + number) for number in range(6)], NOW)
    with ctx.db.transaction():
        filing.file_all(ctx.db, [1])
    record_events(ctx, "forum", [told(number, at=NOW - 9 + number) for number in range(6, 8)], NOW)
    assert (waiting(ctx.db), filed(ctx.db)) == (2, 6)
    with ctx.db.transaction():
        ladders.add_dates(ctx.db, "answers", "answer", (2, 7, 9))
    dated = dict(ctx.db.rows("SELECT value, at FROM crossing WHERE account_id = 1 AND metric = 'answers'"))
    assert dated == {1: NOW - 10, 2: NOW - 9, 7: NOW - 3}


def test_repair_waits_for_a_batch_and_counts_it(postgres_db: Database) -> None:
    ctx = _filled(postgres_db)
    event = told(1)
    with ctx.db.transaction():
        record_events(ctx, "forum", [event], NOW)
        repairing = Beside(ctx.db, lambda: repair(ctx))
        repairing.waits(ctx.db)
    assert repairing.end() == 0
    assert find_differences(ctx) == []


def test_two_that_file_at_once_file_each_event_once(postgres_db: Database) -> None:
    ctx = _filled(postgres_db)
    record_events(ctx, "forum", [told(1), told(2)], NOW)

    def file() -> None:
        with ctx.db.transaction():
            filing.file_all(ctx.db, [1])

    with ctx.db.transaction():
        filing.file_all(ctx.db, [1])
        beside = Beside(ctx.db, file)
        beside.waits(ctx.db)
    assert beside.end() is None
    assert (waiting(ctx.db), filed(ctx.db), find_differences(ctx)) == (0, 2, [])


@pytest.mark.parametrize("damage", [
    "DELETE FROM filed WHERE activity_id = (SELECT MIN(activity_id) FROM filed)",
    "UPDATE filed SET kind = 'comment'",
    "UPDATE filed SET account_id = 2",
    "UPDATE counter SET unfiled = '' WHERE account_id = 1",
    "UPDATE counter SET unfiled = unfiled || (SELECT ',' || MIN(activity_id) FROM filed) WHERE account_id = 1",
    "UPDATE counter SET unfiled = unfiled || unfiled WHERE account_id = 1",
    "INSERT INTO filed SELECT 1, 5, 99999, kind, source_id, listed FROM filed LIMIT 1",
])  # fmt: skip
def test_i6_doctor_sees_what_is_not_filed_once_and_repair_files_it_anew(ctx: Context, damage: str) -> None:
    record_events(ctx, "forum", [told(number, at=NOW - number) for number in range(3)], NOW)
    with ctx.db.transaction():
        filing.file_all(ctx.db, [1])
    record_events(ctx, "forum", [told(number, kind=ActivityKind.COMMENT) for number in range(3, 5)], NOW)
    assert (waiting(ctx.db), filed(ctx.db)) == (2, 3)
    ctx.db.execute(damage)
    assert any(line.startswith("filed (") for line in find_differences(ctx))
    assert repair(ctx) > 0
    assert find_differences(ctx) == []
    assert (waiting(ctx.db), filed(ctx.db)) == (0, 5)


@given(
    filed=st.lists(st.integers(0, 12), max_size=12), waits=st.lists(st.integers(0, 12), max_size=5),
    n=st.integers(1, 18),
)  # fmt: skip
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_nth_event_in_time_is_found_among_what_is_filed_and_what_waits(
    ctx: Context, filed: Sequence[int], waits: Sequence[int], n: int
) -> None:
    db = ctx.db
    db.execute("DELETE FROM filed")
    with db.transaction():
        db.executemany(
            "INSERT INTO filed(account_id, at, activity_id, kind, source_id, listed) VALUES (1, ?, ?, 'answer', 1, ?)",
            [(at, number, True) for number, at in enumerate(filed)],
        )
    every = sorted([*filed, *waits])
    right = every[n - 1] if n <= len(every) else None
    assert filing.load_nth(db, 1, "answer", n, sorted(waits)) == right


def test_s69_a_milestone_is_dated_though_all_behind_it_waits(ctx: Context) -> None:
    """However late an event arrives: the tenth in time, filed or not."""
    record_events(ctx, "forum", [told(number, at=NOW - 100 + number) for number in range(9)], NOW)
    record_events(ctx, "forum", [told(9, at=NOW - 50)], NOW)
    assert (waiting(ctx.db), filed(ctx.db)) == (10, 0)

    def tenth() -> object:
        where = "account_id = 1 AND metric = 'answers' AND value = 10"
        return ctx.db.row(f"SELECT at FROM crossing WHERE {where}")

    assert tenth() == (NOW - 50,)
    with ctx.db.transaction():
        filing.file_all(ctx.db, [1])
    record_events(ctx, "forum", [told(10, at=NOW - 60)], NOW)
    assert tenth() == (NOW - 60,)
    assert retract_event(ctx, "forum", "e3", NOW)
    assert tenth() == (NOW - 50,)
    assert find_differences(ctx) == []


def test_days_wait_with_their_events_and_are_told_at_once(ctx: Context) -> None:
    record_events(ctx, "forum", [told(1), told(2, kind=ActivityKind.LIKE_RECEIVED)], NOW)
    record_events(ctx, "school", [told(3, at=NOW - 86_400)], NOW)
    today = NOW // 86_400
    told_days = {(1, today, "forum"): 1, (1, today - 1, "learning"): 1}
    assert (days.load_all(ctx.db), filing.load_days(ctx.db)) == ({}, told_days)
    assert days_read(ctx.db, (1,), ()) == {(today, 0): 1, (today - 1, 1): 1}
    with ctx.db.transaction():
        filing.file_all(ctx.db, [1])
    assert (days.load_all(ctx.db), filing.load_days(ctx.db)) == (told_days, told_days)
    assert days_read(ctx.db, (1,), ()) == {(today, 0): 1, (today - 1, 1): 1}
