"""Published badges and their places in the status lists. SQL only."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from webapp.store.database import Database, marks

#: Credentials of one list; of its places most are nobody's, so that a number tells nothing.
PER_LIST = 100
PLACES = 131_072


class Published(NamedTuple):
    """A badge that is published now. `revoked_at`: since when a status list has told its credential as revoked."""

    key: str
    account_id: int
    badge: str
    list: int
    place: int
    published_at: int
    revoked_at: int | None


_ROW = "c.key, c.account_id, c.badge, c.list, c.place, c.published_at, c.revoked_at"


def load(db: Database, account_id: int) -> dict[str, Published]:
    """What an account published, by badge."""
    sql = f"SELECT {_ROW} FROM credential c WHERE c.account_id = ? AND c.ended_at IS NULL"
    return {row[2]: Published._make(row) for row in db.rows(sql, (account_id,))}


def load_all(db: Database, account_id: int) -> list[tuple[str, str, int, int | None]]:
    """(badge, key, published_at, ended_at) of every credential that an account ever had, for its owner."""
    sql = (
        "SELECT badge, key, published_at, COALESCE(ended_at, revoked_at) FROM credential WHERE account_id = ?"
        " ORDER BY id"
    )
    return db.rows(sql, (account_id,))


def load_list(db: Database, number: int) -> list[tuple[str, Published]]:
    """(handle, published badge) of one status list, but those that it told as revoked once."""
    sql = (
        f"SELECT a.handle, {_ROW} FROM credential c JOIN account a ON a.id = c.account_id"
        " WHERE c.list = ? AND c.ended_at IS NULL AND c.revoked_at IS NULL ORDER BY a.id, c.id"
    )
    return [(row[0], Published._make(row[1:])) for row in db.rows(sql, (number,))]


def last_list(db: Database) -> int:
    """The list that the next credential goes into."""
    row = db.row("SELECT COUNT(*) FROM credential")
    return int(row[0]) // PER_LIST if row else 0


def add(db: Database, key: str, account_id: int, badge: str, number: int, place: int, now: int) -> bool:
    """Publish a badge; False where it is published already, or the place is taken."""
    cursor = db.execute(
        "INSERT INTO credential(key, account_id, badge, list, place, published_at) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT DO NOTHING",
        (key, account_id, badge, number, place, now),
    )
    return bool(cursor.rowcount == 1)


def end(db: Database, account_id: int, badge: str, now: int) -> bool:
    """End it; False where it was not published. Its place is never given again."""
    cursor = db.execute(
        "UPDATE credential SET ended_at = ? WHERE account_id = ? AND badge = ? AND ended_at IS NULL",
        (now, account_id, badge),
    )
    return bool(cursor.rowcount == 1)


def revoke(db: Database, keys: Collection[str], now: int) -> None:
    """Note that a status list tells these as revoked from now on. The badges stay published."""
    db.execute(
        f"UPDATE credential SET revoked_at = ? WHERE key IN ({marks(len(keys))}) AND revoked_at IS NULL", (now, *keys)
    )
