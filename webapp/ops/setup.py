"""`vitrine init` and `vitrine migrate up`: the schema, then what the policies need recorded in it; whether it is."""

from __future__ import annotations

from policies.errors import ConfigError
from webapp.services import people_index, plugins
from webapp.services.context import Context
from webapp.store.migrate import is_at_head, migrate_up


def set_up(ctx: Context, now: int) -> list[str]:
    """Bring the database to this release; the lines that say what was done."""
    path = ctx.db.sqlite_path
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [f"applied {name}" for name in migrate_up(ctx.db)]
    lines += plugins.record(ctx, now)
    if people_index.catch_up(ctx, now):
        lines.append("wrote the index of the people directory")
    return lines or ["nothing to do"]


def check_set_up(ctx: Context) -> None:
    """Errors: ConfigError when the database has not the schema of this release."""
    if not is_at_head(ctx.db):
        raise ConfigError("The database is not set up for this release.", "Run `vitrine init`.")
