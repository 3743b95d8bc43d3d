"""The rules of holding.py one by one (D10, D11, D19, S51, S52, S60)."""

from __future__ import annotations

import pytest

from policies import holding
from policies.errors import Refused
from policies.terms import ALL, ANONYMOUS, Level, LinkHold
from tests.policies.world import A_ORG, B_ORG, BIT, MAIL, Row, World, X, Y

STATS, EMAIL, JOB, NAME, AVATAR = (1 << BIT[name] for name in ("stats", "email", "job_title", "full_name", "avatar"))


def shown(world: World, row: Row, bit: int) -> bool:
    return bool(world.gate.mask(ANONYMOUS, world.subject(row)) & bit)


def columns(row: Row) -> tuple[object, ...]:
    return (row.settings, row.primary, row.silent, row.hold)


def test_d11_a_narrower_default_acts_at_once_a_wider_one_waits() -> None:
    world = World()
    old = world.create(MAIL)
    world.add("cell", "personal", BIT["stats"], Level.ONLY_YOU)
    assert not shown(world, old, STATS)
    world.add("cell", "personal", BIT["stats"], Level.ANYONE)
    assert not shown(world, old, STATS)
    assert world.gate.pending(world.subject(old)) == {"stats": Level.ANYONE}
    assert shown(world, world.create(MAIL), STATS)
    world.accept(old, {"stats": Level.ANYONE})
    assert shown(world, old, STATS)
    assert world.gate.pending(world.subject(old)) == {}


def test_d11_undo_shows_again_to_those_who_did_nothing_since() -> None:
    world = World()
    idle, busy = world.create(MAIL), world.create(MAIL)
    world.add("cell", "personal", BIT["stats"], Level.ONLY_YOU)
    change = world.log[-1]
    between = world.create(MAIL)
    world.edit(busy)
    world.undo(change)
    assert shown(world, idle, STATS)
    assert not shown(world, busy, STATS)
    assert not shown(world, between, STATS)
    assert world.gate.pending(world.subject(busy)) == {"stats": Level.ANYONE}


def test_accept_takes_only_what_the_page_showed() -> None:
    world = World()
    row = world.create(MAIL)
    world.add("cell", "personal", BIT["email"], Level.ANYONE)
    offered = world.gate.pending(world.subject(row))
    world.add("cell", "personal", BIT["job_title"], Level.ONLY_YOU)
    world.add("cell", "personal", BIT["job_title"], Level.ANYONE)
    world.accept(row, offered)
    assert shown(world, row, EMAIL)
    assert not shown(world, row, JOB)


def test_s81_a_personal_full_name_cannot_be_chosen() -> None:
    world = World()
    row = world.create(MAIL)
    for level in Level:
        with pytest.raises(Refused):
            world.choose(row, "full_name", level)
    with pytest.raises(Refused):
        world.clear(row, "full_name")
    assert shown(world, row, NAME)


def test_s81_d19_a_full_name_hidden_while_managed_stays_hidden_until_accepted() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    row = world.create(A_ORG)
    world.choose(row, "full_name", Level.ONLY_YOU)
    world.add("domain", f"domain:{A_ORG}", value=None)
    assert not shown(world, row, NAME)
    world.edit(row)
    assert not shown(world, row, NAME)


def test_s77_a_personal_account_has_no_organization_level() -> None:
    world = World()
    row = world.create(MAIL)
    with pytest.raises(Refused) as refused:
        world.choose(row, "job_title", Level.ORGANIZATION)
    assert refused.value.rule == "rule_level_of_kind"


def test_t66_no_choice_wider_than_the_lock_a_narrower_one_is_taken() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    row = world.create(A_ORG)
    world.add("lock", f"org:{X}", BIT["job_title"], Level.ORGANIZATION)
    with pytest.raises(Refused) as refused:
        world.choose(row, "job_title", Level.ANYONE)
    assert refused.value.rule == "rule_not_wider_than_lock"
    world.choose(row, "job_title", Level.ONLY_YOU)
    assert world.gate.levels(world.subject(row))["job_title"] is Level.ONLY_YOU


def test_of_a_sites_and_an_organizations_lock_the_lower_holds() -> None:
    for site, own in ((Level.ONLY_YOU, Level.ANYONE), (Level.ANYONE, Level.ONLY_YOU)):
        world = World()
        world.add("domain", f"domain:{A_ORG}", value=X)
        world.add("lock", "managed", BIT["job_title"], site)
        world.add("lock", f"org:{X}", BIT["job_title"], own)
        row = world.create(A_ORG)
        assert world.gate.levels(world.subject(row))["job_title"] is Level.ONLY_YOU
        assert world.gate.choosable(world.subject(row), "job_title") == (Level.ONLY_YOU,)


