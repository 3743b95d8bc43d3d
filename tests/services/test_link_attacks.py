"""Attacks on linking by their number: forged, swapped, replayed and doubled proofs; who may not; what a link tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from policies.errors import Invalid, NotFound, Refused
from policies.linking_texts import TEXTS
from policies.terms import ANONYMOUS
from tests.conftest import NOW
from tests.services import linkers as by
from tests.services import people
from tests.together import at_once
from webapp.ops.doctor import examine
from webapp.services import accounts, linking, profiles, recovery, sessions, throttle, tokens, viewing
from webapp.services.context import Context
from webapp.services.throttle import TooMany
from webapp.services.tokens import LinkGone
from webapp.services.views import Moved


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.rule


def pair(ctx: Context) -> tuple[int, int]:
    return by.member(ctx.db, "ann"), by.member(ctx.db, "bob")


def linked(ctx: Context, handle: str = "bob", *, primary: str = "ann", **choices: Any) -> sessions.Session:
    """The primary's session, `handle` linked to it."""
    row = ctx.db.row("SELECT id FROM account WHERE handle = ?", (primary,))
    assert row is not None
    session = by.log_in(ctx, row[0])
    return by.link(ctx, session, handle, primary_choice=by.pick(ctx, session, row[0]), **choices)


def refusals(ctx: Context) -> list[tuple[int, int]]:
    return ctx.db.rows("SELECT actor_id, subject_id FROM audit WHERE event = 'link:refuse'")


def test_t3_linking_is_refused_before_either_address_is_verified(ctx: Context) -> None:
    ann, bob = pair(ctx)
    session = by.log_in(ctx, ann)
    ctx.db.execute("UPDATE account SET email_verified_at = NULL WHERE id = ?", (bob,))
    assert refusal(lambda: by.prove(ctx, session, "bob")) == "rule_verified"
    ctx.db.execute("UPDATE account SET email_verified_at = CASE WHEN id = ? THEN 1 END", (bob,))
    assert refusal(lambda: by.prove(ctx, session, "bob")) == "rule_verified"
    assert ctx.db.rows("SELECT id FROM proof") == []


def test_t3_an_address_that_lost_its_proof_after_the_log_in_is_refused_at_the_end(ctx: Context) -> None:
    ann, bob = pair(ctx)
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    ctx.db.execute("UPDATE account SET email_verified_at = NULL WHERE id = ?", (bob,))
    choice = by.pick(ctx, session, ann)
    assert refusal(lambda: linking.link_accounts(ctx, session, token, NOW, primary_choice=choice)) == "rule_verified"
    assert by.primary_of(ctx.db, bob) is None


def test_t10_the_session_has_a_new_id_after_link_and_make_primary_and_the_old_one_is_dead(ctx: Context) -> None:
    ann, _ = pair(ctx)
    session = by.log_in(ctx, ann)
    new = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    assert sessions.load_session(ctx, session.raw_id, NOW) is None
    raw_id = linking.make_primary(ctx, new, by.row(ctx, new, "bob").key, NOW)
    assert sessions.load_session(ctx, new.raw_id, NOW) is None
    assert sessions.load_session(ctx, raw_id, NOW) is not None


def test_t10_renewing_is_no_typed_password(ctx: Context) -> None:
    ann, _ = pair(ctx)
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    raw_id = linking.link_accounts(ctx, session, token, NOW + 200, primary_choice=by.pick(ctx, session, ann))
    assert not by.again(ctx, raw_id, NOW + 200).is_recent(NOW + 301)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "../../etc", "é" * 20, "A" * 5000])
def test_t20_a_forged_token_is_refused_and_noted(ctx: Context, token: str) -> None:
    ann, _ = pair(ctx)
    session = by.log_in(ctx, ann)
    for call in (linking.link_accounts, linking.rehearse):
        with pytest.raises(LinkGone):
            call(ctx, session, token, NOW)
    assert refusals(ctx) == [(ann, ann)] * 2


