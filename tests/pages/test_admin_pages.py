"""Admin: overview, sources, site. As pages and as fragments, without JavaScript, for site admins only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from policies.terms import ActivityKind, Area, Event
from tests.conftest import NOW
from tests.factories import make_account
from tests.pages.admin_samples import Browser, boss_of
from webapp.services import ingest, passwords, source_tokens

PASSWORD = "twelve green bottles"
PAGES = ("/admin/overview", "/admin/levels", "/admin/sources", "/admin/site", "/admin/audit")


@pytest.fixture
def boss(app: Flask) -> Browser:
    ingest.register_source(app.extensions["vitrine"], "forum", "Forum", Area.FORUM, NOW)
    return boss_of(app)


def figure(html: str, name: str) -> str:
    node = HTMLParser(html).css_first(f'[data-figure="{name}"]')
    assert node is not None
    return node.text()


@pytest.mark.parametrize("path", PAGES)
def test_t71_the_pages_are_for_site_admins(app: Flask, boss: Browser, path: str) -> None:
    assert boss.get(path).status_code == 200
    assert app.test_client().get(path).status_code == 303
    refused = Browser(app, make_account(boss.ctx.db, "ann")).get(path)
    assert (refused.status_code, "This page is not open to your account." in refused.text) == (403, True)
    # Somebody whose right was taken away a moment ago.
    boss.ctx.db.execute("UPDATE account SET is_admin = FALSE WHERE handle = 'boss'")
    assert boss.get(path).status_code == 403


def test_the_overview_counts_accounts_once_a_minute_and_the_rest_at_once(app: Flask, boss: Browser) -> None:
    make_account(boss.ctx.db, "ann")
    make_account(boss.ctx.db, "emma", kind="managed")
    make_account(boss.ctx.db, "old", state="deactivated")
    page = boss.get("/admin/overview")
    assert figure(page.text, "members") == "3"
    make_account(boss.ctx.db, "new")
    ingest.record_events(boss.ctx, "forum", [Event("1", "x", ActivityKind.ANSWER, NOW)], NOW)
    boss.ctx.db.execute(
        "INSERT INTO outbox(recipient, subject, body, created_at, due_at, attempts) VALUES ('a', 'b', 'c', 1, 1, 2)"
    )
    app.extensions["vitrine"].manager.isolation.failed("shouty", "veto failed")
    part = boss.get("/admin/overview", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    found = {name: figure(part.text, name) for name in ("members", "arrived_day", "mails_waiting", "mails_retrying")}
    assert found == {"members": "3", "arrived_day": "1", "mails_waiting": "1", "mails_retrying": "1"}
    assert "Plugin shouty failed 1 time" in part.text
    assert 'href="/admin/plugins">See the plugins</a>' in part.text
    app.config["CLOCK"] = lambda: NOW + 61
    assert figure(boss.get("/admin/overview").text, "members") == "4"


def test_a_token_is_shown_in_one_answer_and_works_until_it_is_revoked(boss: Browser) -> None:
    answer = boss.post("/admin/sources/token", "/admin/sources", source="forum")
    token = HTMLParser(answer.text).css_first("[data-token]").attributes["value"] or ""
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert source_tokens.authenticate(boss.ctx, token, NOW)
    assert token not in boss.get("/admin/sources").text
    number = re.search(r"/tokens/(\d+)/revoke", answer.text)
    assert number
    again = boss.post(f"/admin/sources/forum/tokens/{number[1]}/revoke", "/admin/sources", fragment=True)
    assert "Revoked" in again.text
    assert source_tokens.authenticate(boss.ctx, token, NOW) is None
    assert boss.post(f"/admin/sources/forum/tokens/{number[1]}/revoke", "/admin/sources").status_code == 404
    assert boss.post("/admin/sources/forum/tokens/99999999999999999999/revoke", "/admin/sources").status_code == 404


def test_t15_a_token_asks_for_the_password_in_place(app: Flask) -> None:
    ingest.register_source(app.extensions["vitrine"], "forum", "Forum", Area.FORUM, NOW)
    boss = boss_of(app, proved=False, password_hash=passwords.hash_password(PASSWORD))
    refused = boss.post("/admin/sources/token", "/admin/sources", source="forum", current="wrong")
    assert refused.status_code == 422
    assert "present password" in refused.text
    assert boss.ctx.db.row("SELECT COUNT(*) FROM source_token") == (0,)
    assert "data-token" in boss.post("/admin/sources/token", "/admin/sources", source="forum", current=PASSWORD).text


def test_a_source_is_added_and_what_was_typed_is_kept(boss: Browser) -> None:
    wrong = boss.post("/admin/sources", "/admin/sources", name="No Good", label="My label", area="forum")
    assert wrong.status_code == 422
    assert 'value="No Good"' in wrong.text
    assert 'value="My label"' in wrong.text
    made = boss.post("/admin/sources", "/admin/sources", name="school.example", label="School", area="learning")
    assert made.status_code == 303
    assert "school.example" in boss.get(made.headers["Location"]).text


def test_the_name_and_the_links_stand_on_every_page(app: Flask, boss: Browser) -> None:
    kept = app.test_client()
    make_account(boss.ctx.db, "ann")
    addresses = ("/", "/login", "/terms", "/people", "/u/ann", "/nothing-here")
    before = {path: kept.get(path).text for path in addresses}
    before = {path: kept.get(path).text for path in addresses}      # the second from the memory of drawn profiles
    assert boss.post("/admin/site/name", "/admin/site", name="The Gallery").status_code == 303
    links = {"label-0": "Forum", "url-0": "https://forum.example.com", "label-1": "Help", "url-1": "/terms"}
    assert boss.post("/admin/site/links", "/admin/site", **links).status_code == 303
    for path in addresses:
        page = kept.get(path).text
        assert "The Gallery" in page, path
        if path != "/login":
            assert 'href="https://forum.example.com">Forum</a>' in page, path
        assert "The Gallery" not in before[path]


def test_s27_a_new_version_of_the_terms_is_accepted_at_the_next_log_in(app: Flask, boss: Browser) -> None:
    boss.ctx.db.execute("UPDATE account SET password_hash = ?", (passwords.hash_password(PASSWORD),))
    form = {"terms": "# Rules\n\nBe *kind* <b>", "version": "2", "was": "1"}
    assert boss.post("/admin/site/terms", "/admin/site", **form).status_code == 303
    page = app.test_client().get("/terms").text
    assert "<h2>Rules</h2>" in page
    assert "&lt;b&gt;" in page
    late = boss.post("/admin/site/terms", "/admin/site", **form)
    assert late.status_code == 409
    assert "Be *kind*" in late.text
    assert boss.ctx.db.row("SELECT terms_version FROM account") == ("1",)
    client = app.test_client()
    login = client.get("/login").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', login)
    terms = re.search(r'name="terms" value="([^"]+)"', login)
    assert token
    assert terms
    client.post("/login", data={"csrf_token": token[1], "terms": terms[1], "email": "boss@home.example",
                                "password": PASSWORD})
    assert boss.ctx.db.row("SELECT terms_version FROM account") == ("2",)


def test_wrong_input_of_the_site_page_stays_where_it_was_typed(boss: Browser) -> None:
    wrong = boss.post("/admin/site/links", "/admin/site", **{"label-0": "x", "url-0": "javascript:alert(1)"})
    assert wrong.status_code == 422
    assert 'value="javascript:alert(1)"' in wrong.text
    name = boss.post("/admin/site/name", "/admin/site", fragment=True, name="x" * 50)
    assert name.status_code == 422
    assert "x" * 50 in name.text
    assert "a little long" in name.text


def levels_form(page: str) -> dict[str, str]:
    tree = HTMLParser(page)
    nodes = [node for node in tree.css("#levels input") if node.attributes.get("name") not in {None, "csrf_token"}]
    return {str(node.attributes["name"]): node.attributes.get("value") or "" for node in nodes}


def test_levels_are_rehearsed_and_then_applied_without_javascript(app: Flask, boss: Browser) -> None:
    page = boss.get("/admin/levels").text
    form = levels_form(page) | {"ladder-answers": "2, 4", "level-0": "Fresh"}
    rehearsed = boss.post("/admin/levels", "/admin/levels", **form, act="rehearse")
    assert "Rehearsal, not applied yet" in rehearsed.text
    assert 'value="2, 4"' in rehearsed.text
    assert "Fresh" not in boss.get("/admin/levels").text
    unseen = boss.post("/admin/levels", "/admin/levels", **form, act="apply")
    assert unseen.status_code == 409
    again = levels_form(rehearsed.text)
    assert boss.post("/admin/levels", "/admin/levels", **again, act="apply").status_code == 303
    page = boss.get("/admin/levels?saved=applied").text
    assert 'value="Fresh"' in page
    assert "Set by this site" in page
    wrong = boss.post("/admin/levels", "/admin/levels", fragment=True, **levels_form(page) | {"at-1": "x"})
    assert wrong.status_code == 422
    assert 'id="f-at-1-err"' in wrong.text
    assert "<html" not in wrong.text


def test_the_audit_log_as_page_fragment_and_file(app: Flask, boss: Browser) -> None:
    boss.post("/admin/site/name", "/admin/site", name="The Gallery")
    page = boss.get("/admin/audit?event=site").text
    assert "after: The Gallery" in page
    part = boss.get("/admin/audit?event=site", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "after: The Gallery" in part.text
    wrong = boss.get("/admin/audit?since=soon")
    assert wrong.status_code == 422
    assert 'value="soon"' in wrong.text
    file = boss.get("/admin/audit.csv?event=site")
    assert file.headers["Content-Type"].startswith("text/csv")
    assert file.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    assert file.headers["Cache-Control"] == "private, no-store"
    assert "The Gallery" in file.text
    for path in ("/admin/audit", "/admin/audit.csv"):
        assert app.test_client().get(path).status_code == 303
        assert Browser(app, make_account(boss.ctx.db, f"ann{len(path)}")).get(path).status_code == 403


def test_t45_an_organizations_log_is_for_its_own_admins(app: Flask, boss: Browser) -> None:
    emma = make_account(boss.ctx.db, "emma", kind="managed")
    make_account(boss.ctx.db, "other", kind="managed", email="other@beta.example")
    boss.ctx.db.execute("INSERT INTO membership(organization_id, account_id, role, since)"
                        " SELECT id, ?, 'admin', 1 FROM organization WHERE slug = 'acme'", (emma,))
    admin = Browser(app, emma)
    for end in ("", ".csv"):
        assert admin.get(f"/admin/organizations/acme/audit{end}").status_code == 200
        assert admin.get(f"/admin/organizations/beta/audit{end}").status_code == 404
        assert admin.get(f"/admin/organizations/nowhere/audit{end}").status_code == 404
        assert admin.get(f"/admin/audit{end}").status_code == 403


def test_t100_nobody_becomes_an_admin_over_http(app: Flask) -> None:
    """Not by being first, not by a field of a form, not by any route: only the command line has the verb."""
    app.config["CLOCK"] = lambda: NOW
    client = app.test_client()
    context = app.extensions["vitrine"]

    def token(path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
        assert found
        return found[1]

    more = {"is_admin": "1", "admin": "true", "role": "admin"}
    client.post("/signup", data={"csrf_token": token("/signup"), "name": "Eve", "email": "eve@home.example", **more})
    link = re.search(r"/verify\?token=\S+", (context.db.row("SELECT body FROM outbox") or ("",))[0])
    assert link
    client.get(link[0])
    form = {"handle": "eve", "password": PASSWORD, "terms": "1", "name": "Eve"}
    made = client.post("/verify", data={"csrf_token": token("/verify"), **form, **more})
    assert made.status_code == 303
    assert context.db.rows("SELECT handle, is_admin FROM account") in ([("eve", 0)], [("eve", False)])
    for rule in app.url_map.iter_rules():
        assert not {"first-admin", "setup", "install", "bootstrap"} & set(rule.rule.strip("/").split("/"))
    root = Path(__file__).resolve().parents[2] / "webapp"
    reached = [path for folder in ("pages", "api") for path in (root / folder).rglob("*.py")]
    assert not [path for path in reached if re.search(r"create_admin|set_admin", path.read_text())]
