"""`vitrine plugin new` and `check`: the scaffold is green out of the box; the kit finds what does not conform."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from policies.errors import ConfigError
from policies.extending import BadgeRule, NameRule
from policies.sections import Text
from policies.terms import Area, BadSignature, Event, Field, Kind, Level, SourceInfo, Veto
from policies.testing import check_plugin, check_source
from tests.plugged import Clock, plugin
from webapp.ops.scaffold import make_plugin

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, cwd: Path, path: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """A command in a clean environment, with the program itself and `path` to import from."""
    given = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": f"{path}:{ROOT}", **environ}
    return subprocess.run(command, cwd=cwd, env=given, text=True, capture_output=True, timeout=240)


def vitrine(*words: str, cwd: Path, path: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-c", "from webapp.cli import main; main()", *words, cwd=cwd, path=path, **environ)


def pip_install(package: Path, target: Path) -> None:
    """Install a package as pip does, without any network."""
    done = run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation",
        "--disable-pip-version-check", "--target", str(target), str(package), cwd=package.parent,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def made(tmp_path) -> Path:
    return make_plugin("shop_window", tmp_path)


def test_the_scaffold_is_green_out_of_the_box(made):
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=made, path=str(made))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


@pytest.mark.parametrize("name", ["", "a", "Shop", "shop-window", "shop window", "1shop", "../up", "x" * 41])
def test_a_name_that_cannot_be_one_is_refused(tmp_path, name):
    with pytest.raises(ConfigError):
        make_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "why"), [
    ("class", "word of Python's own"), ("managed", "a plugin managed already"), ("xapi", "a plugin xapi already"),
])
def test_a_name_that_is_taken_is_refused_and_says_why(tmp_path, name, why):
    with pytest.raises(ConfigError, match=why):
        make_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(made):
    with pytest.raises(ConfigError, match="already"):
        make_plugin("shop_window", made.parent)


def test_a_file_in_the_plugins_folder_is_a_plugin_and_is_checked(made, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    shutil.copy(made / "vitrine_shop_window.py", folder / "shop_window.py")
    environ = {"VITRINE_PLUGINS_DIR": str(folder), "DATA_DIR": str(tmp_path / "data"), "SECRET_KEY": "k" * 40}
    done = vitrine("plugin", "check", "--fast", "shop_window", cwd=tmp_path, **environ)
    assert (done.returncode, done.stdout) == (0, "shop_window conforms.\n"), done.stderr
    (folder / "bad.py").write_text(
        "from policies import hookimpl\nfrom webapp import store\n\n"
        "@hookimpl\ndef default_cell(kind, field):\n    1 / 0\n"
    )
    done = vitrine("plugin", "check", "--fast", "bad", cwd=tmp_path, **environ)
    assert done.returncode == 1
    assert "bad.py line 2: a plugin may not import webapp" in done.stdout
    assert "ZeroDivisionError" in done.stdout
    done = vitrine("plugin", "check", "nobody", cwd=tmp_path, **environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no plugin nobody." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_check_needs_no_site_and_leaves_nothing_behind(made, tmp_path):
    """A newcomer's folder with one file in it: no key, no database, and none is made."""
    folder, here = tmp_path / "plugins", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    shutil.copy(made / "vitrine_shop_window.py", folder / "shop_window.py")
    for environ in ({}, {"SECRET_KEY_FILE": str(tmp_path / "no-such-file")}):
        done = vitrine("plugin", "check", "--fast", "shop_window", cwd=here, VITRINE_PLUGINS_DIR=str(folder), **environ)
        assert (done.returncode, done.stdout) == (0, "shop_window conforms.\n"), done.stderr
    assert list(here.iterdir()) == []


