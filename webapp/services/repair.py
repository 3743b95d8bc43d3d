"""Counting everything again from the events: finding where the kept sums differ, and setting them right.

`vitrine doctor` and the tests use `find_differences`, `vitrine repair` sets right. G8 keeps GROUP BY out of every page,
so it lives here alone.
"""

from __future__ import annotations

from typing import Any

from webapp.services import people_index
from webapp.services.context import Context
from webapp.services.counting import COUNTED, GIVEN, GROUP_KINDS, HELD, METRIC_KIND, item_of, membership
from webapp.store import filing
from webapp.store import repair as store
from webapp.store.ingest import COUNTERS

Table = dict[tuple[Any, ...], tuple[Any, ...]]


def find_differences(ctx: Context) -> list[str]:
    """One sentence for each kept sum that is not what the events give (I5, I6); empty when all is well."""
    found = []
    for table, (kept, right) in _tables(ctx).items():
        for key in sorted(kept.keys() | right.keys(), key=repr):
            if kept.get(key) != right.get(key):
                found.append(f"{table} {key}: kept {kept.get(key)}, counted {right.get(key)}.")
    return found + [f"filed {key}: not once as the event says." for key in filing.find_wrong(ctx.db)]


def repair(ctx: Context) -> int:
    """Set every kept sum to what the events give; how many rows were wrong. No event is recorded meanwhile."""
    with ctx.db.transaction():
        store.lock_sources(ctx.db)
        wrong = len(filing.find_wrong(ctx.db))
        tables = _tables(ctx)
        if wrong:
            filing.file_anew(ctx.db)
        moved: set[int] = set()
        for table, (kept, right) in tables.items():
            changed = [key for key in kept.keys() | right.keys() if kept.get(key) != right.get(key)]
            if table == "activity_year":        # all of them: what waited may just have been filed
                store.set_days(ctx.db, {key: right.get(key) for key in kept.keys() | right.keys()})
            else:
                store.set_rows(ctx.db, table, {key: right.get(key) for key in changed})
            moved |= {key[0] for key in changed}       # every table's key starts with the account
            wrong += len(changed)
        people_index.refresh(ctx, sorted(moved))
        return wrong


def _tables(ctx: Context) -> dict[str, tuple[Table, Table]]:
    """{table: (rows kept, rows counted from the events)}, keyed by primary key."""
    db = ctx.db
    ctx.gate()      # the ladders in force: an admin may have changed them
    counters: dict[int, dict[str, int]] = {}
    for account, kind, n in store.count_kinds(db):
        for column in COUNTED.get(kind, ()):
            own = counters.setdefault(account, {})
            own[column] = own.get(column, 0) + n
    zero = (0,) * len(COUNTERS)
    kept_counters = store.load_counters(db)
    accounts: Table = dict.fromkeys(kept_counters, zero)
    accounts |= {(account,): tuple(own.get(c, 0) for c in COUNTERS) for account, own in counters.items()}

    held: Table = {}
    for source, account, kind, about, at, n in store.count_held(db, tuple(HELD)):
        held[(account, HELD[kind], item_of(source, about))] = (at, n)
    behind: dict[tuple[Any, ...], list[Any]] = {}
    for source, account, about, *event in store.load_group_events(db, GROUP_KINDS):
        behind.setdefault((account, "group", item_of(source, about)), []).append(event)
    for key, events in behind.items():
        if (member := membership(events)) is not None:
            held[key] = member[2:]

    crossings: Table = {}
    for metric, kind in METRIC_KIND.items():
        for account, value, at in store.nth_events(db, kind, ctx.manager.ladder(metric)):
            crossings[(account, metric, value)] = (at,)
    courses: dict[int, list[int]] = {}
    for (account, kind, _), (at, _) in held.items():
        if kind == "course":
            courses.setdefault(account, []).append(at)
    for account, dates in courses.items():
        for value in ctx.manager.ladder("courses_completed"):
            if value <= len(dates):
                crossings[(account, "courses_completed", value)] = (sorted(dates)[value - 1],)

    return {
        "counter": (kept_counters, accounts),
        "pair_counter": (store.load_pairs(db), store.count_pairs(db, tuple(sorted(GIVEN)))),
        "held": (store.load_held(db), held),
        "activity_year": (store.load_days(db), store.count_days(db)),
        "crossing": (store.load_crossings(db), crossings),
    }
