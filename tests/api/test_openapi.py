"""The OpenAPI document, its page, and the API held against it by generated requests (S86)."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from policies.terms import Area
from tests.api.bearers import make_app, make_token
from tests.api.test_ingest import source_token
from tests.conftest import NOW
from tests.factories import make_account
from webapp.api import schemas
from webapp.ops.twin import reset_limits
from webapp.services.api_users import KEYS
from webapp.services.ingest import BATCH


def test_the_document_is_openapi_3_1_and_names_every_route(app: Flask, client: Any) -> None:
    answer = client.get("/api/openapi.json")
    found = answer.get_json()
    assert found["openapi"].startswith("3.1.")
    assert found["servers"] == [{"url": "http://localhost/api/v1"}]
    described = {(method.upper(), path) for path, some in found["paths"].items() for method in some}
    served = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            path = rule.rule.removeprefix("/api/v1").replace("<event_id:external_id>", "{externalId}").replace(
                "<account_id>", "{accountId}").replace("<", "{").replace(">", "}")  # fmt: skip
            served |= {(method, path) for method in rule.methods or () if method not in {"HEAD", "OPTIONS"}}
    assert described == served
    assert client.get("/api/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_every_operation_says_what_too_many_requests_get(client: Any) -> None:
    for path, some in client.get("/api/openapi.json").get_json()["paths"].items():
        for method, one in some.items():
            for status, answer in one["responses"].items():
                figures = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
                more = {"Retry-After"} if status in {"429", "503"} else set()
                assert set(answer["headers"]) == figures | more, (method, path, status)
            assert "application/problem+json" in one["responses"]["429"]["content"]


def test_s83_no_key_is_ever_null(client: Any) -> None:
    found = json.loads(client.get("/api/openapi.json").data)
    assert '"null"' not in json.dumps(found["components"])
    assert found["components"]["schemas"]["User"]["required"] == ["accountId", "displayName"]
    assert set(schemas.User.model_fields) == {
        "accountId", "displayName", "more", "profileUrl", *(key for _, key in KEYS)}
    assert found["components"]["schemas"]["Activities"]["properties"]["events"]["maxItems"] == BATCH == 1000


def test_the_page_says_what_the_document_says_without_outside_assets(client: Any) -> None:
    page = client.get("/api/docs").get_data(as_text=True)
    for path in client.get("/api/openapi.json").get_json()["paths"]:
        assert path.replace("&", "&amp;") in page
    assert "<script>" not in page
    assert 'src="http' not in page


#: Where there is something that a request can get wrong. Not a batch: each of its events is judged by itself, so one
#: with an event that is not as described is taken as far as the others are (tests/api/test_ingest.py).
REFUSING = ("/users", "/people")
WHO = ("anonymous", "app", "member", "source")


def _token(app: Flask, who: str) -> str | None:
    ctx = app.extensions["vitrine"]
    subject = make_account(ctx.db, "sally", full_name="Sally Marsh", location="Lisbon", bio="Hello")
    if who == "anonymous":
        return None
    if who == "source":
        return source_token(ctx, "forum", Area.FORUM)
    return make_token(ctx.db, make_app(ctx.db), subject if who == "member" else None)


def _hold(app: Flask, who: str, examples: int) -> None:
    app.config["CLOCK"] = lambda: NOW
    app.config["PROPAGATE_EXCEPTIONS"] = False
    token = _token(app, who)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    config = SchemathesisConfig.from_dict({})
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app, config=config)
    tried = 0
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    for result, mode in itertools.product(schema.get_all_operations(), modes):
        operation = result.ok()

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def run(case: Any) -> None:
            nonlocal tried
            reset_limits(app)
            case.call_and_validate(headers=headers)
            tried += 1

        if mode is GenerationMode.POSITIVE or operation.path in REFUSING:
            run()
    assert tried > 7 * examples / 2


@pytest.mark.parametrize("who", WHO)
def test_generated_requests_are_answered_as_described(app: Flask, who: str) -> None:
    """No 500, no undocumented status or content type, no answer that is not as its schema says, and nothing refused as
    wrong (400, 413, 415, 422) that is as described, nor taken that is not."""
    _hold(app, who, 25)


@pytest.mark.long
@pytest.mark.parametrize("who", WHO)
def test_many_generated_requests_are_answered_as_described(app: Flask, who: str) -> None:
    _hold(app, who, 100)
