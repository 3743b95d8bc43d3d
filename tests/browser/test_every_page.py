"""Every page of the URL map in a real browser, light and dark, wide and on a phone (T81, accessibility, no overflow).

One visit per page: the console and the content security policy stay silent, axe finds nothing, nothing is wider than
390 px. The pages are those of the demo community. HTML validity is tests/pages/test_valid_html.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.browser.helpers import Watch, log_in_by_cookie, violations
from tests.conftest import NOW
from webapp.pages import guards

pytestmark = pytest.mark.browser

HANDLES = ("sally", "ravi", "mira", "otto")
#: Rules that answer with something else than a page, or lead away.
NO_PAGES = (
    "/static/", "/art/", "/avatar/", "/metrics", "/healthz", "/readyz", "/robots.txt", "/sitemap",
    "/.well-known/", "/hooks/", "/api/v1/", "/api/openapi.json", "/settings/data/export.zip",
)  # fmt: skip
SCREENS = (("light", 1280), ("dark", 390))


@pytest.fixture
def members(app: Flask) -> dict[str, str]:
    """The demo community; handle -> cookie of a login session of some of them."""
    from webapp.services import accounts
    from webapp.services.demo import make_demo

    context = app.extensions["vitrine"]
    app.config["CLOCK"] = lambda: NOW + 60
    made = [member for member in make_demo(context, NOW) if member.email]
    return {
        member.handle: accounts.log_in(
            context, NOW + 30, email=member.email, password=member.password, remote="127.0.0.1"
        )
        for member in made[:3]
    }


def pages_of(app: Flask, me: str | None) -> list[str]:
    """Addresses of all pages for anybody, or those for members only, as `me`."""
    adapter = app.url_map.bind("localhost")
    found = []
    for rule in app.url_map.iter_rules():
        is_public = guards.declared_caller(app.view_functions[rule.endpoint]) == "public"
        if "GET" not in (rule.methods or ()) or rule.rule.startswith(NO_PAGES) or is_public is not (me is None):
            continue
        handles = (HANDLES if me is None else (me,)) if "handle" in rule.arguments else ("",)
        for handle in handles:
            values = dict(rule.defaults or {}) | ({"handle": handle} if handle else {})
            if "section" in rule.arguments:
                continue        # without htmx a section answers with the whole profile
            for argument in rule.arguments - values.keys():
                choices = getattr(rule._converters[argument], "items", None)
                if choices:
                    values[argument] = sorted(choices)[0]
            if rule.arguments <= values.keys():
                found.append(adapter.build(rule.endpoint, values))
    if me is None:
        return sorted({*found, "/nothing-here"})
    return sorted({*found, f"/u/{me}", f"/u/{me}?as=anyone", f"/u/{me}/badges", "/nothing-here"})


@pytest.fixture(params=SCREENS, ids=[name for name, _ in SCREENS])
def screen(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    scheme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(10_000)
    yield context
    context.close()


def check(page: Any, watch: Watch, url: str) -> list[str]:
    """Everything that is wrong with the page at `url`."""
    page.goto(url)
    page.wait_for_load_state("load")
    wrong = watch.take()
    width = page.viewport_size["width"]
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        wrong.append(f"{wide} px wide on {width}")
    if page.locator("h1").count() != 1:
        wrong.append(f"{page.locator('h1').count()} headings of level 1")
    return wrong + violations(page)


def test_t81_every_public_page_is_silent_accessible_and_fits(
    app: Flask, members: dict[str, str], live_server: str, screen: Any
) -> None:
    page = screen.new_page()
    watch = Watch(page)
    wrong = {path: found for path in pages_of(app, None) if (found := check(page, watch, live_server + path))}
    assert wrong == {}


def test_t81_every_page_of_a_member_is_silent_accessible_and_fits(
    app: Flask, members: dict[str, str], live_server: str, screen: Any
) -> None:
    me = next(iter(members))
    log_in_by_cookie(app, screen, live_server, members[me])
    page = screen.new_page()
    watch = Watch(page)
    wrong = {path: found for path in pages_of(app, me) if (found := check(page, watch, live_server + path))}
    assert wrong == {}


def test_t81_every_page_of_an_admin_is_silent_accessible_and_fits(
    app: Flask, members: dict[str, str], live_server: str, screen: Any
) -> None:
    """The admin area, those of one organization's pages with it, with a draft of default visibility on top."""
    from webapp.services import matrix_draft, sessions

    context = app.extensions["vitrine"]
    context.db.execute("UPDATE account SET is_admin = ? WHERE handle = 'sally'", (True,))
    session = sessions.load_session(context, members["sally"], NOW + 60)
    assert session is not None
    matrix_draft.press(context, session, matrix_draft.SITE, "cell:managed:avatar:anyone:show", NOW + 60)
    matrix_draft.press(context, session, matrix_draft.SITE, "lock:managed:email:organization", NOW + 60)
    log_in_by_cookie(app, screen, live_server, members["sally"])
    slug = context.db.row("SELECT slug FROM organization ORDER BY id")[0]
    adapter = app.url_map.bind("localhost")
    paths = [
        adapter.build(rule.endpoint, {"slug": slug} if rule.arguments else {}) for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/admin") and "GET" in (rule.methods or ()) and rule.arguments <= {"slug"}
        and not rule.rule.endswith(".csv")
    ]
    page = screen.new_page()
    watch = Watch(page)
    wrong = {path: found for path in sorted(paths) if (found := check(page, watch, live_server + path))}
    assert wrong == {}


def test_the_checks_see_a_planted_fault(app: Flask, members: dict[str, str], live_server: str, screen: Any) -> None:
    """Control: a refused script, a picture without a text, something too wide and a second heading are all found."""

    @app.after_request
    def spoil(response: Any) -> Any:
        fault = b'<h1>Two</h1><script>1</script><img src="/art/stage.svg"><pre>' + b"w" * 900 + b"</pre>"
        response.set_data(response.get_data().replace(b"</main>", fault + b"</main>"))
        return response

    page = screen.new_page()
    wrong = " ".join(check(page, Watch(page), f"{live_server}/terms"))
    for sign in ("csp:", "console:", "axe image-alt", "px wide", "headings"):
        assert sign in wrong
