"""Bytes that are not pages: static files, htmx, banners, the stage and avatars. It draws and decides nothing."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache

import brotli
from flask import Blueprint, Response, abort, request

from webapp.api import _auth, _cors
from webapp.art import glass
from webapp.pages import _request, guards
from webapp.pages._look import ART_VERSION, assets, register_template_helpers
from webapp.pages._problem import NOTHING, problem

__all__ = ["blueprint", "register_template_helpers"]

blueprint = Blueprint("media", __name__)

_FOR_GOOD = "public, max-age=31536000, immutable"
_AN_HOUR = "public, max-age=3600"
_SVG = "image/svg+xml"
_HEX = frozenset("0123456789abcdef")


@blueprint.get("/static/<name>")
@guards.public
def static_file(name: str) -> Response:
    """A static file; cached for good when asked for with its hash."""
    held = assets().get(name)
    if held is None:
        abort(404)
    return _send(held.body, held.mime, request.args.get("v") == held.version)


@blueprint.get("/art/banner/<name>.svg")
@guards.public
def banner(name: str) -> Response:
    """The banner of a seed (eight hex digits), light or `-dark`."""
    seed = name.removesuffix("-dark")
    if len(seed) != 8 or not _HEX.issuperset(seed):
        abort(404)
    return _drawn(glass.banner(seed, dark=name != seed))


@blueprint.get("/art/stage<any('', '-dark'):tone>.svg")
@guards.public
def stage(tone: str) -> Response:
    """The stage beside the log-in form."""
    return _drawn(glass.stage(dark=tone == "-dark"))


@blueprint.get("/avatar/<key>.webp")
@guards.public
def avatar(key: str) -> Response:
    """An avatar under its random key, if the gate shows it to this viewer; else as if it had never existed (T57).

    Who sends a bearer token is the app that holds it and nobody else, whatever cookie comes along.
    """
    from webapp.services.avatars import open_avatar  # the picture library is loaded by the first picture

    by_token = _auth.has_bearer()
    body = open_avatar(_request.context(), _auth.looker() if by_token else _request.current_viewer(), key)
    if body is None:
        if by_token:
            return _auth.open_to_scripts(problem(404, NOTHING))
        abort(404)
    response = Response(body, mimetype="image/webp")
    if by_token or not _request.is_signed_in():
        _auth.open_to_scripts(response)
    response.headers["Content-Security-Policy"] = "sandbox"
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Disposition"] = "inline"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.vary.update(("Cookie", "Authorization"))
    response.make_conditional(request)
    return response


blueprint.add_url_rule(
    "/avatar/<key>.webp", "avatar_preflight", guards.public(_cors.read_preflight), methods=["OPTIONS"])


def _drawn(svg: str) -> Response:
    return _send(svg.encode(), _SVG, request.args.get("v") == ART_VERSION)


def _send(body: bytes, mime: str, for_good: bool) -> Response:
    encoding = request.accept_encodings.best_match(("br", "gzip", "identity"), "identity")
    response = Response(_packed(body, encoding), content_type=mime)
    if encoding != "identity":
        response.headers["Content-Encoding"] = encoding
    response.headers["Cache-Control"] = _FOR_GOOD if for_good else _AN_HOUR
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.vary.add("Accept-Encoding")
    response.set_etag(f"{hashlib.sha256(body).hexdigest()[:20]}-{encoding}")
    response.make_conditional(request)
    return response


@lru_cache(maxsize=600)
def _packed(body: bytes, encoding: str) -> bytes:
    """The body in a content encoding, packed once: these bytes are asked for by every new visitor."""
    if encoding == "br":
        return bytes(brotli.compress(body))
    return gzip.compress(body, 9, mtime=0) if encoding == "gzip" else body
