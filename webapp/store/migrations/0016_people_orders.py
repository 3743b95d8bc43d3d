"""Two more orders of the directory: by kudos points and by the day of joining, each per audience, with an index.

Both columns are places: the less, the earlier. What an audience may not see has the last place there is, whatever it
would be (T47). `vitrine migrate up` and the worker then write the whole index anew.
"""

from __future__ import annotations

from typing import Any

ORDERS = ("helpful", "newest")


def up(migrator: Any, db: Any) -> None:
    """Add the columns, everybody at the last place, and their indexes; the same for both dialects."""
    for name in ORDERS:
        db.execute_sql(f"ALTER TABLE people ADD COLUMN {name} BIGINT NOT NULL DEFAULT 1")
        db.execute_sql(f"CREATE INDEX people_{name} ON people(audience, {name}, sort_key, handle)")


def down(migrator: Any, db: Any) -> None:
    """Drop them again."""
    for name in ORDERS:
        db.execute_sql(f"DROP INDEX people_{name}")
        db.execute_sql(f"ALTER TABLE people DROP COLUMN {name}")
