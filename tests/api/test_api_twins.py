"""Twin worlds through tokens: an app that may not see the one hidden thing gets the same bytes from both worlds.

The pairs are those of test_twin_worlds.py; without a token the crawl there asks the API too. T36, T47-T61, T94, T95.
"""

from __future__ import annotations

import pytest

from tests import worlds
from tests.api.bearers import ALL_FIELDS, make_app, make_token
from tests.conftest import NOW
from tests.test_twin_worlds import PAIRS, UNLINKED, Pair
from tests.twin import Ask, Stock, World
from tests.worlds import PEOPLE, canary
from webapp.services import webhooks
from webapp.store import grants as grant_store
from webapp.store import webhooks as webhook_store

#: bearer -> the viewer of the pairs who sees no less: what that one is blind to, the app is blind to.
BEARERS = {
    "a community app": "stranger", "a community app with a stranger's token": "stranger",
    "organization A's app": "colleague", "organization A's app with a colleague's token": "colleague",
    "organization A's app with a stranger's token": "stranger", "organization B's app": "bmember",
}  # fmt: skip


def tokens_of(world: World) -> dict[str, str]:
    """A token for each bearer; the members tick every field of their own."""
    ids = worlds_ids(world)
    a, b = (int(row[0]) for row in world.db.rows("SELECT id FROM organization ORDER BY id LIMIT 2"))
    community, of_a, of_b = (
        make_app(world.db), make_app(world.db, "organization", a), make_app(world.db, "organization", b)
    )
    ticks = tuple(worlds.FIELDS)
    return dict(zip(BEARERS, (
        make_token(world.db, community), make_token(world.db, community, ids["stranger"], ticks=ticks),
        make_token(world.db, of_a), make_token(world.db, of_a, ids["colleague"], ticks=ticks),
        make_token(world.db, of_a, ids["stranger"], ticks=ticks), make_token(world.db, of_b),
    ), strict=True))  # fmt: skip


def worlds_ids(world: World) -> dict[str, int]:
    return dict(world.db.rows("SELECT handle, id FROM account"))


def asks(pair: Pair) -> list[Ask]:
    handles = [handle for handle in pair.handles if handle != pair.told]
    ids = [worlds.public_id(handle) for handle in handles]
    paths = [*(f"users/{number}" for number in ids), *(f"profiles/{handle}" for handle in pair.handles),
             "users?" + "&".join(f"accountId={number}" for number in (*ids, "nobody"))]  # fmt: skip
    if pair.name != UNLINKED:       # there the primary's sums differ, and its level in the list (D5)
        paths += ["people", "people?q=zq", "people?q=other"]
    return [Ask(f"/api/v1/{path}") for path in paths]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_twin_worlds_are_alike_through_tokens(stock: Stock, pair: Pair) -> None:
    one, two = stock.fresh(), stock.fresh(*pair.changes)
    with one.bound():
        first = tokens_of(one)
    with two.bound():
        second = tokens_of(two)
    for bearer, like in BEARERS.items():
        if like not in pair.blind or (like in pair.handles and "token" in bearer):
            continue
        etags = {}
        for ask in asks(pair):
            answers = [
                world.ask(None, ask, headers={"Authorization": f"Bearer {token}"})
                for world, token in ((one, first[bearer]), (two, second[bearer]))
            ]
            assert answers[0].status in {200, 302, 404}, (bearer, ask)
            assert answers[0].same_as(answers[1]), (bearer, str(ask), answers[0].body, answers[1].body)
            etags[ask] = answers[0].etag
        for ask, etag in etags.items():
            if etag:
                same = {"Authorization": f"Bearer {second[bearer]}", "If-None-Match": etag}
                assert two.ask(None, ask, headers=same).status == 304, (bearer, ask)
    one.close()
    two.close()


def test_control_who_may_see_the_change_sees_it_through_a_token(stock: Stock) -> None:
    """The harness sees: organization A's app is told of a department that Anyone does not see, B's is not."""
    pair = next(pair for pair in PAIRS if pair.name == "department and location that Anyone does not see")
    one, two = stock.fresh(), stock.fresh(*pair.changes)
    with one.bound():
        first = tokens_of(one)
    with two.bound():
        second = tokens_of(two)
    ask = Ask(f"/api/v1/users/{worlds.public_id('mgd')}")
    for bearer, differs in (("organization A's app", True), ("organization B's app", False)):
        answers = [world.ask(None, ask, headers={"Authorization": f"Bearer {token}"}).body
                   for world, token in ((one, first[bearer]), (two, second[bearer]))]  # fmt: skip
        assert (answers[0] != answers[1]) is differs


