"""Rows that many tests start from: accounts, organizations, links. Written straight into the tables."""

from __future__ import annotations

from typing import Any

from tests.conftest import NOW
from webapp.store import policy
from webapp.store.database import Database
from webapp.store.ingest import COUNTERS

DOMAIN = "acme.example"


def make_account(
    db: Database, handle: str = "sally", email: str | None = None, kind: str = "personal", **columns: Any
) -> int:
    """An active account with a verified address; its id.

    `kind` "managed": its address is at acme.example, which belongs to the organization "acme". `columns` replaces or
    adds columns of the table, or counters (state="unclaimed", private=True, full_name=…, answers=3).
    """
    if kind == "managed":
        email = email or f"{handle}@{DOMAIN}"
        organization = make_organization(db, email.partition("@")[2].partition(".")[0])
        columns.setdefault("domain_id", make_domain(db, email.partition("@")[2], organization))
    email = email or f"{handle}@home.example"
    values: dict[str, Any] = {
        "public_id": f"acc-{handle}", "handle": handle, "public_name": handle.capitalize(), "email": email,
        "email_key": email.lower(), "email_verified_at": NOW - 1000, "state": "active", "terms_version": "1",
        "terms_at": NOW - 1000, "created_at": NOW - 1000, "member_since": NOW - 1000,
        "base_version": db.policy_version(), **columns,
    }
    if values["email"] is None:
        values["email_key"] = values["email_verified_at"] = None
    counters = {name: values.pop(name) for name in COUNTERS if name in values}
    account_id = _insert(db, "account", values)
    set_counters(db, account_id, **counters)
    db.execute("INSERT INTO handle(handle, account_id, since) VALUES (?, ?, ?)", (handle, account_id, NOW - 1000))
    # The directory's index knows nothing of it: to be written anew.
    db.execute("UPDATE site_setting SET value = '' WHERE key = 'people_index'")
    return account_id


def set_counters(db: Database, account_id: int, **counters: int) -> None:
    """What an account has by itself, as if its events had been counted. The directory is not told."""
    if counters:
        db.execute(
            f"UPDATE counter SET {', '.join(f'{name} = ?' for name in counters)}, version = version + 1"
            " WHERE account_id = ?",
            (*counters.values(), account_id),
        )


def make_organization(db: Database, slug: str = "acme") -> int:
    """The organization of that slug, made if there is none; its id."""
    row = db.row("SELECT id FROM organization WHERE slug = ?", (slug,))
    if row:
        return int(row[0])
    return _insert(db, "organization", {"slug": slug, "name": slug.capitalize(), "created_at": NOW - 1000})


def make_domain(db: Database, name: str = DOMAIN, organization_id: int | None = None) -> int:
    """An e-mail domain, verified for an organization if one is given; its id. A second call finds the first's."""
    row = db.row("SELECT id FROM email_domain WHERE name = ?", (name,))
    if row:
        return int(row[0])
    verified = NOW - 1000 if organization_id is not None else None
    domain_id = _insert(db, "email_domain", {
        "name": name, "organization_id": organization_id, "verified_at": verified,
        "method": "word" if verified else None,
    })
    if organization_id is not None:
        with db.transaction():
            policy.append_change(db, "domain", f"domain:{domain_id}", NOW - 1000, value=organization_id)
    return domain_id


def link(db: Database, secondary: int, primary: int, *, silent: bool = False) -> None:
    """Link one account under another, with the audit row that belongs to it."""
    db.execute(
        "UPDATE account SET primary_id = ?, linked_at = ?, silent = ? WHERE id = ?",
        (primary, NOW - 500, silent, secondary),
    )
    _insert(db, "audit", {"at": NOW - 500, "event": "account:link", "subject_id": secondary, "detail": "{}"})


def _insert(db: Database, table: str, values: dict[str, Any]) -> int:
    columns, marks = ", ".join(values), ",".join("?" * len(values))
    cursor = db.execute(f"INSERT INTO {table}({columns}) VALUES ({marks}) RETURNING id", tuple(values.values()))
    return int(cursor.fetchone()[0])


def open_audit(db: Database) -> None:
    """Let this test's database rewrite its audit log, as it would after somebody took the refusal away by hand."""
    if db.dialect == "sqlite":
        for name in ("audit_no_update", "audit_no_delete"):
            db.execute(f"DROP TRIGGER IF EXISTS {name}")
    else:
        db.execute("ALTER TABLE audit DISABLE TRIGGER USER")
