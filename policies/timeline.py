"""The policy log replayed: which defaults were in force for accounts of one e-mail domain, version by version.

A default shows a field of an account that chose nothing only if every default since the account's base line shows it
(D19), so what a base line needs is the AND of all entries from it to now: two lists of suffix ANDs and one bisect.
Nothing here knows an account or a viewer.

The compiled defaults of the plugins are part of the log (op `base`), written by `vitrine migrate`, never by a worker,
so that a plugin that comes, goes or changes widens nothing. One row per (scope, level), `value` a mask:

    personal, managed                level 2: bits at Anyone; level 1: bits at Organization or wider
    fixed:personal, fixed:managed    level 0: bits the code fixes; levels 2 and 1: as above, of those bits
    known                            level 0: bits of the fields registered

The rows of one recording hold together: column `bit` counts those still to come, so that a replay never stops half way.
Switching a plugin on again undoes what switching it off recorded field by field (`undo` with a bit): recorded.py.

The first recorded base also stands for the time before it. What the running process compiled is ANDed onto the present.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from policies.recorded import Recorded, first_of, replay
from policies.terms import ALL, Field, Kind, Level, PolicyChange, Question


@dataclass(frozen=True, slots=True)
class Cells:
    """Levels of some fields as masks: `bits` are set at all; `anyone` and `org` say at what. anyone implies org."""

    bits: int = 0
    anyone: int = 0
    org: int = 0

    def put(self, bit: int, level: Level | None) -> Cells:
        """The same with one field set to `level`, or taken out where it is None."""
        one = 1 << bit
        bits, anyone, org = self.bits & ~one, self.anyone & ~one, self.org & ~one
        if level is None:
            return Cells(bits, anyone, org)
        return Cells(bits | one, anyone | (one if level is Level.ANYONE else 0), org | (one if level else 0))

    def over(self, below: Cells) -> Cells:
        """These cells where set, else those below."""
        return Cells(below.bits | self.bits, below.anyone & ~self.bits | self.anyone, below.org & ~self.bits | self.org)

    def lower(self, other: Cells) -> Cells:
        """Cells set in either; where set in both, the narrower level (deny wins)."""
        return Cells(
            self.bits | other.bits,
            (self.anyone | ~self.bits & other.bits) & (other.anyone | ~other.bits & self.bits),
            (self.org | ~self.bits & other.bits) & (other.org | ~other.bits & self.bits),
        )


@dataclass(frozen=True, slots=True)
class Base:
    """What the plugins of this process say, compiled by `PolicyManager.compile`.

    `bit` holds the fields that have a bit; `defaults` sets every one of them, `fixed` the ones locked by code.
    `keeps`: bits that stay of a private profile; `vetoes`: (name, question -> bits to hide), which never raise, as
    little as `names`, the rules how a name is shown. `failed`: which plugin failed first when it was asked for a cell,
    in words; nothing of such a base is recorded. `might`: where a plugin that opens more is out for its overruns, the
    most that the cells could show if it were asked.
    """

    fields: tuple[Field, ...]
    bit: Mapping[str, int]
    defaults: Mapping[Kind, Cells]
    fixed: Mapping[Kind, Cells]
    keeps: int = 0
    vetoes: tuple[tuple[str, Callable[[Question], int]], ...] = ()
    names: tuple[Callable[[str | None, str], str | None], ...] = ()
    failed: str = ""
    might: Base | None = None

    @property
    def known(self) -> int:
        """Bits of all fields registered now."""
        return sum(1 << bit for bit in self.bit.values())


@dataclass(frozen=True, slots=True)
class Entry:
    """What was in force from `version` on. `anyone`/`org`: defaults with locks in their place; `lock_*`: ceilings.

    fixed: bits locked by the code; org_cells, org_locks: bits the organization itself set or locked."""

    version: int
    organization: int | None
    anyone: int
    org: int
    lock_anyone: int
    lock_org: int
    fixed: int = 0
    org_cells: int = 0
    org_locks: int = 0

    def by_organization(self, bit: int, locked: bool) -> bool:
        """Whether it is the organization, not the site, that set this default or lock."""
        return bool((self.org_locks if locked else self.org_cells) >> bit & 1)

    def cut(self, other: Entry, known: int) -> Entry:
        """What both show of the known fields: the log's entry met by what the running process compiled."""
        return replace(
            self,
            anyone=self.anyone & other.anyone & known,
            org=self.org & other.org & known,
            lock_anyone=self.lock_anyone & other.lock_anyone & known,
            lock_org=self.lock_org & other.lock_org & known,
            fixed=self.fixed | other.fixed,
        )

    def is_like(self, other: Entry) -> bool:
        """Whether both decide alike, whatever their versions."""
        return (self.organization, self.anyone, self.org, self.lock_anyone, self.lock_org) == (
            other.organization,
            other.anyone,
            other.org,
            other.lock_anyone,
            other.lock_org,
        )


