"""Many events, many of them twice, in any order, from several clients, while the server is killed: all count once.

The totals must equal those of one pass over the distinct events, on both databases. The server is the real one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from policies.terms import Area
from tests.api.test_ingest import source_token
from tests.conftest import NOW
from tests.factories import make_account
from webapp.services import repair
from webapp.services.context import Context
from webapp.services.counting import COUNTED

ROOT = Path(__file__).parents[2]
PEOPLE = 40
KINDS = ("question", "answer", "answer", "accepted_solution", "article", "comment", "like_received", "kudos")
BATCH = 500


class Server:
    """Granian with two processes on one port, in a process group of its own, to be killed whole and started again."""

    def __init__(self, url: str, data_dir: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.environ = {
            **os.environ, "DATABASE_URL": url, "DATA_DIR": str(data_dir), "SECRET_KEY": "k" * 40,
            "BASE_URL": f"http://127.0.0.1:{self.port}", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port),
            "--workers", "2", "--blocking-threads", "1", "--no-ws", "--log-level", "error", "wsgi:app",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).ok:
                    return
            except requests.RequestException:
                time.sleep(0.05)
        raise AssertionError("the server did not come up")

    def kill(self) -> None:
        """SIGKILL to all of its processes at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def _send(server: Server, token: str, batches: Sequence[Sequence[dict[str, Any]]], outcomes: Counter[str]) -> None:
    """One client: each batch until it is answered; while the server is down, try again."""
    address, headers = f"http://127.0.0.1:{server.port}/api/v1/activities", {"Authorization": f"Bearer {token}"}
    for batch in batches:
        until = time.monotonic() + 240
        while True:
            assert time.monotonic() < until, "no answer for minutes"
            try:
                answer = requests.post(address, json={"events": batch}, headers=headers, timeout=30)
            except requests.RequestException:
                time.sleep(0.05)
                continue
            if answer.status_code in {429, 503}:
                time.sleep(0.2)
                continue
            found = json.loads(answer.content)
            assert answer.status_code == 200, found
            assert found["refused"] == 0
            outcomes.update({"created": found["created"], "duplicate": found["duplicate"]})
            break


def _hold(ctx: Context, data_dir: Path, url: str, events: int, kills: int) -> None:
    chance = random.Random(7)
    token = source_token(ctx, "forum", Area.FORUM)
    accounts = {f"p{n}": make_account(ctx.db, f"p{n}") for n in range(PEOPLE)}
    for actor, account in accounts.items():
        ctx.db.execute(
            "INSERT INTO identity(source_id, actor, account_id, created_at) SELECT id, ?, ?, 1 FROM source",
            (actor, account),
        )
    distinct = [
        {
            "externalId": f"e{n}", "actor": f"p{chance.randrange(PEOPLE)}", "kind": chance.choice(KINDS),
            "occurredAt": NOW - chance.randrange(40_000_000),
        }
        for n in range(events * 7 // 10)
    ]  # fmt: skip
    every = distinct + [chance.choice(distinct) for _ in range(events - len(distinct))]
    chance.shuffle(every)
    batches = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]
    outcomes: Counter[str] = Counter()
    server = Server(url, data_dir)
    server.start()
    clients = [
        threading.Thread(target=_send, args=(server, token, batches[number::4], outcomes)) for number in range(4)
    ]
    try:
        for client in clients:
            client.start()
        for killed in range(kills):
            until = time.monotonic() + 120
            wanted = len(every) * (killed + 1) // (kills + 1)
            while sum(outcomes.values()) < wanted and time.monotonic() < until:
                time.sleep(0.02)
            server.kill()
            server.start()
        for client in clients:
            client.join()
    finally:
        server.kill()
    expected: Counter[tuple[str, str]] = Counter()
    for event in distinct:
        for counter in COUNTED.get(str(event["kind"]), ()):
            expected[str(event["actor"]), counter] += 1
    names = ("answers", "accepted_solutions", "articles", "likes_received", "total_posts", "peer_kudos")
    found = Counter({
        (row[0], name): value
        for row in ctx.db.rows(f"SELECT handle, {', '.join(names)} FROM account JOIN counter ON account_id = id")
        for name, value in zip(names, row[1:], strict=True)
    })
    assert +found == expected
    assert ctx.db.row("SELECT COUNT(*) FROM activity") == (len(distinct),)
    assert sum(outcomes.values()) == len(every), "every batch was answered"
    assert repair.find_differences(ctx) == []


@pytest.mark.long
def test_killed_once_amid_a_few_thousand_events(sqlite_ctx: Context, data_dir: Path, sqlite_url: str) -> None:
    _hold(sqlite_ctx, data_dir, sqlite_url, 4_000, 1)


@pytest.mark.long
def test_a_hundred_thousand_events_a_third_twice_four_clients_ten_kills(
    ctx: Context, data_dir: Path, database_url: str
) -> None:
    _hold(ctx, data_dir, database_url, 100_000, 10)
