"""visible_sql equals Gate.mask on real databases, for random accounts, links and policy logs."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.predicate import visible_sql
from policies.terms import ALL, ANONYMOUS, Level, LinkHold, Settings, Viewer
from policies.visibility import resolve
from tests.policies.world import A_ORG, B_ORG, BIT, DOMAINS, KNOWN, Row, World, X, Y
from webapp.store.database import Database

COLUMNS = (
    *("id", "domain_id", "primary_id", "silent", "private", "keep_name", "base_version"),
    *("chosen", "chosen_anyone", "chosen_org", "cap_anyone", "cap_org"),
    *("link_cap_anyone", "link_cap_org", "link_private"),
)
REST = ALL & ~KNOWN


def random_world(pick: random.Random) -> World:
    """Accounts with any settings the database allows, whether or not a history leads there."""
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


def columns(world: World) -> Iterable[tuple[Any, ...]]:
    for row in world.rows.values():
        own, hold = row.settings, row.hold
        yield (
            *(row.id, row.domain, row.primary, row.silent, own.private, own.keep_name, own.base_version),
            *(own.chosen, own.chosen_anyone, own.chosen_org, own.cap_anyone, own.cap_org),
            *(hold.cap_anyone, hold.cap_org, hold.private),
        )


def check(world: World, rows: Callable[[str], Iterable[tuple[Any, ...]]]) -> None:
    for organization in (None, X, Y):
        viewer = ANONYMOUS if organization is None else Viewer(99, 99, True, frozenset({organization}))
        masks = world.gate.masks(viewer, [world.subject(row) for row in world.rows.values()])
        for name, bit in BIT.items():
            where = visible_sql(world.gate, name, organization, account="a")
            found = {row[0] for row in rows(f"SELECT a.id FROM account a WHERE {where}")}
            assert found == {
                number
                for number, mask in zip(world.rows, masks, strict=True)
                if name in world.gate.bit and mask >> bit & 1
            }, (name, organization, where)
        for row, mask in zip(world.rows.values(), masks, strict=True):
            verdicts = resolve(world.gate, viewer, world.subject(row), BIT, lambda names: dict.fromkeys(names, 1))
            assert {name for name, verdict in verdicts.items() if verdict.shown} == {
                name for name, bit in world.gate.bit.items() if mask >> bit & 1
            }


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_predicate_equals_mask_and_resolve_on_sqlite(pick: random.Random) -> None:
    world = random_world(pick)
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE TABLE account({', '.join(COLUMNS)})")
        db.executemany(f"INSERT INTO account VALUES ({', '.join('?' * len(COLUMNS))})", columns(world))
        check(world, db.execute)


def test_predicate_equals_mask_on_both_databases(db: Database) -> None:
    """The real table, with its checks and keys."""
    given_ = f"INSERT INTO account({', '.join(COLUMNS)}, public_id, handle, public_name, state, created_at) VALUES "
    given_ += f"({', '.join('?' * (len(COLUMNS) + 5))})"
    for number in (1, 2, 3):
        db.execute("INSERT INTO email_domain(id, name) VALUES (?, ?)", (number, f"d{number}.example"))
    for seed in range(30):
        world = random_world(random.Random(seed))
        with db.transaction():
            db.execute("DELETE FROM account WHERE primary_id IS NOT NULL")
            db.execute("DELETE FROM account")
            for values in columns(world):
                name = f"a{values[0]}"
                db.execute(given_, (*values, name, name, name, "active", 0))
        check(world, db.rows)


def test_d14_an_unknown_field_is_false() -> None:
    world = World()
    assert visible_sql(world.gate, "no_such_field") == "(1 = 0)"
