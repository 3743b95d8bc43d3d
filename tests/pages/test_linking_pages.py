"""Settings > Linked accounts as pages and fragments: the three steps, the rehearsals, what is refused and how."""

from __future__ import annotations

import re

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests.pages.linking_samples import (
    ACME,
    HOME,
    OLD,
    OTHER,
    SALLY,
    Browser,
    ctx,
    key_of,
    links,
    mails,
    make_member,
    primary_of,
    sally,
)
from tests.services.test_accounts import PASSWORD, verify_domain

__all__ = ["ctx", "sally"]

# The list ------------------------------------------------------------------------------------------------------------


def test_first_time_the_page_shows_one_account_and_what_linking_does(sally):
    page = sally.get()
    tree = HTMLParser(page.text)
    assert page.headers["Cache-Control"] == "private, no-store"
    assert [row.attributes["data-account"] for row in tree.css("[data-account]")] == ["sally"]
    assert not tree.css("[data-primary]")
    assert tree.css_first("#nudge") is not None
    assert tree.css_first("[popovertarget=link-dialog]").text(strip=True) == "Link account"
    assert tree.css_first(".rail [aria-current]").attributes["href"] == HOME
    assert tree.css_first(".impact").text() == "27"


def test_s39_the_nudge_goes_for_good(sally, app):
    assert 'id="nudge"' in sally.get("/u/sally").text
    assert 'id="nudge"' not in sally.get("/u/sally?as=anyone").text + Browser(app, OLD).get("/u/sally").text
    assert sally.post(f"{HOME}/nudge", fragment=True).data == b""
    assert 'id="nudge"' not in sally.get().text + sally.get("/u/sally").text
    assert sally.post(f"{HOME}/nudge").headers["Location"] == HOME


def test_the_primary_is_marked_and_each_row_says_its_kind(sally, ctx):
    sally.link(ACME)
    tree = HTMLParser(sally.get().text)
    assert [row.attributes["data-account"] for row in tree.css("[data-primary]")] == ["sally"]
    worker = tree.css_first("[data-account=worker]")
    assert "Managed by Org 1" in worker.text()
    assert "@worker, 3 answers. Linked" in worker.text()
    assert "PRIMARY" not in worker.text()
    assert "PRIMARY" in tree.css_first("[data-account=sally]").text()
    assert tree.css_first(".impact").text() == "30"


def test_what_is_not_offered_says_why(sally):
    sally.link(ACME)
    tree = HTMLParser(sally.get().text)
    refused = {row.attributes["data-account"]: [b.text(separator=" ", strip=True) for b in row.css("[aria-disabled]")]
               for row in tree.css("[data-account]")}
    assert [text.split("  ")[0][:12] for text in refused["worker"]] == ["Make primary"]
    assert "personal" in refused["worker"][0].lower()
    assert len(refused["sally"]) == 2
    assert all(len(text) > 20 for text in refused["sally"])
    assert tree.css_first("[data-account=worker] a").text(strip=True) == "Unlink account"


def test_d7_a_linked_managed_session_sees_its_own_row_only(app, sally):
    sally.link(ACME)
    sally.link(OLD)
    page = Browser(app, ACME).get()
    tree = HTMLParser(page.text)
    assert [row.attributes["data-account"] for row in tree.css("[data-account]")] == ["worker"]
    for secret in (SALLY, OLD, "@sally", "@sal<"):
        assert secret not in HTMLParser(page.text).css_first("main").html
    assert not tree.css("main details.menu")
    assert "popovertarget" not in tree.css_first("#linked").html
    assert tree.css_first(f'a[href="{HOME}/leave"]') is not None


def test_a_linked_personal_session_sees_the_list_and_is_sent_to_the_primary(app, sally):
    sally.link(OLD, primary=key_of(sally, SALLY))
    tree = HTMLParser(Browser(app, OLD).get().text)
    assert [row.attributes["data-account"] for row in tree.css("[data-account]")] == ["sally", "sal"]
    assert tree.css_first(f'a[href="{HOME}/leave"]') is not None
    assert not tree.css(".menu a.bad")
    assert "primary" in tree.css_first("#why-not").text()


