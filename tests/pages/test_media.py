"""Static files, htmx, artwork: hashes, cache headers, encodings, and what is refused."""

from __future__ import annotations

import brotli
import pytest
from flask.testing import FlaskClient

from policies.errors import ConfigError
from webapp.pages import _look


def test_a_script_that_is_not_the_reviewed_htmx_is_refused() -> None:
    _look.check_htmx(_look.assets()["htmx.min.js"].body)
    with pytest.raises(ConfigError):
        _look.check_htmx(_look.assets()["htmx.min.js"].body + b"\n")


FILES = ("vitrine.css", "desk.css", "vitrine.js", "htmx.min.js", "icons.svg", "mark.svg", "grain.svg")


@pytest.mark.parametrize("name", FILES)
def test_a_static_file_with_its_hash_is_cached_for_good(client: FlaskClient, name: str) -> None:
    hashed, bare = client.get(_look.asset(name)), client.get(f"/static/{name}")
    assert hashed.status_code == bare.status_code == 200
    assert hashed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in bare.headers["Cache-Control"]
    assert hashed.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get(f"/static/{name}", headers={"If-None-Match": bare.headers["ETag"]})
    assert again.status_code == 304


def test_a_static_file_is_sent_packed_to_who_takes_it(client: FlaskClient) -> None:
    packed = client.get("/static/vitrine.css", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "br"
    assert brotli.decompress(packed.data) == client.get("/static/vitrine.css").data


@pytest.mark.parametrize("path", [
    "/static/nothing.css", "/static/..%2fapp.py", "/art/banner/sally.svg", "/art/banner/DEADBEEF.svg",
    "/art/banner/0.svg",
    "/art/banner/deadbeef-light.svg", "/art/stage-red.svg"])
def test_other_names_are_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_artwork_is_svg_and_cached_for_good(client: FlaskClient) -> None:
    for path in (_look.banner("sally"), _look.banner("sally", True), _look.art("/art/stage.svg")):
        response = client.get(path)
        assert response.status_code == 200
        assert response.mimetype == "image/svg+xml"
        assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("sheet", ["vitrine.css", "desk.css", "admin.css"])
def test_the_squeezed_style_sheet_has_the_same_rules(sheet: str) -> None:
    css = (_look.STATIC / sheet).read_text()
    squeezed = _look.squeeze(css)
    assert len(squeezed) < len(css)
    assert squeezed.count("{") == css.count("{")
    assert squeezed.count("}") == css.count("}")
    assert "/*" not in squeezed


def test_dates_and_numbers() -> None:
    assert str(_look.day(1_750_000_000)) == '<time datetime="2025-06-15">15 June 2025</time>'
    assert str(_look.month(1_750_000_000)) == '<time datetime="2025-06">June 2025</time>'
    assert str(_look.short_month(1_750_000_000)) == '<time datetime="2025-06">Jun 2025</time>'
    assert _look.month_name("2025-05") == "May 2025"
    assert _look.number(1204) == "1,204"


def test_addresses_of_activity_leave_out_what_is_empty() -> None:
    assert _look.activity_url("sally", None, "") == "/u/sally/activity"
    assert _look.activity_url("sally", "a&b", "x", "c=") == "/u/sally/activity?source=a%26b&kind=x&cursor=c%3D"


def test_audiences_are_named_and_an_unknown_one_draws_nothing() -> None:
    assert "Seen by: Only you" in _look.audience_glyph("only_you")
    assert _look.audience_glyph("nobody") == ""
