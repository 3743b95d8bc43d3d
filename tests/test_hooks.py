"""Every hook is documented, tested, called, and used by the core's own plugins or a shipped one."""

from __future__ import annotations

import inspect
from pathlib import Path

import pluggy
import pytest

from policies import hookspecs
from policies.builtin import BUILTIN
from policies.manager import REACTIONS
from policies.registry import REGISTERS

ROOT = Path(hookspecs.__file__).parent.parent


def _hooks() -> list[str]:
    manager = pluggy.PluginManager("vitrine")
    manager.add_hookspecs(hookspecs)
    return sorted(name for name in vars(manager.hook) if not name.startswith("_"))


HOOKS = _hooks()
TESTS = "".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_hooks.py"
)


def _sources(folder: str) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).rglob("*.py")))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_typed(hook: str):
    spec = getattr(hookspecs, hook)
    assert len(inspect.getdoc(spec) or "") > 60
    signature = inspect.signature(spec)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_tested(hook: str):
    assert f"{hook}=" in TESTS or f"def {hook}(" in TESTS or f'"{hook}"' in TESTS


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_called(hook: str):
    """At start by the registry, when the matrix is compiled, or while the site runs: by the manager; reactions by the
    services."""
    if hook in REGISTERS:
        return
    if hook in REACTIONS:
        assert f'"{hook}"' in _sources("webapp/services"), "nobody tells it"
    else:
        assert f'"{hook}"' in (ROOT / "policies" / "manager.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_used_by_the_core_or_a_shipped_plugin(hook: str):
    assert any(hasattr(plugin, hook) for _, plugin in BUILTIN) or f"def {hook}(" in _sources("plugins")


def test_a_hook_is_one_of_the_four_kinds():
    """The name carries the contract: at start, a cell, data for a fragment, or after the commit."""
    cells = {"default_cell", "fixed_cell"}
    for hook in HOOKS:
        assert hook in cells or hook.startswith(("register_", "section_")) or hook in REACTIONS, hook
    assert {hook for hook in HOOKS if hook.startswith("register_")} == set(REGISTERS)
