"""The admin's pages in a real browser: accessible, silent, fitting a phone; members and tokens by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from policies.terms import Area
from tests.browser.helpers import Watch, log_in_by_cookie, tab_to, type_into, violations, wait_until
from tests.conftest import NOW
from tests.factories import make_account
from tests.services.test_claims import imported
from webapp.services import claims, ingest, plugin_count, sessions, source_tokens

pytestmark = pytest.mark.browser

PAGES = (
    "/admin/overview", "/admin/members", "/admin/members/acc-ann", "/admin/members/acc-kim", "/admin/levels",
    "/admin/sources", "/admin/site", "/admin/audit",
)  # fmt: skip


@pytest.fixture
def raw_id(app: Flask) -> str:
    """A small community with an admin; the id of the admin's login session."""
    context = app.extensions["vitrine"]
    app.config["CLOCK"] = lambda: NOW + 60
    boss = make_account(context.db, "boss", is_admin=True)
    for handle in ("ann", "annette", "bob"):
        make_account(context.db, handle)
    make_account(context.db, "emma", kind="managed")
    imported(context)
    ingest.register_source(context, "school.example", "School", Area.LEARNING, NOW)
    raw = sessions.start(context, boss, NOW)
    session = sessions.load_session(context, raw, NOW)
    assert session is not None
    source_tokens.make(context, session, "forum", NOW)
    return raw


@pytest.fixture
def page(app: Flask, browser: Any, live_server: str, raw_id: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=live_server)
    context.set_default_timeout(10_000)
    log_in_by_cookie(app, context, live_server, raw_id)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_are_silent_accessible_and_fit(
    page: Any, app: Flask, raw_id: str, scheme: str, width: int
) -> None:
    watch = Watch(page)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    found: dict[str, list[str]] = {}
    for path in PAGES:
        page.goto(path)
        problems = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            problems.append("wider than the screen")
        if problems + watch.take():
            found[path] = problems
    boss = sessions.load_session(app.extensions["vitrine"], raw_id, NOW)
    assert boss is not None
    claim = claims.make_link(app.extensions["vitrine"], boss, "acc-kim", NOW)
    page.goto(urlsplit(claim).path)
    page.get_by_role("heading", name="Claim @kim").wait_for()
    found["/claim"] = violations(page) + watch.take()
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_members_are_searched_and_closed_by_keyboard(page: Any, app: Flask) -> None:
    watch = Watch(page)
    page.goto("/admin/members")
    type_into(page, "Address, handle or name", "ann")
    page.keyboard.press("Enter")
    wait_until(page, "document.querySelectorAll('[data-member]').length === 2")
    assert "q=ann" in page.url
    tab_to(page, "@ann")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/members/acc-ann")
    type_into(page, "Reason", "spam")
    tab_to(page, "Deactivate")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/members/acc-ann?saved=deactivated")
    assert page.locator("[data-state]").inner_text().startswith("Deactivated")
    assert app.test_client().get("/u/ann").status_code == 404
    assert watch.take() == []


def test_a_token_is_made_used_and_revoked(page: Any, app: Flask) -> None:
    watch = Watch(page)
    context = app.extensions["vitrine"]
    page.goto("/admin/sources")
    page.locator("#f-source").select_option("school.example")
    page.get_by_role("button", name="Make a token").click()
    token = page.locator("[data-token]").input_value()
    assert source_tokens.authenticate(context, token, NOW + 60)
    page.reload()
    assert page.locator("[data-token]").count() == 0
    assert page.locator('[data-source="school.example"]').inner_text().count("Last used") == 1
    page.locator('[data-source="school.example"]').get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked. The next request").wait_for()
    assert source_tokens.authenticate(context, token, NOW + 60) is None
    assert watch.take() == []


def test_levels_are_rehearsed_in_place(page: Any) -> None:
    watch = Watch(page)
    page.goto("/admin/levels")
    page.locator("#f-ladder-answers").fill("2, 4")
    page.get_by_role("button", name="Rehearse").click()
    page.locator("[data-rehearsal]").wait_for()
    assert page.locator("#f-ladder-answers").input_value() == "2, 4"
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**/admin/levels?saved=applied")
    assert page.locator("#f-ladder-answers").input_value() == "2, 4"
    assert watch.take() == []


def test_a_long_count_before_a_switch_goes_on_by_itself(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_count, "STEP", 2)
    watch = Watch(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/quiet_newcomers/" in request.url else None)
    page.goto("/admin/plugins/quiet_newcomers/on")
    page.get_by_role("button", name="Turn on").wait_for()
    assert page.locator("#switch").count() == 1
    assert len(asked) > 3
    assert page.get_by_role("button", name="Go on counting").count() == 0
    assert watch.take() == []
