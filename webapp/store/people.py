"""The directory's index: its rows and the search through them, by compiled SQL. Who may see what is decided above.

`people` holds one row per profile as Anyone sees it (audience 0) and one per organization whose members see something
else. Its order is (sort_key, handle), compared byte by byte on both databases. Nothing is ranked or scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from typing import NamedTuple

from webapp.store.database import Database, marks
from webapp.store.lists import padded

#: How many rows in key order are looked through before the word index is asked: what many match is found at once.
WALK = 300
#: After every name.
LAST = ("\U0010ffff", "")


class Entry(NamedTuple):
    """A row of the index. `active_day`: last day with activity that this audience sees; 0 none yet, None hidden."""

    profile_id: int
    audience: int
    sort_key: str
    handle: str
    name: str
    words: str
    active_day: int | None


class Found(NamedTuple):
    """A row that answers a search, in the order of the directory."""

    sort_key: str
    handle: str
    profile_id: int
    audience: int
    name: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. `needles` stand in the words, each of three characters or more; `prefix` starts the sort key;
    `since`: active on that day or later; `after`: the place of the last row that was shown; `down`: last name first."""

    needles: tuple[str, ...] = ()
    prefix: str = ""
    since: int | None = None
    after: tuple[str, str] = ("", "")
    down: bool = False


# The index


