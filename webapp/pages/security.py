"""Settings > Log-in and security: password, address, handle, sessions. Each change works as page and as fragment."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Invalid
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.services import accounts, addresses, sessions, throttle, tokens
from webapp.services.throttle import TooMany
from webapp.services.tokens import LinkGone

blueprint = Blueprint("security", __name__)

Answer = Response | Redirect

#: What can have been saved; the page names nothing else.
SAVED = frozenset({"password", "email", "email_sent", "handle", "sessions"})


@blueprint.get("/settings/security")
@guards.member
def security() -> Answer:
    """The whole page; after a change it says what was saved."""
    saved = request.args.get("saved", "")
    return _draw({}, saved=saved if saved in SAVED else "")


@blueprint.post("/settings/security/password")
@guards.member
def change_password() -> Answer:
    """A new password ends the other sessions (T15)."""

    def change() -> None:
        _prove_if_needed("password")
        accounts.change_password(
            _request.context(), _request.now(), _login.current_session(), request.form.get("password", "")
        )

    return _change("password", change)


@blueprint.post("/settings/security/email")
@guards.member
def change_email() -> Answer:
    """Mail a link to the new address."""

    def change() -> None:
        _prove_if_needed("email")
        addresses.ask_change(
            _request.context(), _request.now(), _login.current_session(), request.form.get("email", ""),
            throttle.remote_key(request.remote_addr),
        )

    return _change("email_sent", change)


@blueprint.get("/settings/security/email")
@guards.member
@_steps.link_page("/settings/security")
def email_page() -> Answer:
    """The page of the link in the new address's mail; it works only in the session that asked (T4)."""
    context, now = _request.context(), _request.now()
    if "token" in request.args:
        proof = tokens.open_token(context, "email", request.args["token"], now)
        if proof is None:
            raise LinkGone
        _steps.remember("email", proof.key)
        return _response.see_other("/settings/security/email")
    key = _steps.opened("email")
    if key is None:
        return _response.see_other("/settings/security")
    email = addresses.open_step(context, now, _login.current_session(), key)
    return _response.page("settings/email.html", email=email, errors={})


@blueprint.post("/settings/security/email/confirm")
@guards.member
@_steps.link_page("/settings/security")
def finish_email() -> Answer:
    """Move the account to the proved address."""
    key = _steps.require_opened("email")
    context, now, session = _request.context(), _request.now(), _login.current_session()
    try:
        addresses.finish_change(context, now, session, key)
    except Invalid as error:
        email = addresses.open_step(context, now, session, key)
        return _response.page("settings/email.html", 422, email=email, errors=error.errors)
    _steps.forget()
    return _response.see_other("/settings/security?saved=email")


@blueprint.post("/settings/security/handle")
@guards.member
def change_handle() -> Answer:
    """Another handle; the old one leads there (D20)."""

    def change() -> None:
        accounts.change_handle(
            _request.context(), _request.now(), _login.current_session(), request.form.get("handle", "")
        )

    return _change("handle", change)


@blueprint.post("/settings/security/sessions/end")
@guards.member
def end_session() -> Answer:
    """End one of the listed sessions, or with `all` every other one."""

    def change() -> None:
        context, now, session = _request.context(), _request.now(), _login.current_session()
        if request.form.get("all"):
            sessions.end_others(context, session, now)
        else:
            sessions.end_listed(context, session, request.form.get("key", ""), now)

    return _change("sessions", change)


def _change(what: str, change: Callable[[], None]) -> Answer:
    """Run a change: 303 to the page, or the new fragment; errors beside their fields with what was typed."""
    form = what.partition("_")[0]
    try:
        change()
    except Invalid as error:
        named = {f"{form}_current" if name == "current" else name: text for name, text in error.errors.items()}
        return _draw(named, status=422, form=form)
    except TooMany as error:
        return _steps.too_many(error, _draw({"": str(error)}, form=form))
    if what == "handle":        # the menu in the page's head names it too
        return _response.go_to("/settings/security?saved=handle")
    if _request.wants_fragment() and _live():
        return _draw({}, saved=what)
    return _response.go_to(f"/settings/security?saved={what}")


def _live() -> bool:
    """Whether this session still stands: its own end was asked for perhaps."""
    session = _login.current_session()
    return sessions.load_session(_request.context(), session.raw_id, _request.now()) is not None


def _prove_if_needed(form: str) -> None:
    """The password, asked in place unless it was typed a moment ago (T15)."""
    if not _login.current_session().is_recent(_request.now()):
        _login.prove(request.form.get(f"{form}_current", ""))


def _draw(errors: dict[str, str], *, status: int = 200, saved: str = "", form: str = "") -> Response:
    view = accounts.view_security(_request.context(), _login.current_session(), _request.now())
    typed = {name: request.form.get(name, "") for name in ("email", "handle")} if form else {"email": "", "handle": ""}
    draw, template = (
        (_response.fragment, "settings/_security.html") if _request.wants_fragment()
        else (_response.page, "settings/security.html")
    )
    return draw(template, status, view=view, errors=errors, typed=typed, saved=saved, form=form)
