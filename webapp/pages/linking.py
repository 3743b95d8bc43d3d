"""Settings > Linked accounts: link in three steps, unlink, make primary, the silent box. Forms and order only.

Who may do what is in services.linking. Every step works as page and as fragment. What is shown before a confirmation
comes from the rehearsal (D4). A step out of order, of another browser or of another's row answers 400 or 404 and names
no account (T12, T20-T25).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, request

from policies.errors import Invalid, Refused
from webapp.pages import _linking, _login, _request, _response, _steps, guards
from webapp.pages._linking_answers import DONE, HOME, Answer, at_once, draw_list, draw_step, go_on_as, prove_if_needed
from webapp.services import link_rehearsal, linking, signup, throttle
from webapp.services.link_views import Rehearsal
from webapp.services.throttle import TooMany
from webapp.services.tokens import LinkGone

blueprint = Blueprint("linking", __name__, url_prefix=_linking.HOME)

LOGIN, PREVIEW, CREATE = f"{HOME}/link", f"{HOME}/link/preview", f"{HOME}/link/create"
#: The verbs on one row and their rehearsals.
VERBS: dict[str, Callable[..., Rehearsal]] = {
    "unlink": link_rehearsal.rehearse_unlink, "make-primary": link_rehearsal.rehearse_make_primary,
}  # fmt: skip


@blueprint.get("")
@guards.member
def linked_accounts() -> Answer:
    """The list, for the owner only (D5)."""
    done = request.args.get("done", "")
    return draw_list(done=done if done in DONE else "")


# Link account: log in, preview, link --------------------------------------------------------------------------------


@blueprint.get("/link")
@guards.member
def begin() -> Answer:
    """Step 1: log in to the other account, in this browser, without ending this session (S44, S46)."""
    return draw_step(_linking.Step("login", typed={"email": _steps.opened("joined") or ""}))


@blueprint.post("/link")
@guards.member
def prove() -> Answer:
    """The log-in to the other account; on to the rehearsal."""
    email = request.form.get("email", "")

    def again(status: int = 422, **more: Any) -> Response:
        return draw_step(_linking.Step("login", typed={"email": email}, **more), status)

    try:
        prove_if_needed()
        token = linking.prove_other(
            _request.context(), _login.current_session(), email, request.form.get("password", ""), _request.now(),
            address=throttle.remote_key(request.remote_addr),
        )
    except Invalid as error:
        return again(errors=error.errors)
    except TooMany as error:
        return _steps.too_many(error, again(errors={"": str(error)}))
    except Refused as error:
        return again(problem=_linking.problem_of(error))
    _steps.remember("link", token)
    return _response.see_other(PREVIEW)


@blueprint.get("/link/preview")
@guards.member
@_steps.link_page(LOGIN)
def preview() -> Answer:
    """Step 2: what linking would do (D4). Only in the browser that logged in to the other account (T23)."""
    token = _steps.opened("link")
    if token is None:
        return _response.see_other(LOGIN)
    return _preview(token, {})


@blueprint.post("/link/preview")
@guards.member
@_steps.link_page(LOGIN)
def change_preview() -> Answer:
    """The same after another choice: who is primary, what stays silent."""
    return _preview(_own_token(), _choices(), chosen=True)


@blueprint.post("/link/confirm")
@guards.member
@_steps.link_page(LOGIN)
def confirm() -> Answer:
    """Step 3: link exactly the pair that was shown (T21-T24); this session goes on under a new id (T10)."""
    token, choices = _own_token(), _choices()
    try:
        prove_if_needed()
        raw_id = linking.link_accounts(_request.context(), _login.current_session(), token, _request.now(), **choices)
    except Invalid as error:
        return _preview(token, choices, 422, errors=error.errors, chosen=True)
    except TooMany as error:
        answer = _preview(token, choices, errors={"": str(error)}, chosen=True)
        return _steps.too_many(error, answer) if isinstance(answer, Response) else answer
    except LinkGone:
        raise
    except Refused as error:
        return _preview(token, choices, 422, problem=_linking.problem_of(error), chosen=True)
    go_on_as(raw_id)
    return _response.go_to(f"{HOME}?done=linked")


@blueprint.post("/link/cancel")
@guards.member
def cancel() -> Answer:
    """Forget the log-in to the other account."""
    linking.cancel(_request.context(), _login.current_session())
    _steps.forget()
    return _response.go_to(HOME)


def _own_token() -> str:
    """The proof that the form was drawn for, if it is the one this browser holds; else the request is out of order."""
    token = _steps.require_opened("link")
    if not hmac.compare_digest(token.encode(), request.form.get("token", "").encode()):
        abort(400)
    return token


def _choices() -> dict[str, Any]:
    """What was chosen beside the rehearsal. A box that was not drawn counts as left alone."""
    form = request.form
    return {
        "primary_choice": form.get("primary") or None,
        "may_be_public": "public" in form,
        "silent": "asks_silent" in form and "shown" not in form,
    }


def _preview(token: str, choices: dict[str, Any], status: int = 200, *, chosen: bool = False, **more: Any) -> Answer:
    """`chosen`: drawn again after a choice, so the keyboard's focus stays where it is."""
    context, session, now = _request.context(), _login.current_session(), _request.now()
    try:
        rehearsal = link_rehearsal.rehearse(context, session, token, now, **choices)
    except LinkGone:
        raise
    except Refused as error:        # what was allowed at the log-in is not any more
        _steps.forget()
        return draw_step(_linking.Step("login", problem=_linking.problem_of(error)), 422)
    step = _linking.Step("preview", rehearsal=rehearsal, choices=choices, takes_focus=not chosen, **more)
    return draw_step(step, status)


