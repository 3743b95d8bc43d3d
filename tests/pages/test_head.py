"""Head tags, robots and sitemap: what machines read of a page is what the gate shows Anyone (T55, T56)."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from tests import worlds
from tests.factories import link, make_account
from tests.twin import Ask, Stock
from tests.worlds import canary
from webapp.services import people_index
from webapp.services.context import Context

NASTY = "</script><script>alert(1)</script><!--\u2028&\"'"


def head(body: str) -> str:
    return body.partition("</head>")[0]


def metas(body: str) -> dict[str, str]:
    from html import unescape

    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', head(body))
    return {name: unescape(value) for name, value in found}


def data_of(body: str) -> Any:
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', body, re.DOTALL)
    return json.loads(found[0]) if found else None


def test_t56_a_public_profile_says_who_it_is(client: FlaskClient, sqlite_ctx: Context) -> None:
    make_account(
        sqlite_ctx.db, full_name="Sally Smith", job_title="Architect", organization="Acme", location="Lisbon",
        bio="I help.\nA lot.", avatar="k" * 32, email="sally@home.example",
        links=json.dumps([{"url": "https://a.example/", "label": ""}, {"url": "mailto:x@y.example", "label": ""}]),
    )
    body = client.get("/u/sally").text
    found = metas(body)
    assert "<title>Sally Smith · Vitrine</title>" in body
    assert found["description"] == found["og:description"] == "Architect, Acme, Lisbon. I help. A lot."
    assert (found["og:title"], found["og:type"], found["og:site_name"]) == ("Sally Smith", "profile", "Vitrine")
    assert (found["og:url"], found["profile:username"]) == ("http://localhost/u/sally", "sally")
    assert '<link rel="canonical" href="http://localhost/u/sally">' in body
    assert "robots" not in found
    data = data_of(body)
    assert data["@type"] == "ProfilePage"
    assert data["dateCreated"] == "2025-06-15"
    assert data["mainEntity"] == {
        "@type": "Person", "name": "Sally Smith", "alternateName": "@sally", "url": "http://localhost/u/sally",
        "image": f"http://localhost/avatar/{'k' * 32}.webp", "description": "I help. A lot.", "jobTitle": "Architect",
        "worksFor": {"@type": "Organization", "name": "Acme"}, "homeLocation": {"@type": "Place", "name": "Lisbon"},
        "sameAs": ["https://a.example/"],
    }  # fmt: skip
    assert "sally@home.example" not in body


def test_t74_a_value_cannot_leave_its_data_block(client: FlaskClient, sqlite_ctx: Context) -> None:
    make_account(sqlite_ctx.db, full_name=NASTY, bio=NASTY, location=NASTY)
    body = client.get("/u/sally").text
    assert "<script>alert" not in body
    assert data_of(body)["mainEntity"]["name"] == NASTY
    block = body.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    assert not set(block) & set("<>&'\u2028")


@pytest.mark.parametrize(("columns", "name"), [
    ({"private": True}, "Sally Smith"), ({"searchable": False}, "Sally Smith"), ({"state": "unclaimed"}, "Sally Smith"),
], ids=["private", "by choice", "unclaimed"])  # fmt: skip
def test_t56_noindex_for_private_unclaimed_and_by_choice(
    client: FlaskClient, sqlite_ctx: Context, columns: dict[str, Any], name: str
) -> None:
    make_account(sqlite_ctx.db, full_name=name, bio="I help.", **columns)
    for path in ("/u/sally", "/u/sally/activity", "/u/sally/badges", "/u/sally/about"):
        answer = client.get(path)
        if answer.status_code == 200:
            assert metas(answer.text)["robots"] == "noindex", path
            assert data_of(answer.text) is None
            assert not columns.get("private") or "I help." not in answer.text


@pytest.mark.parametrize("viewer", ["colleague", "own", "siteadmin"])
def test_t56_whoever_is_signed_in_gets_no_tags_for_machines(stock: Stock, viewer: str) -> None:
    """What a colleague sees and Anyone does not can stand in no tag that a crawler's copy would hold."""
    world = stock.fresh()
    for path in ("/u/own", "/u/own/activity", "/u/own/badges"):
        anonymous, seen = (world.ask(who, Ask(path)).raw.decode() for who in (None, viewer))
        assert "og:title" in head(anonymous) or "404" in anonymous
        assert canary("own", "full_name") not in anonymous
        assert "og:" not in head(seen)
        assert "ld+json" not in seen
        assert 'name="description"' not in seen


