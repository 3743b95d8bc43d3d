"""Edit profile in the browser's terms: the page, each part in place, what comes back, who is let in."""

from __future__ import annotations

import io
import re

import pytest
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services.test_avatars import flat_png, picture
from webapp.services import sessions
from webapp.services.context import Context

HTMX = {"HX-Request": "true"}
ABOUT = {
    "job_title": "Solutions architect", "organization": "Acme Corp", "department": "Tools", "location": "Lisbon",
    "timezone": "Europe/Lisbon", "bio": "One\ntwo",
}
#: Stored XSS (T74): elements, attributes, closing tags, template and script syntax.
XSS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "</textarea><svg onload=alert(1)>",
    "</title><script>alert(1)</script>", "{{7*7}}${7*7}<%= 7*7 %>", "javascript:alert(1)",
    '" autofocus onfocus=alert(1) x="', "<iframe srcdoc='<script>alert(1)</script>'>",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "<a href=javascript:alert(1)>x</a>",
    "مرحبا <b onclick=alert(1)>x</b>",
)


class Browser:
    """A client that is logged in and sends forms as a browser would: with every field of the page it looks at."""

    def __init__(self, client: FlaskClient, ctx: Context, account_id: int | None) -> None:
        self.client = client
        if account_id is not None:
            with client.session_transaction() as cookie:
                cookie["_user_id"] = sessions.start(ctx, account_id, NOW)
                cookie["_fresh"] = True

    def get(self, url: str, **headers: str):
        return self.client.get(url, headers=headers)

    def token(self) -> str:
        return re.search(r'name="csrf_token" value="([^"]+)"', self.client.get("/settings/profile").text)[1]

    def fields(self, url: str, part: str) -> dict[str, str]:
        form = HTMLParser(self.client.get(url).text).css_first(f"form#s-{part}, #s-{part} form")
        sent: dict[str, str] = {}
        for node in form.css("input, textarea, select"):
            kind, name = node.attributes.get("type"), node.attributes.get("name")
            if not name or (kind in {"radio", "checkbox"} and "checked" not in node.attributes) or kind == "file":
                continue
            if node.tag == "select":
                chosen = node.css_first("option[selected]")
                sent[name] = chosen.attributes["value"] if chosen else ""
            else:
                sent[name] = (node.text() if node.tag == "textarea" else node.attributes.get("value")) or ""
        return sent

    def submit(self, part: str, url: str = "/settings/profile", to: str | None = None, headers=None, **typed):
        data = {**self.fields(url, part), **{name.replace("__", "-"): value for name, value in typed.items()}}
        return self.client.post(to or f"/settings/profile/{part}", data=data, headers=headers or {})

    def in_place(self, part: str, handle: str = "sally", headers=None, **typed):
        url = f"/u/{handle}/{part}/edit"
        return self.submit(part, url, url, headers, **typed)


@pytest.fixture
def fixed(app, monkeypatch):
    app.config["CLOCK"] = lambda: NOW
    return app


@pytest.fixture
def visit(fixed, sqlite_ctx: Context):
    """`visit(account_id)`: a browser logged in as that account."""
    return lambda account_id: Browser(fixed.test_client(), sqlite_ctx, account_id)


@pytest.fixture
def sally(visit, sqlite_ctx: Context) -> Browser:
    return visit(make_account(sqlite_ctx.db, full_name="Sally Smith"))


def value(ctx: Context, column: str, handle: str = "sally"):
    return ctx.db.row(f"SELECT {column} FROM account WHERE handle = ?", (handle,))[0]


def dom(answer) -> HTMLParser:
    return HTMLParser(answer.text)


# The page ----------------------------------------------------------------------------------------------------------


def test_s10_the_page_has_three_parts_and_privacy(sally: Browser) -> None:
    page = dom(sally.get("/settings/profile"))
    assert [h.text() for h in page.css("main h2")] == [
        "About me", "Where to find me", "My products", "Privacy", "Your picture", "Your name",
    ]
    assert all(form.css_first("[name=csrf_token]") for form in page.css("form[method=post]"))
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))
    for label in page.css("label[for]"):
        assert page.css_first(f"[id='{label.attributes['for']}']") is not None