def test_t20_a_proof_sent_to_a_signed_in_victim_is_refused_and_no_account_is_named(ctx: Context) -> None:
    ann, bob = pair(ctx)
    cat = by.member(ctx.db, "cat")
    token = by.prove(ctx, by.log_in(ctx, ann), "bob")
    assert len(token) >= 22     # at least 128 bits of base64
    victim = by.log_in(ctx, cat)
    for call in (linking.rehearse, linking.link_accounts):
        with pytest.raises(LinkGone) as refused:
            call(ctx, victim, token, NOW)
        assert not any(name in str(refused.value) for name in ("ann", "bob"))
    assert refusals(ctx) == [(cat, cat)] * 2
    assert [by.primary_of(ctx.db, one) for one in (ann, bob, cat)] == [None] * 3


def test_t20_only_the_hash_of_a_proof_is_kept(ctx: Context) -> None:
    ann, _ = pair(ctx)
    token = by.prove(ctx, by.log_in(ctx, ann), "bob")
    assert token not in repr(ctx.db.rows("SELECT * FROM proof"))
    assert ctx.db.rows("SELECT expires_at - created_at FROM proof") == [(600,)]


def test_t21_the_proof_of_one_account_links_no_other(ctx: Context) -> None:
    ann, bob = pair(ctx)
    cat = by.member(ctx.db, "cat")
    session = by.log_in(ctx, ann)
    of_bob = by.prove(ctx, session, "bob")
    of_cat = by.prove(ctx, session, "cat")      # the newest of this browser is the one that counts
    choice = by.pick(ctx, session, ann)
    with pytest.raises(LinkGone):
        linking.link_accounts(ctx, session, of_bob, NOW, primary_choice=choice)
    assert refusals(ctx) == [(ann, ann)]
    linking.link_accounts(ctx, session, of_cat, NOW, primary_choice=choice)
    assert (by.primary_of(ctx.db, bob), by.primary_of(ctx.db, cat)) == (None, ann)


def test_t21_the_choice_of_the_primary_names_one_of_the_two(ctx: Context) -> None:
    ann, _ = pair(ctx)
    cat = by.member(ctx.db, "cat")
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    foreign = by.pick(ctx, by.log_in(ctx, cat), cat)
    for choice in (by.pick(ctx, session, cat), foreign, "bob", ""):
        call = lambda choice=choice: linking.link_accounts(ctx, session, token, NOW, primary_choice=choice)  # noqa: E731
        assert refusal(call) == "rule_choose_primary"


def test_t22_without_the_others_log_in_nothing_is_proved(ctx: Context) -> None:
    ann, _ = pair(ctx)
    session = by.log_in(ctx, ann)
    for email, password in (("bob@home.example", "wrong"), ("nobody@home.example", by.PASSWORD)):
        with pytest.raises(Invalid) as invalid:
            linking.prove_other(ctx, session, email, password, NOW, address="192.0.2.1")
        assert invalid.value.errors == {"password": accounts.NO_MATCH}
    assert ctx.db.rows("SELECT id FROM proof") == []


def test_t8_proving_is_throttled_as_logging_in(ctx: Context) -> None:
    ann, _ = pair(ctx)
    session = by.log_in(ctx, ann)
    for _ in range(throttle.LOGIN_ACCOUNT.count):
        with pytest.raises(Invalid):
            linking.prove_other(ctx, session, "bob@home.example", "wrong", NOW, address="192.0.2.1")
    with pytest.raises(TooMany):
        linking.prove_other(ctx, session, "bob@home.example", by.PASSWORD, NOW, address="192.0.2.9")