def test_d6_a_flagged_primary_is_told(app, ctx, sally):
    sally.link(OLD, primary=key_of(sally, SALLY))
    verify_domain(ctx, "home.example", organization=3)
    page = sally.get().text
    assert "managed now" in page
    assert HTMLParser(page).css_first("[data-account=sal] a").text(strip=True) == "Make primary"


def test_d6_the_flag_is_told_on_every_page_but_not_to_a_managed_session(app, ctx, sally):
    sally.link(OLD, primary=key_of(sally, SALLY))
    sally.link(ACME)
    banner = "make a personal account the primary"
    assert banner not in sally.get("/u/sally").text
    verify_domain(ctx, "home.example", organization=3)
    assert banner in sally.get("/u/sally").text
    assert banner in sally.get("/settings/security").text
    assert banner in Browser(app, OLD).get("/settings/security").text
    assert banner not in Browser(app, ACME).get("/settings/security").text
    assert banner not in app.test_client().get("/u/sally").text


# Link account --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fragment", [False, True])
def test_s46_link_in_three_steps(sally, ctx, fragment):
    step = sally.get(f"{HOME}/link", fragment=fragment)
    assert ("<html" in step.text) is not fragment
    assert 'aria-current="step">Log in' in step.text
    assert sally.prove(OLD, fragment=fragment).headers["Location"] == f"{HOME}/link/preview"
    step = sally.get(f"{HOME}/link/preview", fragment=fragment)
    assert step.headers["Cache-Control"] == "private, no-store"
    tree = HTMLParser(step.text)
    assert tree.css_first(".steps [aria-current]").text() == "Preview"
    assert tree.css_first("svg.sum").attributes["aria-label"] == "27 and 57 answers make 84"
    row = tree.css_first("tr[data-metric=answers]")
    assert [cell.text(strip=True) for cell in row.css("td")] == ["27", "+57", "84"]
    assert {mark.attributes["data-gained"] for mark in tree.css("[data-gained]")} >= {"answers:75"}
    assert len(tree.css(".gems .gem")) == 5
    first = tree.css_first("label.choice input").attributes["value"]
    answer = sally.post(f"{HOME}/link/confirm", fragment=fragment, token=sally.token(), primary=first)
    done = answer.headers["HX-Redirect" if fragment else "Location"]
    assert done == f"{HOME}?done=linked"
    assert "Linked." in sally.get(done).text
    assert {primary_of(ctx, "sal"), primary_of(ctx, "sally")} == {"sally", None}
    profile = sally.get("/u/sally").text
    assert 'data-metric="answers" data-value="84"' in profile
    assert 'data-badge="answers:75"' in profile


def test_s42_the_choice_of_primary_changes_the_preview(sally, ctx):
    mine = key_of(sally, SALLY)
    other = key_of(sally, OLD)
    token = sally.token()
    for key, handle in ((other, "sal"), (mine, "sally")):
        answer = sally.post(f"{HOME}/link/preview", token=token, primary=key, fragment=True)
        tree = HTMLParser(answer.text)
        assert tree.css_first("[data-rehearsed]").text().find(f"/u/{handle}") > 0
        assert tree.css_first("label.choice input[checked]").attributes["value"] == key
        assert tree.css_first("[autofocus]") is None
    sally.confirm(token=token, primary=other)
    assert primary_of(ctx, "sally") == "sal"


def test_s44_this_session_goes_on(sally, app):
    sally.prove(ACME)
    assert 'value="sally"' in sally.get("/settings/security").text
    assert "worker" not in sally.get("/settings/security").text


def test_d5_the_silent_box(sally, ctx):
    sally.prove(ACME)
    tree = HTMLParser(sally.get(f"{HOME}/link/preview").text)
    assert "checked" in tree.css_first("#f-shown").attributes
    sally.confirm(asks_silent="1")
    assert ctx.db.row("SELECT silent FROM account WHERE handle = 'worker'")[0]
    key = sally.keys()["worker"]
    answer = sally.post(f"{HOME}/{key}/silent", fragment=True, shown="1")
    assert "<html" not in answer.text
    assert "checked" in HTMLParser(answer.text).css_first(f"#shown-{key}").attributes
    assert not ctx.db.row("SELECT silent FROM account WHERE handle = 'worker'")[0]
    assert sally.post(f"{HOME}/{key}/silent").headers["Location"] == f"{HOME}?done=silent"
    assert ctx.db.row("SELECT silent FROM account WHERE handle = 'worker'")[0]


