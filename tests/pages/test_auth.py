"""Sign up, verify, log in, log out, reset: the forms, their order, their answers."""

from __future__ import annotations

import re

import pytest

from tests.factories import link, make_account
from webapp.services import throttle
from webapp.store import policy

PASSWORD = "twelve green bottles"
#: Headers that differ between any two answers.
MASKED = ("Set-Cookie", "X-Request-Id", "RateLimit-", "Retry-After")


@pytest.fixture
def browser(app, at):
    """`browser()`: a new browser that fills in forms."""
    return lambda: Browser(app)


class Browser:
    """A test client that sends the form token of the page it looks at."""

    def __init__(self, app):
        self.client = app.test_client()
        self.ctx = app.extensions["vitrine"]

    def get(self, url, **kwargs):
        return self.client.get(url, **kwargs)

    def post(self, url, page=None, token=None, headers=None, **form):
        if token is None:
            text = self.client.get(page or url).text
            found = re.search(r'name="csrf_token" value="([^"]+)"', text)
            token = found.group(1) if found else ""
        return self.client.post(url, data={"csrf_token": token, **form}, headers=headers or {})

    def mails(self):
        return self.ctx.db.rows("SELECT recipient, subject, body FROM outbox ORDER BY id")

    def link(self):
        """The path of the newest mailed link."""
        return re.search(r"http://localhost(/\S+)", self.mails()[-1][2]).group(1)

    def sign_up(self, email="sally@example.org", name="Sally Example", handle="sally"):
        assert self.post("/signup", name=name, email=email, terms="1").status_code == 303
        assert self.get(self.link()).status_code == 303
        return self.post("/verify", handle=handle, password=PASSWORD, terms="1")

    def log_in(self, email="sally@example.org", password=PASSWORD, **form):
        return self.post("/login", email=email, password=password, terms="1", **form)

    def is_in(self):
        return self.get("/settings/security").status_code == 200


def test_s27_d20_sign_up_verify_and_be_logged_in(browser):
    someone = browser()
    page = someone.get("/signup").text
    assert "accept the" in page
    assert "search engines" in page
    answer = someone.post("/signup", name="Sally Example", email="sally@example.org", terms="1")
    assert answer.headers["Location"] == "/signup/sent"
    assert someone.get("/signup/sent").status_code == 200
    assert someone.get(someone.link()).headers["Location"] == "/verify"
    page = someone.get("/verify").text
    assert 'value="sally-example"' in page
    assert 'name="name"' not in page
    assert 'autocomplete="new-password"' in page
    answer = someone.post("/verify", handle="sally", password=PASSWORD, terms="1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/u/sally")
    assert someone.is_in()


def test_d20_another_browser_is_asked_for_the_name_anew(browser):
    attacker, victim = browser(), browser()
    attacker.post("/signup", name="Mallory", email="victim@example.org")
    victim.get(victim.link())
    page = victim.get("/verify").text
    assert "Mallory" not in page
    assert 'name="name"' in page
    answer = victim.post("/verify", handle="vic", password=PASSWORD, terms="1")
    assert answer.status_code == 422
    assert 'value="vic"' in answer.text
    assert PASSWORD not in answer.text
    assert victim.post("/verify", handle="vic", name="Vic", password=PASSWORD, terms="1").status_code == 303
    assert attacker.post("/verify", page="/signup", handle="mal", password=PASSWORD, terms="1").status_code == 400


def test_t7_known_and_unknown_addresses_get_the_same_answer(browser):
    browser().sign_up()
    for url, form in (
        ("/signup", {"name": "Someone"}), ("/reset", {}), ("/login/link", {}), ("/login", {"password": "wrong horse"}),
    ):
        answers = []
        for email in ("sally@example.org", "nobyd@example.org"):
            answer = browser().post(url, email=email, **form)
            text = re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text).replace(email, "E")
            headers = {name: value for name, value in answer.headers if not name.startswith(MASKED)}
            answers.append((answer.status_code, headers, text))
        assert answers[0] == answers[1], url


