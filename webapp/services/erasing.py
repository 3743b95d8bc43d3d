"""Carrying out a deletion whose day has come (D22, T69). Asking for it and taking it back are elsewhere.

What the account did is taken back in parts, as a source would, so that no transaction is long and every sum is right in
between; the last transaction erases the rest at once and leaves tombstones.
"""

from __future__ import annotations

import logging

from policies.terms import State
from webapp.services import counting, grants, link_mail, link_verbs, mailer, people_index
from webapp.services.context import Context
from webapp.store import accounts, audit, closing, erasing, ingest, links

log = logging.getLogger("vitrine.closing")

#: Deletions of one turn of the worker, and events of one transaction.
BATCH = 50
EVENTS = 1000


def delete_due(ctx: Context, now: int) -> int:
    """Delete the accounts whose grace period is over; how many. One that fails stops no other. For the worker."""
    done = 0
    for account_id in closing.load_due(ctx.db, now, BATCH):
        try:
            done += delete(ctx, account_id, now)
        except Exception as error:  # it is tried again at the next turn
            ctx.db.close_if_broken()
            log.error("deletion of account %s failed: %s", account_id, type(error).__name__)
    return done


def delete(ctx: Context, account_id: int, now: int) -> bool:
    """Delete one account if it is due and nothing is linked to it; whether it was done.

    Interrupted at any point it goes on where it was: from the first part on it cannot be cancelled any more, because
    its day has come.
    """
    if not _leave(ctx, account_id, now):
        return False
    for name in erasing.load_sources(ctx.db, account_id):
        while _take_back(ctx, name, account_id):
            pass
    with ctx.db.transaction():
        closing.lock_sources(ctx.db)
        ctx.db.link_guard()
        accounts.lock(ctx.db, account_id)       # its address goes, which is a key: see addresses.finish_change
        group = link_verbs.lock_group(ctx, account_id)
        account = closing.load(ctx.db, account_id)
        if account is None or not _is_due(account, now) or len(group.ids) > 1:
            return False
        grants.revoke_all_of(ctx, account_id, now)
        erasing.erase(ctx.db, account_id, now)
        people_index.refresh(ctx, [account_id])
        audit.record(ctx.db, "account:delete", now, subject_id=account_id)
        if account.email and account.email_verified_at is not None:
            mailer.queue(ctx, account.email, "account_deleted", now, handle=account.handle)
    return True


def _is_due(account: closing.Standing, now: int) -> bool:
    return account.state != State.DELETED and account.closes_at is not None and account.closes_at <= now


def _leave(ctx: Context, account_id: int, now: int) -> bool:
    """Out of its group, if it is linked (D22); whether it may be deleted now."""
    with ctx.db.transaction():
        group = link_verbs.lock_group(ctx, account_id)
        account = closing.load(ctx.db, account_id)
        if account is None or not _is_due(account, now):
            return False
        if group.asked.primary_id is not None:
            parties = links.load_parties(ctx.db, [group.primary.id, account_id])
            link_verbs.unlink(ctx, group, group.asked, now, actor_id=None, by="deletion")
            link_mail.tell_unlinked(ctx, [parties[group.primary.id]], now)
        elif group.linked:
            log.error("account %s is due for deletion and has accounts linked to it", account_id)
            return False
    return True


def _take_back(ctx: Context, source_name: str, account_id: int) -> int:
    """Take some events of a source back with all that was counted from them; how many."""
    with ctx.db.transaction():
        source = ingest.lock_source(ctx.db, source_name)
        events = erasing.load_events(ctx.db, account_id, source.id, EVENTS)
        ingest.lock_accounts(ctx.db, [account_id])
        ingest.delete_events(ctx.db, events)
        counting.count(ctx, source, events, -1)
    return len(events)
