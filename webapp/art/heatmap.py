"""The 53 weeks of activity as one SVG: a path per level, coloured by CSS classes so that themes and print work."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

WEEKS: Final = 53
_STEP, _LEFT, _TOP = 14, 30, 18
#: A day is an 11 px square with corners of 2.5 px: a 6 px square with a round-joined stroke of 5 px (.heat path, CSS).
_CELLS: Final = tuple(
    tuple(f"M{_LEFT + week * _STEP + 2.5:g} {_TOP + day * _STEP + 2.5:g}h6v6h-6z" for day in range(7))
    for week in range(WEEKS)
)
#: Level by count: 0, 1-2, 3-5, 6-9, 10 and more.
_LEVELS: Final = (0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4)
_WIDTH, _HEIGHT = _LEFT + WEEKS * _STEP, _TOP + 7 * _STEP


def heatmap(weeks: Sequence[Sequence[int | None]], first_day: str) -> str:
    """Draw up to 53 weeks of 7 counts, Monday first, from the ISO date `first_day`; None is a day outside the range."""
    drawn: tuple[list[str], ...] = ([], [], [], [], [])
    for cells, week in zip(_CELLS, weeks, strict=False):
        for cell, count in zip(cells, week, strict=False):
            if count is not None:
                drawn[_LEVELS[count] if 0 <= count < 10 else 4].append(cell)
    paths = "".join([f'<path class="h{level}" d="{"".join(cells)}"/>' for level, cells in enumerate(drawn) if cells])
    return f"{_frame(first_day)}{paths}</svg>"


@lru_cache(maxsize=8)
def _frame(first_day: str) -> str:
    """The opening tag with the names of months and days; the same for every profile of one day."""
    start = datetime.date.fromisoformat(first_day)
    labels = []
    for week in range(WEEKS - 2):
        monday = start + datetime.timedelta(weeks=week)
        if monday.day <= 7:
            labels.append(f'<text x="{_LEFT + week * _STEP}" y="10">{_MONTHS[monday.month - 1]}</text>')
    for day, name in ((0, "Mon"), (2, "Wed"), (4, "Fri")):
        labels.append(f'<text x="0" y="{_TOP + day * _STEP + 9}">{name}</text>')
    return (f'<svg class="heat" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
            f'aria-labelledby="heat-cap">{"".join(labels)}')


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
