"""What an admin set of the site, as rows of key and value. What they mean: services/site_tables.py."""

from __future__ import annotations

from collections.abc import Mapping

from webapp.store.database import Database, marks


def load(db: Database, keys: tuple[str, ...]) -> dict[str, str]:
    """Those of these settings that were ever set."""
    return dict(db.rows(f"SELECT key, value FROM site_setting WHERE key IN ({marks(len(keys))})", keys))


def save(db: Database, values: Mapping[str, str | None]) -> None:
    """Set them; None takes a setting away, so that what the operator or the plugins say holds again."""
    for key, value in values.items():
        if value is None:
            db.execute("DELETE FROM site_setting WHERE key = ?", (key,))
        else:
            db.execute(
                "INSERT INTO site_setting(key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )
