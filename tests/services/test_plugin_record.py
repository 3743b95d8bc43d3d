"""What of the plugins' defaults is written into the policy log, and what never: a failure, an overrun (D11, D19)."""

from __future__ import annotations

import pytest

from policies import holding
from policies.errors import Refused
from policies.extending import Facts
from policies.isolation import OVERRUNS
from policies.sections import Text
from policies.terms import ANONYMOUS, Field, Kind, Level, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.plugged import Clock, plug, plugin
from tests.services.test_plugins import admin, facts_of, narrow, seen, veto
from webapp.ops.doctor import examine
from webapp.services import editing, emails, plugins, signup, visibility_offers
from webapp.services.context import Context
from webapp.store import policy
from webapp.store.profiles import load_group_of

REFUSED = "defaults were not recorded, because plugin mine failed: default_cell of personal location"


def log_of(ctx: Context) -> list[tuple]:
    return list(ctx.db.rows("SELECT op, scope, bit, level, value, undone_at FROM policy_change ORDER BY version"))


def ill(how: str, clock: Clock):
    """A plugin that is asked about one field and raises, answers nonsense or answers late."""
    def cell(kind: Kind, field: str) -> object:
        if field != "location":
            return None
        if how == "raises":
            raise KeyError(field)
        if how == "late":
            clock.at += 9
        return 7 if how == "nonsense" else None

    return plugin(default_cell=cell)


@pytest.mark.parametrize("how", ["raises", "nonsense", "late"])
def test_d19_nothing_is_recorded_while_a_plugin_fails_and_all_is_shown_once_it_is_well(ctx, how):
    make_account(ctx.db, location="Lisbon", bio="Words")
    before = log_of(ctx)
    site = plug(ctx, ("mine", ill(how, clock := Clock())), clock=clock, record=False)
    with pytest.raises(Refused, match=REFUSED):
        plugins.record(site, NOW)
    assert facts_of(site) == {}, "closed while it fails"
    assert seen(site).bio == "Words"
    assert log_of(ctx) == before
    well = plug(ctx, ("mine", plugin()))
    assert facts_of(well) == {"location": "Lisbon"}
    assert log_of(ctx) == before


def test_a_refused_record_leaves_no_bits_and_no_rules_behind(ctx):
    new = plugin(register_fields=lambda: (Field("shoes", "Shoes"),))
    before = ctx.db.rows("SELECT * FROM field_bit ORDER BY bit"), ctx.db.policy_version()
    site = plug(ctx, ("new", new), ("mine", ill("raises", Clock())), record=False)
    with pytest.raises(Refused, match=REFUSED):
        plugins.record(site, NOW)
    assert (ctx.db.rows("SELECT * FROM field_bit ORDER BY bit"), ctx.db.policy_version()) == before


def test_an_admins_switch_of_another_plugin_is_refused_and_that_of_the_ill_one_is_not(ctx):
    make_account(ctx.db, location="Lisbon")
    site = plug(ctx, ("mine", ill("raises", Clock())), ("other", plugin()), record=False)
    session, before = admin(ctx), log_of(ctx)
    for act in (lambda: plugins.rehearse(site, "other", False),
                lambda: plugins.switch(site, session, "other", False, NOW)):
        with pytest.raises(Refused, match=REFUSED):
            act()
    assert plugins.find(site, "other", {}).state == "on"
    plugins.switch(site, session, "mine", False, NOW)
    assert facts_of(site) == {"location": "Lisbon"}
    assert log_of(ctx) == before


def test_the_doctor_names_the_plugin_that_fails_and_does_not_send_to_migrate(ctx):
    site = plug(ctx, ("mine", ill("raises", Clock())), record=False)
    site.leaves_trace = False
    found = [line for line in examine(site) if "plugin" in line]
    assert len(found) == 1
    assert found[0].startswith(f"I10 The {REFUSED} raised KeyError in ")
    assert "migrate" not in found[0]


def test_a_veto_about_an_unknown_field_keeps_no_default_from_being_recorded(ctx):
    wrong = veto(lambda question: (), about=("no_such_field",))
    make_account(ctx.db)
    plug(ctx, ("mine", wrong), ("narrow", plugin(default_cell=narrow)))
    assert facts_of(plug(ctx)) == {}


