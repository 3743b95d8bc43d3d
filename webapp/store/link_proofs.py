"""Proofs that the link verbs keep: pending links, mailed ways out, requests to leave, objections. SQL only."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from webapp.store.database import Database

#: Purposes: a link that waits for its confirmation, and the ways out of a group, which outlive a change of password
#: (D18; proofs.cancel_for_account).
LINK, LEAVE = "link", "leave"
#: What a proof of purpose "leave" is: `what` in its detail, and how that text begins.
OUT, ASK, OBJECT = "out", "ask", "object"
_IS = """purpose = 'leave' AND detail LIKE '{"what": "%s"%%'"""
_IS_ASK, _IS_OBJECT = _IS % ASK, _IS % OBJECT


class Request(NamedTuple):
    """A request to leave (D18). `declined_at`: when the primary declined it; `final`: it cannot be declined."""

    key: str
    account_id: int
    primary_id: int
    final: bool
    created_at: int
    declined_at: int | None


_REQUEST = "SELECT token_hash, account_id, other_account_id, detail, created_at, used_at FROM proof"


def load_request(db: Database, account_id: int) -> Request | None:
    """The latest request of an account to leave, declined or not."""
    row = db.row(f"{_REQUEST} WHERE {_IS_ASK} AND account_id = ? ORDER BY id DESC LIMIT 1", (account_id,))
    return None if row is None else _request(row)


def load_due(db: Database, before: int, limit: int) -> list[Request]:
    """Requests made at or before `before` that nobody declined."""
    rows = db.rows(
        f"{_REQUEST} WHERE {_IS_ASK} AND used_at IS NULL AND created_at <= ? ORDER BY id LIMIT ?",
        (before, limit),
    )
    return [_request(row) for row in rows]


def pending_of_session(db: Database, session_id: str, now: int) -> tuple[int, int] | None:
    """(other account, end) of the link that waits in this browser."""
    row = db.row(
        "SELECT other_account_id, expires_at FROM proof WHERE purpose = 'link' AND session_id = ? AND used_at IS NULL"
        " AND expires_at > ? ORDER BY id DESC LIMIT 1",
        (session_id, now),
    )
    return None if row is None else (int(row[0]), int(row[1]))


def cancel_pending_of_session(db: Database, session_id: str) -> None:
    """Forget the link that waits in this browser."""
    db.execute("DELETE FROM proof WHERE purpose = 'link' AND session_id = ? AND used_at IS NULL", (session_id,))


def end_between(db: Database, account_id: int) -> None:
    """The account's link is gone: its mailed ways out, requests and objections are too (T25)."""
    db.execute(
        f"DELETE FROM proof WHERE purpose = 'leave' AND (account_id = ? OR (other_account_id = ? AND {_IS_OBJECT}))",
        (account_id, account_id),
    )


def has_objection(db: Database, primary_id: int, since: int) -> bool:
    """Whether an account that is linked to this one now objected since then (D6)."""
    row = db.row(
        "SELECT 1 FROM proof JOIN account o ON o.id = other_account_id AND o.primary_id = account_id"
        f" WHERE {_IS_OBJECT} AND account_id = ? AND proof.created_at >= ? LIMIT 1",
        (primary_id, since),
    )
    return row is not None


def objects(db: Database, objector_id: int) -> bool:
    """Whether the account objects."""
    row = db.row(f"SELECT 1 FROM proof WHERE {_IS_OBJECT} AND other_account_id = ? LIMIT 1", (objector_id,))
    return row is not None


def withdraw(db: Database, objector_id: int) -> int:
    """Take back what the account objected to; how many rows."""
    sql = f"DELETE FROM proof WHERE {_IS_OBJECT} AND other_account_id = ?"
    return int(db.execute(sql, (objector_id,)).rowcount)


def _request(row: tuple[Any, ...]) -> Request:
    return Request(row[0], row[1], row[2], bool(json.loads(row[3]).get("final")), row[4], row[5])
