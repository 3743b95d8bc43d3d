"""Default visibility as admins set it: what is in force in each scope, a draft laid over it, and whom that touches.

Pure, as everything here: the caller brings the log and the accounts. What a level means is decided in visibility.py;
nothing is decided a second time: a draft is the log with its changes appended, and both gates are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from policies.recorded import replay
from policies.terms import Kind, Level, PolicyChange, Subject
from policies.timeline import Base, base_rows
from policies.visibility import Gate

#: The scopes of the site's own tables; the third kind is `org:<id>`.
SITE: tuple[str, ...] = (Kind.MANAGED.value, Kind.PERSONAL.value)


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is not in the log yet. `op`: cell or lock; `level` None: inherit, or no lock any more."""

    op: str
    scope: str
    bit: int
    level: Level | None

    @property
    def key(self) -> tuple[str, str, int]:
        """What it is about: a later change of the same takes its place."""
        return self.op, self.scope, self.bit


def org_scope(organization_id: int) -> str:
    """The scope of an organization's overrides and locks."""
    return f"org:{organization_id}"


def kind_of(scope: str) -> Kind:
    """The kind of the accounts that a scope rules."""
    return Kind.PERSONAL if scope == Kind.PERSONAL else Kind.MANAGED


def levels_of(scope: str) -> tuple[Level, ...]:
    """The levels that a default or lock of this scope can have (S77)."""
    return tuple(level for level in Level if level is not Level.ORGANIZATION or kind_of(scope) is Kind.MANAGED)


class InForce:
    """The cells and locks in force at the end of a log, undone ones left out. Reads nothing, decides nothing."""

    def __init__(self, base: Base, log: Sequence[PolicyChange]) -> None:
        self._base = base
        undone = {change.value for change in log if change.op == "undo"}
        self._recorded = replay(log)[0] or base_rows(base)
        self._set: dict[tuple[str, str, int], Level | None] = {}
        for change in log:
            if change.op in ("cell", "lock") and change.version not in undone and change.bit is not None:
                level = None if change.level is None else Level(change.level)
                self._set[change.op, change.scope, change.bit] = level

    def cell(self, scope: str, bit: int) -> Level | None:
        """The default that this scope itself sets; None: it inherits."""
        return self._set.get(("cell", scope, bit))

    def lock(self, scope: str, bit: int) -> Level | None:
        """The lock that this scope itself sets."""
        return self._set.get(("lock", scope, bit))

    def default(self, scope: str, bit: int) -> Level:
        """The default of the scope, inherited or its own, locks left aside."""
        own = self.cell(scope, bit)
        kind = kind_of(scope)
        if own is None and scope != kind:
            own = self.cell(kind, bit)
        return own if own is not None else self._base_level(kind, bit)

    def is_fixed(self, scope: str, bit: int) -> bool:
        """Whether the code fixes the field for this kind of account (S81): no default and no lock can be set."""
        return bool(self._base.fixed[kind_of(scope)].bits >> bit & 1)

    def locks(self, scope: str) -> dict[int, Level]:
        """The locks that this scope itself sets, by bit."""
        return {
            bit: level for (op, of, bit), level in self._set.items()
            if op == "lock" and of == scope and level is not None
        }  # fmt: skip

    def cells(self, scope: str) -> dict[int, Level]:
        """The defaults that this scope itself sets, by bit."""
        return {
            bit: level for (op, of, bit), level in self._set.items()
            if op == "cell" and of == scope and level is not None
        }  # fmt: skip

    def value(self, change: Change) -> Level | None:
        """What holds now where the change would act: changes that say the same change nothing."""
        if change.op == "lock":
            return self.lock(change.scope, change.bit)
        return self.default(change.scope, change.bit) if change.scope in SITE else self.cell(change.scope, change.bit)

    def _base_level(self, kind: Kind, bit: int) -> Level:
        anyone = self._recorded.get((kind, 2), 0) & self._base.defaults[kind].anyone
        org = self._recorded.get((kind, 1), 0) & self._base.defaults[kind].org
        return Level.ANYONE if anyone >> bit & 1 else Level.ORGANIZATION if org >> bit & 1 else Level.ONLY_YOU


def toggled(level: Level, audience: Level, shown: bool, scope: str) -> Level:
    """The level after one cell was set to Show or Hide: Anyone implies Organization, so each moves the other (S78)."""
    if shown:
        return max(level, audience)
    narrower = Level.ORGANIZATION if audience is Level.ANYONE and kind_of(scope) is Kind.MANAGED else Level.ONLY_YOU
    return min(level, narrower)


def with_changes(
    log: Sequence[PolicyChange], version: int, changes: Iterable[Change]
) -> tuple[list[PolicyChange], int]:
    """The log as it would be after the changes, and its head."""
    after = list(log)
    for change in changes:
        version += 1
        after.append(PolicyChange(version, change.op, change.scope, change.bit, change.level))
    return after, version


def with_undo(log: Sequence[PolicyChange], version: int, undone: Iterable[int]) -> tuple[list[PolicyChange], int]:
    """The log as it would be with these versions undone, and its head."""
    after = list(log)
    for target in undone:
        version += 1
        after = [replace(change, undone_at=version) if change.version == target else change for change in after]
        after.append(PolicyChange(version, "undo", "", value=target))
    return after, version


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an account's fields for one audience: bits that close now, open now, wait for the owner's yes."""

    narrows: int
    opens: int
    asks: int


def fates(
    before: Gate, after: Gate, subject: Subject, declined_anyone: int = 0, declined_org: int = 0
) -> tuple[Fate, Fate]:
    """The fate of the account's fields for Anyone and for its organization, from one policy to another.

    `opens`: what comes back by undo, or as the owner's own earlier choice when a lock ends; nothing else ever opens.
    `asks`: offered then, not before; what the owner declined at that level (`declined_*`: masks) is not offered again.
    """
    was_anyone, was_org = before.both(subject)
    is_anyone, is_org = after.both(subject)
    wanted_anyone, wanted_org = before.wanted(subject)
    wants_anyone, wants_org = after.wanted(subject)
    offered = wants_anyone & ~declined_anyone | wants_org & ~wants_anyone & ~declined_org

    def fate(was: int, now: int, wanted: int, wants: int) -> Fate:
        return Fate(was & ~now, now & ~was, wants & ~now & offered & ~(wanted & ~was))

    return fate(was_anyone, is_anyone, wanted_anyone, wants_anyone), fate(was_org, is_org, wanted_org, wants_org)
