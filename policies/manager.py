"""PolicyManager: the one facade over the plugins and the only caller of hooks.

It loads, attributes and isolates them: each implementation is called alone, so that an error has a name. What a plugin
may do is said in `hookspecs.py`; how calls fail in `isolation.py`; what they registered in `registry.py`; how the
compiled result decides, in `timeline.py` and `visibility.py`.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pluggy

from policies import badges, checks, hookspecs, registry
from policies.builtin import BUILTIN
from policies.errors import ConfigError
from policies.extending import BadgeRule, Facts, Issuer, Metric, PublishedBadge, Standing, StatusList
from policies.isolation import FAILED, Failed, Isolation, Nonsense, PluginErrors
from policies.sections import SectionData, check_name, check_section
from policies.terms import ALL, BadSignature, Field, Kind, Level, Question, Rung, SourceInfo, Told, Veto
from policies.timeline import Base, Cells

__all__ = ["PluginErrors", "PolicyManager"]

BUILTIN_NAMES = frozenset(name for name, _ in BUILTIN)
#: Built-in plugins that nobody can take out: without them there is nothing to decide about.
ESSENTIAL = frozenset({"fields", "private_profile"})
REACTIONS = ("account_linked", "account_unlinked", "award_given", "profile_changed")


class PolicyManager:
    """Loads the built-in plugins but the `disabled`, then the given (name, plugin) pairs in order.

    `may_widen`: names of plugins that may show more than the built-in defaults do. `clock`: see isolation.py.
    Raises ConfigError, naming the plugin, if one cannot be loaded.
    """

    def __init__(
        self, plugins: Iterable[tuple[str, object]] = (), may_widen: Collection[str] = (),
        clock: Callable[[], float] | None = None, disabled: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.may_widen = frozenset(may_widen) | BUILTIN_NAMES
        self.isolation = Isolation(clock, BUILTIN_NAMES)
        self._manager = pluggy.PluginManager("vitrine")
        self._manager.add_hookspecs(hookspecs)
        builtin = [(name, plugin) for name, plugin in BUILTIN if name in ESSENTIAL or name not in disabled]
        for name, plugin in (*builtin, *plugins):
            if self._manager.has_plugin(name):
                raise ConfigError(f"There are two plugins {name}.", "Take one away, or give one another name.")
            try:
                self._manager.register(plugin, name)
                self._manager.check_pending()
            except (ValueError, pluggy.PluginValidationError) as error:
                raise ConfigError(f"Plugin {name} cannot be loaded: {_hook_trouble(error)}") from error
        self._off_at_first = frozenset(
            name for name, plugin in self._manager.list_name_plugin() if getattr(plugin, "OFF_AT_FIRST", False) is True
        )
        self._answers: dict[str, list[registry.Answer]] = {
            hook: [
                (plugin, self.isolation.at_start(plugin, hook, registry.check(hook), call))
                for plugin, call in self._all(hook)
            ]
            for hook in registry.REGISTERS
        }
        self._stand(Standing())

    def standing_at(self, standing: Standing) -> PolicyManager:
        """The same plugins with others of them on; errors are counted together. Nothing is loaded or asked anew."""
        other = copy.copy(self)
        other._stand(standing)
        return other

    def _stand(self, standing: Standing) -> None:
        self.standing = standing
        self.off = (standing.off | standing.closed | self._off_at_first - standing.on) - ESSENTIAL
        tables = self.tables = registry.merge(self._answers, self.off, BUILTIN_NAMES)
        self.fields: tuple[Field, ...] = tables.fields
        #: Which plugin a ladder ("ladder:answers"), points ("point:answers") or the levels ("levels") come from.
        self.table_owner: Mapping[str, str] = tables.table_owner
        #: The tables as the plugins say them; `use_tables` lays the site's own over them.
        self.plugin_tables = (dict(tables.ladders), dict(tables.points), tables.levels)
        self._ladders, self.points, self.levels = self.plugin_tables
        self.metrics: Mapping[str, Metric] = {metric.name: metric for _, metric in tables.metrics}
        self.badge_rules: Mapping[str, BadgeRule] = {rule.key: rule for _, rule in tables.badge_rules}
        self._sections = dict(self._each("section_data"))
        self._reactions = {hook: list(self._each(hook)) for hook in REACTIONS}

    def use_tables(
        self, ladders: Mapping[str, Sequence[int]], points: Mapping[str, int], levels: Sequence[Rung]
    ) -> None:
        """The tables that an admin set, over those of the plugins; what is empty stays theirs."""
        of_plugins, worth, rungs = self.plugin_tables
        self._ladders = of_plugins | registry.check("register_ladders")(ladders)
        self.points = worth | registry.check("register_points")(points)
        self.levels = tuple(levels) or rungs

    # what is registered

    @property
    def errors(self) -> dict[str, PluginErrors]:
        """What failed since the start, or since it was forgotten, by plugin."""
        return self.isolation.errors

    @property
    def failures(self) -> int:
        """How many calls failed since the start, of all plugins."""
        return self.isolation.total

    @property
    def is_impaired(self) -> bool:
        """Whether something is hidden because a plugin was switched off for its overruns: by its vetoes, or for want
        of its metrics. Nobody decided that."""
        return any(
            plugin in self.standing.closed and bool(answer)
            for hook in ("register_vetoes", "register_metrics") for plugin, answer in self._answers[hook]
        )

    def plugins(self) -> dict[str, list[str]]:
        """Every plugin's name with the hooks it implements, in load order, those that are off too."""
        return {
            name: sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ())
            for name, plugin in self._manager.list_name_plugin()
        }

    def has_vetoes(self, plugin: str) -> bool:
        """Whether the plugin registered vetoes that are asked."""
        return any(plugin == name and any(isinstance(veto, Veto) for veto in vetoes)
                   for name, vetoes in self._answers["register_vetoes"])

    def fields_of(self, plugin: str) -> tuple[Field, ...]:
        """The fields a plugin registered, on or off."""
        return tuple(f for name, fields in self._answers["register_fields"] if name == plugin for f in fields)

    def sources(self) -> tuple[SourceInfo, ...]:
        """The sources that plugins bring."""
        return self.tables.sources

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

    def with_metrics(self, totals: dict[str, int]) -> dict[str, int]:
        """The totals and the metrics derived from them; a metric that needs a missing total is missing too."""
        for plugin, metric in self.tables.metrics:
            if all(name in totals for name in metric.needs):
                given = {name: totals[name] for name in metric.needs}
                value = self.isolation.ask(plugin, f"metric {metric.name}", "metric", checks.amount, metric.of, given)
                if value is not FAILED:
                    totals[metric.name] = value
        return totals

    # what is asked while the site runs

    def section(self, field: str, facts: Facts) -> SectionData | None:
        """What a plugin's field shows; None for nothing, and for a plugin that fails."""
        plugin = self.tables.owner.get(field, "")
        call = self._sections.get(plugin)
        if call is None:
            return None
        answer = self.isolation.ask(plugin, f"section_data of {field}", "section", check_section,
                                    partial(call, field=field, facts=facts))
        return None if answer is FAILED else answer

    def meets(self, key: str, facts: Facts) -> bool | None:
        """Whether the facts meet a badge rule with a predicate; None where the plugin failed."""
        plugin, rule = next(found for found in self.tables.badge_rules if found[1].key == key)
        answer = self.isolation.ask(plugin, f"badge rule {key}", "rule", checks.truth, rule.meets or _never, facts)
        return None if answer is FAILED else answer

    def receive(self, source: SourceInfo, body: bytes, headers: Mapping[str, str], secret: str) -> list[Told] | None:
        """What a webhook tells; None where the plugin failed. Errors: BadSignature and ValueError, its answers."""
        if source.receive is None:
            return None
        plugin = self.tables.source_plugins[source.name]
        answer = self.isolation.ask(plugin, f"webhook of {source.name}", "webhook", checks.told, source.receive, body,
                                    headers, secret, passing=(BadSignature, ValueError))
        return None if answer is FAILED else answer

    @property
    def has_credentials(self) -> bool:
        """Whether a plugin that is on says how credentials look."""
        return self.tables.credentials is not None

    def claims(self, about: PublishedBadge | StatusList, issuer: Issuer) -> dict[str, Any] | None:
        """The claims of a credential or of a status list; None without a plugin for it, or where it failed."""
        if self.tables.credentials is None:
            return None
        plugin, form = self.tables.credentials
        make: Callable[..., Any] = form.credential if isinstance(about, PublishedBadge) else form.status
        answer = self.isolation.ask(plugin, "register_credentials", "credential", checks.claims, make, about, issuer)
        return None if answer is FAILED else answer

    def react(self, hook: str, **payload: Any) -> None:
        """Tell every plugin that is on what happened; an error is logged. For after the commit."""
        for plugin, call in self._reactions[hook]:
            self.isolation.ask(plugin, hook, "reaction", lambda answer: None, partial(call, **payload))

    def reacts(self, hook: str) -> bool:
        """Whether anybody wants to know."""
        return bool(self._reactions[hook])

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
        failed: list[str] = []
        defaults, fixed = self._cells(fields, bit, failed)
        keeps = sum(1 << bit[name] for name in self.tables.keeps if name in bit)
        base = Base(
            fields, bit, defaults, fixed, keeps, tuple(self._guarded(bit)), tuple(self._name_rules()),
            failed=failed[0] if failed else "",
        )  # fmt: skip
        opens = self.standing.closed & self.may_widen
        if not any(plugin in opens for plugin, _ in self._all("default_cell")):
            return base
        defaults, fixed = self._cells(fields, bit, failed, opens)
        return replace(base, might=replace(base, defaults=defaults, fixed=fixed))

    def openers(self, kind: Kind, field: str, level: Level) -> tuple[str, ...]:
        """The plugins, not the built-in ones, that say of this field now that it shows so widely by default."""
        answers = [(plugin, self._answer("default_cell", plugin, call, kind, field))
                   for plugin, call in self._each("default_cell") if plugin not in BUILTIN_NAMES]
        return tuple(plugin for plugin, said in answers if isinstance(said, Level) and said >= level)

    def with_closed(self) -> PolicyManager:
        """The same with those that are out for their overruns asked again: their absence must not be recorded."""
        standing = self.standing
        if not standing.closed:
            return self
        return self.standing_at(replace(standing, on=standing.on | standing.closed, closed=frozenset()))

    # inside

    def _cells(
        self, fields: Iterable[Field], bit: Mapping[str, int], failed: list[str], opens: Collection[str] = ()
    ) -> tuple[dict[Kind, Cells], dict[Kind, Cells]]:
        """The default and the fixed cells. `opens`: plugins that are not asked and taken to show all they may."""
        defaults, fixed = {}, {}
        for kind in Kind:
            cells, locks = Cells(), Cells()
            for f in fields:
                level = self._cell("default_cell", kind, f.name, Level.ANYONE, failed, opens) or Level.ONLY_YOU
                cells = cells.put(bit[f.name], level)
                lock = self._cell("fixed_cell", kind, f.name, level, failed)
                if lock is not None:
                    locks = locks.put(bit[f.name], lock)
            defaults[kind], fixed[kind] = cells, locks
        return defaults, fixed

    def _all(self, hook: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        """(plugin name, function) of every implementation, in load order."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            names = implementation.argnames

            def call(_function: Callable[..., Any] = implementation.function, _names: Any = names, **given: Any) -> Any:
                return _function(**{name: given[name] for name in _names})

            yield implementation.plugin_name, call

    def _each(self, hook: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Those that are on."""
        return ((plugin, call) for plugin, call in self._all(hook) if plugin not in self.off)

    def _answer(self, hook: str, plugin: str, call: Callable[..., Any], kind: Kind, name: str) -> Level | Failed | None:
        asked = partial(call, kind=kind, field=name)
        return self.isolation.ask(plugin, f"{hook} of {kind} {name}", "cell", _level, asked)

    def _cell(
        self, hook: str, kind: Kind, name: str, ceiling: Level, failed: list[str], opens: Collection[str] = ()
    ) -> Level | None:
        """The level the plugins agree on: the narrowest. Only a listed plugin, or the field's own, goes above the
        built-in answer (`ceiling` for a fixed cell is the cell's default). Who fails is told in `failed`."""
        base: Level | None = None
        trusted = [Level.ANYONE] if opens else []
        others: list[Level] = []
        for plugin, call in self._each(hook):
            level = self._answer(hook, plugin, call, kind, name)
            if level is FAILED:
                failed.append(f"plugin {plugin} failed: {self.errors[plugin].last}")
                return Level.ONLY_YOU
            if level is not None and (plugin == self.tables.owner[name] or plugin in BUILTIN_NAMES):
                base = level if base is None else min(base, level)
            elif level is not None:
                (trusted if plugin in self.may_widen else others).append(level)
        limit = ceiling if hook == "fixed_cell" else base if base is not None else Level.ONLY_YOU
        answers = [*trusted, *(min(level, limit) for level in others)]
        if base is not None and hook == "fixed_cell":
            answers.append(base)
        return min(answers) if answers else base

    def _guarded(self, bit: Mapping[str, int]) -> Iterator[tuple[str, Callable[[Question], int]]]:
        """The vetoes as functions from a question to a mask. One whose plugin overran stays shut."""
        known = self.tables.owner
        for plugin, vetoes in self._answers["register_vetoes"]:
            for veto in vetoes:
                if not isinstance(veto, Veto) or (plugin in self.off and plugin not in self.standing.closed):
                    continue
                about = frozenset(veto.about)
                every = sum(1 << bit[name] for name in about if name in bit) if about else ALL
                if about - known.keys():
                    self.isolation.failed(plugin, f"veto {veto.name} is about a field that does not exist")
                    yield veto.name, partial(_shut, ALL)
                elif plugin in self.standing.closed:
                    yield veto.name, partial(_shut, every)
                else:
                    yield veto.name, self._asking(plugin, veto, bit, about, every)

    def _asking(
        self, plugin: str, veto: Veto, bit: Mapping[str, int], about: frozenset[str], every: int
    ) -> Callable[[Question], int]:
        allowed, ask, what, of = about or self.tables.owner.keys(), veto.ask, f"veto {veto.name}", self.isolation.ask

        def check(answer: Any) -> int:
            if not isinstance(answer, (tuple, list, set, frozenset)):
                raise Nonsense("names of fields in a tuple were expected")
            hidden = 0
            for name in answer:
                if name not in allowed:
                    raise Nonsense("a name of a field was expected that it is about")
                hidden |= 1 << bit[name] if name in bit else 0
            return hidden

        def asked(question: Question) -> int:
            hidden = of(plugin, what, "veto", check, ask, question)
            return every if hidden is FAILED else hidden

        return asked

    def _name_rules(self) -> Iterator[Callable[[str | None, str], str | None]]:
        for plugin, rule in self.tables.name_rules:

            def show(full: str | None, public: str, _plugin: str = plugin, _rule: Any = rule) -> str | None:
                what = f"name rule {_rule.name}"
                name = self.isolation.ask(_plugin, what, "name", check_name, _rule.show, full, public)
                return public if name is FAILED else name

            yield show


def _hook_trouble(error: Exception) -> str:
    """What pluggy says of a hook that does not exist, or takes what it does not give, without the module's address."""
    words = re.sub(r" in plugin <.*?>$|(?<=plugin ')[^']*'", "", " ".join(str(error).split()))
    named = re.match(r"unknown hook '(\w+)'", words)
    close = difflib.get_close_matches(named[1], [name for name in vars(hookspecs) if "_" in name], 1) if named else []
    return words + (f"; is {close[0]} meant?" if close else "")


def _level(answer: Any) -> Level | None:
    if answer is None:
        return None
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer <= 2:
        raise Nonsense("a Level was expected")
    return Level(answer)


def _never(facts: Facts) -> bool:
    return False


def _shut(hidden: int, question: Question) -> int:
    return hidden
