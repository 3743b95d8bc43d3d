"""Admin > Plugins and Badges: who gets in, what is said before a switch, the password in place, without JavaScript."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from policies.extending import BadgeRule
from policies.terms import ANONYMOUS, Level, Veto
from tests.factories import make_account
from tests.pages.admin_samples import Browser, boss_of
from tests.plugged import plug, plugin, serve
from webapp.plugins import ABOUT_LIMIT, about, load_policies
from webapp.services import plugin_count
from webapp.store.profiles import load_group_of

RULE = BadgeRule("ten-answers", "Ten answers", metric="answers", at=10)
MINE = plugin(
    register_vetoes=lambda: (Veto("quiet", lambda question: ("location",), about=("location",)),),
    register_badge_rules=lambda: (RULE,),
)


@pytest.fixture
def site(sqlite_ctx, config):
    return serve(plug(sqlite_ctx, ("mine", MINE)), config)


def plugin_state(page: str, name: str) -> str:
    found = HTMLParser(page).css_first(f'[data-plugin="{name}"]')
    assert found is not None
    return found.attributes["data-state"] or ""


@pytest.mark.parametrize("path", ["/admin/plugins", "/admin/plugins/mine/off", "/admin/badges"])
def test_t71_the_pages_are_for_site_admins(site, path):
    boss = boss_of(site)
    assert boss.get(path).status_code == 200
    assert site.test_client().get(path).status_code == 303
    assert Browser(site, make_account(boss.ctx.db, "ann")).get(path).status_code == 403


def test_a_plugin_is_switched_off_after_the_count(site):
    boss = boss_of(site)
    make_account(boss.ctx.db, location="Lisbon")
    anybody = site.test_client()
    assert "Lisbon" not in anybody.get("/u/sally").text
    page = boss.get("/admin/plugins/mine/off").text
    opening = HTMLParser(page).css_first("[data-opens]")
    assert opening is not None
    assert "2 fields of 2 members" in opening.text()
    stale = boss.post("/admin/plugins/mine/off", "/admin/plugins/mine/off", fields="1", members="1")
    assert stale.status_code == 422
    assert "Lisbon" not in anybody.get("/u/sally").text
    done = boss.post("/admin/plugins/mine/off", "/admin/plugins/mine/off", fields="2", members="2")
    assert (done.status_code, done.headers["Location"]) == (303, "/admin/plugins?saved=off")
    assert plugin_state(boss.get("/admin/plugins").text, "mine") == "off"
    assert "Lisbon" in anybody.get("/u/sally").text
    boss.post("/admin/plugins/mine/on", "/admin/plugins/mine/on", fields="0", members="0")
    assert "Lisbon" not in anybody.get("/u/sally").text


def test_the_password_is_asked_in_place(site):
    boss = boss_of(site, proved=False)
    assert 'name="current"' in boss.get("/admin/plugins/mine/off").text
    answer = boss.post("/admin/plugins/mine/off", "/admin/plugins/mine/off", fields="1", members="1", current="wrong")
    assert answer.status_code == 422
    assert plugin_state(boss.get("/admin/plugins").text, "mine") == "on"


def test_unknown_and_needed_plugins_are_not_switched(site):
    boss = boss_of(site)
    assert boss.get("/admin/plugins/nobody/off").status_code == 404
    assert boss.get("/admin/plugins/fields/off").status_code in {403, 404, 409, 422}
    assert boss.post("/admin/plugins/nobody/off", "/admin/plugins/mine/off").status_code == 404


def test_what_failed_is_shown_by_name(site):
    boss = boss_of(site)
    boss.ctx.manager.isolation.failed("mine", "veto quiet raised RuntimeError")
    boss.get("/admin/plugins")
    text = " ".join(HTMLParser(boss.get("/admin/plugins").text).css_first('[data-plugin="mine"]').text().split())
    assert "1 failure. The last one 15 June 2025, 15:06 UTC: veto quiet raised RuntimeError." in text
    assert "Failing" in text


def test_what_needs_a_look_is_told_above_the_list_and_led_to(site):
    """In load order a site's own plugins come last, below all that are shipped."""
    boss = boss_of(site)
    assert "a look" not in boss.get("/admin/plugins").text
    boss.ctx.manager.isolation.failed("mine", "veto quiet took longer than 0.1 s", late=True)
    boss.get("/admin/plugins")
    page = HTMLParser(boss.get("/admin/plugins").text)
    note = page.css_first(".note.warn")
    assert "One plugin needs a look" in note.text()
    assert note.css_first("a").attributes["href"] == "#h-mine"
    assert page.css_first("#h-mine") is not None
    text = " ".join(page.css_first("[data-failures]").text().split())
    assert "1 failure, too late (the third switches it off). The last one" in text
    for _ in range(2):
        boss.ctx.manager.isolation.failed("mine", "veto quiet took longer than 0.1 s", late=True)
    boss.get("/admin/plugins")
    page = HTMLParser(boss.get("/admin/plugins").text)
    assert "mine (closed)" in page.css_first(".note.warn").text()
    assert "all too late" in page.css_first("[data-failures]").text()


