"""Mailed or browser-bound tokens, kept as hashes. Newest-only, expiry and single use are held by the statements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from webapp.store.database import Database

COLUMNS = "p.token_hash, p.purpose, p.account_id, p.other_account_id, p.session_id, p.email_key, p.detail, p.created_at"
#: A change of address: the newest of each account counts, not of each address.
CHANGE = "email"
#: Usable: not used, not expired, and no newer one for the same purpose and address.
LIVE = (
    " p.used_at IS NULL AND p.expires_at > ? AND NOT EXISTS (SELECT 1 FROM proof n"
    " WHERE n.purpose = p.purpose AND n.email_key = p.email_key AND n.id > p.id"
    f" AND (n.purpose <> '{CHANGE}' OR n.account_id = p.account_id))"
)


class Proof(NamedTuple):
    key: str                # the token's hash: names the proof. Row ids do not, SQLite gives them out again
    purpose: str
    account_id: int | None
    other_account_id: int | None
    session_id: str | None
    email_key: str | None
    detail: dict[str, Any]
    created_at: int


def add(
    db: Database,
    purpose: str,
    token_hash: str,
    now: int,
    expires_at: int,
    *,
    account_id: int | None = None,
    other_account_id: int | None = None,
    session_id: str | None = None,
    email_key: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Insert a proof."""
    db.execute(
        "INSERT INTO proof(purpose, token_hash, account_id, other_account_id, session_id, email_key, detail,"
        " created_at, expires_at) VALUES (?,?,?,?,?,?,?,?,?)",
        (
            purpose, token_hash, account_id, other_account_id, session_id, email_key, json.dumps(detail or {}), now,
            expires_at,
        ),
    )


def find(db: Database, token_hash: str, now: int) -> Proof | None:
    """The live proof of a token."""
    return _proof(db.row(f"SELECT {COLUMNS} FROM proof p WHERE p.token_hash = ? AND {LIVE}", (token_hash, now)))


def use(db: Database, token_hash: str, now: int) -> bool:
    """Use a proof up; False if it was used, cancelled or expired in between. In the transaction of what it allows."""
    cursor = db.execute(
        "UPDATE proof SET used_at = ? WHERE token_hash = ? AND used_at IS NULL AND expires_at > ?",
        (now, token_hash, now),
    )
    return bool(cursor.rowcount == 1)


def cancel_for_email(db: Database, purpose: str, email_key: str) -> None:
    """Drop what was mailed to an address for a purpose."""
    db.execute("DELETE FROM proof WHERE purpose = ? AND email_key = ?", (purpose, email_key))


def cancel_for_account(db: Database, account_id: int, purpose: str | None = None) -> None:
    """Drop every unused proof that an account takes part in, or those of one purpose.

    Without a purpose the ways out of a link group stay: a new password of one account is no answer to another (D18).
    """
    db.execute(
        "DELETE FROM proof WHERE (account_id = ? OR other_account_id = ?) AND used_at IS NULL"
        " AND (purpose = ? OR (? = '' AND purpose <> 'leave'))",
        (account_id, account_id, purpose or "", purpose or ""),
    )


def move_session(db: Database, old_session: str, new_session: str) -> None:
    """A browser session got a new id: what is bound to it follows."""
    db.execute("UPDATE proof SET session_id = ? WHERE session_id = ?", (new_session, old_session))


def sweep(db: Database, before: int) -> None:
    """Forget proofs that expired before `before`."""
    db.execute("DELETE FROM proof WHERE expires_at < ?", (before,))


def _proof(row: tuple[Any, ...] | None) -> Proof | None:
    return None if row is None else Proof._make((*row[:6], json.loads(row[6]), row[7]))
