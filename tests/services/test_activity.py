"""All activity: keyset pages, filters, cursors, the heatmap (S18, D5, T75)."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.terms import ANONYMOUS
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services.people import DAY, choose, did, see, statements
from webapp.services.activity import PAGE, view_activity
from webapp.services.context import Context
from webapp.services.cursors import seal
from webapp.services.heatmap import heatmap
from webapp.services.profiles import view_profile
from webapp.services.rows import KINDS, web_url
from webapp.services.viewing import load_viewer
from webapp.services.views import ActivityPage, ProfileView


def page(ctx: Context, handle: str = "sally", **asked: str | None) -> ActivityPage:
    found = view_activity(ctx, ANONYMOUS, handle, NOW, **asked)
    assert isinstance(found, ActivityPage)
    return found


def walk(ctx: Context, **asked: str | None) -> list[tuple[int, str]]:
    """Every row, page by page."""
    rows, cursor = [], None
    while True:
        found = page(ctx, cursor=cursor, **asked)
        rows += [(row.at, row.title) for row in found.rows]
        if found.next_cursor is None:
            return rows
        assert len(found.rows) == PAGE
        cursor = found.next_cursor


@pytest.fixture
def busy(ctx: Context) -> list[tuple[int, str, str, str]]:
    """Three accounts of one profile and a silent one; many rows at the same second: (at, title, source, kind)."""
    sally = make_account(ctx.db, "sally")
    made = []
    for account, silent in (("second", False), ("third", False), ("quiet", True), ("sally", False)):
        account_id = sally if account == "sally" else make_account(ctx.db, account)
        if account != "sally":
            link(ctx.db, account_id, sally, silent=silent)
        for number in range(45):
            where, kind = ("forum", "answer") if number % 3 else ("school", "course_completed")
            at, title = NOW - DAY * (number % 4), f"{account} {number:02}"
            did(ctx.db, account_id, kind, at, where=where, title=title)
            if not silent:
                made.append((at, title, where, kind))
    did(ctx.db, sally, "like_received", listed=False, title="not listed")
    return made


def test_s18_pages_walk_all_activity_newest_first(ctx: Context, busy: list[tuple[int, str, str, str]]) -> None:
    rows = walk(ctx)
    assert [at for at, _ in rows] == sorted((at for at, *_ in busy), reverse=True)
    assert sorted(rows) == sorted((at, title) for at, title, *_ in busy)
    ids = dict(ctx.db.rows("SELECT title, id FROM activity"))
    assert rows == sorted(rows, key=lambda row: (row[0], ids[row[1]]), reverse=True)


def test_s18_filters_by_source_and_kind(ctx: Context, busy: list[tuple[int, str, str, str]]) -> None:
    first = page(ctx)
    assert first.sources == (("forum", "Forum"), ("school", "School"))
    assert first.kinds == (("answer", "Answers"), ("course_completed", "Courses"))
    for source in (None, "forum", "school"):
        for kind in (None, "answer", "course_completed"):
            expected = {title for _, title, where, what in busy if source in (None, where) and kind in (None, what)}
            assert {title for _, title in walk(ctx, source=source, kind=kind)} == expected
    unknown = page(ctx, source="nowhere", kind="' OR 1=1 --")
    assert (unknown.source, unknown.kind, unknown.rows) == (None, None, first.rows)


def test_a_cursor_that_is_none_is_the_first_page(ctx: Context, busy: list[tuple[int, str, str, str]]) -> None:
    first = page(ctx).rows
    for cursor in ("", "x", "AAAA", "!!!", "é", "MS4y" * 30, "a" * 5000, "LS4t", "\x00", "MTox", "Zm9vLmJhcg"):
        assert page(ctx, cursor=cursor).rows == first


def test_no_activity_is_an_empty_page(ctx: Context) -> None:
    make_account(ctx.db, "sally")
    found = page(ctx)
    assert (found.rows, found.sources, found.kinds, found.next_cursor) == ((), (), (), None)


def test_a_page_reads_no_more_than_it_shows(sqlite_ctx: Context) -> None:
    """G7: the newest rows come off the index; nothing is sorted but what is shown."""
    sally = make_account(sqlite_ctx.db, "sally")
    link(sqlite_ctx.db, make_account(sqlite_ctx.db, "second"), sally)
    did(sqlite_ctx.db, sally)
    with statements(sqlite_ctx.db) as seen:
        page(sqlite_ctx, cursor=seal(sqlite_ctx.site.secret_key, "activity", NOW, 5))
    (sql,) = [text for text in seen if "v.title" in text]
    plan = " ".join(row[3] for row in sqlite_ctx.db.rows(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")))
    assert plan.count("SEARCH e USING PRIMARY KEY (account_id=? AND (at,activity_id)<(?,?))") == 2, plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(("url", "kept"), [
    ("https://a.example/x?y=1#z", True), ("http://a.example", True), ("HTTPS://a.example", True),
    ("javascript:alert(1)", False), ("data:text/html,x", False), ("//evil.example", False), ("https:evil", False),
    (" https://a.example", False), ("https://a.example/\nx", False), ("java\tscript:x", False), ("https://a\\b", False),
    ("mailto:a@b.example", False), ("", False),
])  # fmt: skip
def test_t75_only_plain_web_addresses_are_links(url: str, kept: bool) -> None:
    assert web_url(url) == (url if kept else None)


def test_every_kind_has_its_words() -> None:
    from policies.terms import ActivityKind

    assert set(KINDS) == {str(kind) for kind in ActivityKind}


# The heatmap ---------------------------------------------------------------------------------------------------------


def test_the_heatmap_is_53_weeks_that_end_today(ctx: Context) -> None:
    sally, second, quiet = (make_account(ctx.db, handle) for handle in ("sally", "second", "quiet"))
    link(ctx.db, second, sally)
    link(ctx.db, quiet, sally, silent=True)
    for account, days in ((sally, (0, 1, 2, 3)), (second, (1, 5, 6, 500)), (quiet, (4,))):
        for day in days:
            did(ctx.db, account, at=NOW - day * DAY)
    did(ctx.db, sally, "course_completed", NOW, where="school", area="learning")
    found = see(ctx, "sally").heatmap
    assert found is not None
    assert len(found.weeks) == 53
    assert {len(week) for week in found.weeks} == {7}
    first = datetime.date.fromisoformat(found.first_day)
    today = datetime.datetime.fromtimestamp(NOW, datetime.UTC).date()
    assert first.weekday() == 0
    flat = [count for week in found.weeks for count in week]
    assert flat[(today - first).days + 1:] == [None] * (53 * 7 - (today - first).days - 1)
    shown = {(today - first).days - index: count for index, count in enumerate(flat) if count}
    assert shown == {0: 2, 1: 2, 2: 1, 3: 1, 5: 1, 6: 1}
    assert (found.total, found.longest_run) == (8, 4)
    assert found.months[0].month == found.first_day[:7]
    assert found.months[-1].month == today.isoformat()[:7]
    assert (found.months[-1].forum, found.months[-1].learning, found.months[-1].event) == (7, 1, 0)
    assert len(see(ctx, "sally").recent) == 6


@pytest.mark.parametrize(("field", "kind"), [
    ("badges", "course_completed"), ("certifications", "certification"), ("groups", "group_joined"),
])  # fmt: skip
def test_the_heatmap_does_not_tell_what_a_hidden_section_holds(ctx: Context, field: str, kind: str) -> None:
    sally = make_account(ctx.db, "sally")
    did(ctx.db, sally, at=NOW)
    before = see(ctx, "sally").heatmap
    for back in (0, 2):
        did(ctx.db, sally, kind, NOW - back * DAY, where="school", area="learning")
    shown = see(ctx, "sally").heatmap
    assert shown is not None
    assert (shown.total, shown.months[-1].learning) == (3, 2)
    choose(ctx.db, sally, you=(field,))
    assert see(ctx, "sally").heatmap == before
    own = view_profile(ctx, load_viewer(ctx, sally), "sally", NOW)
    assert isinstance(own, ProfileView)
    assert own.heatmap == shown


@given(st.dictionaries(st.integers(-5, 380), st.integers(1, 9)), st.integers(1, 30_000))
def test_the_heatmap_counts_what_it_is_given(days: dict[int, int], today: int) -> None:
    rows = [(today - back, count) for back, count in days.items()]
    found = heatmap([(7, [number for day, count in rows for number in (day - 7, 0, count)])], today * DAY + 5)
    first = today - (today + 3) % 7 - 52 * 7
    inside = {day: count for day, count in rows if first <= day <= today}
    if found is None:
        assert not inside
        return
    assert found.total == sum(inside.values()) == sum(month.all for month in found.months)
    run = longest = 0
    for day in range(first, today + 1):
        run = run + 1 if day in inside else 0
        longest = max(longest, run)
    assert found.longest_run == longest
    flat = [count for week in found.weeks for count in week]
    assert [flat[day - first] for day in inside] == list(inside.values())


@pytest.mark.parametrize("counts", [[300], [0, 256, 1, 0, 1]])
def test_a_day_of_hundreds_counts_as_one_of_the_run(counts: list[int]) -> None:
    today = 20_000
    numbers = [number for back, n in enumerate(counts) for number in (today - back, 1, n)]
    found = heatmap([(0, numbers)], today * DAY)
    assert found is not None
    assert found.total == sum(counts)
    assert found.longest_run == max(map(len, bytes(map(bool, counts)).split(b"\0")))
    assert sum(month.learning for month in found.months) == sum(counts)
