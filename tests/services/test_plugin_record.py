"""What of the plugins' defaults is written into the policy log, and what never: a failure, an overrun (D11, D19)."""

from __future__ import annotations

import pytest

from policies.errors import Refused
from policies.terms import Field, Kind
from tests.conftest import NOW
from tests.factories import make_account
from tests.plugged import Clock, plug, plugin
from tests.services.test_plugins import admin, facts_of, narrow, seen, veto
from webapp.ops.doctor import examine
from webapp.services import plugins
from webapp.services.context import Context

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
    assert found[0].startswith("I10 plugin mine failed: default_cell of personal location raised KeyError in ")
    assert "migrate" not in found[0]


def test_a_veto_about_an_unknown_field_keeps_no_default_from_being_recorded(ctx):
    wrong = veto(lambda question: (), about=("no_such_field",))
    make_account(ctx.db)
    plug(ctx, ("mine", wrong), ("narrow", plugin(default_cell=narrow)))
    assert facts_of(plug(ctx)) == {}
