"""Plugins on a running site: switching, what it opens, traces of narrowing (D19), overruns, what the page shows."""

from __future__ import annotations

import json
import re

import pytest

from policies.errors import Conflict, NotFound, Refused
from policies.extending import Facts, Metric, NameRule
from policies.sections import Entry, List, Stat, Stats, Table, Text, Tiles
from policies.terms import ANONYMOUS, Field, Kind, Level, Question, Viewer
from policies.terms import Veto as VetoOf
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.plugged import Clock, plug, plugin
from webapp.services import plugins, profiles
from webapp.services.sessions import Session
from webapp.services.views import ProfileView

ORIGINS: dict[str, str] = {}


def admin(ctx, proved_at: int = NOW) -> Session:
    account = make_account(ctx.db, "root", is_admin=True)
    return Session("raw", "id", account, "root", True, NOW, proved_at, Viewer(account, account))


def seen(ctx, handle: str = "sally", viewer: Viewer = ANONYMOUS) -> ProfileView:
    view = profiles.view_profile(ctx, viewer, handle, NOW)
    assert isinstance(view, ProfileView)
    return view


def facts_of(ctx, handle: str = "sally") -> dict[str, str]:
    return {fact.field: fact.value for fact in seen(ctx, handle).facts}


def narrow(kind: Kind, field: str) -> Level | None:
    return Level.ONLY_YOU if field == "location" else None


def hide_location(question: Question) -> tuple[str, ...]:
    return ("location",)


def veto(ask=hide_location, about=()):
    return plugin(register_vetoes=lambda: (VetoOf("mine", ask, about),))


# D19 ------------------------------------------------------------------------------------------------------------------


def test_d19_a_narrower_default_that_nobody_recorded_leaves_its_trace(ctx):
    make_account(ctx.db, location="Lisbon")
    assert facts_of(ctx) == {"location": "Lisbon"}
    assert facts_of(plug(ctx, ("mine", plugin(default_cell=narrow)), record=False)) == {}
    assert facts_of(plug(ctx, record=False)) == {}, "the plugin is gone, its trace is not"
    plugins.record(plugged := plug(ctx, record=False), NOW)
    assert facts_of(plugged) == {}, "the wider default is for accounts made from now on"
    make_account(ctx.db, "newer", location="Porto")
    assert facts_of(plugged, "newer") == {"location": "Porto"}


def test_d19_a_lock_of_a_plugin_leaves_its_trace_and_choices_come_back(ctx):
    gate = ctx.gate()
    bit = 1 << gate.bit["location"]
    make_account(ctx.db, location="Lisbon", chosen=bit, chosen_anyone=bit, chosen_org=bit)
    make_account(ctx.db, "other", location="Porto")
    locked = plugin(fixed_cell=narrow)
    assert facts_of(plug(ctx, ("mine", locked), record=False)) == {}
    gone = plug(ctx)
    assert facts_of(gone) == {"location": "Lisbon"}, "the owner's own choice counts as their act"
    assert facts_of(gone, "other") == {}


def test_a_trace_is_left_once_and_by_no_plugin_that_failed(ctx):
    def failing(kind: Kind, field: str) -> Level:
        raise RuntimeError

    make_account(ctx.db, location="Lisbon")
    before = ctx.db.policy_version()
    assert facts_of(plug(ctx, ("mine", plugin(default_cell=failing)), record=False)) == {}
    assert ctx.db.policy_version() == before
    assert facts_of(plug(ctx, record=False)) == {"location": "Lisbon"}
    plug(ctx, ("mine", plugin(default_cell=narrow)), record=False).gate()
    after = ctx.db.policy_version()
    plug(ctx, ("mine", plugin(default_cell=narrow)), record=False).gate()
    assert ctx.db.policy_version() == after > before


def test_d19_a_command_in_a_shell_without_the_sites_plugins_records_nothing(ctx):
    """Only who serves the site leaves traces: a forgotten export before `vitrine plugins` narrows nobody's profile."""
    make_account(ctx.db, location="Lisbon")
    ctx.gate()
    before = ctx.db.policy_version()
    command = plug(ctx, ("mine", plugin(default_cell=narrow)), record=False)
    command.leaves_trace = False
    assert facts_of(command) == {}, "in that process itself the narrower answer holds"
    assert ctx.db.policy_version() == before
    assert facts_of(plug(ctx, record=False)) == {"location": "Lisbon"}


