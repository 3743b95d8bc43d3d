"""Who calls the API: the holder of a bearer token, or anybody. Cookies are not looked at, nor tokens in an address.

What a token shows is said in services.app_views; what it may write, in ingest.py; whose scripts read it, in _cors.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

from flask import Response, abort, g, request

from webapp.api import _cors
from webapp.pages import _request, guards
from webapp.pages._problem import problem
from webapp.services import grants
from webapp.services.app_views import ANYBODY, Looker, looker_of
from webapp.services.grants import Bearer
from webapp.services.throttle import remote_key

View = TypeVar("View", bound=Callable[..., Any])

_BEARER = "bearer "


def token() -> str | None:
    """The token of the Authorization header; empty for a header of another kind, None without one."""
    given = request.headers.get("Authorization")
    if given is None:
        return None
    return given[len(_BEARER):].strip() if given[: len(_BEARER)].lower() == _BEARER else ""


def has_bearer() -> bool:
    """Whether the request names a bearer token, good or not. What a proxy's own log-in sends is none."""
    return request.headers.get("Authorization", "")[: len(_BEARER)].lower().rstrip() == _BEARER.rstrip()


def bearer() -> Bearer | None:
    """Whose access token the request holds, None without one. A token that is no good ends the request with 401."""
    found = _known()
    if found is None and token() is not None:
        end(refusal("This access token is unknown, expired or revoked.", "invalid_token"))
    return found


def reader() -> str:
    """Whose reads these are, for their limit: the app's for this member, or the network's without a token of use."""
    found = _known()
    if found is None:
        return f"network:{remote_key(request.remote_addr)}"
    return f"token:{found.app_id}:{found.grant_id or ''}"


def open_to_scripts(response: Response) -> Response:
    """Which scripts of other sites may read this answer."""
    if response.status_code == 401 or "Authorization" not in request.headers:
        return _cors.open_to_all(response)      # a refusal says the same to whoever has no token of use
    found = _known()
    return _cors.open_to_app(response, found.app_id if found else None)


def _known() -> Bearer | None:
    if "bearer" not in g:
        given = token()
        g.bearer = None if given is None else grants.authenticate(_request.context(), given, _request.now())
    return cast("Bearer | None", g.bearer)


def looker() -> Looker:
    """What the caller sees as."""
    found = bearer()
    return ANYBODY if found is None else looker_of(_request.context(), found)


def refusal(detail: str, error: str = "", status: int = 401) -> Response:
    """The answer to a caller whose token is missing, no good or not enough (RFC 6750)."""
    response = problem(status, detail)
    response.headers["WWW-Authenticate"] = f'Bearer error="{error}"' if error else "Bearer"
    return response


def end(answer: Response) -> NoReturn:
    """Leave the request here, with this answer."""
    abort(answer)


def token_only(view: View) -> View:
    """Whoever holds a token; what kind, the view asks. Anybody else gets 401."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not token():
            return refusal("This needs a bearer token.")
        return view(*args, **kwargs)

    setattr(guarded, guards.MARK, "bearer")
    return cast(View, guarded)
