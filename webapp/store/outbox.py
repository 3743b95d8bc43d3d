"""Mail waiting to be sent. A sent mail's row is deleted: its text may hold a link that logs somebody in."""

from __future__ import annotations

from typing import NamedTuple

from webapp.store.database import Database

#: `due_at` of a mail that was given up: never due again, kept without its text until it is swept.
NEVER = 2**62


class Mail(NamedTuple):
    """One waiting mail; `attempts` counts the present one."""

    id: int
    recipient: str
    subject: str
    body: str
    created_at: int
    attempts: int


def add(db: Database, recipient: str, subject: str, body: str, now: int) -> None:
    """Put a mail into the outbox, in the transaction of what it tells about."""
    db.execute(
        "INSERT INTO outbox(recipient, subject, body, created_at, due_at) VALUES (?,?,?,?,?)",
        (recipient, subject, body, now, now),
    )


def claim(db: Database, now: int, lease: int, limit: int) -> list[Mail]:
    """Take up to `limit` due mails for `lease` seconds, so that two workers never send the same one."""
    claimed = []
    for (mail_id,) in db.rows("SELECT id FROM outbox WHERE due_at <= ? ORDER BY due_at, id LIMIT ?", (now, limit)):
        row = db.execute(
            "UPDATE outbox SET due_at = ?, attempts = attempts + 1 WHERE id = ? AND due_at <= ?"
            " RETURNING id, recipient, subject, body, created_at, attempts",
            (now + lease, mail_id, now),
        ).fetchone()
        if row is not None:
            claimed.append(Mail(*row))
    return claimed


def count(db: Database) -> int:
    """How many mails wait, for now or for another attempt."""
    row = db.row("SELECT COUNT(*) FROM outbox WHERE due_at < ?", (NEVER,))
    return int(row[0]) if row else 0


def remove(db: Database, mail_id: int) -> None:
    """The mail was handed over."""
    db.execute("DELETE FROM outbox WHERE id = ?", (mail_id,))


def postpone(db: Database, mail_id: int, due_at: int, failed: str) -> None:
    """Try again at `due_at`; `failed` says what went wrong, without the recipient."""
    db.execute("UPDATE outbox SET due_at = ?, failed = ? WHERE id = ?", (due_at, failed, mail_id))


def give_up(db: Database, mail_id: int, failed: str) -> None:
    """Keep the fact that this mail failed, not its text."""
    db.execute("UPDATE outbox SET due_at = ?, failed = ?, body = '' WHERE id = ?", (NEVER, failed, mail_id))


def sweep(db: Database, before: int) -> None:
    """Forget given-up mails written before `before`."""
    db.execute("DELETE FROM outbox WHERE due_at >= ? AND created_at < ?", (NEVER, before))
