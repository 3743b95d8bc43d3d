"""Who a source knows (identity), and what an import may change of unclaimed accounts (D21). SQL only, no rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from webapp.store.database import Database
from webapp.store.ingest import padded


class IdentityRow(NamedTuple):
    """A source's actor. `account_id` None: events wait, or, if `is_buried`, nobody may be raised again."""

    id: int
    account_id: int | None
    is_buried: bool
    network: str | None


def load_identities(db: Database, source_id: int, actors: Sequence[str]) -> dict[str, IdentityRow]:
    """The known ones of these actors."""
    return {
        row[1]: IdentityRow(row[0], row[2], row[3] is not None, row[4])
        for some, values in padded(actors)
        for row in db.rows(
            "SELECT id, actor, account_id, buried_at, network FROM identity"
            f" WHERE source_id = ? AND actor IN ({some})",
            (source_id, *values),
        )
    }


def load_identity(db: Database, identity_id: int) -> tuple[str, IdentityRow] | None:
    """(actor, identity), or None."""
    row = db.row("SELECT actor, id, account_id, buried_at, network FROM identity WHERE id = ?", (identity_id,))
    return None if row is None else (row[0], IdentityRow(row[1], row[2], row[3] is not None, row[4]))


def save_identities(db: Database, source_id: int, rows: Iterable[tuple[str, int | None, str | None]], now: int) -> None:
    """Insert (actor, account_id, network)."""
    db.executemany(
        "INSERT INTO identity(source_id, actor, account_id, network, created_at) VALUES (?,?,?,?,?)",
        [(source_id, *row, now) for row in rows],
    )


def set_account(db: Database, identity_id: int, account_id: int) -> None:
    """Give the identity to an account; the address that it was offered by is not needed any more."""
    db.execute("UPDATE identity SET account_id = ?, email_key = NULL WHERE id = ?", (account_id, identity_id))


def set_networks(db: Database, rows: Sequence[tuple[str, int]]) -> None:
    """Set (network, identity id)."""
    db.executemany("UPDATE identity SET network = ? WHERE id = ?", rows)


def set_emails(db: Database, source_id: int, rows: Iterable[tuple[str, str]]) -> None:
    """Note (actor, canonical address) where nobody has claimed what the actor did; the last one said holds."""
    db.executemany(
        "UPDATE identity SET email_key = ? WHERE source_id = ? AND actor = ? AND buried_at IS NULL"
        " AND (email_key IS NULL OR email_key <> ?) AND (account_id IS NULL"
        " OR EXISTS (SELECT 1 FROM account a WHERE a.id = identity.account_id AND a.state = 'unclaimed'))",
        [(email_key, source_id, actor, email_key) for actor, email_key in rows],
    )


# Accounts

#: What an import may update of an unclaimed account.
RECORD = ("full_name", "bio", "location", "links", "member_since")


def load_records(db: Database, account_ids: Sequence[int]) -> dict[int, tuple[str, tuple[Any, ...]]]:
    """{account: (state, its RECORD)}."""
    return {
        row[0]: (row[1], row[2:])
        for some, values in padded(account_ids)
        for row in db.rows(f"SELECT id, state, {', '.join(RECORD)} FROM account WHERE id IN ({some})", values)
    }


def set_records(db: Database, rows: Sequence[tuple[Any, ...]]) -> None:
    """Set (*RECORD, account id) of unclaimed accounts and move their row versions on."""
    db.executemany(
        f"UPDATE account SET {' = ?, '.join(RECORD)} = ?, row_version = row_version + 1"
        " WHERE id = ? AND state = 'unclaimed'",
        rows,
    )


class NetworkAccount(NamedTuple):
    """An account of a person who has others. `is_primary`: others are linked to it."""

    network: str
    id: int
    state: str
    primary_id: int | None
    since: int
    is_primary: bool


def load_networks(db: Database) -> list[NetworkAccount]:
    """Living accounts that share a network id with another account: by network, oldest first."""
    return [
        NetworkAccount._make(row)
        for row in db.rows(
            "SELECT DISTINCT i.network, a.id, a.state, a.primary_id, COALESCE(a.member_since, a.created_at) AS since,"
            " EXISTS (SELECT 1 FROM account s WHERE s.primary_id = a.id)"
            " FROM identity i JOIN account a ON a.id = i.account_id"
            " WHERE i.network IN (SELECT network FROM identity WHERE network IS NOT NULL AND account_id IS NOT NULL"
            " GROUP BY network HAVING COUNT(DISTINCT account_id) > 1)"
            " AND a.state <> 'deleted' ORDER BY i.network, since, a.id"
        )
    ]
