"""Registering apps: who may, which addresses (T89), secrets (T96), organizations' own (T45), switching off."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import pytest

from policies.errors import Invalid, NotFound
from tests.conftest import NOW
from tests.factories import make_account, make_organization
from tests.services.appmaker import BACK, give
from tests.services.people import BIT, source
from webapp.services import apps, audit_own, closing, connected, export, grants, oauth, sessions, tokens
from webapp.services.apps import AppForm
from webapp.store import erasing

FORM = AppForm(
    name="Questboard", about="Quests for teams", website="https://questboard.example/", redirects=BACK,
    scopes=("profiles:read", "me:read"), fields=("location", "email"),
)


def session_of(ctx, account_id):
    return sessions.load_session(ctx, sessions.start(ctx, account_id, NOW), NOW)


@pytest.fixture
def sally(ctx):
    return session_of(ctx, make_account(ctx.db))


@pytest.fixture
def head(ctx):
    """An admin of the organization Acme."""
    account = make_account(ctx.db, "head", kind="managed")
    ctx.db.execute(
        "INSERT INTO membership(organization_id, account_id, role, since) VALUES (?,?,'admin',?)",
        (make_organization(ctx.db), account, NOW))
    return session_of(ctx, account)


def test_a_member_registers_a_community_app_and_reads_its_secret_once(ctx, sally):
    made = apps.register(ctx, sally, FORM, NOW)
    client = oauth.find_client(ctx, made.client_id)
    assert (client.type, client.redirects, client.scopes) == ("community", (BACK,), ("profiles:read", "me:read"))
    assert client.fields == 1 << BIT["location"] | 1 << BIT["email"]
    assert oauth.is_secret(ctx, client, made.secret)
    assert not oauth.is_secret(ctx, client, tokens.digest(made.secret))
    kept = [ctx.db.rows(f"SELECT * FROM {table}") for table in ("audit", "app")]
    told = str([apps.own_apps(ctx, sally), client, kept])
    assert made.secret not in told
    assert tokens.digest(made.secret) not in str([apps.own_apps(ctx, sally), client])


def test_a_public_client_gets_no_secret(ctx, sally):
    made = apps.register(ctx, sally, replace(FORM, is_public=True), NOW)
    client = oauth.find_client(ctx, made.client_id)
    assert made.secret is None
    assert client.is_public
    for guess in ("", "None", "x"):
        assert not oauth.is_secret(ctx, client, guess)
    with pytest.raises(Invalid):
        apps.new_secret(ctx, sally, made.client_id, NOW)


@pytest.mark.parametrize("uri", [
    "javascript:alert(1)", "data:text/html,x", "http://questboard.example/back", "https://*.questboard.example/back",
    "https://questboard.example/*", "https://questboard.example/back#part", "https://u:p@questboard.example/",
    "https://user@questboard.example/", "//questboard.example/back", "/back", "questboard.example/back", "https://",
    "https:///back", "https:/questboard.example", "https://questboard", "https://quest board.example/",
    "https://quéstboard.example/", "https://questboard.example/a\\b", "https://questboard.example:99999/",
    "https://questboard.example:/", "https://a.example;script-src x.example/", "https://a.example,b.example/",
    "https://questboard.example/x/../back", "https://questboard.example/%2e%2E/back", "ftp://questboard.example/",
    "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "HTTPS://a.example/",
    "http://[::2]/", "http://[::ffff:127.0.0.1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::1].evil.example/", "http://::1/",
    "http://[::1%25lo]/", "http://[::1]evil/", "http://[::1]:/", "https://[2001:db8::1]/", "http://[::1]/x/../back",
    "http://127.0.0.1/%2e%2e/back", "http://127.1/", "http://0/", "http://2130706433/",
    "app.example.quest:/back", "https://1.2.3.4/", "https://questboard.example/" + "x" * 500, "vbscript:x", "blob:https://a.example/x",
])  # fmt: skip
def test_t89_addresses_that_are_refused(uri):
    assert apps.check_redirect(uri)


def test_t89_one_bad_address_refuses_the_app(sqlite_ctx):
    session = session_of(sqlite_ctx, make_account(sqlite_ctx.db))
    for uri in ("javascript:alert(1)", "http://questboard.example/back", "https://questboard.example/*"):
        with pytest.raises(Invalid) as refused:
            apps.register(sqlite_ctx, session, replace(FORM, redirects=f"{BACK}\n{uri}"), NOW)
        assert set(refused.value.errors) == {"redirects"}
    assert sqlite_ctx.db.rows("SELECT COUNT(*) FROM app") == [(0,)]


@pytest.mark.parametrize("uri", [
    BACK, "https://questboard.example", "https://a-b.questboard.example:8443/x?y=1&z=%20", "http://127.0.0.1:5000/back",
    "http://localhost/back", "http://[::1]:5000/back", "http://[::1]/", "https://localhost:3000/", "https://xn--qustboard-d4a.example/",
])  # fmt: skip
def test_t89_addresses_that_are_taken(uri):
    assert apps.check_redirect(uri) == ""


@pytest.mark.parametrize(("change", "field"), [
    ({"name": ""}, "name"), ({"name": "x" * 81}, "name"), ({"name": "Log in at evil.example"}, "name"),
    ({"name": "Quest\u202eboard"}, "name"), ({"name": "www.quest"}, "name"), ({"about": "x" * 201}, "about"),
    ({"website": "javascript:alert(1)"}, "website"), ({"redirects": " \n"}, "redirects"),
    ({"redirects": "\n".join(f"{BACK}{n}" for n in range(11))}, "redirects"), ({"scopes": ()}, "scopes"),
    ({"scopes": ("activities:write",)}, "scopes"), ({"scopes": ("profiles:read", "admin")}, "scopes"),
    ({"fields": ("no-such-field",)}, "fields"), ({"fields": ("stats",)}, "fields"),
])  # fmt: skip
def test_what_is_typed_wrong_is_said_beside_it(sqlite_ctx, change, field):
    session = session_of(sqlite_ctx, make_account(sqlite_ctx.db))
    with pytest.raises(Invalid) as refused:
        apps.register(sqlite_ctx, session, replace(FORM, **change), NOW)
    assert set(refused.value.errors) == {field}


def test_a_member_has_twenty_apps_at_most(ctx, sally):
    for _ in range(apps.APPS_LIMIT):
        apps.register(ctx, sally, FORM, NOW)
    with pytest.raises(Invalid, match="cannot be used"):
        apps.register(ctx, sally, FORM, NOW)


def test_a_new_secret_ends_the_old_one_and_every_token(ctx, sally):
    made = apps.register(ctx, sally, FORM, NOW)
    client = oauth.find_client(ctx, made.client_id)
    token = give(ctx.db, client.id, sally.account_id)
    again = apps.new_secret(ctx, sally, made.client_id, NOW)
    assert not oauth.is_secret(ctx, client, made.secret)
    assert oauth.is_secret(ctx, client, again.secret)
    assert grants.authenticate(ctx, token, NOW) is None
    assert len(connected.list_connected(ctx, sally.account_id)) == 1        # the consent is the member's


def test_an_app_is_its_owners_alone(ctx, sally, head):
    made = apps.register(ctx, sally, FORM, NOW)
    stranger = session_of(ctx, make_account(ctx.db, "stranger"))
    for session, slug in ((stranger, ""), (head, ""), (head, "acme")):
        for act in (
            lambda session=session, slug=slug: apps.open_app(ctx, session, made.client_id, slug),
            lambda session=session, slug=slug: apps.change(ctx, session, made.client_id, FORM, NOW, slug),
            lambda session=session, slug=slug: apps.new_secret(ctx, session, made.client_id, NOW, slug),
            lambda session=session, slug=slug: apps.remove(ctx, session, made.client_id, NOW, slug),
            lambda session=session: apps.set_enabled(ctx, session, made.client_id, False, NOW),
            lambda session=session: apps.set_source(ctx, session, made.client_id, None, NOW),
        ):
            with pytest.raises(NotFound):
                act()
    assert apps.open_app(ctx, sally, made.client_id).name == "Questboard"


def test_t45_an_organizations_app_is_its_admins_alone(ctx, sally, head):
    made = apps.register(ctx, head, FORM, NOW, "acme")
    assert oauth.find_client(ctx, made.client_id).organization_id == make_organization(ctx.db)
    assert [app.name for app in apps.organization_apps(ctx, head, "acme")] == ["Questboard"]
    other = make_account(ctx.db, "other", email="other@beta.example", kind="managed")
    ctx.db.execute(
        "INSERT INTO membership(organization_id, account_id, role, since) VALUES (?,?,'admin',?)",
        (make_organization(ctx.db, "beta"), other, NOW))
    beta = session_of(ctx, other)
    for session, slug in ((sally, "acme"), (beta, "acme"), (beta, "beta"), (sally, "")):
        with pytest.raises(NotFound):
            apps.open_app(ctx, session, made.client_id, slug)
        with pytest.raises(NotFound):
            apps.remove(ctx, session, made.client_id, NOW, slug)
    for session in (sally, beta):
        with pytest.raises(NotFound):
            apps.register(ctx, session, FORM, NOW, "acme")
    apps.remove(ctx, head, made.client_id, NOW, "acme")
    assert oauth.find_client(ctx, made.client_id) is None


def test_a_site_admin_switches_an_app_off_and_on_and_lets_it_write(ctx, sally):
    boss = session_of(ctx, make_account(ctx.db, "boss", is_admin=True))
    made = apps.register(ctx, sally, FORM, NOW)
    app_id = oauth.find_client(ctx, made.client_id).id
    token = give(ctx.db, app_id, sally.account_id, "profiles:read activities:write")
    apps.set_enabled(ctx, boss, made.client_id, False, NOW)
    assert oauth.find_client(ctx, made.client_id) is None
    assert grants.authenticate(ctx, token, NOW) is None
    apps.set_enabled(ctx, boss, made.client_id, True, NOW)
    assert grants.authenticate(ctx, token, NOW).scopes == {"profiles:read"}
    forum = source(ctx.db)
    apps.set_source(ctx, boss, made.client_id, forum, NOW)
    bearer = grants.authenticate(ctx, token, NOW)
    assert (bearer.scopes, bearer.source_id) == ({"profiles:read", "activities:write"}, forum)
    apps.change(ctx, sally, made.client_id, replace(FORM, name="Renamed"), NOW)     # what the admin gave stays
    assert "activities:write" in grants.authenticate(ctx, token, NOW).scopes
    with pytest.raises(NotFound):
        apps.set_source(ctx, boss, made.client_id, forum + 99, NOW)
    apps.set_source(ctx, boss, made.client_id, None, NOW)
    assert grants.authenticate(ctx, token, NOW).scopes == {"profiles:read"}
    events = [row[0] for row in ctx.db.rows("SELECT event FROM audit WHERE event LIKE 'app:%' ORDER BY id")]
    assert events == ["app:register", "app:disable", "app:enable", "app:source", "app:change", "app:source"]


def test_every_app_is_listed_page_by_page(ctx, sally):
    for number in range(5):
        apps.register(ctx, sally, replace(FORM, name=f"App {number}"), NOW)
    first, more = apps.all_apps(ctx, 0, 3)
    second, end = apps.all_apps(ctx, more, 3)
    assert [app.name for app in (*first, *second)] == [f"App {number}" for number in (4, 3, 2, 1, 0)]
    assert end == 0


def test_t17_a_deactivation_ends_consents_and_silences_own_apps(ctx, sally):
    boss, other = make_account(ctx.db, "boss", is_admin=True), make_account(ctx.db, "other")
    made = apps.register(ctx, sally, FORM, NOW)
    app_id = oauth.find_client(ctx, made.client_id).id
    hers, theirs = give(ctx.db, app_id, sally.account_id), give(ctx.db, app_id, other)
    closing.deactivate(ctx, sally.account_id, NOW, by=boss)
    assert oauth.find_client(ctx, made.client_id) is None
    assert [grants.authenticate(ctx, token, NOW) for token in (hers, theirs)] == [None, None]
    closing.reactivate(ctx, sally.account_id, NOW, by=boss)
    assert grants.authenticate(ctx, hers, NOW) is None          # her consent has ended, theirs has not
    assert grants.authenticate(ctx, theirs, NOW) is not None


def test_t69_a_deletion_takes_own_apps_along_and_leaves_those_of_the_organization(ctx, sally, head):
    apps.register(ctx, sally, FORM, NOW)
    apps.register(ctx, head, FORM, NOW, "acme")
    with ctx.db.transaction():
        for session in (sally, head):
            erasing.erase(ctx.db, session.account_id, NOW)
    assert ctx.db.rows("SELECT type, owner_id FROM app") == [("organization", None)]


def test_the_own_export_and_history_tell_of_apps(ctx, sally):
    made = apps.register(ctx, sally, FORM, NOW)
    give(ctx.db, oauth.find_client(ctx, made.client_id).id, sally.account_id, ticked=1 << BIT["location"], now=NOW)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(export.export(ctx, sally, NOW))))
    row, = json.loads(archive.read("sally/apps.json"))
    assert (row["name"], row["given_fields"], row["last_used"]) == ("Questboard", "Location", None)
    assert "An app was registered" in [row.what for row in audit_own.view_history(ctx, sally).rows]
