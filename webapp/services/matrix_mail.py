"""Telling members that more could be shown (D11): one mail each per applied step, by the worker, in batches.

Who is told is asked of the gate when the mail is written: whoever accepted, chose or declined meanwhile, and everybody
once the step is undone, gets none. A mail names its recipient's own account only.
"""

from __future__ import annotations

from policies.terms import Level, Settings, Subject
from webapp.services import mailer
from webapp.services.context import Context
from webapp.store import matrix as store
from webapp.store import policy

#: Accounts looked at in one transaction, and transactions in one turn of the worker.
BATCH, TURNS = 500, 40


def tell_due(ctx: Context, now: int) -> int:
    """Write the mails that are due; how many. Killed half way, it goes on where it was: nobody is told twice."""
    if store.next_telling(ctx.db) is None:      # looked at first: most turns find nothing and need no lock
        return 0
    told = 0
    for _ in range(TURNS):
        batch = _tell_batch(ctx, now)
        if batch is None:
            break
        told += batch
    return told


def _tell_batch(ctx: Context, now: int) -> int | None:
    with ctx.db.transaction():
        step = store.next_telling(ctx.db)
        if step is None:
            return None
        log, version = policy.load_log(ctx.db)
        gate = ctx.gate(version)
        bits = {
            change.bit for change in log
            if step.first_version <= change.version <= step.last_version and change.undone_at is None
        }  # fmt: skip
        name = {bit: (field.name, field.label) for field in gate.fields if (bit := gate.bit.get(field.name)) in bits}
        accounts = store.load_tellable(ctx.db, step.told_to, BATCH) if name else []
        declined = store.load_declined_of(ctx.db, [account.id for account in accounts])
        told = 0
        for account in accounts:
            settings = Settings(*account[4:])
            pending = gate.pending(Subject(account.id, account.id, account.domain_id, settings))
            labels = [
                label for bit, (field, label) in name.items()
                if pending.get(field, Level.ONLY_YOU) > declined.get((account.id, bit or 0), Level.ONLY_YOU)
            ]  # fmt: skip
            if labels:
                mailer.queue(
                    ctx, account.email, "matrix_offer", now, handle=account.handle, labels=labels,
                    page=mailer.link(ctx, "/settings/visibility"),
                )
                told += 1
        last = accounts[-1].id if accounts else step.told_to
        store.move_telling(ctx.db, step.id, last, told, done=len(accounts) < BATCH)
    return told
