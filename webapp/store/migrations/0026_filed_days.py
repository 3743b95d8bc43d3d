"""The days of the heatmap are counted when events are filed, no longer when they come: what waits is filed first. On
SQLite the tables that are read by several columns are kept in that order themselves, without an index beside them. On
PostgreSQL the directory's words are indexed as lists of trigrams: a text that has them all need not be looked into.
"""

from __future__ import annotations

import datetime
import json
from itertools import groupby
from typing import Any

AREAS = ("forum", "learning", "event")
EPOCH = datetime.date(1970, 1, 1)

_IN_ORDER = ("activity_year", "crossing", "held", "pair_counter")
_COLUMNS = "account_id, at, activity_id, kind, source_id, listed"
_WAITING = {
    True: "json_each('[' || substr(a.unfiled, 2) || ']') t",
    False: "unnest(CAST(string_to_array(substr(a.unfiled, 2), ',') AS BIGINT[])) AS t(value)",
}


def up(migrator: Any, db: Any) -> None:
    """File everything."""
    is_sqlite = type(db).__name__.startswith("Sqlite")
    db.execute_sql(
        f"INSERT INTO filed({_COLUMNS}) SELECT v.account_id, v.at, v.id, v.kind, v.source_id, v.listed"
        f" {_from_waiting(db)} ORDER BY v.account_id, v.at, v.id"
    )
    db.execute_sql("UPDATE account SET unfiled = '' WHERE unfiled <> ''")
    if is_sqlite:
        for table in _IN_ORDER:
            _write_anew(db, table, " WITHOUT ROWID")
    else:
        _index_words(db, "show_trgm(words)")


def down(migrator: Any, db: Any) -> None:
    """Count the days of what waits, which goes on waiting."""
    _count_waiting(db)
    if type(db).__name__.startswith("Sqlite"):
        for table in _IN_ORDER:
            _write_anew(db, table, "")
    else:
        _index_words(db, "words gin_trgm_ops")


def _index_words(db: Any, what: str) -> None:
    for name, whose in (("people_words", "= 0"), ("people_words_own", "<> 0")):
        db.execute_sql(f"DROP INDEX {name}")
        db.execute_sql(
            f"CREATE INDEX {name} ON people USING gin ({what}) WITH (gin_pending_list_limit = 1024)"
            f" WHERE audience {whose}"
        )


def _from_waiting(db: Any) -> str:
    waiting = _WAITING[type(db).__name__.startswith("Sqlite")]
    return f"FROM account a CROSS JOIN {waiting} CROSS JOIN activity v WHERE a.unfiled <> '' AND v.id = t.value"


def _count_waiting(db: Any) -> None:
    mark = "?" if type(db).__name__.startswith("Sqlite") else "%s"
    counted = db.execute_sql(
        "SELECT d.account_id, d.day, d.area, COUNT(*) FROM (SELECT v.account_id, v.at / 86400 AS day, s.area"
        f" {_from_waiting(db).replace('WHERE', 'JOIN source s ON s.id = v.source_id WHERE')} AND v.listed) d"
        " GROUP BY d.account_id, d.day, d.area ORDER BY d.account_id, d.day"
    ).fetchall()
    for (account, year), rows in groupby(counted, key=lambda row: (row[0], (EPOCH + datetime.timedelta(row[1])).year)):
        start = (datetime.date(year, 1, 1) - EPOCH).days
        found = db.execute_sql(
            f"SELECT days FROM activity_year WHERE account_id = {mark} AND year = {mark}", (account, year)
        ).fetchone()
        numbers = iter(json.loads(found[0]) if found else ())
        counts = {(day, area): n for day, area, n in zip(numbers, numbers, numbers, strict=True)}
        for _, day, area, n in rows:
            key = day - start, AREAS.index(area)
            counts[key] = counts.get(key, 0) + n
        text = json.dumps([number for key, n in sorted(counts.items()) for number in (*key, n)], separators=(",", ":"))
        db.execute_sql(
            f"INSERT INTO activity_year(account_id, year, last_day, days) VALUES ({mark}, {mark}, {mark}, {mark})"
            " ON CONFLICT (account_id, year) DO UPDATE SET last_day = excluded.last_day, days = excluded.days",
            (account, year, start + max(counts)[0], text),
        )


def _write_anew(db: Any, table: str, how: str) -> None:
    found = f"SELECT type, sql FROM sqlite_master WHERE tbl_name = '{table}' AND sql IS NOT NULL"
    made = db.execute_sql(found).fetchall()
    own = next(sql for kind, sql in made if kind == "table").strip().removesuffix(" WITHOUT ROWID")
    names = ", ".join(row[1] for row in db.execute_sql(f"PRAGMA table_info({table})"))
    db.execute_sql(f"ALTER TABLE {table} RENAME TO {table}_before")
    db.execute_sql(own + how)
    db.execute_sql(f"INSERT INTO {table}({names}) SELECT {names} FROM {table}_before")
    db.execute_sql(f"DROP TABLE {table}_before")
    for kind, sql in made:
        if kind == "index":
            db.execute_sql(sql)
