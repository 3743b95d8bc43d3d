"""Flask-Login's one place: who is signed in, the member's menu, logging a browser in and out.

The cookie holds the random id of a login-session row; without the row it is worth nothing, so a copied cookie dies
with the log-out (T11) and every session can be listed and ended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from flask import Flask, Request, Response, g
from flask import session as cookie
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf

from policies.terms import Viewer
from webapp.pages import _request, _steps, guards
from webapp.services import accounts, sessions, viewing
from webapp.services.sessions import Session


class CookieSession(SecureCookieSessionInterface):
    """Flask's signed cookie. Who brings none gets an empty one, and no signer is made to verify nothing.

    The API knows bearer tokens only: there a cookie is none, so no other site can use a member's browser on it (T73).
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        has_cookie = "HTTP_COOKIE" in request.environ and self.get_cookie_name(app) in request.cookies
        if has_cookie and not request.path.startswith("/api/v1/"):
            return super().open_session(app, request)
        return self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """An empty cookie that stays empty is not written; that answers vary by the cookie, _headers.py says."""
        if session or session.modified:
            super().save_session(app, session, response)


class NoRememberCookie(LoginManager):
    """Without the library's second cookie: the login-session row alone keeps somebody signed in."""

    def _update_remember_cookie(self, response: Response) -> Response:
        return response


class SignedIn(UserMixin):
    """The request's live login session, as Flask-Login's user."""

    def __init__(self, session_id: str, session: Session) -> None:
        self.session_id = session_id
        self.session = session

    def get_id(self) -> str:
        """What the cookie holds."""
        return self.session_id

    @property
    def viewer(self) -> Viewer:
        return self.session.viewer


def register(app: Flask) -> None:
    """Hook Flask-Login and the shell's `member` into the application."""
    app.session_interface = CookieSession()
    manager = NoRememberCookie(app)
    manager.session_protection = None   # the row is the truth; an address changes on the move
    manager.user_loader(_load)
    manager.unauthorized_handler(guards.ask_to_log_in)
    app.context_processor(_shell)


def log_in(session_id: str, session: Session) -> None:
    """Put a login session's id into a fresh cookie: whatever the cookie held before is dropped (T10),
    an invitation aside.

    Also for the new id that a session gets when a password was typed.
    """
    kept = _steps.kept_over_log_in()
    _empty_cookie()
    cookie.update(kept)
    login_user(SignedIn(session_id, session))
    g.signed_in = True
    cookie.permanent = True


def log_out() -> None:
    """Empty the cookie; ending the row is the service's part."""
    logout_user()
    g.signed_in = False
    _empty_cookie()


def current_session() -> Session:
    """The live login session; only for views that are not `public`."""
    return cast(Session, current_user.session)


def _load(session_id: str) -> SignedIn | None:
    session = sessions.load_session(_request.context(), session_id, _request.now())
    return None if session is None else SignedIn(session_id, session)


def _empty_cookie() -> None:
    cookie.clear()
    g.pop("csrf_token", None)           # the old form token belongs to the old cookie


def _shell() -> dict[str, Any]:
    if g.get("without_member") or not _request.is_signed_in():
        return {"member": None}
    bar = viewing.member_bar(_request.context(), current_session().viewer)
    return {"member": replace(bar, csrf_token=generate_csrf()) if bar else None}


def prove(password: str) -> None:
    """The password typed again: the session goes on under a new id and counts as recent (T10, T15).

    The form token stays, so that the other forms of the page go on working. Errors: Invalid (`current`), TooMany.
    """
    context, now = _request.context(), _request.now()
    raw_id = accounts.confirm_password(context, now, current_session(), password)
    session = sessions.load_session(context, raw_id, now)
    if session is None:
        return
    kept = {name: cookie[name] for name in ("csrf_token", "step") if name in cookie}
    log_in(raw_id, session)
    cookie.update(kept)
