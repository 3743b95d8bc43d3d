"""Reading the audit log for admins. Which rows and columns may be told is decided in services/admin_audit.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from webapp.store.database import Database, marks


class Entry(NamedTuple):
    """A row with the present handles of the accounts in it (None: none, or deleted)."""

    id: int
    at: int
    event: str
    actor_id: int | None
    actor: str | None
    subject_id: int | None
    subject: str | None
    organization: str | None
    detail: str


class Wish(NamedTuple):
    """Which rows: LIKE patterns of events that may be (and of those that may not), and the filters (None: any).

    named: patterns of events that the filters by account look at; deeds: those whose actor may be another account
    """

    without: tuple[str, ...]
    named: tuple[str, ...]
    deeds: tuple[str, ...]
    event: str | None = None
    actor_id: int | None = None
    subject_id: int | None = None
    organization_id: int | None = None
    since: int | None = None
    until: int | None = None


def load_page(db: Database, wish: Wish, before: int | None, limit: int) -> list[Entry]:
    """Rows in the order of writing, the newest first."""
    where = ["l.id < ?", *(["l.event NOT LIKE ?"] * len(wish.without))]
    params: list[object] = [before if before is not None else 2**62, *wish.without]
    if wish.event is not None:
        where.append("(l.event = ? OR l.event LIKE ?)")
        params += [wish.event, f"{wish.event}:%"]
    if wish.actor_id is not None:
        where.append(f"l.actor_id = ? AND (l.subject_id IS NULL OR l.subject_id = l.actor_id OR {_any(wish.deeds)})")
        params += [wish.actor_id, *wish.deeds]
    if wish.subject_id is not None:
        where.append("l.subject_id = ?")
        params.append(wish.subject_id)
    if wish.actor_id is not None or wish.subject_id is not None:
        where.append(_any(wish.named))
        params += wish.named
    for column, sign, value in (("organization_id", "=", wish.organization_id), ("at", ">=", wish.since),
                                ("at", "<", wish.until)):
        if value is not None:
            where.append(f"l.{column} {sign} ?")
            params.append(value)
    return [
        Entry._make(row)
        for row in db.rows(
            "SELECT l.id, l.at, l.event, l.actor_id, a.handle, l.subject_id, s.handle, o.name, l.detail FROM audit l"
            " LEFT JOIN account a ON a.id = l.actor_id AND a.state <> 'deleted'"
            " LEFT JOIN account s ON s.id = l.subject_id AND s.state <> 'deleted'"
            " LEFT JOIN organization o ON o.id = l.organization_id"
            f" WHERE {' AND '.join(where)} ORDER BY l.id DESC LIMIT ?",
            (*params, limit),
        )
    ]


def count_days(db: Database, events: Sequence[str], since: int) -> list[tuple[str, int, int]]:
    """(event, day, rows) of these events since a moment."""
    return [
        (row[0], row[1], row[2])
        for row in db.rows(
            f"SELECT event, at / 86400, COUNT(*) FROM audit WHERE event IN ({marks(len(events))}) AND at >= ?"
            " GROUP BY event, at / 86400",
            (*events, since),
        )
    ]


def find_account(db: Database, handle: str) -> int | None:
    """The account that has this handle now."""
    row = db.row("SELECT id FROM account WHERE handle = ? AND state <> 'deleted'", (handle,))
    return None if row is None else int(row[0])


def _any(patterns: Sequence[str]) -> str:
    return f"({' OR '.join(['l.event LIKE ?'] * len(patterns))})"