def test_workers_with_different_plugins_come_to_the_same_record(ctx):
    def narrow_bio(kind: Kind, field: str) -> Level | None:
        return Level.ONLY_YOU if field == "bio" else None

    make_account(ctx.db, location="Lisbon", bio="Words")
    one = plug(ctx, ("mine", plugin(default_cell=narrow)), record=False)
    other = plug(ctx, ("yours", plugin(default_cell=narrow_bio)), record=False)
    for _ in range(3):
        versions = [(worker.gate(), ctx.db.policy_version())[1] for worker in (one, other)]
    assert versions[0] == versions[1], "they do not write in turns"
    for worker in (one, other, plug(ctx, record=False)):
        assert (facts_of(worker), seen(worker).bio) == ({}, None)


# Switching ------------------------------------------------------------------------------------------------------------


def test_off_and_on_hold_in_every_worker_from_the_next_request(ctx):
    make_account(ctx.db, location="Lisbon")
    one, other = (plug(ctx, ("mine", veto())) for _ in range(2))
    assert facts_of(one) == facts_of(other) == {}
    session = admin(ctx)
    opening = plugins.rehearse(one, "mine", False)
    assert (opening.fields, opening.members) == (1, 1) or opening.members == 2     # sally, and the admin's own page
    plugins.switch(one, session, "mine", False, NOW, counted=opening)
    assert facts_of(other) == {"location": "Lisbon"}, "a veto is the operator's: taking it away shows members' own will"
    plugins.switch(other, session, "mine", True, NOW)
    assert facts_of(one) == {}
    events = [row[0] for row in ctx.db.rows("SELECT event FROM audit WHERE event LIKE ? ORDER BY id", ("plugin:%",))]
    assert events == ["plugin:off", "plugin:on"]


def test_d19_switching_off_what_narrowed_by_default_opens_nothing(ctx):
    make_account(ctx.db, location="Lisbon")
    site = plug(ctx, ("mine", plugin(default_cell=narrow)))
    assert plugins.rehearse(site, "mine", False).fields == 0
    plugins.switch(site, admin(ctx), "mine", False, NOW)
    assert facts_of(site) == {}
    assert facts_of(plug(ctx)) == {}, "neither does taking it out after that"


def test_the_count_before_a_veto_goes_says_how_many_fields_of_how_many_members(ctx):
    for number in range(3):
        make_account(ctx.db, f"member{number}")
    make_account(ctx.db, "hidden", chosen=1 << ctx.gate().bit["location"])
    site = plug(ctx, ("mine", veto()))
    opening = plugins.rehearse(site, "mine", False)
    assert (opening.fields, opening.members, opening.narrows) == (3, 3, 0)
    assert plugins.rehearse(site, "mine", True) == plugins.Opening(0, 0, 0)
    make_account(ctx.db, "late")
    with pytest.raises(Conflict):
        plugins.switch(site, admin(ctx), "mine", False, NOW, counted=opening)


def test_only_a_recent_password_switches_and_only_what_can_be(ctx):
    site = plug(ctx, ("mine", veto()))
    with pytest.raises(Refused, match="password"):
        plugins.switch(site, admin(ctx, NOW - 301), "mine", False, NOW)
    with pytest.raises(NotFound):
        plugins.rehearse(site, "nobody", False)
    for needed in ("fields", "private_profile", "managed"):
        with pytest.raises(Refused):
            plugins.rehearse(site, needed, False)


def test_a_section_switched_off_and_on_again_shows_as_before(ctx):
    make_account(ctx.db)
    site = plug(ctx, ("mine", section(Text("Hello"))))
    make_account(ctx.db, "newer")
    assert [extra.field for extra in seen(site, "newer").extras] == ["shoes"]
    assert seen(site).extras == (), "a new field is hidden for members who exist already (D19)"
    session = admin(ctx)
    plugins.switch(site, session, "mine", False, NOW)
    assert seen(site, "newer").extras == ()
    plugins.switch(site, session, "mine", True, NOW)
    assert [extra.field for extra in seen(site, "newer").extras] == ["shoes"]
    assert seen(site).extras == ()


# Overruns -------------------------------------------------------------------------------------------------------------


