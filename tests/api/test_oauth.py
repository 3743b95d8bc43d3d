"""The OAuth server over HTTP: the flow, and the attacks T2, T3, T79, T83, T87, T88, T90-T93, T96, T97."""

from __future__ import annotations

import logging

import pytest

from tests.api.flow import CHALLENGE, CLIENT, VERIFIER, AppServer, Browser, came_back
from tests.conftest import NOW
from tests.factories import make_account
from tests.services.appmaker import BACK, SECRET, make_app
from tests.services.people import BIT, choose
from webapp.services import grants, tokens


@pytest.fixture
def world(app, at):
    """Sally with a hidden location and e-mail; Questboard, a confidential community app that asks for both."""
    db = app.extensions["vitrine"].db
    sally = make_account(
        db, full_name="Sally Smith", location="Lisbon", department="Optics", timezone="Europe/Lisbon")
    choose(db, sally, you=("location", "department"))
    owner = make_account(db, "tinker")
    app_id = make_app(db, owner, fields=1 << BIT["location"] | 1 << BIT["email"] | 1 << BIT["timezone"])
    return db, sally, app_id


def bearer(app, token, now=NOW):
    return grants.authenticate(app.extensions["vitrine"], token, now)


def test_the_flow_from_question_to_refreshed_token(app, world, at):
    _, sally, app_id = world
    member, questboard = Browser(app, sally), AppServer(app)
    page = member.ask()
    back = came_back(member.answer(page, "location"))
    assert (back["state"], back["iss"]) == ("xyz", "http://localhost")
    answer = questboard.exchange(back["code"])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    first = answer.get_json()
    assert (first["token_type"], first["expires_in"], first["scope"]) == ("Bearer", 3600, "profiles:read me:read")
    stands = bearer(app, first["access_token"])
    assert (stands.account_id, stands.app_id, stands.ticked) == (sally, app_id, 1 << BIT["location"])
    at.now += 3600
    assert bearer(app, first["access_token"], at.now) is None
    second = questboard.refresh(first["refresh_token"]).get_json()
    assert bearer(app, second["access_token"], at.now).account_id == sally
    assert second["refresh_token"] != first["refresh_token"]


def test_all_secrets_are_kept_as_hashes(app, world):
    db, sally, _ = world
    member, questboard = Browser(app, sally), AppServer(app)
    code = member.code()
    made = questboard.exchange(code).get_json()
    kept = str([db.rows(f"SELECT * FROM {table}") for table in
                ("app", "app_grant", "oauth_family", "oauth_code", "oauth_token", "audit", "outbox")])
    for secret in (code, made["access_token"], made["refresh_token"], SECRET):
        assert secret not in kept
        assert tokens.digest(secret) in kept


def test_cancelling_gives_nothing_and_tells_the_app(app, world):
    db, sally, _ = world
    member = Browser(app, sally)
    back = came_back(member.answer(member.ask(), decision="deny"))
    assert back == {"error": "access_denied", "state": "xyz", "iss": "http://localhost"}
    assert db.rows("SELECT COUNT(*) FROM app_grant") == [(0,)]


def test_a_public_client_needs_no_secret_and_is_asked_for_each_time(app, world):
    db, sally, _ = world
    make_app(db, sally, "Pocket", public=True)
    member, pocket = Browser(app, sally), AppServer(app, "client-pocket", None)
    code = member.code(client_id="client-pocket")
    assert pocket.exchange(code).status_code == 200
    assert member.ask(client_id="client-pocket").status_code == 200
    assert pocket.post("/oauth/token", grant_type="client_credentials").get_json()["error"] in {
        "invalid_client", "unauthorized_client"}


def test_client_secret_post_works_and_a_wrong_secret_does_not(app, world):
    _, sally, _ = world
    member = Browser(app, sally)
    by_post = AppServer(app, CLIENT, None)
    assert by_post.exchange(member.code(), client_secret=SECRET).status_code == 200
    code = member.code()
    for wrong in (AppServer(app, CLIENT, "wrong"), AppServer(app, CLIENT, None), AppServer(app, "nobody", SECRET)):
        answer = wrong.exchange(code)
        assert (answer.status_code in {400, 401}, answer.get_json()["error"]) == (True, "invalid_client")
    assert AppServer(app).exchange(code).status_code == 200


