"""What members do with linked accounts: prove the other account, link, unlink, make primary, silent, the nudge.

Pages find the other parts here too: link_page.py (the list), link_rehearsal.py (what a verb will do), link_leave.py
(D18, D6). By the operator's word: link_operator.py.
"""

from __future__ import annotations

from collections.abc import Collection

from policies import holding
from policies.errors import Invalid, Refused
from policies.linking import Outcome
from policies.linking_texts import refused
from policies.terms import State
from webapp.services import (
    accounts,
    emails,
    link_mail,
    link_verbs,
    passwords,
    people_index,
    reactions,
    throttle,
    tokens,
)
from webapp.services.context import Context
from webapp.services.link_leave import (
    ask_to_leave,
    decline_by_mail,
    decline_leave,
    finish_leaves,
    leave_by_mail,
    object_to_reset,
    open_mailed,
    withdraw_objection,
)
from webapp.services.link_page import open_links
from webapp.services.link_rehearsal import rehearse, rehearse_make_primary, rehearse_unlink
from webapp.services.link_steps import (
    LINK_LIFE,
    check_make_primary,
    check_silent,
    check_unlink,
    decide,
    find_proof,
    find_row,
    note_refusal,
    offered_levels,
    renew,
    row_of,
    settle_choice,
    shown_content,
)
from webapp.services.link_verbs import lock_group, note
from webapp.services.sessions import Session
from webapp.store import accounts as account_store
from webapp.store import link_proofs, links, proofs, records

__all__ = [
    "ask_to_leave", "cancel", "check_may_close", "decline_by_mail", "decline_leave", "dismiss_nudge", "dissolve",
    "finish_leaves", "leave_by_mail", "link_accounts", "make_primary", "object_to_reset", "open_links", "open_mailed",
    "prove_other", "rehearse", "rehearse_make_primary", "rehearse_unlink", "set_silent", "unlink",
    "withdraw_objection",
]  # fmt: skip


def prove_other(ctx: Context, session: Session, email: str, password: str, now: int, *, address: str = "") -> str:
    """A fresh log-in to the other account in this browser, without ending this session; the token of its proof (S44).

    `address`: the network the request comes from (throttle.remote_key). What this browser had pending is forgotten.
    Errors: Invalid (`email`, `password`), TooMany, Refused (rule_recent_password, or a rule of policies.linking).
    """
    accounts.require_recent(session, now)
    where = emails.parse(email)
    throttle.take(ctx, now, (throttle.LOGIN_ACCOUNT, where.key), (throttle.LOGIN_REMOTE, address))
    other = account_store.find_by_email(ctx.db, where.key)
    matches = passwords.verify(other.password_hash if other else None, password)
    if other is None or not matches or other.state != State.ACTIVE:
        raise Invalid({"password": accounts.NO_MATCH})
    with ctx.db.transaction():
        throttle.forget(ctx, throttle.LOGIN_ACCOUNT, where.key)
        throttle.give_back(ctx, throttle.LOGIN_REMOTE, address)
    token = tokens.new_token()
    try:
        with ctx.db.transaction():
            decide(ctx, session.account_id, other.id, now)
            link_proofs.cancel_pending_of_session(ctx.db, session.session_id)
            proofs.add(
                ctx.db, link_proofs.LINK, tokens.digest(token), now, now + LINK_LIFE, account_id=session.account_id,
                other_account_id=other.id, session_id=session.session_id,
            )
    except Refused as error:
        note_refusal(ctx, session, error.rule, now)
        raise
    return token


def cancel(ctx: Context, session: Session, token: str = "") -> None:
    """Forget the link that waits in this browser; there is one at most, whatever `token` it was shown under."""
    with ctx.db.transaction():
        link_proofs.cancel_pending_of_session(ctx.db, session.session_id)


def link_accounts(
    ctx: Context, session: Session, token: str, now: int, *, primary_choice: str | None = None,
    may_be_public: bool = False, silent: bool = False,
) -> str:
    """Link the two accounts of the proof; the new id for this session's cookie (T10).

    Errors: LinkGone; Refused (rule_recent_password, rule_choose_primary, or a rule of policies.linking).
    """
    accounts.require_recent(session, now)
    proof = find_proof(ctx, session, token, now)
    me, other = session.account_id, proof.other_account_id or 0
    with ctx.db.transaction():
        pair = decide(ctx, me, other, now, proof)
        outcome = settle_choice(ctx, pair, primary_choice)
        primary_id, joined_id = link_verbs.write_outcome(
            ctx, outcome, pair.x, pair.y, now, may_be_public=may_be_public, silent=silent
        )
        took_over = outcome in (Outcome.OWN_HEADS, Outcome.OTHER_HEADS)
        for account_id, part in ((primary_id, "primary"), (joined_id, "linked")):
            note(ctx, "account:link", account_id, now, actor_id=me, by="member", part=part)
            if took_over:
                note(ctx, "account:primary", account_id, now, actor_id=me, part=part)
            proofs.cancel_for_account(ctx.db, account_id, link_proofs.LINK)
        if silent:
            note(ctx, "account:silent", joined_id, now, actor_id=me, silent=True)
        parties = links.load_parties(ctx.db, sorted(pair.parties))
        if took_over:
            link_mail.tell_primary(ctx, list(parties.values()), primary_id, joined_id, now)
        else:
            link_mail.tell_linked(ctx, parties[primary_id], parties[joined_id], now)
        return renew(ctx, session)