def test_t99_three_overruns_switch_a_veto_off_and_it_stays_closed(ctx):
    clock = Clock()

    def slow(question: Question) -> tuple[str, ...]:
        clock.at += 1
        return ()

    make_account(ctx.db, location="Lisbon", bio="Words")
    site = plug(ctx, ("mine", veto(slow, about=("location",))), clock=clock)
    other = plug(ctx, ("mine", veto(lambda question: ())))
    assert facts_of(other) == {"location": "Lisbon"}
    for number in range(3):
        assert facts_of(site) == {}, "an answer that comes late hides what it was asked about"
        assert seen(site).bio == "Words"
        plugins.flush(site, NOW + number)
    assert plugins.find(site, "mine", ORIGINS).state == "closed"
    at = clock.at
    assert facts_of(site) == {}
    assert clock.at == at, "it is not asked any more"
    assert facts_of(other) == {}, "in every worker"
    assert facts_of(plug(ctx, ("mine", veto(lambda question: ())))) == {}, "also after a restart"
    view = plugins.find(site, "mine", ORIGINS)
    assert view.shuts
    assert (view.overruns >= 3, "longer than 0.1 s" in view.last_error) == (True, True)
    opening = plugins.rehearse(site, "mine", False)
    assert opening.members >= 1
    session = admin(ctx)
    plugins.switch(site, session, "mine", True, NOW)
    assert facts_of(other) == {"location": "Lisbon"}
    plugins.switch(site, session, "mine", False, NOW)
    assert facts_of(site) == {"location": "Lisbon"}, "off for good, after the count"


def test_a_plugin_that_raises_is_counted_by_name_and_stays_on(ctx, caplog):
    def broken(question: Question) -> tuple[str, ...]:
        raise RuntimeError("Sally lives in Lisbon")

    make_account(ctx.db, location="Lisbon", bio="Words")
    site = plug(ctx, ("mine", veto(broken, about=("location",))))
    for _ in range(5):
        assert facts_of(site) == {}
    plugins.flush(site, NOW)
    plugins.flush(site, NOW + 60)
    view = plugins.find(site, "mine", ORIGINS)
    assert (view.state, view.errors, view.overruns) == ("on", 5, 0)
    assert re.fullmatch(r"veto mine raised RuntimeError in test_plugins\.py line \d+", view.last_error)
    assert "mine" in caplog.text
    assert "Lisbon" not in caplog.text, "an error may quote somebody's data (T70)"


def test_d14_a_veto_about_a_field_that_does_not_exist_hides_everything(ctx):
    make_account(ctx.db, location="Lisbon", bio="Words")
    site = plug(ctx, ("mine", veto(lambda question: (), about=("location", "no_such_field"))))
    assert (facts_of(site), seen(site).bio) == ({}, None)
    assert site.manager.errors["mine"].count


# What the page shows --------------------------------------------------------------------------------------------------


def section(data, *, raises: bool = False):
    def section_data(field: str, facts: Facts):
        if raises:
            raise RuntimeError
        return data(facts) if callable(data) else data

    return plugin(
        register_fields=lambda: (Field("shoes", "Shoes", section=True),),
        default_cell=lambda kind, field: Level.ANYONE if field == "shoes" else None,
        section_data=section_data,
    )


@pytest.mark.parametrize("data", [
    Text("Size 44"), List((Entry("Boots", "old", "https://one.example"),)), Tiles((Entry("Boots"),)),
    Stats((Stat("Pairs", 3),)), Table(("Kind", "Pairs"), (("Boots", "3"),)),
])
def test_a_section_of_a_plugin_shows_by_one_of_five_templates(sqlite_ctx, config, data):
    from tests.plugged import serve

    site = plug(sqlite_ctx, ("mine", section(data)))
    make_account(site.db)
    client = serve(site, config).test_client()
    page = client.get("/u/sally").get_data(as_text=True)
    assert 'data-field="shoes"' in page
    assert "Size 44" in page or "Boots" in page or "Pairs" in page
    fragment = client.get("/u/sally/extras", headers={"HX-Request": "true"})
    assert fragment.status_code == 200
    assert "<html" not in fragment.get_data(as_text=True)


def test_what_a_plugin_is_told_is_what_the_viewer_sees(ctx):
    told: list[Facts] = []

    def data(facts: Facts) -> Text:
        told.append(facts)
        return Text("x")

    bit = ctx.gate().bit
    site = plug(ctx, ("mine", section(data)))
    sally = make_account(
        site.db, full_name="Sally", location="Lisbon", bio="Words", answers=7, peer_kudos=2,
        chosen=1 << bit["location"] | 1 << bit["stats"],
    )
    assert seen(site).extras
    assert told[-1].values == {"full_name": "Sally", "bio": "Words"}
    assert told[-1].totals == {"peer_kudos": 2}
    assert seen(site, viewer=Viewer(sally, sally)).extras
    assert told[-1].values["location"] == "Lisbon"
    assert told[-1].totals["answers"] == 7


