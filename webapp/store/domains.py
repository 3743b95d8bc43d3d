"""E-mail domains as organizations own and claim them, and the notices to members that wait. No look-up in the DNS."""

from __future__ import annotations

from typing import Any, NamedTuple

from webapp.store.database import Database


class Claim(NamedTuple):
    """That an organization says a domain is its own. Pending until the domain is verified for it; then what the daily
    checks go by."""

    id: int
    organization_id: int
    domain: str
    secret: str
    created_at: int
    expires_at: int
    checked_at: int | None
    misses: int
    finding: str


class Owned(NamedTuple):
    """A verified domain of an organization, with what its claim says of the daily checks (None: no claim)."""

    id: int
    name: str
    verified_at: int
    method: str
    secret: str | None
    checked_at: int | None
    misses: int | None
    finding: str | None


class Due(NamedTuple):
    """A domain whose proof is to be looked at again."""

    id: int
    name: str
    organization_id: int
    method: str


class Notice(NamedTuple):
    """Mails to the members of a domain that are still to be written."""

    id: int
    domain_id: int
    organization: str
    domain: str
    managed: bool
    after_id: int
    upto_id: int


_CLAIM = "id, organization_id, domain, secret, created_at, expires_at, checked_at, misses, finding"
#: Pending: the domain is not that organization's.
_PENDING = (
    " NOT EXISTS (SELECT 1 FROM email_domain d WHERE d.name = c.domain AND d.organization_id = c.organization_id)"
)


# Claims


def save_claim(db: Database, organization_id: int, domain: str, secret: str, now: int, expires_at: int) -> None:
    """A claim, or the same claim anew."""
    db.execute(
        "INSERT INTO domain_claim(organization_id, domain, secret, created_at, expires_at) VALUES (?,?,?,?,?)"
        " ON CONFLICT (organization_id, domain) DO UPDATE SET secret = excluded.secret,"
        " created_at = excluded.created_at, expires_at = excluded.expires_at, checked_at = NULL, misses = 0,"
        " finding = ''",
        (organization_id, domain, secret, now, expires_at),
    )


def find_claim(db: Database, organization_id: int, domain: str) -> Claim | None:
    row = db.row(
        f"SELECT {_CLAIM} FROM domain_claim WHERE organization_id = ? AND domain = ?", (organization_id, domain)
    )
    return None if row is None else Claim(*row)


def load_pending(db: Database, organization_id: int, now: int) -> list[Claim]:
    """Claims that wait for their proof, by domain."""
    return [
        Claim(*row)
        for row in db.rows(
            f"SELECT {_CLAIM} FROM domain_claim c WHERE organization_id = ? AND expires_at > ? AND{_PENDING}"
            " ORDER BY domain",
            (organization_id, now),
        )
    ]


def note_check(db: Database, claim_id: int, now: int, misses: int, finding: str) -> None:
    """What a look at the proof found."""
    db.execute(
        "UPDATE domain_claim SET checked_at = ?, misses = ?, finding = ? WHERE id = ?", (now, misses, finding, claim_id)
    )


def delete_claim(db: Database, organization_id: int, domain: str) -> bool:
    cursor = db.execute(
        "DELETE FROM domain_claim WHERE organization_id = ? AND domain = ?", (organization_id, domain)
    )
    return bool(cursor.rowcount == 1)


def delete_claims(db: Database, organization_id: int) -> None:
    db.execute("DELETE FROM domain_claim WHERE organization_id = ?", (organization_id,))


def sweep_claims(db: Database, now: int) -> None:
    """Forget claims that nobody proved in time; they are refused without this."""
    db.execute(
        f"DELETE FROM domain_claim WHERE id IN (SELECT c.id FROM domain_claim c WHERE c.expires_at <= ? AND{_PENDING})",
        (now,),
    )


# Domains


def load_owned(db: Database, organization_id: int) -> list[Owned]:
    """The verified domains of an organization, by name."""
    return [
        Owned(*row)
        for row in db.rows(
            "SELECT d.id, d.name, d.verified_at, d.method, c.secret, c.checked_at, c.misses, c.finding"
            " FROM email_domain d LEFT JOIN domain_claim c ON c.domain = d.name"
            " AND c.organization_id = d.organization_id WHERE d.organization_id = ? ORDER BY d.name",
            (organization_id,),
        )
    ]


