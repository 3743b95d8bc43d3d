"""visible_sql equals Gate.mask on real databases, for random accounts, links and policy logs."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.predicate import visible_sql
from policies.terms import ANONYMOUS, Viewer
from policies.visibility import resolve
from tests.policies.states import random_world
from tests.policies.world import BIT, World, X, Y
from webapp.store.database import Database

COLUMNS = (
    *("id", "domain_id", "primary_id", "silent", "private", "keep_name", "base_version"),
    *("chosen", "chosen_anyone", "chosen_org", "cap_anyone", "cap_org"),
    *("link_cap_anyone", "link_cap_org", "link_private"),
)


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
