"""The directory's searches where many match. On SQLite an index of just what they sort by, found by the row's number.
On PostgreSQL the words of what Anyone sees and of what organizations see beside it in two indexes, so that a search
reads no row of the other kind, with shorter lists of words not yet sorted in, which every search reads to their end."""

from __future__ import annotations

from typing import Any

_WORDS = "ON people USING gin (words gin_trgm_ops)"
#: How long such a list may grow, in kB.
_PENDING = "WITH (gin_pending_list_limit = 1024)"


def up(migrator: Any, db: Any) -> None:
    """Create the index, or two from one."""
    if type(db).__name__.startswith("Sqlite"):
        db.execute_sql(
            "CREATE INDEX people_hits"
            " ON people(id, audience, profile_id, sort_key, handle, helpful, newest, active_day)"
        )
    else:
        db.execute_sql("DROP INDEX people_words")
        db.execute_sql(f"CREATE INDEX people_words {_WORDS} {_PENDING} WHERE audience = 0")
        db.execute_sql(f"CREATE INDEX people_words_own {_WORDS} {_PENDING} WHERE audience <> 0")


def down(migrator: Any, db: Any) -> None:
    """Drop it again, or one from two."""
    if type(db).__name__.startswith("Sqlite"):
        db.execute_sql("DROP INDEX people_hits")
    else:
        db.execute_sql("DROP INDEX people_words_own")
        db.execute_sql("DROP INDEX people_words")
        db.execute_sql(f"CREATE INDEX people_words {_WORDS}")
