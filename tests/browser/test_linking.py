"""Linking in a real browser: 27 and 57 answers become 84 with the 75 badge, and back; with scripts and without."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask

from tests.browser.helpers import Watch, tab_to, type_into, violations, wait_until
from tests.pages.linking_samples import HOME, make_member
from tests.services.test_accounts import PASSWORD, verify_domain

pytestmark = pytest.mark.browser

SALLY, OLD, ACME = "sally@home.example", "sal@old.example", "sally@acme.example"


@pytest.fixture
def members(app: Flask) -> None:
    """27 answers, 57 answers, and a managed account without any."""
    context, now = app.extensions["vitrine"], int(time.time())
    verify_domain(context, "acme.example")
    make_member(context, now, "sally", SALLY, 27)
    make_member(context, now, "sal", OLD, 57)
    make_member(context, now, "worker", ACME)


def log_in(page: Any, url: str, email: str = SALLY) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/u/*")


def answers(page: Any, url: str) -> tuple[str, bool]:
    """(total of answers, whether the 75 badge stands there) on Sally's profile."""
    page.goto(f"{url}/u/sally")
    stat = page.locator(".stats [data-metric=answers]")
    return stat.get_attribute("data-value"), page.locator('[data-badge="answers:75"]').count() == 1


def in_place(page: Any, scripts: bool) -> None:
    """With scripts the steps are drawn into the dialog of the list; the document stays the same."""
    if scripts:
        assert page.evaluate("window.sameDocument") is True
        assert page.url.endswith(HOME)


def test_link_and_unlink(page: Any, app: Flask, members: None, live_server: str, scripts: bool) -> None:
    """S46, S49, S52: link, make primary there and back, the silent box, unlink."""
    watch = Watch(page)
    log_in(page, live_server)
    assert answers(page, live_server) == ("27", False)
    page.locator("header summary").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Linked accounts").first.click()
    page.wait_for_url(f"**{HOME}")
    if scripts:
        page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Link account").click()
    page.get_by_label("E-mail of the other account").fill(OLD)
    page.get_by_label("Password of the other account").fill("wrong horse battery")
    page.get_by_role("button", name="Continue").click()
    page.locator("#f-password-err").wait_for()
    assert page.get_by_label("E-mail of the other account").input_value() == OLD
    assert page.get_by_label("Password of the other account").input_value() == ""
    in_place(page, scripts)
    if scripts:     # htmx moves the focus once the form has settled
        wait_until(page, "!document.querySelector('.htmx-swapping, .htmx-settling, .htmx-request')")
    page.get_by_label("Password of the other account").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.locator("svg.sum").wait_for()
    in_place(page, scripts)
    assert page.locator("svg.sum").get_attribute("aria-label") == "27 and 57 answers make 84"
    assert page.locator('[data-gained="answers:75"]').count() == 1
    page.get_by_label("Sal", exact=False).and_(page.locator("input[name=primary] >> nth=1")).check()
    if not scripts:
        page.get_by_role("button", name="Show what this one gives").click()
    page.locator("[data-rehearsed]", has_text="/u/sal").filter(has_not_text="/u/sally").wait_for()
    in_place(page, scripts)
    page.locator("input[name=primary] >> nth=0").check()
    page.get_by_role("button", name="Link accounts").click()
    page.wait_for_url("**done=linked")
    assert page.locator("[data-primary]").get_attribute("data-account") == "sally"
    assert answers(page, live_server) == ("84", True)

    page.goto(live_server + HOME)
    box = page.get_by_label("Show as part of this profile")
    box.uncheck()
    if not scripts:
        page.get_by_role("button", name="Save").click()
    page.get_by_text("Numbers only").wait_for()
    page.get_by_label("Show as part of this profile").check()
    if not scripts:
        page.get_by_role("button", name="Save").click()
    page.get_by_text("Numbers only").wait_for(state="detached")

    for handle, other in (("sal", "sally"), ("sally", "sal")):
        page.locator(f"[data-account={handle}] details.menu summary").click()
        page.get_by_role("link", name="Make primary").click()
        page.get_by_role("button", name="Make primary").click()
        if other == "sally":
            # Only the primary's session may: go on with the other account.
            page.wait_for_url("**done=primary")
            assert page.locator("[data-primary]").get_attribute("data-account") == "sal"
            page.context.clear_cookies()
            log_in(page, live_server, OLD)
            page.goto(live_server + HOME)
    page.wait_for_url("**done=primary")
    assert page.locator("[data-primary]").get_attribute("data-account") == "sally"
    page.context.clear_cookies()
    log_in(page, live_server)
    page.goto(live_server + HOME)
    page.locator("[data-account=sal] details.menu summary").click()
    page.get_by_role("link", name="Unlink account").click()
    page.get_by_role("button", name="Unlink account").click()
    page.wait_for_url("**done=unlinked")
    assert answers(page, live_server) == ("27", False)
    if scripts:
        assert watch.take() == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_name_of_any_length_stands_whole_in_the_rehearsal(
    browser: Any, app: Flask, live_server: str, members: None, width: int
) -> None:
    name = "Maximiliana Alexandrina von Hohenstein-Wolkenburg zu Rabenfels-Niederbronn"
    app.extensions["vitrine"].db.execute("UPDATE account SET full_name = ? WHERE handle = 'sally'", (name,))
    page = browser.new_page(viewport={"width": width, "height": 900})
    log_in(page, live_server)
    page.goto(live_server + HOME)
    page.locator(".head [popovertarget=link-dialog]").click()
    page.get_by_label("E-mail of the other account").fill(OLD)
    page.get_by_label("Password of the other account").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    shown = page.locator("[data-rehearsed]")
    wide, tag, whole = (shown.locator(part).bounding_box() for part in (".name", ".tag", "xpath=."))
    assert shown.locator(".name").inner_text() == name
    assert wide["x"] + wide["width"] <= tag["x"]
    assert tag["x"] + tag["width"] <= whole["x"] + whole["width"]
    assert shown.locator(".name").evaluate("(name) => name.scrollWidth <= name.clientWidth")
    page.close()


