"""What was said stays said: a published badge that a status list once told as revoked, and badges to tell members of.

`credential.revoked_at`: since when a status list has told it as revoked; it never holds again, a new one takes its
place. `award_waiting`: badges given by a rule that their holders have not been told of by mail yet.
"""

from __future__ import annotations

from typing import Any

TABLES = """
ALTER TABLE credential ADD COLUMN revoked_at BIGINT;
CREATE TABLE award_waiting(
  account_id BIGINT NOT NULL REFERENCES account(id),
  rule TEXT NOT NULL,
  PRIMARY KEY (account_id, rule)
);
"""


def up(migrator: Any, db: Any) -> None:
    """The column and the table; the same for both dialects."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)


def down(migrator: Any, db: Any) -> None:
    """Drop them again."""
    db.execute_sql("DROP TABLE award_waiting")
    db.execute_sql("ALTER TABLE credential DROP COLUMN revoked_at")
