"""What is to be written into the policy log of what the plugins of a process say, and what may be taken back out of it.

Pure: the caller brings the log and appends the rows in one transaction. How the log is read: recorded.py, timeline.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.recorded import Key, Recorded, first_of, key_of, replay
from policies.terms import Kind, PolicyChange
from policies.timeline import Base, Cells, base_rows

#: (scope, bit, level, value) of a row of op `base`.
Row = tuple[str, int, int, int]
#: First and last version of what one switch wrote.
Span = tuple[int, int]


def unrecorded(base: Base, log: Sequence[PolicyChange], dormant: int = 0) -> list[Row]:
    """The rows that `vitrine migrate` must append as op `base`, in this order and in one transaction. Empty when the
    log holds what the plugins say.

    `dormant`: bits of fields whose plugin is loaded but off; what is recorded of them stays.
    """
    recorded, _ = replay(log)
    rows = [(key, mask & ~dormant | recorded.get(key, 0) & dormant) for key, mask in base_rows(base).items()]
    return _numbered([(key, mask) for key, mask in rows if recorded.get(key) != mask])


def narrowing(base: Base, log: Sequence[PolicyChange]) -> list[Row]:
    """The rows that leave a trace of what the plugins of this process show less of than the log holds, and of nothing
    else: so taking such a plugin away widens nothing, even if nobody ran `vitrine migrate` in between (D19).

    Fields that the process does not know keep what is recorded. Processes with different plugins come to the same. A
    plugin that is out for its overruns leaves no trace of its absence.
    """
    recorded, _ = replay(log)
    if not recorded or base.failed:
        return []
    known, said = base.known, base_rows(base.might or base)
    rows: dict[Key, int] = {}
    for kind in Kind:
        for level in (2, 1):
            key = kind.value, level
            rows[key] = recorded.get(key, 0) & (said[key] | ~known)
        fixed = f"fixed:{kind.value}"
        was = Cells(*(recorded.get((fixed, level), 0) for level in (0, 2, 1)))
        lower = was.lower(Cells(*(said[fixed, level] & known for level in (0, 2, 1))))
        rows |= {(fixed, 0): lower.bits, (fixed, 2): lower.anyone, (fixed, 1): lower.org}
    return _numbered([(key, mask) for key, mask in rows.items() if recorded.get(key, 0) != mask])


def taken_back(base: Base, log: Sequence[PolicyChange], first: int, last: int) -> list[tuple[int, int]]:
    """(version, bit) of what switching a plugin off recorded, from `first` to `last`, and may be undone as it is
    switched on again (D11): the cells for which the plugins say again what was recorded before, and that nothing
    changed since, neither an admin nor another plugin nor a lock. Accounts that acted in between, or were made in
    between, keep it."""
    after, (before, _), (_, changes) = base_rows(base), replay([c for c in log if c.version < first]), replay(log)
    found: list[tuple[int, int]] = []
    for kind in Kind:
        rows = [c for c in log if c.op == "base" and first <= c.version <= last and _rules(c, kind)]
        touched = _touched(log, last, kind, changes)
        for key, mask in after.items():
            if key[0] in _scopes(kind):
                touched |= mask ^ before.get(key, 0)
        for row in rows:
            found += [(row.version, bit) for bit in range(63) if changes[row.version] & ~touched & 1 << bit]
    return sorted(set(found))


def widenings(log: Sequence[PolicyChange], kind: Kind) -> list[tuple[int, int]]:
    """(version, bits) of what plugins showed more of accounts of this kind by their defaults, ascending."""
    keys = [(scope, level) for scope in (kind.value, f"fixed:{kind.value}") for level in (2, 1)]
    recorded, by_version = Recorded(first_of(log)), {change.version: change for change in log}
    _, changes = replay(log)
    found = []
    for change in log:
        before = [recorded.now.get(key, 0) for key in keys]
        if change.op == "base":
            recorded.apply(change, changes[change.version])
        elif change.op == "undo" and change.bit is not None and (change.value or 0) in changes:
            recorded.take_back(by_version[change.value or 0], change.bit)
        more = 0
        for key, was in zip(keys, before, strict=True):
            more |= recorded.now.get(key, 0) & ~was
        if more:
            found.append((change.version, more))
    return found


def _touched(log: Sequence[PolicyChange], since: int, kind: Kind, changes: Mapping[int, int]) -> int:
    """Bits of the fields whose default or lock anything changed after `since`."""
    by_version = {change.version: change for change in log}
    touched = 0
    for change in log:
        about = by_version.get(change.value or 0) if change.op == "undo" else change
        if change.version <= since or about is None or not _rules(about, kind):
            continue
        if about.op != "base":
            touched |= 1 << (about.bit or 0)
        else:
            touched |= changes[about.version] if about is change else 1 << (change.bit or 0)
    return touched


def _scopes(kind: Kind) -> tuple[str, ...]:
    return kind.value, f"fixed:{kind.value}", "known"


def _rules(change: PolicyChange, kind: Kind) -> bool:
    """Whether it says something about accounts of this kind."""
    if change.op == "base":
        return key_of(change)[0] in _scopes(kind)
    ruled = Kind.PERSONAL if change.scope == Kind.PERSONAL else Kind.MANAGED
    return change.op in ("cell", "lock") and ruled is kind


def _numbered(rows: Sequence[tuple[Key, int]]) -> list[Row]:
    return [(scope, len(rows) - 1 - n, level, mask) for n, ((scope, level), mask) in enumerate(rows)]