def base_rows(base: Base) -> dict[tuple[str, int], int]:
    """The compiled base as rows (scope, level) -> mask, the way the log holds it."""
    rows: dict[tuple[str, int], int] = {("known", 0): base.known}
    for kind in Kind:
        rows[kind.value, 2] = base.defaults[kind].anyone
        rows[kind.value, 1] = base.defaults[kind].org
        fixed = base.fixed[kind]
        rows[f"fixed:{kind.value}", 0] = fixed.bits
        rows[f"fixed:{kind.value}", 2] = fixed.anyone
        rows[f"fixed:{kind.value}", 1] = fixed.org
    return rows


class _State:
    """The policy at one moment of a replay, of one e-mail domain."""

    def __init__(self, recorded: Mapping[tuple[str, int], int]) -> None:
        self.base = Recorded(recorded)
        self.cells: dict[str, Cells] = {}
        self.locks: dict[str, Cells] = {}
        self.history: dict[tuple[str, str, int | None], list[PolicyChange]] = {}
        self.organization: int | None = None

    def apply(self, change: PolicyChange, bits: int = 0) -> None:
        """`bits`: those that a row of op `base` changes."""
        if change.op == "base":
            self.base.apply(change, bits)
            return
        key = change.op, change.scope, change.bit
        self.history.setdefault(key, []).append(change)
        self._show(key)

    def is_ruled_by(self, change: PolicyChange) -> bool:
        """Whether the change can show in `snap` now: not if it is of the other kind or of another organization."""
        if change.op not in ("cell", "lock"):
            return True
        return change.scope == f"org:{self.organization}" or change.scope == (
            Kind.PERSONAL if self.organization is None else Kind.MANAGED
        )

    def take_back(self, change: PolicyChange, bit: int | None) -> None:
        """As if `change` had never been made; a later change of the same cell stays in force."""
        if change.op == "base":
            self.base.take_back(change, bit or 0)
            return
        key = change.op, change.scope, change.bit
        live = self.history.get(key, [])
        if change in live:
            live.remove(change)
            self._show(key)

    def _show(self, key: tuple[str, str, int | None]) -> None:
        op, scope, bit = key
        live = self.history[key]
        last = live[-1] if live else None
        if op == "domain":
            self.organization = last.value if last else None
        elif bit is not None:
            level = None if last is None or last.level is None else Level(last.level)
            held = self.cells if op == "cell" else self.locks
            held[scope] = held.get(scope, Cells()).put(bit, level)

    def snap(self, version: int, base_rows: Mapping[tuple[str, int], int] | None = None) -> Entry:
        rows = self.base.now if base_rows is None else base_rows
        kind = Kind.PERSONAL if self.organization is None else Kind.MANAGED
        base = Cells(ALL, rows.get((kind, 2), 0), rows.get((kind, 1), 0))
        fixed = Cells(*(rows.get((f"fixed:{kind}", level), 0) for level in (0, 2, 1)))
        cells = self.cells.get(kind, Cells()).over(base)
        locks = fixed.lower(self.locks.get(kind, Cells()))
        own_cells = own_locks = Cells()
        if self.organization is not None:
            own_cells = self.cells.get(f"org:{self.organization}", own_cells)
            own_locks = self.locks.get(f"org:{self.organization}", own_locks)
            cells = own_cells.over(cells)
            locks = locks.lower(own_locks)
        shown = locks.over(cells)
        lock_anyone = locks.anyone | ALL & ~locks.bits
        lock_org = locks.org | ALL & ~locks.bits
        known = rows.get(("known", 0), 0)
        anyone, org = shown.anyone & known, shown.org & known
        if self.organization is None:  # there are no colleagues: everybody is Anyone
            org, lock_org = anyone, lock_anyone
        return Entry(
            version,
            self.organization,
            anyone,
            org,
            lock_anyone,
            lock_org,
            fixed.bits,
            own_cells.bits,
            own_locks.bits & ~(own_locks.anyone & own_locks.org),
        )


