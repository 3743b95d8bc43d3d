"""The source for Discourse: its webhooks as the forum sends them, signed, once, taken back (T98)."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from plugins import discourse
from policies.terms import ActivityKind, BadSignature, Event, Person, Retraction
from tests.conftest import NOW
from tests.factories import make_account
from tests.plugged import plug, serve
from webapp.services import ingest
from webapp.store import identities

SECRET = "sixteen characters or more"
RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / "discourse.json").read_text())
SITE = "https://forum.example"
NOON = 1_738_324_800


def signed(name: str, body: object, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    data = json.dumps(body).encode()
    digest = hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
    return data, {
        "x-discourse-event": name, "x-discourse-instance": SITE, "x-discourse-event-signature": f"sha256={digest}",
        "content-type": "application/json",
    }  # fmt: skip


def told(name: str, body: object = None) -> list[Any]:
    return discourse.receive(*signed(name, RECORDED[name] if body is None else body), SECRET)


def changed(name: str, **values: object) -> Any:
    (key, about), = RECORDED[name].items()
    return {key: about | values}


@pytest.fixture
def client(sqlite_ctx, config) -> FlaskClient:
    site = plug(sqlite_ctx, ("discourse", discourse))
    site.site = replace(site.site, hook_secrets={"discourse": SECRET})
    return serve(site, config).test_client()


def send(client: FlaskClient, name: str, body: object = None, **more: str) -> TestResponse:
    data, headers = signed(name, RECORDED[name] if body is None else body, **more)
    return client.post("/hooks/discourse", data=data, headers=headers)


def test_each_recorded_event_is_told_as_what_it_is():
    title, place = "How do I true a wheel?", f"{SITE}/t/how-do-i-true-a-wheel/88"
    post = {"object": "post:5127", "title": title, "url": f"{place}/3"}
    assert told("topic_created") == [
        Event("topic:88", "32", ActivityKind.DISCUSSION, NOON - 3600, "topic:88", title, place)
    ]
    assert told("post_created") == [Event("post:5127", "31", ActivityKind.ANSWER, NOON, **post)]
    assert told("accepted_solution") == [
        Event("solution:5127", "31", ActivityKind.ACCEPTED_SOLUTION, NOON + 300, **post)
    ]
    assert told("post_liked") == [
        Event("like:5127:33", "31", ActivityKind.LIKE_RECEIVED, NOON + 300, by="33", **post)
    ]
    assert [(one.external_id, one.kind, one.object, one.url) for one in told("user_badge_granted")] == [
        ("user_badge:901", ActivityKind.BADGE, "badge:12", f"{SITE}/badges/12/-")
    ]
    assert [(one.external_id, one.actor, one.kind, one.object) for one in told("user_added_to_group")] == [
        ("group_user:77", "31", ActivityKind.GROUP_JOINED, "group:45")
    ]
    assert told("user_confirmed_email") == [Person("31", "", email="Ann@Mail.example")]
    assert told("ping") == []


def test_a_reply_to_a_reply_is_a_comment_and_the_first_post_is_its_topic():
    assert [one.kind for one in told("post_created", changed("post_created", reply_to_post_number=2))] == [
        ActivityKind.COMMENT
    ]
    assert told("post_created", changed("post_created", post_number=1)) == []


@pytest.mark.parametrize("name", ["post_created", "accepted_solution"])
@pytest.mark.parametrize("values", [
    {"topic_archetype": "private_message"}, {"post_type": 4}, {"post_type": 2}, {"hidden": True},
    {"user_deleted": True}, {"deleted_at": "2025-01-31T12:00:00.000Z"},
])  # fmt: skip
def test_messages_whispers_notices_and_hidden_posts_are_left_out(name, values):
    assert told(name, changed(name, **values)) == []


def test_private_topics_their_likes_and_discourses_own_groups_are_left_out():
    assert told("topic_created", changed("topic_created", archetype="private_message")) == []
    like = RECORDED["post_liked"]["like"]
    private = {"like": like | {"post": like["post"] | {"topic_archetype": "private_message"}}}
    assert told("post_liked", private) == []
    assert told("user_added_to_group", changed("user_added_to_group", group_id=11)) == []


def test_what_is_gone_there_is_taken_back():
    assert told("post_destroyed", RECORDED["post_created"]) == [Retraction("post:5127"), Retraction("solution:5127")]
    assert told("unaccepted_solution", RECORDED["accepted_solution"]) == [Retraction("solution:5127")]
    assert told("topic_destroyed", RECORDED["topic_created"]) == [Retraction("topic:88")]
    assert told("user_badge_revoked", RECORDED["user_badge_granted"]) == [Retraction("user_badge:901", for_good=True)]
    assert told("user_removed_from_group", RECORDED["user_added_to_group"]) == [
        Retraction("group_user:77", for_good=True)
    ]


def test_t98_another_body_under_a_captured_signature_is_refused(client):
    data, headers = signed("post_created", RECORDED["post_created"])
    forged = json.dumps(changed("post_created", id=1)).encode()
    assert client.post("/hooks/discourse", data=forged, headers=headers).status_code == 401
    assert client.post("/hooks/discourse", data=data).status_code == 401
    assert send(client, "post_created", secret="another secret of somebody").status_code == 401
    with pytest.raises(BadSignature):
        discourse.receive(data, {"x-discourse-event-signature": "sha256=é"}, SECRET)
    context = client.application.extensions["vitrine"]
    assert context.db.row("SELECT COUNT(*) FROM activity") == (0,)


@pytest.mark.parametrize("body", [
    [], {"topic": {}}, {"post": []}, {"post": {"id": "1"}}, changed("post_created", created_at="yesterday"),
    changed("post_created", created_at=7), changed("post_created", user_id=None),
    changed("post_created", created_at="2025-01-31T12:00:00"),
])  # fmt: skip
def test_what_is_no_post_is_422(client, body):
    assert send(client, "post_created", body).status_code == 422


def test_redelivery_and_replay_add_nothing_also_after_it_was_taken_back(client):
    context = client.application.extensions["vitrine"]
    ann = make_account(context.db, "ann")
    assert send(client, "post_created").json == {"created": 1, "duplicate": 0, "refused": 0}
    ((identity, _),) = context.db.rows("SELECT id, actor FROM identity WHERE actor = '31'")
    ingest.attach_identity(context, identity, ann, NOW)
    assert send(client, "post_created").json == {"created": 0, "duplicate": 1, "refused": 0}
    assert send(client, "accepted_solution").json["created"] == 1

    def counted() -> Any:
        return context.db.row("SELECT answers, accepted_solutions FROM counter WHERE account_id = ?", (ann,))

    assert counted() == (1, 1)
    gone = send(client, "post_destroyed", RECORDED["post_created"])
    assert gone.json == {"created": 0, "duplicate": 0, "refused": 0, "retracted": 2}
    assert counted() == (0, 0)
    for name in ("post_created", "accepted_solution", "post_destroyed"):
        body = RECORDED["post_created"] if name == "post_destroyed" else None
        assert send(client, name, body).json["created"] == 0, name
    assert counted() == (0, 0)
    assert send(client, "post_recovered", changed("post_created", version=2)).json["created"] == 1
    assert counted() == (1, 0)


def test_a_badge_taken_away_is_not_given_again_by_whatever_comes_later(client):
    gone = send(client, "user_badge_revoked", RECORDED["user_badge_granted"])
    assert gone.json == {"created": 0, "duplicate": 0, "refused": 0}
    assert send(client, "user_badge_granted").json == {"created": 0, "duplicate": 0, "refused": 1}


def test_d21_the_address_is_kept_for_the_claim_and_links_nothing(client):
    context = client.application.extensions["vitrine"]
    make_account(context.db, "ann", email="ann@mail.example")
    assert send(client, "user_confirmed_email").json == {"created": 0, "duplicate": 0, "refused": 0}
    assert context.db.rows("SELECT actor, email_key, account_id FROM identity") == [("31", "ann@mail.example", None)]
    assert send(client, "post_created").json["created"] == 1
    source = context.db.row("SELECT id FROM source WHERE name = 'discourse'")[0]
    assert identities.load_identities(context.db, source, ["31"])["31"].account_id is None
