"""Milestone badges: a cut stone per (rule, tier). The rule gives the hue, the tier the cut and the depth of colour."""

from __future__ import annotations

import math
import random
from functools import lru_cache
from html import escape
from typing import Final

from .colour import hue, oklch, seed_of

Point = tuple[float, float]

#: Sides per tier of the ladder 1 10 25 50 75 100 250 500 1000 2500 5000 10000. Step cut below tier 3, then brilliant.
CUT: Final = (5, 6, 8, 8, 10, 12, 14, 16, 18, 20, 22, 24)
_BRILLIANT: Final = 3
_CENTRE: Final = 60.0
_RADIUS: Final = 50.0
_DIGITS: Final = (30, 30, 28, 23, 18, 15)


def gem(rule: str, tier: int, value: int, *, label: str = "", mini: bool = False) -> str:
    """An earned milestone as inline SVG (viewBox 120). `mini` leaves the digits out, for sizes below 40 px."""
    return _earned(rule, min(max(tier, 0), len(CUT) - 1), value, label, mini)


def next_gem(rule: str, tier: int, value: int, have: int, *, uid: str = "", label: str = "") -> str:
    """The milestone to come: a wireframe that fills from below, `have` of `value`.

    `uid` makes the id of its clip path unique on the page; it defaults to rule and value.
    """
    tier = min(max(tier, 0), len(CUT) - 1)
    fill, wire, digits = _wireframe(rule, tier, value)
    share = min(max(have / value, 0.0), 1.0) if value > 0 else 0.0
    clip = escape("f-" + (uid or f"{rule}-{value}").replace(" ", "-"), quote=True)
    top = _CENTRE + _RADIUS - 2 * _RADIUS * share
    filled = (
        f'<clipPath id="{clip}"><path d="M0 {_n(top)}h120v120H0z"/></clipPath>'
        f'<g clip-path="url(#{clip})" opacity=".42">{fill}</g>' if share else ""
    )
    return f'<svg class="gem next" viewBox="0 0 120 120"{_named(label)}{filled}{wire}{digits}</svg>'


@lru_cache(maxsize=2048)
def _earned(rule: str, tier: int, value: int, label: str, mini: bool) -> str:
    sides = CUT[tier]
    facets, table = _facets(sides, tier)
    chroma = _chroma(tier)
    glint = [table[0], table[1], _between(table[1], table[-1]), table[-1]]
    centre = oklch(0.455 if tier else 0.47, min(chroma * 1.05, 0.115), hue(rule) - 4)
    return (
        f'<svg class="gem" viewBox="0 0 120 120"{_named(label)}'
        f'<g stroke="#fff" stroke-opacity=".34" stroke-width=".7" stroke-linejoin="round">'
        f'{_painted(rule, tier, facets)}'
        f'<path d="{_path(table)}" fill="{centre}"/></g>'
        f'<path d="{_path(glint)}" fill="#fff" fill-opacity=".1"/>'
        f'{"" if mini else _digits(value, "gem-n")}</svg>'
    )


@lru_cache(maxsize=512)
def _wireframe(rule: str, tier: int, value: int) -> tuple[str, str, str]:
    sides = CUT[tier]
    facets, table = _facets(sides, tier)
    centre = oklch(0.78, _chroma(tier) * 0.8, hue(rule))
    inside = f'{_painted(rule, tier, facets)}<path d="{_path(table)}" fill="{centre}"/>'
    lines = "".join(_path(points) for _, points in facets)
    wire = (
        '<g fill="none" stroke="currentColor" stroke-linejoin="round">'
        f'<path d="{lines}" stroke-opacity=".38" stroke-width=".9"/>'
        f'<path d="{_path(_ring(sides, _RADIUS + 3))}" stroke-opacity=".55" stroke-width="1.4"'
        ' stroke-dasharray="4 3.5"/></g>'
    )
    return inside, wire, _digits(value, "gem-n todo")


def _chroma(tier: int) -> float:
    """Quartz first, then the colour comes in."""
    return min(0.024 + 0.019 * tier, 0.108)


def _ring(sides: int, radius: float, offset: float = 0.0) -> list[Point]:
    turn = -math.pi / 2 + (math.pi / sides if sides % 2 == 0 else 0)
    step = 2 * math.pi / sides
    angles = (turn + (i + offset) * step for i in range(sides))
    return [(_CENTRE + radius * math.cos(angle), _CENTRE + radius * math.sin(angle)) for angle in angles]


def _facets(sides: int, tier: int) -> tuple[list[tuple[int, list[Point]]], list[Point]]:
    """(ring, corners) of every facet, and the corners of the table."""
    outer, facets = _ring(sides, _RADIUS), []
    if tier < _BRILLIANT:
        middle, table = _ring(sides, _RADIUS * 0.8), _ring(sides, _RADIUS * 0.56)
        for i in range(sides):
            j = (i + 1) % sides
            facets.append((2, [outer[i], outer[j], middle[j], middle[i]]))
            facets.append((1, [middle[i], middle[j], table[j], table[i]]))
        return facets, table
    middle, table = _ring(sides, _RADIUS * 0.765, 0.5), _ring(sides, _RADIUS * 0.53)
    for i in range(sides):
        j = (i + 1) % sides
        facets.append((2, [outer[i], outer[j], middle[i]]))
        facets.append((3, [outer[i], middle[i], table[i], middle[i - 1]]))
        facets.append((1, [table[i], table[j], middle[i]]))
    return facets, table


def _painted(rule: str, tier: int, facets: list[tuple[int, list[Point]]]) -> str:
    """Facets lit from the upper left, with a little seeded jitter: the same badge is the same stone everywhere."""
    jitter = random.Random(seed_of(rule, tier))  # noqa: S311  (a drawing, not a secret)
    brilliant = tier >= _BRILLIANT
    depth = {1: (0.565, -0.06) if brilliant else (0.60, 0.15), 2: (0.655, 0.17), 3: (0.715, 0.13)}
    chroma, degrees, out = _chroma(tier), hue(rule), []
    for ring, points in facets:
        x = sum(point[0] for point in points) / len(points) - _CENTRE
        y = sum(point[1] for point in points) / len(points) - _CENTRE
        lit = (x * -0.53 + y * -0.85) / (math.hypot(x, y) or 1)
        base, swing = depth[ring]
        light = min(max(base + swing * lit + jitter.uniform(-0.035, 0.035), 0.36), 0.93)
        colour = oklch(light, chroma * (1.15 if light < 0.62 else 0.85), degrees + 9 * lit)
        out.append(f'<path d="{_path(points)}" fill="{colour}"/>')
    return "".join(out)


def _digits(value: int, style: str) -> str:
    size = _DIGITS[min(len(str(value)), len(_DIGITS) - 1)]
    place = f'x="60" y="{_n(60 + size * 0.345)}" font-size="{size}" text-anchor="middle"'
    return f'<text class="{style}" {place}>{int(value)}</text>'


def _named(label: str) -> str:
    return f' role="img"><title>{escape(label)}</title>' if label else ' aria-hidden="true">'


def _between(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _path(points: list[Point]) -> str:
    return "M" + " ".join(f"{_n(x)} {_n(y)}" for x, y in points) + "z"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
