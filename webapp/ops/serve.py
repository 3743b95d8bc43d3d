"""`vitrine serve`: granian's web workers and one `vitrine worker` beside them, started and stopped together."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

from granian import Granian
from granian.constants import Interfaces

from policies.errors import ConfigError
from webapp.app import ROOT, open_context
from webapp.config import Config, is_loopback
from webapp.ops.setup import check_set_up

log = logging.getLogger("vitrine.serve")

#: Seconds a web process gets to finish the requests it holds, and then the worker its mail: together below 31.
GRACE = 20
WORKER_GRACE = 8


def serve(config: Config, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT. `workers` web processes of one thread, so one connection each.

    Errors: ConfigError when the database is not at this release's schema, or plain http would leave this machine.
    """
    check_can_serve(config, host)
    check_can_listen(host, port)
    os.environ.setdefault("BASE_URL", config.base_url)
    worker = WorkerProcess()
    worker.start()
    try:
        Granian(
            "wsgi:app", address=host, port=port, interface=Interfaces.WSGI, workers=workers, blocking_threads=1,
            websockets=False, respawn_failed_workers=True, workers_kill_timeout=GRACE, working_dir=ROOT,
            log_access=False,
        ).serve()
    finally:
        worker.stop()


def check_can_serve(config: Config, host: str) -> None:
    """Errors: ConfigError, see `serve`."""
    if not config.is_https and not is_loopback(host):
        raise ConfigError(
            f"Plain http is served on loopback only, not on {host}.",
            "Set BASE_URL to the site's https address and put a proxy that ends TLS in front.",
        )
    ctx = open_context(config)
    try:
        check_set_up(ctx)
    finally:
        ctx.db.close()


def check_can_listen(host: str, port: int) -> None:
    """Errors: ConfigError when something else listens there, or the address is not one of this machine's."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {host}, port {port}: {error.strerror}.",
            "Take another one with --port; --host is an address of this machine.",
        ) from error


def default_host(config: Config) -> str:
    """Where to listen if nobody says: the host of a loopback BASE_URL, else loopback behind the proxy."""
    host = urlsplit(config.base_url).hostname or "127.0.0.1"
    return host if is_loopback(host) and host != "localhost" else "127.0.0.1"


class WorkerProcess:
    """One `vitrine worker` process, started again whenever it ends by itself."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="worker-keeper", daemon=True)

    def start(self) -> None:
        self._begin()
        self._thread.start()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if it has not ended within the grace."""
        self._stop.set()
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(WORKER_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _begin(self) -> None:
        # In a session of its own, so that Ctrl-C reaches it once: through us.
        command = [sys.executable, "-m", "webapp.cli", "worker", "--parent", str(os.getpid())]
        self._process = subprocess.Popen(command, start_new_session=True)  # noqa: S603  (our own module)

    def _keep(self) -> None:
        while not self._stop.wait(1):
            if self._process is not None and self._process.poll() is not None and not self._stop.is_set():
                log.warning("the worker ended with status %s and is started again", self._process.returncode)
                self._begin()
