"""Totals of a profile and what follows from them: stats, milestone shelves, kudos points, the level. Not stored.

Which section shows what, so that a hidden section is nowhere, not even as a sum that could be taken apart again:

    stats               the six sums
    stats + badges      their milestone shelves
    kudos               peer kudos received, from how many, the messages
    kudos + badges      the shelf of peer kudos
    stats + kudos       kudos points and the level: points are made of both (D1)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.manager import PolicyManager
from webapp.services.views import LevelView, MilestoneView, ShelfView, StatView
from webapp.store.totals import Sums

#: metric -> (label, one, several): S12-S17, then what the kudos section shows.
WORDS: Mapping[str, tuple[str, str, str]] = {
    "answers": ("Answers", "answer", "answers"),
    "accepted_solutions": ("Accepted solutions", "solution", "solutions"),
    "articles": ("Articles", "article", "articles"),
    "likes_received": ("Likes received", "like", "likes"),
    "courses_completed": ("Courses completed", "course", "courses"),
    "total_posts": ("Total posts", "post", "posts"),
    "peer_kudos": ("Peer kudos", "kudos", "kudos"),
}
STATS = ("answers", "accepted_solutions", "articles", "likes_received", "courses_completed", "total_posts")


def words(manager: PolicyManager, metric: str) -> tuple[str, str, str] | None:
    """(label, one, several) of a metric, a plugin's too; None for one that has none."""
    own = manager.metrics.get(metric)
    return WORDS.get(metric) if own is None else (own.label, own.one, own.several)


def totals_of(sums: Sums, manager: PolicyManager | None = None) -> dict[str, int]:
    """The shown totals by metric, with a manager plugins' metrics too; what the viewer may not see is missing."""
    found = {name: value for name, value in zip(Sums._fields, sums, strict=True) if value is not None and name in WORDS}
    return found if manager is None else manager.with_metrics(found)


def stat_views(
    manager: PolicyManager, totals: Mapping[str, int], activity_url: str | None
) -> tuple[StatView, ...]:
    """S12-S17, then plugins' metrics; Total posts leads to all activity where that is shown (S18)."""
    return tuple([
        StatView(metric, WORDS[metric][0], totals[metric], activity_url if metric == "total_posts" else None)
        for metric in STATS
        if metric in totals
    ] + [
        StatView(name, metric.label, totals[name]) for name, metric in manager.metrics.items() if name in totals
    ])  # fmt: skip


def ladder_metrics(manager: PolicyManager, stats: bool, kudos: bool) -> tuple[str, ...]:
    """The metrics whose milestones a viewer may see who sees these sections (and the badges)."""
    return tuple([metric for metric in manager.ladder_metrics if _may_show(manager, metric, stats, kudos)])


def _may_show(manager: PolicyManager, metric: str, stats: bool, kudos: bool) -> bool:
    own = manager.metrics.get(metric)
    if own is None:
        return metric in WORDS and (kudos if metric == "peer_kudos" else stats)
    return all(_may_show(manager, name, stats, kudos) for name in own.needs)


def shelves(
    manager: PolicyManager,
    metrics: Sequence[str],
    totals: Mapping[str, int],
    crossed: Mapping[tuple[str, int], int],
) -> tuple[ShelfView, ...]:
    """One shelf for each metric with anything to its name: every milestone up to the total (S69), then the next.

    `crossed`: when one account that is not silent got there by itself, else the stone has no date.
    """
    made = []
    for metric in metrics:
        total, noun = totals.get(metric, 0), words(manager, metric)
        if total < 1 or noun is None:
            continue
        gems = [
            MilestoneView(metric, value, tier, True, total, crossed.get((metric, value)))
            for tier, value in enumerate(manager.milestones(metric, total))
        ]
        following = manager.next_milestone(metric, total)
        if following is not None:
            gems.append(MilestoneView(metric, following, len(gems), False, total))
        made.append(ShelfView(metric, *noun, total, tuple(gems)))
    return tuple(made)


def earned(some: Sequence[ShelfView]) -> int:
    """How many milestones stand on these shelves."""
    return sum(gem.earned for shelf in some for gem in shelf.gems)


def level_view(manager: PolicyManager, totals: Mapping[str, int]) -> LevelView:
    """The points of the totals, summed first, then the level they reach (D1, S66)."""
    points = manager.kudos_points(totals)
    standing = manager.level_of(points)
    return LevelView(standing.number, standing.name, points, standing.at, standing.next_at)
