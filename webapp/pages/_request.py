"""What a page asks of the request: the services' context, the moment, who looks, fragment or page. No decision."""

from __future__ import annotations

from typing import cast

from flask import current_app, g, request
from flask_login import current_user

from policies.terms import ANONYMOUS, Viewer
from webapp.services.context import Context


def context() -> Context:
    """The first argument of every service call."""
    return cast(Context, current_app.extensions["vitrine"])


def now() -> int:
    """The moment of this request, unix seconds UTC: one for the whole request."""
    moment = g.get("now")
    if moment is None:
        moment = g.now = int(current_app.config["CLOCK"]())
    return int(moment)


def is_signed_in() -> bool:
    """Whether a live login session stands behind the request. Without the cookie there is none to look for."""
    known = g.get("signed_in")
    if known is None:
        has_cookie = "HTTP_COOKIE" in request.environ and current_app.config["SESSION_COOKIE_NAME"] in request.cookies
        known = g.signed_in = has_cookie and bool(current_user.is_authenticated)
    return bool(known)


def current_viewer() -> Viewer:
    """Who looks, as the gate knows them; ANONYMOUS without a live login session."""
    return cast(Viewer, current_user.viewer) if is_signed_in() else ANONYMOUS


def wants_fragment() -> bool:
    """Whether htmx asks for a part of the page. Boosted links and history restores want the whole page."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )
