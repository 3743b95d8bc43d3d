"""What the browser tests share: a watch over complaints, the mailed link, a login cookie, walking by keyboard."""

from __future__ import annotations

import re
import time
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from flask import Flask

PHONE = {"width": 390, "height": 844}
#: Counts refusals of the content security policy in the page itself, beside what the console says (T81).
_COUNT_VIOLATIONS = """
window.__violations = [];
document.addEventListener("securitypolicyviolation",
  (e) => window.__violations.push(e.violatedDirective + " " + e.blockedURI));
"""


class Watch:
    """Collects what a page complains about: console errors and warnings, script errors, failed loads, CSP refusals."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.add_init_script(_COUNT_VIOLATIONS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("requestfailed", lambda request: self._failed(request))
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _console(self, message: Any) -> None:
        # A page that is meant to answer 4xx is no complaint of the browser's about our scripts or styles.
        if message.type in {"error", "warning"} and "the server responded with a status of 4" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _failed(self, request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def take(self) -> list[str]:
        """All complaints so far, the present document's CSP refusals among them; the list starts anew."""
        found = self.complaints + [f"csp: {text}" for text in self.page.evaluate("window.__violations || []")]
        self.complaints = []
        return found


def mailed_link(app: Flask, address: str) -> str:
    """Deliver what waits in the outbox and return the address in the newest mail to `address`, from its file."""
    from webapp.services import mailer

    context = app.extensions["vitrine"]
    mailer.send_due(context, int(time.time()))
    files = sorted(Path(context.site.data_dir, "outbox").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    mails = [message_from_bytes(file.read_bytes(), policy=default) for file in files]
    body = [mail.get_content() for mail in mails if mail["To"] == address][-1]
    found = re.search(r"https?://\S+", body)
    assert found, body
    return found[0]


def log_in_by_cookie(app: Flask, context: Any, url: str, raw_session_id: str) -> None:
    """Give a browser context the signed cookie of a login session."""
    signer = app.session_interface.get_signing_serializer(app)      # type: ignore[attr-defined]
    value = signer.dumps({"_user_id": raw_session_id, "_fresh": True, "_permanent": True})
    context.add_cookies([{"name": app.config["SESSION_COOKIE_NAME"], "value": value, "url": url, "httpOnly": True}])


_ACTIVE = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "";
  const label = e.labels && e.labels.length ? e.labels[0].innerText : "";
  return (label || e.getAttribute("aria-label") || e.innerText || "").replace(/\\s+/g, " ").trim();
}"""


def wait_until(page: Any, expression: str, seconds: float = 5.0) -> None:
    """Look until it is true. Playwright's own waiting evaluates text in the page, which the page's policy refuses."""
    until = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < until, f"it never came true: {expression}"
        page.wait_for_timeout(20)


def open_page(browser: Any, app: Flask, url: str, cookie: str | None = None, **options: Any) -> Any:
    """A page of a fresh browser profile, logged in if there is a cookie. Close its `context`."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    context.set_default_timeout(10_000)
    if cookie:
        log_in_by_cookie(app, context, url, cookie)
    return context.new_page()


def violations(page: Any) -> list[str]:
    """What axe finds wrong with the page (T81)."""
    found = Axe().run(page).response["violations"]
    return [f"axe {one['id']}: {one['nodes'][0]['html'][:160]} ({len(one['nodes'])})" for one in found]


def tab_to(page: Any, name: str, presses: int = 90) -> None:
    """Press Tab until what is called `name` (its start) has the focus, and see that the focus is visible."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        if page.evaluate(_ACTIVE).startswith(name):
            outline = page.evaluate("""() => {
              const mark = (e) => e ? getComputedStyle(e).outlineStyle + getComputedStyle(e).boxShadow : "";
              return mark(document.activeElement) + mark(document.activeElement.closest("label"));
            }""")
            assert outline.replace("none", ""), f"“{name}” has the focus and nothing shows it"
            return
    raise AssertionError(f"“{name}” cannot be reached with the Tab key")


def press(page: Any, name: str) -> None:
    """Reach a link or button by keyboard and use it."""
    tab_to(page, name)
    page.keyboard.press("Enter")


def type_into(page: Any, name: str, text: str) -> None:
    """Reach a field by keyboard and type over what it holds."""
    tab_to(page, name)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
