"""/hooks/<source>: signed webhooks. The plugin only parses bytes; limits, statuses, isolation."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from policies.terms import ActivityKind, Area, BadSignature, Event, SourceInfo
from tests.conftest import NOW
from tests.plugged import Clock, plug, plugin, serve

SECRET = "a shared secret of the two"
CLOCK = Clock()


def receive(body: bytes, headers: Mapping[str, str], secret: str):
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers.get("x-signature", ""), wanted):
        raise BadSignature
    found = json.loads(body)
    if found == "slow":
        CLOCK.at += 2
        return []
    if found == "broken":
        raise RuntimeError("secret of a member")
    if found == "nonsense":
        return ["an event"]
    return [Event(one["id"], one["who"], ActivityKind.ANSWER, NOW - 60, title=one.get("title", "")) for one in found]


@pytest.fixture
def client(sqlite_ctx, config):
    source = SourceInfo("forum", "Forum", Area.FORUM, receive=receive)
    silent = SourceInfo("silent", "No webhooks", Area.FORUM)
    mine = plugin(register_sources=lambda: (source, silent))
    site = plug(sqlite_ctx, ("mine", mine), clock=CLOCK)
    site.site = replace(site.site, hook_secrets={"forum": SECRET, "silent": SECRET})
    return serve(site, config).test_client()


def send(client, body: object, *, source: str = "forum", secret: str = SECRET, raw: bytes | None = None):
    data = json.dumps(body).encode() if raw is None else raw
    signature = hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
    return client.post(f"/hooks/{source}", data=data, headers={"X-Signature": signature})


def test_a_signed_webhook_is_ingested_once(client):
    events = [{"id": "1", "who": "ann"}, {"id": "2", "who": "bob", "title": "How?"}]
    answer = send(client, events)
    assert (answer.status_code, answer.json) == (200, {"created": 2, "duplicate": 0, "refused": 0})
    assert send(client, events).json == {"created": 0, "duplicate": 2, "refused": 0}
    assert send(client, [{"id": "", "who": "ann"}]).json == {"created": 0, "duplicate": 0, "refused": 1}


def test_t98_an_unsigned_or_wrongly_signed_webhook_is_401(client):
    assert send(client, [], secret="another secret of somebody").status_code == 401
    assert client.post("/hooks/forum", data=b"[]").status_code == 401
    assert client.post("/hooks/forum", data=b"[]", headers={"X-Signature": "é"}).status_code in {401, 422}


def test_who_is_not_set_up_is_not_there(client, sqlite_ctx):
    assert send(client, [], source="nobody").status_code == 404
    assert send(client, [], source="silent").status_code == 404
    client.application.extensions["vitrine"].site = replace(sqlite_ctx.site, hook_secrets={})
    assert send(client, []).status_code == 404


def test_too_much_is_413_and_nonsense_is_422(client):
    assert send(client, None, raw=b"[" + b" " * 1024 * 1024 + b"]").status_code == 413
    assert send(client, None, raw=b"not json").status_code == 422
    assert send(client, None, raw=b"[" * 100_000).status_code == 422
    assert send(client, "nonsense").status_code == 422


def test_t99_a_parser_that_fails_or_is_late_takes_nothing_and_is_counted(client, caplog):
    for body in ("broken", "slow"):
        answer = send(client, body)
        assert answer.status_code == 422
        assert "secret" not in answer.text + caplog.text
    errors = client.application.extensions["vitrine"].manager.errors["mine"]
    assert (errors.count, errors.overruns) == (2, 1)


def test_a_webhook_needs_no_form_token_and_reads_no_cookie(client):
    client.application.config["WTF_CSRF_ENABLED"] = True
    client.set_cookie("session", "x")
    assert send(client, [{"id": "9", "who": "ann"}]).status_code == 200
    assert client.get("/hooks/forum").status_code == 405
