"""The 53 weeks of the heatmap: days to weeks, months and the longest run. Drawing is the templates' work."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from webapp.services.views import HeatmapView, HeatMonth

WEEKS = 53
DAY = 86_400
_RUN = re.compile(rb"[^\0]+")
_EPOCH = datetime.date(1970, 1, 1).toordinal()


@lru_cache(maxsize=8)
def _calendar(today: int) -> tuple[int, str, tuple[str, ...], tuple[int, ...]]:
    """Of the range that ends with `today`: first day, its ISO date, the months, and where each day's month begins in
    a list of three areas per month."""
    first = today - (today + 3) % 7 - 7 * (WEEKS - 1)       # day 0 of 1970 was a Thursday
    dates = [datetime.date.fromordinal(_EPOCH + day) for day in range(first, today + 1)]
    names = [date.isoformat()[:7] for date in dates]
    months = tuple(dict.fromkeys(names))
    index = {name: number for number, name in enumerate(months)}
    return first, dates[0].isoformat(), months, tuple(3 * index[name] for name in names)


def first_day(now: int) -> int:
    """The Monday on which the heatmap begins (days since 1970)."""
    return _calendar(now // DAY)[0]


def heatmap(parts: Iterable[tuple[int, Sequence[int]]], now: int) -> HeatmapView | None:
    """53 weeks ending with today from parts as store.activity reads them; None where nothing happened in them."""
    today = now // DAY
    first, iso, months, month_of = _calendar(today)
    last = today - first
    counts = [0] * (last + 1)
    table = [0] * (3 * len(months))
    for start, numbers in parts:
        start -= first
        each = iter(numbers)
        for day, area, n in zip(each, each, each, strict=True):
            at = start + day
            if 0 <= at <= last:
                counts[at] += n
                table[month_of[at] + area] += n
    total = sum(counts)
    if not total:
        return None
    full: list[int | None] = [*counts, *[None] * (7 * WEEKS - len(counts))]
    weeks = tuple(zip(*[iter(full)] * 7, strict=True))
    areas = iter(table)
    longest = max(map(len, _RUN.findall(_marks(counts))))
    return HeatmapView(iso, weeks, tuple(map(HeatMonth, months, areas, areas, areas)), total, longest)


def _marks(counts: Sequence[int]) -> bytes:
    """A byte for each day, zero where nothing happened."""
    try:
        return bytes(counts)
    except ValueError:      # more than 255 on one day
        return bytes(map(bool, counts))
