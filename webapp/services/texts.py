"""Cleaning and checking what people type: names, single lines, the bio, products, time zones. Links are in links.py.

Every function takes the name of the form field and the raw text and returns the text to store, "" for nothing; it
raises Invalid with one sentence under that field's name. Nothing is cut off silently. Lengths count characters.
"""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from functools import lru_cache

import idna
from confusable_homoglyphs import confusables

from policies.errors import Invalid

NAME_LIMIT = 80
LINE_LIMIT = 120
BIO_LIMIT = 2000
PRODUCT_LIMIT = 40
PRODUCTS_LIMIT = 20

#: Far beyond any limit: longer text is counted but not looked at character by character.
_SCAN_LIMIT = 20_000
#: Marks stacked on one letter; more are used to draw over other lines.
_STACK_LIMIT = 4
_JOINERS = frozenset("\u200c\u200d")
#: Drawn as nothing although they are letters, marks or symbols.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0\ufffc")
#: What looks like the mark of a verified organization (T82).
_MARKS = frozenset("✓✔☑✅🗸🗹⍻🛡🏅")
_EMAIL_LIKE = re.compile(r"\S@\S+\.\S")
_SPACE = re.compile(r"\s+")
_BREAK = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
_MANY_BREAKS = re.compile(r"\n{4,}")
_AREAS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)


def line(field: str, raw: str, label: str, limit: int = LINE_LIMIT) -> str:
    """One line of text: white space collapsed, NFC, at most `limit` characters."""
    text = _SPACE.sub(" ", raw[:_SCAN_LIMIT]).strip()
    if not text:
        return ""
    text = unicodedata.normalize("NFC", text)
    _check_characters(field, text, label)
    check_length(field, text, label, limit, len(raw) - _SCAN_LIMIT)
    return text


def person_name(field: str, raw: str, label: str = "name", *, required: bool = False) -> str:
    """A person's or public name (T6, T82): one line, NFKC, not like an e-mail address, without look-alike marks."""
    text = _SPACE.sub(" ", unicodedata.normalize("NFKC", line(field, raw, label, NAME_LIMIT))).strip()
    if not text:
        if required:
            raise Invalid({field: f"Your {label} cannot be empty."})
        return ""
    _check_characters(field, text, label)
    check_length(field, text, label, NAME_LIMIT)
    if _EMAIL_LIKE.search(text):
        raise Invalid({field: f"Your {label} looks like an e-mail address. Choose one that is safe to show."})
    if not any(unicodedata.category(character)[0] in "LN" for character in text):
        raise Invalid({field: f"Your {label} needs at least one letter or number."})
    _check_marks(field, text, label)
    return text


def company(field: str, raw: str) -> str:
    """An organization's name as the member writes it; a verified mark cannot be typed (T82)."""
    text = line(field, raw, "company")
    _check_marks(field, text, "company")
    return text


def bio(field: str, raw: str) -> str:
    """Plain text of several lines, at most 2,000 characters (S4-S9)."""
    return plain(field, raw, "bio", BIO_LIMIT)


def plain(field: str, raw: str, label: str, limit: int) -> str:
    """Plain text of several lines, at most `limit` characters."""
    text = _BREAK.sub("\n", raw[:_SCAN_LIMIT]).replace("\t", " ")
    text = "\n".join(part.rstrip() for part in text.split("\n")).strip()
    text = unicodedata.normalize("NFC", _MANY_BREAKS.sub("\n\n\n", text))
    _check_characters(field, text.replace("\n", " "), label)
    check_length(field, text, label, limit, len(raw) - _SCAN_LIMIT)
    return text


