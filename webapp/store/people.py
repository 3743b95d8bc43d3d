"""The directory's index: its rows and the search through them, by compiled SQL. Who may see what is decided above.

`people` holds one row per profile as Anyone sees it (audience 0) and one per organization whose members see something
else. Every order ends in (sort_key, handle), compared byte by byte on both databases. No search ranks or scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from typing import NamedTuple

from webapp.store.database import Database, marks
from webapp.store.lists import padded

#: How many rows in the order asked for are looked through before the word index is asked: what many match is found
#: at once.
WALK = 300
#: The place of whom an order does not place for this audience: after everybody it does place, whose places are <= 0.
LAST_PLACE = 1

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


class Entry(NamedTuple):
    """A row of the index. `active_day`: last day with activity that this audience sees; 0 none yet, None hidden.

    helpful, newest: places, the less the earlier; LAST_PLACE where this audience does not see what they are made of
    """

    profile_id: int
    audience: int
    sort_key: str
    handle: str
    name: str
    words: str
    active_day: int | None
    helpful: int
    newest: int


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


# The index

_COLUMNS, _VALUES = ", ".join(Entry._fields), Entry._fields[2:]


def replace_entries(db: Database, profile_ids: Sequence[int], entries: Sequence[Entry]) -> None:
    """Let these be all rows of these profiles; rows that are right already are not touched. Inside a transaction."""
    known: dict[tuple[int, int], tuple[int, Entry]] = {}
    for some, ids in padded(profile_ids):
        for row in db.rows(
            f"SELECT id, {_COLUMNS} FROM people WHERE profile_id IN ({some})", ids
        ):
            known[row[1], row[2]] = row[0], Entry._make(row[1:])
    new, changed = [], []
    stale: list[tuple[int, str]] = []
    for entry in entries:
        row_id, old = known.pop((entry.profile_id, entry.audience), (0, None))
        if old is None:
            new.append(entry)
        elif old != entry:
            changed.append((*entry[2:], row_id))
            if old.words != entry.words:
                stale.append((row_id, old.words))
    is_sqlite = db.dialect == "sqlite"
    if is_sqlite:
        gone = [(row_id, old.words) for row_id, old in known.values()]
        db.executemany("INSERT INTO people_words(people_words, rowid, words) VALUES ('delete', ?, ?)", gone + stale)
    db.executemany("DELETE FROM people WHERE id = ?", [(row_id,) for row_id, _ in known.values()])
    db.executemany(f"UPDATE people SET {', '.join(f'{name} = ?' for name in _VALUES)} WHERE id = ?", changed)
    db.executemany(
        f"INSERT INTO people({_COLUMNS}) VALUES ({marks(len(Entry._fields))}) ON CONFLICT (profile_id, audience)"
        f" DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _VALUES)}",
        new,
    )
    if is_sqlite:
        wanted = {row_id for row_id, _ in stale}
        made = {entry[:2] for entry in new}
        rows = [
            (row[0], row[3])
            for some, ids in padded(profile_ids)
            for row in db.rows(f"SELECT id, profile_id, audience, words FROM people WHERE profile_id IN ({some})", ids)
            if row[0] in wanted or row[1:3] in made
        ]
        # As values: INSERT … SELECT into a virtual table opens a savepoint for each row, at which FTS5 writes out a
        # segment of one row. 6,000 rows then took 100 s.
        db.executemany("INSERT INTO people_words(rowid, words) VALUES (?, ?)", rows)


def touch_days(db: Database, days: Iterable[tuple[int, int]]) -> None:
    """Move the last day of (account, day) on, where that profile's activity is shown. Inside a transaction."""
    db.executemany(
        "UPDATE people SET active_day = ? WHERE active_day < ? AND profile_id ="
        " (SELECT CASE WHEN a.silent THEN a.id ELSE COALESCE(a.primary_id, a.id) END FROM account a WHERE a.id = ?)",
        [(day, day, account_id) for account_id, day in days],
    )