def test_an_app_as_itself_has_its_own_token_without_a_member(app, world):
    questboard = AppServer(app)
    made = questboard.post("/oauth/token", grant_type="client_credentials").get_json()
    assert made["scope"] == "profiles:read"
    assert "refresh_token" not in made
    stands = bearer(app, made["access_token"])
    assert (stands.account_id, stands.grant_id, stands.ticked) == (None, None, 0)
    for scope in ("me:read", "profiles:read me:read", "profiles:read activities:write", "no:such"):
        answer = questboard.post("/oauth/token", grant_type="client_credentials", scope=scope)
        assert answer.get_json()["error"] == "invalid_scope"


@pytest.mark.parametrize("changes", [
    {"code_challenge": None, "code_challenge_method": None}, {"code_challenge_method": None},
    {"code_challenge_method": "plain"}, {"code_challenge": None}, {"code_challenge": "short"},
    {"code_challenge": "x" * 44}, {"code_challenge": "ö" * 43}, {"code_challenge_method": "s256"},
])  # fmt: skip
def test_t87_no_code_without_an_s256_challenge(app, world, changes):
    back = came_back(Browser(app, world[1]).ask(**changes))
    assert (back["error"], back["state"], back["iss"]) == ("invalid_request", "xyz", "http://localhost")
    assert "code" not in back


@pytest.mark.parametrize(("verifier", "error"), [
    (None, "invalid_request"), ("", "invalid_request"), ("short", "invalid_request"), ("w" * 43, "invalid_grant"),
    (CHALLENGE, "invalid_grant"),
])  # fmt: skip
def test_t87_no_token_without_the_verifier(app, world, verifier, error):
    db, sally, app_id = world
    db.execute("UPDATE app SET secret_hash = ? WHERE id = ?", (tokens.digest(SECRET), app_id))
    code = Browser(app, sally).code()
    answer = AppServer(app).exchange(code, code_verifier=verifier)
    assert (answer.status_code, answer.get_json()["error"]) == (400, error)
    assert db.rows("SELECT COUNT(*) FROM oauth_token") == [(0,)]


@pytest.mark.parametrize("uri", [
    None, "", "https://questboard.example", "https://questboard.example/bac", "https://questboard.example/back/",
    "https://questboard.example/back/more", "https://questboard.example/x/../back",
    "https://questboard.example:443/back",
    "https://QUESTBOARD.example/back", "https://questboard.example/%62ack", "https://questboard.example/%2e/back",
    "https://u@questboard.example/back", "https://questboard.example/back#x", "https://questboardxexample/back",
    "https://questboard.example/back?x=1", "https://questboard.example.evil.example/back",
    "http://questboard.example/back",
    "//questboard.example/back", "javascript:alert(1)", "https://evil.example/“ö", " https://questboard.example/back",
])  # fmt: skip
def test_t88_an_address_that_is_not_equal_ends_on_a_page(app, world, uri):
    for account in (world[1], None):
        for changes in ({}, {"response_type": "token"}, {"scope": "no:such"}, {"prompt": "none"}, {"state": "\x00ö"}):
            answer = Browser(app, account).ask(redirect_uri=uri, **changes)
            assert answer.status_code == 400
            assert "Location" not in answer.headers
            assert "wrong address" in answer.text


