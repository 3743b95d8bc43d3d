"""`vitrine init` and `vitrine migrate up`: the schema, then what the policies need recorded in it; whether it is."""

from __future__ import annotations

from policies.errors import ConfigError
from policies.timeline import unrecorded
from webapp.services import people_index
from webapp.services.context import Context
from webapp.store import policy
from webapp.store.migrate import is_at_head, migrate_up


def set_up(ctx: Context, now: int) -> list[str]:
    """Bring the database to this release; the lines that say what was done."""
    path = ctx.db.sqlite_path
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [f"applied {name}" for name in migrate_up(ctx.db)]
    if record_policies(ctx, now):
        lines.append("recorded the fields and default levels of this release and its plugins")
    if people_index.catch_up(ctx, now):
        lines.append("wrote the index of the people directory")
    return lines or ["nothing to do"]


def check_set_up(ctx: Context) -> None:
    """Errors: ConfigError when the database has not the schema of this release."""
    if not is_at_head(ctx.db):
        raise ConfigError("The database is not set up for this release.", "Run `vitrine init`.")


def record_policies(ctx: Context, now: int) -> bool:
    """Give new fields their bits and log the compiled defaults: plugins change nothing unrecorded (D19).

    Only this command does it, never a web worker: a plugin that comes or goes must widen nothing by itself (D19).
    Returns whether anything was new.
    """
    with ctx.db.transaction():
        before = policy.load_field_bits(ctx.db)
        bits = policy.add_field_bits(ctx.db, (field.name for field in ctx.manager.fields))
        log, _ = policy.load_log(ctx.db)
        rows = unrecorded(ctx.manager.compile(bits), log)
        for scope, bit, level, mask in rows:
            policy.append_change(ctx.db, "base", scope, now, bit=bit, level=level, value=mask)
        if bits != before and not rows:
            policy.take_version(ctx.db)     # running workers read the bits anew
    return bool(rows) or bits != before
