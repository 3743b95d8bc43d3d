"""Error pages: every refusal in one clear page, fragment or JSON-free line; nothing of the cause is shown (T60)."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFError
from jinja2 import TemplateNotFound
from markupsafe import escape
from werkzeug.exceptions import HTTPException, default_exceptions

from policies import errors
from webapp.pages import _problem, _request, _response
from webapp.services.throttle import TooMany

log = logging.getLogger("vitrine.errors")

#: Status -> (title, what to do). A page that is hidden and one that never was answer with the same 404 (D2).
TEXTS = {
    400: ("That did not arrive in one piece", "Go back, reload the page and try again."),
    401: ("Please log in", "This page is for members who are logged in."),
    403: ("That is not allowed", "Your page may be out of date: go back, reload it and try again."),
    404: ("There is nothing here", "The address may be mistyped, or what was here is gone."),
    405: ("That does not work here", "This address does not take that kind of request."),
    413: ("That is too large", "Send less at once; pictures may have up to 2 MB."),
    415: ("That kind of data is not taken", "Use the forms of the site."),
    422: ("That cannot be used", "Go back and check what you entered."),
    429: ("That was a little fast", "Wait a minute, then try again."),
    500: ("Something went wrong on our side", "Nothing was lost. Try again in a minute."),
    503: ("Not available right now", "Nothing was lost. Try again in a minute."),
}
#: What a part of a page says for itself, in the toast below it: the page around it is still there, and what was typed.
BRIEF = {
    400: "That did not arrive in one piece. Reload the page and try again.",
    401: "You are logged out. Log in again, then try once more.",
    403: "That is not allowed any more. Reload the page and try again.",
    404: "That is no longer here. Reload the page to see what is.",
    413: "That is too large to send.",
    422: "That cannot be used. Reload the page and try again.",
    500: "Something went wrong on our side. Try again in a minute.",
    503: "Vitrine is not available right now. Nothing was lost; try again in a minute.",
}
_STATUS: tuple[tuple[type[errors.VitrineError], int], ...] = (
    (errors.NotFound, 404), (errors.Refused, 403), (errors.Conflict, 409), (errors.Invalid, 422),
    (errors.Unavailable, 503),
)


def register(app: Flask) -> None:
    """Answer every error with a page."""
    for status in default_exceptions:
        app.register_error_handler(status, _http_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, lambda error: answer(403))
    app.register_error_handler(errors.VitrineError, _our_error)
    app.register_error_handler(Exception, _unexpected)


def answer(status: int, title: str = "", text: str = "", errors: Mapping[str, str] | None = None) -> Response:
    """The page of a status, in the site's look if it can be drawn, else plain; for programs problem details."""
    default_title, default_text = TEXTS.get(status, TEXTS[400 if status < 500 else 500])
    brief = "" if title or text else BRIEF.get(status, "")
    title, text = (title or default_title).rstrip("."), text or ("" if title else default_text)
    if status >= 500:
        g.without_member = True     # the menu needs the database, which may be the very thing that failed
    if _problem.is_wanted():
        more = {"errors": dict(errors)} if errors else {}
        response = _problem.problem(status, f"{title}. {text}".rstrip(), **more)
    elif _request.wants_fragment():
        response = Response(brief or f"{title}. {text}".rstrip(), status, mimetype="text/plain")   # vitrine.js says it
    else:
        response = _page(status, title, text)
    response.headers["Cache-Control"] = "private, no-store"
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response


def _page(status: int, title: str, text: str) -> Response:
    try:
        return _response.page(
            "errors/error.html", status, code=status, title=title, text=text, doors=status < 500)
    except Exception as error:
        if not isinstance(error, TemplateNotFound):
            log.exception("the page for status %s cannot be drawn", status)
        return Response(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
            f'<h1>{escape(title)}</h1><p>{escape(text)}</p><p><a href="/">Home</a></p></html>', status,
            mimetype="text/html",
        )


def _http_error(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:
        return error            # a redirect of the router
    is_read = request.method in {"GET", "HEAD"}
    response = answer(status, text="This page is not open to your account." if status == 403 and is_read else "")
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _our_error(error: errors.VitrineError) -> Response:
    if isinstance(error, TooMany):
        title, _, wait = error.problem.partition(". ")
        response = answer(429, title, f"{wait} {error.fix}".strip())
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    for kind, status in _STATUS:
        if isinstance(error, kind):
            if status in {404, 503}:        # hidden and absent say the same
                return answer(status)
            return answer(status, error.problem, error.fix, getattr(error, "errors", None))
    return _unexpected(error)


def unavailable(error: Exception) -> Response:
    """503 for a driver's error: the database cannot be used now."""
    # The driver's text may hold values of the statement: the type is enough to find the cause (T70).
    log.error("%s %s: database not usable (%s)", request.method, request.url_rule, type(error).__name__)
    return answer(503)


def _unexpected(error: Exception) -> Response:
    # Where and what, without the exception's own text: that may hold values of people (T70).
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s %s failed: %s\n%s", request.method, request.url_rule, type(error).__name__, where)
    return answer(500)
