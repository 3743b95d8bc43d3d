"""Pictures: taking one in, making it square, small and free of everything but pixels, and handing it out by the gate.

What is stored is drawn anew, so nothing of the uploaded file survives: no position, no camera, no second file behind it
(T57, T77). Sizes are checked before anything is decoded. Memory: a picture is decoded once, whole, and then worked
through in strips; the limits by format keep that under 100 MB.
"""

from __future__ import annotations

import io
import secrets
import struct
import threading
import zlib
from pathlib import PurePosixPath

from PIL import Image, UnidentifiedImageError

from policies.errors import Invalid
from policies.terms import State, Viewer
from webapp.services.app_views import Looker, mask_of
from webapp.services.context import Context
from webapp.services.editing import stand, write
from webapp.store import records

MAX_BYTES = 2 * 1024 * 1024
MAX_PIXELS = 24_000_000
#: What the decoders of these formats need beside the picture leaves room for fewer pixels.
MAX_PIXELS_WEBP = 6_000_000
MAX_PIXELS_PROGRESSIVE = 12_000_000
#: Longer than any photograph is wide; a strip of one row must stay small.
MAX_SIDE = 20_000
SIZE = 320

FIELD = "picture"
#: Two large pictures at once would need twice the memory.
_ONE_AT_A_TIME = threading.Lock()
_EXTENSIONS = {
    "PNG": {".png"}, "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"}, "WEBP": {".webp"}, "GIF": {".gif"},
}  # fmt: skip
#: Words that have no business in a picture; with them a file may be two things at once (T77).
_FOREIGN = (b"<script", b"<html", b"<!doctype", b"<?php", b"<svg", b"<iframe", b"javascript:")
_SOMETHING_BESIDE = "This file holds something beside the picture. Save the picture anew and try again."
_HIGH_BYTE = [value >> 8 for value in range(65536)]
#: EXIF orientation -> how to turn the picture so that it stands upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error, zlib.error, MemoryError)


def save_avatar(ctx: Context, viewer: Viewer, data: bytes, filename: str, now: int) -> None:
    """Make an uploaded file the picture of the account that is logged in. The old picture's address is dead at once.

    Errors: Invalid under `picture`; NotFound.
    """
    image = read_picture(data, filename)
    with ctx.db.transaction():
        standing = stand(ctx, viewer, viewer.account_id, lock=True)
        key = _new_key()
        records.replace_avatar(ctx.db, standing.subject.account_id, key, image, now)
        write(ctx, viewer, standing, {"avatar": key}, now, "avatar:edit")


def remove_avatar(ctx: Context, viewer: Viewer, now: int) -> bool:
    """Take away the picture of the account that is logged in; whether there was one. Errors: NotFound."""
    with ctx.db.transaction():
        standing = stand(ctx, viewer, viewer.account_id, lock=True)
        account_id = standing.subject.account_id
        if records.load_columns(ctx.db, account_id, {"avatar"})["avatar"] is None:
            return False
        records.replace_avatar(ctx.db, account_id, None, b"", now)
        write(ctx, viewer, standing, {"avatar": None}, now, "avatar:remove")
        return True


def open_avatar(ctx: Context, viewer: Viewer | Looker, key: str) -> bytes | None:
    """The WebP bytes of a picture if the gate shows it to this viewer or app; None for hidden, replaced and unknown.

    An app is handed the pictures whose addresses it is told with the records. One statement, and one more for the bytes
    of a picture that is shown (T57, T61).
    """
    # PostgreSQL takes no zero byte in a text.
    group = records.load_avatar_group(ctx.db, key) if key.isprintable() else None
    # The gate is asked in any case: who was asked before draws the error page with no statement more (T61).
    gate = ctx.gate(0 if group is None else group.version)
    if group is None or group.asked.state not in {State.ACTIVE, State.UNCLAIMED}:
        return None
    subject = group.subject(group.asked)
    bit = gate.bit.get("avatar")
    if isinstance(viewer, Looker):
        mask = mask_of(gate, viewer, subject)
    else:
        mask = gate.mask(viewer, subject) if gate.is_findable(viewer, subject) else 0
    if bit is None or not mask >> bit & 1:
        return None
    return records.load_avatar(ctx.db, key)


