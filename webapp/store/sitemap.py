"""The sitemap's candidates: the directory's rows for Anyone, in its order. Which are listed is decided above."""

from __future__ import annotations

from typing import NamedTuple

from webapp.store.database import Database

_COUNT = "SELECT COUNT(*) FROM people WHERE audience = 0"
_PLACE = "SELECT sort_key, handle FROM people WHERE audience = 0 ORDER BY sort_key, handle LIMIT 1 OFFSET ?"
_NEXT = (
    "SELECT sort_key, handle, profile_id FROM people WHERE audience = 0 AND (sort_key, handle) > (?, ?)"
    " ORDER BY sort_key, handle LIMIT ?"
)


class Candidate(NamedTuple):
    """A row of the directory's index for Anyone."""

    sort_key: str
    handle: str
    profile_id: int


def count_candidates(db: Database) -> int:
    row = db.row(_COUNT)
    return int(row[0]) if row else 0


def load_place(db: Database, number: int) -> tuple[str, str] | None:
    """The place of the row before the candidate of that number, counted from 0; None beyond the last."""
    if number == 0:
        return "", ""
    row = db.row(_PLACE, (number - 1,))
    return None if row is None else (row[0], row[1])


def load_next(db: Database, after: tuple[str, str], limit: int) -> list[Candidate]:
    """The next candidates after a place."""
    return [Candidate._make(row) for row in db.rows(_NEXT, (*after, limit))]