def test_d22_with_a_deactivated_primary_name_and_picture_are_what_is_left(visit, sqlite_ctx: Context) -> None:
    primary, second = make_account(sqlite_ctx.db, "boss"), make_account(sqlite_ctx.db, "second", bio="Mine")
    link(sqlite_ctx.db, second, primary)
    sqlite_ctx.db.execute("UPDATE account SET state = 'deactivated', state_at = 1 WHERE id = ?", (primary,))
    browser = visit(second)
    assert [h.text() for h in dom(browser.get("/settings/profile")).css("main h2")] == ["Your picture", "Your name"]
    assert browser.submit("name", full_name="Second Name").status_code == 303
    assert value(sqlite_ctx, "full_name", "second") == "Second Name"
    answer = browser.submit("name", full_name="a@b.example")
    assert answer.status_code == 422
    assert browser.client.post("/settings/profile/about", data={
        "csrf_token": browser.token(), "bio": "x"}).status_code == 404


def test_s33_the_page_says_what_private_does_and_does_not_hide(sally: Browser) -> None:
    text = dom(sally.get("/settings/profile")).css_first("#s-privacy").text()
    assert "Only you see what is on your profile" in text
    assert "stays public there" in text
    assert "Keep my name and picture visible" in text
    page = dom(sally.get("/settings/profile"))
    assert "checked" in page.css_first("[name=keep_name]").attributes
    assert "checked" in page.css_first("[name=privacy][value=public]").attributes


def test_s26_save_changes_without_scripts(sally: Browser, sqlite_ctx: Context) -> None:
    answer = sally.submit("about", **ABOUT)
    assert answer.status_code == 303
    assert answer.location == "/settings/profile?saved=about#s-about"
    page = dom(sally.get("/settings/profile?saved=about"))
    assert page.css_first("#s-about [role=status]").text().strip() == "Saved."
    assert page.css_first("#s-products [role=status]") is None
    assert sally.fields("/settings/profile", "about").items() >= ABOUT.items()
    profile = sally.get("/u/sally").text
    assert "Solutions architect" in profile
    assert "Lisbon" in profile


def test_under_htmx_the_saved_form_comes_back(sally: Browser, sqlite_ctx: Context) -> None:
    answer = sally.submit("products", headers=HTMX, products="Tracker\nWiki")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "Saved." in answer.text
    assert value(sqlite_ctx, "products") == '["Tracker", "Wiki"]'
    again = sally.submit("products", headers=HTMX, products="Wiki")
    assert again.status_code == 200


def test_privacy_and_name_are_saved(sally: Browser, sqlite_ctx: Context) -> None:
    assert sally.submit("privacy", privacy="private").status_code == 303
    assert (value(sqlite_ctx, "private"), value(sqlite_ctx, "keep_name")) == (1, 1)
    fields = sally.fields("/settings/profile", "privacy")
    del fields["keep_name"]
    sally.client.post("/settings/profile/privacy", data=fields)
    assert value(sqlite_ctx, "keep_name") == 0
    assert sally.submit("name", full_name="Sal Smith", public_name="").status_code == 303
    assert (value(sqlite_ctx, "full_name"), value(sqlite_ctx, "public_name")) == ("Sal Smith", "sally")


# In place ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["about", "find-me", "products"])
def test_each_part_opens_in_place(sally: Browser, part: str) -> None:
    fragment = sally.get(f"/u/sally/{part}/edit", **HTMX)
    assert fragment.status_code == 200
    assert "<html" not in fragment.text
    root = dom(fragment).css_first("body > *")
    assert (root.tag, root.attributes["id"]) == ("form", f"s-{part}")
    assert root.attributes["action"] == f"/u/sally/{part}/edit" == root.attributes["data-hx-post"]
    page = sally.get(f"/u/sally/{part}/edit")
    assert "<html" in page.text
    assert dom(page).css_first(f"form#s-{part}") is not None


