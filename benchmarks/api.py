"""The API: a user as JSON against the template floor (G4), and events in batches against one by one (G9).

G9 on SQLite is asked of the whole service. Log and counters alone stand above it without a goal: they show what the
settings and the form of the log give, where looking up, milestones and the directory cost both sides alike.

Plain settings of SQLite (G9), for the same code, community, log and events, named alike on both sides:

- the log's primary key is random (32 characters, as an object mapper keeps a UUID) instead of counting up;
- the log itself has the indexes that it is read by: by account in the order of time, by account and kind. Every event
  is written into them, and its day counted, at once (ours is filed under its account some dozens at a time, and its
  day counted with that: webapp.store.filing);
- the log has one index more, on its people, as an object mapper makes for a foreign key;
- SQLite's own pragmas: a rollback journal, synchronous=full, 2 MB of page cache, nothing mapped. A second line has the
  write-ahead log on that side too, with SQLite's own wal_autocheckpoint of 1,000 pages.

Ours keeps synchronous=full as well, the default of `DATABASE_URL`.
"""

from __future__ import annotations

import http.client
import itertools
import json
import pickle
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch

from benchmarks import load, pages, world
from benchmarks.table import Line, at_least
from policies.manager import PolicyManager
from policies.terms import ActivityKind, Event
from webapp.services import counting, people_index, tokens
from webapp.services import ingest as services
from webapp.services.context import Context, Site
from webapp.services.ingest import record_events
from webapp.services.repair import repair
from webapp.services.source_tokens import PREFIX
from webapp.store import days, filing, ingest
from webapp.store.database import Database

ROUNDS = 3
MEMBERS = 2_000
BATCH = 1000
#: Batches of ours in a round: until the events of every member were filed once, and what that costs is in every round.
WHOLE = 62
#: Sent over HTTP to the site under measurement; `vsrc_` and as long as a real one.
TOKEN = PREFIX + "b" * 43
#: What the same community on PostgreSQL is made of.
TABLES = (
    "email_domain", "source", "account", "counter", "handle", "identity", "held", "activity", "filed", "activity_year",
    "crossing",
)  # fmt: skip
_numbers = itertools.count()


def compare(folder: Path, quick: bool) -> list[Line]:
    """Both goals."""
    return [_user(folder, quick), *_ingest(folder, quick)]


