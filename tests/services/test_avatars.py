"""Pictures: what is taken in, what becomes of it, and who is handed it (T57, T77)."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from policies.errors import Invalid
from policies.terms import ANONYMOUS, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account
from webapp.services import avatars, privacy
from webapp.services.context import Context
from webapp.services.viewing import load_viewer

ROOT = Path(__file__).resolve().parents[2]


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **options) -> bytes:
    """A picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, kind, **options)
    return out.getvalue()


def refusal(data: bytes, filename: str = "") -> str:
    with pytest.raises(Invalid) as caught:
        avatars.read_picture(data, filename)
    assert list(caught.value.errors) == ["picture"]
    return caught.value.errors["picture"]


def reopened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    assert image.format == "WEBP"
    image.load()
    return image


# What is taken in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.JPG"), ("WEBP", "a.webp"), ("GIF", "a.gif")])
def test_t77_four_formats_become_a_square_webp(kind: str, name: str) -> None:
    image = reopened(avatars.read_picture(picture(kind, (900, 500)), name))
    assert image.size == (320, 320)
    left, right = image.convert("RGB").getpixel((40, 160)), image.convert("RGB").getpixel((280, 160))
    assert left[0] > 200 > 60 > left[2]
    assert right[2] > 200 > 60 > right[0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_mode_of_png_is_read(mode: str) -> None:
    if mode == "I;16":
        rows = b"".join((row * 257).to_bytes(2, "little") * 256 for row in range(256))
        source = Image.frombytes(mode, (256, 256), rows)
    else:
        source = Image.linear_gradient("L").convert(mode)
    out = io.BytesIO()
    source.save(out, "PNG")
    image = reopened(avatars.read_picture(out.getvalue())).convert("L")
    assert image.size == (256, 256)
    assert image.getpixel((128, 10)) < 60
    assert image.getpixel((128, 245)) > 190


def test_a_cmyk_jpeg_is_read() -> None:
    assert reopened(avatars.read_picture(picture("JPEG", mode="CMYK"))).size == (48, 48)


def test_what_is_transparent_stays_so() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(out, "PNG")
    assert reopened(avatars.read_picture(out.getvalue())).convert("RGBA").getpixel((25, 25))[3] == 0


def test_t57_position_camera_and_comments_do_not_survive() -> None:
    exif = Image.Exif()
    exif[0x010F] = "CANARYCAMERA"
    exif.get_ifd(0x8825)[2] = (38.0, 43.0, 0.0)
    data = picture("JPEG", exif=exif, comment=b"CANARYCOMMENT", icc_profile=b"CANARYPROFILE")
    assert b"CANARY" in data
    made = avatars.read_picture(data)
    assert b"CANARY" not in made
    assert not reopened(made).getexif()
    assert set(reopened(made).info) <= {"loop", "background", "timestamp", "duration"}


@pytest.mark.parametrize(("orientation", "corner"), [
    (1, "red"), (2, "blue"), (3, "blue"), (4, "red"), (5, "red"), (6, "red"), (7, "blue"), (8, "blue"),
])
def test_a_picture_stands_as_the_camera_was_held(orientation: int, corner: str) -> None:
    """The upper left corner; 5 to 8 stand on a side, so that red is above (5, 6) or below (7, 8)."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = reopened(avatars.read_picture(picture("JPEG", (100, 100), exif=exif))).convert("RGB")
    red, _, blue = image.getpixel((10, 10))
    assert ("red" if red > blue else "blue") == corner


def test_of_an_animation_the_first_picture_is_kept() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("green", "red")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    image = reopened(avatars.read_picture(out.getvalue()))
    assert getattr(image, "n_frames", 1) == 1
    assert image.convert("RGB").getpixel((20, 20))[1] > 100


# What is refused ---------------------------------------------------------------------------------------------------


def flat_png(width: int, height: int) -> bytes:
    """A valid PNG of one colour, one bit for each pixel: a bomb of a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    packer = zlib.compressobj(9)
    rows = b"".join([packer.compress(bytes((width + 7) // 8 + 1)) for _ in range(height)]) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 5_000), (6_000, 4_001), (24_000, 10)])
def test_t77_a_bomb_is_refused_by_its_head(size: tuple[int, int]) -> None:
    data = flat_png(*size)
    assert len(data) < 100_000
    assert refusal(data, "bomb.png") == "This picture has more than 24 megapixels. Make it smaller and try again."


def test_t77_a_large_webp_or_progressive_jpeg_is_refused_before_it_is_decoded() -> None:
    assert "more than 6 megapixels" in refusal(picture("WEBP", (3000, 2001)))
    assert "more than 12 megapixels" in refusal(picture("JPEG", (4001, 3000), progressive=True, quality=10))


def test_t77_more_than_2_mb_is_refused() -> None:
    assert "larger than 2 MB" in refusal(b"\x89PNG" + bytes(2 * 1024 * 1024))


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)


@pytest.mark.parametrize("data", [
    SVG, HEIC, b"%PDF-1.7", b"MZ\x90", b"hello", b"BM" + bytes(60), b"II*\x00" + bytes(60),
    b"\x00\x00\x01\x00" + bytes(60), b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBP",
])
def test_t77_what_is_no_picture_of_the_four_kinds_is_refused(data: bytes) -> None:
    assert refusal(data, "")


def test_no_file_is_refused() -> None:
    assert refusal(b"") == "Choose a picture first."


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_t77_a_truncated_picture_is_refused(kind: str) -> None:
    data = picture(kind, (200, 200))
    assert "damaged or cut off" in refusal(data[:len(data) // 2]) or kind == "WEBP"
    assert refusal(data[:len(data) * 2 // 3])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("tail", [b"<script>alert(1)</script>", b"*/=1;alert(1);//;", b"PK\x03\x04 an archive"])
def test_t77_a_polyglot_is_refused(kind: str, tail: bytes) -> None:
    assert "something beside the picture" in refusal(picture(kind) + tail)


def test_t77_a_script_inside_a_picture_is_refused() -> None:
    assert "something beside" in refusal(picture("JPEG", comment=b"<ScRiPt>alert(1)</script>"))
    gif = picture("GIF", (0x2A2F, 2), comment=b"*/=1;alert(1)")
    assert gif.startswith(b"GIF89a/*")
    assert "something beside" in refusal(gif)


def test_a_second_jpeg_behind_the_first_is_no_polyglot() -> None:
    """Phones write the depth of a photograph so."""
    assert avatars.read_picture(picture("JPEG") + picture("JPEG", (8, 8)))


def test_t77_a_name_that_promises_another_kind_is_refused() -> None:
    assert "ends in .png, but it holds a JPEG" in refusal(picture("JPEG"), "me.png")
    assert "ends in .html" in refusal(picture("PNG"), "me.html")
    assert avatars.read_picture(picture("PNG"), "../../etc/me.png")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]), st.integers(0, 399), st.binary(min_size=1, max_size=6))
@pytest.mark.filterwarnings("ignore")
def test_t77_a_damaged_file_is_read_or_refused_but_never_an_error(kind: str, at: int, junk: bytes) -> None:
    data = bytearray(picture(kind))
    at %= len(data)
    data[at:at + len(junk)] = junk
    with contextlib.suppress(Invalid):
        assert avatars.read_picture(bytes(data))


_MEASURE = """
import resource, sys
from webapp.services import avatars
data = open(sys.argv[1], "rb").read()
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
before = peak()
avatars.read_picture(data)
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from /proc")
@pytest.mark.parametrize(("kind", "size", "mode", "options"), [
    ("PNG", (6000, 4000), "RGBA", {}), ("JPEG", (6000, 4000), "RGB", {"quality": 10}), ("GIF", (6000, 4000), "P", {}),
    ("WEBP", (3000, 2000), "RGBA", {}), ("JPEG", (4000, 3000), "CMYK", {"quality": 10, "progressive": True}),
])
def test_t77_memory_stays_under_150_mb(tmp_path: Path, kind, size, mode, options) -> None:
    path = tmp_path / "picture"
    path.write_bytes(picture(kind, size, mode, **options))
    found = subprocess.run([sys.executable, "-c", _MEASURE, str(path)], cwd=ROOT, capture_output=True, check=True)
    assert int(found.stdout) < 150


# Whose it is, and who is handed it ---------------------------------------------------------------------------------


@pytest.fixture
def sally(ctx: Context) -> Viewer:
    return load_viewer(ctx, make_account(ctx.db))


def upload(ctx: Context, viewer: Viewer, data: bytes | None = None) -> str:
    avatars.save_avatar(ctx, viewer, data or picture(), "me.png", NOW)
    return ctx.db.row("SELECT avatar FROM account WHERE id = ?", (viewer.account_id,))[0]


def test_t57_a_new_picture_kills_the_old_address_at_once(ctx: Context, sally: Viewer) -> None:
    old = upload(ctx, sally)
    new = upload(ctx, sally)
    assert old != new
    assert len(old) >= 24
    assert avatars.open_avatar(ctx, sally, old) is None
    assert avatars.open_avatar(ctx, ANONYMOUS, new)
    assert ctx.db.row("SELECT count(*) FROM avatar") == (1,)


def test_a_picture_is_counted_and_audited_as_an_edit(ctx: Context, sally: Viewer) -> None:
    upload(ctx, sally)
    assert avatars.remove_avatar(ctx, sally, NOW)
    assert not avatars.remove_avatar(ctx, sally, NOW)
    assert ctx.db.row("SELECT avatar, edit_version, row_version FROM account") == (None, 2, 3)
    audited = ctx.db.rows("SELECT event, detail FROM audit ORDER BY id")
    assert audited == [("avatar:edit", "{}"), ("avatar:remove", "{}")]
    assert ctx.db.row("SELECT count(*) FROM avatar") == (0,)


def test_a_refused_picture_leaves_the_old_one(ctx: Context, sally: Viewer) -> None:
    key = upload(ctx, sally)
    with pytest.raises(Invalid):
        avatars.save_avatar(ctx, sally, SVG, "me.svg", NOW)
    assert avatars.open_avatar(ctx, ANONYMOUS, key)


def test_t57_a_hidden_picture_is_handed_to_its_owner_only(ctx: Context, sally: Viewer) -> None:
    key = upload(ctx, sally)
    ctx.db.execute("UPDATE account SET chosen = ? WHERE id = ?", (1 << ctx.gate().bit["avatar"], sally.account_id))
    assert avatars.open_avatar(ctx, ANONYMOUS, key) is None
    assert avatars.open_avatar(ctx, sally, key)


def test_s31_private_with_the_box_shows_the_picture_and_without_does_not(ctx: Context, sally: Viewer) -> None:
    key = upload(ctx, sally)
    privacy.save_privacy(ctx, sally, {"privacy": "private", "keep_name": "1"}, NOW)
    assert avatars.open_avatar(ctx, ANONYMOUS, key)
    privacy.save_privacy(ctx, sally, {"privacy": "private"}, NOW)
    assert avatars.open_avatar(ctx, ANONYMOUS, key) is None


def test_s79_a_managed_picture_is_shown_to_colleagues_only(ctx: Context) -> None:
    worker = load_viewer(ctx, make_account(ctx.db, "work", kind="managed"))
    mate = load_viewer(ctx, make_account(ctx.db, "mate", kind="managed"))
    key = upload(ctx, worker)
    assert avatars.open_avatar(ctx, mate, key)
    assert avatars.open_avatar(ctx, ANONYMOUS, key) is None


def test_s3_the_picture_of_a_linked_account_is_its_own(ctx: Context, sally: Viewer) -> None:
    second = make_account(ctx.db, "second")
    link(ctx.db, second, sally.account_id)
    key = upload(ctx, load_viewer(ctx, second))
    assert ctx.db.row("SELECT avatar FROM account WHERE id = ?", (sally.account_id,)) == (None,)
    assert avatars.open_avatar(ctx, ANONYMOUS, key)
    privacy.save_privacy(ctx, sally, {"privacy": "private", "keep_name": "1"}, NOW)
    assert avatars.open_avatar(ctx, ANONYMOUS, key) is None     # D5: while private, linked accounts answer as unknown
    assert avatars.open_avatar(ctx, sally, key)


@pytest.mark.parametrize("state", ["deactivated", "closing", "deleted"])
def test_t57_the_picture_of_an_account_that_is_gone_is_gone(ctx: Context, sally: Viewer, state: str) -> None:
    key = upload(ctx, sally)
    ctx.db.execute("UPDATE account SET state = ? WHERE id = ?", (state, sally.account_id))
    assert avatars.open_avatar(ctx, ANONYMOUS, key) is None


def test_t61_hidden_and_unknown_cost_the_same_statements(ctx: Context, sally: Viewer, monkeypatch) -> None:
    key = upload(ctx, sally)
    privacy.save_privacy(ctx, sally, {"privacy": "private"}, NOW)
    ctx.gate()
    said: list[str] = []
    monkeypatch.setattr(ctx.db, "rows", lambda sql, params=(), real=ctx.db.rows: said.append(sql) or real(sql, params))
    monkeypatch.setattr(ctx.db, "row", lambda sql, params=(), real=ctx.db.row: said.append(sql) or real(sql, params))
    assert avatars.open_avatar(ctx, ANONYMOUS, key) is None
    hidden, said[:] = list(said), []
    assert avatars.open_avatar(ctx, ANONYMOUS, "unknown") is None
    assert said == hidden
    assert len(said) == 1
