"""Accounts as people who log in: addresses, handles, passwords, states. Records and link groups are elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple

from peewee import IntegrityError

from webapp.store.database import Database

COLUMNS = (
    "a.id, a.handle, a.public_name, a.full_name, a.email, a.email_key, a.email_verified_at, a.domain_id,"
    " a.password_hash, a.state, a.terms_version, a.primary_id, a.is_admin, d.organization_id,"
    " EXISTS (SELECT 1 FROM account l WHERE l.primary_id = a.id)"
)
FROM = "FROM account a LEFT JOIN email_domain d ON d.id = a.domain_id"


class Login(NamedTuple):
    """What logging in, resetting and the security page need of an account."""

    id: int
    handle: str
    public_name: str
    full_name: str | None
    email: str | None
    email_key: str | None
    email_verified_at: int | None
    domain_id: int | None
    password_hash: str | None
    state: str
    terms_version: str | None
    primary_id: int | None
    is_admin: bool
    organization_id: int | None
    is_primary: bool

    @property
    def may_log_in(self) -> bool:
        """Every log-in path asks this (T26): active, with an address that was proved."""
        return self.state == "active" and self.email_verified_at is not None and self.email is not None


def find_by_email(db: Database, email_key: str) -> Login | None:
    """An address that nobody has reads some other account, and says so: to find nothing would be quicker (T7)."""
    row = db.row(
        f"SELECT a.email_key = ?, {COLUMNS} {FROM} WHERE a.email_key = COALESCE("
        "(SELECT email_key FROM account WHERE email_key = ?), (SELECT MIN(email_key) FROM account))",
        (email_key, email_key),
    )
    found = _login(None if row is None else row[1:])
    return found if row is not None and row[0] else None


def load(db: Database, account_id: int) -> Login | None:
    return _login(db.row(f"SELECT {COLUMNS} {FROM} WHERE a.id = ?", (account_id,)))


def lock(db: Database, account_id: int, *, shared: bool = False) -> None:
    """Hold the account's row until the transaction ends (SQLite holds the whole database already).

    `shared`: against whoever locks it alone, and against nobody else: no batch of events is waited for.
    """
    if db.dialect == "postgresql":
        db.execute(f"SELECT id FROM account WHERE id = ? FOR {'KEY SHARE' if shared else 'UPDATE'}", (account_id,))


def insert(db: Database, now: int, **columns: Any) -> int | None:
    """Insert an account under the present policy version (D11: later defaults do not widen it).

    Its id; None if its handle or address is another account's.
    """
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    row = db.execute(
        f"INSERT INTO account({names}, created_at, base_version)"
        f" VALUES ({marks}, ?, (SELECT version FROM policy_state WHERE id = 1))"
        " ON CONFLICT DO NOTHING RETURNING id",
        (*columns.values(), now),
    ).fetchone()
    return None if row is None else int(row[0])


def domain_id_of(db: Database, domain: str) -> int:
    """The row of an e-mail domain, made when first met; verifying it later turns all its accounts at once (S76)."""
    db.execute("INSERT INTO email_domain(name) VALUES (?) ON CONFLICT(name) DO NOTHING", (domain,))
    row = db.row("SELECT id FROM email_domain WHERE name = ?", (domain,))
    assert row is not None
    return int(row[0])


def find_domain(db: Database, domain: str) -> tuple[int, int | None, str] | None:
    """(id, organization id, organization's name) of a known e-mail domain."""
    return db.row(
        "SELECT d.id, d.organization_id, coalesce(o.name, '') FROM email_domain d"
        " LEFT JOIN organization o ON o.id = d.organization_id WHERE d.name = ?",
        (domain,),
    )


def organization_name(db: Database, organization_id: int) -> str:
    row = db.row("SELECT name FROM organization WHERE id = ?", (organization_id,))
    return "" if row is None else str(row[0])


def organization_admins(db: Database, organization_id: int) -> list[str]:
    """Addresses of an organization's admins who can log in."""
    return [
        row[0]
        for row in db.rows(
            "SELECT a.email FROM membership m JOIN account a ON a.id = m.account_id"
            " WHERE m.organization_id = ? AND a.state = 'active' AND a.email_verified_at IS NOT NULL ORDER BY a.id",
            (organization_id,),
        )
    ]


# Handles: the table holds every handle ever used; whoever inserts a row owns it for ever (D20).


def owner_of_handle(db: Database, handle: str) -> int | None:
    """The account that has or had a handle."""
    row = db.row("SELECT account_id FROM handle WHERE handle = ?", (handle,))
    return None if row is None else int(row[0])


def add_handle(db: Database, handle: str, account_id: int, now: int) -> bool:
    """Give a handle to an account for ever; False if it was ever used."""
    cursor = db.execute(
        "INSERT INTO handle(handle, account_id, since) VALUES (?,?,?) ON CONFLICT DO NOTHING", (handle, account_id, now)
    )
    return bool(cursor.rowcount == 1)


def set_handle(db: Database, account_id: int, handle: str) -> None:
    """Change the present handle. A public name that is just the handle stays as it is: it is the member's name."""
    db.execute("UPDATE account SET handle = ?, row_version = row_version + 1 WHERE id = ?", (handle, account_id))


# What the person changes.


def set_password(db: Database, account_id: int, password_hash: str) -> None:
    db.execute("UPDATE account SET password_hash = ? WHERE id = ?", (password_hash, account_id))


def rehash_password(db: Database, account_id: int, old_hash: str, new_hash: str) -> None:
    """The same password under today's parameters, unless it was changed in between."""
    db.execute(
        "UPDATE account SET password_hash = ? WHERE id = ? AND password_hash = ?", (new_hash, account_id, old_hash)
    )


def reset_password(db: Database, account_id: int, password_hash: str, now: int) -> None:
    """A password set through a mailed link: noted, because some deeds wait after it (D6)."""
    db.execute("UPDATE account SET password_hash = ?, reset_at = ? WHERE id = ?", (password_hash, now, account_id))


def set_email(db: Database, account_id: int, email: str, email_key: str, domain_id: int, now: int) -> bool:
    """Move an account to another proved address; False if the address became another account's in between.

    Then the transaction is to be given up: PostgreSQL may have ended it.
    """
    try:
        cursor = db.execute(
            "UPDATE account SET email = ?, email_key = ?, email_verified_at = ?, domain_id = ?,"
            " row_version = row_version + 1 WHERE id = ?"
            " AND NOT EXISTS (SELECT 1 FROM account o WHERE o.email_key = ? AND o.id <> ?)",
            (email, email_key, now, domain_id, account_id, email_key, account_id),
        )
    except IntegrityError:      # a sign-up of the same moment, not seen by the statement
        return False
    return bool(cursor.rowcount == 1)


def set_terms(db: Database, account_id: int, version: str, now: int) -> None:
    db.execute("UPDATE account SET terms_version = ?, terms_at = ? WHERE id = ?", (version, now, account_id))


def set_admin(db: Database, account_id: int) -> None:
    db.execute("UPDATE account SET is_admin = ? WHERE id = ?", (True, account_id))


def _login(row: tuple[Any, ...] | None) -> Login | None:
    return None if row is None else Login._make((*row[:12], bool(row[12]), row[13], bool(row[14])))
