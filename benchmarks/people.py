"""The people directory: pages, searches and filters of a large community, as SQL against each other (G7) and whole.

The milliseconds are those of this machine, for the whole answer of the service or, for G7's searches, for the SQL
alone; the ratios are the goals. Both databases hold the same community.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from benchmarks import world
from benchmarks.reads import ROUNDS, Recorder, _alternating, _context
from benchmarks.table import Line, at_most
from policies.terms import ANONYMOUS
from webapp.services import people, people_index
from webapp.services.people import SORTS, Asked
from webapp.store.database import Database
from webapp.store.people_search import ORDERS, Found, Search, find

#: What one answer may take, in milliseconds.
LIMIT = 100.0
RARE = "quokka"
#: Words that a fifth of all match: members from all over, those last by name, by points and by the day of joining.
SPREAD, LAST = "guild", {"name": "lantern", "helpful": "harbour", "newest": "windmill", "name-down": "meadow"}
#: PostgreSQL's indexes of words, written at once after the rows.
WORDS = ("people_words", "people_words_own")
#: The largest community in which somebody looks for a word of a fifth (G7).
MANY = 100_000
#: Organizations of which every so-many-th is a member, in words.
ORGANIZATIONS = {1: (5, "an organization of a fifth"), 2: (2_500, "a small organization")}
_POINTS = "15 * accepted_solutions + 10 * articles + 5 * peer_kudos + 2 * answers + likes_received"

SEARCHES: dict[str, Asked] = {
    "first page": Asked(),
    "rare word": Asked(q=RARE),
    "a handle": Asked(q="member-0004711"),
    "a fourteenth matches": Asked(q="anna"),
    "all match": Asked(q="architect"),
    "two words": Asked(q="anna nash"),
    "nothing matches": Asked(q="zzzz"),
    "two letters": Asked(q="ni"),
    "location": Asked(location="portugal"),
    "product": Asked(product="wiki"),
    "certified (rare)": Asked(certified=True),
    "active this year": Asked(active=True),
    "all filters": Asked(q="nia", location="lisbon", product="wiki", certified=True, active=True),
    "a fifth matches": Asked(q=SPREAD),
    **{
        f"{words}, order {sort}": Asked(sort=sort, **given)
        for sort in SORTS
        for words, given in (  # type: ignore[var-annotated]
            ("first page", {}), ("rare word", {"q": RARE}), ("a fifth, the last", {"q": LAST[sort]}),
            ("two letters", {"q": "ni"}), ("active", {"active": True}), ("certified (rare)", {"certified": True}),
            ("all filters", {"q": "nia", "location": "lisbon", "certified": True, "active": True}),
        )
    },
}


def prepare(path: Path, members: int) -> float:
    """A community with its index; how many accounts were indexed in a second."""
    world.make_world(path, members)
    db = Database.open(f"sqlite:///{path}?synchronous=off")
    with db.transaction():
        db.execute("UPDATE account SET bio = ? WHERE handle = 'member-0004711'", (f"I once met a {RARE}.",))
        db.execute("UPDATE account SET member_since = ? - (id * 7919 % 2000) * 86400", (world.NOW,))
        for field, word, order in (
            ("bio", SPREAD, "id % 5"), ("department", LAST["name"], "full_name DESC"),
            ("department", LAST["name-down"], "full_name"), ("bio", LAST["helpful"], _POINTS),
            ("bio", LAST["newest"], "member_since"),
        ):
            db.execute(
                f"UPDATE account SET {field} = COALESCE({field} || ' ', '') || ? WHERE id IN"
                f" (SELECT id FROM account JOIN counter ON account_id = id ORDER BY {order} LIMIT ?)",
                (word, members // 5),
            )
    # FTS5 merges what every transaction adds: a million members some hundreds at a time take a quarter of an hour.
    batch = people_index.BATCH if members <= MANY else 4000
    began = time.perf_counter()
    with patch.object(people_index, "BATCH", batch):
        people_index.rebuild(_context(db))
    took = time.perf_counter() - began
    if members <= MANY:
        for audience, (every, _) in ORGANIZATIONS.items():
            _join(db, audience, every)
    db.execute("ANALYZE")
    db.close()
    return members / took


def _join(db: Database, audience: int, every: int) -> None:
    """An organization whose members see something of every so-many-th member that nobody else does."""
    columns = "profile_id, sort_key, handle, name, active_day, helpful, newest"
    with db.transaction():
        db.execute(
            f"INSERT INTO people(audience, {columns}, words) SELECT ?, {columns}, words || ? FROM people"
            " WHERE audience = 0 AND profile_id % ? = 1", (audience, "\nphone 555", every),
        )  # fmt: skip
        rows = db.rows("SELECT id, words FROM people WHERE audience = ?", (audience,))
        db.executemany("INSERT INTO people_words(rowid, words) VALUES (?, ?)", rows)


def _milliseconds(run: Callable[[], object]) -> float:
    run()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1000


def _place(db: Database, order_name: str, members: int) -> tuple[Any, ...]:
    """The place in an order after nine of ten members."""
    order = ORDERS[order_name]
    nth = f"SELECT {order.listed()} FROM people WHERE audience = 0 ORDER BY {order.ordered()} LIMIT 1 OFFSET ?"
    place = db.row(nth, (members * 9 // 10,))
    assert place is not None
    return place


def _cursor(db: Database, sort: str, members: int) -> str:
    from webapp.services.cursors import seal

    asked = Asked(sort=sort)
    return seal(_context(db).site.secret_key, asked.cursor_of, *_place(db, asked.order, members))


def _answers(db: Database, name: str, members: int) -> list[Line]:
    """Every search and the pages at 90 % as whole answers of the service, and the pages' SQL against the first's."""
    lines = []
    late = {sort: Asked(sort=sort, cursor=_cursor(db, sort, members)) for sort in ("", *SORTS)}
    for words, asked in (SEARCHES | {f"page at 90 %, order {sort or 'name'}": late[sort] for sort in late}).items():
        took = _milliseconds(lambda asked=asked: people.view_people(_context(db), ANONYMOUS, asked, world.NOW))  # type: ignore[misc]
        lines.append(at_most("", f"{name}, directory at {members:,}, {words}: ms", took, LIMIT))
    for sort, asked in late.items():
        runs = []
        for one in (asked, Asked(sort=sort)):
            recorder = Recorder(db)
            people.view_people(_context(recorder), ANONYMOUS, one, world.NOW)
            runs.append(lambda seen=recorder.seen: [db.rows(*statement) for statement in seen])
        ratio = _alternating(*runs)
        lines.append(at_most("G7", f"{name}, SQL of the page at 90 % : first, order {sort or 'name'}", ratio, 1.2))
    return lines


def _alone(db: Database, name: str, members: int) -> list[Line]:
    """The searches as SQL alone, in every order."""
    lines = []

    def found(order: str, *needles: str, audience: int = 0) -> list[Found]:
        return find(db, (audience,) if audience else (), Search(needles=needles, order=order), people.PAGE + 1)

    for order in ORDERS:
        assert len(found(order, RARE)) == 1
        took = _milliseconds(lambda order=order: found(order, RARE))  # type: ignore[misc]
        lines.append(at_most("G7", f"{name}, search alone at {members:,}, a rare word, order {order}: ms", took, 1))
        for words, needle in (("", SPREAD), (", those last in it", LAST[order])) if members <= MANY else ():
            assert len(found(order, needle)) == people.PAGE + 1
            took = _milliseconds(lambda order=order, needle=needle: found(order, needle))  # type: ignore[misc]
            line = f"{name}, search alone at {members:,}, a word of a fifth{words}, order {order}: ms"
            lines.append(at_most("G7", line, took, 15))
            for audience, (_, by) in ORGANIZATIONS.items() if members <= MANY else ():
                took = _milliseconds(lambda order=order, needle=needle, by=audience: found(order, needle, audience=by))  # type: ignore[misc]
                lines.append(at_most("", f"{line}, asked from {by}".replace(": ms", "") + ": ms", took, LIMIT))
        first, last = Search(order=order), Search(order=order, after=_place(db, order, members))
        ratio = _alternating(*[
            lambda search=search: [find(db, (), search, people.PAGE + 1) for _ in range(50)] for search in (last, first)
        ])
        lines.append(at_most("G7", f"{name}, index of the page at 90 % : first, order {order}", ratio, 1.2))
    return lines


def compare(folder: Path, quick: bool) -> list[Line]:
    """Every search under LIMIT at 100,000 members; G7 on both databases, the rare word at a million."""
    members, many = (10_000, 100_000) if quick else (100_000, 1_000_000)
    path, large = folder / "people.db", folder / "people-many.db"
    speed = prepare(path, members)
    lines = [Line("", f"SQLite, accounts indexed in a second at {members:,}", speed, "")]
    db = Database.open(f"sqlite:///{path}")
    lines += _answers(db, "SQLite", members) + _alone(db, "SQLite", members)
    db.close()
    prepare(large, many)
    db = Database.open(f"sqlite:///{large}")
    lines += _alone(db, "SQLite", many)
    db.close()
    try:
        with world.postgres() as new:
            url = new()
            tables = ("email_domain", "source", "account", "counter", "held", "activity_year", "people")
            world.copy_tables(path, url, tables)
            lines += _on_postgres(url, members, _answers) + _on_postgres(url, members, _alone)
            made = [_one(url, f"SELECT pg_get_indexdef('{name}'::regclass)") for name in WORDS]
            for name in WORDS:
                _run(url, f"DROP INDEX {name}")
            world.copy_tables(large, url, ("people",))
            for sql in made:
                _run(url, sql)
            lines += _on_postgres(url, many, _alone)
    except ImportError as error:
        lines.append(Line("G7", f"PostgreSQL was not started: {error}", None, ""))
    return lines


def _run(url: str, sql: str) -> None:
    db = Database.open(url)
    db.execute(sql)
    db.close()


def _one(url: str, sql: str) -> str:
    db = Database.open(url)
    row = db.row(sql)
    db.close()
    assert row is not None
    return str(row[0])


def _on_postgres(url: str, members: int, measure: Callable[[Database, str, int], list[Line]]) -> list[Line]:
    db = Database.open(url)
    try:
        db.execute("VACUUM ANALYZE")
        return measure(db, "PostgreSQL", members)
    finally:
        db.close()
