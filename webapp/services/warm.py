"""A bounded memory of rendered profile parts, one per process (G2). What a key must hold is said in opening.cache_key.

Only what the gate decided is kept: no menu, no token, no nonce, nothing that names another member. A page whose kudos
section quotes members is kept in two halves, and the notes between them are drawn for every request.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Warm:
    """A rendered part. With a `tail`, the kudos notes go between the halves; without, `head` is everything.

    etag: hash of the bytes, never of a version (T59); None where notes go in between
    """

    head: bytes
    tail: bytes | None = None
    etag: str | None = None

    @classmethod
    def whole(cls, body: bytes) -> Warm:
        """A part that names nobody else."""
        return cls(body, None, hashlib.blake2b(body, digest_size=16).hexdigest())

    @property
    def size(self) -> int:
        return len(self.head) + len(self.tail or b"") + 512


class WarmCache:
    """The most recently used parts up to `limit` bytes. Safe for threads."""

    def __init__(self, limit: int = 32 * MEBIBYTE) -> None:
        self.limit = limit
        self.size = 0
        self._lock = threading.Lock()
        self._parts: OrderedDict[Hashable, Warm] = OrderedDict()

    def get(self, key: Hashable | None) -> Warm | None:
        """The part kept under the key; None for no key."""
        if key is None:
            return None
        with self._lock:
            found = self._parts.get(key)
            if found is not None:
                self._parts.move_to_end(key)
            return found

    def put(self, key: Hashable | None, part: Warm) -> None:
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
