"""Who may call a view. Every view carries one of these marks, outermost under its route; a test walks the URL map.

What a caller then sees is not decided here but by the gate; what a member may do is decided by the services.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import abort, current_app, g, redirect, request, url_for
from flask_login import current_user

from webapp.pages import _request, _response
from webapp.services import admins

View = TypeVar("View", bound=Callable[..., Any])

MARK = "_declared_caller"
_ANY_SITE = "_from_any_site"


def public(view: View) -> View:
    """Anybody may call it, signed in or not."""
    return _mark(view, "public")


def from_any_site(view: View) -> View:
    """Scripts of other sites may post here: it looks at no cookie, so they can do no more than any program."""
    setattr(view, _ANY_SITE, True)
    return view


def takes_any_site(view: Callable[..., Any] | None) -> bool:
    """Whether a view carries `from_any_site`."""
    return getattr(view, _ANY_SITE, False)


def member(view: View) -> View:
    """Whoever is signed in; others are sent to log in and come back."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not _request.is_signed_in():
            return ask_to_log_in()
        return view(*args, **kwargs)

    return cast(View, _mark(guarded, "member"))


def recent(view: View) -> View:
    """Whoever typed their password in this session within the last five minutes; others are asked for it first."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not _request.is_signed_in():
            return ask_to_log_in()
        if not current_user.session.is_recent(_request.now()):
            return _response.go_to(url_for("auth.confirm", next=_came_from()))
        return view(*args, **kwargs)

    return cast(View, _mark(guarded, "recent"))


def admin(view: View) -> View:
    """Site admins only."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not _request.is_signed_in():
            return ask_to_log_in()
        if not current_user.session.is_admin:
            abort(403)
        return view(*args, **kwargs)

    return cast(View, _mark(guarded, "admin"))


def any_admin(view: View) -> View:
    """Site admins and admins of any organization; for what stands before both, such as the area's front door."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not _request.is_signed_in():
            return ask_to_log_in()
        if not (current_user.session.is_admin or admins.administered(_request.context(), current_user.session)):
            abort(403)
        return view(*args, **kwargs)

    return cast(View, _mark(guarded, "any_admin"))


def organization_admin(view: View) -> View:
    """Admins of the organization that `slug` names, and site admins; to anybody else it does not exist: 404 (T45).

    The view finds it by `the_organization()`.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not _request.is_signed_in():
            return ask_to_log_in()
        g.administered = admins.open_organization(_request.context(), current_user.session, kwargs["slug"])
        return view(*args, **kwargs)

    return cast(View, _mark(guarded, "organization_admin"))


def the_organization() -> admins.Organization:
    """The organization that `organization_admin` let this request in for."""
    return cast(admins.Organization, g.administered)


def declared_caller(view: Callable[..., Any]) -> str | None:
    """The mark of a view function, None if it has none."""
    return getattr(view, MARK, None)


def ask_to_log_in() -> Any:
    """Send to the log-in page: 303, or for htmx a 401 that makes it load that page whole."""
    url = url_for("auth.login", next=_came_from()) if "auth.login" in current_app.view_functions else "/login"
    if _request.wants_fragment():
        return "", 401, {"HX-Redirect": url}
    return redirect(url, 303)


def _came_from() -> str:
    """The page to return to: this one if it can be looked at, else the page that posted (its path only)."""
    if request.method in {"GET", "HEAD"} and not _request.wants_fragment():
        return request.full_path.rstrip("?")
    return "/"


def _mark(view: View, caller: str) -> View:
    setattr(view, MARK, caller)
    return view
