"""The pages of an organization in a real browser: axe, no overflow, by keyboard, with and without scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.browser.helpers import Watch, open_page, violations
from tests.conftest import NOW
from tests.net import dns_server
from tests.services.linkers import HASH, log_in
from tests.services.orgs import admin_of, at_domain, organization, site_admin, verify
from webapp.services import domains, invitations, sessions
from webapp.services.context import Context, Proving

pytestmark = pytest.mark.browser

HOME = "/admin/organizations/acme"
LONG = "an-organization-with-a-name-of-many-letters.example"


@pytest.fixture
def cookies(app: Flask, sqlite_ctx: Context) -> dict[str, str]:
    """An organization with all that its pages can show; the cookies of a site admin, stale, and of its admin."""
    app.config["CLOCK"] = lambda: NOW
    acme = organization(sqlite_ctx)
    root = site_admin(sqlite_ctx)
    verify(sqlite_ctx, acme)
    chief = admin_of(sqlite_ctx, acme, "chief", full_name="Chief")
    for name in ("ann", "joe"):
        at_domain(sqlite_ctx, name)
    at_domain(sqlite_ctx, "off", state="deactivated")
    for name in (LONG, "münchen.example"):
        domains.claim(sqlite_ctx, chief, acme, name, NOW)
    sqlite_ctx.db.execute("UPDATE email_domain SET method = 'dns'")
    domains.store.save_claim(sqlite_ctx.db, acme.id, "acme.example", "5ec2e7", NOW - 99, NOW - 9)
    sqlite_ctx.db.execute("UPDATE domain_claim SET misses = 4, finding = 'Nothing.' WHERE domain = 'acme.example'")
    invitations.invite(sqlite_ctx, chief, acme, "somebody.with.a.long.address@partner.example", NOW)
    sqlite_ctx.db.execute("UPDATE account SET password_hash = ?", (HASH,))
    assert log_in(sqlite_ctx, root.account_id)
    return {
        "root": sessions.start(sqlite_ctx, root.account_id, NOW, proved=False),
        "chief": sessions.start(sqlite_ctx, chief.account_id, NOW),
    }


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_of_an_organization(
    browser: Any, app: Flask, live_server: str, cookies: dict[str, str], scheme: str, width: int
) -> None:
    page = open_page(
        browser, app, live_server, cookies["root"], viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    watch = Watch(page)
    paths = ("/members", "/members?q=zz", "/members/ann", "/members/off", "/remove", "/verify",
             "/domains/acme.example/let-go", "/admins/chief/remove", "")
    for path in ("/admin/organizations", *(HOME + path for path in paths)):
        page.goto(live_server + path)
        assert watch.take() == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert violations(page) == [], path
    page.context.close()


def test_a_look_for_the_record_by_keyboard_tells_what_was_found_and_keeps_the_focus(
    browser: Any, app: Flask, sqlite_ctx: Context, live_server: str, cookies: dict[str, str]
) -> None:
    with dns_server() as zone:
        sqlite_ctx.site = replace(sqlite_ctx.site, proving=Proving((zone.address,)))
        page = open_page(browser, app, live_server, cookies["chief"])
        watch = Watch(page)
        page.goto(live_server + HOME)
        look = page.get_by_role("button", name=f"Look for the record of {LONG}")
        look.focus()
        button = look.get_attribute("id")
        page.keyboard.press("Enter")
        page.get_by_text("Looked just now").wait_for()
        assert page.get_by_text(f"There is no record at _vitrine-challenge.{LONG}").is_visible()
        assert page.evaluate("document.activeElement.id") == button
        assert page.url == live_server + HOME
        page.get_by_label("Claim a domain").fill("gmail.com")
        page.keyboard.press("Enter")
        page.locator("#f-domain-err").wait_for()
        assert page.get_by_label("Claim a domain").input_value() == "gmail.com"
        assert watch.take() == []
        page.context.close()


def test_without_scripts_everything_works(
    browser: Any, app: Flask, sqlite_ctx: Context, live_server: str, cookies: dict[str, str]
) -> None:
    page = open_page(browser, app, live_server, cookies["chief"], java_script_enabled=False)
    page.goto(live_server + HOME)
    page.get_by_label("Claim a domain").fill("acme.org")
    page.get_by_role("button", name="Claim it").click()
    assert page.get_by_text("Claimed. Publish the value").is_visible()
    page.get_by_role("button", name="Drop the claim of acme.org").click()
    assert page.get_by_text("The claim is dropped.").is_visible()
    page.goto(f"{live_server}{HOME}/members")
    page.get_by_label("Handle or address").fill("ann")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="@ann").click()
    page.get_by_label("Reason").fill("Left")
    page.get_by_role("button", name="Deactivate @ann").click()
    assert page.get_by_role("heading", name="Open this account again").is_visible()
    page.context.close()
