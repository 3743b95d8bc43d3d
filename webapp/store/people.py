"""The directory's index: its rows and how they are written. Searched in people_search.py; who sees what: above.

`people` holds one row per profile as Anyone sees it (audience 0) and one per organization whose members see something
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from webapp.store.database import Database, marks
from webapp.store.lists import padded

#: The place of whom an order does not place for this audience: after everybody it does place, whose places are <= 0.
LAST_PLACE = 1


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
    """Move the last day of (day, account) on, where that profile's activity is shown. Inside a transaction."""
    db.executemany(
        "UPDATE people SET active_day = ? WHERE active_day < ? AND profile_id ="
        " (SELECT CASE WHEN a.silent THEN a.id ELSE COALESCE(a.primary_id, a.id) END FROM account a WHERE a.id = ?)",
        [(day, day, account_id) for day, account_id in days],
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
