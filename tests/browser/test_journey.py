"""The main way through the site in a real browser: with scripts, without them, by keyboard alone (S24-S31, T80)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.browser.helpers import Watch, mailed_link, tab_to, type_into, wait_until

pytestmark = pytest.mark.browser

ADDRESS = "ada@mail.example"
PASSWORD = "seven quiet herons 12"


def sign_up(page: Any, app: Flask, url: str) -> None:
    """From the front page to one's own profile."""
    page.goto(url)
    page.get_by_role("link", name="Sign up").first.click()
    page.get_by_label("Name").fill("Ada Example")
    page.get_by_label("E-mail").fill(ADDRESS)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/signup/sent")
    page.goto(mailed_link(app, ADDRESS))
    assert page.get_by_label("E-mail").input_value() == ADDRESS
    page.get_by_label("Handle").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create my account").click()
    page.wait_for_url("**/u/ada")


def log_in(page: Any, url: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("E-mail").fill(ADDRESS)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/u/ada")


def log_out(page: Any) -> None:
    page.locator("header summary").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(lambda address: "/u/" not in address)


def seen_by_others(browser: Any, url: str) -> str:
    context = browser.new_context()
    other = context.new_page()
    other.goto(f"{url}/u/ada")
    text = str(other.inner_text("main"))
    context.close()
    return text


def test_sign_up_verify_log_in_edit_save(page: Any, app: Flask, live_server: str, browser: Any, scripts: bool) -> None:
    """Sign up > mail > password and handle > log out > log in > avatar > Profile > Edit profile > Save changes."""
    watch = Watch(page)
    sign_up(page, app, live_server)
    log_out(page)
    log_in(page, live_server)

    page.locator("header summary").click()
    page.get_by_role("link", name="Profile", exact=True).click()
    page.get_by_role("link", name="Edit profile").click()
    page.wait_for_url("**/settings/profile")
    about = page.locator("#s-about")
    about.get_by_label("Position").fill("Bridge builder")
    about.get_by_label("Bio").fill("Plain words about bridges.")
    about.get_by_role("button", name="Save changes").last.click()
    page.get_by_text("Saved").first.wait_for()
    assert "Plain words about bridges." in seen_by_others(browser, live_server)

    # What cannot be saved comes back with its reason beside it and what was typed.
    links = page.locator("#s-find-me")
    links.locator("input[name=url-0]").fill("javascript:alert(1)")
    links.get_by_role("button", name="Save changes").last.click()
    problem = page.locator("#s-find-me .err").first
    problem.wait_for()
    assert page.locator("#s-find-me input[name=url-0]").input_value() == "javascript:alert(1)"
    assert "javascript" in problem.inner_text()

    # Privacy: the radio, the box, and what others then see.
    page.goto(f"{live_server}/settings/profile")
    privacy = page.locator("#s-privacy")
    privacy.get_by_label("Private").check()
    privacy.get_by_role("button", name="Save changes").last.click()
    page.locator("#s-privacy").get_by_text("Saved").wait_for()
    text = seen_by_others(browser, live_server)
    assert "Ada Example" in text
    assert "bridges" not in text
    page.locator("#s-privacy").get_by_label("Keep my name and picture visible").uncheck()
    page.locator("#s-privacy").get_by_role("button", name="Save changes").last.click()
    page.locator("#s-privacy").get_by_text("Saved").wait_for()
    page.goto(f"{live_server}/u/ada")
    assert "bridges" in page.inner_text("main")
    assert "Ada" not in seen_by_others(browser, live_server)
    if scripts:
        assert watch.take() == []


def test_edit_in_place(page: Any, app: Flask, live_server: str, scripts: bool) -> None:
    """On the profile itself: with scripts the section changes in place, without them on a page of its own."""
    watch = Watch(page)
    sign_up(page, app, live_server)
    if scripts:
        page.evaluate("window.sameDocument = true")
    page.locator("#s-about").get_by_role("link", name="Edit").click()
    page.get_by_label("Bio").fill("x" * 2_001)
    page.locator("#s-about").get_by_role("button", name="Save changes").last.click()
    page.locator("#s-about .err").first.wait_for()
    expect(page.get_by_label("Bio")).to_have_value("x" * 2_001)
    page.get_by_label("Bio").fill("Written where it stands.")
    page.locator("#s-about").get_by_role("button", name="Save changes").last.click()
    page.locator("#s-about [data-field=bio]").wait_for()
    assert page.locator("#s-about [data-field=bio]").inner_text() == "Written where it stands."
    if scripts:
        assert page.evaluate("window.sameDocument") is True
        assert page.url == f"{live_server}/u/ada"
        # Cancel brings the section back.
        page.locator("#s-products").get_by_role("link", name="Edit").click()
        page.locator("#s-products").get_by_role("link", name="Cancel").click()
        page.locator("#s-products").get_by_role("link", name="Edit").wait_for()
        assert page.evaluate("window.sameDocument") is True
        assert watch.take() == []


def test_the_focus_is_not_taken_from_who_types(page: Any, app: Flask, live_server: str, scripts: bool) -> None:
    """A form swapped in focuses its first field once: a second time, later, would send what is typed elsewhere."""
    if not scripts:
        return
    sign_up(page, app, live_server)
    for _ in range(6):
        page.reload()
        page.locator("#s-about").get_by_role("link", name="Edit").click()
        page.get_by_label("Bio").fill("Typed at once.")
        assert page.get_by_label("Bio").input_value() == "Typed at once."
        assert page.get_by_label("Position").input_value() == ""


def test_t80_after_log_out_back_shows_nothing(page: Any, app: Flask, live_server: str, scripts: bool) -> None:
    """Back, forward, another tab and what htmx might have kept."""
    sign_up(page, app, live_server)
    page.goto(f"{live_server}/settings/profile")
    page.locator("#s-about").get_by_label("Bio").fill("A secret of the back button")
    page.locator("#s-about").get_by_role("button", name="Save changes").last.click()
    page.get_by_text("Saved").first.wait_for()
    second = page.context.new_page()
    second.goto(f"{live_server}/settings/profile")
    log_out(page)
    for go in (page.go_back, page.go_back, page.go_forward):
        go()
        text = page.content()
        assert "A secret of the back button" not in text or "/u/ada" in page.url, "a page of the session came back"
        assert page.locator("header summary").count() == 0
        assert ADDRESS not in text
    second.reload()
    assert "/login" in second.url
    if scripts:
        assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_everything_by_keyboard_alone(browser: Any, browser_page: Any, app: Flask, live_server: str) -> None:
    """No pointer: sign up, choose, log in, menu, edit in place, privacy. The focus is always seen."""
    page = browser_page
    keys = page.keyboard
    watch = Watch(page)
    page.goto(live_server)
    keys.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to content"
    tab_to(page, "Sign up")
    keys.press("Enter")
    page.wait_for_url("**/signup")
    type_into(page, "Name", "Ada Example")
    type_into(page, "E-mail", ADDRESS)
    keys.press("Enter")
    page.wait_for_url("**/signup/sent")
    page.goto(mailed_link(app, ADDRESS))
    type_into(page, "Handle", "ada")
    type_into(page, "Password", PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/u/ada")

    tab_to(page, "Your menu")
    keys.press("Enter")
    tab_to(page, "Log out")
    keys.press("Enter")
    page.wait_for_url(lambda address: "/u/" not in address)
    page.goto(f"{live_server}/login")
    type_into(page, "E-mail", ADDRESS)
    type_into(page, "Password", PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/u/ada")

    tab_to(page, "Your menu")
    keys.press("Enter")
    keys.press("Escape")
    assert page.locator("details.menu[open]").count() == 0
    keys.press("Enter")
    tab_to(page, "Profile")
    with page.expect_navigation():
        keys.press("Enter")
    tab_to(page, "Edit about")
    keys.press("Enter")
    page.locator("#s-about form, form#s-about").wait_for()
    type_into(page, "Bio", "Typed by keyboard.")
    tab_to(page, "Save changes")
    keys.press("Enter")
    page.locator("#s-about [data-field=bio]").wait_for()
    # The focus stays where the work was, not at the top of the page.
    wait_until(page, "!!document.activeElement.closest('#s-about')")

    tab_to(page, "Edit profile", 150)
    keys.press("Enter")
    page.wait_for_url("**/settings/profile")
    tab_to(page, "Public")
    keys.press("ArrowDown")
    assert page.locator("input[value=private]").is_checked()
    tab_to(page, "Save changes")
    keys.press("Enter")
    page.locator("#s-privacy").get_by_text("Saved").wait_for()
    assert "Typed by keyboard." not in seen_by_others(browser, live_server)
    assert watch.take() == []
