"""`vitrine plugin new`: an installable package with a policy, a section, a badge rule and its tests."""

from __future__ import annotations

import keyword
import pkgutil
import re
from pathlib import Path

import plugins
from policies.errors import ConfigError
from policies.manager import BUILTIN_NAMES

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")

PYPROJECT = """\
[build-system]
requires = ["setuptools>=65"]
build-backend = "setuptools.build_meta"

[project]
name = "vitrine-@dashed@"
version = "0.1.0"
description = "A plugin for Vitrine."
requires-python = ">=3.11"

# Vitrine finds the plugin by this line: its name, and the module with the hooks.
[project.entry-points."vitrine.plugins"]
@name@ = "vitrine_@name@"

[tool.setuptools]
py-modules = ["vitrine_@name@"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

MODULE = '''\
"""@label@: a section, its default and a badge, to begin with.

The first line stands at Admin > Plugins: say there what yours is for. A plugin imports `policies` and nothing else of
Vitrine.
"""

from __future__ import annotations

from policies import hookimpl
from policies.extending import BadgeRule, Facts
from policies.sections import Entry, List
from policies.terms import Field, Kind, Level

SECTION = "@name@"


@hookimpl
def register_fields() -> tuple[Field, ...]:
    """A section of the profile. Members set who sees it on Settings > Profile and visibility."""
    return (Field(SECTION, "@label@", section=True),)


@hookimpl
def default_cell(kind: Kind, field: str) -> Level | None:
    """The policy: who sees a field where its owner chose nothing. None says nothing; the narrowest answer holds."""
    if field == SECTION:
        return Level.ANYONE
    if field == "location" and kind is Kind.MANAGED:
        return Level.ONLY_YOU
    return None


@hookimpl
def section_data(field: str, facts: Facts) -> List | None:
    """What the section shows, from what this viewer may see of the member. None: the section is not there."""
    found = [Entry("Answers", f"{facts.totals['answers']:,}")] if facts.totals.get("answers") else []
    found += [Entry("Articles", f"{facts.totals['articles']:,}")] if facts.totals.get("articles") else []
    return List(tuple(found)) if found else None


@hookimpl
def register_badge_rules() -> tuple[BadgeRule, ...]:
    """A badge for whoever has given 25 answers. It waits until an admin starts it at /admin/badges."""
    return (BadgeRule("@dashed@-helper", "@label@ helper", metric="answers", at=25),)
'''

TESTS = '''\
"""The plugin keeps to the rules of the house, and does what it is for."""

from __future__ import annotations

from pathlib import Path

import vitrine_@name@ as plugin
from policies.extending import Facts
from policies.manager import PolicyManager
from policies.sections import Entry, List
from policies.terms import Kind, Level
from policies.testing import check_plugin, check_source


def facts(**totals: int) -> Facts:
    return Facts(kind=Kind.PERSONAL, day=0, totals=totals, values={})


def test_it_conforms():
    assert check_plugin("@name@", plugin) == []
    assert check_source(Path(plugin.__file__).read_text(encoding="utf-8")) == []


def test_the_policy_is_narrower_for_managed_accounts():
    base = PolicyManager([("@name@", plugin)]).compile()
    assert not base.defaults[Kind.MANAGED].org >> base.bit["location"] & 1
    assert base.defaults[Kind.PERSONAL].anyone >> base.bit["location"] & 1
    assert plugin.default_cell(Kind.PERSONAL, plugin.SECTION) is Level.ANYONE


def test_the_section_tells_what_may_be_seen():
    assert plugin.section_data(plugin.SECTION, facts(answers=1200)) == List((Entry("Answers", "1,200"),))
    assert plugin.section_data(plugin.SECTION, facts()) is None


def test_the_badge_rule():
    (rule,) = plugin.register_badge_rules()
    assert (rule.metric, rule.at) == ("answers", 25)
'''

README = """\
# @label@

A plugin for Vitrine.

In the environment of Vitrine, in this folder:

    pip install -e . pytest
    pytest
    vitrine plugin check @name@

The first line puts it in, the second runs its tests, the third is the conformance kit, which needs no site. Then where
the site's own variables are set:

    vitrine migrate up

records its section, its default and its badge rule; restart a running site after it.
"""

FILES = {
    "pyproject.toml": PYPROJECT, "README.md": README, "vitrine_@name@.py": MODULE, "tests/test_@name@.py": TESTS,
}  # fmt: skip


def make_plugin(name: str, parent: Path) -> Path:
    """Write the package into a new folder of `parent`; the folder. Errors: ConfigError."""
    if not _NAME.fullmatch(name) or name.endswith("_"):
        raise ConfigError("A plugin's name has 2 to 40 letters a-z, digits and underscores, and begins with a letter.")
    if keyword.iskeyword(name):
        raise ConfigError(f"{name} is a word of Python's own.", "Take another name.")
    if name in BUILTIN_NAMES or name in {module.name for module in pkgutil.iter_modules(plugins.__path__)}:
        raise ConfigError(f"There is a plugin {name} already.", "Take another name. See `vitrine plugins`.")
    folder = parent / name
    if folder.exists():
        raise ConfigError(f"There is a folder {folder.name} here already.")
    words = {"@name@": name, "@dashed@": name.replace("_", "-"), "@label@": name.replace("_", " ").capitalize()}
    for path, text in FILES.items():
        for mark, word in words.items():
            path, text = path.replace(mark, word), text.replace(mark, word)
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder
