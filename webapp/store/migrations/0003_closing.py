"""Deletion with a grace period (D22): `closes_at` on accounts, and an index for what an account did itself.

It is a column and not a state, because an admin may deactivate an account whose owner has asked for its deletion: the
day stays what it was.
"""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """Add the column with its index; the index on the state's time gives way to it."""
    db.execute_sql("ALTER TABLE account ADD COLUMN closes_at BIGINT")
    db.execute_sql("CREATE INDEX account_closes ON account(closes_at) WHERE closes_at IS NOT NULL")
    db.execute_sql("DROP INDEX account_closing")
    db.execute_sql("CREATE INDEX audit_actor ON audit(actor_id, at) WHERE actor_id IS NOT NULL")


def down(migrator: Any, db: Any) -> None:
    """Take them away again."""
    db.execute_sql("DROP INDEX audit_actor")
    db.execute_sql("CREATE INDEX account_closing ON account(state_at) WHERE state = 'closing'")
    db.execute_sql("DROP INDEX account_closes")
    db.execute_sql("ALTER TABLE account DROP COLUMN closes_at")
