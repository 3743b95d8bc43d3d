"""Admin > Organizations and the pages of one: as pages and as fragments, for its admins only (T36, T43-T46, T71)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask

from tests.conftest import NOW
from tests.factories import make_account, make_organization
from tests.net import dns_server
from tests.pages.admin_samples import Browser, boss_of
from tests.services.linkers import HASH, PASSWORD
from tests.services.orgs import at_domain, organization, verify
from tests.twin import Ask, Stock, asks, compare, crawl
from webapp.services import invitations, sessions
from webapp.services.context import Proving

HOME = "/admin/organizations/acme"


@pytest.fixture
def boss(app: Flask) -> Browser:
    """A site admin's browser."""
    return boss_of(app)


@pytest.fixture
def chief(app: Flask) -> Browser:
    """The browser of an admin of acme, whose domain is verified; two members."""
    app.config["CLOCK"] = lambda: NOW
    ctx = app.extensions["vitrine"]
    verify(ctx, organization(ctx))
    at_domain(ctx, "ann")
    at_domain(ctx, "joe")
    return administering(app, "chief", "acme")


def administering(app: Flask, handle: str, slug: str, **more) -> Browser:
    ctx = app.extensions["vitrine"]
    account_id = make_account(ctx.db, handle, password_hash=HASH)
    ctx.db.execute(
        "INSERT INTO membership VALUES (?,?,'admin',?)", (make_organization(ctx.db, slug), account_id, NOW - 100)
    )
    return Browser(app, account_id, **more)


def location(answer) -> str:
    return answer.headers.get("Location") or answer.headers.get("HX-Redirect", "")


def test_a_site_admin_makes_an_organization(boss: Browser):
    page = boss.get("/admin/organizations")
    assert "No organization yet" in page.text
    assert location(boss.post("/admin/organizations", "/admin/organizations", name="Acme", slug="")) == (
        f"{HOME}?done=created"
    )
    assert "Claim its domains" in boss.get(f"{HOME}?done=created").text
    again = boss.post("/admin/organizations", "/admin/organizations", name="Acme", slug="")
    assert again.status_code == 422
    assert 'value="Acme"' in again.text
    assert "has that address already" in again.text


def test_naming_and_removing(boss: Browser):
    boss.post("/admin/organizations", "/admin/organizations", name="Acme", slug="")
    assert location(boss.post(f"{HOME}/name", HOME, name="Acme Works", slug="works")).endswith("/works?done=named")
    works = "/admin/organizations/works"
    assert boss.get(HOME).status_code == 404
    assert boss.post(f"{works}/name", works, name="", slug="works").status_code == 422
    assert "0 accounts become personal" in boss.get(f"{works}/remove").text
    assert location(boss.post(f"{works}/remove", works)) == "/admin/organizations?done=removed"
    assert boss.get(works).status_code == 404


def test_removing_asks_for_the_password_in_place(app: Flask):
    boss = boss_of(app, proved=False, password_hash=HASH)
    make_organization(boss.ctx.db)
    assert 'name="current"' in boss.get(f"{HOME}/remove").text
    assert boss.post(f"{HOME}/remove", f"{HOME}/remove", current="wrong").status_code == 422
    assert boss.get(HOME).status_code == 200
    assert boss.post(f"{HOME}/remove", f"{HOME}/remove", current=PASSWORD).status_code == 303
    assert boss.get(HOME).status_code == 404


def test_claim_and_look_with_and_without_javascript(app: Flask, chief: Browser):
    with dns_server() as zone:
        chief.ctx.site = replace(chief.ctx.site, proving=Proving((zone.address,)))
        answer = chief.post(f"{HOME}/domains", HOME, domain="Acme.org")
        assert location(answer) == f"{HOME}?done=claimed"
        page = chief.get(location(answer)).text
        assert "_vitrine-challenge.acme.org" in page
        assert "https://acme.org/.well-known/vitrine-domain.txt" in page
        value = re.search(r"vitrine-domain=\w+", page)
        assert value
        look = f"{HOME}/domains/acme.org/check"
        nothing = chief.post(look, HOME, fragment=True, by="dns")
        assert nothing.status_code == 200
        assert "<html" not in nothing.text
        assert "Looked just now" in nothing.text
        assert "There is no record at _vitrine-challenge.acme.org" in nothing.text
        plain = chief.post(look, HOME, by="dns")
        assert "There is no record" in chief.get(location(plain)).text
        zone.put("_vitrine-challenge.acme.org", "TXT", value[0])
        assert "Verified. Accounts with addresses" in chief.post(look, HOME, fragment=True, by="dns").text
        assert chief.post(look, HOME, by="word").status_code == 404
    assert chief.ctx.db.row("SELECT method FROM email_domain WHERE name = 'acme.org'") == ("dns",)


