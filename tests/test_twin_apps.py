"""Twin worlds seen from the pages of apps: the consent page, the connected apps, the own page as an app gets it.

The pairs are those of test_twin_worlds.py. The community app belongs to somebody of the pair, so its name is drawn.
"""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.api.flow import question
from tests.services.appmaker import give, make_app
from tests.test_twin_worlds import PAIRS, Pair, edit, nearest
from tests.twin import Ask, Crawl, Stock, World, compare, crawl
from tests.worlds import BIT, account_ids

ALL_FIELDS = sum(1 << bit for name, bit in BIT.items() if bit <= BIT["products"])


def plant(world: World, pair: Pair, viewer: str) -> None:
    """A community app of somebody of the pair and one of organization A; the viewer has let both in."""
    ids = account_ids(world.db)
    alpha = world.db.row("SELECT id FROM organization WHERE slug = 'alpha'")
    assert alpha is not None
    for name, owner, organization in (("Questboard", ids[pair.handles[0]], None), ("Intranet", None, alpha[0])):
        app = make_app(world.db, owner, name, organization=organization, fields=ALL_FIELDS)
        give(world.db, app, ids[viewer], ticked=1 << BIT["email"])


def questions(viewer: str) -> list[Ask]:
    paths = [f"/oauth/authorize?{urlencode(question(client_id=f'client-{name}', prompt='consent', scope=scope))}"
             for name in ("questboard", "intranet") for scope in ("profiles:read me:read", "profiles:read")]
    paths += ["/settings/apps", *(f"/u/{viewer}?as=app-client-{name}" for name in ("questboard", "intranet"))]
    return [Ask(path) for path in paths]


def ask_both(stock: Stock, pair: Pair, viewer: str) -> tuple[Crawl, Crawl]:
    results: list[Crawl] = []
    for changes in ((), pair.changes):
        world = stock.fresh(*changes)
        plant(world, pair, viewer)
        results.append(crawl(world, viewer, questions(viewer), follow=False))
        world.close()
    return results[0], results[1]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_t36_the_pages_of_apps_are_alike_in_twin_worlds(stock: Stock, pair: Pair) -> None:
    """0 differing bytes, headers and statements."""
    viewer = nearest(pair)
    assert viewer is not None
    one, two = ask_both(stock, pair, viewer)
    assert compare(one, two) == []
    assert {answer.status for ask, answer in one.items() if ask.path == "/settings/apps"} == {200}


def test_whoever_may_see_the_owner_sees_who_asks(stock: Stock) -> None:
    """Control: a name that Anyone sees is on the page, a changed one is another page."""
    pair = Pair("", (edit("pub", "full_name = 'Ann Other'"),), ("pub",))
    one, two = ask_both(stock, pair, "stranger")
    asked = questions("stranger")[0]
    assert one[asked].status == two[asked].status == 200
    assert b"Ann Other" in two[asked].body
    assert compare(one, two)


def test_the_own_hidden_value_is_on_the_own_page_alone(stock: Stock) -> None:
    """Control: a member's own hidden e-mail is offered to the member."""
    world = stock.fresh()
    plant(world, PAIRS[0], "hider")
    answer = world.ask("hider", questions("hider")[0])
    assert answer.status == 200
    assert b'data-offered="bio"' in answer.body
    world.close()
