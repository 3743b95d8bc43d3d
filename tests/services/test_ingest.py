"""Recording and taking back events: what is refused, what waits, what moves the row version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.errors import Invalid, NotFound, Refused
from policies.manager import PolicyManager
from policies.terms import ActivityKind as K
from policies.terms import Area, Event
from tests.conftest import NOW
from webapp.services import ingest, repair
from webapp.services.context import Context, Site
from webapp.services.ingest import Outcome, Result, attach_identity, record_events, register_source, retract_event
from webapp.store import accounts, filing
from webapp.store.database import Database

FORUM = "forum.example"


@pytest.fixture
def ctx(db: Database) -> Context:
    context = Context(db, PolicyManager(), Site())
    register_source(context, FORUM, "Forum", Area.FORUM, NOW)
    return context


def account(ctx: Context, handle: str) -> int:
    made = accounts.insert(ctx.db, NOW, public_id=handle, handle=handle, public_name=handle, state="active")
    assert made is not None
    return made


def member(ctx: Context, actor: str) -> int:
    """An account that the forum knows as `actor`."""
    record_events(ctx, FORUM, [event(f"hello-{actor}", actor, K.COMMENT)], NOW)
    made = account(ctx, actor)
    attach_identity(ctx, identity(ctx, actor), made, NOW)
    return made


def identity(ctx: Context, actor: str) -> int:
    row = ctx.db.row("SELECT id FROM identity WHERE actor = ?", (actor,))
    assert row is not None
    return int(row[0])


def event(external_id: str, actor: str = "ann", kind: K = K.ANSWER, at: int = NOW - 100, **more: Any) -> Event:
    return Event(external_id, actor, kind, at, **more)


def counter(ctx: Context, account_id: int, column: str) -> int:
    row = ctx.db.row(f"SELECT {column} FROM account JOIN counter ON account_id = id WHERE id = ?", (account_id,))
    assert row is not None
    return int(row[0])


def test_an_event_is_recorded_once(ctx: Context) -> None:
    """I8."""
    ann = member(ctx, "ann")
    said = record_events(ctx, FORUM, [event("1"), event("1"), event("2")], NOW)
    assert [outcome.result for outcome in said] == ["created", "duplicate", "created"]
    version = counter(ctx, ann, "version")
    assert record_events(ctx, FORUM, [event("2", kind=K.KUDOS)], NOW) == [Outcome("2", Result.DUPLICATE)]
    assert (counter(ctx, ann, "answers"), counter(ctx, ann, "version")) == (2, version)


def test_the_same_external_id_of_another_source_is_another_event(ctx: Context) -> None:
    register_source(ctx, "other.example", "Other", Area.LEARNING, NOW)
    for source in (FORUM, "other.example"):
        assert record_events(ctx, source, [event("1")], NOW)[0].result == Result.CREATED


@pytest.mark.parametrize(
    "bad",
    [
        event(""), event("x" * 201), event("a\x00b"), event("1", ""), event("1", at=NOW + 301), event("1", at=-1),
        event("1", url="javascript:alert(1)"), event("1", url="https://x y"), event("1", object="o" * 301),
        event("1", kind=K.COURSE_COMPLETED), event("1", kind="nonsense"),  # type: ignore[arg-type]
        event("1", kind=K.KUDOS, by="ann"),
    ],
)  # fmt: skip
def test_t98_what_makes_no_sense_is_refused_and_said_why(ctx: Context, bad: Event) -> None:
    said = record_events(ctx, FORUM, [bad, event("good", "ben")], NOW)
    assert [outcome.result for outcome in said] == ["refused", "created"]
    assert said[0].why.endswith(".")
    assert ctx.db.rows("SELECT external_id FROM activity") == [("good",)]


def test_d9_giving_to_oneself_is_refused_also_between_two_actors_of_one_account(ctx: Context) -> None:
    ann = member(ctx, "ann")
    record_events(ctx, FORUM, [event("hello", "ann-2", K.COMMENT)], NOW)
    attach_identity(ctx, identity(ctx, "ann-2"), ann, NOW)
    said = record_events(ctx, FORUM, [event("1", "ann", K.LIKE_RECEIVED, by="ann-2")], NOW)
    assert (said[0].result, said[0].why) == ("refused", "Nobody gives likes or kudos to themselves.")


def test_a_refused_event_does_not_use_up_its_external_id(ctx: Context) -> None:
    batch = [event("1", kind=K.KUDOS, by="ann"), event("1", at=-1), event("1"), event("1", kind=K.KUDOS, by="ann")]
    said = record_events(ctx, FORUM, batch, NOW)
    assert [outcome.result for outcome in said] == ["refused", "refused", "created", "duplicate"]


def test_titles_are_kept_as_text_and_cut(ctx: Context) -> None:
    record_events(ctx, FORUM, [event("1", title="<b>\u202eHi\u200b\n" + "x" * 300)], NOW)
    (title,) = ctx.db.row("SELECT title FROM activity") or ("",)
    assert title == "<b>Hi " + "x" * 193 + "…"


def test_events_of_an_unknown_actor_wait_for_an_account(ctx: Context) -> None:
    record_events(ctx, FORUM, [event("1"), event("2", kind=K.KUDOS, title="Thanks!")], NOW)
    assert ctx.db.rows("SELECT account_id FROM activity") == [(None,), (None,)]
    ann = account(ctx, "ann")
    assert attach_identity(ctx, identity(ctx, "ann"), ann, NOW) == 2
    assert (counter(ctx, ann, "answers"), counter(ctx, ann, "peer_kudos")) == (1, 1)
    assert ctx.db.rows("SELECT receiver_id, message FROM kudos") == [(ann, "Thanks!")]
    assert attach_identity(ctx, identity(ctx, "ann"), ann, NOW) == 0
    assert repair.find_differences(ctx) == []


def test_an_identity_is_not_given_twice_nor_from_the_grave(ctx: Context) -> None:
    """D21."""
    member(ctx, "ann")
    other = account(ctx, "other")
    with pytest.raises(Refused):
        attach_identity(ctx, identity(ctx, "ann"), other, NOW)
    ctx.db.execute("UPDATE identity SET account_id = NULL, buried_at = 1")
    with pytest.raises(Refused):
        attach_identity(ctx, identity(ctx, "ann"), other, NOW)
    said = record_events(ctx, FORUM, [event("1"), event("2", "ben", K.KUDOS, by="ann")], NOW)
    assert [outcome.result for outcome in said] == ["refused", "created"]
    assert ctx.db.rows("SELECT by_actor FROM activity WHERE external_id = '2'") == [(None,)]


def test_pairs_are_kept_where_the_giver_is_known(ctx: Context) -> None:
    """D9."""
    ann, ben = member(ctx, "ann"), member(ctx, "ben")
    events = [event("1", "ann", K.KUDOS, by="ben"), event("2", "ann", K.LIKE_RECEIVED, by="ben")]
    record_events(ctx, FORUM, [*events, event("3", "ann", K.LIKE_RECEIVED, by="nobody"), event("4", "ann")], NOW)
    assert ctx.db.rows("SELECT * FROM pair_counter") == [(ann, ben, 1, 1)]


def test_s69_a_step_of_a_former_ladder_stands_for_no_step_of_todays(ctx: Context) -> None:
    """As many dates as milestones are not the dates of the milestones."""
    ann = member(ctx, "ann")
    record_events(ctx, FORUM, [event(str(n), "ann", at=1000 + n) for n in range(12)], NOW)
    ctx.db.execute("UPDATE crossing SET value = 5 WHERE account_id = ? AND metric = 'answers' AND value = 10", (ann,))
    record_events(ctx, FORUM, [event("more", "ann", at=3000)], NOW)
    where = "account_id = ? AND metric = 'answers'"
    dated = dict(ctx.db.rows(f"SELECT value, at FROM crossing WHERE {where}", (ann,)))
    assert dated[10] == 1009


def test_retracting_takes_back_exactly_what_the_event_brought(ctx: Context) -> None:
    ann = member(ctx, "ann")
    member(ctx, "ben")
    tables = ("activity", "crossing", "pair_counter", "held", "kudos")

    def kept() -> dict[str, Any]:
        found = {table: sorted(ctx.db.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}
        return {**found, "days": filing.load_days(ctx.db)}

    before, version = kept(), counter(ctx, ann, "version")
    events = [
        event(f"x{kind}", "ann", kind, NOW - number, object="thing", title="Thing", by="ben" if kind is K.KUDOS else "")
        for number, kind in enumerate(K)
    ]
    record_events(ctx, FORUM, events, NOW)
    for each in events:
        assert retract_event(ctx, FORUM, each.external_id, NOW)
        assert repair.find_differences(ctx) == []
    assert kept() == before
    assert counter(ctx, ann, "version") == version + 1 + len(events)
    assert not retract_event(ctx, FORUM, "xanswer", NOW)
    assert record_events(ctx, FORUM, [events[0]], NOW)[0].result == Result.CREATED


def test_a_milestone_has_the_date_of_the_event_that_crossed_it_however_late_it_arrived(ctx: Context) -> None:
    """S69."""
    ann = member(ctx, "ann")

    def dates() -> dict[int, int]:
        return dict(ctx.db.rows("SELECT value, at FROM crossing WHERE account_id = ? AND metric = 'answers'", (ann,)))

    record_events(ctx, FORUM, [event(str(n), at=1000 + n) for n in range(9)], NOW)
    assert dates() == {1: 1000}
    record_events(ctx, FORUM, [event("late", at=2000)], NOW)
    assert dates() == {1: 1000, 10: 2000}
    record_events(ctx, FORUM, [event("early", at=5)], NOW)
    assert dates() == {1: 5, 10: 1008}
    retract_event(ctx, FORUM, "early", NOW)
    assert dates() == {1: 1000, 10: 2000}


def test_a_course_done_again_counts_once_from_its_first_date(ctx: Context) -> None:
    """D8."""
    member(ctx, "ann")
    done = event("1", kind=K.COURSE_COMPLETED, at=500, object="c1", title="Course")
    record_events(ctx, FORUM, [done, replace(done, external_id="2", occurred_at=300, title="Course, first")], NOW)
    assert ctx.db.rows("SELECT kind, item, title, at, events FROM held") == [
        ("course", "forum.example:c1", "Course, first", 300, 2)
    ]
    assert ctx.db.rows("SELECT metric, value, at FROM crossing") == [("courses_completed", 1, 300)]


def test_leaving_a_group_removes_it_whatever_order_the_events_came_in(ctx: Context) -> None:
    """S11."""
    member(ctx, "ann")
    joined = event("1", kind=K.GROUP_JOINED, at=100, object="g", title="Group")
    left = event("2", kind=K.GROUP_LEFT, at=200, object="g")
    record_events(ctx, FORUM, [left], NOW)
    record_events(ctx, FORUM, [joined], NOW)
    assert ctx.db.rows("SELECT item FROM held") == []
    record_events(ctx, FORUM, [replace(joined, external_id="3", occurred_at=300)], NOW)
    assert ctx.db.rows("SELECT item, at FROM held") == [("forum.example:g", 300)]


def test_only_the_members_own_acts_are_listed(ctx: Context) -> None:
    member(ctx, "ann")
    record_events(ctx, FORUM, [event(f"x{kind}", kind=kind, object="o", title="t") for kind in K], NOW)
    unlisted = {row[0] for row in ctx.db.rows("SELECT kind FROM activity WHERE NOT listed")}
    assert unlisted == {"like_received", "kudos", "badge", "group_left"}
    assert sum(filing.load_days(ctx.db).values()) == 1 + len(K) - len(unlisted)


def test_a_batch_is_whole_or_not_there(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    member(ctx, "ann")

    def fail(*_: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(ingest.store, "save_kudos", fail)
    with pytest.raises(RuntimeError):
        record_events(ctx, FORUM, [event("1")], NOW)
    assert ctx.db.rows("SELECT id FROM activity WHERE external_id = '1'") == []
    assert repair.find_differences(ctx) == []


def test_an_unknown_source_is_not_found(ctx: Context) -> None:
    with pytest.raises(NotFound):
        record_events(ctx, "elsewhere.example", [event("1")], NOW)


@pytest.mark.parametrize("name", ["", "Upper", "with space", "a:b", "x" * 101])
def test_source_names_are_like_host_names(ctx: Context, name: str) -> None:
    with pytest.raises(Invalid):
        register_source(ctx, name, "X", Area.FORUM, NOW)


def test_repair_sets_right_what_was_wrong(ctx: Context) -> None:
    """I5, I6."""
    ann = member(ctx, "ann")
    member(ctx, "ben")
    record_events(ctx, FORUM, [event(str(n), at=n) for n in range(12)], NOW)
    more = [event("k", "ann", K.KUDOS, by="ben"), event("c", kind=K.COURSE_COMPLETED, object="c", title="C")]
    record_events(ctx, FORUM, more, NOW)
    db = ctx.db
    with db.transaction():
        filing.file_all(db, [ann])
    db.execute("UPDATE counter SET answers = answers + 3, peer_kudos = 0 WHERE account_id = ?", (ann,))
    for table in ("held", "crossing", "pair_counter", "activity_year"):
        db.execute(f"DELETE FROM {table}")
    db.execute("INSERT INTO crossing(account_id, metric, value, at) VALUES (?, 'articles', 1, 1)", (ann,))
    found = repair.find_differences(ctx)
    assert {line.split()[0] for line in found} == {"counter", "held", "crossing", "pair_counter", "activity_year"}
    version = counter(ctx, ann, "version")
    assert repair.repair(ctx) == len(found)
    assert repair.find_differences(ctx) == []
    assert counter(ctx, ann, "answers") == 12
    assert counter(ctx, ann, "version") > version, "a drawn page has the wrong sums"
