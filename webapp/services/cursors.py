"""Sealed cursors: the place after a row, as a word that tells nothing and cannot be made up. Which rows: the callers.

A row's number tells how much there is in the whole community, so it never leaves in the clear. Sealing is the same for
the same place (AES-SIV, RFC 5297): a page drawn again is the same page, byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

#: The longest word worth opening: two numbers of 64 bits and the seal.
LIMIT = 64


def seal(secret_key: str, use: str, at: int, row_id: int) -> str:
    """The cursor of a place; `use` names the list, a cursor of another list is none."""
    place = at.to_bytes(8, "big", signed=True) + row_id.to_bytes(8, "big", signed=True)
    return base64.urlsafe_b64encode(_cipher(secret_key).encrypt(place, [use.encode()])).decode().rstrip("=")


def unseal(secret_key: str, use: str, cursor: str | None) -> tuple[int, int] | None:
    """The place a cursor stands for; None for anything that this site did not seal."""
    if not cursor or len(cursor) > LIMIT or not cursor.isascii():
        return None
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = _cipher(secret_key).decrypt(sealed, [use.encode()])
    except (binascii.Error, ValueError, InvalidTag):
        return None
    return int.from_bytes(place[:8], "big", signed=True), int.from_bytes(place[8:], "big", signed=True)


@lru_cache(maxsize=4)
def _cipher(secret_key: str) -> AESSIV:
    return AESSIV(hashlib.sha512(b"vitrine cursor:" + secret_key.encode()).digest())
