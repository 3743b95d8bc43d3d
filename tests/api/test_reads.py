"""Reading through the API without a token: keys as the gate has them, unknown and hidden alike, cache and CORS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services.people import choose, did, set_columns
from tests.twin import Ask, Stock, World
from webapp.services.api_profiles import moment
from webapp.store.database import Database

KEYS = {"accountId", "displayName", "avatarUrl", "fullName", "jobTitle", "department", "organization", "location",
        "timezone", "email", "profileUrl"}  # fmt: skip
RECORD = {
    "full_name": "Sally Marsh", "job_title": "Architect", "department": "Platform", "organization": "Marsh",
    "location": "Lisbon", "timezone": "Europe/Lisbon", "bio": "Hello", "avatar": "a" * 32,
    "links": '[{"url": "https://sally.example/", "label": "Site"}]', "products": '["Wiki"]',
}  # fmt: skip


@pytest.fixture(autouse=True)
def at_the_moment(app: Any) -> None:
    app.config["CLOCK"] = lambda: NOW


def get(client: FlaskClient, path: str, status: int = 200, **headers: str) -> Any:
    answer = client.get(f"/api/v1{path}", headers=headers)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer


def test_a_personal_account_as_anyone_sees_it(client: FlaskClient, sqlite_db: Database) -> None:
    make_account(sqlite_db, **RECORD)
    assert get(client, "/users/acc-sally").get_json() == {
        "accountId": "acc-sally", "displayName": "Sally Marsh", "avatarUrl": f"http://localhost/avatar/{'a' * 32}.webp",
        "fullName": "Sally Marsh", "jobTitle": "Architect", "department": "Platform", "organization": "Marsh",
        "location": "Lisbon", "timezone": "Europe/Lisbon", "profileUrl": "http://localhost/u/sally",
    }  # fmt: skip


def test_s83_a_hidden_key_is_absent_as_an_empty_one_is(client: FlaskClient, sqlite_db: Database) -> None:
    sally = make_account(sqlite_db, **RECORD)
    choose(sqlite_db, sally, you=("job_title", "location", "avatar"))
    found = get(client, "/users/acc-sally").get_json()
    assert found.keys() == KEYS - {"jobTitle", "location", "avatarUrl", "email"}
    set_columns(sqlite_db, sally, department=None)
    assert "department" not in get(client, "/users/acc-sally").get_json()


def test_s80_the_name_of_a_managed_account_is_the_one_anyone_may_see(client: FlaskClient, sqlite_db: Database) -> None:
    sally = make_account(sqlite_db, kind="managed", **RECORD)
    assert get(client, "/users/acc-sally").get_json().keys() == {
        "accountId", "displayName", "fullName", "jobTitle", "profileUrl"}  # fmt: skip
    choose(sqlite_db, sally, org=("full_name",))
    assert get(client, "/users/acc-sally").get_json()["displayName"] == "Sally"


def test_d2_t52_unknown_deactivated_deleted_and_wholly_hidden_answer_alike(
    client: FlaskClient, sqlite_db: Database
) -> None:
    make_account(sqlite_db, "hidden", private=True, keep_name=False)
    for state in ("deactivated", "closing", "deleted"):
        make_account(sqlite_db, state, state=state, state_at=NOW)
    for kind, prefix in (("users", "acc-"), ("profiles", "")):
        answers = set()
        for who in ("hidden", "deactivated", "closing", "deleted", "never", "a/b", "%00", "é"):
            answer = client.get(f"/api/v1/{kind}/{prefix}{who}")
            assert answer.mimetype == "application/problem+json"
            if who != "a/b":        # no address of the API
                headers = [h for h in answer.headers if not h[0].startswith(("X-Request-Id", "RateLimit-"))]
                answers.add((answer.status_code, answer.data, str(headers)))
        assert len(answers) == 1
        assert next(iter(answers))[0] == 404
    some = "&".join(f"accountId=acc-{who}" for who in ("hidden", "deactivated", "never", "deleted"))
    assert get(client, f"/users?{some}").get_json() == {"users": []}


def test_t51_many_accounts_pass_the_same_gate_in_the_order_asked_for(
    client: FlaskClient, sqlite_db: Database
) -> None:
    for name in ("ann", "ben", "cis"):
        make_account(sqlite_db, name, **RECORD)
    choose(sqlite_db, make_account(sqlite_db, "dan", **RECORD), you=("location",))
    asked = ["acc-dan", "acc-nobody", "acc-ann", "acc-dan", "acc-cis"]
    found = get(client, "/users?" + "&".join(f"accountId={one}" for one in asked)).get_json()["users"]
    assert [one["accountId"] for one in found] == ["acc-dan", "acc-ann", "acc-cis"]
    assert found == [get(client, f"/users/{one['accountId']}").get_json() for one in found]
    assert len(get(client, "/users?" + "&".join(["accountId=acc-ann"] * 100)).get_json()["users"]) == 1
    for query in ("", "?ids=acc-ann", "?" + "&".join(["accountId=acc-ann"] * 101)):
        assert get(client, f"/users{query}", 422).get_json()["errors"].keys() == {"accountId"}


@pytest.mark.parametrize("query", ["fields=email", "expand=email", "include=email", "order=email", "access_token=x"])
def test_t51_t97_other_parameters_change_nothing(client: FlaskClient, sqlite_db: Database, query: str) -> None:
    make_account(sqlite_db, **RECORD)
    for path in ("/users/acc-sally", "/profiles/sally", "/people"):
        assert get(client, path).data == get(client, f"{path}?{query}").data


def test_a_linked_account_answers_its_own_record_under_its_own_levels(
    client: FlaskClient, sqlite_db: Database
) -> None:
    primary = make_account(sqlite_db, **RECORD)
    work = make_account(sqlite_db, "work", **(RECORD | {"full_name": "S. Marsh", "location": "Porto"}))
    silent = make_account(sqlite_db, "silent", **RECORD)
    link(sqlite_db, work, primary)
    link(sqlite_db, silent, primary, silent=True)
    choose(sqlite_db, work, you=("job_title",))
    found = get(client, "/users/acc-work").get_json()
    assert (found["displayName"], found["location"]) == ("S. Marsh", "Porto")
    assert "jobTitle" not in found
    assert found["profileUrl"] == "http://localhost/u/sally"
    assert "profileUrl" not in get(client, "/users/acc-silent").get_json()
    assert get(client, "/profiles/work", 302).headers["Location"] == "/api/v1/profiles/sally"

    set_columns(sqlite_db, primary, private=True)
    assert get(client, "/users/acc-work").get_json().keys() == {"accountId", "displayName", "fullName", "avatarUrl"}
    assert "profileUrl" in get(client, "/users/acc-sally").get_json()
    assert get(client, "/users/acc-silent").get_json()["location"] == "Lisbon"
    assert get(client, "/profiles/work", 404)
    set_columns(sqlite_db, primary, keep_name=False)
    assert get(client, "/users/acc-work", 404)
    assert get(client, "/users/acc-silent")


def test_the_community_profile_and_its_hidden_sections(client: FlaskClient, sqlite_db: Database) -> None:
    sally = make_account(sqlite_db, **RECORD, answers=27, total_posts=27)
    work = make_account(sqlite_db, "work", answers=57, total_posts=57)
    link(sqlite_db, work, sally)
    did(sqlite_db, sally)
    sqlite_db.execute(
        "INSERT INTO held(account_id, kind, item, title, at) VALUES (?,'group','forum:makers','Makers',?)", (sally, NOW)
    )
    found = get(client, "/profiles/sally").get_json()
    assert found["totals"] == {
        "answers": 84, "accepted_solutions": 0, "articles": 0, "likes_received": 0, "total_posts": 84,
        "courses_completed": 0, "peer_kudos": 0, "kudos_points": 168,
    }  # fmt: skip
    assert [badge["id"] for badge in found["badges"]] == [f"answers:{n}" for n in (1, 10, 25, 50, 75)]
    assert found["groups"] == [{"id": "forum:makers", "kind": "group", "title": "Makers", "at": moment(NOW)}]
    assert found["level"]["number"] == 3
    assert (found["bio"], found["products"]) == ("Hello", ["Wiki"])
    assert found["links"] == [{"label": "Site", "url": "https://sally.example/"}]
    assert "email" not in found
    choose(sqlite_db, sally, you=("stats", "groups", "bio"))
    assert not {"level", "badges", "groups", "bio"} & get(client, "/profiles/sally").get_json().keys()
    assert get(client, "/profiles/sally").get_json()["totals"] == {"peer_kudos": 0}
    set_columns(sqlite_db, sally, private=True)
    assert get(client, "/profiles/sally").get_json().keys() == {
        "handle", "accountId", "displayName", "fullName", "avatarUrl", "profileUrl"}  # fmt: skip


@pytest.mark.parametrize(("section", "gone"), [
    ("badges", {"badges"}), ("kudos", {"level"}), ("stats", {"level"}), ("certifications", {"certifications",
    "designations"}), ("groups", {"groups"}), ("bio", {"bio"}), ("links", {"links"}), ("products", {"products"}),
    ("activity", {"memberSince"}),
])  # fmt: skip
def test_t53_a_section_that_is_hidden_has_no_key_and_hides_no_other(
    client: FlaskClient, sqlite_db: Database, section: str, gone: set[str]
) -> None:
    sally = make_account(sqlite_db, **RECORD, answers=27, total_posts=27, peer_kudos=11, member_since=NOW)
    for kind in ("certification", "designation", "group", "badge"):
        sqlite_db.execute("INSERT INTO held(account_id, kind, item, title, at) VALUES (?,?,?,'It',?)",
                          (sally, kind, f"forum:{kind}", NOW))  # fmt: skip
    whole = get(client, "/profiles/sally").get_json()
    assert gone <= whole.keys()
    choose(sqlite_db, sally, you=(section,))
    found = get(client, "/profiles/sally").get_json()
    assert whole.keys() - found.keys() == gone
    metrics = set(found["totals"])
    if section == "kudos":
        assert not {"peer_kudos", "kudos_points"} & metrics
        assert not [badge for badge in found["badges"] if badge.get("metric") == "peer_kudos"]
    elif section == "stats":
        assert metrics == {"peer_kudos"}
        assert {badge.get("metric") for badge in found["badges"]} == {"peer_kudos", None}
    else:
        assert found["totals"] == whole["totals"]


def test_the_directory_is_paged_by_cursors_of_shown_values(client: FlaskClient, sqlite_ctx: Any) -> None:
    from webapp.services import people_index

    ids = [make_account(sqlite_ctx.db, f"m{n:03d}", full_name=f"Member {n:03d}", location="Lisbon") for n in range(60)]
    choose(sqlite_ctx.db, ids[3], you=("location",))
    set_columns(sqlite_ctx.db, ids[4], private=True)
    people_index.rebuild(sqlite_ctx)
    first = get(client, "/people").get_json()
    second = get(client, f"/people?cursor={first['nextCursor']}").get_json()
    handles = [one["handle"] for one in first["people"] + second["people"]]
    assert handles == [f"m{n:03d}" for n in range(60) if n != 4]
    assert "nextCursor" not in second
    assert "location" not in first["people"][3]
    assert first["people"][0] == {
        "handle": "m000", "displayName": "Member 000", "location": "Lisbon", "level": 1,
        "profileUrl": "http://localhost/u/m000",
    }
    assert [one["handle"] for one in get(client, "/people?q=member%20007").get_json()["people"]] == ["m007"]
    assert get(client, "/people?q=nobody").get_json() == {"people": []}


def test_t59_the_etag_is_of_the_bytes_and_a_304_says_nothing_else(client: FlaskClient, sqlite_db: Database) -> None:
    sally = make_account(sqlite_db, **RECORD)
    first = get(client, "/users/acc-sally")
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in first.headers["Vary"]
    assert "Last-Modified" not in first.headers
    etag = {"If-None-Match": first.headers["ETag"]}
    set_columns(sqlite_db, sally, email="x@y.example", email_key="x@y.example")
    again = get(client, "/users/acc-sally", 304, **etag)
    assert again.data == b""
    set_columns(sqlite_db, sally, location="Porto")
    assert get(client, "/users/acc-sally", 200, **etag).get_json()["location"] == "Porto"


def test_t97_scripts_of_other_sites_read_what_anybody_can_and_send_no_credentials(
    client: FlaskClient, sqlite_db: Database
) -> None:
    make_account(sqlite_db, **RECORD)
    for path, status in (("/users/acc-sally", 200), ("/users/nobody", 404), ("/people", 200)):
        answer = get(client, path, status, Origin="https://other.example")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("given", ["Bearer nonsense", "Bearer ", "bearer", "Basic YTpi", "", "Bearer \xe9", "x" * 5000])
def test_a_token_that_is_no_good_is_refused_and_not_taken_for_none(
    client: FlaskClient, sqlite_db: Database, given: str
) -> None:
    make_account(sqlite_db, **RECORD)
    answer = get(client, "/users/acc-sally", 401, Authorization=given)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.get_json().keys() == {"type", "title", "status", "detail"}
    assert answer.mimetype == "application/problem+json"


def test_t73_a_cookie_is_nobody_here(stock: Stock) -> None:
    """A member's own browser gets through the API what anybody gets."""
    world = stock.fresh()
    for path in ("/api/v1/users/", "/api/v1/profiles/"):
        for handle in ("own", "prv", "hider"):
            who = public_id(world, handle) if "users" in path else handle
            nobody, owner = (world.ask(viewer, Ask(path + who)) for viewer in (None, handle))
            assert (nobody.status, nobody.body, nobody.headers) == (owner.status, owner.body, owner.headers)
            assert nobody.statements == owner.statements, "the cookie was looked up"
    assert world.ask("own", Ask("/api/v1/me")).status == 401


def public_id(world: World, handle: str) -> str:
    with world.bound():
        return str(world.db.row("SELECT public_id FROM account WHERE handle = ?", (handle,))[0])


@pytest.mark.parametrize(("method", "path", "status"), [
    ("get", "/api/v1/nothing", 404), ("get", "/api/", 404), ("post", "/api/v1/users", 405), ("put", "/api/v1/me", 405),
    ("delete", "/api/v1/users/x", 405),
])  # fmt: skip
def test_every_error_is_a_problem(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    found = json.loads(answer.data)
    assert found["status"] == status
    assert found["detail"]