class Timeline:
    """The defaults that accounts of one e-mail domain have lived through. Immutable; parts are made when first asked.

    `cuts` are the versions of undone changes, ascending. An account whose base line is older than an undone change
    resolves as if that change had never been; one that acted while it held keeps it (D11, D19). So there is one list of
    entries, a part, for each number of cuts at or before the base line.
    """

    __slots__ = ("_changes", "_log", "_parts", "_recorded", "_undone", "_version", "closed", "cur", "cuts")

    def __init__(self, base: Base, log: Sequence[PolicyChange], version: int, domain_id: int | None) -> None:
        self._version = version
        self._log = _relevant(log, domain_id)
        self._recorded = first_of(self._log) or base_rows(base)
        _, self._changes = replay(self._log, self._recorded)
        self._undone: dict[int, int] = {}
        for change in self._log:
            if change.op == "undo":
                bits = ALL if change.bit is None else 1 << change.bit
                self._undone[change.value or 0] = self._undone.get(change.value or 0, 0) | bits
        self.cuts = sorted(self._undone)
        self._parts: dict[int, tuple[list[int], list[int], list[int], list[bool]]] = {}
        entries, state = self._entries(len(self.cuts))
        recorded = entries[-1]
        self.cur = recorded.cut(state.snap(version, base_rows(base)), base.known)
        #: Bits for Anyone and for the organization that the log shows and the running process does not.
        self.closed = recorded.anyone & ~self.cur.anyone, recorded.org & ~self.cur.org

    def at(self, base_version: int) -> tuple[int, int, bool]:
        """(AND of Anyone, AND of Organization, whether the organization never changed) since `base_version`."""
        anyone, org, same = self.lasting(base_version)
        return anyone & self.cur.anyone, org & self.cur.org, same

    def lasting(self, base_version: int) -> tuple[int, int, bool]:
        """The same by the log alone: a plugin that is ill, late or not there in the running process hides nothing."""
        versions, anyone, org, same = self._part(bisect_right(self.cuts, base_version))
        index = bisect_right(versions, base_version) - 1
        return anyone[index], org[index], same[index]

    def spans(self, bit: int, org: bool) -> Iterator[tuple[int, int | None, bool, bool]]:
        """(from, until, shown, same) over all base lines in order: `at` for one bit, as ranges; until None: no end."""
        edges = sorted({0, *self.cuts, *(v for i in range(len(self.cuts) + 1) for v in self._part(i)[0])})
        spans: list[tuple[int, bool, bool]] = []
        for edge in edges:
            anyone, organization, same = self.at(edge)
            found = bool((organization if org else anyone) >> bit & 1), same
            if not spans or spans[-1][1:] != found:
                spans.append((edge, *found))
        for index, (start, shown, same) in enumerate(spans):
            yield start, spans[index + 1][0] if index + 1 < len(spans) else None, shown, same

    def _part(self, index: int) -> tuple[list[int], list[int], list[int], list[bool]]:
        part = self._parts.get(index)
        if part is None:
            part = self._parts[index] = _suffixes(self._entries(index)[0])
        return part

    def _entries(self, index: int) -> tuple[list[Entry], _State]:
        """What accounts with `index` cuts at or before their base line lived through since the last of those cuts."""
        start = self.cuts[index - 1] if index else 0
        omitted = set(self.cuts[index:])
        state = _State(self._recorded)
        by_version = {change.version: change for change in self._log}
        entries = [state.snap(0)] if not start else []
        for change in self._log:
            if (change.version in omitted and change.op != "base") or (change.op == "undo" and change.value in omitted):
                continue
            if change.op == "undo":
                state.take_back(by_version[change.value or 0], change.bit)
            else:
                left = ~self._undone[change.version] if change.version in omitted else ALL
                state.apply(change, self._changes.get(change.version, 0) & left)
            whole = not (change.op == "base" and change.bit)
            if change.version >= start and whole and (state.is_ruled_by(change) or not entries):
                _append(entries, state.snap(change.version))
        entries.append(state.snap(self._version))
        return entries, state


def _relevant(log: Sequence[PolicyChange], domain_id: int | None) -> list[PolicyChange]:
    """The part of the log that this e-mail domain has lived under. An undo of what cannot be undone is left out."""
    own = f"domain:{domain_id}"
    owners = {f"org:{change.value}" for change in log if change.op == "domain" and change.scope == own}
    scopes = {own, *owners, *Kind}
    kept: dict[int, PolicyChange] = {}
    for change in log:
        if change.op == "undo":
            target = kept.get(change.value or 0)
            if target is not None and (target.op in ("cell", "lock", "domain")) is (change.bit is None):
                kept[change.version] = change
        elif change.op == "base" or change.scope in scopes:
            kept[change.version] = change
    return list(kept.values())


def _append(entries: list[Entry], entry: Entry) -> None:
    if not entries or not entries[-1].is_like(entry):
        entries.append(entry)


def _suffixes(entries: Sequence[Entry]) -> tuple[list[int], list[int], list[int], list[bool]]:
    """Suffix ANDs, oldest first. Where the present organization did not own the domain yet, its members were Anyone:
    from that entry backwards the Organization column adds only what Anyone saw."""
    versions: list[int] = []
    anyones: list[int] = []
    orgs: list[int] = []
    sames: list[bool] = []
    anyone = org = ALL
    same = True
    present = entries[-1].organization
    for entry in reversed(entries):
        same = same and entry.organization == present
        anyone &= entry.anyone
        org &= entry.org if same else entry.anyone
        versions.append(entry.version)
        anyones.append(anyone)
        orgs.append(org)
        sames.append(same)
    return versions[::-1], anyones[::-1], orgs[::-1], sames[::-1]
