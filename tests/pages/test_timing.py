"""How long answers take must not tell whether an address has an account (T7). Minutes, so `make long` only."""

from __future__ import annotations

import re
import statistics
import time

import pytest

from tests.services.test_accounts import make
from webapp.pages._limits import limiter

PAIRS = 300


@pytest.mark.long
@pytest.mark.parametrize(
    ("url", "form"),
    [("/login", {"password": "wrong horse"}), ("/reset", {}), ("/login/link", {}), ("/signup", {"name": "Somebody"})],
)
def test_t7_known_and_unknown_addresses_take_equally_long(app, clock, url, form, monkeypatch):
    app.config["CLOCK"] = lambda: clock
    monkeypatch.setattr(limiter, "enabled", False)
    ctx = app.extensions["vitrine"]
    make(ctx, clock)
    client = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(url).text).group(1)
    took: dict[str, list[float]] = {"known": [], "unknown": []}

    def measure(kind: str, email: str) -> None:
        for table in ("throttle", "outbox", "proof"):
            ctx.db.execute(f"DELETE FROM {table}")
        began = time.perf_counter()
        answer = client.post(url, data={"csrf_token": token, "email": email, **form})
        took[kind].append(time.perf_counter() - began)
        assert answer.status_code in {303, 422}

    for number in range(PAIRS + 10):
        pair = [("known", "sally@example.org"), ("unknown", f"u{number:04}@example.org")]
        for kind, email in pair if number % 2 else reversed(pair):
            measure(kind, email)
    known, unknown = took["known"][10:], took["unknown"][10:]
    gap = abs(statistics.median(known) - statistics.median(unknown))
    auc = sum((a > b) + (a == b) / 2 for a in known for b in unknown) / (len(known) * len(unknown))
    assert gap < 0.005
    assert 0.4 < auc < 0.6
