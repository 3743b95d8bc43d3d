"""Certifications: an engraved guilloche of rotated ellipses, like the security print on a certificate."""

from __future__ import annotations

import random
from functools import lru_cache
from html import escape

from .colour import WHEEL, oklch, seed_of


@lru_cache(maxsize=1024)
def rosette(seed: str, letters: str = "", *, brass: bool = False) -> str:
    """The seal of one certification as inline SVG; `letters` draws the list size, `brass` the designation."""
    rng = random.Random(seed_of("rosette", seed))  # noqa: S311  (a drawing, not a secret)
    degrees = 78 if brass else WHEEL[seed_of(seed) % len(WHEEL)]
    rings = [
        (56, rng.uniform(19, 25), rng.choice([15, 18, 20])),
        (44, rng.uniform(17, 24), rng.choice([12, 15])),
        (31, 25.5, 9),
    ]
    if letters:         # list size: fewer, stronger lines
        rings = [(56, rng.uniform(30, 40), rng.choice([8, 9, 10]))]
    inks = ((0.66, 0.075 if brass else 0.07), (0.60, 0.085 if brass else 0.08), (0.54, 0.09 if brass else 0.085))
    engraved = []
    for k, (rx, ry, count) in enumerate(rings):
        ellipses = "".join(
            f'<ellipse rx="{rx}" ry="{ry:.1f}" transform="rotate({i * 180 / count:.3g})"/>' for i in range(count))
        engraved.append(f'<g stroke="{oklch(*inks[k], degrees + k * 6)}">{ellipses}</g>')
    radius = 27 if letters else 21
    if letters:
        size = 21 if len(letters) < 3 else 16
        middle = f'<text y="7.6" font-size="{size}" text-anchor="middle" class="gem-n">{escape(letters)}</text>'
    else:
        middle = (
            '<path d="M-8 .5l5.2 5.4L8.2-6" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"'
            ' stroke-linejoin="round"/>'
        )
    return (
        '<svg class="rosette" viewBox="-60 -60 120 120" aria-hidden="true">'
        f'<g fill="none" stroke-width="{"1.7" if letters else ".75"}">{"".join(engraved)}</g>'
        f'<circle r="{radius}" fill="{oklch(0.45, 0.075, degrees - 4 if brass else degrees)}"/>'
        f'<circle r="{radius - 2.6:.1f}" fill="none" stroke="#fff" stroke-opacity=".5" stroke-width=".7"/>'
        f'{middle}</svg>'
    )


def initials(title: str) -> str:
    """One or two letters for the middle of a list-size rosette: the initials of the first words that have letters."""
    words = [word for word in title.split() if word[:1].isalpha()]
    return "".join(word[0] for word in words[:2]).upper()[:2]
