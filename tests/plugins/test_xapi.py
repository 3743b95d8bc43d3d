"""The source for learning records: statements by webhook and from a file (T98)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugins import xapi
from policies.errors import ImportRefused
from policies.terms import ActivityKind, BadSignature, Event, Person, Retraction, Skipped
from tests.conftest import NOW
from tests.plugged import plug, serve
from webapp.services.importing import import_source

SECRET = "sixteen characters or more"
FILE = Path(__file__).parent / "recorded" / "xapi.json"
RECORDED: list[dict[str, Any]] = json.loads(FILE.read_text())
AT = 1_740_823_200
ID = "6b0d0b5c-0000-4000-8000-00000000000"
COURSE = "https://school.example/courses/wheels"
ANN = "u31 @ https://school.example"
BOB = "mbox:" + hashlib.sha1(b"mailto:bob@mail.example").hexdigest()


def basic(secret: str = SECRET) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"lms:{secret}".encode()).decode()}


def told(body: object) -> list[Any]:
    return xapi.receive(json.dumps(body).encode(), basic(), SECRET)


def voiding(statement: str) -> dict[str, Any]:
    return {
        "id": ID + "9", "actor": {"objectType": "Agent", "mbox": "mailto:admin@school.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}, "timestamp": "2025-03-02T10:00:00Z",
        "object": {"objectType": "StatementRef", "id": statement},
    }  # fmt: skip


@pytest.fixture
def client(sqlite_ctx, config):
    site = plug(sqlite_ctx, ("xapi", xapi))
    site.site = replace(site.site, hook_secrets={"xapi": SECRET})
    return serve(site, config).test_client()


def test_courses_certifications_and_events_are_told_and_nothing_else():
    assert told(RECORDED) == [
        Event(ID + "1", ANN, ActivityKind.COURSE_COMPLETED, AT, COURSE, "Wheels, from hub to rim", COURSE),
        Event(ID + "2", ANN, ActivityKind.CERTIFICATION, AT, "https://school.example/certifications/mechanic",
              "Certified mechanic", "https://school.example/certifications/mechanic"),
        Event(ID + "3", BOB, ActivityKind.EVENT_ATTENDED, AT, "https://school.example/meetings/spring",
              "Spring meeting", "https://school.example/meetings/spring", email="bob@mail.example"),
        Event(ID + "6", BOB, ActivityKind.COURSE_COMPLETED, AT, COURSE, "Wheels, from hub to rim", COURSE,
              email="bob@mail.example"),
    ]  # fmt: skip
    assert told(RECORDED[0]) == told(RECORDED)[:1]


def test_an_extension_makes_a_certification_and_a_group_nothing():
    one = json.loads(json.dumps(RECORDED[0]))
    one["object"]["definition"]["extensions"] = {"https://school.example/x/certification": True}
    assert [event.kind for event in told(one)] == [ActivityKind.CERTIFICATION]
    assert told(one | {"actor": {"objectType": "Group", "mbox": "mailto:all@school.example"}}) == []
    assert told({key: value for key, value in one.items() if key != "id"}) == []


def test_mbox_and_its_digest_are_one_actor():
    digest = {"objectType": "Agent", "mbox_sha1sum": BOB.removeprefix("mbox:")}
    assert told(RECORDED[2] | {"actor": digest})[0].actor == BOB
    assert told(RECORDED[2] | {"actor": {"openid": "https://bob.example/"}})[0].actor == "openid:https://bob.example/"


def test_t98_who_does_not_know_the_secret_is_refused():
    body = json.dumps(RECORDED).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert len(xapi.receive(body, {"x-hub-signature-256": signature}, SECRET)) == 4
    for headers in (
        {}, basic("another"), {"authorization": "Basic é"}, {"authorization": "Basic !"}, basic(""),
        {"authorization": f"Bearer {SECRET}"}, {"x-hub-signature-256": signature[:-1] + "é"},
    ):  # fmt: skip
        with pytest.raises(BadSignature):
            xapi.receive(body, headers, SECRET)
    with pytest.raises(BadSignature):
        xapi.receive(body + b" ", {"x-hub-signature-256": signature}, SECRET)


@pytest.mark.parametrize("body", [
    {}, [{}], 7, [RECORDED[0] | {"actor": {}}], [RECORDED[0] | {"id": "no uuid"}], [RECORDED[0] | {"timestamp": "now"}],
    [RECORDED[0] | {"actor": {"mbox": "bob@mail.example"}}], [RECORDED[0] | {"actor": {"account": {"name": "u31"}}}],
    [RECORDED[0] | {"verb": None}], [RECORDED[0]] * 1001,
])  # fmt: skip
def test_t98_what_is_no_statement_or_too_many_is_422(client, body):
    answer = client.post("/hooks/xapi", data=json.dumps(body), headers=basic())
    assert answer.status_code == 422
    assert client.application.extensions["vitrine"].db.row("SELECT COUNT(*) FROM activity") == (0,)


def test_a_voided_statement_goes_and_never_comes_back(client):
    def send(body: object) -> Any:
        return client.post("/hooks/xapi", data=json.dumps(body), headers=basic()).json

    assert send(RECORDED) == {"created": 4, "duplicate": 0, "refused": 0}
    assert send(RECORDED)["duplicate"] == 4
    assert told(voiding(ID + "1")) == [Retraction(ID + "1", for_good=True)]
    assert send(voiding(ID + "1")) == {"created": 0, "duplicate": 0, "refused": 0, "retracted": 1}
    assert send([RECORDED[0]]) == {"created": 0, "duplicate": 0, "refused": 1}
    db = client.application.extensions["vitrine"].db
    assert sorted(db.rows("SELECT external_id FROM activity")) == [(ID + n,) for n in "236"]
    assert db.rows("SELECT email_key FROM identity WHERE actor = ?", (BOB,)) == [("bob@mail.example",)]


def test_a_file_is_imported_twice_and_once(sqlite_ctx, tmp_path):
    site = plug(sqlite_ctx, ("xapi", xapi))
    found = list(xapi.read(FILE, "school.example"))
    assert found[:2] == [Person(ANN, "Ann Example"), Person(BOB, "Bob", email="bob@mail.example")]
    assert [one.why for one in found if isinstance(one, Skipped)] == [xapi.NOT_TAKEN] * 3
    for new in (4, 0):
        assert import_source(site, "xapi", FILE, "school.example", False, NOW).events_new == new
    assert site.db.row("SELECT COUNT(*) FROM account WHERE state = 'unclaimed'") == (2,)
    assert site.db.rows("SELECT email_key FROM identity ORDER BY actor") == [("bob@mail.example",), (None,)]
    lines = tmp_path / "more.jsonl"
    lines.write_text("\n".join(json.dumps(one) for one in [*RECORDED, voiding(ID + "1"), {"id": "x"}]))
    report = import_source(site, "xapi", lines, "school.example", False, NOW)
    assert (report.events_new, report.skipped[xapi.VOIDED], report.skipped[xapi.NO_SENSE]) == (0, 1, 1)
    assert site.db.row("SELECT COUNT(*) FROM activity") == (3,)
    store = tmp_path / "store.json"
    store.write_text(json.dumps({"statements": RECORDED, "more": ""}))
    report = import_source(site, "xapi", store, "school.example", False, NOW)
    assert (report.events_new, report.events_refused) == (0, 1)


@pytest.mark.parametrize("content", [b"no json", b"7", b"\xff\xfe", b'{"statements": 7}', b"[" * 100_000])
def test_a_file_that_is_none_stops_before_anything_is_written(sqlite_ctx, tmp_path, content):
    site = plug(sqlite_ctx, ("xapi", xapi))
    file = tmp_path / "statements.json"
    file.write_bytes(content)
    with pytest.raises(ImportRefused):
        import_source(site, "xapi", file, "school.example", False, NOW)
    with pytest.raises(ImportRefused):
        import_source(site, "xapi", tmp_path, "school.example", False, NOW)
    assert site.db.row("SELECT COUNT(*) FROM source") == (0,)
