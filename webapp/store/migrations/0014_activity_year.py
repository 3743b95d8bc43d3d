"""The days of the heatmap, packed into one row per account and calendar year: a page reads two short rows."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

YEARS = """
CREATE TABLE activity_year(
  account_id BIGINT NOT NULL REFERENCES account(id),
  year INTEGER NOT NULL,
  last_day INTEGER NOT NULL,
  days TEXT NOT NULL,
  PRIMARY KEY (account_id, year)
)
"""
DAYS = """
CREATE TABLE activity_day(
  account_id BIGINT NOT NULL REFERENCES account(id),
  day INTEGER NOT NULL,
  area TEXT NOT NULL,
  n INTEGER NOT NULL CHECK (n >= 0),
  PRIMARY KEY (account_id, day, area)
)
"""
AREAS = ("forum", "learning", "event")
EPOCH = datetime.date(1970, 1, 1).toordinal()
#: Accounts in one go.
PART = 2000


def up(migrator: Any, db: Any) -> None:
    """Create the table, fill it from the days and drop those."""
    db.execute_sql(YEARS)
    for rows in _parts(db, "SELECT account_id, day, area, n FROM activity_day WHERE n > 0 AND account_id > {0}"
                           " AND account_id <= {0} ORDER BY account_id, day", "activity_day"):
        packed = []
        for (account, year), some in groupby(rows, key=lambda row: (row[0], _date(row[1]).year)):
            packed.append((account, year, *_pack(year, list(some))))
        _insert(db, "activity_year(account_id, year, last_day, days)", packed)
    db.execute_sql("DROP TABLE activity_day")


def down(migrator: Any, db: Any) -> None:
    """One row per day again."""
    db.execute_sql(DAYS)
    for rows in _parts(db, "SELECT account_id, year, days FROM activity_year WHERE account_id > {0}"
                           " AND account_id <= {0}", "activity_year"):
        days = []
        for account, year, text in rows:
            start, numbers = datetime.date(year, 1, 1).toordinal() - EPOCH, iter(json.loads(text))
            for day, area, n in zip(numbers, numbers, numbers, strict=True):
                days.append((account, start + day, AREAS[area], n))
        _insert(db, "activity_day(account_id, day, area, n)", days)
    db.execute_sql("DROP TABLE activity_year")


def _pack(year: int, rows: list[tuple[int, int, str, int]]) -> tuple[int, str]:
    """(the last day, the text) of one account's year."""
    start = datetime.date(year, 1, 1).toordinal() - EPOCH
    counts: dict[tuple[int, int], int] = {}
    for _, day, area, n in rows:
        key = (day - start, AREAS.index(area) if area in AREAS else 0)
        counts[key] = counts.get(key, 0) + n
    numbers = [number for key, n in sorted(counts.items()) for number in (*key, n)]
    return rows[-1][1], json.dumps(numbers, separators=(",", ":"))


def _date(day: int) -> datetime.date:
    return datetime.date.fromordinal(EPOCH + day)


def _mark(db: Any) -> str:
    return "?" if type(db).__name__.startswith("Sqlite") else "%s"


def _parts(db: Any, sql: str, table: str) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of so many accounts at a time: a table of millions does not fit into memory."""
    sql = sql.format(_mark(db))
    last = db.execute_sql(f"SELECT MAX(account_id) FROM {table}").fetchone()[0] or 0
    for start in range(0, last, PART):
        yield db.execute_sql(sql, (start, start + PART)).fetchall()


def _insert(db: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        db.cursor().executemany(f"INSERT INTO {table} VALUES ({','.join([_mark(db)] * 4)})", rows)
