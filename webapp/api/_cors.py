"""Which scripts of other sites may read an answer (T97). Never with cookies: no answer allows credentials.

What anybody gets without a token, any site may read. What a token or a code gives, only pages of the app that holds
it may: an app without a secret, at the origin of an address that it registered. Everybody else's scripts get nothing.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request

from webapp.pages import _request
from webapp.services import oauth

ALLOW = "Access-Control-Allow-Origin"
#: Headers of answers that a script needs beside those that browsers show it anyway.
EXPOSED = "ETag, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, WWW-Authenticate"
#: Seconds for which a browser need not ask again whether it may ask.
_REMEMBERED = "7200"


def open_to_all(response: Response) -> Response:
    """Any site may read this: it holds what anybody gets."""
    response.headers[ALLOW] = "*"
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    return response


def open_to_app(response: Response, app_id: int | None) -> Response:
    """Pages of this app alone may read this; None: no page of another site may."""
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin and app_id is not None and origin in oauth.origins_of(_request.context(), app_id):
        response.headers[ALLOW] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
    return response


def preflight(method: str, headers: str) -> Response:
    """The answer to a browser that asks whether a page may ask. It holds nothing: what follows is judged by itself."""
    return Response(status=204, headers={
        ALLOW: "*", "Access-Control-Allow-Methods": method, "Access-Control-Allow-Headers": headers,
        "Access-Control-Max-Age": _REMEMBERED, "Cache-Control": "no-store",
    })  # fmt: skip


def read_preflight(**_path: Any) -> Response:
    """For the addresses of reads."""
    return preflight("GET", "Authorization, If-None-Match")
