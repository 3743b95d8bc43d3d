"""What the loaded plugins registered: read and checked once at start, then merged for those that are on. No plugin is
called here after the start; what is asked while the site runs is the manager's."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policies import badges
from policies.errors import ConfigError
from policies.extending import BadgeRule, CredentialForm, Metric, NameRule
from policies.isolation import Nonsense
from policies.sections import TEXT_LIMIT
from policies.terms import Area, Field, PrivateVeto, Rung, SourceInfo, Veto

#: The hooks that are asked at start, in this order.
REGISTERS = (
    "register_fields", "register_vetoes", "register_ladders", "register_points", "register_levels", "register_sources",
    "register_metrics", "register_name_rules", "register_badge_rules", "register_credentials",
)  # fmt: skip
#: Sections that a badge rule can tell about, and what each total tells about.
SECTION_OF_TOTAL: Mapping[str, str] = dict.fromkeys(badges.METRICS, "stats") | {"peer_kudos": "kudos"}
EVERY_SECTION = ("stats", "kudos", "certifications", "groups", "activity")

Answer = tuple[str, Any]
_KEY_LIMIT = 100
#: What forms of Edit profile send beside fields.
_FORM = frozenset({"seen", "csrf_token", "change", "public_name", "picture", "privacy", "keep_name", "searchable"})
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything registered by the plugins that are on, merged. `owner`: field -> plugin, of all that are loaded."""

    fields: tuple[Field, ...]
    owner: Mapping[str, str]
    dormant: frozenset[str]
    vetoes: tuple[tuple[str, Veto], ...]
    keeps: frozenset[str]
    ladders: Mapping[str, tuple[int, ...]]
    points: Mapping[str, int]
    levels: tuple[Rung, ...]
    sources: tuple[SourceInfo, ...]
    source_plugins: Mapping[str, str]
    metrics: tuple[tuple[str, Metric], ...]
    name_rules: tuple[tuple[str, NameRule], ...]
    badge_rules: tuple[tuple[str, BadgeRule], ...]
    credentials: tuple[str, CredentialForm] | None
    table_owner: Mapping[str, str]


def check(hook: str) -> Callable[[Any], Any]:
    """What turns an answer to a register hook into a sound one. Errors: Nonsense."""
    return _CHECKS[hook]


def merge(answers: Mapping[str, Sequence[Answer]], off: Collection[str], builtin: Collection[str]) -> Tables:
    """The tables of the plugins that are not `off`. Errors: ConfigError where two of them contradict each other."""
    on = {hook: [(plugin, answer) for plugin, answer in some if plugin not in off] for hook, some in answers.items()}
    owner = _owners(answers["register_fields"])
    fields = tuple(field for _, some in on["register_fields"] for field in some)
    vetoes, keeps = _vetoes(on["register_vetoes"])
    sources = [(plugin, source) for plugin, some in on["register_sources"] for source in some]
    names = [source.name for _, source in sources]
    _unique(sources, "source")
    metrics = [(plugin, metric) for plugin, some in on["register_metrics"] for metric in some]
    _unique(metrics, "metric", badges.METRICS)
    _sound_needs(metrics)
    known = {*SECTION_OF_TOTAL, *(metric.name for _, metric in metrics)}
    asleep = {metric.name for _, some in answers["register_metrics"] for metric in some}
    rules = [
        (plugin, _settled(plugin, rule, metrics)) for plugin, some in on["register_badge_rules"] for rule in some
        if not rule.metric or rule.metric in known or rule.metric not in asleep     # its metric is off with its plugin
    ]  # fmt: skip
    _unique(rules, "badge rule")
    by: dict[str, str] = {}
    return Tables(
        fields=fields, owner=owner, dormant=frozenset(owner) - {field.name for field in fields},
        vetoes=vetoes, keeps=keeps,
        ladders=_by_metric("register_ladders", on["register_ladders"], builtin, by),
        points=_by_metric("register_points", on["register_points"], builtin, by),
        levels=_levels(on["register_levels"], builtin, by),
        sources=tuple(source for _, source in sources),
        source_plugins=dict(zip(names, (plugin for plugin, _ in sources), strict=True)),
        metrics=tuple(metrics),
        name_rules=tuple((plugin, rule) for plugin, some in on["register_name_rules"] for rule in some),
        badge_rules=tuple(rules),
        credentials=_only([(plugin, form) for plugin, some in on["register_credentials"] for form in some]),
        table_owner=by,
    )  # fmt: skip


# Merging -------------------------------------------------------------------------------------------------------------


def _owners(answers: Sequence[Answer]) -> dict[str, str]:
    owner: dict[str, str] = {}
    for plugin, fields in answers:
        for field in fields:
            if field.name in owner:
                raise ConfigError(f"Plugin {plugin}: the field {field.name} exists already ({owner[field.name]}).")
            owner[field.name] = plugin
    return owner


