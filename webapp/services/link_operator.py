"""Linking by the operator's word (import, demo): audited, without proof, and the silent box. Members: linking.py."""

from __future__ import annotations

from policies.errors import NotFound
from policies.linking import Side, Standing, link_refusal
from policies.linking_texts import refused
from policies.terms import Kind, State
from policies.visibility import Gate
from webapp.services import link_verbs
from webapp.services.context import Context
from webapp.store.profiles import Group

_LIVING = frozenset({State.ACTIVE.value, State.UNCLAIMED.value})


def link_by_operator(ctx: Context, primary_id: int, secondary_id: int, now: int) -> None:
    """Link an account that is not linked to a personal one that is not linked under another; audited, without proof.

    Errors: NotFound; Refused with the rule's name.
    """
    with ctx.db.transaction():
        primary, secondary = link_verbs.lock_pair(ctx, primary_id, secondary_id)
        if primary.asked.state not in _LIVING or secondary.asked.state not in _LIVING:
            raise NotFound("There is no such account.")
        gate = ctx.gate(max(primary.version, secondary.version))
        link_verbs.refuse_unless(link_refusal(_side(gate, primary), _side(gate, secondary)))
        if gate.kind(primary.asked.domain_id) is Kind.MANAGED:
            raise refused("rule_primary_is_personal")
        if secondary.linked:
            raise refused("rule_not_two_primaries")
        link_verbs.write_link(ctx, primary, secondary, now)
        for account_id, part in ((primary_id, "primary"), (secondary_id, "linked")):
            link_verbs.note(ctx, "account:link", account_id, now, actor_id=None, by="operator", part=part)


def silence_by_operator(ctx: Context, secondary_id: int, silent: bool, now: int) -> None:
    """The box *Show as part of this profile* of a linked account (D5): silent when unticked. Audited.

    Errors: NotFound; Refused when it is not linked.
    """
    with ctx.db.transaction():
        group = link_verbs.lock_group(ctx, secondary_id)
        if group.asked.state not in _LIVING:
            raise NotFound("There is no such account.")
        if group.asked.primary_id is None:
            raise refused("rule_is_linked")
        link_verbs.write_silent(ctx, group, group.asked, silent, now)
        link_verbs.note(ctx, "account:silent", secondary_id, now, actor_id=None, silent=silent)


def _side(gate: Gate, group: Group) -> Side:
    """An account by the operator's word: the address is not asked for, imported people have none (D21)."""
    member = group.asked
    if member.primary_id is not None:
        standing = Standing.LINKED
    else:
        standing = Standing.PRIMARY if group.linked else Standing.UNLINKED
    return Side(member.id, group.primary.id, gate.kind(member.domain_id), standing)
