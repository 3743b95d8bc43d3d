"""PolicyManager: the one facade over the plugins and the only caller of hooks.

It loads, validates, attributes and isolates them: each implementation is called alone, so that an error has a name.
What a plugin may do is said in `hookspecs.py`; how the compiled result decides, in `timeline.py` and `visibility.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from policies import badges, hookspecs
from policies.builtin import BUILTIN
from policies.errors import ConfigError
from policies.terms import ALL, Field, Kind, Level, PrivateVeto, Question, Rung, SourceInfo, Veto
from policies.timeline import Base, Cells

log = logging.getLogger("vitrine.plugins")

_BUILTIN_NAMES = frozenset(name for name, _ in BUILTIN)


@dataclass(slots=True)
class PluginErrors:
    """How often a plugin failed since the start, and how it failed last."""

    count: int = 0
    last: str = ""


class PolicyManager:
    """Loads the built-in plugins, then the given (name, plugin) pairs in order.

    `may_widen`: names of plugins that may show more than the built-in defaults do.
    Raises ConfigError, naming the plugin, if one cannot be loaded.
    """

    def __init__(self, plugins: Iterable[tuple[str, object]] = (), may_widen: Collection[str] = ()) -> None:
        self.may_widen = frozenset(may_widen) | _BUILTIN_NAMES
        self.errors: dict[str, PluginErrors] = {}
        self._manager = pluggy.PluginManager("vitrine")
        self._manager.add_hookspecs(hookspecs)
        for name, plugin in (*BUILTIN, *plugins):
            try:
                self._manager.register(plugin, name)
                self._manager.check_pending()
            except (ValueError, pluggy.PluginValidationError) as error:
                raise ConfigError(f"Plugin {name} cannot be loaded: {error}") from error
        self._owner: dict[str, str] = {}
        #: Which plugin a ladder ("ladder:answers"), points ("point:answers") or the levels ("levels") come from.
        self.table_owner: dict[str, str] = {}
        self.fields: tuple[Field, ...] = tuple(self._fields())
        self._vetoes, self._keeps = self._read_vetoes()
        self._ladders: Mapping[str, tuple[int, ...]] = self._merge("register_ladders", _ladder)
        self.points: Mapping[str, int] = self._merge("register_points", _points)
        self.levels: tuple[Rung, ...] = self._read_levels()
        self._sources: tuple[SourceInfo, ...] = tuple(self._read_sources())
        #: The tables as the plugins say them; `use_tables` lays the site's own over them.
        self.plugin_tables = (dict(self._ladders), dict(self.points), self.levels)

    def use_tables(
        self, ladders: Mapping[str, Sequence[int]], points: Mapping[str, int], levels: Sequence[Rung]
    ) -> None:
        """The tables that an admin set, over those of the plugins; what is empty stays theirs."""
        of_plugins, worth, rungs = self.plugin_tables
        self._ladders = of_plugins | {metric: _ladder(steps) for metric, steps in ladders.items()}
        self.points = worth | {metric: _points(n) for metric, n in points.items()}
        self.levels = tuple(levels) or rungs

    # what is registered

    def plugins(self) -> dict[str, list[str]]:
        """Every plugin's name with the hooks it implements, in load order."""
        return {
            name: sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ())
            for name, plugin in self._manager.list_name_plugin()
        }

    def sources(self) -> tuple[SourceInfo, ...]:
        """The sources that plugins bring."""
        return self._sources

    def ladder(self, metric: str) -> tuple[int, ...]:
        """The milestone thresholds of a metric; empty where it has none."""
        return self._ladders.get(metric, ())

    @property
    def ladder_metrics(self) -> tuple[str, ...]:
        """The metrics that have milestones, in order."""
        return tuple(self._ladders)

    # totals to badges, with the tables in force

    def milestones(self, metric: str, total: int) -> tuple[int, ...]:
        """Thresholds earned (S69)."""
        return badges.milestones(metric, total, self.ladder(metric))

    def next_milestone(self, metric: str, total: int) -> int | None:
        """The next threshold, or None."""
        return badges.next_milestone(metric, total, self.ladder(metric))

    def kudos_points(self, totals: Mapping[str, int]) -> int:
        """Points of the shown totals (D1)."""
        return badges.kudos_points(totals, self.points)

    def level_of(self, points: int) -> badges.LevelStanding:
        """The community level (D1)."""
        return badges.level_of(points, self.levels)

    # the matrix

    def compile(self, bits: Mapping[str, int] | None = None) -> Base:
        """Ask every plugin for every cell and hand back masks.

        `bits` is the recorded table `field_bit`; a field missing in it is hidden (D14). Without it, fields are numbered
        in order, which suits tests and the first installation.
        """
        given = {f.name: number for number, f in enumerate(self.fields)} if bits is None else bits
        bit = {f.name: given[f.name] for f in self.fields if f.name in given}
        if len(set(bit.values())) != len(bit) or any(not 0 <= number <= 62 for number in bit.values()):
            raise ConfigError("Two fields share a bit, or there are more than 63 fields.")
        fields = tuple(f for f in self.fields if f.name in bit)
        defaults, fixed = {}, {}
        for kind in Kind:
            cells, locks = Cells(), Cells()
            for f in fields:
                level = self._cell("default_cell", kind, f.name, Level.ANYONE) or Level.ONLY_YOU
                cells = cells.put(bit[f.name], level)
                lock = self._cell("fixed_cell", kind, f.name, level)
                if lock is not None:
                    locks = locks.put(bit[f.name], lock)
            defaults[kind], fixed[kind] = cells, locks
        keeps = sum(1 << bit[name] for name in self._keeps if name in bit)
        return Base(fields, bit, defaults, fixed, keeps, tuple(self._guarded(bit)))

    # inside

    def _each(self, hook: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        """(plugin name, function) of every implementation, in load order."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            names = implementation.argnames

            def call(_function: Callable[..., Any] = implementation.function, _names: Any = names, **given: Any) -> Any:
                return _function(**{name: given[name] for name in _names})

            yield implementation.plugin_name, call

    def _failed(self, plugin: str, problem: str) -> None:
        errors = self.errors.setdefault(plugin, PluginErrors())
        errors.count += 1
        errors.last = problem
        log.error("plugin %s: %s", plugin, problem)

    def _at_start(self, hook: str) -> Iterator[tuple[str, Any]]:
        for plugin, call in self._each(hook):
            try:
                yield plugin, call()
            except ConfigError:
                raise
            except Exception as error:
                raise ConfigError(f"Plugin {plugin} failed in {hook}: {error!r}") from error

    def _cell(self, hook: str, kind: Kind, name: str, ceiling: Level) -> Level | None:
        """The level the plugins agree on: the narrowest. Only a listed plugin, or the field's own, goes above the
        built-in answer (`ceiling` for a fixed cell is the cell's default)."""
        base: Level | None = None
        trusted: list[Level] = []
        others: list[Level] = []
        for plugin, call in self._each(hook):
            try:
                answer = call(kind=kind, field=name)
                if answer is None:
                    continue
                level = Level(answer) if isinstance(answer, int) and not isinstance(answer, bool) else None
                problem = "" if level is not None else f"{hook} answered {answer!r} for {kind} {name}"
            except Exception as error:
                level, problem = None, f"{hook} raised {error!r} for {kind} {name}"
            if level is None:
                self._failed(plugin, problem)
                return Level.ONLY_YOU
            if plugin == self._owner[name] or plugin in _BUILTIN_NAMES:
                base = level if base is None else min(base, level)
            else:
                (trusted if plugin in self.may_widen else others).append(level)
        limit = ceiling if hook == "fixed_cell" else base if base is not None else Level.ONLY_YOU
        answers = [*trusted, *(min(level, limit) for level in others)]
        if base is not None and hook == "fixed_cell":
            answers.append(base)
        return min(answers) if answers else base

    def _fields(self) -> Iterator[Field]:
        for plugin, fields in self._at_start("register_fields"):
            for f in fields:
                if not isinstance(f, Field) or not f.name.isidentifier():
                    raise ConfigError(f"Plugin {plugin}: {f!r} is not a field.")
                if f.name in self._owner:
                    raise ConfigError(f"Plugin {plugin}: the field {f.name} exists already ({self._owner[f.name]}).")
                self._owner[f.name] = plugin
                yield f

    def _read_vetoes(self) -> tuple[list[tuple[str, Veto]], frozenset[str]]:
        vetoes: list[tuple[str, Veto]] = []
        keeps: frozenset[str] | None = None
        for plugin, answers in self._at_start("register_vetoes"):
            for veto in answers:
                if isinstance(veto, PrivateVeto):
                    names = frozenset(veto.keeps)
                    keeps = names if keeps is None else keeps & names
                elif isinstance(veto, Veto) and callable(veto.ask):
                    vetoes.append((plugin, veto))
                else:
                    raise ConfigError(f"Plugin {plugin}: {veto!r} is not a veto.")
        return vetoes, keeps or frozenset()

    def _guarded(self, bit: Mapping[str, int]) -> Iterator[tuple[str, Callable[[Question], int]]]:
        for plugin, veto in self._vetoes:

            def ask(question: Question, _plugin: str = plugin, _veto: Veto = veto) -> int:
                try:
                    hidden = 0
                    for name in _veto.ask(question):
                        hidden |= 1 << bit[name]
                    return hidden
                except Exception as error:
                    self._failed(_plugin, f"veto {_veto.name} failed: {error!r}")
                    return ALL

            yield veto.name, ask

    def _merge(self, hook: str, check: Callable[[Any], Any]) -> dict[str, Any]:
        """Built-in answers by metric, replaced by those of plugins; two plugins on one metric stop the start."""
        merged: dict[str, Any] = {}
        by: dict[str, str] = {}
        for plugin, answers in self._at_start(hook):
            for metric, answer in answers.items():
                if by.get(metric, "levels") not in _BUILTIN_NAMES:
                    raise ConfigError(f"Plugins {by[metric]} and {plugin} both set {metric} in {hook}.")
                try:
                    merged[metric] = check(answer)
                except (TypeError, ValueError) as error:
                    raise ConfigError(f"Plugin {plugin}, {hook}, {metric}: {error}") from error
                by[metric] = plugin
                self.table_owner[f"{hook.removeprefix('register_').removesuffix('s')}:{metric}"] = plugin
        return merged

    def _read_levels(self) -> tuple[Rung, ...]:
        found: dict[str, tuple[Rung, ...]] = {}
        for plugin, answers in self._at_start("register_levels"):
            rungs = tuple(answers)
            starts = [rung.at for rung in rungs]
            if not rungs or starts[0] != 0 or starts != sorted(set(starts)) or not all(rung.name for rung in rungs):
                raise ConfigError(f"Plugin {plugin}: levels must ascend from 0 and have names.")
            found[plugin] = rungs
        foreign = [name for name in found if name not in _BUILTIN_NAMES]
        if len(foreign) > 1:
            raise ConfigError(f"Plugins {' and '.join(foreign)} both bring levels.")
        self.table_owner["levels"] = foreign[0] if foreign else "levels"
        return found[self.table_owner["levels"]]

    def _read_sources(self) -> Iterator[SourceInfo]:
        seen: set[str] = set()
        for plugin, sources in self._at_start("register_sources"):
            for source in sources:
                if not isinstance(source, SourceInfo) or source.name in seen or not source.name:
                    raise ConfigError(f"Plugin {plugin}: {source!r} is not a source, or its name is taken.")
                seen.add(source.name)
                yield source


def _ladder(steps: Sequence[int]) -> tuple[int, ...]:
    ladder = tuple(int(step) for step in steps)
    if list(ladder) != sorted(set(ladder)) or (ladder and ladder[0] < 1):
        raise ValueError("thresholds must be positive and ascend")
    return ladder


def _points(worth: int) -> int:
    if not isinstance(worth, int) or worth < 0:
        raise ValueError("points must be whole and not negative")
    return worth
