"""Badges given by rules: what an account did as rules are told, rows of `held`, runs of the worker, revocations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from policies.terms import State
from webapp.store.database import Database, marks
from webapp.store.ingest import COUNTERS
from webapp.store.lists import padded

_ALIVE = (State.ACTIVE.value, State.UNCLAIMED.value)
_RUN = "id, rule, mode, last_id, upto_id, done, total, gained, lost, failed, started_at, finished_at"


class Run(NamedTuple):
    """A look at all accounts for one rule."""

    id: int
    rule: str
    mode: str
    last_id: int
    upto_id: int
    done: int
    total: int
    gained: int
    lost: int
    failed: int
    started_at: int
    finished_at: int | None


class Doer(NamedTuple):
    """An account as rules are told of it: own counters only."""

    id: int
    domain_id: int | None
    member_since: int
    totals: dict[str, int]
    held: list[tuple[str, str, str, int]]
    has: bool
    is_revoked: bool


def load_doers(db: Database, rule: str, after: int, upto: int, limit: int) -> list[Doer]:
    """The next living accounts in order of their ids, with all that a rule is told and whether they have its badge."""
    rows = db.rows(
        f"SELECT id, domain_id, COALESCE(member_since, created_at), {', '.join(COUNTERS)} FROM account"
        " JOIN counter ON account_id = id WHERE id > ? AND id <= ? AND state IN (?, ?) ORDER BY id LIMIT ?",
        (after, upto, *_ALIVE, limit),
    )
    ids = [row[0] for row in rows]
    held: dict[int, list[tuple[str, str, str, int]]] = {}
    has: set[int] = set()
    revoked: set[int] = set()
    item = f"rule:{rule}"
    for some, values in padded(ids):
        sql = f"SELECT account_id, kind, item, title, at, source_id FROM held WHERE account_id IN ({some}) ORDER BY at"
        for account_id, kind, name, title, at, source_id in db.rows(sql, values):
            if name == item and source_id is None:
                has.add(account_id)
            elif source_id is not None:
                held.setdefault(account_id, []).append((kind, name, title, at))
        sql = f"SELECT account_id FROM badge_revoked WHERE rule = ? AND account_id IN ({some})"
        revoked.update(row[0] for row in db.rows(sql, (rule, *values)))
    found = []
    for account_id, domain_id, since, *counts in rows:
        mine = held.get(account_id, [])
        totals = dict(zip(COUNTERS, counts, strict=True))
        totals["courses_completed"] = sum(1 for row in mine if row[0] == "course")
        found.append(Doer(account_id, domain_id, since, totals, mine, account_id in has, account_id in revoked))
    return found


def give(db: Database, account_id: int, rule: str, title: str, at: int) -> bool:
    """Give the badge; False if the account has it already, may not get it, or is no more."""
    cursor = db.execute(
        "INSERT INTO held(account_id, kind, item, title, url, at, events, retired)"
        " SELECT id, 'badge', ?, ?, '', ?, 1, ? FROM account WHERE id = ? AND state IN (?, ?)"
        " AND NOT EXISTS (SELECT 1 FROM badge_revoked r WHERE r.account_id = account.id AND r.rule = ?)"
        " ON CONFLICT (account_id, kind, item) DO NOTHING",
        (f"rule:{rule}", title, at, False, account_id, *_ALIVE, rule),
    )
    return _touched(db, account_id, cursor.rowcount)


def take(db: Database, account_id: int, rule: str) -> bool:
    """Take the badge away; False if the account has none."""
    cursor = db.execute(
        "DELETE FROM held WHERE account_id = ? AND kind = 'badge' AND item = ? AND source_id IS NULL",
        (account_id, f"rule:{rule}"),
    )
    return _touched(db, account_id, cursor.rowcount)


def _touched(db: Database, account_id: int, rows: int) -> bool:
    if rows:
        db.execute("UPDATE account SET row_version = row_version + 1 WHERE id = ?", (account_id,))
    return bool(rows)


def add_waiting(db: Database, account_id: int, rule: str) -> None:
    """Let the daily mail tell the account of the badge that it was just given."""
    db.execute(
        "INSERT INTO award_waiting(account_id, rule) VALUES (?,?) ON CONFLICT (account_id, rule) DO NOTHING",
        (account_id, rule),
    )


def take_waiting(db: Database, account_id: int) -> list[str]:
    """The titles of the badges that an account is to be told of and still holds, told from now on."""
    titles = [row[0] for row in db.rows(
        "SELECT h.title FROM award_waiting w JOIN held h ON h.account_id = w.account_id AND h.kind = 'badge'"
        " AND h.source_id IS NULL AND h.item = 'rule:' || w.rule WHERE w.account_id = ? ORDER BY h.title, h.item",
        (account_id,),
    )]  # fmt: skip
    db.execute("DELETE FROM award_waiting WHERE account_id = ?", (account_id,))
    return titles


def set_revoked(db: Database, account_id: int, rule: str, now: int | None) -> None:
    """Note that the rule must not give this badge to the account (again), or with None that it may."""
    if now is None:
        db.execute("DELETE FROM badge_revoked WHERE account_id = ? AND rule = ?", (account_id, rule))
    else:
        db.execute(
            "INSERT INTO badge_revoked(account_id, rule, at) VALUES (?,?,?) ON CONFLICT (account_id, rule) DO NOTHING",
            (account_id, rule, now),
        )


def count_holders(db: Database) -> dict[str, int]:
    """How many accounts hold the badge of each rule."""
    rows = db.rows(
        "SELECT item, COUNT(*) FROM held WHERE kind = 'badge' AND source_id IS NULL AND substr(item, 1, 5) = 'rule:'"
        " GROUP BY item"
    )
    return {item.removeprefix("rule:"): n for item, n in rows}


# Runs


def start_run(db: Database, rule: str, mode: str, now: int) -> int:
    """Begin a look at all accounts there are; its id."""
    upto, total = db.row(
        "SELECT COALESCE(MAX(id), 0), COUNT(*) FROM account WHERE state IN (?, ?)", _ALIVE
    ) or (0, 0)
    row = db.execute(
        "INSERT INTO badge_run(rule, mode, upto_id, total, started_at) VALUES (?,?,?,?,?) RETURNING id",
        (rule, mode, upto, total, now),
    ).fetchone()
    return int(row[0])


def load_unfinished(db: Database) -> list[Run]:
    """The runs that the worker has to go on with, oldest first."""
    return [Run._make(row) for row in db.rows(f"SELECT {_RUN} FROM badge_run WHERE finished_at IS NULL ORDER BY id")]


def load_run(db: Database, run_id: int) -> Run | None:
    """A run, kept as it is until the transaction ends."""
    lock = " FOR UPDATE" if db.dialect == "postgresql" else ""
    row = db.row(f"SELECT {_RUN} FROM badge_run WHERE id = ?{lock}", (run_id,))
    return None if row is None else Run._make(row)


def load_latest(db: Database, modes: Sequence[str]) -> dict[str, Run]:
    """The newest run of each rule in one of these modes."""
    sql = f"SELECT {_RUN} FROM badge_run WHERE mode IN ({marks(len(modes))}) ORDER BY id"
    return {row[1]: Run._make(row) for row in db.rows(sql, tuple(modes))}


def save_run(db: Database, run: Run) -> None:
    """Write how far a run has come."""
    values: tuple[Any, ...] = (run.last_id, run.done, run.gained, run.lost, run.failed, run.finished_at, run.id)
    db.execute(
        "UPDATE badge_run SET last_id = ?, done = ?, gained = ?, lost = ?, failed = ?, finished_at = ? WHERE id = ?",
        values,
    )


def end_runs(db: Database, rule: str, now: int) -> None:
    """End what is under way for a rule."""
    db.execute("UPDATE badge_run SET finished_at = ? WHERE rule = ? AND finished_at IS NULL", (now, rule))


def forget_runs(db: Database, before: int) -> None:
    """Drop nightly looks and rehearsals that ended long ago."""
    db.execute(
        "DELETE FROM badge_run WHERE finished_at < ? AND mode IN ('nightly', 'rehearsal')", (before,)
    )
