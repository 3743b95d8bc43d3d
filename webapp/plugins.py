"""Finding plugins: shipped, installed packages, files of the operator; where each comes from and what it says it is
for. What they may do is decided in `policies`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import plugins as shipped
from policies.builtin import BUILTIN
from policies.errors import ConfigError
from policies.isolation import in_words
from policies.manager import PolicyManager
from webapp.config import Config
from webapp.services.plugins import Origin

GROUP = "vitrine.plugins"
#: Characters of the line that says what a plugin is for.
ABOUT_LIMIT = 160


def load_policies(config: Config) -> PolicyManager:
    """The policies with every plugin that is not disabled, in this order: built in, shipped, installed, files; each of
    the last three by name. Errors: ConfigError names one that cannot be loaded."""
    found = [(name, plugin) for name, _, plugin in _find(config)]
    return PolicyManager(found, config.may_widen, time.perf_counter, config.disabled_plugins)


def origins(config: Config) -> dict[str, Origin]:
    """Where each plugin comes from (built in, shipped, installed, file) and what it is for, by name, in load order."""
    found = [*((name, "built in", plugin) for name, plugin in BUILTIN), *_find(config)]
    return {name: Origin(place, about(plugin)) for name, place, plugin in found}


def about(plugin: object) -> str:
    """The first line of the docstring of a plugin's module or class, as plain text without backticks; "" if none."""
    owner = plugin if isinstance(plugin, (ModuleType, type)) else type(plugin)
    said = vars(owner).get("__doc__") if getattr(owner, "__module__", "") not in {"builtins", "types"} else None
    lines = said.strip().splitlines() if isinstance(said, str) else []
    kept = "".join(one for one in " ".join(lines[0].split()) if one.isprintable()) if lines else ""
    line = kept.replace("`", "").strip()
    if len(line) <= ABOUT_LIMIT:
        return line
    cut = line[: ABOUT_LIMIT - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:") + "…"


def find_plugin(config: Config, name: str) -> object | None:
    """The plugin of that name, None if there is none. Errors: ConfigError when it cannot be loaded."""
    return next((plugin for found, _, plugin in _find(config) if found == name), None)


def _find(config: Config) -> Iterator[tuple[str, str, object]]:
    off = config.disabled_plugins
    for module in sorted(pkgutil.iter_modules(shipped.__path__), key=lambda module: module.name):
        if module.name not in off:
            yield module.name, "shipped", importlib.import_module(f"plugins.{module.name}")
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if entry.name not in off:
            try:
                yield entry.name, "installed", entry.load()
            except (Exception, SystemExit) as error:
                raise ConfigError(f"Plugin {entry.name} cannot be loaded: {in_words(error)}") from error
    if config.plugins_dir is not None:
        for path in sorted(config.plugins_dir.glob("*.py")):
            if path.stem not in off:
                yield path.stem, "file", _load_file(path)


def _load_file(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(f"vitrine_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"Plugin {path.stem} cannot be loaded: {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"Plugin {path.stem} cannot be loaded: {in_words(error)}") from error
    return module
