"""What every verb of linked accounts asks first: whose row a key names, whose proof a token is, what the rules say."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from policies.errors import NotFound
from policies.linking import (
    Outcome,
    Side,
    Standing,
    link_outcome,
    link_refusal,
    primary_refusal,
    reset_refusal,
    unlink_refusal,
)
from policies.linking_texts import refused
from policies.terms import Kind, Level
from webapp.services import tokens
from webapp.services.context import Context
from webapp.services.link_verbs import lock_group, lock_pair, member_of, refuse_unless, side_of
from webapp.services.sessions import Session
from webapp.services.tokens import LinkGone
from webapp.store import audit, link_proofs, links, records
from webapp.store import sessions as session_store
from webapp.store.links import Party
from webapp.store.profiles import Group, Member
from webapp.store.proofs import Proof, move_session

#: Seconds for which a pending link can be confirmed (D3).
LINK_LIFE = 600
#: What a change of primary can copy over (S52), in the order of the boxes.
COPIED = ("bio", "links", "products")


@dataclass(frozen=True, slots=True)
class Pair:
    """X (logged in) and Y (proved by log-in), and what linking them does."""

    x: Group
    y: Group
    parties: dict[int, Party]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the group of the account that is logged in. `actor`, `side`: as the rules see them."""

    group: Group
    member: Member
    parties: dict[int, Party]
    actor: Side
    side: Side


def row_key(ctx: Context, profile_id: int, account_id: int) -> str:
    """Names a row in URLs and forms of one profile; nobody else's key for that account is the same."""
    text = f"linked-row:{profile_id}:{account_id}".encode()
    return hmac.new(ctx.site.secret_key.encode(), text, hashlib.sha256).hexdigest()[:24]


def find_proof(ctx: Context, session: Session, token: str, now: int) -> Proof:
    """The pending link of this token, in the browser and account that made it (T20-T25).

    Errors: LinkGone, with an audit row about the account that tried. Call it outside a transaction.
    """
    proof = tokens.open_token(ctx, link_proofs.LINK, token, now)
    if (
        proof is None or proof.account_id != session.account_id or proof.session_id != session.session_id
        or proof.other_account_id is None
    ):
        note_refusal(ctx, session, "rule_live_link", now)
        raise LinkGone
    return proof


def note_refusal(ctx: Context, session: Session, rule: str, now: int) -> None:
    """An audit row about the account that tried, and no other."""
    with ctx.db.transaction():
        me = session.account_id
        audit.record(ctx.db, "link:refuse", now, actor_id=me, subject_id=me, rule=rule)


def decide(ctx: Context, x_id: int, y_id: int, now: int, proof: Proof | None = None) -> Pair:
    """Lock both groups, use the proof up if one is given, and ask the rules. Errors: LinkGone, Refused, NotFound."""
    x, y = lock_pair(ctx, x_id, y_id)
    if proof is not None:
        tokens.use(ctx, proof, now)
    parties = links.load_parties(ctx.db, sorted({*x.ids, *y.ids}))
    gate = ctx.gate(max(x.version, y.version))
    sides = side_of(ctx, gate, x, parties[x_id]), side_of(ctx, gate, y, parties[y_id])
    refuse_unless(link_refusal(*sides))
    for side in sides:
        refuse_unless(reset_refusal(side, now))
    return Pair(x, y, parties, link_outcome(*sides))


def settle_choice(ctx: Context, pair: Pair, choice: str | None) -> Outcome:
    """The outcome once the member has picked the primary, where they may (S42). Errors: Refused."""
    if pair.outcome is not Outcome.CHOOSE:
        return pair.outcome
    x_id, y_id = pair.x.asked.id, pair.y.asked.id
    picked = {row_key(ctx, x_id, x_id): Outcome.JOINS_OWN, row_key(ctx, x_id, y_id): Outcome.JOINS_OTHER}
    if choice not in picked:
        raise refused("rule_choose_primary")
    return picked[choice]


def find_row(ctx: Context, session: Session, key: str) -> Row:
    """That row of the own group, locked. A linked managed session has its own row only (D7). Errors: NotFound."""
    group = lock_group(ctx, session.account_id)
    is_weak = is_managed(ctx, group) and group.asked.primary_id is not None
    for member in (group.asked,) if is_weak else (group.primary, *group.linked):
        if hmac.compare_digest(row_key(ctx, group.primary.id, member.id).encode(), key.encode()):
            return _row(ctx, group, member)
    raise NotFound


def row_of(ctx: Context, session: Session, account_id: int) -> Row:
    """The row of that account in the own group, locked. Errors: NotFound."""
    group = lock_group(ctx, session.account_id)
    return _row(ctx, group, member_of(group, account_id))


def _row(ctx: Context, group: Group, member: Member) -> Row:
    parties = links.load_parties(ctx.db, group.ids)
    gate = ctx.gate(group.version)
    actor, side = (side_of(ctx, gate, group, parties[one.id]) for one in (group.asked, member))
    return Row(group, member, parties, actor, side)


def is_managed(ctx: Context, group: Group) -> bool:
    """Whether the account that was asked for is managed."""
    return ctx.gate(group.version).kind(group.asked.domain_id) is Kind.MANAGED


def renew(ctx: Context, session: Session) -> str:
    """A new id for the session's cookie (T10), inside the verb's transaction; when it was proved stays as it is.

    Errors: LinkGone when the session has ended meanwhile.
    """
    raw_id = tokens.new_token()
    if not session_store.renew(ctx.db, session.session_id, tokens.digest(raw_id), session.proved_at):
        raise LinkGone
    move_session(ctx.db, session.session_id, tokens.digest(raw_id))
    return raw_id


# The rules of a row, asked by the verbs, the page and the rehearsal alike.


def check_unlink(row: Row, now: int) -> None:
    """Errors: Refused."""
    refuse_unless(unlink_refusal(row.actor, row.side) or reset_refusal(row.actor, now))


def check_make_primary(row: Row, now: int) -> None:
    """Errors: Refused."""
    refuse_unless(primary_refusal(row.actor, row.side) or reset_refusal(row.actor, now))
    if row.member.silent:
        raise refused("rule_primary_is_shown")


def check_silent(row: Row, silent: bool) -> None:
    """Errors: Refused."""
    if row.side.standing is not Standing.LINKED:
        raise refused("rule_is_linked")
    if row.actor.standing is Standing.PRIMARY:
        return
    if row.actor.account != row.side.account:
        raise refused("rule_only_primary_unlinks")
    if not silent and row.actor.kind is Kind.MANAGED:
        raise refused("rule_managed_session_is_weakest")


def shown_content(ctx: Context, row: Row) -> dict[str, str]:
    """Bio, links and products of the present primary, as far as their own levels show them to Anyone (S52)."""
    gate = ctx.gate(row.group.version)
    anyone, _ = gate.both(row.group.subject(row.group.primary))
    names = [name for name in COPIED if name in gate.bit and anyone >> gate.bit[name] & 1]
    found = records.load_columns(ctx.db, row.group.primary.id, names)
    return {name: value for name, value in found.items() if value}


def offered_levels(ctx: Context, new_id: int) -> dict[str, Level]:
    """What the change of primary holds back of the new one's record and sections: the boxes of the rehearsal (D19)."""
    group = lock_group(ctx, new_id)
    return ctx.gate(group.version).pending(group.subject(group.asked))
