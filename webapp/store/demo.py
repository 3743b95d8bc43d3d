"""The mark of a demo database, and the rows that only the demo writes. SQL only."""

from __future__ import annotations

from webapp.store.database import Database


def is_demo(db: Database) -> bool:
    """Whether the demo community was made here."""
    return db.row("SELECT 1 FROM site_setting WHERE key = 'demo'") is not None


def mark_demo(db: Database) -> None:
    """Note that it was."""
    db.execute("INSERT INTO site_setting(key, value) VALUES ('demo', '1')")


def has_accounts(db: Database) -> bool:
    """Whether anybody has or had an account."""
    return db.row("SELECT 1 FROM account LIMIT 1") is not None


def save_organization(db: Database, slug: str, name: str, domain_id: int, now: int) -> int:
    """An organization whose domain is verified by word; its id."""
    row = db.execute(
        "INSERT INTO organization(slug, name, created_at) VALUES (?,?,?) RETURNING id", (slug, name, now)
    ).fetchone()
    db.execute(
        "UPDATE email_domain SET organization_id = ?, verified_at = ?, method = 'word' WHERE id = ?",
        (row[0], now, domain_id),
    )
    return int(row[0])


def wear_avatar(db: Database, account_id: int, key: str) -> None:
    """Make a stored picture the account's own."""
    db.execute("UPDATE account SET avatar = ? WHERE id = ?", (key, account_id))
