"""The days of the heatmap: listed activity per account, one packed row for each calendar year (UTC). No event is read.

A row's text is a JSON list of numbers, three for each day and area with anything in it, in that order: day of the year
(0 is 1 January), area (its place in AREAS), how many. A page reads two short rows of an account instead of hundreds,
and the few events that wait to be filed: when they are (filing.py), their days are added. `vitrine doctor` counts
them again.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache

from policies.terms import Area
from webapp.store.database import Database
from webapp.store.lists import padded

#: The areas by their numbers. One that is none of them counts as the first.
AREAS: tuple[str, ...] = tuple(Area)
_NUMBER = {area: number for number, area in enumerate(AREAS)}
_EPOCH = datetime.date(1970, 1, 1).toordinal()
#: (account, day since 1970, area) -> how many.
Days = dict[tuple[int, int, str], int]


@lru_cache(maxsize=4096)
def year_of(day: int) -> int:
    """The calendar year of a day since 1970."""
    return datetime.date.fromordinal(_EPOCH + day).year


@lru_cache(maxsize=256)
def start_of(year: int) -> int:
    """1 January of a year, as a day since 1970."""
    return datetime.date(year, 1, 1).toordinal() - _EPOCH


def area_number(area: str) -> int:
    """The place of an area in AREAS."""
    return _NUMBER.get(area, 0)


def unpack(year: int, text: str) -> Iterator[tuple[int, str, int]]:
    """(day since 1970, area, how many) of a packed row."""
    start, numbers = start_of(year), iter(json.loads(text))
    for day, area, n in zip(numbers, numbers, numbers, strict=True):
        yield start + day, AREAS[area], n


def pack(counts: Mapping[tuple[int, int], int]) -> str:
    """The text of a row from (day of the year, area number) -> how many; what is not above zero is left out."""
    return json.dumps(
        [number for key, n in sorted(counts.items()) if n > 0 for number in (*key, n)], separators=(",", ":")
    )


def add_days(db: Database, area: str, deltas: Mapping[tuple[int, int], int]) -> None:
    """Add to (account, day) in an area; a day at zero goes. Only under a lock on the accounts: rows are read and
    written."""
    number = area_number(area)
    years: dict[int, dict[int, dict[tuple[int, int], int]]] = {}
    for (account, day), n in deltas.items():
        year = year_of(day)
        own = years.setdefault(year, {}).setdefault(account, {})
        own[day - start_of(year), number] = n
    for year, accounts in sorted(years.items()):
        known: dict[int, str] = {}
        for some, ids in padded(sorted(accounts)):
            sql = f"SELECT account_id, days FROM activity_year WHERE year = ? AND account_id IN ({some})"
            known.update(db.rows(sql, (year, *ids)))
        _save(db, year, known, accounts)


def _save(
    db: Database, year: int, known: Mapping[int, str], accounts: Mapping[int, Mapping[tuple[int, int], int]]
) -> None:
    start, kept, gone = start_of(year), [], []
    for account, more in sorted(accounts.items()):
        old = known.get(account)
        last, text = _appended(old, more) or _added(old, more)
        if text:
            kept.append((account, year, start + last, text))
        else:
            gone.append((account, year))
    db.executemany(
        "INSERT INTO activity_year(account_id, year, last_day, days) VALUES (?,?,?,?)"
        " ON CONFLICT (account_id, year) DO UPDATE SET last_day = excluded.last_day, days = excluded.days",
        kept,
    )
    db.executemany("DELETE FROM activity_year WHERE account_id = ? AND year = ?", gone)


def _appended(text: str | None, more: Mapping[tuple[int, int], int]) -> tuple[int, str] | None:
    """(last day of the year, text) where all that is added comes at the end; None where the row is to be taken apart.

    That is how sources report, a day at a time; nothing before the last three numbers is looked at.
    """
    if len(more) == 1 and text is not None:     # one more of what came last
        ((day, area), more_of_it), = more.items()
        until, _, last_n = text[:-1].rpartition(",")
        if more_of_it > 0 and until.endswith((f",{day},{area}", f"[{day},{area}")):
            return day, f"{until},{int(last_n) + more_of_it}]"
    if min(more.values()) <= 0:
        return None
    head, place, count = "", (-1, -1), 0
    if text is not None:
        *before, last_day, last_area, last_n = text[1:-1].rsplit(",", 3)
        head, place, count = f"{before[0]}," if before else "", (int(last_day), int(last_area)), int(last_n)
    for key, n in sorted(more.items()) if len(more) > 1 else more.items():
        if key < place:
            return None
        if key > place:
            if count:
                head += f"{place[0]},{place[1]},{count},"
            place, count = key, 0
        count += n
    return place[0], f"[{head}{place[0]},{place[1]},{count}]"


def _added(text: str | None, more: Mapping[tuple[int, int], int]) -> tuple[int, str]:
    """(last day of the year, text), the text empty where nothing is left."""
    numbers = iter(json.loads(text or "[]"))
    counts = {(day, area): n for day, area, n in zip(numbers, numbers, numbers, strict=True)}
    for key, n in more.items():
        counts[key] = counts.get(key, 0) + n
    last = max((day for (day, _), n in counts.items() if n > 0), default=-1)
    return last, pack(counts) if last >= 0 else ""


def load_all(db: Database, account_id: int | None = None) -> Days:
    """Every counted day of one account, or of everybody: of what is filed (all of it: filing.load_days)."""
    where, params = ("", ()) if account_id is None else (" WHERE account_id = ?", (account_id,))
    return {
        (account, day, area): n
        for account, year, text in db.rows(f"SELECT account_id, year, days FROM activity_year{where}", params)
        for day, area, n in unpack(year, text)
    }
