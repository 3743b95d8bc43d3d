"""T71, T45 over every route of the admin area, from the URL map: who is no admin gets nowhere and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.test_attacks import dump, token_of
from tests.twin import FILLS, Ask, Stock, World, fillings
from webapp.pages import guards


def admin_routes(world: World, slug: str = "alpha") -> Iterator[tuple[Any, str, str, str]]:
    """(rule, declared caller, method, path) of every route under /admin; `slug`: the organization in it."""
    adapter = world.app.url_map.bind("localhost")
    for rule in world.app.url_map.iter_rules():
        if not rule.rule.startswith("/admin"):
            continue
        caller = guards.declared_caller(world.app.view_functions[rule.endpoint]) or ""
        values = next(fillings(rule, ["pub"]))
        if "slug" in values:
            values["slug"] = slug
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, caller, method, adapter.build(rule.endpoint, values, method=method)


def walk(world: World, viewer: str | None, slug: str = "alpha", **data: str) -> dict[tuple[str, str, str], int]:
    """Every admin route asked with a good token; (caller, method, path) -> status."""
    token = {"csrf_token": token_of(world, viewer)} if viewer else {}
    found = {}
    for _, caller, method, path in admin_routes(world, slug):
        more = {"data": token | data} if method != "GET" else {}
        found[caller, method, path] = world.ask(viewer, Ask(path, method), **more).status
    return found


def test_every_admin_route_declares_an_admins_guard(stock: Stock) -> None:
    world = stock.fresh()
    callers = {rule.rule: caller for rule, caller, _, _ in admin_routes(world)}
    assert callers
    wrong = {rule: caller for rule, caller in callers.items()
             if caller not in {"admin", "any_admin", "organization_admin"}}
    assert wrong == {}
    assert {rule for rule, caller in callers.items() if "<slug>" in rule} == {
        rule for rule, caller in callers.items() if caller == "organization_admin"}


@pytest.mark.parametrize("viewer", ["stranger", "colleague", "gprimary"])
def test_t71_who_is_no_admin_is_refused_everywhere_and_changes_nothing(stock: Stock, viewer: str) -> None:
    world = stock.fresh()
    token_of(world, viewer)
    before = dump(world)
    for (caller, method, path), status in walk(world, viewer).items():
        assert status == (404 if caller == "organization_admin" else 403), (method, path, status)
    assert dump(world) == before


def test_t71_nobody_is_sent_to_log_in(stock: Stock) -> None:
    world = stock.fresh()
    before = dump(world)
    for (_, method, path), status in walk(world, None).items():
        assert status in ({303} if method == "GET" else {303, 403}), (method, path, status)
    assert dump(world) == before


@pytest.mark.parametrize("slug", ["beta", "no-such-organization"])
def test_t45_another_organization_is_404_for_an_organizations_admin(stock: Stock, slug: str) -> None:
    """By page and by every verb, the organization that is another's and one that never was alike."""
    world = stock.fresh()
    token_of(world, "orgadmin")
    before = dump(world)
    for (caller, method, path), status in walk(world, "orgadmin", slug).items():
        if caller == "organization_admin":
            assert status == 404, (method, path, status)
        elif caller == "admin":
            assert status == 403, (method, path, status)
    assert dump(world) == before


#: What is another organization's or nobody's, by the name of the parameter; of others the last value of FILLS.
FOREIGN = {"name": "beta.example", "domain": "beta.example", "step": "999", "number": "999"}


def test_t45_what_is_not_this_organizations_is_404_under_its_address(stock: Stock) -> None:
    """Names and ids under the own organization's address that belong to another, or to nobody."""
    world = stock.fresh()
    adapter = world.app.url_map.bind("localhost")
    walked = 0
    for rule, caller, method, _ in admin_routes(world):
        if caller == "organization_admin" and rule.arguments - {"slug"} and method == "GET":
            values = {name: FOREIGN.get(name) or FILLS[name][-1] for name in rule.arguments} | {"slug": "alpha"}
            path = adapter.build(rule.endpoint, values, method=method)
            assert world.ask("orgadmin", Ask(path)).status == 404, path
            walked += 1
    assert walked


def test_an_unknown_organization_is_404_for_site_admins_too(stock: Stock) -> None:
    world = stock.fresh()
    for _, caller, method, path in admin_routes(world, "no-such-organization"):
        if caller == "organization_admin" and method == "GET":
            assert world.ask("siteadmin", Ask(path)).status == 404, path
    assert "no-such-organization" in FILLS["slug"]
