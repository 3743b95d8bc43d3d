"""Migrations up, down and their state, by peewee's runner. The scripts are in migrations/; no table is named here."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from playhouse.migrations import MigrationError, Runner

from policies.errors import ConfigError
from webapp.store.database import Database

FOLDER = Path(__file__).parent / "migrations"
#: One process migrates at a time: PostgreSQL's advisory lock, on SQLite its write lock over the whole run.
_LOCK = 0x76_69_74_72


def _runner(db: Database) -> Any:
    db.connection()
    return Runner(db.peewee, str(FOLDER))


def migrate_up(db: Database, target: str | None = None) -> list[str]:
    """Apply what is pending; the names applied. Errors: ConfigError.

    A step is there whole or not at all: on PostgreSQL each is a transaction, on SQLite all of a run are one.
    """
    return _run(db, "up", target)


def migrate_down(db: Database, target: str | None = None) -> list[str]:
    """Revert the newest step, or every step back through `target`; the names reverted. Errors: ConfigError."""
    return _run(db, "down", target)


def _run(db: Database, verb: str, target: str | None) -> list[str]:
    runner = _runner(db)
    if db.dialect == "postgresql":
        db.row("SELECT pg_advisory_lock(?)", (_LOCK,))
    try:
        # Which steps are pending is read under the lock: two that start at once must not both apply one.
        with db.transaction() if db.dialect == "sqlite" else nullcontext():
            return list(getattr(runner, verb)(target))
    except MigrationError as error:
        raise ConfigError(f"Migration refused: {error}", "See `vitrine migrate status`.") from error
    finally:
        if db.dialect == "postgresql":
            db.row("SELECT pg_advisory_unlock(?)", (_LOCK,))


def migration_status(db: Database) -> list[tuple[str, bool]]:
    """Every known step in order and whether it is applied."""
    return [(step.name, step.applied is not None) for step in _runner(db).status()]


def is_at_head(db: Database) -> bool:
    """Whether exactly the steps of this release are applied: none pending, none unknown."""
    steps = _runner(db).status()
    return bool(steps) and all(step.applied and step.path for step in steps)
