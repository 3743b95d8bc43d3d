"""How a page answers: a whole page, a fragment, a redirect after a POST, and the cache headers that fit the viewer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flask import Response, g, redirect, render_template, request, session
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as Redirect

from webapp.pages import _request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def page(template: str, status: int = 200, **views: Any) -> Response:
    """A whole page drawn from view dataclasses."""
    return _html(render_template(template, **views), status)


class Assembled(Response):
    """A page for everybody who is not signed in, of parts that stand ready. Such pages are asked for the most: what
    the framework looks for in every answer is known of these."""

    etag = ""
    parts: Sequence[bytes] = ()

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """No header here is an address that has to be completed, and the length is set."""
        return self.headers if self.status_code == 200 else super().get_wsgi_headers(environ)

    def get_app_iter(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        """The body in one piece; nothing has to be closed after it. A list: granian sends what is one at once, and
        anything else piece by piece through a channel."""
        if environ["REQUEST_METHOD"] != "GET" or self.status_code != 200:
            return []
        return self.response if isinstance(self.response, list) else list(self.iter_encoded())

    def give(self, body: bytes, encoding: str = "") -> None:
        """Set the body."""
        self.response = [body]
        self.complete([("Content-Length", str(len(body))), *([("Content-Encoding", encoding)] if encoding else [])])

    def complete(self, more: list[tuple[str, str]]) -> None:
        """Add headers of this site that hold no line break, as all of its constants."""
        self.headers._list += more


def assembled(parts: Sequence[bytes], digest: bytes) -> Response:
    """The page of these parts, or 304; `digest` is of their bytes (T59). _headers.py joins them, or has them packed."""
    etag = digest.hex()
    response = Assembled(headers=Headers(), content_type="text/html; charset=utf-8")
    response.etag = f'W/"{etag}"'
    response.complete([
        ("Vary", "HX-Request, Cookie, Accept-Encoding"), ("Cache-Control", "private, no-cache"), ("ETag", response.etag)
    ])  # fmt: skip
    if "If-None-Match" in request.headers and request.if_none_match.contains_weak(etag):
        response.status_code = 304
        del response.headers["Content-Type"]
    else:
        response.parts = parts
    return response


def fragment(template: str, status: int = 200, **views: Any) -> Response:
    """A part of a page, for htmx. Under 422 htmx swaps it in too: forms come back with their messages."""
    return _html(render_template(template, **views), status)


def see_other(url: str) -> Redirect:
    """303: after a POST the browser gets the result. Under htmx the same address; htmx follows it."""
    return redirect(url, 303)


def go_to(url: str) -> Response | Redirect:
    """Leave for another page: 303, or under htmx a 204 with HX-Redirect, which loads the page whole."""
    if _request.wants_fragment():
        return Response(status=204, headers={"HX-Redirect": url})
    return redirect(url, 303)


def set_cache_headers(response: Response) -> Response:
    """Cache rules (T58, T59), for whatever has none yet.

    A page for somebody signed in, or one that holds a form's token, is stored nowhere. An anonymous page may be kept
    and is asked for again with the hash of what the gate let out, so that a 304 tells nothing but "the same bytes".
    """
    if response.mimetype == "text/html" and "Vary" not in response.headers:
        response.vary.update(("HX-Request", "Cookie"))
    if "Cache-Control" in response.headers:
        return response
    if _is_personal() or response.status_code != 200 or request.method not in {"GET", "HEAD"}:
        response.headers["Cache-Control"] = "private, no-store"
        return response
    response.headers["Cache-Control"] = "private, no-cache"
    if not response.is_streamed:
        response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32], weak=True)
        if request.if_none_match:
            response.make_conditional(request)
    return response


def is_compressible(response: Response) -> bool:
    """Whether the answer may be compressed here (files come compressed already).

    BREACH: where a secret (the CSRF token, a member's own data) and text that an attacker chose stand in one compressed
    answer, its length tells the secret. So only pages without either kind of secret are compressed.
    """
    return response.status_code == 200 and response.mimetype == "text/html" and not _is_personal()


def _is_personal() -> bool:
    return _request.is_signed_in() or "csrf_token" in g or session.modified


def _html(body: str, status: int) -> Response:
    return Response(body, status, mimetype="text/html")
