"""The day somebody was last active, in an index of its own: the directory's filter where few were active."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """Create the index; the same for both dialects."""
    db.execute_sql("CREATE INDEX people_active ON people(audience, active_day)")


def down(migrator: Any, db: Any) -> None:
    """Drop it again."""
    db.execute_sql("DROP INDEX people_active")
