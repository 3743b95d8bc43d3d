"""Linking accounts: the checks and writes that every way to link ends in. Here by the operator's word (import, demo).

What a link holds back is decided in policies.holding; it is written on the linked account's row and goes with it (S51).
"""

from __future__ import annotations

from policies import holding
from policies.errors import NotFound, Refused
from policies.terms import Kind, State
from policies.visibility import Gate
from webapp.services import people_index
from webapp.services.context import Context
from webapp.store import audit, links, records
from webapp.store.profiles import Group

_LIVING = frozenset({State.ACTIVE.value, State.UNCLAIMED.value})


def link_by_operator(ctx: Context, primary_id: int, secondary_id: int, now: int) -> None:
    """Link an account that is not linked to a personal one that is not linked under another; audited, without proof.

    Errors: NotFound; Refused with the rule's name.
    """
    with ctx.db.transaction():
        link_pair(ctx, primary_id, secondary_id, now)
        audit_link(ctx, primary_id, secondary_id, now, actor_id=None)


def link_pair(ctx: Context, primary_id: int, secondary_id: int, now: int) -> None:
    """Check the linking rules that speak of the two accounts alone, and write the link; inside a transaction.

    Not checked: who asks, and what proof they brought. Errors: as link_by_operator.
    """
    db = ctx.db
    primary, secondary = _load(ctx, primary_id), _load(ctx, secondary_id)
    gate = ctx.gate(max(primary.version, secondary.version))
    _check(gate, primary, secondary)
    linked = holding.link(
        gate,
        secondary.subject(secondary.primary),
        links.load_edit_version(db, secondary_id),
        links.load_edit_version(db, primary_id),
    )
    links.save_link(db, secondary_id, primary_id, linked.settings, linked.hold, False, now)
    people_index.refresh(ctx, [primary_id, secondary_id])


def audit_link(ctx: Context, primary_id: int, secondary_id: int, now: int, *, actor_id: int | None) -> None:
    """One audit row for each of the two accounts, neither naming the other (D5, I11)."""
    by = "operator" if actor_id is None else "member"
    for account_id, part in ((primary_id, "primary"), (secondary_id, "linked")):
        audit.record(ctx.db, "account:link", now, actor_id=actor_id, subject_id=account_id, by=by, part=part)


def set_silent(ctx: Context, secondary_id: int, silent: bool, now: int, *, actor_id: int | None = None) -> None:
    """The box *Show as part of this profile* of a linked account (D5): silent when unticked. Audited.

    Errors: NotFound; Refused when it is not linked.
    """
    db = ctx.db
    with db.transaction():
        group = _load(ctx, secondary_id)
        member = group.asked
        if member.primary_id is None:
            raise Refused("rule_is_linked", "This account is not linked.")
        changed = holding.set_silent(
            ctx.gate(group.version),
            group.subject(group.primary),
            group.subject(member),
            links.load_hold(db, secondary_id),
            links.load_edit_version(db, secondary_id),
            links.load_edit_version(db, group.primary.id),
            silent,
        )
        links.save_link(db, secondary_id, group.primary.id, changed.settings, changed.hold, silent, None)
        people_index.refresh(ctx, [secondary_id])
        audit.record(db, "account:silent", now, actor_id=actor_id, subject_id=secondary_id, silent=silent)


def _load(ctx: Context, account_id: int) -> Group:
    group = records.lock_group(ctx.db, account_id)
    if group is None or group.asked.state not in _LIVING:
        raise NotFound("There is no such account.")
    return group


def _check(gate: Gate, primary: Group, secondary: Group) -> None:
    """The refusals in their order; none names the other primary."""
    if primary.primary.id == secondary.primary.id:
        raise Refused("rule_not_same_group", "These accounts belong to one profile already.")
    if primary.asked.primary_id is not None:
        raise Refused("rule_only_primary_links", "This account is linked itself.", "Link to its primary.")
    if secondary.asked.primary_id is not None:
        raise Refused(
            "rule_not_linked_elsewhere",
            "This account is linked to another primary.",
            "Unlink it from the other primary, then link it to the new one.",
        )
    if secondary.linked:
        raise Refused(
            "rule_not_two_primaries",
            "Both accounts are primaries.",
            "Remove the linked accounts from one so that it is no longer a primary.",
        )
    if gate.kind(primary.asked.domain_id) is Kind.MANAGED:
        if gate.kind(secondary.asked.domain_id) is Kind.MANAGED:
            raise Refused(
                "rule_not_two_managed",
                "Both accounts are managed by an organization.",
                "Create a personal primary first, then link both to it.",
            )
        raise Refused("rule_primary_is_personal", "Only a personal account can be the primary.")
