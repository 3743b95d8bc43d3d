"""The PostgreSQL of the tests (postgres.py): a database that one test used is as new for the next one."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.conftest import NOW
from tests.factories import make_account, open_audit
from webapp.store import policy
from webapp.store.database import Database


def contents(url: str) -> dict[str, Any]:
    """Every row of every table, every sequence."""
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                                   " AND relkind IN ('r', 'S') ORDER BY relname").fetchall()
        return {
            name: sorted(map(str, connection.execute(
                f'SELECT * FROM "{name}"' if kind == "r" else f'SELECT last_value, is_called FROM "{name}"'
            ).fetchall()))
            for name, kind in names
        }  # fmt: skip


def use(db: Database) -> None:
    account_id = make_account(db)
    with db.transaction():
        policy.append_change(db, "cell", "personal", NOW, bit=0, level=1)
        policy.add_field_bits(db, ["pets"])
    db.execute("INSERT INTO audit(at, event, subject_id, detail) VALUES (1, 'account:link', ?, '{}')", (account_id,))


def grow(db: Database) -> None:
    with db.transaction():
        for number in range(2000):
            db.execute("INSERT INTO site_setting(key, value) VALUES (?, ?)", (f"k{number}", "x" * 100))


@pytest.mark.parametrize(("act", "again"), [(use, True), (open_audit, False), (grow, False)])
def test_a_database_given_back_is_as_new_or_another_one(
    request: pytest.FixtureRequest, postgres_server: Any, act: Any, again: bool
) -> None:
    template = request.getfixturevalue("_postgres_template")
    name = postgres_server.take(template)
    before = contents(postgres_server.url(name))
    db = Database.open(postgres_server.url(name))
    act(db)         # its connection stays open, as a test's that failed
    assert act is open_audit or contents(postgres_server.url(name)) != before
    renewed = postgres_server._renew(name, template)
    assert (renewed == name) is again
    assert contents(postgres_server.url(renewed)) == before
    db.close()
    postgres_server.give_back(renewed, template)
