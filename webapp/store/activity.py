"""Activity rows and days of a profile's accounts, read by compiled SQL. Writing activity is ingest's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from webapp.store import filing
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
            f" UNION ALL SELECT -1 - e.at / {DAY}, s.area FROM filed e JOIN source s ON s.id = e.source_id"
            f" WHERE e.account_id IN ({some}) AND e.kind IN ({marks(without)}) AND e.listed AND e.at >= ? AND e.at < ?"
        )
    return sql


def load_days(
    db: Database, ids: Sequence[int], first: int, last: int, without: Sequence[str] = ()
) -> list[DayPart]:
    """Listed activities that are not of the kinds `without`, of at least the days from `first` to `last` (since 1970),
    but for those that wait to be filed: `load_recent` has them.

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
def rows_sql(dialect: str, count: int, without: int, source: bool, kind: bool, after: bool) -> str:
    """Newest first by (at, id), then the few that wait to be filed. Each account is walked on its own entries: a page
    costs the same at any length."""

    def where(entry: str, number: str) -> str:
        text = f"{entry}.listed"
        text += f" AND {entry}.kind NOT IN ({marks(without)})" if without else ""
        text += f" AND {entry}.source_id = (SELECT id FROM source WHERE name = ?)" if source else ""
        text += f" AND {entry}.kind = ?" if kind else ""
        return text + (f" AND ({entry}.at, {entry}.{number}) < (?, ?)" if after else "")

    columns = "v.id, v.at, v.kind, v.title, v.url, v.source_id"
    walked = filing.filed(columns, f"e.account_id = ? AND {where('e', 'activity_id')}")
    walked += " ORDER BY e.at DESC, e.activity_id DESC LIMIT ?"
    waiting = filing.unfiled(dialect, columns, f"c.account_id = ? AND {where('v', 'id')}")
    both = f"SELECT f.*, 0 AS waits FROM ({walked}) f UNION ALL SELECT w.*, 1 FROM ({waiting}) w"
    each = " UNION ALL ".join([both] * count)
    return (    # CROSS: SQLite must not begin with the sources, though they are few
        "SELECT p.id, p.at, p.kind, p.title, p.url, s.label, s.area, p.waits"
        f" FROM ({each}) p CROSS JOIN source s WHERE s.id = p.source_id"
    )


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
    return _rows(_find(db, ids, limit, without, source, kind, after), limit)


def load_recent(db: Database, ids: Sequence[int], limit: int, without: Sequence[str]) -> tuple[list[Row], DayPart]:
    """The first page as of `load_rows`, and the days of all that wait to be filed, which `load_days` lacks. One
    statement."""
    found = _find(db, ids, limit, without, None, None, None)
    waiting = [number for row in found if row[7] for number in (row[1] // DAY, area_number(row[6]), 1)]
    return _rows(found, limit), (0, waiting)


def _find(
    db: Database, ids: Sequence[int], limit: int, without: Sequence[str], source: str | None, kind: str | None,
    after: tuple[int, int] | None,
) -> list[tuple[Any, ...]]:
    asked = (*without, *(value for value in (source, kind) if value is not None), *(after or ()))
    params: list[object] = []
    ids = filled(ids)
    for account_id in ids:
        params += (account_id, *asked, limit, account_id, *asked)
    sql = rows_sql(db.dialect, len(ids), len(without), source is not None, kind is not None, after is not None)
    return db.rows(sql, params)


def _rows(found: list[tuple[Any, ...]], limit: int) -> list[Row]:
    found.sort(key=_BY_TIME, reverse=True)      # quicker than around the statement: most rows come in order
    return [Row._make(row[:7]) for row in found[:limit]]


_BY_TIME = itemgetter(1, 0)


@lru_cache(maxsize=64)
def _sources_sql(dialect: str, count: int, without: int) -> str:
    but = f" AND {{}}.kind NOT IN ({marks(without)})" if without else ""
    waiting = filing.unfiled(dialect, "v.source_id", f"c.account_id IN ({marks(count)}) AND v.listed{but.format('v')}")
    return (
        "SELECT name, label FROM (SELECT s.name, s.label FROM identity i JOIN source s ON s.id = i.source_id"
        f" WHERE i.account_id IN ({marks(count)}) AND EXISTS (SELECT 1 FROM filed e"
        f" WHERE e.account_id = i.account_id AND e.source_id = i.source_id AND e.listed{but.format('e')})"
        f" UNION SELECT name, label FROM source WHERE id IN ({waiting})) found ORDER BY label, name"
    )


def load_sources(db: Database, ids: Sequence[int], without: Sequence[str] = ()) -> list[tuple[str, str]]:
    """(name, label) of the sources these accounts have listed activity at that is not of the kinds `without`."""
    return db.rows(_sources_sql(db.dialect, len(ids), len(without)), (*ids, *without, *ids, *without))


@lru_cache(maxsize=64)
def _kinds_sql(count: int, kinds: int) -> str:
    probe = "SELECT 1 FROM filed WHERE account_id = ? AND kind = ? AND listed"
    some = " OR ".join([f"EXISTS ({probe})"] * count)
    return "SELECT " + ", ".join([f"CASE WHEN {some} THEN 1 ELSE 0 END"] * kinds)


def load_kinds(db: Database, ids: Sequence[int], kinds: Sequence[str]) -> list[str]:
    """Which of these kinds the accounts have listed activity of; probes, no scan."""
    params = [value for kind in kinds for account_id in ids for value in (account_id, kind)]
    found = db.row(_kinds_sql(len(ids), len(kinds)), params) or ()
    sql = filing.unfiled(db.dialect, "DISTINCT v.kind", f"c.account_id IN ({marks(len(ids))}) AND v.listed")
    waiting = {row[0] for row in db.rows(sql, ids)}
    return [kind for kind, has in zip(kinds, found, strict=False) if has or kind in waiting]
