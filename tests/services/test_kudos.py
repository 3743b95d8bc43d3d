"""Peer kudos given on the site (S23, D9): who may, how many, counted once, taken back, hidden, reported, told of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from policies.errors import Invalid, NotFound, Refused
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services.people import choose, see, set_columns, source
from tests.together import at_once
from webapp.ops import doctor
from webapp.services import erasing, ingest, kudos, kudos_digest, kudos_own, kudos_reports, repair, viewing
from webapp.services.context import Context
from webapp.services.kudos_own import Line
from webapp.services.kudos_words import DAY, HOUR, MESSAGE_LIMIT, TAKE_BACK, WEEK, WEEKLY
from webapp.services.sessions import Session
from webapp.services.views import Moved

VERSION = "SELECT row_version + version FROM account JOIN counter ON account_id = id WHERE id = ?"
WORDS = {"category": "answer", "message": "Thank you for the cache"}


def log_in(ctx: Context, account_id: int, *, admin: bool = False) -> Session:
    row = ctx.db.row("SELECT handle FROM account WHERE id = ?", (account_id,))
    assert row is not None
    return Session("raw", "id", account_id, row[0], admin, NOW, NOW, viewing.load_viewer(ctx, account_id))


def give(ctx: Context, giver: int, handle: str, now: int = NOW, message: str = WORDS["message"]) -> None:
    assert kudos.give(ctx, log_in(ctx, giver), handle, {**WORDS, "message": message}, now) is None


def counted(ctx: Context, account_id: int) -> int:
    row = ctx.db.row("SELECT peer_kudos FROM counter WHERE account_id = ?", (account_id,))
    assert row is not None
    return int(row[0])


def got(ctx: Context, account_id: int) -> list[Line]:
    return list(kudos_own.view_own(ctx, log_in(ctx, account_id), NOW).received)


def mails(ctx: Context) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in ctx.db.rows("SELECT recipient, subject, body FROM outbox ORDER BY id")]  # type: ignore[misc]


@pytest.fixture
def ann(ctx: Context) -> int:
    return make_account(ctx.db, "ann")


@pytest.fixture
def bob(ctx: Context) -> int:
    return make_account(ctx.db, "bob")


def test_s23_given_kudos_count_like_those_of_a_source(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    view = see(ctx, "bob")
    assert view.kudos is not None
    assert view.level is not None
    assert (view.kudos.received, view.kudos.givers, view.level.points) == (1, 1, 5)
    note = view.kudos.latest[0]
    assert (note.message, note.giver, note.giver_url, note.category) == (
        WORDS["message"], "Ann", "/u/ann", "Helpful answer")
    assert ctx.db.rows("SELECT receiver_id, giver_id, kudos, likes FROM pair_counter") == [(bob, ann, 1, 0)]
    assert ctx.db.rows("SELECT account_id, metric, value, at FROM crossing") == [(bob, "peer_kudos", 1, NOW)]
    assert not ctx.db.rows("SELECT 1 FROM activity WHERE listed")    # no act of the receiver's
    assert repair.find_differences(ctx) == []
    assert list(doctor.examine(ctx)) == []


def test_s23_the_drawn_page_follows(ctx: Context, ann: int, bob: int) -> None:
    before = ctx.db.row(VERSION, (bob,))
    give(ctx, ann, "bob")
    assert ctx.db.row(VERSION, (bob,)) > before


@pytest.mark.parametrize("handle", ["ann", "old"])
def test_d9_none_to_oneself_and_to_an_own_linked_account(ctx: Context, ann: int, handle: str) -> None:
    old = make_account(ctx.db, "old")
    link(ctx.db, old, ann, silent=True)
    for giver in (ann, old):
        with pytest.raises(Refused) as refused:
            give(ctx, giver, handle)
        assert refused.value.rule == "rule_kudos_self"
    assert "link" not in str(refused.value).casefold()
    assert counted(ctx, ann) == counted(ctx, old) == 0


def test_d7_a_managed_session_is_not_told_that_a_silent_account_is_its_own(ctx: Context, ann: int) -> None:
    """Refused, it would know the link; so they are given, and do not count while the two are linked (D9)."""
    silent, worker = make_account(ctx.db, "silent"), make_account(ctx.db, "worker", kind="managed")
    link(ctx.db, silent, ann, silent=True)
    link(ctx.db, worker, ann)
    give(ctx, worker, "silent")
    view = see(ctx, "ann")
    assert view.kudos is not None
    assert (view.kudos.received, view.kudos.latest) == (0, ())
    assert repair.find_differences(ctx) == []


def test_d9_kudos_between_accounts_that_are_linked_later_do_not_count(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    link(ctx.db, bob, ann)
    view = see(ctx, "ann")
    assert view.kudos is not None
    assert (view.kudos.received, view.kudos.latest) == (0, ())


def test_t60_a_hidden_section_answers_as_no_profile(ctx: Context, ann: int, bob: int) -> None:
    choose(ctx.db, bob, you=("kudos",))
    make_account(ctx.db, "recluse", private=True)
    for handle in ("bob", "recluse", "nobody"):
        for ask in (lambda: give(ctx, ann, handle), lambda: kudos.open_giving(ctx, log_in(ctx, ann), handle, NOW)):  # noqa: B023
            with pytest.raises(NotFound) as error:
                ask()
            assert str(error.value) == str(NotFound())
    assert counted(ctx, bob) == 0


def test_kudos_for_a_linked_account_go_to_its_profile(ctx: Context, ann: int, bob: int) -> None:
    old = make_account(ctx.db, "old")
    link(ctx.db, old, bob)
    assert kudos.give(ctx, log_in(ctx, ann), "old", WORDS, NOW) == Moved("bob")
    give(ctx, ann, "bob")
    assert (counted(ctx, bob), counted(ctx, old)) == (1, 0)


def test_nobody_gives_to_a_profile_that_nobody_claimed(ctx: Context, ann: int) -> None:
    make_account(ctx.db, "imported", email=None, state="unclaimed")
    with pytest.raises(Refused) as refused:
        give(ctx, ann, "imported")
    assert refused.value.rule == "rule_kudos_unclaimed"
    assert "claimed" in kudos.open_giving(ctx, log_in(ctx, ann), "imported", NOW).refusal  # type: ignore[union-attr]


@pytest.mark.parametrize("state", ["deactivated", "closing", "unclaimed"])
def test_t26_only_an_active_account_gives(ctx: Context, ann: int, bob: int, state: str) -> None:
    session = log_in(ctx, ann)      # begun before
    set_columns(ctx.db, ann, state=state)
    with pytest.raises(Refused):
        kudos.give(ctx, session, "bob", WORDS, NOW)
    set_columns(ctx.db, ann, state="active", email_verified_at=None)
    with pytest.raises(Refused):
        kudos.give(ctx, session, "bob", WORDS, NOW)
    assert counted(ctx, bob) == 0


@pytest.mark.parametrize("form", [
    {"category": "answer", "message": ""}, {"category": "answer", "message": " \n\t "}, {"category": "answer"},
    {"category": "answer", "message": "x" * (MESSAGE_LIMIT + 1)}, {"category": "answer", "message": "x\x00y"},
    {"category": "answer", "message": "safe\u202egpj.exe"}, {"category": "answer", "message": "zero\u200bwidth"},
    {"category": "", "message": "Thanks"}, {"category": "no-such", "message": "Thanks"}, {},
])
def test_t82_what_cannot_be_said_is_refused_beside_its_field(
    ctx: Context, ann: int, bob: int, form: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as error:
        kudos.give(ctx, log_in(ctx, ann), "bob", form, NOW)
    wrong = "category" if form.get("category") != "answer" else "message"
    assert error.value.errors[wrong]
    assert counted(ctx, bob) == 0


def test_a_message_may_have_500_characters(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob", message="ß" * MESSAGE_LIMIT)
    assert got(ctx, bob)[0].note.message == "ß" * MESSAGE_LIMIT


def test_the_weekly_allowance(ctx: Context, ann: int, bob: int) -> None:
    for number in range(WEEKLY):
        give(ctx, ann, "bob", NOW - DAY + number, f"Thank you, {number}")
    view = kudos.open_giving(ctx, log_in(ctx, ann), "bob", NOW)
    assert not isinstance(view, Moved)
    assert (view.left, view.free_at) == (0, NOW - DAY + WEEK)
    with pytest.raises(Refused) as refused:
        give(ctx, ann, "bob")
    assert refused.value.rule == "rule_kudos_allowance"
    assert str(WEEKLY) in str(refused.value)
    give(ctx, bob, "ann")                               # another account has its own
    give(ctx, ann, "bob", NOW - DAY + WEEK)
    assert counted(ctx, bob) == WEEKLY + 1


def test_kudos_that_a_source_reports_cost_no_allowance(ctx: Context, ann: int, bob: int) -> None:
    ctx.db.executemany(
        "INSERT INTO kudos(receiver_id, giver_id, message, at) VALUES (?,?,'Hi',?)", [(bob, ann, NOW - 5)] * WEEKLY
    )
    give(ctx, ann, "bob")


def test_two_at_once_cannot_both_be_the_last_of_the_week(ctx: Context, ann: int, bob: int) -> None:
    for number in range(WEEKLY - 1):
        give(ctx, ann, "bob", NOW - number, f"Thank you, {number}")
    calls = [
        partial(kudos.give, ctx, log_in(ctx, ann), "bob", {**WORDS, "message": f"Once more, {number}"}, NOW)
        for number in range(4)
    ]
    results = at_once(ctx.db, *calls, expected=(Refused,))
    assert sorted(str(getattr(one, "rule", one)) for one in results) == ["None", *["rule_kudos_allowance"] * 3]
    assert counted(ctx, bob) == WEEKLY
    assert repair.find_differences(ctx) == []


def test_kudos_sent_twice_are_given_once(ctx: Context, ann: int, bob: int) -> None:
    """A button pressed twice, a page sent again: the same words to the same profile, while they can be taken back."""
    calls = [partial(kudos.give, ctx, log_in(ctx, ann), "bob", WORDS, NOW) for _ in range(3)]
    assert at_once(ctx.db, *calls) == [None] * 3
    give(ctx, ann, "bob", NOW + TAKE_BACK)
    assert counted(ctx, bob) == 1
    assert len(got(ctx, bob)) == 1
    give(ctx, ann, "bob", message="And for the index")
    assert kudos.give(ctx, log_in(ctx, ann), "bob", {**WORDS, "category": "extra"}, NOW) is None
    make_account(ctx.db, "cid")
    give(ctx, ann, "cid")
    give(ctx, ann, "bob", NOW + TAKE_BACK + 1)
    assert counted(ctx, bob) == 4
    assert repair.find_differences(ctx) == []


def test_t54_a_private_or_closing_giver_is_a_member(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    for columns in ({"private": True, "keep_name": True}, {"private": False, "state": "closing"}):
        set_columns(ctx.db, ann, **columns)
        for note in (see(ctx, "bob").kudos.latest[0], got(ctx, bob)[0].note):  # type: ignore[union-attr]
            assert (note.message, note.giver, note.giver_url, note.avatar) == (WORDS["message"], None, None, None)


def test_t69_a_deleted_giver_leaves_the_count_and_no_words(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    set_columns(ctx.db, ann, state="closing", closes_at=NOW - 1)
    assert erasing.delete(ctx, ann, NOW)
    view = see(ctx, "bob")
    assert view.kudos is not None
    assert (view.kudos.received, view.kudos.latest) == (1, ())
    line = got(ctx, bob)[0]
    assert (line.note.giver, line.note.message, line.note.category) == (None, "", "")
    assert repair.find_differences(ctx) == []


def test_d22_a_deleted_receiver_leaves_nothing(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    kudos_own.mute(ctx, log_in(ctx, bob), NOW, muted=True)
    set_columns(ctx.db, bob, state="closing", closes_at=NOW - 1)
    assert erasing.delete(ctx, bob, NOW)
    for table in ("kudos", "kudos_waiting", "kudos_mute", "activity", "pair_counter"):
        assert not ctx.db.rows(f"SELECT 1 FROM {table}"), table
    assert repair.find_differences(ctx) == []


# Taking back --------------------------------------------------------------------------------------------------------


def test_taken_back_within_the_hour_it_was_never_given(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    session = log_in(ctx, ann)
    line = kudos_own.view_own(ctx, session, NOW).given[0]
    assert (line.note.giver, line.until) == ("Bob", NOW + TAKE_BACK)
    kudos.take_back(ctx, session, line.word, NOW + HOUR)
    for table in ("kudos", "kudos_waiting", "activity", "pair_counter", "crossing"):
        assert not ctx.db.rows(f"SELECT 1 FROM {table}"), table
    assert counted(ctx, bob) == 0
    assert repair.find_differences(ctx) == []
    with pytest.raises(NotFound):
        kudos.take_back(ctx, session, line.word, NOW)


def test_after_the_hour_kudos_stay(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    session = log_in(ctx, ann)
    word = kudos_own.view_own(ctx, session, NOW).given[0].word
    with pytest.raises(Refused) as refused:
        kudos.take_back(ctx, session, word, NOW + HOUR + 1)
    assert refused.value.rule == "rule_kudos_take_back"
    assert kudos_own.view_own(ctx, session, NOW + HOUR + 1).given[0].until is None
    assert counted(ctx, bob) == 1


# Hiding and reporting ------------------------------------------------------------------------------------------------


def test_hidden_words_leave_the_profile_and_count_all_the_same(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    session, line = log_in(ctx, bob), got(ctx, bob)[0]
    version = ctx.db.row(VERSION, (bob,))
    kudos_own.hide(ctx, session, line.word, NOW, hidden=True)
    view = see(ctx, "bob")
    assert view.kudos is not None
    assert (view.kudos.received, view.kudos.latest, got(ctx, bob)[0].is_hidden) == (1, (), True)
    assert ctx.db.row(VERSION, (bob,)) > version
    assert kudos_digest.tell_due(ctx, NOW) == 0
    kudos_own.hide(ctx, session, line.word, NOW, hidden=False)
    assert see(ctx, "bob").kudos.latest[0].message == WORDS["message"]  # type: ignore[union-attr]
    assert [row[0] for row in ctx.db.rows("SELECT event FROM audit WHERE event LIKE 'kudos:%' ORDER BY id")] == [
        "kudos:hide", "kudos:show"]
    assert not kudos_own.view_own(ctx, log_in(ctx, ann), NOW).given[0].is_hidden     # the giver is not told


def test_t71_nobody_else_hides_reports_or_takes_back(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    eve = log_in(ctx, make_account(ctx.db, "eve"))
    row = ctx.db.row("SELECT id, at FROM kudos")
    assert row is not None
    received = got(ctx, bob)[0].word
    for session in (eve, log_in(ctx, ann), log_in(ctx, bob)):
        own = kudos.word_of(ctx, session, row[1], row[0])
        words = [received, "", "zzz", str(row[0])] if session.handle != "bob" else ["", "zzz"]
        for word in [*words, own] if session.handle != "bob" else words:
            acts: list[Callable[[], None]] = [
                lambda: kudos_own.hide(ctx, session, word, NOW, hidden=True),  # noqa: B023
                lambda: kudos_own.report(ctx, session, word, NOW),  # noqa: B023
            ]
            if session.handle == "eve":
                acts.append(lambda: kudos.take_back(ctx, session, word, NOW))  # noqa: B023
            for act in acts:
                with pytest.raises(NotFound):
                    act()
    assert counted(ctx, bob) == 1


def test_d7_of_a_group_each_session_sees_what_is_its_own(ctx: Context, ann: int, bob: int) -> None:
    names = {"primary": bob, "old": make_account(ctx.db, "old"), "silent": make_account(ctx.db, "silent"),
             "worker": make_account(ctx.db, "worker", kind="managed")}
    for name, account in names.items():
        give(ctx, ann, "bob" if name == "primary" else name, message=name)
        if name != "primary":
            link(ctx.db, account, bob, silent=name == "silent")

    def seen(name: str) -> set[str]:
        return {line.note.message for line in got(ctx, names[name])}

    assert seen("primary") == seen("old") == {"primary", "old", "worker"}
    assert (seen("silent"), seen("worker")) == ({"silent"}, {"worker"})


def test_reported_kudos_are_hidden_and_wait_for_an_admin(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob", message="Rude words")
    kudos_own.report(ctx, log_in(ctx, bob), got(ctx, bob)[0].word, NOW)
    root = log_in(ctx, make_account(ctx.db, "root", is_admin=True), admin=True)
    report = kudos_reports.view_reports(ctx, root).reports[0]
    assert (report.note.message, report.note.giver, report.to) == ("Rude words", "Ann", "Bob")
    assert see(ctx, "bob").kudos.latest == ()  # type: ignore[union-attr]
    kudos_reports.settle(ctx, root, report.word, NOW, remove=True)
    assert (counted(ctx, bob), kudos_reports.view_reports(ctx, root).total) == (0, 0)
    assert repair.find_differences(ctx) == []
    with pytest.raises(NotFound):
        kudos_reports.settle(ctx, root, report.word, NOW, remove=True)
    assert [row[0] for row in ctx.db.rows("SELECT event FROM audit WHERE event LIKE 'kudos:%' ORDER BY id")] == [
        "kudos:report", "kudos:remove"]


def test_kept_kudos_cannot_be_reported_again(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    session, word = log_in(ctx, bob), got(ctx, bob)[0].word
    kudos_own.report(ctx, session, word, NOW)
    root = log_in(ctx, make_account(ctx.db, "root", is_admin=True), admin=True)
    kudos_reports.settle(ctx, root, kudos_reports.view_reports(ctx, root).reports[0].word, NOW, remove=False)
    assert kudos_reports.view_reports(ctx, root).total == 0
    with pytest.raises(Refused):
        kudos_own.report(ctx, session, word, NOW)
    assert (got(ctx, bob)[0].is_kept, counted(ctx, bob)) == (True, 1)


def test_t54_an_admin_reads_no_hidden_name(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    kudos_own.report(ctx, log_in(ctx, bob), got(ctx, bob)[0].word, NOW)
    for account in (ann, bob):
        set_columns(ctx.db, account, private=True)
    root = log_in(ctx, make_account(ctx.db, "root", is_admin=True), admin=True)
    report = kudos_reports.view_reports(ctx, root).reports[0]
    assert (report.note.giver, report.note.avatar, report.to, report.to_url) == (None, None, None, None)


def test_d5_no_audit_row_about_a_report_names_two_accounts(ctx: Context, ann: int, bob: int) -> None:
    old = make_account(ctx.db, "old")
    link(ctx.db, old, bob)
    give(ctx, ann, "bob")
    kudos_own.report(ctx, log_in(ctx, old), got(ctx, old)[0].word, NOW)
    root = log_in(ctx, make_account(ctx.db, "root", is_admin=True), admin=True)
    kudos_reports.settle(ctx, root, kudos_reports.view_reports(ctx, root).reports[0].word, NOW, remove=False)
    rows = ctx.db.rows("SELECT actor_id, subject_id, detail FROM audit WHERE event LIKE 'kudos:%' ORDER BY id")
    assert rows == [(old, old, "{}"), (root.account_id, None, "{}")]


def test_of_a_sources_kudos_the_words_go_and_its_count_stays(ctx: Context, ann: int, bob: int) -> None:
    from policies.terms import ActivityKind, Event
    from webapp.store import identities

    identities.save_identities(ctx.db, source(ctx.db), [("b", bob, None), ("a", ann, None)], NOW)
    event = Event("k1", "b", ActivityKind.KUDOS, NOW - 9, "", "Rude words", by="a")
    ingest.record_events(ctx, "forum", [event], NOW)
    kudos_own.report(ctx, log_in(ctx, bob), got(ctx, bob)[0].word, NOW)
    root = log_in(ctx, make_account(ctx.db, "root", is_admin=True), admin=True)
    kudos_reports.settle(ctx, root, kudos_reports.view_reports(ctx, root).reports[0].word, NOW, remove=True)
    assert counted(ctx, bob) == 1
    assert ingest.record_events(ctx, "forum", [event], NOW)[0].result == "duplicate"
    assert not ctx.db.rows("SELECT 1 FROM kudos WHERE message <> ''")
    assert not ctx.db.rows("SELECT 1 FROM activity WHERE title <> ''")
    assert repair.find_differences(ctx) == []


# The daily mail ------------------------------------------------------------------------------------------------------


def test_t55_the_daily_mail_names_whom_the_receiver_may_see_and_no_words(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    give(ctx, make_account(ctx.db, "recluse", private=True, keep_name=True), "bob", message="Secret words")
    give(ctx, make_account(ctx.db, "spam", public_name="Win at evil.example/x"), "bob")
    assert kudos_digest.tell_due(ctx, NOW) == 1
    to, subject, body = mails(ctx)[0]
    assert (to, subject) == ("bob@home.example", f"3 kudos for you at {ctx.site_name}")
    assert "- Ann: Helpful answer" in body
    assert body.count("- A member: Helpful answer") == 2
    for hidden in ("Recluse", "evil", WORDS["message"], "Secret"):
        assert hidden not in body
    assert kudos_digest.tell_due(ctx, NOW + DAY) == 0       # once


def test_whoever_wants_no_mail_gets_none(ctx: Context, ann: int, bob: int) -> None:
    session = log_in(ctx, bob)
    kudos_own.mute(ctx, session, NOW, muted=True)
    kudos_own.mute(ctx, session, NOW, muted=True)
    give(ctx, ann, "bob")
    assert (kudos_digest.tell_due(ctx, NOW), mails(ctx)) == (0, [])
    assert kudos_own.view_own(ctx, session, NOW).is_muted
    kudos_own.mute(ctx, session, NOW, muted=False)
    give(ctx, ann, "bob", message="And again")
    assert kudos_digest.tell_due(ctx, NOW) == 1
    assert mails(ctx)[0][1].startswith("Kudos for you")


def test_a_deactivated_receiver_is_not_mailed(ctx: Context, ann: int, bob: int) -> None:
    give(ctx, ann, "bob")
    set_columns(ctx.db, bob, state="deactivated")
    assert (kudos_digest.tell_due(ctx, NOW), mails(ctx)) == (0, [])


def test_a_long_mail_says_how_many_more(ctx: Context, ann: int, bob: int) -> None:
    for number in range(kudos_digest.LINES + 2):
        give(ctx, make_account(ctx.db, f"giver{number}"), "bob")
    assert kudos_digest.tell_due(ctx, NOW) == 1
    assert "and 2 more." in mails(ctx)[0][2]


# The site's own source -----------------------------------------------------------------------------------------------


def test_t98_nobody_reports_for_the_site_itself(ctx: Context, ann: int, bob: int) -> None:
    from policies.terms import ActivityKind, Area, Event
    from webapp.services import apps, source_tokens

    give(ctx, ann, "bob")
    root = log_in(ctx, make_account(ctx.db, "root", is_admin=True), admin=True)
    event = Event("k1", "acc-bob", ActivityKind.KUDOS, NOW, "", "Forged")
    for act in (
        lambda: ingest.record_events(ctx, "vitrine", [event], NOW),
        lambda: ingest.retract_event(ctx, "vitrine", "k1", NOW),
        lambda: source_tokens.make(ctx, root, "vitrine", NOW),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(Invalid):
        ingest.register_source(ctx, "vitrine", "Mine", Area.FORUM, NOW)
    assert apps.sources(ctx) == []
    assert source_tokens.list_sources(ctx, NOW) == ()


def test_the_lists_are_paged_newest_first(ctx: Context, bob: int) -> None:
    for number in range(kudos_own.PAGE + 3):
        give(ctx, make_account(ctx.db, f"giver{number}"), "bob", NOW - number)
    session = log_in(ctx, bob)
    first = kudos_own.view_own(ctx, session, NOW)
    rest = kudos_own.view_own(ctx, session, NOW, first.next_cursor)
    assert (len(first.received), len(rest.received), rest.next_cursor) == (kudos_own.PAGE, 3, None)
    times = [line.note.at for line in (*first.received, *rest.received)]
    assert times == sorted(times, reverse=True)
