"""Sign up, log in, log out, reset, type the password again. Every rule is in the services; here are forms and order.

Answers never depend on whether an address has an account (T7).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as Redirect

from policies.errors import Conflict, Invalid
from webapp.pages import _login, _request, _response, _steps, guards, linking
from webapp.pages._next import safe_next
from webapp.services import accounts, claims, recovery, returning, sessions, signup, throttle, tokens
from webapp.services.opening import open_profile
from webapp.services.returning import IsClosing
from webapp.services.sessions import Session
from webapp.services.throttle import TooMany
from webapp.services.tokens import LinkGone

blueprint = Blueprint("auth", __name__)

Answer = Response | Redirect


def remote() -> str:
    """Where the request comes from, for limits."""
    return throttle.remote_key(request.remote_addr)


def enter(raw_id: str, url: str = "") -> Answer:
    """Log the browser in with a new session and go to `url`, or to the member's own page."""
    session = sessions.load_session(_request.context(), raw_id, _request.now())
    if session is None:
        raise LinkGone
    _login.log_in(raw_id, session)
    return _response.see_other(url or _home_of(session))


def _home_of(session: Session) -> str:
    """The member's own page; where it is closed with its primary, the page that lets them leave it (D22)."""
    found = open_profile(_request.context(), session.viewer, session.handle, _request.now())
    return f"/u/{session.handle}" if found is not None else "/settings/linked-accounts"


def _device() -> str:
    return sessions.device_of(request.user_agent.string)


def _terms() -> str:
    return signup.terms_version(_request.context())


def _typed(*names: str) -> dict[str, str]:
    return {name: request.form.get(name, "") for name in names}


# Sign up -------------------------------------------------------------------------------------------------------------


@blueprint.get("/signup")
@guards.public
def signup_page() -> Answer:
    """Name, address, the Terms notice (S27)."""
    if _request.is_signed_in():
        return _home()
    return _signup_form({}, {"name": "", "email": ""})


@blueprint.post("/signup")
@guards.public
def sign_up() -> Answer:
    """Mail the link; the name stays in this browser."""
    typed = _typed("name", "email")
    try:
        name, mark = signup.ask(_request.context(), _request.now(), remote=remote(), **typed)
    except Invalid as error:
        return _signup_form(error.errors, typed, 422)
    except TooMany as error:
        return _steps.too_many(error, _signup_form({"": str(error)}, typed))
    _steps.remember_signup(mark, name)
    return _response.see_other(url_for("auth.sent", what="signup"))


def _signup_form(errors: dict[str, str], typed: dict[str, str], status: int = 200) -> Response:
    return _response.page("auth/signup.html", status, errors=errors, typed=typed, terms=_terms())


@blueprint.get("/login/link/sent", defaults={"what": "login/link"})     # a converter matches no slash
@blueprint.get("/<any('signup', 'reset'):what>/sent")
@guards.public
def sent(what: str) -> Answer:
    """Look into your mail: the same words for every address."""
    return _response.page("auth/sent.html", what=what)


@blueprint.get("/verify")
@guards.public
@_steps.link_page("/signup")
def verify_page() -> Answer:
    """The page of the sign-up link: password and handle; in another browser name and Terms too."""
    if "token" in request.args:
        return _exchange("signup", signup.open_link(_request.context(), request.args["token"], _request.now()))
    if _steps.opened("signup") is None:
        return _response.see_other("/signup")
    return _verify_form({}, {"handle": None, "name": ""})


@blueprint.post("/verify")
@guards.public
@_steps.link_page("/signup")
def verify() -> Answer:
    """Make the account and log in."""
    key = _steps.require_opened("signup")
    mark, name = _steps.typed_at_signup()
    typed = _typed("handle", "name")
    context, now = _request.context(), _request.now()
    step = signup.open_step(context, now, key, mark=mark, name=name)
    try:
        account_id = signup.finish(
            context, now, key, mark=mark, name=name, typed_name=typed["name"], handle=typed["handle"],
            password=request.form.get("password", ""), terms=request.form.get("terms", ""),
        )
    except Invalid as error:
        return _verify_form(error.errors, typed, 422)
    except Conflict:
        raise LinkGone from None
    if _steps.is_joining() and step.is_same_browser and _request.is_signed_in():
        _steps.forget_signup()
        return linking.join_new(step.email, request.form.get("password", ""))
    return enter(sessions.start(context, account_id, now, device=_device(), way="signup"))


