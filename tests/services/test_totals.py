"""Sums over a link group, netting, milestones, unions and the silent rules (S61-S69, D5, D8, D9, I6, I7, T34, T36)."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.terms import ANONYMOUS
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services.people import choose, crossed, did, earned, gave, holds, see, set_columns, stats
from webapp.services.context import Context
from webapp.services.views import ProfileView

LADDER = (1, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10000)


def unlink(ctx: Context, account_id: int) -> None:
    set_columns(ctx.db, account_id, primary_id=None, silent=False, linked_at=None)


# Sums and milestones ------------------------------------------------------------------------------------------------


def test_s69_27_and_57_answers_show_84_and_every_milestone_up_to_it(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", answers=27)
    link(ctx.db, make_account(ctx.db, "second", answers=57), sally)
    view = see(ctx, "sally")
    assert stats(view)["answers"] == 84
    assert earned(view, "answers") == [1, 10, 25, 50, 75]
    following = view.shelves[0].gems[-1]
    assert (following.earned, following.value, following.have, following.tier) == (False, 100, 84, 5)


def test_t34_after_unlink_each_account_shows_its_own(ctx: Context) -> None:
    sally, second = make_account(ctx.db, "sally", answers=27), make_account(ctx.db, "second", answers=57)
    before = see(ctx, "sally"), see(ctx, "second")
    link(ctx.db, second, sally)
    unlink(ctx, second)
    assert (see(ctx, "sally"), see(ctx, "second")) == before
    assert earned(before[0], "answers") == [1, 10, 25]
    assert earned(before[1], "answers") == [1, 10, 25, 50]


def test_s61_s66_every_sum_and_points_summed_before_the_level(ctx: Context) -> None:
    own = {"answers": 1, "accepted_solutions": 2, "articles": 3, "likes_received": 4, "total_posts": 5, "peer_kudos": 6}
    sally = make_account(ctx.db, "sally", **own)
    second = make_account(ctx.db, "second", **{name: 10 * value for name, value in own.items()})
    link(ctx.db, second, sally)
    holds(ctx.db, sally, "course", "basics", NOW - 9)
    holds(ctx.db, second, "course", "basics", NOW - 20)
    holds(ctx.db, second, "course", "more", NOW - 5)
    view = see(ctx, "sally")
    assert stats(view) == {
        "answers": 11, "accepted_solutions": 22, "articles": 33, "likes_received": 44, "courses_completed": 2,
        "total_posts": 55,
    }  # fmt: skip
    assert view.kudos is not None
    assert view.kudos.received == 66
    assert view.level is not None
    points = 22 * 15 + 33 * 10 + 2 * 10 + 66 * 5 + 11 * 2 + 44      # D1; the one course on two accounts counts once
    assert (view.level.points, view.level.number, view.level.next_at) == (points, 6, 1500)


def test_s18_total_posts_leads_to_all_activity_where_that_is_shown(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    assert see(ctx, "sally").stats[-1].url == "/u/sally/activity"
    choose(ctx.db, sally, you=("activity",))
    assert see(ctx, "sally").stats[-1].url is None


def test_i7_milestones_are_a_function_of_the_total(sqlite_ctx: Context) -> None:
    for total in (0, 1, 9, 10, 74, 75, 9999, 10000, 123456):
        make_account(sqlite_ctx.db, f"m{total}", answers=total)
        view = see(sqlite_ctx, f"m{total}")
        assert earned(view, "answers") == [value for value in LADDER if value <= total]
        to_come = [gem.value for shelf in view.shelves for gem in shelf.gems if not gem.earned]
        assert to_come == [value for value in LADDER if value > total][:1] * bool(total)


def test_s68_a_milestone_has_the_date_of_the_one_account_that_crossed_it(ctx: Context) -> None:
    sally, second = make_account(ctx.db, "sally", answers=27), make_account(ctx.db, "second", answers=57)
    quiet = make_account(ctx.db, "quiet", answers=16)
    link(ctx.db, second, sally)
    link(ctx.db, quiet, sally, silent=True)
    for account, value, at in ((sally, 1, 300), (sally, 10, 400), (second, 1, 100), (second, 50, 900), (quiet, 10, 50)):
        crossed(ctx.db, account, "answers", value, at)
    dates = {gem.value: gem.at for shelf in see(ctx, "sally").shelves for gem in shelf.gems}
    assert dates == {1: 100, 10: 400, 25: None, 50: 900, 75: None, 100: None, 250: None}


# Unions -------------------------------------------------------------------------------------------------------------


def test_d8_unions_by_identity_keep_the_first_date(ctx: Context) -> None:
    sally, second = make_account(ctx.db, "sally"), make_account(ctx.db, "second")
    link(ctx.db, second, sally)
    for kind in ("course", "certification", "designation", "group", "badge"):
        holds(ctx.db, sally, kind, "both", NOW - 50, until=NOW + 5, retired=True)
        holds(ctx.db, second, kind, "both", NOW - 90, until=NOW + 9)
        holds(ctx.db, second, kind, "second", NOW - 10, url="javascript:alert(1)")
    view = see(ctx, "sally")
    for items in (view.courses, view.certifications, view.designations, view.badges):
        assert [(item.item, item.at) for item in items] == [("second", NOW - 10), ("both", NOW - 90)]
        assert items[0].url is None
        assert (items[1].until, items[1].retired) == (NOW + 9, False)
    assert [item.item for item in view.groups] == ["both", "second"]
    assert stats(view)["courses_completed"] == view.course_count == 2
    assert view.badge_count == 1 + 2 + 2       # a course milestone, two badges, two courses


def test_the_page_shows_the_newest_courses_and_counts_the_rest(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    for number in range(9):
        holds(ctx.db, sally, "course", f"c{number}", NOW - number)
    view = see(ctx, "sally")
    assert ([course.item for course in view.courses], view.course_count) == ([f"c{number}" for number in range(6)], 9)


# Silent accounts ----------------------------------------------------------------------------------------------------


def test_d5_a_silent_account_gives_its_numbers_and_nothing_else(ctx: Context) -> None:
    sally, quiet = make_account(ctx.db, "sally", answers=27), make_account(ctx.db, "quiet", answers=57, total_posts=57)
    link(ctx.db, quiet, sally, silent=True)
    for kind in ("course", "certification", "designation", "group", "badge"):
        holds(ctx.db, quiet, kind, "hush")
    crossed(ctx.db, quiet, "answers", 50, 5)
    did(ctx.db, quiet, title="hush")
    gave(ctx.db, None, quiet, "hush")
    view = see(ctx, "sally")
    assert "hush" not in repr(view).lower()
    assert (stats(view)["answers"], stats(view)["total_posts"], stats(view)["courses_completed"]) == (84, 57, 1)
    assert earned(view, "answers") == [1, 10, 25, 50, 75]
    assert {gem.at for shelf in view.shelves for gem in shelf.gems} == {None}
    assert view.kudos is not None
    assert (view.kudos.received, view.kudos.givers, view.kudos.latest) == (1, 0, ())
    assert view.heatmap is None
    own = see(ctx, "quiet")
    assert stats(own)["answers"] == 57
    assert own.heatmap is not None
    assert own.kudos is not None
    assert own.kudos.received == 1


def test_t36_silent_b_or_silent_c_of_equal_sums_answer_alike(ctx: Context) -> None:
    """Every page but B's and C's own, and those as if unlinked. A message from B or C to the primary, which names its
    giver, is taken down with the kudos it came with (D9): see test_profiles.py."""
    db = ctx.db
    sally, gil = make_account(db, "sally", answers=5), make_account(db, "gil")
    twins = [make_account(db, handle, answers=8, peer_kudos=0) for handle in ("bee", "cee")]
    for number, twin in enumerate(twins):
        holds(db, twin, "course", f"course-{number}")
        gave(db, gil, twin)
        gave(db, twin, sally, "")
        gave(db, sally, twin)
        crossed(db, twin, "answers", 1, NOW - number)
    pages = []
    alone = [see(ctx, handle) for handle in ("bee", "cee")]
    for twin in twins:
        link(db, twin, sally, silent=True)
        pages.append([see(ctx, name, viewer) for name in ("sally", "gil", "bee", "cee") for viewer in (gil, ANONYMOUS)])
        assert [see(ctx, handle) for handle in ("bee", "cee")] == alone
        unlink(ctx, twin)
    assert pages[0] == pages[1]
    assert stats(pages[0][0])["answers"] == 13


# Netting (D9) --------------------------------------------------------------------------------------------------------


def test_d9_likes_and_kudos_within_a_group_do_not_count_while_linked(ctx: Context) -> None:
    sally, second, gil = (make_account(ctx.db, handle, likes_received=10) for handle in ("sally", "second", "gil"))
    for receiver, giver, likes in ((sally, second, 3), (second, sally, 4), (sally, gil, 2)):
        row = (receiver, giver, likes)
        ctx.db.execute("INSERT INTO pair_counter(receiver_id, giver_id, likes) VALUES (?,?,?)", row)
    gave(ctx.db, second, sally)
    gave(ctx.db, gil, sally)
    link(ctx.db, second, sally)
    view = see(ctx, "sally")
    assert stats(view)["likes_received"] == 20 - 7
    assert view.kudos is not None
    assert (view.kudos.received, view.kudos.givers) == (1, 1)
    unlink(ctx, second)
    assert stats(see(ctx, "sally"))["likes_received"] == 10


ACCOUNTS = 5
STEP = st.one_of(
    st.tuples(st.just("like"), st.integers(0, ACCOUNTS - 1), st.integers(-1, ACCOUNTS - 1)),
    st.tuples(st.just("kudos"), st.integers(0, ACCOUNTS - 1), st.integers(-1, ACCOUNTS - 1)),
    st.tuples(st.just("answer"), st.integers(0, ACCOUNTS - 1), st.just(0)),
    st.tuples(st.just("course"), st.integers(0, ACCOUNTS - 1), st.integers(0, 3)),
    st.tuples(st.sampled_from(["link", "silent"]), st.integers(0, ACCOUNTS - 1), st.integers(0, ACCOUNTS - 1)),
    st.tuples(st.just("unlink"), st.integers(0, ACCOUNTS - 1), st.just(0)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=40))
def test_d9_i6_sums_equal_a_count_of_the_events(ctx: Context, steps: list[tuple[str, int, int]]) -> None:
    """Random worlds of events and links against a brute-force count over the events themselves."""
    db = ctx.db
    for table in ("kudos", "pair_counter", "held", "handle"):
        db.execute(f"DELETE FROM {table}")
    db.execute("UPDATE account SET primary_id = NULL, silent = FALSE")
    db.execute("DELETE FROM account")
    ids = [make_account(db, f"m{number}") for number in range(ACCOUNTS)]
    primary: list[int | None] = [None] * ACCOUNTS
    silent = [False] * ACCOUNTS
    events: list[tuple[str, int, int]] = []
    for what, one, other in steps:
        if what in {"like", "kudos"}:
            if one == other:
                continue
            column, pair = ("likes_received", "likes") if what == "like" else ("peer_kudos", "kudos")
            db.execute(f"UPDATE counter SET {column} = {column} + 1 WHERE account_id = ?", (ids[one],))
            if other >= 0:
                db.execute(
                    f"INSERT INTO pair_counter(receiver_id, giver_id, {pair}) VALUES (?,?,1)"
                    f" ON CONFLICT (receiver_id, giver_id) DO UPDATE SET {pair} = pair_counter.{pair} + 1",
                    (ids[one], ids[other]),
                )
        elif what == "answer":
            db.execute("UPDATE counter SET answers = answers + 1 WHERE account_id = ?", (ids[one],))
        elif what == "course":
            if ("course", one, other) in events:
                continue
            holds(db, ids[one], "course", f"c{other}")
        elif what in {"link", "silent"}:
            if one == other or primary[one] is not None or one in primary or primary[other] is not None:
                continue
            link(db, ids[one], ids[other], silent=what == "silent")
            primary[one], silent[one] = other, what == "silent"
            continue
        else:
            unlink(ctx, ids[one])
            primary[one], silent[one] = None, False
            continue
        events.append((what, one, other))
    for number in range(ACCOUNTS):
        if primary[number] is not None and not silent[number]:
            continue
        group = {number} if silent[number] else {number, *(i for i in range(ACCOUNTS) if primary[i] == number)}
        view: ProfileView = see(ctx, f"m{number}")
        mine = [(what, other) for what, one, other in events if one in group]
        assert stats(view)["answers"] == sum(what == "answer" for what, _ in mine)
        assert stats(view)["likes_received"] == sum(what == "like" and giver not in group for what, giver in mine)
        assert stats(view)["courses_completed"] == len({item for what, item in mine if what == "course"})
        assert view.kudos is not None
        assert view.kudos.received == sum(what == "kudos" and giver not in group for what, giver in mine)
        assert earned(view, "likes_received") == [value for value in LADDER if value <= stats(view)["likes_received"]]


def test_sources_without_a_giver_cannot_be_netted(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally", likes_received=31)
    link(ctx.db, make_account(ctx.db, "second", likes_received=18), sally)
    assert stats(see(ctx, "sally"))["likes_received"] == 49