def test_t23_another_browser_of_the_same_account_cannot_finish(ctx: Context) -> None:
    ann, bob = pair(ctx)
    here, there = by.log_in(ctx, ann), by.log_in(ctx, ann)
    token = by.prove(ctx, here, "bob")
    other = by.prove(ctx, there, "bob")
    choice = by.pick(ctx, here, ann)
    with pytest.raises(LinkGone):
        linking.link_accounts(ctx, there, token, NOW, primary_choice=choice)
    with pytest.raises(LinkGone):
        linking.link_accounts(ctx, here, other, NOW, primary_choice=choice)
    linking.link_accounts(ctx, here, token, NOW, primary_choice=choice)
    assert by.primary_of(ctx.db, bob) == ann


def test_t24_a_proof_works_once(ctx: Context) -> None:
    ann, bob = pair(ctx)
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    choice = by.pick(ctx, session, ann)
    new = by.again(ctx, linking.link_accounts(ctx, session, token, NOW, primary_choice=choice))
    for one in (session, new):
        with pytest.raises(LinkGone):
            linking.link_accounts(ctx, one, token, NOW, primary_choice=choice)
    assert ctx.db.rows("SELECT COUNT(*) FROM audit WHERE event = 'account:link'") == [(2,)]
    assert by.primary_of(ctx.db, bob) == ann


def test_d3_a_proof_lives_ten_minutes(ctx: Context) -> None:
    ann, _ = pair(ctx)
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    late = replace(session, proved_at=NOW + 600)
    linking.rehearse(ctx, late, token, NOW + 599)
    with pytest.raises(LinkGone):
        linking.rehearse(ctx, late, token, NOW + 600)


@pytest.mark.parametrize("death", ["cancel", "password", "reset of the other", "link of the other"])
def test_d3_a_pending_proof_dies(ctx: Context, death: str) -> None:
    ann, bob = pair(ctx)
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    if death == "cancel":
        linking.cancel(ctx, session, token)
    elif death == "password":
        accounts.change_password(ctx, NOW, session, "another fine password")
    elif death == "reset of the other":
        mailed = tokens.issue(ctx, "reset", NOW, email_key="bob@home.example", account_id=bob)
        recovery.finish_reset(ctx, NOW, tokens.digest(mailed), "another fine password")
    else:
        by.member(ctx.db, "cat")
        linked(ctx, "cat", primary="bob")
    with pytest.raises(LinkGone):
        linking.link_accounts(ctx, session, token, NOW, primary_choice=by.pick(ctx, session, ann))
    assert by.primary_of(ctx.db, bob) is None


def test_t25_after_unlink_no_earlier_proof_or_mailed_link_works(ctx: Context) -> None:
    ann, bob = pair(ctx)
    first, spare = by.log_in(ctx, ann), by.log_in(ctx, ann)
    choice = by.pick(ctx, first, ann)
    old, waiting = by.prove(ctx, first, "bob"), by.prove(ctx, spare, "bob")
    session = by.again(ctx, linking.link_accounts(ctx, first, old, NOW, primary_choice=choice))
    outs = mailed_tokens(ctx, "not-me")
    linking.unlink(ctx, session, by.row(ctx, session, "bob").key, NOW)
    for one, token in ((session, old), (spare, old), (spare, waiting)):
        with pytest.raises(LinkGone):
            linking.link_accounts(ctx, one, token, NOW, primary_choice=choice)
    assert by.primary_of(ctx.db, bob) is None
    later = NOW + 60
    session = by.link(ctx, session, "bob", later, primary_choice=choice)
    for token in outs:      # mailed for the first link: nothing to the second
        with pytest.raises(LinkGone):
            linking.leave_by_mail(ctx, tokens.digest(token), later)
    assert by.primary_of(ctx.db, bob) == ann


@pytest.mark.parametrize("state", ["deactivated", "closing", "unclaimed", "deleted"])
def test_t26_an_account_that_may_not_log_in_proves_nothing(ctx: Context, state: str) -> None:
    ann, bob = pair(ctx)
    session = by.log_in(ctx, ann)
    token = by.prove(ctx, session, "bob")
    ctx.db.execute("UPDATE account SET state = ? WHERE id = ?", (state, bob))
    choice = by.pick(ctx, session, ann)
    assert refusal(lambda: linking.link_accounts(ctx, session, token, NOW, primary_choice=choice)) == "rule_verified"
    with pytest.raises(Invalid) as invalid:
        by.prove(ctx, session, "bob")
    assert invalid.value.errors == {"password": accounts.NO_MATCH}