def _unique(found: Sequence[tuple[str, Any]], noun: str, taken: Collection[str] = ()) -> None:
    seen = set(taken)
    for plugin, one in found:
        name = one.key if isinstance(one, BadgeRule) else one.name
        if name in seen:
            raise ConfigError(f"Plugin {plugin}: the {noun} {name} exists already.")
        seen.add(name)


def _only(found: Sequence[tuple[str, CredentialForm]]) -> tuple[str, CredentialForm] | None:
    if len(found) > 1:
        raise ConfigError(f"Plugin {found[1][0]}: {found[0][0]} says already how credentials look.")
    return found[0] if found else None


def _sound_needs(metrics: Sequence[tuple[str, Metric]]) -> None:
    for plugin, metric in metrics:
        if not metric.needs or set(metric.needs) - (set(SECTION_OF_TOTAL) - {"kudos_points"}):
            raise ConfigError(f"Plugin {plugin}: the metric {metric.name} needs totals that there are not.")


def _settled(plugin: str, rule: BadgeRule, metrics: Sequence[tuple[str, Metric]]) -> BadgeRule:
    """The rule with the sections it tells about. Errors: ConfigError."""
    if rule.needs and set(rule.needs) - set(EVERY_SECTION):
        raise ConfigError(f"Plugin {plugin}: the badge rule {rule.key} needs sections that there are not.")
    if rule.years:
        return replace(rule, needs=tuple(sorted({*rule.needs, "activity"})))     # it tells since when somebody is here
    if not rule.metric:
        return replace(rule, needs=rule.needs or EVERY_SECTION)
    own = {metric.name: metric.needs for _, metric in metrics}
    totals = own.get(rule.metric, (rule.metric,))
    if not set(totals) <= set(SECTION_OF_TOTAL):
        raise ConfigError(f"Plugin {plugin}: there is no metric {rule.metric} for the badge rule {rule.key}.")
    needs = {SECTION_OF_TOTAL[total] for total in totals} | ({"kudos", "stats"} if "kudos_points" in totals else set())
    return replace(rule, needs=tuple(sorted({*rule.needs, *needs})))


def _vetoes(answers: Sequence[Answer]) -> tuple[tuple[tuple[str, Veto], ...], frozenset[str]]:
    vetoes: list[tuple[str, Veto]] = []
    keeps: frozenset[str] | None = None
    for plugin, some in answers:
        for veto in some:
            if isinstance(veto, PrivateVeto):
                names = frozenset(veto.keeps)
                keeps = names if keeps is None else keeps & names
            else:
                vetoes.append((plugin, veto))
    return tuple(vetoes), keeps or frozenset()


def _by_metric(
    hook: str, answers: Sequence[Answer], builtin: Collection[str], by: dict[str, str]
) -> dict[str, Any]:
    """Built-in answers by metric, replaced by those of plugins; two plugins on one metric stop the start."""
    merged: dict[str, Any] = {}
    for plugin, some in answers:
        for metric, answer in some.items():
            owner = f"{hook.removeprefix('register_').removesuffix('s')}:{metric}"
            if by.get(owner, "levels") not in builtin:
                raise ConfigError(f"Plugins {by[owner]} and {plugin} both set {metric} in {hook}.")
            merged[metric], by[owner] = answer, plugin
    return merged


def _levels(answers: Sequence[Answer], builtin: Collection[str], by: dict[str, str]) -> tuple[Rung, ...]:
    foreign = [(plugin, rungs) for plugin, rungs in answers if plugin not in builtin]
    if len(foreign) > 1:
        raise ConfigError(f"Plugins {' and '.join(name for name, _ in foreign)} both bring levels.")
    found: Sequence[Answer] = foreign or answers
    rungs: tuple[Rung, ...] = found[0][1] if found else (Rung(0, "Member"),)
    by["levels"] = found[0][0] if found else "levels"
    return rungs


# Checking ------------------------------------------------------------------------------------------------------------


def _of(
    kind: type | tuple[type, ...], what: str, sound: Callable[[Any], bool], rule: str
) -> Callable[[Any], tuple[Any, ...]]:
    """`rule`: what has to hold of one of them, in words."""

    def checked(answer: Any) -> tuple[Any, ...]:
        if not isinstance(answer, (tuple, list)):
            raise Nonsense(f"a tuple of {what}s was expected")
        for one in answer:
            if not isinstance(one, kind):
                raise Nonsense(f"{_name_of(one)} is not a {what}")
            if not sound(one):
                raise Nonsense(f"the {what} {_name_of(one)} is not sound: {rule}")
        return tuple(answer)

    return checked


def _name_of(one: Any) -> str:
    name = getattr(one, "name", None) or getattr(one, "key", None)
    return repr(name)[:60] if isinstance(name, str) else f"something of type {type(one).__name__}"


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _KEY_LIMIT and text.isprintable()


def _is_names(names: Any) -> bool:
    return isinstance(names, (tuple, list, set, frozenset)) and all(isinstance(name, str) for name in names)


