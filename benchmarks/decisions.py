"""Decisions of the gate's compiled form against a policy engine (cedarpy) and against a pluggy call per field (G5).

A decision is one field of one subject for one audience, Anyone. All three sides read the same subjects, two kinds of
accounts, made at any time in a history of changed defaults, most with choices of their own, and are compared before
they are timed. Cedar gets its policies and entities parsed already, and one batch; pluggy one hook, with the owner's
choice and the default tables of each kind as a plugin each. Both find what an account has lived under in a table.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pluggy

from benchmarks.table import Line, at_least
from policies.manager import PolicyManager
from policies.terms import ANONYMOUS, Kind, Level, PolicyChange, Settings, Subject
from policies.visibility import Gate

ROUNDS = 25
#: After so many seconds three rounds are enough.
LONG = 10.0
#: Domain 1 is an organization's, domain 2 nobody's.
ORGANIZATION, DOMAINS = 1, (1, 2)
#: Changes of defaults and locks since the domain was verified.
CHANGES = 40
#: Subjects -> the ratio to reach against a pluggy call per field.
SIZES = {1: 40.0, 100: 100.0, 10_000: 100.0}
CEDAR = 1000.0
POLICIES = """
permit (principal, action == Action::"view", resource) when { resource.chosen_shown.contains(context.field) };
permit (principal, action == Action::"view", resource) when {
  resource.kind.shown.contains(context.field) && !resource.chosen.contains(context.field)
};
"""

_spec, _impl = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")


class _Hooks:
    @_spec(firstresult=True)
    def is_shown(self, subject: Subject, field: str) -> bool | None:
        """Whether Anyone sees the field; None: another plugin says."""
        return None


class _Choice:
    """The owner's choice, asked first."""

    def __init__(self, gate: Gate) -> None:
        self.bit = gate.bit

    @_impl(tryfirst=True)
    def is_shown(self, subject: Subject, field: str) -> bool | None:
        one = 1 << self.bit[field]
        settings = subject.settings
        return bool(settings.chosen_anyone & one) if settings.chosen & one else None


class _Table:
    """The defaults of one kind by base line, which answer for accounts of that kind."""

    def __init__(self, gate: Gate, domain_id: int) -> None:
        self.domain_id = domain_id
        self.shown = {line: _defaults(gate, domain_id, line) for line in range(1, gate.version + 1)}

    @_impl
    def is_shown(self, subject: Subject, field: str) -> bool | None:
        return field in self.shown[subject.settings.base_version] if subject.domain_id == self.domain_id else None


def compare(folder: Path, quick: bool) -> list[Line]:
    """Each size against both; the ratio is that of decisions in a second."""
    gate = _gate()
    lines = []
    for size, wanted in SIZES.items():
        if quick and size > 1000:
            continue
        people = _people(gate, size)
        for name, goal, make in (("cedarpy, one batch", CEDAR, _cedar), ("a pluggy call per field", wanted, _pluggy)):
            what = f"masks of {size:,} subjects, {len(gate.fields)} fields, one audience : {name}"
            try:
                other = make(gate, people)
            except ImportError:
                lines.append(Line("G5", f"{what}: skipped, it is not installed (pip install cedarpy)", None, ">= 1000"))
                continue
            _agree(gate, people, other)
            lines.append(at_least("G5", what, _ratio(other, partial(gate.masks, ANONYMOUS, people)), goal))
    return lines


def _gate() -> Gate:
    """The shipped tables, one verified domain, and what admins changed since."""
    rng, base = random.Random(1), PolicyManager().compile()
    log = [PolicyChange(1, "domain", f"domain:{DOMAINS[0]}", None, None, ORGANIZATION)]
    for version in range(2, CHANGES + 2):
        scope, bit = rng.choice((*Kind, f"org:{ORGANIZATION}")), rng.choice(list(base.bit.values()))
        log.append(PolicyChange(version, "cell", scope, bit, rng.choice((Level.ANYONE, Level.ANYONE, *Level))))
    return Gate(base, log, log[-1].version)


