"""Ingest by several at once, and killed over and over: nothing lost, nothing counted twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from policies.manager import PolicyManager
from policies.terms import ActivityKind as K
from policies.terms import Area, Event
from tests.conftest import NOW
from tests.together import at_once
from webapp.services import repair
from webapp.services.context import Context, Site
from webapp.services.ingest import record_events, register_source, retract_event
from webapp.store import accounts, identities
from webapp.store.database import Database
from webapp.store.ingest import lock_source

SOURCES = ("one.example", "two.example")
PEOPLE = 40
KINDS = (K.ANSWER, K.LIKE_RECEIVED, K.KUDOS, K.COURSE_COMPLETED, K.GROUP_JOINED, K.QUESTION)


@pytest.fixture
def ctx(db: Database) -> Context:
    """People known to both sources."""
    context = Context(db, PolicyManager(), Site())
    with db.transaction():
        ids = {str(n): accounts.insert(db, NOW, public_id=f"{n}", handle=f"h{n}", public_name=f"h{n}", state="active")
               for n in range(PEOPLE)}  # fmt: skip
        for name in SOURCES:
            register_source(context, name, name, Area.FORUM, NOW)
            identities.save_identities(db, lock_source(db, name).id, ((a, i, None) for a, i in ids.items()), NOW)
    return context


def some_events(chance: random.Random, numbers: int, count: int) -> list[Event]:
    """Events among `numbers` external ids, the same id always the same event."""
    found = []
    for _ in range(count):
        number = chance.randrange(numbers)
        own = random.Random(number)
        by = str(own.randrange(PEOPLE))
        found.append(
            Event(
                str(number), str(own.randrange(PEOPLE)), own.choice(KINDS), own.randrange(NOW), f"o{own.randrange(5)}",
                "t", "", by,
            )
        )
    return found


def test_batches_of_several_senders_neither_fail_nor_count_twice(ctx: Context) -> None:
    """I8 under concurrency: overlapping events of two sources, and retractions, from four threads."""

    def send(number: int) -> None:
        chance = random.Random(number)
        for _ in range(8):
            source = chance.choice(SOURCES)
            record_events(ctx, source, some_events(chance, 600, 60), NOW)
            retract_event(ctx, source, str(chance.randrange(600)), NOW)

    at_once(ctx.db, *[partial(send, number) for number in range(4)])
    assert repair.find_differences(ctx) == []


SCRIPT = """
import random, sys
from policies.manager import PolicyManager
from tests.conftest import NOW
from tests.services.test_ingest_races import SOURCES, some_events
from webapp.services.context import Context, Site
from webapp.services.ingest import record_events
from webapp.store.database import Database
ctx = Context(Database.open(sys.argv[1]), PolicyManager(), Site())
print("ready", flush=True)
for number in range(0, 100):
    record_events(ctx, SOURCES[0], some_events(random.Random(number), 70_000, 1_000), NOW)
"""


@pytest.mark.long
def test_a_hundred_thousand_events_killed_ten_times_equal_one_pass(ctx: Context, database_url: str) -> None:
    """100,000 events, nearly a third of them duplicates, shuffled; killed ten times, then run to the end."""
    chance = random.Random(11)
    root = str(Path(__file__).parents[2])

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, database_url], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": root},
        )  # fmt: skip

    for _ in range(10):
        with start() as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.random())
            process.send_signal(signal.SIGKILL)
    with start() as process:
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait() == 0

    seen: dict[str, Event] = {}
    for number in range(100):
        for event in some_events(random.Random(number), 70_000, 1_000):
            if not (event.kind in (K.LIKE_RECEIVED, K.KUDOS) and event.by == event.actor):
                seen[event.external_id] = event
    expected = Counter((event.actor, event.kind.value) for event in seen.values())
    stored = ctx.db.rows(
        "SELECT i.actor, a.kind, COUNT(*) FROM activity a JOIN identity i ON i.id = a.identity_id"
        " GROUP BY i.actor, a.kind"
    )
    assert {row[:2]: row[2] for row in stored} == dict(expected)
    assert repair.find_differences(ctx) == []