@pytest.mark.parametrize("act", ["edit", "choose", "link"])
def test_an_owners_act_writes_nothing_down_of_what_a_failing_plugin_hides(ctx, act):
    """What is closed only at run time is no history: it shows again, but what the owner hid by that very act."""
    sally = make_account(ctx.db, location="Lisbon", bio="Words")
    site = plug(ctx, ("mine", ill("raises", Clock())), record=False)
    site.leaves_trace = False
    if act == "link":
        link(site.db, make_account(site.db, "other"), sally)
    row = editing.stand(site, Viewer(sally, sally), sally)
    subject = row.subject
    settings = holding.choose(row.gate, subject, "bio", Level.ONLY_YOU) if act == "choose" else (
        holding.fold(row.gate, subject))
    ctx.db.execute(
        "UPDATE account SET base_version = ?, chosen = ?, chosen_anyone = ?, chosen_org = ?, cap_anyone = ?,"
        " cap_org = ? WHERE id = ?",
        (settings.base_version, settings.chosen, settings.chosen_anyone, settings.chosen_org, settings.cap_anyone,
         settings.cap_org, sally),
    )  # fmt: skip
    assert facts_of(site) == {}
    well = plug(ctx, ("mine", plugin()))
    assert facts_of(well) == {"location": "Lisbon"}
    assert seen(well).bio == (None if act == "choose" else "Words")


# A plugin that is out for its overruns --------------------------------------------------------------------------------


def opener(clock: Clock, slow: list[bool]):
    """It opens the e-mail address of everybody and narrows nothing; its section is slow."""
    def section_data(field: str, facts: Facts) -> Text:
        clock.at += 9 * slow[0]
        return Text("Boots")

    return plugin(
        register_fields=lambda: (Field("shoes", "Shoes", section=True),),
        default_cell=lambda kind, field: Level.ANYONE if field in {"email", "shoes"} else None,
        section_data=section_data,
    )


@pytest.fixture
def opened(ctx):
    """A site whose plugin opens, with sally made under it, and what makes it slow."""
    clock, slow = Clock(), [False]
    site = plug(ctx, ("mine", opener(clock, slow)), ("other", plugin()), may_widen=["mine"], clock=clock)
    make_account(ctx.db, email="sally@example.org", location="Lisbon", base_version=ctx.db.policy_version())
    return site, slow


def shown_of(site: Context, handle: str = "sally") -> set[str]:
    """Which of two fields Anyone sees."""
    gate = site.gate()
    account = site.db.row("SELECT id FROM account WHERE handle = ?", (handle,))[0]
    mask = gate.mask(ANONYMOUS, load_group_of(site.db, account).subject(load_group_of(site.db, account).asked))
    return {name for name in ("location", "email") if mask >> gate.bit[name] & 1}


def overrun(site: Context, slow: list[bool]) -> None:
    slow[0] = True
    for number in range(OVERRUNS):
        seen(site)
        plugins.flush(site, NOW + number)
    slow[0] = False
    assert plugins.find(site, "mine", {}).state == "closed"


def test_d19_an_overrun_records_nothing_and_on_again_shows_what_was_shown(opened):
    site, slow = opened
    before, shown = log_of(site), shown_of(site)
    assert shown == {"location", "email"}
    overrun(site, slow)
    assert shown_of(site) == {"location"}, "its defaults are closed while it is out"
    assert seen(site).extras == ()
    assert log_of(site) == before
    session = admin(site)
    made_meanwhile(site)
    assert plugins.rehearse(site, "mine", True).members == 2    # sally and the admin
    plugins.switch(site, session, "mine", True, NOW)
    assert shown_of(site) == shown
    assert [extra.field for extra in seen(site).extras] == ["shoes"]
    assert log_of(site) == before
    assert shown_of(site, "newer") == {"location"}, "what its owner never saw shown waits for them (D19)"


def made_meanwhile(site: Context) -> None:
    """Somebody who signs up now."""
    with site.db.transaction():
        signup.create_account(
            site, NOW, emails.parse("newer@example.org"), handle="newer", name="", password_hash="", terms=""
        )


def test_d19_while_one_is_out_neither_migrate_nor_another_switch_records_its_absence(opened):
    site, slow = opened
    overrun(site, slow)
    before, session = log_of(site), admin(site)
    plugins.record(site, NOW)
    plugins.switch(site, session, "other", False, NOW)
    assert [line for line in examine(site) if line.startswith("I10 ")] == []
    assert log_of(site) == before
    plugins.switch(site, session, "mine", True, NOW)
    assert shown_of(site) == {"location", "email"}


def test_d19_what_another_plugin_narrows_meanwhile_leaves_its_trace_all_the_same(opened):
    site, slow = opened
    overrun(site, slow)
    both = [("mine", opener(Clock(), [False])), ("narrow", plugin(default_cell=narrow))]
    assert shown_of(plug(site, *both, may_widen=["mine"], record=False)) == set()
    session = admin(site)
    plugins.switch(site, session, "mine", True, NOW)
    assert shown_of(site) == {"email"}, "the location is held, the address is not"


def test_off_for_good_after_an_overrun_is_recorded_as_any_switch_is(opened):
    site, slow = opened
    overrun(site, slow)
    before = log_of(site)
    plugins.switch(site, admin(site), "mine", False, NOW)
    assert len(log_of(site)) > len(before)
    assert shown_of(site) == {"location"}


