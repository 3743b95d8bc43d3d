"""The audit rows of one account, in the order of time. SQL only; which of them are told, and how, is decided above."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from webapp.store.database import Database


class Entry(NamedTuple):
    """One row. `actor_id`: who did it, None for the system; never shown as a person."""

    id: int
    at: int
    event: str
    actor_id: int | None
    detail: dict[str, Any]


_COLUMNS = "SELECT id, at, event, actor_id, detail FROM audit WHERE"
#: Older than a row, on the index (…, at) in both databases.
_OLDER = "at <= ? AND (at < ? OR id < ?) ORDER BY at DESC, id DESC LIMIT ?"
#: Above every row.
TOP = (2**62, 2**62)


def load_about(db: Database, account_id: int, after: tuple[int, int], limit: int) -> list[Entry]:
    """What was done to the account, newest first, older than the row `after` (at, id)."""
    at, row_id = after
    return _entries(db.rows(f"{_COLUMNS} subject_id = ? AND {_OLDER}", (account_id, at, at, row_id, limit)))


def load_acts(db: Database, account_id: int, after: tuple[int, int], limit: int) -> list[Entry]:
    """What the account did to anything but itself, newest first; whom it concerned is not read."""
    at, row_id = after
    sql = f"{_COLUMNS} actor_id = ? AND (subject_id IS NULL OR subject_id <> ?) AND {_OLDER}"
    return _entries(db.rows(sql, (account_id, account_id, at, at, row_id, limit)))


def _entries(rows: list[tuple[Any, ...]]) -> list[Entry]:
    return [Entry(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in rows]