def test_what_cannot_be_loaded_says_why_in_one_sentence(tmp_path):
    """A plugin at start has seen nobody's data, so the whole error is told."""
    environ = {"VITRINE_PLUGINS_DIR": str(tmp_path), "DATA_DIR": str(tmp_path / "data"), "SECRET_KEY": "k" * 40}
    head = "from policies import hookimpl\nfrom policies.terms import *\nfrom policies.extending import BadgeRule\n\n"
    for text, said in {
        "def f(:\n": "SyntaxError", "import requestz\n": "No module named 'requestz'",
        "raise SystemExit(3)\n": "SystemExit: 3",
        f"{head}@hookimpl\ndef register_fields():\n    return (Field('tired'),)\n": "missing 1 required",
        f"{head}@hookimpl\ndef register_fields():\n    return (Field('Bed 1', 'Bed'),)\n": "'Bed 1' is not sound: its",
        f"{head}@hookimpl\ndef defualt_cell(kind, field):\n    return None\n": "is default_cell meant?",
        f"{head}@hookimpl\ndef register_badge_rules():\n    return (BadgeRule('a', 'A', metric='shoes', at=1),)\n":
            "there is no metric shoes",
        f"{head}@hookimpl\ndef register_sources():\n    return (SourceInfo('discourse', 'D', Area.FORUM),)\n":
            "the source discourse exists already",
    }.items():
        (tmp_path / "mine.py").write_text(text)
        done = vitrine("plugin", "check", "--fast", "mine", cwd=tmp_path, **environ)
        told = done.stdout + done.stderr
        assert (done.returncode, said in told, "Traceback" in told) == (1, True, False), told
    (tmp_path / "mine.py").rename(tmp_path / "managed.py")
    (tmp_path / "managed.py").write_text("")
    assert "There are two plugins managed." in vitrine("doctor", cwd=tmp_path, **environ).stderr


@pytest.mark.long
def test_a_package_from_pip_replaces_the_managed_defaults_and_adds_a_field_and_a_badge_rule(made, tmp_path):
    """Nothing of the program is touched: the package is installed, two variables say what it may."""
    module = made / "vitrine_shop_window.py"
    text = module.read_text(encoding="utf-8")
    old = text[text.index("    if field == SECTION:"):text.index("@hookimpl\ndef section_data")]
    new = (
        "    if field == SECTION:\n        return Level.ANYONE\n"
        "    if kind is not Kind.MANAGED:\n        return None\n"
        "    return Level.ONLY_YOU if field == 'job_title' else Level.ORGANIZATION\n\n\n"
    )
    module.write_text(text.replace(old, new), encoding="utf-8")
    target = tmp_path / "site"
    pip_install(made, target)
    environ = {
        "DATA_DIR": str(tmp_path / "data"), "VITRINE_DISABLED_PLUGINS": "managed",
        "VITRINE_MAY_WIDEN": "shop_window",
    }
    assert vitrine("init", cwd=tmp_path, path=str(target), **environ).returncode == 0
    listed = vitrine("plugins", cwd=tmp_path, path=str(target), **environ).stdout
    assert "shop_window (installed, may widen): default_cell, register_badge_rules" in listed
    assert " managed " not in listed
    script = (
        "import os\nfrom webapp.app import open_context\nfrom webapp.config import Config\n"
        "from policies.terms import Kind\nctx = open_context(Config.from_env(os.environ))\ngate = ctx.gate()\n"
        "cells = gate.base.defaults[Kind.MANAGED]\n"
        "show = lambda name: (cells.anyone >> gate.bit[name] & 1, cells.org >> gate.bit[name] & 1)\n"
        "print(show('job_title'), show('full_name'), show('shop_window'), *ctx.manager.badge_rules)\n"
        "print(ctx.db.rows('SELECT name, state FROM badge_rule'))\nctx.db.close()\n"
    )
    done = run(sys.executable, "-c", script, cwd=tmp_path, path=str(target), **environ)
    assert done.stdout.splitlines() == [
        "(0, 0) (0, 1) (1, 1) shop-window-helper", "[('shop-window-helper', 'waiting')]",
    ], done.stderr
    checked = vitrine("plugin", "check", "shop_window", cwd=tmp_path, path=str(target), **environ)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert vitrine("doctor", cwd=tmp_path, path=str(target), **environ).returncode == 0


# What the kit finds ---------------------------------------------------------------------------------------------------

_CHANCE = random.Random(3)


def _section(answer: Callable[..., Any]) -> object:
    return plugin(
        register_fields=lambda: (Field("shoes", "Shoes", section=True),),
        default_cell=lambda kind, field: Level.ANYONE if field == "shoes" else None,
        section_data=lambda field, facts: answer(facts),
    )


