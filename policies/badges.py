"""Totals to milestones, kudos points and the level: pure functions, nothing stored (D1, S68, S69).

The tables here are the built-in ones; `PolicyManager` holds those in force and passes them in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policies.terms import Rung

METRICS = (
    "answers",
    "accepted_solutions",
    "articles",
    "likes_received",
    "courses_completed",
    "total_posts",
    "peer_kudos",
    "kudos_points",
)
LADDER = (1, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10000)
LADDER_METRICS = ("answers", "accepted_solutions", "articles", "likes_received", "courses_completed", "peer_kudos")
POINTS: Mapping[str, int] = {
    "accepted_solutions": 15,
    "articles": 10,
    "courses_completed": 10,
    "peer_kudos": 5,
    "answers": 2,
    "likes_received": 1,
}
LEVELS = (
    Rung(0, "Newcomer"),
    Rung(25, "Starter"),
    Rung(100, "Participant"),
    Rung(250, "Contributor"),
    Rung(500, "Collaborator"),
    Rung(1000, "Specialist"),
    Rung(1500, "Guide"),
    Rung(2500, "Mentor"),
    Rung(5000, "Luminary"),
    Rung(10000, "Legend"),
)


@dataclass(frozen=True, slots=True)
class Milestone:
    """One rung of a metric's ladder; `have` is the total it is measured by."""

    metric: str
    value: int
    earned: bool
    have: int


@dataclass(frozen=True, slots=True)
class LevelStanding:
    """The level held: its 1-based number, name and the points it starts at; `next_at` is None on the last."""

    number: int
    name: str
    at: int
    next_at: int | None


def milestones(metric: str, total: int, ladder: Sequence[int] = LADDER) -> tuple[int, ...]:
    """The thresholds of `metric` that `total` has reached, ascending (S69: 84 answers earn 1, 10, 25, 50 and 75)."""
    return tuple(ladder[: bisect_right(ladder, total)])


def next_milestone(metric: str, total: int, ladder: Sequence[int] = LADDER) -> int | None:
    """The first threshold of `metric` not reached yet, or None past the last."""
    index = bisect_right(ladder, total)
    return ladder[index] if index < len(ladder) else None


def climb(metric: str, total: int, ladder: Sequence[int] = LADDER) -> Iterator[Milestone]:
    """Every rung of the ladder with what is earned of it, for the badges page."""
    return (Milestone(metric, value, value <= total, total) for value in ladder)


def kudos_points(totals: Mapping[str, int], points: Mapping[str, int] = POINTS) -> int:
    """Points derived from the shown totals; a metric missing in either table counts nothing (D1)."""
    found = 0
    for metric, worth in points.items():    # not sum(): for each account of a batch of events
        found += worth * totals.get(metric, 0)
    return found


def level_of(points: int, levels: Sequence[Rung] = LEVELS) -> LevelStanding:
    """The level that `points` reach; below the first threshold it is the first (D1)."""
    index = max(0, bisect_right([rung.at for rung in levels], points) - 1)
    rung = levels[index]
    return LevelStanding(index + 1, rung.name, rung.at, levels[index + 1].at if index + 1 < len(levels) else None)
