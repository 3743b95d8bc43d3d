"""Organizations, their admins and the accounts at their domains, as rows. Domains and claims are in domains.py."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from typing import Any, NamedTuple

from webapp.store.database import Database

#: A slug of this form belongs to a removed organization; nobody can choose one.
GONE = "removed-"


class Listed(NamedTuple):
    """An organization in the list of all."""

    id: int
    slug: str
    name: str
    domains: int
    admins: int


class Admin(NamedTuple):
    """Somebody who administers the organization. `email` only where it is the organization's own account."""

    account_id: int
    handle: str
    email: str | None
    since: int


class MemberRow(NamedTuple):
    """The account record of an organization's member (section 6): no profile field, nothing of links."""

    id: int
    handle: str
    email: str | None
    state: str
    created_at: int
    is_site_admin: bool


def add(db: Database, slug: str, name: str, now: int) -> int | None:
    """A new organization; None if the slug is taken."""
    row = db.execute(
        "INSERT INTO organization(slug, name, created_at) VALUES (?,?,?) ON CONFLICT DO NOTHING RETURNING id",
        (slug, name, now),
    ).fetchone()
    return None if row is None else int(row[0])


def rename(db: Database, organization_id: int, slug: str, name: str) -> bool:
    """Give it another name and address; False if the slug is another's."""
    cursor = db.execute(
        "UPDATE organization SET slug = ?, name = ? WHERE id = ? AND removed_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM organization o WHERE o.slug = ? AND o.id <> ?)",
        (slug, name, organization_id, slug, organization_id),
    )
    return bool(cursor.rowcount == 1)


def remove(db: Database, organization_id: int, now: int) -> bool:
    """Mark it removed and give its slug free; False if it was removed already. Its name stays for the audit log."""
    cursor = db.execute(
        f"UPDATE organization SET removed_at = ?, slug = '{GONE}' || id WHERE id = ? AND removed_at IS NULL",
        (now, organization_id),
    )
    return bool(cursor.rowcount == 1)


def lock(db: Database, organization_id: int) -> None:
    """Nobody else changes who administers it until the transaction ends."""
    if db.dialect == "postgresql":
        db.rows("SELECT id FROM organization WHERE id = ? FOR NO KEY UPDATE", (organization_id,))


def is_there(db: Database, organization_id: int) -> bool:
    return db.row("SELECT 1 FROM organization WHERE id = ? AND removed_at IS NULL", (organization_id,)) is not None


def load_all(db: Database) -> list[Listed]:
    """Every organization by name, with the numbers of its domains and admins."""
    return [
        Listed(*row)
        for row in db.rows(
            "SELECT o.id, o.slug, o.name, (SELECT COUNT(*) FROM email_domain d WHERE d.organization_id = o.id),"
            " (SELECT COUNT(*) FROM membership m WHERE m.organization_id = o.id) FROM organization o"
            " WHERE o.removed_at IS NULL ORDER BY o.name, o.id"
        )
    ]


def load_admins(db: Database, organization_id: int) -> list[Admin]:
    """Its admins, longest in office first."""
    return [
        Admin(*row)
        for row in db.rows(
            "SELECT a.id, a.handle, CASE WHEN d.organization_id = m.organization_id THEN a.email END, m.since"
            " FROM membership m JOIN account a ON a.id = m.account_id LEFT JOIN email_domain d ON d.id = a.domain_id"
            " WHERE m.organization_id = ? AND m.role = 'admin' AND a.state <> 'deleted' ORDER BY m.since, a.id",
            (organization_id,),
        )
    ]


def add_admin(db: Database, organization_id: int, account_id: int, now: int) -> bool:
    """Make an account an admin; False if it was one."""
    cursor = db.execute(
        "INSERT INTO membership(organization_id, account_id, role, since) VALUES (?,?,'admin',?)"
        " ON CONFLICT DO NOTHING",
        (organization_id, account_id, now),
    )
    return bool(cursor.rowcount == 1)


def remove_admin(db: Database, organization_id: int, account_id: int) -> bool:
    cursor = db.execute(
        "DELETE FROM membership WHERE organization_id = ? AND account_id = ?", (organization_id, account_id)
    )
    return bool(cursor.rowcount == 1)


def remove_admins(db: Database, organization_id: int) -> None:
    db.execute("DELETE FROM membership WHERE organization_id = ?", (organization_id,))


# Members: the accounts at its domains. One index walk per domain, merged: a page costs the same at any place. Handles
# go by their bytes, as Python merges them, whatever order the database itself would use.

_MEMBER = "a.id, a.handle, a.email, a.state, a.created_at, a.is_admin"


def load_domain_ids(db: Database, organization_id: int) -> list[int]:
    return [
        row[0]
        for row in db.rows("SELECT id FROM email_domain WHERE organization_id = ? ORDER BY id", (organization_id,))
    ]


def load_members(
    db: Database, domain_ids: Sequence[int], after: str, limit: int, needle: str = ""
) -> list[MemberRow]:
    """The next accounts after a handle, in the order of handles; `needle` stands in the handle or the address."""
    inside, handle = ("instr", "a.handle") if db.dialect == "sqlite" else ("strpos", 'a.handle COLLATE "C"')
    search = f" AND ({inside}(a.handle, ?) > 0 OR {inside}(a.email_key, ?) > 0)" if needle else ""
    sql = (
        f"SELECT {_MEMBER} FROM account a WHERE a.domain_id = ? AND {handle} > ? AND a.state <> 'deleted'{search}"
        f" ORDER BY {handle} LIMIT ?"
    )
    needles = (needle, needle) if needle else ()
    halves = [[_member(row) for row in db.rows(sql, (one, after, *needles, limit))] for one in domain_ids]
    return [row for row, _ in zip(merge(*halves, key=lambda row: row.handle), range(limit), strict=False)]


def find_member(db: Database, organization_id: int, handle: str) -> MemberRow | None:
    """The account of that handle, if it is at one of the organization's domains (T45)."""
    row = db.row(
        f"SELECT {_MEMBER} FROM account a JOIN email_domain d ON d.id = a.domain_id"
        " WHERE a.handle = ? AND d.organization_id = ? AND a.state <> 'deleted'",
        (handle, organization_id),
    )
    return None if row is None else _member(row)


def count_members(db: Database, domain_ids: Sequence[int]) -> int:
    """How many accounts are at these domains."""
    counts = [
        db.row("SELECT COUNT(*) FROM account WHERE domain_id = ? AND state <> 'deleted'", (one,)) for one in domain_ids
    ]
    return sum(int(row[0]) for row in counts if row)


def last_deactivation(db: Database, account_id: int) -> int | None:
    """The organization whose admin deactivated the account last; None if it was somebody else."""
    row = db.row(
        "SELECT organization_id, event FROM audit WHERE subject_id = ? AND event IN ('account:deactivate',"
        " 'member:deactivate') ORDER BY id DESC LIMIT 1",
        (account_id,),
    )
    return int(row[0]) if row and row[1] == "member:deactivate" and row[0] is not None else None


def _member(row: tuple[Any, ...]) -> MemberRow:
    return MemberRow._make((*row[:5], bool(row[5])))
