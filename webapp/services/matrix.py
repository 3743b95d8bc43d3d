"""Default visibility as admins meet it: the tables of managed and personal accounts (S79, D13). Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from policies.terms import Kind, Level
from policies.timeline import Timeline
from webapp.services.context import Context
from webapp.store import policy as store


@dataclass(frozen=True, slots=True)
class Row:
    """A field and its default level for each kind of account."""

    field: str
    label: str
    section: bool
    levels: dict[str, int]


@dataclass(frozen=True, slots=True)
class Page:
    rows: tuple[Row, ...]


def open_page(ctx: Context) -> Page:
    """The defaults in force, over all fields and sections."""
    log, version = store.load_log(ctx.db)
    base = ctx.gate(version).base
    personal = Timeline(base, log, version, None).cur
    rows = []
    for field in base.fields:
        bit = base.bit.get(field.name)
        if bit is None:
            continue
        managed = base.defaults[Kind.MANAGED]
        rows.append(Row(field.name, field.label, field.section, {
            Kind.PERSONAL: int(_level(personal.anyone, personal.anyone, bit)),
            Kind.MANAGED: int(_level(managed.anyone, managed.org, bit)),
        }))  # fmt: skip
    return Page(tuple(rows))


def _level(anyone: int, org: int, bit: int) -> Level:
    if anyone >> bit & 1:
        return Level.ANYONE
    return Level.ORGANIZATION if org >> bit & 1 else Level.ONLY_YOU
