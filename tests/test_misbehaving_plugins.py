"""T99: more than fifty kinds of plugins that misbehave, and not one error page, not one field shown that was hidden.

Every kind comes back: it raises, answers nonsense or answers late. For each the same pages are asked as of a site
without it: what is shown there is all that may be shown with it. Every sixth is asked each time, all by `make long`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from policies.errors import ConfigError, Refused
from policies.extending import BadgeRule, Metric, NameRule
from policies.sections import Entry, List, Stat, Stats, Table, Text, Tiles
from policies.terms import Field, Level, Veto, Viewer
from tests.conftest import NOW
from tests.factories import make_account
from tests.pages.admin_samples import Browser
from tests.plugged import Clock, plug, plugin, serve
from webapp.services import awards, link_operator, plugins
from webapp.services.sessions import Session

CLOCK = Clock()
HIDDEN = "zqhiddenqz"
PATHS = ("/u/sally", "/u/sally/badges", "/u/sally/activity", "/people", "/u/mo", "/")


class Evil:
    """An answer that fails wherever it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __bool__(self) -> bool:
        raise RuntimeError


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*args: Any) -> Any:
        raise error

    return fail


def late(answer: Any) -> Callable[..., Any]:
    def slow(*args: Any) -> Any:
        CLOCK.at += 9
        return answer

    return slow


#: What any function of a plugin may do instead of its work.
DEEDS: dict[str, Callable[..., Any]] = {
    "raises": raising(RuntimeError(HIDDEN)), "exits": raising(SystemExit(1)), "recurses": raising(RecursionError()),
    "runs out of memory": raising(MemoryError()), "stops": raising(GeneratorExit()), "is late": late(None),
    "answers evil": lambda *args: Evil(), "answers a huge text": lambda *args: "x" * 10_000_000,
    "answers html": lambda *args: "<script>alert(1)</script>", "answers a number": lambda *args: -(10**30),
    "answers itself": lambda *args: raising, "answers bytes": lambda *args: b"\xff", "answers a dict": lambda *args: {},
}
ODD_SECTIONS: dict[str, Any] = {
    "control characters": Text("a\x00\x1b[31m"), "surrogates": Text("\ud800"), "too long": Text("x" * 2001),
    "no text": Text(Evil()), "evil entries": List((Evil(),)), "many": List(tuple([Entry("x")] * 1000)),     # type: ignore[arg-type]
    "javascript": Tiles((Entry("x", url="javascript:alert(1)"),)), "data": List((Entry("x", url="data:text/html,x"),)),
    "ragged": Table(("a", "b"), (("c",),)), "a float": Stats((Stat("x", 1.5),)),            # type: ignore[arg-type]
    "endless number": Stats((Stat("x", 10**400),)), "a section type": Text, "generator": (n for n in range(3)),
}


def veto(deed: Callable[..., Any], about: tuple[str, ...] = ()) -> object:
    return plugin(register_vetoes=lambda: (Veto("bad", lambda question: deed(question), about),))


def section(deed: Callable[..., Any]) -> object:
    return plugin(
        register_fields=lambda: (Field("shoes", "<b>Shoes</b>", section=True),),
        default_cell=lambda kind, field: Level.ANYONE if field == "shoes" else None,
        section_data=lambda field, facts: deed(facts),
    )


def metric(deed: Callable[..., Any]) -> object:
    made = Metric("odd", "Odd", "one", "many", ("answers",), lambda totals: deed(totals))
    return plugin(register_metrics=lambda: (made,), register_ladders=lambda: {"odd": (1,)})


KINDS: dict[str, object] = {}
for _name, _deed in DEEDS.items():
    KINDS |= {
        f"veto {_name}": veto(_deed),
        f"veto about one field {_name}": veto(_deed, ("location",)),
        f"section {_name}": section(_deed),
        f"name rule {_name}": plugin(
            register_name_rules=lambda d=_deed: (NameRule("bad", lambda full, public: d(full, public)),)),
        f"metric {_name}": metric(_deed),
        f"default cell {_name}": plugin(default_cell=lambda kind, field, d=_deed: d(kind, field)),
        f"fixed cell {_name}": plugin(fixed_cell=lambda kind, field, d=_deed: d(kind, field)),
        f"badge rule {_name}": plugin(
            register_badge_rules=lambda d=_deed: (BadgeRule("bad", "Bad", meets=lambda facts: d(facts)),)),
        f"reactions {_name}": plugin(
            account_linked=lambda profile, d=_deed: d(profile), account_unlinked=lambda profile, d=_deed: d(profile),
            award_given=lambda profile, d=_deed: d(profile), profile_changed=lambda values, d=_deed: d(values),
        ),
    }