@pytest.mark.parametrize("bearer", BEARERS)
def test_no_answer_to_a_token_holds_what_is_hidden_from_it(stock: Stock, bearer: str) -> None:
    """T94, T95: the canaries of every account's own record, by the plain rules of the sweep."""
    from tests.test_privacy_sweep import found_in, is_colleague, level, may_see

    world = stock.fresh()
    with world.bound():
        token = tokens_of(world)[bearer]
    organization = "colleague" if "A's app" in bearer else "bmember" if "B's app" in bearer else None
    for person in PEOPLE:
        answer = world.ask(None, Ask(f"/api/v1/users/{worlds.public_id(person.handle)}"),
                           headers={"Authorization": f"Bearer {token}"})  # fmt: skip
        type_sees = {
            name for name in (*worlds.TEXT_FIELDS, "email", "avatar")
            if may_see(None, person, name) or (
                organization is not None and is_colleague(organization, person)
                and "stranger" not in bearer and level(person, name) >= 1 and may_see_private(person, name)
            )
        }
        if "stranger's token" in bearer and person.handle == "stranger":
            type_sees |= {*worlds.TEXT_FIELDS, "email", "avatar"}
        if "colleague's token" in bearer and person.handle == "colleague":
            type_sees |= {*worlds.TEXT_FIELDS, "email", "avatar"}
        allowed = {canary(person.handle, "avatarkey" if name == "avatar" else name) for name in type_sees}
        assert found_in(answer.raw.decode()) <= allowed, person.handle


def may_see_private(person: worlds.Person, name: str) -> bool:
    """Not hidden by the private switch of the profile."""
    from tests.test_privacy_sweep import page_of

    page = page_of(person)
    live = person.state not in {"deactivated", "deleted", "closing"}
    return live and (not page.private or (page.keep_name and name in {"avatar", "full_name"}))


#: App with a webhook -> the viewer of the pairs who sees no less.
HOOKED = {"a community app": "stranger", "organization A's app": "colleague", "organization B's app": "bmember"}


def hooks_of(world: World) -> dict[str, int]:
    """An app of each type to which every account consented, ticking nothing, and that has looked at all of them."""
    db = world.db
    a, b = (int(row[0]) for row in db.rows("SELECT id FROM organization ORDER BY id LIMIT 2"))
    apps = dict(zip(HOOKED, (
        make_app(db), make_app(db, "organization", a), make_app(db, "organization", b)), strict=True))  # fmt: skip
    with db.transaction():
        for app in apps.values():
            webhook_store.save(db, app, "https://app.example/", "salt", NOW)
            for (account,) in db.rows("SELECT id FROM account"):
                grant_store.save_grant(db, app, account, NOW, "profiles:read me:read", ALL_FIELDS, 0)
    webhooks.notice(world.context, NOW)
    assert db.row("SELECT COUNT(*) FROM webhook_delivery") == (0,)
    return apps


def told(world: World, app: int) -> set[str]:
    """The public ids that an app is told about when all of them are looked at again."""
    world.db.execute("UPDATE webhook_seen SET stamp = ''")
    webhooks.notice(world.context, NOW)
    return {row[0] for row in world.db.rows("SELECT public_id FROM webhook_delivery WHERE app_id = ?", (app,))}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_t55_no_webhook_tells_of_a_change_that_the_app_may_not_see(stock: Stock, pair: Pair) -> None:
    world = stock.fresh()
    with world.bound():
        apps = hooks_of(world)
        world.change(*pair.changes)
        for name, app in apps.items():
            if HOOKED[name] in pair.blind:
                ids = {worlds.public_id(handle) for handle in pair.handles if handle != pair.told}
                assert not told(world, app) & ids, name
    world.close()


def test_control_a_webhook_tells_of_a_change_that_the_app_may_see(stock: Stock) -> None:
    pair = next(pair for pair in PAIRS if pair.name == "department and location that Anyone does not see")
    world = stock.fresh()
    with world.bound():
        apps = hooks_of(world)
        world.change(*pair.changes)
        assert {name: told(world, app) for name, app in apps.items()} == {
            "a community app": set(), "organization A's app": {worlds.public_id("mgd")}, "organization B's app": set()}
    world.close()
