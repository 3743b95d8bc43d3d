"""Reeded glass: the banner of a profile and the stage of the log-in page, as standalone SVG files.

A banner is drawn from eight hex digits of a hash of the handle, so it tells nothing about the person.
"""

from __future__ import annotations

import hashlib
import random
from functools import lru_cache
from typing import Final

from .colour import oklch, seed_of

#: Sets of stones that look well together behind glass; a seed picks one.
PALETTES: Final = (
    (168, 232, 78, 168, 205), (168, 205, 78, 190, 150), (205, 168, 350, 190, 168), (150, 168, 78, 128, 205),
    (232, 205, 42, 168, 190), (190, 246, 168, 78, 205), (168, 18, 190, 205, 150), (205, 232, 78, 168, 350),
)
_WIDTH, _HEIGHT, _RIBS, _DISCS = 1200, 180, 60, 9


def banner_seed(handle: str) -> str:
    """The eight hex digits that name a handle's banner."""
    return hashlib.sha256(f"banner|{handle}".encode()).hexdigest()[:8]


@lru_cache(maxsize=256)
def banner(seed: str, *, dark: bool = False) -> str:
    """The banner of a profile, 1200 x 180."""
    return _reeded(seed, _WIDTH, _HEIGHT, _RIBS, PALETTES[seed_of("palette", seed) % len(PALETTES)], dark, 1.0)


@lru_cache(maxsize=2)
def stage(*, dark: bool = False) -> str:
    """The tall pane beside the log-in form and on the home page, 900 x 1100."""
    return _reeded("stage", 900, 1100, 40, PALETTES[1], dark, 0.34)


def _reeded(seed: str, width: int, height: int, ribs: int, hues: tuple[int, ...], dark: bool, scale: float) -> str:
    """Stones, out of focus, behind fluted glass: every rib shows a slice that is wider than itself."""
    rng = random.Random(seed_of("reeded", seed))  # noqa: S311  (a drawing, not a secret)
    gradients, discs = [], []
    for i in range(_DISCS):
        degrees = hues[i % len(hues)] + rng.uniform(-6, 6)
        warm = 30 < degrees < 110
        low, high = ((0.50, 0.58) if dark else (0.78, 0.84)) if warm else ((0.33, 0.52) if dark else (0.60, 0.78))
        light, chroma = rng.uniform(low, high), rng.uniform(0.055, 0.085)
        lit = oklch(min(light + 0.15, 0.95), chroma * 0.8, degrees)
        gradients.append(
            f'<radialGradient id="b{i}" cx=".38" cy=".28" r=".8"><stop stop-color="{lit}"/>'
            f'<stop offset=".95" stop-color="{oklch(light, chroma, degrees - 6)}"/></radialGradient>')
        radius = rng.uniform(0.38, 0.82) * height * scale * (0.6 if warm else 1)
        x = width * (i + 0.5) / _DISCS + rng.uniform(-0.04, 0.04) * width
        y, opacity = rng.uniform(0.05, 0.95) * height, rng.choice([".95", ".85", ".9"])
        discs.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}" fill="url(#b{i})" opacity="{opacity}"/>')
    rng.shuffle(discs)
    near, far = (0.30, 0.23) if dark else (0.93, 0.87)
    rib, span = width / ribs, width / ribs * 4.2
    slices = "".join(
        f'<svg x="{i * rib:.4g}" width="{rib + 0.4:.4g}" height="{height}"'
        f' viewBox="{(i + 0.5) * rib - span / 2:.4g} 0 {span:.4g} {height}"'
        ' preserveAspectRatio="none"><use href="#f"/></svg>' for i in range(ribs))
    flutes = "".join(f'<path d="M{i * rib:.4g} 0h{rib:.4g}v{height}h-{rib:.4g}z"/>' for i in range(ribs))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' preserveAspectRatio="xMidYMid slice"><defs>'
        f'<linearGradient id="s" x2="1" y2=".3"><stop stop-color="{oklch(near, 0.022, hues[0])}"/>'
        f'<stop offset="1" stop-color="{oklch(far, 0.035, hues[0] + 14)}"/></linearGradient>'
        f'<linearGradient id="r"><stop stop-color="#fff" stop-opacity="{".22" if dark else ".55"}"/>'
        '<stop offset=".14" stop-color="#fff" stop-opacity=".06"/>'
        '<stop offset=".6" stop-color="#fff" stop-opacity="0"/>'
        '<stop offset=".92" stop-color="#04201b" stop-opacity=".06"/>'
        '<stop offset="1" stop-color="#04201b" stop-opacity=".16"/></linearGradient>'
        f'{"".join(gradients)}<g id="f"><path d="M-200 0h{width + 400}v{height}H-200z" fill="url(#s)"/>'
        f'{"".join(discs)}</g></defs>'
        f'{slices}<g fill="url(#r)">{flutes}</g></svg>'
    )
