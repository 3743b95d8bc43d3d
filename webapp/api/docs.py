"""The API's own description: the OpenAPI document, and the same as a page. No outside asset, no script (S86)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, request

from webapp.api import document
from webapp.pages import _request, _response, guards

blueprint = Blueprint("api_docs", __name__, url_prefix="/api")


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a request or answer. `kind`: its type in words; `part`: the name of the model it holds, if one."""

    name: str
    kind: str
    part: str
    about: str
    required: bool


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    about: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Verb:
    """An operation. `answers`: status, words, name of the model."""

    name: str
    method: str
    path: str
    summary: str
    token: str
    body: str
    parameters: tuple[Field, ...]
    answers: tuple[tuple[str, str, str], ...]


@blueprint.get("/openapi.json")
@guards.public
def openapi() -> Response:
    """The document. It holds nothing about anybody: every site on the web may read it."""
    body, etag = _body()
    response = Response(body, mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.set_etag(etag)
    response.make_conditional(request)
    return response


@blueprint.get("/docs")
@guards.public
def docs() -> Any:
    """The same for people."""
    found = _document()
    models = found["components"]["schemas"]
    return _response.page(
        "api/page.html", about=found["info"]["description"], address=found["servers"][0]["url"],
        verbs=tuple(_verb(path, method, one) for path, some in found["paths"].items() for method, one in some.items()),
        models=tuple(_model(name, schema) for name, schema in sorted(models.items())),
    )


def _document() -> dict[str, Any]:
    site = _request.context().site
    return _made(site.name, site.base_url)


def _body() -> tuple[bytes, str]:
    body = json.dumps(_document(), ensure_ascii=False).encode()
    return body, hashlib.sha256(body).hexdigest()[:32]


@lru_cache(maxsize=4)
def _made(name: str, base_url: str) -> dict[str, Any]:
    return document.document(name, base_url)


def _verb(path: str, method: str, one: dict[str, Any]) -> Verb:
    answers = [
        (status, answer["description"], _model_in(answer)) for status, answer in one["responses"].items()
        if status < "500"
    ]
    return Verb(
        name=one["operationId"], method=method.upper(), path=path, summary=one["summary"],
        token=one.get("description", ""), body=_model_in(one.get("requestBody", {})),
        parameters=tuple(
            Field(part["name"], _kind(part["schema"])[0], "", part["description"], part["required"])
            for part in one.get("parameters", ())
        ),
        answers=tuple(answers),
    )  # fmt: skip


def _model_in(part: dict[str, Any]) -> str:
    return next((_kind(content["schema"])[1] for content in part.get("content", {}).values()), "")


def _model(name: str, schema: dict[str, Any]) -> Model:
    needed = schema.get("required", ())
    return Model(name, " ".join(schema.get("description", "").split()), tuple(
        Field(key, *_kind(part), part.get("description", ""), key in needed)
        for key, part in schema.get("properties", {}).items()
    ))  # fmt: skip


def _kind(schema: dict[str, Any]) -> tuple[str, str]:
    """The type in words, and the model in it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name, name
    if "anyOf" in schema:
        return " or ".join(_kind(one)[0] for one in schema["anyOf"]), ""
    if "enum" in schema:
        return ", ".join(schema["enum"]), ""
    if "const" in schema:
        return str(schema["const"]), ""
    if schema.get("type") == "array":
        words, part = _kind(schema.get("items", {}))
        return f"list of {words}", part
    if isinstance(schema.get("additionalProperties"), dict):
        return f"text to {_kind(schema['additionalProperties'])[0]}", ""
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(schema.get("type", ""), ""), ""
