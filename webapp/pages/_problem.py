"""Errors as programs read them: problem details (RFC 9457). What is wrong is decided elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, request

#: One sentence for the unknown, the gone and the hidden (D2).
NOTHING = "There is nothing here, or nothing that you may see."


def is_wanted() -> bool:
    """Whether the request is a program's: everything under /api/ but its pages."""
    return request.path.startswith("/api/") and request.path != "/api/docs"


def problem(status: int, detail: str, **more: Any) -> Response:
    """An answer that is stored nowhere. `more`: further members, such as `errors`, field to sentence."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    body: Mapping[str, Any] = {"type": "about:blank", "title": phrase, "status": status, "detail": detail, **more}
    response = Response(
        json.dumps(body, ensure_ascii=False).encode(), status, mimetype="application/problem+json"
    )
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Vary"] = "Authorization"
    if request.method in {"GET", "HEAD"} and "Authorization" not in request.headers:
        response.headers["Access-Control-Allow-Origin"] = "*"       # never with credentials (T97)
    return response
