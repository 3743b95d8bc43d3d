"""Activity rows and days of a profile's accounts, read by compiled SQL. Writing activity is ingest's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from webapp.store.database import Database, marks
from webapp.store.days import area_number, start_of, year_of
from webapp.store.profiles import filled

DAY = 86_400


class Row(NamedTuple):
    """One listed activity with its source."""

    id: int
    at: int
    kind: str
    title: str
    url: str
    source: str
    area: str


_decode = json.JSONDecoder().raw_decode
#: (the day since 1970 that counts as day 0, then day, area number and how many, again and again).
DayPart = tuple[int, Sequence[int]]


@lru_cache(maxsize=512)
def _days_sql(count: int, without: int) -> str:
    some = marks(count)
    sql = f"SELECT year, days FROM activity_year WHERE account_id IN ({some}) AND year >= ? AND year <= ?"
    if without:     # the days count every kind: those of hidden sections are taken off again
        sql += (
            f" UNION ALL SELECT -1 - v.at / {DAY}, s.area FROM activity v JOIN source s ON s.id = v.source_id"
            f" WHERE v.account_id IN ({some}) AND v.kind IN ({marks(without)}) AND v.listed AND v.at >= ? AND v.at < ?"
        )
    return sql


def load_days(
    db: Database, ids: Sequence[int], first: int, last: int, without: Sequence[str] = ()
) -> list[DayPart]:
    """Listed activities that are not of the kinds `without`, of at least the days from `first` to `last` (since 1970).

    A day may stand in several parts; their sum counts. One statement.
    """
    ids = filled(ids)
    params: tuple[object, ...] = (*ids, year_of(first), year_of(last))
    if without:
        params += (*ids, *without, first * DAY, (last + 1) * DAY)
    parts: list[DayPart] = []
    fewer: list[int] = []
    for year, text in db.rows(_days_sql(len(ids), len(without)), params):
        if year >= 0:
            parts.append((start_of(year), _decode(text)[0]))
        else:
            fewer += (-1 - year, area_number(text), -1)
    if fewer:
        parts.append((0, fewer))
    return parts


@lru_cache(maxsize=512)
def rows_sql(count: int, without: int, source: bool, kind: bool, after: bool) -> str:
    """Newest first by (at, id). Each account is walked on its own index: a page costs the same at any length."""
    one = (     # CROSS: SQLite must not begin with the sources, though they are few
        "SELECT v.id, v.at, v.kind, v.title, v.url, s.label, s.area FROM activity v CROSS JOIN source s"
        " WHERE s.id = v.source_id AND v.account_id = ? AND v.listed"
    )
    one += f" AND v.kind NOT IN ({marks(without)})" if without else ""
    one += " AND v.source_id = (SELECT id FROM source WHERE name = ?)" if source else ""
    one += " AND v.kind = ?" if kind else ""
    one += " AND (v.at, v.id) < (?, ?)" if after else ""
    one += " ORDER BY v.at DESC, v.id DESC LIMIT ?"
    return " UNION ALL ".join(f"SELECT * FROM ({one}) AS p{number}" for number in range(count))


def load_rows(
    db: Database,
    ids: Sequence[int],
    limit: int,
    *,
    without: Sequence[str] = (),
    source: str | None = None,
    kind: str | None = None,
    after: tuple[int, int] | None = None,
) -> list[Row]:
    """A page of listed activity of these accounts, newest first, none of the kinds `without`.

    `after` is the (at, id) of the last row seen. One statement.
    """
    extra: tuple[object, ...] = tuple(value for value in (source, kind) if value is not None) + (after or ()) + (limit,)
    params: list[object] = []
    ids = filled(ids)
    for account_id in ids:
        params += (account_id, *without, *extra)
    sql = rows_sql(len(ids), len(without), source is not None, kind is not None, after is not None)
    rows = db.rows(sql, params)
    rows.sort(key=_BY_TIME, reverse=True)   # quicker than around the statement: each account's rows come in order
    return list(map(Row._make, rows[:limit]))


_BY_TIME = itemgetter(1, 0)


@lru_cache(maxsize=64)
def _sources_sql(count: int, without: int) -> str:
    but = f" AND v.kind NOT IN ({marks(without)})" if without else ""
    return (
        f"SELECT DISTINCT s.name, s.label FROM identity i JOIN source s ON s.id = i.source_id"
        f" WHERE i.account_id IN ({marks(count)}) AND EXISTS (SELECT 1 FROM activity v"
        f" WHERE v.account_id = i.account_id AND v.source_id = i.source_id AND v.listed{but}) ORDER BY s.label, s.name"
    )


def load_sources(db: Database, ids: Sequence[int], without: Sequence[str] = ()) -> list[tuple[str, str]]:
    """(name, label) of the sources these accounts have listed activity at that is not of the kinds `without`."""
    return db.rows(_sources_sql(len(ids), len(without)), (*ids, *without))


@lru_cache(maxsize=64)
def _kinds_sql(count: int, kinds: int) -> str:
    probe = "SELECT 1 FROM activity WHERE account_id = ? AND kind = ? AND listed"
    some = " OR ".join([f"EXISTS ({probe})"] * count)
    return "SELECT " + ", ".join([f"CASE WHEN {some} THEN 1 ELSE 0 END"] * kinds)


def load_kinds(db: Database, ids: Sequence[int], kinds: Sequence[str]) -> list[str]:
    """Which of these kinds the accounts have listed activity of; probes, no scan."""
    params = [value for kind in kinds for account_id in ids for value in (account_id, kind)]
    found = db.row(_kinds_sql(len(ids), len(kinds)), params) or ()
    return [kind for kind, has in zip(kinds, found, strict=False) if has]
