"""The open database: transactions, callbacks after the commit, statements on both engines. No table's meaning."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import peewee
import pytest

from policies.errors import ConfigError, Unavailable
from tests.factories import make_account
from tests.together import at_once
from webapp.store.database import Database, marks


def keys(db):
    return [key for (key,) in db.rows("SELECT key FROM site_setting WHERE value = 'test' ORDER BY key")]


def put(db, key):
    db.execute("INSERT INTO site_setting(key, value) VALUES (?, ?)", (key, "test"))


def test_an_inner_transaction_joins_the_outer(db):
    def work():
        with db.transaction():
            with db.transaction():
                put(db, "inner")
            raise ValueError

    with pytest.raises(ValueError):
        work()
    assert keys(db) == []


def test_an_exception_of_an_inner_transaction_rolls_all_back(db):
    def work():
        with db.transaction():
            put(db, "outer")
            with db.transaction():
                raise ValueError

    with pytest.raises(ValueError):
        work()
    assert keys(db) == []
    assert not db.in_transaction


def test_callbacks_run_once_after_the_outermost_commit(db):
    seen = []
    with db.transaction():
        with db.transaction():
            db.after_commit(lambda: seen.append(keys(db)))
            put(db, "a")
        assert seen == []
    assert seen == [["a"]]
    with db.transaction():
        put(db, "b")
    assert seen == [["a"]]


def test_callbacks_of_a_rolled_back_transaction_never_run(db):
    seen = []

    def work():
        with db.transaction():
            db.after_commit(lambda: seen.append(1))
            raise ValueError

    with pytest.raises(ValueError):
        work()
    with db.transaction():
        pass
    assert seen == []


def test_a_callback_that_raises_is_logged_and_the_others_run(db, caplog):
    seen = []
    with db.transaction():
        put(db, "kept")
        db.after_commit(lambda: 1 / 0)
        db.after_commit(lambda: seen.append(1))
    assert keys(db) == ["kept"]
    assert seen == [1]
    assert "after-commit callback" in caplog.text


def test_outside_a_transaction_a_callback_runs_at_once(db):
    seen = []
    db.after_commit(lambda: seen.append(1))
    assert seen == [1]


def test_the_link_guard_needs_a_transaction(db):
    with pytest.raises(RuntimeError):
        db.link_guard()


def test_the_link_guard_lets_one_transaction_through_at_a_time(db):
    inside, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with db.transaction():
                db.link_guard()
                with lock:
                    inside += 1
                    most = max(most, inside)
                db.rows("SELECT id FROM account")
                with lock:
                    inside -= 1

    at_once(db, *[work] * 6)
    assert most == 1


def test_values_are_never_part_of_the_statement(db):
    """T85: percent signs and question marks in a value are that value, on both engines."""
    for value in ("100 %", "%s", "?", "'; DROP TABLE account; --", "%(x)s"):
        assert db.row("SELECT CAST(? AS TEXT)", (value,)) == (value,)
    assert db.row("SELECT 1 WHERE 'a%b' LIKE 'a%'") == (1,)


def test_executemany_tells_how_many_rows_it_touched(db):
    with db.transaction():
        assert db.executemany("INSERT INTO site_setting(key, value) VALUES (?, ?)", [("a", "test"), ("b", "test")]) == 2
        assert db.executemany("INSERT INTO site_setting(key, value) VALUES (?, ?)", []) == 0
    assert keys(db) == ["a", "b"]


@pytest.mark.parametrize("run", ["execute", "row", "rows", "executemany"])
def test_every_way_to_run_a_statement_raises_the_same_errors(db, run):
    put(db, "a")
    values = [("a", "1")] if run == "executemany" else ("a", "1")
    with pytest.raises(peewee.IntegrityError):
        with db.transaction():
            getattr(db, run)("INSERT INTO site_setting(key, value) VALUES (?, ?) RETURNING key"
                             if run != "executemany" else "INSERT INTO site_setting(key, value) VALUES (?, ?)", values)


def test_twenty_writers_are_never_told_that_the_database_is_locked(db):
    sally = make_account(db)
    lock = " FOR UPDATE" if db.dialect == "postgresql" else ""

    def work() -> None:
        for _ in range(5):
            with db.transaction():
                (answers,) = db.row(f"SELECT answers FROM counter WHERE account_id = ?{lock}", (sally,))
                db.execute("UPDATE counter SET answers = ? WHERE account_id = ?", (answers + 1, sally))

    at_once(db, *[work] * 20)
    assert db.row("SELECT answers FROM counter WHERE account_id = ?", (sally,)) == (100,)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "vitrine.db", "sqlite:///"])
def test_an_unusable_address_is_one_sentence(url):
    with pytest.raises(ConfigError) as caught:
        Database.open(url)
    assert caught.value.problem.startswith("DATABASE_URL")
    assert caught.value.fix


@pytest.mark.parametrize("url", ["postgresql://u@localhost:99999/x", "postgresql://u@localhost:port/x"])
def test_a_port_that_is_none_is_one_sentence(url):
    with pytest.raises(ConfigError, match="port"):
        Database.open(url)


def test_a_database_that_is_not_there_is_unavailable(open_database, tmp_path):
    with pytest.raises(Unavailable):
        open_database("postgresql://nobody@127.0.0.1:1/none").rows("SELECT 1")
    with pytest.raises(Unavailable):
        open_database(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'x.db'}").rows("SELECT 1")


def test_marks():
    assert marks(1) == "?"
    assert marks(3) == "?,?,?"


@contextmanager
def snapshot(db: Database) -> Iterator[None]:
    begun = db.begin_snapshot()
    try:
        yield
    finally:
        if begun:
            db.end_snapshot()


def test_reads_in_a_snapshot_belong_together_and_leave_nothing_open(db: Database) -> None:
    make_account(db, "ann")
    with snapshot(db):
        assert db.rows("SELECT handle FROM account") == [("ann",)]
        with snapshot(db):         # one within another is the outer one
            assert db.row("SELECT COUNT(*) FROM account") == (1,)
    with db.transaction():          # it is over: a transaction of its own begins
        db.execute("UPDATE account SET public_name = 'Ann Lee'")
        with snapshot(db):
            assert db.rows("SELECT public_name FROM account") == [("Ann Lee",)]
    assert db.rows("SELECT public_name FROM account") == [("Ann Lee",)]


def test_an_error_in_a_snapshot_ends_it(db: Database) -> None:
    with pytest.raises(peewee.DatabaseError), snapshot(db):
        db.rows("SELECT nothing FROM nowhere")
    with db.transaction():
        make_account(db, "ann")
    assert db.row("SELECT COUNT(*) FROM account") == (1,)


def test_a_snapshot_does_not_see_what_another_connection_writes(db: Database) -> None:
    make_account(db, "ann")
    name = "SELECT public_name FROM account"
    with snapshot(db):
        assert db.row(name) == ("Ann",)
        at_once(db, lambda: db.execute("UPDATE account SET public_name = 'Other'"))
        assert db.row(name) == ("Ann",)
        assert db.in_snapshot
    assert not db.in_snapshot
    assert db.row(name) == ("Other",)


def test_a_snapshot_whose_connection_is_cut_fails_as_every_read_does(postgres_db: Database) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    assert postgres_db.begin_snapshot()
    postgres_db.rows("SELECT 1")
    at_once(postgres_db, lambda: postgres_db.rows(f"{cut} AND datname = current_database()"))
    with pytest.raises(peewee.DatabaseError):
        postgres_db.end_snapshot()
    assert not postgres_db.in_snapshot
    postgres_db.close_if_broken()
    assert postgres_db.rows("SELECT 1") == [(1,)]


def test_no_transaction_writes_within_a_snapshot(db: Database) -> None:
    make_account(db, "ann")
    with pytest.raises((peewee.OperationalError, peewee.InternalError)), snapshot(db), db.transaction():
        db.execute("UPDATE account SET public_name = 'Other'")
    assert db.row("SELECT public_name FROM account") == ("Ann",)


def test_a_sqlite_file_that_shrinks_while_it_is_open_is_read_on(sqlite_db: Database) -> None:
    """The file is read through a map: what is behind its new end must not be touched."""
    count = "SELECT COUNT(*), SUM(LENGTH(value)) FROM site_setting WHERE value LIKE 'v%'"
    with sqlite_db.transaction():
        sqlite_db.executemany(
            "INSERT INTO site_setting(key, value) VALUES (?, ?)", [(f"k{n}", "v" * 4000) for n in range(2000)]
        )
    sqlite_db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert sqlite_db.row(count) == (2000, 8_000_000)
    assert sqlite_db.row("PRAGMA mmap_size")[0] >= sqlite_db.sqlite_path.stat().st_size > 8_000_000
    other = sqlite3.connect(str(sqlite_db.sqlite_path), isolation_level=None)
    other.execute("DELETE FROM site_setting WHERE key LIKE 'k_%' AND key <> 'k7'")
    other.execute("VACUUM")
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    other.close()
    assert sqlite_db.sqlite_path.stat().st_size < 4_000_000
    assert sqlite_db.row(count) == (1, 4000)
    put(sqlite_db, "grown again")
    assert keys(sqlite_db) == ["grown again"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_transaction_that_need_not_last_is_one_all_the_same(db: Database, fails: bool) -> None:
    """It commits or rolls back like any other, and the next one waits for the disk again."""
    ask = "PRAGMA synchronous" if db.dialect == "sqlite" else "SHOW synchronous_commit"
    if db.dialect == "postgresql":
        db.execute("SET synchronous_commit = on")
    before = db.row(ask)
    try:
        with db.transaction(lasting=False):
            put(db, "a")
            within = db.row(ask)
            with db.transaction():
                put(db, "b")
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        assert fails
    assert keys(db) == ([] if fails else ["a", "b"])
    assert within in {(1,), ("off",)}
    assert within != before == db.row(ask)
    put(db, "c")
    assert keys(db)[-1] == "c"
