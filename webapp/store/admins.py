"""Who administers which organization: rows of `membership`. Site admins are a column of `account`, not here."""

from __future__ import annotations

from typing import NamedTuple

from webapp.store.database import Database

OF_ADMIN = """
SELECT o.id, o.slug, o.name FROM membership m JOIN organization o ON o.id = m.organization_id
JOIN account a ON a.id = m.account_id AND a.state = 'active' AND a.email_verified_at IS NOT NULL
WHERE m.account_id = ? AND m.role = 'admin' AND o.removed_at IS NULL ORDER BY o.name, o.id
"""


class OrganizationRow(NamedTuple):
    id: int
    slug: str
    name: str


def load_administered(db: Database, account_id: int) -> list[OrganizationRow]:
    """The organizations that an account which may log in is an admin of."""
    return [OrganizationRow(*row) for row in db.rows(OF_ADMIN, (account_id,))]


def load_organization(db: Database, slug: str) -> OrganizationRow | None:
    row = db.row("SELECT id, slug, name FROM organization WHERE slug = ? AND removed_at IS NULL", (slug,))
    return None if row is None else OrganizationRow(*row)


def load_organizations(db: Database) -> list[OrganizationRow]:
    """All organizations, by name."""
    sql = "SELECT id, slug, name FROM organization WHERE removed_at IS NULL ORDER BY name, id"
    return [OrganizationRow(*row) for row in db.rows(sql)]
