"""Kudos: the form beside a profile, and Settings > Kudos. Forms and order only; who may what is the services'."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Invalid, Refused
from webapp.pages import _login, _request, _response, guards
from webapp.services import kudos, kudos_own
from webapp.services.views import Moved

blueprint = Blueprint("kudos", __name__)

Answer = Response | Redirect

PAGE = "/settings/kudos"
SAVED = frozenset({"hide", "show", "report", "take-back", "mail"})


@blueprint.get("/u/<handle>/kudos/give")
@guards.member
def form(handle: str) -> Answer:
    """The form; after giving, what was given and how to take it back."""
    return _draw(handle)


@blueprint.post("/u/<handle>/kudos/give")
@guards.member
def give(handle: str) -> Answer:
    """Give them. Under htmx the form's place is swapped, without it 303 leads to the same page."""
    typed = {name: request.form.get(name, "") for name in ("category", "message")}
    try:
        moved = kudos.give(_request.context(), _login.current_session(), handle, typed, _request.now())
    except Invalid as error:
        return _draw(handle, typed, error.errors, 422)
    except Refused as error:
        return _draw(handle, typed, {"": str(error)}, 422)
    if moved is not None:
        return _response.see_other(f"/u/{moved.handle}/kudos/give")
    return _response.see_other(f"/u/{handle.lower()}/kudos/give?given=1")


@blueprint.get("/settings/kudos")
@guards.member
def own() -> Answer:
    """What one got and gave."""
    return _own(request.args.get("saved", ""))


@blueprint.post("/settings/kudos/mail")
@guards.member
def mail() -> Answer:
    """The daily mail, on or off."""
    kudos_own.mute(_request.context(), _login.current_session(), _request.now(), muted="mail" not in request.form)
    return _response.see_other(f"{PAGE}?saved=mail")


@blueprint.post("/settings/kudos/<word>/<deed>")
@guards.member
def change(word: str, deed: str) -> Answer:
    """Hide, show again, report, take back. Under htmx the line is swapped; one taken back leaves an empty place."""
    context, session, now = _request.context(), _login.current_session(), _request.now()
    try:
        if deed == "take-back":
            kudos.take_back(context, session, word, now)
        elif deed == "report":
            kudos_own.report(context, session, word, now)
        elif deed in {"hide", "show"}:
            kudos_own.hide(context, session, word, now, hidden=deed == "hide")
        else:
            abort(404)
    except Refused as error:
        return _own("", str(error), 422)
    if not _request.wants_fragment():
        return _response.see_other(f"{PAGE}?saved={deed}")
    if deed == "take-back":
        return _response.fragment("kudos/_taken.html")
    line = kudos_own.view_line(context, session, word, now)
    return _response.fragment("kudos/_received.html", line=line, swapped=deed)


def _draw(
    handle: str, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None, status: int = 200
) -> Answer:
    view = kudos.open_giving(_request.context(), _login.current_session(), handle, _request.now())
    if isinstance(view, Moved):
        return _response.see_other(f"/u/{view.handle}/kudos/give")
    draw = _response.fragment if _request.wants_fragment() else _response.page
    given = view.given if request.method == "GET" and request.args.get("given") else None
    return draw(
        "kudos/_give.html" if _request.wants_fragment() else "kudos/page.html", status, view=view, given=given,
        typed=typed or {"category": "", "message": ""}, errors=errors or {},
    )


def _own(saved: str, problem: str = "", status: int = 200) -> Answer:
    view = kudos_own.view_own(
        _request.context(), _login.current_session(), _request.now(), request.args.get("cursor", "")
    )
    if _request.wants_fragment():
        return _response.go_to(PAGE)
    return _response.page(
        "settings/kudos.html", status, view=view, saved=saved if saved in SAVED else "", problem=problem
    )