def _verify_form(errors: dict[str, str], typed: dict[str, Any], status: int = 200) -> Response:
    mark, name = _steps.typed_at_signup()
    key = _steps.require_opened("signup")
    step = signup.open_step(_request.context(), _request.now(), key, mark=mark, name=name)
    if typed["handle"] is None:
        typed = {**typed, "handle": step.handle}
    return _response.page(
        "auth/verify.html", status, step=step, errors=errors, typed=typed, terms=_terms(),
        offers=claims.offers_at_signup(_request.context(), key, _request.now()),
    )


# Log in and out ------------------------------------------------------------------------------------------------------


@blueprint.get("/login")
@guards.public
def login() -> Answer:
    """Address and password, or a mailed link."""
    if _request.is_signed_in():
        return _home()
    return _login_form({}, "")


@blueprint.post("/login")
@guards.public
def log_in() -> Answer:
    """A new session with a new id (T10), then on to where the member wanted to go."""
    email = request.form.get("email", "")
    try:
        raw_id = accounts.log_in(
            _request.context(), _request.now(), email=email, password=request.form.get("password", ""),
            remote=remote(), device=_device(), terms=request.form.get("terms", ""),
        )
    except Invalid as error:
        return _login_form(error.errors, email, 422)
    except TooMany as error:
        return _steps.too_many(error, _login_form({"": str(error)}, email))
    except IsClosing as error:
        return offer_to_keep(error.key)
    return enter(raw_id, safe_next(request.form.get("next"), ""))


def offer_to_keep(key: str) -> Answer:
    """The account waits for its deletion (D22): the page that asks whether to keep it, in place of a session."""
    _steps.remember(returning.PURPOSE, key)
    return _response.see_other("/login/closing")


@blueprint.get("/login/closing")
@guards.public
@_steps.link_page("/login")
def closing_page() -> Answer:
    """Keep the account or leave it to its deletion. It opens in the browser that has just logged in."""
    key = _steps.opened(returning.PURPOSE)
    if key is None:
        return _response.see_other("/login")
    return _response.page("auth/closing.html", step=returning.open_step(_request.context(), key, _request.now()))


@blueprint.post("/login/closing")
@guards.public
@_steps.link_page("/login")
def keep_account() -> Answer:
    """Nothing is deleted; the browser is logged in."""
    key = _steps.require_opened(returning.PURPOSE)
    return enter(returning.cancel_deletion(_request.context(), key, _request.now(), device=_device()))


def _login_form(errors: dict[str, str], email: str, status: int = 200) -> Response:
    onward = safe_next(request.values.get("next"), "")
    return _response.page(
        "auth/login.html", status, errors=errors, email=email, onward=onward, terms=_terms(),
        is_new_password="reset" in request.args,
    )


@blueprint.post("/logout")
@guards.member
def logout() -> Answer:
    """End the session's row and have the browser forget what it kept of it (T11, T80)."""
    sessions.end(_request.context(), _login.current_session(), _request.now())
    _login.log_out()
    answer = _response.see_other("/")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _home() -> Answer:
    session = _login.current_session()
    return _response.see_other(safe_next(request.args.get("next"), _home_of(session)))


# Mailed links --------------------------------------------------------------------------------------------------------


@blueprint.get("/login/link")
@guards.public
@_steps.link_page("/login/link")
def login_link_page() -> Answer:
    """Ask for a log-in link; a link's own address leads on to its page."""
    if "token" in request.args:
        return _exchange("login", tokens.open_token(_request.context(), "login", request.args["token"], _request.now()))
    return _ask_form("login", {}, "")


@blueprint.post("/login/link")
@guards.public
def ask_login_link() -> Answer:
    """Mail a log-in link."""
    return _ask("login", "login/link")


