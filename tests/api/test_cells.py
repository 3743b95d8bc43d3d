"""Every cell of both default tables, and of every choice, through every kind of token: which keys stand (S73-S85, D16).

The tables and the rules are written down again, plainly, and not taken from the gate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.bearers import make_app, make_token
from tests.conftest import NOW
from tests.factories import link, make_account, make_organization
from tests.services.people import choose, set_columns
from webapp.store.database import Database

#: S79: (managed: Anyone, managed: Organization, personal: Anyone)
TABLE = {
    "avatar": (False, True, True), "full_name": (True, True, True), "job_title": (True, True, True),
    "department": (False, True, True), "organization": (False, True, True), "location": (False, True, True),
    "timezone": (False, True, True), "email": (False, False, False),
}  # fmt: skip
KEY = {
    "avatar": "avatarUrl", "full_name": "fullName", "job_title": "jobTitle", "department": "department",
    "organization": "organization", "location": "location", "timezone": "timezone", "email": "email",
}  # fmt: skip
VALUES = {name: f"a {name}" for name in TABLE if name != "email"}
ANYONE, ORGANIZATION, YOU = "anyone", "org", "you"


@dataclass(frozen=True)
class Caller:
    """A token: the app's type (None: no token at all), whose consent it holds, its scopes."""

    kind: str | None
    member: str = ""        # self | colleague | stranger; "": the app as itself
    scopes: str = "profiles:read me:read"
    ticks: bool = False

    def __str__(self) -> str:
        return "-".join(part for part in (self.kind or "anonymous", self.member, "ticks" if self.ticks else "",
                                          self.scopes.replace(" ", "+").replace(":", "_")) if part)  # fmt: skip


def callers() -> Iterator[Caller]:
    yield Caller(None)
    for kind in ("community", "our organization", "other organization"):
        yield Caller(kind)
        yield Caller(kind, scopes="")
        for member in ("self", "colleague", "stranger"):
            for scopes in ("profiles:read me:read", "profiles:read", "me:read", ""):
                for ticks in (False, True):
                    yield Caller(kind, member, scopes, ticks)


def sees(caller: Caller, managed: bool, anyone: bool, organization: bool) -> bool:
    """Whether a field of these two cells is in the answer to this caller."""
    type_sees = anyone or (managed and organization and caller.kind == "our organization")
    if not caller.member:
        return type_sees
    if caller.member == "self":
        return type_sees or (caller.ticks and "me:read" in caller.scopes)
    own_view = anyone or (managed and organization and caller.member == "colleague")
    return type_sees and own_view and (anyone or "profiles:read" in caller.scopes)


class Party:
    """The app of a caller and whoever's token it may hold; a token for each subject."""

    def __init__(self, db: Database, caller: Caller) -> None:
        self.db, self.caller = db, caller
        slug = {"our organization": "acme", "other organization": "beta"}.get(caller.kind or "")
        self.app = make_app(db, "organization" if slug else "community", make_organization(db, slug) if slug else None)
        self.member = None
        if caller.member in {"colleague", "stranger"}:
            kind = "managed" if caller.member == "colleague" else "personal"
            self.member = make_account(db, caller.member, kind=kind)

    def token(self, subject: int) -> str | None:
        caller = self.caller
        if caller.kind is None:
            return None
        member = subject if caller.member == "self" else self.member
        return make_token(self.db, self.app, member, caller.scopes, tuple(TABLE) if caller.ticks else ())


def keys(client: FlaskClient, token: str | None, path: str = "/users/acc-sally") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = client.get(f"/api/v1{path}", headers=headers)
    return answer.get_json() if answer.status_code == 200 else answer.status_code


@pytest.mark.parametrize("caller", list(callers()), ids=str)
def test_every_cell_of_both_tables_by_every_kind_of_token(
    app: Any, client: FlaskClient, sqlite_db: Database, caller: Caller
) -> None:
    """Defaults, then each level chosen for all fields, then private with and without its box; S83: absent, not null."""
    app.config["CLOCK"] = lambda: NOW
    party = Party(sqlite_db, caller)
    for managed, handle in ((True, "sally"), (False, "perry")):
        subject = make_account(sqlite_db, handle, kind="managed" if managed else "personal", **VALUES)
        token = party.token(subject)
        choosable = tuple(name for name in TABLE if managed or name != "full_name")     # S81: fixed
        for level in ("default", ANYONE, ORGANIZATION, YOU):
            if level == "default":
                set_columns(sqlite_db, subject, chosen=0, chosen_anyone=0, chosen_org=0)
            else:
                choose(sqlite_db, subject, **{level: choosable})
            found = keys(client, token, f"/users/acc-{handle}")
            for field, (anyone, organization, personal) in TABLE.items():
                cells = {
                    "default": (anyone if managed else personal, organization), ANYONE: (True, True),
                    ORGANIZATION: (False, managed), YOU: (False, False),
                }[level]
                if field not in choosable:
                    cells = (True, True)
                expected = sees(caller, managed, *cells)
                assert (KEY[field] in found) is expected, (handle, level, field)
                assert found.get(KEY[field], "absent") is not None
            shown = sees(caller, managed, *{"default": (True, True), ANYONE: (True, True), ORGANIZATION: (False, True),
                                            YOU: (False, False)}[level]) or not managed  # fmt: skip
            assert found["displayName"] == ("a full_name" if shown else handle.capitalize())
        choose(sqlite_db, subject, anyone=choosable)
        set_columns(sqlite_db, subject, private=True)
        assert keys(client, token, f"/users/acc-{handle}").keys() == {
            "accountId", "displayName", "fullName", "avatarUrl", "profileUrl"}  # fmt: skip
        set_columns(sqlite_db, subject, keep_name=False)
        assert keys(client, token, f"/users/acc-{handle}") == 404


