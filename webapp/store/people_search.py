"""The search through the directory's index (people.py), by compiled SQL. Who may see what is decided above.

Every order ends in (sort_key, handle), compared byte by byte on both databases. No search ranks or scores. What is
looked for is found by a walk in the order asked for where many match, and where few do by a seek: by the index of what
is looked for, then sorted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from typing import Any, NamedTuple

from webapp.store.database import Database, marks

#: How many rows in the order asked for are looked through at first: what many match is found at once.
WALK = 300
#: How many at most, where as many matched as let expect the rest within them, or where an organization has no more.
FURTHER = 3000
#: How many rows that a seek finds first are asked whether one of the viewer's organizations has a row instead of them.
#: To ask all would cost as much again as finding them.
SLACK = 500

Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the directory: its columns, compared one after the other; `start` lies before every row."""

    columns: tuple[str, ...]
    start: Place
    down: bool = False

    def placed(self, alias: str = "") -> str:
        """The condition that a row comes after a place."""
        return f"({self.listed(alias)}) {'<' if self.down else '>'} ({marks(len(self.columns))})"

    def placed_until(self, alias: str = "") -> str:
        """The condition that a row comes at a place or before."""
        return f"({self.listed(alias)}) {'>=' if self.down else '<='} ({marks(len(self.columns))})"

    def listed(self, alias: str = "", way: str = "") -> str:
        return ", ".join(f"{alias}{name}{way}" for name in self.columns)

    def ordered(self, alias: str = "") -> str:
        return self.listed(alias, " DESC" if self.down else "")

    @property
    def is_by_name(self) -> bool:
        return self.columns == _NAME


_NAME = ("sort_key", "handle")
_BEFORE_ALL = -(2**62)
#: Each stands in an index of its own behind the audience. Ties of a place go by name.
ORDERS: dict[str, Order] = {
    "name": Order(_NAME, ("", "")),
    "name-down": Order(_NAME, ("\U0010ffff", ""), down=True),
    "helpful": Order(("helpful", *_NAME), (_BEFORE_ALL, "", "")),
    "newest": Order(("newest", *_NAME), (_BEFORE_ALL, "", "")),
}


class Found(NamedTuple):
    """A row that answers a search, in the order asked for: `place` holds the columns of that order."""

    place: Place
    profile_id: int
    audience: int
    handle: str
    name: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. `needles` stand in the words, each of three characters or more; `prefix` starts the sort key;
    `since`: active on that day or later; `order`: one of ORDERS; `after`: the place of the last row that was shown,
    empty for the beginning."""

    needles: tuple[str, ...] = ()
    prefix: str = ""
    since: int | None = None
    after: Place = ()
    order: str = "name"


class _Shape(NamedTuple):
    """What the text of a statement depends on. `without`: how many organizations' own rows come instead."""

    dialect: str
    order_name: str
    ranged: bool
    without: int
    needles: int
    since: bool

    @property
    def order(self) -> Order:
        return ORDERS[self.order_name]


def find(db: Database, audiences: Sequence[int], search: Search, limit: int) -> list[Found]:
    """The first `limit` rows after `search.after` that this viewer's organizations and Anyone may be shown, in order.

    A profile with a row for one of the organizations is found by that row alone; one with several comes several times.
    """
    down = ORDERS[search.order].down
    halves = [_half(db, audience, (), search, limit) for audience in audiences]
    # What comes after the last of a full list is on no page of this look: where one organization's members all stand
    # at the front of an order, nobody else's rows are walked past theirs.
    ends = [half[-1].place for half in halves if len(half) >= limit]
    until = None if not ends else max(ends) if down else min(ends)
    halves.append(_half(db, 0, tuple(audiences), search, limit, until))
    return [row for row, _ in zip(merge(*halves, reverse=down), range(limit), strict=False)]


