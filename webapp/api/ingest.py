"""Activity that sources send and take back. Who may: the holder of a token of that very source.

What an event must be like is in schemas.py; recording, once each, with everything counted from it in one transaction,
is services.ingest.
"""

from __future__ import annotations

from typing import Any

import pydantic_core
from flask import Blueprint, request
from pydantic import ValidationError
from werkzeug.routing import BaseConverter

from policies.terms import Event
from webapp.api import _auth, schemas
from webapp.api._answers import written
from webapp.pages import _request
from webapp.pages._problem import problem
from webapp.services import ingest, source_tokens
from webapp.services.ingest import BATCH, Result

blueprint = Blueprint("ingest", __name__, url_prefix="/api/v1")

#: A batch of 1,000 events of ordinary length.
MAX_BODY = 1024 * 1024
WRITE = "activities:write"


class EventId(BaseConverter):
    """The rest of the path, whatever stands in it: what a source calls an event may begin with a slash."""

    regex = ".+"
    part_isolating = False


blueprint.record_once(lambda state: state.app.url_map.converters.update(event_id=EventId))


@blueprint.post("/activities")
@_auth.token_only
def record() -> Any:
    """Record a batch; sending it again is safe. 200 if anything of it is there now. If every event was refused: 422
    where one is not as described, 409 where what is known to the site stands against all."""
    source = _source()
    if request.mimetype != "application/json":
        return problem(415, "Send JSON, with Content-Type: application/json.")
    request.max_content_length = MAX_BODY
    try:
        body = pydantic_core.from_json(request.get_data(), allow_inf_nan=False)
    except ValueError:
        return problem(400, "The body is not JSON.")
    raw = body["events"] if isinstance(body, dict) and body.keys() == {"events"} else None
    if not isinstance(raw, list) or not 1 <= len(raw) <= BATCH:
        return problem(422, f'Send {{"events": […]}} with 1 to {BATCH:,} events and nothing beside it.')
    judged = [_judge(one) for one in raw]
    ctx, now = _request.context(), _request.now()
    outcomes = iter(ingest.record_events(ctx, source, [event for event, _ in judged if event is not None], now))
    results: list[dict[str, str]] = []
    for one, (event, why) in zip(raw, judged, strict=True):
        if event is None:
            results.append({"externalId": _id_of(one), "result": Result.REFUSED.value, "why": why})
            continue
        outcome = next(outcomes)
        results.append({
            "externalId": outcome.external_id, "result": outcome.result.value,
            **({"why": outcome.why} if outcome.why else {}),
        })  # fmt: skip
    counts = {result.value: sum(one["result"] == result for one in results) for result in Result}
    if counts[Result.REFUSED] == len(results):
        is_described = all(event is not None for event, _ in judged)
        return problem(409 if is_described else 422, "No event was taken; each says why.", **counts, events=results)
    return written({**counts, "events": results})


@blueprint.delete("/activities/<source>/<event_id:external_id>", merge_slashes=False)
@_auth.token_only
def retract(source: str, external_id: str) -> Any:
    """Take an event back, with all that was counted from it."""
    if _source() != source:
        return _auth.refusal("This token is of another source.", "invalid_token")
    if not ingest.is_id(external_id):
        return problem(404, "There is no such event.")
    if not ingest.retract_event(_request.context(), source, external_id, _request.now()):
        return problem(404, "There is no such event.")
    return "", 204, {"Cache-Control": "private, no-store"}


def _source() -> str:
    """The name of the source that the token may write for. Ends the request with 401 or 403 otherwise."""
    ctx, given = _request.context(), _auth.token() or ""
    if given.startswith(source_tokens.PREFIX):
        number = source_tokens.authenticate(ctx, given, _request.now())
        if number is None:
            _auth.end(_auth.refusal("This source token is unknown or revoked.", "invalid_token"))
    else:
        bearer = _auth.bearer()
        number = bearer.source_id if bearer is not None and WRITE in bearer.scopes else None
        if number is None:
            _auth.end(_auth.refusal(f"This needs a source's token, or the scope {WRITE}.", "insufficient_scope", 403))
    return ingest.name_of_source(ctx, number or 0)


def _judge(one: object) -> tuple[Event | None, str]:
    """The event, or why it is none."""
    try:
        return schemas.ActivityEvent.model_validate(one).happened(), ""
    except ValidationError as error:
        return None, schemas.sentence_of(error.errors(include_url=False, include_input=False, include_context=True))


def _id_of(one: object) -> str:
    """What the source called an event that is none, so that it finds it again."""
    name = one.get("externalId") if isinstance(one, dict) else None
    return name if isinstance(name, str) and ingest.is_id(name) else ""
