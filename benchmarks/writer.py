"""A process that writes batches of events through the ingest service until it is ended: the load of G12."""

from __future__ import annotations

import itertools
import sys

from benchmarks import world
from policies.manager import PolicyManager
from policies.terms import ActivityKind, Event
from webapp.services.context import Context, Site
from webapp.services.ingest import record_events
from webapp.store.database import Database


def main() -> None:
    db = Database.open(f"sqlite:///{sys.argv[1]}")
    context = Context(db=db, manager=PolicyManager(), site=Site())
    numbers = itertools.count()
    while True:
        batch = [
            Event(f"w{n}", f"a{1 + n % 5000}", ActivityKind.ANSWER, world.NOW - n % 8_000_000, title="Answered")
            for n in itertools.islice(numbers, 1000)
        ]
        record_events(context, "forum", batch, world.NOW)


if __name__ == "__main__":
    main()
