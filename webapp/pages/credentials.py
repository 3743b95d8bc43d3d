"""Published badges as credentials: their addresses, the status lists, the site's key, and the owner's switch."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, request

from webapp.pages import _login, _request, _response, guards
from webapp.pages._limits import limiter
from webapp.services import credentials

blueprint = Blueprint("credentials", __name__)

_JWT = "application/vc+jwt"


@blueprint.get("/u/<handle>/badges/<badge>/credential")
@guards.public
@limiter.limit("300/minute")
def credential(handle: str, badge: str) -> Any:
    """The signed credential of a badge that its owner published."""
    return _signed(credentials.credential(_request.context(), handle, badge, _request.now()))


@blueprint.post("/u/<handle>/badges/<badge>/credential")
@guards.member
def publish(handle: str, badge: str) -> Any:
    """Publish it, or end that (`on` = 1 or nothing)."""
    switch = credentials.set_published(
        _request.context(), _login.current_session(), handle, badge, request.form.get("on") == "1", _request.now()
    )
    if _request.wants_fragment():
        return _response.fragment("badges/_publish.html", switch=switch)
    return _response.see_other(f"/u/{handle}/badges#publish-{badge}")


@blueprint.get("/credentials/status/<int:number>")
@guards.public
@limiter.limit("300/minute")
def status(number: int) -> Any:
    """A status list, signed: a bit is set where a credential does not hold (now)."""
    return _signed(credentials.status_list(_request.context(), number, _request.now()))


@blueprint.get("/.well-known/did.json")
@guards.public
def did() -> Any:
    """The site's DID document with the key that credentials are signed with."""
    found = credentials.issuer_document(_request.context())
    if found is None:
        abort(404)
    return found


def _signed(token: str | None) -> Response:
    if token is None:
        abort(404)
    return Response(token, mimetype=_JWT, headers={"Cache-Control": "private, no-cache"})
