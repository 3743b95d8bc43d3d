"""/oauth/authorize: the page on which a member lets an app in, and the way back to the app.

Nobody is sent anywhere before app and address are known to belong together (T90), nor before they are logged in: then
an error would make this site a springboard. What is asked is checked anew when the form comes back (T93).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.errors import OAuth2Error
from flask import Blueprint, Response, redirect, request

from policies.errors import Conflict
from webapp.api._oauth_server import server
from webapp.pages import _headers, _login, _request, _response, errors, guards
from webapp.services import consent, oauth
from webapp.services.consent import Asked
from webapp.services.oauth import Client

blueprint = Blueprint("consent", __name__)

#: The parameters that mean something; each is given once.
_KNOWN = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "prompt",
    "response_mode",
)
_STATE_LIMIT = 1000


class _Stop(Exception):
    """The request ends here with this answer."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


@blueprint.get("/oauth/authorize")
@guards.public
def show() -> Any:
    """The consent page; straight back to the app if the member has allowed all of this before."""
    try:
        asked = _read()
    except _Stop as stop:
        return stop.answer
    context, session = _request.context(), _login.current_session()
    if "prompt" not in request.args and not _follows_a_form() and consent.covers(context, session, asked):
        try:
            return _back(asked.redirect_uri, code=consent.go_on(context, session, asked, _request.now()))
        except Conflict:
            pass        # taken back a moment ago: ask
    return _page(asked)


@blueprint.post("/oauth/authorize")
@guards.public
def decide() -> Any:
    """Allow with the boxes that were ticked, or not."""
    try:
        asked = _read()
    except _Stop as stop:
        return stop.answer
    if request.form.get("decision") != "allow":
        return _back(asked.redirect_uri, error="access_denied")
    try:
        code = consent.allow(
            _request.context(), _login.current_session(), asked, request.form.getlist("field"),
            request.form.get("mark", ""), _request.now(),
        )
    except Conflict as error:
        return _page(asked, f"{error.problem} {error.fix}")
    return _back(asked.redirect_uri, code=code)


def _read() -> Asked:
    """What the app asks for. The order of the checks is that of the module's text."""
    client, uri = _app_and_address()
    if not _request.is_signed_in():
        raise _Stop(guards.ask_to_log_in())
    state = request.args.get("state", "")
    if any(len(request.args.getlist(name)) > 1 for name in _KNOWN):
        raise _Stop(_refuse(uri, "invalid_request"))
    if len(state) > _STATE_LIMIT or not (state.isascii() and state.isprintable()):
        raise _Stop(_refuse(uri, "invalid_request", with_state=False))
    if request.args.get("response_type") != "code":
        raise _Stop(_refuse(uri, "unsupported_response_type" if "response_type" in request.args else "invalid_request"))
    if request.args.get("prompt", "consent") != "consent" or request.args.get("response_mode", "query") != "query":
        raise _Stop(_refuse(uri, "invalid_request"))
    try:
        grant = server.get_consent_grant()
    except OAuth2Error as error:
        raise _Stop(_refuse(uri, error.error)) from error
    except ValueError as error:
        raise _Stop(_refuse(uri, "invalid_request")) from error
    return Asked(client, grant.request.scope, uri, request.args["code_challenge"])


def _app_and_address() -> tuple[Client, str]:
    """The app and the address to return to, equal to one that it registered; else a page, and no redirect (T88)."""
    ids, uris = request.args.getlist("client_id"), request.args.getlist("redirect_uri")
    client = oauth.find_client(_request.context(), ids[0]) if len(ids) == 1 else None
    if client is None:
        raise _Stop(errors.answer(400, "This app is not known here", "Its address may be mistyped, or it was removed."))
    if len(uris) != 1 or uris[0] not in client.redirects:
        raise _Stop(errors.answer(
            400, "This app sent you with a wrong address", "It did not register the address it wants you to return to."
            " Nothing was shared. Tell those who run it."))  # fmt: skip
    return client, uris[0]


def _page(asked: Asked, problem: str = "") -> Response:
    view = consent.open_page(_request.context(), _login.current_session(), asked)
    query = request.query_string.decode("ascii", "replace")
    response = _response.page("consent/page.html", 422 if problem else 200, view=view, problem=problem, query=query)
    # Chrome holds form-action against the redirect that follows the form, too.
    parts = urlsplit(asked.redirect_uri)
    # No policy can name an address in brackets, [::1]: its scheme has to do.
    source = f"{parts.scheme}:" if "[" in parts.netloc else f"{parts.scheme}://{parts.netloc}"
    response.headers["Content-Security-Policy"] = _headers.CSP.replace(
        "form-action 'self'", f"form-action 'self' {source}")
    return response


def _follows_a_form() -> bool:
    """Whether the browser comes from a page of this site (the log-in form): its policy would stop a redirect."""
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


def _refuse(uri: str, error: str, *, with_state: bool = True) -> Any:
    """Tell the app that its request is wrong; where a redirect would be stopped, by a link."""
    if _follows_a_form() and request.method == "GET":
        return errors.answer(
            400, "This app asked for something it cannot have", "Nothing was shared. Tell those who run it.")
    return _back(uri, with_state=with_state, error=error)


def _back(uri: str, *, with_state: bool = True, **params: str) -> Any:
    """Return to the app, saying who answers (RFC 9207) and what it gave us to bring along."""
    if with_state and request.args.get("state"):
        params["state"] = request.args["state"]
    made = redirect(add_params_to_uri(uri, [*params.items(), ("iss", _request.context().site.base_url)]), 303)
    made.headers["Cache-Control"] = "no-store"
    return made
