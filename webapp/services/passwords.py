"""Passwords: which are taken (T9), how they are hashed and checked. Where the hash is kept is not known here."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from policies.errors import Invalid

MIN_LENGTH = 8
#: Longer input is refused before any work is done with it.
MAX_LENGTH = 1024

#: OWASP's second recommendation for argon2id: 19 MiB, two passes; about 30 ms here.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def check(password: str, names: Iterable[str] = (), field: str = "password") -> None:
    """Refuse a new password that is short, common, or holds one of `names` (site, organization, the person's own).

    Length is all that is asked beyond that; the password is taken as it is typed. Errors: Invalid under `field`.
    """
    if len(password) > MAX_LENGTH:
        raise Invalid({field: f"That is too long: a password has up to {MAX_LENGTH:,} characters."})
    if len(password) < MIN_LENGTH:
        raise Invalid({field: f"Choose a longer password: at least {MIN_LENGTH} characters."})
    folded = password.casefold()
    if folded in _common() or len(set(folded)) < 3:
        raise Invalid({field: "That password is on every list of common ones. Choose another."})
    for name in names:
        word = name.casefold().strip()
        if len(word) >= 4 and word in folded:
            raise Invalid({field: f"Leave “{name.strip()}” out: it is the first thing others would try."})


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher.hash(password)


def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one of the hash. No hash (no such account): the same work, then False (T7)."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        return _hasher.verify(password_hash or _dummy(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made under other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@lru_cache(maxsize=1)
def _dummy() -> str:
    return _hasher.hash("the password of nobody")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 30,000 passwords; loaded by the first sign-up

    return frozenset(FREQUENCY_LISTS["passwords"])
