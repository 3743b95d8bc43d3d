"""The write probe and the queue sizes. Nothing about a person."""

from __future__ import annotations

from webapp.store.database import Database


def save_probe(db: Database, now: int) -> None:
    """Write one row that means nothing, to prove that a write commits."""
    db.execute(
        "INSERT INTO site_setting(key, value) VALUES ('probe', ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (str(now),),
    )


def count_queues(db: Database) -> dict[str, int]:
    """How many mails wait, and how many of them failed before."""
    row = db.row("SELECT COUNT(*), COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) FROM outbox")
    return {"outbox_waiting": int(row[0]), "outbox_retrying": int(row[1])} if row else {}