def test_t27_t29_t30_incompatible_accounts_are_refused_with_problem_and_fix_and_nothing_changes(ctx: Context) -> None:
    pair(ctx)
    cat, dan = by.member(ctx.db, "cat"), by.member(ctx.db, "dan")
    work, desk = by.member(ctx.db, "work", "managed"), by.member(ctx.db, "desk", "managed")
    linked(ctx)
    linked(ctx, "dan", primary="cat")
    before = by.dump(ctx.db)
    for session, other, rule in (
        (by.log_in(ctx, work), "desk", "rule_not_two_managed"),
        (by.log_in(ctx, cat), "ann", "rule_not_two_primaries"),
        (by.log_in(ctx, cat), "bob", "rule_not_linked_elsewhere"),
        (by.log_in(ctx, desk), "bob", "rule_not_linked_elsewhere"),
        (by.log_in(ctx, cat), "dan", "rule_not_same_group"),
        (by.log_in(ctx, cat), "cat", "rule_not_itself"),
        (by.log_in(ctx, dan), "work", "rule_only_primary_links"),
    ):
        with pytest.raises(Refused) as refused:
            by.prove(ctx, session, other)
        assert refused.value.rule == rule
        assert (refused.value.problem, refused.value.fix) == TEXTS[rule]
        assert not any(name in str(refused.value).lower().split() for name in ("ann", "bob", "cat", "dan"))
    assert by.dump(ctx.db) == before


@pytest.mark.parametrize("typed", ["BOB@home.example", "Ｂob@home.example", "bob@HOME.example"])
def test_t28_variants_of_an_address_are_one_account(ctx: Context, typed: str) -> None:
    ann, _ = pair(ctx)
    session = by.log_in(ctx, ann)
    assert linking.prove_other(ctx, session, typed, by.PASSWORD, NOW)


@pytest.mark.parametrize("typed", ["b.ob@home.example", "bob+1@home.example", "bob@home.example.org"])
def test_t28_other_spellings_are_other_people(ctx: Context, typed: str) -> None:
    ann, _ = pair(ctx)
    with pytest.raises(Invalid):
        linking.prove_other(ctx, by.log_in(ctx, ann), typed, by.PASSWORD, NOW)


def test_t31_a_linked_session_links_unlinks_and_makes_primary_nothing(ctx: Context) -> None:
    _, bob = pair(ctx)
    by.member(ctx.db, "cat")
    session = linked(ctx)
    by.link(ctx, session, "cat")
    other = by.log_in(ctx, bob)
    assert refusal(lambda: by.prove(ctx, other, "cat")) == "rule_not_same_group"
    rows = {row.handle: row for row in by.page(ctx, other).rows}
    assert set(rows) == {"ann", "bob", "cat"}
    for row in rows.values():
        assert refusal(lambda row=row: linking.unlink(ctx, other, row.key, NOW)) == "rule_only_primary_unlinks"
        rule = refusal(lambda row=row: linking.make_primary(ctx, other, row.key, NOW))
        assert rule == "rule_only_primary_makes_primary"
        assert (row.may_unlink, row.may_make_primary) == (False, False)
    assert by.page(ctx, other).may_leave


def test_t32_a_managed_account_is_never_made_primary(ctx: Context) -> None:
    by.member(ctx.db, "ann")
    by.member(ctx.db, "work", "managed")
    session = by.link(ctx, by.log_in(ctx, 1), "work")
    row = by.row(ctx, session, "work")
    assert (row.may_make_primary, row.why_not_primary) == (False, " ".join(TEXTS["rule_primary_is_personal"]))
    rule = refusal(lambda: linking.make_primary(ctx, session, row.key, NOW))
    assert rule == "rule_primary_is_personal"