def test_t95_a_token_of_one_member_shows_no_more_of_another_than_both_may_see(
    app: Any, client: FlaskClient, sqlite_db: Database
) -> None:
    """Ticks are of the member's own record, of no linked account and of no profile that is another account's."""
    app.config["CLOCK"] = lambda: NOW
    primary = make_account(sqlite_db, "sally", **VALUES)
    work = make_account(sqlite_db, "work", **VALUES)
    link(sqlite_db, work, primary)
    for account in (primary, work):
        choose(sqlite_db, account, you=("location",))
    token = make_token(sqlite_db, make_app(sqlite_db), work, ticks=("location", "email"))
    assert "location" in keys(client, token, "/users/acc-work")
    assert "location" not in keys(client, token, "/users/acc-sally")
    assert not {"location", "email"} & keys(client, token, "/profiles/sally").keys()
    own = make_token(sqlite_db, make_app(sqlite_db), primary, ticks=("location", "stats"))
    assert "location" in keys(client, own, "/profiles/sally")
    assert "location" not in keys(client, own, "/users/acc-work")


def test_t94_the_next_call_reflects_every_change(app: Any, client: FlaskClient, sqlite_db: Database) -> None:
    from webapp.services.grants import clear_ticks, revoke

    app.config["CLOCK"] = lambda: NOW
    ctx = app.extensions["vitrine"]
    sally = make_account(sqlite_db, **VALUES)
    other = make_app(sqlite_db)
    token = make_token(sqlite_db, other, sally, ticks=("email", "location"))
    choose(sqlite_db, sally, you=("location", "email"))
    assert {"email", "location"} <= keys(client, token, "/me").keys()
    with ctx.db.transaction():
        clear_ticks(ctx, sally, 1 << 5)
    assert "location" not in keys(client, token, "/me")
    assert "email" in keys(client, token, "/me")
    set_columns(sqlite_db, sally, private=True)
    assert "email" not in keys(client, token, "/me")
    set_columns(sqlite_db, sally, private=False)
    sqlite_db.execute("UPDATE app SET disabled_at = 1 WHERE id = ?", (other,))
    assert keys(client, token, "/me") == keys(client, token) == 401
    sqlite_db.execute("UPDATE app SET disabled_at = NULL")
    assert "email" in keys(client, token, "/me")
    set_columns(sqlite_db, sally, state="deactivated", state_at=NOW)
    assert keys(client, token, "/me") == 401
    assert keys(client, None) == 404
    set_columns(sqlite_db, sally, state="active", state_at=None)
    revoke(ctx, sally, other, NOW)
    assert keys(client, token, "/me") == 401


def test_t97_a_token_in_the_address_is_ignored(app: Any, client: FlaskClient, sqlite_db: Database) -> None:
    app.config["CLOCK"] = lambda: NOW
    sally = make_account(sqlite_db, **VALUES)
    token = make_token(sqlite_db, make_app(sqlite_db), sally, ticks=("email",))
    for name in ("access_token", "token", "bearer", "Authorization"):
        assert "email" not in keys(client, None, f"/users/acc-sally?{name}={token}")
        assert keys(client, None, f"/me?{name}={token}") == 401
    assert client.post("/api/v1/activities", data={"access_token": token}).status_code == 401


def test_t97_no_other_site_reads_with_a_token(app: Any, client: FlaskClient, sqlite_db: Database) -> None:
    app.config["CLOCK"] = lambda: NOW
    sally = make_account(sqlite_db, **VALUES)
    headers = {"Authorization": f"Bearer {make_token(sqlite_db, make_app(sqlite_db), sally)}", "Origin": "https://x.example"}
    for path in ("users/acc-sally", "users/acc-nobody", "profiles/sally", "people", "me"):
        assert not [name for name, _ in client.get(f"/api/v1/{path}", headers=headers).headers
                    if name.startswith("Access-Control")], path  # fmt: skip


def test_me_is_the_member_and_needs_the_scope(app: Any, client: FlaskClient, sqlite_db: Database) -> None:
    app.config["CLOCK"] = lambda: NOW
    sally = make_account(sqlite_db, **VALUES)
    made = make_app(sqlite_db)
    assert keys(client, make_token(sqlite_db, made, sally), "/me")["accountId"] == "acc-sally"
    assert keys(client, make_token(sqlite_db, made, sally, "profiles:read"), "/me") == 403
    assert keys(client, make_token(sqlite_db, made), "/me") == 403


def test_the_directory_of_an_app_is_that_of_its_type_and_its_member(
    app: Any, client: FlaskClient, sqlite_ctx: Any
) -> None:
    """T47-T51: an organization app finds by what colleagues see, a member's token by what both see."""
    from webapp.services import people_index

    app.config["CLOCK"] = lambda: NOW
    db = sqlite_ctx.db
    make_account(db, "sally", kind="managed", full_name="Sally Marsh", department="Glassworks")
    stranger, colleague = make_account(db, "stranger"), make_account(db, "colleague", kind="managed")
    people_index.rebuild(sqlite_ctx)
    acme = make_app(db, "organization", make_organization(db, "acme"))
    community = make_app(db)

    def finds(token: str | None) -> list[str]:
        return [one["handle"] for one in keys(client, token, "/people?q=glassworks")["people"]]

    assert finds(None) == finds(make_token(db, community)) == finds(make_token(db, community, colleague)) == []
    assert finds(make_token(db, acme)) == ["sally"]
    assert finds(make_token(db, acme, colleague)) == ["sally"]
    assert finds(make_token(db, acme, stranger)) == []
    assert finds(make_token(db, acme, colleague, "me:read")) == []
