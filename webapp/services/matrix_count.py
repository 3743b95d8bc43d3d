"""Whom a change of policy touches, counted in the database: the dry run of default visibility.

Accounts that the gate cannot tell apart are counted as one by a single aggregate statement; both gates, the one in
force and the one to come, are then asked once for each of them. Counted are the levels of each account's own record:
what links hold back and the private switch would tell an admin of either (D5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from policies import matrix
from policies.terms import Kind, Level, Settings, Subject
from policies.visibility import Gate
from webapp.services.context import Context
from webapp.store import matrix as store
from webapp.store.matrix import Alike

ANYONE, ORGANIZATION = Level.ANYONE, Level.ORGANIZATION


@dataclass(slots=True)
class Tally:
    """Accounts of one kind by what becomes of one field for one audience. They add up to all accounts of the kind."""

    narrows: int = 0
    opens: int = 0
    asks: int = 0
    keeps: int = 0
    same: int = 0

    @property
    def members(self) -> int:
        return self.narrows + self.opens + self.asks + self.keeps + self.same


@dataclass(slots=True)
class Count:
    """A dry run. `total`: each member once, by the first that is true of any field: now, asked, keeps, same.

    asked: members who are asked about something, those for whom something else changes now among them
    fields: (kind, bit, audience) -> tally
    """

    total: Tally = field(default_factory=Tally)
    asked: int = 0
    fields: dict[tuple[Kind, int, Level], Tally] = field(default_factory=dict)


def count(
    ctx: Context, before: Gate, after: Gate, bits: Iterable[int], organization_id: int | None = None
) -> Count:
    """What becomes of the fields in `bits` of all members, or of one organization's, from one policy to the other."""
    wanted = sorted(set(bits))
    mask = sum(1 << bit for bit in wanted)
    only = None
    if organization_id is not None:
        only = [domain for domain in sorted(after.claimed) if after.organization(domain) == organization_id]
    scopes = {domain: _Scope(before, after, domain, mask) for domain in (None, *after.claimed)}
    found: Counter[tuple[Kind, Level, str, int]] = Counter()
    result = Count()
    for alike in store.count_alike(ctx.db, mask, after.claimed, only):
        result.asked += _add(result.total, found, before, after, alike, scopes[alike.domain_id], mask)
    for (kind, audience, fate, bits_of), n in found.items():
        for bit in wanted:
            if bits_of >> bit & 1:
                tally = result.fields.setdefault((kind, bit, audience), Tally())
                setattr(tally, fate, getattr(tally, fate) + n)
    for tally in result.fields.values():
        tally.same -= tally.narrows + tally.opens + tally.asks + tally.keeps
    return result


class _Scope:
    """What accounts of one e-mail domain have in common: their kind, and the bits whose default or lock moves."""

    __slots__ = ("audiences", "kind", "moved")

    def __init__(self, before: Gate, after: Gate, domain_id: int | None, mask: int) -> None:
        self.kind = after.kind(domain_id)
        self.audiences = (ANYONE,) if self.kind is Kind.PERSONAL else (ANYONE, ORGANIZATION)
        self.moved = mask & moves(before, after, domain_id)


def _add(
    total: Tally, found: Counter[tuple[Kind, Level, str, int]], before: Gate, after: Gate, alike: Alike,
    scope: _Scope, mask: int,
) -> int:  # fmt: skip
    """Count some accounts, in `found` by fate and bits, all of them as the same; how many of them are asked."""
    fates = matrix.fates(before, after, _subject(alike), alike.declined_anyone, alike.declined_org)
    said = (alike.chosen | alike.declined_org) & scope.moved
    now = asked = kept = 0
    for audience, fate in zip(scope.audiences, fates, strict=False):
        narrows, opens = fate.narrows & mask, fate.opens & mask
        asks = fate.asks & mask & ~(narrows | opens) if alike.is_active else 0
        keeps = said & ~(narrows | opens | asks)
        for name, bits in (("narrows", narrows), ("opens", opens), ("asks", asks), ("keeps", keeps), ("same", mask)):
            if bits:
                found[scope.kind, audience, name, bits] += alike.n
        now |= narrows | opens
        asked |= asks
        kept |= keeps
    if now:
        total.narrows += alike.n
    elif asked:
        total.asks += alike.n
    elif kept:
        total.keeps += alike.n
    else:
        total.same += alike.n
    return alike.n if asked else 0


def moves(before: Gate, after: Gate, domain_id: int | None) -> int:
    """Bits whose default or lock is another afterwards for accounts of this domain."""
    was, now = before.timeline(domain_id).cur, after.timeline(domain_id).cur
    return (was.anyone ^ now.anyone) | (was.org ^ now.org) | (was.lock_anyone ^ now.lock_anyone) | (
        was.lock_org ^ now.lock_org
    )  # fmt: skip


def _subject(alike: Alike) -> Subject:
    """An account of the kind that is counted. Fields that are not counted stand at nothing, and are not read."""
    settings = Settings(
        alike.base_version, alike.chosen, alike.chosen_anyone, alike.chosen_org, alike.cap_anyone, alike.cap_org
    )
    return Subject(0, 0, alike.domain_id, settings)