def test_in_place_under_htmx_the_section_comes_back_as_it_reads(sally: Browser, sqlite_ctx: Context) -> None:
    answer = sally.in_place("about", headers=HTMX, **ABOUT)
    assert answer.status_code == 200
    section = dom(answer).css_first("body > *")
    assert (section.tag, section.attributes["id"]) == ("section", "s-about")
    assert "Solutions architect" in section.text()
    assert section.css_first("[role=status]").text().strip() == "Saved"
    links = sally.in_place("find-me", headers=HTMX, url__0="sally.example", label__0="Home")
    assert dom(links).css_first("a[href='https://sally.example']").attributes["rel"] == "nofollow ugc noopener"
    products = sally.in_place("products", headers=HTMX, products="Wiki")
    assert [chip.text() for chip in dom(products).css(".chip")] == ["Wiki"]
    assert dom(sally.get("/u/sally")).css_first("#s-about .saved, #s-products .saved") is None


def test_in_place_without_scripts_leads_back_to_the_profile(sally: Browser) -> None:
    answer = sally.in_place("products", products="Wiki")
    assert (answer.status_code, answer.location) == (303, "/u/sally#s-products")


def test_rows_are_added_and_removed_without_scripts(sally: Browser, sqlite_ctx: Context) -> None:
    for url, to in (("/settings/profile", None), ("/u/sally/find-me/edit", "/u/sally/find-me/edit")):
        for headers in ({}, HTMX):
            more = sally.submit("find-me", url, to, headers, url__0="a.example", change="add")
            assert more.status_code == 200
            form = dom(more).css_first("form#s-find-me")
            assert [n.attributes["value"] for n in form.css("input[name^=url-]")] == ["a.example", ""]
            assert "autofocus" in form.css_first("[name='url-1']").attributes
            less = sally.submit("find-me", url, to, headers, url__0="a.example", url__1="b.example", change="remove:0")
            kept = dom(less).css_first("form#s-find-me").css("input[name^=url-]")
            assert [n.attributes["value"] for n in kept] == ["b.example"]
    assert value(sqlite_ctx, "links") is None


def test_the_first_button_saves_so_that_enter_removes_nothing(sally: Browser) -> None:
    form = dom(sally.get("/settings/profile")).css_first("form#s-find-me")
    first = form.css_first("button")
    assert "name" not in first.attributes
    assert first.text() == "Save changes"


# Bad input ---------------------------------------------------------------------------------------------------------

LINKS = "Links can start with https://, http:// or mailto:, not with javascript:."
EMAIL = "Your public name looks like an e-mail address. Choose one that is safe to show."
HIDDEN = "There is an invisible character after “{}” in your {}. Take it out."
BAD = [
    ("about", "bio", "x" * 2064, "Your bio is a little long. Take out 64 characters."),
    ("about", "job_title", "a\u202eb", HIDDEN.format("a", "position")),
    ("about", "location", "Lis\u200bbon", HIDDEN.format("Lis", "location")),
    ("about", "timezone", "Europe/Lisbom", "Choose a time zone from the list."),
    ("find-me", "url-0", "javascript:alert(1)", LINKS),
    ("products", "products", "Wiki\nwiki", "“wiki” is there twice. Take one out."),
    ("name", "full_name", "N" * 10_000, "Your full name is a little long. Take out 9,920 characters."),
    ("name", "public_name", "a@b.example", EMAIL),
]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize(("part", "field", "typed", "message"), BAD)
def test_bad_input_is_explained_beside_the_field_and_kept(sally, sqlite_ctx, part, field, typed, message, headers):
    places = [("/settings/profile", None)]
    if part in {"about", "find-me", "products"}:
        places.append((f"/u/sally/{part}/edit", f"/u/sally/{part}/edit"))
    for url, to in places:
        answer = sally.submit(part, url, to, headers, **{field.replace("-", "__"): typed})
        assert answer.status_code == 422
        assert ("<html" in answer.text) is (not headers)
        page = dom(answer)
        shown = page.css_first(f"[name='{field}']")
        if field != "timezone":
            assert (shown.text() if shown.tag == "textarea" else shown.attributes["value"]) == typed
        assert shown.attributes["aria-invalid"] == "true"
        error = page.css_first(f"#f-{field}-err")
        assert error.attributes["id"] in shown.attributes["aria-describedby"].split()
        assert error.text().strip() == message
        summary = page.css_first("[role=alert][data-errors]")
        assert summary.css_first("a").attributes["href"] == f"#f-{field}"
        assert len(page.css("[data-errors]")) == 1
    assert value(sqlite_ctx, "edit_version") == 0


