"""How long answers take must not tell what is hidden (T61) or who has an account (T7). For `make long`.

Over HTTP, against a real server as shipped. That equal statements run is asserted by the fast tests.
"""

from __future__ import annotations

import http.client
import re
import statistics
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.factories import link, make_account
from tests.ops.test_serve import Site
from tests.quick import SHIPPED
from tests.services.people import choose, did
from webapp.store.database import Database

pytestmark = [pytest.mark.long, pytest.mark.timing]

PAIRS = 300
WARM_UP = 20
HIDDEN = ("location", "bio", "links", "products", "stats", "badges", "groups", "kudos", "activity")
VALUES = {
    "location": "Lisbon", "bio": "I help. " * 100, "products": '["Tracker", "Wiki"]',
    "links": '[{"url": "https://sally.example/", "label": ""}]', "answers": 84, "total_posts": 84, "likes_received": 30,
}  # fmt: skip
#: What is told apart: two handles of equal length, the second without what the first one hides.
CASES = {
    "fields set": ("set-a", "set-b"),
    "silently linked": ("sil-a", "sil-b"),
    "linked, of equal sums": ("sum-a", "sum-b"),
    "private": ("prv-a", "prv-b"),
    "deactivated": ("off-a", "off-b"),
}


@pytest.fixture
def site(data_dir, sqlite_db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """One web process on a world of such pairs."""
    db = sqlite_db
    for handle, values in (("set-a", VALUES), ("set-b", {})):
        account = make_account(db, handle, public_name="Somebody", **values)
        choose(db, account, you=HIDDEN)
        for n in range(6 if values else 0):
            did(db, account, at=1_749_000_000 + n)
    primary = make_account(db, "owner", **VALUES)
    for handle in ("sil-a", "sil-b"):
        make_account(db, handle, public_name="Somebody", answers=3)
    link(db, _id(db, "sil-a"), primary, silent=True)
    make_account(db, "sum-a", public_name="Somebody", answers=27, total_posts=27)
    link(db, make_account(db, "sum-c", answers=57, total_posts=57), _id(db, "sum-a"))
    make_account(db, "sum-b", public_name="Somebody", answers=84, total_posts=84)
    for handle, some in (("sum-a", 3), ("sum-c", 3), ("sum-b", 6)):
        for n in range(some):
            did(db, _id(db, handle), at=1_749_000_000 + n)
    make_account(db, "prv-a", private=True, keep_name=False, **VALUES)
    make_account(db, "off-a", state="deactivated", **VALUES)
    make_account(db, "sally", "sally@example.org", password_hash=SHIPPED.hash("twelve green bottles"))
    monkeypatch.setenv("TRUSTED_PROXIES", "1")      # each request comes from another address: no limit answers
    site = Site(data_dir, db.url.partition("?")[0], workers=1)
    site.wait_ready()
    yield site
    site.stop()


def _id(db: Database, handle: str) -> int:
    row = db.row("SELECT id FROM account WHERE handle = ?", (handle,))
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("case", "is_drawn_anew"),
    [
        pytest.param(case, anew, id=f"{case}-{'drawn anew' if anew else 'kept'}")
        for case in CASES for anew in (False, True)
    ],
)
def test_t61_what_a_page_hides_does_not_change_how_long_it_takes(
    site: Site, sqlite_db: Database, case: str, is_drawn_anew: bool
) -> None:
    """300 interleaved pairs of the same page with and without what is hidden, kept in memory or drawn anew."""
    pair = CASES[case]
    took: dict[str, list[float]] = {handle: [] for handle in pair}
    answers: dict[str, set[tuple[int, int]]] = {handle: set() for handle in pair}
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    touched = [row[0] for row in sqlite_db.rows("SELECT id FROM account WHERE handle IN (?, ?)", pair)]
    for number in range(PAIRS + WARM_UP):
        for handle in pair if number % 2 else reversed(pair):
            if is_drawn_anew:
                for account in touched:
                    sqlite_db.execute("UPDATE account SET row_version = row_version + 1 WHERE id = ?", (account,))
            began = time.perf_counter()
            connection.request("GET", f"/u/{handle}")
            answer = connection.getresponse()
            body = answer.read()
            took[handle].append(time.perf_counter() - began)
            answers[handle].add((answer.status, len(body)))
    connection.close()
    assert answers[pair[0]] == answers[pair[1]]
    assert_alike(case, took[pair[0]][WARM_UP:], took[pair[1]][WARM_UP:])


@pytest.mark.parametrize(
    ("url", "form"),
    [("/login", {"password": "wrong horse"}), ("/reset", {}), ("/login/link", {}), ("/signup", {"name": "Somebody"})],
)
def test_t7_known_and_unknown_addresses_take_equally_long(
    site: Site, sqlite_db: Database, url: str, form: dict[str, str]
) -> None:
    """300 interleaved pairs, as for T61; statuses and bodies are compared by test_twin_worlds.py."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)

    def ask(method: str, body: str = "", **headers: str) -> tuple[http.client.HTTPResponse, str]:
        connection.request(method, url, body, headers)
        answer = connection.getresponse()
        return answer, answer.read().decode()

    answer, text = ask("GET")
    cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(PAIRS + WARM_UP):
        pair = [("known", "sally@example.org"), ("unknown", f"u{number:04}@example.org")]
        for kind, email in pair if number % 2 else reversed(pair):
            for table in ("throttle", "outbox", "proof"):
                sqlite_db.execute(f"DELETE FROM {table}")
            body = urlencode({"csrf_token": found.group(1), "email": email, **form})
            headers = {
                "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded",
                "X-Forwarded-For": f"198.51.{number % 256}.{number // 256}",
            }
            began = time.perf_counter()
            answer, _ = ask("POST", body, **headers)
            took[kind].append(time.perf_counter() - began)
            assert answer.status == (422 if url == "/login" else 303)
    connection.close()
    assert_alike(url, took["known"][WARM_UP:], took["unknown"][WARM_UP:])


def assert_alike(name: str, first: list[float], second: list[float]) -> None:
    """Medians less than 5 ms apart, and no classifier by time better than 0.6."""
    gap = abs(statistics.median(first) - statistics.median(second))
    auc = sum((a > b) + (a == b) / 2 for a in first for b in second) / (len(first) * len(second))
    print(f"{name}: {statistics.median(first) * 1000:.2f} ms, gap {gap * 1000:.3f} ms, AUC {auc:.3f}")
    assert gap < 0.005
    assert 0.4 < auc < 0.6