@pytest.mark.parametrize("changes", [
    {"response_type": "token"}, {"response_type": "code token"}, {"response_type": None}, {"response_type": 'co"de'},
    {"scope": "no:such"}, {"scope": "me:read openid"}, {"scope": "activities:write"}, {"scope": "“"},
    {"scope": "profiles:read me:read activities:write"},
    {"prompt": "none"}, {"prompt": "login"}, {"response_mode": "fragment"}, {"response_mode": "form_post"},
])  # fmt: skip
def test_t90_an_error_returns_to_a_checked_address_and_only_after_the_log_in(app, world, changes):
    unknown = Browser(app, None).ask(**changes)
    assert unknown.headers["Location"].startswith("/login?next=")
    answer = Browser(app, world[1]).ask(**changes)
    assert answer.headers["Location"].startswith(BACK + "?error=")
    assert came_back(answer)["iss"] == "http://localhost"
    for stranger in (
        {"client_id": "nobody"}, {"client_id": None}, {"client_id": "a\0"}, {"redirect_uri": "https://evil.example"},
    ):
        answer = Browser(app, world[1]).ask(**(changes | stranger))
        assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_t90_repeated_parameters_are_refused(app, world):
    from urllib.parse import urlencode

    from tests.api.flow import question

    client = Browser(app, world[1]).client
    query = urlencode(question())
    for name, value in (("client_id", CLIENT), ("redirect_uri", "https://evil.example/")):
        answer = client.get(f"/oauth/authorize?{query}&{urlencode({name: value})}")
        assert (answer.status_code, "Location" in answer.headers) == (400, False)
    for name in ("scope", "state", "code_challenge", "code_challenge_method", "response_type"):
        assert came_back(client.get(f"/oauth/authorize?{query}&{name}=x"))["error"] == "invalid_request"
    twice = app.test_client().post(
        "/oauth/token", data={"grant_type": ["client_credentials", "client_credentials"]}, auth=(CLIENT, SECRET))
    assert (twice.status_code, twice.get_json()["error"]) == (400, "invalid_request")


def test_t91_a_code_works_once_and_its_replay_kills_the_family(app, world):
    db, sally, _ = world
    member, questboard = Browser(app, sally), AppServer(app)
    other = questboard.exchange(member.code()).get_json()
    code = member.code()
    made = questboard.exchange(code).get_json()
    answer = questboard.exchange(code)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    assert bearer(app, made["access_token"]) is None
    assert questboard.refresh(made["refresh_token"]).status_code == 400
    assert bearer(app, other["access_token"]) is not None
    assert ("app:replay",) in db.rows("SELECT event FROM audit")


@pytest.mark.parametrize("changes", [{}, {"code_verifier": None}, {"code_verifier": "w" * 43}, {"redirect_uri": None}])
def test_t91_a_replay_that_would_fail_anyway_kills_the_family_too(app, world, changes):
    _, sally, _ = world
    questboard, code = AppServer(app), Browser(app, sally).code()
    made = questboard.exchange(code).get_json()
    assert questboard.exchange(code, **changes).status_code == 400
    assert bearer(app, made["access_token"]) is None


def test_t91_a_code_is_of_its_client_its_address_and_its_minute(app, world, at):
    db, sally, app_id = world
    make_app(db, sally, "Thief")
    db.execute("INSERT INTO app_redirect(app_id, uri) VALUES (?, 'https://questboard.example/other')", (app_id,))
    member, questboard = Browser(app, sally), AppServer(app)
    code = member.code()
    for wrong in (
        AppServer(app, "client-thief").exchange(code), questboard.exchange(code, redirect_uri=None),
        questboard.exchange(code, redirect_uri="https://questboard.example/other"),
        questboard.exchange(code + "x"), questboard.exchange("x" * 101),
    ):
        assert wrong.get_json()["error"] == "invalid_grant"
    at.now += 59
    assert questboard.exchange(code).status_code == 200
    code = member.code()
    at.now += 60
    assert questboard.exchange(code).get_json()["error"] == "invalid_grant"


