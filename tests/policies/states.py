"""Random states of a world: any settings the database allows, whether or not a history leads there."""

from __future__ import annotations

import random
from dataclasses import replace

from policies.terms import ALL, Level, LinkHold, Settings
from tests.policies.world import A_ORG, B_ORG, DOMAINS, KNOWN, Row, World, X, Y

REST = ALL & ~KNOWN


def random_world(pick: random.Random) -> World:
    """Six accounts, some linked to the first two, under a few policy changes."""
    world = World()
    for _ in range(pick.randrange(6)):
        event = pick.choice(["cell", "lock", "domain", "undo", "plugin"])
        level = pick.choice([None, *Level])
        live = [c for c in world.log if not c.undone_at and c.op in ("cell", "lock", "domain")]
        if event == "domain":
            world.add("domain", f"domain:{pick.choice([A_ORG, B_ORG])}", value=pick.choice([None, X, Y]))
        elif event == "undo" and live:
            world.undo(pick.choice(live))
        elif event == "plugin":
            kind = pick.choice(list(world.base.defaults))
            changed = world.base.defaults[kind].put(pick.randrange(5), pick.choice(list(Level)))
            world.set_base(replace(world.base, defaults={**world.base.defaults, kind: changed}))
            if pick.random() < 0.5:
                world.record()
        elif event != "undo":
            scope = pick.choice(["personal", "managed", f"org:{X}", f"org:{Y}"])
            world.add(event, scope, pick.randrange(6), level)

    def nested() -> tuple[int, int]:
        wide = pick.randrange(KNOWN + 1) | pick.randrange(KNOWN + 1)
        return pick.randrange(KNOWN + 1) & wide | REST, wide | REST

    for number in range(1, 7):
        chosen = pick.randrange(KNOWN + 1)
        chosen_org = chosen & pick.randrange(KNOWN + 1)
        cap_anyone, cap_org = nested()
        head = None
        if number > 2 and pick.random() < 0.6:
            head = pick.choice([1, 2])
        hold_anyone, hold_org = nested()
        linked = head is not None
        world.rows[number] = Row(
            number,
            pick.choice(DOMAINS),
            Settings(
                pick.randrange(world.version + 1),
                chosen,
                chosen_org & pick.randrange(KNOWN + 1),
                chosen_org,
                cap_anyone,
                cap_org,
                pick.random() < 0.2,
                pick.random() < 0.7,
            ),
            head,
            linked and pick.random() < 0.3,
            LinkHold(hold_anyone, hold_org, pick.random() < 0.2) if linked else LinkHold(),
        )
    return world
