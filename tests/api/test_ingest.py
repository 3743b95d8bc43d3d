"""POST and DELETE of /activities: once each, an outcome per event, and what is refused (T97, T98)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from policies.terms import Area
from tests.conftest import NOW
from tests.factories import make_account
from webapp.services import tokens
from webapp.services.context import Context
from webapp.services.ingest import register_source
from webapp.services.source_tokens import PREFIX

Send = Callable[..., Any]


def source_token(ctx: Context, name: str = "forum", area: Area = Area.FORUM) -> str:
    """A live token of a source, past the admin's page."""
    register_source(ctx, name, name.capitalize(), area, NOW)
    token = PREFIX + tokens.new_token()
    ctx.db.execute(
        "INSERT INTO source_token(source_id, token_hash, created_at) SELECT id, ?, ? FROM source WHERE name = ?",
        (tokens.digest(token), NOW, name),
    )
    return token


def event(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"externalId": f"e{number}", "actor": "sally", "kind": "answer", "occurredAt": "2025-01-31T12:00:00Z"} | more


@pytest.fixture
def token(app: Any, sqlite_ctx: Context) -> str:
    app.config["CLOCK"] = lambda: NOW
    return source_token(sqlite_ctx)


@pytest.fixture
def send(client: FlaskClient, token: str) -> Send:
    def send_(body: Any, status: int = 200, *, bearer: str = token, **more: Any) -> Any:
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        more = {"content_type": "application/json"} | more
        answer = client.post("/api/v1/activities", data=data, headers={"Authorization": f"Bearer {bearer}"}, **more)
        assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
        return answer.get_json()

    return send_


def known(ctx: Context, handle: str = "sally", actor: str = "sally") -> int:
    account = make_account(ctx.db, handle)
    sql = "INSERT INTO identity(source_id, actor, account_id, created_at) SELECT id, ?, ?, 1 FROM source"
    ctx.db.execute(sql, (actor, account))
    return account


def answers(ctx: Context, account: int) -> int:
    return int(ctx.db.row("SELECT answers FROM counter WHERE account_id = ?", (account,))[0])  # type: ignore[index]


def test_events_are_counted_once_however_often_they_are_sent(send: Send, sqlite_ctx: Context) -> None:
    sally = known(sqlite_ctx)
    batch = {"events": [event(1), event(2), event(1)]}
    assert send(batch) == {
        "created": 2, "duplicate": 1, "refused": 0, "events": [
            {"externalId": "e1", "result": "created"}, {"externalId": "e2", "result": "created"},
            {"externalId": "e1", "result": "duplicate"},
        ]}  # fmt: skip
    assert send(batch)["duplicate"] == 3
    assert answers(sqlite_ctx, sally) == 2