def load_verified(db: Database) -> list[tuple[str, int]]:
    """(name, organization id) of every verified domain."""
    return [
        (row[0], row[1])
        for row in db.rows("SELECT name, organization_id FROM email_domain WHERE organization_id IS NOT NULL")
    ]


def load_due(db: Database, before: int, limit: int) -> list[Due]:
    """Domains proved by record or file that were last looked at before a moment, longest ago first."""
    return [
        Due(*row)
        for row in db.rows(
            "SELECT d.id, d.name, d.organization_id, d.method FROM email_domain d JOIN domain_claim c"
            " ON c.domain = d.name AND c.organization_id = d.organization_id"
            " WHERE d.method IN ('dns', 'https') AND coalesce(c.checked_at, 0) < ? ORDER BY c.checked_at, d.id LIMIT ?",
            (before, limit),
        )
    ]


def set_owner(db: Database, domain_id: int, organization_id: int | None, now: int, method: str | None) -> None:
    """Write whose the domain is (None: nobody's). The policy log is written by the caller."""
    db.execute(
        "UPDATE email_domain SET organization_id = ?, verified_at = ?, method = ? WHERE id = ?",
        (organization_id, None if organization_id is None else now, method, domain_id),
    )


def set_method(db: Database, domain_id: int, method: str) -> None:
    """The daily look goes by this proof from now on."""
    db.execute("UPDATE email_domain SET method = ? WHERE id = ?", (method, domain_id))


def load_last_changes(db: Database, domain_id: int) -> list[tuple[int, int | None]]:
    """(version, organization) of the last two changes of the domain's owner that were not undone, newest first."""
    return [
        (row[0], row[1])
        for row in db.rows(
            "SELECT version, value FROM policy_change WHERE op = 'domain' AND scope = ? AND undone_at IS NULL"
            " ORDER BY version DESC LIMIT 2",
            (f"domain:{domain_id}",),
        )
    ]


# Notices


def add_notice(db: Database, domain_id: int, organization_id: int, managed: bool, now: int) -> None:
    """Tell all accounts that are at the domain now; nothing is written if there are none."""
    db.execute(
        "INSERT INTO domain_notice(domain_id, organization_id, managed, upto_id, created_at)"
        " SELECT ?, ?, ?, MAX(a.id), ? FROM account a WHERE a.domain_id = ? HAVING MAX(a.id) IS NOT NULL",
        (domain_id, organization_id, managed, now, domain_id),
    )


def load_notice(db: Database) -> Notice | None:
    """The oldest notice that waits."""
    row = db.row(
        "SELECT n.id, n.domain_id, o.name, d.name, n.managed, n.after_id, n.upto_id FROM domain_notice n"
        " JOIN organization o ON o.id = n.organization_id JOIN email_domain d ON d.id = n.domain_id"
        " ORDER BY n.id LIMIT 1"
    )
    return None if row is None else Notice._make((*row[:4], bool(row[4]), *row[5:]))


def load_recipients(db: Database, notice: Notice, limit: int) -> list[tuple[Any, ...]]:
    """The next accounts of a notice: (id, handle, email or None if it is not to be mailed)."""
    return db.rows(
        "SELECT id, handle, CASE WHEN state = 'active' AND email_verified_at IS NOT NULL THEN email END FROM account"
        " WHERE domain_id = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
        (notice.domain_id, notice.after_id, notice.upto_id, limit),
    )


def move_notice(db: Database, notice_id: int, after_id: int, upto_id: int) -> bool:
    """Note how far a notice got; False if somebody else moved it meanwhile."""
    cursor = db.execute(
        "UPDATE domain_notice SET after_id = ? WHERE id = ? AND after_id = ?", (upto_id, notice_id, after_id)
    )
    return bool(cursor.rowcount == 1)


def delete_notice(db: Database, notice_id: int) -> None:
    db.execute("DELETE FROM domain_notice WHERE id = ?", (notice_id,))