def _people(gate: Gate, count: int) -> list[Subject]:
    """Seven in ten chose something; nothing is held, so that each engine decides by choices and defaults alone."""
    rng = random.Random(count)
    people = []
    for number in range(1, count + 1):
        chosen = rng.getrandbits(gate.all.bit_length()) & gate.all if rng.random() < 0.7 else 0
        shown = chosen & rng.getrandbits(gate.all.bit_length())
        settings = Settings(rng.randint(1, gate.version), chosen, shown, shown)
        people.append(Subject(number, number, DOMAINS[number % 2], settings))
    return people


def _defaults(gate: Gate, domain_id: int | None, line: int) -> frozenset[str]:
    subject = Subject(0, 0, domain_id, Settings(line))
    return frozenset(name for name, level in gate.levels(subject).items() if level is Level.ANYONE)


def _pluggy(gate: Gate, people: Sequence[Subject]) -> Callable[[], list[bool]]:
    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(_Hooks)
    for plugin in (_Choice(gate), *(_Table(gate, number) for number in DOMAINS)):
        manager.register(plugin)
    ask = manager.hook.is_shown
    names = list(gate.bit)
    return lambda: [ask(subject=subject, field=name) for subject in people for name in names]


def _cedar(gate: Gate, people: Sequence[Subject]) -> Callable[[], list[bool]]:
    import cedarpy

    names = list(gate.bit)

    def some(mask: int) -> list[str]:
        return [name for name, bit in gate.bit.items() if mask >> bit & 1]

    def kind(one: Subject) -> str:
        return f"{gate.kind(one.domain_id)} since {one.settings.base_version}"

    entities: list[dict[str, Any]] = [
        {"uid": {"type": "Member", "id": str(one.account_id)}, "parents": [], "attrs": {
            "chosen": some(one.settings.chosen), "chosen_shown": some(one.settings.chosen_anyone),
            "kind": {"__entity": {"type": "Kind", "id": kind(one)}},
        }} for one in people
    ]  # fmt: skip
    entities += [
        {"uid": {"type": "Kind", "id": name}, "parents": [], "attrs": {"shown": sorted(_defaults(gate, *of))}}
        for name, of in {kind(one): (one.domain_id, one.settings.base_version) for one in people}.items()
    ]
    policies, parsed = cedarpy.PolicySet.from_str(POLICIES), cedarpy.Entities.from_json_str(json.dumps(entities))
    requests = [
        {"principal": 'Audience::"anyone"', "action": 'Action::"view"', "resource": f'Member::"{one.account_id}"',
         "context": {"field": name}}
        for one in people for name in names
    ]  # fmt: skip
    return lambda: [answer.allowed for answer in cedarpy.is_authorized_batch(requests, policies, parsed)]


def _agree(gate: Gate, people: Sequence[Subject], other: Callable[[], list[bool]]) -> None:
    """Both sides decide alike, or the comparison says nothing."""
    masks = gate.masks(ANONYMOUS, people)
    own = [bool(mask >> bit & 1) for mask in masks for bit in gate.bit.values()]
    if own != other():
        raise AssertionError("the gate and the engine it is measured against do not decide alike")


def _ratio(slow: Callable[[], object], fast: Callable[[], object]) -> float:
    """The fastest round of each side against the other's, run in turn.

    What is compared is work of the processor alone, so its time is counted, not the clock's; whatever else runs beside
    it can only make a round slower.
    """
    slow_times, fast_times = _times(slow), _times(fast)
    took: tuple[list[float], list[float]] = ([], [])
    began = time.process_time()
    while len(took[0]) < ROUNDS and (len(took[0]) < 3 or time.process_time() - began < LONG):
        for run, times, seconds in ((slow, slow_times, took[0]), (fast, fast_times, took[1])):
            start = time.process_time()
            for _ in range(times):
                run()
            seconds.append((time.process_time() - start) / times)
    return min(took[0]) / min(took[1])


def _times(run: Callable[[], object]) -> int:
    """How often one round calls it, so that it can be told."""
    run()
    start = time.process_time()
    run()
    return max(1, int(0.005 / max(time.process_time() - start, 1e-7)))
