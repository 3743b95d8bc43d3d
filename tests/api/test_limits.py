"""How often the API may be read: by token, by network, what the headers say, and that they tell nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.bearers import make_app, make_token
from tests.conftest import NOW
from tests.factories import make_account
from webapp.ops.twin import reset_limits
from webapp.pages._limits import limiter
from webapp.store.database import Database


@pytest.fixture(autouse=True)
def three_a_minute(app: Any, sqlite_db: Database) -> None:
    app.config["CLOCK"] = lambda: NOW
    app.config["API_READS_PER_MINUTE"] = 3
    make_account(sqlite_db, "sally", full_name="Sally Marsh")
    reset_limits(app)


def read(client: FlaskClient, token: str | None = None, path: str = "/api/v1/users/acc-sally", at: str = "192.0.2.1",
         **more: Any) -> Any:  # fmt: skip
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.get(path, headers=headers, environ_overrides={"REMOTE_ADDR": at}, **more)


def left(answer: Any) -> tuple[str | None, str | None]:
    return answer.headers.get("RateLimit-Limit"), answer.headers.get("RateLimit-Remaining")


def test_a_network_reads_so_often_and_is_told_where_it_stands(client: FlaskClient) -> None:
    paths = ("/api/v1/users/acc-sally", "/api/v1/profiles/sally", "/api/v1/people")
    answers = [read(client, path=path) for path in paths]
    assert [left(answer) for answer in answers] == [("3", "2"), ("3", "1"), ("3", "0")]
    assert all(0 < int(answer.headers["RateLimit-Reset"]) <= 60 for answer in answers)
    assert all("Retry-After" not in answer.headers for answer in answers)
    over = read(client)
    assert (over.status_code, over.mimetype) == (429, "application/problem+json")
    assert over.get_json()["status"] == 429
    assert 0 < int(over.headers["Retry-After"]) <= 60
    assert over.headers["Access-Control-Allow-Origin"] == "*"
    assert over.headers["Cache-Control"] == "private, no-store"
    assert read(client, at="192.0.2.2").status_code == 200


def test_a_network_of_ipv6_is_its_64_bits(client: FlaskClient) -> None:
    assert [read(client, at=f"2001:db8::{n}").status_code for n in range(1, 5)] == [200, 200, 200, 429]
    assert read(client, at="2001:db8:0:1::1").status_code == 200


def test_a_forwarded_address_is_no_other_network(client: FlaskClient) -> None:
    for n in range(3):
        assert client.get("/api/v1/people", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code == 200
    assert client.get("/api/v1/people", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 429


def test_a_token_is_counted_by_itself_and_wherever_it_is_used(client: FlaskClient, sqlite_db: Database) -> None:
    app_id = make_app(sqlite_db)
    sally = make_account(sqlite_db, "ann")
    own, other = make_token(sqlite_db, app_id), make_token(sqlite_db, app_id, sally)
    assert [read(client, own, at=f"192.0.2.{n}").status_code for n in range(1, 5)] == [200, 200, 200, 429]
    assert read(client, other).status_code == read(client).status_code == 200


def test_new_tokens_of_the_same_consent_are_no_fresh_start(client: FlaskClient, sqlite_db: Database) -> None:
    app_id = make_app(sqlite_db)
    assert [read(client, make_token(sqlite_db, app_id)).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_made_up_tokens_are_their_senders_network(client: FlaskClient) -> None:
    assert [read(client, f"made-up-{n}").status_code for n in range(4)] == [401, 401, 401, 429]
    assert read(client).status_code == 429
    assert read(client, "made-up", at="192.0.2.2").status_code == 401


def test_t61_the_figures_are_the_same_for_hidden_and_unknown(client: FlaskClient, sqlite_db: Database) -> None:
    make_account(sqlite_db, "hidden", private=True, keep_name=False)
    told = [left(read(client, path=f"/api/v1/users/acc-{who}", at=f"192.0.2.{n}"))
            for n, who in enumerate(("hidden", "never", "sally"))]  # fmt: skip
    assert told == [("3", "2")] * 3


def test_a_304_counts_and_a_question_of_a_browser_does_not(client: FlaskClient) -> None:
    etag = read(client).headers["ETag"]
    again = client.get("/api/v1/users/acc-sally", headers={"If-None-Match": etag},
                       environ_overrides={"REMOTE_ADDR": "192.0.2.1"})  # fmt: skip
    assert (again.status_code, left(again)) == (304, ("3", "1"))
    for _ in range(9):
        asked = client.options("/api/v1/users/acc-sally", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
        assert (asked.status_code, left(asked)) == (204, (None, None))


def test_pages_are_not_counted_and_zero_is_no_limit(app: Any, client: FlaskClient) -> None:
    for _ in range(5):
        assert left(client.get("/u/sally")) == (None, None)
    app.config["API_READS_PER_MINUTE"] = 0
    for _ in range(5):
        answer = read(client)
        assert (answer.status_code, left(answer)) == (200, (None, None))


def test_changes_say_where_they_stand_too(client: FlaskClient) -> None:
    answer = client.post("/api/v1/activities", json={})
    assert answer.status_code == 401
    assert left(answer) == ("240", "239")
    assert "Retry-After" not in answer.headers


def test_the_limit_is_that_of_the_environment(sqlite_ctx: Any, config: Any) -> None:
    from webapp.app import create_app

    assert create_app(config, context=sqlite_ctx).config["API_READS_PER_MINUTE"] == config.api_reads == 6000
    made = create_app(replace(config, api_reads=7), context=sqlite_ctx)
    assert left(made.test_client().get("/api/v1/people")) == ("7", "6")


def test_an_answer_is_not_lost_with_the_figures(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the counts goes away between counting and telling."""
    def gone(*_: Any) -> Any:
        raise ConnectionError

    monkeypatch.setattr(limiter.limiter, "get_window_stats", gone)
    answer = read(client)
    assert (answer.status_code, left(answer)) == (200, (None, None))


def test_counts_go_on_in_memory_while_redis_is_away(sqlite_ctx: Any, config: Any) -> None:
    from webapp.app import create_app

    made = create_app(replace(config, redis_url="redis://127.0.0.1:1/0", api_reads=2), context=sqlite_ctx)
    client = made.test_client()
    assert [client.get("/api/v1/people").status_code for _ in range(3)] == [200, 200, 429]
