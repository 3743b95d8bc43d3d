"""Words on PostgreSQL: found by their trigrams, looked into only where they may be shown (G7). Not what is found: that
is asked of both databases in tests/services."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from webapp.store import people_search
from webapp.store.database import Database
from webapp.store.people_search import Search, find

#: With letters of one to four bytes, some that no locale takes for letters, and what stands around words.
LETTERS = st.text("abcab xyz0-_,\n\x1f\x02éßдж漢字ñ\u0301😀", max_size=24)


@pytest.fixture(params=["C", "C.UTF-8"])
def spoken(
    request: pytest.FixtureRequest, postgres_db: Database, open_database: Callable[[str], Database]
) -> Iterator[Database]:
    """A database whose locale knows the letters of no other script, or of all."""
    if request.param == "C":
        yield postgres_db
        return
    parts = urlsplit(postgres_db.url)
    name = f"{parts.path.strip('/')}_utf8"
    with psycopg.connect(postgres_db.url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(
            f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
        )
    db = open_database(urlunsplit(parts._replace(path=f"/{name}")))
    db.execute("CREATE EXTENSION pg_trgm")
    yield db
    with psycopg.connect(postgres_db.url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=LETTERS, needle=LETTERS.filter(lambda text: len(text) >= 3), behind=LETTERS)
@example(before="ab", needle="cab cab", behind="xyz")
@example(before="д", needle="abc", behind="ж")
@example(before="x", needle="джд", behind="")
@example(before="", needle="aaa", behind="")
def test_every_text_that_holds_a_needle_has_its_trigrams(
    spoken: Database, before: str, needle: str, behind: str
) -> None:
    """Whatever stands around it; else a member would not be found by what is shown of them."""
    grams = people_search._grams(spoken, [needle])
    row = spoken.row("SELECT show_trgm(?) @> CAST(? AS TEXT[])", (before + needle + behind, grams))
    assert row == (True,), grams


def test_words_of_other_scripts_have_trigrams_where_the_locale_knows_letters(spoken: Database) -> None:
    known = len(people_search._grams(spoken, ["джд"]))
    assert known == (0 if "_utf8" not in spoken.url else 1)
    assert people_search._grams(spoken, ["lantern"]) == ["ant", "ern", "lan", "nte", "ter"]
    assert people_search._grams(spoken, ["a lan b"]) == ["  b", "  l", " la", "an ", "lan"]
    assert people_search._grams(spoken, ["- /"]) == []


def _listed(db: Database, words: list[str]) -> None:
    db.execute("SET session_replication_role = replica")       # rows without their accounts
    with db.transaction():
        db.executemany(
            "INSERT INTO people(profile_id, audience, sort_key, handle, name, words, helpful, newest)"
            " VALUES (?, 0, ?, ?, 'x', ?, 1, 1)",
            [(n, f"n{n:06}", f"n{n:06}", text) for n, text in enumerate(words, 1)],
        )


@pytest.mark.parametrize("decoys", [0, 30, 900])
@pytest.mark.parametrize("without", [(), (5,)])
def test_a_text_with_all_the_trigrams_of_a_word_is_not_found_by_it(
    postgres_db: Database, decoys: int, without: tuple[int, ...]
) -> None:
    """However many of them come first in the order: the one that holds it is found all the same."""
    rest = [f"somebody else {n}" for n in range(people_search.WALK)]
    _listed(postgres_db, ["of abcab", *["abca bcab xcab"] * decoys, *rest, "of abcab", "of abcab too"])
    found = find(postgres_db, without, Search(needles=("abcab",)), 10)
    assert [row.profile_id for row in found] == [1, *(1 + decoys + len(rest) + n for n in (1, 2))]
    assert find(postgres_db, without, Search(needles=("abcab", "too")), 10) == found[2:]
    assert find(postgres_db, without, Search(needles=("abcabca",)), 10) == []


@pytest.mark.parametrize(("audience", "index"), [(0, "people_words"), (7, "people_words_own")])
def test_words_of_anyone_and_of_organizations_stand_in_indexes_of_their_own(
    postgres_db: Database, audience: int, index: str
) -> None:
    """What PostgreSQL reads for a search in one of them is no row of the other (G7). SQLite asks its words first."""
    shape = people_search._Shape("postgresql", "name", False, 0, 1, False)
    sql = people_search._seek_sql(shape, audience, "grams", False, False)
    postgres_db.execute("SET session_replication_role = replica")       # rows without their accounts
    postgres_db.execute(
        "INSERT INTO people(profile_id, audience, sort_key, handle, name, words, helpful, newest)"
        " SELECT n, audience, n || 'x', n || 'x', 'x', md5(n || 'x') || CASE n % 500 WHEN 0 THEN ' lantern' ELSE '' END"
        ", 1, 1 FROM generate_series(1, 20000) n, (VALUES (0), (7)) a(audience)"
    )
    postgres_db.execute("ANALYZE people")
    plan = " ".join(row[0] for row in postgres_db.rows(f"EXPLAIN {sql}", (["ant", "lan"], "%lantern%", 51)))
    assert f"Bitmap Index Scan on {index} " in plan
    sql = "SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = ?::regclass"
    kept = postgres_db.row(sql, (index,))
    assert kept == ("(audience = 0)" if audience == 0 else "(audience <> 0)",)
