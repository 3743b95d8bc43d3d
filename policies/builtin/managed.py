"""The defaults of managed accounts.

S79, D13.
"""

from __future__ import annotations

from policies.builtin.fields import FIELDS
from policies.hookspecs import hookimpl
from policies.terms import Kind, Level

DEFAULTS: dict[str, Level] = {field.name: Level.ANYONE for field in FIELDS} | {
    "avatar": Level.ORGANIZATION,
    "department": Level.ORGANIZATION,
    "organization": Level.ORGANIZATION,
    "location": Level.ORGANIZATION,
    "timezone": Level.ORGANIZATION,
    "email": Level.ONLY_YOU,
}


@hookimpl
def default_cell(kind: Kind, field: str) -> Level | None:
    return DEFAULTS.get(field) if kind is Kind.MANAGED else None
