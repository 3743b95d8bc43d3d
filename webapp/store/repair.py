"""Kept sums as they are, and as GROUP BY over the events gives them. Slow by nature; only repair.py reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.store import days, filing
from webapp.store.database import Database, marks
from webapp.store.ingest import COUNTERS, lock_accounts

Table = dict[tuple[Any, ...], tuple[Any, ...]]

#: table -> (key columns, value columns).
SHAPES = {
    "counter": (("account_id",), COUNTERS),
    "pair_counter": (("receiver_id", "giver_id"), ("kudos", "likes")),
    "held": (("account_id", "kind", "item"), ("at", "events")),
    "crossing": (("account_id", "metric", "value"), ("at",)),
}


def _table(db: Database, sql: str, width: int, params: Sequence[Any] = ()) -> Table:
    return {row[:width]: row[width:] for row in db.rows(sql, params)}


def _load(db: Database, table: str, where: str = "") -> Table:
    keys, values = SHAPES[table]
    return _table(db, f"SELECT {', '.join((*keys, *values))} FROM {table}{where}", len(keys))


def lock_sources(db: Database) -> None:
    """Hold every source until the transaction ends: whoever records or takes back an event waits for its source."""
    if db.dialect == "postgresql":
        db.rows("SELECT id FROM source ORDER BY id FOR NO KEY UPDATE")


def load_counters(db: Database) -> Table:
    """{(account,): COUNTERS}."""
    return _load(db, "counter")


def load_pairs(db: Database) -> Table:
    """{(receiver, giver): (kudos, likes)}."""
    return _load(db, "pair_counter")


def load_held(db: Database) -> Table:
    """{(account, kind, item): (at, events)} of what sources gave."""
    return _load(db, "held", " WHERE source_id IS NOT NULL")


def load_days(db: Database) -> Table:
    """{(account, day, area): (n,)}, filed or not."""
    return {key: (n,) for key, n in filing.load_days(db).items()}


def load_crossings(db: Database) -> Table:
    """{(account, metric, value): (at,)}."""
    return _load(db, "crossing")


def count_kinds(db: Database) -> list[tuple[Any, ...]]:
    """(account, kind, events)."""
    return db.rows(
        "SELECT account_id, kind, COUNT(*) FROM activity WHERE account_id IS NOT NULL GROUP BY account_id, kind"
    )


def count_pairs(db: Database, kinds: tuple[str, ...]) -> Table:
    """{(receiver, giver): (kudos, likes)} from the events."""
    return _table(
        db,
        "SELECT account_id, by_account_id, SUM(CASE WHEN kind = 'kudos' THEN 1 ELSE 0 END),"
        " SUM(CASE WHEN kind = 'kudos' THEN 0 ELSE 1 END) FROM activity WHERE account_id IS NOT NULL"
        f" AND by_account_id IS NOT NULL AND kind IN ({marks(len(kinds))}) GROUP BY account_id, by_account_id",
        2,
        kinds,
    )


def count_held(db: Database, kinds: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """(source name, account, kind, object, first time, events)."""
    return db.rows(
        "SELECT s.name, a.account_id, a.kind, a.object, MIN(a.at), COUNT(*) FROM activity a"
        " JOIN source s ON s.id = a.source_id"
        f" WHERE a.account_id IS NOT NULL AND a.kind IN ({marks(len(kinds))})"
        " GROUP BY s.name, a.account_id, a.kind, a.object",
        kinds,
    )


def load_group_events(db: Database, kinds: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """(source name, account, object, kind, at, external_id, title, url)."""
    return db.rows(
        "SELECT s.name, a.account_id, a.object, a.kind, a.at, a.external_id, a.title, a.url FROM activity a"
        f" JOIN source s ON s.id = a.source_id WHERE a.account_id IS NOT NULL AND a.kind IN ({marks(len(kinds))})",
        kinds,
    )


def count_days(db: Database) -> Table:
    """{(account, day, area): (n,)} from the listed events."""
    return _table(
        db,
        "SELECT a.account_id, a.at / 86400, s.area, COUNT(*) FROM activity a JOIN source s ON s.id = a.source_id"
        " WHERE a.account_id IS NOT NULL AND a.listed GROUP BY a.account_id, a.at / 86400, s.area",
        3,
    )


def nth_events(db: Database, kind: str, ladder: Sequence[int]) -> list[tuple[Any, ...]]:
    """(account, n, time of its n-th event of the kind) for each n of the ladder."""
    if not ladder:
        return []
    return db.rows(
        "SELECT account_id, n, at FROM (SELECT account_id, at, ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY at)"
        f" AS n FROM activity WHERE account_id IS NOT NULL AND kind = ?) AS numbered WHERE n IN ({marks(len(ladder))})",
        (kind, *ladder),
    )


def set_days(db: Database, rows: Mapping[tuple[Any, ...], tuple[Any, ...] | None]) -> None:
    """Set days, keyed as by `load_days`, to the given values, with what waits; None deletes them."""
    lock_accounts(db, {key[0] for key in rows})
    kept = filing.load_days(db)
    deltas: dict[str, dict[tuple[int, int], int]] = {}
    for (account, day, area), value in rows.items():
        more = (value[0] if value else 0) - kept.get((account, day, area), 0)
        if more:
            deltas.setdefault(area, {})[account, day] = more
    for area, some in deltas.items():
        days.add_days(db, area, some)


def set_rows(db: Database, table: str, rows: Mapping[tuple[Any, ...], tuple[Any, ...] | None]) -> None:
    """Set rows of a table of SHAPES to the given values, None deleting them; new held items get a plain title."""
    keys, values = SHAPES[table]
    where = " AND ".join(f"{key} = ?" for key in keys)
    if table == "counter":
        lock_accounts(db, {key[0] for key in rows})
    for key, value in rows.items():
        if value is None:
            db.execute(f"DELETE FROM {table} WHERE {where}", key)
            continue
        sets = ", ".join(f"{column} = ?" for column in values)
        if table == "counter":
            sets += ", version = version + 1"
        if db.execute(f"UPDATE {table} SET {sets} WHERE {where}", (*value, *key)).rowcount:
            continue
        columns = (*keys, *values)
        row = (*key, *value)
        if table == "held":
            source, _, title = str(key[2]).partition(":")
            found = db.row("SELECT id FROM source WHERE name = ?", (source,))
            columns, row = (*columns, "title", "source_id"), (*row, title, found[0] if found else None)
        db.execute(f"INSERT INTO {table}({', '.join(columns)}) VALUES ({marks(len(columns))})", row)
