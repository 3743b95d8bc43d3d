"""The people directory: pages, searches and filters of a large community, as SQL against each other (G7) and whole.

The milliseconds are those of this machine, for the whole answer of the service; the ratios are the goals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import world
from benchmarks.reads import ROUNDS, Recorder, _alternating, _context, _runner
from benchmarks.table import Line, at_most
from policies.terms import ANONYMOUS
from webapp.services import people, people_index
from webapp.services.cursors import seal
from webapp.services.people import Asked
from webapp.store.database import Database

#: What one answer may take, in milliseconds.
LIMIT = 100.0
RARE = "quokka"

SEARCHES: dict[str, Asked] = {
    "first page": Asked(),
    "rare word": Asked(q=RARE),
    "a handle": Asked(q="member-0004711"),
    "a fourteenth matches": Asked(q="anna"),
    "all match": Asked(q="architect"),
    "two words": Asked(q="anna nash"),
    "last name first": Asked(down=True),
    "a fourteenth matches, last name first": Asked(q="anna", down=True),
    "nothing matches": Asked(q="zzzz"),
    "two letters": Asked(q="ni"),
    "location": Asked(location="portugal"),
    "product": Asked(product="wiki"),
    "certified (rare)": Asked(certified=True),
    "active this year": Asked(active=True),
    "all filters": Asked(q="nia", location="lisbon", product="wiki", certified=True, active=True),
}


def prepare(path: Path, members: int) -> float:
    """A community with its index; how many accounts were indexed in a second."""
    world.make_world(path, members)
    db = Database.open(f"sqlite:///{path}")
    db.execute("UPDATE account SET bio = ? WHERE handle = 'member-0004711'", (f"I once met a {RARE}.",))
    began = time.perf_counter()
    people_index.rebuild(_context(db))
    took = time.perf_counter() - began
    db.execute("ANALYZE")
    db.close()
    return members / took


def _milliseconds(run: Callable[[], object]) -> float:
    run()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1000


def compare(folder: Path, quick: bool) -> list[Line]:
    """Every search under LIMIT at 100,000 members, the page at 90 % against the first, searches as SQL alone (G7)."""
    members = 10_000 if quick else 100_000
    path = folder / "people.db"
    speed = prepare(path, members)
    db = Database.open(f"sqlite:///{path}")
    ctx = _context(db)
    nth = "SELECT sort_key, handle FROM people ORDER BY sort_key, handle LIMIT 1 OFFSET ?"
    place = db.row(nth, (members * 9 // 10,))
    assert place is not None
    late = Asked(cursor=seal(ctx.site.secret_key, "people", *place))
    lines = []
    for name, asked in (SEARCHES | {"page at 90 %": late}).items():
        took = _milliseconds(lambda asked=asked: people.view_people(ctx, ANONYMOUS, asked, world.NOW))  # type: ignore[misc]
        lines.append(at_most("", f"directory at {members:,}, {name}: ms (indexed {speed:,.0f} a second)", took, LIMIT))

    def sql_of(asked: Asked, only_search: bool = False) -> Callable[[], None]:
        recorder = Recorder(db)
        people.view_people(_context(recorder), ANONYMOUS, asked, world.NOW)
        seen = [statement for statement in recorder.seen if not only_search or " people " in statement[0]]
        return _runner(path, seen)

    first, last = sql_of(Asked()), sql_of(late)
    lines.append(at_most("G7", "SQL of the directory's page at 90 % : first", _alternating(last, first), 1.2))
    common = _milliseconds(sql_of(Asked(q="anna"), only_search=True))
    lines.append(at_most("G7", f"search alone at {members:,}, a word that many match: ms", common, 15))
    rare = _milliseconds(sql_of(Asked(q=RARE), only_search=True))
    lines.append(at_most("G7", f"search alone at {members:,}, a rare word: ms", rare, 1))
    db.close()
    return lines
