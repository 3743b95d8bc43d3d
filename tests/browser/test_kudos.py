"""Kudos in a real browser, by keyboard at phone width, with and without scripts: give, hide, show, report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.browser.helpers import PHONE, Watch, log_in_by_cookie, press, tab_to, type_into, violations
from tests.pages.linking_samples import make_member
from webapp.services import sessions

pytestmark = pytest.mark.browser


def no_violations(page: Any, scripts: bool) -> None:
    if scripts:     # axe is a script
        assert violations(page) == []


@pytest.fixture
def members(app: Flask, browser: Any, live_server: str, scripts: bool) -> Iterator[tuple[Any, Any]]:
    """The pages of the giver and of the receiver."""
    ctx, now, pages, contexts = app.extensions["vitrine"], int(time.time()), [], []
    for handle in ("sally", "rita"):
        account = make_member(ctx, now, handle, "", 3)
        context = browser.new_context(viewport=PHONE, java_script_enabled=scripts)
        context.set_default_timeout(10_000)
        contexts.append(context)
        log_in_by_cookie(app, context, live_server, sessions.start(ctx, account, now))
        pages.append(context.new_page())
    yield pages[0], pages[1]
    for context in contexts:
        context.close()


def test_s23_give_hide_show_and_report_by_keyboard(members: tuple[Any, Any], live_server: str, scripts: bool) -> None:
    giver, receiver = members
    watches = [Watch(giver), Watch(receiver)]
    giver.goto(f"{live_server}/u/rita")
    press(giver, "Give kudos")
    giver.wait_for_url("**/kudos/give")
    no_violations(giver, scripts)
    press(giver, "Give kudos")                              # nothing chosen, nothing written
    giver.get_by_text("Choose what the kudos are for.").first.wait_for()
    no_violations(giver, scripts)
    tab_to(giver, "For what")
    giver.keyboard.press("ArrowDown")
    type_into(giver, "In your words", "Thank you for the cache")
    press(giver, "Give kudos")
    giver.get_by_text("Given.").wait_for()
    no_violations(giver, scripts)
    assert giver.url.endswith("/kudos/give") is scripts     # with scripts the form's place alone was swapped
    press(giver, "Back to the profile")
    giver.wait_for_url("**/u/rita")
    assert giver.get_by_text("“Thank you for the cache”").is_visible()

    receiver.goto(f"{live_server}/u/rita")
    press(receiver, "All your kudos")
    receiver.wait_for_url("**/settings/kudos")
    no_violations(receiver, scripts)
    press(receiver, "Hide")
    receiver.get_by_text("Hidden. It counts all the same.").wait_for()
    no_violations(receiver, scripts)
    giver.reload()
    assert giver.get_by_text("“Thank you for the cache”").count() == 0
    press(receiver, "Show again")
    receiver.get_by_text("Shown again.").wait_for()
    press(receiver, "Report")
    receiver.get_by_text("Reported and hidden.").wait_for()
    no_violations(receiver, scripts)
    giver.goto(f"{live_server}/settings/kudos")
    no_violations(giver, scripts)
    press(giver, "Take back")
    giver.get_by_text("Taken back.").wait_for()
    receiver.reload()
    assert receiver.get_by_text("None yet.").count() == 2
    assert [watch.take() for watch in watches] == [[], []]
    assert giver.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
