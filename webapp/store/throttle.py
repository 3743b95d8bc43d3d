"""Counted attempts, shared by all worker processes. A key's count starts anew when its window is over."""

from __future__ import annotations

from webapp.store.database import Database

TAKE = """
INSERT INTO throttle(key, count, until) VALUES (?, 1, ?)
ON CONFLICT(key) DO UPDATE SET
  count = CASE WHEN throttle.until <= ? THEN 1 ELSE throttle.count + 1 END,
  until = CASE WHEN throttle.until <= ? THEN excluded.until ELSE throttle.until END
RETURNING count, until
"""


def take(db: Database, key: str, window: int, now: int) -> tuple[int, int]:
    """Count one attempt; (attempts in this window, when the window ends)."""
    count, until = db.execute(TAKE, (key, now + window, now, now)).fetchone()
    return int(count), int(until)


def give_back(db: Database, key: str) -> None:
    """Take one attempt off again: it was none."""
    db.execute("UPDATE throttle SET count = count - 1 WHERE key = ? AND count > 0", (key,))


def forget(db: Database, key: str) -> None:
    """Start a key anew."""
    db.execute("DELETE FROM throttle WHERE key = ?", (key,))


def sweep(db: Database, now: int) -> None:
    """Drop windows that are over."""
    db.execute("DELETE FROM throttle WHERE until <= ?", (now,))
