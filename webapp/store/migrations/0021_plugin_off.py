"""What switching a plugin off wrote into the policy log: its first and last version, so that on again may undo it."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """Add the columns; the same for both dialects."""
    db.execute_sql("ALTER TABLE plugin ADD COLUMN off_first BIGINT")
    db.execute_sql("ALTER TABLE plugin ADD COLUMN off_last BIGINT")


def down(migrator: Any, db: Any) -> None:
    """Take them away."""
    db.execute_sql("ALTER TABLE plugin DROP COLUMN off_last")
    db.execute_sql("ALTER TABLE plugin DROP COLUMN off_first")