def read_picture(data: bytes, filename: str = "") -> bytes:
    """An uploaded file as a square WebP of 320 pixels at most. Errors: Invalid under `picture` with a sentence."""
    if not data:
        raise _refused("Choose a picture first.")
    if len(data) > MAX_BYTES:
        raise _refused("This file is larger than 2 MB. Save the picture smaller and try again.")
    try:
        with _ONE_AT_A_TIME, Image.open(io.BytesIO(data), formats=list(_EXTENSIONS)) as picture:
            _check_head(picture, data, filename)
            small = _square(picture)
            _check_tail(picture.format or "", data)
            return _encode(_upright(small, picture))
    except UnidentifiedImageError:
        raise _refused(
            "This is not a picture that can be read here. Save it as JPEG, PNG, WebP or GIF and try again."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(MAX_PIXELS) from None
    except _BROKEN:
        raise _refused("This picture is damaged or cut off. Save it anew and try again.") from None


def _check_head(picture: Image.Image, data: bytes, filename: str) -> None:
    """Everything that can be told before a pixel is decoded."""
    kind = picture.format or ""
    limit = MAX_PIXELS
    if kind == "WEBP":
        limit = MAX_PIXELS_WEBP
    elif kind == "JPEG" and picture.info.get("progressive"):
        limit = MAX_PIXELS_PROGRESSIVE
    width, height = picture.size
    if width * height > limit or max(width, height) > MAX_SIDE:
        raise _too_many_pixels(limit)
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix and suffix not in _EXTENSIONS[kind]:
        raise _refused(f"The name of this file ends in {suffix[:8]}, but it holds a {kind} picture. Save it anew.")
    lower = data.lower()
    if any(word in lower for word in _FOREIGN) or (kind == "GIF" and data[6:8] in {b"/*", b"=1"}):
        raise _refused(_SOMETHING_BESIDE)


def _check_tail(kind: str, data: bytes) -> None:
    """Refuse another file behind the picture. Phones put a second JPEG behind a first one: that may be."""
    if kind == "WEBP":
        end = 8 + int.from_bytes(data[4:8], "little")
    elif kind == "PNG":
        end = _end_of_png(data)
    elif kind == "GIF":
        end = _end_of_gif(data)
    else:
        end = data.rfind(b"\xff\xd9") + 2
    if data[end:].strip(b"\x00\r\n\t "):
        raise _refused(_SOMETHING_BESIDE)


def _end_of_png(data: bytes) -> int:
    at = 8
    while data[at + 4:at + 8] not in {b"IEND", b""}:
        at += 12 + int.from_bytes(data[at:at + 4], "big")
    return at + 12


def _end_of_gif(data: bytes) -> int:
    at = 13 + _colours(data[10])
    while at < len(data) and data[at] != 0x3B:
        if data[at] == 0x2C:
            at += 10 + _colours(data[at + 9]) + 1
        else:
            at += 2
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return at + 1


def _colours(flags: int) -> int:
    """Bytes of the colour table that a GIF's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _square(picture: Image.Image) -> Image.Image:
    """The middle square, brought down to between once and twice the final size, in strips."""
    width, height = picture.size
    side = min(width, height)
    if picture.format == "JPEG":
        # The decoder itself leaves out what would be thrown away.
        picture.draft("RGB", (SIZE * width // side, SIZE * height // side))
        width, height = picture.size
        side = min(width, height)
    picture.load()
    factor = max(1, side // (2 * SIZE))
    side -= side % factor
    left, top = (width - side) // 2, (height - side) // 2
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    small = Image.new(mode, (side // factor, side // factor))
    step = factor * max(1, 256 // factor)
    for offset in range(0, side, step):
        rows = min(step, side - offset)
        strip = picture.crop((left, top + offset, left + side, top + offset + rows))
        small.paste(_as_eight_bits(strip).convert(mode).reduce(factor), (0, offset // factor))
    return small


def _as_eight_bits(strip: Image.Image) -> Image.Image:
    """Sixteen bit greys clip to white when converted: bring them down first."""
    return strip.convert("I").point(_HIGH_BYTE, "L") if strip.mode.startswith("I") else strip


def _upright(small: Image.Image, picture: Image.Image) -> Image.Image:
    """Turned as the camera was held: the square keeps its middle, so it can be turned when it is small."""
    try:
        turn = _TURNS.get(picture.getexif().get(0x0112, 1))
    except (*_BROKEN, TypeError, KeyError):
        return small
    return small if turn is None else small.transpose(turn)


def _encode(small: Image.Image) -> bytes:
    side = min(SIZE, small.width)
    final = small.resize((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    final.save(out, "WEBP", quality=82, method=4, exif=b"", xmp=b"", icc_profile=b"")
    return out.getvalue()


def _new_key() -> str:
    return secrets.token_urlsafe(18)


def _refused(sentence: str) -> Invalid:
    return Invalid({FIELD: sentence})


def _too_many_pixels(limit: int) -> Invalid:
    return _refused(f"This picture has more than {limit // 1_000_000} megapixels. Make it smaller and try again.")