def _half(
    db: Database, audience: int, without: tuple[int, ...], search: Search, limit: int, until: Place | None = None
) -> list[Found]:
    order, needles, since = ORDERS[search.order], search.needles, search.since
    after = search.after or order.start
    bounds = (search.prefix, search.prefix + "\U0010ffff") if search.prefix else ()
    if bounds and order.is_by_name:     # not from the first name of all
        after = min(after, (bounds[1], "")) if order.down else max(after, (bounds[0], ""))
    active = () if since is None else (since,)
    shape = _Shape(db.dialect, search.order, bool(bounds), len(without), len(needles), since is not None)
    width = 3 + len(order.columns)

    def found(rows: Sequence[Sequence[Any]]) -> list[Found]:
        return [Found(tuple(row[3:width]), row[0], audience, row[1], row[2]) for row in rows]

    def walk(steps: int) -> list[tuple[Any, ...]]:
        params = (audience, *after, steps, *needles, *bounds, *without, *active, limit)
        return db.rows(_walk_sql(shape), params)

    if not needles and since is None and (order.is_by_name or not bounds):
        sql = _page_sql(shape, until is not None)
        return found(db.rows(sql, (audience, *after, *(until or ()), *bounds, *without, limit)))
    rows = walk(WALK)
    if len(rows) < limit and audience:
        left = db.rows(_count_sql(shape), (audience, *after, FURTHER + 1))[0][0]
        if left <= FURTHER:
            return found(rows if left <= WALK else walk(FURTHER))
    if 0 < len(rows) < limit:
        further = limit * WALK * 3 // 2 // len(rows)
        rows = walk(further) if further <= FURTHER else rows
    if len(rows) >= limit:
        return found(rows)
    behind = after if after != order.start else ()
    late: Place = ()
    asked: tuple[Any, ...]
    if needles:
        source, rest = "words", (*behind, *bounds, *active)
        if db.dialect == "sqlite":
            asked = (" AND ".join('"' + needle.replace('"', '""') + '"' for needle in needles),)
        else:
            likes = tuple(f"%{_literal(needle)}%" for needle in needles)
            asked = likes
            if grams := _grams(db, needles):
                source, asked, late = "grams", (grams,), likes
    elif since is not None:
        source, asked, rest = "active", (since,), (*behind, *bounds)
    else:
        source, asked, rest = "prefix", bounds, behind
    if without or late:
        most = limit + (SLACK if without else limit)
        sql = _seek_sql(shape, audience, source, bool(behind), True)
        rows = db.rows(sql, (*asked, *rest, most, *late, *without, limit))
        if len(rows) >= limit or (rows and rows[0][width] < most):
            return found(rows)
    sql = _seek_sql(shape, audience, source, bool(behind), False)
    return found(db.rows(sql, (*asked, *late, *rest, *without, limit)))


def _grams(db: Database, needles: Sequence[str]) -> list[str]:
    """Trigrams, as PostgreSQL's `show_trgm` has them, that stand in every text which holds all the needles.

    Of a needle's letters from other scripts only the server can say what its locale takes for a letter, and what their
    trigrams are called: it is asked for each three of them, less what only the ends of such a word have.
    """
    found: set[str] = set()
    others: set[str] = set()
    for needle in needles:
        for word in _WORD.finditer(needle):
            text = word[0]
            if text.isascii():      # what stands before and behind it in the needle ends the word in any locale
                text = "  " * (word.start() > 0) + text + " " * (word.end() < len(needle))
            (found if text.isascii() else others).update(text[i : i + 3] for i in range(len(text) - 2))
    if others:
        found.update(row[0] for row in db.rows(_OTHER_GRAMS, (sorted(others),)))
    return sorted(found)


_WORD = re.compile(r"[a-z0-9\u0080-\U0010ffff]+", re.IGNORECASE)
_OTHER_GRAMS = (
    "SELECT g FROM unnest(CAST(? AS TEXT[])) w CROSS JOIN unnest(show_trgm(w)) g"
    " WHERE g <> ALL (show_trgm(left(w, 2)) || show_trgm(right(w, 2)))"
)


def _literal(needle: str) -> str:
    return needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_RANGE = "p.sort_key >= ? AND p.sort_key < ?"


def _columns(order: Order) -> str:
    return f"p.profile_id, p.handle, p.name, {order.listed('p.')}"


def _is_elsewhere(without: int) -> str:
    """The condition that none of `without` organizations has a row of its own instead."""
    if not without:
        return ""
    return (
        " AND NOT EXISTS (SELECT 1 FROM people o WHERE o.profile_id = p.profile_id"
        f" AND o.audience IN ({marks(without)}))"
    )


@lru_cache(maxsize=128)
def _page_sql(shape: _Shape, ends: bool) -> str:
    """Rows in order, by the order's own index."""
    order = shape.order
    until = f" AND {order.placed_until('p.')}" if ends else ""
    ranged = f" AND {_RANGE}" if shape.ranged else ""
    return (
        f"SELECT {_columns(order)} FROM people p WHERE p.audience = ? AND {order.placed('p.')}{until}{ranged}"
        f"{_is_elsewhere(shape.without)} ORDER BY {order.ordered('p.')} LIMIT ?"
    )


