"""The conformance kit for plugins, its pure half: what every plugin must hold to, tried on many made-up members.

    from policies.testing import check_plugin, check_source

    def test_it_conforms():
        assert check_plugin("mine", my_module) == []

A problem is a sentence; no problem is an empty list. `vitrine plugin check NAME` adds what needs files, time and a
database. Nothing here reads a clock, a file or chance: cases are drawn by whoever calls.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

from policies import hookspecs
from policies.builtin import managed, personal
from policies.errors import ConfigError
from policies.extending import Facts, Holding
from policies.manager import REACTIONS, PolicyManager
from policies.terms import BadSignature, Field, Kind, Level, Question, Relation, Settings, Subject, Viewer
from policies.visibility import Gate

T = TypeVar("T")
#: Picks one of some things: `random.Random(1).choice`, or a draw of hypothesis.
Choose = Callable[[Sequence[Any]], Any]

#: Modules that a plugin has no business with: everything of the program but `policies`.
FORBIDDEN = ("webapp", "tests", "benchmarks", "wsgi")
_NUMBERS = (0, 1, 2, 9, 10, 84, 10_000)
_TEXTS = ("", "Sally", "  ", "<b>bold</b>", "‮desrever", "x" * 200, "Ünïcödé 名前", "'; --")
_DAY = 20_000 * 86_400


@dataclass(frozen=True, slots=True)
class Case:
    """One made-up meeting: who looks, at whom, what they are told."""

    viewer: Viewer
    subject: Subject
    question: Question
    facts: Facts
    names: tuple[str | None, str]


def draw(choose: Choose) -> Case:
    """A case, made of choices."""
    kind = choose(tuple(Kind))
    account, other = choose((1, 2)), choose((None, 1, 2, 3))
    organizations = frozenset(choose(((), (7,), (7, 8))))
    viewer = Viewer(other, other, bool(organizations), organizations)
    bits = choose((0, 1, 0b1010, 2**17 - 1))
    settings = Settings(1, bits, bits & choose((0, 0b111, 2**17 - 1)), bits, private=choose((False, True)))
    subject = Subject(account, account, None, settings, private=settings.private, created_at=choose((None, 0, _DAY)))
    question = Question(
        other, organizations, account, kind, 7 if kind is Kind.MANAGED else None, choose(tuple(Relation)),
        choose((None, 0, 60, 400 * 86_400)),
    )
    totals = {name: choose(_NUMBERS) for name in choose((
        (), ("answers",), ("answers", "articles", "likes_received", "total_posts", "accepted_solutions",
                           "courses_completed"), ("peer_kudos",),
    ))}  # fmt: skip
    values = {name: choose(_TEXTS) for name in choose(((), ("full_name", "bio"), ("job_title", "location")))}
    held = tuple(Holding(what, choose(_TEXTS), choose(_TEXTS), 1) for what in choose(((), ("course", "badge"))))
    facts = Facts(kind, _DAY, totals, values, held, choose((None, 0, _DAY - 400 * 86_400)))
    return Case(viewer, subject, question, facts, (choose((None, *_TEXTS)), choose(("sally", "Sally P."))))


def cases(count: int = 300, seed: int = 1) -> Iterator[Case]:
    """The same cases for the same seed."""
    choice = random.Random(seed).choice  # noqa: S311  (made-up members)
    return (draw(choice) for _ in range(count))


def check_plugin(
    name: str, plugin: object, *, may_widen: bool = False, count: int = 300, clock: Callable[[], float] | None = None
) -> list[str]:
    """Every way in which the plugin does not conform. `clock`: seconds that grow, to notice late answers."""
    try:
        kit = Kit(name, plugin, may_widen=may_widen, clock=clock)
    except ConfigError as error:
        return [str(error)]
    for case in cases(count):
        kit.try_case(case)
    return kit.problems()


class Kit:
    """A plugin under test, beside the core without it. Errors: ConfigError where it cannot be loaded at all."""

    def __init__(
        self, name: str, plugin: object, *, may_widen: bool = False, clock: Callable[[], float] | None = None
    ) -> None:
        self.name = name
        self._found: dict[str, None] = {}
        allowed = [name] if may_widen else []
        self.manager = PolicyManager([(name, _switched_on(plugin))], allowed, clock)
        self._plain = PolicyManager()
        bits = {field.name: number for number, field in enumerate(self.manager.fields)}
        base = self.manager.compile(bits)
        self._gate = Gate(base, [], 1, lambda: float(_DAY))
        self._core = Gate(self._plain.compile(bits), [], 1)
        again = self.manager.compile(bits)
        if (again.defaults, again.fixed) != (base.defaults, base.fixed):
            self._note("answers otherwise when it is asked for the same cell again")
        self._check_hooks(plugin)
        self._check_cells(plugin, self.manager.fields, may_widen)

    def try_case(self, case: Case) -> None:
        """Ask everything that the plugin answers about this case, twice."""
        self._never_widens(case)
        self._twice("a veto", lambda: [ask(case.question) for _, ask in self._gate.base.vetoes])
        self._twice("a name rule", lambda: self._gate.display_name(*case.names))
        self._twice("a metric", lambda: self.manager.with_metrics(dict(case.facts.totals)))
        for field in self.manager.fields_of(self.name):
            self._twice(f"section_data of {field.name}", partial(self.manager.section, field.name, case.facts))
        for key, rule in self.manager.badge_rules.items():
            if rule.meets is not None:
                self._twice(f"badge rule {key}", partial(self.manager.meets, key, case.facts))

    def _try_receivers(self) -> None:
        """Webhooks that nobody signed: refused with BadSignature, or ValueError for a body that makes no sense."""
        for source in self.manager.sources():
            for body in (b"", b"{}", b"[]", b'{"a": [1]}', b"\xff\x00", b"<xml/>") if source.receive else ():
                for headers in ({}, {"content-type": "application/json", "authorization": "Basic Og=="}):
                    try:
                        told = self.manager.receive(source, body, headers, "a secret of the kit")
                    except (BadSignature, ValueError):
                        continue
                    if told is not None:
                        self._note(f"takes a webhook of {source.name} that is not signed")

    def problems(self) -> list[str]:
        """What was found, and every failure that the isolation had to catch."""
        self._try_receivers()
        for hook in REACTIONS:
            payload: dict[str, Any] = {"profile": "acc-1", "at": _DAY}
            if hook == "award_given":
                payload |= {"badge": "key", "title": "Title"}
            if hook == "profile_changed":
                payload["values"] = {"location": "Lisbon"}
            self.manager.react(hook, **payload)
        failed = self.manager.errors.get(self.name)
        if failed is not None:
            self._note(f"failed {failed.count} times, the last time: {failed.last}")
        return [f"{self.name} {problem}" for problem in self._found]

    def _note(self, problem: str) -> None:
        self._found[problem] = None

    def _twice(self, what: str, ask: Callable[[], Any]) -> None:
        if ask() != ask():
            self._note(f"is not deterministic: {what} answers otherwise when it is asked again")

    def _never_widens(self, case: Case) -> None:
        if case.viewer.account_id == case.subject.account_id:
            return
        more = self._gate.mask(case.viewer, case.subject) & ~self._core.mask(case.viewer, case.subject)
        for field, bit in self._core.bit.items():
            if more >> bit & 1 and self.name not in self.manager.may_widen:
                self._note(f"shows {field} where the core hides it")

    def _check_hooks(self, plugin: object) -> None:
        """A function with a hook's name and without the mark is never asked."""
        hooks = [name for name, one in vars(hookspecs).items() if hasattr(one, "vitrine_spec")]
        there = {name: ask for name in hooks if callable(ask := getattr(plugin, name, None))}
        for name, ask in there.items():
            if not hasattr(ask, "vitrine_impl"):
                self._note(f"has a function {name} without @hookimpl: it is never asked")
        if not there:
            self._note("implements no hook")

    def _check_cells(self, plugin: object, fields: Sequence[Field], may_widen: bool) -> None:
        """A default above the core's would count for nothing unless the operator lists the plugin, and one for a field
        that there is not counts for nothing at all."""
        known = {field.name for field in fields}
        for hook in ("default_cell", "fixed_cell"):
            ask = getattr(plugin, hook, None)
            if ask is None:
                continue
            for kind, core in ((Kind.PERSONAL, personal.DEFAULTS), (Kind.MANAGED, managed.DEFAULTS)):
                for field in fields:
                    asked = _Asked(field.name)
                    try:
                        level = ask(**{"kind": kind, "field": asked})
                    except Exception:       # noqa: S112  (noted when the matrix was compiled)
                        continue
                    for name in sorted(asked.compared - known):
                        self._note(f"{hook} looks for a field {name!r} that there is not")
                    is_wider = field.name in core and isinstance(level, Level) and level > core[field.name]
                    if is_wider and hook == "default_cell" and not may_widen:
                        self._note(f"would show {field.name} of {kind} accounts more widely: needs VITRINE_MAY_WIDEN")


class _Asked(str):
    """A name of a field that notes what it is compared with."""

    compared: set[str]

    def __new__(cls, name: str) -> _Asked:
        made = super().__new__(cls, name)
        made.compared = set()
        return made

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            self.compared.add(str(other))
        return str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _switched_on(plugin: object) -> object:
    """The plugin as if an admin had switched it on."""
    if getattr(plugin, "OFF_AT_FIRST", False) is not True:
        return plugin

    hooks = {name: getattr(plugin, name) for name in dir(plugin)}
    return SimpleNamespace(**{name: hook for name, hook in hooks.items() if hasattr(hook, "vitrine_impl")})


def check_source(text: str, file: str = "") -> list[str]:
    """Imports in a plugin's source that it must not have."""
    found = []
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if called in {"__import__", "import_module"}:
                names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        for name in names:
            assert isinstance(node, (ast.Import, ast.ImportFrom, ast.Call))
            if name.partition(".")[0] in FORBIDDEN:
                found.append(f"{file or 'the source'} line {node.lineno}: a plugin may not import {name}")
    return found
