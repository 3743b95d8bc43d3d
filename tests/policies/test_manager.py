"""The facade over plugins: loading, attribution, deny wins, isolation (D14)."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from types import SimpleNamespace

import pytest

from policies import hookimpl
from policies.builtin import BUILTIN
from policies.errors import ConfigError
from policies.extending import BadgeRule, Metric
from policies.isolation import FAILED, Isolation
from policies.manager import PolicyManager
from policies.terms import (
    ANONYMOUS,
    Area,
    Field,
    Kind,
    Level,
    PrivateVeto,
    Question,
    Rung,
    Settings,
    SourceInfo,
    Subject,
    Veto,
    Viewer,
)
from policies.visibility import Gate

PERSONAL = Subject(1, 1, None, Settings(1))


def plugin(**hooks: Callable[..., object]) -> SimpleNamespace:
    """A plugin with the given hooks."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def cell(level: object, *, field: str = "location", kind: Kind = Kind.PERSONAL) -> Callable[..., object]:
    def answer(kind: Kind, field: str, _wanted: tuple[Kind, str] = (kind, field)) -> object:
        return level if (kind, field) == _wanted else None

    answer.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("kind", "field")]
    )
    return answer


def level(*plugins: tuple[str, object], may_widen: Collection[str] = (), field: str = "location") -> Level:
    base = PolicyManager(plugins, may_widen).compile()
    return Gate(base, [], 1).levels(PERSONAL)[field]


def test_builtins_load_first_under_their_names() -> None:
    manager = PolicyManager([("mine", plugin())])
    assert list(manager.plugins()) == [*(name for name, _ in BUILTIN), "mine"]
    assert manager.plugins()["levels"] == ["register_levels", "register_points"]
    assert manager.errors == {}


def test_a_hook_that_does_not_exist_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="mine"):
        PolicyManager([("mine", plugin(default_cel=lambda kind, field: None))])


def test_a_hook_with_an_unknown_argument_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="mine"):
        PolicyManager([("mine", plugin(default_cell=lambda kind, fields: None))])


def test_two_plugins_of_one_name_stop_the_start() -> None:
    with pytest.raises(ConfigError, match="mine"):
        PolicyManager([("mine", plugin()), ("mine", plugin())])


def test_the_narrowest_default_wins() -> None:
    assert level() is Level.ANYONE
    assert level(("mine", plugin(default_cell=cell(Level.ONLY_YOU)))) is Level.ONLY_YOU
    narrow, wide = plugin(default_cell=cell(Level.ONLY_YOU)), plugin(default_cell=cell(Level.ANYONE))
    assert level(("a", narrow), ("b", wide), may_widen=["b"]) is Level.ONLY_YOU


def test_a_plugin_widens_only_when_it_is_listed() -> None:
    wide = ("mine", plugin(default_cell=cell(Level.ANYONE, field="email")))
    assert level(wide, field="email") is Level.ONLY_YOU
    assert level(wide, field="email", may_widen=["other"]) is Level.ONLY_YOU
    assert level(wide, field="email", may_widen=["mine"]) is Level.ANYONE
    fixed = ("mine", plugin(fixed_cell=cell(Level.ANYONE, field="email")))
    assert level(fixed, field="email") is Level.ONLY_YOU
    assert level(fixed, field="email", may_widen=["mine"]) is Level.ANYONE


def test_no_plugin_lifts_a_lock_of_the_core() -> None:
    narrow = ("mine", plugin(fixed_cell=cell(Level.ONLY_YOU, field="full_name")))
    assert level(narrow, field="full_name") is Level.ONLY_YOU
    base = PolicyManager([("mine", plugin(fixed_cell=cell(Level.ANYONE, field="full_name")))]).compile()
    assert Gate(base, [], 1).choosable(PERSONAL, "full_name") == ()