def test_t56_a_head_kept_for_a_signed_in_stranger_serves_anonymous_viewers_whole(stock: Stock) -> None:
    """The memory of drawn pages is shared by viewers of one mask, its head is not."""
    world, other = stock.fresh(), stock.fresh()
    world.ask("stranger", Ask("/u/pub"))
    assert world.ask(None, Ask("/u/pub")).raw == other.ask(None, Ask("/u/pub")).raw
    assert b"ld+json" in world.ask(None, Ask("/u/pub")).raw


def test_the_switch_works_without_scripts(client: FlaskClient, stock: Stock) -> None:
    world = stock.fresh()
    page = world.ask("stranger", Ask("/settings/profile")).raw.decode()
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    assert re.search(r'name="searchable" value="1" checked', page)
    form = {"csrf_token": token[1], "privacy": "public", "keep_name": "1"}
    assert world.ask("stranger", Ask("/settings/profile/privacy", "POST"), data=form | {"searchable": ""}).status == 303
    assert metas(world.ask(None, Ask("/u/stranger")).raw.decode())["robots"] == "noindex"
    assert b"/u/stranger<" not in world.ask(None, Ask("/sitemap-1.xml")).raw
    both = {"searchable": ["1", ""]}        # as a browser sends the ticked box and the hidden one after it
    assert world.ask("stranger", Ask("/settings/profile/privacy", "POST"), data=form | both).status == 303
    assert "robots" not in metas(world.ask(None, Ask("/u/stranger")).raw.decode())


# Robots and sitemap ---------------------------------------------------------------------------------------------------


def addresses(body: bytes) -> list[str]:
    schema = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    return [str(node.text) for node in ElementTree.fromstring(body).iter(f"{schema}loc")]


def test_robots_names_the_sitemap(client: FlaskClient) -> None:
    text = client.get("/robots.txt").text
    assert "\nSitemap: http://localhost/sitemap.xml\n" in text
    assert "Disallow: /settings/\n" in text


def test_the_index_names_every_file_and_each_is_there(client: FlaskClient, sqlite_ctx: Context) -> None:
    quiet = make_account(sqlite_ctx.db, "quiet")
    link(sqlite_ctx.db, quiet, make_account(sqlite_ctx.db, "sally"), silent=True)
    people_index.rebuild(sqlite_ctx)
    files = addresses(client.get("/sitemap.xml").data)
    assert files == ["http://localhost/sitemap-pages.xml", "http://localhost/sitemap-1.xml"]
    found = [address for file in files for address in addresses(client.get(file).data)]
    assert found[3:] == ["http://localhost/u/quiet", "http://localhost/u/sally"]
    for address in found:
        assert client.get(address).status_code == 200
    for missing in ("/sitemap-0.xml", "/sitemap-2.xml", "/sitemap-x.xml", f"/sitemap-{10**30}.xml"):
        assert client.get(missing).status_code == 404


def test_t48_t55_the_sitemap_says_the_same_to_everybody_and_nothing_but_addresses(stock: Stock) -> None:
    world = stock.fresh()
    seen = {world.ask(viewer, Ask("/sitemap-1.xml")).raw for viewer in worlds.VIEWERS}
    assert len(seen) == 1
    body = seen.pop()
    assert b"lastmod" not in body
    handles = {address.rpartition("/u/")[2] for address in addresses(body)}
    assert handles == {
        person.handle for person in worlds.PEOPLE
        if person.state == "active" and not person.private and (person.primary is None or person.silent)
    } | {"vsilent"}
