"""Unclaimed accounts and how they become somebody's (D21). SQL only; who may, and with which proof: the service."""

from __future__ import annotations

from typing import NamedTuple

from webapp.store.database import Database


class Unclaimed(NamedTuple):
    """An account that an import made and nobody has claimed."""

    id: int
    public_id: str
    handle: str


def find(db: Database, public_id: str) -> Unclaimed | None:
    row = db.row("SELECT id, public_id, handle FROM account WHERE public_id = ? AND state = 'unclaimed'", (public_id,))
    return None if row is None else Unclaimed._make(row)


def load(db: Database, account_id: int) -> Unclaimed | None:
    row = db.row("SELECT id, public_id, handle FROM account WHERE id = ? AND state = 'unclaimed'", (account_id,))
    return None if row is None else Unclaimed._make(row)


def find_by_address(db: Database, email_key: str) -> list[tuple[str, str, str]]:
    """(public id, handle, label of the source) of unclaimed accounts that a source gave this address for."""
    return [
        (row[0], row[1], row[2])
        for row in db.rows(
            "SELECT a.public_id, a.handle, s.label FROM identity i JOIN account a ON a.id = i.account_id"
            " JOIN source s ON s.id = i.source_id WHERE i.email_key = ? AND a.state = 'unclaimed'"
            " ORDER BY a.id, s.label LIMIT 20",
            (email_key,),
        )
    ]


class Known(NamedTuple):
    """What a source knows under a member's address: an imported account that nobody claimed, or none yet."""

    identity_id: int
    public_id: str | None
    handle: str | None
    source: str
    events: int


def find_for_member(db: Database, account_id: int) -> list[Known]:
    """What sources know under the proved address of an active account, but for what it sent away."""
    return [
        Known._make(row)
        for row in db.rows(
            "SELECT i.id, a.public_id, a.handle, s.label,"
            " (SELECT COUNT(*) FROM activity v WHERE v.identity_id = i.id AND v.account_id IS NULL)"
            " FROM account me JOIN identity i ON i.email_key = me.email_key JOIN source s ON s.id = i.source_id"
            " LEFT JOIN account a ON a.id = i.account_id WHERE me.id = ? AND me.state = 'active'"
            " AND me.email_verified_at IS NOT NULL AND i.buried_at IS NULL"
            " AND (i.account_id IS NULL OR a.state = 'unclaimed') AND NOT EXISTS (SELECT 1 FROM offer_decline d"
            " WHERE d.account_id = me.id AND d.identity_id = i.id) ORDER BY i.id LIMIT 20",
            (account_id,),
        )
    ]


def decline_offer(db: Database, account_id: int, identity_id: int, now: int) -> None:
    """Do not offer it to this account again."""
    db.execute(
        "INSERT INTO offer_decline(account_id, identity_id, at) VALUES (?,?,?) ON CONFLICT DO NOTHING",
        (account_id, identity_id, now),
    )


def load_source_labels(db: Database, account_id: int) -> list[str]:
    """The sources that know the account."""
    return [
        row[0]
        for row in db.rows(
            "SELECT DISTINCT s.label FROM identity i JOIN source s ON s.id = i.source_id WHERE i.account_id = ?"
            " ORDER BY s.label LIMIT 20",
            (account_id,),
        )
    ]


def claim(
    db: Database, account_id: int, now: int, *, email: str, email_key: str, domain_id: int, password_hash: str,
    terms: str,
) -> bool:
    """Make it somebody's; False if somebody was faster, or the address became another account's in between."""
    cursor = db.execute(
        "UPDATE account SET state = 'active', state_at = ?, email = ?, email_key = ?, email_verified_at = ?,"
        " domain_id = ?, password_hash = ?, terms_version = ?, terms_at = ?, row_version = row_version + 1"
        " WHERE id = ? AND state = 'unclaimed' AND NOT EXISTS (SELECT 1 FROM account o WHERE o.email_key = ?)",
        (now, email, email_key, now, domain_id, password_hash, terms, now, account_id, email_key),
    )
    if cursor.rowcount == 1:
        db.execute("UPDATE identity SET email_key = NULL WHERE account_id = ?", (account_id,))
    return bool(cursor.rowcount == 1)
