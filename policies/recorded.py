"""The defaults of plugins as the policy log holds them, replayed: rows of op `base`, undos of single fields of them.

A row is a mask of all fields; what it *changes* are the bits in which it differs from what held before it. An undo
takes back one bit of one row: what held before it holds again, unless a later row changed that bit too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.terms import PolicyChange

#: (scope, level) of a row.
Key = tuple[str, int]


def key_of(change: PolicyChange) -> Key:
    """What a row of op `base` is about."""
    return change.scope, change.level or 0


def first_of(log: Sequence[PolicyChange]) -> dict[Key, int]:
    """The first row of each kind: it also stands for the time before it."""
    first: dict[Key, int] = {}
    for change in log:
        if change.op == "base":
            first.setdefault(key_of(change), change.value or 0)
    return first


class Recorded:
    """What is recorded at one moment of a replay: `now`, by (scope, level)."""

    __slots__ = ("_first", "_rows", "now")

    def __init__(self, first: Mapping[Key, int]) -> None:
        self._first = first
        self._rows: dict[Key, list[tuple[int, int, int]]] = {}
        self.now = dict(first)

    def apply(self, change: PolicyChange, bits: int) -> None:
        """A row comes; `bits`: those that it changes."""
        key, value = key_of(change), change.value or 0
        self._rows.setdefault(key, []).append((change.version, value, bits))
        self.now[key] = self.now.get(key, 0) & ~bits | value & bits

    def take_back(self, change: PolicyChange, bit: int) -> None:
        """As if the row had never changed that bit."""
        key = key_of(change)
        rows = self._rows[key] = [
            (version, value, bits & ~(1 << bit) if version == change.version else bits)
            for version, value, bits in self._rows.get(key, ())
        ]
        found = self._first.get(key, 0)
        for _, value, bits in rows:
            found = found & ~bits | value & bits
        self.now[key] = found


def replay(
    log: Sequence[PolicyChange], first: Mapping[Key, int] | None = None
) -> tuple[dict[Key, int], dict[int, int]]:
    """(what is recorded at the end of the log, the bits that each row changes by its version)."""
    recorded = Recorded(first_of(log) if first is None else first)
    rows: dict[int, PolicyChange] = {}
    changes: dict[int, int] = {}
    for change in log:
        if change.op == "base":
            rows[change.version] = change
            bits = changes[change.version] = (change.value or 0) ^ recorded.now.get(key_of(change), 0)
            recorded.apply(change, bits)
        elif change.op == "undo" and change.bit is not None and (change.value or 0) in rows:
            recorded.take_back(rows[change.value or 0], change.bit)
    return recorded.now, changes
