"""Anniversaries: badges for one, three, five and ten years, and a section that tells for how long somebody is here.

Both tell since when somebody is a member, so they show only where that shows. Off until an admin switches it on.
"""

from __future__ import annotations

from policies import hookimpl
from policies.extending import BadgeRule, Facts
from policies.sections import Stat, Stats
from policies.terms import Field, Kind, Level

OFF_AT_FIRST = True
YEARS = (1, 3, 5, 10)
SECTION = "long_service"


@hookimpl
def register_fields() -> tuple[Field, ...]:
    """A section of its own."""
    return (Field(SECTION, "Long service", section=True),)


@hookimpl
def default_cell(kind: Kind, field: str) -> Level | None:
    """Anyone, as the other sections; *Activity* must be shown as well, which the facts see to."""
    return Level.ANYONE if field == SECTION else None


@hookimpl
def section_data(field: str, facts: Facts) -> Stats | None:
    """Whole years; nothing in the first, and nothing where membership is hidden."""
    if field != SECTION or facts.member_since is None:
        return None
    years = int((facts.day - facts.member_since) // (365.2425 * 86_400))
    return Stats((Stat("Years here" if years > 1 else "Year here", years),)) if years > 0 else None


@hookimpl
def register_badge_rules() -> tuple[BadgeRule, ...]:
    """One badge for each anniversary."""
    return tuple(
        BadgeRule(f"years-{years}", f"{years} years with us" if years > 1 else "One year with us", years=years)
        for years in YEARS
    )
