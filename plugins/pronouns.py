"""A field that members type into: how others should speak of them. Off until an admin switches it on.

The example of `Field.typed`: the core keeps the words, checks their length, and shows them to whom the member lets.
"""

from __future__ import annotations

from policies import hookimpl
from policies.terms import Field, Kind, Level

OFF_AT_FIRST = True
FIELD = "pronouns"


@hookimpl
def register_fields() -> tuple[Field, ...]:
    """One line on Edit profile > More about me."""
    return (Field(FIELD, "Pronouns", typed=40, hint="How others should speak of you, such as “they”."),)


@hookimpl
def default_cell(kind: Kind, field: str) -> Level | None:
    """Whoever types it wants it read; colleagues only, where an organization manages the account."""
    if field != FIELD:
        return None
    return Level.ANYONE if kind is Kind.PERSONAL else Level.ORGANIZATION