def test_t8_wrong_passwords_end_in_429_and_the_mailed_link_still_works(browser, at):
    browser().sign_up()
    attacker, owner = browser(), browser()
    codes = []
    for _ in range(throttle.LOGIN_ACCOUNT.count + 2):
        answer = attacker.log_in(password="wrong horse")
        codes.append(answer.status_code)
    assert codes == [422] * throttle.LOGIN_ACCOUNT.count + [429, 429]
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "log-in link" in answer.text
    assert owner.log_in().status_code == 429
    owner.post("/login/link", email="sally@example.org")
    owner.get(owner.link())
    assert owner.post("/login/link/open", terms="1").headers["Location"] == "/u/sally"
    assert owner.is_in()
    at.now += 900
    assert browser().log_in().status_code == 303


def test_t8_many_accounts_from_one_place_and_forged_headers(browser, app):
    attacker = browser()
    token = re.search(r'name="csrf_token" value="([^"]+)"', attacker.get("/login").text).group(1)
    codes = set()
    for number in range(throttle.LOGIN_REMOTE.count + 1):
        answer = attacker.post("/login", token=token, email=f"a{number}@example.org", password="wrong horse",
                               headers={"X-Forwarded-For": f"198.51.100.{number}"})
        codes.add(answer.status_code)
    assert codes == {422, 429}
    assert answer.status_code == 429


def test_t9_a_huge_password_is_refused_without_hashing(browser, monkeypatch):
    from webapp.services import passwords

    someone = browser()
    someone.post("/signup", name="Sally", email="s@example.org")
    someone.get(someone.link())
    monkeypatch.setattr(passwords, "_hasher", None)
    answer = someone.post("/verify", handle="sally", password="x1" * 50_000, terms="1")
    assert answer.status_code == 422
    assert "too long" in answer.text
    assert len(answer.text) < 20_000


def test_t10_the_session_id_changes_at_log_in_and_step_up(browser, at):
    someone = browser()
    someone.sign_up()
    first = session_id(someone)
    at.now += 301
    someone.post("/settings/confirm", current=PASSWORD)
    second = session_id(someone)
    assert second != first
    assert someone.is_in()
    someone.post("/logout", page="/settings/security")
    with someone.client.session_transaction() as cookie:
        cookie["_user_id"] = first
        cookie["planted"] = "x"
    someone.log_in()
    assert session_id(someone) not in {first, second}
    with someone.client.session_transaction() as cookie:
        assert "planted" not in cookie


def session_id(someone):
    with someone.client.session_transaction() as cookie:
        return cookie["_user_id"]


def test_t11_a_copied_cookie_is_dead_after_log_out(browser):
    someone, thief = browser(), browser()
    someone.sign_up()
    copied = someone.client.get_cookie("session").value
    answer = someone.post("/logout", page="/settings/security")
    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    thief.client.set_cookie("session", copied)
    answer = thief.get("/settings/security")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=")
    assert someone.ctx.db.row("SELECT count(*) FROM login_session")[0] == 0


@pytest.mark.parametrize("url", ["/verify", "/reset/new", "/login/link/open"])
def test_t12_last_steps_out_of_order_change_nothing(browser, url):
    someone = browser()
    answer = someone.post(url, page="/login", handle="sally", name="Sally", password=PASSWORD, terms="1")
    assert answer.status_code == 400
    assert someone.ctx.db.row("SELECT count(*) FROM account")[0] == 0
    assert someone.get(url).status_code == 303


def test_t12_a_step_of_one_kind_opens_no_other(browser):
    someone = browser()
    someone.sign_up()
    other = browser()
    other.post("/login/link", email="sally@example.org")
    other.get(other.link())
    assert other.post("/reset/new", page="/login", password="another fine word").status_code == 400


