"""The log's order by account in a table of its own, where some dozens of an account's events are filed at once, in the
place of two indexes; `account.unfiled` names those that wait. It holds nothing of its own, so no key ties it to the
log. On PostgreSQL the directory's words are compared byte by byte, as
everywhere else in it: of many rows that may hold a word those that do are told sooner.
"""

from __future__ import annotations

from typing import Any

TABLE = """
CREATE TABLE filed(
  account_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  activity_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  source_id BIGINT NOT NULL,
  listed BOOLEAN NOT NULL,
  PRIMARY KEY (account_id, at, activity_id)
)"""
FILE = (
    "INSERT INTO filed(account_id, at, activity_id, kind, source_id, listed)"
    " SELECT account_id, at, id, kind, source_id, listed FROM activity WHERE account_id IS NOT NULL"
    " ORDER BY account_id, at, id"
)


def up(migrator: Any, db: Any) -> None:
    """File every event, and drop the indexes."""
    is_sqlite = type(db).__name__.startswith("Sqlite")
    db.execute_sql(TABLE + (" WITHOUT ROWID" if is_sqlite else ""))
    db.execute_sql(FILE)
    db.execute_sql("CREATE INDEX filed_kind ON filed(account_id, kind, at, activity_id)")
    db.execute_sql("DROP INDEX activity_listed")
    db.execute_sql("DROP INDEX activity_kind")
    db.execute_sql("ALTER TABLE account ADD COLUMN unfiled TEXT NOT NULL DEFAULT ''")
    if not is_sqlite:
        db.execute_sql('ALTER TABLE people ALTER COLUMN words TYPE TEXT COLLATE "C"')


def down(migrator: Any, db: Any) -> None:
    """The indexes again."""
    if not type(db).__name__.startswith("Sqlite"):
        db.execute_sql('ALTER TABLE people ALTER COLUMN words TYPE TEXT COLLATE "default"')
    db.execute_sql("ALTER TABLE account DROP COLUMN unfiled")
    db.execute_sql("DROP TABLE filed")
    db.execute_sql("CREATE INDEX activity_listed ON activity(account_id, at, id) WHERE listed")
    db.execute_sql("CREATE INDEX activity_kind ON activity(account_id, kind, at)")
