"""Leaving (D18): "this was not me" by mail, at once; by asking, after seven days unless declined. And D6."""

from __future__ import annotations

from policies.linking import LEAVE_AGAIN, LEAVE_WAIT, Standing, leave_is_final, wait_until
from policies.linking_texts import refused
from policies.terms import Kind, State
from webapp.services import accounts, link_mail, link_verbs, tokens
from webapp.services.context import Context
from webapp.services.link_steps import find_row, is_managed
from webapp.services.link_verbs import lock_group, note, side_of
from webapp.services.link_views import LeaveStep
from webapp.services.sessions import Session
from webapp.services.tokens import LinkGone
from webapp.store import link_proofs, links, proofs
from webapp.store.link_proofs import Request
from webapp.store.profiles import Group, Member
from webapp.store.proofs import Proof

#: A request is remembered so long: the next one may not be declined (D18).
_REMEMBERED = 400 * 86_400
#: The worker takes out so many at one turn.
_BATCH = 200


def ask_to_leave(ctx: Context, session: Session, now: int) -> int | None:
    """The account that is logged in asks to be taken out (D18): when it will be; None if it was done at once.

    At once where the primary is deactivated (D22). Errors: Refused (rule_recent_password, rule_is_linked,
    rule_primary_does_not_leave, rule_asked_already, rule_asks_again_later).
    """
    accounts.require_recent(session, now)
    with ctx.db.transaction():
        group = lock_group(ctx, session.account_id)
        if group.asked.primary_id is None:
            raise refused("rule_primary_does_not_leave" if group.linked else "rule_is_linked")
        if leaves_at_once(group):
            _take_out(ctx, group, [group.asked], now, "leave")
            return None
        before = link_proofs.load_request(ctx.db, session.account_id)
        if before is not None and before.declined_at is None:
            raise refused("rule_asked_already")
        if before is not None and now - before.created_at < LEAVE_AGAIN:
            raise refused("rule_asks_again_later")
        final = leave_is_final(before.created_at if before else None, now)
        token = tokens.new_token()
        proofs.add(
            ctx.db, link_proofs.LEAVE, tokens.digest(token), now, now + _REMEMBERED, account_id=session.account_id,
            other_account_id=group.primary.id, detail={"what": link_proofs.ASK, "final": final},
        )
        note(ctx, "leave:ask", session.account_id, now, actor_id=session.account_id, final=final)
        parties = links.load_parties(ctx.db, [session.account_id, group.primary.id])
        leaver, primary = parties[session.account_id], parties[group.primary.id]
        link_mail.tell_asked(ctx, leaver, primary, now, now + LEAVE_WAIT, "" if final else token)
        return now + LEAVE_WAIT


def leaves_at_once(group: Group) -> bool:
    """D22: there is nobody who could decline, because the primary is deactivated."""
    return group.primary.state not in (State.ACTIVE, State.UNCLAIMED)


def open_mailed(ctx: Context, token: str, now: int) -> LeaveStep:
    """What a mailed link ("this was not me", or "decline") will do; nothing is used up. Errors: LinkGone."""
    key = tokens.digest(token)
    proof = _proof(ctx, key, now)
    is_out = proof.detail["what"] == link_proofs.OUT
    account_id = proof.account_id if is_out else proof.other_account_id
    party = links.load_parties(ctx.db, [account_id or 0]).get(account_id or 0)
    if party is None or (not is_out and proof.detail["final"]):
        raise LinkGone
    return LeaveStep(key, "leave" if is_out else "decline", party.handle)


def leave_by_mail(ctx: Context, key: str, now: int) -> None:
    """"This was not me": take the recipient's account out at once (D18); of a primary, what was linked to it then.

    Errors: LinkGone, also when the account has another address now or the link is not the one that the mail was about.
    """
    proof = _proof(ctx, key, now)
    if proof.detail["what"] != link_proofs.OUT or proof.account_id is None:
        raise LinkGone
    with ctx.db.transaction():
        group = lock_group(ctx, proof.account_id)
        tokens.use(ctx, proof, now)
        parties = links.load_parties(ctx.db, group.ids)
        if parties[proof.account_id].email_key != proof.detail["email_key"]:
            raise LinkGone
        wanted = {proof.account_id} if group.asked.primary_id is not None else set(proof.detail["others"])
        out = [
            member for member in group.linked
            if member.id in wanted and (parties[member.id].linked_at or 0) <= proof.created_at
        ]  # fmt: skip
        if not out:
            raise LinkGone
        _take_out(ctx, group, out, now, "mail")


def decline_by_mail(ctx: Context, key: str, now: int) -> None:
    """The primary declines by the mailed link. Errors: LinkGone."""
    proof = _proof(ctx, key, now)
    if proof.detail["what"] != link_proofs.ASK or proof.account_id is None:
        raise LinkGone
    with ctx.db.transaction():
        group = lock_group(ctx, proof.account_id)
        request = link_proofs.load_request(ctx.db, proof.account_id)
        if request is None or request.key != key or request.final or group.primary.id != proof.other_account_id:
            raise LinkGone
        _decline(ctx, request, now)


