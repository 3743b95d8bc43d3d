"""A metric: everything written for others, answers and articles together, with a ladder. Off until switched on."""

from __future__ import annotations

from collections.abc import Mapping

from policies import hookimpl
from policies.extending import Metric

OFF_AT_FIRST = True


def count(totals: Mapping[str, int]) -> int:
    """Answers and articles."""
    return totals["answers"] + totals["articles"]


@hookimpl
def register_metrics() -> tuple[Metric, ...]:
    """Shown where both totals are."""
    return (Metric("contributions", "Contributions", "contribution", "contributions", ("answers", "articles"), count),)


@hookimpl
def register_ladders() -> dict[str, tuple[int, ...]]:
    """Wider steps than those of the single totals."""
    return {"contributions": (10, 100, 500, 1000, 5000)}