def test_t13_links_work_once_and_only_the_newest(browser, at):
    browser().sign_up()
    someone = browser()
    someone.post("/reset", email="sally@example.org")
    old = someone.link()
    someone.post("/reset", email="sally@example.org")
    new = someone.link()
    assert "no longer works" in someone.get(old).text
    assert someone.get(new).headers["Location"] == "/reset/new"
    assert someone.post("/reset/new", password="another fine word").headers["Location"] == "/login?reset=done"
    assert someone.get(new).status_code == 400
    assert browser().log_in(password="another fine word").status_code == 303
    assert browser().log_in().status_code == 422
    someone.post("/reset", email="sally@example.org")
    at.now += 3600
    assert someone.get(someone.link()).status_code == 400


def test_t13_a_token_of_another_purpose_is_refused(browser):
    browser().sign_up()
    someone = browser()
    someone.post("/login/link", email="sally@example.org")
    token = someone.link().partition("?")[2]
    for page in ("/verify", "/reset"):
        assert someone.get(f"{page}?{token}").status_code == 400
    for bad in ("x" * 43, "", "x" * 100_000, "%00"):
        assert someone.get(f"/login/link?token={bad}").status_code == 400, len(bad)


def test_t14_the_token_stands_in_no_page_cookie_or_log(browser, caplog):
    caplog.set_level("INFO")
    someone = browser()
    someone.post("/signup", name="Sally", email="s@example.org")
    token = someone.link().partition("token=")[2]
    answer = someone.get(f"/verify?token={token}")
    assert token not in answer.text
    assert token not in answer.headers["Location"]
    assert token not in str(answer.headers)
    assert answer.headers["Cache-Control"] == "private, no-store"
    page = someone.get("/verify")
    assert token not in page.text
    assert page.headers["Referrer-Policy"] == "same-origin"
    with someone.client.session_transaction() as cookie:
        assert token not in str(dict(cookie))
    assert token not in caplog.text
    assert "s@example.org" not in caplog.text


def test_t16_idle_and_absolute_limits(browser, at):
    someone, daily = browser(), browser()
    someone.sign_up()
    daily.log_in()
    start = at.now
    at.now = start + 14 * 86_400 - 1
    assert someone.is_in()
    at.now += 14 * 86_400
    assert not someone.is_in()
    busy = browser()
    busy.log_in()
    start = at.now
    for day in range(30):
        at.now = start + day * 86_400
        assert busy.is_in()
    at.now = start + 30 * 86_400
    assert not busy.is_in()


@pytest.mark.parametrize(
    "url", ["/login", "/signup", "/reset", "/login/link", "/verify", "/logout", "/settings/confirm"]
)
def test_t18_forms_are_refused_without_their_token(browser, url):
    someone = browser()
    someone.sign_up()
    answer = someone.client.post(url, data={"email": "sally@example.org", "password": PASSWORD, "current": PASSWORD})
    assert answer.status_code == 403
    assert someone.is_in()


def test_t18_log_out_is_a_post(browser):
    someone = browser()
    someone.sign_up()
    assert someone.get("/logout").status_code == 405
    assert someone.is_in()


