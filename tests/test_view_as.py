"""View as is what the named viewer gets: the page and the JSON beside it against a real visit (D15)."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests.conftest import NOW
from tests.twin import Stock
from tests.worlds import PEOPLE
from webapp.ops.twin import reset_limits
from webapp.services import sessions

#: What a page says of a member: each shown field, milestone, act, level and work block (docs/architecture.md).
MARKS = ("data-field", "data-badge", "data-activity-kind", "data-level", "data-org", "data-section")
#: Whoever is of an organization, by its name.
COLLEAGUES = {"Alpha Works": ("colleague", "orgadmin"), "Beta Union": ("bmember", "excolleague")}
#: Whoever has a page of their own: of a shown linked account the address leads to its primary's.
OWNERS = [person for person in PEOPLE if person.state == "active" and (person.primary is None or person.silent)]


def visit(app: Flask, who: str | None, path: str) -> tuple[int, str]:
    """Status and text of a page for an account, or for nobody."""
    client, ctx = app.test_client(), app.extensions["vitrine"]
    reset_limits(app)
    if who is not None:
        row = ctx.db.row("SELECT id FROM account WHERE handle = ?", (who,))
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = sessions.start(ctx, row[0], NOW), True
    answer = client.get(path)
    return answer.status_code, answer.text


def said(page: str) -> list[tuple[str, str, str]]:
    """Everything that is marked, with its words."""
    return sorted(
        (mark, str(node.attributes[mark]), " ".join(node.text(separator=" ").split()))
        for mark in MARKS for node in HTMLParser(page).css(f"main [{mark}]")
    )


@pytest.mark.parametrize("handle", [person.handle for person in OWNERS])
def test_d15_view_as_is_what_that_viewer_gets(stock: Stock, handle: str) -> None:
    world = stock.fresh()
    app = world.app
    status, own = visit(app, handle, f"/u/{handle}")
    assert status == 200
    shown = 0
    for link in HTMLParser(own).css(".viewbar .seg a[href]"):
        path = str(link.attributes["href"])
        key = path.partition("?as=")[2]
        organization = key.startswith("organization-")
        if key != "anyone" and not organization:
            continue
        viewer = None
        if organization:
            name = " ".join(link.text().split())
            viewer = next(one for one in COLLEAGUES[name] if one != handle)
        previewed, page = visit(app, handle, path)
        assert previewed == 200
        real, theirs = visit(app, viewer, f"/u/{handle}")
        shown += 1
        if real == 404:
            assert said(page) == [], f"{handle} as {key}"
            continue
        assert real == 200
        assert said(page) == said(theirs), f"{handle} as {key}"
        assert said(theirs), "nothing was compared"
        if viewer is None:
            told = HTMLParser(page)
            for name, text in zip(told.css(".as-json p.ink"), told.css(".as-json pre"), strict=True):
                address = name.text().strip().removeprefix("GET ")
                _, answer = visit(app, None, address)
                assert json.loads(text.text()) == json.loads(answer), address
                shown += 1
    assert shown
    world.close()
