"""What is summed or joined over a link group: counters less what the members gave each other, milestones, items held.

Nothing here is stored: a link is a row, and the numbers follow from it (D8, D9, S61-S69). Which account counts for what
is said by the caller: sums take every account of the group, items only those that are not silent (D5).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from webapp.store.database import Database, marks
from webapp.store.profiles import filled

#: Own counters of an account, in the order of the statement.
COUNTERS = ("answers", "accepted_solutions", "articles", "likes_received", "total_posts")


class Sums(NamedTuple):
    """Netted sums over a group; None where the caller may not see them.

    givers: distinct known givers of kudos to the accounts that are shown, none of the group itself, silent ones neither
    """

    answers: int | None
    accepted_solutions: int | None
    articles: int | None
    likes_received: int | None
    total_posts: int | None
    courses_completed: int | None
    peer_kudos: int | None
    givers: int | None


@lru_cache(maxsize=512)
def sums_sql(count: int, shown: int, stats: bool, kudos: bool) -> str:
    """The statement for a group of `count` accounts, `shown` of them not silent."""
    group, visible = marks(count), marks(shown)
    columns = [f"CAST(SUM({name}) AS BIGINT)" if stats else "NULL" for name in COUNTERS]
    if stats:
        columns[3] = f"CAST(SUM(likes_received) - {_NETTED.format('likes', group, group)} AS BIGINT)"
    courses = f"(SELECT COUNT(DISTINCT item) FROM held WHERE account_id IN ({group}) AND kind = 'course')"
    given = f"CAST(SUM(peer_kudos) - {_NETTED.format('kudos', group, group)} AS BIGINT)"
    givers = (
        f"(SELECT COUNT(DISTINCT giver_id) FROM pair_counter WHERE receiver_id IN ({visible}) AND kudos > 0"
        f" AND giver_id NOT IN ({group}))"
    )
    columns += [courses if stats else "NULL", given if kudos else "NULL", givers if kudos else "NULL"]
    return f"SELECT {', '.join(columns)} FROM counter WHERE account_id IN ({group})"


_NETTED = "(SELECT COALESCE(SUM({}), 0) FROM pair_counter WHERE receiver_id IN ({}) AND giver_id IN ({}))"


def load_sums(db: Database, ids: Sequence[int], shown: Sequence[int], stats: bool, kudos: bool) -> Sums:
    """The sums of a group (`ids`, silent accounts too), netted within it (D9). One statement.

    `stats`, `kudos`: whether the caller may see those sections; what is not asked for is not read.
    """
    group, shown = filled(ids), filled(shown)
    params: tuple[int, ...] = ()
    if stats:
        params += group * 3
    if kudos:
        params += group * 2 + shown + group
    row = db.row(sums_sql(len(group), len(shown), stats, kudos), params + group)
    return Sums(*(row or (None,) * 8))


@lru_cache(maxsize=512)
def _crossings_sql(count: int, metrics: int) -> str:
    # Grouping a handful of rows here costs more than taking the least of them below.
    some = f" AND metric IN ({marks(metrics)})" if metrics else ""
    return f"SELECT metric, value, at FROM crossing WHERE account_id IN ({marks(count)}){some}"


def load_crossings(
    db: Database, ids: Sequence[int], metrics: Sequence[str] | None = None
) -> dict[tuple[str, int], int]:
    """When one of these accounts by itself first reached a value: (metric, value) -> unix seconds.

    `metrics`: no others are read; None: all. One statement.
    """
    names, ids = () if metrics is None else metrics or ("",), filled(ids)
    first: dict[tuple[str, int], int] = {}
    for metric, value, at in db.rows(_crossings_sql(len(ids), len(names)), (*ids, *names)):
        key = (metric, value)
        if key not in first or at < first[key]:
            first[key] = at
    return first


class Item(NamedTuple):
    """A row of `held` with the label of its source."""

    kind: str
    item: str
    at: int
    title: str
    url: str
    until: int | None
    retired: bool
    source: str | None


@lru_cache(maxsize=512)
def _held_sql(count: int, kinds: int, without: int) -> str:
    but = f" AND h.kind IN ({marks(kinds)})" if kinds else ""
    but += f" AND h.item NOT IN ({marks(without)})" if without else ""
    return (
        "SELECT h.kind, h.item, h.at, h.title, h.url, h.until, h.retired, s.label FROM held h"
        f" LEFT JOIN source s ON s.id = h.source_id WHERE h.account_id IN ({marks(count)}){but}"
    )


def load_held(db: Database, ids: Sequence[int], kinds: Sequence[str] | None, without: Sequence[str]) -> list[Item]:
    """Every item of these kinds that these accounts hold, oldest first; one held twice stands twice. One statement.

    `kinds`: no others are read; None: all. `without`: items that are not read (services.held.untold).
    """
    names, ids = () if kinds is None else kinds or ("",), filled(ids)
    rows = db.rows(_held_sql(len(ids), len(names), len(without)), (*ids, *names, *without))
    rows.sort(key=_BY_DATE)
    return list(map(Item._make, rows))


#: Date, kind, item, title: sorted here, because text sorts differently in the two databases.
_BY_DATE = itemgetter(2, 0, 1, 3)
