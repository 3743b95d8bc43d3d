"""Cleaning what a source says of a person: as texts.py, but what cannot be used is cut or taken out, never refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from policies.errors import Invalid
from webapp.services import texts

_ADDRESS = re.compile(r"@\S+\.\S+")
_NO_LETTER = re.compile(r"[^\w .,'’()&+-]+")


def name_of(raw: str) -> str:
    """A display name that a member could have typed, "" if nothing of it can be (T82)."""
    text = _ADDRESS.sub("", unicodedata.normalize("NFKC", _seen(raw)))
    for attempt in (text, _NO_LETTER.sub("", text)):
        name = _checked(lambda limited: texts.person_name("name", limited), attempt, texts.NAME_LIMIT, "")
        if name:
            return name
    return ""


def line_of(raw: str) -> str:
    """One line of text, cut at the limit."""
    return _checked(lambda text: texts.line("line", text, "line"), _seen(raw), texts.LINE_LIMIT)


def bio_of(raw: str) -> str:
    """Plain text of several lines, cut at 2,000 characters."""
    text = "\n".join(_seen(line) for line in raw.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    return _checked(lambda limited: texts.bio("bio", limited), text, texts.BIO_LIMIT)


def _seen(text: str) -> str:
    """The text without characters that nobody sees."""
    if text.isascii() and text.isprintable():
        return text
    text = "".join(" " if character.isspace() else character for character in text)
    return "".join(character for position, character in enumerate(text) if not texts.is_invisible(text, position))


def _checked(check: Callable[[str], str], text: str, limit: int, more: str = "…") -> str:
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) > limit:
        text = text[: limit - len(more)].rstrip() + more
    try:
        return check(text)
    except Invalid:
        return ""