def test_d10_a_private_account_turns_the_profile_private_unless_the_box_is_ticked(app, sally, ctx):
    ctx.db.execute("UPDATE account SET private = ? WHERE handle = 'worker'", (True,))
    sally.prove(ACME)
    tree = HTMLParser(sally.get(f"{HOME}/link/preview").text)
    assert tree.css_first("[data-rehearsed]").attributes["data-rehearsed"] == "private"
    assert "checked" not in tree.css_first("#f-public").attributes
    answer = sally.post(f"{HOME}/link/preview", token=sally.token(), asks_silent="1", shown="1", public="1")
    assert 'data-rehearsed="public"' in answer.text
    sally.confirm(asks_silent="1", shown="1")
    assert 'data-metric="answers"' not in app.test_client().get("/u/sally").text
    sally.post(f"{HOME}/{sally.keys()['worker']}/unlink")
    assert 'data-value="27"' in app.test_client().get("/u/sally").text
    sally.prove(ACME)
    sally.confirm(asks_silent="1", shown="1", public="1")
    assert 'data-value="30"' in app.test_client().get("/u/sally").text


@pytest.mark.parametrize("fragment", [False, True])
def test_a_wrong_log_in_keeps_the_address_and_never_the_password(sally, fragment):
    answer = sally.prove(OLD, fragment=fragment, password="wrong horse battery")
    assert answer.status_code == 422
    assert ("<html" in answer.text) is not fragment
    tree = HTMLParser(answer.text)
    assert tree.css_first("#f-email").attributes["value"] == OLD
    assert tree.css_first("#f-password-err") is not None
    assert "wrong horse" not in answer.text


def test_t7_an_unknown_address_and_a_wrong_password_answer_alike(sally):
    def answer(email):
        text = sally.prove(email, password="wrong horse").text
        text = re.sub(r'"X-CSRFToken": "[^"]+"', "", text)      # signed with the second it was made in
        return re.sub(r'name="csrf_token" value="[^"]+"', "", text).replace(email, "E")

    assert answer(OLD) == answer("nobody@old.example")


def test_d3_an_old_log_in_asks_for_the_password_in_place(sally, at, ctx):
    at.now += 301
    assert "Your own password" in sally.get(f"{HOME}/link").text
    answer = sally.prove(OLD)
    assert answer.status_code == 422
    assert HTMLParser(answer.text).css_first("#f-current-err") is not None
    assert sally.prove(OLD, current=PASSWORD).headers["Location"] == f"{HOME}/link/preview"
    at.now += 301
    token = sally.token()
    assert sally.post(f"{HOME}/link/confirm", token=token).status_code == 422
    assert links(ctx) == []
    key = HTMLParser(sally.get(f"{HOME}/link/preview").text).css_first("label.choice input").attributes["value"]
    answer = sally.post(f"{HOME}/link/confirm", token=token, primary=key, current=PASSWORD)
    assert answer.headers["Location"] == f"{HOME}?done=linked"


def test_s45_a_personal_account_is_created_on_the_way(app, ctx, at):
    worker = Browser(app, ACME)
    assert f'href="{HOME}/link/create"' in worker.get(f"{HOME}/link").text
    answer = worker.post(f"{HOME}/link/create", page=f"{HOME}/link/create", name="", email="new@home.example")
    assert answer.status_code == 422
    assert 'value="new@home.example"' in answer.text
    answer = worker.post(f"{HOME}/link/create", page=f"{HOME}/link/create", name="Wanda", email="new@home.example")
    assert "Look into your mail" in worker.get(answer.headers["Location"]).text
    link = re.search(r"http://localhost(/\S+)", mails(ctx)[-1][1])[1]
    assert worker.get(link).headers["Location"] == "/verify"
    terms = re.search(r'name="terms" value="([^"]+)"', worker.get("/verify").text)[1]
    answer = worker.post("/verify", page="/verify", handle="wanda", password="four yellow kites", terms=terms)
    assert answer.headers["Location"] == f"{HOME}/link/preview"
    assert 'value="worker"' in worker.get("/settings/security").text      # the session is still this one's
    worker.confirm()
    assert primary_of(ctx, "worker") == "wanda"