def upload(sally: Browser, data: bytes, name: str = "me.png"):
    form = {"csrf_token": sally.token(), "picture": (io.BytesIO(data), name)}
    return sally.client.post("/settings/profile/photo", data=form)


@pytest.mark.parametrize(("data", "words"), [
    (flat_png(10_000, 5_000), "more than 24 megapixels"),
    (picture("PNG") + b"*/=1;alert(1)//", "something beside the picture"),
    (b"<svg onload=alert(1)>", "not a picture that can be read here"), (b"", "Choose a picture first"),
    (picture("PNG", (200, 200))[:-40], "damaged or cut off"),
])
def test_t77_a_bad_picture_is_explained_beside_the_field(sally: Browser, sqlite_ctx: Context, data, words) -> None:
    answer = upload(sally, data)
    assert answer.status_code == 422
    assert words in dom(answer).css_first("#f-picture-err").text()
    assert value(sqlite_ctx, "avatar") is None


def test_t57_a_picture_is_taken_in_replaced_and_removed(sally: Browser, sqlite_ctx: Context) -> None:
    assert upload(sally, picture("JPEG"), "me.jpg").status_code == 303
    old = f"/avatar/{value(sqlite_ctx, 'avatar')}.webp"
    served = sally.client.get(old)
    assert (served.status_code, served.mimetype) == (200, "image/webp")
    assert served.headers["Content-Security-Policy"] == "sandbox"
    assert old in sally.get("/settings/profile").text
    assert upload(sally, picture()).status_code == 303
    assert sally.client.get(old).status_code == 404
    new = f"/avatar/{value(sqlite_ctx, 'avatar')}.webp"
    answer = sally.client.post("/settings/profile/photo", data={"csrf_token": sally.token(), "change": "remove"})
    assert answer.status_code == 303
    assert sally.client.get(new).status_code == 404


@pytest.mark.parametrize("text", XSS)
def test_t74_stored_scripts_are_inert_in_every_field(sally: Browser, sqlite_ctx: Context, text: str) -> None:
    clean = dom(sally.get("/u/sally"))
    expected = {tag: len(clean.css(tag)) for tag in ("script", "iframe", "svg[onload]", "img[onerror]")}
    about = dict.fromkeys(("job_title", "organization", "department", "location", "bio"), text)
    assert sally.submit("about", **about).status_code == 303
    assert sally.submit("products", products=text[:40]).status_code == 303
    assert sally.submit("find-me", url__0="a.example/" + re.sub(r"\s", "", text), label__0=text[:60]).status_code == 303
    assert sally.submit("name", full_name=text, public_name=text).status_code == 303
    forms = [f"/u/sally/{part}/edit" for part in ("about", "find-me", "products")]
    for url in ("/u/sally", "/settings/profile", *forms):
        page = dom(sally.get(url))
        if url == "/u/sally":
            assert {tag: len(page.css(tag)) for tag in expected} == expected
            assert page.css_first("[data-field=bio]").text() == text
        for node in page.css("*"):
            assert not any(name.startswith("on") for name in node.attributes), url
            assert not (node.attributes.get("href") or "").lower().startswith(("javascript:", "data:"))
            assert "srcdoc" not in node.attributes


def test_t74_links_in_the_page_are_http_https_or_mailto(sally: Browser) -> None:
    sally.submit("find-me", url__0="mailto:sally@example.com", url__1="bücher.example", label__1="Books")
    page = dom(sally.get("/u/sally"))
    shown = {a.attributes["href"]: a.text() for a in page.css("[data-field=links] a")}
    books = "xn--bcher-kva.example"
    assert shown == {"mailto:sally@example.com": "sally@example.com", f"https://{books}": books}