@blueprint.get("/login/link/open")
@guards.public
@_steps.link_page("/login/link")
def open_login_link() -> Answer:
    """One button, so that a mail scanner's visit logs nobody in."""
    key = _steps.opened("login")
    if key is None:
        return _response.see_other("/login/link")
    handle = recovery.open_step(_request.context(), _request.now(), "login", key)
    return _response.page("auth/login_open.html", handle=handle, terms=_terms())


@blueprint.post("/login/link/open")
@guards.public
@_steps.link_page("/login/link")
def finish_login_link() -> Answer:
    """Log in by the opened link."""
    key = _steps.require_opened("login")
    try:
        raw_id = recovery.finish_login(
            _request.context(), _request.now(), key, device=_device(), terms=request.form.get("terms", "")
        )
    except IsClosing as error:
        return offer_to_keep(error.key)
    return enter(raw_id)


@blueprint.get("/reset")
@guards.public
@_steps.link_page("/reset")
def reset_page() -> Answer:
    """Ask for a reset link; a link's own address leads on to its page."""
    if "token" in request.args:
        return _exchange("reset", tokens.open_token(_request.context(), "reset", request.args["token"], _request.now()))
    return _ask_form("reset", {}, "")


@blueprint.post("/reset")
@guards.public
def ask_reset() -> Answer:
    """Mail a reset link."""
    return _ask("reset", "reset")


@blueprint.get("/reset/new")
@guards.public
@_steps.link_page("/reset")
def new_password_page() -> Answer:
    """The page of the reset link."""
    if _steps.opened("reset") is None:
        return _response.see_other("/reset")
    return _reset_form({})


@blueprint.post("/reset/new")
@guards.public
@_steps.link_page("/reset")
def finish_reset() -> Answer:
    """Set the new password; every session ends, this browser's too."""
    key = _steps.require_opened("reset")
    try:
        recovery.finish_reset(_request.context(), _request.now(), key, request.form.get("password", ""))
    except Invalid as error:
        return _reset_form(error.errors, 422)
    _login.log_out()
    return _response.see_other("/login?reset=done")


def _reset_form(errors: dict[str, str], status: int = 200) -> Response:
    handle = recovery.open_step(_request.context(), _request.now(), "reset", _steps.require_opened("reset"))
    return _response.page("auth/reset_new.html", status, handle=handle, errors=errors)


def _ask(purpose: str, what: str) -> Answer:
    email = request.form.get("email", "")
    try:
        recovery.ask_link(_request.context(), _request.now(), purpose, email=email, remote=remote())
    except Invalid as error:
        return _ask_form(purpose, error.errors, email, 422)
    except TooMany as error:
        return _steps.too_many(error, _ask_form(purpose, {"": str(error)}, email))
    return _response.see_other(url_for("auth.sent", what=what))


def _ask_form(purpose: str, errors: dict[str, str], email: str, status: int = 200) -> Response:
    return _response.page("auth/ask.html", status, purpose=purpose, errors=errors, email=email)


def _exchange(purpose: str, proof: Any) -> Answer:
    """Keep the proof's key and leave the token's address (T14)."""
    if proof is None:
        raise LinkGone
    _steps.remember(purpose, proof.key)
    pages = {"signup": "/verify", "login": "/login/link/open", "reset": "/reset/new"}
    return _response.see_other(pages[purpose])


# The password again ---------------------------------------------------------------------------------------------------


@blueprint.get("/settings/confirm")
@guards.member
def confirm() -> Answer:
    """Ask for the password before a page that needs it to be recent (T15)."""
    return _confirm_form({})


@blueprint.post("/settings/confirm")
@guards.member
def confirm_password() -> Answer:
    """The session gets a new id and five minutes (T10)."""
    try:
        _login.prove(request.form.get("current", ""))
    except Invalid as error:
        return _confirm_form(error.errors, 422)
    except TooMany as error:
        return _steps.too_many(error, _confirm_form({"": str(error)}))
    return _response.see_other(safe_next(request.form.get("next"), "/settings/security"))


def _confirm_form(errors: dict[str, str], status: int = 200) -> Response:
    onward = safe_next(request.values.get("next"), "/settings/security")
    return _response.page("auth/confirm.html", status, errors=errors, onward=onward)