@pytest.mark.parametrize("data", [
    Text("x" * 2001), Text("a\x00b"), List((Entry("x", url="javascript:alert(1)"),)), "<b>html</b>", 7, object(),
    Table(("a",), (("b", "c"),)), Stats((Stat("x", True),)), List(tuple(Entry("x") for _ in range(51))),
])
def test_d14_nonsense_leaves_the_place_empty(ctx, data):
    site = plug(ctx, ("mine", section(data)))
    make_account(site.db)
    view = seen(site)
    assert view.extras == ()
    assert "extras" not in view.sections
    assert site.manager.errors["mine"].count == 1


def test_a_private_profile_asks_no_plugin(ctx):
    asked = []
    site = plug(ctx, ("mine", section(lambda facts: asked.append(1))))
    make_account(site.db, private=True)
    assert seen(site).extras == ()
    assert asked == []


def test_a_name_rule_gets_what_may_be_seen_and_a_failing_one_hides_the_full_name(ctx):
    told = []

    def show(full: str | None, public: str) -> str | None:
        told.append((full, public))
        return f"{full} the Great" if full else None

    make_account(ctx.db, full_name="Sally Person")
    make_account(ctx.db, "mo", kind="managed", full_name="Mo Hidden", chosen=1 << ctx.gate().bit["full_name"])
    site = plug(ctx, ("mine", plugin(register_name_rules=lambda: (NameRule("great", show),))))
    assert seen(site).name == "Sally Person the Great"
    assert seen(site, "mo").name == "Mo"
    assert told == [("Sally Person", "Sally"), (None, "Mo")]
    for answer in ("", " ", 7, "a\nb", "x" * 201):
        bad = plug(ctx, ("mine", plugin(register_name_rules=lambda _a=answer: (NameRule("bad", lambda f, p: _a),))))
        assert seen(bad).name == "Sally", "a name is never empty (S82), and a failing rule shows no more"


def test_a_metric_has_its_number_its_milestones_and_is_hidden_with_what_it_needs(ctx):
    mine = plugin(
        register_metrics=lambda: (Metric(
            "written", "Written", "piece", "pieces", ("answers", "articles"), lambda t: t["answers"] + t["articles"],
        ),),
        register_ladders=lambda: {"written": (5, 50)},
        register_points=lambda: {"written": 1},
    )
    site = plug(ctx, ("mine", mine))
    make_account(ctx.db, answers=4, articles=3)
    make_account(ctx.db, "shy", answers=4, articles=3, chosen=1 << ctx.gate().bit["stats"])
    view = seen(site)
    assert {stat.metric: stat.value for stat in view.stats}["written"] == 7
    shelf = next(shelf for shelf in view.shelves if shelf.metric == "written")
    assert [(gem.value, gem.earned) for gem in shelf.gems] == [(5, True), (50, False)]
    assert view.level is not None
    assert view.level.points == 4 * 2 + 3 * 10 + 7
    shy = seen(site, "shy")
    assert (shy.stats, shy.shelves) == ((), ())


def test_s61_a_metric_is_derived_from_the_sums_of_linked_accounts(ctx):
    from plugins import contributions

    site = plug(ctx, ("contributions", contributions))
    plugins.switch(site, admin(ctx), "contributions", True, NOW)
    sally = make_account(ctx.db, answers=6)
    link(ctx.db, make_account(ctx.db, "work", answers=5), sally)
    assert {stat.metric: stat.value for stat in seen(site).stats}["contributions"] == 11


def test_a_shipped_policy_is_off_until_an_admin_wants_it(ctx):
    from plugins import quiet_newcomers

    site = plug(ctx, ("quiet_newcomers", quiet_newcomers))
    make_account(ctx.db, bio="Buy now", created_at=NOW - 60)
    make_account(ctx.db, "old", bio="Here for long", created_at=NOW - 8 * 86_400)
    assert seen(site).bio == "Buy now"
    plugins.switch(site, session := admin(ctx), "quiet_newcomers", True, NOW)
    assert seen(site).bio is None
    assert seen(site, viewer=session.viewer).bio == "Buy now"
    assert seen(site, "old").bio == "Here for long"


def test_rows_of_rules_are_recorded_by_migrate_and_retired_when_gone(ctx):
    from plugins import long_service

    site = plug(ctx, ("long_service", long_service))
    plugins.switch(site, admin(ctx), "long_service", True, NOW)
    rows = ctx.db.rows("SELECT name, state, needs FROM badge_rule ORDER BY name")
    assert [row[:2] for row in rows] == [(f"years-{years}", "waiting") for years in ("1", "10", "3", "5")]
    assert json.loads(rows[0][2]) == ["activity"]
    plug(ctx)
    assert {row[0] for row in ctx.db.rows("SELECT state FROM badge_rule")} == {"retired"}
