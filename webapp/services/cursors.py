"""Sealed cursors: the place after a row, as a word that tells nothing and cannot be made up. Which rows: the callers.

A row's number tells how much there is in the whole community, so it never leaves in the clear. Sealing is the same for
the same place (AES-SIV, RFC 5297): a page drawn again is the same page, byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

#: The longest word worth opening.
LIMIT = 1600


def seal(secret_key: str, use: str, *place: int | str) -> str:
    """The cursor of a place; `use` names the list, a cursor of another list is none."""
    text = json.dumps(place, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(_cipher(secret_key).encrypt(text, [use.encode()])).decode().rstrip("=")


def unseal(secret_key: str, use: str, cursor: str | None) -> tuple[int, int] | None:
    """The place of two numbers that a cursor stands for; None for anything that this site did not seal."""
    place = _open(secret_key, use, cursor)
    return None if place is None else (int(place[0]), int(place[1]))


def unseal_words(secret_key: str, use: str, cursor: str | None) -> tuple[str, ...] | None:
    """The place of texts that a cursor stands for; None for anything that this site did not seal."""
    place = _open(secret_key, use, cursor)
    return None if place is None else tuple(str(part) for part in place)


def _open(secret_key: str, use: str, cursor: str | None) -> list[int | str] | None:
    if not cursor or len(cursor) > LIMIT or not cursor.isascii():
        return None
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        text = _cipher(secret_key).decrypt(sealed, [use.encode()])
    except (binascii.Error, ValueError, InvalidTag):
        return None
    place: list[int | str] = json.loads(text.decode("utf-8", "surrogatepass"))
    return place


@lru_cache(maxsize=4)
def _cipher(secret_key: str) -> AESSIV:
    return AESSIV(hashlib.sha512(b"vitrine cursor:" + secret_key.encode()).digest())