def test_s45_after_a_long_wait_for_the_mail_the_log_in_is_asked_again(app, ctx, at):
    worker = Browser(app, ACME)
    worker.post(f"{HOME}/link/create", page=f"{HOME}/link/create", name="Wanda", email="new@home.example")
    link = re.search(r"http://localhost(/\S+)", mails(ctx)[-1][1])[1]
    at.now += 3_600
    worker.get(link)
    answer = worker.post("/verify", page="/verify", handle="wanda", password="four yellow kites", terms="1")
    assert answer.headers["Location"] == f"{HOME}/link"
    assert 'value="new@home.example"' in worker.get(f"{HOME}/link").text


def test_t20_a_foreign_sign_up_link_makes_no_link(app, ctx, sally):
    """Somebody else's sign-up link opened in a browser that wants to link: an account, but no rehearsal of a link."""
    sally.post(f"{HOME}/link/create", page=f"{HOME}/link/create", name="Sally", email="mine@home.example")
    stranger = app.test_client()
    page = stranger.get("/signup").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    stranger.post("/signup", data={"csrf_token": token, "name": "Eve", "email": "eve@evil.example"})
    body = next(body for recipient, body in mails(ctx) if recipient == "eve@evil.example")
    sally.get(re.search(r"http://localhost(/\S+)", body)[1])
    answer = sally.post("/verify", page="/verify", name="Eve", handle="eve", password="four yellow kites", terms="1")
    assert answer.headers["Location"] == "/u/eve"
    assert links(ctx) == []


# Refusals ------------------------------------------------------------------------------------------------------------


def refusal(answer):
    """(rule, text, address of the fix) as it is drawn."""
    assert answer.status_code == 422, answer.headers
    note = HTMLParser(answer.text).css_first("[data-rule]")
    fix = note.css_first("a")
    return note.attributes["data-rule"], note.text(), fix.attributes["href"] if fix else ""


@pytest.mark.parametrize("fragment", [False, True])
def test_t27_two_managed_accounts(app, ctx, at, fragment):
    make_member(ctx, at.now, "north", "sally@northwind.example")
    rule, text, fix = refusal(Browser(app, ACME).prove("sally@northwind.example", fragment=fragment))
    assert rule == "rule_not_two_managed"
    assert "Create a personal primary" in text
    assert fix == f"{HOME}/link/create"
    assert links(ctx) == []


def test_t29_two_primaries(app, ctx, at, sally):
    make_member(ctx, at.now, "ritas", "ritas@acme.example")
    sally.link(ACME)
    Browser(app, OTHER).link("ritas@acme.example")
    before = links(ctx)
    rule, text, fix = refusal(sally.prove(OTHER))
    assert (rule, fix) == ("rule_not_two_primaries", HOME)
    assert "Remove the linked accounts" in text
    assert links(ctx) == before


def test_t30_an_account_linked_elsewhere_and_the_other_primary_is_not_named(app, ctx, sally):
    sally.link(ACME)
    answer = Browser(app, OTHER).prove(ACME)
    rule, text, fix = refusal(answer)
    assert (rule, fix) == ("rule_not_linked_elsewhere", f"{HOME}#how-to-unlink")
    assert "Unlink it" in text
    for name in (SALLY, "@sally", "/u/sally", "Sally"):
        assert name not in answer.text


def test_t31_a_linked_session_links_no_further(app, ctx, sally):
    sally.link(ACME)
    worker = Browser(app, ACME)
    rule, text, _ = refusal(worker.prove(OTHER))
    assert rule == "rule_only_primary_links"
    assert "primary" in text


def test_itself_and_the_same_group(sally):
    assert refusal(sally.prove(SALLY))[0] == "rule_not_itself"
    sally.link(ACME)
    assert refusal(sally.prove(ACME))[0] == "rule_not_same_group"


# Forms out of order, other browsers, swapped ids ---------------------------------------------------------------------


