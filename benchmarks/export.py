"""Exports of one's own data against the same archive through a plain object mapper, and the memory they take (G11).

Ours is the service's verb, thrown away while it comes: limit, gate, statements, files. Plain is plain_export.py. Both
sides read the same members in turn, now one first and now the other, and hold the same rows, which is compared before
anything is timed. Timed is the processor, so that what else runs matters less; members are logged in before.
"""

from __future__ import annotations

import csv
import gc
import io
import json
import sqlite3
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import world
from benchmarks.plain_export import Plain
from benchmarks.table import Line, at_least, at_most
from policies.manager import PolicyManager
from webapp.services import export, sessions
from webapp.services.context import Context, Site
from webapp.services.sessions import Session
from webapp.store.database import Database

#: What each member has, beside what make_world gives them.
POSTS, KUDOS = 200, 20
ROUNDS, SAMPLE = 6, 20


def compare(folder: Path, quick: bool) -> list[Line]:
    """Exports in a second, and the most memory in use over the last tenth of the members against the first."""
    members = 1_000 if quick else 10_000
    path = folder / "export.db"
    world.make_world(path, members)
    _fill(path, members)
    db = Database.open(f"sqlite:///{path}")
    ctx = Context(db=db, manager=PolicyManager(), site=Site())
    plain = Plain(ctx, world.NOW)
    for number in range(world.RICH + 1, members + 1, members // 10):
        _check_alike(plain, ctx, number)
    ratios = []
    some = range(world.RICH + 1, members, max(1, (members - world.RICH) // (ROUNDS * SAMPLE)))
    chosen = list(some)[: ROUNDS * SAMPLE]
    for turn in range(ROUNDS):
        asked = [_log_in(ctx, number) for number in chosen[turn * SAMPLE : (turn + 1) * SAMPLE]]
        sides: list[Callable[[Session], object]] = [plain, partial(_own, ctx)]
        took = {side: _seconds(side, asked) for side in (sides if turn % 2 else reversed(sides))}
        ratios.append(took[sides[0]] / took[sides[1]])
    first = last = 0
    for number in range(1, members + 1):
        session = _log_in(ctx, number)
        if number % (members // 50) == 1:       # measured is one in fifty; the others only run
            tracemalloc.start()
            _own(ctx, session)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            if number <= members // 2:
                first = max(first, peak)
            else:
                last = max(last, peak)
        else:
            _own(ctx, session)
    db.close()
    return [
        at_least("G11", f"exports of members with {POSTS} posts : a plain object mapper", median(ratios), 20),
        at_most("G11", f"peak memory of an export, second half of {members:,} members : first", last / first, 1.1),
    ]


def _fill(path: Path, members: int) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous=off")
    with db:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        db.execute(
            f"{numbers} INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, object, title,"
            " url, listed) SELECT 1, printf('w%08d-%05d', a.id, i), a.id, a.id, CASE i % 3 WHEN 0 THEN 'question'"
            " ELSE 'answer' END, ? - i * 3600, printf('t%d', i), printf('How do I copy rule %d?', i),"
            " 'https://forum.example/t/1', 1 FROM account a, n",
            (POSTS, world.NOW),
        )
        db.execute(
            f"{numbers} INSERT INTO kudos(receiver_id, giver_id, message, category, at)"
            " SELECT a.id, (a.id * 31 + i * 7919) % ? + 1, 'Thank you', 'helpful',"
            " ? - i FROM account a, n WHERE (a.id * 31 + i * 7919) % ? + 1 <> a.id",
            (KUDOS, members, world.NOW, members),
        )
        # What an object mapper would read a member's activity by; ours has `filed`.
        db.execute("CREATE INDEX plain_activity ON activity(account_id, kind, at)")
        # The latest wait to be filed, as they do in a community that lives.
        db.execute("DELETE FROM filed")
        db.execute(
            "INSERT INTO filed(account_id, at, activity_id, kind, source_id, listed)"
            " SELECT account_id, at, id, kind, source_id, listed FROM activity ORDER BY account_id, at, id"
        )
        db.execute("UPDATE counter SET unfiled = ''")
        db.execute(
            "UPDATE counter SET unfiled = (SELECT ',' || group_concat(activity_id) FROM (SELECT activity_id FROM filed"
            " WHERE account_id = counter.account_id ORDER BY at DESC LIMIT 15))"
        )
        db.execute(
            "DELETE FROM filed WHERE activity_id IN"
            " (SELECT t.value FROM counter c, json_each('[' || substr(c.unfiled, 2) || ']') t)"
        )
    db.execute("ANALYZE")
    db.close()


def _log_in(ctx: Context, number: int) -> Session:
    session = sessions.load_session(ctx, sessions.start(ctx, number, world.NOW), world.NOW)
    assert session is not None
    return session


def _seconds(run: Callable[[Session], object], asked: Sequence[Session]) -> float:
    gc.collect()        # what the other side left behind
    began = time.process_time()
    for session in asked:
        run(session)
    return time.process_time() - began


def _own(ctx: Context, session: Session) -> int:
    """The export as a member gets it, thrown away while it comes."""
    return sum(len(part) for part in export.export(ctx, session, world.NOW))


def _check_alike(plain: Plain, ctx: Context, number: int) -> None:
    """Both sides must write the same files with the same rows, in JSON and in CSV."""
    session = _log_in(ctx, number)
    own = zipfile.ZipFile(io.BytesIO(b"".join(export.export(ctx, session, world.NOW))))
    other = zipfile.ZipFile(io.BytesIO(plain(session)))
    if own.namelist() != other.namelist():
        raise RuntimeError("The two sides write different files.")
    for name in own.namelist():
        if name.endswith("README.txt"):
            continue
        one, two = ([*map(str, rows)] for rows in map(_rows, (own, other), (name, name)))
        # A list of nothing has no heading in the plain one.
        if sorted(one) != sorted(two) and len(one) + len(two) != 1:
            raise RuntimeError(f"The two sides write different rows into {name}.")


def _rows(archive: zipfile.ZipFile, name: str) -> list[object]:
    data = archive.read(name).decode()
    return json.loads(data) if name.endswith(".json") else [row for row in csv.reader(io.StringIO(data)) if row]
