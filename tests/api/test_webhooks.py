"""Webhooks: only the app's own view decides (T55), ids only, signed, and sent to public addresses alone (T76)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.terms import ActivityKind, Area, Event
from tests import worlds
from tests.api.bearers import ALL_FIELDS, make_app
from tests.conftest import NOW
from tests.factories import link, make_account, make_organization
from tests.net import Site, Zone, dns_server, https_server
from tests.services.people import BIT, choose, set_columns
from tests.test_attacks import token_of
from tests.twin import Ask as Twin
from tests.twin import Stock
from webapp.services import ingest, webhook_send, webhooks
from webapp.services.context import Context, Proving
from webapp.services.domain_proof import FILE_SECONDS
from webapp.services.grants import revoke
from webapp.store import grants
from webapp.store import webhooks as store
from webapp.store.identities import save_identities

HOST = "app.example"


@pytest.fixture
def zone() -> Iterator[Zone]:
    with dns_server() as made:
        made.put(HOST, "A", "127.0.0.1")
        yield made


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with https_server(tmp_path, HOST) as made:
        made.serve_text("")
        yield made


def reaching(zone: Zone, site: Site) -> Proving:
    """Names from this zone, addresses on this machine."""
    return Proving((zone.address,), (), site.ca_file, site.port, ("127.0.0.0/8",))


def hook(ctx: Context, app: int, url: str = f"https://{HOST}/hooks?x=1") -> str:
    """A webhook that has looked once; its key."""
    with ctx.db.transaction():
        store.save(ctx.db, app, url, "salt", NOW)
    webhooks.notice(ctx, NOW)
    return webhook_send.signing_key(ctx, "salt")


def consent(ctx: Context, app: int, account: int, *ticks: str) -> None:
    with ctx.db.transaction():
        ticked = sum(1 << BIT[name] for name in ticks)
        grants.save_grant(ctx.db, app, account, NOW, "profiles:read me:read", ALL_FIELDS, ticked)


def events(ctx: Context) -> list[tuple[str, str]]:
    """(event, public id) that the changes since the last call make."""
    webhooks.notice(ctx, NOW)
    found = ctx.db.rows("SELECT event, public_id FROM webhook_delivery ORDER BY id")
    ctx.db.execute("DELETE FROM webhook_delivery")
    return found


def test_t55_an_app_hears_of_its_own_view_and_of_no_hidden_change(ctx: Context) -> None:
    db = ctx.db
    sally = make_account(db, full_name="Sally", location="Lisbon", department="Works")
    plain, ticking = make_app(db), make_app(db)
    consent(ctx, plain, sally)
    consent(ctx, ticking, sally, "email")
    hook(ctx, plain)
    hook(ctx, ticking)
    assert events(ctx) == []
    set_columns(db, sally, email="other@home.example", email_key="other@home.example")
    assert events(ctx) == [("profile.changed", "acc-sally")], "the app with the tick, and it alone"
    set_columns(db, sally, location="Porto")
    assert events(ctx) == [("profile.changed", "acc-sally")] * 2
    choose(db, sally, you=("department",))
    assert len(events(ctx)) == 2
    set_columns(db, sally, department="Elsewhere")
    set_columns(db, sally, edit_version=9)
    assert events(ctx) == []


def test_a_ticked_field_that_stands_on_the_profile_only_makes_an_event_for_that_app(ctx: Context) -> None:
    db = ctx.db
    sally, work = make_account(db, "sally", bio="One"), make_account(db, "work", bio="One")
    link(db, work, sally)
    plain, ticking, works = make_app(db), make_app(db), make_app(db)
    for app, account, ticks in ((plain, sally, ()), (ticking, sally, ("bio",)), (works, work, ("bio",))):
        consent(ctx, app, account, *ticks)
        hook(ctx, app)
    choose(db, sally, you=("bio",))
    assert {public_id for _, public_id in events(ctx)} == {"acc-sally", "acc-work"}
    set_columns(db, sally, bio="Two")
    assert events(ctx) == [("profile.changed", "acc-sally")], "the app with the tick, and it alone"


def test_t55_what_a_source_reports_makes_an_event_where_it_is_shown(ctx: Context) -> None:
    sally, app = make_account(ctx.db), make_app(ctx.db)
    ingest.register_source(ctx, "forum", "Forum", Area.FORUM, NOW)
    with ctx.db.transaction():
        save_identities(ctx.db, 1, [("sally", sally, None)], NOW)
    consent(ctx, app, sally)
    hook(ctx, app)
    ingest.record_events(ctx, "forum", [Event("1", "sally", ActivityKind.ANSWER, NOW)], NOW)
    assert events(ctx) == [("profile.changed", "acc-sally")]
    choose(ctx.db, sally, you=("stats", "badges", "activity"))
    assert events(ctx) == [("profile.changed", "acc-sally")]
    ingest.record_events(ctx, "forum", [Event("2", "sally", ActivityKind.ANSWER, NOW)], NOW)
    assert events(ctx) == []


def test_t55_a_field_that_the_app_asks_for_no_more_makes_no_event(ctx: Context) -> None:
    """Ticks count as far as the app still asks: by its fields and its scopes."""
    db = ctx.db
    app = make_app(db)
    sally = make_account(db, full_name="Sally")
    consent(ctx, app, sally, "email")
    hook(ctx, app)
    for column, other in (("fields", 0), ("scopes", "profiles:read")):
        (kept,) = db.row(f"SELECT {column} FROM app WHERE id = ?", (app,))  # type: ignore[misc]
        db.execute(f"UPDATE app SET {column} = ? WHERE id = ?", (other, app))
        assert events(ctx) == [("profile.changed", "acc-sally")], "at once, not with the next hidden change"
        set_columns(db, sally, email=f"{column}@home.example", email_key=f"{column}@home.example")
        assert events(ctx) == []
        db.execute(f"UPDATE app SET {column} = ? WHERE id = ?", (kept, app))
        assert events(ctx) == [("profile.changed", "acc-sally")]


def test_unavailable_is_one_event_for_closed_deactivated_and_hidden(ctx: Context) -> None:
    db = ctx.db
    app = make_app(db)
    people = {name: make_account(db, name, full_name=name) for name in ("closed", "off", "gone", "hidden", "apart")}
    for account in people.values():
        consent(ctx, app, account)
    hook(ctx, app)
    set_columns(db, people["closed"], state="closing", state_at=NOW)
    set_columns(db, people["off"], state="deactivated", state_at=NOW)
    set_columns(db, people["gone"], state="deleted", state_at=NOW)
    set_columns(db, people["hidden"], private=True, keep_name=False)
    db.execute("DELETE FROM app_grant WHERE account_id = ?", (people["off"],))
    assert set(events(ctx)) == {("account.unavailable", f"acc-{name}") for name in ("closed", "off", "gone", "hidden")}
    set_columns(db, people["off"], full_name="nobody hears of this")
    set_columns(db, people["hidden"], full_name="nor of this")
    assert events(ctx) == []
    set_columns(db, people["hidden"], keep_name=True)
    assert events(ctx) == [("profile.changed", "acc-hidden")]


def test_an_organization_app_hears_of_its_members_as_a_colleague_sees_them(ctx: Context) -> None:
    db = ctx.db
    ann = make_account(db, "ann", kind="managed", department="Works")
    make_account(db, "zoe", department="Works")
    hook(ctx, make_app(db, "organization", make_organization(db, "acme")))
    hook(ctx, make_app(db, "organization", make_organization(db, "beta")))
    set_columns(db, ann, department="Other")
    assert events(ctx) == [("profile.changed", "acc-ann")]
    set_columns(db, ann, email="ann2@acme.example", email_key="ann2@acme.example")
    assert events(ctx) == []


def test_s84_who_took_the_consent_back_is_told_about_once_more_and_never_again(ctx: Context) -> None:
    """The last event is the one of an account that is hidden: it does not say that the consent ended."""
    db = ctx.db
    app = make_app(db)
    sally = make_account(db, full_name="Sally", location="Lisbon")
    consent(ctx, app, sally, "email")
    hook(ctx, app)
    revoke(ctx, sally, app, NOW)
    set_columns(db, sally, location="Porto")
    assert events(ctx) == [("account.unavailable", "acc-sally")]
    set_columns(db, sally, location="Braga")
    assert events(ctx) == []
    assert db.rows("SELECT account_id FROM webhook_seen") == []
    consent(ctx, app, sally)
    assert events(ctx) == []
    set_columns(db, sally, location="Lisbon")
    assert events(ctx) == [("profile.changed", "acc-sally")]


def test_who_left_the_organization_is_told_about_once_more_and_never_again(ctx: Context) -> None:
    db = ctx.db
    ann = make_account(db, "ann", kind="managed", department="Works", full_name="Ann")
    hook(ctx, make_app(db, "organization", make_organization(db, "acme")))
    set_columns(db, ann, domain_id=None, email="ann@home.example", email_key="ann@home.example")
    assert events(ctx) == [("account.unavailable", "acc-ann")]
    set_columns(db, ann, full_name="Ann Other")
    assert events(ctx) == []


def test_t94_an_app_that_may_not_be_used_is_told_nothing(ctx: Context, zone: Zone, site: Site) -> None:
    """Switched off, its owner or its organization gone: nothing is noticed and nothing that waits is sent."""
    db = ctx.db
    ctx.site = replace(ctx.site, proving=reaching(zone, site))
    sally = make_account(db, full_name="Sally")
    acme = make_organization(db, "acme")
    make_account(db, "ann", kind="managed")
    own, theirs = make_app(db), make_app(db, "organization", acme)
    consent(ctx, own, sally)
    hook(ctx, own)
    hook(ctx, theirs)
    with db.transaction():
        for app in (own, theirs):
            store.add_deliveries(db, app, [(f"key{app}", "profile.changed", "acc-sally")], NOW)
    db.execute("UPDATE organization SET removed_at = 1")
    (owner,) = db.row("SELECT owner_id FROM app WHERE id = ?", (own,))  # type: ignore[misc]
    for ended in ("UPDATE account SET state = 'deactivated', state_at = 1 WHERE id = ?",
                  "UPDATE app SET disabled_at = 1 WHERE owner_id = ?"):  # fmt: skip
        db.execute(ended, (owner,))
        set_columns(db, sally, full_name=f"Sally {len(ended)}")
        assert webhooks.notice(ctx, NOW) == 0
        assert webhook_send.send_due(ctx, NOW + 1) == 0
        db.execute("UPDATE account SET state = 'active', state_at = NULL WHERE id = ?", (owner,))
    assert site.posted == site.asked == []
    db.execute("UPDATE app SET disabled_at = NULL")
    assert webhook_send.send_due(ctx, NOW + 1) == 1


def test_an_app_whose_address_hangs_does_not_hold_up_the_others(sqlite_ctx: Context) -> None:
    ctx, apps = sqlite_ctx, [make_app(sqlite_ctx.db) for _ in range(3)]
    with ctx.db.transaction():
        for app, many in zip(apps, (50, 1, 2), strict=True):
            store.save(ctx.db, app, f"https://{HOST}/", "salt", NOW)
            store.add_deliveries(ctx.db, app, [(f"{app}-{n}", "profile.changed", f"a{n}") for n in range(many)], NOW)
    taken = store.claim(ctx.db, NOW, webhook_send.LEASE, webhook_send.LIMIT)
    assert [one.app_id for one in taken[:5]] == [apps[0], apps[1], apps[2], apps[0], apps[2]]
    assert len(taken) == webhook_send.LIMIT
    slowest = 3 + FILE_SECONDS      # the name, the connection
    assert webhook_send.LIMIT * slowest < webhook_send.LEASE, "no other worker takes what is being sent"


def test_t36_a_silent_link_makes_no_event_for_the_silent_account(ctx: Context) -> None:
    db = ctx.db
    app = make_app(db)
    sally, night = make_account(db, "sally"), make_account(db, "night")
    link(db, night, sally, silent=True)
    consent(ctx, app, sally)
    hook(ctx, app)
    set_columns(db, night, full_name="Night", bio="nobody hears of this")
    assert events(ctx) == []


def test_what_is_sent_is_signed_and_holds_ids_only(ctx: Context, zone: Zone, site: Site) -> None:
    ctx.site = replace(ctx.site, proving=reaching(zone, site))
    app = make_app(ctx.db)
    sally = make_account(ctx.db, full_name="Sally Marsh")
    consent(ctx, app, sally)
    key = hook(ctx, app)
    set_columns(ctx.db, sally, full_name="Sally Secret")
    webhooks.notice(ctx, NOW)
    assert webhook_send.send_due(ctx, NOW + 1) == 1
    ((path, headers, body),) = site.posted
    assert path == "/hooks?x=1"
    assert headers["Host"] == HOST
    found = json.loads(body)
    assert found.keys() == {"id", "type", "accountId", "createdAt"}
    assert (found["type"], found["accountId"]) == ("profile.changed", "acc-sally")
    at, signature = (part.partition("=")[2] for part in headers["Vitrine-Signature"].split(","))
    assert int(at) == NOW + 1
    assert signature == hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert webhook_send.send_due(ctx, NOW + 9999) == 0
    assert ctx.db.row("SELECT sent_at, failed FROM webhook") == (NOW + 1, "")


def _waiting(ctx: Context, url: str = f"https://{HOST}/") -> None:
    app = make_app(ctx.db)
    with ctx.db.transaction():
        store.save(ctx.db, app, url, "salt", NOW)
        store.add_deliveries(ctx.db, app, [("key", "profile.changed", "acc-sally")], NOW)


def test_a_refused_webhook_is_sent_again_with_growing_pauses_and_then_dropped(
    sqlite_ctx: Context, zone: Zone, site: Site
) -> None:
    ctx = sqlite_ctx
    ctx.site = replace(ctx.site, proving=reaching(zone, site))
    site.answer = lambda path: (500, {}, b"no")
    _waiting(ctx)
    now, pauses = NOW, []
    while found := ctx.db.row("SELECT due_at FROM webhook_delivery"):
        pauses.append(found[0] - now)
        now = found[0]
        assert webhook_send.send_due(ctx, now - 1) == 0
        assert webhook_send.send_due(ctx, now) == 0
    assert tuple(pauses[1:]) == webhook_send.PAUSES
    assert len(site.posted) == len(pauses) == 9
    assert ctx.db.row("SELECT failed FROM webhook") == ("It answered 500.",)


def test_a_newer_event_takes_the_place_of_one_that_is_sent_again(sqlite_ctx: Context, zone: Zone, site: Site) -> None:
    """Else an older event would come after it: of a changed profile, once the consent was taken back."""
    ctx = sqlite_ctx
    ctx.site = replace(ctx.site, proving=reaching(zone, site))
    site.answer = lambda path: (500, {}, b"no")
    app, sally = make_app(ctx.db), make_account(ctx.db, full_name="Sally")
    consent(ctx, app, sally)
    hook(ctx, app)
    set_columns(ctx.db, sally, full_name="Sally Marsh")
    webhooks.notice(ctx, NOW)
    assert webhook_send.send_due(ctx, NOW) == 0
    revoke(ctx, sally, app, NOW)
    webhooks.notice(ctx, NOW)
    site.posted.clear()
    site.answer = lambda path: (200, {}, b"")
    webhook_send.send_due(ctx, NOW + 99)
    assert [json.loads(body)["type"] for _, _, body in site.posted] == ["account.unavailable"]


@pytest.mark.parametrize("target", [
    "127.0.0.1", "10.0.0.7", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "::1", "fd00::1", "fe80::1",
    "fec0::1", "::ffff:7f00:1", "64:ff9b::7f00:1", "224.0.0.1",
])  # fmt: skip
def test_t76_no_private_address_is_connected_to(sqlite_ctx: Context, zone: Zone, site: Site, target: str) -> None:
    """Also where a public address stands beside it: the name could lead to either."""
    ctx = sqlite_ctx
    ctx.site = replace(ctx.site, proving=Proving((zone.address,), (), site.ca_file, site.port))
    kind = "AAAA" if ":" in target else "A"
    for host, addresses in (("bad.example", [target]), ("both.example", ["93.184.216.34"] if kind == "A" else [])):
        zone.put(host, kind, *addresses, target)
        ctx.db.execute("DELETE FROM webhook")
        _waiting(ctx, f"https://{host}/")
        assert webhook_send.send_due(ctx, NOW) == 0
        assert "private network" in ctx.db.row("SELECT failed FROM webhook")[0]  # type: ignore[index]
    assert site.asked == site.posted == []


def test_t76_a_network_opened_for_proofs_of_domains_is_not_open_to_members_apps(
    sqlite_ctx: Context, zone: Zone, site: Site
) -> None:
    """Any member registers apps; whose answers they are told from inside is the operator's word, given for it alone."""
    ctx = sqlite_ctx
    ctx.site = replace(ctx.site, proving=Proving((zone.address,), ("127.0.0.0/8",), site.ca_file, site.port))
    _waiting(ctx)
    assert webhook_send.send_due(ctx, NOW) == 0
    assert "private network" in ctx.db.row("SELECT failed FROM webhook")[0]  # type: ignore[index]
    assert site.asked == site.posted == []
    ctx.site = replace(ctx.site, proving=reaching(zone, site))
    assert webhook_send.send_due(ctx, NOW + 9999) == 1


