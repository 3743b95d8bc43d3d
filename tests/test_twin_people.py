"""Twin worlds seen from the directory: searches, filters, sorts and pages tell nobody what the pages hide (T47-T51).

The pairs are those of test_twin_worlds.py; asked is everything that could find, order or count by what is hidden. The
planted leaks at the end show that these questions see.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from policies.visibility import Gate
from tests import worlds
from tests.test_twin_worlds import (
    BY_NAME,
    DEPARTMENT,
    ELSEWHERE,
    HIDES,
    PAIRS,
    PRIVATE,
    UNLINKED,
    Pair,
    Planting,
    count,
    edit,
    nearest,
)
from tests.twin import SEARCHES, Ask, Crawl, Stock, World, compare, crawl, etags_of
from tests.worlds import canary
from webapp.services import people, people_index
from webapp.store import people_search as store

#: A silent account's numbers are in the sums of its primary's card (D5): that pair is about its own pages alone.
ALIKE = [pair for pair in PAIRS if pair.name != UNLINKED]
_FIELDS = ("full_name", "job_title", "department", "organization", "location", "bio", "products", "email", "links")


def questions(pair: Pair) -> list[Ask]:
    """The whole directory, its filters, and searches for each value of the pair: whole, in part, as in world 2."""
    paths = ["/people", *(f"/people?sort={sort}" for sort in people.SORTS), *(f"/people{query}" for query in SEARCHES)]
    for handle in pair.handles:
        for name in _FIELDS:
            value = canary(handle, name)
            paths += [f"/people?q={value}", f"/people?q={value[::-1]}x"]
        paths += [
            f"/people?q={canary(handle, 'location')[:-3]}", f"/people?location={canary(handle, 'location')}",
            f"/people?product={canary(handle, 'products')}", "/people?product=other",
            f"/people?q={quote(f'public {handle}')}&certified=1&active=1",
            *(f"/people?q={canary(handle, 'location')}&sort={sort}" for sort in people.SORTS),
        ]
    return [Ask(path, fragment=number % 3 == 1) for number, path in enumerate(dict.fromkeys(paths))]


def ask_both(
    stock: Stock, pair: Pair, viewer: str | None, plant: Callable[[World], None] | None = None, *, stale: bool = False
) -> tuple[Crawl, Crawl]:
    """Both worlds' answers; `stale`: the policy has narrowed since the index was written."""
    results: list[Crawl] = []
    for changes in ((), pair.changes):
        world = stock.fresh(*changes)
        if stale:
            for bit in (worlds.BIT[name] for name in ("full_name", "location", "stats", "activity")):
                with world.bound(), world.db.transaction():
                    worlds.append_change(world.db, "lock", "managed", worlds.NOW, bit=bit, level=0)
        if plant:
            plant(world)
        etags = etags_of(results[0]) if results else None
        results.append(crawl(world, viewer, questions(pair), etags=etags, follow=False))
        world.close()
    return results[0], results[1]


@pytest.mark.parametrize("pair", ALIKE, ids=lambda pair: pair.name)
@pytest.mark.parametrize("who", ["anonymous", "nearest"])
def test_t49_the_directories_of_twin_worlds_are_alike(stock: Stock, pair: Pair, who: str) -> None:
    """0 differing bytes, headers and statements."""
    assert compare(*ask_both(stock, pair, None if who == "anonymous" else nearest(pair))) == []


@pytest.mark.long
@pytest.mark.parametrize("pair", ALIKE, ids=lambda pair: pair.name)
def test_t49_they_are_alike_for_every_viewer(stock: Stock, pair: Pair) -> None:
    for viewer in pair.blind:
        assert compare(*ask_both(stock, pair, viewer)) == [], viewer


@pytest.mark.parametrize("name", [HIDES, ELSEWHERE, PRIVATE])
def test_they_are_alike_while_the_index_is_wider_than_the_policy(stock: Stock, name: str) -> None:
    """Statements aside: rows that are passed over may cost one more look."""
    one, two = ask_both(stock, BY_NAME[name], nearest(BY_NAME[name]), stale=True)
    same = {ask: replace(answer, statements=0) for ask, answer in one.items()}
    assert compare(same, {ask: replace(answer, statements=0) for ask, answer in two.items()}) == []


def test_who_may_see_a_change_finds_it(stock: Stock) -> None:
    """Control: where the change is shown, the directories differ."""
    pair = Pair("", ("UPDATE account SET location = 'Elsewhere' WHERE handle = 'pub'",), ("pub",))
    assert compare(*ask_both(stock, pair, None))


@pytest.mark.parametrize(
    "change", [count("lonely", "answers = answers + 500"), edit("lonely", "member_since = member_since + 86400 * 300")]
)
def test_who_may_see_what_an_order_is_made_of_sees_it_move(stock: Stock, change: str) -> None:
    """Control of the two orders by numbers."""
    pair = Pair("", (change,), ("lonely",))
    results = []
    for changes in ((), pair.changes):
        world = stock.fresh(*changes)
        sort = "helpful" if "answers" in change else "newest"
        results.append(crawl(world, None, [Ask(f"/people?sort={sort}")], follow=False))
        world.close()
    assert [re.findall(rb'data-person="([^"]+)', answer.raw) for answer in results[0].values()] != [
        re.findall(rb'data-person="([^"]+)', answer.raw) for answer in results[1].values()]