def test_i8_two_tokens_of_a_source_send_as_one(send: Send, sqlite_ctx: Context) -> None:
    """An event is known by its source, whichever of its tokens brings it; a thousand at once, half of them twice."""
    sally, other = known(sqlite_ctx), source_token(sqlite_ctx)
    batch = [event(number // 2) for number in range(1000)]
    first, second = send({"events": batch}), send({"events": batch[::-1]}, bearer=other)
    assert (first["created"], first["duplicate"], first["refused"]) == (500, 500, 0)
    assert (second["created"], second["duplicate"], second["refused"]) == (0, 1000, 0)
    assert answers(sqlite_ctx, sally) == 500


def test_each_event_is_judged_by_itself(send: Send, sqlite_ctx: Context) -> None:
    sally = known(sqlite_ctx)
    found = send({"events": [event(1), event(2, kind="nonsense"), event(3, title="<b>x</b>"), "x", event(4)]})
    assert [one["result"] for one in found["events"]] == ["created", "refused", "refused", "refused", "created"]
    assert [one["externalId"] for one in found["events"]] == ["e1", "e2", "e3", "", "e4"]
    assert [one["why"].split(":")[0] for one in found["events"] if "why" in one] == ["kind", "title", "The event"]
    assert answers(sqlite_ctx, sally) == 2


def test_d21_unknown_actors_wait_under_their_identity(send: Send, sqlite_ctx: Context) -> None:
    from webapp.services.ingest import attach_identity

    assert send({"events": [event(1), event(2)]})["created"] == 2
    sally = make_account(sqlite_ctx.db)
    (identity,) = sqlite_ctx.db.row("SELECT id FROM identity WHERE actor = 'sally' AND account_id IS NULL")  # type: ignore[misc]
    assert attach_identity(sqlite_ctx, identity, sally, NOW) == 2
    assert answers(sqlite_ctx, sally) == 2


def test_a_moment_is_rfc_3339_or_unix_seconds(send: Send, sqlite_ctx: Context) -> None:
    moments = ["2025-01-31T12:00:00Z", "2025-01-31T13:00:00+01:00", 1738324800, "2025-01-31t12:00:00z"]
    assert send({"events": [event(n, occurredAt=at) for n, at in enumerate(moments)]})["created"] == 4
    assert sqlite_ctx.db.rows("SELECT DISTINCT at FROM activity") == [(1738324800,)]


def test_retraction_takes_back_what_was_counted(
    client: FlaskClient, send: Send, token: str, sqlite_ctx: Context
) -> None:
    sally = known(sqlite_ctx)
    send({"events": [event(1), event(2, externalId="posts/2 é")]})
    for path, status in (("forum/e1", 204), ("forum/e1", 404), ("forum/posts/2%20%C3%A9", 204), ("forum/never", 404),
                         ("forum/%00", 404), ("school/e1", 401)):  # fmt: skip
        answer = client.delete(f"/api/v1/activities/{path}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status, path
    assert answers(sqlite_ctx, sally) == 0
    assert send({"events": [event(1)]})["created"] == 1


@pytest.mark.parametrize("name", [
    "/a", "//a", "posts//2", "a\u00a0b", "a\u200bb", "a/../b", "..", "a?b#c", "a%2Fb", "a;b", "\ue000",
])  # fmt: skip
def test_what_was_taken_can_be_taken_back_whatever_it_is_called(
    client: FlaskClient, send: Send, token: str, sqlite_ctx: Context, name: str
) -> None:
    """And nothing else goes in its place."""
    others = ["a", "a/b", "b", "posts/2"]
    send({"events": [event(externalId=one) for one in (name, *others)]})
    path = f"/api/v1/activities/forum/{quote(name, safe='')}"
    assert client.delete(path, headers={"Authorization": f"Bearer {token}"}).status_code == 204
    assert [row[0] for row in sqlite_ctx.db.rows("SELECT external_id FROM activity ORDER BY external_id")] == others


# T98 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [
    {"occurredAt": -1}, {"url": "https://a b"}, {"object": "a\nb"}, {"by": "\x7f"}, {"externalId": "e\n"},
    {"kind": "badge", "title": "\u200b \u2060"}, {"kind": "group_joined", "object": ""},
    {"occurredAt": "2025-01-31T12:00:00"}, {"occurredAt": "yesterday"}, {"occurredAt": True}, {"occurredAt": 1.5},
    {"count": -5}, {"count": 5}, {"source": "school"}, {"accountId": "x"}, {"title": "<script>alert(1)</script>"},
    {"title": "a <img src=x onerror=alert(1)>"}, {"title": 5}, {"url": "javascript:alert(1)"},
    {"url": "//evil.example"},
    {"kind": ""}, {"kind": "peer_kudos"}, {"actor": ""}, {"actor": "a\u0000b"}, {"actor": "a" * 201}, {"actor": None},
    {"externalId": ""}, {"externalId": 7}, {"kind": "course_completed"}, {"object": "o" * 301},
], ids=str)  # fmt: skip
def test_t98_an_event_that_cannot_be_is_refused_and_nothing_is_counted(
    send: Send, sqlite_ctx: Context, wrong: dict[str, Any]
) -> None:
    sally = known(sqlite_ctx)
    found = send({"events": [event(1, **wrong)]}, 422)
    assert (found["created"], found["refused"]) == (0, 1)
    assert found["events"][0]["why"].endswith(".")
    assert "script" not in found["events"][0]["why"]
    assert answers(sqlite_ctx, sally) == 0
    assert not sqlite_ctx.db.rows("SELECT id FROM activity")


@pytest.mark.parametrize("wrong", [
    {"occurredAt": NOW + 301}, {"occurredAt": "2999-01-01T00:00:00Z"}, {"occurredAt": "1969-12-31T23:59:59Z"},
    {"kind": "like_received", "by": "sally"}, {"kind": "kudos", "by": "sally"}, {"actor": "gone"},
], ids=str)  # fmt: skip
def test_t98_what_no_description_can_say_is_refused_as_a_conflict(
    send: Send, sqlite_ctx: Context, wrong: dict[str, Any]
) -> None:
    """The present moment, two names that are one, people who are gone: 409 where nothing else is wrong."""
    sally = known(sqlite_ctx)
    send({"events": [event(0, actor="gone")]})
    sqlite_ctx.db.execute("UPDATE identity SET buried_at = 1 WHERE actor = 'gone'")
    found = send({"events": [event(1, **wrong)]}, 409)
    assert (found["created"], found["refused"]) == (0, 1)
    assert answers(sqlite_ctx, sally) == 0
    assert send({"events": [event(1, **wrong), event(2, count=5)]}, 422)["refused"] == 2
    assert send({"events": [event(1, **wrong), event(3)]})["created"] == 1


@pytest.mark.parametrize(("body", "status"), [
    (b"", 400), (b"{", 400), (b"[" * 100_000, 400), (b'{"events": NaN}', 400), (b"\xff\xfe", 400), (b"[]", 422),
    (b"{}", 422), (b'{"events": []}', 422), (b'{"events": {}}', 422), (b'{"events": [], "source": "forum"}', 422),
    (b'{"events": [' + b",".join([b"{}"] * 1001) + b"]}", 422), (b'{"events": "' + b"a" * 1_100_000 + b'"}', 413),
    (b"null", 422), (b"1e999", 422), (b'{"events": [{"externalId": "\\ud800"}]}', 400),
], ids=lambda value: str(value)[:20])  # fmt: skip
def test_t98_a_body_that_is_no_batch_is_refused(send: Send, body: bytes, status: int) -> None:
    assert send(body, status)["status"] == status


def test_t60_a_refusal_repeats_nothing_that_was_sent(send: Send) -> None:
    for wrong in ({"sally@home.example": 1}, {"kind": "sally@home.example"}, {"title": ["sally@home.example"]},
                  {"occurredAt": "sally@home.example"}, {"url": "sally@home.example"}):  # fmt: skip
        assert "home.example" not in json.dumps(send({"events": [event(1, **wrong)]}, 422)), wrong


def test_t98_another_kind_of_body_is_refused(send: Send) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        send({"events": [event()]}, 415, content_type=kind)


def test_t98_t97_only_a_live_token_of_that_source_writes(
    client: FlaskClient, send: Send, token: str, sqlite_ctx: Context
) -> None:
    batch = {"events": [event()]}
    for bearer in ("", "nonsense", PREFIX + "x" * 43, token[:-1], token + "a", token.upper()):
        send(batch, 401, bearer=bearer)
    for path in (f"?access_token={token}", f"?token={token}", ""):
        assert client.post(f"/api/v1/activities{path}", json=batch).status_code == 401
    other = source_token(sqlite_ctx, "school", Area.LEARNING)
    send(batch)
    header = {"Authorization": f"Bearer {other}"}
    assert client.delete("/api/v1/activities/forum/e1", headers=header).status_code == 401
    assert send(batch, bearer=other)["created"] == 1, "the same id at another source is another event"
    sqlite_ctx.db.execute("UPDATE source_token SET revoked_at = 1")
    send(batch, 401)
    assert sqlite_ctx.db.row("SELECT COUNT(*) FROM activity") == (2,)


def test_a_source_token_reads_as_nobody_and_is_refused(client: FlaskClient, token: str) -> None:
    assert client.get("/api/v1/people", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_flood_of_changes_is_told_when_to_come_back(app: Any, send: Send) -> None:
    from webapp.ops.twin import reset_limits

    reset_limits(app)
    for _ in range(240):
        send({"events": [event()]}, bearer="x", status=401)
    send({"events": [event()]}, 429)
    reset_limits(app)
