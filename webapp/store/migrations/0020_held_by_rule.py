"""Badges given by rules, in an index of their own by rule: how many hold one, and who, without reading all."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """Create the index; the same for both dialects."""
    db.execute_sql(
        "CREATE INDEX held_by_rule ON held(item, kind, source_id, account_id)"
        " WHERE kind = 'badge' AND source_id IS NULL"
    )


def down(migrator: Any, db: Any) -> None:
    """Drop it again."""
    db.execute_sql("DROP INDEX held_by_rule")
