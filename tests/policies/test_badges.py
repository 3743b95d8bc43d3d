"""Milestones, points and levels, with the tables in force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.badges import LADDER, LADDER_METRICS, METRICS, climb
from policies.manager import PolicyManager

MANAGER = PolicyManager()


def test_s69_milestones_stand_on_the_sum_not_on_the_union() -> None:
    assert MANAGER.milestones("answers", 27) == (1, 10, 25)
    assert MANAGER.milestones("answers", 57) == (1, 10, 25, 50)
    assert MANAGER.milestones("answers", 27 + 57) == (1, 10, 25, 50, 75)
    assert MANAGER.next_milestone("answers", 84) == 100


def test_s69_the_ladder_stands_on_six_metrics() -> None:
    assert MANAGER.ladder_metrics == LADDER_METRICS
    for metric in METRICS:
        assert MANAGER.ladder(metric) == (LADDER if metric in LADDER_METRICS else ())
    assert MANAGER.milestones("total_posts", 500) == ()
    assert MANAGER.next_milestone("total_posts", 500) is None
    assert MANAGER.next_milestone("answers", 10_000) is None


@given(st.integers(0, 20_000))
def test_i7_milestones_are_a_function_of_the_total(total: int) -> None:
    earned = MANAGER.milestones("answers", total)
    assert set(earned) == {step for step in LADDER if step <= total}
    assert [rung.value for rung in climb("answers", total) if rung.earned] == list(earned)
    following = MANAGER.next_milestone("answers", total)
    assert following is None or (following > total and following not in earned)


def test_d1_points_of_each_metric() -> None:
    worth = {metric: MANAGER.kudos_points({metric: 1}) for metric in METRICS}
    assert worth == {
        "answers": 2,
        "accepted_solutions": 15,
        "articles": 10,
        "likes_received": 1,
        "courses_completed": 10,
        "total_posts": 0,
        "peer_kudos": 5,
        "kudos_points": 0,
    }
    assert MANAGER.kudos_points({"answers": 3, "articles": 2, "unknown": 9}) == 26


def test_d1_levels() -> None:
    starts = (0, 25, 100, 250, 500, 1000, 1500, 2500, 5000, 10000)
    assert tuple(rung.at for rung in MANAGER.levels) == starts
    assert [MANAGER.level_of(at).number for at in starts] == list(range(1, 11))
    assert [MANAGER.level_of(at - 1).number for at in starts[1:]] == list(range(1, 10))
    assert MANAGER.level_of(0).name == "Newcomer"
    assert MANAGER.level_of(1500).name == "Guide"
    assert MANAGER.level_of(1500).next_at == 2500
    assert (MANAGER.level_of(99_999).name, MANAGER.level_of(99_999).next_at) == ("Legend", None)
    assert MANAGER.level_of(-1).number == 1
