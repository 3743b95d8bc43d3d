"""Migrations up, down and their state, by peewee's runner. The scripts are in migrations/; no table is named here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playhouse.migrations import MigrationError, Runner

from policies.errors import ConfigError
from webapp.store.database import Database

FOLDER = Path(__file__).parent / "migrations"
#: One process migrates at a time (PostgreSQL advisory lock; SQLite's write lock does the same per step).
_LOCK = 0x76_69_74_72


def _runner(db: Database) -> Any:
    db.connection()
    return Runner(db.peewee, str(FOLDER))


def migrate_up(db: Database, target: str | None = None) -> list[str]:
    """Apply what is pending, each step in its own transaction; the names applied. Errors: ConfigError."""
    return _run(db, "up", target)


def migrate_down(db: Database, target: str | None = None) -> list[str]:
    """Revert the newest step, or every step back through `target`; the names reverted. Errors: ConfigError."""
    return _run(db, "down", target)


def _run(db: Database, verb: str, target: str | None) -> list[str]:
    runner = _runner(db)
    if db.dialect == "postgresql":
        db.row("SELECT pg_advisory_lock(?)", (_LOCK,))
    try:
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
