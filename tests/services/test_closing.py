"""Deactivation by an admin (D22, D17, D2, T17): what ends, what stays, what everybody else is told."""

from __future__ import annotations

import pytest

from policies.errors import Invalid, NotFound, Refused
from tests.conftest import NOW
from tests.services import linkers as by
from tests.services import people
from tests.services.people import opened, state
from webapp.ops.doctor import examine
from webapp.services import (
    accounts,
    addresses,
    closing,
    linking,
    people_index,
    recovery,
    sessions,
    totals,
    viewing,
)
from webapp.services.context import Context
from webapp.services.tokens import LinkGone
from webapp.services.views import Moved
from webapp.store import totals as totals_store

REMOTE = "192.0.2.9"


def test_t17_a_deactivated_account_is_out_at_its_next_request_and_cannot_come_in(ctx: Context) -> None:
    boss, ann = by.member(ctx.db, "boss", is_admin=True), by.member(ctx.db, "ann")
    raw_id = sessions.start(ctx, ann, NOW)
    recovery.ask_link(ctx, NOW, "login", email="ann@home.example", remote=REMOTE)
    closing.deactivate(ctx, ann, NOW, by=boss)
    assert sessions.load_session(ctx, raw_id, NOW) is None
    assert ctx.db.rows("SELECT id FROM proof WHERE account_id = ?", (ann,)) == []
    with pytest.raises(Invalid):
        accounts.log_in(ctx, NOW, email="ann@home.example", password=by.PASSWORD, remote=REMOTE)
    assert opened(ctx, "ann") is None
    assert opened(ctx, "never-was") is None
    assert ctx.db.rows("SELECT id FROM people WHERE profile_id = ?", (ann,)) == []


def test_d22_deactivating_is_audited_and_mailed_with_the_reason(ctx: Context) -> None:
    boss, ann = by.member(ctx.db, "boss", is_admin=True), by.member(ctx.db, "ann")
    closing.deactivate(ctx, ann, NOW, by=boss, reason="Spam in the forum")
    [(recipient, text)] = by.mails(ctx.db)
    assert recipient == "ann@home.example"
    assert "Spam in the forum" in text
    audit = ctx.db.rows("SELECT event, actor_id, subject_id, at FROM audit ORDER BY id")
    assert audit == [("account:deactivate", boss, ann, NOW)]
    closing.reactivate(ctx, ann, NOW + 5, by=boss)
    assert [row[0] for row in ctx.db.rows("SELECT event FROM audit ORDER BY id")][-1] == "account:reactivate"
    assert state(ctx, ann) == "active"
    assert opened(ctx, "ann") is not None
    assert list(examine(ctx)) == []


def test_d22_nothing_that_began_before_comes_back_with_the_account(ctx: Context) -> None:
    boss, ann = by.member(ctx.db, "boss", is_admin=True), by.member(ctx.db, "ann")
    closing.deactivate(ctx, ann, NOW, by=boss)
    raw_id = sessions.start(ctx, ann, NOW)      # a log-in that overlapped
    closing.reactivate(ctx, ann, NOW + 5, by=boss)
    assert sessions.load_session(ctx, raw_id, NOW + 6) is None


def test_d22_the_same_again_is_refused_and_nobody_closes_their_own(ctx: Context) -> None:
    boss, ann = by.member(ctx.db, "boss", is_admin=True), by.member(ctx.db, "ann")
    with pytest.raises(Refused, match="your own account"):
        closing.deactivate(ctx, boss, NOW, by=boss)
    with pytest.raises(Refused, match="not deactivated"):
        closing.reactivate(ctx, ann, NOW, by=boss)
    closing.deactivate(ctx, ann, NOW, by=boss)
    with pytest.raises(Refused, match="deactivated already"):
        closing.deactivate(ctx, ann, NOW, by=boss)
    with pytest.raises(NotFound):
        closing.deactivate(ctx, 987_654, NOW, by=boss)
    with pytest.raises(Invalid):
        closing.deactivate(ctx, ann, NOW, by=boss, reason="x" * 400)


def test_d22_an_unclaimed_account_comes_back_unclaimed(ctx: Context) -> None:
    boss = by.member(ctx.db, "boss", is_admin=True)
    row = by.member(ctx.db, "imported", state="unclaimed")
    people.set_columns(ctx.db, row, email=None, email_key=None, email_verified_at=None)
    closing.deactivate(ctx, row, NOW, by=boss)
    closing.reactivate(ctx, row, NOW, by=boss)
    assert state(ctx, row) == "unclaimed"
    assert by.mails(ctx.db) == []