def test_failures_are_forgotten_by_a_button_that_stands_only_where_there_are_some(site):
    boss = boss_of(site)
    for _ in range(2):
        boss.ctx.manager.isolation.failed("mine", "veto quiet raised RuntimeError")
    boss.get("/admin/plugins")
    page = HTMLParser(boss.get("/admin/plugins").text)
    assert [form.attributes["action"] for form in page.css("[data-plugin] form")] == ["/admin/plugins/mine/forget"]
    assert "2 failures since 15 June 2025, 15:06 UTC" in " ".join(page.css_first("[data-failures]").text().split())
    path = "/admin/plugins/mine/forget"
    assert boss.client.post(path).status_code in {400, 403}, "without the form's token nothing is forgotten"
    assert boss.get(path).status_code == 405
    assert Browser(site, make_account(boss.ctx.db, "ann")).post(path, "/settings/profile").status_code == 403
    assert HTMLParser(boss.get("/admin/plugins").text).css_matches("[data-failures]")
    done = boss.post(path, "/admin/plugins")
    assert (done.status_code, done.headers["Location"]) == (303, "/admin/plugins?saved=forgotten")
    again = boss.get(done.headers["Location"]).text
    assert "Forgotten. Failures are counted from now on." in again
    assert not HTMLParser(again).css_matches("[data-failures], [data-plugin] form")
    assert boss.post(path, "/admin/badges").status_code == 303, "twice is no error"
    assert boss.post("/admin/plugins/nobody/forget", "/admin/badges").status_code == 404


def test_a_badge_rule_is_rehearsed_started_and_taken_back(site):
    boss = boss_of(site)
    make_account(boss.ctx.db, answers=12)
    page = "/admin/badges"
    assert boss.post("/admin/badges/ten-answers/start", page, mode="silent").status_code == 422
    assert boss.post("/admin/badges/ten-answers/rehearse", page).status_code == 303
    assert 'data-gains="1"' in boss.get(page).text
    assert boss.post("/admin/badges/ten-answers/start", page, mode="").status_code == 422
    assert boss.post("/admin/badges/ten-answers/start", page, mode="announced").status_code == 303
    assert 'data-award="rule:ten-answers"' in site.test_client().get("/u/sally").text
    wrong = boss.post("/admin/badges/revoke", page, rule="ten-answers", handle="nobody-here", do="revoke")
    assert wrong.status_code == 422
    assert 'value="nobody-here"' in wrong.text
    assert boss.post("/admin/badges/revoke", page, rule="ten-answers", handle="sally", do="revoke").status_code == 303
    assert 'data-award="rule:ten-answers"' not in site.test_client().get("/u/sally").text
    assert boss.post("/admin/badges/no-such/rehearse", page).status_code == 404
    events = [row[0] for row in boss.ctx.db.rows("SELECT event FROM audit WHERE event LIKE 'badge:%' ORDER BY id")]
    assert events == ["badge:rehearse", "badge:start", "badge:revoke"]


def test_on_a_large_site_the_count_goes_on_page_by_page_also_without_javascript(site, monkeypatch):
    monkeypatch.setattr(plugin_count, "STEP", 2)
    boss = boss_of(site)
    for number in range(4):
        make_account(boss.ctx.db, f"m{number}", location="Lisbon")
    path, page, pages = "/admin/plugins/mine/off", "", 0
    while not pages or "data-percent" in page:
        form = HTMLParser(page).css_first("form#switch") if page else None
        word = "" if form is None else form.css_first("[name=counted]").attributes["value"]
        assert form is None or (form.attributes["method"], form.attributes["action"]) == ("get", path)
        assert "Turn off</button>" not in page
        page = boss.get(f"{path}?counted={word}").text
        pages += 1
    assert pages == 3
    assert "5 fields of 5 members" in HTMLParser(page).css_first("[data-opens]").text()
    early = boss.post(path, path, fields="5", members="5")
    assert early.status_code == 422
    assert "still being counted" in early.text
    typed = {one.attributes["name"]: one.attributes["value"] for one in HTMLParser(page).css("#switch [type=hidden]")}
    del typed["csrf_token"]
    assert boss.post(path, path, **typed).status_code == 303
    assert plugin_state(boss.get("/admin/plugins").text, "mine") == "off"