# Two windows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_a_second_window_is_told_and_both_texts_stay(sally: Browser, sqlite_ctx: Context, headers) -> None:
    stale = sally.fields("/settings/profile", "about")
    sally.submit("about", bio="from the first window")
    answer = sally.client.post("/settings/profile/about", data={**stale, "bio": "from the second"}, headers=headers)
    assert answer.status_code == 422
    page = dom(answer)
    assert "another window" in page.css_first("[role=alert]").text()
    assert page.css_first("[name=bio]").text() == "from the second"
    assert "from the first window" in page.css_first("#s-about").text()
    assert value(sqlite_ctx, "bio") == "from the first window"
    seen = page.css_first("#s-about [name=seen]").attributes["value"]
    again = sally.client.post("/settings/profile/about", data={**stale, "bio": "from the second", "seen": seen})
    assert again.status_code == 303
    assert value(sqlite_ctx, "bio") == "from the second"


# Who is let in -----------------------------------------------------------------------------------------------------


def masked(answer) -> str:
    return re.sub(r'(csrf_token" value="|X-CSRFToken":")[^"]+', r"\1-", answer.text)


def test_t71_a_stranger_gets_the_answer_of_an_unknown_handle(sally: Browser, visit, sqlite_ctx: Context) -> None:
    stranger = visit(make_account(sqlite_ctx.db, "stranger"))
    token = stranger.token()
    for part in ("about", "find-me", "products"):
        for headers in ({}, HTMX):
            known, unknown = (stranger.get(f"/u/{handle}/{part}/edit", **headers) for handle in ("sally", "nobod"))
            assert known.status_code == unknown.status_code == 404
            assert masked(known).replace("sally", "nobod") == masked(unknown)
            sent = {"csrf_token": token, "bio": "x"}
            posted = stranger.client.post(f"/u/sally/{part}/edit", data=sent, headers=headers)
            assert posted.status_code == 404
    assert value(sqlite_ctx, "edit_version") == 0


def test_t71_who_is_not_logged_in_is_sent_to_log_in_for_every_handle(sally: Browser, visit) -> None:
    nobody = visit(None)
    for url in ("/settings/profile", "/u/sally/about/edit", "/u/nobody/about/edit"):
        answer = nobody.get(url)
        assert answer.status_code == 303
        assert answer.location.startswith("/login")


def test_t73_without_the_token_nothing_is_saved(sally: Browser, sqlite_ctx: Context) -> None:
    for url in ("/settings/profile/about", "/settings/profile/photo", "/u/sally/about/edit"):
        assert sally.client.post(url, data={"bio": "x"}).status_code == 403
    assert value(sqlite_ctx, "edit_version") == 0


def test_s60_d7_a_managed_session_edits_the_shared_record_but_does_not_widen(sally, visit, sqlite_ctx: Context) -> None:
    primary = sqlite_ctx.db.row("SELECT id FROM account WHERE handle = 'sally'")[0]
    work = make_account(sqlite_ctx.db, "work", kind="managed")
    link(sqlite_ctx.db, work, primary)
    sqlite_ctx.db.execute("UPDATE account SET chosen = ?, location = 'Coimbra' WHERE id = ?",
                          (1 << sqlite_ctx.gate().bit["location"], primary))
    worker = visit(work)
    page = dom(worker.get("/settings/profile"))
    assert page.css_first("h1").text() == "Edit profile: Sally Smith"
    assert page.css_first("[name=location]") is None
    assert "Coimbra" not in page.text()
    assert page.css_first("[name=public_name]").attributes["value"] == "Work"
    assert worker.in_place("about", bio="from work").location == "/u/sally#s-about"
    assert (value(sqlite_ctx, "bio"), value(sqlite_ctx, "location")) == ("from work", "Coimbra")
    sally.submit("privacy", privacy="private")
    answer = worker.submit("privacy", privacy="public")
    assert answer.status_code == 422
    assert "Log in with your primary account" in dom(answer).css_first("[role=alert]").text()
    assert value(sqlite_ctx, "private") == 1
