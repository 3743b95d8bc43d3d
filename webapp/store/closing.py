"""States of an account that close it. SQL only; who may and in which order is services.closing's."""

from __future__ import annotations

from typing import NamedTuple

from webapp.store.database import Database


class Standing(NamedTuple):
    """What closing an account asks of it."""

    id: int
    handle: str
    email: str | None
    email_verified_at: int | None
    state: str
    closes_at: int | None


def load(db: Database, account_id: int) -> Standing | None:
    row = db.row(
        "SELECT id, handle, email, email_verified_at, state, closes_at FROM account WHERE id = ?", (account_id,)
    )
    return None if row is None else Standing._make(row)


def set_state(db: Database, account_id: int, state: str, now: int, closes_at: int | None) -> None:
    """The state and the day of deletion; what is shown of the account changed."""
    db.execute(
        "UPDATE account SET state = ?, state_at = ?, closes_at = ?, row_version = row_version + 1 WHERE id = ?",
        (state, now, closes_at, account_id),
    )


def load_due(db: Database, now: int, limit: int) -> list[int]:
    """Accounts whose day has come, the longest due first."""
    rows = db.rows(
        "SELECT id FROM account WHERE closes_at IS NOT NULL AND closes_at <= ? ORDER BY closes_at, id LIMIT ?",
        (now, limit),
    )
    return [row[0] for row in rows]


def lock_sources(db: Database) -> None:
    """Nothing is recorded of any source until the transaction ends. Before the link guard and every account's row."""
    if db.dialect == "postgresql":      # a SQLite transaction holds the write lock already
        db.rows("SELECT id FROM source ORDER BY id FOR NO KEY UPDATE")
