"""Settings > Log-in and security, as a page and as fragments."""

from __future__ import annotations

import re

import pytest

PASSWORD = "twelve green bottles"
OTHER = "another fine word"


@pytest.fixture
def member(app, at):
    """A member's browser, logged in a moment ago."""
    from tests.services.test_accounts import make

    make(app.extensions["vitrine"], at.now)
    return Member(app)


class Member:
    """A logged-in test client that sends the form token of the page."""

    def __init__(self, app):
        self.client = app.test_client()
        self.ctx = app.extensions["vitrine"]
        self.post("/login", page="/login", email="sally@example.org", password=PASSWORD)

    def get(self, url, **kwargs):
        return self.client.get(url, **kwargs)

    def post(self, url, page="/settings/security", fragment=False, **form):
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        headers = {"HX-Request": "true"} if fragment else {}
        return self.client.post(url, data={"csrf_token": token.group(1) if token else "", **form}, headers=headers)

    def link(self, recipient):
        body = self.ctx.db.row("SELECT body FROM outbox WHERE recipient = ? ORDER BY id LIMIT 1", (recipient,))[0]
        return re.search(r"http://localhost(/\S+)", body).group(1)


def test_the_page_shows_what_is_the_members_own(member):
    page = member.get("/settings/security")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "private, no-store"
    for text in ("sally@example.org", 'value="sally"', "This one", 'autocomplete="new-password"'):
        assert text in page.text
    assert "Present password" not in page.text


def test_strangers_are_sent_to_log_in(app):
    client = app.test_client()
    for url in ("/settings/security", "/settings/confirm", "/settings/security/email"):
        assert client.get(url).headers["Location"].startswith("/login?next=")
    assert client.get("/settings/security", headers={"HX-Request": "true"}).status_code == 401


@pytest.mark.parametrize("fragment", [False, True])
def test_t15_change_of_password_asks_in_place(member, app, at, fragment):
    other = Member(app)
    at.now += 301
    assert "Present password" in member.get("/settings/security").text
    answer = member.post("/settings/security/password", fragment=fragment, password=OTHER)
    assert answer.status_code == 422
    assert "not your present password" in answer.text
    assert 'id="f-password_current-err"' in answer.text
    answer = member.post("/settings/security/password", fragment=fragment, password="short", password_current=PASSWORD)
    assert answer.status_code == 422
    assert 'id="f-password-err"' in answer.text
    assert OTHER not in answer.text
    assert PASSWORD not in answer.text
    answer = member.post("/settings/security/password", fragment=fragment, password=OTHER)     # typed a moment ago
    assert answer.status_code == (200 if fragment else 303)
    if fragment:
        assert "<html" not in answer.text
        assert "Saved." in answer.text
    assert member.get("/settings/security").status_code == 200
    assert other.get("/settings/security").status_code == 303


def test_the_form_token_outlives_the_step_up(member, at):
    """Other forms of the same page go on working after the password was typed in one of them."""
    at.now += 301
    token = re.search(r'name="csrf_token" value="([^"]+)"', member.get("/settings/security").text).group(1)
    for form in ({"password_current": PASSWORD, "password": "short"}, {"password": "short"}):
        answer = member.client.post("/settings/security/password", data={"csrf_token": token, **form})
        assert answer.status_code == 422


def test_t4_change_of_address_in_the_browser(member, app):
    answer = member.post("/settings/security/email", email="new@example.net")
    assert answer.headers["Location"] == "/settings/security?saved=email_sent"
    link = member.link("new@example.net")
    other = Member(app)
    other.get(link)
    assert other.get("/settings/security/email").status_code == 400
    assert member.get(link).headers["Location"] == "/settings/security/email"
    assert "new@example.net" in member.get("/settings/security/email").text
    answer = member.post("/settings/security/email/confirm")
    assert answer.headers["Location"] == "/settings/security?saved=email"
    assert "new@example.net" in member.get("/settings/security?saved=email").text
    assert member.get(link).status_code == 400


def test_t12_confirming_an_address_out_of_order(member):
    assert member.post("/settings/security/email/confirm").status_code == 400
    assert member.get("/settings/security/email").status_code == 303


def test_change_of_handle_keeps_what_was_typed(member):
    answer = member.post("/settings/security/handle", handle="no good!")
    assert answer.status_code == 422
    assert 'value="no good!"' in answer.text
    answer = member.post("/settings/security/handle", fragment=True, handle="sal")
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/settings/security?saved=handle")
    assert "/u/sal" in member.get("/settings/security?saved=handle").text


def test_sessions_are_ended_from_the_list(member, app):
    other, third = Member(app), Member(app)
    page = member.get("/settings/security").text
    keys = re.findall(r'name="key" value="([0-9a-f]+)"', page)
    assert len(keys) == 2
    answer = member.post("/settings/security/sessions/end", fragment=True, key=keys[0])
    assert answer.status_code == 200
    assert len(re.findall(r'name="key"', answer.text)) == 1
    member.post("/settings/security/sessions/end", all="1")
    assert other.get("/settings/security").status_code == third.get("/settings/security").status_code == 303
    assert member.get("/settings/security").status_code == 200


def test_what_was_saved_is_named_from_a_list_only(member):
    assert "pwned" not in member.get("/settings/security?saved=pwned").text


def test_t15_confirm_page_leads_back(member, at):
    at.now += 301
    page = member.get("/settings/confirm?next=/u/sally")
    assert 'value="/u/sally"' in page.text
    answer = member.post("/settings/confirm", page="/settings/confirm", current="wrong horse", next="/u/sally")
    assert answer.status_code == 422
    answer = member.post("/settings/confirm", page="/settings/confirm", current=PASSWORD, next="//e.example")
    assert answer.headers["Location"] == "/settings/security"


def test_t73_changes_need_the_form_token(member):
    for url in ("password", "email", "handle", "sessions/end", "email/confirm"):
        answer = member.client.post(f"/settings/security/{url}", data={"handle": "sal", "all": "1"})
        assert answer.status_code == 403, url