def replace_entries(db: Database, profile_ids: Sequence[int], entries: Sequence[Entry]) -> None:
    """Let these be all rows of these profiles; rows that are right already are not touched. Inside a transaction."""
    known: dict[tuple[int, int], tuple[int, Entry]] = {}
    for some, ids in padded(profile_ids):
        for row in db.rows(
            "SELECT id, profile_id, audience, sort_key, handle, name, words, active_day FROM people"
            f" WHERE profile_id IN ({some})",
            ids,
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
    db.executemany(
        "UPDATE people SET sort_key = ?, handle = ?, name = ?, words = ?, active_day = ? WHERE id = ?", changed
    )
    db.executemany(
        "INSERT INTO people(profile_id, audience, sort_key, handle, name, words, active_day) VALUES (?,?,?,?,?,?,?)"
        " ON CONFLICT (profile_id, audience) DO UPDATE SET sort_key = excluded.sort_key, handle = excluded.handle,"
        " name = excluded.name, words = excluded.words, active_day = excluded.active_day",
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
    halves = [_half(db, 0, tuple(audiences), search, limit)]
    halves += [_half(db, audience, (), search, limit) for audience in audiences]
    return [row for row, _ in zip(merge(*halves, reverse=search.down), range(limit), strict=False)]


def _half(db: Database, audience: int, without: tuple[int, ...], search: Search, limit: int) -> list[Found]:
    after, count, down = search.after, len(search.needles), search.down
    if down and after == ("", ""):
        after = LAST
    needles = search.needles
    ranged, bounds = _range(search)
    rest = (*without, *(() if search.since is None else (search.since,)))
    if not needles and search.since is None:
        sql = _walk_sql(db.dialect, 0, len(without), False, ranged, down)
        return _found(db, sql, (audience, *after, *bounds, *rest, limit), audience)
    sql = _walk_sql(db.dialect, count, len(without), search.since is not None, ranged, down)
    rows = db.rows(sql, (audience, *after, *bounds, WALK, *needles, *rest, limit))
    if len(rows) >= limit:
        return [Found(row[0], row[1], row[2], audience, row[3]) for row in rows]
    if not needles:
        sql = _active_sql(db.dialect, len(without), ranged, down)
        return _found(db, sql, (audience, search.since, *after, *bounds, *without, limit), audience)
    sql = _index_sql(db.dialect, count, len(without), search.since is not None, ranged, down)
    if db.dialect == "sqlite":
        asked: tuple[object, ...] = (" AND ".join('"' + needle.replace('"', '""') + '"' for needle in needles),)
    else:
        asked = tuple(f"%{_literal(needle)}%" for needle in needles)
    return _found(db, sql, (*asked, audience, *after, *bounds, *rest, limit), audience)


def _found(db: Database, sql: str, params: tuple[object, ...], audience: int) -> list[Found]:
    return [Found(row[0], row[1], row[2], audience, row[3]) for row in db.rows(sql, params)]


def _range(search: Search) -> tuple[bool, tuple[str, ...]]:
    return (True, (search.prefix, search.prefix + "\U0010ffff")) if search.prefix else (False, ())


def _literal(needle: str) -> str:
    return needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _conditions(without: int, since: bool) -> str:
    sql = ""
    if without:
        sql += (
            " AND NOT EXISTS (SELECT 1 FROM people o WHERE o.profile_id = p.profile_id"
            f" AND o.audience IN ({marks(without)}))"
        )
    return sql + (" AND p.active_day >= ?" if since else "")


@lru_cache(maxsize=512)
def _walk_sql(dialect: str, needles: int, without: int, since: bool, ranged: bool, down: bool) -> str:
    """Rows in key order; with needles or a day, only WALK of them are looked at."""
    than, way = ("<", " DESC") if down else (">", "")
    place = f" AND (sort_key, handle) {than} (?, ?)" + (" AND sort_key >= ? AND sort_key < ?" if ranged else "")
    conditions = _conditions(without, since)
    if not needles and not since:
        return (
            "SELECT p.sort_key, p.handle, p.profile_id, p.name FROM people p WHERE p.audience = ?"
            f"{place.replace('sort_key', 'p.sort_key').replace('handle', 'p.handle')}{conditions}"
            f" ORDER BY p.sort_key{way}, p.handle{way} LIMIT ?"
        )
    inside = "instr(p.words, ?) > 0" if dialect == "sqlite" else "strpos(p.words, ?) > 0"
    words = " AND ".join([inside] * needles) or "TRUE"
    return (
        "SELECT p.sort_key, p.handle, p.profile_id, p.name FROM (SELECT sort_key, handle, profile_id, name, words,"
        f" active_day FROM people WHERE audience = ?{place} ORDER BY sort_key{way}, handle{way} LIMIT ?) p"
        f" WHERE {words}{conditions} ORDER BY p.sort_key{way}, p.handle{way} LIMIT ?"
    )


@lru_cache(maxsize=64)
def _active_sql(dialect: str, without: int, ranged: bool, down: bool) -> str:
    """Rows by the day somebody was last active: where few were, the key order would be walked to its end for them."""
    than, way = ("<", " DESC") if down else (">", "")
    place = f"(p.sort_key, p.handle) {than} (?, ?)" + (" AND p.sort_key >= ? AND p.sort_key < ?" if ranged else "")
    rest = f"{place}{_conditions(without, False)} ORDER BY p.sort_key{way}, p.handle{way} LIMIT ?"
    columns = "p.sort_key, p.handle, p.profile_id, p.name"
    if dialect == "sqlite":
        return (
            f"SELECT {columns} FROM people p INDEXED BY people_active WHERE p.audience = ? AND p.active_day >= ?"
            f" AND {rest}"
        )
    return (
        "WITH hit AS MATERIALIZED (SELECT * FROM people WHERE audience = ? AND active_day >= ?)"
        f" SELECT {columns} FROM hit p WHERE {rest}"
    )


@lru_cache(maxsize=512)
def _index_sql(dialect: str, needles: int, without: int, since: bool, ranged: bool, down: bool) -> str:
    """Rows by the trigrams of their words. MATERIALIZED: else PostgreSQL walks the whole key index instead."""
    than, way = ("<", " DESC") if down else (">", "")
    place = f"p.audience = ? AND (p.sort_key, p.handle) {than} (?, ?)"
    place += " AND p.sort_key >= ? AND p.sort_key < ?" if ranged else ""
    rest = f"{place}{_conditions(without, since)} ORDER BY p.sort_key{way}, p.handle{way} LIMIT ?"
    columns = "p.sort_key, p.handle, p.profile_id, p.name"
    if dialect == "sqlite":
        return (
            f"SELECT {columns} FROM people_words w CROSS JOIN people p ON p.id = w.rowid"
            f" WHERE w.people_words MATCH ? AND {rest}"
        )
    like = " AND ".join(["words LIKE ?"] * needles)
    return (
        f"WITH hit AS MATERIALIZED (SELECT * FROM people WHERE {like})"
        f" SELECT {columns} FROM hit p WHERE {rest}"
    )
