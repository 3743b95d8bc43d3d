"""The front page and the two legal pages. Nothing about a person."""

from __future__ import annotations

from flask import Blueprint, Response

from webapp.pages import _request, _response, guards
from webapp.services import site_settings

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
    return _response.page("legal/terms.html", terms=site_settings.view_terms(_request.context()))


@blueprint.get("/privacy")
@guards.public
def privacy() -> Response:
    """The privacy policy that sign-up and log-in refer to (S27)."""
    return _response.page("legal/privacy.html")
