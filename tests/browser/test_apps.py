"""Letting an app in, in a real browser: from the app's link over the log-in to the consent page and back to the app."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask

from tests.api.flow import VERIFIER, AppServer, question
from tests.browser.helpers import Watch, open_page, violations
from tests.conftest import NOW
from tests.factories import make_organization
from tests.services.appmaker import make_app
from tests.services.people import BIT, choose, set_columns
from tests.services.test_accounts import PASSWORD, make
from webapp.services import grants, sessions

pytestmark = pytest.mark.browser

#: Texts that run out of what they stand in.
CUT = """[...document.querySelectorAll('.sees, .name, h1, .ask p, .btn')].filter(
    one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent.slice(0, 60))"""


@pytest.fixture
def back() -> Iterator[str]:
    """The app's own page, which the browser returns to: another origin on loopback."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<!doctype html><html lang=en><title>App</title><h1>Welcome back</h1>")

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/back"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sally(app: Flask, back: str) -> int:
    app.config["CLOCK"] = lambda: NOW + 60
    ctx = app.extensions["vitrine"]
    account: int = make(ctx, NOW)
    ctx.db.execute("UPDATE account SET location = 'Lisbon', job_title = 'Architect' WHERE id = ?", (account,))
    choose(ctx.db, account, you=("location",))
    make_app(ctx.db, account, fields=1 << BIT["location"] | 1 << BIT["email"], redirect=back)
    return account


def address(live_server: str, back: str, **changes: Any) -> str:
    return f"{live_server}/oauth/authorize?{urlencode(question(redirect_uri=back, **changes))}"


def test_from_the_link_over_the_log_in_to_the_app(
    app: Flask, live_server: str, browser_page: Any, sally: int, back: str
) -> None:
    """The consent page's policy lets the browser return to the app, with the boxes as they were switched."""
    page, watch = browser_page, Watch(browser_page)
    page.goto(address(live_server, back))
    assert urlsplit(page.url).path == "/login"
    page.get_by_label("E-mail", exact=True).fill("sally@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Questboard wants to see parts of your record").wait_for()
    boxes = page.get_by_role("switch")
    assert [box.is_checked() for box in boxes.all()] == [False, False]
    page.get_by_label("Location").focus()
    page.keyboard.press("Space")
    assert watch.take() == []
    page.get_by_role("button", name="Allow Questboard").click()
    page.get_by_role("heading", name="Welcome back").wait_for()
    brought = parse_qs(urlsplit(page.url).query)
    assert (brought["state"], brought["iss"]) == (["xyz"], [live_server])
    made = AppServer(app).exchange(brought["code"][0], redirect_uri=back).get_json()
    bearer = grants.authenticate(app.extensions["vitrine"], made["access_token"], NOW + 60)
    assert bearer is not None
    assert bearer.ticked == 1 << BIT["location"]
    assert watch.take() == []
    page.goto(address(live_server, back))           # allowed before: no page in between
    page.get_by_role("heading", name="Welcome back").wait_for()


def test_a_member_who_allowed_before_and_logs_in_on_the_way_is_not_stuck(
    app: Flask, live_server: str, browser_page: Any, sally: int, back: str
) -> None:
    """The browser holds the log-in page's policy against a redirect that follows its form: a page comes in between."""
    ctx, page, watch = app.extensions["vitrine"], browser_page, Watch(browser_page)
    row = ctx.db.row("SELECT id FROM app")
    ctx.db.execute(
        "INSERT INTO app_grant(app_id, account_id, scopes, asked, ticked, created_at, changed_at)"
        " VALUES (?,?,'profiles:read me:read',?,0,?,?)", (row[0], sally, 2**40 - 1, NOW, NOW))
    page.goto(address(live_server, back))
    page.get_by_label("E-mail", exact=True).fill("sally@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("heading", name="Welcome back").wait_for()
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]
    assert watch.take() == []