def test_t32_d6_a_reset_by_mail_of_a_flagged_primary_makes_its_verbs_wait_and_tells_everybody(ctx: Context) -> None:
    domain = by.make_domain(ctx.db, "firm.example")
    ann, bob = by.member(ctx.db, "ann", email="ann@firm.example", domain_id=domain), by.member(ctx.db, "bob")
    by.member(ctx.db, "cat")
    linked(ctx)
    by.verify_domain(ctx, "firm.example", "firm", NOW + 10)
    at = NOW + 100
    mailed = tokens.issue(ctx, "reset", at, email_key="ann@firm.example", account_id=ann)
    recovery.finish_reset(ctx, at, tokens.digest(mailed), "another fine password")
    assert ("bob@home.example" in [to for to, text in by.mails(ctx.db) if "was reset" in text])
    session = by.log_in(ctx, ann, at)
    rule = "rule_flagged_waits_after_reset"
    key = by.row(ctx, session, "bob", at).key
    assert refusal(lambda: linking.unlink(ctx, session, key, at)) == rule
    assert refusal(lambda: linking.make_primary(ctx, session, key, at)) == rule
    assert refusal(lambda: by.prove(ctx, session, "cat", at)) == rule
    linked_one = by.log_in(ctx, bob, at)
    assert by.page(ctx, linked_one, at).may_object
    linking.object_to_reset(ctx, linked_one, at)
    after = at + 8 * 86_400
    session = by.log_in(ctx, ann, after)
    assert refusal(lambda: linking.make_primary(ctx, session, key, after)) == "rule_nobody_objected"
    linking.withdraw_objection(ctx, linked_one, after)
    linking.make_primary(ctx, session, key, after)
    assert by.primary_of(ctx.db, ann) == bob


def test_t33_the_last_unlink_drops_the_primary_and_the_primary_is_not_unlinked(ctx: Context) -> None:
    pair(ctx)
    session = linked(ctx)
    rule = refusal(lambda: linking.unlink(ctx, session, by.row(ctx, session, "ann").key, NOW))
    assert rule == "rule_primary_stays"
    linking.unlink(ctx, session, by.row(ctx, session, "bob").key, NOW)
    seen = by.page(ctx, session)
    assert (seen.standing, seen.rows[0].is_primary) == ("unlinked", False)


def test_t34_after_unlink_each_account_shows_its_own(ctx: Context) -> None:
    ann, bob = pair(ctx)
    people.set_columns(ctx.db, ann, answers=27)
    people.set_columns(ctx.db, bob, answers=57)
    people.did(ctx.db, bob, title="Bob's thread")
    session = linked(ctx)
    assert [row.title for row in people.see(ctx, "ann").recent] == ["Bob's thread"]
    linking.unlink(ctx, session, by.row(ctx, session, "bob").key, NOW)
    view = people.see(ctx, "ann")
    assert (people.stats(view)["answers"], view.recent, people.earned(view, "answers")) == (27, (), [1, 10, 25])
    assert people.stats(people.see(ctx, "bob"))["answers"] == 57
    assert ctx.db.rows("SELECT primary_id, linked_at, link_edit_self, link_edit_primary FROM account") == [
        (None, None, None, None)
    ] * 2


def test_t35_a_managed_session_gains_no_verb_and_sees_no_address_of_the_others(ctx: Context) -> None:
    ann, work = by.member(ctx.db, "ann"), by.member(ctx.db, "work", "managed")
    people.choose(ctx.db, ann, you=["email", "location"])
    session = by.link(ctx, by.log_in(ctx, ann), "work")
    weak = by.log_in(ctx, work)
    assert "ann" not in repr(by.page(ctx, weak))
    keys = [row.key for row in by.page(ctx, session).rows]
    for key in keys:
        for call in (linking.unlink, linking.make_primary, linking.rehearse_unlink, linking.rehearse_make_primary):
            with pytest.raises((Refused, NotFound)):
                call(ctx, weak, key, NOW)
    assert people.see(ctx, "ann", work).email is None
    assert by.primary_of(ctx.db, work) == ann


