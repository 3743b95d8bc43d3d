"""What moves with every event of an account in a narrow table of its own: its counters, the events that wait to be
filed, and a version. The account's own row, ten times as wide, is no longer written anew with each of them.
"""

from __future__ import annotations

from typing import Any

COUNTERS = ("answers", "accepted_solutions", "articles", "likes_received", "total_posts", "peer_kudos")
MOVED = (*COUNTERS, "unfiled")

_COUNTER = "{} BIGINT NOT NULL DEFAULT 0 CHECK ({} >= 0)"
_UNFILED = "unfiled TEXT NOT NULL DEFAULT ''"
_COUNTERS = ",\n  ".join(_COUNTER.format(name, name) for name in COUNTERS)
TABLE = f"""
CREATE TABLE counter(
  account_id {{}} PRIMARY KEY REFERENCES account(id) ON DELETE CASCADE,
  {_COUNTERS},
  version BIGINT NOT NULL DEFAULT 0,
  {_UNFILED}
)"""
# Every account has its row, whoever makes it: an event would else be counted nowhere.
SQLITE_TRIGGER = (
    "CREATE TRIGGER account_counter AFTER INSERT ON account BEGIN INSERT INTO counter(account_id) VALUES (NEW.id); END"
)
POSTGRESQL_TRIGGER = (
    "CREATE FUNCTION account_counter() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN INSERT INTO counter(account_id) VALUES (NEW.id); RETURN NULL; END'",
    "CREATE TRIGGER account_counter AFTER INSERT ON account FOR EACH ROW EXECUTE FUNCTION account_counter()",
)


def up(migrator: Any, db: Any) -> None:
    """Move the columns."""
    is_sqlite = type(db).__name__.startswith("Sqlite")
    db.execute_sql(TABLE.format("INTEGER" if is_sqlite else "BIGINT"))
    names = ", ".join(MOVED)
    db.execute_sql(f"INSERT INTO counter(account_id, {names}) SELECT id, {names} FROM account ORDER BY id")
    for name in MOVED:
        db.execute_sql(f"ALTER TABLE account DROP COLUMN {name}")
    for statement in (SQLITE_TRIGGER,) if is_sqlite else POSTGRESQL_TRIGGER:
        db.execute_sql(statement)


def down(migrator: Any, db: Any) -> None:
    """The columns of the account again; what its version was raised by stays in its row version."""
    if type(db).__name__.startswith("Sqlite"):
        db.execute_sql("DROP TRIGGER account_counter")
    else:
        db.execute_sql("DROP TRIGGER account_counter ON account")
        db.execute_sql("DROP FUNCTION account_counter")
    for column in (*(_COUNTER.format(name, name) for name in COUNTERS), _UNFILED):
        db.execute_sql(f"ALTER TABLE account ADD COLUMN {column}")
    sets = ", ".join(f"{name} = c.{name}" for name in MOVED)
    db.execute_sql(
        f"UPDATE account SET {sets}, row_version = row_version + c.version FROM counter c"
        " WHERE c.account_id = account.id"
    )
    db.execute_sql("DROP TABLE counter")