def test_t19_a_form_from_another_site_is_refused(browser):
    someone = browser()
    someone.sign_up()
    answer = someone.post("/logout", page="/settings/security", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert someone.is_in()


BLOCKED = (
    "state = 'unclaimed'", "state = 'deactivated'", "state = 'deleted'", "email_verified_at = NULL",
)


@pytest.mark.parametrize("change", BLOCKED)
def test_t26_accounts_that_may_not_log_in_are_refused_on_every_path(browser, change):
    someone = browser()
    someone.sign_up()
    links = []
    for url in ("/login/link", "/reset"):
        other = browser()
        other.post(url, email="sally@example.org")
        other.get(other.link())
        links.append(other)
    someone.ctx.db.execute(f"UPDATE account SET {change}")
    assert not someone.is_in()
    answer = browser().log_in()
    unknown = browser().log_in(email="nobyd@example.org")
    assert answer.status_code == 422
    assert "do not go together" in answer.text
    assert unknown.text.count("do not go together") == answer.text.count("do not go together")
    by_link, by_reset = links
    assert by_link.post("/login/link/open", page="/login", terms="1").status_code == 400
    assert by_reset.post("/reset/new", page="/login", password="another fine word").status_code == 400
    assert not by_link.is_in()
    for url in ("/login/link", "/reset", "/signup"):
        browser().post(url, email="sally@example.org", name="Sally")
        assert "token=" not in someone.mails()[-1][2]
    assert someone.ctx.db.row("SELECT count(*) FROM account")[0] == 1


def test_t26_an_account_that_is_being_deleted_leads_to_the_offer_to_keep_it_and_not_in(browser):
    """D22: whoever proves to own it is asked; nothing of the account opens before the answer."""
    someone, by_link, by_password = browser(), browser(), browser()
    someone.sign_up()
    by_link.post("/login/link", email="sally@example.org")
    by_link.get(by_link.link())
    someone.ctx.db.execute("UPDATE account SET state = 'closing'")
    assert not someone.is_in()
    for answer in (by_password.log_in(), by_link.post("/login/link/open", page="/login", terms="1")):
        assert (answer.status_code, answer.headers["Location"]) == (303, "/login/closing")
    assert not by_password.is_in()
    assert not by_link.is_in()


@pytest.mark.parametrize(
    "onward",
    [
        "//e.example", "/\\e.example", "https:e.example", "%2f%2fe.example", "/a\r\nSet-Cookie: x=1", "///e.example",
        "https://e.example/", "javascript:alert(1)", "\\\\e", "/\t/e.example", "/a b", "/" + "a" * 5000, "",
    ],
)
def test_t78_next_leads_nowhere_else(browser, onward):
    browser().sign_up()
    answer = browser().log_in(next=onward)
    assert answer.headers["Location"] == "/u/sally"


def test_t78_next_leads_to_a_path_of_this_site(browser):
    someone = browser()
    someone.sign_up()
    someone.post("/logout", page="/settings/security")
    page = someone.get(someone.get("/settings/security").headers["Location"])
    assert 'name="next" value="/settings/security"' in page.text
    answer = someone.post("/login", email="sally@example.org", password=PASSWORD, next="/u/sally/activity?kind=answer")
    assert answer.headers["Location"] == "/u/sally/activity?kind=answer"


def test_errors_stand_beside_the_field_and_keep_what_was_typed(browser):
    answer = browser().post("/signup", name="Sally <b>", email="not an address")
    assert answer.status_code == 422
    assert 'value="Sally &lt;b&gt;"' in answer.text
    assert 'value="not an address"' in answer.text
    assert 'aria-describedby="f-email-hint f-email-err"' in answer.text
    assert 'href="#f-email"' in answer.text


def test_s27_going_on_accepts_a_new_version_of_the_terms(browser):
    someone = browser()
    someone.sign_up()
    with someone.ctx.db.transaction():
        someone.ctx.db.execute("INSERT INTO site_setting(key, value) VALUES ('terms_version', '2')")
        policy.take_version(someone.ctx.db)
    other = browser()
    other.post("/login", email="sally@example.org", password=PASSWORD, terms="0")
    assert someone.ctx.db.row("SELECT terms_version FROM account")[0] == "1"
    browser().post("/login", email="sally@example.org", password=PASSWORD, terms="2")
    assert someone.ctx.db.row("SELECT terms_version FROM account")[0] == "2"


def test_d22_who_is_linked_to_a_deactivated_primary_comes_to_the_page_to_leave_it(browser):
    someone = browser()
    someone.sign_up()
    someone.post("/logout", page="/settings/security")
    db = someone.ctx.db
    boss = make_account(db, "boss")
    link(db, db.row("SELECT id FROM account WHERE handle = 'sally'")[0], boss)
    assert someone.log_in().location == "/u/sally"
    someone.post("/logout", page="/settings/security")
    db.execute("UPDATE account SET state = 'deactivated', state_at = 1 WHERE id = ?", (boss,))
    assert someone.log_in().location == "/settings/linked-accounts"
    assert someone.get("/login").location == "/settings/linked-accounts"
    assert someone.get("/settings/linked-accounts").status_code == 200
    db.execute("UPDATE account SET silent = 1 WHERE handle = 'sally'")
    assert someone.get("/login").location == "/u/sally", "a page of its own"
