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
    with db.transaction():
        days.add_days(db, "forum", {(ann, first - 1): 2, (ann, last): 3, (ben, first): 1})
        days.add_days(db, "event", {(ann, first): 1})
        days.add_days(db, "forum", {(ann, first): 4, (ann, last): -1})
    assert days.load_all(db) == {
        (ann, first - 1, "forum"): 2, (ann, first, "event"): 1, (ann, first, "forum"): 4, (ann, last, "forum"): 2,
        (ben, first, "forum"): 1,
    }  # fmt: skip
    with db.transaction():
        days.add_days(db, "forum", {(ann, last): -2, (ann, first - 1): -2, (ben, first): -1})
    assert days.load_all(db) == {(ann, first, "event"): 1, (ann, first, "forum"): 4}
    rows = db.rows("SELECT account_id, year, last_day FROM activity_year")
    assert rows == [(ann, 2024, first)]     # the last day moves back, empty years are gone


CHANGES = st.lists(
    st.tuples(st.integers(0, 2), st.dictionaries(st.integers(0, 5), st.integers(-3, 3))), max_size=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_in_whatever_order_days_come_the_row_is_that_of_their_sum(
    sqlite_ctx: Context, changes: list[tuple[int, dict[int, int]]]
) -> None:
    db, first, counts = sqlite_ctx.db, days.start_of(2024), Counter[tuple[int, int]]()
    ann = make_account(db, f"ann{token_hex(6)}")
    for area, change in changes:
        more = {day: max(n, -counts[day, area]) for day, n in change.items() if n and (n > 0 or counts[day, area])}
        counts.update({(day, area): n for day, n in more.items()})
        with db.transaction():
            days.add_days(db, days.AREAS[area], {(ann, first + day): n for day, n in more.items()})
    counts = +counts
    last = max((day for day, _ in counts), default=None)
    row = db.row("SELECT last_day, days FROM activity_year WHERE account_id = ? AND year = 2024", (ann,))
    assert row == (None if last is None else (first + last, days.pack(counts)))


def test_a_place_of_an_unknown_kind_counts_among_the_forums(db: Database) -> None:
    ann = make_account(db, "ann")
    with db.transaction():
        days.add_days(db, "elsewhere", {(ann, 20_000): 2})
        days.add_days(db, "forum", {(ann, 20_000): 1})
    assert days.load_all(db, ann) == {(ann, 20_000, "forum"): 3}


def test_a_window_over_the_turn_of_the_year_is_read_whole(db: Database) -> None:
    ann, ben = make_account(db, "ann"), make_account(db, "ben")
    first = days.start_of(2025) - 200
    with db.transaction():
        days.add_days(db, "forum", {(who, first + n): n + 1 for n in range(371) for who in (ann, ben)})
    seen: dict[int, int] = {}
    for start, numbers in activity.load_days(db, (ann, ben), first, first + 370):
        each = iter(numbers)
        for day, _, n in zip(each, each, each, strict=True):
            seen[start + day] = seen.get(start + day, 0) + n
    assert seen == {first + n: 2 * n + 2 for n in range(371)}