@pytest.mark.parametrize(("answer", "told"), [
    ((302, {"Location": "https://other.example/"}, b""), "answered 302"),
    ((200, {}, [b"x" * 100_000] * 12), "too large"),
], ids=["redirect", "a flood"])  # fmt: skip
def test_t76_no_redirect_is_followed_and_no_flood_is_read(
    sqlite_ctx: Context, zone: Zone, site: Site, answer: Any, told: str
) -> None:
    ctx = sqlite_ctx
    ctx.site = replace(ctx.site, proving=reaching(zone, site))
    site.answer = lambda path: answer
    _waiting(ctx)
    assert webhook_send.send_due(ctx, NOW) == 0
    assert told in ctx.db.row("SELECT failed FROM webhook")[0]  # type: ignore[index]
    assert len(site.asked) == 1


@pytest.mark.parametrize("url", [
    "", "http://app.example/", "https://127.0.0.1/", "https://[::1]/", "https://localhost/", "ftp://app.example/",
    "https://user:pw@app.example/", "https://app.example/#x", "https://app.example:99999/", "https://a.example/ b",
    "https://app.example/" + "a" * 500, "https://é.example/", "javascript:alert(1)", "//app.example/", "https://",
])  # fmt: skip
def test_t76_an_address_that_cannot_be_public_is_refused_when_it_is_typed(url: str) -> None:
    from policies.errors import Invalid

    with pytest.raises(Invalid) as error:
        webhooks.check_url(url)
    assert error.value.errors.keys() == {"url"}


