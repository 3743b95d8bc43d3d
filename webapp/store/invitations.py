"""Invitations to administer an organization. Of a token only the hash is kept; expiry and single use are statements."""

from __future__ import annotations

from typing import NamedTuple

from webapp.store.database import Database

COLUMNS = "i.id, i.organization_id, i.email, i.email_key, i.created_at, i.expires_at, o.name, o.slug"
LIVE = "i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > ? AND o.removed_at IS NULL"


class Row(NamedTuple):
    id: int
    organization_id: int
    email: str
    email_key: str
    created_at: int
    expires_at: int
    organization: str
    slug: str


def add(
    db: Database, organization_id: int, email: str, email_key: str, token_hash: str, now: int, expires_at: int,
    invited_by: int,
) -> None:  # fmt: skip
    db.execute(
        "INSERT INTO invitation(organization_id, email, email_key, token_hash, created_at, expires_at, invited_by)"
        " VALUES (?,?,?,?,?,?,?)",
        (organization_id, email, email_key, token_hash, now, expires_at, invited_by),
    )


def find(db: Database, token_hash: str, now: int) -> Row | None:
    """The live invitation of a token."""
    row = db.row(
        f"SELECT {COLUMNS} FROM invitation i JOIN organization o ON o.id = i.organization_id"
        f" WHERE i.token_hash = ? AND {LIVE}",
        (token_hash, now),
    )
    return None if row is None else Row(*row)


def load_live(db: Database, organization_id: int, now: int) -> list[Row]:
    """Invitations of an organization that still work, newest first."""
    return [
        Row(*row)
        for row in db.rows(
            f"SELECT {COLUMNS} FROM invitation i JOIN organization o ON o.id = i.organization_id"
            f" WHERE i.organization_id = ? AND {LIVE} ORDER BY i.id DESC",
            (organization_id, now),
        )
    ]


def use(db: Database, invitation_id: int, now: int) -> bool:
    """Use it up; False if it was used, revoked or expired in between."""
    cursor = db.execute(
        "UPDATE invitation SET accepted_at = ? WHERE id = ? AND accepted_at IS NULL AND revoked_at IS NULL"
        " AND expires_at > ?",
        (now, invitation_id, now),
    )
    return bool(cursor.rowcount == 1)


def revoke(db: Database, organization_id: int, now: int, *, invitation_id: int = 0, email_key: str = "") -> int:
    """End what waits: one by its id, those to an address, or with neither all of the organization; how many."""
    cursor = db.execute(
        "UPDATE invitation SET revoked_at = ? WHERE organization_id = ? AND accepted_at IS NULL AND revoked_at IS NULL"
        " AND (id = ? OR ? = 0) AND (email_key = ? OR ? = '')",
        (now, organization_id, invitation_id, invitation_id, email_key, email_key),
    )
    return int(cursor.rowcount)


def revoke_of(db: Database, account_id: int, now: int, *, organization_id: int = 0) -> int:
    """End what an account sent and waits, to one organization or to all (0); how many."""
    cursor = db.execute(
        "UPDATE invitation SET revoked_at = ? WHERE invited_by = ? AND accepted_at IS NULL AND revoked_at IS NULL"
        " AND (organization_id = ? OR ? = 0)",
        (now, account_id, organization_id, organization_id),
    )
    return int(cursor.rowcount)


def sweep(db: Database, before: int) -> None:
    """Forget invitations that ended long ago."""
    db.execute("DELETE FROM invitation WHERE expires_at < ?", (before,))
