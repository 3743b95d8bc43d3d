"""One open database, SQLite or PostgreSQL: connections, transactions, raw statements. It names no table but two guards.

Hot reads use `rows` and `row` with constant SQL text; models (webapp.store.models) are for writes and admin work.
Outside `transaction` every statement commits by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import peewee

from policies.errors import ConfigError, Unavailable

log = logging.getLogger("vitrine.store")
# At DEBUG peewee writes every statement with its values: addresses, token hashes (T70).
logging.getLogger("peewee").setLevel(logging.INFO)

Params = Sequence[Any]

#: Serializable on SQLite, as every transaction there.
_SNAPSHOT = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}


@lru_cache(maxsize=4096)
def _percent(sql: str) -> str:
    """Our statements are written with `?`; psycopg wants `%s`. No statement of ours holds a `?` inside a literal."""
    return sql.replace("%", "%%").replace("?", "%s")


def marks(count: int) -> str:
    """`?,?,?` for an IN list of `count` values (at least one)."""
    return ",".join("?" * count)


class _Local(threading.local):
    """What a thread is in."""

    in_snapshot = False
    depth = 0


class Database:
    """A database of one process. Each thread keeps its connection open; `close` closes the calling thread's."""

    def __init__(self, peewee_database: peewee.Database, url: str) -> None:
        self.peewee = peewee_database
        self.url = url
        self.dialect = "sqlite" if isinstance(peewee_database, peewee.SqliteDatabase) else "postgresql"
        self._translate: Callable[[str], str] = (lambda sql: sql) if self.dialect == "sqlite" else _percent
        self._local = _Local()

    @classmethod
    def open(cls, url: str) -> Database:
        """Open `sqlite:///path` (`?synchronous=normal` to trade power-loss safety for speed) or `postgresql://…`.

        Nothing is connected yet: the first statement of each thread connects. Errors: ConfigError for another scheme.
        """
        from webapp.store import models

        parts = urlsplit(url)
        made: peewee.Database
        if parts.scheme == "sqlite":
            path = parts.path[1:] if parts.path.startswith("//") else parts.path.removeprefix("/")
            options = parse_qs(parts.query)
            if not path:
                raise ConfigError("DATABASE_URL names no file.", "Write sqlite:///path/to/vitrine.db.")
            made = peewee.SqliteDatabase(
                path,
                pragmas={
                    "journal_mode": "wal",
                    "synchronous": options.get("synchronous", ["full"])[0],
                    "foreign_keys": 1,
                    "busy_timeout": 15000,
                    "cache_size": -32000,
                    # What is not in the cache is read from the file's pages in memory, without a call and a copy.
                    "mmap_size": 1 << 30,
                    "wal_autocheckpoint": 16000,
                    "trusted_schema": 0,
                },
                timeout=15,
                check_same_thread=False,
            )
        elif parts.scheme in {"postgresql", "postgres"}:
            from playhouse.db_url import parse as parse_url

            try:
                named = parse_url(url, unquote_password=True, unquote_user=True)
            except ValueError as error:
                raise ConfigError("DATABASE_URL has a port that is none.", "Write a number up to 65535.") from error
            made = peewee.PostgresqlDatabase(prefer_psycopg3=True, **named)
        else:
            raise ConfigError(f"DATABASE_URL starts with “{parts.scheme}”.", "Use sqlite:/// or postgresql://.")
        database = cls(made, url)
        models.bind(made)
        return database

    @property
    def sqlite_path(self) -> Path | None:
        """The file of a SQLite database, None on PostgreSQL."""
        return Path(self.peewee.database) if self.dialect == "sqlite" else None

    def connection(self) -> Any:
        """The calling thread's driver connection, opened when needed.

        Errors: Unavailable when the database cannot be reached.
        """
        db = self.peewee
        if db.is_closed():
            try:
                db.connect(reuse_if_open=True)
            except (peewee.OperationalError, peewee.InterfaceError) as error:
                raise Unavailable("The database cannot be reached.") from error
        return db.connection()

    def close(self) -> None:
        """Close the calling thread's connection; safe to call twice."""
        if not self.peewee.is_closed():
            self.peewee.close()

    def close_if_broken(self) -> None:
        """Drop a connection that the server has cut, so that the next statement opens a new one."""
        if not self.peewee.is_closed() and self._is_lost(self.peewee.connection()):
            self.peewee.close()

    def execute(self, sql: str, params: Params = ()) -> Any:
        """Run one statement written with `?` marks and return the driver's cursor (`rowcount`, `fetchone`).

        Errors: peewee's exceptions (IntegrityError, OperationalError …), as from model queries.
        """
        self.connection()
        return self.peewee.execute_sql(self._translate(sql), tuple(params))

    def executemany(self, sql: str, rows: Sequence[Params]) -> int:
        """Run one statement for many rows; the number of rows it touched. Only inside `transaction`."""
        if not rows:
            return 0
        cursor = self.connection().cursor()
        with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
            cursor.executemany(self._translate(sql), rows)
        return int(cursor.rowcount)

    def rows(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """All rows of a read, as tuples. The hot path: no peewee in between, but for the names of its errors."""
        try:
            return self.connection().execute(self._translate(sql), params).fetchall()
        except Exception:
            with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
                raise

    def row(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None:
        """The first row of a read, or None."""
        try:
            return self.connection().execute(self._translate(sql), params).fetchone()
        except Exception:
            with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
                raise

    def begin_snapshot(self) -> bool:
        """Begin reads that belong together: they all see the state of the first one's moment, and SQLite's file is
        locked once instead of for each. Nothing may be written until whoever began it ends it, without fail.

        False within another, and within a transaction.
        """
        local, connection = self._local, self.connection()
        if local.in_snapshot or local.depth or self._is_begun(connection):
            return False
        with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
            connection.execute(_SNAPSHOT[self.dialect])
        local.in_snapshot = True
        return True

    def end_snapshot(self) -> None:
        """End the one that this thread began."""
        self._local.in_snapshot = False
        connection = self.connection()
        if not self._is_lost(connection):
            with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
                connection.execute("COMMIT")        # of what failed on PostgreSQL it is the end as well

    def _is_begun(self, connection: Any) -> bool:
        if self.dialect == "sqlite":
            return bool(connection.in_transaction)
        return bool(connection.info.transaction_status)     # 0: idle

    def _is_lost(self, connection: Any) -> bool:
        return self.dialect == "postgresql" and bool(connection.closed or connection.broken)

    @property
    def in_snapshot(self) -> bool:
        return self._local.in_snapshot

    @property
    def in_transaction(self) -> bool:
        return self._local.depth > 0

    @contextmanager
    def transaction(self, lasting: bool = True) -> Iterator[None]:
        """One transaction; an inner one joins the outer. SQLite takes its write lock at once (BEGIN IMMEDIATE).

        An exception rolls everything back, the outer transaction too if it passes through there. `lasting` False: it
        does not wait for the disk, so that what it wrote may be lost with the power, though not with the process.
        """
        local = self._local
        if local.depth:
            yield
            return
        self.connection()
        local.depth, local.callbacks, local.regrets = 1, [], []
        try:
            with self._atomic(lasting):
                yield
            callbacks = local.callbacks
        except BaseException:
            for callback in local.regrets:
                callback()
            raise
        finally:
            local.depth, local.callbacks, local.regrets = 0, [], []
        for callback in callbacks:
            try:
                callback()
            except Exception:  # a committed change must not turn into an error page
                log.exception("after-commit callback %r failed", callback)

    @contextmanager
    def _atomic(self, lasting: bool) -> Iterator[None]:
        if self.dialect != "sqlite":
            with self.peewee.atomic():
                if not lasting:
                    self.execute("SET LOCAL synchronous_commit = off")
                yield
            return
        found = None if lasting else self.row("PRAGMA synchronous")
        if found is not None:
            self.execute("PRAGMA synchronous = normal")
        try:
            with self.peewee.atomic("IMMEDIATE"):
                yield
        finally:
            if found is not None:
                self.execute(f"PRAGMA synchronous = {found[0]}")

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the outermost transaction has committed (at once outside one); errors are logged."""
        if self.in_transaction:
            self._local.callbacks.append(callback)
        else:
            callback()

    def after_rollback(self, callback: Callable[[], None]) -> None:
        """Call `callback`, which must not fail, if the outermost transaction is rolled back. Only inside one."""
        self._local.regrets.append(callback)

    def link_guard(self) -> None:
        """Make this transaction the only one that changes link groups (races table of docs/architecture.md).

        On SQLite the transaction already holds the write lock; on PostgreSQL one guard row is locked.
        """
        if not self.in_transaction:
            raise RuntimeError("link_guard needs a transaction")
        if self.dialect == "postgresql":
            self.execute("SELECT id FROM link_guard WHERE id = 1 FOR UPDATE")

    def policy_version(self) -> int:
        """The head of the policy log."""
        row = self.row("SELECT version FROM policy_state WHERE id = 1")
        return int(row[0]) if row else 0
