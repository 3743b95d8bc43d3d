"""The people directory: a search form, filters and cards. What is found and shown is the service's and the gate's."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, request

from webapp.pages import _request, _response, guards
from webapp.services import people
from webapp.services.people import Asked

blueprint = Blueprint("people", __name__)

_TEXTS = ("q", "location", "product")
_TICKS = ("certified", "mine", "active")


@blueprint.get("/people")
@guards.public
def directory() -> Any:
    """The whole page; under htmx the results alone, with a cursor the next cards alone."""
    q, location, product = (request.args.get(name, "").strip()[: people.TEXT_LIMIT] for name in _TEXTS)
    certified, mine, active = (request.args.get(name, "") == "1" for name in _TICKS)
    asked = Asked(
        q=q, location=location, product=product, certified=certified, mine=mine, active=active,
        sort=request.args.get("sort", ""), cursor=request.args.get("cursor", ""),
    )  # fmt: skip
    page = people.view_people(_request.context(), _request.current_viewer(), asked, _request.now())
    more = _url(asked, page.next_cursor) if page.next_cursor else None
    if not _request.wants_fragment():
        return _response.page("people/page.html", page=page, more=more, nav="people")
    return _response.fragment("people/_cards.html" if asked.cursor else "people/_results.html", page=page, more=more)


def _url(asked: Asked, cursor: str) -> str:
    """The address of the next page of the same search."""
    given = [(name, getattr(asked, name)) for name in _TEXTS if getattr(asked, name)]
    given += [("sort", asked.order)] if asked.order in people.SORTS else []
    given += [(name, "1") for name in _TICKS if getattr(asked, name)]
    return f"/people?{urlencode([*given, ('cursor', cursor)])}"
