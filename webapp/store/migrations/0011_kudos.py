"""Kudos given here: which an admin looked at and kept, which wait for the daily mail, and who wants no such mail."""

from __future__ import annotations

from typing import Any

TABLES = """
ALTER TABLE kudos ADD COLUMN kept_at BIGINT;
CREATE INDEX kudos_reported ON kudos(reported_at) WHERE reported_at IS NOT NULL;
CREATE INDEX kudos_activity ON kudos(activity_id) WHERE activity_id IS NOT NULL;
CREATE TABLE kudos_waiting(
  kudos_id BIGINT PRIMARY KEY REFERENCES kudos(id) ON DELETE CASCADE,
  receiver_id BIGINT NOT NULL REFERENCES account(id)
);
CREATE INDEX kudos_waiting_receiver ON kudos_waiting(receiver_id);
CREATE TABLE kudos_mute(
  account_id BIGINT PRIMARY KEY REFERENCES account(id),
  since BIGINT NOT NULL
);
"""


def up(migrator: Any, db: Any) -> None:
    """Create the tables and the column; the SQL is the same for both dialects."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)


def down(migrator: Any, db: Any) -> None:
    """Drop them again; the kudos themselves stay, as events of their source."""
    for table in ("kudos_mute", "kudos_waiting"):
        db.execute_sql(f"DROP TABLE {table}")
    for index in ("kudos_activity", "kudos_reported"):
        db.execute_sql(f"DROP INDEX {index}")
    db.execute_sql("ALTER TABLE kudos DROP COLUMN kept_at")
