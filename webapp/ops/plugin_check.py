"""`vitrine plugin check`: the conformance kit on an installed plugin. What needs files, time, chance or a database.

The rules themselves are policies.testing's. Made-up members come from hypothesis where it is installed, else from a
fixed seed. The twin worlds are those of `vitrine leak-check`, on a demo community made for this, with the plugin on.
"""

from __future__ import annotations

import inspect
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from types import ModuleType

from policies.errors import ConfigError, VitrineError
from policies.testing import Case, Kit, cases, check_source, draw
from webapp.config import Config
from webapp.plugins import find_plugin, load_policies

EXAMPLES = 500
#: Seconds that one case may take in the middle of all; a page asks several times.
PACE = 0.005

Progress = Callable[[str, int, int], None]


def check(config: Config, name: str, now: int, progress: Progress, *, twins: bool = True) -> Iterator[str]:
    """Every way in which the plugin of that name does not conform, as sentences. Errors: ConfigError (no such)."""
    plugin = find_plugin(replace(config, disabled_plugins=config.disabled_plugins - {name}), name)
    if plugin is None:
        raise ConfigError(f"There is no plugin {name}.", "See `vitrine plugins`.")
    yield from check_files(plugin)
    try:
        load_policies(replace(config, disabled_plugins=config.disabled_plugins - {name}))
    except ConfigError as error:
        yield f"beside the other plugins the site does not start: {error}"
    logging.getLogger("vitrine.plugins").addFilter(lambda record: False)    # every failure is told below, once
    try:
        kit = Kit(name, plugin, may_widen=name in config.may_widen, clock=time.perf_counter)
    except ConfigError as error:
        yield str(error)
        return
    pace = _try_cases(kit, progress)
    if pace > PACE:
        yield f"{name} is slow: {pace * 1000:.1f} ms for a member, asked for everything"
    yield from kit.problems()
    if twins:
        yield from _twins(config, name, now, progress)


def check_files(plugin: object) -> Iterator[str]:
    """Imports of the plugin's own files that a plugin must not have."""
    file = plugin.__file__ if isinstance(plugin, ModuleType) else inspect.getsourcefile(type(plugin))
    if file is None:
        return
    path = Path(file)
    for one in sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]:
        try:
            yield from check_source(one.read_text(encoding="utf-8"), one.name)
        except (OSError, UnicodeDecodeError, SyntaxError) as error:
            yield f"{one.name} cannot be read ({type(error).__name__})"


def _try_cases(kit: Kit, progress: Progress) -> float:
    """The seconds of the middle case."""
    took: list[float] = []

    def try_one(case: Case) -> None:
        started = time.perf_counter()
        kit.try_case(case)
        took.append(time.perf_counter() - started)
        progress("Made-up members", min(len(took), EXAMPLES), EXAMPLES)

    if find_spec("hypothesis") is None:
        for case in cases(EXAMPLES):
            try_one(case)
        return median(took)
    import hypothesis
    from hypothesis import configuration, strategies

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategies.data())
    def meet(data: strategies.DataObject) -> None:
        try_one(draw(lambda some: data.draw(strategies.sampled_from(tuple(some)))))

    with tempfile.TemporaryDirectory(prefix="vitrine-plugin-check-") as notes:      # it would write them here
        configuration.set_hypothesis_home_dir(notes)
        try:
            meet()
        finally:
            configuration.set_hypothesis_home_dir(None)
    return median(took)


def _twins(config: Config, name: str, now: int, progress: Progress) -> Iterator[str]:
    """Leaks of a demo community with the plugin on."""
    from webapp.app import open_context
    from webapp.ops.leak_check import check_leaks
    from webapp.ops.setup import set_up
    from webapp.services import plugins
    from webapp.services.demo import make_demo
    from webapp.store import plugins as store

    with tempfile.TemporaryDirectory(prefix="vitrine-plugin-check-") as folder:
        trial = replace(
            config, data_dir=Path(folder), database_url=f"sqlite:///{folder}/trial.db?synchronous=off", smtp_url=None,
            redis_url=None, disabled_plugins=config.disabled_plugins - {name},
        )
        ctx = open_context(trial)
        try:
            set_up(ctx, now)
            with ctx.db.transaction():
                store.set_state(ctx.db, name, "on", now)
            plugins.record(ctx, now)
            make_demo(ctx, now)
            report = check_leaks(ctx, trial, now, 6, progress)
        except VitrineError as error:
            yield f"the twin worlds could not be compared: {error}"
            return
        finally:
            ctx.db.close()
        yield from report.leaks
