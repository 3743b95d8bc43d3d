"""Drawn profiles that are kept: the bytes of fresh ones, other bytes as soon as anything shown changes (G2, T62)."""

from __future__ import annotations

import gzip

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import NOW
from tests.factories import link, make_account, set_counters
from tests.services.people import did, gave, holds, see, set_columns, statements
from webapp.pages._headers import HEADERS
from webapp.services import sessions
from webapp.services.context import Context


@pytest.fixture
def sally(sqlite_ctx: Context) -> int:
    db = sqlite_ctx.db
    sally = make_account(db, "sally", full_name="Sally Smith", bio="I help.", answers=12)
    link(db, make_account(db, "second", answers=3), sally)
    gave(db, make_account(db, "gil", full_name="Gil Giver"), sally, "Well done")
    holds(db, sally, "course", "basics")
    did(db, sally)
    return sally


def body(client: FlaskClient, path: str = "/u/sally") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.text


def test_a_kept_page_is_the_same_bytes_with_fewer_statements(app: Flask, sqlite_ctx: Context, sally: int) -> None:
    client = app.test_client()
    first = body(client)
    assert len(sqlite_ctx.warm) == 1
    with statements(sqlite_ctx.db) as warm:
        second = body(client)
    assert first == second
    assert "Gil Giver" in second
    assert len(warm) == 3       # the key, and the two that read the kudos notes
    sqlite_ctx.warm.clear()
    assert body(client) == first


def test_no_kept_part_names_another_member(app: Flask, sqlite_ctx: Context, sally: int) -> None:
    body(app.test_client())
    (part,) = sqlite_ctx.warm._parts.values()
    assert part.tail is not None
    assert b"Sally Smith" in part.head
    assert b"Gil" not in part.head + part.tail
    assert b"Well done" not in part.head + part.tail


def test_t54_a_giver_who_turns_private_is_gone_from_kept_pages_at_once(
    app: Flask, sqlite_ctx: Context, sally: int
) -> None:
    client = app.test_client()
    body(client)
    sqlite_ctx.db.execute("UPDATE account SET private = 1 WHERE handle = 'gil'")
    after = body(client)
    assert "Gil Giver" not in after
    assert "Well done" in after


def test_t62_an_edit_of_any_account_of_the_group_shows_at_once(app: Flask, sqlite_ctx: Context, sally: int) -> None:
    client, db = app.test_client(), sqlite_ctx.db
    assert 'data-value="15"' in body(client)
    set_columns(db, sally, bio="I moved on.")
    assert "I moved on." in body(client)
    (second,) = db.row("SELECT id FROM account WHERE handle = 'second'") or ()
    set_counters(db, second, answers=10)
    assert 'data-value="22"' in body(client)
    set_columns(db, sally, private=True)
    after = body(client)
    assert "I moved on." not in after
    assert "Sally Smith" in after
    set_columns(db, sally, keep_name=False)
    assert client.get("/u/sally").status_code == 404


def test_the_kept_page_is_the_viewers_own_only_by_what_they_see(app: Flask, sqlite_ctx: Context, sally: int) -> None:
    """A page kept for Anyone does not serve a colleague who sees more."""
    db = sqlite_ctx.db
    managed = make_account(db, "managed", kind="managed", location="Lisbon")
    client = app.test_client()
    assert "Lisbon" not in body(client, "/u/managed")
    assert "Lisbon" in repr(see(sqlite_ctx, "managed", make_account(db, "col", kind="managed")).facts)
    assert len(sqlite_ctx.warm) == 1
    assert managed


def test_t58_a_page_kept_for_a_member_holds_nothing_of_that_members_shell(
    app: Flask, sqlite_ctx: Context, sally: int, clock: int
) -> None:
    stranger = make_account(sqlite_ctx.db, "stranger", full_name="Stella Stranger")
    app.config["CLOCK"] = lambda: clock
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = sessions.start(sqlite_ctx, stranger, clock)
    signed_in = body(client)
    assert "Stella Stranger" in signed_in
    anonymous = app.test_client().get("/u/sally")
    assert "Stella Stranger" not in anonymous.text
    assert "csrf" not in anonymous.text
    assert anonymous.headers["Cache-Control"] == "private, no-cache"
    sqlite_ctx.warm.clear()
    assert app.test_client().get("/u/sally").data == anonymous.data


def test_t59_the_etag_is_of_the_bytes_kept_or_not(app: Flask, sqlite_ctx: Context, sally: int) -> None:
    client = app.test_client()
    cold, warm = client.get("/u/sally"), client.get("/u/sally")
    assert cold.headers["ETag"] == warm.headers["ETag"]
    again = client.get("/u/sally", headers={"If-None-Match": cold.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    set_columns(sqlite_ctx.db, sally, email="hidden@new.example", email_key="hidden@new.example")
    assert client.get("/u/sally").headers["ETag"] == cold.headers["ETag"]
    sqlite_ctx.db.execute("UPDATE kudos SET message = 'Other words'")
    assert client.get("/u/sally").headers["ETag"] != cold.headers["ETag"]


def test_t59_a_kept_page_says_the_zone_and_no_time_of_day(app: Flask, sqlite_ctx: Context, sally: int) -> None:
    set_columns(sqlite_ctx.db, sally, timezone="Asia/Kolkata")
    app.config["CLOCK"] = lambda: NOW
    first = body(app.test_client())
    assert 'data-zone>Asia/Kolkata<' in first
    app.config["CLOCK"] = lambda: NOW + 61
    assert body(app.test_client()) == first
    sqlite_ctx.warm.clear()
    assert body(app.test_client()) == first


def test_compressed_pages_are_kept_and_the_same_page(app: Flask, sqlite_ctx: Context, sally: int) -> None:
    client = app.test_client()
    plain = client.get("/u/sally").data
    for _ in range(2):
        packed = client.get("/u/sally", headers={"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("packed", ["", "br", "br;q=0, gzip;q=0.5", "nonsense"])
def test_t58_a_kept_page_carries_what_every_answer_carries_once(
    app: Flask, sally: int, method: str, packed: str
) -> None:
    """These answers pass by much of the framework: nothing may be lost on the way, drawn or kept, packed or plain."""
    asked = {"Accept-Encoding": packed} if packed else {}
    client = app.test_client()
    etag = ""
    for _ in range(3):
        answer = client.open("/u/sally", method=method, headers=asked)
        assert answer.status_code == 200
        found = {name: answer.headers.getlist(name) for name, _ in answer.headers}
        assert {name: found.get(name) for name in HEADERS} == {name: [value] for name, value in HEADERS.items()}
        assert {len(values) for values in found.values()} == {1}
        assert found["Content-Type"] == ["text/html; charset=utf-8"]
        assert {part.strip() for part in found["Vary"][0].split(",")} == {"HX-Request", "Cookie", "Accept-Encoding"}
        assert found["Cache-Control"] == ["private, no-cache"]
        assert len(found["X-Request-Id"][0]) == 16
        assert etag in {"", answer.headers["ETag"]}
        etag = answer.headers["ETag"]
        if method == "GET":
            assert found["Content-Length"] == [str(len(answer.data))]
            assert answer.headers.get("Content-Encoding") == {"br": "br", "br;q=0, gzip;q=0.5": "gzip"}.get(packed)
        else:
            assert answer.data == b""
    again = client.open("/u/sally", method=method, headers={**asked, "If-None-Match": etag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    assert {name: again.headers.getlist(name) for name in HEADERS} == {n: [value] for n, value in HEADERS.items()}
