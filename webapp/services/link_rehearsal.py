"""The rehearsal (D4): a verb is done, looked at and rolled back, so what it says is what confirming it will do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from policies.linking import Outcome
from policies.terms import Kind, Level, Subject
from policies.visibility import Gate
from webapp.services import link_verbs, totals
from webapp.services.context import Context
from webapp.services.link_page import label_of, title_of
from webapp.services.link_steps import (
    Pair,
    check_make_primary,
    check_unlink,
    decide,
    find_proof,
    find_row,
    offered_levels,
    row_key,
    settle_choice,
    shown_content,
)
from webapp.services.link_verbs import lock_group
from webapp.services.link_views import BadgeRef, Choice, Offer, Rehearsal, Tally, TotalRef
from webapp.services.notes import avatar_view
from webapp.services.sessions import Session
from webapp.store import accounts, links
from webapp.store import totals as totals_store
from webapp.store.links import Party
from webapp.store.profiles import Group

T = TypeVar("T")
_ORDER = (*totals.STATS, "peer_kudos")
_LEVELS = {Level.ANYONE: "Anyone", Level.ORGANIZATION: "Organization"}


class _Undo(Exception):
    """Rolls a rehearsed verb back."""


def rehearse(
    ctx: Context, session: Session, token: str, now: int, *, primary_choice: str | None = None,
    may_be_public: bool = False, silent: bool = False,
) -> Rehearsal:
    """What confirming the pending link would do. `primary_choice`: a key of `choose_primary`.

    Errors: LinkGone, Refused.
    """
    proof = find_proof(ctx, session, token, now)
    me, other = session.account_id, proof.other_account_id or 0

    def act() -> Rehearsal:
        pair = decide(ctx, me, other, now)
        choices = tuple(
            Choice(row_key(ctx, me, one), label_of(pair.parties[one]), pair.parties[one].email or "")
            for one in (me, other)
        ) if pair.outcome is Outcome.CHOOSE else ()
        chosen = primary_choice or (choices[0].key if choices else "")
        outcome = settle_choice(ctx, pair, chosen or None)
        now_tallies = tally(ctx, pair.x, pair.parties), tally(ctx, pair.y, pair.parties)
        joined_private, before = _joining(ctx, pair, outcome)
        primary_id, joined_id = link_verbs.write_outcome(
            ctx, outcome, pair.x, pair.y, now, may_be_public=may_be_public, silent=silent
        )
        joined = pair.parties[joined_id]
        made = _result(ctx, primary_id, "link", token, joined, now_tallies)
        gate = ctx.gate()
        group = lock_group(ctx, primary_id)
        narrowed = before & ~gate.both(group.subject(group.primary))[0] & gate.section_mask
        held = tuple(f"{label} will be hidden: an account that joins hides it." for label in _labels(gate, narrowed))
        is_managed = gate.kind(joined.domain_id) is Kind.MANAGED
        return replace(
            made, choose_primary=choices, chosen=chosen, held=held,
            privacy_why=_privacy_why(group, joined_private and made.privacy == "private", joined),
            associates=_associates(made, joined, silent),
            work_note=_work_note(ctx, gate, joined, silent, made.privacy) if is_managed else "",
            asks_public=joined_private, asks_silent=True,
        )

    return _rolled_back(ctx, act)


def rehearse_unlink(ctx: Context, session: Session, key: str, now: int) -> Rehearsal:
    """What unlinking that row would do. Errors: NotFound, Refused."""

    def act() -> Rehearsal:
        row = find_row(ctx, session, key)
        check_unlink(row, now)
        head, party = row.group.primary, row.parties[row.member.id]
        before = tally(ctx, row.group, row.parties)
        link_verbs.write_unlink(ctx, row.group, row.member)
        made = _result(ctx, head.id, "unlink", key, party, (before,))
        alone = lock_group(ctx, party.id)
        gate = ctx.gate(alone.version)
        subject = alone.subject(alone.asked)
        kept = _labels(gate, sum(1 << gate.bit[name] for name in gate.pending(subject)))
        held = [f"{label} of @{party.handle} stays hidden until its owner shows it again." for label in kept]
        if subject.private:
            held.insert(0, f"@{party.handle} stays private until its owner says otherwise.")
        return replace(
            made, apart=tally(ctx, alone, row.parties), held=tuple(held),
            lost=tuple(badge for badge in before.badges if badge not in made.together.badges),
            privacy_why=_privacy_why(lock_group(ctx, head.id), False, party),
            associates=(f"/u/{party.handle} shows its own profile again, and nothing there tells of the link.",),
        )

    return _rolled_back(ctx, act)


def rehearse_make_primary(ctx: Context, session: Session, key: str, now: int) -> Rehearsal:
    """What making that row the primary would do. Errors: NotFound, Refused."""

    def act() -> Rehearsal:
        row = find_row(ctx, session, key)
        check_make_primary(row, now)
        old, party = row.parties[row.group.primary.id], row.parties[row.member.id]
        before = tally(ctx, row.group, row.parties)
        copies = tuple(shown_content(ctx, row))
        link_verbs.write_primary(ctx, row.group, row.member, now)
        made = _result(ctx, party.id, "make-primary", key, party, (before,))
        gate = ctx.gate()
        labels = {field.name: field.label for field in gate.fields}
        levels = offered_levels(ctx, party.id)
        offered = tuple(Offer(name, labels[name], _LEVELS[level]) for name, level in levels.items())
        return replace(
            made, offered=offered, copies=tuple(labels[name] for name in copies),
            held=tuple(f"{offer.label} stays hidden, as it was on the profile until now." for offer in offered),
            privacy_why=_privacy_why(lock_group(ctx, party.id), False, party),
            associates=(
                f"/u/{old.handle} will lead to /u/{party.handle}.",
                "The profile gets its name, photo and content from another account; its numbers stay.",
            ),
        )

    return _rolled_back(ctx, act)


def tally(ctx: Context, group: Group, parties: dict[int, Party]) -> Tally:
    """What a group has, as its owner sees it: netted sums, milestones, points and level (S61-S69, D9)."""
    sums = totals_store.load_sums(ctx.db, group.ids, group.shown_ids, True, True)
    amounts = totals.totals_of(sums, ctx.manager)
    badges = tuple(
        BadgeRef(metric, value, (totals.words(ctx.manager, metric) or (metric,))[0])
        for metric in totals.ladder_metrics(ctx.manager, True, True)
        for value in ctx.manager.milestones(metric, amounts.get(metric, 0))
    )
    level = totals.level_view(ctx.manager, amounts)
    shown = tuple(TotalRef(metric, amounts.get(metric, 0), totals.WORDS[metric][0]) for metric in _ORDER)
    return Tally(title_of(group, parties), shown, badges, level.points, level.name)


@dataclass(frozen=True, slots=True)
class _Face:
    name: str
    avatar: str | None


def _result(
    ctx: Context, primary_id: int, action: str, token: str, party: Party, now_tallies: tuple[Tally, ...]
) -> Rehearsal:
    """What every rehearsal says of the resulting profile; the caller adds its own."""
    group = lock_group(ctx, primary_id)
    parties = links.load_parties(ctx.db, group.ids)
    together = tally(ctx, group, parties)
    had = {badge for side in now_tallies for badge in side.badges}
    head = parties[primary_id]
    subject = group.subject(group.primary)
    face = _face(ctx.gate(group.version), subject, head)
    return Rehearsal(
        action=action, token=token, label=label_of(party), email=party.email or "", choose_primary=(), chosen="",
        now=now_tallies, together=together, apart=None,
        gained=tuple(badge for badge in together.badges if badge not in had), lost=(),
        name=face.name, avatar=avatar_view(face.name, face.avatar), address=f"/u/{head.handle}",
        privacy="private" if subject.private else "public", privacy_why="", associates=(), held=(), offered=(),
        work_note="", asks_public=False, asks_silent=False, copies=(),
    )


def _face(gate: Gate, subject: Subject, head: Party) -> _Face:
    """Name and picture by the levels for Anyone, the private switch left aside: it is told beside them."""
    anyone, _ = gate.both(subject)
    named, pictured = (anyone >> gate.bit[name] & 1 for name in ("full_name", "avatar"))
    return _Face((head.full_name if named else None) or head.public_name, head.avatar if pictured else None)


def _joining(ctx: Context, pair: Pair, outcome: Outcome) -> tuple[bool, int]:
    """Whether the unlinked side that joins is private, and what Anyone sees of the profile that it joins."""
    gate = ctx.gate()
    own_joins = outcome in (Outcome.JOINS_OTHER, Outcome.OWN_HEADS)
    joins, stays = (pair.x, pair.y) if own_joins else (pair.y, pair.x)
    return joins.subject(joins.asked).private, gate.both(stays.subject(stays.asked))[0]


def _privacy_why(group: Group, by_joining: bool, party: Party) -> str:
    if not group.subject(group.primary).private:
        return "The primary account is public."
    if group.primary.private:
        return "The primary account is private."
    if by_joining:
        return f"@{party.handle} is private, so the profile turns private with it, unless you say otherwise."
    return "An account that is linked is private, and so is the profile with it."


def _associates(made: Rehearsal, joined: Party, silent: bool) -> tuple[str, ...]:
    """The three things that a link associates in public (D5)."""
    if silent:
        return (f"@{joined.handle} keeps its own page and looks unlinked to all others; only its numbers are added.",)
    if made.privacy == "private":
        return ("While the profile is private, the addresses of its linked accounts answer as unknown.",)
    return (
        f"/u/{joined.handle} will lead to {made.address}.",
        f"What @{joined.handle} does stands in the one list of activity.",
    )


def _work_note(ctx: Context, gate: Gate, joined: Party, silent: bool, privacy: str) -> str:
    """D12: what colleagues of a managed account will see on the profile."""
    organization = gate.organization(joined.domain_id)
    if organization is None or silent or privacy == "private":
        return ""
    name = accounts.organization_name(ctx.db, organization)
    return f"People at {name} will see the work details of @{joined.handle} on the profile."


def _labels(gate: Gate, bits: int) -> Sequence[str]:
    return [field.label for field in gate.fields if bits >> gate.bit.get(field.name, 63) & 1]


def _rolled_back(ctx: Context, act: Callable[[], T]) -> T:
    """What `act` finds inside a transaction that leaves no trace."""
    found: list[T] = []
    try:
        with ctx.db.transaction():
            found.append(act())
            raise _Undo
    except _Undo:
        return found[0]