def unlink(ctx: Context, session: Session, key: str, now: int) -> None:
    """Unlink that row (S49-S51). Errors: NotFound, Refused (rule_recent_password, or a rule of policies.linking)."""
    accounts.require_recent(session, now)
    with ctx.db.transaction():
        row = find_row(ctx, session, key)
        check_unlink(row, now)
        link_verbs.unlink(ctx, row.group, row.member, now, actor_id=session.account_id)
        link_mail.tell_unlinked(ctx, [row.parties[row.group.primary.id], row.parties[row.member.id]], now)


def dissolve(ctx: Context, session: Session, now: int) -> int:
    """Unlink every account from the primary that is logged in, before it is closed (D22); how many.

    Errors: Refused (rule_recent_password, rule_only_primary_unlinks, D6's).
    """
    accounts.require_recent(session, now)
    with ctx.db.transaction():
        linked = [member.id for member in lock_group(ctx, session.account_id).linked]
        for account_id in linked or [session.account_id]:
            row = row_of(ctx, session, account_id)
            check_unlink(row, now)
            link_verbs.unlink(ctx, row.group, row.member, now, actor_id=session.account_id)
            link_mail.tell_unlinked(ctx, [row.parties[row.group.primary.id], row.parties[account_id]], now)
    return len(linked)


def make_primary(
    ctx: Context, session: Session, key: str, now: int, *, copy: bool = False, accept: Collection[str] = ()
) -> str:
    """Make that row the primary; `accept`: names of offered fields. The new id for this session's cookie (T10).

    Errors: NotFound, Refused (rule_recent_password, or a rule of policies.linking).
    """
    accounts.require_recent(session, now)
    with ctx.db.transaction():
        row = find_row(ctx, session, key)
        check_make_primary(row, now)
        old_id, new_id = row.group.primary.id, row.member.id
        values = shown_content(ctx, row) if copy else {}
        link_verbs.write_primary(ctx, row.group, row.member, now)
        link_proofs.end_between(ctx.db, new_id)
        for account_id, part in ((new_id, "primary"), (old_id, "linked")):
            note(ctx, "account:primary", account_id, now, actor_id=session.account_id, part=part)
            proofs.cancel_for_account(ctx.db, account_id, link_proofs.LINK)
        if values:
            _save(ctx, new_id, values)
            reactions.changed(ctx, new_id, values, now)
            note(ctx, "account:copy", new_id, now, actor_id=session.account_id, fields=sorted(values))
        accepted = _accept(ctx, new_id, accept)
        if accepted:
            note(ctx, "visibility:accept", new_id, now, actor_id=session.account_id, fields=sorted(accepted))
        people_index.refresh(ctx, row.group.ids)    # after what was copied and accepted
        parties = links.load_parties(ctx.db, row.group.ids)
        link_mail.tell_primary(ctx, list(parties.values()), new_id, old_id, now)
        return renew(ctx, session)


def set_silent(ctx: Context, session: Session, key: str, silent: bool, now: int) -> None:
    """The box *Show as part of this profile* of that row, silent when unticked (D5).

    The primary's session may throw it for every row, a linked one for its own; a managed one may not show more (D7).
    Errors: NotFound, Refused.
    """
    with ctx.db.transaction():
        row = find_row(ctx, session, key)
        check_silent(row, silent)
        if row.member.silent == silent:
            return
        link_verbs.write_silent(ctx, row.group, row.member, silent, now)
        note(ctx, "account:silent", row.member.id, now, actor_id=session.account_id, silent=silent)


def check_may_close(ctx: Context, account_id: int) -> None:
    """D22, asked before an account is closed or deleted, under the link guard: a primary's owner first picks another
    primary or dissolves the group. Errors: Refused (rule_primary_closes_last), NotFound."""
    group = lock_group(ctx, account_id)
    if group.asked.primary_id is None and group.linked:
        raise refused("rule_primary_closes_last")


def dismiss_nudge(ctx: Context, session: Session, now: int) -> None:
    """S39: not shown to this account any more."""
    with ctx.db.transaction():
        note(ctx, "nudge:dismiss", session.account_id, now, actor_id=session.account_id)


def _accept(ctx: Context, new_id: int, names: Collection[str]) -> list[str]:
    """The owner accepts what was offered and ticked, and nothing else."""
    levels = {name: level for name, level in offered_levels(ctx, new_id).items() if name in names}
    if levels:
        group = lock_group(ctx, new_id)
        settings = holding.accept(ctx.gate(group.version), group.subject(group.asked), levels)
        records.save(ctx.db, new_id, settings, {})
    return list(levels)


def _save(ctx: Context, new_id: int, values: dict[str, str]) -> None:
    group = lock_group(ctx, new_id)
    records.save(ctx.db, new_id, holding.fold(ctx.gate(group.version), group.subject(group.asked)), values)