@lru_cache(maxsize=512)
def _walk_sql(shape: _Shape) -> str:
    """Of the next rows in order those that match."""
    order = shape.order
    inside = "instr(p.words, ?) > 0" if shape.dialect == "sqlite" else "strpos(p.words, ?) > 0"
    words = " AND ".join([inside] * shape.needles) or "TRUE"
    ranged = f" AND {_RANGE}" if shape.ranged else ""
    since = " AND p.active_day >= ?" if shape.since else ""
    return (
        f"SELECT {_columns(order)} FROM (SELECT * FROM people WHERE audience = ? AND {order.placed()}"
        f" ORDER BY {order.ordered()} LIMIT ?) p"
        f" WHERE {words}{ranged}{_is_elsewhere(shape.without)}{since} ORDER BY {order.ordered('p.')} LIMIT ?"
    )


@lru_cache(maxsize=16)
def _count_sql(shape: _Shape) -> str:
    """How many rows come after a place, counted so far only."""
    order = shape.order
    return f"SELECT count(*) FROM (SELECT 1 FROM people WHERE audience = ? AND {order.placed()} LIMIT ?) p"


@lru_cache(maxsize=512)
def _seek_sql(shape: _Shape, audience: int, source: str, behind: bool, slack: bool) -> str:
    """Rows by the index of what is looked for, then sorted; `behind`: after a place; `slack`: the organizations are
    asked of the first only, as is whether the words are there where only their trigrams were looked for: to look into
    every text would cost as much again as finding them.

    The audience stands in the text: PostgreSQL then knows how few an organization's rows are, whatever is prepared, and
    that one of its two indexes of words will do.
    """
    order, is_sqlite = shape.order, shape.dialect == "sqlite"
    likes = " AND ".join(["p.words LIKE ?"] * shape.needles)
    hit = {
        "words": "w.people_words MATCH ?" if is_sqlite else likes,
        "grams": "show_trgm(p.words) @> CAST(? AS TEXT[])",
        "active": "w.active_day >= ?" if is_sqlite else "p.active_day >= ?",
        "prefix": _RANGE.replace("p.", "w.") if is_sqlite else _RANGE,
    }[source]
    late = source == "grams"
    where = f"{hit} AND p.audience = {audience:d}"
    if late and not slack:
        where += f" AND {likes}"
    if behind:
        where += f" AND {order.placed('p.')}"
    if shape.ranged and source != "prefix":
        where += f" AND {_RANGE}"
    if shape.since and source != "active":
        where += " AND p.active_day >= ?"
    if not slack:
        where += _is_elsewhere(shape.without)
    # Of a row that is found only what it is sorted by is read: sorted, the rows themselves are few.
    kept = ("id", "profile_id", *order.columns)
    shown = ", ".join(f"p.{name}" for name in kept)
    if is_sqlite:
        by = {
            "words": "people_words w CROSS JOIN people p INDEXED BY people_hits ON p.id = w.rowid",
            "active": "people w INDEXED BY people_active CROSS JOIN people p INDEXED BY people_hits ON p.id = w.id",
            "prefix": "people w INDEXED BY people_order CROSS JOIN people p INDEXED BY people_hits ON p.id = w.id",
        }[source]
        if source != "words":
            where = f"w.audience = {audience:d} AND {where}"
        tables, join = f"{by} WHERE {where}", "CROSS JOIN"
    else:
        # OFFSET 0 keeps the order's own index out of it, which would be walked for whom it places last.
        tables, join = f"(SELECT {shown} FROM people p WHERE {where} OFFSET 0) p", "JOIN"
    ordered = order.ordered("p.")
    if slack:
        tables = f"(SELECT {shown} FROM {tables} ORDER BY {ordered} LIMIT ?) p"
        tables = f"(SELECT p.*, count(*) OVER () AS many FROM {tables})"
    if slack and late:
        return (
            f"SELECT {_columns(order)}, h.many FROM {tables} h JOIN people p ON p.id = h.id"
            f" WHERE {likes}{_is_elsewhere(shape.without)} ORDER BY {ordered} LIMIT ?"
        )
    if slack:
        tables += f" p WHERE TRUE{_is_elsewhere(shape.without)}"
    many = ", {}.many" if slack else ""
    sql = f"SELECT {shown}{many.format('p')} FROM {tables} ORDER BY {ordered} LIMIT ?"
    return (
        f"SELECT {_columns(order)}{many.format('h')} FROM ({sql}) h {join} people p ON p.id = h.id ORDER BY {ordered}"
    )
