"""The OpenAPI 3.1 document, generated from schemas.py and the list of operations below. Nothing is checked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openapi_pydantic import OpenAPI
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class
from pydantic import BaseModel

from webapp.api import schemas
from webapp.services.api_users import MOST
from webapp.services.ingest import ID_LIMIT
from webapp.services.people import SORTS, TEXT_LIMIT

VERSION = "1"
ABOUT = """Accounts, profiles and the directory of a community, as the caller may see them. Without a token: as Anyone
does. With a token of an app: as its type does, narrowed by the member whose token it is; of that member's own account
also the fields they ticked. A hidden field has no key, and neither has an empty one: an absent key says nothing. Do not
store what you read: read it again, for people change their minds."""
_ACCOUNT = "An accountId, as other answers give it."


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    about: str
    place: str = "query"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb at one address. `token`: none is needed (""), any will do, or what kind it must be.

    answers: status -> model, or None for an answer without a body
    """

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, type[BaseModel] | None]
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    token: str = ""


def _path(name: str, about: str, **schema: Any) -> Parameter:
    return Parameter(name, about, "path", {"type": "string", "minLength": 1, **schema}, True)


PROBLEM = schemas.Problem
OPERATIONS: tuple[Operation, ...] = (
    Operation("get", "/users/{accountId}", "readUser", "One account's own record",
              {200: schemas.User, 401: PROBLEM, 404: PROBLEM}, (_path("accountId", _ACCOUNT),)),
    Operation("get", "/users", "readUsers", "Several accounts' own records",
              {200: schemas.Users, 401: PROBLEM, 422: PROBLEM},
              (Parameter("accountId", f"{_ACCOUNT} Once for each account.", schema={
                  "type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST}, required=True),)),
    Operation("get", "/profiles/{handle}", "readProfile", "A community profile",
              {200: schemas.Profile, 302: None, 401: PROBLEM, 404: PROBLEM},
              (_path("handle", "What stands after /u/ in the profile's address. An old handle redirects."),)),
    Operation("get", "/people", "findPeople", "The directory",
              {200: schemas.People, 401: PROBLEM},
              (Parameter("q", f"What to look for, literally; {TEXT_LIMIT} characters of it count."),
               Parameter("sort", f"By name unless it is one of {', '.join(SORTS)}; anything else is no order. "
                         "Whom it does not place comes last, by name."),
               Parameter("cursor", "nextCursor of the page before, of the same search in the same order."))),
    Operation("get", "/me", "readMe", "The member whose token this is",
              {200: schemas.User, 401: PROBLEM, 403: PROBLEM, 404: PROBLEM},
              token="a member's access token with the scope me:read"),  # noqa: S106
    Operation("post", "/activities", "sendActivities", "Send what happened at a source",
              {200: schemas.ActivitiesResult, 400: PROBLEM, 401: PROBLEM, 403: PROBLEM, 409: PROBLEM, 413: PROBLEM,
               415: PROBLEM, 422: PROBLEM},
              body=schemas.Activities, token="a source's token"),  # noqa: S106
    Operation("delete", "/activities/{source}/{externalId}", "retractActivity", "Take an event back",
              {204: None, 401: PROBLEM, 403: PROBLEM, 404: PROBLEM},
              (_path("source", "The source's name, as the token's."),
               _path("externalId", "As the source sent it.", maxLength=ID_LIMIT)), token="a source's token"),  # noqa: S106
)  # fmt: skip
#: Errors that any operation may answer with.
_ALWAYS = {429: PROBLEM, 500: PROBLEM, 503: PROBLEM}
_LIMITS = {
    "RateLimit-Limit": "How many requests there are in a minute.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "Seconds until they start anew.",
}
_WAIT = {"Retry-After": "Seconds to wait."}


def document(site_name: str, base_url: str) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    api = OpenAPI.model_validate({
        "info": {"title": f"{site_name} API", "version": VERSION, "description": " ".join(ABOUT.split())},
        "servers": [{"url": f"{base_url}/api/v1"}],
        "paths": paths,
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    })
    whole = construct_open_api_with_schema_class(api).model_dump(by_alias=True, exclude_none=True, mode="json")
    found: dict[str, Any] = json.loads(json.dumps(whole))
    for schema in found["components"]["schemas"].values():
        _absent_not_null(schema)
    return found


def _operation(operation: Operation) -> dict[str, Any]:
    answers = {**operation.answers, **_ALWAYS}
    made: dict[str, Any] = {
        "operationId": operation.name, "summary": operation.summary,
        "responses": {str(status): _answer(status, model) for status, model in answers.items()},
        "security": [{"bearer": []}] if operation.token else [{}, {"bearer": []}],
    }  # fmt: skip
    if operation.token:
        made["description"] = f"Needs {operation.token}."
    if operation.parameters:
        made["parameters"] = [
            {"name": one.name, "in": one.place, "description": one.about, "required": one.required,
             "schema": dict(one.schema)}
            for one in operation.parameters
        ]  # fmt: skip
    if operation.body is not None:
        made["requestBody"] = {"required": True, "content": _json(operation.body, "application/json")}
    return made


_WORDS = {
    200: "Found.", 204: "Done.", 302: "The profile is at another handle now.", 400: "No JSON.",
    401: "No token where one is needed, or one that is no good.", 403: "The token is not enough.",
    404: "Unknown, gone or hidden: all answer alike.",
    409: "As described, but no event can be taken: in the future, given by its actor, taken back for good, or of a"
         " deleted account.", 413: "More than 1 MB.", 415: "Another kind of body than JSON.",
    422: "Not as described.", 429: "Too many requests.", 500: "Our fault.", 503: "Try again later.",
}  # fmt: skip


def _answer(status: int, model: type[BaseModel] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"description": _WORDS[status], "headers": _headers(status)}
    if model is not None:
        made["content"] = _json(model, "application/problem+json" if model is PROBLEM else "application/json")
    return made


def _headers(status: int) -> dict[str, Any]:
    """The figures of the limit stand on every answer, unless the site has none."""
    some = _LIMITS | (_WAIT if status in {429, 503} else {})
    return {
        name: {"description": about, "required": name in _WAIT, "schema": {"type": "integer", "minimum": 0}}
        for name, about in some.items()
    }


def _json(model: type[BaseModel], kind: str) -> dict[str, Any]:
    return {kind: {"schema": PydanticSchema(schema_class=model)}}  # type: ignore[call-arg]


def _absent_not_null(schema: dict[str, Any]) -> None:
    """A key that may be missing is never null: that is what the services promise (S83)."""
    for name, part in schema.get("properties", {}).items():
        if isinstance(part, dict) and {"type": "null"} in part.get("anyOf", ()):
            (only,) = [one for one in part["anyOf"] if one != {"type": "null"}]
            schema["properties"][name] = {
                **{key: value for key, value in part.items() if key not in {"anyOf", "default"}}, **only,
            }  # fmt: skip