#: What a page of a public app does with its code: exchange, read, refresh, revoke; the statuses, or "stopped".
SCRIPT = """async ([site, code, back, verifier]) => {
    const post = (path, form) => fetch(site + path, {method: 'POST', body: new URLSearchParams(form)});
    const stopped = () => ({status: 'stopped', json: () => ({})});
    const made = await post('/oauth/token', {grant_type: 'authorization_code', code, redirect_uri: back,
        code_verifier: verifier, client_id: 'client-pocket'}).catch(stopped);
    const token = (await made.json()).access_token || 'none';
    const me = await fetch(site + '/api/v1/me', {headers: {Authorization: 'Bearer ' + token}}).catch(stopped);
    const told = await me.json();
    const gone = await post('/oauth/revoke', {token, client_id: 'client-pocket'}).catch(stopped);
    const after = await fetch(site + '/api/v1/me', {headers: {Authorization: 'Bearer ' + token}}).catch(stopped);
    const page = await fetch(site + '/settings/apps', {credentials: 'include'}).catch(stopped);
    return [made.status, me.status, told.displayName || '', gone.status, after.status, page.status];
}"""


@pytest.mark.parametrize("is_public", [True, False])
def test_t97_a_page_of_a_public_app_does_the_whole_flow_from_its_own_site(
    app: Flask, live_server: str, browser: Any, sally: int, back: str, is_public: bool
) -> None:
    """And what comes of a secret no page reads, nor does any read the site's own pages with the member's cookie."""
    ctx = app.extensions["vitrine"]
    make_app(ctx.db, sally, "Pocket", redirect=back, public=is_public)
    page = open_page(browser, app, live_server, sessions.start(ctx, sally, NOW))
    page.goto(address(live_server, back, client_id="client-pocket"))
    page.get_by_role("button", name="Allow Pocket").click()
    page.get_by_role("heading", name="Welcome back").wait_for()
    code = parse_qs(urlsplit(page.url).query)["code"][0]
    did = page.evaluate(SCRIPT, [live_server, code, back, VERIFIER])
    expected = [200, 200, "Sally", 200, 401, "stopped"]
    assert did == (expected if is_public else ["stopped", 401, "", "stopped", 401, "stopped"])
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_of_apps_are_accessible_and_fit(
    app: Flask, live_server: str, browser: Any, sally: int, back: str, scheme: str, width: int
) -> None:
    ctx = app.extensions["vitrine"]
    far = f"https://{'a' * 60}.example/{'x' * 200}"
    set_columns(ctx.db, sally, is_admin=True, job_title="J" * 100, links=json.dumps([{"url": far, "label": ""}]))
    for number, organization in enumerate((None, make_organization(ctx.db, "acme"))):
        made = make_app(
            ctx.db, sally, f"Long{number}", organization=organization, fields=1 << BIT["email"], redirect=far)
        ctx.db.execute("UPDATE app SET name = ?, about = ?, website = ? WHERE id = ?", ("W" * 80, "U" * 200, far, made))
    row = ctx.db.row("SELECT id FROM app WHERE name = 'Questboard'")
    ctx.db.execute(
        "INSERT INTO app_grant(app_id, account_id, scopes, asked, ticked, created_at, changed_at, used_at)"
        " VALUES (?,?,'profiles:read me:read',?,?,?,?,?)", (row[0], sally, 2**40 - 1, 1 << BIT["email"], NOW, NOW, NOW))
    cookie = sessions.start(ctx, sally, NOW - 600, proved=False)
    page = open_page(
        browser, app, live_server, cookie, viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    watch = Watch(page)
    for url in (
        address(live_server, back, prompt="consent"), address(live_server, far, client_id="client-long0"),
        address(live_server, far, client_id="client-long1"), f"{live_server}/settings/apps",
        f"{live_server}/settings/apps/client-questboard", f"{live_server}/settings/apps/client-long0/webhook",
        f"{live_server}/admin/apps", f"{live_server}/admin/organizations/acme/apps/client-long1/webhook",
        f"{live_server}/admin/organizations/acme/apps", f"{live_server}/admin/organizations/acme/apps/client-long1",
        f"{live_server}/u/sally?as=app-client-questboard",
    ):
        page.goto(url)
        assert violations(page) == [], url
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url
        assert page.evaluate(CUT) == [], url
        if "client-" in urlsplit(url).path:         # the tabs of the area stand on every page of it
            tabs = page.locator("nav.rail a[aria-current=page]").all_inner_texts()
            assert tabs == (["Apps"] if "/admin/" in url else ["Connected apps"]), url
        assert watch.take() == [], url
    page.context.close()
