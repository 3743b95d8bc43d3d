"""Exports of one's own data against the same lists through a plain object mapper, and the memory they take (G11).

Plain: peewee models, a foreign key read where it is used, every list held whole, then written as JSON and CSV into an
archive in memory. It asks no gate, so it even does less. Both sides read the same members, in turn.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from playhouse.shortcuts import model_to_dict

from benchmarks import world
from benchmarks.table import Line, at_least, at_most
from policies.manager import PolicyManager
from webapp.services import export, sessions
from webapp.services.context import Context, Site
from webapp.store import models
from webapp.store.database import Database

#: What each member has, beside what make_world gives them.
POSTS, KUDOS = 200, 20
ROUNDS, SAMPLE = 5, 20


def compare(folder: Path, quick: bool) -> list[Line]:
    """Exports in a second, and the most memory in use over the last tenth of the members against the first."""
    members = 1_000 if quick else 10_000
    path = folder / "export.db"
    world.make_world(path, members)
    _fill(path, members)
    db = Database.open(f"sqlite:///{path}")
    ctx = Context(db=db, manager=PolicyManager(), site=Site())
    ratios = []
    some = range(world.RICH + 1, members, max(1, (members - world.RICH) // (ROUNDS * SAMPLE)))
    chosen = list(some)[: ROUNDS * SAMPLE]
    for turn in range(ROUNDS):
        numbers = chosen[turn * SAMPLE : (turn + 1) * SAMPLE]
        ratios.append(_seconds(_plain, numbers) / _seconds(lambda number: _own(ctx, number), numbers))
    first = last = 0
    for number in range(1, members + 1):
        if number % (members // 50) == 1:       # measured is one in fifty; the others only run
            tracemalloc.start()
            _own(ctx, number)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            if number <= members // 2:
                first = max(first, peak)
            else:
                last = max(last, peak)
        else:
            _own(ctx, number)
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
    db.execute("ANALYZE")
    db.close()


def _seconds(run: Callable[[int], object], numbers: Sequence[int]) -> float:
    began = time.process_time()
    for number in numbers:
        run(number)
    return time.process_time() - began


def _own(ctx: Context, number: int) -> int:
    """The export as a member gets it, thrown away while it comes."""
    session = sessions.load_session(ctx, sessions.start(ctx, number, world.NOW), world.NOW)
    assert session is not None
    return sum(len(part) for part in export.export(ctx, session, world.NOW))


def _plain(number: int) -> int:
    """The same lists by models and their relations."""
    account = models.Account.get_by_id(number)
    lists: dict[str, list[dict[str, Any]]] = {
        "account": [{"what": name, "value": value} for name, value in model_to_dict(account, recurse=False).items()],
        "handles": [
            {"handle": row.handle, "since": row.since}
            for row in models.Handle.select().where(models.Handle.account == account)
        ],
        "sources": [
            {"source": row.source.label, "name": row.actor, "since": row.created_at}
            for row in models.Identity.select().where(models.Identity.account == account)
        ],
        "roles": [
            {"organization": row.organization.name, "role": row.role}
            for row in models.Membership.select().where(models.Membership.account == account)
        ],
        "activity": [
            {"at": row.at, "source": row.source.label, "kind": row.kind, "title": row.title, "about": row.object,
             "url": row.url, "listed": row.listed}
            for row in models.Activity.select().where(models.Activity.account == account).order_by(models.Activity.at)
        ],
        "earned": [
            {"kind": row.kind, "title": row.title, "item": row.item, "source": row.source.label if row.source else None,
             "at": row.at, "url": row.url}
            for row in models.Held.select().where(models.Held.account == account)
        ],
        "kudos-received": [
            {"at": row.at, "from": row.giver.public_name if row.giver else None, "message": row.message}
            for row in models.Kudos.select().where(models.Kudos.receiver == account)
        ],
        "kudos-given": [
            {"at": row.at, "to": row.receiver.public_name, "message": row.message}
            for row in models.Kudos.select().where(models.Kudos.giver == account)
        ],
        "history": [
            {"at": row.at, "what": row.event}
            for row in models.Audit.select().where(models.Audit.subject_id == number)
        ],
    }  # fmt: skip
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in lists.items():
            archive.writestr(f"{name}.json", json.dumps(rows, ensure_ascii=False))
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)
            archive.writestr(f"{name}.csv", text.getvalue())
    return len(data.getvalue())