def _user(folder: Path, quick: bool) -> Line:
    members, seconds = (2_000, 1.5) if quick else (20_000, 4.0)
    database = folder / "api-users.db"
    world.make_world(database, members)
    handles = world.rich_handles(members)
    views = folder / "api-views.pickle"
    views.write_bytes(pickle.dumps(pages.read_views(database, handles)))
    # Reads are counted as ever, only none is refused.
    environ = _environ(folder, database) | {"BENCH_VIEWS": str(views), "API_READS_PER_MINUTE": "1000000000"}
    paths = [f"/api/v1/users/p{number:012d}" for number in range(1, members, max(1, members // 400))]
    ratios = []
    with load.serving("benchmarks.floor:app", environ) as floor, load.serving("wsgi:app", environ) as site:
        for port, some in ((floor, ["/floor"]), (site, paths)):
            load.hit(port, some, seconds=1.0)
        for _ in range(ROUNDS):
            other = load.hit(floor, ["/floor"], seconds=seconds)
            ratios.append(load.hit(site, paths, seconds=seconds).rate / other.rate)
    return at_least("G4", "user JSON, hidden fields removed : template floor", median(ratios), 1.15)


def _ingest(folder: Path, quick: bool) -> Iterator[Line]:
    batches = 5 if quick else 20
    events = 50_000 if quick else 500_000
    tuned, plain, logged = (_context(folder / f"ingest-{name}.db") for name in ("tuned", "plain", "logged"))
    for ctx in (plain, logged):
        _make_plain(ctx.db)
    for ctx in (tuned, plain, logged):
        _fill(ctx, events)
    for pragma in ("synchronous=full", "cache_size=-2000", "mmap_size=0"):      # as SQLite comes
        plain.db.execute(f"PRAGMA {pragma}")
        logged.db.execute(f"PRAGMA {pragma}")
    plain.db.execute("PRAGMA journal_mode=delete")
    logged.db.execute("PRAGMA wal_autocheckpoint=1000")
    ratio = _alternating(lambda: _log(tuned, WHOLE), lambda: _log(plain, batches))
    what = "events/s into log and counters alone, SQLite, batches of 1,000 : on plain settings (no goal)"
    yield Line("G9", what, ratio, "-")
    own = lambda: _record(tuned, WHOLE, BATCH)        # noqa: E731
    ratio = _alternating(own, lambda: _record(plain, batches, BATCH))
    yield at_least("G9", "events/s, SQLite, batches of 1,000 : the same on SQLite's plain settings", ratio, 4)
    ratio = _alternating(own, lambda: _record(logged, batches, BATCH))
    yield Line("G9", "the same, the plain side with a write-ahead log (no goal)", ratio, "-")
    ratio = _alternating(own, lambda: _record(plain, batches, 1))
    yield at_least("G9", "events/s, SQLite, batches of 1,000 : one by one on SQLite's plain settings", ratio, 4)

    database = folder / "ingest-http.db"
    site = _context(database)
    site.db.close()
    with load.serving("wsgi:app", _environ(folder, database), workers=1) as port:
        ratio = _alternating(lambda: _post(port, batches, BATCH), lambda: _post(port, 50, 1))
    yield at_least("G9", "events/s over HTTP, batches of 1,000 : one by one", ratio, 8)

    try:
        with world.postgres() as new:
            yield _on_postgres(folder / "ingest-small.db", new())
    except ImportError as error:
        yield Line("G9", f"PostgreSQL was not started: {error}", None, ">= 10")


def _on_postgres(path: Path, url: str) -> Line:
    """The same community as on SQLite. The server waits for no disk, which is in favour of one by one."""
    world.make_world(path, MEMBERS)
    world.copy_tables(path, url, TABLES)
    ctx = Context(db=Database.open(url), manager=PolicyManager(), site=Site())
    ctx.db.execute("SELECT setval(pg_get_serial_sequence('activity', 'id'), (SELECT MAX(id) FROM activity))")
    repair(ctx)
    people_index.rebuild(ctx, world.NOW)
    ctx.db.execute("ANALYZE")
    ratio = _alternating(lambda: _record(ctx, WHOLE, BATCH), lambda: _record(ctx, 100, 1))
    ctx.db.close()
    return at_least("G9", "events/s, PostgreSQL, batches of 1,000 : one by one", ratio, 10)


def _environ(folder: Path, database: Path) -> dict[str, str]:
    return {
        "DATA_DIR": str(folder), "DATABASE_URL": f"sqlite:///{database}", "SECRET_KEY": "benchmark-" * 4,
        "PYTHONWARNINGS": "ignore",
    }  # fmt: skip


def _context(path: Path) -> Context:
    """A community of MEMBERS with a source and its token."""
    world.make_world(path, MEMBERS)
    ctx = Context(db=Database.open(f"sqlite:///{path}"), manager=PolicyManager(), site=Site())
    ctx.db.execute(
        "INSERT INTO source_token(source_id, token_hash, created_at) SELECT id, ?, 1 FROM source WHERE name = 'forum'",
        (tokens.digest(TOKEN),),
    )
    return ctx


def _make_plain(db: Database) -> None:
    """Write the log anew with a random key, the indexes that it is read by, and one on its people."""
    made = db.rows("SELECT type, sql FROM sqlite_master WHERE tbl_name = 'activity' AND sql IS NOT NULL")
    table = next(sql for kind, sql in made if kind == "table")
    own, names = "id INTEGER PRIMARY KEY", [row[1] for row in db.rows("PRAGMA table_info(activity)") if row[1] != "id"]
    if own not in table:
        raise RuntimeError("the log's key is not what it was")
    db.execute("PRAGMA foreign_keys=0")
    with db.transaction():
        key = "id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16))))"
        db.execute(table.replace("TABLE activity(", "TABLE plain(").replace(own, key))
        db.execute(f"INSERT INTO plain({', '.join(names)}) SELECT {', '.join(names)} FROM activity")
        db.execute("DROP TABLE activity")
        db.execute("ALTER TABLE plain RENAME TO activity")
        for kind, sql in made:
            if kind == "index":
                db.execute(sql)
        db.execute("CREATE INDEX activity_listed ON activity(account_id, at, id) WHERE listed")
        db.execute("CREATE INDEX activity_kind ON activity(account_id, kind, at, id)")
        db.execute("CREATE INDEX activity_identity ON activity(identity_id)")
        db.execute("DROP TABLE filed")
        db.execute(
            "CREATE VIEW filed AS SELECT account_id, at, id AS activity_id, kind, source_id, listed FROM activity"
            " WHERE account_id IS NOT NULL"
        )
    db.execute("PRAGMA foreign_keys=1")


def _fill(ctx: Context, events: int) -> None:
    """A log of that many earlier events; every sum is what the events give, as it is in a community that lives."""
    with ctx.db.transaction():
        ctx.db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, title, listed)"
            " SELECT 1, printf('a%031d', i), 1 + i % ?, 1 + i % ?, 'comment', ? + i, 'Said', 1 FROM n",
            (events, MEMBERS, MEMBERS, world.NOW - 2_000_000),
        )
    if not _is_plain(ctx.db):
        filing.file_anew(ctx.db)
    repair(ctx)
    people_index.rebuild(ctx, world.NOW)
    ctx.db.execute("ANALYZE")


def _is_plain(db: Database) -> bool:
    found = "SELECT 1 FROM sqlite_master WHERE name = 'filed' AND type = 'view'"
    return db.dialect == "sqlite" and db.row(found) is not None


def _record(ctx: Context, times: int, size: int) -> float:
    """Events per second, told as they happen."""
    with _as_made(ctx):
        return _timed(ctx, times, size)


def _log(ctx: Context, times: int) -> float:
    """Events per second into the log with its counters, a transaction a batch: nobody looked up, no milestone, no place
    in the directory, and of the heatmap what ours counts as it files."""
    batches = [[(n, 1 + n % MEMBERS) for n in itertools.islice(_numbers, BATCH)] for _ in range(times)]
    db, one = ctx.db, (1, 0, 0, 0, 1, 0)
    with _as_made(ctx):
        began = time.perf_counter()
        for batch in batches:
            with db.transaction():
                ids = ingest.new_ids(db, BATCH)
                ingest.save_events(db, [
                    (key, f"g{n:031d}", who, None, "answer", world.NOW + n, "", "Answered", "", True, 1, who, None)
                    for key, (n, who) in zip(ids, batch, strict=True)
                ])  # fmt: skip
                who = [account for _, account in batch]
                noted = {account: filing.noted(key) for account, key in zip(who, ids, strict=True)}
                ingest.add_counters(db, dict.fromkeys(who, one), noted)
                own = ingest.load_own(db, who)
                filing.file_all(db, [account for account in who if own[account].is_full])
        took = time.perf_counter() - began
    return times * BATCH / took


@contextmanager
def _as_made(ctx: Context) -> Iterator[None]:
    """The plain log's keys are drawn at random, and nothing of it waits to be filed."""
    with ExitStack() as patched:
        if _is_plain(ctx.db):
            keys = lambda db, n: [secrets.token_hex(16) for _ in range(n)]      # noqa: E731
            patched.enter_context(patch.object(ingest, "new_ids", keys))
            patched.enter_context(patch.object(filing, "noted", lambda event_id: ""))
            patched.enter_context(patch.object(services, "count", _count_at_once))
        yield


def _count_at_once(ctx: Context, source: ingest.SourceRow, events: list[ingest.ActivityRow], sign: int) -> None:
    """Where nothing waits to be filed the days of the heatmap are counted with the events."""
    counting.count(ctx, source, events, sign)
    found: dict[tuple[int, int], int] = {}
    for event in events:
        if event.account_id is not None and event.listed:
            day = event.account_id, event.at // world.DAY
            found[day] = found.get(day, 0) + sign
    days.add_days(ctx.db, source.area, found)


def _timed(ctx: Context, times: int, size: int) -> float:
    batches = [
        [
            Event(f"b{n:031d}", f"a{1 + n % MEMBERS}", ActivityKind.ANSWER, world.NOW + n, title="Answered")
            for n in itertools.islice(_numbers, size)
        ]
        for _ in range(times * (50 if size == 1 else 1))
    ]
    began, done = time.perf_counter(), 0
    for events in batches:
        done += len(record_events(ctx, "forum", events, world.NOW + 30 * world.DAY))
    return done / (time.perf_counter() - began)


def _post(port: int, times: int, size: int) -> float:
    """Events per second over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    began = time.perf_counter()
    for _ in range(times):
        events = [
            {"externalId": f"h{n}", "actor": f"a{1 + n % MEMBERS}", "kind": "answer", "occurredAt": world.NOW - n}
            for n in itertools.islice(_numbers, size)
        ]
        connection.request("POST", "/api/v1/activities", json.dumps({"events": events}), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"answered {answer.status}")
    connection.close()
    return times * size / (time.perf_counter() - began)


def _alternating(one: Callable[[], float], other: Callable[[], float]) -> float:
    """The median of the rounds' ratios."""
    return median([one() / other() for _ in range(ROUNDS)])