@pytest.mark.parametrize("nonsense", [3, -1, "anyone", True, 1.0, object()])
@pytest.mark.parametrize("hook", ["default_cell", "fixed_cell"])
def test_d14_nonsense_hides_what_it_was_asked_for_and_has_a_name(
    hook: str, nonsense: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        manager = PolicyManager([("mine", plugin(**{hook: cell(nonsense)}))])
        gate = Gate(manager.compile(), [], 1)
    assert gate.levels(PERSONAL)["location"] is Level.ONLY_YOU
    assert gate.levels(PERSONAL)["bio"] is Level.ANYONE
    assert manager.errors["mine"].count == 1
    assert "location" in manager.errors["mine"].last
    assert "mine" in caplog.text


@pytest.mark.parametrize("hook", ["default_cell", "fixed_cell"])
def test_d14_a_raising_plugin_hides_what_it_was_asked_for(hook: str) -> None:
    def raising(kind: Kind, field: str) -> Level:
        if field == "location":
            raise RuntimeError("broken")
        return Level.ANYONE

    manager = PolicyManager([("mine", plugin(**{hook: raising}))], may_widen=["mine"])
    levels = Gate(manager.compile(), [], 1).levels(PERSONAL)
    assert (levels["location"], levels["bio"]) == (Level.ONLY_YOU, Level.ANYONE)
    assert manager.errors["mine"].count == 2  # one for each kind


def test_d14_a_field_nobody_gives_a_default_is_hidden() -> None:
    extra = ("mine", plugin(register_fields=lambda: (Field("shoe_size", "Shoe size"),)))
    assert level(extra, field="shoe_size") is Level.ONLY_YOU
    own = plugin(
        register_fields=lambda: (Field("shoe_size", "Shoe size"),), default_cell=cell(Level.ANYONE, field="shoe_size")
    )
    assert level(("mine", own), field="shoe_size") is Level.ANYONE


def test_d14_a_field_without_a_bit_is_hidden_from_everybody() -> None:
    manager = PolicyManager([("mine", plugin(register_fields=lambda: (Field("shoe_size", "Shoe size"),)))])
    recorded = {field.name: number for number, field in enumerate(manager.fields) if field.name != "shoe_size"}
    gate = Gate(manager.compile(recorded), [], 1)
    assert "shoe_size" not in gate.bit
    assert gate.mask(Viewer(1, 1), PERSONAL) >> 17 == 0


def test_two_fields_of_one_name_stop_the_start() -> None:
    with pytest.raises(ConfigError, match="bio"):
        PolicyManager([("mine", plugin(register_fields=lambda: (Field("bio", "Bio"),)))])
    with pytest.raises(ConfigError, match="not a field"):
        PolicyManager([("mine", plugin(register_fields=lambda: ("bio",)))])


def test_bits_are_unique_and_fit() -> None:
    manager = PolicyManager()
    with pytest.raises(ConfigError):
        manager.compile({"bio": 3, "links": 3})
    with pytest.raises(ConfigError):
        manager.compile({"bio": 63})


def veto(ask: Callable[[Question], Collection[str]]) -> SimpleNamespace:
    return plugin(register_vetoes=lambda: (Veto("test", ask),))


def test_a_veto_hides_from_everybody_but_the_owner() -> None:
    asked: list[Question] = []

    def ask(question: Question) -> Collection[str]:
        asked.append(question)
        return ("location", "stats") if question.viewer_id is None else ()

    gate = Gate(PolicyManager([("mine", veto(ask))]).compile(), [], 1)
    hidden = 1 << gate.bit["location"] | 1 << gate.bit["stats"]
    assert gate.mask(ANONYMOUS, PERSONAL) & hidden == 0
    assert gate.mask(Viewer(2, 2), PERSONAL) & hidden == hidden
    assert gate.mask(Viewer(1, 1), PERSONAL) == gate.all
    assert len(asked) == 2  # once per subject, never for the owner
    assert asked[0] == Question(None, frozenset(), 1, Kind.PERSONAL, None, gate.relation(ANONYMOUS, PERSONAL))


@pytest.mark.parametrize("answer", [("no_such_field",), 7, None, "location", [3]])
def test_d14_a_veto_that_answers_nonsense_hides_everything(answer: object) -> None:
    manager = PolicyManager([("mine", veto(lambda question: answer))])  # type: ignore[arg-type, return-value]
    gate = Gate(manager.compile(), [], 1)
    assert gate.mask(ANONYMOUS, PERSONAL) == 0
    assert manager.errors["mine"].count == 1


def test_d14_a_veto_that_raises_hides_everything_and_breaks_nothing() -> None:
    manager = PolicyManager([("mine", veto(lambda question: [][0])), ("fine", veto(lambda question: ("bio",)))])
    gate = Gate(manager.compile(), [], 1)
    assert gate.mask(ANONYMOUS, PERSONAL) == 0
    assert gate.mask(Viewer(1, 1), PERSONAL) == gate.all
    assert set(manager.errors) == {"mine"}


def test_of_several_private_vetoes_only_what_all_keep_stays() -> None:
    mine = plugin(register_vetoes=lambda: (PrivateVeto("mine", keeps=("full_name", "bio")),))
    gate = Gate(PolicyManager([("mine", mine)]).compile(), [], 1)
    assert gate.name_and_picture == 1 << gate.bit["full_name"]


def raising() -> Sequence[object]:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    "hook",
    [
        "register_fields",
        "register_vetoes",
        "register_ladders",
        "register_points",
        "register_levels",
        "register_sources",
    ],
)
def test_a_register_hook_that_fails_stops_the_start_and_names_the_plugin(hook: str) -> None:
    with pytest.raises(ConfigError, match=f"mine.*{hook}"):
        PolicyManager([("mine", plugin(**{hook: raising}))])