def decline_leave(ctx: Context, session: Session, key: str, now: int) -> None:
    """The primary declines that row's request to leave (D18). Errors: NotFound, LinkGone, Refused."""
    with ctx.db.transaction():
        row = find_row(ctx, session, key)
        if row.actor.standing is not Standing.PRIMARY:
            raise refused("rule_only_primary_unlinks")
        request = link_proofs.load_request(ctx.db, row.member.id)
        if request is None or request.declined_at is not None:
            raise LinkGone
        if request.final:
            raise refused("rule_leave_can_be_declined")
        _decline(ctx, request, now)


def finish_leaves(ctx: Context, now: int) -> int:
    """Take out the accounts whose seven days are over; how many. For the worker, every hour."""
    done = 0
    for due in link_proofs.load_due(ctx.db, now - LEAVE_WAIT, _BATCH):
        with ctx.db.transaction():
            group = lock_group(ctx, due.account_id)
            request = link_proofs.load_request(ctx.db, due.account_id)
            if request is None or request.key != due.key or request.declined_at is not None:
                continue        # declined or unlinked since it was read
            if group.asked.primary_id is None:
                link_proofs.end_between(ctx.db, due.account_id)
                continue
            _take_out(ctx, group, [group.asked], now, "leave")
            done += 1
    return done


def object_to_reset(ctx: Context, session: Session, now: int) -> None:
    """D6: a linked personal account objects, so that the flagged primary's links stay as they are after a reset by
    mail until the objection is withdrawn. Errors: Refused (rule_may_object)."""
    with ctx.db.transaction():
        group = lock_group(ctx, session.account_id)
        if not may_object(ctx, group, now):
            raise refused("rule_may_object")
        proofs.add(
            ctx.db, link_proofs.LEAVE, tokens.digest(tokens.new_token()), now, now + _REMEMBERED,
            account_id=group.primary.id, other_account_id=session.account_id, detail={"what": link_proofs.OBJECT},
        )
        note(ctx, "reset:object", session.account_id, now, actor_id=session.account_id)


def withdraw_objection(ctx: Context, session: Session, now: int) -> None:
    """Take the objection back. Errors: Refused (rule_may_object) where there is none."""
    with ctx.db.transaction():
        if not link_proofs.withdraw(ctx.db, session.account_id):
            raise refused("rule_may_object")
        note(ctx, "reset:withdraw", session.account_id, now, actor_id=session.account_id)


def may_object(ctx: Context, group: Group, now: int) -> bool:
    """Whether the asked account may object now: a linked personal one, while its flagged primary waits (D6)."""
    if group.asked.primary_id is None or is_managed(ctx, group):
        return False
    primary = links.load_parties(ctx.db, [group.primary.id])[group.primary.id]
    whole = Group(group.version, group.primary, group.primary, group.linked)
    side = side_of(ctx, ctx.gate(group.version), whole, primary)
    return side.kind is Kind.MANAGED and now < wait_until(side) and not side.objected


def settle_domain(ctx: Context, domain_id: int, now: int) -> None:
    """D6, in the transaction in which a domain that nobody had becomes verified: a primary of that domain is flagged
    and told by mail; a linked personal account turned managed becomes silent."""
    for account_id in links.load_accounts_of_domain(ctx.db, domain_id):
        party = links.load_parties(ctx.db, [account_id])[account_id]
        if party.primary_id is None:
            note(ctx, "account:flag", account_id, now, actor_id=None)
            link_mail.tell_flagged(ctx, party, now)
        elif link_verbs.silence_if_managed(ctx, account_id, now):
            link_mail.tell_silenced(ctx, party, now)


def _take_out(ctx: Context, group: Group, out: list[Member], now: int, by: str) -> None:
    parties = links.load_parties(ctx.db, group.ids)
    for member in out:
        fresh = lock_group(ctx, member.id)      # each unlink changes what the others hold back
        link_verbs.unlink(ctx, fresh, fresh.asked, now, actor_id=member.id, by=by)
        link_mail.tell_unlinked(ctx, [parties[group.primary.id], parties[member.id]], now)


def _decline(ctx: Context, request: Request, now: int) -> None:
    if not proofs.use(ctx.db, request.key, now):
        raise LinkGone
    note(ctx, "leave:decline", request.account_id, now, actor_id=None)
    link_mail.tell_declined(ctx, links.load_parties(ctx.db, [request.account_id])[request.account_id], now)


def _proof(ctx: Context, key: str, now: int) -> Proof:
    proof = tokens.reopen(ctx, link_proofs.LEAVE, key, now)
    if proof is None or proof.detail.get("what") == link_proofs.OBJECT:
        raise LinkGone
    return proof