def test_d19_an_own_choice_shows_again_when_the_lock_ends_and_a_default_does_not() -> None:
    world = World()
    chose, never = world.create(MAIL), world.create(MAIL)
    world.choose(chose, "job_title", Level.ANYONE)
    world.add("lock", "personal", BIT["job_title"], Level.ONLY_YOU)
    assert not shown(world, chose, JOB)
    world.add("lock", "personal", BIT["job_title"], None)
    assert shown(world, chose, JOB)
    assert not shown(world, never, JOB)


def test_d19_organization_means_the_organization_of_the_time_of_choosing() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    row = world.create(A_ORG)
    world.choose(row, "email", Level.ORGANIZATION)
    x, y = world.viewer("member of X"), world.viewer("member of Y")
    assert world.gate.mask(x, world.subject(row)) & EMAIL
    world.add("domain", f"domain:{A_ORG}", value=Y)
    assert not world.gate.mask(y, world.subject(row)) & EMAIL
    assert not world.gate.mask(x, world.subject(row)) & EMAIL
    world.add("domain", f"domain:{A_ORG}", value=None)
    assert world.gate.levels(world.subject(row))["email"] is Level.ONLY_YOU


def test_s51_link_then_unlink_is_the_identity() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.choose(row, "stats", Level.ONLY_YOU)
    world.set_private(row, True, False)
    before = columns(head), columns(row)
    world.link(head, row)
    assert not shown(world, head, STATS)
    assert world.subject(head).private
    world.unlink(row)
    assert (columns(head), columns(row)) == before
    assert shown(world, head, STATS)


def test_s51_a_policy_change_between_does_not_count_as_an_edit() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    before = columns(head), columns(row)
    world.link(head, row)
    world.add("cell", "personal", BIT["email"], Level.ANYONE)
    world.unlink(row)
    assert (columns(head), columns(row)) == before


def test_d19_after_an_edit_of_the_primary_what_the_link_held_back_stays() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.choose(row, "stats", Level.ONLY_YOU)
    world.link(head, row)
    world.edit(head)
    assert row.hold.cap_anyone == ALL
    world.unlink(row)
    assert not shown(world, head, STATS)
    assert world.gate.pending(world.subject(head)) == {"stats": Level.ANYONE}


def test_d19_what_a_shown_account_edited_behind_a_private_switch_does_not_come_to_light_with_another_link() -> None:
    world = World()
    head, shown_one, private_one = world.create(MAIL), world.create(MAIL), world.create(MAIL)
    world.set_private(private_one, True, False)
    world.link(head, shown_one)
    world.link(head, private_one, silent=True)
    world.edit(shown_one)
    world.unlink(private_one)
    assert not world.gate.is_findable(ANONYMOUS, world.subject(shown_one))
    assert world.subject(head).private


@pytest.mark.parametrize("which", ["the private one itself", "a silent one"])
def test_s51_an_edit_that_the_private_switch_does_not_cover_leaves_the_profile_as_it_was(which: str) -> None:
    world = World()
    head, silent_one, private_one = world.create(MAIL), world.create(MAIL), world.create(MAIL)
    world.set_private(private_one, True, False)
    world.link(head, silent_one, silent=True)
    world.link(head, private_one)
    world.edit(private_one if which == "the private one itself" else silent_one)
    world.unlink(private_one)
    assert not world.subject(head).private


def test_d19_after_an_edit_the_unlinked_account_shows_no_more_than_the_profile_did() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.choose(head, "job_title", Level.ONLY_YOU)
    world.link(head, row)
    world.edit(row)
    world.unlink(row)
    assert not shown(world, row, JOB)
    assert shown(world, row, STATS)


def test_d10_a_private_account_makes_the_profile_private() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.set_private(row, True, True)
    world.link(head, row)
    assert not shown(world, head, STATS)
    assert shown(world, head, NAME)
    assert not world.gate.is_findable(ANONYMOUS, world.subject(row))


def test_d10_unless_the_member_says_that_its_activity_may_be_public() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.set_private(row, True, True)
    world.link(head, row, may_be_public=True)
    assert shown(world, head, STATS)
    assert not shown(world, row, JOB)
    assert "job_title" in world.gate.pending(world.subject(row))


