"""Settings > Linked accounts: leaving and declining that (D18), objecting to a reset (D6). Forms and order only."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from policies.errors import Invalid, NotFound, Refused
from webapp.pages import _linking, _login, _request, _response, _steps, guards
from webapp.pages._linking_answers import HOME, Answer, at_once, draw_step, prove_if_needed
from webapp.services import link_leave, link_page
from webapp.services.throttle import TooMany

blueprint = Blueprint("leaving", __name__, url_prefix=HOME)

#: The step that an opened mailed link is remembered as.
_MAILED = {"not-me": "links: not me", "decline": "links: decline"}


@blueprint.post("/<key>/decline")
@guards.member
def decline(key: str) -> Answer:
    """The primary declines that account's request to leave (D18)."""
    return at_once(
        lambda: link_leave.decline_leave(_request.context(), _login.current_session(), key, _request.now()), "declined"
    )


@blueprint.post("/object")
@guards.member
def object_to_reset() -> Answer:
    """A linked personal account objects (D6)."""
    return at_once(
        lambda: link_leave.object_to_reset(_request.context(), _login.current_session(), _request.now()), "objected"
    )


@blueprint.post("/withdraw")
@guards.member
def withdraw_objection() -> Answer:
    """The objection is taken back (D6)."""
    return at_once(
        lambda: link_leave.withdraw_objection(_request.context(), _login.current_session(), _request.now()), "withdrawn"
    )


@blueprint.get("/leave")
@guards.member
def leave_page() -> Answer:
    """What asking to leave does."""
    return _leave()


@blueprint.post("/leave")
@guards.member
def leave() -> Answer:
    """The account that is logged in asks to be taken out."""
    try:
        prove_if_needed()
        at = link_leave.ask_to_leave(_request.context(), _login.current_session(), _request.now())
    except Invalid as error:
        return _leave(422, errors=error.errors)
    except TooMany as error:
        return _steps.too_many(error, _leave(errors={"": str(error)}))
    except Refused as error:
        return _leave(422, problem=_linking.problem_of(error))
    return _response.go_to(f"{HOME}?done={'left' if at is None else 'asked'}")


def _leave(status: int = 200, **more: Any) -> Response:
    context, session, now = _request.context(), _login.current_session(), _request.now()
    page = link_page.open_links(context, session, now)
    if not page.may_leave and "problem" not in more:
        raise NotFound
    return draw_step(_linking.Step("leave", choices={"at_once": page.leaves_at_once}, **more), status)


@blueprint.get("/<any('not-me', 'decline'):what>")
@guards.public
@_steps.link_page("/login")
def mailed_page(what: str) -> Answer:
    """The page of a mailed link, "this was not me" or "decline": one button, so that a scanner's visit does nothing."""
    if "token" in request.args:
        step = link_leave.open_mailed(_request.context(), request.args["token"], _request.now())
        _steps.remember(_MAILED[what], step.key, step.handle)
        return _response.see_other(f"{HOME}/{what}")
    if _steps.opened(_MAILED[what]) is None:
        return _response.see_other("/login")
    return _response.page("settings/linked_mail.html", what=what, handle=_steps.noted(), done=False)


@blueprint.post("/<any('not-me', 'decline'):what>")
@guards.public
@_steps.link_page("/login")
def mailed(what: str) -> Answer:
    """Do what the mailed link was for."""
    key, handle = _steps.require_opened(_MAILED[what]), _steps.noted()
    act = link_leave.leave_by_mail if what == "not-me" else link_leave.decline_by_mail
    act(_request.context(), key, _request.now())
    _steps.forget()
    return _response.page("settings/linked_mail.html", what=what, handle=handle, done=True)
