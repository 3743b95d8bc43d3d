"""The tutorial ends in a plugin that conforms and works; the reference of hooks is what the specifications say."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from policies.manager import PolicyManager
from policies.terms import ANONYMOUS, Viewer
from tests.conftest import NOW
from tests.factories import make_account
from tests.plugged import plug
from webapp.cli import cli
from webapp.ops.hooks_reference import reference
from webapp.services import profiles

DOCS = Path(__file__).resolve().parents[1] / "docs"
TUTORIAL = (DOCS / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL)


@pytest.fixture
def garden(tmp_path, monkeypatch):
    """The file that the tutorial makes, loaded."""
    path = tmp_path / "garden.py"
    path.write_text("\n\n".join(block for block in BLOCKS if "def test_" not in block), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("garden", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "garden", module)
    spec.loader.exec_module(module)
    return module


def test_the_tutorial_ends_in_a_plugin_that_conforms(garden):
    test = next(block for block in BLOCKS if "def test_" in block)
    names: dict[str, object] = {}
    exec(compile(test, "plugins.md", "exec"), names)
    names["test_it_conforms"]()     # type: ignore[operator]


def test_the_tutorials_plugin_shows_hides_and_awards(garden, ctx):
    site = plug(ctx, ("garden", garden))
    make_account(site.db, "old", answers=20, created_at=NOW - 2 * 86_400)
    young = make_account(site.db, "young", answers=20, created_at=NOW - 60)
    other = Viewer(young + 1, young + 1)

    def extras(handle, viewer=ANONYMOUS):
        return [extra.data.entries[0].text for extra in profiles.view_profile(site, viewer, handle, NOW).extras]

    assert (extras("old"), extras("young"), extras("young", other)) == (["2 trees"], [], ["2 trees"])
    assert list(PolicyManager([("garden", garden)]).badge_rules) == ["gardener"]


def test_the_commands_of_the_tutorial_exist():
    for line in re.findall(r"^\$ vitrine (.*)$", TUTORIAL, re.MULTILINE):
        words = [word for word in line.split() if not word.startswith("-")]
        command = cli.commands[words[0]]
        while hasattr(command, "commands"):
            words.pop(0)
            command = command.commands[words[0]]
        assert CliRunner().invoke(cli, [*line.split()[: 1 + (words[0] != line.split()[0])], "--help"]).exit_code == 0


def test_the_reference_of_hooks_is_up_to_date():
    assert (DOCS / "hooks.md").read_text(encoding="utf-8") == reference(), "vitrine plugin hooks --write docs/hooks.md"
