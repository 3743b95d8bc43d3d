"""Whether the site can work right now: a write that commits, and the schema of this release. Nothing about a person."""

from __future__ import annotations

from webapp.services.context import Context
from webapp.store import health as store
from webapp.store.migrate import is_at_head


def check_ready(ctx: Context, now: int) -> str:
    """Try a write and look at the migrations; "" when ready, else one sentence.

    Errors: Unavailable or the driver's error when the database cannot be reached or written.
    """
    if not is_at_head(ctx.db):
        return "The database schema is not that of this release; run `vitrine migrate up`."
    store.save_probe(ctx.db, now)
    return ""


def load_gauges(ctx: Context) -> dict[str, int]:
    """Sizes of the queues an operator watches."""
    return store.count_queues(ctx.db)
