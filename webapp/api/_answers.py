"""How the API answers: JSON with an ETag of exactly these bytes, and the headers that fit (T58, T59, T97)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Response, request

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def answer(payload: Any) -> Response:
    """200, or 304 where the caller has the same bytes. Kept by nobody but the caller, and asked for again each time."""
    body = _dumps(payload).encode()
    etag = hashlib.sha256(body).hexdigest()[:32]
    headers = {
        "ETag": f'"{etag}"', "Cache-Control": "private, no-cache", "Vary": "Authorization",
        "Content-Type": "application/json",
    }  # fmt: skip
    if "If-None-Match" in request.headers and request.if_none_match.contains_weak(etag):
        del headers["Content-Type"]
        response = Response(status=304, headers=headers)
        del response.headers["Content-Type"]
        return response
    return Response(body, headers=headers)


def written(payload: Any, status: int = 200) -> Response:
    """The answer to a change: stored nowhere."""
    response = Response(_dumps(payload).encode(), status, mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-store"
    return response