def test_no_switch_while_a_plugin_fails_and_the_page_says_which(sqlite_ctx, config):
    def default_cell(kind, field):
        raise RuntimeError

    ill = plugin(default_cell=default_cell)
    site = serve(plug(sqlite_ctx, ("mine", MINE), ("ill", ill), record=False), config)
    boss = boss_of(site)
    page = boss.get("/admin/plugins/mine/off")
    assert page.status_code == 200
    assert "not recorded, because plugin ill failed: default_cell of personal avatar raised RuntimeError" in page.text
    answer = boss.post("/admin/plugins/mine/off", "/admin/plugins/mine/off")
    assert answer.status_code == 422
    assert "because plugin ill failed" in answer.text
    assert plugin_state(boss.get("/admin/plugins").text, "mine") == "on"
    assert "data-opens" in boss.get("/admin/plugins/ill/off").text, "taking the ill one out is open, and counted"


def test_a_plugin_says_what_it_is_for_as_plain_text_and_nothing_where_it_says_nothing(sqlite_ctx, config, tmp_path):
    said = {
        "garden": '"""Garden: <b>trees</b> & more.\n\nNot this."""', "silent": "", "odd": "__doc__ = 7",
        "later": '"""\n\n   The   first\u202eline.\nThe second."""', "blank": '"""  \n\n """',
        "long": '"""' + "many words " * 200 + '"""', "unbroken": '"""' + "x" * 5000 + '"""',
    }
    for name, text in said.items():
        (tmp_path / f"{name}.py").write_text(
            f"{text}\nfrom policies import hookimpl\n\n@hookimpl\ndef default_cell(kind, field):\n    return None\n",
            encoding="utf-8",
        )
    configured = replace(config, plugins_dir=tmp_path)
    app = serve(replace(sqlite_ctx, manager=load_policies(configured), _gate=None), configured)
    page = HTMLParser(boss_of(app).get("/admin/plugins").text)
    found = {one.attributes["data-plugin"]: one.css_first("[data-about]") for one in page.css("[data-plugin]")}
    told = {name: "" if node is None else node.text() for name, node in found.items()}
    assert told["garden"] == "Garden: <b>trees</b> & more."
    assert page.css_first("[data-about] b") is None
    assert told["later"] == "The firstline."
    assert (told["silent"], told["odd"], told["blank"]) == ("", "", "")
    assert told["long"] == "many words " * 14 + "many…"
    assert told["unbroken"] == "x" * (ABOUT_LIMIT - 1) + "…"
    assert max(map(len, told.values())) == ABOUT_LIMIT
    every = [name for name in told if name not in said]
    assert all(told[name] for name in every), "every plugin of ours says it"
    assert not [name for name in every if re.search(r"\b[SDT]\d", told[name])], "rules have numbers; admins do not"


def test_a_plugin_that_is_no_module_speaks_by_its_class_and_not_by_a_library():
    class Mine:
        """What `it` is for."""

    assert {about(one) for one in (Mine(), Mine)} == {"What it is for."}
    assert {about(one) for one in (MINE, object(), 7)} == {""}


def dialog(boss: Browser, path: str) -> str:
    return " ".join(HTMLParser(boss.get(path).text).css_first("#switch").text().split())


def test_the_dialogs_say_what_happens_to_what_a_plugin_opened(sqlite_ctx, config):
    """Off: closed, and shown as before when on again. On: what is shown; never "again" of what never was."""
    opens = plugin(default_cell=lambda kind, field: Level.ANYONE if field == "email" else None)
    context = plug(sqlite_ctx, ("opens", opens), may_widen=["opens"])
    boss = boss_of(serve(context, config))
    before = make_account(context.db)
    off = dialog(boss, "/admin/plugins/opens/off")
    assert "It hides 2 fields that are shown now. What its defaults opened is closed. Turned on again, the" in off
    assert boss.post("/admin/plugins/opens/off", "/admin/plugins/opens/off", fields="0", members="0").status_code == 303
    new = make_account(context.db, "newer", email="newer@example.org")
    on = dialog(boss, "/admin/plugins/opens/on")
    assert "This shows 2 fields of 2 members that are hidden now." in on, "not the one of who came in between"
    assert "again" not in on
    assert boss.post("/admin/plugins/opens/on", "/admin/plugins/opens/on", fields="2", members="2").status_code == 303
    gate, groups = context.gate(), [load_group_of(context.db, one) for one in (before, new)]
    masks = [gate.mask(ANONYMOUS, group.subject(group.asked)) for group in groups]
    assert [mask >> gate.bit["email"] & 1 for mask in masks] == [1, 0]
