"""The profile page with plugins beside the page with none (G6): twenty of defaults and badge rules, five of vetoes."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks import load, world
from benchmarks.table import Line, at_least

ROUNDS = 5
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
    """Rounds of the page with none, with twenty and with five vetoing plugins in turn; medians of the ratios."""
    members, seconds = (2_000, 1.5) if quick else (20_000, 4.0)
    plain = folder / "plugged-none.db"
    world.make_world(plain, members)
    paths = [f"/u/{handle}" for handle in world.rich_handles(members)]
    environs = {
        "none": _environ(folder, plain, "none", "", 0), "twenty": _environ(folder, plain, "twenty", DEFAULTS, 20),
        "vetoes": _environ(folder, plain, "vetoes", VETO, 5),
    }  # fmt: skip
    rates: dict[str, list[float]] = {name: [] for name in environs}
    with (
        load.serving("wsgi:app", environs["none"]) as none,
        load.serving("wsgi:app", environs["twenty"]) as twenty,
        load.serving("wsgi:app", environs["vetoes"]) as vetoes,
    ):
        ports = {"none": none, "twenty": twenty, "vetoes": vetoes}
        for port in ports.values():
            load.hit(port, paths, seconds=1.0)
        for turn in range(ROUNDS):
            for name in sorted(ports, reverse=bool(turn % 2)):
                rates[name].append(load.hit(ports[name], paths, seconds=seconds).rate)

    def ratio(name: str) -> float:
        return median(a / b for a, b in zip(rates[name], rates["none"], strict=True))

    return [
        at_least("G6", "uncached page, 20 plugins of defaults and badge rules : none", ratio("twenty"), 0.98),
        at_least("G6", "uncached page, 5 vetoing plugins : none", ratio("vetoes"), 0.80),
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
    }  # fmt: skip
    ctx = open_context(replace(Config.from_env({**os.environ, **environ}), plugins_dir=plugins))
    set_up(ctx, world.NOW)
    ctx.db.close()
    return environ
