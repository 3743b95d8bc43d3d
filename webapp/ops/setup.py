"""`vitrine init` and `vitrine migrate up`: the schema, then what the policies need recorded in it; whether it is."""

from __future__ import annotations

from collections.abc import Callable

from policies.errors import ConfigError
from webapp.services import people_index, plugins
from webapp.services.context import Context
from webapp.store.migrate import is_at_head, migrate_up


def set_up(ctx: Context, now: int, tell: Callable[[str], object] = lambda line: None) -> None:
    """Bring the database to this release; `tell` is told what was done, line by line.

    Errors: Refused when a plugin fails as it is asked for defaults; the schema is that of this release then.
    """
    path = ctx.db.sqlite_path
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    applied = migrate_up(ctx.db)
    for name in applied:
        tell(f"applied {name}")
    recorded = plugins.record(ctx, now)
    for line in recorded:
        tell(line)
    if people_index.catch_up(ctx, now):
        tell("wrote the index of the people directory")
    elif not applied and not recorded:
        tell("nothing to do")


def check_set_up(ctx: Context) -> None:
    """Errors: ConfigError when the database has not the schema of this release."""
    if not is_at_head(ctx.db):
        raise ConfigError("The database is not set up for this release.", "Run `vitrine init`.")
