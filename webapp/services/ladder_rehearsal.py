"""Who would gain and who would lose if other ladders, points or levels held: counts, before anything is applied.

Counted is what Anyone sees: a member who hides their numbers is in no count, so that no threshold, however it is
tried, tells an admin a hidden total.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies import badges
from policies.terms import ANONYMOUS
from webapp.services import people_index
from webapp.services.context import Context
from webapp.services.ladder_settings import Tables, label_of
from webapp.store import people as people_store
from webapp.store import people_cards as cards

BATCH = 400
#: Profiles that are looked at; on a larger site the counts are those of the first so many, and say so.
MOST = 100_000


@dataclass(slots=True)
class Effect:
    """How many profiles would show more of something, and how many less."""

    label: str
    gain: int = 0
    lose: int = 0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Counts by ladder, then points and levels; `looked`: how many profiles they are of."""

    ladders: tuple[Effect, ...]
    points: Effect
    levels: Effect
    looked: int
    is_whole: bool
    changes: bool


def rehearse(ctx: Context, before: Tables, after: Tables) -> Rehearsal:
    """Compare both tables over the profiles. Reads only, a batch at a time."""
    moved = [metric for metric in after.ladders if tuple(before.ladders.get(metric, ())) != after.ladders[metric]]
    ladders = {metric: Effect(label_of(ctx, metric)) for metric in moved}
    points, levels = Effect("Kudos points"), Effect("Level")
    scored = dict(before.points) != dict(after.points) or before.levels != after.levels
    looked, last = 0, 0
    while (moved or scored) and looked < MOST and (ids := people_store.load_ids_after(ctx.db, last, BATCH)):
        last = ids[-1]
        for amounts, shows_badges in _batch(ctx, ids):
            looked += 1
            for metric, effect in ladders.items() if shows_badges else ():
                if metric in amounts:
                    had = set(badges.milestones(metric, amounts[metric], before.ladders.get(metric, ())))
                    has = set(badges.milestones(metric, amounts[metric], after.ladders[metric]))
                    effect.gain += bool(has - had)
                    effect.lose += bool(had - has)
            if scored and "answers" in amounts and "peer_kudos" in amounts:
                old, new = (badges.kudos_points(amounts, one.points) for one in (before, after))
                _count(points, old, new)
                # By where a level stands and not by its points: a level more at the bottom lifts everybody.
                _count(levels, badges.level_of(old, before.levels).number, badges.level_of(new, after.levels).number)
    return Rehearsal(tuple(ladders.values()), points, levels, looked, looked < MOST, bool(moved) or scored)


def _batch(ctx: Context, ids: list[int]) -> list[tuple[dict[str, int], bool]]:
    """(totals that Anyone sees, whether they see badges) of each profile among these accounts."""
    version, groups = cards.load_groups(ctx.db, ids)
    gate = ctx.gate(version)
    seen = [one for group in groups.values() if (one := people_index.sight(gate, group, ANONYMOUS)) is not None]
    rights = [(one.shows(gate, "stats"), one.shows(gate, "kudos"), one.shows(gate, "badges")) for one in seen]
    wanted = [(one.group.ids, right[0], right[1]) for one, right in zip(seen, rights, strict=True)]
    sums = [ctx.manager.with_metrics(amounts) for amounts in cards.load_totals(ctx.db, wanted)]
    return [(amounts, right[2]) for amounts, right in zip(sums, rights, strict=True)]


def _count(effect: Effect, old: int, new: int) -> None:
    effect.gain += new > old
    effect.lose += new < old