def test_d22_a_deactivated_primary_is_unknown_its_links_stay_and_who_is_linked_may_leave_at_once(ctx: Context) -> None:
    boss = by.member(ctx.db, "boss", is_admin=True)
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    by.link(ctx, by.log_in(ctx, ann), "bob", primary_choice=by.pick(ctx, by.log_in(ctx, ann), ann))
    assert isinstance(opened(ctx, "bob"), Moved)
    since = ctx.db.row("SELECT MAX(id) FROM outbox")[0]     # type: ignore[index]
    closing.deactivate(ctx, ann, NOW, by=boss)
    assert [opened(ctx, handle) for handle in ("ann", "bob")] == [None, None]
    assert by.primary_of(ctx.db, bob) == ann
    told = dict(by.mails(ctx.db, since))
    assert set(told) == {"ann@home.example", "bob@home.example"}
    assert "@ann" not in told["bob@home.example"]
    page = by.page(ctx, by.log_in(ctx, bob))
    assert (page.may_leave, page.leaves_at_once) == (True, True)
    assert linking.ask_to_leave(ctx, by.log_in(ctx, bob), NOW) is None
    assert by.primary_of(ctx.db, bob) is None
    assert opened(ctx, "bob") is not None
    assert list(examine(ctx)) == []


def test_d22_at_once_holds_also_after_the_primary_has_declined(ctx: Context) -> None:
    boss = by.member(ctx.db, "boss", is_admin=True)
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    session = by.link(ctx, by.log_in(ctx, ann), "bob", primary_choice=by.pick(ctx, by.log_in(ctx, ann), ann))
    linking.ask_to_leave(ctx, by.log_in(ctx, bob), NOW)
    linking.decline_leave(ctx, session, by.row(ctx, session, "bob").key, NOW)
    assert not by.page(ctx, by.log_in(ctx, bob)).may_leave
    closing.deactivate(ctx, ann, NOW, by=boss)
    assert by.page(ctx, by.log_in(ctx, bob)).may_leave
    assert linking.ask_to_leave(ctx, by.log_in(ctx, bob), NOW) is None


def test_d17_a_deactivated_linked_account_keeps_counting_and_its_work_details_leave(ctx: Context) -> None:
    boss = by.member(ctx.db, "boss", is_admin=True)
    ann = by.member(ctx.db, "ann", answers=3)
    work = by.member(ctx.db, "work", "managed", answers=4, job_title="Engineer")
    mate = by.member(ctx.db, "mate", "managed")
    by.link(ctx, by.log_in(ctx, ann), "work")
    people_index.rebuild(ctx)
    before = people.see(ctx, "ann", mate)
    assert [block.organization for block in before.work] == ["Acme"]
    assert viewing.load_viewer(ctx, ann).organizations
    closing.deactivate(ctx, work, NOW, by=boss)
    after = people.see(ctx, "ann", mate)
    assert after.work == ()
    assert people.stats(after)["answers"] == 7
    assert not viewing.load_viewer(ctx, ann).organizations, "who is out of the organization sees nothing as a colleague"
    sums = totals.totals_of(totals_store.load_sums(ctx.db, (ann, work), (ann, work), True, True))
    assert sums["answers"] == 7


def test_t4_a_pending_change_outlives_what_another_account_asks_of_the_same_address(ctx: Context) -> None:
    ann, bob = by.log_in(ctx, by.member(ctx.db, "ann")), by.log_in(ctx, by.member(ctx.db, "bob"))
    keys = []
    for session in (ann, bob):
        addresses.ask_change(ctx, NOW, session, "wanted@new.example", REMOTE)
        keys.append(ctx.db.rows("SELECT token_hash FROM proof WHERE purpose = 'email' ORDER BY id")[-1][0])
    assert addresses.finish_change(ctx, NOW, ann, keys[0]) == "wanted@new.example"
    with pytest.raises(LinkGone):
        addresses.finish_change(ctx, NOW, bob, keys[1])


def test_t13_of_one_account_only_the_newest_change_of_address_works(ctx: Context) -> None:
    ann = by.log_in(ctx, by.member(ctx.db, "ann"))
    keys = []
    for email in ("one@new.example", "one@new.example", "two@new.example"):
        addresses.ask_change(ctx, NOW, ann, email, REMOTE)
        keys.append(ctx.db.rows("SELECT token_hash FROM proof WHERE purpose = 'email' ORDER BY id")[-1][0])
    for key in keys[:2]:
        with pytest.raises(LinkGone):
            addresses.finish_change(ctx, NOW, ann, key)
    assert addresses.finish_change(ctx, NOW, ann, keys[2]) == "two@new.example"
