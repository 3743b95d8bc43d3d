"""The profile page with plugins beside the page with none (G6): twenty of defaults and badge rules, five of vetoes."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks import load, world
from benchmarks.table import Line, at_least

DEFAULTS = '''
from policies import hookimpl
from policies.extending import BadgeRule
from policies.terms import Level

@hookimpl
def default_cell(kind, field):
    return Level.ANYONE if field == "bio" else None

@hookimpl
def register_badge_rules():
    return (BadgeRule("rule-@n@", "Rule @n@", metric="answers", at=@n@ + 1),)
'''
VETO = '''
from policies import hookimpl
from policies.terms import Veto

def ask(question):
    return ("timezone",) if question.viewer_id == @n@ + 10_000_000 else ()

@hookimpl
def register_vetoes():
    return (Veto("veto @n@", ask, about=("timezone", "location")),)
'''


def compare(folder: Path, quick: bool) -> list[Line]:
    """One request after the other, each page of each site in turn, so that whatever else runs meets all of them alike.

    A site's page counts with its fastest answer of all rounds: what runs beside it can only make one slower. The site
    with none is there twice; how far those two differ says how exact the others are.
    """
    members, rounds = (2_000, 8) if quick else (20_000, 25)
    plain = folder / "plugged-none.db"
    world.make_world(plain, members)
    paths = [f"/u/{handle}" for handle in world.rich_handles(members)]
    environs = {
        "none": _environ(folder, plain, "none", "", 0), "again": _environ(folder, plain, "again", "", 0),
        "twenty": _environ(folder, plain, "twenty", DEFAULTS, 20), "vetoes": _environ(folder, plain, "vetoes", VETO, 5),
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(load.serving("wsgi:app", environ, 1)) for name, environ in environs.items()}
        took = load.in_turn(ports, paths, rounds)

    def ratio(name: str) -> float:
        return took["none"] / took[name]

    return [
        at_least("G6", "uncached page, 20 plugins of defaults and badge rules : none", ratio("twenty"), 0.98),
        at_least("G6", "uncached page, 5 vetoing plugins : none", ratio("vetoes"), 0.80),
        Line("G6", "uncached page, none : none once more, in a server of its own", ratio("again"), "(1)"),
    ]


def _environ(folder: Path, plain: Path, name: str, text: str, count: int) -> dict[str, str]:
    """The environment of a site with so many plugins, whose database knows them."""
    from webapp.app import open_context
    from webapp.config import Config
    from webapp.ops.setup import set_up

    plugins = folder / f"plugins-{name}"
    plugins.mkdir(exist_ok=True)
    for n in range(count):
        (plugins / f"bench_{name}_{n}.py").write_text(text.replace("@n@", str(n)))
    database = folder / f"plugged-{name}.db"
    if database != plain:
        shutil.copy(plain, database)
    environ = {
        "DATA_DIR": str(folder), "DATABASE_URL": f"sqlite:///{database}", "SECRET_KEY": "benchmark-" * 4,
        "WARM_CACHE_MB": "0", "VITRINE_PLUGINS_DIR": str(plugins), "PYTHONWARNINGS": "ignore",
        "PYTHONHASHSEED": "0",      # else sets differ in their order from server to server, and so in their time
    }  # fmt: skip
    ctx = open_context(replace(Config.from_env({**os.environ, **environ}), plugins_dir=plugins))
    set_up(ctx, world.NOW)
    ctx.db.close()
    return environ
