"""Generated communities in a SQLite file, written in bulk past the services. Nobody in them is real."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

from policies.manager import PolicyManager
from webapp.ops.setup import set_up
from webapp.services.context import Context, Site
from webapp.store import days
from webapp.store.database import Database
from webapp.store.filing import noted

#: The moment the generated world is looked at, unix seconds UTC: today, because a served page shows the last 53 weeks.
NOW = int(time.time()) // 86_400 * 86_400
DAY = 86_400
#: The first RICH members have every section of the page; the others a few rows each. The first GROUPED of them are
#: linked in groups of three, so that of the rich profiles one in three stands for a group.
RICH = 400
GROUPED = 240
#: What make_world fills, what others refer to first.
TABLES = (
    "email_domain", "source", "account", "handle", "identity", "held", "activity", "filed", "activity_year", "crossing",
)  # fmt: skip

_FIRST = ("Anna", "Bela", "Chen", "Dara", "Elif", "Femi", "Gita", "Hugo", "Ines", "Joao", "Kofi", "Lena", "Mina", "Nia")
_LAST = ("Abe", "Berg", "Costa", "Diaz", "Endo", "Frei", "Gupta", "Holm", "Ito", "Jung", "Khan", "Lind", "Moss", "Nash")


def make_world(path: Path, members: int, events: int = 0, seed: int = 7) -> None:
    """Write a community of `members` (see RICH); `events`: further likes of member 1.

    Every member is a personal, active account. Takes about 40 s for a million.
    """
    path.unlink(missing_ok=True)
    database = Database.open(f"sqlite:///{path}")
    set_up(Context(db=database, manager=PolicyManager(), site=Site()), NOW - 1000 * DAY)
    version = database.policy_version()
    database.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=off")
    db.execute("PRAGMA synchronous=off")
    db.execute("PRAGMA cache_size=-400000")
    rng = random.Random(seed)
    with db:
        db.execute("INSERT INTO email_domain(id, name) VALUES (1, 'mail.example')")
        for number, (name, label, area) in enumerate(
            [("forum", "Forum", "forum"), ("school", "School", "learning"), ("meet", "Meetups", "event")], 1
        ):
            db.execute(
                "INSERT INTO source(id, name, label, area, created_at) VALUES (?,?,?,?,?)",
                (number, name, label, area, NOW),
            )
        accounts = _accounts(members, version, rng)
        while some := list(islice(accounts, 1000)):
            db.executemany(
                "INSERT INTO account(id, public_id, handle, public_name, full_name, email, email_key,"
                " email_verified_at, domain_id, state, created_at, member_since, base_version, job_title, organization,"
                " location, timezone, bio, links, products, primary_id)"
                " VALUES (?,?,?,?,?,?,?,?,1,'active',?,?,?,?,?,?,?,?,?,?,?)",
                [account for account, _ in some],
            )
            db.executemany(
                "UPDATE counter SET answers = ?, accepted_solutions = ?, articles = ?, likes_received = ?,"
                " total_posts = ?, peer_kudos = ? WHERE account_id = ?",
                [(*counters, account[0]) for account, counters in some],
            )
        db.execute("INSERT INTO handle(handle, account_id, since) SELECT handle, id, created_at FROM account")
        db.executemany(
            "INSERT INTO identity(id, source_id, actor, account_id, created_at) VALUES (?,1,?,?,?)",
            ((i, f"a{i}", i, NOW) for i in range(1, members + 1)),
        )
        db.executemany(
            "INSERT INTO held(account_id, kind, item, source_id, title, at) VALUES (?,?,?,2,?,?)", _held(members)
        )
        db.executemany(
            "INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, object, title,"
            " url, listed) VALUES (?,?,?,?,?,?,?,?,?,1)",
            _activity(members),
        )
        db.executemany(
            "INSERT INTO activity_year(account_id, year, last_day, days) VALUES (?,?,?,?)", _years(members, rng)
        )
        db.executemany(
            "INSERT INTO crossing(account_id, metric, value, at) VALUES (?,'answers',?,?)",
            ((i, v, NOW - 900 * DAY + v) for i in range(1, RICH + 1) for v in (1, 10, 25)),
        )
        if events:
            db.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
                " INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, listed)"
                " SELECT 1, printf('z%012d', i), 1, 1, 'like_received', ? + i, 0 FROM n",
                (events, NOW - 400 * DAY),
            )
            db.execute("UPDATE counter SET likes_received = likes_received + ? WHERE account_id = 1", (events,))
        _file(db)
    db.execute("ANALYZE")
    db.close()


def _file(db: sqlite3.Connection) -> None:
    """Under everybody the latest events wait to be filed, up to thirty, as they do in a community that lives."""
    acts = db.execute("SELECT account_id, id FROM activity WHERE listed ORDER BY account_id, at DESC")
    waiting = []
    for account_id, rows in groupby(acts, key=itemgetter(0)):
        late = [row[1] for row in islice(rows, account_id * 7 % 31)]
        waiting.append(("".join(map(noted, sorted(late))), account_id))
    db.executemany("UPDATE counter SET unfiled = ? WHERE account_id = ?", waiting)
    db.execute(
        "INSERT INTO filed(account_id, at, activity_id, kind, source_id, listed)"
        " SELECT v.account_id, v.at, v.id, v.kind, v.source_id, v.listed FROM activity v"
        " WHERE v.id NOT IN (SELECT t.value FROM counter c, json_each('[' || substr(c.unfiled, 2) || ']') t)"
        " ORDER BY v.account_id, v.at, v.id"
    )


@contextmanager
def postgres() -> Iterator[Callable[[], str]]:
    """A server of its own; what is yielded makes a migrated database and says its address.

    Errors: ImportError where no server is installed, and whatever keeps it from starting.
    """
    from tests.postgres import Server

    server = Server(shared_buffers="128MB")      # as PostgreSQL comes; the tests' has half of it

    def new() -> str:
        url = server.url(server.create())
        database = Database.open(url)
        set_up(Context(db=database, manager=PolicyManager(), site=Site()), NOW - 1000 * DAY)
        database.close()
        return url

    try:
        yield new
    finally:
        server.stop()


def copy_tables(path: Path, url: str, tables: Sequence[str]) -> None:
    """Copy whole tables of a SQLite community into a migrated PostgreSQL database, which forgets its own first."""
    import psycopg

    source = sqlite3.connect(path)
    with psycopg.connect(url) as target, target.cursor() as cursor:
        target.execute("SET LOCAL session_replication_role = replica")      # each key was looked up once already
        for table in tables:
            kinds = dict(target.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", (table,)
            ).fetchall())
            names = [row[1] for row in source.execute(f"PRAGMA table_info({table})")]
            flags = [number for number, name in enumerate(names) if kinds[name] == "boolean"]
            target.execute(f"TRUNCATE {table} CASCADE")     # type: ignore[arg-type, unused-ignore]
            with cursor.copy(f"COPY {table}({', '.join(names)}) FROM STDIN") as copy:   # type: ignore[arg-type, unused-ignore]
                for row in source.execute(f"SELECT {', '.join(names)} FROM {table}"):
                    values = list(row)
                    for number in flags:
                        values[number] = bool(values[number])
                    copy.write_row(values)
    source.close()


def rich_handles(members: int) -> list[str]:
    """Handles of the profiles with every section, a third of them groups, for page loads."""
    return [handle(i) for i in range(1, min(RICH, members) + 1) if i > GROUPED or i % 3 == 1]


def handle(number: int) -> str:
    return f"member-{number:07d}"


def _accounts(
    members: int, version: int, rng: random.Random
) -> Iterator[tuple[tuple[object, ...], tuple[int, ...]]]:
    """(columns of an account, its counters)."""
    for i in range(1, members + 1):
        name = f"{_FIRST[i % 14]} {_LAST[i // 14 % 14]}"
        mail = f"m{i}@mail.example"
        linked = i - (i - 1) % 3 if i <= GROUPED and (i - 1) % 3 else None
        answers = rng.randrange(120)
        yield (
            i, f"p{i:012d}", handle(i), name, name, mail, mail, NOW, NOW - 900 * DAY, NOW - 900 * DAY, version,
            "Solutions architect", "Acme Corp", "Lisbon, Portugal", "Europe/Lisbon",
            "I help teams leave spreadsheets behind without losing what they know. Automation and the art of names.",
            '[{"label":"Website","url":"https://one.example"},{"label":"Code","url":"https://code.example/one"}]',
            '["Tracker","Wiki","Service desk","Automation"]', linked,
        ), (answers, answers // 3, rng.randrange(20), rng.randrange(400), answers + 30, rng.randrange(40))  # fmt: skip


def _held(members: int) -> Iterator[tuple[object, ...]]:
    for i in range(1, members + 1):
        yield i, "course", f"c{i % 50}", f"Course {i % 50}", NOW - 90 * DAY
        yield i, "group", f"g{i % 40}", f"Group {i % 40}", NOW - 80 * DAY
        if i <= RICH:
            for n in range(5):
                yield i, "course", f"x{n}", f"Course number {n}", NOW - n * DAY
            for n in range(3):
                yield i, "certification", f"k{n}", f"Certification {n}", NOW - n * DAY
            yield i, "designation", "d", "Certified Platform Architect", NOW - 300 * DAY
            yield i, "badge", "b", "Welcome", NOW - 800 * DAY


def _activity(members: int) -> Iterator[tuple[object, ...]]:
    for i in range(1, members + 1):
        for n in range(12 if i <= RICH else 2):
            yield (
                1 + n % 3,
                f"e{i:08d}-{n:03d}",
                i,
                i,
                ("answer", "course_completed", "event_attended")[n % 3],
                NOW - n * 3 * DAY - i,
                f"o{n}",
                f"How do I copy rule {n} between projects?",
                "https://forum.example/1",
            )


def _years(members: int, rng: random.Random) -> Iterator[tuple[object, ...]]:
    today = NOW // DAY
    for i in range(1, members + 1):
        years: dict[int, dict[tuple[int, int], int]] = {}
        for ago in sorted(rng.sample(range(365), 40 if i <= RICH else 2)):
            year = days.year_of(today - ago)
            years.setdefault(year, {})[today - ago - days.start_of(year), ago % 3] = 1 + ago % 7
        for year, counts in years.items():
            yield i, year, days.start_of(year) + max(counts)[0], days.pack(counts)