def test_good_addresses_are_taken() -> None:
    for url in ("https://app.example/hooks", "https://app.example:8443/a?b=c", "https://xn--9ca.example/"):
        assert webhooks.check_url(url) == url


def test_t96_the_key_stands_in_no_table_and_differs_by_app(sqlite_ctx: Context) -> None:
    ctx = sqlite_ctx
    keys = {webhook_send.signing_key(ctx, salt) for salt in ("a", "b")}
    other = replace(ctx.site, secret_key="z" * 40)
    keys.add(webhook_send.signing_key(replace(ctx, site=other), "a"))
    assert len(keys) == 3
    assert all(key.startswith("whsec_") and len(key) > 40 for key in keys)


def test_its_owner_sets_an_address_and_sees_the_key_once(stock: Stock) -> None:
    world = stock.fresh()
    with world.bound():
        owner = int(world.db.row("SELECT id FROM account WHERE handle = 'stranger'")[0])  # type: ignore[index]
        world.db.execute("UPDATE app SET owner_id = ? WHERE id = ?", (owner, make_app(world.db)))
        client_id = world.db.row("SELECT client_id FROM app WHERE owner_id = ?", (owner,))[0]  # type: ignore[index]
    path = f"/settings/apps/{client_id}/webhook"
    form = {"csrf_token": token_of(world, "stranger"), "current": worlds.PASSWORD}
    wrong = world.ask("stranger", Twin(path, "POST"), data=form | {"url": "http://app.example/"})
    assert wrong.status == 422
    assert b"https address" in wrong.raw
    made = world.ask("stranger", Twin(path, "POST"), data=form | {"url": "https://app.example/tell"})
    assert made.status == 200
    assert b"whsec_" in made.raw
    shown = world.ask("stranger", Twin(path))
    assert b"https://app.example/tell" in shown.raw
    assert b"whsec_" not in shown.raw
    assert world.ask("pub", Twin(path)).status == 404
    assert world.ask("stranger", Twin(path, "POST"), data=form | {"url": ""}).status == 303
    assert b"https://app.example/tell" not in world.ask("stranger", Twin(path)).raw
