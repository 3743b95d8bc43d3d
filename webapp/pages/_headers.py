"""What every answer carries and every request must pass: security headers, request id, cross-site refusal, access log.

Paths are logged as route patterns, never with values: no token, handle or query reaches the log (T14, T70).
"""

from __future__ import annotations

import logging
import secrets
import time
from functools import lru_cache

from flask import Flask, Response, abort, current_app, g, request
from flask_compress import Compress
from flask_compress.flask_compress import _choose_algorithm

from webapp.pages import _problem, _response, guards
from webapp.services.warm import Compressed, WarmCache

access_log = logging.getLogger("vitrine.access")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
HSTS = "max-age=31536000; includeSubDomains"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


choose = lru_cache(maxsize=256)(_choose_algorithm)


class _CompressedPages:
    """Where Flask-Compress finds pages it packed before, by the ETag of their bytes: packing costs the most."""

    def __init__(self, limit: int) -> None:
        self._kept: WarmCache[Compressed] = WarmCache(limit)

    def get(self, key: str) -> bytes | None:
        found = self._kept.get(key)
        return None if found is None else found.body

    def set(self, key: str, body: bytes) -> None:
        self._kept.put(key, Compressed(body))


def register(app: Flask, *, is_https: bool) -> None:
    """Hook the checks and headers into the application. Registered first: its after-request step runs last."""
    compress = Compress()
    compress.init_app(app)
    compress.cache = packed = _CompressedPages(app.extensions["vitrine"].warm.limit // 4)

    def fill(response: _response.Assembled) -> Response:
        """Give the page its bytes: packed if the browser takes that, and at once if they were packed before."""
        accepted = request.environ.get("HTTP_ACCEPT_ENCODING")
        if accepted:
            algorithm = choose(tuple(compress.enabled_algorithms), accepted)
            kept = packed.get(f"{algorithm};{response.etag}")
            if algorithm and kept is not None:
                response.give(kept, algorithm)
                return response
        response.give(b"".join(response.parts))
        g.etag = response.etag
        return compress.after_request(response) if accepted else response

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.request_id = secrets.token_hex(8)
        # A zero byte names nothing, and PostgreSQL takes none in a text. The API answers it as any unknown name (T52).
        if "\0" in request.path and not _problem.is_wanted():
            abort(404)
        # A browser says where a request comes from; another site's change is refused before any work (T19).
        if request.method not in _SAFE and request.headers.get("Sec-Fetch-Site", "same-origin") not in {
            "same-origin", "none",
        } and not guards.takes_any_site(current_app.view_functions.get(request.endpoint or "")):
            abort(403)
        if "CONTENT_TYPE" in request.environ and request.mimetype == "application/x-www-form-urlencoded":
            # Werkzeug holds these two limits for multipart bodies only (T84).
            longest, parts = current_app.config["MAX_FORM_MEMORY_SIZE"], current_app.config["MAX_FORM_PARTS"]
            if (request.content_length or 0) > longest:
                abort(413)
            body = request.get_data()
            if len(body) > longest or body.count(b"&") >= parts:
                abort(413)

    always = [*HEADERS.items(), *([("Strict-Transport-Security", HSTS)] if is_https else [])]

    @app.after_request
    def finish(response: Response) -> Response:
        request_id = g.get("request_id", "")
        if isinstance(response, _response.Assembled):
            response.complete([*always, ("X-Request-Id", request_id)])
            if response.status_code == 200:
                response = fill(response)
        else:
            _response.set_cache_headers(response)
            own = {name for name, _ in response.headers}
            response.headers.extend([header for header in always if header[0] not in own])
            response.headers["X-Request-Id"] = request_id
            if _response.is_compressible(response) and "ETag" in response.headers:
                g.etag = response.headers["ETag"]
                response = compress.after_request(response)
            # Whether anybody is signed in is looked at in the cookie for every answer.
            vary = response.headers.get("Vary")
            if vary is None or "Cookie" not in vary:
                response.headers["Vary"] = f"{vary}, Cookie" if vary else "Cookie"
        if access_log.isEnabledFor(logging.INFO):
            took = (time.perf_counter() - g.get("began", time.perf_counter())) * 1000
            access_log.info("%s %s %s %s %.1fms", request_id, request.method, request.url_rule or "-",
                            response.status_code, took)
        return response
