"""The memory of drawn profiles: bounded, by use (G2). What goes through it is in tests/pages/test_profile_warm.py."""

from __future__ import annotations

from webapp.services.warm import Shell, Warm, WarmCache

SHELL = Shell("sally", "Sally", "", False, False)
PART = Warm(SHELL, b"x" * 500)


def test_the_least_recently_used_part_goes_first() -> None:
    cache: WarmCache[Warm] = WarmCache(limit=20 * PART.size)
    for number in range(20):
        cache.put(number, PART)
        cache.get(0)
    assert (len(cache), cache.size) == (20, cache.limit)
    cache.put("more", PART)
    assert cache.get(0) is PART
    assert cache.get(1) is None
    assert (len(cache), cache.size) == (20, cache.limit)


def test_no_key_and_too_large_are_not_kept() -> None:
    cache: WarmCache[Warm] = WarmCache(limit=16 * PART.size)
    cache.put(None, PART)
    cache.put("big", Warm(SHELL, b"x" * 2000))
    assert cache.get(None) is cache.get("big") is None
    assert len(cache) == cache.size == 0


def test_a_part_put_twice_counts_once() -> None:
    cache: WarmCache[Warm] = WarmCache()
    cache.put("a", PART)
    cache.put("a", Warm(SHELL, b"x", b"y"))
    assert cache.size == Warm(SHELL, b"x", b"y").size
    cache.clear()
    assert (len(cache), cache.size) == (0, 0)
