"""A bounded memory of drawn profiles, one per process (G2). What a key must hold is said in opening.cache_key.

Only what the gate decided is kept: no menu, no token, no nonce, nothing that names another member. A profile whose
kudos section quotes members is kept in two halves; the notes between them are read and drawn for every request (T54).
The bytes of an anonymous page are the same for everybody, so its shell is kept beside it, and a digest of them all: an
ETag is taken of the bytes that are sent, never of a version (T59).
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Shell:
    """What the page around the drawn part says of the profile: title, head tags."""

    handle: str
    name: str
    description: str
    noindex: bool
    only_name: bool
    data: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Warm:
    """A drawn part, HTML. With a `tail`, the kudos notes go between the halves; without, `head` is everything.

    Bytes, because a text with one curly quote in it takes twice the memory. `around`: the shell before and after it as
    everybody gets it who is not signed in, once such a viewer has asked.
    """

    shell: Shell
    head: bytes
    tail: bytes | None = None
    around: tuple[bytes, bytes] | None = None
    digest: bytes = b""

    def inside(self, before: bytes, after: bytes) -> Warm:
        """The same with its anonymous shell, and the digest of everything but the notes."""
        digest = hashlib.sha256()   # members write the bytes: no two pages may be made to collide
        for part in (before, self.head, self.tail or b"", after):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        return Warm(self.shell, self.head, self.tail, (before, after), digest.digest())

    def digest_with(self, notes: bytes) -> bytes:
        """A digest of the whole anonymous page: that of the kept parts and of the notes between them."""
        return hashlib.sha256(self.digest + notes).digest()[:16]

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.head) + len(self.tail or b"") + 1024


@dataclass(frozen=True, slots=True)
class Compressed:
    """An anonymous page as it goes over the wire."""

    body: bytes

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.body) + 256


K = TypeVar("K", Warm, Compressed)


class WarmCache(Generic[K]):
    """The most recently used parts up to `limit` bytes; a limit of 0 keeps nothing. Safe for threads."""

    def __init__(self, limit: int = 64 * MEBIBYTE) -> None:
        self.limit = limit
        self.size = 0
        self._lock = threading.Lock()
        self._parts: OrderedDict[Hashable, K] = OrderedDict()

    def get(self, key: Hashable | None) -> K | None:
        """The part kept under the key; None for no key."""
        if key is None:
            return None
        with self._lock:
            found = self._parts.get(key)
            if found is not None:
                self._parts.move_to_end(key)
            return found

    def put(self, key: Hashable | None, part: K) -> None:
        """Keep a part; no key, or more than a sixteenth of the limit: not kept."""
        if key is None or part.size > self.limit // 16:
            return
        with self._lock:
            old = self._parts.pop(key, None)
            self._parts[key] = part
            self.size += part.size - (old.size if old else 0)
            while self.size > self.limit:
                self.size -= self._parts.popitem(last=False)[1].size

    def __len__(self) -> int:
        return len(self._parts)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._parts.clear()
            self.size = 0
