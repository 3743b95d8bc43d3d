"""The twin worlds on PostgreSQL: every pair, its pages and its directory. What the pairs are: test_twin_worlds.py.

The other engine orders rows of equal keys as it stored them and plans otherwise: what is not ordered to the end, or
ordered by what is hidden, shows here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.test_twin_people import ALIKE, ask_both
from tests.test_twin_worlds import BY_NAME, HIDES, PAIRS, Pair, crawl_both, nearest
from tests.twin import Ask, PostgresStock, compare, crawl
from tests.worlds import OUTSIDERS

#: Asked with every route there is, by the viewer who is nearest to seeing what they must not.
WHOLE = (HIDES, "a silent link against none, seen from the silent account's own pages (T36)",
         "work details of a linked account, seen from elsewhere")


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, postgres_server: Any, _postgres_template: str) -> Iterator[Any]:
    made = PostgresStock(tmp_path_factory.mktemp("worlds"), postgres_server, _postgres_template)
    yield made
    made.close()


def test_the_directory_hides_on_postgresql_what_it_hides_on_sqlite(stock: PostgresStock) -> None:
    """T47-T50, one pair of the fast suite; the control is that a shown value is seen."""
    pair = BY_NAME[HIDES]
    assert compare(*ask_both(stock, pair, nearest(pair))) == []
    shown = Pair("", ("UPDATE account SET location = 'Elsewhere' WHERE handle = 'pub'",), ("pub",))
    results = []
    for changes in ((), shown.changes):
        world = stock.fresh(*changes)
        results.append(crawl(world, None, [Ask("/people?sort=newest")], follow=False))
        world.close()
    assert compare(*results)


@pytest.mark.long
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_twin_worlds_are_alike_on_postgresql(stock: PostgresStock, pair: Pair) -> None:
    """T36, T47-T61 for an anonymous visitor and for whoever is nearest to seeing it."""
    for viewer in (None, nearest(pair)):
        assert compare(*crawl_both(stock, pair, viewer)) == [], viewer


@pytest.mark.long
@pytest.mark.parametrize("name", WHOLE)
def test_they_are_alike_on_every_route_of_postgresql(stock: PostgresStock, name: str) -> None:
    assert compare(*crawl_both(stock, BY_NAME[name], nearest(BY_NAME[name]), general=True)) == []


@pytest.mark.long
@pytest.mark.parametrize("pair", ALIKE, ids=lambda pair: pair.name)
def test_the_directories_are_alike_on_postgresql(stock: PostgresStock, pair: Pair) -> None:
    """T47-T50 for the one of the outsiders who is asked last as well."""
    for viewer in dict.fromkeys((None, nearest(pair), OUTSIDERS[1])):
        if viewer in pair.blind:
            assert compare(*ask_both(stock, pair, viewer)) == [], viewer