@pytest.mark.parametrize(("domain", "told"), [
    ("gmail.com", "Anybody can get an address"), ("co.uk", "public suffix"), ("", "Enter the part"),
    ("<script>", "not a domain"),
])  # fmt: skip
def test_t39_a_refused_claim_says_why_beside_the_field(chief: Browser, domain: str, told: str):
    for fragment in (False, True):
        answer = chief.post(f"{HOME}/domains", HOME, fragment=fragment, domain=domain)
        assert answer.status_code == 422
        assert told in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert "<script>" not in answer.text


def test_dropping_letting_go_and_the_word(app: Flask, chief: Browser):
    chief.post(f"{HOME}/domains", HOME, domain="acme.org")
    assert chief.post(f"{HOME}/domains/acme.example/drop", HOME).status_code == 404, "that one is verified"
    assert location(chief.post(f"{HOME}/domains/acme.org/drop", HOME)) == f"{HOME}?done=dropped"
    assert chief.get(f"{HOME}/verify").status_code == 404
    assert chief.post(f"{HOME}/verify", HOME, domain="acme.org").status_code == 404
    root = chief.ctx.db.row("SELECT id FROM account WHERE handle = 'root'")
    boss = Browser(app, root[0])
    assert boss.post(f"{HOME}/verify", f"{HOME}/verify", domain="gmail.com").status_code == 422
    assert location(boss.post(f"{HOME}/verify", f"{HOME}/verify", domain="acme.org")) == f"{HOME}?done=verified"
    page = f"{HOME}/domains/acme.example/let-go"
    assert "2 accounts become personal" in chief.get(page).text
    assert location(chief.post(page, page)) == f"{HOME}?done=let_go"
    assert chief.get(page).status_code == 404


