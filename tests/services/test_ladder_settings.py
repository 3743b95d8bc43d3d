"""Ladders, points and levels that an admin sets: rehearsed, applied in a second step, used by every consumer."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from policies.errors import Conflict, Invalid
from policies.manager import PolicyManager
from policies.terms import ANONYMOUS, ActivityKind, Area, Event
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.together import at_once
from webapp.ops.doctor import examine
from webapp.services import badges, ingest, ladder_rehearsal, ladder_settings, profiles, sessions
from webapp.services.context import Context
from webapp.services.ladder_settings import Tables
from webapp.services.sessions import Session


@pytest.fixture
def boss(ctx: Context) -> Session:
    session = sessions.load_session(ctx, sessions.start(ctx, make_account(ctx.db, "boss", is_admin=True), NOW), NOW)
    assert session is not None
    ingest.register_source(ctx, "forum", "Forum", Area.FORUM, NOW)
    return session


def member(ctx: Context, handle: str, answers: int, **columns: Any) -> int:
    """Somebody with so many answers, one an hour, and one course."""
    account_id = make_account(ctx.db, handle, **columns)
    events = [Event(f"{handle}{n}", handle, ActivityKind.ANSWER, NOW - 900_000 + n * 3600) for n in range(answers)]
    events.append(Event(f"{handle}c", handle, ActivityKind.COURSE_COMPLETED, NOW - 1000, object=f"c{handle}"))
    ctx.db.execute("INSERT INTO identity(source_id, actor, account_id, created_at) VALUES (1, ?, ?, 1)",
                   (handle, account_id))
    ingest.record_events(ctx, "forum", events, NOW)
    return account_id


def form_of(ctx: Context, **changed: str) -> dict[str, str]:
    page = ladder_settings.view_levels(ctx)
    form = {f"ladder-{one.metric}": one.steps for one in page.ladders}
    form |= {f"points-{one.metric}": one.worth for one in page.points}
    for n, (at, name) in enumerate(page.rungs):
        form |= {f"at-{n}": at, f"level-{n}": name}
    return form | {name.replace("_", "-", 1): value for name, value in changed.items()}


def tables(ctx: Context, **changed: str) -> Tables:
    return ladder_settings.read_form(ctx, form_of(ctx, **changed))


def apply(ctx: Context, boss: Session, **changed: str) -> None:
    after = tables(ctx, **changed)
    mark = ladder_settings.mark_of(ladder_settings.in_force(ctx), after)
    ladder_settings.apply(ctx, boss, after, mark, NOW)


def shelf(ctx: Context, handle: str) -> list[tuple[int, int | None]]:
    """(value, when) of the earned answer milestones on the badges page."""
    page = badges.view_badges(ctx, ANONYMOUS, handle, NOW)
    assert page is not None
    assert not hasattr(page, "status")
    return [(gem.value, gem.at) for one in page.shelves if one.metric == "answers"      # type: ignore[union-attr]
            for gem in one.gems if gem.earned]


def test_tables_come_with_the_name_of_what_sets_them(ctx: Context, boss: Session) -> None:
    page = ladder_settings.view_levels(ctx)
    assert {one.by for one in page.ladders} == {"milestones"}
    assert {one.by for one in page.points} == {page.levels_by} == {"levels"}
    apply(ctx, boss, ladder_answers="1, 3", points_articles="11", level_0="Fresh")
    page = ladder_settings.view_levels(ctx)
    assert {one.metric: one.by for one in page.ladders if one.by == ladder_settings.SITE} == {"answers": "this site"}
    assert [one.metric for one in page.points if one.by == ladder_settings.SITE] == ["articles"]
    assert page.levels_by == ladder_settings.SITE
    assert next(one for one in page.ladders if one.metric == "answers").plain.startswith("1, 10, 25")
    apply(ctx, boss, ladder_answers="1 10 25 50 75 100 250 500 1000 2500 5000 10000", points_articles="10",
          level_0="Newcomer")
    assert ctx.db.rows("SELECT key FROM site_setting WHERE key IN ('ladders', 'points', 'levels')") == []


def test_every_consumer_uses_the_applied_tables_by_its_next_look(ctx: Context, boss: Session) -> None:
    member(ctx, "ann", 12)
    other = Context(db=ctx.db, manager=type(ctx.manager)(), site=ctx.site)     # another process
    assert shelf(other, "ann") == [(1, NOW - 900_000), (10, NOW - 900_000 + 9 * 3600)]
    apply(ctx, boss, ladder_answers="3, 12, 500", points_answers="100", at_1="99")
    for process in (ctx, other):
        assert shelf(process, "ann") == [(3, NOW - 900_000 + 2 * 3600), (12, NOW - 900_000 + 11 * 3600)]
        view = profiles.view_profile(process, ANONYMOUS, "ann", NOW)
        assert view is not None
        assert view.level is not None       # type: ignore[union-attr]
        assert view.level.points == 12 * 100 + 10    # type: ignore[union-attr]
    assert list(examine(ctx)) == []             # the dates of milestones follow too
    ingest.record_events(other, "forum", [Event("late", "ann", ActivityKind.ANSWER, NOW - 990_000)], NOW)
    assert list(examine(ctx)) == []
    assert ctx.db.row("SELECT COUNT(*) FROM crossing WHERE metric = 'courses_completed'") == (1,)


def test_a_new_course_ladder_gets_its_dates(ctx: Context, boss: Session) -> None:
    ann = member(ctx, "ann", 1)
    extra = [Event(f"x{n}", "ann", ActivityKind.COURSE_COMPLETED, NOW - 500 + n, object=f"x{n}") for n in range(3)]
    ingest.record_events(ctx, "forum", extra, NOW)
    apply(ctx, boss, ladder_courses_completed="2, 3")
    rows = ctx.db.rows("SELECT value, at FROM crossing WHERE account_id = ? AND metric = 'courses_completed'"
                       " ORDER BY value", (ann,))
    assert rows == [(2, NOW - 500), (3, NOW - 499)]
    assert list(examine(ctx)) == []


def test_the_rehearsal_tells_who_gains_and_loses_before_anything_applies(ctx: Context, boss: Session) -> None:
    for handle, answers in (("ann", 3), ("bob", 12), ("cleo", 30)):
        member(ctx, handle, answers)
    after = tables(ctx, ladder_answers="5, 10, 20", points_answers="1", at_1="20")
    told = ladder_rehearsal.rehearse(ctx, ladder_settings.in_force(ctx), after)
    assert [(one.label, one.gain, one.lose) for one in told.ladders] == [("Answers", 2, 3)]
    assert (told.points.gain, told.points.lose) == (0, 3)
    # 16, 34 and 70 points make 13, 22 and 40; the second level begins at 20 instead of 25.
    assert (told.levels.gain, told.levels.lose) == (0, 0)
    assert told.looked == 4
    assert told.is_whole
    assert [value for value, _ in shelf(ctx, "bob")] == [1, 10]
    same = ladder_rehearsal.rehearse(ctx, ladder_settings.in_force(ctx), ladder_settings.in_force(ctx))
    assert not same.changes


def test_no_threshold_tells_a_hidden_total_or_a_link(ctx: Context, boss: Session) -> None:
    """Twin worlds: whatever is hidden changes, and the counts stay."""
    ann, bob, cleo = member(ctx, "ann", 3), member(ctx, "bob", 12), member(ctx, "cleo", 12)
    hidden = member(ctx, "dora", 40, private=True)
    ctx.db.execute("UPDATE account SET cap_anyone = 0, cap_org = 0 WHERE id = ?", (ann,))
    link(ctx.db, bob, hidden)

    def counts() -> list[tuple[int, int]]:
        found = []
        for step in (2, 5, 13, 25, 41, 52):
            told = ladder_rehearsal.rehearse(
                ctx, ladder_settings.in_force(ctx), tables(ctx, ladder_answers=str(step), points_answers=str(step))
            )
            found += [(told.ladders[0].gain, told.ladders[0].lose), (told.points.gain, told.looked)]
        return found

    before = counts()
    ctx.db.execute("UPDATE counter SET answers = answers + 7 WHERE account_id IN (?, ?)", (ann, hidden))
    assert counts() == before
    ctx.db.execute("UPDATE account SET primary_id = NULL, linked_at = NULL WHERE id = ?", (bob,))
    link(ctx.db, cleo, hidden)          # the private profile has another of equal totals behind it
    assert counts() == before


def test_what_is_applied_is_what_was_rehearsed(ctx: Context, boss: Session) -> None:
    after = tables(ctx, ladder_answers="5")
    mark = ladder_settings.mark_of(ladder_settings.in_force(ctx), after)
    with pytest.raises(Conflict):
        ladder_settings.apply(ctx, boss, tables(ctx, ladder_answers="6"), mark, NOW)
    apply(ctx, boss, points_answers="9")
    with pytest.raises(Conflict):       # somebody else was faster
        ladder_settings.apply(ctx, boss, tables(ctx, ladder_answers="5", points_answers="2"), mark, NOW)
    assert ctx.settings().ladders == {}
    notes = ctx.db.rows("SELECT detail FROM audit WHERE event = 'levels:apply'")
    assert notes == [('{"after": {"points answers": 9}, "before": {"points answers": 2}}',)]


@pytest.mark.parametrize(("field", "value"), [
    ("ladder-answers", "10, 5"), ("ladder-answers", "0, 5"), ("ladder-answers", "1, 1"), ("ladder-answers", "x"),
    ("ladder-answers", "-1"), ("ladder-answers", "9" * 30), ("ladder-answers", ",".join(map(str, range(1, 60)))),
    ("ladder-answers", "²"), ("points-answers", ""), ("points-answers", "-1"), ("points-answers", "99999"),
    ("at-0", "5"), ("at-1", "0"), ("at-3", "x"), ("at-2", ""), ("level-2", ""), ("level-2", "a\u202eb"),
    ("level-2", "x" * 31), ("at-2", "9" * 40),
])  # fmt: skip
def test_a_table_that_cannot_be_is_told_beside_its_field(sqlite_ctx: Context, field: str, value: str) -> None:
    with pytest.raises(Invalid) as invalid:
        ladder_settings.read_form(sqlite_ctx, form_of(sqlite_ctx) | {field: value})
    assert field in invalid.value.errors


def test_there_is_always_a_first_level(sqlite_ctx: Context) -> None:
    form = {name: value for name, value in form_of(sqlite_ctx).items() if not name.startswith(("at-", "level-"))}
    with pytest.raises(Invalid):
        ladder_settings.read_form(sqlite_ctx, form)


def test_s69_a_batch_on_its_way_while_the_ladder_changes_is_dated_by_the_new_one(ctx, boss):
    """On PostgreSQL the batch is not seen by the change before it commits, so the change waits for it."""
    member(ctx, "ann", 2)
    elsewhere, counted, go_on = Context(ctx.db, PolicyManager(), ctx.site), threading.Event(), threading.Event()
    more = [Event(f"late{n}", "ann", ActivityKind.ANSWER, NOW - 500 + n) for n in range(3)]

    def batch() -> None:
        with ctx.db.transaction():
            ingest.record_events(elsewhere, "forum", more, NOW)
            counted.set()
            go_on.wait(10)

    def change() -> None:
        counted.wait(10)
        apply(ctx, boss, ladder_answers="4")

    def let_go() -> None:
        counted.wait(10)
        time.sleep(0.5)
        go_on.set()

    at_once(ctx.db, batch, change, let_go)
    assert shelf(ctx, "ann") == [(4, NOW - 499)]
    assert list(examine(ctx)) == []
