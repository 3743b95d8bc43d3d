"""Admin > Default visibility: the default levels of managed and personal accounts. Forms and order only."""

from __future__ import annotations

from typing import Any

from webapp.pages import _request, _response, guards
from webapp.pages.admin._frame import blueprint
from webapp.services import matrix as service


@blueprint.get("/visibility")
@guards.admin
def matrix() -> Any:
    """Both tables, as they are in force."""
    return _response.page("admin/matrix.html", page=service.open_page(_request.context()))
