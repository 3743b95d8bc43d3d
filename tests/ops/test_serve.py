"""`vitrine serve` as operators run it: ready, one worker kept alive, SIGTERM lets running requests finish."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest


class Site:
    """A running `vitrine serve`."""

    def __init__(self, data_dir, url: str, workers: int = 2) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environ = {
            **os.environ, "DATA_DIR": str(data_dir), "DATABASE_URL": url, "SECRET_KEY": "k" * 40,
            "BASE_URL": f"http://127.0.0.1:{self.port}",
        }
        self.log = data_dir / "serve.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webapp.cli", "serve", "--port", str(self.port), "--workers", str(workers)],
                env=environ, stdout=log, stderr=log, start_new_session=True,
            )

    def status(self, path: str = "/readyz") -> int:
        """The answer's status; 0 if nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def wait_ready(self, seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while self.status() != 200:
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)

    def worker(self) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if "worker" in child.cmdline():
                    return child
        return None

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@pytest.fixture
def site(data_dir, sqlite_url) -> Iterator[Site]:
    site = Site(data_dir, sqlite_url)
    yield site
    if site.process.poll() is None:
        site.stop()


def test_serves_keeps_a_worker_and_stops_whole(site):
    site.wait_ready()
    family = psutil.Process(site.process.pid).children(recursive=True)
    first = site.worker()
    assert first is not None
    first.kill()
    deadline = time.monotonic() + 20
    while (again := site.worker()) is None or again.pid == first.pid:
        assert time.monotonic() < deadline, site.log.read_text()
        time.sleep(0.1)
    family.append(again)
    assert site.stop() == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_requests_that_have_begun_are_answered_when_the_site_stops(site):
    site.wait_ready()
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(site.status("/"))

    askers = [threading.Thread(target=ask) for _ in range(20)]
    for asker in askers:
        asker.start()
    time.sleep(0.15)
    began = time.monotonic()
    assert site.stop() == 0
    assert time.monotonic() - began < 31
    for asker in askers:
        asker.join()
    # 0: it came after the door was closed. Nothing that was let in failed.
    assert set(statuses) <= {200, 0}
    assert 200 in statuses


def test_the_whole_server_killed_leaves_no_worker_behind(site):
    site.wait_ready()
    worker = site.worker()
    assert worker is not None
    web = [child for child in psutil.Process(site.process.pid).children() if child.pid != worker.pid]
    site.process.kill()
    for child in web:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    site.process.wait(10)
    _, alive = psutil.wait_procs([worker], timeout=20)
    assert alive == []
