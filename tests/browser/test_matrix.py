"""Default visibility in a real browser: by keyboard alone, toggle, dry run, apply, what members' pages show, undo."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.browser.helpers import Watch, open_page, tab_to, violations, wait_until
from tests.conftest import NOW
from tests.factories import make_account, make_organization
from webapp.services import sessions
from webapp.services.context import Context

pytestmark = pytest.mark.browser
URL = "/admin/visibility"


@pytest.fixture
def cookies(app: Flask, sqlite_ctx: Context) -> dict[str, str]:
    """Login sessions of a site admin, of Ann's colleague and of an admin of another organization; Ann has none."""
    app.config["CLOCK"] = lambda: NOW
    db = sqlite_ctx.db
    make_account(db, "ann", kind="managed", full_name="Ann Lee", job_title="Architect")
    made = {
        "boss": make_account(db, "boss", is_admin=True),
        "colleague": make_account(db, "colleague", kind="managed"),
        "olga": make_account(db, "olga", "olga@zed.example", kind="managed"),
    }
    db.execute("INSERT INTO membership(organization_id, account_id, role, since) VALUES (?, ?, 'admin', 1)",
               (make_organization(db, "zed"), made["olga"]))
    return {name: sessions.start(sqlite_ctx, account, NOW) for name, account in made.items()}


def test_a_default_is_changed_and_undone_by_keyboard_alone(
    browser: Any, app: Flask, live_server: str, cookies: dict[str, str]
) -> None:
    page = open_page(browser, app, live_server, cookies["boss"])
    watch = Watch(page)
    others = {who: open_page(browser, app, live_server, cookies.get(who)) for who in ("anyone", "colleague", "olga")}

    def seen() -> dict[str, bool]:
        found = {}
        for who, window in others.items():
            window.goto(f"{live_server}/u/ann")
            found[who] = "Architect" in window.locator("main").inner_text()
        return found

    everybody = {"anyone": True, "colleague": True, "olga": True}
    assert seen() == everybody
    page.goto(live_server + URL)
    tab_to(page, "Job title, Anyone")
    with page.expect_response("**/draft"):
        page.keyboard.press("Enter")
    page.locator("#c-managed-job_title-anyone.draft").wait_for()
    wait_until(page, "document.activeElement.id === 'c-managed-job_title-anyone'")
    assert page.locator(".impact").inner_text() == "3"
    assert "3 members change now" in page.locator("#matrix-said").inner_text()
    assert seen() == everybody                                          # a draft changes nothing
    page.reload()
    assert page.locator("#c-managed-job_title-anyone").get_attribute("aria-pressed") == "false"
    assert violations(page) == []
    tab_to(page, "Apply: 3 change now")
    page.keyboard.press("Enter")
    page.wait_for_url("**/visibility?done=applied")
    assert "Applied" in page.locator("#matrix-said").inner_text()
    assert seen() == {"anyone": False, "colleague": True, "olga": False}
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/undo")
    assert page.locator(".impact").inner_text() == "3"
    assert violations(page) == []
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/visibility?done=undone")
    assert seen() == everybody
    assert watch.take() == []
    for window in (page, *others.values()):
        window.context.close()


def test_quick_presses_are_all_kept(browser: Any, app: Flask, live_server: str, cookies: dict[str, str]) -> None:
    page = open_page(browser, app, live_server, cookies["boss"])
    page.goto(live_server + URL)
    cells = [f"#c-managed-{field}-anyone" for field in ("avatar", "department", "location")]
    for cell in cells:
        page.locator(cell).click()
        page.locator(f"{cell}.draft").wait_for()
    page.reload()
    assert [page.locator(cell).get_attribute("aria-pressed") for cell in cells] == ["true"] * 3
    page.context.close()


@pytest.mark.parametrize(
    ("scheme", "width", "scripts"), [("light", 1280, True), ("dark", 390, True), ("light", 390, False)]
)
def test_an_organizations_page_fits_and_works_small_dark_and_without_scripts(
    browser: Any, app: Flask, live_server: str, cookies: dict[str, str], scheme: str, width: int, scripts: bool
) -> None:
    page = open_page(browser, app, live_server, cookies["olga"], viewport={"width": width, "height": 800},
                 color_scheme=scheme, java_script_enabled=scripts)
    page.goto(f"{live_server}/admin/")
    page.get_by_role("link", name="Default visibility").click()
    page.wait_for_url("**/admin/organizations/zed/visibility")
    cell = page.locator("#c-organization-email-organization")
    cell.click()
    page.locator("#c-organization-email-organization.draft").wait_for()
    if scripts:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**/visibility?done=applied")
    assert page.locator("#c-organization-email-organization").get_attribute("aria-pressed") == "true"
    assert page.locator(".tag.brass", has_text="Own").count() == 1
    page.context.close()


@pytest.mark.parametrize(("width", "scripts"), [(390, True), (320, True), (390, False), (1000, True)])
def test_the_table_needs_no_sideways_scrolling_and_stays_a_table(
    browser: Any, app: Flask, live_server: str, cookies: dict[str, str], width: int, scripts: bool
) -> None:
    """Where it has no room each field is a block. Who has it read out still gets rows, columns and their names."""
    page = open_page(browser, app, live_server, cookies["boss"], viewport={"width": width, "height": 800},
                     java_script_enabled=scripts)
    page.goto(f"{live_server}{URL}")
    cells = page.locator(".matrix button.cell")
    boxes = [cells.nth(number).bounding_box() for number in range(cells.count())]
    pane = page.locator(".pan:has(> .matrix)").bounding_box()
    assert len(boxes) > 30
    assert all(pane["x"] <= box["x"] and box["x"] + box["width"] <= pane["x"] + pane["width"] for box in boxes)
    assert all(box["width"] >= 60 and box["height"] >= 24 for box in boxes)
    beside = [page.locator(f"#c-{cell}").bounding_box()["y"] for cell in
              ("managed-bio-anyone", "managed-bio-organization", "personal-bio-anyone")]
    assert len(set(beside)) == 1, "the cells of a field stand in one line"
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    roles = [role for role, _ in named]
    assert roles.count("table") == 1
    assert {("rowheader", "E-mail address"), ("columnheader", "Anyone"), ("columnheader", "Only you"),
            ("columnheader", "Managed accounts")} <= set(named)
    assert roles.count("row") == page.locator(".matrix tr").count()
    assert any(name.startswith("E-mail address, Organization") for role, name in named if role == "button")
    page.context.close()
