"""Where to go on to after a log-in: a path of this site, whatever the request says (T78)."""

from __future__ import annotations

from urllib.parse import urlsplit


def safe_next(raw: str | None, default: str) -> str:
    """`raw` if it is a path on this origin, else `default`."""
    if not raw or len(raw) > 4000 or raw[0] != "/" or raw[1:2] in {"/", "\\"}:
        return default
    if "\\" in raw or any(character.isspace() or not character.isprintable() for character in raw):
        return default
    try:
        parts = urlsplit(raw)
    except ValueError:
        return default
    return raw if not parts.scheme and not parts.netloc else default