# Off and on by an admin -----------------------------------------------------------------------------------------------


def test_d11_off_and_on_again_takes_the_switch_back_out_of_the_history(opened):
    site, _ = opened
    session = admin(site)
    make_account(site.db, "acts", email="acts@example.org")
    for _ in range(2):                                          # every time
        plugins.switch(site, session, "mine", False, NOW)
        assert shown_of(site) == {"location"}
        assert plugins.rehearse(site, "mine", True).fields >= 2
        plugins.switch(site, session, "mine", True, NOW)
        assert shown_of(site) == {"location", "email"}
        assert offered(site) == []
        assert [line for line in examine(site) if "plugin" in line] == []
    assert plug(site, ("mine", opener(Clock(), [False])), may_widen=["mine"], record=False).gate().levels(
        load_group_of(site.db, 1).subject(load_group_of(site.db, 1).asked))["email"] is Level.ANYONE, "by the log alone"


def offered(site: Context, handle: str = "sally") -> list[str]:
    account = site.db.row("SELECT id FROM account WHERE handle = ?", (handle,))[0]
    return sorted(visibility_offers.open_offers(site, site.gate(), load_group_of(site.db, account).subject(
        load_group_of(site.db, account).asked)))  # fmt: skip


def test_d19_who_acted_or_was_made_in_between_is_asked(opened):
    site, _ = opened
    session = admin(site)
    acts = make_account(site.db, "acts", email="acts@example.org")
    plugins.switch(site, session, "mine", False, NOW)
    subject = load_group_of(site.db, acts).subject(load_group_of(site.db, acts).asked)
    folded = holding.fold(site.gate(), subject)
    site.db.execute(
        "UPDATE account SET base_version = ?, cap_anyone = ?, cap_org = ? WHERE id = ?",
        (folded.base_version, folded.cap_anyone, folded.cap_org, acts),
    )
    made_meanwhile(site)
    plugins.switch(site, session, "mine", True, NOW)
    assert (shown_of(site), shown_of(site, "acts"), shown_of(site, "newer")) == (
        {"location", "email"}, {"location"}, {"location"})
    assert (offered(site), offered(site, "acts")) == ([], ["email"])
    assert "email" in offered(site, "newer")


@pytest.mark.parametrize("change", ["cell", "lock", "plugin"])
def test_d19_a_cell_that_anything_else_changed_meanwhile_follows_the_ordinary_rule(opened, change):
    site, _ = opened
    session, bit = admin(site), site.gate().bit["email"]
    plugins.switch(site, session, "mine", False, NOW)
    mine = "mine", opener(Clock(), [False])
    if change == "plugin":          # another one opens the field while this one is off, and goes
        wide = plugin(default_cell=lambda kind, field: Level.ANYONE if field == "email" else None)
        plug(site, mine, ("wide", wide), may_widen=["mine", "wide"])
        plug(site, mine, may_widen=["mine"])
    else:
        with site.db.transaction():
            for level in (0, None):
                policy.append_change(site.db, change, "personal", NOW, bit=bit, level=level)
    fresh = plug(site, mine, may_widen=["mine"], record=False)
    plugins.switch(fresh, session, "mine", True, NOW)
    assert shown_of(fresh) == {"location"}
    assert offered(fresh) == ["email"]


# Out of the installation and back -------------------------------------------------------------------------------------


def shows(site: Context, handle: str = "sally") -> set[str]:
    """Which of the plugin's own section and the field that it opened Anyone sees."""
    return {extra.field for extra in seen(site, handle).extras} | shown_of(site, handle) - {"location"}


@pytest.mark.parametrize(("is_off_first", "ran", "asked"), [
    (False, "nothing", set()), (False, "a worker", {"email"}), (False, "migrate", {"email", "shoes"}),
    (True, "nothing", set()), (True, "a worker", set()), (True, "migrate", {"shoes"}),
])
def test_d19_what_is_asked_of_a_plugin_that_was_out_of_the_installation(opened, is_off_first, ran, asked):
    """The table of docs/plugins.md, row by row. What is not asked shows as before; an own choice does in every case."""
    site, _ = opened
    session, bit = admin(site), 1 << site.gate().bit["shoes"]
    make_account(site.db, "chose", chosen=bit, chosen_anyone=bit, chosen_org=bit)
    assert shows(site) == {"email", "shoes"}
    if is_off_first:
        plugins.switch(site, session, "mine", False, NOW)
    if ran != "nothing":
        assert shows(plug(site, record=ran == "migrate")) == set()
    back = plug(site, ("mine", opener(Clock(), [False])), ("other", plugin()), may_widen=["mine"])
    if is_off_first:
        assert shows(back) == set()
        plugins.switch(back, session, "mine", True, NOW)
    assert (shows(back), set(offered(back))) == ({"email", "shoes"} - asked, asked)
    assert "shoes" in shows(back, "chose")
