"""Simple pictures for demo members, drawn by code: no photograph, no face."""

from __future__ import annotations

import colorsys
import io
from random import Random

from PIL import Image, ImageDraw

SIDE = 320
_FINE = 2


def draw_picture(chance: Random) -> bytes:
    """A square WebP picture: hills and a sun in a few related colours."""
    side = SIDE * _FINE
    hue = chance.random()
    image = Image.new("RGB", (side, side), _colour(hue, 0.28, 0.93))
    draw = ImageDraw.Draw(image)
    x, y, r = chance.randint(side // 4, side * 3 // 4), chance.randint(side // 5, side // 3), side // 8
    draw.ellipse((x - r, y - r, x + r, y + r), fill=_colour(hue + 0.45, 0.45, 0.95))
    for layer in range(4):
        top = side * (45 + 13 * layer) // 100
        points = [(0, side), (0, top)]
        points += [(side * step // 6, top + chance.randint(-side // 12, side // 12)) for step in range(7)]
        points += [(side, side)]
        draw.polygon(points, fill=_colour(hue + 0.04 * layer, 0.35 + 0.1 * layer, 0.78 - 0.16 * layer))
    out = io.BytesIO()
    image.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(out, "WEBP", quality=82, method=4)
    return out.getvalue()


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
