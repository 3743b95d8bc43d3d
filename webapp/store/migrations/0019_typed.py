"""What members typed into the fields that plugins declare (policies.terms.Field.typed); one row per account and field.

Who sees a value is the gate's, by the field's bit, as for every other field. A plugin that goes leaves the rows.
"""

from __future__ import annotations

from typing import Any

TABLE = """
CREATE TABLE field_value(
  account_id BIGINT NOT NULL REFERENCES account(id),
  name TEXT NOT NULL,
  value TEXT NOT NULL CHECK (value <> ''),
  PRIMARY KEY (account_id, name)
)
"""


def up(migrator: Any, db: Any) -> None:
    """Create the table; the same for both dialects."""
    db.execute_sql(TABLE)


def down(migrator: Any, db: Any) -> None:
    """Drop it again."""
    db.execute_sql("DROP TABLE field_value")