def test_a_plugin_replaces_a_ladder_points_and_levels() -> None:
    mine = plugin(
        register_ladders=lambda: {"answers": [2, 4], "translations": [1]},
        register_points=lambda: {"answers": 3},
        register_levels=lambda: (Rung(0, "Low"), Rung(10, "High")),
    )
    manager = PolicyManager([("mine", mine)])
    assert manager.milestones("answers", 5) == (2, 4)
    assert manager.milestones("articles", 1) == (1,)
    assert "translations" in manager.ladder_metrics
    assert manager.kudos_points({"answers": 1, "articles": 1}) == 13
    assert manager.level_of(10).name == "High"


def test_two_plugins_on_one_table_stop_the_start() -> None:
    ladder = plugin(register_ladders=lambda: {"answers": [2]})
    other = plugin(register_ladders=lambda: {"answers": [3]})
    with pytest.raises(ConfigError, match="a and b"):
        PolicyManager([("a", ladder), ("b", other)])
    levels = [plugin(register_levels=lambda: (Rung(0, "Low"),)) for _ in range(2)]
    with pytest.raises(ConfigError, match="a and b"):
        PolicyManager([("a", levels[0]), ("b", levels[1])])


@pytest.mark.parametrize(
    "hooks",
    [
        {"register_ladders": lambda: {"answers": [10, 1]}},
        {"register_ladders": lambda: {"answers": [0, 1]}},
        {"register_points": lambda: {"answers": -1}},
        {"register_levels": lambda: (Rung(5, "Low"),)},
        {"register_levels": lambda: ()},
        {"register_levels": lambda: (Rung(0, "Low"), Rung(0, "High"))},
        {"register_sources": lambda: ("forum",)},
        {"register_vetoes": lambda: (lambda question: (),)},
    ],
)
def test_tables_that_make_no_sense_stop_the_start(hooks: dict[str, Callable[..., object]]) -> None:
    with pytest.raises(ConfigError, match="mine"):
        PolicyManager([("mine", plugin(**hooks))])


def test_s1_sources_are_pluggable_and_unique() -> None:
    forum = SourceInfo("forum", "The forum", Area.FORUM)
    assert PolicyManager([("mine", plugin(register_sources=lambda: (forum,)))]).sources() == (forum,)
    with pytest.raises(ConfigError, match="forum"):
        PolicyManager([("mine", plugin(register_sources=lambda: (forum, forum)))])


def test_a_badge_rule_on_a_metric_that_there_is_not_stops_the_start_and_one_that_sleeps_does_not() -> None:
    def rule(metric: str) -> SimpleNamespace:
        return plugin(register_badge_rules=lambda: (BadgeRule("much", "Much", metric=metric, at=1),))

    sleeping = plugin(register_metrics=lambda: (Metric("odd", "Odd", "one", "many", ("answers",), len),))
    sleeping.OFF_AT_FIRST = True
    with pytest.raises(ConfigError, match="no metric shoes"):
        PolicyManager([("sleeper", sleeping), ("mine", rule("shoes"))])
    assert list(PolicyManager([("sleeper", sleeping), ("mine", rule("odd"))]).badge_rules) == []


def test_t99_a_key_is_somebodys_in_the_main_thread_and_the_plugins_own_elsewhere() -> None:
    """Ctrl-C ends a command; a plugin that raises the same in a web process is a plugin that fails."""
    isolation = Isolation()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        isolation.ask("mine", "it", "veto", lambda answer: answer, interrupt)
    answers: list[object] = []
    thread = threading.Thread(
        target=lambda: answers.append(isolation.ask("mine", "it", "veto", lambda answer: answer, interrupt)))
    thread.start()
    thread.join()
    assert answers == [FAILED]
    assert isolation.errors["mine"].last.startswith("it raised KeyboardInterrupt in test_manager.py line ")


def test_what_fails_on_every_page_is_logged_once_and_counted_each_time(caplog: pytest.LogCaptureFixture) -> None:
    isolation = Isolation()
    for _ in range(2_500):
        isolation.ask("mine", "it", "veto", lambda answer: answer, lambda: [][0])
    isolation.failed("mine", "something else")
    assert isolation.errors["mine"].count == 2_501
    assert [record.message.partition(" line ")[0] for record in caplog.records] == [
        "plugin mine: it raised IndexError in test_manager.py", "plugin mine: it raised IndexError in test_manager.py",
        "plugin mine: it raised IndexError in test_manager.py", "plugin mine: something else",
    ]