def test_members_are_listed_searched_and_closed(chief: Browser):
    page = chief.get(f"{HOME}/members").text
    assert "ann@acme.example" in page
    assert "chief@home.example" not in page
    part = chief.get(f"{HOME}/members?q=ANN", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert ("@ann" in part, "@joe" in part) == (True, False)
    assert "holds “zz”" in chief.get(f"{HOME}/members?q=zz").text
    raw = sessions.start(chief.ctx, chief.ctx.db.row("SELECT id FROM account WHERE handle = 'ann'")[0], NOW)
    one = f"{HOME}/members/ann"
    assert "Deactivate this account" in chief.get(one).text
    long = chief.post(one, one, verb="deactivate", reason="x" * 400)
    assert long.status_code == 422
    assert "x" * 400 in long.text
    assert location(chief.post(one, one, verb="deactivate", reason="Left")) == one
    assert sessions.load_session(chief.ctx, raw, NOW) is None
    assert "Open this account again" in chief.get(one).text
    chief.post(one, one, verb="reactivate")
    assert "Deactivate this account" in chief.get(one).text


def test_t45_t71_everything_of_another_organization_is_404(app: Flask, chief: Browser):
    """Every route under the organization, each method: as if neither it nor its members were there."""
    app.config["WTF_CSRF_ENABLED"] = False
    ctx = chief.ctx
    other = administering(app, "other", "beta")
    invitations.invite(ctx, sessions.load_session(ctx, sessions.start(ctx, other_id(ctx), NOW), NOW),
                       organization(ctx), "x@home.example", NOW)
    values = {"slug": "acme", "domain": "acme.example", "account": "ann", "number": "1", "client_id": "x"}
    walked = 0
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/admin/organizations/<slug>"):
            continue
        for method in rule.methods - {"OPTIONS"}:
            wanted = {name: values.get(name, "1") for name in rule.arguments}
            for slug in ("acme", "nobody"):
                path = adapter.build(rule.endpoint, wanted | {"slug": slug}, method=method)
                answer = other.client.open(path, method=method)
                assert answer.status_code == 404, (method, path)
                walked += 1
    assert walked > 30
    for path in ("/members/ann", "/domains/acme.example/let-go", "/domains/acme.example/check", "/admins/chief/remove",
                 "/invitations/1/revoke"):
        for method in ("GET", "POST"):
            answer = other.client.open(f"/admin/organizations/beta{path}", method=method, data={"by": "dns"})
            assert answer.status_code in {404, 405}, path
    assert ctx.db.row("SELECT revoked_at FROM invitation") == (None,)


def other_id(ctx) -> int:
    return int(ctx.db.row("SELECT id FROM account WHERE handle = 'chief'")[0])


def test_t71_the_list_is_for_site_admins(chief: Browser):
    assert chief.get("/admin/organizations").status_code == 403
    assert chief.post("/admin/organizations", HOME, name="X").status_code == 403
    assert chief.get(f"{HOME}/remove").status_code == 404
    assert chief.post(f"{HOME}/remove", HOME).status_code == 404
    assert chief.post(f"{HOME}/name", HOME, name="X", slug="x").status_code == 404


# Invitations


def token_of(ctx) -> str:
    found = re.search(r"token=(\S+)", ctx.db.row("SELECT body FROM outbox ORDER BY id DESC LIMIT 1")[0])
    assert found
    return found[1]


def test_t43_t44_an_invitation_from_mail_to_rights(app: Flask, chief: Browser):
    answer = chief.post(f"{HOME}/invitations", HOME, fragment=True, email="new@home.example")
    token = token_of(chief.ctx)
    page = chief.get(HOME).text
    assert "new@home.example" in page
    assert token not in answer.text + page
    new = Browser(app, make_account(chief.ctx.db, "new"))
    eve = Browser(app, make_account(chief.ctx.db, "eve"))
    for browser, told in ((eve, "another account’s invitation"), (new, ">Accept<")):
        opened = browser.get(f"/invitations?token={token}")
        assert location(opened) == "/invitations"
        assert told in browser.get("/invitations").text
    assert eve.post("/invitations", "/invitations").status_code == 403
    accepted = new.post("/invitations", "/invitations")
    assert location(accepted) == HOME
    assert new.get(HOME).status_code == 200
    assert eve.get(HOME).status_code == 404
    assert "no longer works" in new.get(f"/invitations?token={token}").text
    assert "@new" in chief.get(HOME).text


def test_an_opened_invitation_stays_over_the_log_in(app: Flask, chief: Browser):
    """It is there after the log-in of whom it was mailed to; another account's log-in makes no admin (T10, T43)."""
    chief.post(f"{HOME}/invitations", HOME, email="new@home.example")
    token = token_of(chief.ctx)
    (chief_id,) = chief.ctx.db.row("SELECT id FROM account WHERE handle = 'chief'")
    for handle in ("new", "eve"):
        make_account(chief.ctx.db, handle, password_hash=HASH)
    for handle, told, status in (("eve", "another account’s invitation", 403), ("new", ">Accept<", 303)):
        browser = Browser(app, chief_id)
        browser.client = app.test_client()
        browser.get(f"/invitations?token={token}")
        assert 'href="/login?next=/invitations"' in browser.get("/invitations").text
        answer = browser.post(
            "/login", "/login?next=/invitations", email=f"{handle}@home.example", password=PASSWORD, next="/invitations"
        )
        assert location(answer) == "/invitations"
        assert told in browser.get("/invitations").text
        assert browser.post("/invitations", "/invitations").status_code == status
    with browser.client.session_transaction() as cookie:
        assert "step" not in cookie


@pytest.mark.parametrize(("form", "field", "value"), [
    ("invitations", "email", "eve@home.example"), ("domains", "domain", "evil.example"),
])  # fmt: skip
def test_t15_an_open_session_alone_lets_nobody_in(app: Flask, chief: Browser, form: str, field: str, value: str):
    """Inviting an admin and claiming a domain, whose people become colleagues of everybody, ask for the password."""
    left_open = administering(app, "left-open", "acme", proved=False)
    table = {"invitations": "invitation", "domains": "domain_claim"}[form]
    assert f'name="{field}_current"' in left_open.get(HOME).text
    assert f'name="{field}_current"' not in chief.get(HOME).text
    for typed in ({}, {f"{field}_current": "wrong"}, {"current": PASSWORD}):
        answer = left_open.post(f"{HOME}/{form}", HOME, fragment=True, **{field: value}, **typed)
        assert answer.status_code == 422
        assert f'value="{value}"' in answer.text
        assert re.search(f'id="f-{field}_current"[^>]*aria-invalid="true"', answer.text)
    assert chief.ctx.db.rows(f"SELECT 1 FROM {table}") == []
    right = {field: value, f"{field}_current": PASSWORD}
    assert left_open.post(f"{HOME}/{form}", HOME, fragment=True, **right).status_code == 200
    assert len(chief.ctx.db.rows(f"SELECT 1 FROM {table}")) == 1


def test_t12_accepting_out_of_order_is_refused(app: Flask, chief: Browser):
    assert chief.post("/invitations", HOME).status_code == 400
    assert location(chief.get("/invitations")) == "/login"
    for token in ("", "x", "x" * 5000, "a.b"):
        assert chief.get(f"/invitations?token={token}").status_code == 400


def test_an_invitation_without_a_log_in_says_what_to_do(app: Flask, chief: Browser):
    chief.post(f"{HOME}/invitations", HOME, email="new@home.example")
    client = app.test_client()
    client.get(f"/invitations?token={token_of(chief.ctx)}")
    page = client.get("/invitations").text
    assert "open the link in the mail again" in page
    assert "new@home.example" not in page


def test_admins_and_invitations_end(chief: Browser):
    chief.post(f"{HOME}/invitations", HOME, email="new@home.example")
    number = chief.ctx.db.row("SELECT id FROM invitation")[0]
    assert location(chief.post(f"{HOME}/invitations/{number}/revoke", HOME)) == f"{HOME}?done=revoked"
    assert chief.post(f"{HOME}/invitations/{number}/revoke", HOME).status_code == 404
    page = f"{HOME}/admins/chief/remove"
    last = chief.post(page, page)
    assert last.status_code == 422
    assert "at least one admin" in last.text
    assert chief.get(f"{HOME}/admins/ann/remove").status_code == 404


# T36, D5 ------------------------------------------------------------------------------------------------------------

PAIRS = {
    "linked, or not": (
        "UPDATE account SET primary_id = NULL, linked_at = NULL WHERE handle = 'gmanaged'",
        "DELETE FROM audit WHERE event = 'account:link'",
    ),
    "linked to another primary": (
        "UPDATE account SET primary_id = (SELECT id FROM account WHERE handle = 'stranger') WHERE handle = 'gmanaged'",
    ),
    "silent": ("UPDATE account SET silent = 1 WHERE handle = 'gmanaged'",),
    "an admin of it linked": (
        "UPDATE account SET primary_id = (SELECT id FROM account WHERE handle = 'stranger'), linked_at = 5"
        " WHERE handle = 'orgadmin'",
    ),
}
#: Who looks: nothing of the pair is their own.
LOOKS = [(name, viewer) for name in PAIRS for viewer in ("orgadmin", "siteadmin") if (name, viewer) != (
    "an admin of it linked", "orgadmin",
)]


@pytest.mark.parametrize(("name", "viewer"), LOOKS)
def test_t36_the_organizations_pages_do_not_tell_what_is_linked(stock: Stock, viewer: str, name: str):
    """Every byte and every count of statements alike, whether a managed account of it is linked or not."""
    crawls = []
    for change in ((), PAIRS[name]):
        world = stock.fresh(*change)
        home = "/admin/organizations"
        wanted = [
            ask for ask in asks(world.app, [])
            if ask.path == home or (ask.path.startswith(f"{home}/alpha") and "/apps" not in ask.path)
        ]
        extra = [Ask(f"{home}/alpha/members?q=gmanaged"), Ask(f"{home}/alpha/members?after=g")]
        crawls.append(crawl(world, viewer, [*wanted, *extra], follow=False))
        world.close()
    assert any(b"gmanaged" in answer.body for answer in crawls[0].values())
    assert compare(*crawls) == []
