"""What link, unlink, make primary and silent write, inside the caller's transaction and under the link guard.

No question of who asks and with what proof: that is linking.py's. Every verb takes groups as they are now and audits
each account by itself: no row names another account (D5, I11). Links are rows; no data moves (S51). What plugins are
told follows from what shows before and after: no order of steps tells of a silent account (`tell` puts that off).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from policies import holding
from policies.errors import NotFound
from policies.linking import Outcome, Side, Standing
from policies.linking_texts import refused
from policies.terms import Kind
from policies.visibility import Gate
from webapp.services import people_index, reactions
from webapp.services.context import Context
from webapp.store import audit, link_proofs, links, proofs, records
from webapp.store.links import Party
from webapp.store.profiles import Group, Member


def side_of(ctx: Context, gate: Gate, group: Group, party: Party) -> Side:
    """The asked account of a group as the rules of policies.linking see it."""
    if party.primary_id is not None:
        standing = Standing.LINKED
    else:
        standing = Standing.PRIMARY if group.linked else Standing.UNLINKED
    objected = standing is Standing.PRIMARY and party.reset_at is not None and link_proofs.has_objection(
        ctx.db, party.id, party.reset_at
    )
    return Side(
        party.id, group.primary.id, gate.kind(party.domain_id), standing, party.may_log_in, party.reset_at, objected
    )


def lock_pair(ctx: Context, one: int, other: int) -> tuple[Group, Group]:
    """Both groups, kept as they are until the transaction ends. Errors: NotFound."""
    found = links.lock_pair(ctx.db, one, other)
    if found is None:
        raise NotFound
    return found


def lock_group(ctx: Context, account_id: int) -> Group:
    """The group of an account, kept as it is until the transaction ends. Errors: NotFound."""
    group = records.lock_group(ctx.db, account_id)
    if group is None:
        raise NotFound
    return group


def write_link(
    ctx: Context, primary: Group, secondary: Group, now: int, *, may_be_public: bool = False, silent: bool = False,
    tell: bool = True,
) -> None:  # fmt: skip
    """Hang the unlinked account `secondary.asked` under `primary.asked`: one row is written (S51, D10)."""
    gate = ctx.gate(max(primary.version, secondary.version))
    member, head = secondary.asked, primary.asked
    subject = secondary.subject(member)
    linked = holding.link(
        gate, subject, links.load_edit_version(ctx.db, member.id), links.load_edit_version(ctx.db, head.id),
        may_be_public=may_be_public,
    )
    edited = linked.settings != subject.settings
    links.save_link(ctx.db, member.id, head.id, linked.settings, linked.hold, silent, now, edited)
    people_index.refresh(ctx, (head.id, member.id))
    if tell and not silent:
        reactions.linked(ctx, head.id, now)


def write_unlink(ctx: Context, group: Group, member: Member) -> None:
    """Take one linked account out of its group; what its link held back goes with it (S51, D19)."""
    head = group.primary
    edits = links.load_edit_version(ctx.db, member.id), links.load_edit_version(ctx.db, head.id)
    hold, subject = links.load_hold(ctx.db, member.id), group.subject(member)
    settings = holding.unlink(ctx.gate(group.version), group.subject(head), subject, hold, *edits)
    if holding.parts(subject, hold, *edits):
        links.keep_out(ctx.db, member.id, head.id)
    links.remove_link(ctx.db, member.id, head.id, settings)
    people_index.refresh(ctx, (head.id, member.id))


def write_primary(ctx: Context, group: Group, target: Member, now: int, *, tell: bool = True) -> None:
    """Make a linked personal account the primary of its group (S52, D10). Errors: Refused (holding.make_primary)."""
    head = group.primary
    made = holding.make_primary(ctx.gate(group.version), group.subject(head), group.subject(target))
    links.move_primary(ctx.db, head.id, target.id, made.old, made.new, now)
    people_index.refresh(ctx, group.ids)
    if tell:
        _tell_moved(ctx, head.id, target.id, now, group.linked)


def write_silent(
    ctx: Context, group: Group, member: Member, silent: bool, now: int, *, tell: bool = True
) -> None:  # fmt: skip
    """The box *Show as part of this profile* of a linked account, silent when unticked (D5)."""
    head = group.primary
    edits = links.load_edit_version(ctx.db, member.id), links.load_edit_version(ctx.db, head.id)
    hold, subject = links.load_hold(ctx.db, member.id), group.subject(member)
    changed = holding.set_silent(ctx.gate(group.version), group.subject(head), subject, hold, *edits, silent)
    if silent and holding.parts(subject, hold, *edits):
        links.keep_out(ctx.db, member.id, head.id)
    links.save_link(ctx.db, member.id, head.id, changed.settings, changed.hold, silent, None)
    people_index.refresh(ctx, (head.id, member.id))
    if tell and silent != member.silent:
        (reactions.unlinked if silent else reactions.linked)(ctx, head.id, now)


def write_outcome(
    ctx: Context, outcome: Outcome, x: Group, y: Group, now: int, *, may_be_public: bool, silent: bool
) -> tuple[int, int]:
    """Do what the table of docs/requirements.md says of X and Y; (primary, the account that joined it).

    Where a personal account becomes the primary of a flagged one's group it joins that group first, so that it shows
    no more than the group's profile did (D6, D10).
    """
    if outcome in (Outcome.JOINS_OWN, Outcome.JOINS_OTHER):
        primary, secondary = (x, y) if outcome is Outcome.JOINS_OWN else (y, x)
        write_link(ctx, primary, secondary, now, may_be_public=may_be_public, silent=silent)
        return primary.asked.id, secondary.asked.id
    head, flagged = (x, y) if outcome is Outcome.OWN_HEADS else (y, x)
    write_link(ctx, flagged, head, now, may_be_public=may_be_public, tell=False)
    group = lock_group(ctx, head.asked.id)
    write_primary(ctx, group, group.asked, now, tell=False)
    if silent:
        group = lock_group(ctx, flagged.asked.id)
        write_silent(ctx, group, group.asked, True, now, tell=False)
    _tell_moved(ctx, flagged.asked.id, head.asked.id, now, flagged.linked, joins=not silent)
    return head.asked.id, flagged.asked.id


def _tell_moved(
    ctx: Context, old_id: int, new_id: int, now: int, linked: Iterable[Member], *, joins: bool = False
) -> None:  # fmt: skip
    """The accounts that showed on one profile show on another; with `joins` one more does."""
    shown = sum(not member.silent for member in linked)
    reactions.unlinked(ctx, old_id, now, shown)
    reactions.linked(ctx, new_id, now, shown + joins)


def unlink(ctx: Context, group: Group, member: Member, now: int, *, actor_id: int | None, by: str = "member") -> None:
    """Unlink with audit rows; what was proved, asked or mailed for this link is dead (T25)."""
    head = group.primary
    write_unlink(ctx, group, member)
    for account_id, part in ((head.id, "primary"), (member.id, "linked")):
        note(ctx, "account:unlink", account_id, now, actor_id=actor_id, by=by, part=part)
        proofs.cancel_for_account(ctx.db, account_id, link_proofs.LINK)
    link_proofs.end_between(ctx.db, member.id)
    if not member.silent:
        reactions.unlinked(ctx, head.id, now)


def note(ctx: Context, event: str, account_id: int, now: int, *, actor_id: int | None, **detail: Any) -> None:
    """An audit row about one account; it names who did it only where that is the same account (D5)."""
    actor = actor_id if actor_id == account_id else None
    audit.record(ctx.db, event, now, actor_id=actor, subject_id=account_id, **detail)


def member_of(group: Group, account_id: int) -> Member:
    """That account of the group. Errors: NotFound."""
    for member in (group.primary, *group.linked):
        if member.id == account_id:
            return member
    raise NotFound


def silence_if_managed(ctx: Context, account_id: int, now: int) -> bool:
    """D6: a linked personal account that has turned managed becomes silent; whether it did."""
    group = lock_group(ctx, account_id)
    member = group.asked
    if member.primary_id is None or member.silent or ctx.gate(group.version).kind(member.domain_id) is Kind.PERSONAL:
        return False
    write_silent(ctx, group, member, True, now)
    note(ctx, "account:silent", account_id, now, actor_id=None, by="domain", silent=True)
    return True


def refuse_unless(rule: str | None) -> None:
    """Errors: Refused with that rule's name and texts, if there is one."""
    if rule is not None:
        raise refused(rule)