def test_t20_a_key_of_one_profile_names_nothing_in_another(ctx: Context) -> None:
    _, bob = pair(ctx)
    cat = by.member(ctx.db, "cat")
    by.member(ctx.db, "dan")
    session = linked(ctx)
    theirs = linked(ctx, "dan", primary="cat")
    key = by.row(ctx, session, "bob").key
    for call in (linking.unlink, linking.make_primary, linking.rehearse_unlink):
        with pytest.raises(NotFound):
            call(ctx, theirs, key, NOW)
    assert (by.primary_of(ctx.db, bob) != cat, by.row(ctx, theirs, "cat").key != key) == (True, True)


def test_t38_two_requests_with_one_proof_at_once_exactly_one_wins(ctx: Context) -> None:
    ann, bob = pair(ctx)
    session = by.log_in(ctx, ann)
    choice = by.pick(ctx, session, ann)
    for _ in range(5):
        token = by.prove(ctx, session, "bob")
        confirm = partial(linking.link_accounts, ctx, session, token, NOW, primary_choice=choice)
        results = at_once(ctx.db, *[confirm] * 4, expected=(Refused,))
        won = [result for result in results if not isinstance(result, Refused)]
        assert len(won) == 1
        session = by.again(ctx, won[0])
        assert by.primary_of(ctx.db, bob) == ann
        linking.unlink(ctx, session, by.row(ctx, session, "bob").key, NOW)
    assert list(examine(ctx)) == []


def test_t63_the_organizations_audience_closes_with_the_link_and_with_the_domain(ctx: Context) -> None:
    ann, work = by.member(ctx.db, "ann"), by.member(ctx.db, "work", "managed", department="Sales")
    mate = by.member(ctx.db, "mate", "managed")
    session = by.link(ctx, by.log_in(ctx, ann), "work")
    assert viewing.load_viewer(ctx, ann).organizations == viewing.load_viewer(ctx, mate).organizations
    assert people.see(ctx, "ann", mate).work
    linking.unlink(ctx, session, by.row(ctx, session, "work").key, NOW)
    assert (viewing.load_viewer(ctx, ann).organizations, people.see(ctx, "ann", mate).work) == (frozenset(), ())
    session = by.link(ctx, session, "work", NOW + 1)
    by.verify_domain(ctx, "acme.example", None, NOW + 2)
    assert (viewing.load_viewer(ctx, ann).organizations, people.see(ctx, "ann", mate).work) == (frozenset(), ())
    assert by.primary_of(ctx.db, work) == ann


