"""The memory of rendered parts: bounded, by use, with ETags of the bytes (G2, T59)."""

from __future__ import annotations

from webapp.services.warm import Warm, WarmCache


def test_the_least_recently_used_part_goes_first() -> None:
    cache = WarmCache(limit=20 * 1024)
    for number in range(20):
        cache.put(number, Warm.whole(b"x" * 512))
        cache.get(0)
    assert cache.size <= cache.limit
    assert len(cache) == 20
    cache.put("more", Warm.whole(b"x" * 512))
    assert cache.get(0) is not None
    assert cache.get(1) is None
    assert len(cache) == 20


def test_no_key_and_too_large_are_not_kept() -> None:
    cache = WarmCache(limit=16 * 1024)
    cache.put(None, Warm.whole(b"x"))
    cache.put("big", Warm.whole(b"x" * 2000))
    assert cache.get(None) is cache.get("big") is None
    assert len(cache) == cache.size == 0


def test_a_part_put_twice_counts_once() -> None:
    cache = WarmCache()
    cache.put("a", Warm.whole(b"xx"))
    cache.put("a", Warm(b"x", b"y"))
    assert cache.size == Warm(b"x", b"y").size
    cache.clear()
    assert (len(cache), cache.size) == (0, 0)


def test_t59_the_etag_is_of_the_bytes() -> None:
    assert Warm.whole(b"a").etag == Warm.whole(b"a").etag != Warm.whole(b"b").etag
    assert Warm(b"a", b"b").etag is None
