"""Flask-Login's one place: who is signed in, the member's menu, logging a browser in and out. The sessions are rows (services).

The cookie holds the random id of a login-session row; without the row it is worth nothing, so a copied cookie dies
with the log-out (T11) and every session can be listed and ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, g
from flask_login import LoginManager, UserMixin, login_user, logout_user
from flask_login import current_user as current_user
from flask_wtf.csrf import generate_csrf

from policies.terms import Viewer
from webapp.pages import _request, guards
from webapp.services.views import MemberBar

if TYPE_CHECKING:
    from webapp.services import sessions


class SignedIn(UserMixin):  # type: ignore[misc]
    """The request's live login session, as Flask-Login's user."""

    def __init__(self, session_id: str, session: sessions.Session) -> None:
        self.session_id = session_id
        self.session = session

    def get_id(self) -> str:
        return self.session_id

    @property
    def viewer(self) -> Viewer:
        return self.session.viewer

    @property
    def is_admin(self) -> bool:
        return self.session.is_admin

    @property
    def proved_at(self) -> int:
        return self.session.proved_at


def register(app: Flask) -> None:
    """Hook Flask-Login and the shell's `member` into the application."""
    manager = LoginManager(app)
    manager.session_protection = None      # the row is the truth; binding to an address would log people out on the move
    manager.user_loader(_load)
    manager.unauthorized_handler(guards.ask_to_log_in)
    app.context_processor(_shell)


def _load(session_id: str) -> SignedIn | None:
    from webapp.services import sessions

    session = sessions.load_session(_request.context(), session_id, _request.now())
    return None if session is None else SignedIn(session_id, session)


def _shell() -> dict[str, Any]:
    if g.get("without_member") or not _request.is_signed_in():
        return {"member": None}
    bar: MemberBar = current_user.session.bar(generate_csrf())
    return {"member": bar}


def log_in(session_id: str, session: sessions.Session) -> None:
    """Put a login session's id into a fresh cookie (T10): whatever the cookie held before is dropped."""
    from flask import session as cookie

    cookie.clear()
    login_user(SignedIn(session_id, session))
    cookie.permanent = True


def log_out() -> None:
    """Empty the cookie; the row is ended by the service."""
    from flask import session as cookie

    logout_user()
    cookie.clear()
