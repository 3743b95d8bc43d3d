"""The source `csv`: two files that any spreadsheet or export can write, read from a folder with `vitrine import csv`.

people.csv     actor,name[,bio,location,website,joined]
activity.csv   id,actor,kind,at[,object,title,url,by]

The first line names the columns, in any order; others are passed over. Moments are unix seconds or ISO 8601 (UTC unless
they say otherwise). A row that makes no sense is skipped and counted; a missing file or column refuses the import.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from policies import hookimpl
from policies.errors import ImportRefused
from policies.terms import ActivityKind, Area, Event, Person, Skipped, SourceInfo

BAD_KIND, BAD_TIME, NO_ACTOR = "kind that is not known", "moment that cannot be read", "row without id or actor"
UNKNOWN_ACTOR = "activity of somebody not in people.csv"
_PEOPLE = ("actor", "name")
_ACTIVITY = ("id", "actor", "kind", "at")
_KINDS = {kind.value: kind for kind in ActivityKind}


def read(folder: Path, site: str) -> Iterator[Person | Event | Skipped]:
    """Every person, then every event. Errors: ImportRefused."""
    actors: set[str] = set()
    for row in _rows(folder / "people.csv", _PEOPLE):
        actor = row["actor"]
        if not actor or actor in actors:
            yield Skipped(NO_ACTOR if not actor else "actor named twice")
            continue
        actors.add(actor)
        yield Person(
            actor, row["name"] or actor, bio=row.get("bio", ""), location=row.get("location", ""),
            website=row.get("website", ""), joined_at=_moment(row.get("joined", "")),
        )  # fmt: skip
    for row in _rows(folder / "activity.csv", _ACTIVITY):
        kind, at = _KINDS.get(row["kind"].lower()), _moment(row["at"])
        if not row["id"] or not row["actor"]:
            yield Skipped(NO_ACTOR)
        elif row["actor"] not in actors:
            yield Skipped(UNKNOWN_ACTOR)
        elif kind is None:
            yield Skipped(BAD_KIND)
        elif at is None:
            yield Skipped(BAD_TIME)
        else:
            yield Event(
                row["id"], row["actor"], kind, at, row.get("object", ""), row.get("title", ""), row.get("url", ""),
                row.get("by", ""),
            )  # fmt: skip


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            reader.fieldnames = [(name or "").strip().lower() for name in reader.fieldnames or ()]
            missing = [name for name in needed if name not in reader.fieldnames]
            if missing:
                raise ImportRefused(f"The column {missing[0]} is missing.", path.name, 1)
            for row in reader:
                yield {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    except FileNotFoundError as error:
        raise ImportRefused("The file is missing.", path.name) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportRefused(f"The file cannot be read ({type(error).__name__}).", path.name) from error


def _moment(text: str) -> int | None:
    """Unix seconds; None for what is no moment after 1970."""
    try:
        if text.isdecimal() and text.isascii():
            return int(text) if len(text) < 12 else None
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return int(found.timestamp()) if found.year >= 1970 else None
    except (ValueError, OverflowError):
        return None


@hookimpl
def register_sources() -> tuple[SourceInfo, ...]:
    """Comma-separated files of any community place."""
    return (SourceInfo("csv", "CSV files", Area.FORUM, read),)
