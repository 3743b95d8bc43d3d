"""The directory's index and the bulk reads behind its cards, by compiled SQL. Who may see what is decided above.

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
from webapp.store.profiles import MEMBER_COLUMNS, Group, Member
from webapp.store.totals import COUNTERS

#: How many rows in key order are looked through before the word index is asked: what many match is found at once.
WALK = 1000
#: Rows of one statement; shorter lists are filled up, so that the texts of the statements stay few.
SIZES = (64, 512)


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
    `since`: active on that day or later; `after`: the place of the last row that was shown."""

    needles: tuple[str, ...] = ()
    prefix: str = ""
    since: int | None = None
    after: tuple[str, str] = ("", "")


# The index


def replace_entries(db: Database, profile_ids: Sequence[int], entries: Sequence[Entry]) -> None:
    """Let these be all rows of these profiles; rows that are right already are not touched. Inside a transaction."""
    known: dict[tuple[int, int], tuple[int, Entry]] = {}
    for some, ids in _padded(profile_ids):
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
        db.executemany(f"{_TRIGRAMS} WHERE id = ?", [(row_id,) for row_id, _ in stale])
        db.executemany(f"{_TRIGRAMS} WHERE profile_id = ? AND audience = ?", [entry[:2] for entry in new])


_TRIGRAMS = "INSERT INTO people_words(rowid, words) SELECT id, words FROM people"


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
    for some, ids in _padded(account_ids):
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
    return [row for row, _ in zip(merge(*halves), range(limit), strict=False)]


def _half(db: Database, audience: int, without: tuple[int, ...], search: Search, limit: int) -> list[Found]:
    after, count = search.after, len(search.needles)
    needles = search.needles
    ranged, bounds = _range(search)
    rest = (*without, *(() if search.since is None else (search.since,)))
    if not needles:
        sql = _walk_sql(db.dialect, 0, len(without), search.since is not None, ranged)
        return _found(db, sql, (audience, *after, *bounds, *rest, limit), audience)
    sql = _walk_sql(db.dialect, count, len(without), search.since is not None, ranged)
    rows = db.rows(sql, (audience, *after, *bounds, WALK, *needles, *rest, limit))
    if len(rows) >= limit:
        return [Found(row[0], row[1], row[2], audience, row[3]) for row in rows]
    sql = _index_sql(db.dialect, count, len(without), search.since is not None, ranged)
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
def _walk_sql(dialect: str, needles: int, without: int, since: bool, ranged: bool) -> str:
    """Rows in key order; with needles, only WALK of them are looked at."""
    place = " AND (sort_key, handle) > (?, ?)" + (" AND sort_key >= ? AND sort_key < ?" if ranged else "")
    conditions = _conditions(without, since)
    if not needles:
        return (
            "SELECT p.sort_key, p.handle, p.profile_id, p.name FROM people p WHERE p.audience = ?"
            f"{place.replace('sort_key', 'p.sort_key').replace('handle', 'p.handle')}{conditions}"
            " ORDER BY p.sort_key, p.handle LIMIT ?"
        )
    inside = "instr(p.words, ?) > 0" if dialect == "sqlite" else "strpos(p.words, ?) > 0"
    return (
        "SELECT p.sort_key, p.handle, p.profile_id, p.name FROM (SELECT sort_key, handle, profile_id, name, words,"
        f" active_day FROM people WHERE audience = ?{place} ORDER BY sort_key, handle LIMIT ?) p"
        f" WHERE {' AND '.join([inside] * needles)}{conditions} ORDER BY p.sort_key, p.handle LIMIT ?"
    )


@lru_cache(maxsize=512)
def _index_sql(dialect: str, needles: int, without: int, since: bool, ranged: bool) -> str:
    """Rows by the trigrams of their words. MATERIALIZED: else PostgreSQL walks the whole key index instead."""
    place = "p.audience = ? AND (p.sort_key, p.handle) > (?, ?)"
    place += " AND p.sort_key >= ? AND p.sort_key < ?" if ranged else ""
    rest = f"{place}{_conditions(without, since)} ORDER BY p.sort_key, p.handle LIMIT ?"
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


# What cards and rows of the index are made of


