"""The OAuth endpoints that programs call: token, revoke, introspect, and the server's metadata. Consent is a page.

They take no cookie and no form token: what counts is the client's own proof and the token in the body.
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidRequestError, OAuth2Error
from flask import Blueprint, Response, jsonify, request

from webapp.api import _cors
from webapp.api._oauth_server import ANY_CLIENT, WITH_SECRET, server
from webapp.pages import _request, guards
from webapp.services import oauth
from webapp.services.grants import SCOPES

blueprint = Blueprint("oauth", __name__)

AUTHORIZE, TOKEN, REVOKE, INTROSPECT = "/oauth/authorize", "/oauth/token", "/oauth/revoke", "/oauth/introspect"


@blueprint.post(TOKEN)
@guards.from_any_site
@guards.public
def token() -> Any:
    """A code, a refresh token or the app's own secret for an access token."""
    return _for_pages(_answer(server.create_token_response))


@blueprint.post(REVOKE)
@guards.from_any_site
@guards.public
def revoke() -> Any:
    """An app gives a token back (RFC 7009)."""
    return _for_pages(_answer(lambda: server.create_endpoint_response("revocation")))


@blueprint.post(INTROSPECT)
@guards.public
def introspect() -> Any:
    """What an own token is worth (RFC 7662)."""
    return _answer(lambda: server.create_endpoint_response("introspection"))


@blueprint.route(TOKEN, methods=["OPTIONS"])
@blueprint.route(REVOKE, methods=["OPTIONS"])
@guards.public
def preflight() -> Response:
    """A page may post; a client's own proof in a header is not for pages."""
    return _cors.preflight("POST", "Content-Type")


@blueprint.get("/.well-known/oauth-authorization-server")
@guards.public
def metadata() -> Any:
    """What this server can do (RFC 8414). Every address is made of BASE_URL (T83)."""
    base = _request.context().site.base_url
    return _cors.open_to_all(jsonify({
        "issuer": base,
        "authorization_endpoint": base + AUTHORIZE,
        "token_endpoint": base + TOKEN,
        "revocation_endpoint": base + REVOKE,
        "introspection_endpoint": base + INTROSPECT,
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": list(ANY_CLIENT),
        "revocation_endpoint_auth_methods_supported": list(ANY_CLIENT),
        "introspection_endpoint_auth_methods_supported": list(WITH_SECRET),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }))


def _answer(make: Any) -> Response:
    """Authlib's answer, stored nowhere. What it cannot even read is an invalid request."""
    try:
        response: Response = make()
    except OAuth2Error as error:
        response = server.handle_response(*error())
    except ValueError:      # bytes that are no text, characters that no error may name
        response = server.handle_response(*InvalidRequestError()())
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _for_pages(response: Response) -> Response:
    """Readable by the pages of the app that the request names, if it shows no secret: a page in a browser has none."""
    app_id = None
    if "Origin" in request.headers and "Authorization" not in request.headers and "client_secret" not in request.form:
        client = oauth.find_client(_request.context(), request.form.get("client_id", ""))
        app_id = client.id if client is not None else None
    return _cors.open_to_app(response, app_id)
