"""What a plugin's field or section shows: data for the five generic templates, and the check that it is sound.

A plugin hands over texts and numbers; the templates escape them. There is no way to hand over HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from policies.isolation import Nonsense

TEXT_LIMIT = 2000
LINE_LIMIT = 200
ITEMS = 50
COLUMNS = 8
_WEB = re.compile(r"https?://[^\s\x00-\x1f\x7f\\]{1,1990}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of plain text, up to 2,000 characters; line breaks stay."""

    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list or a tile: `note` in small beside it, `url` http or https, or empty."""

    text: str
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class List:
    """Up to 50 entries under each other."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Tiles:
    """Up to 50 entries with a drawn tile each."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Stat:
    """A number with its label."""

    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Up to 50 numbers."""

    stats: tuple[Stat, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Up to 8 columns and 50 rows of texts; every row as long as `head`."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


SectionData = Text | List | Tiles | Stats | Table
#: The name of each type's template.
TEMPLATES: dict[type, str] = {Text: "text", List: "list", Tiles: "tiles", Stats: "stats", Table: "table"}


def check_section(answer: Any) -> SectionData | None:
    """The same data, sound, or None for none or empty. Errors: Nonsense."""
    if answer is None:
        return None
    kind = type(answer)
    if kind is Text:
        _line(answer.text, TEXT_LIMIT)
        return Text(answer.text) if answer.text.strip() else None
    if kind is List or kind is Tiles:
        entries = tuple([_entry(entry) for entry in _tuple(answer.entries, ITEMS)])
        return (List(entries) if kind is List else Tiles(entries)) if entries else None
    if kind is Stats:
        stats = tuple([_stat(stat) for stat in _tuple(answer.stats, ITEMS)])
        return Stats(stats) if stats else None
    if kind is Table:
        head = tuple([_line(cell) for cell in _tuple(answer.head, COLUMNS)])
        rows = tuple([tuple([_line(cell) for cell in _tuple(row, COLUMNS)]) for row in _tuple(answer.rows, ITEMS)])
        if not head or any(len(row) != len(head) for row in rows):
            raise Nonsense("a table has a head, and rows as long as it")
        return Table(head, rows) if rows else None
    raise Nonsense("section data is Text, List, Tiles, Stats or Table")


def check_name(answer: Any) -> str | None:
    """A name that can stand on a page, None for none. Errors: Nonsense."""
    if answer is None:
        return None
    name = _line(answer)
    if not name.strip() or not name.isprintable():
        raise Nonsense("a name is one printable line that is not empty")
    return " ".join(name.split())


def _tuple(value: Any, limit: int) -> tuple[Any, ...]:
    if type(value) not in (tuple, list) or len(value) > limit:
        raise Nonsense(f"up to {limit} things in a tuple were expected")
    return tuple(value)


def _line(value: Any, limit: int = LINE_LIMIT) -> str:
    if type(value) is not str or len(value) > limit or _CONTROL.search(value):
        raise Nonsense(f"a text of up to {limit} characters was expected")
    return value


def _entry(value: Any) -> Entry:
    if type(value) is not Entry:
        raise Nonsense("an Entry was expected")
    if value.url and not (type(value.url) is str and _WEB.fullmatch(value.url)):
        raise Nonsense("an address starts with http:// or https://")
    return Entry(_line(value.text), _line(value.note), value.url)


def _stat(value: Any) -> Stat:
    if type(value) is not Stat or type(value.value) is not int or abs(value.value) > 2**53:
        raise Nonsense("a Stat with a whole number was expected")
    return Stat(_line(value.label), value.value)