def load_groups(db: Database, profile_ids: Sequence[int]) -> tuple[int, dict[int, Group]]:
    """(policy version, the group behind each profile): a primary's or unlinked account's own, a silent account alone.

    Accounts that are linked and not silent have no profile and are missing. One statement for up to 512.
    """
    version = 0
    members: dict[int, Member] = {}
    for some, ids in _padded(profile_ids):
        for row in db.rows(
            f"SELECT (SELECT version FROM policy_state WHERE id = 1), {MEMBER_COLUMNS} FROM account a"
            f" WHERE a.id IN ({some}) UNION ALL SELECT 0, {MEMBER_COLUMNS} FROM account a WHERE a.primary_id IN ({some})",
            ids * 2,
        ):
            version = max(version, row[0])
            members[row[1]] = Member._make(row[1:])
    linked: dict[int, list[Member]] = {}
    for _, member in sorted(members.items()):
        if member.primary_id is not None:
            linked.setdefault(member.primary_id, []).append(member)
    groups: dict[int, Group] = {}
    for member in members.values():
        if member.primary_id is None:
            groups[member.id] = Group(version, member, member, tuple(linked.get(member.id, ())))
        elif member.silent:
            groups[member.id] = Group(version, member, member, ())
    return version, {profile_id: groups[profile_id] for profile_id in profile_ids if profile_id in groups}


#: The record columns that rows of the index and cards are made of; bit n of a record's mask stands for the n-th.
COLUMNS = ("full_name", "avatar", "job_title", "department", "organization", "location", "bio", "products")


class Record(NamedTuple):
    """Permitted values of an account; None where not permitted."""

    public_name: str
    full_name: str | None
    avatar: str | None
    job_title: str | None
    department: str | None
    organization: str | None
    location: str | None
    bio: str | None
    products: str | None


@lru_cache(maxsize=8)
def _records_sql(count: int) -> str:
    shown = ", ".join(
        f"CASE WHEN w.mask & {1 << number} <> 0 THEN a.{name} END" for number, name in enumerate(COLUMNS)
    )
    return f"{_with('w(n, id, mask)', count, 3)} SELECT w.n, a.public_name, {shown} FROM w JOIN account a ON a.id = w.id"


def load_records(db: Database, wanted: Sequence[tuple[int, int]]) -> list[Record | None]:
    """The values of (account, mask of COLUMNS), in the same order. What is not in the mask is not read."""
    found: list[Record | None] = [None] * len(wanted)
    rows = [(n, account_id, mask) for n, (account_id, mask) in enumerate(wanted)]
    for size, part in _parts(rows):
        for row in db.rows(_records_sql(size), _flat(part, size, (0, 0, 0))):
            found[row[0]] = Record._make(row[1:])
    return found


@lru_cache(maxsize=8)
def _day_sql(count: int) -> str:
    return (
        f"{_with('w(n, id)', count, 2)} SELECT w.n, MAX(d.day) FROM w JOIN activity_day d ON d.account_id = w.id"
        " WHERE d.n > 0 GROUP BY w.n"
    )


def load_last_days(db: Database, groups: Sequence[Sequence[int]]) -> dict[int, int]:
    """The last day with activity of these accounts together, by the group's place in the list."""
    rows = [(n, account_id) for n, group in enumerate(groups) for account_id in group]
    found: dict[int, int] = {}
    for size, part in _parts(rows):
        for n, day in db.rows(_day_sql(size), _flat(part, size, (0, 0))):
            found[n] = max(day, found.get(n, 0))
    return found


@lru_cache(maxsize=8)
def _designated_sql(count: int) -> str:
    return (
        f"{_with('w(n, id)', count, 2)} SELECT w.n, h.until FROM w JOIN held h ON h.account_id = w.id"
        " AND h.kind = 'designation' WHERE NOT h.retired"
    )


def load_designations(db: Database, groups: Sequence[Sequence[int]]) -> dict[int, int | None]:
    """Until when any of these accounts holds a designation (None: without end), by the group's place; else missing."""
    rows = [(n, account_id) for n, group in enumerate(groups) for account_id in group]
    found: dict[int, int | None] = {}
    for size, part in _parts(rows):
        for n, until in db.rows(_designated_sql(size), _flat(part, size, (0, 0))):
            known = found.get(n, 0)
            found[n] = None if until is None or known is None else max(until, known)
    return found


_STATS, _KUDOS = 1, 2


@lru_cache(maxsize=8)
def _sums_sql(count: int) -> str:
    sums = ", ".join(
        f"CAST(SUM(CASE WHEN w.mask & {_KUDOS if name == 'peer_kudos' else _STATS} <> 0 THEN a.{name} END) AS BIGINT)"
        for name in (*COUNTERS, "peer_kudos")
    )
    return f"{_with('w(n, id, mask)', count, 3)} SELECT w.n, {sums} FROM w JOIN account a ON a.id = w.id GROUP BY w.n"


