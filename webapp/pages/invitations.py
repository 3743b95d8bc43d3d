"""The page of a mailed invitation to administer an organization (T43). Who may accept is decided by the service."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as Redirect

from policies.errors import Refused
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.services import invitations

blueprint = Blueprint("invitations", __name__)

Answer = Response | Redirect

_PURPOSE = "invitation"


@blueprint.get("/invitations")
@guards.public
@_steps.link_page("/login")
def invitation_page() -> Answer:
    """What one is invited to, and the button. The token leaves the address at once (T14)."""
    if "token" in request.args:
        _steps.remember(_PURPOSE, invitations.open_token(_request.context(), request.args["token"], _request.now()))
        return _response.see_other(url_for("invitations.invitation_page"))
    key = _steps.opened(_PURPOSE)
    if key is None:
        return _response.see_other("/login")
    return _draw(key)


@blueprint.post("/invitations")
@guards.member
@_steps.link_page("/login")
def accept_invitation() -> Answer:
    """Become an admin of the organization."""
    key = _steps.require_opened(_PURPOSE)
    try:
        slug = invitations.accept(_request.context(), _login.current_session(), key, _request.now())
    except Refused as error:
        if error.rule != "rule_invited_address":
            raise
        return _draw(key, 403)
    _steps.forget()
    return _response.see_other(url_for("admin.organization", slug=slug))


def _draw(key: str, status: int = 200) -> Response:
    session = _login.current_session() if _request.is_signed_in() else None
    step = invitations.open_step(_request.context(), session, key, _request.now())
    return _response.page("auth/invitation.html", status, step=step)
