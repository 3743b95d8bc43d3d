"""Settings > Profile and visibility in a real browser: by keyboard alone, without scripts, axe, small and dark."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.browser.helpers import Watch, open_page, tab_to, violations
from tests.conftest import NOW
from tests.factories import link, make_account, make_organization
from webapp.services import sessions
from webapp.services.context import Context
from webapp.store import policy

pytestmark = pytest.mark.browser

FULL = {
    "full_name": "Sally Smith", "job_title": "Solutions architect", "department": "Platform",
    "organization": "Acme Corp", "location": "Lisbon, Portugal", "timezone": "Europe/Lisbon", "bio": "Hello",
}


@pytest.fixture
def worker(app: Flask, sqlite_ctx: Context) -> str:
    """The cookie of a managed account with a lock of its organization, a choice, and something that waits."""
    app.config["CLOCK"] = lambda: NOW
    bit = sqlite_ctx.gate().bit
    one = 1 << bit["timezone"]
    columns = {"chosen": one, "chosen_anyone": one, "chosen_org": one}
    account = make_account(sqlite_ctx.db, "work", kind="managed", **FULL, **columns)
    with sqlite_ctx.db.transaction():
        organization = make_organization(sqlite_ctx.db)
        policy.append_change(sqlite_ctx.db, "lock", f"org:{organization}", NOW - 90, bit=bit["department"], level=1)
        policy.append_change(sqlite_ctx.db, "cell", "managed", NOW - 80, bit=bit["organization"], level=2)
    return sessions.start(sqlite_ctx, account, NOW)


def checked(page: Any, field: str) -> str:
    return page.locator(f"#v-{field} input:checked").input_value()


def test_a_field_is_chosen_by_keyboard_alone(browser: Any, app: Flask, live_server: str, worker: str) -> None:
    page = open_page(browser, app, live_server, worker)
    watch = Watch(page)
    page.goto(f"{live_server}/settings/visibility")
    tab_to(page, "Show what is ticked")     # the checked radio of the picture is next
    tab_to(page, "Organization", 2)
    assert page.evaluate("document.activeElement.name") == "level-avatar"
    with page.expect_response("**/settings/visibility") as sent:
        page.keyboard.press("ArrowRight")
    assert sent.value.request.post_data.split("&") == [
        "level-avatar=only_you", "was-avatar=organization", "as=anyone"
    ]
    page.locator("#vis-status", has_text="Saved.").wait_for()
    assert checked(page, "avatar") == "only_you"
    assert page.evaluate("document.activeElement.id") == "f-avatar-only_you"
    tab_to(page, "Why?")
    page.keyboard.press("Enter")
    tab_to(page, "Use the default")
    page.keyboard.press("Enter")
    page.locator("#v-avatar .tag", has_text="Your choice").wait_for(state="detached")
    assert checked(page, "avatar") == "organization"
    assert page.evaluate("document.activeElement.id") == "f-avatar-organization"
    assert watch.take() == []
    page.reload()
    assert checked(page, "avatar") == "organization"
    page.context.close()


def test_the_preview_follows_the_choice_and_its_own_switch(
    browser: Any, app: Flask, live_server: str, worker: str
) -> None:
    page = open_page(browser, app, live_server, worker)
    watch = Watch(page)
    page.goto(f"{live_server}/settings/visibility")
    frosted = page.locator("#preview .frosted")
    before = frosted.count()
    page.locator("#v-location").get_by_text("Anyone").click()
    page.locator("#vis-status", has_text="Saved.").wait_for()
    assert frosted.count() == before - 1
    page.locator("#preview").get_by_role("link", name="Organization").click()
    page.locator("#preview [aria-current]", has_text="Organization").wait_for()
    page.locator("#v-bio").get_by_text("Only you").click()
    page.locator("#v-bio .tag", has_text="Your choice").wait_for()
    assert page.locator("#preview [aria-current]").inner_text() == "Organization"
    assert "Bio" in page.locator("#preview > p").first.inner_text()
    assert watch.take() == []
    page.context.close()


def test_two_quick_picks_of_one_field_end_at_the_last(browser: Any, app: Flask, live_server: str, worker: str) -> None:
    page = open_page(browser, app, live_server, worker)
    page.goto(f"{live_server}/settings/visibility")
    page.evaluate("""for (const level of ["only_you", "anyone"])
        document.querySelector(`#v-location input[value=${level}]`).click()""")     # both before any answer
    page.locator("#vis-status", has_text="Saved.").wait_for()
    assert checked(page, "location") == "anyone"
    page.reload()
    assert checked(page, "location") == "anyone"
    page.context.close()


def test_a_second_window_is_told_beside_the_field(browser: Any, app: Flask, live_server: str, worker: str) -> None:
    first = open_page(browser, app, live_server, worker)
    first.goto(f"{live_server}/settings/visibility")
    second = first.context.new_page()
    second.goto(f"{live_server}/settings/visibility")
    first.locator("#v-location").get_by_text("Only you").click()
    first.locator("#vis-status", has_text="Saved.").wait_for()
    second.locator("#v-location").get_by_text("Anyone").click()
    second.locator("#v-location [role=alert]", has_text="another window").wait_for()
    assert checked(second, "location") == "only_you"
    assert second.locator("#vis-status").inner_text() == ""
    second.locator("#v-location").get_by_text("Anyone").click()
    second.locator("#vis-status", has_text="Saved.").wait_for()
    assert checked(second, "location") == "anyone"
    first.context.close()


def test_without_scripts_one_button_saves_accepts_and_takes_back(
    browser: Any, app: Flask, live_server: str, worker: str
) -> None:
    page = open_page(browser, app, live_server, worker, java_script_enabled=False)
    page.goto(f"{live_server}/settings/visibility")
    page.locator("#v-location").get_by_text("Only you").click()
    page.locator("#v-email").get_by_text("Organization").click()
    page.get_by_role("button", name="Save changes").last.click()
    page.wait_for_url("**/settings/visibility?saved=1")
    assert (checked(page, "location"), checked(page, "email")) == ("only_you", "organization")
    page.get_by_label("Organization: show it to Anyone").check()
    page.get_by_role("button", name="Show what is ticked").click()
    page.locator("#offers form").wait_for(state="detached")
    assert checked(page, "organization") == "anyone"
    page.locator("#defaults summary").click()
    page.locator("#defaults button").click()
    page.wait_for_load_state("load")
    assert (checked(page, "location"), checked(page, "email")) == ("organization", "only_you")
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390), ("light", 390), ("dark", 1280)])
def test_it_is_accessible_fits_and_breaks_no_policy(
    browser: Any, app: Flask, live_server: str, worker: str, sqlite_ctx: Context, scheme: str, width: int
) -> None:
    """Both kinds of account, one of them linked; every Why opened."""
    sally = make_account(sqlite_ctx.db, **FULL)
    link(sqlite_ctx.db, sqlite_ctx.db.row("SELECT id FROM account WHERE handle = 'work'")[0], sally)
    for cookie in (worker, sessions.start(sqlite_ctx, sally, NOW)):
        page = open_page(
            browser, app, live_server, cookie, viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        watch = Watch(page)
        page.goto(f"{live_server}/settings/visibility")
        page.evaluate("document.querySelectorAll('details.why').forEach((why) => { why.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
        assert watch.take() == []
        page.context.close()
