"""Admin > Default visibility in the browser's terms: without scripts, as fragments, who is let in, what is refused."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tests.factories import make_account, make_organization
from tests.pages.test_edit import HTMX, Browser, dom, fixed, visit  # noqa: F401
from webapp.services.context import Context

URL, ORG = "/admin/visibility", "/admin/organizations/acme/visibility"
PASSWORD = "correct horse 41 battery"


@pytest.fixture
def boss(visit, sqlite_ctx: Context) -> Browser:  # noqa: F811
    from webapp.services.passwords import hash_password

    return visit(make_account(sqlite_ctx.db, "boss", is_admin=True, password_hash=hash_password(PASSWORD)))


@pytest.fixture
def org_admin(visit, sqlite_ctx: Context) -> Browser:  # noqa: F811
    account = make_account(sqlite_ctx.db, "olga", kind="managed")
    sqlite_ctx.db.execute("INSERT INTO membership(organization_id, account_id, role, since) VALUES (?, ?, 'admin', 1)",
                          (make_organization(sqlite_ctx.db), account))
    return visit(account)


def press(browser: Browser, sent: str, url: str = URL, headers=None, **more):
    data = {"csrf_token": browser.token(), "press": sent, **more}
    return browser.client.post(f"{url}/draft", data=data, headers=headers or {})


def form(browser: Browser, action: str, url: str = URL) -> dict[str, str]:
    """The fields of a form as a browser sends them, with nothing typed."""
    found = dom(browser.get(url)).css_first(f'form[action="{action}"]')
    return {node.attributes["name"]: node.attributes.get("value") or "" for node in found.css("input")
            if node.attributes.get("type") != "checkbox" or "checked" in node.attributes}


def apply(browser: Browser, url: str = URL, **typed: str):
    return browser.client.post(f"{url}/apply", data=form(browser, f"{url}/apply", url) | typed)


def pressed(browser: Browser, cell: str, url: str = URL) -> bool:
    return dom(browser.get(url)).css_first(f"#c-{cell}").attributes["aria-pressed"] == "true"


def test_the_whole_way_without_scripts(boss: Browser, visit, sqlite_ctx: Context) -> None:  # noqa: F811
    """Toggle, reload, dry run, apply, look as Anyone, undo, look again; each a plain form or link."""
    make_account(sqlite_ctx.db, "ann", kind="managed", job_title="Architect")
    nobody = visit(None)
    assert "Architect" in nobody.get("/u/ann").text
    button = dom(boss.get(URL)).css_first("#c-managed-job_title-anyone")
    assert press(boss, button.attributes["value"]).headers["Location"] == URL
    page = dom(boss.get(URL))
    assert "draft" in page.css_first("#c-managed-job_title-anyone").attributes["class"]
    assert page.css_first("#h-matrix").text() == "Draft, not applied yet"
    assert page.css_first(".impact").text() == "1"
    assert "Architect" in nobody.get("/u/ann").text                    # nothing is applied yet
    answer = apply(boss, note="Less at first")
    assert answer.headers["Location"] == f"{URL}?done=applied"
    assert "Architect" not in nobody.get("/u/ann").text
    page = dom(boss.get(f"{URL}?done=applied"))
    assert "Less at first" in page.css_first("#h-before").parent.parent.text()
    undo = page.css_first('a[href$="/undo"]').attributes["href"]
    assert dom(boss.get(undo)).css_first(".impact").text() == "1"
    sent = form(boss, undo, undo)
    assert boss.client.post(undo, data=sent).headers["Location"] == f"{URL}?done=undone"
    assert "Architect" in nobody.get("/u/ann").text
    assert boss.get(undo).status_code == 404


def test_a_press_under_htmx_gives_the_tables_back(boss: Browser) -> None:
    answer = press(boss, "cell:managed:email:anyone:show", headers=HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    part = dom(answer.text) if not hasattr(answer, "data") else dom(answer)
    assert part.css_first("#c-managed-email-organization").attributes["aria-pressed"] == "true"
    assert "Kept in your draft" in part.css_first("#matrix-said").text()


def test_t67_unknown_keys_are_passed_over_and_unknown_values_are_422(boss: Browser, sqlite_ctx: Context) -> None:
    before = sqlite_ctx.db.rows("SELECT * FROM account ORDER BY id")
    more = {"is_primary": "1", "managed": "1", "org_id": "1", "visibility[email]": "anyone", "is_admin": "0",
            "scope": "org:1", "bit": "7", "version": "0"}
    assert press(boss, "cell:managed:email:anyone:show", **more).status_code == 303
    assert dom(boss.get(URL)).css(".cell.draft") != []
    assert len(dom(boss.get(URL)).css(".cell.draft")) == 2
    for sent in ("", "cell:managed:email:everyone:show", "visibility[email]=x", "cell:org:1:email:anyone:show"):
        answer = press(boss, sent)
        assert answer.status_code == 422
        assert "There is no such" in answer.text or "Choose one" in answer.text
    assert press(boss, "cell:personal:full_name:anyone:hide").status_code == 403
    assert apply(boss, seen="x").status_code == 422
    assert apply(boss, revision="99999999999999999999").status_code == 422
    assert apply(boss, note="x" * 300).status_code == 422
    after = sqlite_ctx.db.rows("SELECT * FROM account ORDER BY id")
    assert after == before
    assert sqlite_ctx.db.rows("SELECT 1 FROM policy_change WHERE op = 'cell'") == []


def test_applying_and_undoing_need_the_password_of_the_last_five_minutes(boss: Browser, fixed) -> None:  # noqa: F811
    press(boss, "cell:managed:email:anyone:show")
    fixed.config["CLOCK"] = lambda: NOW + 400
    sent = form(boss, f"{URL}/apply")
    assert "current" in sent
    answer = boss.client.post(f"{URL}/apply", data=sent | {"note": "kept", "current": "wrong"})
    assert answer.status_code == 422
    page = dom(answer)
    assert page.css_first("#f-note").attributes["value"] == "kept"
    assert page.css_first("#f-current-err") is not None
    assert boss.client.post(f"{URL}/apply", data=sent | {"current": PASSWORD}).status_code == 303


def test_the_second_admin_is_told_and_keeps_the_draft(boss: Browser, visit, sqlite_ctx: Context) -> None:  # noqa: F811
    other = visit(make_account(sqlite_ctx.db, "other", is_admin=True))
    press(boss, "cell:managed:job_title:anyone:hide")
    sent = form(boss, f"{URL}/apply")
    press(other, "cell:managed:location:organization:hide")
    assert apply(other).status_code == 303
    answer = boss.client.post(f"{URL}/apply", data=sent | {"note": "mine"})
    assert answer.status_code == 422
    page = dom(answer)
    assert "@other: Location closes to Organization" in page.css_first("#meanwhile").text()
    assert page.css_first("#f-note").attributes["value"] == "mine"
    assert apply(boss).status_code == 303
    assert [pressed(boss, f"managed-{cell}") for cell in ("job_title-anyone", "location-organization")] == [False] * 2


def test_a_lock_is_drafted_and_taken_back_by_forms(boss: Browser) -> None:
    sent = {"lock": "1", "lock-accounts": "managed", "lock-field": "email", "lock-level": "organization"}
    assert press(boss, "", **sent).status_code == 303
    page = dom(boss.get(URL))
    assert "Organization at the widest" in page.css_first("#h-locks").parent.parent.text()
    assert press(boss, page.css_first('[value^="drop:lock"]').attributes["value"]).status_code == 303
    assert dom(boss.get(URL)).css_first(".draft, [value^='drop:lock']") is None
    assert press(boss, "", **sent | {"lock-accounts": "personal"}).status_code == 422
    assert press(boss, "", **sent | {"lock-level": "x"}).status_code == 422


def test_discarding_a_draft(boss: Browser) -> None:
    press(boss, "cell:managed:email:anyone:show")
    assert boss.client.post(f"{URL}/draft", data=form(boss, f"{URL}/draft") | {"discard": "1"}).status_code == 303
    assert dom(boss.get(URL)).css_first(".draft") is None


def test_t45_an_organizations_admin_has_its_page_and_no_other(org_admin: Browser, boss, sqlite_ctx: Context) -> None:
    make_organization(sqlite_ctx.db, "beta")
    assert org_admin.get(ORG).status_code == 200
    assert org_admin.get("/admin/").headers["Location"].startswith("/admin/organizations/acme")
    beta = ORG.replace("acme", "beta")
    for url in (beta, beta.replace("beta", "nobody"), f"{beta}/steps/1/undo", f"{ORG}/steps/1/undo"):
        assert org_admin.get(url).status_code == 404
    assert press(org_admin, "cell:organization:email:organization:show", beta).status_code == 404
    assert press(org_admin, "cell:managed:email:anyone:show", ORG).status_code == 422
    assert press(org_admin, "cell:managed:email:anyone:show").status_code == 403
    assert org_admin.get(URL).status_code == 403
    assert press(org_admin, "cell:organization:email:organization:show", ORG).status_code == 303
    assert apply(org_admin, ORG).status_code == 303
    assert pressed(boss, "organization-email-organization", ORG)
    step = dom(org_admin.get(ORG)).css_first('a[href$="/undo"]').attributes["href"]
    assert boss.get(step.replace("/organizations/acme", "")).status_code == 404
    sqlite_ctx.db.execute("UPDATE organization SET removed_at = 1 WHERE slug = 'acme'")
    assert boss.get(ORG).status_code == 404


@pytest.mark.parametrize("scope", ["site", "organization"])
def test_t66_a_level_wider_than_a_lock_is_403_by_form_and_fragment(
    boss: Browser, visit, sqlite_ctx: Context, scope: str  # noqa: F811
) -> None:
    url, accounts = (URL, "managed") if scope == "site" else (ORG, "organization")
    ann = visit(make_account(sqlite_ctx.db, "ann", kind="managed", location="Lisbon", timezone="Europe/Lisbon"))
    press(boss, f"lock:{accounts}:location:organization", url)
    assert apply(boss, url).status_code == 303

    def choose(level: str, headers=None) -> int:
        data = {"csrf_token": ann.token(), "level-location": level}
        return ann.client.post("/settings/visibility", data=data, headers=headers or {}).status_code

    assert [choose("anyone"), choose("anyone", HTMX)] == [403, 403]
    assert [choose("only_you"), choose("organization", HTMX)] == [303, 200]
    assert ann.submit("about", location="Porto").status_code == 303
    assert "Limited by" in ann.get("/settings/visibility").text


def test_the_directory_narrows_at_once_and_widens_when_it_was_written_anew(
    boss: Browser, visit, sqlite_ctx: Context  # noqa: F811
) -> None:
    from webapp.services import people_index

    make_account(sqlite_ctx.db, "ann", kind="managed", job_title="Architect", department="Tools")
    people_index.rebuild(sqlite_ctx)
    nobody = visit(None)
    assert "/u/ann" in nobody.get("/people?q=architect").text
    press(boss, "cell:managed:job_title:anyone:hide")
    press(boss, "cell:managed:department:anyone:show")
    apply(boss)
    assert "/u/ann" not in nobody.get("/people?q=architect").text
    make_account(sqlite_ctx.db, "new", kind="managed", department="Tools")
    assert people_index.catch_up(sqlite_ctx)
    assert "/u/new" in nobody.get("/people?q=tools").text
    assert "/u/ann" not in nobody.get("/people?q=tools").text      # asked, not opened


def test_d19_the_member_answers_each_offer_on_the_settings_page(boss: Browser, visit, sqlite_ctx: Context) -> None:  # noqa: F811
    """Yes to one, no to another, the third still waits; each a button or box of one plain form."""
    ann = visit(make_account(sqlite_ctx.db, "ann", kind="managed", department="Tools", location="Lisbon"))
    for field in ("department", "location", "timezone"):
        press(boss, f"cell:managed:{field}:anyone:show")
    apply(boss)
    settings = "/settings/visibility"
    page = dom(ann.get(settings))
    assert "This community changed its default" in page.css_first("#offers").text()
    assert page.css("#offers input[checked]") == []

    def say(**data: str) -> int:
        return ann.client.post(settings, data={"csrf_token": ann.token(), **data}).status_code

    assert say(accepted="department:anyone", accept="1") == 303
    assert say(declined="location:anyone", accepted="timezone:anyone") == 303      # the button pressed counts alone
    assert [node.attributes["value"] for node in dom(ann.get(settings)).css("#offers input[name=accepted]")] == [
        "timezone:anyone"]
    assert say(declined="location:anyone") == 422
    assert say(declined="location:everybody") == 422
    nobody = visit(None).get("/u/ann").text
    assert "Tools" in nobody
    assert "Lisbon" not in nobody
