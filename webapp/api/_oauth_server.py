"""Authlib's OAuth 2.0 server with this site's rules: it is narrowed here, what is kept is services.oauth's.

Where Authlib leaves a door open it is shut: a challenge is required and S256 only, parameters come from one place and
once, addresses come from BASE_URL (T83), tokens reach no log, redirects are compared as strings.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.models import AuthorizationCodeMixin, ClientMixin, TokenMixin
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Request

from webapp.pages import _request
from webapp.services import oauth, tokens
from webapp.services.grants import SCOPES
from webapp.services.oauth import Client, Code, Token

# At DEBUG Authlib writes the tokens that it hands out (T70, T97).
logging.getLogger("authlib").setLevel(logging.INFO)

WITH_SECRET = ("client_secret_basic", "client_secret_post")
ANY_CLIENT = (*WITH_SECRET, "none")


class Payload(FlaskOAuth2Payload):
    """The parameters of a request: of the query at /oauth/authorize, of the form elsewhere (a token in a query string
    counts for nothing, T97)."""

    def __init__(self, request: Request, from_query: bool) -> None:
        super().__init__(request)
        self._from_query = from_query

    @property
    def data(self) -> Any:
        return self._request.args if self._from_query else self._request.form

    @property
    def scope(self) -> str:
        """The scopes named; empty where there are none but blanks, which Authlib would take for some."""
        return " ".join(str(self.data.get("scope") or "").split())

    @property
    def datalist(self) -> Any:
        return defaultdict(list, {name: self.data.getlist(name) for name in self.data})


class ProtocolRequest(FlaskOAuth2Request):
    """A request as it was sent to BASE_URL, whatever a proxy or a Host header made of it."""

    def __init__(self, request: Request) -> None:
        site = _request.context().site
        OAuth2Request.__init__(self, request.method, site.base_url + request.path, headers=request.headers)
        self._request = request
        self.payload = Payload(request, request.path == "/oauth/authorize")


class App(ClientMixin):
    """A registered app as Authlib asks about it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        return self.client.client_id

    def get_default_redirect_uri(self) -> None:
        """None: the address is always named."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        return self.client.allowed(scope or "")

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.client.redirects

    def check_client_secret(self, client_secret: str) -> bool:
        return oauth.is_secret(_request.context(), self.client, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none" if self.client.is_public else method in WITH_SECRET

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token"} or (
            grant_type == "client_credentials" and not self.client.is_public
        )


class OpenCode(AuthorizationCodeMixin):
    """A code that may be exchanged."""

    code_challenge_method = "S256"

    def __init__(self, raw: str, code: Code) -> None:
        self.raw = raw
        self.code = code
        self.code_challenge = code.challenge

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return self.code.scopes


class OpenToken(TokenMixin):
    """A live token of the client that asks."""

    def __init__(self, raw: str, token: Token) -> None:
        self.raw = raw
        self.token = token

    def check_client(self, client: App) -> bool:
        return bool(self.token.app_id == client.client.id)

    def get_scope(self) -> str:
        return self.token.family_scopes

    def is_expired(self) -> bool:
        return self.token.expires_at <= _request.now()

    def is_revoked(self) -> bool:
        return False        # a revoked token is not there any more


class Challenge(CodeChallenge):
    """PKCE for every client, S256 and nothing else (T87)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]
    CODE_CHALLENGE_METHODS = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("A code_challenge with code_challenge_method=S256 is required.")
        if len(data["code_challenge"]) != 43:
            raise InvalidRequestError("Invalid 'code_challenge'")
        super().validate_code_challenge(grant, redirect_uri)


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = list(ANY_CLIENT)

    def query_authorization_code(self, code: str, client: App) -> OpenCode | None:
        found = oauth.open_code(_request.context(), client.client, code, _request.now())
        return None if found is None else OpenCode(code, found)

    def authenticate_user(self, authorization_code: OpenCode) -> int:
        return authorization_code.code.account_id

    def delete_authorization_code(self, authorization_code: OpenCode) -> None:
        """Nothing: it was used up in the transaction that made the tokens."""


class RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = list(ANY_CLIENT)
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> OpenToken | None:
        found = oauth.open_refresh(_request.context(), self.request.client.client, refresh_token, _request.now())
        return None if found is None else OpenToken(refresh_token, found)

    def authenticate_user(self, refresh_token: OpenToken) -> int | None:
        return refresh_token.token.account_id

    def revoke_old_credential(self, refresh_token: OpenToken) -> None:
        """Nothing: it was used up in the transaction that made the new ones."""


class OwnGrant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = list(WITH_SECRET)


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = list(ANY_CLIENT)

    def check_params(self, request: Any, client: App) -> None:
        _need_token(request)

    def query_token(self, token_string: str, token_type_hint: str | None) -> OpenToken | None:
        return _find(self.server, token_string)

    def revoke_token(self, token: OpenToken, request: Any) -> None:
        oauth.end_token(_request.context(), request.client.client, token.raw, _request.now())

    def authenticate_token(self, request: Any, client: App) -> OpenToken | None:
        self.check_params(request, client)
        return _find(client, request.form["token"])


class Introspection(IntrospectionEndpoint):
    """Of the client's own tokens only: any other is not active (T96)."""

    CLIENT_AUTH_METHODS = list(WITH_SECRET)

    def authenticate_token(self, request: Any, client: App) -> OpenToken | None:
        _need_token(request)
        return _find(client, request.form["token"])

    def introspect_token(self, token: OpenToken) -> dict[str, Any]:
        context, kept = _request.context(), token.token
        answer = {
            "active": True, "token_type": "Bearer" if kept.kind == "access" else "refresh_token",
            "scope": kept.scopes, "exp": min(kept.expires_at, kept.ends_at), "iat": kept.created_at,
            "iss": context.site.base_url,
        }
        subject = oauth.subject_of(context, kept)
        return answer | {"sub": subject} if subject else answer


class Server(AuthorizationServer):
    """The one server of the application; it keeps nothing itself."""

    def create_oauth2_request(self, request: Any) -> ProtocolRequest:
        from flask import request as current

        made = ProtocolRequest(current)
        if any(len(values) > 1 for values in made.payload.datalist.values()):
            raise RepeatedParameter
        return made

    def query_client(self, client_id: str) -> App | None:
        client = oauth.find_client(_request.context(), client_id)
        return None if client is None else App(client)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Keep what was just made, in one transaction with what it was made of. Errors: InvalidGrantError."""
        context, now, client = _request.context(), _request.now(), request.client.client
        if request.authorization_code is not None:
            seconds = oauth.exchange(
                context, client, request.authorization_code.raw, token["access_token"], token["refresh_token"], now)
        elif request.refresh_token is not None:
            seconds = oauth.rotate(
                context, client, request.refresh_token.raw, token["scope"], token["access_token"],
                token["refresh_token"], now)
        else:
            seconds = oauth.issue_own(context, client, token["scope"], token["access_token"], now)
        if seconds is None:
            raise InvalidGrantError()
        token["expires_in"] = seconds


class RepeatedParameter(InvalidRequestError):
    def __init__(self) -> None:
        super().__init__("A parameter is repeated.")


def make_token(
    grant_type: str, client: App, user: Any = None, scope: str | None = None, expires_in: int | None = None,
    include_refresh_token: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Opaque random tokens, within what the app may have now."""
    allowed = client.client.allowed(scope or "", own=grant_type == "client_credentials")
    if allowed is None:
        raise InvalidScopeError()
    token = {"token_type": "Bearer", "access_token": tokens.new_token(), "expires_in": 0, "scope": allowed}
    if include_refresh_token:
        token["refresh_token"] = tokens.new_token()
    return token


def _need_token(request: Any) -> None:
    if not request.form.get("token"):
        raise InvalidRequestError("Missing 'token' in request.")


def _find(client: App, raw: str) -> OpenToken | None:
    found = oauth.open_token(_request.context(), client.client, raw, _request.now())
    return None if found is None else OpenToken(raw, found)


def build() -> Server:
    """The server with its grants and endpoints."""
    made = Server()
    made.scopes_supported = list(SCOPES)
    made.register_token_generator("default", make_token)
    made.register_grant(CodeGrant, [Challenge(required=True)])
    made.register_grant(RefreshGrant)
    made.register_grant(OwnGrant)
    made.register_endpoint(Revocation)
    made.register_endpoint(Introspection)
    return made


server = build()
