"""Since when a plugin's failures are counted: the moment of the first, and which count it is.

`begun` is the version of the policy at which an admin had the failures forgotten or turned the plugin on, 0 for never:
a process that noted failures before that adds nothing to the new count.
"""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """Add the columns; the same for both dialects."""
    db.execute_sql("ALTER TABLE plugin ADD COLUMN first_at BIGINT")
    db.execute_sql("ALTER TABLE plugin ADD COLUMN begun BIGINT NOT NULL DEFAULT 0")


def down(migrator: Any, db: Any) -> None:
    """Take them away."""
    db.execute_sql("ALTER TABLE plugin DROP COLUMN begun")
    db.execute_sql("ALTER TABLE plugin DROP COLUMN first_at")
