"""Settings > Profile and visibility in the browser's terms: the tables, saving with and without scripts, refusals."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tests.factories import link, make_account, make_domain, make_organization
from tests.pages.test_edit import HTMX, Browser, dom, fixed, value, visit  # noqa: F401
from webapp.services.context import Context
from webapp.store import policy

URL = "/settings/visibility"
ANYONE, ORGANIZATION, ONLY_YOU = "anyone", "organization", "only_you"
FACTS = {
    "job_title": "Architect", "department": "Tools", "organization": "Acme Corp", "location": "Lisbon",
    "timezone": "Europe/Lisbon",
}
#: S79 written down again: field -> (managed, personal).
TABLE = {
    "avatar": (ORGANIZATION, ANYONE), "full_name": (ANYONE, ANYONE), "job_title": (ANYONE, ANYONE),
    "department": (ORGANIZATION, ANYONE), "organization": (ORGANIZATION, ANYONE), "location": (ORGANIZATION, ANYONE),
    "timezone": (ORGANIZATION, ANYONE), "email": (ONLY_YOU, ONLY_YOU),
}
SECTIONS = ("bio", "links", "products", "stats", "badges", "certifications", "groups", "kudos", "activity")
FULL = {**FACTS, "full_name": "Sally Smith", "bio": "Hello", "avatar": "f" * 32}


def level(browser: Browser, field: str) -> str:
    row = dom(browser.get(URL)).css_first(f"#v-{field}")
    return row.css_first("input[checked]").attributes["value"]


def send(browser: Browser, headers=None, **data):
    sent = {"csrf_token": browser.token(), **{name.replace("__", "-"): text for name, text in data.items()}}
    return browser.client.post(URL, data=sent, headers=headers or {})


@pytest.fixture
def sally(visit, sqlite_ctx: Context) -> Browser:  # noqa: F811
    return visit(make_account(sqlite_ctx.db, **FULL))


@pytest.fixture
def worker(visit, sqlite_ctx: Context) -> Browser:  # noqa: F811
    """A managed account that nobody linked."""
    return visit(make_account(sqlite_ctx.db, "work", kind="managed", **FULL))


def lock(ctx: Context, field: str, allowed: int, scope: str = "managed") -> None:
    with ctx.db.transaction():
        policy.append_change(ctx.db, "lock", scope, NOW - 50, bit=ctx.gate().bit[field], level=allowed)


# The tables ----------------------------------------------------------------------------------------------------------

CELLS = [
    (kind, audience, field) for column, kind in enumerate(("managed", "personal")) for field in TABLE
    for audience in ((ANYONE, ORGANIZATION) if kind == "managed" else (ANYONE,))
]  # fmt: skip


@pytest.mark.parametrize(("kind", "audience", "field"), CELLS)
def test_s79_every_cell_on_this_page_and_on_the_profile(visit, sqlite_ctx, kind, audience, field):  # noqa: F811
    account = make_account(sqlite_ctx.db, "sally", kind=kind, **FULL)
    mine = visit(account)
    default = TABLE[field][0 if kind == "managed" else 1]
    page = dom(mine.get(f"{URL}?as={audience}"))
    assert page.css_first(f"#v-{field} input[checked]").attributes["value"] == default
    shows = default == ANYONE or (default == ORGANIZATION and audience == ORGANIZATION)
    hidden = page.css_first("#preview > p").text().partition(":")[2]
    labels = {"avatar": "Avatar", "email": "E-mail address"}
    assert (labels.get(field, field.replace("_", " ").capitalize()) in hidden) is not shows
    viewer = make_account(sqlite_ctx.db, "viewer", kind=kind) if audience == ORGANIZATION else None
    profile = dom(visit(viewer).get("/u/sally"))
    name = profile.css_first("h1#name").text().strip()
    if field == "full_name":
        assert name.startswith("Sally Smith") is shows
    else:
        assert (profile.css_first(f"[data-field={field}]") is not None) is shows
    as_key = "anyone" if audience == ANYONE else "organization-1"
    preview = dom(mine.get(f"/u/sally?as={as_key}"))
    if field != "full_name":
        assert (preview.css_first(f"[data-field={field}]") is not None) is shows


def test_d13_sections_bio_links_and_products_stand_there_at_anyone(sally: Browser, worker: Browser) -> None:
    for browser, count in ((sally, 2), (worker, 3)):
        page = dom(browser.get(URL))
        for field in SECTIONS:
            row = page.css_first(f"#v-{field}")
            assert row.css_first("input[checked]").attributes["value"] == ANYONE
            assert len(row.css("input[type=radio]")) == count
            assert "Default" in row.css_first("summary").text()
        ids = [node.attributes["id"] for node in page.css("[id]")]
        assert len(ids) == len(set(ids))


def test_s81_the_full_name_of_a_personal_account_is_fixed_and_says_why(sally: Browser, worker: Browser) -> None:
    row = dom(sally.get(URL)).css_first("#v-full_name")
    assert "disabled" in row.css_first("fieldset").attributes
    assert "neither narrower nor wider" in row.css_first(".why p").text()
    assert send(sally, level__full_name=ONLY_YOU).status_code == 403
    assert dom(worker.get(URL)).css_first("#v-full_name fieldset[disabled]") is None


# Saving --------------------------------------------------------------------------------------------------------------


def test_t62_a_choice_holds_on_the_next_request_for_everybody(sally: Browser, visit, sqlite_ctx) -> None:  # noqa: F811
    nobody, stranger = visit(None), visit(make_account(sqlite_ctx.db, "stranger"))
    send(sally, level__location=ANYONE)
    for browser in (nobody, stranger):
        assert "Lisbon" in browser.get("/u/sally").text
        assert "/u/sally" in browser.get("/people?location=lisbon").text
    assert send(sally, level__location=ONLY_YOU, was__location=ANYONE).status_code == 303
    for browser in (nobody, stranger):
        assert "Lisbon" not in browser.get("/u/sally").text.replace("Europe/Lisbon", "")
        assert browser.get("/u/sally/about", **HTMX).text.count("Lisbon") == 1     # the time zone
        assert "/u/sally" not in browser.get("/people?location=lisbon").text
    assert "Lisbon" in sally.get("/u/sally").text
    send(sally, level__location=ANYONE, was__location=ONLY_YOU)
    assert "Lisbon<" in nobody.get("/u/sally").text
    assert "/u/sally" in nobody.get("/people?location=lisbon").text


def test_t57_t62_a_hidden_picture_is_gone_at_its_address(sally: Browser, visit, sqlite_ctx) -> None:  # noqa: F811
    key = "f" * 32
    sqlite_ctx.db.execute("INSERT INTO avatar(key, account_id, image, created_at) SELECT ?, id, ?, 1 FROM account"
                          " WHERE handle = 'sally'", (key, b"RIFF"))
    assert visit(None).get(f"/avatar/{key}.webp").status_code == 200
    send(sally, level__avatar=ONLY_YOU)
    assert visit(None).get(f"/avatar/{key}.webp").status_code == 404


def test_under_htmx_one_field_is_sent_and_its_row_comes_back(worker: Browser, sqlite_ctx: Context) -> None:
    row = dom(worker.get(URL)).css_first("#v-location")
    assert row.attributes["data-hx-params"] == "level-location,was-location,as"
    answer = send(worker, HTMX, level__location=ANYONE, was__location=ORGANIZATION, **{"as": "organization"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    page = dom(answer)
    row = page.css_first("#v-location")
    assert row.css_first("input[checked]").attributes["value"] == ANYONE
    assert "Your choice" in row.css_first("h3").text()
    assert "The default for managed accounts is Organization. You chose Anyone." in row.css_first(".why p").text()
    assert "Saved" in page.css_first("#vis-status").text()
    assert page.css_first("#preview [aria-current]").text() == "Organization"
    assert page.css_first("#defaults button").attributes["value"] == "location:organization"
    assert page.css_first("#v-avatar") is None
    assert value(sqlite_ctx, "edit_version", "work") == 1


def fields(browser: Browser) -> dict[str, str]:
    """The main form as a browser without scripts sends it."""
    form = dom(browser.get(URL)).css_first("form.panebox")
    return {
        node.attributes["name"]: node.attributes["value"] for node in form.css("input")
        if node.attributes["type"] == "hidden"
        or ("checked" in node.attributes and "disabled" not in node.parent.parent.attributes)
    }  # fmt: skip


def test_without_scripts_the_form_saves_what_was_changed_and_chooses_nothing_else(worker: Browser, sqlite_ctx) -> None:
    sent = fields(worker)
    answer = worker.client.post(URL, data={**sent, "level-email": ORGANIZATION, "level-bio": ONLY_YOU})
    assert (answer.status_code, answer.location) == (303, f"{URL}?saved=1")
    bit = sqlite_ctx.gate().bit
    assert value(sqlite_ctx, "chosen", "work") == 1 << bit["email"] | 1 << bit["bio"]
    assert (level(worker, "email"), level(worker, "bio")) == (ORGANIZATION, ONLY_YOU)
    assert "Saved" in dom(worker.get(f"{URL}?saved=1")).css_first("#vis-status").text()
    assert worker.client.post(URL, data=fields(worker)).status_code == 303
    assert value(sqlite_ctx, "edit_version", "work") == 1


def test_each_field_and_all_fields_go_back_to_the_default(worker: Browser, sqlite_ctx: Context) -> None:
    chosen = {"level-email": ANYONE, "level-bio": ONLY_YOU, "level-stats": ONLY_YOU}
    worker.client.post(URL, data={**fields(worker), **chosen})
    page = dom(worker.get(URL))
    button = page.css_first("#v-email button[name=default]").attributes["value"]
    assert button == "email:only_you"
    # Radios beside the button are not what was pressed.
    pressed = {**fields(worker), "level-kudos": ONLY_YOU, "default": button}
    assert worker.client.post(URL, data=pressed).status_code == 303
    assert (level(worker, "email"), level(worker, "bio"), level(worker, "kudos")) == (ONLY_YOU, ONLY_YOU, ANYONE)
    every = dom(worker.get(URL)).css_first("#defaults")
    assert "Bio from Only you to Anyone; Stats from Only you to Anyone" in every.text()
    send(worker, default=every.css_first("button").attributes["value"])
    assert value(sqlite_ctx, "chosen", "work") == 0
    assert dom(worker.get(URL)).css_first("#defaults button") is None


def test_a_second_window_is_told_and_nothing_is_saved(worker: Browser, sqlite_ctx: Context) -> None:
    stale = fields(worker)
    send(worker, level__location=ONLY_YOU, was__location=ORGANIZATION)
    for headers in ({}, HTMX):
        answer = worker.client.post(URL, data={**stale, "level-location": ANYONE}, headers=headers)
        assert answer.status_code == 422
        assert "another window" in dom(answer).css_first("[role=alert]").text()
        assert dom(answer).css_first("#v-location input[checked]").attributes["value"] == ONLY_YOU
    # Another field is nobody's conflict.
    assert worker.client.post(URL, data={**stale, "level-bio": ONLY_YOU}).status_code == 303
    assert (level(worker, "location"), level(worker, "bio")) == (ONLY_YOU, ONLY_YOU)
    with sqlite_ctx.db.transaction():
        policy.append_change(sqlite_ctx.db, "cell", "managed", NOW, bit=sqlite_ctx.gate().bit["bio"], level=1)
    assert send(worker, default="bio:anyone").status_code == 422      # the default was narrowed after the page was made
    assert level(worker, "bio") == ONLY_YOU


# Refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize("scope", ["managed", "organization"])
def test_t66_a_level_wider_than_a_lock_is_403_through_any_form(worker, sqlite_ctx, headers, scope) -> None:
    whose = f"org:{make_organization(sqlite_ctx.db)}" if scope == "organization" else scope
    lock(sqlite_ctx, "department", 1, whose)
    row = dom(worker.get(URL)).css_first("#v-department")
    who = "Acme" if scope == "organization" else "this site"
    assert f"Limited by {who}" in row.css_first("h3").text()
    assert "15 June 2025" in row.css_first(".why p").text()
    shut = row.css_first("input[value=anyone]")
    assert "disabled" in shut.attributes
    for sent in (
        {"level-department": ANYONE}, {"level-department": ANYONE, "was-department": ORGANIZATION},
        {**fields(worker), "level-department": ANYONE}, {"accepted": "department:anyone", "accept": "1"},
    ):  # fmt: skip
        sent = {"csrf_token": worker.token(), **sent}
        assert worker.client.post(URL, data=sent, headers=headers).status_code == 403
    assert value(sqlite_ctx, "edit_version", "work") == 0
    assert send(worker, headers, level__department=ONLY_YOU).status_code in {200, 303}
    assert level(worker, "department") == ONLY_YOU
    assert worker.in_place("about", "work", department="Ovens").status_code == 303       # the value is the member's
    assert value(sqlite_ctx, "department", "work") == "Ovens"


def test_t66_organization_is_no_level_of_a_personal_account(sally: Browser) -> None:
    assert send(sally, level__location=ORGANIZATION).status_code == 403


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize("sent", [
    {"level-nosuch": "anyone"}, {"level-email": "x"}, {"level-email": ""}, {"level-email": "2"},
    {"default": "nosuch:anyone"}, {"default": "email:x"}, {"default": "email"}, {"accepted": "email"},
    {"accepted": "nosuch:anyone"}, {"level-email": "anyone", "was-email": "x"},
])
def test_t67_unknown_fields_and_levels_are_422(sally: Browser, sqlite_ctx: Context, sent, headers) -> None:
    answer = sally.client.post(URL, data={"csrf_token": sally.token(), **sent}, headers=headers)
    assert answer.status_code == 422
    assert value(sqlite_ctx, "edit_version") == 0


def test_t67_unknown_keys_change_nothing(sally: Browser, sqlite_ctx: Context) -> None:
    before = sqlite_ctx.db.row("SELECT * FROM account WHERE handle = 'sally'")
    junk = {"visibility[email]": "anyone", "is_primary": "1", "managed": "1", "org_id": "1", "private": "1",
            "email": "anyone", "chosen": "131071", "cap_anyone": "131071", "account_id": "2", "is_admin": "1"}
    assert send(sally, **junk).status_code == 303
    assert sqlite_ctx.db.row("SELECT * FROM account WHERE handle = 'sally'") == before


def test_t73_without_the_token_nothing_is_saved(sally: Browser, sqlite_ctx: Context) -> None:
    assert sally.client.post(URL, data={"level-bio": ONLY_YOU}).status_code == 403
    assert value(sqlite_ctx, "edit_version") == 0


# What waits ----------------------------------------------------------------------------------------------------------


def test_d11_a_wider_default_is_offered_unticked_and_accepted_as_shown(worker, visit, sqlite_ctx) -> None:  # noqa: F811
    bit = sqlite_ctx.gate().bit
    with sqlite_ctx.db.transaction():
        policy.append_change(sqlite_ctx.db, "cell", "managed", NOW, bit=bit["location"], level=2)
        policy.append_change(sqlite_ctx.db, "cell", "managed", NOW, bit=bit["department"], level=2)
    page = dom(worker.get(URL))
    boxes = page.css("#offers input[type=checkbox]")
    assert [box.attributes["value"] for box in boxes] == ["department:anyone", "location:anyone"]
    assert not any("checked" in box.attributes for box in boxes)
    assert "Waits for you" in page.css_first("#v-location h3").text()
    assert send(worker, accept="1").status_code == 303
    assert value(sqlite_ctx, "edit_version", "work") == 0
    assert send(worker, accepted="location:anyone", accept="1").status_code == 303
    assert (level(worker, "location"), level(worker, "department")) == (ANYONE, ORGANIZATION)
    profile = dom(visit(None).get("/u/work"))
    assert profile.css_first("[data-field=location]") is not None
    assert profile.css_first("[data-field=department]") is None
    assert send(worker, accepted="location:anyone", accept="1").status_code == 422       # nothing waits there any more


def test_t65_a_change_of_the_matrix_leaves_choices_alone(worker: Browser, sqlite_ctx: Context) -> None:
    send(worker, level__job_title=ANYONE, was__job_title=ORGANIZATION)
    send(worker, level__location=ANYONE)
    with sqlite_ctx.db.transaction():
        for field in ("job_title", "location", "full_name"):
            policy.append_change(sqlite_ctx.db, "cell", "managed", NOW, bit=sqlite_ctx.gate().bit[field], level=0)
    assert [level(worker, field) for field in ("job_title", "location", "full_name")] == [ANYONE, ANYONE, ONLY_YOU]
    lock(sqlite_ctx, "location", 0)
    assert level(worker, "location") == ONLY_YOU


# Which record --------------------------------------------------------------------------------------------------------


def test_d7_a_linked_account_sets_its_own_record_and_is_told_so(sally, visit, sqlite_ctx) -> None:  # noqa: F811
    primary = sqlite_ctx.db.row("SELECT id FROM account WHERE handle = 'sally'")[0]
    account = make_account(sqlite_ctx.db, "work", kind="managed", location="Oslo")
    link(sqlite_ctx.db, account, primary)
    mine = visit(account)
    text = dom(mine.get(URL)).css_first("main").text()
    assert "The record of @work" in text
    assert "colleagues at Acme" in text
    assert "Oslo" in text
    assert "Lisbon" not in text
    send(mine, level__location=ANYONE)
    assert value(sqlite_ctx, "chosen") == 0
    assert value(sqlite_ctx, "chosen", "work") == 1 << sqlite_ctx.gate().bit["location"]
    assert "one profile of all your linked accounts" in dom(sally.get(URL)).css_first("main").text()
    sqlite_ctx.db.execute("UPDATE account SET silent = ? WHERE handle = 'work'", (True,))
    assert "not shown as part of the profile" in dom(mine.get(URL)).css_first("main").text()


def test_d15_private_is_said_and_the_preview_follows(sally: Browser, sqlite_ctx: Context) -> None:
    sally.submit("privacy", privacy="private")
    page = dom(sally.get(URL))
    assert "Your profile is private" in page.css_first("#v-location .why p").text()
    assert "Your profile is private" not in page.css_first("#v-avatar .why p").text()
    assert level(sally, "location") == ANYONE
    assert "Location" in page.css_first("#preview > p").text()
    form = sally.fields("/settings/profile", "privacy")
    del form["keep_name"]
    sally.client.post("/settings/profile/privacy", data=form)
    assert "there is no such page" in dom(sally.get(URL)).css_first("#preview").text()


def test_d15_view_as_names_the_organizations_and_counts_what_is_frosted(sally, visit, sqlite_ctx) -> None:  # noqa: F811
    primary = sqlite_ctx.db.row("SELECT id FROM account WHERE handle = 'sally'")[0]
    for handle, email in (("work", "work@acme.example"), ("club", "club@borough.example")):
        link(sqlite_ctx.db, make_account(sqlite_ctx.db, handle, email, kind="managed"), primary)
    make_domain(sqlite_ctx.db)
    send(sally, level__location=ONLY_YOU)
    bar = dom(sally.get("/u/sally?as=anyone")).css_first(".viewbar")
    assert [a.text().strip() for a in bar.css(".seg a")] == ["Only you", "Anyone", "Acme", "Borough"]
    assert "2 details are frosted" in bar.text()        # location and e-mail
    assert "people at Borough" in dom(sally.get("/u/sally?as=organization-2")).css_first(".viewbar").text()
