"""Your data in a real browser: ask for deletion, log in, keep the account, by keyboard alone, with and without scripts;
the download arrives; no page complains or is out of reach of assistive technology."""

from __future__ import annotations

import time
import zipfile
from typing import Any

import pytest
from flask import Flask

from tests.browser.helpers import PHONE, Watch, press, tab_to, type_into, violations
from tests.pages.linking_samples import make_member
from tests.services.test_accounts import PASSWORD

pytestmark = pytest.mark.browser

SALLY = "sally@home.example"


@pytest.fixture
def viewport() -> dict[str, int]:
    return PHONE


def log_in(page: Any, url: str) -> None:
    page.goto(f"{url}/login")
    type_into(page, "E-mail", SALLY)
    type_into(page, "Password", PASSWORD)
    page.keyboard.press("Enter")


def test_d22_ask_for_deletion_log_in_keep_by_keyboard(
    page: Any, app: Flask, live_server: str, scripts: bool
) -> None:
    make_member(app.extensions["vitrine"], int(time.time()), "sally", SALLY, 3)
    watch = Watch(page)
    log_in(page, live_server)
    page.wait_for_url("**/u/sally")
    page.goto(f"{live_server}/settings/security")
    press(page, "Your data")
    page.wait_for_url("**/settings/data")
    no_violations(page, scripts)
    with page.expect_download() as waiting:
        press(page, "Download")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.testzip() is None
        assert SALLY in archive.read("sally/account.json").decode()
    press(page, "See the history")
    page.wait_for_url("**/history")
    no_violations(page, scripts)
    assert page.get_by_text("Logged in").count() == 1
    press(page, "Back to your data")
    page.wait_for_url("**/settings/data")
    tab_to(page, "I want to delete @sally")
    page.keyboard.press("Space")
    press(page, "Delete my account")
    page.wait_for_url("**/goodbye")
    no_violations(page, scripts)
    assert page.goto(f"{live_server}/u/sally").status == 404

    log_in(page, live_server)
    page.wait_for_url("**/login/closing")
    no_violations(page, scripts)
    press(page, "Keep my account")
    page.wait_for_url("**/u/sally")
    assert page.get_by_text("Sally").count()
    assert watch.take() == []


def no_violations(page: Any, scripts: bool) -> None:
    """Nothing sticks out of a phone's width, and axe finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    if scripts:     # axe is a script itself
        assert violations(page) == []