def load_placed(db: Database, account_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Profile -> the accounts whose totals are in its sums, of the profiles that these accounts' totals are in and
    that some audience sees placed by them."""
    placed: set[int] = set()
    for some, ids in padded(account_ids):
        placed |= {row[0] for row in db.rows(
            f"SELECT profile_id FROM people WHERE profile_id IN ({some}) AND helpful <= 0"
            " UNION SELECT p.profile_id FROM account a JOIN people p ON p.profile_id = a.primary_id"
            f" WHERE a.id IN ({some}) AND p.helpful <= 0",
            ids * 2,
        )}  # fmt: skip
    groups: dict[int, list[int]] = {profile_id: [] for profile_id in placed}
    for some, ids in padded(sorted(placed)):
        for account_id, primary_id in db.rows(
            f"SELECT id, primary_id FROM account WHERE id IN ({some}) OR primary_id IN ({some})", ids * 2
        ):
            for profile_id in {account_id, primary_id} & groups.keys():
                if account_id not in groups[profile_id]:
                    groups[profile_id].append(account_id)
    return {profile_id: tuple(sorted(members)) for profile_id, members in groups.items()}


def set_helpful(db: Database, places: Iterable[tuple[int, int]]) -> None:
    """Set the place of (place, profile) where the audience sees what it is made of. Inside a transaction."""
    db.executemany(
        "UPDATE people SET helpful = ? WHERE profile_id = ? AND helpful <= 0 AND helpful <> ?",
        [(place, profile_id, place) for place, profile_id in sorted(places, key=lambda row: row[1])],
    )


def load_entries(db: Database, profile_ids: Sequence[int]) -> dict[tuple[int, int], Entry]:
    """The rows of these profiles, by profile and audience."""
    return {
        (row[0], row[1]): Entry._make(row)
        for some, ids in padded(profile_ids)
        for row in db.rows(f"SELECT {_COLUMNS} FROM people WHERE profile_id IN ({some})", ids)
    }


def lock_rows(db: Database, account_ids: Sequence[int]) -> None:
    """Hold the rows of these accounts' and their primaries' profiles until the transaction ends, by the profiles' ids.

    Whoever writes rows takes them before reading what they are made of: an edit of one account of a group and a batch
    for another hold no account in common. Nobody asks for an account once these are held.
    """
    if db.dialect == "postgresql" and account_ids:      # a SQLite transaction holds the write lock already
        ids = sorted(account_ids)
        db.rows(
            "SELECT id FROM people WHERE profile_id = ANY(?) OR profile_id IN (SELECT primary_id FROM account WHERE"
            " id = ANY(?)) ORDER BY profile_id, audience FOR UPDATE",
            (ids, ids),
        )


def lock_profiles(db: Database, profile_ids: Sequence[int]) -> None:
    """Hold these accounts until the transaction ends: nobody counts anything for them meanwhile."""
    if db.dialect == "postgresql":      # a SQLite transaction holds the write lock already
        for some, ids in padded(profile_ids):
            db.rows(f"SELECT id FROM account WHERE id IN ({some}) ORDER BY id FOR NO KEY UPDATE", ids)


def load_near(db: Database, account_ids: Sequence[int]) -> list[int]:
    """Those accounts, their primaries and what is linked to them: every profile a change of theirs can move."""
    found: set[int] = set()
    for some, ids in padded(account_ids):
        for account_id, primary_id in db.rows(
            f"SELECT id, primary_id FROM account WHERE id IN ({some}) OR primary_id IN ({some})", ids * 2
        ):
            found.add(account_id)
            if primary_id is not None:
                found.add(primary_id)
    return sorted(found)


def load_ids_after(db: Database, account_id: int, limit: int) -> list[int]:
    """The next account ids in order."""
    return [row[0] for row in db.rows("SELECT id FROM account WHERE id > ? ORDER BY id LIMIT ?", (account_id, limit))]


def load_last_id(db: Database) -> int:
    """The newest account's id; 0 where there is none."""
    row = db.row("SELECT MAX(id) FROM account")
    return 0 if row is None else row[0] or 0


def load_stamp(db: Database) -> str:
    """What the index was last written from as a whole."""
    row = db.row("SELECT value FROM site_setting WHERE key = 'people_index'")
    return "" if row is None else str(row[0])


def save_stamp(db: Database, stamp: str) -> None:
    db.execute(
        "INSERT INTO site_setting(key, value) VALUES ('people_index', ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (stamp,),
    )


# The search


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
    rest = (*bounds, *without, *(() if since is None else (since,)), limit)
    shape = (db.dialect, search.order, bool(bounds), len(without))

    def found(sql: str, *params: object) -> list[Found]:
        return [Found(row[3:], row[0], audience, row[1], row[2]) for row in db.rows(sql, params)]

    if not needles and since is None and (order.is_by_name or not bounds):
        return found(_page_sql(*shape, until is not None), audience, *after, *(until or ()), *rest)
    rows = found(_walk_sql(*shape, len(needles), since is not None), audience, *after, WALK, *needles, *rest)
    if len(rows) >= limit:
        return rows
    if needles:
        if db.dialect == "sqlite":
            asked: tuple[object, ...] = (" AND ".join('"' + needle.replace('"', '""') + '"' for needle in needles),)
        else:
            asked = tuple(f"%{_literal(needle)}%" for needle in needles)
        return found(_words_sql(*shape, len(needles), since is not None), *asked, audience, *after, *rest)
    if since is not None:
        return found(_active_sql(*shape), audience, since, *after, *bounds, *without, limit)
    return found(_prefix_sql(*shape), audience, *bounds, *after, *without, limit)


def _literal(needle: str) -> str:
    return needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


#: Of a row that an index finds, what is still asked of it: without the words, so that many stay in memory.
_HIT = "profile_id, audience, sort_key, handle, name, active_day, helpful, newest"
_RANGE = "p.sort_key >= ? AND p.sort_key < ?"


def _columns(order: Order) -> str:
    return f"p.profile_id, p.handle, p.name, {order.listed('p.')}"


def _conditions(ranged: bool, without: int, since: bool) -> str:
    sql = f" AND {_RANGE}" if ranged else ""
    if without:
        sql += (
            " AND NOT EXISTS (SELECT 1 FROM people o WHERE o.profile_id = p.profile_id"
            f" AND o.audience IN ({marks(without)}))"
        )
    return sql + (" AND p.active_day >= ?" if since else "")


@lru_cache(maxsize=128)
def _page_sql(dialect: str, order_name: str, ranged: bool, without: int, ends: bool) -> str:
    """Rows in order, by the order's own index."""
    order = ORDERS[order_name]
    until = f" AND {order.placed_until('p.')}" if ends else ""
    return (
        f"SELECT {_columns(order)} FROM people p WHERE p.audience = ? AND {order.placed('p.')}{until}"
        f"{_conditions(ranged, without, False)} ORDER BY {order.ordered('p.')} LIMIT ?"
    )


@lru_cache(maxsize=512)
def _walk_sql(dialect: str, order_name: str, ranged: bool, without: int, needles: int, since: bool) -> str:
    """Of the next WALK rows in order those that match."""
    order = ORDERS[order_name]
    inside = "instr(p.words, ?) > 0" if dialect == "sqlite" else "strpos(p.words, ?) > 0"
    words = " AND ".join([inside] * needles) or "TRUE"
    return (
        f"SELECT {_columns(order)} FROM (SELECT * FROM people WHERE audience = ? AND {order.placed()}"
        f" ORDER BY {order.ordered()} LIMIT ?) p"
        f" WHERE {words}{_conditions(ranged, without, since)} ORDER BY {order.ordered('p.')} LIMIT ?"
    )


@lru_cache(maxsize=128)
def _active_sql(dialect: str, order_name: str, ranged: bool, without: int) -> str:
    """Rows by the day somebody was last active: where few were, the order would be walked to its end for them."""
    return _by_index_sql(dialect, order_name, "people_active", "p.active_day >= ?", ranged, without)


@lru_cache(maxsize=64)
def _prefix_sql(dialect: str, order_name: str, ranged: bool, without: int) -> str:
    """Rows by the beginning of the name, in an order that is not by name."""
    return _by_index_sql(dialect, order_name, "people_order", _RANGE, False, without)


def _by_index_sql(dialect: str, order_name: str, index: str, hit: str, ranged: bool, without: int) -> str:
    """Rows that an index finds, then sorted. MATERIALIZED: else PostgreSQL walks the order's index instead."""
    order = ORDERS[order_name]
    rest = f"{order.placed('p.')}{_conditions(ranged, without, False)} ORDER BY {order.ordered('p.')} LIMIT ?"
    if dialect == "sqlite":
        return (
            f"SELECT {_columns(order)} FROM people p INDEXED BY {index} WHERE p.audience = ? AND {hit} AND {rest}"
        )
    return (
        f"WITH hit AS MATERIALIZED (SELECT {_HIT} FROM people p WHERE audience = ? AND {hit})"
        f" SELECT {_columns(order)} FROM hit p WHERE {rest}"
    )


@lru_cache(maxsize=512)
def _words_sql(dialect: str, order_name: str, ranged: bool, without: int, needles: int, since: bool) -> str:
    """Rows by the trigrams of their words. MATERIALIZED as above."""
    order = ORDERS[order_name]
    rest = (
        f"p.audience = ? AND {order.placed('p.')}{_conditions(ranged, without, since)}"
        f" ORDER BY {order.ordered('p.')} LIMIT ?"
    )
    if dialect == "sqlite":
        return (
            f"SELECT {_columns(order)} FROM people_words w CROSS JOIN people p ON p.id = w.rowid"
            f" WHERE w.people_words MATCH ? AND {rest}"
        )
    like = " AND ".join(["words LIKE ?"] * needles)
    return (
        f"WITH hit AS MATERIALIZED (SELECT {_HIT} FROM people WHERE {like})"
        f" SELECT {_columns(order)} FROM hit p WHERE {rest}"
    )
