"""/hooks/<source>: signed webhooks of sources. Who may send is the signature's to say; a plugin verifies it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, request

from policies.errors import Invalid, Refused
from webapp.pages import _request, guards
from webapp.pages._limits import limiter
from webapp.pages._problem import problem
from webapp.services import source_hooks

blueprint = Blueprint("hooks", __name__)


@blueprint.post("/hooks/<source>")
@guards.public
@limiter.limit("1200/minute")
def receive_hook(source: str) -> Any:
    """Take in what a source sends. 200 with counts; 401 unsigned; 404 no such source; 413 too big; 422 nonsense."""
    if (request.content_length or 0) > source_hooks.LIMIT:     # sizes first, whoever sends
        abort(413)
    context = _request.context()
    source_hooks.find(context, source)      # before anything of the body is read
    request.max_content_length = source_hooks.LIMIT
    body = request.get_data(cache=False, parse_form_data=False)
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() != "cookie"}
    try:
        counts = source_hooks.receive(context, source, body, headers, _request.now())
    except Refused as error:
        return problem(401, str(error))
    except Invalid as error:
        return problem(422, " ".join(error.errors.values()))
    return counts, 200, {"Cache-Control": "private, no-store"}
