"""Telling members that their account is managed now, or personal again: written by the worker in batches.

Verifying a domain of 100,000 accounts is one short transaction; it leaves a notice, and each turn of the worker turns
some of it into mails, no faster than they are sent, so that nobody's log-in link waits behind them.
"""

from __future__ import annotations

from webapp.services import mailer
from webapp.services.context import Context
from webapp.store import domains as store
from webapp.store import outbox

#: Accounts looked at in one transaction, and in one turn.
BATCH = 250
TURN = 1000
#: While more mails than this wait, none are added.
BACKLOG = 500


def write_notices(ctx: Context, now: int) -> int:
    """Write the mails of the next accounts; how many accounts were looked at. For the worker, every minute."""
    done = 0
    while done < TURN and outbox.count(ctx.db) <= BACKLOG:
        with ctx.db.transaction():
            notice = store.load_notice(ctx.db)
            if notice is None:
                break
            rows = store.load_recipients(ctx.db, notice, BATCH)
            if not rows:
                store.delete_notice(ctx.db, notice.id)
                continue
            if not store.move_notice(ctx.db, notice.id, notice.after_id, rows[-1][0]):
                break           # another worker has it
            template = "account_managed" if notice.managed else "account_personal"
            for _, handle, email in rows:
                if email is not None:
                    mailer.queue(
                        ctx, email, template, now, handle=handle, organization=notice.organization,
                        domain=notice.domain, page=mailer.link(ctx, "/settings/visibility"),
                    )  # fmt: skip
            done += len(rows)
    return done
