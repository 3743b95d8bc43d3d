"""What a member sees in the page when a part of it is refused or cannot be sent: the toast. What was typed stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.browser.helpers import PHONE, open_page, wait_until
from tests.conftest import NOW
from tests.factories import make_account
from webapp.services import sessions
from webapp.services.context import Context

pytestmark = pytest.mark.browser
WORDS = "I help teams leave spreadsheets behind."


@pytest.fixture
def cookie(app: Flask, sqlite_ctx: Context) -> str:
    app.config["CLOCK"] = lambda: NOW
    return sessions.start(sqlite_ctx, make_account(sqlite_ctx.db, "nia", products='["Wiki"]'), NOW)


@pytest.fixture
def editing(browser: Any, app: Flask, live_server: str, cookie: str) -> Any:
    """Nia's page on a phone, her bio being typed."""
    page = open_page(browser, app, live_server, cookie, viewport=PHONE)
    page.goto(f"{live_server}/u/nia")
    page.locator("#s-about a.mine").click()
    page.locator("textarea[name=bio]").fill(WORDS)
    yield page
    page.context.close()


def toast(page: Any) -> str:
    wait_until(page, "document.getElementById('toast').textContent !== ''")
    return str(page.locator("#toast").inner_text())


def save(page: Any) -> None:
    page.get_by_role("button", name="Save changes").click()


def test_without_a_connection_a_toast_says_so_and_what_was_typed_stays(editing: Any) -> None:
    editing.context.set_offline(True)
    save(editing)
    assert toast(editing) == "We cannot reach Vitrine. Check your connection, then try again."
    assert editing.locator("#toast").get_attribute("role") == "alert"
    box = editing.locator("#toast").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert box["y"] + box["height"] <= PHONE["height"]
    assert editing.locator("textarea[name=bio]").input_value() == WORDS
    editing.context.set_offline(False)
    wait_until(editing, "document.getElementById('toast').textContent === ''")      # nothing left to say
    save(editing)
    editing.locator("[data-field=bio]", has_text=WORDS).wait_for()


def forge_token(page: Any) -> None:
    page.evaluate("""() => {
        document.body.setAttribute("data-hx-headers", '{"X-CSRFToken": "forged"}');
        for (const field of document.querySelectorAll("[name=csrf_token]")) field.value = "forged";
    }""")


def type_too_much(page: Any) -> None:
    page.evaluate("() => { document.querySelector('textarea[name=bio]').value = 'x'.repeat(300000); }")


@pytest.mark.parametrize(("status", "spoil", "words"), [
    (403, forge_token, "That is not allowed any more. Reload the page and try again."),
    (413, type_too_much, "That is too large to send."),
])
def test_a_refused_part_is_told_in_the_toast_and_the_form_stays(
    editing: Any, status: int, spoil: Callable[[Any], None], words: str
) -> None:
    spoil(editing)
    typed = editing.locator("textarea[name=bio]").input_value()
    with editing.expect_response(lambda answer: answer.request.method == "POST") as sent:
        save(editing)
    assert sent.value.status == status
    assert toast(editing) == words
    assert editing.locator("textarea[name=bio]").input_value() == typed
    editing.keyboard.press("Escape")
    assert editing.locator("#toast").inner_text() == ""


def test_a_failure_of_ours_is_told_in_the_toast(editing: Any, app: Flask, sqlite_ctx: Context) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    sqlite_ctx.db.execute("UPDATE account SET products = 'spoilt', row_version = row_version + 1 WHERE handle = 'nia'")
    editing.locator("#s-products a.mine").click()
    assert toast(editing) == "Something went wrong on our side. Try again in a minute."
    assert editing.locator("textarea[name=bio]").input_value() == WORDS


def test_a_refusal_in_one_line_never_takes_the_place_of_a_part(
    browser: Any, app: Flask, live_server: str, cookie: str
) -> None:
    """422 is swapped in, for forms come back with their messages under it: one line is no form."""
    page = open_page(browser, app, live_server, cookie)
    page.goto(f"{live_server}/settings/visibility")
    page.evaluate("""() => {
        for (const one of document.querySelectorAll("[name=level-location]")) one.value = "nonsense";
    }""")
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        page.locator("#v-location label").last.click()
    assert sent.value.status == 422
    assert toast(page) == "That cannot be used. Reload the page and try again."
    assert page.locator("#v-location").count() == 1
    page.context.close()


def test_the_toast_stands_above_an_open_dialog_and_the_keyboard_stays_inside(
    browser: Any, app: Flask, live_server: str, cookie: str
) -> None:
    page = open_page(browser, app, live_server, cookie, viewport=PHONE)
    page.goto(f"{live_server}/settings/linked-accounts")
    page.locator(".head button[popovertarget=link-dialog]").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "email"
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('.dialog')")
    page.locator(".dialog [name=email]").fill("other@example.org")
    page.locator(".dialog [name=password]").fill("open the glass cabinet")
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    assert toast(page).startswith("We cannot reach Vitrine.")
    assert page.evaluate("""() => {
        const box = document.getElementById("toast").getBoundingClientRect();
        return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2).id === "toast";
    }""")
    assert page.locator(".dialog [name=email]").input_value() == "other@example.org"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('popovertarget')") == "link-dialog"
    assert page.locator("[inert]").count() == 0
    page.context.close()


def test_a_form_sent_twice_at_once_arrives_once(browser: Any, app: Flask, live_server: str) -> None:
    """Two presses of a button that answers slowly; after a refusal the form can be sent again."""
    page = open_page(browser, app, live_server, None, viewport=PHONE)
    page.goto(f"{live_server}/login")
    arrived = []

    def slowly(route: Any) -> None:
        if route.request.method == "POST":
            arrived.append(route.request.url)
            page.wait_for_timeout(400)
        route.continue_()

    page.route("**/login", slowly)
    for number in (1, 2):
        page.locator("input[name=email]").fill("nobody@home.example")
        page.locator("input[name=password]").fill("not the right one")
        page.locator("main form button.primary").dblclick()
        page.get_by_text("do not go together").first.wait_for()
        assert len(arrived) == number
    page.context.close()
