"""The defaults of personal accounts.

S79, S81, D13.
"""

from __future__ import annotations

from policies.builtin.fields import FIELDS
from policies.hookspecs import hookimpl
from policies.terms import Kind, Level

DEFAULTS: dict[str, Level] = {field.name: Level.ANYONE for field in FIELDS} | {"email": Level.ONLY_YOU}


@hookimpl
def default_cell(kind: Kind, field: str) -> Level | None:
    return DEFAULTS.get(field) if kind is Kind.PERSONAL else None


@hookimpl
def fixed_cell(kind: Kind, field: str) -> Level | None:
    """A personal account's full name is at Anyone, neither wider nor narrower (S81)."""
    return Level.ANYONE if kind is Kind.PERSONAL and field == "full_name" else None
