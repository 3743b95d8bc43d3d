"""How the pages of linked accounts answer: the list, a step as page or fragment, the password in place. No route."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Refused
from webapp.pages import _linking, _login, _request, _response
from webapp.services import claim_offers, link_page, sessions

Answer = Response | Redirect

HOME = _linking.HOME
#: What can have been done; the page says nothing else.
DONE = frozenset({"linked", "unlinked", "primary", "silent", "left", "asked", "declined", "objected", "withdrawn",
                  "taken", "sent-away"})


def draw_list(status: int = 200, *, done: str = "", problem: Refused | None = None) -> Response:
    """The list, whole or under htmx as fragment, with what was just done or why it was refused."""
    context, session, now = _request.context(), _login.current_session(), _request.now()
    page = link_page.open_links(context, session, now)
    together = _linking.load_together(context, session, now)
    shown = _linking.Shown(page, done, _linking.problem_of(problem), together)
    step = _linking.Step("login", is_recent=page.is_recent, in_dialog=True)
    if _request.wants_fragment():
        return _response.fragment("settings/_linked.html", status, view=shown, step=step)
    offers = claim_offers.offers_to(context, session)
    return _response.page("settings/linked.html", status, view=shown, step=step, offers=offers)


def at_once(change: Callable[[], None], done: str) -> Answer:
    """A change that needs no rehearsal: the list as it now is, or why not."""
    try:
        change()
    except Refused as error:
        return draw_list(422, problem=error)
    return draw_list(done=done) if _request.wants_fragment() else _response.see_other(f"{HOME}?done={done}")


def prove_if_needed() -> None:
    """The password, asked in place unless it was typed a moment ago (D3). Errors: Invalid (`current`), TooMany."""
    if not _login.current_session().is_recent(_request.now()):
        _login.prove(request.form.get("current", ""))


def go_on_as(raw_id: str) -> None:
    """The session's new id into the cookie; steps that were begun are forgotten."""
    session = sessions.load_session(_request.context(), raw_id, _request.now())
    if session is not None:
        _login.log_in(raw_id, session)


def draw_step(step: _linking.Step, status: int = 200) -> Response:
    """One step: on a page of its own, under htmx in the dialog."""
    session = _login.current_session()
    step = step.drawn(session.is_recent(_request.now()), _request.wants_fragment())
    if step.in_dialog:
        return _response.fragment("settings/_linked_step.html", status, step=step)
    return _response.page("settings/linked_step.html", status, step=step)