def _source(receive: Callable[..., Any]) -> object:
    return plugin(register_sources=lambda: (SourceInfo("shoes", "Shoes", Area.FORUM, receive=receive),))


BAD = {
    "default that widens": plugin(default_cell=lambda kind, field: Level.ANYONE),
    "default that raises": plugin(default_cell=lambda kind, field: [][0]),
    "default by chance": plugin(default_cell=lambda kind, field: Level(_CHANCE.randrange(2))),
    "default nonsense": plugin(default_cell=lambda kind, field: "anyone"),
    "veto that raises": plugin(register_vetoes=lambda: (Veto("v", lambda question: [][0]),)),
    "veto by chance": plugin(
        register_vetoes=lambda: (Veto("v", lambda question: ("bio", "links")[:_CHANCE.randrange(3)]),)),
    "veto about nothing known": plugin(register_vetoes=lambda: (Veto("v", lambda question: (), ("shoes",)),)),
    "section that raises": _section(lambda facts: facts.totals["answers"]),
    "section by chance": _section(lambda facts: Text(str(_CHANCE.random()))),
    "section of html": _section(lambda facts: "<b>"),
    "name rule": plugin(register_name_rules=lambda: (NameRule("n", lambda full, public: full.upper()),)),
    "badge rule": plugin(register_badge_rules=lambda: (BadgeRule("b", "B", meets=lambda facts: 1),)),
    "reaction": plugin(award_given=lambda profile, badge: [][0]),
    "register": plugin(register_fields=lambda: "shoes"),
    "default of a field that there is not": plugin(
        default_cell=lambda kind, field: Level.ONLY_YOU if field in ("jobtitle", "bio") else None),
    "nothing": plugin(),
    "no mark": SimpleNamespace(default_cell=lambda kind, field: None),
    "webhook that raises": _source(lambda body, headers, secret: headers["x-signature"] and ()),
    "webhook that takes what is not signed": _source(lambda body, headers, secret: ()),
    "webhook that answers nonsense": _source(lambda body, headers, secret: "thanks"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_the_kit_finds(name):
    assert check_plugin("bad", BAD[name], count=60)


def test_a_webhook_that_says_what_is_wrong_conforms():
    def receive(body: bytes, headers: Mapping[str, str], secret: str) -> tuple[Event, ...]:
        if headers.get("x-signature") != secret:
            raise BadSignature
        return ()

    assert check_plugin("good", _source(receive), count=3) == []


def test_the_kit_finds_what_is_late():
    clock = Clock()

    def slow(question):
        clock.at += 0.5
        return ()

    found = check_plugin("bad", plugin(register_vetoes=lambda: (Veto("v", slow),)), count=3, clock=clock)
    assert any("longer than" in problem for problem in found)


def test_a_listed_plugin_may_widen():
    def default_cell(kind: Kind, field: str) -> Level | None:
        return Level.ANYONE if (kind, field) == (Kind.MANAGED, "location") else None

    wide = plugin(default_cell=default_cell)
    assert check_plugin("wide", wide, count=30)
    assert check_plugin("wide", wide, count=30, may_widen=True) == []


@pytest.mark.parametrize("name", ["section that raises", "webhook that raises", "default by chance"])
def test_the_kit_tries_a_plugin_that_waits_for_an_admin_too(name):
    waiting = SimpleNamespace(OFF_AT_FIRST=True, **vars(BAD[name]))
    assert check_plugin("bad", waiting, count=60)


def test_shipped_plugins_conform():
    import importlib
    import pkgutil

    import plugins

    for module in pkgutil.iter_modules(plugins.__path__):
        loaded = importlib.import_module(f"plugins.{module.name}")
        assert check_plugin(module.name, loaded, count=60) == []
        assert check_source(Path(loaded.__file__ or "").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("line", [
    "import webapp", "import webapp.store.database as db", "from webapp.services import profiles", "import wsgi",
    "def f():\n    from webapp import app", "import importlib\nimportlib.import_module('webapp.app')",
    "__import__('webapp')",
])
def test_t99_imports_of_the_program_are_refused(line):
    assert check_source(line)
    assert check_source("from policies import hookimpl\nimport json\n") == []