# In the flow: create a personal account (S45) -----------------------------------------------------------------------


@blueprint.get("/link/create")
@guards.member
def create_page() -> Answer:
    """Name and address of a new personal account; this session goes on."""
    step = "sent" if _steps.is_joining() and "sent" in request.args else "create"
    return draw_step(_linking.Step(step, typed={"name": "", "email": ""}))


@blueprint.post("/link/create")
@guards.member
def create() -> Answer:
    """Mail the link under which the new account's password is chosen (D20); pages.auth leads back here."""
    typed = {name: request.form.get(name, "") for name in ("name", "email")}
    step = _linking.Step("create", typed=typed)
    try:
        name, mark = signup.ask(
            _request.context(), _request.now(), remote=throttle.remote_key(request.remote_addr), **typed
        )
    except Invalid as error:
        return draw_step(_linking.Step("create", typed=typed, errors=error.errors), 422)
    except TooMany as error:
        return _steps.too_many(error, draw_step(step.with_errors({"": str(error)})))
    _steps.remember_signup(mark, name, joining=True)
    return _response.see_other(f"{CREATE}?sent=1")


def join_new(email: str, password: str) -> Answer:
    """A personal account was made on the way to link it: go on with it, without ending this session."""
    session, now = _login.current_session(), _request.now()
    _steps.remember("joined", email)
    try:
        token = linking.prove_other(
            _request.context(), session, email, password, now, address=throttle.remote_key(request.remote_addr)
        )
    except (Invalid, Refused, TooMany):
        return _response.see_other(LOGIN)
    _steps.remember("link", token)
    return _response.see_other(PREVIEW)


# One row: unlink, make primary, silent, decline -----------------------------------------------------------------------


@blueprint.get("/<key>/<any('unlink', 'make-primary'):verb>")
@guards.member
def verb_page(key: str, verb: str) -> Answer:
    """What it would do (D4)."""
    return _verb(key, verb)


@blueprint.post("/<key>/unlink")
@guards.member
def unlink(key: str) -> Answer:
    """Unlink that account (S49-S51)."""

    def change() -> None:
        linking.unlink(_request.context(), _login.current_session(), key, _request.now())

    return _change(key, "unlink", change, "unlinked")


@blueprint.post("/<key>/make-primary")
@guards.member
def make_primary(key: str) -> Answer:
    """Make that account the primary (S52); this session goes on under a new id (T10)."""

    def change() -> None:
        raw_id = linking.make_primary(
            _request.context(), _login.current_session(), key, _request.now(), copy="copy" in request.form,
            accept=frozenset(request.form.getlist("accept")),
        )
        go_on_as(raw_id)

    return _change(key, "make-primary", change, "primary")


def _change(key: str, verb: str, change: Callable[[], None], done: str) -> Answer:
    """Run a verb after the password, if that is not recent; back to its rehearsal with the reason if it is refused."""
    try:
        prove_if_needed()
        change()
    except Invalid as error:
        return _verb(key, verb, 422, errors=error.errors)
    except TooMany as error:
        answer = _verb(key, verb, errors={"": str(error)})
        return _steps.too_many(error, answer) if isinstance(answer, Response) else answer
    except Refused as error:
        return _verb(key, verb, 422, problem=_linking.problem_of(error))
    return _response.go_to(f"{HOME}?done={done}")


def _verb(key: str, verb: str, status: int = 200, **more: Any) -> Answer:
    context, session, now = _request.context(), _login.current_session(), _request.now()
    try:
        rehearsal = VERBS[verb](context, session, key, now)
    except Refused as error:
        return draw_list(422, problem=error)
    return draw_step(_linking.Step(verb, rehearsal=rehearsal, **more), status)


@blueprint.post("/<key>/silent")
@guards.member
def silent(key: str) -> Answer:
    """The box *Show as part of this profile* (D5)."""
    return at_once(
        lambda: linking.set_silent(
            _request.context(), _login.current_session(), key, "shown" not in request.form, _request.now()
        ),
        "silent",
    )


@blueprint.post("/nudge")
@guards.member
def dismiss_nudge() -> Answer:
    """S39: not again."""
    linking.dismiss_nudge(_request.context(), _login.current_session(), _request.now())
    return Response("", 200, mimetype="text/html") if _request.wants_fragment() else _response.see_other(HOME)