def names_nobody(answer):
    for name in (SALLY, OLD, ACME, OTHER, "@worker", "@sal", "@rita"):
        assert name not in answer.text, name


def test_t12_t22_final_steps_without_a_log_in_to_the_other_account(sally, ctx):
    assert sally.get(f"{HOME}/link/preview").headers["Location"] == f"{HOME}/link"
    for form in ({}, {"token": ""}, {"token": "x" * 43}, {"token": "ü"}):
        for step in ("confirm", "preview"):
            answer = sally.post(f"{HOME}/link/{step}", **form)
            assert answer.status_code == 400
    assert links(ctx) == []


def test_t19_t73_every_form_needs_its_token(app, sally, ctx):
    sally.prove(OLD)
    token = sally.token()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(HOME) and "POST" in rule.methods:
            for headers in ({}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}):
                path = rule.rule.replace("<key>", "x").replace("<any('not-me', 'decline'):what>", "not-me")
                answer = sally.client.post(path, data={"token": token}, headers=headers)
                assert answer.status_code == 403, path
    assert links(ctx) == []


def test_t20_t23_another_browser_cannot_use_a_pending_link(app, sally, ctx):
    """The token alone, in another member's browser and in another one of one's own, opens and confirms nothing."""
    sally.prove(OLD)
    token = sally.token()
    for other in (Browser(app, OTHER), Browser(app, SALLY), Browser(app, OLD)):
        assert other.get(f"{HOME}/link/preview").status_code == 303
        answer = other.post(f"{HOME}/link/confirm", token=token)
        assert answer.status_code == 400
        with other.client.session_transaction() as cookie:      # as if the cookie's step had been copied too
            cookie["step"] = {"purpose": "link", "key": token}
        for answer in (other.get(f"{HOME}/link/preview"), other.post(f"{HOME}/link/confirm", token=token)):
            assert answer.status_code == 400
            names_nobody(answer)
    assert links(ctx) == []


def test_t21_t23_a_second_log_in_replaces_the_first(sally, ctx):
    """The rehearsal of one account does not confirm the link of another that was proved meanwhile."""
    sally.prove(OLD)
    first = sally.token()
    sally.prove(ACME)
    second = sally.token()
    assert first != second
    answer = sally.post(f"{HOME}/link/confirm", token=first)
    assert answer.status_code == 400
    names_nobody(answer)
    assert links(ctx) == []
    sally.confirm(token=second)
    assert primary_of(ctx, "worker") == "sally"
    assert primary_of(ctx, "sal") is None


def test_t24_t25_a_proof_works_once_and_not_after_unlinking(sally, ctx):
    sally.prove(ACME)
    token = sally.token()
    sally.confirm(token=token)
    assert sally.post(f"{HOME}/link/confirm", token=token).status_code == 400
    sally.post(f"{HOME}/{sally.keys()['worker']}/unlink")
    with sally.client.session_transaction() as cookie:
        cookie["step"] = {"purpose": "link", "key": token}
    answer = sally.post(f"{HOME}/link/confirm", token=token)
    assert answer.status_code == 400
    names_nobody(answer)
    assert links(ctx) == []


def test_cancel_forgets_the_proof(sally, ctx):
    sally.prove(OLD)
    token = sally.token()
    assert sally.post(f"{HOME}/link/cancel").headers["Location"] == HOME
    assert sally.post(f"{HOME}/link/confirm", token=token).status_code == 400
    assert sally.get(f"{HOME}/link/preview").status_code == 303
    assert links(ctx) == []


def test_a_proof_is_good_for_ten_minutes(sally, at, ctx):
    sally.prove(OLD)
    token = sally.token()
    at.now += 601
    answer = sally.post(f"{HOME}/link/confirm", token=token, current=PASSWORD)
    assert answer.status_code == 400
    assert links(ctx) == []


def test_t10_link_and_make_primary_change_the_sessions_id(sally):
    def raw():
        with sally.client.session_transaction() as cookie:
            return cookie["_user_id"]

    before = raw()
    sally.link(OLD, primary=key_of(sally, SALLY))
    linked = raw()
    assert linked != before
    assert sally.post(f"{HOME}/{sally.keys()['sal']}/make-primary").status_code == 303
    assert raw() not in {before, linked}


