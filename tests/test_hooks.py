"""Every hook is typed, documented, tested, called, and used by the core's own plugins or a shipped one; there are few.

Each of these is a check that a planted fault fails (the second half), so that a new hook cannot do without one of them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pluggy
import pytest

import plugins as shipped
from policies import hookimpl, hookspecs
from policies.builtin import BUILTIN
from policies.extending import BadgeRule, CredentialForm, Facts, Issuer, Metric, NameRule, StatusList
from policies.manager import REACTIONS, PolicyManager
from policies.registry import REGISTERS
from policies.sections import Text
from policies.terms import Area, Field, Kind, Level, Question, Relation, Rung, SourceInfo, Veto
from policies.visibility import Gate

ROOT = Path(hookspecs.__file__).parent.parent
#: Whoever adds one more takes one away, or says why so many are still few.
FEW = 20


def _hooks() -> list[str]:
    manager = pluggy.PluginManager("vitrine")
    manager.add_hookspecs(hookspecs)
    return sorted(name for name in vars(manager.hook) if not name.startswith("_"))


HOOKS = _hooks()


def _trees(folder: str, pattern: str = "*.py") -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / folder).rglob(pattern)):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


# The four checks ------------------------------------------------------------------------------------------------------


def undocumented(spec: Callable[..., Any]) -> list[str]:
    """What a specification does not say."""
    signature = inspect.signature(spec)
    untyped = [one.name for one in signature.parameters.values() if one.annotation is inspect.Parameter.empty]
    untyped += ["the answer"] if signature.return_annotation is inspect.Signature.empty else []
    said = [f"the type of {name}" for name in untyped]
    return [*said, "what it does"] if len(inspect.getdoc(spec) or "") < 60 else said


def implemented(trees: Iterable[ast.Module]) -> set[str]:
    """Names for which these tests write an implementation: `name=…` handed to a call, or `def name`. A name in a list
    is none."""
    found: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
            elif isinstance(node, ast.FunctionDef):
                found.add(node.name)
    return found


def users(hook: str, plugins: Iterable[tuple[str, object]]) -> list[str]:
    """The plugins that implement the hook; a function without @hookimpl is never asked."""
    return [name for name, plugin in plugins if hasattr(getattr(plugin, hook, None), "vitrine_impl")]


def tellers(hook: str, trees: Iterable[tuple[Path, ast.Module]]) -> list[str]:
    """The modules of services that call a function of reactions.py which tells of this hook."""
    functions: set[str] = set()
    calls: list[tuple[str, str]] = []
    for path, tree in trees:
        if path.name == "reactions.py":
            functions = {
                one.name for one in tree.body if isinstance(one, ast.FunctionDef)
                and any(isinstance(node, ast.Constant) and node.value == hook for node in ast.walk(one))
            }  # fmt: skip
        else:
            calls += [
                (path.name, node.attr) for node in ast.walk(tree) if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name) and node.value.id == "reactions"
            ]  # fmt: skip
    return sorted({module for module, name in calls if name in functions})


# What follows from a plugin that has the hook -------------------------------------------------------------------------

FACTS = Facts(kind=Kind.PERSONAL, day=0, totals={"answers": 2}, values={})
QUESTION = Question(None, frozenset(), 1, Kind.PERSONAL, None, Relation.OUTSIDER)
ISSUER = Issuer("did:web:example.org", "Example", "https://example.org")
STATUS = StatusList("https://example.org/credentials/status/1", b"", 0)
SHOES = Field("shoes", "Shoes", section=True)


def _form() -> CredentialForm:
    return CredentialForm("form", lambda badge, issuer: {"a": 1}, lambda status, issuer: {"of": issuer.name})


def _level(manager: PolicyManager, field: str) -> Level:
    base = manager.compile()
    cells, bit = base.defaults[Kind.PERSONAL], base.bit[field]
    return Level.ANYONE if cells.anyone >> bit & 1 else Level.ORGANIZATION if cells.org >> bit & 1 else Level.ONLY_YOU


#: hook -> (implementations, what is asked of a manager that has them, what follows)
EFFECTS: dict[str, tuple[dict[str, Callable[..., Any]], Callable[[PolicyManager], Any], Any]] = {
    "register_fields": ({"register_fields": lambda: (SHOES,)}, lambda m: m.fields[-1].name, "shoes"),
    "register_vetoes": (
        {"register_vetoes": lambda: (Veto("no", lambda question: ("location",)),)},
        lambda m: [bool(ask(QUESTION)) for name, ask in m.compile().vetoes if name == "no"], [True]),
    "register_ladders": ({"register_ladders": lambda: {"answers": (7,)}}, lambda m: m.milestones("answers", 9), (7,)),
    "register_points": (
        {"register_points": lambda: {"answers": 9}}, lambda m: m.kudos_points({"answers": 2}), 18),
    "register_levels": (
        {"register_levels": lambda: (Rung(0, "All"),)}, lambda m: m.level_of(10_000).name, "All"),
    "register_sources": (
        {"register_sources": lambda: (SourceInfo("here", "Here", Area.FORUM),)},
        lambda m: [source.name for source in m.sources()], ["here"]),
    "register_metrics": (
        {"register_metrics": lambda: (Metric("m", "M", "m", "ms", ("answers",), lambda given: given["answers"] + 1),)},
        lambda m: m.with_metrics({"answers": 2}).get("m"), 3),
    "register_name_rules": (
        {"register_name_rules": lambda: (NameRule("loud", lambda full, public: public.upper()),)},
        lambda m: Gate(m.compile(), [], 1).display_name(None, "sally"), "SALLY"),
    "register_badge_rules": (
        {"register_badge_rules": lambda: (BadgeRule("r", "R", meets=lambda facts: facts.totals["answers"] == 2),)},
        lambda m: m.meets("r", FACTS) if m.badge_rules else None, True),
    "register_credentials": (
        {"register_credentials": lambda: (_form(),)}, lambda m: m.claims(STATUS, ISSUER), {"of": "Example"}),
    "default_cell": (
        {"default_cell": lambda kind, field: Level.ONLY_YOU if field == "location" else None},
        lambda m: _level(m, "location"), Level.ONLY_YOU),
    "fixed_cell": (
        {"fixed_cell": lambda kind, field: Level.ONLY_YOU if field == "location" else None},
        lambda m: m.compile().fixed[Kind.PERSONAL].bits >> m.compile().bit["location"] & 1, 1),
    "section_data": (
        {"register_fields": lambda: (SHOES,), "section_data": lambda field, facts: Text("Boots")},
        lambda m: m.section("shoes", FACTS), Text("Boots")),
}  # fmt: skip


def follows(hook: str, make: Callable[[list[tuple[str, object]]], PolicyManager]) -> bool:
    """Whether a plugin that has this hook makes the difference that it is for."""
    if hook in REACTIONS:
        heard: list[dict[str, Any]] = []
        plugin = SimpleNamespace(**{hook: hookimpl(lambda profile, at: heard.append({"profile": profile, "at": at}))})
        make([("mine", plugin)]).react(hook, profile="acc-1", at=7, badge="b", title="t", values={})
        return heard == [{"profile": "acc-1", "at": 7}]
    hooks, ask, expected = EFFECTS[hook]
    assert ask(PolicyManager()) != expected, "without the plugin it is otherwise"
    plugin = SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})
    found = ask(make([("mine", plugin)]))
    return bool(found == expected)


# The tests ------------------------------------------------------------------------------------------------------------

PLUGINS = [*BUILTIN, *(
    (one.name, importlib.import_module(f"plugins.{one.name}")) for one in pkgutil.iter_modules(shipped.__path__)
)]  # fmt: skip


@cache
def hooks_with_a_test() -> set[str]:
    return implemented(tree for path, tree in _trees("tests", "test_*.py") if path.name != Path(__file__).name)


@cache
def services() -> tuple[tuple[Path, ast.Module], ...]:
    return tuple(_trees("webapp/services"))


def test_there_are_few():
    assert len(HOOKS) <= FEW


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_typed(hook: str):
    assert undocumented(getattr(hookspecs, hook)) == []
    assert f"### {hook}\n" in (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_tested(hook: str):
    assert hook in hooks_with_a_test()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_called_and_what_it_answers_counts(hook: str):
    assert follows(hook, PolicyManager)


@pytest.mark.parametrize("hook", REACTIONS)
def test_every_reaction_is_told_by_a_verb(hook: str):
    assert tellers(hook, services())


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_used_by_the_core_or_a_shipped_plugin(hook: str):
    assert users(hook, PLUGINS)


def test_a_hook_is_one_of_the_four_kinds():
    """The name carries the contract: at start, a cell, data for a fragment, or after the commit."""
    cells = {"default_cell", "fixed_cell"}
    for hook in HOOKS:
        assert hook in cells or hook.startswith(("register_", "section_")) or hook in REACTIONS, hook
    assert {hook for hook in HOOKS if hook.startswith("register_")} == set(REGISTERS)


# That they can fail ---------------------------------------------------------------------------------------------------


def test_planted_a_hook_that_says_too_little_is_found():
    def hook(kind, field: str):     # type: ignore[no-untyped-def]
        """Says little."""

    assert undocumented(hook) == ["the type of kind", "the type of the answer", "what it does"]


def test_planted_a_name_in_a_list_is_no_test():
    listed = ast.parse('@parametrize("hook", ["account_linked"])\ndef test_it(hook):\n    plugin(**{hook: 1})')
    assert "account_linked" not in implemented([listed])
    assert "account_linked" in implemented([ast.parse("plugin(account_linked=lambda profile: None)")])


@pytest.mark.parametrize("hook", HOOKS)
def test_planted_a_hook_that_nobody_calls_is_found(hook: str):
    class Deaf(PolicyManager):
        def _all(self, name: str) -> Any:
            return (one for one in super()._all(name) if (name, one[0]) != (hook, "mine"))

    assert not follows(hook, Deaf)


@pytest.mark.parametrize("hook", REACTIONS)
def test_planted_a_reaction_that_no_verb_tells_is_found(hook: str):
    told = tellers(hook, services())
    assert tellers(hook, [(path, tree) for path, tree in services() if path.name not in told]) == []


def test_planted_a_plugin_without_the_mark_uses_no_hook():
    plain = SimpleNamespace(account_linked=lambda profile: None)
    marked = SimpleNamespace(account_linked=hookimpl(lambda profile: None))
    assert users("account_linked", [("plain", plain), ("marked", marked)]) == ["marked"]
