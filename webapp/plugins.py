"""Finding plugins: shipped, installed packages, files of the operator. What they may do is decided in `policies`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import plugins as shipped
from policies.errors import ConfigError
from policies.manager import PolicyManager
from webapp.config import Config

GROUP = "vitrine.plugins"


def load_policies(config: Config) -> PolicyManager:
    """The policies with every plugin that is not disabled. Errors: ConfigError names one that cannot be loaded."""
    found = [(name, plugin) for name, plugin in _find(config) if name not in config.disabled_plugins]
    return PolicyManager(found, config.may_widen)


def _find(config: Config) -> Iterator[tuple[str, object]]:
    for module in pkgutil.iter_modules(shipped.__path__):
        yield module.name, importlib.import_module(f"plugins.{module.name}")
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if entry.name not in config.disabled_plugins:
            try:
                yield entry.name, entry.load()
            except Exception as error:
                raise ConfigError(f"Plugin {entry.name} cannot be loaded ({type(error).__name__}).") from error
    if config.plugins_dir is not None:
        for path in sorted(config.plugins_dir.glob("*.py")):
            if path.stem not in config.disabled_plugins:
                yield path.stem, _load_file(path)


def _load_file(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(f"vitrine_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"Plugin {path.stem} cannot be loaded: {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"Plugin {path.stem} cannot be loaded ({type(error).__name__}).") from error
    return module
