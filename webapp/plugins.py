"""Finding plugins: shipped, installed packages, files of the operator. What they may do is decided in `policies`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import plugins as shipped
from policies.builtin import BUILTIN
from policies.errors import ConfigError
from policies.isolation import in_words
from policies.manager import PolicyManager
from webapp.config import Config

GROUP = "vitrine.plugins"


def load_policies(config: Config) -> PolicyManager:
    """The policies with every plugin that is not disabled, in this order: built in, shipped, installed, files; each of
    the last three by name. Errors: ConfigError names one that cannot be loaded."""
    found = [(name, plugin) for name, _, plugin in _find(config)]
    return PolicyManager(found, config.may_widen, time.perf_counter, config.disabled_plugins)


def origins(config: Config) -> dict[str, str]:
    """Where each plugin comes from, by name, in load order: built in, shipped, installed, file."""
    return {name: "built in" for name, _ in BUILTIN} | {name: origin for name, origin, _ in _find(config)}


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
