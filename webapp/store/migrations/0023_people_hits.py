"""What the directory's searches sort by, where many match: on SQLite an index of just that, found by the row's number;
on PostgreSQL a shorter list of words not yet sorted into their index, which every search reads to its end."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """Create the index, or set how long the list may grow (kB)."""
    if type(db).__name__.startswith("Sqlite"):
        db.execute_sql(
            "CREATE INDEX people_hits"
            " ON people(id, audience, profile_id, sort_key, handle, helpful, newest, active_day)"
        )
    else:
        db.execute_sql("ALTER INDEX people_words SET (gin_pending_list_limit = 1024)")


def down(migrator: Any, db: Any) -> None:
    """Drop it again, or let it grow as the server says."""
    if type(db).__name__.startswith("Sqlite"):
        db.execute_sql("DROP INDEX people_hits")
    else:
        db.execute_sql("ALTER INDEX people_words RESET (gin_pending_list_limit)")
