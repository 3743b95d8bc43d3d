"""The front page and the two legal pages. Nothing about a person."""

from __future__ import annotations

from flask import Blueprint, Response

from webapp.pages import _response, guards

blueprint = Blueprint("front", __name__)


@blueprint.get("/")
@guards.public
def home() -> Response:
    """What this site is, and the way in."""
    return _response.page("home/page.html")


@blueprint.get("/terms")
@guards.public
def terms() -> Response:
    """The terms that sign-up and log-in refer to (S27)."""
    return _response.page("legal/terms.html")


@blueprint.get("/privacy")
@guards.public
def privacy() -> Response:
    """The privacy policy that sign-up and log-in refer to (S27)."""
    return _response.page("legal/privacy.html")