def test_s60_privacy_belongs_to_the_profile() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.set_private(row, True, True)
    world.link(head, row)
    with pytest.raises(ValueError, match="primary"):
        holding.set_private(world.gate, world.subject(row), False)
    world.set_private(head, False, True)
    assert shown(world, head, STATS)
    assert not row.hold.private


def test_owner_may_open_what_a_link_holds_back_and_only_that() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.choose(row, "stats", Level.ONLY_YOU)
    world.link(head, row)
    assert world.gate.pending(world.subject(head)) == {"stats": Level.ANYONE}
    world.choose(head, "stats", Level.ANYONE)
    assert shown(world, head, STATS)


def test_d10_make_primary_shows_no_more_than_the_old_primary() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.link(head, row)
    world.choose(head, "job_title", Level.ONLY_YOU)
    world.set_private(head, True, False)
    world.make_primary(row)
    assert (row.primary, head.primary) == (None, row.id)
    assert row.settings.private
    assert not row.settings.keep_name
    world.set_private(row, False, True)
    assert not shown(world, row, JOB)


def test_s52_a_managed_account_cannot_be_made_primary() -> None:
    world = World()
    world.add("domain", f"domain:{B_ORG}", value=X)
    head, row = world.create(MAIL), world.create(B_ORG)
    world.link(head, row)
    with pytest.raises(Refused) as refused:
        world.make_primary(row)
    assert refused.value.rule == "rule_primary_is_personal"


def test_a_silent_account_cannot_be_made_primary() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.link(head, row, silent=True)
    with pytest.raises(Refused) as refused:
        world.make_primary(row)
    assert refused.value.rule == "rule_primary_is_shown"


def test_d5_a_silent_account_looks_unlinked_and_unlinking_it_holds_nothing() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    before = world.gate.mask(ANONYMOUS, world.subject(row))
    world.set_private(head, True, False)
    world.link(head, row, silent=True)
    assert world.gate.mask(ANONYMOUS, world.subject(row)) == before
    assert world.gate.is_findable(ANONYMOUS, world.subject(row))
    world.edit(row)
    world.unlink(row)
    assert world.gate.mask(ANONYMOUS, world.subject(row)) == before


def test_d5_a_silent_accounts_hidden_numbers_are_held_back_too() -> None:
    world = World()
    head, row = world.create(MAIL), world.create(MAIL)
    world.choose(row, "stats", Level.ONLY_YOU)
    world.link(head, row, silent=True)
    assert not shown(world, head, STATS)


def test_d12_work_details_of_a_linked_account_for_its_colleagues() -> None:
    world = World()
    world.add("domain", f"domain:{B_ORG}", value=X)
    head, row = world.create(MAIL), world.create(B_ORG)
    x, y = world.viewer("member of X"), world.viewer("member of Y")
    assert world.gate.work_block(x, world.subject(row)) == 0  # not linked: no block
    world.link(head, row)
    assert world.gate.work_block(x, world.subject(row)) == JOB
    assert world.gate.work_block(y, world.subject(row)) == 0
    assert world.gate.work_block(ANONYMOUS, world.subject(row)) == 0
    assert world.gate.work_block(x, world.subject(head)) == 0
    world.choose(row, "job_title", Level.ONLY_YOU)
    assert world.gate.work_block(x, world.subject(row)) == 0
    world.choose(row, "job_title", Level.ORGANIZATION)
    assert world.gate.work_block(x, world.subject(row)) == JOB
    world.set_private(head, True, True)
    assert world.gate.work_block(x, world.subject(row)) == 0
    world.set_private(head, False, True)
    world.set_silent(row, True)
    assert world.gate.work_block(x, world.subject(row)) == 0


def test_a_moved_address_shows_the_new_organization_what_anyone_saw() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    world.add("domain", f"domain:{B_ORG}", value=Y)
    row = world.create(A_ORG)
    assert world.gate.mask(world.viewer("member of X"), world.subject(row)) & AVATAR
    world.change_domain(row, B_ORG)
    assert not world.gate.mask(world.viewer("member of Y"), world.subject(row)) & AVATAR
    assert world.gate.mask(world.viewer("member of Y"), world.subject(row)) & JOB


def test_every_act_keeps_the_checks_of_the_table() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    row = world.create(A_ORG)
    world.choose(row, "email", Level.ORGANIZATION)
    world.add("domain", f"domain:{A_ORG}", value=Y)
    world.edit(row)
    assert row.settings.cap_anyone & ~row.settings.cap_org == 0
    assert 0 <= row.settings.cap_anyone <= ALL
    assert LinkHold().cap_anyone == ALL
