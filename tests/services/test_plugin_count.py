"""What a switch of a plugin opens, counted: profile by profile, in as many requests as it takes, and told by this site
alone."""

from __future__ import annotations

import pytest

from policies.errors import Conflict, Refused
from policies.terms import ANONYMOUS, Veto, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.plugged import plug, plugin
from tests.services.test_plugins import admin
from webapp.services import plugin_count, plugins
from webapp.services.plugin_count import Opening
from webapp.store.profiles import load_group_of


def hide(question):
    return ("location", "bio") if question.account_id % 3 else ("stats",)


MINE = plugin(register_vetoes=lambda: (Veto("mine", hide),))


def community(ctx, unlinked: int = 5) -> list[int]:
    """Accounts of all kinds, some linked, one of them silent, some with choices of their own."""
    bit = 1 << ctx.gate().bit["location"]
    ids = [make_account(ctx.db, f"m{n}", chosen=bit * (n % 2)) for n in range(unlinked)]
    head = make_account(ctx.db, "head")
    work, silent = make_account(ctx.db, "work", kind="managed"), make_account(ctx.db, "silent")
    link(ctx.db, work, head)
    link(ctx.db, silent, head, silent=True)
    return [*ids, head, work, silent, make_account(ctx.db, "colleague", kind="managed", chosen=bit, chosen_org=bit)]


def by_hand(site, ids) -> Opening:
    """The same, one account and viewer at a time."""
    before = site.gate()
    after = plugins.PolicyManager([]).compile(before.bit)
    other = type(before)(after, before._log, before.version, site.clock)
    fields = narrows = 0
    members = set()
    for number in ids:
        group = load_group_of(site.db, number)
        member = group.asked
        viewers = [ANONYMOUS, Viewer(organizations=frozenset({before.organization(member.domain_id)}))]
        masks = [(before.mask(viewer, group.subject(member)), other.mask(viewer, group.subject(member)))
                 for viewer in viewers]
        more = (masks[0][1] & ~masks[0][0] | masks[1][1] & ~masks[1][0]).bit_count()
        narrows += (masks[0][0] & ~masks[0][1] | masks[1][0] & ~masks[1][1]).bit_count()
        fields += more
        if more:
            members.add(member.id if member.silent else group.primary.id)
    return Opening(fields, len(members), narrows)


def steps(site, to: bool = False, sealed: str = "") -> list[Opening]:
    """Every answer until all are counted."""
    found = [plugins.rehearse(site, "mine", to, sealed)]
    while found[-1].percent < 100:
        assert len(found) < 30
        found.append(plugins.rehearse(site, "mine", to, found[-1].sealed))
    return found


def test_d19_the_count_is_the_same_in_any_number_of_requests(ctx, monkeypatch):
    ids = community(ctx)
    site = plug(ctx, ("mine", MINE))
    expected = by_hand(site, ids)
    for step in (1, 2, 3, 4, 100):
        monkeypatch.setattr(plugin_count, "STEP", step)
        found = steps(site)
        assert found[-1] == expected
        assert (found[-1].fields > 0, found[-1].members) == (True, 8)
        assert [one.percent for one in found] == sorted(one.percent for one in found)
        assert len(found) == (1 if step > len(ids) else len(ids) // step + 1)
    assert steps(site, True)[-1] == Opening(0, 0, 0), "it is on already"


def test_a_large_site_is_switched_by_a_finished_count_of_this_very_switch(ctx, monkeypatch):
    community(ctx)
    site, session = plug(ctx, ("mine", MINE)), admin(ctx)
    monkeypatch.setattr(plugin_count, "STEP", 4)
    first, *_, last = steps(site)
    for counted in (None, first, Opening(last.fields, last.members, 0)):
        with pytest.raises(Refused, match="still being counted"):
            plugins.switch(site, session, "mine", False, NOW, counted=counted)
    with pytest.raises(Conflict):
        plugins.switch(site, session, "mine", False, NOW, counted=Opening(0, 0, 0, 100, last.sealed))
    with pytest.raises(Refused):
        plugins.switch(site, session, "mine", True, NOW, counted=last)
    plugins.switch(site, session, "mine", False, NOW, counted=last)
    assert "mine" in site.manager.off
    row = ctx.db.row("SELECT detail FROM audit WHERE event = 'plugin:off'")
    assert f'"opened_fields": {last.fields}' in row[0]


def test_a_count_of_another_policy_or_an_hour_ago_begins_anew(ctx, monkeypatch):
    community(ctx)
    site = plug(ctx, ("mine", MINE))
    monkeypatch.setattr(plugin_count, "STEP", 4)
    first, *_, last = steps(site)
    site.clock = lambda: NOW + plugin_count.LASTS - 1
    assert plugins.rehearse(site, "mine", False, last.sealed) == last
    site.clock = lambda: NOW + plugin_count.LASTS
    assert plugins.rehearse(site, "mine", False, last.sealed) == first
    site.clock = lambda: NOW
    assert plugins.rehearse(site, "mine", False, "made up") == first
    make_account(ctx.db, "newcomer", "new@other.example", kind="managed")       # its domain is verified: a new policy
    assert plugins.rehearse(site, "mine", False, last.sealed).percent < 100


def test_nobody_is_counted_where_nothing_can_change(ctx, monkeypatch):
    community(ctx)
    site = plug(ctx, ("mine", plugin(account_linked=lambda: None)))
    monkeypatch.setattr(plugin_count, "count", None)
    assert plugins.rehearse(site, "mine", False) == Opening(0, 0, 0)
