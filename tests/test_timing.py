"""How long pages take must not tell what they hide (T61): over HTTP, against a real server. For `make long`.

That equal statements run is asserted by the fast tests; addresses and log-in (T7) are in pages/test_timing.py.
"""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator

import pytest

from tests.factories import link, make_account
from tests.ops.test_serve import Site
from tests.services.people import choose, did
from webapp.store.database import Database

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
def site(data_dir, sqlite_db: Database) -> Iterator[Site]:
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
    site = Site(data_dir, db.url, workers=1)
    site.wait_ready()
    yield site
    site.stop()


def _id(db: Database, handle: str) -> int:
    row = db.row("SELECT id FROM account WHERE handle = ?", (handle,))
    assert row is not None
    return int(row[0])


@pytest.mark.long
@pytest.mark.parametrize("is_drawn_anew", [False, True], ids=["kept", "drawn anew"])
@pytest.mark.parametrize("case", CASES)
def test_t61_what_a_page_hides_does_not_change_how_long_it_takes(
    site: Site, sqlite_db: Database, case: str, is_drawn_anew: bool
) -> None:
    """300 interleaved pairs: medians less than 5 ms apart, and no classifier by time better than 0.6."""
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
    first, second = (took[handle][WARM_UP:] for handle in pair)
    gap = abs(statistics.median(first) - statistics.median(second))
    auc = sum((a > b) + (a == b) / 2 for a in first for b in second) / (len(first) * len(second))
    print(f"{case}: {statistics.median(first) * 1000:.2f} ms, gap {gap * 1000:.3f} ms, AUC {auc:.3f}")
    assert answers[pair[0]] == answers[pair[1]]
    assert gap < 0.005
    assert 0.4 < auc < 0.6
