"""Admin > Overview: what there is, what waits, what fails. Looked at again by htmx, or by loading the page."""

from __future__ import annotations

from flask import Response

from webapp.pages import _request, _response, guards
from webapp.pages.admin._frame import blueprint
from webapp.services import admin_overview


@blueprint.get("/overview")
@guards.admin
def overview() -> Response:
    """The whole page; under htmx its figures alone."""
    view = admin_overview.view_overview(_request.context(), _request.now())
    if _request.wants_fragment():
        return _response.fragment("admin/_overview.html", view=view)
    return _response.page("admin/overview.html", view=view)
