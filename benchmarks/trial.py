"""The directory of 100,000 members in a real browser: search, filter, page and sort, each as a member would do it.

Measured is what the browser says of each request: from asking to the last byte, by partial update and as a whole page.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import people as directory
from benchmarks.load import free_port, serving
from benchmarks.table import Line, at_most

#: What one answer may take, in milliseconds.
LIMIT = 100.0
ROUNDS = 7
_CHROMIUM = "/usr/bin/chromium"


def compare(folder: Path, quick: bool) -> list[Line]:
    """Each act's answer under LIMIT."""
    members = 10_000 if quick else 100_000
    data = folder / "trial"
    data.mkdir()
    directory.prepare(data / "vitrine.db", members)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        return [Line("", f"no browser: {error}", None, f"<= {LIMIT:g}")]
    port = free_port()
    environ = {"DATA_DIR": str(data), "SECRET_KEY": "k" * 40, "BASE_URL": f"http://127.0.0.1:{port}"}
    with serving("wsgi:app", environ, port=port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/people")
        lines = [
            at_most("", f"directory of {members:,} in Chromium, {words}: ms", _median(page, act), LIMIT)
            for words, act in _acts(f"http://127.0.0.1:{port}").items()
        ]
        browser.close()
    return lines


def _acts(base: str) -> dict[str, Callable[[Any], None]]:
    """In words -> what is done on the page; each leads to one request for /people."""
    words = iter(["anna", "nash", "quokka", "lisbon", "guild", "architect", "zzzz", "anna nash", "berg"] * 9)
    sorts = iter(["helpful", "newest", "name-down", ""] * 9)

    def more(page: Any) -> None:
        page.locator("#more a").click()

    return {
        "a whole page": lambda page: page.goto(f"{base}/people"),
        "a whole page, most helpful": lambda page: page.goto(f"{base}/people?sort=helpful"),
        "search as typed": lambda page: page.locator("#pq").fill(next(words)),
        "filter, active this year": lambda page: page.locator(".chip", has_text="Active").click(),
        "filter, certified": lambda page: page.locator(".chip", has_text="Certified").click(),
        "sort": lambda page: page.locator("#ps").select_option(next(sorts)),
        "a whole page, newest": lambda page: page.goto(f"{base}/people?sort=newest"),
        "the next page of it": more,
        "a whole page by name": lambda page: page.goto(f"{base}/people"),
        "the next page by name": more,
    }


def _median(page: Any, act: Callable[[Any], None]) -> float:
    """The answer's time in the browser, the first round not counted: that one wakes a worker."""
    taken = []
    for _ in range(ROUNDS + 1):
        with page.expect_response(lambda answer: "/people" in answer.url) as found:
            act(page)
        answer = found.value
        assert answer.ok, answer.status
        answer.finished()
        taken.append(float(answer.request.timing["responseEnd"]))
        page.wait_for_timeout(60)
    return median(taken[1:])