def test_t92_a_used_refresh_token_kills_its_family_and_no_other(app, world):
    _, sally, _ = world
    member, questboard = Browser(app, sally), AppServer(app)
    other = questboard.exchange(member.code()).get_json()
    first = questboard.exchange(member.code()).get_json()
    second = questboard.refresh(first["refresh_token"]).get_json()
    answer = questboard.refresh(first["refresh_token"])
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    for dead in (first["access_token"], second["access_token"]):
        assert bearer(app, dead) is None
    assert questboard.refresh(second["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert bearer(app, other["access_token"]) is not None
    assert questboard.refresh(other["refresh_token"]).status_code == 200


def test_t92_a_replay_that_would_fail_anyway_kills_the_family_too(app, world):
    _, sally, _ = world
    questboard = AppServer(app)
    first = questboard.exchange(Browser(app, sally).code()).get_json()
    second = questboard.refresh(first["refresh_token"]).get_json()
    assert questboard.refresh(first["refresh_token"], scope="activities:write").status_code == 400
    assert bearer(app, second["access_token"]) is None


def test_t92_a_refresh_token_is_of_its_client_and_ends_with_the_consent(app, world, at):
    db, sally, app_id = world
    make_app(db, sally, "Thief")
    member, questboard = Browser(app, sally), AppServer(app)
    made = questboard.exchange(member.code()).get_json()
    assert AppServer(app, "client-thief").refresh(made["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert questboard.refresh(made["access_token"]).get_json()["error"] == "invalid_grant"
    at.now += 30 * 86_400 - 10
    made = questboard.refresh(made["refresh_token"]).get_json()
    assert made["expires_in"] == 10          # thirty days after the consent everything ends, however often refreshed
    at.now += 10
    assert questboard.refresh(made["refresh_token"]).get_json()["error"] == "invalid_grant"
    at.now = NOW
    made = questboard.exchange(member.code()).get_json()
    grants.revoke(app.extensions["vitrine"], sally, app_id, NOW)
    assert questboard.refresh(made["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_t93_no_wider_scope_at_token_or_refresh(app, world):
    _, sally, _ = world
    member, questboard = Browser(app, sally), AppServer(app)
    code = member.code(scope="profiles:read")
    made = questboard.exchange(code, scope="profiles:read me:read").get_json()
    assert made["scope"] == "profiles:read"
    wider = questboard.refresh(made["refresh_token"], scope="profiles:read me:read")
    assert wider.get_json()["error"] == "invalid_scope"
    made = questboard.exchange(member.code()).get_json()
    narrow = questboard.refresh(made["refresh_token"], scope="profiles:read").get_json()
    assert bearer(app, narrow["access_token"]).scopes == {"profiles:read"}
    assert questboard.refresh(narrow["refresh_token"]).get_json()["scope"] == "profiles:read me:read"


@pytest.mark.parametrize("blank", ["", " ", "\t "])
def test_t93_a_blank_scope_at_refresh_is_no_wider_one(app, world, blank):
    """Nothing but blanks names no scope: what this family has is asked for, not all that the app was ever let have."""
    _, sally, _ = world
    member, questboard = Browser(app, sally), AppServer(app)
    member.code()
    made = questboard.exchange(member.code(scope="profiles:read")).get_json()
    again = questboard.refresh(made["refresh_token"], scope=blank).get_json()
    assert again["scope"] == "profiles:read"
    assert bearer(app, again["access_token"]).scopes == {"profiles:read"}


def test_t96_introspection_is_of_own_tokens_and_tells_no_secret(app, world):
    db, sally, _ = world
    make_app(db, sally, "Thief")
    make_app(db, sally, "Pocket", public=True)
    member, questboard = Browser(app, sally), AppServer(app)
    made = questboard.exchange(member.code()).get_json()
    told = questboard.post("/oauth/introspect", token=made["access_token"]).get_json()
    assert told == {
        "active": True, "scope": "profiles:read me:read", "token_type": "Bearer", "iss": "http://localhost",
        "iat": NOW, "exp": NOW + 3600, "sub": "acc-sally",
    }  # fmt: skip
    assert questboard.post("/oauth/introspect", token=made["refresh_token"]).get_json()["active"] is True
    for asker, token in ((AppServer(app, "client-thief"), made["access_token"]), (questboard, "nonsense")):
        assert asker.post("/oauth/introspect", token=token).get_json() == {"active": False}
    pocket = AppServer(app, "client-pocket", None).post("/oauth/introspect", token=made["access_token"])
    assert pocket.get_json()["error"] == "invalid_client"
    assert questboard.post("/oauth/introspect").get_json()["error"] == "invalid_request"


def test_a_scope_that_the_app_gave_up_is_in_no_answer_and_refreshing_goes_on(app, world):
    db, sally, app_id = world
    questboard = AppServer(app)
    made = questboard.exchange(Browser(app, sally).code()).get_json()
    db.execute("UPDATE app SET scopes = 'profiles:read' WHERE id = ?", (app_id,))
    told = questboard.post("/oauth/introspect", token=made["access_token"]).get_json()
    assert (told["scope"], "sub" in told) == ("profiles:read", False)
    assert questboard.refresh(made["refresh_token"], scope="me:read").get_json()["error"] == "invalid_scope"
    again = questboard.refresh(made["refresh_token"]).get_json()
    assert again["scope"] == "profiles:read"
    db.execute("UPDATE app SET scopes = 'me:read' WHERE id = ?", (app_id,))
    narrower = questboard.refresh(again["refresh_token"]).get_json()
    assert narrower["scope"] == "me:read", "of the consent, what the app still may"
    db.execute("UPDATE app SET scopes = '', source_id = NULL WHERE id = ?", (app_id,))
    assert questboard.refresh(narrower["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_a_token_given_back_is_dead_and_only_its_own_client_can(app, world):
    db, sally, _ = world
    make_app(db, sally, "Thief")
    member, questboard = Browser(app, sally), AppServer(app)
    made = questboard.exchange(member.code()).get_json()
    AppServer(app, "client-thief").post("/oauth/revoke", token=made["access_token"])
    assert bearer(app, made["access_token"]) is not None
    assert questboard.post("/oauth/revoke", token=made["access_token"], token_type_hint="odd").status_code == 200
    assert bearer(app, made["access_token"]) is None
    made = questboard.refresh(made["refresh_token"]).get_json()
    assert questboard.post("/oauth/revoke", token=made["refresh_token"]).status_code == 200
    assert bearer(app, made["access_token"]) is None
    assert questboard.post("/oauth/revoke", token="unknown").status_code == 200


def test_t97_nothing_in_a_query_string_counts_and_no_other_site_is_let_in(app, world, caplog):
    _, sally, _ = world
    caplog.set_level(logging.DEBUG)
    code = Browser(app, sally).code()
    query = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    client = app.test_client()
    assert client.post("/oauth/token", query_string=query, auth=(CLIENT, SECRET)).status_code == 400
    made = client.post("/oauth/token", data=query, auth=(CLIENT, SECRET), headers={"Origin": "https://evil.example"})
    assert not [name for name, _ in made.headers if name.lower().startswith("access-control")]
    token = made.get_json()["access_token"]
    asked = client.post("/oauth/introspect", query_string={"token": token}, auth=(CLIENT, SECRET))
    assert asked.get_json()["error"] == "invalid_request"
    logged = "\n".join(record.getMessage() for record in caplog.records)
    for secret in (code, token, made.get_json()["refresh_token"], SECRET):
        assert secret not in logged


def test_t83_addresses_come_from_base_url(app, world):
    _, sally, _ = world
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    told = app.test_client().get("/.well-known/oauth-authorization-server", headers=headers).get_json()
    assert told["issuer"] == "http://localhost"
    assert {value for name, value in told.items() if name.endswith("endpoint")} == {
        f"http://localhost/oauth/{name}" for name in ("authorize", "token", "revoke", "introspect")}
    assert told["code_challenge_methods_supported"] == ["S256"]
    member = Browser(app, sally)
    back = member.answer(member.ask(headers=headers))
    assert came_back(back)["iss"] == "http://localhost"
    assert app.test_client().get("/.well-known/oauth-authorization-server",
                                 base_url="http://evil.example").status_code == 400


@pytest.mark.parametrize("header", [
    "Basic ", "Basic !!!", "Basic /w==", "Basic " + "A" * 5000, "Bearer x", "Basic Og==", "Basic 8J+YgDrDtg==",
])  # fmt: skip
def test_broken_credentials_are_an_error_in_json(app, world, header):
    answer = app.test_client().post(
        "/oauth/token", data={"grant_type": "refresh_token", "refresh_token": "x"}, headers={"Authorization": header})
    assert answer.status_code in {400, 401}
    assert answer.get_json()["error"] in {"invalid_client", "invalid_request"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_other_grants_are_not_there(app, world):
    for kind in ("password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "", "“"):
        answer = AppServer(app).post("/oauth/token", grant_type=kind, username="sally", password="x")
        assert (answer.status_code, answer.get_json()["error"]) == (400, "unsupported_grant_type")
