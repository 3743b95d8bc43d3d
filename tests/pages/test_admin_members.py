"""Admin > Members and the claim pages, over HTTP: search, close and open, a claim link from making to logging in."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests.factories import make_account
from tests.pages.admin_samples import Browser, boss_of
from tests.services.test_claims import imported
from webapp.services import admin_members, passwords

PASSWORD = "twelve green bottles"


@pytest.fixture
def boss(app: Flask) -> Browser:
    return boss_of(app)


def found(html: str) -> list[str | None]:
    return [node.attributes["data-member"] for node in HTMLParser(f"<table>{html}</table>").css("[data-member]")]


def token_in(page: str) -> str:
    match = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert match
    return match[1]


def test_t71_the_pages_are_for_site_admins(app: Flask, boss: Browser) -> None:
    ann = Browser(app, make_account(boss.ctx.db, "ann"))
    orgadmin = Browser(app, make_account(boss.ctx.db, "emma", kind="managed"))
    boss.ctx.db.execute("INSERT INTO membership(organization_id, account_id, role, since)"
                        " SELECT 1, id, 'admin', 1 FROM account WHERE handle = 'emma'")
    for somebody in (ann, orgadmin):
        for path in ("/admin/members", "/admin/members?q=boss", "/admin/members/acc-boss"):
            answer = somebody.get(path)
            assert answer.status_code == 403
            assert b"boss@" not in answer.data
        for verb in ("deactivate", "reactivate", "claim"):
            answer = somebody.post(f"/admin/members/acc-boss/{verb}", "/settings/security")
            assert answer.status_code == 403
    assert boss.ctx.db.row("SELECT COUNT(*) FROM audit WHERE event LIKE 'member:%'") == (0,)


def test_search_as_page_and_as_fragment(boss: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_members, "PAGE", 2)
    for handle in ("ann", "anna", "annette"):
        make_account(boss.ctx.db, handle)
    page = boss.get("/admin/members?q=ann").text
    assert found(page) == ["ann", "anna"]
    more = HTMLParser(page).css_first(".onward a")
    assert more is not None
    onward = more.attributes["href"] or ""
    assert found(boss.get(onward).text) == ["annette"]                      # without JavaScript: the next page
    part = boss.get(onward, headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert found(part) == ["annette"]
    whole = boss.get("/admin/members?q=anna", headers={"HX-Request": "true"}).text
    assert "<html" not in whole
    assert found(whole) == ["anna"]
    assert "No account fits" in boss.get("/admin/members?q=nobody-at-all").text


def test_close_and_open_ask_for_the_password_in_place(app: Flask) -> None:
    boss = boss_of(app, proved=False, password_hash=passwords.hash_password(PASSWORD))
    make_account(boss.ctx.db, "ann")
    home = "/admin/members/acc-ann"
    wrong = boss.post(f"{home}/deactivate", home, reason="spam all day", current="no")
    assert wrong.status_code == 422
    assert 'value="spam all day"' in wrong.text
    assert 'id="f-current-err"' in wrong.text
    done = boss.post(f"{home}/deactivate", home, reason="spam", current=PASSWORD)
    assert done.status_code == 303
    page = boss.get(done.headers["Location"]).text
    assert 'data-state="deactivated"' in page
    assert app.test_client().get("/u/ann").status_code == 404
    assert boss.post(f"{home}/reactivate", home).status_code == 303
    assert app.test_client().get("/u/ann").status_code == 200
    assert boss.post(f"{home}/reactivate", home).status_code == 409
    own = "/admin/members/acc-boss"
    assert boss.post(f"{own}/deactivate", own).status_code == 409


def test_d21_a_claim_link_from_making_it_to_being_logged_in(app: Flask, boss: Browser) -> None:
    imported(boss.ctx)
    home = "/admin/members/acc-kim"
    answer = boss.post(f"{home}/claim", home)
    shown = HTMLParser(answer.text).css_first("[data-link]")
    assert shown is not None
    url = shown.attributes["value"] or ""
    assert answer.headers["Cache-Control"] == "private, no-store"
    token = url.rpartition("/")[2]
    assert token not in boss.get(home).text         # T44: shown once, by no page after that
    assert token not in boss.get("/admin/members?q=kim").text

    someone = app.test_client()
    opened = someone.get(f"/claim/{token}")
    assert opened.headers["Location"] == "/claim"
    page = someone.get("/claim").text
    assert "Claim @kim" in page
    assert token not in page
    wrong = someone.post("/claim/sent", data={"csrf_token": token_in(page), "email": "nonsense"})
    assert wrong.status_code == 422
    sent = someone.post("/claim/sent", data={"csrf_token": token_in(page), "email": "kim@home.example"})
    assert sent.headers["Location"] == "/claim/sent"
    body = (boss.ctx.db.row("SELECT body FROM outbox WHERE recipient = 'kim@home.example'") or ("",))[0]
    confirm = re.search(r"/claim/(\S+)", body)
    assert confirm
    assert someone.post("/claim", data={"csrf_token": token_in(page), "password": PASSWORD}).status_code == 422

    other = app.test_client()                       # the mail may be opened in another browser
    assert other.post("/claim", data={"password": PASSWORD}).status_code in {400, 403}
    other.get(f"/claim/{confirm[1]}")
    page = other.get("/claim").text
    done = other.post("/claim", data={"csrf_token": token_in(page), "password": PASSWORD, "terms": "1"})
    assert done.headers["Location"] == "/u/kim"
    assert other.get("/settings/security").status_code == 200
    for used in (token, confirm[1]):
        assert app.test_client().get(f"/claim/{used}").status_code == 400
    assert boss.post(f"{home}/claim", home).status_code == 404


def test_d21_the_sign_up_page_offers_the_account_of_the_proved_address(app: Flask, boss: Browser) -> None:
    imported(boss.ctx, said="kim@home.example")
    someone = app.test_client()
    form = {"csrf_token": token_in(someone.get("/signup").text), "name": "Kim", "email": "kim@home.example"}
    someone.post("/signup", data=form)
    body = (boss.ctx.db.row("SELECT body FROM outbox") or ("",))[0]
    link = re.search(r"/verify\?token=\S+", body)
    assert link
    someone.get(link[0])
    page = someone.get("/verify").text
    assert "Is @kim you?" in page
    offer = re.search(r'name="offer" value="([^"]+)"', page)
    assert offer
    forged = someone.post("/verify/claim", data={"csrf_token": token_in(page), "offer": "acc-boss"})
    assert forged.status_code == 404
    taken = someone.post("/verify/claim", data={"csrf_token": token_in(page), "offer": offer[1]})
    assert taken.headers["Location"] == "/claim"
    page = someone.get("/claim").text
    done = someone.post("/claim", data={"csrf_token": token_in(page), "password": PASSWORD, "terms": "1"})
    assert done.headers["Location"] == "/u/kim"
    assert boss.ctx.db.row("SELECT COUNT(*) FROM account WHERE email_key = 'kim@home.example'") == (1,)


def test_a_mailed_claim_link_is_in_the_mail_only(boss: Browser) -> None:
    imported(boss.ctx)
    home = "/admin/members/acc-kim"
    answer = boss.post(f"{home}/claim", home, email="kim@home.example")
    assert answer.status_code == 303
    assert "data-link" not in boss.get(answer.headers["Location"]).text
    assert boss.ctx.db.row("SELECT COUNT(*) FROM outbox WHERE recipient = 'kim@home.example'") == (1,)
    assert boss.post(f"{home}/claim", home, email="nonsense").status_code == 422
