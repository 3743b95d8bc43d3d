"""Exports of one's own data against the same lists through a plain object mapper, and the memory they take (G11).

Plain: peewee models, a foreign key read where it is used, every list held whole, then written as JSON and CSV into an
archive in memory: the same files, the same rows. It asks no gate, so it even does less. Both sides read the same
members, in turn; they are logged in before.
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
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from playhouse.shortcuts import model_to_dict

from benchmarks import world
from benchmarks.table import Line, at_least, at_most
from policies.manager import PolicyManager
from webapp.services import export, sessions
from webapp.services.audit_own import WORDS
from webapp.services.context import Context, Site
from webapp.services.rows import KINDS
from webapp.services.sessions import Session
from webapp.store import export as store
from webapp.store import models, profiles
from webapp.store.database import Database
from webapp.store.models_apps import AppGrant
from webapp.store.models_shipped import Credential

#: What each member has, beside what make_world gives them.
POSTS, KUDOS = 200, 20
ROUNDS, SAMPLE = 5, 20
BASE_URL = Site().base_url


def compare(folder: Path, quick: bool) -> list[Line]:
    """Exports in a second, and the most memory in use over the last tenth of the members against the first."""
    members = 1_000 if quick else 10_000
    path = folder / "export.db"
    world.make_world(path, members)
    _fill(path, members)
    db = Database.open(f"sqlite:///{path}")
    ctx = Context(db=db, manager=PolicyManager(), site=Site())
    _check_alike(ctx, members)
    ratios = []
    some = range(world.RICH + 1, members, max(1, (members - world.RICH) // (ROUNDS * SAMPLE)))
    chosen = list(some)[: ROUNDS * SAMPLE]
    for turn in range(ROUNDS):
        asked = [_log_in(ctx, number) for number in chosen[turn * SAMPLE : (turn + 1) * SAMPLE]]
        ratios.append(_seconds(_plain, asked) / _seconds(lambda session: _own(ctx, session), asked))
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
    db.execute("ANALYZE")
    db.close()


def _log_in(ctx: Context, number: int) -> Session:
    session = sessions.load_session(ctx, sessions.start(ctx, number, world.NOW), world.NOW)
    assert session is not None
    return session


def _seconds(run: Callable[[Session], object], asked: Sequence[Session]) -> float:
    began = time.process_time()
    for session in asked:
        run(session)
    return time.process_time() - began


def _own(ctx: Context, session: Session) -> int:
    """The export as a member gets it, thrown away while it comes."""
    return sum(len(part) for part in export.export(ctx, session, world.NOW))


def _check_alike(ctx: Context, members: int) -> None:
    """Both sides must write the same files with as many rows."""
    session = _log_in(ctx, members)
    own = zipfile.ZipFile(io.BytesIO(b"".join(export.export(ctx, session, world.NOW))))
    plain = zipfile.ZipFile(io.BytesIO(_plain(session)))
    if own.namelist() != plain.namelist():
        raise RuntimeError("The two sides write different files.")
    for name in own.namelist():
        if name.endswith(".json") and len(json.loads(own.read(name))) != len(json.loads(plain.read(name))):
            raise RuntimeError(f"The two sides write different rows into {name}.")


def _moment(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _person(account: models.Account | None) -> tuple[str, str | None]:
    return ("A member", None) if account is None else (account.full_name, f"{BASE_URL}/u/{account.handle}")


def _plain(session: Session) -> bytes:
    """The same lists by models and their relations, everything shown."""
    number = session.account_id
    account = models.Account.get_by_id(number)
    columns = model_to_dict(account, recurse=False)
    dates = ("created_at", "member_since", "email_verified_at", "terms_at")
    levels = {}
    for field in models.FieldBit.select().order_by(models.FieldBit.bit):
        chosen = account.chosen >> field.bit & 1
        level = account.chosen_anyone >> field.bit & 1 or not chosen
        levels[field.name] = ("Anyone" if level else "Only you", bool(chosen))
    kudos, audit = models.Kudos, models.Audit
    lists: dict[str, list[dict[str, Any]]] = {
        "account": [
            {"what": name, "value": _moment(columns[name]) if name in dates else columns[name]}
            for name in store.Account._fields
        ],
        "record": [{"field": name, "value": columns[name]} for name in ("public_name", *profiles.COLUMNS)],
        "visibility": [
            {"field": name, "level": level, "chosen": is_chosen} for name, (level, is_chosen) in levels.items()
        ],
        "handles": [
            {"handle": row.handle, "since": _moment(row.since)}
            for row in models.Handle.select().where(models.Handle.account == account)
        ],
        "sources": [
            {"source": row.source.label, "name": row.actor, "since": _moment(row.created_at)}
            for row in models.Identity.select().where(models.Identity.account == account)
        ],
        "roles": [
            {"organization": row.organization.name, "role": row.role, "since": _moment(row.since)}
            for row in models.Membership.select().where(models.Membership.account == account)
        ],
        "activity": [
            {"at": _moment(row.at), "source": row.source.label, "kind": row.kind, "what": KINDS[row.kind][1],
             "title": row.title, "about": row.object, "url": row.url, "listed": row.listed}
            for row in models.Activity.select().where(models.Activity.account == account).order_by(models.Activity.at)
        ],
        "earned": [
            {"kind": row.kind, "title": row.title, "item": row.item, "source": row.source.label if row.source else None,
             "at": _moment(row.at), "until": _moment(row.until), "url": row.url}
            for row in models.Held.select().where(models.Held.account == account)
        ],
        "published-badges": [
            {"badge": row.badge, "credential": f"urn:uuid:{row.key}", "since": _moment(row.published_at),
             "ended": _moment(row.ended_at)}
            for row in Credential.select().where(Credential.account_id == number)
        ],
        "kudos-received": [
            {"at": _moment(row.at), "from": _person(row.giver)[0], "page": _person(row.giver)[1],
             "category": row.category, "message": row.message}
            for row in kudos.select().where(kudos.receiver == account).order_by(kudos.at)
        ],
        "kudos-given": [
            {"at": _moment(row.at), "to": _person(row.receiver)[0], "page": _person(row.receiver)[1],
             "category": row.category, "message": row.message}
            for row in kudos.select().where(kudos.giver == account).order_by(kudos.at)
        ],
        "sessions": [
            {"device": row.device, "since": _moment(row.created_at), "last_used": _moment(row.seen_at),
             "this_one": row.id == session.session_id}
            for row in models.LoginSession.select().where(models.LoginSession.account == account)
        ],
        "history": [
            {"at": _moment(row.at), "what": WORDS.get(row.event, row.event), "more": ""}
            for row in audit.select().where(audit.subject_id == number).order_by(audit.at.desc())
        ],
        "acts": [
            {"at": _moment(row.at), "what": row.event}
            for row in audit.select().where((audit.actor_id == number) & (audit.subject_id != number))
        ],
        "linked-accounts": [
            {"handle": row.handle, "email": row.email, "kind": "personal", "primary": False,
             "numbers_only": row.silent, "since": _moment(row.linked_at)}
            for row in models.Account.select().where(models.Account.primary_id == number)
        ],
        "apps": [
            {"name": row.app.name, "by": row.app.owner.public_name, "since": _moment(row.created_at),
             "last_used": _moment(row.used_at)}
            for row in AppGrant.select().where(AppGrant.account == account)
        ],
    }  # fmt: skip
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", f"Your data\n{', '.join(lists)}\n")
        for name, rows in lists.items():
            archive.writestr(f"{account.handle}/{name}.json", json.dumps(rows, ensure_ascii=False))
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)
            archive.writestr(f"{account.handle}/{name}.csv", text.getvalue())
    return data.getvalue()