@lru_cache(maxsize=8)
def _courses_sql(count: int) -> str:
    return (
        f"{_with('w(n, id)', count, 2)} SELECT DISTINCT w.n, h.item FROM w JOIN held h ON h.account_id = w.id"
        " AND h.kind = 'course'"
    )


@lru_cache(maxsize=8)
def _netted_sql(count: int) -> str:
    return (
        f"{_with('w(n, giver, receiver)', count, 3)} SELECT w.n, CAST(SUM(p.likes) AS BIGINT),"
        " CAST(SUM(p.kudos) AS BIGINT) FROM w JOIN pair_counter p"
        " ON p.receiver_id = w.receiver AND p.giver_id = w.giver GROUP BY w.n"
    )


def load_totals(
    db: Database, groups: Sequence[tuple[Sequence[int], bool, bool]]
) -> list[dict[str, int]]:
    """The shown totals of each (accounts, stats shown, kudos shown), netted within the group (D9). Three statements.

    What is not shown is not summed up and missing.
    """
    found: list[dict[str, int]] = [{} for _ in groups]
    names = (*COUNTERS, "peer_kudos")
    members = [
        (n, account_id, _STATS * stats + _KUDOS * kudos)
        for n, (ids, stats, kudos) in enumerate(groups) for account_id in ids
    ]
    for size, part in _parts(members):
        for row in db.rows(_sums_sql(size), _flat(part, size, (0, 0, 0))):
            for name, value in zip(names, row[1:], strict=True):
                if value is not None:
                    found[row[0]][name] = found[row[0]].get(name, 0) + value
    learners = [(n, account_id) for n, (ids, stats, _) in enumerate(groups) if stats for account_id in ids]
    courses: dict[int, set[str]] = {n: set() for n, (_, stats, _) in enumerate(groups) if stats}
    for size, part in _parts(learners):
        for n, item in db.rows(_courses_sql(size), _flat(part, size, (0, 0))):
            courses[n].add(item)
    for n, items in courses.items():
        found[n]["courses_completed"] = len(items)
    pairs = [
        (n, giver, receiver) for n, (ids, _, _) in enumerate(groups) if len(ids) > 1
        for giver in ids for receiver in ids if giver != receiver
    ]
    for size, part in _parts(pairs):
        for n, likes, kudos in db.rows(_netted_sql(size), _flat(part, size, (0, 0, 0))):
            for name, value in (("likes_received", likes), ("peer_kudos", kudos)):
                if name in found[n]:
                    found[n][name] -= value
    return found


def load_slugs(db: Database) -> dict[int, str]:
    """The slug of every organization."""
    return dict(db.rows("SELECT id, slug FROM organization"))


# Lists of any length in statements of few lengths


def _with(shape: str, count: int, width: int) -> str:
    # The cast names the types, which PostgreSQL cannot tell from the parameters of a VALUES list.
    first = "(" + ",".join(["CAST(? AS BIGINT)"] * width) + ")"
    rest = f",({marks(width)})" * (count - 1)
    return f"WITH {shape} AS (VALUES {first}{rest})"


def _parts(rows: Sequence[tuple[int, ...]]) -> Iterable[tuple[int, Sequence[tuple[int, ...]]]]:
    """Parts of a list with the size of the statement for each; an empty list is asked for too (T61)."""
    largest = SIZES[-1]
    for start in range(0, max(1, len(rows)), largest):
        part = rows[start : start + largest]
        yield next(size for size in SIZES if len(part) <= size), part


def _flat(part: Sequence[tuple[int, ...]], size: int, nobody: tuple[int, ...]) -> list[int]:
    flat = [value for row in part for value in row]
    return flat + list(nobody) * (size - len(part))


def _padded(ids: Sequence[int]) -> Iterable[tuple[str, tuple[int, ...]]]:
    for size, part in _parts([(number,) for number in ids]):
        yield marks(size), tuple(_flat(part, size, (0,)))


def load_organization_names(db: Database, organization_ids: Sequence[int]) -> list[str]:
    """Names of organizations, in the order of their ids."""
    return [
        row[0] for some, ids in _padded(organization_ids)
        for row in db.rows(f"SELECT name FROM organization WHERE id IN ({some}) ORDER BY id", ids)
    ]
