"""The admin area: what sources sent by the hour, look-ups for its searches, and an audit log that nobody rewrites.

The database itself refuses to change or delete a row of `audit`: rows hold numbers of accounts, so that the deletion of
an account needs no change there.
"""

from __future__ import annotations

from typing import Any

TABLES = """
CREATE TABLE source_hour(
  source_id BIGINT NOT NULL REFERENCES source(id),
  hour BIGINT NOT NULL,
  events BIGINT NOT NULL CHECK (events >= 0),
  at BIGINT NOT NULL,
  PRIMARY KEY (source_id, hour)
);
CREATE INDEX account_handle_order ON account(handle $C);
CREATE INDEX account_state ON account(state, id);
CREATE INDEX identity_email ON identity(email_key) WHERE email_key IS NOT NULL;
CREATE INDEX audit_event ON audit(event, id);
CREATE INDEX audit_organization ON audit(organization_id, id) WHERE organization_id IS NOT NULL;
"""
REFUSAL = "the audit log is only written to"
SQLITE = tuple(
    f"CREATE TRIGGER audit_no_{verb} BEFORE {verb.upper()} ON audit BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for verb in ("update", "delete")
)
POSTGRESQL = (
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit EXECUTE FUNCTION audit_refuse()",
)
DOWN = ("audit_organization", "audit_event", "identity_email", "account_state",
        "account_handle_order")


def up(migrator: Any, db: Any) -> None:
    """Create the table, the indexes and the refusal, on the dialect of `db`."""
    is_sqlite = type(db).__name__.startswith("Sqlite")
    tables = TABLES.replace(" $C", "" if is_sqlite else ' COLLATE "C"')
    for statement in (*tables.split(";\n"), *(SQLITE if is_sqlite else POSTGRESQL)):
        if statement.strip():
            db.execute_sql(statement)


def down(migrator: Any, db: Any) -> None:
    """Take all of it back."""
    if type(db).__name__.startswith("Sqlite"):
        db.execute_sql("DROP TRIGGER audit_no_update")
        db.execute_sql("DROP TRIGGER audit_no_delete")
    else:
        db.execute_sql("DROP TRIGGER audit_no_change ON audit")
        db.execute_sql("DROP TRIGGER audit_no_truncate ON audit")
        db.execute_sql("DROP FUNCTION audit_refuse()")
    for name in DOWN:
        db.execute_sql(f"DROP INDEX {name}")
    db.execute_sql("DROP TABLE source_hour")
