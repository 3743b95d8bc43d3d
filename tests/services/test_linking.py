"""Linked accounts: link, unlink, make primary, silent, as members do it. Attacks are in test_link_attacks.py."""

from __future__ import annotations

import re
from typing import Any

import pytest

from policies.errors import Refused
from policies.terms import ANONYMOUS
from tests.conftest import NOW
from tests.factories import open_audit
from tests.services import linkers as by
from tests.services import people
from webapp.ops.doctor import examine
from webapp.services import accounts, editing, linking, people_index, privacy, profiles, viewing
from webapp.services.context import Context
from webapp.services.views import Moved


def counts(ctx: Context, account_id: int, **columns: int) -> None:
    people.set_columns(ctx.db, account_id, **columns)


def test_s42_two_unlinked_personal_accounts_the_member_picks_the_primary(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    assert {choice.label for choice in linking.rehearse(ctx, session, token, NOW).choose_primary} == {"Ann", "Bob"}
    with pytest.raises(Refused) as refusal:
        linking.link_accounts(ctx, session, token, NOW)
    assert refusal.value.rule == "rule_choose_primary"
    linking.link_accounts(ctx, session, token, NOW, primary_choice=by.pick(ctx, session, bob))
    assert (by.primary_of(ctx.db, ann), by.primary_of(ctx.db, bob)) == (bob, None)


@pytest.mark.parametrize(("x", "y"), [("ann", "work"), ("work", "ann")])
def test_s47_a_managed_account_hangs_under_the_personal_one_whoever_starts(ctx: Context, x: str, y: str) -> None:
    ids = {"ann": by.member(ctx.db, "ann"), "work": by.member(ctx.db, "work", "managed")}
    by.link(ctx, by.log_in(ctx, ids[x]), y)
    assert (by.primary_of(ctx.db, ids["work"]), by.primary_of(ctx.db, ids["ann"])) == (ids["ann"], None)


def test_s47_an_unlinked_account_links_a_primary_to_itself_and_joins_its_group(ctx: Context) -> None:
    ann, _, cat = by.member(ctx.db, "ann"), by.member(ctx.db, "work", "managed"), by.member(ctx.db, "cat")
    by.link(ctx, by.log_in(ctx, ann), "work")
    by.link(ctx, by.log_in(ctx, cat), "ann")
    assert by.primary_of(ctx.db, cat) == ann


def test_s69_27_and_57_answers_are_84_with_the_75_badge_and_back(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    counts(ctx, ann, answers=27)
    counts(ctx, bob, answers=57)
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    key = by.pick(ctx, session, ann)
    told = linking.rehearse(ctx, session, token, NOW, primary_choice=key)
    assert [tally.totals[0].value for tally in told.now] == [27, 57]
    assert told.together.totals[0].value == 84
    assert [(badge.metric, badge.value) for badge in told.gained] == [("answers", 75)]
    assert told.address == "/u/ann"
    assert (told.name, told.privacy) == ("Ann", "public")
    session = by.again(ctx, linking.link_accounts(ctx, session, token, NOW, primary_choice=key))
    assert people.earned(people.see(ctx, "ann"), "answers") == [1, 10, 25, 50, 75]
    assert profiles.view_profile(ctx, ANONYMOUS, "bob", NOW) == Moved("ann")
    row = by.row(ctx, session, "bob")
    assert [(badge.metric, badge.value) for badge in linking.rehearse_unlink(ctx, session, row.key, NOW).lost] == [
        ("answers", 50), ("answers", 75)
    ]  # fmt: skip
    linking.unlink(ctx, session, row.key, NOW)
    assert people.earned(people.see(ctx, "ann"), "answers") == [1, 10, 25]
    assert people.earned(people.see(ctx, "bob"), "answers") == [1, 10, 25, 50]


def test_d4_a_rehearsal_changes_nothing(ctx: Context) -> None:
    ann, _ = by.member(ctx.db, "ann"), by.member(ctx.db, "bob", private=True)
    by.member(ctx.db, "cat")
    session = by.link(ctx, by.log_in(ctx, ann), "cat", primary_choice=by.pick(ctx, by.log_in(ctx, ann), ann))
    token = by.prove(ctx, session, "bob")

    def everything() -> object:
        rest = [ctx.db.rows(f"SELECT * FROM {name}") for name in ("audit", "proof", "outbox", "login_session")]
        return by.dump(ctx.db), rest, ctx.db.rows("SELECT id, row_version FROM account ORDER BY id")

    before = everything()
    linking.rehearse(ctx, session, token, NOW, may_be_public=True, silent=True)
    linking.rehearse_unlink(ctx, session, by.row(ctx, session, "cat").key, NOW)
    linking.rehearse_make_primary(ctx, session, by.row(ctx, session, "cat").key, NOW)
    assert everything() == before


@pytest.mark.parametrize("columns", [
    {}, {"private": True}, {"private": True, "keep_name": False}, {"chosen": 7, "chosen_org": 3, "chosen_anyone": 1},
])
@pytest.mark.parametrize("silent", [False, True])
def test_s51_link_and_unlink_are_the_identity(ctx: Context, columns: dict[str, Any], silent: bool) -> None:
    ann, _ = by.member(ctx.db, "ann", answers=27), by.member(ctx.db, "work", "managed", answers=57, **columns)
    people.gave(ctx.db, ann, ann + 1)
    session = by.log_in(ctx, ann)
    people_index.rebuild(ctx)       # the members here were written past it
    before = by.dump(ctx.db)
    session = by.link(ctx, session, "work", silent=silent)
    assert by.dump(ctx.db) != before
    linking.unlink(ctx, session, by.row(ctx, session, "work").key, NOW)
    assert by.dump(ctx.db) == before


def test_d10_a_private_account_makes_the_profile_private_unless_the_member_says_otherwise(ctx: Context) -> None:
    ann, _ = by.member(ctx.db, "ann"), by.member(ctx.db, "work", "managed", private=True)
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "work")
    told = linking.rehearse(ctx, session, token, NOW)
    assert (told.privacy, told.asks_public) == ("private", True)
    assert "@work is private" in told.privacy_why
    assert linking.rehearse(ctx, session, token, NOW, may_be_public=True).privacy == "public"
    by.again(ctx, linking.link_accounts(ctx, session, token, NOW))
    assert people.see(ctx, "ann").only_name
    assert profiles.view_profile(ctx, ANONYMOUS, "work", NOW) is None


def test_s52_make_primary_moves_name_and_content_and_offers_what_it_holds_back(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann", bio="I am Ann", full_name="Ann Lee")
    bob = by.member(ctx.db, "bob", full_name="Bob Lee", location="Oslo")
    people.choose(ctx.db, ann, you=["location"])
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    key = by.row(ctx, session, "bob").key
    told = linking.rehearse_make_primary(ctx, session, key, NOW)
    assert (told.name, told.address, told.copy_offer, len(told.copies)) == ("Bob Lee", "/u/bob", True, 1)
    assert [offer.field for offer in told.offered] == ["location"]
    session = by.again(ctx, linking.make_primary(ctx, session, key, NOW, copy=True))
    assert (by.primary_of(ctx.db, ann), by.primary_of(ctx.db, bob)) == (bob, None)
    view = people.see(ctx, "bob")
    assert (view.name, view.bio) == ("Bob Lee", "I am Ann")
    assert not [fact for fact in view.facts if fact.field == "location"]
    assert ctx.db.rows("SELECT subject_id, detail FROM audit WHERE event = 'account:copy'") == [
        (bob, '{"fields": ["bio"]}')
    ]
    assert by.page(ctx, session).standing == "linked"


def test_s52_a_ticked_box_is_the_owners_acceptance(ctx: Context) -> None:
    ann, _ = by.member(ctx.db, "ann"), by.member(ctx.db, "bob", location="Oslo")
    people.choose(ctx.db, ann, you=["location", "bio"])
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    linking.make_primary(ctx, session, by.row(ctx, session, "bob").key, NOW, accept=["location", "email", "nonsense"])
    assert [fact.value for fact in people.see(ctx, "bob").facts if fact.field == "location"] == ["Oslo"]
    assert people.see(ctx, "bob").email is None


def test_d5_silent_behaves_as_unlinked_but_for_its_numbers_and_the_rows_say_so(ctx: Context) -> None:
    ann, _ = by.member(ctx.db, "ann", answers=5), by.member(ctx.db, "bob", answers=6)
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann), silent=True)
    assert by.row(ctx, session, "bob").is_silent
    assert people.stats(people.see(ctx, "bob"))["answers"] == 6
    assert people.stats(people.see(ctx, "ann"))["answers"] == 11
    with pytest.raises(Refused) as refusal:
        linking.make_primary(ctx, session, by.row(ctx, session, "bob").key, NOW)
    assert refusal.value.rule == "rule_primary_is_shown"
    linking.set_silent(ctx, session, by.row(ctx, session, "bob").key, False, NOW)
    assert profiles.view_profile(ctx, ANONYMOUS, "bob", NOW) == Moved("ann")


