"""The packed days of the heatmap: what is added, taken off and read again."""

from __future__ import annotations

import json
from collections import Counter
from secrets import token_hex

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import make_account
from webapp.services.context import Context
from webapp.store import activity, days
from webapp.store.database import Database

PLACES = st.tuples(st.integers(0, 365), st.integers(0, 2))


@given(st.dictionaries(PLACES, st.integers(1, 10_000)), st.integers(1970, 2100))
def test_a_packed_row_holds_what_was_packed(counts: dict[tuple[int, int], int], year: int) -> None:
    text = days.pack(counts)
    start = days.start_of(year)
    assert {(day - start, days.area_number(area)): n for day, area, n in days.unpack(year, text)} == counts
    assert len(json.loads(text)) == 3 * len(counts)


def test_days_are_added_and_taken_off_across_years(db: Database) -> None:
    ann, ben = make_account(db, "ann"), make_account(db, "ben")
    first, last = days.start_of(2024), days.start_of(2025) - 1
    assert (days.year_of(first), days.year_of(last), last - first) == (2024, 2024, 365)
    some = {(ann, first - 1, "forum"): 2, (ann, first, "event"): 1, (ann, last, "forum"): 3, (ben, first, "forum"): 1}
    with db.transaction():
        days.add_days(db, some)
        days.add_days(db, {(ann, first, "forum"): 4, (ann, last, "forum"): -1})
    assert days.load_all(db) == {**some, (ann, first, "forum"): 4, (ann, last, "forum"): 2}
    with db.transaction():
        days.add_days(db, {(ann, last, "forum"): -2, (ann, first - 1, "forum"): -2, (ben, first, "forum"): -1})
    assert days.load_all(db) == {(ann, first, "event"): 1, (ann, first, "forum"): 4}
    rows = db.rows("SELECT account_id, year, last_day FROM activity_year")
    assert rows == [(ann, 2024, first)]     # the last day moves back, empty years are gone


CHANGES = st.lists(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 2)), st.integers(-3, 3)), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_in_whatever_order_days_come_the_row_is_that_of_their_sum(
    sqlite_ctx: Context, changes: list[dict[tuple[int, int], int]]
) -> None:
    db, first, counts = sqlite_ctx.db, days.start_of(2024), Counter[tuple[int, int]]()
    ann = make_account(db, f"ann{token_hex(6)}")
    for change in changes:
        more = {place: max(n, -counts[place]) for place, n in change.items() if n and (n > 0 or counts[place])}
        counts.update(more)
        with db.transaction():
            before = db.row("SELECT last_day FROM activity_year WHERE account_id = ?", (ann,)) or (0,)
            moved = days.add_days(db, {(ann, first + day, days.AREAS[area]): n for (day, area), n in more.items()})
            after = db.row("SELECT last_day FROM activity_year WHERE account_id = ?", (ann,)) or (0,)
        assert moved == ([(ann, after[0])] if after > before else [])
    counts = +counts
    last = max((day for day, _ in counts), default=None)
    row = db.row("SELECT last_day, days FROM activity_year WHERE account_id = ? AND year = 2024", (ann,))
    assert row == (None if last is None else (first + last, days.pack(counts)))


def test_a_place_of_an_unknown_kind_counts_among_the_forums(db: Database) -> None:
    ann = make_account(db, "ann")
    with db.transaction():
        days.add_days(db, {(ann, 20_000, "elsewhere"): 2, (ann, 20_000, "forum"): 1})
    assert days.load_all(db, ann) == {(ann, 20_000, "forum"): 3}


def test_a_window_over_the_turn_of_the_year_is_read_whole(db: Database) -> None:
    ann, ben = make_account(db, "ann"), make_account(db, "ben")
    first = days.start_of(2025) - 200
    with db.transaction():
        days.add_days(db, {(who, first + n, "forum"): n + 1 for n in range(371) for who in (ann, ben)})
    seen: dict[int, int] = {}
    for start, numbers in activity.load_days(db, (ann, ben), first, first + 370):
        each = iter(numbers)
        for day, _, n in zip(each, each, each, strict=True):
            seen[start + day] = seen.get(start + day, 0) + n
    assert seen == {first + n: 2 * n + 2 for n in range(371)}
