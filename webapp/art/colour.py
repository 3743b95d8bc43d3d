"""Colour for the artwork: OKLCH to hex, stable seeds, and the stone (hue) of a badge rule. Draws nothing itself."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from types import MappingProxyType
from typing import Final

#: The core metrics have a fixed stone; any other rule (a plugin's) gets one of WHEEL by its name.
STONES: Final = MappingProxyType({
    "answers": 168, "accepted_solutions": 232, "articles": 78, "likes_received": 18, "courses_completed": 205,
    "peer_kudos": 350,
})
WHEEL: Final = (168, 205, 232, 246, 350, 18, 42, 78, 104, 128)


def seed_of(*parts: object) -> int:
    """64 bits of SHA-256 over the parts: the same drawing on every machine and in every release."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:8], "big")


def hue(rule: str) -> int:
    """The hue of a badge rule in degrees."""
    known = STONES.get(rule)
    return WHEEL[seed_of(rule) % len(WHEEL)] if known is None else known


@lru_cache(maxsize=4096)
def oklch(lightness: float, chroma: float, degrees: float) -> str:
    """OKLCH as #rrggbb; chroma is lowered until the colour fits sRGB."""
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    while True:
        a, b = chroma * cos, chroma * sin
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        linear = (
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        )
        if chroma < 0.004 or all(-0.0005 <= part <= 1.0005 for part in linear):
            return "#" + "".join(f"{round(_gamma(part) * 255):02x}" for part in linear)
        chroma -= 0.004


def _gamma(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return float(12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055)