def test_a_refusal_leads_to_its_fix(page: Any, app: Flask, members: None, live_server: str, scripts: bool) -> None:
    """S70: two managed accounts; the link leads to the form that creates a personal one (S45)."""
    make_member(app.extensions["vitrine"], int(time.time()), "second", "second@acme.example")
    log_in(page, live_server, ACME)
    page.goto(live_server + HOME)
    page.get_by_role("button", name="Link account").click()
    page.get_by_label("E-mail of the other account").fill("second@acme.example")
    page.get_by_label("Password of the other account").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    note = page.locator('[data-rule="rule_not_two_managed"]')
    note.wait_for()
    if scripts:
        wait_until(page, "document.activeElement.dataset.rule === 'rule_not_two_managed'")
    note.get_by_role("link", name="Create a personal account").click()
    page.wait_for_url("**/link/create")
    assert page.get_by_label("Personal e-mail").is_visible()


def test_everything_by_keyboard_alone(browser_page: Any, app: Flask, members: None, live_server: str) -> None:
    """No pointer: from 27 and 57 to 84 with the 75 badge, and back. The focus is always seen; axe finds nothing."""
    page = browser_page
    keys, watch = page.keyboard, Watch(page)

    def is_accessible() -> None:
        wait_until(page, "document.getAnimations().length === 0")       # colours on their way are no colours
        assert violations(page) == []

    page.goto(f"{live_server}/login")
    type_into(page, "E-mail", SALLY)
    type_into(page, "Password", PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/u/sally")
    tab_to(page, "Your menu")
    keys.press("Enter")
    tab_to(page, "Settings")
    keys.press("Enter")
    page.wait_for_url("**/settings/*")
    if HOME not in page.url:
        tab_to(page, "Linked accounts")
        keys.press("Enter")
        page.wait_for_url(f"**{HOME}")
    page.locator("#nudge").wait_for()
    tab_to(page, "Do not show this again")
    keys.press("Enter")
    page.locator("#nudge").wait_for(state="detached")

    tab_to(page, "Link account")
    keys.press("Enter")
    assert page.evaluate("document.activeElement.id") == "f-email"
    is_accessible()
    keys.press("Escape")
    assert not page.locator("#link-dialog").is_visible()
    keys.press("Enter")             # the focus is back on the button
    keys.type(OLD)
    type_into(page, "Password of the other account", PASSWORD)
    keys.press("Enter")
    page.locator("svg.sum").wait_for()
    wait_until(page, "document.activeElement.id === 'h-step'")
    is_accessible()
    tab_to(page, "Sally")
    keys.press("ArrowDown")
    page.locator("[data-rehearsed]", has_text="/u/sal").filter(has_not_text="/u/sally").wait_for()
    wait_until(page, "!document.querySelector('.htmx-swapping, .htmx-settling, .htmx-request')")
    assert page.evaluate("document.activeElement.id") == "primary-2"
    keys.press("ArrowUp")
    page.locator("[data-rehearsed]", has_text="/u/sally").wait_for()
    tab_to(page, "Link accounts")
    keys.press("Enter")
    page.wait_for_url("**done=linked")
    is_accessible()
    assert answers(page, live_server) == ("84", True)

    page.goto(live_server + HOME)
    tab_to(page, f"More options for {SALLY}")
    keys.press("Enter")
    tab_to(page, "Unlink account The primary cannot be unlinked")
    keys.press("Escape")
    assert page.locator("details.menu[open]").count() == 0
    tab_to(page, f"More options for {OLD}")
    keys.press("Enter")
    is_accessible()
    tab_to(page, "Unlink account")
    keys.press("Enter")
    page.wait_for_url("**/unlink")
    is_accessible()
    tab_to(page, "Unlink account")
    keys.press("Enter")
    page.wait_for_url("**done=unlinked")
    assert answers(page, live_server) == ("27", False)
    assert watch.take() == []
