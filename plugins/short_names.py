"""A rule for names: of the last of several names only the first letter shows: “Sally P.”. Off until switched on."""

from __future__ import annotations

from policies import hookimpl
from policies.extending import NameRule

OFF_AT_FIRST = True


def show(full_name: str | None, public_name: str) -> str | None:
    """The first names and a letter; nothing to say where the full name is hidden or is a single name."""
    names = (full_name or "").split()
    if len(names) < 2:
        return None
    return " ".join([*names[:-1], f"{names[-1][0]}."])


@hookimpl
def register_name_rules() -> tuple[NameRule, ...]:
    """One rule for everybody."""
    return (NameRule("short names", show),)
