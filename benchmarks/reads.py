"""What the page's reads cost: against raw sqlite3 (G10), by members (G7), by events (G8), beside a writer (G12)."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import world
from benchmarks.table import Line, at_most
from policies.manager import PolicyManager
from policies.terms import ANONYMOUS
from webapp.services.context import Context, Site
from webapp.services.profiles import view_profile
from webapp.store.database import Database

ROUNDS = 7


class Recorder(Database):
    """A Database that notes the reads of a page: (sql, parameters)."""

    def __init__(self, inner: Database) -> None:
        super().__init__(inner.peewee, inner.url)
        self.seen: list[tuple[str, tuple[Any, ...]]] = []

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.seen.append((sql, tuple(params)))
        return super().rows(sql, params)

    def row(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        self.seen.append((sql, tuple(params)))
        return super().row(sql, params)


def _context(db: Database) -> Context:
    return Context(db=db, manager=PolicyManager(), site=Site())


def _statements(url: str, handles: Sequence[str]) -> list[tuple[str, tuple[Any, ...]]]:
    """Every statement that the pages of these members run."""
    recorder = Recorder(Database.open(url))
    context = _context(recorder)
    for handle in handles:
        view_profile(context, ANONYMOUS, handle, world.NOW)
    recorder.close()
    return recorder.seen


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _alternating(one: Callable[[], object], other: Callable[[], object]) -> float:
    """The median of the ratios one : other, run in turn."""
    one(), other()
    return median(_seconds(one) / _seconds(other) for _ in range(ROUNDS))


def _runner(path: Path, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> Callable[[], None]:
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("cache_size=-32000", "mmap_size=1073741824"):    # as ours
        raw.execute(f"PRAGMA {pragma}")

    def run() -> None:
        for sql, params in statements:
            raw.execute(sql, params).fetchall()

    return run


def store_against_raw(folder: Path, quick: bool) -> list[Line]:
    """The page's statements through the store's Database against the same text through sqlite3 (G10)."""
    path = folder / "store.db"
    world.make_world(path, 2_000)
    statements = _statements(f"sqlite:///{path}", world.rich_handles(2_000))
    db = Database.open(f"sqlite:///{path}")

    def through_store() -> None:
        for sql, params in statements:
            db.rows(sql, params)

    ratio = _alternating(through_store, _runner(path, statements))
    db.close()
    return [at_most("G10", "page statements through the store : raw sqlite3", ratio, 1.15)]


def page_sql_by_members(folder: Path, quick: bool) -> list[Line]:
    """The page's SQL for random members of a large community against a small one (G7)."""
    large = 100_000 if quick else 1_000_000
    words = f"page SQL at {large:,} members : at 10,000"
    runs, worlds = [], []
    for members in (large, 10_000):
        path = folder / f"members-{members}.db"
        world.make_world(path, members)
        rng = random.Random(5)
        handles = [world.handle(rng.randrange(world.RICH, members) + 1) for _ in range(400)]
        worlds.append((path, handles))
        runs.append(_runner(path, _statements(f"sqlite:///{path}", handles)))
    lines = [at_most("G7", f"SQLite, {words}", _alternating(*runs), 1.5)]
    try:
        with world.postgres() as new:
            lines.append(at_most("G7", f"PostgreSQL, {words}", _on_postgres(worlds, new), 1.5))
    except ImportError as error:
        lines.append(Line("G7", f"PostgreSQL was not started: {error}", None, ""))
    return lines


def _on_postgres(worlds: Sequence[tuple[Path, Sequence[str]]], new: Callable[[], str]) -> float:
    """The statements of the first world's pages against the second's, both worlds copied into a database each."""
    runs, opened = [], []
    for path, handles in worlds:
        url = new()
        world.copy_tables(path, url, world.TABLES)
        db = Database.open(url)
        db.execute("VACUUM ANALYZE")
        statements = _statements(url, handles)
        opened.append(db)
        runs.append(lambda db=db, statements=statements: [db.rows(*one) for one in statements])  # type: ignore[misc]
    ratio = _alternating(*runs)
    for db in opened:
        db.close()
    return ratio


def totals_by_events(folder: Path, quick: bool) -> list[Line]:
    """The page of a member with very many events against one with many: totals are counters (G8)."""
    many = 1_000_000 if quick else 10_000_000
    runs = []
    for events in (many, 100_000):
        path = folder / f"events-{events}.db"
        world.make_world(path, 1_000, events)
        runs.append(_runner(path, _statements(f"sqlite:///{path}", [world.handle(1)] * 200)))
    return [at_most("G8", f"totals at {many:,} events : at 100,000", _alternating(*runs), 1.3)]


def beside_a_writer(folder: Path, quick: bool) -> list[Line]:
    """The slowest of 100 page reads while batches are written, against the same when idle (G12)."""
    path = folder / "writer.db"
    world.make_world(path, 20_000)
    db = Database.open(f"sqlite:///{path}")
    context = _context(db)
    handles = world.rich_handles(20_000)

    def p99(seconds: float) -> float:
        rng, taken, until = random.Random(1), [], time.perf_counter() + seconds
        while time.perf_counter() < until:
            handle = rng.choice(handles)
            taken.append(_seconds(lambda handle=handle: view_profile(context, ANONYMOUS, handle, world.NOW)))  # type: ignore[misc]
        return sorted(taken)[int(len(taken) * 0.99)]

    seconds = 2.0 if quick else 5.0
    p99(1.0)
    idle = p99(seconds)
    writer = subprocess.Popen([sys.executable, "-m", "benchmarks.writer", str(path)])
    try:
        time.sleep(1.0)
        busy = p99(seconds)
    finally:
        writer.terminate()
        writer.wait()
    db.close()
    return [at_most("G12", "page read p99 beside a batch writer : idle", busy / idle, 5)]