for _name, _data in ODD_SECTIONS.items():
    KINDS[f"section of {_name}"] = section(lambda facts, d=_data: d)
KINDS |= {
    "default of everything": plugin(default_cell=lambda kind, field: Level.ANYONE),
    "lock of everything": plugin(fixed_cell=lambda kind, field: Level.ANYONE),
    "veto about an unknown field": veto(lambda question: (), ("no_such_field",)),
    "veto naming an unknown field": veto(lambda question: ("no_such_field",)),
    "veto naming too many": veto(lambda question: ["location"] * 100_000),
    "default of an unknown field": plugin(register_fields=lambda: (Field("shoes", "Shoes"),)),
}


def test_there_are_at_least_fifty_kinds():
    assert len(KINDS) >= 50


@pytest.fixture
def world(sqlite_ctx):
    """Sally hides her location from everybody and her stats; Mo shows everything."""
    bit = sqlite_ctx.gate().bit
    hidden = 1 << bit["location"] | 1 << bit["stats"]
    make_account(sqlite_ctx.db, location=HIDDEN, bio="Words of Sally", answers=7, full_name="Sally P", chosen=hidden)
    make_account(sqlite_ctx.db, "mo", bio="Words of Mo", answers=12, full_name="Mo M", location="Porto")
    return sqlite_ctx


def texts(client: Any) -> dict[str, str]:
    found = {}
    for path in PATHS:
        answer = client.get(path)
        assert answer.status_code in {200, 302, 303, 404}, (path, answer.status_code)
        found[path] = re.sub(r"\s+", " ", answer.text)
    return found


def shown(pages: dict[str, str]) -> set[str]:
    """The values that stand on any page."""
    values = (HIDDEN, "Words of Sally", "Words of Mo", "Porto", 'data-metric="answers"')
    return {f"{path} {value}" for path, page in pages.items() for value in values if value in page}


_SORTED = sorted(KINDS)
_EACH = [kind if not n % 6 else pytest.param(kind, marks=pytest.mark.long) for n, kind in enumerate(_SORTED)]


@pytest.mark.parametrize("kind", _EACH)
def test_t99_no_error_page_and_nothing_that_was_hidden(world, config, kind, caplog):
    before = shown(texts(serve(world, config).test_client()))
    CLOCK.at = 0
    is_of_cells = " cell " in kind
    site = plug(world, ("bad", KINDS[kind]), clock=CLOCK, record=not is_of_cells)
    if is_of_cells:
        with pytest.raises(Refused, match="plugin bad failed"):
            plugins.record(site, NOW)       # nothing is closed for good
    app = serve(site, config)
    anybody = app.test_client()
    for _ in range(2):
        pages = texts(anybody)
        assert shown(pages) <= before
        assert not any(HIDDEN in page or "<script>alert" in page for page in pages.values())
    admin = make_account(site.db, "root", is_admin=True)
    boss = Browser(app, admin)
    for path in (*PATHS, "/admin/plugins", "/admin/visibility", "/settings/visibility", "/admin/badges"):
        assert boss.get(path).status_code in {200, 302, 303, 404}, path
    session = Session("raw", "id", admin, "root", True, NOW, NOW, Viewer(admin, admin))
    if "badge rule" in kind:
        awards.rehearse(site, session, "bad", NOW)
    link_operator.link_by_operator(site, 1, 2, NOW)
    plugins.flush(site, NOW)
    assert HIDDEN not in caplog.text, "the text of an error stays out of the log (T70)"
    plugins.switch(site, session, "bad", False, NOW)
    after = texts(anybody)
    assert not is_of_cells or "/u/sally Words of Sally" in shown(after)
    assert not any(HIDDEN in page for page in after.values())


@pytest.mark.parametrize("deed", ["raises", "exits", "answers evil", "answers html", "answers a number"])
@pytest.mark.parametrize("hook", [
    "register_fields", "register_vetoes", "register_ladders", "register_points", "register_levels", "register_sources",
    "register_metrics", "register_name_rules", "register_badge_rules",
])
def test_t99_a_plugin_that_cannot_register_is_refused_at_start_by_name(hook, deed):
    from policies.manager import PolicyManager

    with pytest.raises(ConfigError, match="bad"):
        PolicyManager([("bad", plugin(**{hook: DEEDS[deed]}))])


def test_t99_a_plugin_that_registers_a_route_or_a_template_is_refused_at_start():
    from policies.manager import PolicyManager

    for hook in ("register_routes", "register_templates", "register_blueprint", "render_section"):
        with pytest.raises(ConfigError, match="bad"):
            PolicyManager([("bad", plugin(**{hook: lambda: ()}))])