def _is_field(one: Field) -> bool:
    if not (_is_line(one.name) and one.name.isidentifier() and _is_line(one.label)):
        return False
    if type(one.typed) is not int or not 0 <= one.typed <= TEXT_LIMIT or (one.hint and not _is_line(one.hint)):
        return False
    return not one.typed or not (one.section or one.name in _FORM)


def _is_rule(rule: BadgeRule) -> bool:
    if not (_is_line(rule.key) and rule.key.replace("-", "_").isidentifier() and _is_line(rule.title)):
        return False
    kinds = bool(rule.metric), rule.meets is not None, bool(rule.years)
    if sum(kinds) != 1 or not _is_names(rule.needs):
        return False
    if rule.metric:
        return type(rule.at) is int and rule.at > 0
    return callable(rule.meets) if rule.meets is not None else type(rule.years) is int and 0 < rule.years < 200


def _ladders(answer: Any) -> dict[str, tuple[int, ...]]:
    return {_metric(metric): _ladder(steps) for metric, steps in _mapping(answer).items()}


def _ladder(steps: Any) -> tuple[int, ...]:
    if not isinstance(steps, (tuple, list)) or any(type(step) is not int for step in steps):
        raise Nonsense("thresholds are whole numbers in a tuple")
    if list(steps) != sorted(set(steps)) or (steps and steps[0] < 1):
        raise Nonsense("thresholds must be positive and ascend")
    return tuple(steps)


def _points(answer: Any) -> dict[str, int]:
    for worth in _mapping(answer).values():
        if type(worth) is not int or worth < 0:
            raise Nonsense("points must be whole and not negative")
    return {_metric(metric): worth for metric, worth in answer.items()}


def _mapping(answer: Any) -> Mapping[Any, Any]:
    if not isinstance(answer, Mapping):
        raise Nonsense("a mapping by metric was expected")
    return answer


def _metric(name: Any) -> str:
    if not _is_line(name):
        raise Nonsense("a metric has a name")
    return str(name)


def _rungs(answer: Any) -> tuple[Rung, ...]:
    rungs = tuple(answer) if isinstance(answer, (tuple, list)) else ()
    if not all(isinstance(rung, Rung) and type(rung.at) is int and _is_line(rung.name) for rung in rungs):
        raise Nonsense("levels are Rungs with names")
    starts = [rung.at for rung in rungs]
    if not rungs or starts[0] != 0 or starts != sorted(set(starts)):
        raise Nonsense("levels must ascend from 0 and have names")
    return rungs


def _is_veto(veto: Any) -> bool:
    if isinstance(veto, PrivateVeto):
        return _is_names(veto.keeps)
    return _is_line(veto.name) and callable(veto.ask) and _is_names(veto.about)


def _is_source(source: SourceInfo) -> bool:
    calls = source.read, source.receive
    is_named = _is_line(source.name) and _SOURCE.fullmatch(source.name) is not None and _is_line(source.label)
    return is_named and isinstance(source.area, Area) and all(one is None or callable(one) for one in calls)


def _checks() -> Iterator[tuple[str, Callable[[Any], Any]]]:
    yield "register_fields", _of(
        Field, "field", _is_field,
        f"its name is one word of letters, digits and underscores, its label a line of up to {_KEY_LIMIT} characters;"
        f" of one that members type into (up to {TEXT_LIMIT:,} characters, no section) the hint is a line, and the name"
        " none that Edit profile uses",
    )  # fmt: skip
    yield "register_vetoes", _of(
        (Veto, PrivateVeto), "veto", _is_veto, "it has a name, a function `ask` and names of fields in a tuple",
    )  # fmt: skip
    yield "register_ladders", _ladders
    yield "register_points", _points
    yield "register_levels", _rungs
    yield "register_sources", _of(
        SourceInfo, "source", _is_source,
        "its name is letters, digits, dots, hyphens and underscores, its label a line, its area an Area, and `read` and"
        " `receive` are functions or None",
    )  # fmt: skip
    yield "register_metrics", _of(
        Metric, "metric", lambda one: _is_line(one.name) and one.name.isidentifier()
        and all(_is_line(text) for text in (one.label, one.one, one.several)) and _is_names(one.needs)
        and callable(one.of),
        "its name is one word, its label, `one` and `several` are lines, `needs` names totals in a tuple, `of` is a"
        " function",
    )  # fmt: skip
    yield "register_name_rules", _of(
        NameRule, "name rule", lambda one: _is_line(one.name) and callable(one.show),
        "it has a name and a function `show`",
    )  # fmt: skip
    yield "register_badge_rules", _of(
        BadgeRule, "badge rule", _is_rule,
        "its key is letters, digits, hyphens and underscores, its title a line, exactly one of `metric` (with `at`),"
        " `meets` and `years` is given, and `needs` names sections in a tuple",
    )  # fmt: skip
    yield "register_credentials", _of(
        CredentialForm, "credential form", lambda one: _is_line(one.name) and callable(one.credential)
        and callable(one.status), "it has a name and two functions",
    )  # fmt: skip


_CHECKS: Mapping[str, Callable[[Any], Any]] = dict(_checks())