def products(field: str, raw: str) -> list[str]:
    """One product for each line: up to 20, each up to 40 characters, none twice whatever its case (S4-S9)."""
    found: dict[str, str] = {}
    for part in _BREAK.sub("\n", raw[:_SCAN_LIMIT]).split("\n"):
        text = _SPACE.sub(" ", part).strip()
        if not text:
            continue
        text = unicodedata.normalize("NFC", text)
        _check_characters(field, text, "list of products")
        if len(text) > PRODUCT_LIMIT:
            over = len(text) - PRODUCT_LIMIT
            raise Invalid({field: f"“{text[:PRODUCT_LIMIT]}…” is a little long. Take out {_count(over)}."})
        key = unicodedata.normalize("NFKC", text).casefold()
        if key in found:
            raise Invalid({field: f"“{text}” is there twice. Take one out."})
        found[key] = text
    over = len(found) - PRODUCTS_LIMIT
    if over > 0 or len(raw) > _SCAN_LIMIT:
        more = f" Take out {over}." if over > 0 else ""
        raise Invalid({field: f"You can list up to {PRODUCTS_LIMIT} products.{more}"})
    return list(found.values())


def timezone(field: str, raw: str) -> str:
    """A time zone of the list that the form offers, or none."""
    name = raw.strip()
    if name and name not in _zones():
        raise Invalid({field: "Choose a time zone from the list."})
    return name


@lru_cache(maxsize=1)
def timezone_groups() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """What the form offers: (area, ((zone, name of the place), …)), in order of the alphabet, UTC first."""
    groups: dict[str, list[tuple[str, str]]] = {area: [] for area in _AREAS}
    for name in sorted(_zones() - {"UTC"}):
        area, _, place = name.partition("/")
        groups[area].append((name, place.replace("_", " ").replace("/", ", ")))
    return (("Everywhere", (("UTC", "UTC"),)), *((area, tuple(places)) for area, places in groups.items()))


def is_mixed_script(name: str) -> bool:
    """Whether a name mixes scripts so that it may be taken for another one (T82): flagged, not refused."""
    return bool(confusables.is_dangerous(name))


def check_length(field: str, text: str, label: str, limit: int, unseen: int = 0) -> None:
    """Refuse text longer than `limit`, saying by how much; `unseen` characters were not even looked at."""
    over = len(text) - limit + max(0, unseen)
    if over > 0:
        raise Invalid({field: f"Your {label} is a little long. Take out {_count(over)}."})


def is_invisible(text: str, position: int) -> bool:
    """Whether a character is one that nobody sees: controls, direction overrides, zero width, blank letters.

    A joiner is allowed where a script or an emoji needs it, so that Persian, Sinhala and family emoji can be written.
    """
    character = text[position]
    if character in _BLANKS:
        return True
    category = unicodedata.category(character)
    if character in _JOINERS:
        return not _is_needed_joiner(text, position)
    return category in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} or (category == "Cn" and _is_never_assigned(character))


def _count(number: int) -> str:
    return "1 character" if number == 1 else f"{number:,} characters"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    names = zoneinfo.available_timezones()
    return frozenset(name for name in names if name.partition("/")[0] in _AREAS and "/" in name) | {"UTC"}


def _check_characters(field: str, text: str, label: str) -> None:
    stacked = 0
    for position, character in enumerate(text):
        if character.isascii():
            stacked = 0
            if character.isprintable():
                continue
        if is_invisible(text, position):
            before = text[max(0, position - 12):position].split(" ")[-1]
            where = f" after “{before}”" if before and before.isprintable() else ""
            raise Invalid({field: f"There is an invisible character{where} in your {label}. Take it out."})
        stacked = stacked + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if stacked > _STACK_LIMIT:
            raise Invalid({field: f"Your {label} has too many marks on one letter. Take some out."})


def _check_marks(field: str, text: str, label: str) -> None:
    if not _MARKS.isdisjoint(text):
        raise Invalid({field: f"Your {label} cannot hold a check mark: it could be taken for a verified one."})


def _is_needed_joiner(text: str, position: int) -> bool:
    before, after = text[position - 1:position], text[position + 1:position + 2]
    if not before or not after:
        return False
    if text[position] == "\u200d" and _is_pictured(before) and _is_pictured(after):
        return True
    try:
        return bool(idna.core.valid_contextj(text, position))
    except ValueError:
        return False


def _is_pictured(character: str) -> bool:
    return character == "\ufe0f" or unicodedata.category(character) in {"So", "Sk"} or character in "♀♂"


def _is_never_assigned(character: str) -> bool:
    code = ord(character)
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE or 0xE0000 <= code <= 0xE0FFF
