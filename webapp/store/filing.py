"""Which events are an account's, in the order of time: the log's order by account, and with it its days (days.py). The
events themselves: ingest.py.

An index on the log would be written at a place of its own for every event: of the pages that a batch for as many
members writes, nine of ten would be the leaves of such indexes (G9). So an event is first noted in its account's row
of counters (`counter.unfiled`), which is written anyway, and some dozens of an account are filed at once, and
their days counted. Whoever reads by account reads both: `entries`, or `filed` and `unfiled` where only the first few
rows in order are wanted; and the rows of `activity_year` with the days of what waits.
All writes expect to run inside one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from webapp.store.database import Database
from webapp.store.days import Days, add_days, load_all
from webapp.store.lists import padded

DAY = 86_400
#: From so many characters on the noted events of an account are filed: some thirty.
FULL = 240

_COLUMNS = "account_id, at, activity_id, kind, source_id, listed"
_NOTED = {
    "sqlite": "counter c CROSS JOIN json_each('[' || substr(c.unfiled, 2) || ']') t CROSS JOIN activity v",
    "postgresql": (
        "counter c CROSS JOIN unnest(CAST(string_to_array(substr(c.unfiled, 2), ',') AS BIGINT[])) AS t(value)"
        " CROSS JOIN activity v"
    ),
}
_OF_LOG = "account_id, at, id, kind, source_id, listed"
_FROM_LOG = f"SELECT {_OF_LOG} FROM activity WHERE account_id IS NOT NULL"


def unfiled(dialect: str, columns: str, where: str) -> str:
    """A SELECT of the events `v` that wait to be filed under accounts, of the counters `c`, a few for each."""
    return f"SELECT {columns} FROM {_NOTED[dialect]} WHERE {where} AND c.unfiled <> '' AND v.id = t.value"


def entries(dialect: str) -> str:
    """What stands for a table of (account_id, at, activity_id, kind, source_id, listed), filed or not; to be named.

    No view: with one that SQLite happens to look at first, its integrity check (3.40) leaves out the pages of nobody.
    """
    waiting = unfiled(dialect, "c.account_id, v.at, v.id AS activity_id, v.kind, v.source_id, v.listed", "TRUE")
    return f"(SELECT {_COLUMNS} FROM filed UNION ALL {waiting})"


def filed(columns: str, where: str) -> str:
    """A SELECT of the filed entries `e` with their events `v`; in the order of an index where only `e` is asked."""
    return f"SELECT {columns} FROM filed e CROSS JOIN activity v WHERE {where} AND v.id = e.activity_id"


def noted(event_id: int) -> str:
    """What is added to `counter.unfiled` for a new event."""
    return f",{event_id}"


def file_all(db: Database, account_ids: Iterable[int]) -> None:
    """File every event of these accounts that waits, and count its days. Only under a lock on the accounts, or with
    the lock that it takes on those where any waits."""
    ids = sorted(set(account_ids))
    if db.dialect == "postgresql":      # a SQLite transaction holds the write lock already
        ids = [
            row[0] for some, values in padded(ids) for row in db.rows(
                f"SELECT id FROM account WHERE id IN ({some})"
                " AND EXISTS (SELECT 1 FROM counter c WHERE c.account_id = account.id AND c.unfiled <> '')"
                " ORDER BY id FOR NO KEY UPDATE",
                values,
            )
        ]  # fmt: skip
    for some, values in padded(ids):
        waiting = db.rows(
            f"SELECT account_id, unfiled FROM counter WHERE account_id IN ({some}) AND unfiled <> ''", values
        )
        events = [int(event_id) for _, text in waiting for event_id in text[1:].split(",")]
        rows: list[tuple[Any, ...]] = []
        for these, numbers in padded(events) if events else ():
            rows += db.rows(f"SELECT {_OF_LOG} FROM activity WHERE id IN ({these})", numbers)
        _count_days(db, rows)
        # In order, and from here: SQLite takes a third less for it than for an INSERT of a SELECT of the same rows.
        db.executemany(f"INSERT INTO filed({_COLUMNS}) VALUES (?,?,?,?,?,?)", sorted(rows))
        db.executemany(
            "UPDATE counter SET unfiled = '' WHERE account_id = ?", [(account_id,) for account_id, _ in waiting]
        )


def _count_days(db: Database, rows: Iterable[tuple[Any, ...]]) -> None:
    days: dict[int, dict[tuple[int, int], int]] = {}
    for account_id, at, _, _, source_id, listed in rows:
        if listed:
            own, key = days.setdefault(source_id, {}), (account_id, at // DAY)
            own[key] = own.get(key, 0) + 1
    if days:
        areas = dict(db.rows("SELECT id, area FROM source"))
        for source_id, own in sorted(days.items()):
            add_days(db, areas[source_id], own)


def waiting_days(dialect: str, where: str) -> str:
    """A SELECT of (account, day since 1970, area) of the listed events `v` that wait: each is one more of its day."""
    columns = f"c.account_id, v.at / {DAY} AS day, (SELECT s.area FROM source s WHERE s.id = v.source_id) AS area"
    return unfiled(dialect, columns, f"{where} AND v.listed")


def load_days(db: Database, account_id: int | None = None) -> Days:
    """Every day of one account, or of everybody, filed or not. No page reads this."""
    where, params = ("TRUE", ()) if account_id is None else ("c.account_id = ?", (account_id,))
    found = load_all(db, account_id)
    for key in db.rows(waiting_days(db.dialect, where), params):
        found[key] = found.get(key, 0) + 1
    return found


def take_out(db: Database, events: Sequence[tuple[int, int, int]]) -> None:
    """Forget (account, at, event), filed or not."""
    file_all(db, {account_id for account_id, _, _ in events})
    db.executemany("DELETE FROM filed WHERE account_id = ? AND at = ? AND activity_id = ?", events)


def load_unfiled(db: Database, account_ids: Sequence[int]) -> dict[tuple[int, str], list[int]]:
    """{(account, kind): the times of the events that wait, ascending}."""
    found: dict[tuple[int, str], list[int]] = {}
    for some, values in padded(account_ids):
        sql = unfiled(db.dialect, "c.account_id, v.kind, v.at", f"c.account_id IN ({some})")
        for account_id, kind, at in sorted(db.rows(sql, values)):
            found.setdefault((account_id, kind), []).append(at)
    return found


def load_nth(db: Database, account_id: int, kind: str, n: int, waiting: Sequence[int]) -> int | None:
    """When the n-th event of a kind happened, in the order of time. `waiting`: of `load_unfiled`."""
    # As many filed ones as are left out here come before it, whenever those that wait happened.
    first = max(0, n - 1 - len(waiting))
    near = db.rows(
        "SELECT at FROM filed WHERE account_id = ? AND kind = ? ORDER BY at, activity_id LIMIT ? OFFSET ?",
        (account_id, kind, n - first, first),
    )
    times = sorted([*(row[0] for row in near), *waiting])
    return times[n - 1 - first] if len(times) >= n - first else None


def load_behind(
    db: Database, account_id: int, source_id: int, kinds: tuple[str, str], object: str
) -> list[tuple[str, int, str, str, str]]:
    """The events of (up to two) kinds about one object of an account: (kind, at, external_id, title, url)."""
    file_all(db, [account_id])
    where = "e.account_id = ? AND e.kind IN (?, ?) AND e.source_id = ? AND v.object = ?"
    sql = filed("v.kind, v.at, v.external_id, v.title, v.url", where)
    return db.rows(sql, (account_id, *kinds, source_id, object))


def find_wrong(db: Database) -> list[tuple[int, int]]:
    """(account, event) of what is not filed or noted exactly once, as the log has it. Reads everything."""
    kept = f"SELECT {_COLUMNS} FROM {entries(db.dialect)} e"
    twice = f"SELECT account_id, activity_id FROM ({kept}) k GROUP BY account_id, activity_id HAVING COUNT(*) > 1"
    return db.rows(
        f"SELECT account_id, id FROM (SELECT * FROM ({_FROM_LOG}) missing EXCEPT {kept}) m"
        f" UNION SELECT account_id, activity_id FROM ({kept} EXCEPT {_FROM_LOG}) x UNION {twice} ORDER BY 1, 2"
    )


def file_anew(db: Database) -> None:
    """File the whole log again. The days of what waited are then to be counted."""
    db.execute("DELETE FROM filed")
    db.execute("UPDATE counter SET unfiled = '' WHERE unfiled <> ''")
    db.execute(f"INSERT INTO filed({_COLUMNS}) {_FROM_LOG} ORDER BY account_id, at, id")