def test_t71_keys_of_other_profiles_name_nothing(app, ctx, sally):
    sally.link(ACME)
    key = sally.keys()["worker"]
    rita = Browser(app, OTHER)
    for other in (key, "x", "ü", "1", "0" * 24):
        for verb in ("unlink", "make-primary"):
            assert rita.get(f"{HOME}/{other}/{verb}").status_code == 404
            answer = rita.post(f"{HOME}/{other}/{verb}")
            assert answer.status_code == 404
            names_nobody(answer)
        for verb in ("silent", "decline"):
            assert rita.post(f"{HOME}/{other}/{verb}").status_code == 404
    assert primary_of(ctx, "worker") == "sally"


def test_t79_no_step_may_be_framed(sally):
    sally.prove(OLD)
    for path in (HOME, f"{HOME}/link", f"{HOME}/link/preview", f"{HOME}/link/create"):
        answer = sally.get(path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
        assert answer.headers["Cache-Control"] == "private, no-store", path


# Unlink and make primary ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fragment", [False, True])
def test_s49_unlink_after_its_rehearsal(sally, ctx, fragment):
    sally.link(OLD, primary=key_of(sally, SALLY))
    key = sally.keys()["sal"]
    tree = HTMLParser(sally.get(f"{HOME}/{key}/unlink", fragment=fragment).text)
    assert [cell.text(strip=True) for cell in tree.css("tr[data-metric=answers] td")] == ["84", "−57", "27"]
    assert {mark.attributes["data-lost"] for mark in tree.css("[data-lost]")} >= {"answers:75", "answers:50"}
    answer = sally.post(f"{HOME}/{key}/unlink", fragment=fragment)
    assert answer.headers["HX-Redirect" if fragment else "Location"] == f"{HOME}?done=unlinked"
    assert links(ctx) == []
    profile = sally.get("/u/sally").text
    assert 'data-metric="answers" data-value="27"' in profile
    assert 'data-badge="answers:75"' not in profile
    assert "data-primary" not in sally.get().text


def test_s52_make_primary_after_its_rehearsal(sally, ctx):
    sally.link(OLD, primary=key_of(sally, SALLY))
    key = sally.keys()["sal"]
    tree = HTMLParser(sally.get(f"{HOME}/{key}/make-primary").text)
    assert "/u/sal" in tree.css_first("[data-rehearsed]").text()
    assert not any("checked" in box.attributes for box in tree.css("input[type=checkbox]"))
    assert sally.post(f"{HOME}/{key}/make-primary").headers["Location"] == f"{HOME}?done=primary"
    assert primary_of(ctx, "sally") == "sal"
    tree = HTMLParser(sally.get().text)
    assert [row.attributes["data-account"] for row in tree.css("[data-primary]")] == ["sal"]


@pytest.mark.parametrize("verb", ["unlink", "make-primary"])
def test_d3_verbs_ask_for_the_password_in_place(sally, at, ctx, verb):
    sally.link(OLD, primary=key_of(sally, SALLY))
    key = sally.keys()["sal"]
    before = links(ctx)
    at.now += 301
    assert "Your own password" in sally.get(f"{HOME}/{key}/{verb}").text
    for form in ({}, {"current": "wrong horse"}):
        answer = sally.post(f"{HOME}/{key}/{verb}", **form)
        assert answer.status_code == 422
        assert HTMLParser(answer.text).css_first("#f-current-err") is not None
    assert links(ctx) == before
    assert sally.post(f"{HOME}/{key}/{verb}", current=PASSWORD).status_code == 303


def test_t32_a_managed_account_is_not_made_primary(sally, ctx):
    sally.link(ACME)
    key = sally.keys()["worker"]
    for answer in (sally.get(f"{HOME}/{key}/make-primary"), sally.post(f"{HOME}/{key}/make-primary")):
        assert answer.status_code == 422
        assert "personal" in answer.text
    assert primary_of(ctx, "worker") == "sally"


def test_what_was_done_is_named_from_a_list_only(sally):
    assert "pwned" not in sally.get(f"{HOME}?done=pwned").text