def test_t48_private_edits_and_log_ins_move_no_public_order(stock: Stock) -> None:
    """Two worlds of one public face: in one, everybody edited what is hidden, logged in, and was made later."""
    busy = (
        "UPDATE account SET row_version = row_version + id, edit_version = edit_version + id,"
        " timezone = CASE WHEN handle = 'hider' THEN 'Other' ELSE timezone END, created_at = created_at - id * 1000",
        "UPDATE login_session SET seen_at = seen_at + account_id % 5, proved_at = proved_at + account_id % 5",
        "UPDATE account SET email_verified_at = email_verified_at + id WHERE email IS NOT NULL",
    )
    for viewer in (None, "colleague"):
        results: list[Crawl] = []
        for changes in ((), busy):
            world = stock.fresh(*changes)
            asks = [*(Ask(f"/people{query}") for query in ("", *SEARCHES)), Ask("/sitemap-1.xml")]
            results.append(crawl(world, viewer, asks, follow=False))
            world.close()
        assert compare(*results) == []


# Planted leaks -------------------------------------------------------------------------------------------------------


def leak_index_of_everything(p: Planting) -> None:
    """The index holds hidden values, and what stands in the index is believed."""
    p.patch.setattr(Gate, "mask", lambda gate, viewer, subject: gate.all)
    people_index.rebuild(p.world.app.extensions["vitrine"])
    p.patch.undo()
    real = people_index.words_of
    p.patch.setattr(people_index, "words_of", lambda gate, seen, *rest: real(gate, seen, *rest) + str(p.world.db.row(
        "SELECT words FROM people WHERE profile_id = ? AND audience = 0", (seen.face.id,))))


def leak_sort(p: Planting) -> None:
    """Cards stand where the hidden location puts them."""
    real = people.view_people

    def view_people(*args: Any) -> Any:
        page = real(*args)
        cards = sorted(page.cards, key=lambda card: str(p.secret(card.handle, "location")))
        return replace(page, cards=tuple(cards))

    p.patch.setattr(people, "view_people", view_people)


def leak_filter(p: Planting) -> None:
    """Whoever has hidden products is left out of a search by product that they would match."""
    real = store.find

    def find(db: Any, audiences: Any, search: Any, limit: int) -> Any:
        found = real(db, audiences, search, limit)
        return [row for row in found if "zq" in str(p.secret(row.handle, "products"))]

    p.patch.setattr(store, "find", find)


def leak_count(p: Planting) -> None:
    """The number of all matches, hidden ones too."""
    p.template("people/_results.html", "By name.", "{{ (secret('mgd', 'department') or '')|length }} people.")


def leak_statement(p: Planting) -> None:
    """One look more for a member who hides something."""
    real = people.view_people

    def view_people(ctx: Any, *args: Any) -> Any:
        if str(p.secret("own", "full_name")).startswith("Ann"):
            ctx.db.row("SELECT 1")
        return real(ctx, *args)

    p.patch.setattr(people, "view_people", view_people)


def leak_private(p: Planting) -> None:
    """Private profiles are listed with all they have."""
    real = people_index.sight
    p.patch.setattr(people_index, "sight", lambda gate, group, *rest: real(gate, _public(group), *rest))
    people_index.rebuild(p.world.app.extensions["vitrine"])


def leak_points(p: Planting) -> None:
    """Whoever hides the numbers stands where they put them."""
    p.patch.setattr(people_index.Sight, "shows_points", lambda seen, gate: True)
    people_index.rebuild(p.world.app.extensions["vitrine"])


def leak_joined(p: Planting) -> None:
    """Whoever hides since when they are here stands where that puts them, and what stands in the index is believed."""
    real = people_index.Sight.shows
    p.patch.setattr(people_index.Sight, "shows", lambda seen, gate, name: name == "activity" or real(seen, gate, name))
    people_index.rebuild(p.world.app.extensions["vitrine"])
    p.patch.undo()
    p.patch.setattr(people, "_is_in_place", lambda *_: True)


def _public(group: Any) -> Any:
    open_ = group.asked._replace(private=False)
    return replace(group, asked=open_, primary=open_)


PLANTS: tuple[tuple[Callable[[Planting], None], str], ...] = (
    (leak_index_of_everything, HIDES), (leak_sort, HIDES), (leak_filter, HIDES), (leak_count, DEPARTMENT),
    (leak_statement, ELSEWHERE), (leak_private, PRIVATE), (leak_points, HIDES), (leak_joined, HIDES),
)


@pytest.mark.parametrize(("leak", "name"), PLANTS, ids=[leak.__name__ for leak, _ in PLANTS])
def test_a_planted_leak_of_the_directory_is_found(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, leak: Callable[[Planting], None], name: str
) -> None:
    planting = Planting(monkeypatch)

    def plant(world: World) -> None:
        monkeypatch.undo()
        planting.world = world
        with world.bound():
            leak(planting)

    assert compare(*ask_both(stock, BY_NAME[name], None, plant))
