"""Courses and groups: a glazed Truchet tile. The same course is the same tile everywhere."""

from __future__ import annotations

import random
from functools import lru_cache

from .colour import WHEEL, oklch, seed_of

_SIDE = 4
_UNIT = 12


@lru_cache(maxsize=1024)
def tile(seed: str) -> str:
    """The tile of a course, group or app as inline SVG: one corner comes from the seed, the others mirror it."""
    rng = random.Random(seed_of("tile", seed))  # noqa: S311  (a drawing, not a secret)
    degrees = WHEEL[seed_of("t", seed) % len(WHEEL)]
    ground, glaze, light = oklch(0.50, 0.075, degrees), oklch(0.80, 0.07, degrees + 10), oklch(0.64, 0.08, degrees + 4)
    half = _SIDE // 2
    corner = [[(rng.randrange(4), rng.random() < 0.3) for _ in range(half)] for _ in range(half)]
    drawn: dict[str, list[str]] = {glaze: [], light: []}
    for y in range(_SIDE):
        for x in range(_SIDE):
            quarter, lit = corner[min(y, _SIDE - 1 - y)][min(x, _SIDE - 1 - x)]
            across, down = quarter & 1, quarter >> 1
            if x >= half:
                across = 1 - across
            if y >= half:
                down = 1 - down
            from_x, from_y = (x + across) * _UNIT, (y + down) * _UNIT
            to_x, to_y = (x + 1 - across) * _UNIT, (y + 1 - down) * _UNIT
            sweep = 1 if across == down else 0
            drawn[light if lit else glaze].append(
                f"M{from_x} {from_y}H{to_x}A{_UNIT} {_UNIT} 0 0 {sweep} {from_x} {to_y}z")
    size = _SIDE * _UNIT
    shapes = "".join(f'<path d="{"".join(parts)}" fill="{colour}"/>' for colour, parts in drawn.items() if parts)
    return (
        f'<svg class="tile" viewBox="0 0 {size} {size}" aria-hidden="true">'
        f'<path d="M0 0h{size}v{size}H0z" fill="{ground}"/>{shapes}</svg>'
    )
