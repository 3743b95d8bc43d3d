"""Kudos as pages (S23): the button, the form with and without htmx, Settings > Kudos, Admin > Kudos."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests.pages.linking_samples import OTHER, SALLY, Browser, ctx, make_member, sally
from tests.services.people import choose, set_columns
from tests.test_attacks import CORPUS
from webapp.services.context import Context
from webapp.services.kudos_words import WEEKLY

__all__ = ["ctx", "sally"]

FORM = "/u/rita/kudos/give"
PAGE = "/settings/kudos"


@pytest.fixture
def rita(app: Flask, ctx: Context) -> Browser:
    return Browser(app, OTHER)


def account(ctx: Context, handle: str) -> int:
    row = ctx.db.row("SELECT id FROM account WHERE handle = ?", (handle,))
    assert row is not None
    return int(row[0])


def give(browser: Browser, message: str = "Thank you", *, fragment: bool = False, url: str = FORM, **form: str) -> Any:
    return browser.post(url, page=url, fragment=fragment, **({"category": "answer", "message": message} | form))


def word(browser: Browser, deed: str) -> str:
    found = re.search(rf'action="{PAGE}/([\w-]+)/{deed}"', browser.get(PAGE).text)
    assert found, deed
    return found[1]


def test_s23_the_button_stands_on_others_profiles_where_kudos_are_seen(sally: Browser, rita: Browser, ctx: Context):
    link = f'href="{FORM}"'
    assert link in sally.get("/u/rita").text
    assert link in sally.get("/u/rita").text            # kept by now
    assert link in ctx_free(sally).get("/u/rita").text   # leads to the log-in and back
    assert link not in rita.get("/u/rita").text
    choose(ctx.db, account(ctx, "rita"), you=("kudos",))
    assert link not in sally.get("/u/rita").text


def ctx_free(browser: Browser) -> Any:
    return browser.app.test_client()


def test_s23_give_without_scripts(sally: Browser, ctx: Context):
    page = sally.get(FORM).text
    assert "Kudos for <bdi>Rita</bdi>" in page
    assert f"{WEEKLY} of {WEEKLY} left" in page
    answer = give(sally)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{FORM}?given=1")
    done = sally.get(f"{FORM}?given=1").text
    assert "Given." in done
    assert "“Thank you”" in done
    shown = sally.get("/u/rita").text
    assert "“Thank you”" in shown
    assert "Helpful answer" in shown
    assert f"{WEEKLY - 1} of {WEEKLY} left" in sally.get(FORM).text


def test_s23_give_with_htmx_swaps_the_place_of_the_form(sally: Browser):
    wrong = give(sally, "", fragment=True)
    assert wrong.status_code == 422
    assert "<html" not in wrong.text
    assert 'id="f-message-err"' in wrong.text
    answer = give(sally, fragment=True)
    assert answer.status_code == 303
    fragment = sally.get(answer.headers["Location"], fragment=True)
    assert "Given." in fragment.text
    assert "<html" not in fragment.text


def test_what_was_typed_is_kept_beside_the_mistake(sally: Browser):
    answer = give(sally, "A good <b>word</b>", category="")
    assert answer.status_code == 422
    tree = HTMLParser(answer.text)
    area = tree.css_first("textarea")
    assert area is not None
    assert area.text().strip() == "A good <b>word</b>"
    assert tree.css_first('select[aria-invalid="true"]') is not None
    assert "Choose what the kudos are for." in answer.text


def test_anonymous_visitors_log_in_first(sally: Browser):
    visitor = ctx_free(sally)
    answer = visitor.get(FORM)
    assert answer.status_code == 303
    assert "next=/u/rita/kudos/give" in answer.headers["Location"].replace("%2F", "/")
    assert visitor.get(PAGE).status_code == 303


@pytest.mark.parametrize("how", ["hidden", "private"])
def test_t52_where_kudos_are_hidden_the_form_answers_as_for_nobody(sally: Browser, ctx: Context, how: str):
    rita = account(ctx, "rita")
    if how == "hidden":
        choose(ctx.db, rita, you=("kudos",))
    else:
        set_columns(ctx.db, rita, private=True)
    answers = []
    for handle in ("rita", "nobody"):
        url = f"/u/{handle}/kudos/give"
        for answer in (sally.get(url), sally.post(url, category="answer", message="Hi")):
            assert answer.status_code == 404
            answers.append(re.sub(r'(csrf_token" value="|X-CSRFToken":")[^"]+|/u/\w+/kudos/give', "", answer.text))
    assert answers[:2] == answers[2:]


def test_d9_ones_own_profile_refuses_in_plain_words(sally: Browser, ctx: Context):
    assert "This is your own profile." in sally.get("/u/sally/kudos/give").text
    answer = sally.post("/u/sally/kudos/give", category="answer", message="Me")
    assert answer.status_code == 422
    assert "This is your own profile." in answer.text


def test_the_allowance_is_said_when_it_is_used_up(sally: Browser, ctx: Context):
    for number in range(WEEKLY):
        assert give(sally, f"Thank you, {number}").status_code == 303
    page = sally.get(FORM).text
    assert f"You have given your {WEEKLY} kudos" in page
    assert "The next is free on" in page
    assert "<textarea" not in page
    answer = sally.post(FORM, category="answer", message="One more")
    assert answer.status_code == 422


def test_an_old_handle_leads_to_the_form(sally: Browser, ctx: Context):
    ctx.db.execute(
        "INSERT INTO handle(handle, account_id, since) VALUES ('earlier', ?, 1)", (account(ctx, "rita"),))
    assert sally.get("/u/earlier/kudos/give").headers["Location"] == FORM
    assert sally.post("/u/earlier/kudos/give", category="answer", message="Hi").headers["Location"] == FORM


def test_t74_the_words_are_inert_wherever_they_stand(sally: Browser, rita: Browser, ctx: Context):
    set_columns(ctx.db, account(ctx, "rita"), is_admin=True)
    taken = 0
    for payload in CORPUS:
        ctx.db.execute("DELETE FROM kudos")     # and the allowance is whole again
        answer = give(sally, payload)
        if answer.status_code == 422:
            assert payload not in answer.text or "<" not in payload
            continue
        taken += 1
        rita.post(f"{PAGE}/{word(rita, 'report')}/report", page=PAGE)
        pages = [sally.get(f"{FORM}?given=1"), sally.get(PAGE), rita.get(PAGE), rita.get("/admin/kudos")]
        rita.post(f"{PAGE}/{word(rita, 'show')}/show", page=PAGE)
        for page in (*pages, sally.get("/u/rita")):
            assert page.status_code == 200
            tree = HTMLParser(page.text)
            assert f"“{' '.join(payload.split())}”" in [quote.text() for quote in tree.css("blockquote")]
            assert not tree.css("blockquote *")
    assert taken > 3


def test_hide_show_and_report_without_scripts(sally: Browser, rita: Browser):
    give(sally, "Words")
    answer = rita.post(f"{PAGE}/{word(rita, 'hide')}/hide", page=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}?saved=hide")
    assert "Hidden. It counts all the same." in rita.get(f"{PAGE}?saved=hide").text
    assert "“Words”" not in sally.get("/u/rita").text
    rita.post(f"{PAGE}/{word(rita, 'show')}/show", page=PAGE)
    assert "“Words”" in sally.get("/u/rita").text
    rita.post(f"{PAGE}/{word(rita, 'report')}/report", page=PAGE)
    assert "An administrator will look at it" in rita.get(PAGE).text
    assert "“Words”" not in sally.get("/u/rita").text


def test_hide_and_show_with_htmx_swap_the_line(sally: Browser, rita: Browser):
    give(sally, "Words")
    line = rita.post(f"{PAGE}/{word(rita, 'hide')}/hide", page=PAGE, fragment=True)
    assert line.status_code == 200
    assert line.text.count("<li") == 1
    assert "Show again" in line.text
    taken = sally.post(f"{PAGE}/{word(sally, 'take-back')}/take-back", page=PAGE, fragment=True)
    assert "Taken back." in taken.text
    assert "Words" not in rita.get(PAGE).text


def test_t71_of_others_kudos_no_line_is_changed(sally: Browser, rita: Browser, ctx: Context):
    give(sally, "Words")
    name = word(rita, "hide")
    for deed in ("hide", "show", "report", "take-back", "no-such-deed"):
        assert sally.post(f"{PAGE}/{name}/{deed}", page=PAGE).status_code == 404
    assert rita.post(f"{PAGE}/{name}/no-such-deed", page=PAGE).status_code == 404
    assert "“Words”" in sally.get("/u/rita").text


def test_the_mail_is_switched_off_and_on(rita: Browser, ctx: Context):
    for form, muted in (({}, 1), ({"mail": "1"}, 0)):
        assert rita.post(f"{PAGE}/mail", page=PAGE, **form).status_code == 303
        assert ctx.db.rows("SELECT COUNT(*) FROM kudos_mute") == [(muted,)]
        assert ("checked" in rita.get(PAGE).text) is not bool(muted)


def test_taking_back_too_late_says_so(sally: Browser, rita: Browser, at: Any):
    give(sally)
    name = word(sally, "take-back")
    at.now += 3601
    answer = sally.post(f"{PAGE}/{name}/take-back", page=PAGE)
    assert answer.status_code == 422
    assert "Kudos can be taken back within an hour." in answer.text


def test_admins_remove_or_keep_what_was_reported(app: Flask, sally: Browser, rita: Browser, ctx: Context, at: Any):
    for words in ("First", "Second"):
        give(sally, words)
        rita.post(f"{PAGE}/{word(rita, 'report')}/report", page=PAGE)
    assert sally.get("/admin/kudos").status_code == 403
    boss = make_member(ctx, at.now, "boss")
    set_columns(ctx.db, boss, is_admin=True)
    admin = Browser(app, "boss@home.example")
    page = admin.get("/admin/kudos").text
    assert page.count("data-report") == 2
    first = re.search(r'action="(/admin/kudos/[\w-]+)"', page)
    assert first
    assert admin.post(first[1], page="/admin/kudos", do="no-such").status_code == 400
    assert admin.post(first[1], page="/admin/kudos", do="remove").headers["Location"] == "/admin/kudos?saved=remove"
    second = re.search(r'action="(/admin/kudos/[\w-]+)"', admin.get("/admin/kudos").text)
    assert second
    assert admin.post(second[1], page="/admin/kudos", do="keep").status_code == 303
    assert "Nothing is reported." in admin.get("/admin/kudos?saved=keep").text
    assert admin.post(second[1], page="/settings/kudos", do="keep").status_code == 404
    assert ctx.db.rows("SELECT peer_kudos FROM account JOIN counter ON account_id = id WHERE handle = 'rita'") == [(1,)]
    assert SALLY not in page
