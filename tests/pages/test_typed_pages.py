"""Edit profile > More about me: the form of what plugins ask, without and with scripts, and where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from policies.terms import Field, Level
from tests.factories import make_account
from tests.pages.admin_samples import Browser
from tests.plugged import plug, plugin, serve

PAGE = "/settings/profile"
MINE = plugin(
    register_fields=lambda: (
        Field("motto", "Motto", typed=30, hint="A few words."), Field("story", "My <b>story</b>", typed=2000),
    ),
    default_cell=lambda kind, field: Level.ANYONE if field in ("motto", "story") else None,
)


@pytest.fixture
def sally(sqlite_ctx, config) -> Any:
    site = plug(sqlite_ctx, ("mine", MINE))
    return Browser(serve(site, config), make_account(site.db))


def test_the_form_is_there_where_a_plugin_asks_and_nowhere_else(sally, sqlite_ctx, config):
    text = sally.get(PAGE).text
    assert 'id="s-more"' in text
    assert "A few words. Plain text, up to 30 characters." in text
    assert "My &lt;b&gt;story&lt;/b&gt;" in text
    plain = Browser(serve(plug(sqlite_ctx), config), make_account(sqlite_ctx.db, "mo"))
    answer = plain.get(PAGE)
    assert (answer.status_code, 'id="s-more"' in answer.text) == (200, False)


def test_it_is_saved_and_shown_inert(sally):
    answer = sally.post(f"{PAGE}/more", PAGE, motto="<script>alert(1)</script>", story="One\r\ntwo")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}?saved=more#s-more")
    text = sally.get("/u/sally").text
    assert "&lt;script&gt;alert(1)" in text
    assert 'data-field="story"' in text
    assert "Saved." in sally.get(f"{PAGE}?saved=more").text
    assert "&lt;script&gt;" in sally.get("/settings/visibility").text


@pytest.mark.parametrize("fragment", [False, True])
def test_what_is_too_long_comes_back_with_what_was_typed(sally, fragment):
    answer = sally.post(f"{PAGE}/more", PAGE, motto="x" * 31, story="Kept", fragment=fragment)
    assert answer.status_code == 422
    assert "Your answer is a little long. Take out 1 character." in answer.text
    assert "x" * 31 in answer.text
    assert "Kept" in answer.text
    assert ("<html" in answer.text) is not fragment
    again = sally.post(f"{PAGE}/more", PAGE, motto="Short", story="Kept", fragment=fragment)
    assert again.status_code == (200 if fragment else 303)