def test_s43_s60_any_linked_account_edits_the_one_shared_record(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    session = by.log_in(ctx, ann)
    by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    editing.save_about(ctx, viewing.load_viewer(ctx, bob), {"bio": "From Bob's session"}, NOW)
    assert people.see(ctx, "ann").bio == "From Bob's session"
    privacy.save_privacy(ctx, viewing.load_viewer(ctx, bob), {"privacy": "private", "keep_name": "1"}, NOW)
    assert people.see(ctx, "ann").only_name


def test_d3_link_unlink_and_make_primary_need_a_recent_password(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    late = NOW + 301
    choice = by.pick(ctx, session, ann)
    calls: list[Any] = [
        lambda: linking.prove_other(ctx, session, "bob@home.example", by.PASSWORD, late),
        lambda: linking.link_accounts(ctx, session, token, late, primary_choice=choice),
    ]
    for call in calls:
        with pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.rule == "rule_recent_password"
    session = by.again(ctx, linking.link_accounts(ctx, session, token, NOW + 299, primary_choice=choice), NOW + 299)
    key = by.row(ctx, session, "bob").key
    for call in (linking.unlink, linking.make_primary):
        with pytest.raises(Refused) as refusal:
            call(ctx, session, key, late)
        assert refusal.value.rule == "rule_recent_password"
    assert by.primary_of(ctx.db, bob) == ann


def test_d3_the_password_asked_in_place_keeps_the_pending_link(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    choice = by.pick(ctx, session, ann)
    session = by.again(ctx, accounts.confirm_password(ctx, NOW + 400, session, by.PASSWORD), NOW + 400)
    linking.link_accounts(ctx, session, token, NOW + 400, primary_choice=choice)
    assert by.primary_of(ctx.db, bob) == ann


@pytest.mark.parametrize("verb", ["link", "unlink", "make_primary", "leave"])
def test_d3_i11_every_verb_mails_every_address_and_audits_each_account_by_itself(ctx: Context, verb: str) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    session = by.log_in(ctx, ann)
    if verb != "link":
        session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
        ctx.db.execute("DELETE FROM outbox")
        open_audit(ctx.db)
        ctx.db.execute("DELETE FROM audit")
    if verb == "link":
        by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    elif verb == "unlink":
        linking.unlink(ctx, session, by.row(ctx, session, "bob").key, NOW)
    elif verb == "make_primary":
        linking.make_primary(ctx, session, by.row(ctx, session, "bob").key, NOW)
    else:
        linking.ask_to_leave(ctx, by.log_in(ctx, bob), NOW)
    sent = by.mails(ctx.db)
    assert sorted(recipient for recipient, _ in sent) == ["ann@home.example", "bob@home.example"]
    for recipient, text in sent:
        own, other = ("ann", "bob") if recipient.startswith("ann") else ("bob", "ann")
        assert f"@{own}" in text
        words = re.sub(r"token=\S+", "", text)      # a token may spell anything
        assert other not in words.lower().replace("another", "").replace("announce", "")
    event = {"make_primary": "account:primary", "leave": "leave:ask"}.get(verb, f"account:{verb}")
    found = ctx.db.rows("SELECT actor_id, subject_id, detail FROM audit WHERE event = ?", (event,))
    assert {subject for _, subject, _ in found} == ({ann, bob} if verb != "leave" else {bob})
    for actor, subject, detail in found:
        assert actor in {None, subject}
        assert "ann" not in detail
        assert "bob" not in detail


def test_d6_a_flagged_primary_loses_nothing_and_a_personal_account_takes_over(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann", email="ann@firm.example", domain_id=by.make_domain(ctx.db, "firm.example"))
    bob = by.member(ctx.db, "bob", bio="Bob")
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    by.verify_domain(ctx, "firm.example", "firm", NOW + 10)
    assert (by.primary_of(ctx.db, bob), by.page(ctx, session).is_flagged) == (ann, True)
    assert any("successor" in text for recipient, text in by.mails(ctx.db) if recipient == "ann@firm.example")
    assert list(examine(ctx)) == []
    cat = by.member(ctx.db, "cat")
    session = by.link(ctx, session, "cat", NOW + 20)
    assert [by.primary_of(ctx.db, one) for one in (ann, bob, cat)] == [cat, cat, None]
    assert list(examine(ctx)) == []


def test_d6_a_linked_personal_account_that_turns_managed_becomes_silent(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    bob = by.member(ctx.db, "bob", email="bob@firm.example", domain_id=by.make_domain(ctx.db, "firm.example"))
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    by.verify_domain(ctx, "firm.example", "firm", NOW + 10)
    row = by.row(ctx, session, "bob")
    assert (row.is_silent, row.kind, row.organization) == (True, "managed", "Firm")
    with pytest.raises(Refused):
        linking.set_silent(ctx, by.log_in(ctx, bob), by.row(ctx, by.log_in(ctx, bob), "bob").key, False, NOW)
    linking.set_silent(ctx, session, row.key, False, NOW)
    assert not by.row(ctx, session, "bob").is_silent


def test_d7_a_linked_managed_session_sees_its_own_row_only(ctx: Context) -> None:
    ann, work = by.member(ctx.db, "ann"), by.member(ctx.db, "work", "managed")
    by.member(ctx.db, "bob")
    session = by.link(ctx, by.log_in(ctx, ann), "work")
    by.link(ctx, session, "bob")
    seen = by.page(ctx, by.log_in(ctx, work))
    assert ([row.handle for row in seen.rows], seen.standing) == (["work"], "linked-managed")
    assert (seen.may_link, seen.may_leave, seen.is_flagged) == (False, True, False)
    assert "ann" not in repr(seen)
    assert "bob" not in repr(seen)


def test_s39_the_nudge_is_there_until_it_is_dismissed_or_the_account_is_linked(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    session = by.log_in(ctx, ann)
    assert by.page(ctx, session).nudge
    linking.dismiss_nudge(ctx, session, NOW)
    assert not by.page(ctx, session).nudge
    other = by.log_in(ctx, bob)
    assert by.page(ctx, other).nudge
    other = by.link(ctx, other, "ann", primary_choice=by.pick(ctx, other, bob))
    assert not by.page(ctx, other).nudge


def test_d9_likes_and_kudos_of_ones_own_stop_counting_while_linked(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    people.gave(ctx.db, ann, bob)
    people.gave(ctx.db, None, bob)
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    kudos = people.see(ctx, "ann").kudos
    assert kudos is not None
    assert kudos.received == 1
    linking.unlink(ctx, session, by.row(ctx, session, "bob").key, NOW)
    kudos = people.see(ctx, "bob").kudos
    assert kudos is not None
    assert kudos.received == 2


def test_d22_a_primary_closes_only_after_its_group_is_dissolved_or_handed_on(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    by.member(ctx.db, "cat")
    people_index.rebuild(ctx)       # the members here were written past it
    before = by.dump(ctx.db)
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    session = by.link(ctx, session, "cat")
    with ctx.db.transaction(), pytest.raises(Refused) as refusal:
        linking.check_may_close(ctx, ann)
    assert refusal.value.rule == "rule_primary_closes_last"
    with pytest.raises(Refused):
        linking.dissolve(ctx, by.log_in(ctx, bob), NOW)
    assert linking.dissolve(ctx, session, NOW) == 2
    with ctx.db.transaction():
        linking.check_may_close(ctx, ann)
    assert by.dump(ctx.db) == before
    assert list(examine(ctx)) == []
