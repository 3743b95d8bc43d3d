"""From events to everything kept about their sums: counters, pairs, held items, days, crossings. Not who may send them.

All of it can be counted again from the table `activity` (repair.py does); it is kept so that reads stay flat.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from policies.terms import ActivityKind
from webapp.services import people_index
from webapp.services.context import Context
from webapp.store import filing
from webapp.store import ingest as store
from webapp.store.days import add_days
from webapp.store.ingest import ActivityRow, Own, SourceRow

_DAY = 86_400

#: The counters that an event of a kind adds one to.
COUNTED: dict[str, tuple[str, ...]] = {
    ActivityKind.QUESTION.value: ("total_posts",),
    ActivityKind.ANSWER.value: ("answers", "total_posts"),
    ActivityKind.ACCEPTED_SOLUTION.value: ("accepted_solutions",),
    ActivityKind.ARTICLE.value: ("articles", "total_posts"),
    ActivityKind.DISCUSSION.value: ("total_posts",),
    ActivityKind.LIKE_RECEIVED.value: ("likes_received",),
    ActivityKind.KUDOS.value: ("peer_kudos",),
}
#: The one kind behind each counter that has milestones.
METRIC_KIND = {
    "answers": ActivityKind.ANSWER.value,
    "accepted_solutions": ActivityKind.ACCEPTED_SOLUTION.value,
    "articles": ActivityKind.ARTICLE.value,
    "likes_received": ActivityKind.LIKE_RECEIVED.value,
    "peer_kudos": ActivityKind.KUDOS.value,
}
#: Kinds of events that make the member hold something, and the kind of item held.
HELD = {
    ActivityKind.COURSE_COMPLETED.value: "course",
    ActivityKind.CERTIFICATION.value: "certification",
    ActivityKind.DESIGNATION.value: "designation",
    ActivityKind.BADGE.value: "badge",
}
GROUP_KINDS = (ActivityKind.GROUP_JOINED.value, ActivityKind.GROUP_LEFT.value)
#: Given by somebody: not counted from oneself, nor inside a link group (D9).
GIVEN = frozenset({ActivityKind.LIKE_RECEIVED.value, ActivityKind.KUDOS.value})
#: Not the member's own acts: counted, but in no activity list and no heatmap.
UNLISTED = frozenset({*GIVEN, ActivityKind.BADGE.value, ActivityKind.GROUP_LEFT.value})

_COLUMN = {name: number for number, name in enumerate(store.COUNTERS)}
_ADDS = {kind: tuple(_COLUMN[name] for name in names) for kind, names in COUNTED.items()}
#: Kinds that are more than a number.
_FURTHER = frozenset(str(kind) for kind in (*HELD, *GROUP_KINDS, *GIVEN))
_METRIC_OF = {kind: metric for metric, kind in METRIC_KIND.items()}


def item_of(source: str, about: str) -> str:
    """The identity of a held item: two sources may use the same word for different things."""
    return f"{source}:{about}"


def count(ctx: Context, source: SourceRow, events: Iterable[ActivityRow], sign: int) -> None:
    """Count events of one source that were just stored (`sign` 1) or just deleted (-1); those without account wait."""
    db = ctx.db
    ctx.gate()      # the ladders in force: an admin may have changed them
    deltas: dict[int, list[int]] = {}
    pairs: dict[tuple[int, int], list[int]] = {}
    gone: dict[tuple[int, int], int] = {}
    latest: dict[int, int] = {}
    held: dict[tuple[int, str, str], list[ActivityRow]] = {}
    groups: dict[tuple[int, str], None] = {}
    earliest: dict[tuple[int, str], int] = {}
    new: dict[int, str] = {}
    for event in events:
        number, _, account, by, kind, at, about, _, _, listed = event
        if account is None:
            continue
        if (delta := deltas.get(account)) is None:
            delta = deltas[account] = [0] * len(store.COUNTERS)
            new[account] = filing.noted(number)
        else:
            new[account] += filing.noted(number)
        for column in _ADDS.get(kind, ()):
            delta[column] += sign
        if (metric := _METRIC_OF.get(kind)) is not None:
            key = (account, metric)
            if at < earliest.get(key, at + 1):
                earliest[key] = at
        if listed:
            day = at // _DAY
            if day > latest.get(account, -1):
                latest[account] = day
            if sign < 0:
                gone[account, day] = gone.get((account, day), 0) - 1
        if kind not in _FURTHER:
            continue
        if kind in HELD:
            held.setdefault((account, HELD[kind], about), []).append(event)
        elif kind in GROUP_KINDS:
            groups[(account, about)] = None
        elif by is not None:
            pair = pairs.setdefault((account, by), [0, 0])
            pair[0 if kind == ActivityKind.KUDOS.value else 1] += sign
    if not deltas:
        return
    store.add_counters(db, deltas, new if sign > 0 else None)
    store.add_pairs(db, pairs)
    add_days(db, source.area, gone)     # what is new is counted when it is filed
    people_index.hold(ctx, deltas)
    _hold(ctx, source, held, sign)
    people_index.refresh(ctx, {account for account, kind, _ in held if kind == "designation"})
    for account, about in groups:
        rows = filing.load_behind(db, account, source.id, GROUP_KINDS, about)
        store.set_held(db, account, "group", item_of(source.name, about), source.id, membership(rows))
    courses = {account for account, kind, _ in held if kind == "course"}
    own = store.load_own(db, sorted(deltas))
    if sign > 0:    # what went is noticed when the row is looked at
        people_index.touch(ctx, latest, own)
    filing.file_all(db, [account for account, has in own.items() if has.is_full])
    if not all(map(any, deltas.values())):
        own = {account: has for account, has in own.items() if account in courses or any(deltas[account])}
    _cross(ctx, earliest, own, courses, sign)
    people_index.rescore(ctx, own)


def count_giver(ctx: Context, events: Iterable[ActivityRow], giver: int) -> None:
    """Note in the pair counters that these events, counted already, were given by an account that is known now."""
    pairs: dict[tuple[int, int], list[int]] = {}
    for event in events:
        if event.account_id is not None and event.kind in GIVEN:
            pair = pairs.setdefault((event.account_id, giver), [0, 0])
            pair[0 if event.kind == ActivityKind.KUDOS.value else 1] += 1
    receivers = {receiver for receiver, _ in pairs}
    store.add_counters(ctx.db, dict.fromkeys(receivers, [0] * len(store.COUNTERS)))
    store.add_pairs(ctx.db, pairs)
    people_index.hold(ctx, receivers)
    people_index.rescore(ctx, store.load_own(ctx.db, sorted(receivers)))


def membership(rows: Sequence[tuple[str, int, str, str, str]]) -> tuple[str, str, int, int] | None:
    """What a group's joins and leaves, in any order, come to: (title, url, since, joins) or None when left.

    Rows are (kind, at, external_id, title, url). Times decide, not the order of arrival.
    """
    joined: list[tuple[str, int, str, str, str]] = []
    for row in sorted(rows, key=lambda row: (row[1], row[2])):
        if row[0] == GROUP_KINDS[0]:
            joined.append(row)
        else:
            joined.clear()
    return (joined[0][3], joined[0][4], joined[0][1], len(joined)) if joined else None


def _hold(ctx: Context, source: SourceRow, held: dict[tuple[int, str, str], list[ActivityRow]], sign: int) -> None:
    kind_of = {item: kind for kind, item in HELD.items()}
    added = []
    for (account, kind, about), events in held.items():
        item = item_of(source.name, about)
        if sign > 0:
            first = min(events, key=lambda event: (event.at, event.external_id))
            added.append((account, kind, item, source.id, first.title, first.url, first.at, len(events)))
            continue
        rows = filing.load_behind(ctx.db, account, source.id, (kind_of[kind], kind_of[kind]), about)
        found = None
        if rows:
            _, at, _, title, url = min(rows, key=lambda row: (row[1], row[2]))
            found = (title, url, at, len(rows))
        store.set_held(ctx.db, account, kind, item, source.id, found)
    store.add_held(ctx.db, added)


def _cross(
    ctx: Context, earliest: dict[tuple[int, str], int], own: Mapping[int, Own], courses: set[int], sign: int
) -> None:
    """Bring the dates of crossed milestones in line: when the n-th event by time happened, however late it arrived."""
    db = ctx.db
    if sign > 0:
        earliest = _unsettled(ctx, earliest, own)
    accounts = sorted({account for account, _ in earliest} | courses)
    if not accounts:
        return
    waiting = filing.load_unfiled(db, accounts)
    crossings = store.load_crossings(db, accounts)
    found: list[tuple[int, str, int, int]] = []
    gone: list[tuple[int, str, int]] = []
    for (account, metric), at in earliest.items():
        known = crossings.get((account, metric), {})
        total = getattr(own[account], metric)
        for value in ctx.manager.ladder(metric):
            if value > total:
                break
            # The n-th in time stays what it is if all that came is not earlier (or, all that went, later).
            if value in known and (at >= known[value] if sign > 0 else at > known[value]):
                continue
            kind = METRIC_KIND[metric]
            nth = filing.load_nth(db, account, kind, value, waiting.get((account, kind), ()))
            if nth is not None and nth != known.get(value):
                found.append((account, metric, value, nth))
        gone += [(account, metric, value) for value in known if value > total]
    for account in courses:
        dates = store.load_course_dates(db, account)
        known = crossings.get((account, "courses_completed"), {})
        ladder = [value for value in ctx.manager.ladder("courses_completed") if value <= len(dates)]
        found += [(account, "courses_completed", value, dates[value - 1]) for value in ladder]
        gone += [(account, "courses_completed", value) for value in known if value not in ladder]
    store.save_crossings(db, found)
    store.delete_crossings(db, gone)


def _unsettled(
    ctx: Context, earliest: Mapping[tuple[int, str], int], own: Mapping[int, Own]
) -> dict[tuple[int, str], int]:
    """Those of (account, metric) -> earliest new event where a milestone may be new or have another date.

    Mostly none is: every milestone up to the sum is dated, and not later than all that came.
    """
    metrics: dict[str, list[int]] = {}
    for account, metric in earliest:
        metrics.setdefault(metric, []).append(account)
    found: dict[tuple[int, str], int] = {}
    for metric, accounts in metrics.items():
        ladder, total_of = ctx.manager.ladder(metric), attrgetter(metric)
        crossed = store.load_dated(ctx.db, metric, ladder, sorted(accounts))
        for account in accounts:
            total, at = total_of(own[account]), earliest[(account, metric)]
            dated, largest, latest = crossed.get(account, (0, 0, 0))
            if at < latest or largest > total or dated != bisect_right(ladder, total):
                found[(account, metric)] = at
    return found
