"""Login sessions: which browsers are logged in. The row's id is the SHA-256 of the cookie's random id."""

from __future__ import annotations

from typing import Any, NamedTuple

from webapp.store.database import Database

#: The session and its account in one statement. Dead sessions and accounts that may not log in give no row (T26).
LOAD = """
SELECT a.id, a.handle, a.is_admin, s.created_at, s.seen_at, s.proved_at
FROM login_session s JOIN account a ON a.id = s.account_id
WHERE s.id = ? AND s.seen_at > ? AND s.created_at > ? AND a.state = 'active' AND a.email_verified_at IS NOT NULL
"""


class SessionRow(NamedTuple):
    account_id: int
    handle: str
    is_admin: bool
    created_at: int
    seen_at: int
    proved_at: int


def add(db: Database, session_hash: str, account_id: int, now: int, proved_at: int, device: str) -> None:
    db.execute(
        "INSERT INTO login_session(id, account_id, created_at, seen_at, proved_at, device) VALUES (?,?,?,?,?,?)",
        (session_hash, account_id, now, now, proved_at, device),
    )


def load(db: Database, session_hash: str, seen_after: int, created_after: int) -> SessionRow | None:
    """The session and its account, if both may be used."""
    row = db.row(LOAD, (session_hash, seen_after, created_after))
    return None if row is None else SessionRow(row[0], row[1], bool(row[2]), *row[3:])


def is_there(db: Database, session_hash: str) -> bool:
    """Whether the session's row still stands: nobody has ended it."""
    return db.row("SELECT 1 FROM login_session WHERE id = ?", (session_hash,)) is not None


def touch(db: Database, session_hash: str, now: int) -> None:
    db.execute("UPDATE login_session SET seen_at = ? WHERE id = ?", (now, session_hash))


def renew(db: Database, old_hash: str, new_hash: str, now: int) -> bool:
    """Give a session a new id and note a typed password; False if it has ended."""
    cursor = db.execute(
        "UPDATE login_session SET id = ?, proved_at = ?, seen_at = ? WHERE id = ?", (new_hash, now, now, old_hash)
    )
    return bool(cursor.rowcount == 1)


def end(db: Database, session_hash: str) -> int | None:
    """End one session; the account it was of, None if there was none."""
    row = db.execute("DELETE FROM login_session WHERE id = ? RETURNING account_id", (session_hash,)).fetchone()
    return None if row is None else int(row[0])


def end_of_account(db: Database, account_id: int, *, but: str = "") -> int:
    """End every session of an account, except the one whose hash is `but`; how many."""
    return int(db.execute("DELETE FROM login_session WHERE account_id = ? AND id <> ?", (account_id, but)).rowcount)


def end_listed(db: Database, account_id: int, prefix: str) -> int:
    """End the session of this account whose hash starts with `prefix` (as shown in its list); how many."""
    cursor = db.execute(
        "DELETE FROM login_session WHERE account_id = ? AND substr(id, 1, ?) = ?", (account_id, len(prefix), prefix)
    )
    return int(cursor.rowcount)


def list_of_account(db: Database, account_id: int, seen_after: int, created_after: int) -> list[tuple[Any, ...]]:
    """(hash, created_at, seen_at, device) of live sessions, last seen first."""
    return db.rows(
        "SELECT id, created_at, seen_at, device FROM login_session WHERE account_id = ? AND seen_at > ?"
        " AND created_at > ? ORDER BY seen_at DESC, id",
        (account_id, seen_after, created_after),
    )


def sweep(db: Database, seen_before: int, created_before: int) -> None:
    db.execute("DELETE FROM login_session WHERE seen_at <= ? OR created_at <= ?", (seen_before, created_before))
