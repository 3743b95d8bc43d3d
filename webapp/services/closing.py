"""Closing an account (D22): deactivation by an admin, deletion with a grace period, and taking either back.

A closed account answers as if it had never been (D2); its links stay, and what is linked to it keeps counting (D17).
What deletion erases is in erasing.py; how a member who logs in meanwhile takes it back is in returning.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from policies.errors import NotFound, Refused
from policies.terms import State
from webapp.services import accounts as verbs
from webapp.services import grants, link_mail, link_verbs, linking, mailer, people_index, texts
from webapp.services.context import Context
from webapp.services.erasing import delete_due
from webapp.services.returning import cancel_deletion
from webapp.services.sessions import Session
from webapp.store import audit, closing, invitations, links, proofs
from webapp.store import sessions as session_store
from webapp.store.closing import Standing
from webapp.store.profiles import Group

__all__ = ["GRACE_DAYS", "ask_deletion", "cancel_deletion", "day_of", "deactivate", "delete_due", "reactivate"]

#: Days between asking for deletion and deletion.
GRACE_DAYS = 14
GRACE = GRACE_DAYS * 86_400
REASON_LIMIT = 300


def deactivate(ctx: Context, account_id: int, now: int, *, by: int, reason: str = "") -> None:
    """An admin closes an account at once: its sessions and pending proofs end, its owner is told with the reason.

    The owners of accounts linked to it are told that they may leave at once. Errors: NotFound; Invalid (`reason`);
    Refused (rule_not_own_account, rule_is_open).
    """
    reason = texts.line("reason", reason, "reason", REASON_LIMIT)
    if by == account_id:
        raise Refused("rule_not_own_account", "This is your own account.", "Ask another admin to deactivate it.")
    with ctx.db.transaction():
        group, account = _lock(ctx, account_id)
        if account.state not in (State.ACTIVE, State.UNCLAIMED, State.CLOSING):
            raise Refused("rule_is_open", "This account is deactivated already.")
        closing.set_state(ctx.db, account_id, State.DEACTIVATED, now, account.closes_at)
        _shut(ctx, group, account_id, now)
        detail: dict[str, Any] = {"reason": reason} if reason else {}
        audit.record(ctx.db, "account:deactivate", now, actor_id=by, subject_id=account_id, **detail)
        _tell(ctx, account, "account_deactivated", now, reason=reason)
        if account.state == State.ACTIVE:
            _tell_linked(ctx, group, now)


def reactivate(ctx: Context, account_id: int, now: int, *, by: int) -> None:
    """An admin opens a deactivated account again; one whose owner had asked for its deletion goes on waiting for that.

    Errors: NotFound, Refused (rule_is_deactivated).
    """
    with ctx.db.transaction():
        group, account = _lock(ctx, account_id)
        if account.state != State.DEACTIVATED:
            raise Refused("rule_is_deactivated", "This account is not deactivated.")
        state = State.ACTIVE if account.email_verified_at is not None else State.UNCLAIMED
        state = State.CLOSING if account.closes_at is not None else state
        closing.set_state(ctx.db, account_id, state, now, account.closes_at)
        _shut(ctx, group, account_id, now)      # nothing that began at the same moment comes back to life
        audit.record(ctx.db, "account:reactivate", now, actor_id=by, subject_id=account_id)
        if account.closes_at is None:
            _tell(ctx, account, "account_reactivated", now, link=mailer.link(ctx, "/login"))


def ask_deletion(ctx: Context, session: Session, now: int) -> int:
    """The owner asks for deletion: closed to everybody at once, deleted when the days of grace are over; that moment.

    Until then a log-in offers to keep the account (returning.py). Errors: Refused (rule_recent_password, rule_is_open,
    rule_primary_closes_last: the owner first picks another primary or dissolves the group), NotFound.
    """
    verbs.require_recent(session, now)
    account_id, due = session.account_id, now + GRACE
    with ctx.db.transaction():
        group, account = _lock(ctx, account_id)
        if account.state != State.ACTIVE:
            raise Refused("rule_is_open", "This account is closed already.")
        linking.check_may_close(ctx, account_id)
        closing.set_state(ctx.db, account_id, State.CLOSING, now, due)
        _shut(ctx, group, account_id, now)
        audit.record(ctx.db, "account:close", now, actor_id=account_id, subject_id=account_id, due=due)
        _tell(ctx, account, "account_closing", now, day=day_of(due), link=mailer.link(ctx, "/login"))
    return due


def day_of(moment: int) -> str:
    """A date as mails and pages say it: 6 July 2025."""
    return f"{datetime.fromtimestamp(moment, UTC):%d %B %Y}".lstrip("0")


def _lock(ctx: Context, account_id: int) -> tuple[Group, Standing]:
    """The account with its group, kept as they are until the transaction ends. Errors: NotFound."""
    group = link_verbs.lock_group(ctx, account_id)
    account = closing.load(ctx.db, account_id)
    if account is None or account.state == State.DELETED:
        raise NotFound("There is no such account.")
    return group, account


def _shut(ctx: Context, group: Group, account_id: int, now: int) -> None:
    """Nobody is logged in to it, nothing mailed or pending works, and every page and list shows its new state."""
    session_store.end_of_account(ctx.db, account_id)
    proofs.cancel_for_account(ctx.db, account_id)
    invitations.revoke_of(ctx.db, account_id, now)
    grants.revoke_all_of(ctx, account_id, now)
    for one in group.ids:
        if one != account_id:
            links.touch(ctx.db, one)
    people_index.refresh(ctx, group.ids)


def _tell(ctx: Context, account: Standing, template: str, now: int, **values: object) -> None:
    if account.email and account.email_verified_at is not None:
        mailer.queue(ctx, account.email, template, now, handle=account.handle, **values)


def _tell_linked(ctx: Context, group: Group, now: int) -> None:
    """A primary was closed: the owners of what is linked to it may leave at once (D22)."""
    if group.asked.primary_id is None and group.linked:
        link_mail.tell_primary_closed(ctx, [member.id for member in group.linked], now)
