"""The frame of the admin area: who gets in and who is told of it. Its pages have tests of their own."""

from __future__ import annotations

from tests.twin import Ask, Stock


def location(answer) -> str:
    return dict(answer.headers).get("Location", "")


def test_the_menu_offers_the_area_to_those_who_have_it(stock: Stock):
    world = stock.fresh()
    offered = {viewer: b'<a href="/admin/">' in world.ask(viewer, Ask("/people")).body
               for viewer in (None, "stranger", "colleague", "siteadmin", "orgadmin")}
    assert offered == {None: False, "stranger": False, "colleague": False, "siteadmin": True, "orgadmin": True}


def test_the_front_door_opens_for_admins_only(stock: Stock):
    world = stock.fresh()
    assert location(world.ask("siteadmin", Ask("/admin/"))).startswith("/admin/")
    assert world.ask("stranger", Ask("/admin/")).status == 403
    assert world.ask("colleague", Ask("/admin/")).status == 403
    assert location(world.ask(None, Ask("/admin/"))).startswith("/login")


def test_an_admin_who_is_gone_from_the_table_is_no_admin_by_the_next_request(stock: Stock):
    world = stock.fresh()
    assert world.ask("orgadmin", Ask("/admin/")).status != 403
    world.change("DELETE FROM membership")
    assert world.ask("orgadmin", Ask("/admin/")).status == 403
