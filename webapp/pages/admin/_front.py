"""/admin/: leads to the first page that the session may open. The overview takes its place where it exists."""

from __future__ import annotations

from typing import Any

from flask import abort, url_for

from webapp.pages import _login, _request, _response, guards
from webapp.pages.admin._frame import ORGANIZATION_TABS, SITE_TABS, blueprint
from webapp.services import admins


@blueprint.get("/")
@guards.any_admin
def front() -> Any:
    """Site admins: the first tab; an organization's admin: the first tab of their (first) organization."""
    session = _login.current_session()
    if session.is_admin:
        return _response.see_other(url_for(SITE_TABS[0].endpoint))
    organizations = admins.administered(_request.context(), session)
    if not ORGANIZATION_TABS:
        abort(404)
    return _response.see_other(url_for(ORGANIZATION_TABS[0].endpoint, slug=organizations[0].slug))