def test_t64_each_organizations_block_is_for_its_own_people_only(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    by.member(ctx.db, "work", "managed", department="Sales")
    by.member(ctx.db, "desk", "managed", email="desk@beta.example", department="Research")
    mate = by.member(ctx.db, "mate", "managed")
    peer = by.member(ctx.db, "peer", "managed", email="peer@beta.example")
    session = by.link(ctx, by.log_in(ctx, ann), "work")
    by.link(ctx, session, "desk")
    blocks = {
        name: [block.organization for block in people.see(ctx, "ann", viewer).work]
        for name, viewer in {"mate": mate, "peer": peer, "anyone": ANONYMOUS}.items()
    }
    assert blocks == {"mate": ["Acme"], "peer": ["Beta"], "anyone": []}


def mailed_tokens(ctx: Context, page: str) -> list[str]:
    return [
        text.partition(f"/{page}?token=")[2].split()[0] for _, text in by.mails(ctx.db) if f"/{page}?token=" in text
    ]


@pytest.mark.parametrize("recipient", ["ann@home.example", "bob@home.example"])
def test_d18_this_was_not_me_takes_it_out_at_once_without_a_log_in(ctx: Context, recipient: str) -> None:
    _, bob = pair(ctx)
    linked(ctx)
    text = next(text for to, text in by.mails(ctx.db) if to == recipient and "not-me" in text)
    key = tokens.digest(text.partition("token=")[2].split()[0])
    linking.leave_by_mail(ctx, key, NOW + 7 * 86_400 - 1)
    assert by.primary_of(ctx.db, bob) is None
    with pytest.raises(LinkGone):
        linking.leave_by_mail(ctx, key, NOW + 7 * 86_400 - 1)
    assert list(examine(ctx)) == []


def test_d18_this_was_not_me_works_for_seven_days_through_a_reset_but_not_for_another_address(ctx: Context) -> None:
    _, bob = pair(ctx)
    linked(ctx)
    key = tokens.digest(mailed_tokens(ctx, "not-me")[1])
    with pytest.raises(LinkGone):
        linking.leave_by_mail(ctx, key, NOW + 7 * 86_400)
    mailed = tokens.issue(ctx, "reset", NOW, email_key="bob@home.example", account_id=bob)
    recovery.finish_reset(ctx, NOW, tokens.digest(mailed), "another fine password")
    ctx.db.execute("UPDATE account SET email_key = 'new@home.example' WHERE id = ?", (bob,))
    with pytest.raises(LinkGone):
        linking.leave_by_mail(ctx, key, NOW)
    ctx.db.execute("UPDATE account SET email_key = 'bob@home.example' WHERE id = ?", (bob,))
    linking.leave_by_mail(ctx, key, NOW)
    assert by.primary_of(ctx.db, bob) is None


def test_d18_asking_takes_it_out_after_seven_days_unless_declined_and_the_second_request_is_final(ctx: Context) -> None:
    day = 86_400
    ann, work = by.member(ctx.db, "ann"), by.member(ctx.db, "work", "managed")
    by.link(ctx, by.log_in(ctx, ann), "work")
    leaver = by.log_in(ctx, work)
    assert linking.ask_to_leave(ctx, leaver, NOW) == NOW + 7 * day
    assert refusal(lambda: linking.ask_to_leave(ctx, leaver, NOW)) == "rule_asked_already"
    assert linking.finish_leaves(ctx, NOW + 7 * day - 1) == 0
    linking.decline_by_mail(ctx, tokens.digest(mailed_tokens(ctx, "decline")[0]), NOW + day)
    assert linking.finish_leaves(ctx, NOW + 20 * day) == 0
    at = NOW + 29 * day
    assert refusal(lambda: linking.ask_to_leave(ctx, by.log_in(ctx, work, at), at)) == "rule_asks_again_later"
    at = NOW + 30 * day
    linking.ask_to_leave(ctx, by.log_in(ctx, work, at), at)
    primary = by.log_in(ctx, ann, at)
    row = by.row(ctx, primary, "work", at)
    assert (row.leaves_at, row.may_decline) == (at + 7 * day, False)
    assert refusal(lambda: linking.decline_leave(ctx, primary, row.key, at)) == "rule_leave_can_be_declined"
    accounts.change_password(ctx, at, primary, "another fine password")     # no way round it
    assert linking.finish_leaves(ctx, at + 7 * day) == 1
    assert by.primary_of(ctx.db, work) is None
    assert list(examine(ctx)) == []


def test_d22_of_a_deactivated_primary_one_may_leave_at_once_and_the_profile_is_unknown(ctx: Context) -> None:
    ann, bob = pair(ctx)
    linked(ctx)
    ctx.db.execute("UPDATE account SET state = 'deactivated' WHERE id = ?", (ann,))
    assert profiles.view_profile(ctx, ANONYMOUS, "bob", NOW) is None
    assert linking.ask_to_leave(ctx, by.log_in(ctx, bob), NOW) is None
    assert not isinstance(profiles.view_profile(ctx, ANONYMOUS, "bob", NOW), Moved | None)
