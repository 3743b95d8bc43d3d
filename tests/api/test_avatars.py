"""Pictures for apps: whoever is told a picture's address with a token fetches it with that token (T57, T58, S84)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.bearers import make_app, make_token
from tests.api.flow import Browser
from tests.conftest import NOW
from tests.factories import link, make_account, make_organization
from tests.services.people import choose, set_columns
from webapp.services import grants
from webapp.store import records
from webapp.store.database import Database

KEY = "k" * 24
PATH = f"/avatar/{KEY}.webp"
IMAGE = b"RIFF....WEBP"


@pytest.fixture(autouse=True)
def at_the_moment(app: Any) -> None:
    app.config["CLOCK"] = lambda: NOW


@pytest.fixture
def sally(sqlite_db: Database) -> int:
    """Of Acme, with a picture that colleagues see and Anyone does not: the default of a managed account (S79)."""
    account = make_account(sqlite_db, "sally", kind="managed", full_name="Sally Marsh", avatar=KEY)
    records.replace_avatar(sqlite_db, account, KEY, IMAGE, NOW)
    return account


def fetch(client: FlaskClient, token: str | None = None, **headers: str) -> Any:
    given = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return client.get(PATH, headers=given | headers)


def told(client: FlaskClient, token: str | None) -> str | None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    found = client.get("/api/v1/users/acc-sally", headers=headers).get_json()
    return found.get("avatarUrl")       # type: ignore[no-any-return]


def test_t95_whoever_is_told_the_address_of_a_picture_can_fetch_it_and_nobody_else(
    client: FlaskClient, sqlite_db: Database, sally: int
) -> None:
    acme, other = make_organization(sqlite_db, "acme"), make_organization(sqlite_db, "other")
    colleague = make_account(sqlite_db, "colleague", kind="managed")
    stranger = make_account(sqlite_db, "stranger")
    own_app, narrow = make_app(sqlite_db, "organization", acme), make_app(sqlite_db, "organization", acme)
    community, given = make_app(sqlite_db), make_app(sqlite_db)
    callers = {
        "the organization's app": (make_token(sqlite_db, own_app), True),
        "with a colleague's token": (make_token(sqlite_db, own_app, colleague), True),
        "with a stranger's token": (make_token(sqlite_db, own_app, stranger), False),
        "with a colleague's token without the scope": (make_token(sqlite_db, narrow, colleague, "me:read"), False),
        "another organization's app": (make_token(sqlite_db, make_app(sqlite_db, "organization", other)), False),
        "a community app": (make_token(sqlite_db, community), False),
        "a community app with a colleague's token": (make_token(sqlite_db, community, colleague), False),
        "a community app that Sally gave it": (make_token(sqlite_db, given, sally, ticks=("avatar",)), True),
        "nobody": (None, False),
    }
    for who, (token, sees) in callers.items():
        answer = fetch(client, token)
        assert (told(client, token) is not None, answer.status_code) == (sees, 200 if sees else 404), who
        assert (answer.data == IMAGE) is sees, who


def test_t58_a_token_and_a_cookie_are_never_mixed(
    app: Any, client: FlaskClient, sqlite_db: Database, sally: int
) -> None:
    """With a token the cookie is nobody: it opens nothing that the token does not, and is not drawn in the answer."""
    token = make_token(sqlite_db, make_app(sqlite_db))
    owner = Browser(app, sally).client
    assert owner.get(PATH).status_code == 200
    hidden, alone = fetch(owner, token), fetch(client, token)
    assert (hidden.status_code, hidden.data) == (alone.status_code, alone.data)
    assert hidden.mimetype == "application/problem+json"
    for bad in ("nonsense", ""):
        answer = fetch(owner, bad)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    # What a proxy in front asks for itself is no token of ours.
    assert owner.get(PATH, headers={"Authorization": "Basic YTpi"}).status_code == 200
    assert client.get(PATH, headers={"Authorization": "Basic YTpi"}).status_code == 404


def test_t58_no_cache_hands_the_picture_to_another(
    app: Any, client: FlaskClient, sqlite_db: Database, sally: int
) -> None:
    acme = make_app(sqlite_db, "organization", make_organization(sqlite_db, "acme"))
    token = make_token(sqlite_db, acme)
    for answer in (fetch(client, token), Browser(app, sally).client.get(PATH)):
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert {"Cookie", "Authorization"} <= set(answer.headers["Vary"].split(", "))
    etag = fetch(client, token).headers["ETag"]
    assert fetch(client, token, **{"If-None-Match": etag}).status_code == 304
    assert fetch(client, None, **{"If-None-Match": etag}).status_code == 404
    assert fetch(client, "nonsense", **{"If-None-Match": etag}).status_code == 401
    refused = fetch(client, make_token(sqlite_db, make_app(sqlite_db)))
    assert refused.headers["Cache-Control"] == "private, no-store"


def test_t57_t94_what_ends_a_token_or_shuts_the_field_is_seen_by_the_next_fetch(
    app: Any, client: FlaskClient, sqlite_db: Database, sally: int
) -> None:
    app_id = make_app(sqlite_db)
    token = make_token(sqlite_db, app_id, sally, ticks=("avatar",))
    organization = make_token(sqlite_db, make_app(sqlite_db, "organization", make_organization(sqlite_db, "acme")))
    assert fetch(client, token).status_code == fetch(client, organization).status_code == 200
    choose(sqlite_db, sally, you=("avatar",))
    assert fetch(client, organization).status_code == 404
    grants.clear_ticks(app.extensions["vitrine"], sally, -1)
    assert fetch(client, token).status_code == 404
    sqlite_db.execute("UPDATE app_grant SET ticked = -1")
    assert fetch(client, token).status_code == 200
    set_columns(sqlite_db, sally, private=True, keep_name=False)        # a tick opens nothing of a profile hidden whole
    assert fetch(client, token).status_code == 404
    set_columns(sqlite_db, sally, private=False)
    assert fetch(client, token).status_code == 200
    grants.revoke(app.extensions["vitrine"], sally, app_id, NOW)
    assert fetch(client, token).status_code == 401


def test_the_picture_goes_with_the_record_where_a_linked_account_s_profile_is_private(
    client: FlaskClient, sqlite_db: Database, sally: int
) -> None:
    """D5, section 8: its own record answers an app, its page does not; who is told the address gets the picture."""
    choose(sqlite_db, sally, anyone=("avatar",))
    primary = make_account(sqlite_db, "primary", private=True)
    link(sqlite_db, sally, primary)
    token = make_token(sqlite_db, make_app(sqlite_db))
    assert (fetch(client, token).status_code == 200) is (told(client, token) is not None)
    set_columns(sqlite_db, primary, keep_name=False)
    assert told(client, token) is None
    assert fetch(client, token).status_code == 404


def test_t97_scripts_of_other_sites_get_public_pictures_only(
    app: Any, client: FlaskClient, sqlite_db: Database, sally: int
) -> None:
    acme = make_app(sqlite_db, "organization", make_organization(sqlite_db, "acme"))
    held = fetch(client, make_token(sqlite_db, acme), Origin="https://x.example")
    assert "Access-Control-Allow-Origin" not in held.headers
    own = Browser(app, sally).client.get(PATH, headers={"Origin": "https://x.example"})
    assert own.status_code == 200
    assert "Access-Control-Allow-Origin" not in own.headers
    choose(sqlite_db, sally, anyone=("avatar",))
    assert fetch(client, Origin="https://x.example").headers["Access-Control-Allow-Origin"] == "*"
    assert client.options(PATH).headers["Access-Control-Allow-Headers"] == "Authorization, If-None-Match"
