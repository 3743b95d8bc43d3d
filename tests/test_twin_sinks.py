"""Twin worlds in what machines and members carry away: sitemap, structured data, export (T55, T56, T68), with plants.

The pairs and the planting are those of test_twin_worlds.py. The last test names every kind of leak that must be planted
somewhere, and where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests import test_twin_people, test_twin_worlds
from tests.test_twin_worlds import BOX, BY_NAME, EMAIL, GIVER, PAIRS, PRIVATE, UNLINKED, Pair, Planting
from tests.twin import Ask, Crawl, Stock, World, compare, crawl
from webapp.services import export, profiles, sitemap

SITEMAP = (Ask("/sitemap.xml"), Ask("/sitemap-1.xml"), Ask("/robots.txt"))
EXPORT = Ask("/settings/data/export.zip")


def ask_both(
    stock: Stock, pair: Pair, viewer: str | None, asks: tuple[Ask, ...],
    plant: Callable[[World], None] = lambda world: None,
) -> tuple[Crawl, Crawl]:  # fmt: skip
    results = []
    for changes in ((), pair.changes):
        world = stock.fresh(*changes)
        plant(world)
        results.append(crawl(world, viewer, asks, follow=False))
        world.close()
    return results[0], results[1]


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.name != UNLINKED], ids=lambda pair: pair.name)
def test_t55_the_sitemaps_of_twin_worlds_are_alike(stock: Stock, pair: Pair) -> None:
    assert compare(*ask_both(stock, pair, None, SITEMAP)) == []


def test_t36_a_silent_account_is_in_the_sitemap_as_if_unlinked(stock: Stock) -> None:
    assert compare(*ask_both(stock, BY_NAME[UNLINKED], None, SITEMAP)) == []


@pytest.mark.parametrize("name", [GIVER, "a private giver of kudos and one who is gone (T54)", EMAIL, BOX])
@pytest.mark.parametrize("viewer", ["stranger", "siteadmin", "gprimary"])
def test_t68_the_exports_of_twin_worlds_are_alike(stock: Stock, name: str, viewer: str) -> None:
    """One's own data holds other people as the gate shows them, and nothing of anybody else."""
    one, two = ask_both(stock, BY_NAME[name], viewer, (EXPORT,))
    assert one[EXPORT].status == 200
    assert compare(one, two) == []


def test_t68_the_receiver_learns_nothing_of_a_private_giver_from_the_export(stock: Stock) -> None:
    """T54: also for whom the kudos were."""
    one, two = ask_both(stock, BY_NAME[GIVER], "pub", (EXPORT,))
    assert one[EXPORT].status == 200
    assert compare(one, two) == []


# Planted leaks -------------------------------------------------------------------------------------------------------


def leak_sitemap_line(p: Planting) -> None:
    """A line for whoever has an e-mail address that begins like this."""
    real = sitemap._listed

    def listed(ctx: Any, ids: list[int]) -> list[str]:
        more = ["hidden"] if str(p.secret("pub", "email")).startswith("a@") else []
        return [*real(ctx, ids), *more]

    p.patch.setattr(sitemap, "_listed", listed)


def leak_sitemap_of_private(p: Planting) -> None:
    """Whoever is private stands where the posts put them."""
    p.patch.setattr(sitemap, "_listed", lambda ctx, ids: ["prv"] * (p.secret("prv", "total_posts") % 7 + 1))


def leak_structured_data(p: Planting) -> None:
    p.view(lambda view: {"data": {**(view.data or {}), "dateModified": p.secret(view.handle, "row_version")}})


def leak_export_of_giver(p: Planting) -> None:
    """The export is longer by the name of a private giver."""
    real = export.export
    p.patch.setattr(export, "export", lambda *args: [*real(*args), str(p.secret("giverprv", "public_name")).encode()])


PLANTS: tuple[tuple[Callable[[Planting], None], str, str | None, tuple[Ask, ...]], ...] = (
    (leak_sitemap_line, EMAIL, None, SITEMAP),
    (leak_sitemap_of_private, PRIVATE, None, SITEMAP),
    (leak_structured_data, EMAIL, None, (Ask("/u/pub"),)),
    (leak_export_of_giver, GIVER, "pub", (EXPORT,)),
)


@pytest.mark.parametrize(("leak", "name", "viewer", "asks"), PLANTS, ids=[plant[0].__name__ for plant in PLANTS])
def test_a_planted_leak_of_a_sink_is_found(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, leak: Callable[[Planting], None], name: str, viewer: str | None,
    asks: tuple[Ask, ...],
) -> None:  # fmt: skip
    planting = Planting(monkeypatch)

    def plant(world: World) -> None:
        monkeypatch.undo()
        planting.world = world
        leak(planting)

    assert compare(*ask_both(stock, BY_NAME[name], viewer, asks, plant))


#: Every kind of leak that the harness must have been seen to find -> the plant.
KINDS = {
    "a sort": test_twin_people.leak_sort, "a filter": test_twin_people.leak_filter,
    "a count": test_twin_people.leak_count, "an ETag": test_twin_worlds.leak_etag,
    "an alt text": test_twin_worlds.leak_alt_text, "a title": test_twin_worlds.leak_title,
    "a description": test_twin_worlds.leak_description, "structured data": leak_structured_data,
    "a sitemap line": leak_sitemap_line, "an avatar address": test_twin_worlds.leak_avatar_address,
    "a query more": test_twin_worlds.leak_query_more, "an error text": test_twin_worlds.leak_error_text,
    "a header": test_twin_worlds.leak_header, "a length": test_twin_worlds.leak_length,
    "the order of a list": test_twin_worlds.leak_sort,
    "a memory shared by viewers": test_twin_worlds.leak_shared_memory,
    "the index of the directory": test_twin_people.leak_index_of_everything, "an export": leak_export_of_giver,
}  # fmt: skip


def test_every_kind_of_leak_is_planted_and_found() -> None:
    """Each of them is a case of one of the three tests of planted leaks."""
    planted = {leak for leak, _ in test_twin_worlds.PLANTS} | {plant[0] for plant in PLANTS}
    planted |= {leak for leak, _ in test_twin_people.PLANTS}
    assert set(KINDS.values()) <= planted
    assert len(planted) >= 30


def test_the_view_that_plants_change_is_the_one_that_is_drawn(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: a plant that changes nothing leaves the worlds alike."""
    real = profiles.view_opened
    monkeypatch.setattr(profiles, "view_opened", lambda opened: replace(real(opened)))
    assert compare(*ask_both(stock, BY_NAME[EMAIL], None, (Ask("/u/pub"),))) == []
