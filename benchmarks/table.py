"""How results are printed: one line per goal, the ratio beside the goal. Nothing is measured here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One comparison. `ratio` None: not measured, `what` says why."""

    goal: str
    what: str
    ratio: float | None
    wanted: str
    reached: bool | None = None


def at_least(goal: str, what: str, ratio: float, wanted: float) -> Line:
    return Line(goal, what, ratio, f">= {wanted:g}", ratio >= wanted)


def at_most(goal: str, what: str, ratio: float, wanted: float) -> Line:
    return Line(goal, what, ratio, f"<= {wanted:g}", ratio <= wanted)


def show(lines: list[Line]) -> None:
    """Print the table."""
    print(f"\n{'goal':5} {'ratio':>8}  {'wanted':9} {'':8} what")
    for line in lines:
        ratio = "-" if line.ratio is None else f"{line.ratio:.2f}"
        verdict = {True: "reached", False: "MISSED", None: ""}[line.reached]
        print(f"{line.goal:5} {ratio:>8}  {line.wanted:9} {verdict:8} {line.what}")
