"""Admin > Sources: who sends activity, and with which tokens. A new token is shown in one answer, never again."""

from __future__ import annotations

from flask import Response, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Invalid, Refused
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint, prove_if_needed
from webapp.services import source_tokens
from webapp.services.throttle import TooMany

Answer = Response | Redirect

SAVED = frozenset({"source", "revoked"})
_TYPED = ("source", "name", "label", "area")


@blueprint.get("/sources")
@guards.admin
def sources() -> Response:
    """Every source with its tokens."""
    saved = request.args.get("saved", "")
    return _draw({}, saved=saved if saved in SAVED else "")


@blueprint.post("/sources")
@guards.admin
def add_source() -> Answer:
    """Make a source known that no plugin brings."""
    name, label, area = (request.form.get(name, "") for name in ("name", "label", "area"))
    try:
        source_tokens.add_source(
            _request.context(), _login.current_session(), name.strip(), label, area, _request.now()
        )
    except Invalid as error:
        return _draw(error.errors, 422)
    return _response.go_to("/admin/sources?saved=source")


@blueprint.post("/sources/token")
@guards.admin
def make_token() -> Answer:
    """A new token. It is in this answer only: no redirect could carry it without keeping it somewhere."""
    try:
        prove_if_needed()
        source = request.form.get("source", "")
        token = source_tokens.make(_request.context(), _login.current_session(), source, _request.now())
    except Invalid as error:
        return _draw(error.errors, 422)
    except TooMany as error:
        return _steps.too_many(error, _draw({"": str(error)}))
    except Refused as error:
        return _draw({"source": str(error)}, 422)
    return _draw({}, token=token)


@blueprint.post("/sources/<source>/tokens/<int(max=2147483647):number>/revoke")
@guards.admin
def revoke_token(source: str, number: int) -> Answer:
    """End a token: the next request with it is refused."""
    source_tokens.revoke(_request.context(), _login.current_session(), source, number, _request.now())
    if _request.wants_fragment():
        return _draw({}, saved="revoked")
    return _response.go_to("/admin/sources?saved=revoked")


def _draw(errors: dict[str, str], status: int = 200, *, saved: str = "", token: str = "") -> Response:
    found = source_tokens.list_sources(_request.context(), _request.now())
    typed = {name: request.form.get(name, "") if errors else "" for name in _TYPED}
    if token:
        typed["source"] = request.form.get("source", "")
    draw, template = (
        (_response.fragment, "admin/_sources.html") if _request.wants_fragment()
        else (_response.page, "admin/sources.html")
    )
    return draw(template, status, sources=found, errors=errors, typed=typed, saved=saved, token=token)
