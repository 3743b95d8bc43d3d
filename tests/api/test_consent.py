"""The consent page and what it writes: D16, D7, T3, T79, T93; and the page of connected apps."""

from __future__ import annotations

import re

import pytest

from policies.errors import Refused
from tests.api.flow import CHALLENGE, CLIENT, AppServer, Browser, came_back
from tests.conftest import NOW
from tests.factories import link, make_account, make_organization
from tests.services.appmaker import BACK, give, make_app
from tests.services.people import BIT, choose, set_columns
from webapp.services import app_views, consent, grants, oauth, sessions, viewing, visibility
from webapp.services.consent import Asked
from webapp.store.policy import append_change
from webapp.store.profiles import load_group_of


def bits(*names):
    return sum(1 << BIT[name] for name in names)


@pytest.fixture
def ctx(app, at):
    return app.extensions["vitrine"]


@pytest.fixture
def sally(ctx):
    found = make_account(
        ctx.db, full_name="Sally Smith", location="Lisbon", department="Optics", bio="Glass, mostly",
        timezone="Europe/Lisbon", job_title="Architect")
    choose(ctx.db, found, you=("location", "department", "bio"))
    return found


@pytest.fixture
def questboard(ctx):
    return make_app(ctx.db, make_account(ctx.db, "tinker"), fields=bits("location", "email", "timezone"))


def shown(page):
    return set(re.findall(r'data-visible="(\w+)"', page.text))


def offered(page):
    """field -> whether its box is ticked"""
    boxes = re.findall(r'(<input class="switch"[^>]*value="(\w+)"[^>]*>)', page.text)
    return {name: " checked" in tag for tag, name in boxes}


def ticked(ctx):
    return [row[0] for row in ctx.db.rows("SELECT ticked FROM app_grant ORDER BY id")]


def test_d16_own_hidden_fields_have_an_unticked_box_each_with_their_value(app, ctx, sally, questboard):
    page = Browser(app, sally).ask()
    assert page.status_code == 200
    assert offered(page) == {"location": False, "email": False}
    assert shown(page) == {"job_title", "timezone"}
    for value in ("Lisbon", "sally@home.example", "Architect", "Sally Smith"):
        assert value in page.text
    for never in ("Optics", "Glass, mostly"):       # hidden, and not asked for
        assert never not in page.text
    assert "<li class=\"chip frostchip\">" in page.text
    assert "Department" in page.text


def test_d16_consenting_without_a_tick_gives_nothing_hidden(app, ctx, sally, questboard):
    member = Browser(app, sally)
    member.answer(member.ask())
    assert ticked(ctx) == [0]


def test_without_me_read_no_own_field_is_shown_or_offered(app, ctx, sally, questboard):
    page = Browser(app, sally).ask(scope="profiles:read")
    assert (offered(page), shown(page)) == ({}, set())
    assert "Lisbon" not in page.text


def test_an_organization_app_sees_its_colleagues_levels_anyway(app, ctx, questboard):
    acme = make_organization(ctx.db)
    worker = make_account(ctx.db, "worker", kind="managed", full_name="Wanda", location="Oslo", timezone="Europe/Oslo")
    app_id = make_app(ctx.db, worker, "Intranet", organization=acme, fields=bits("email", "location"))
    assert app_id
    member = Browser(app, worker)
    inside, outside = member.ask(client_id="client-intranet"), member.ask()
    assert shown(inside) == {"location", "timezone"}
    assert offered(inside) == {"email": False}
    assert (shown(outside), offered(outside)) == (set(), dict.fromkeys(("location", "timezone", "email"), False))
    assert "Acme sees it" in inside.text


def test_locked_vetoed_or_private_fields_are_not_offered(app, ctx, sally, questboard):
    member = Browser(app, sally)
    with ctx.db.transaction():
        append_change(ctx.db, "lock", "personal", NOW, bit=BIT["email"], level=0)
    assert offered(member.ask()) == {"location": False}
    ctx.db.execute("UPDATE account SET private = 1, row_version = row_version + 1 WHERE id = ?", (sally,))
    page = member.ask()
    assert (offered(page), shown(page)) == ({}, set())
    assert "Your profile is private" in page.text


def test_t93_a_field_that_was_not_offered_is_refused(app, ctx, sally, questboard):
    member = Browser(app, sally)
    for field in ("department", "timezone", "stats", "no-such-field", "", "location\0"):
        answer = member.answer(member.ask(), "location", field)
        assert answer.status_code == 403, field
    assert ticked(ctx) == []
    assert ctx.db.rows("SELECT COUNT(*) FROM oauth_code") == [(0,)]


def test_t93_a_changed_form_shows_the_page_again(app, ctx, sally, questboard):
    """What was shown is what is allowed: another scope, address, level or session, and the page comes back."""
    member = Browser(app, sally)
    page = member.ask(scope="profiles:read")
    wider = page.text.replace("scope=profiles%3Aread", "scope=profiles%3Aread+me%3Aread")
    assert wider != page.text

    class Tampered:
        text = wider

    assert member.answer(Tampered, "email").status_code == 422
    page = member.ask()
    choose(ctx.db, sally, you=("location", "department", "bio", "timezone"))
    answer = member.answer(page)
    assert answer.status_code == 422
    assert offered(answer) == {"location": False, "email": False, "timezone": False}
    other = Browser(app, sally)
    mark = re.search(r'name="mark" value="([^"]+)"', member.ask().text)[1]
    assert other.answer(other.ask(), mark=mark).status_code == 422
    assert member.answer(member.ask(), mark="").status_code == 422
    assert ticked(ctx) == []


def test_t93_what_was_allowed_needs_no_page_and_anything_wider_does(app, ctx, sally, questboard):
    member = Browser(app, sally)
    member.answer(member.ask(scope="profiles:read"))
    assert "code" in came_back(member.ask(scope="profiles:read"))
    page = member.ask(scope="profiles:read me:read")
    assert page.status_code == 200
    member.answer(page, "location")
    assert "code" in came_back(member.ask())
    assert member.ask(prompt="consent").status_code == 200
    ctx.db.execute("UPDATE app SET fields = ?", (bits("location", "email", "timezone", "bio"),))
    page = member.ask()
    assert offered(page) == {"location": True, "email": False, "bio": False}
    ctx.db.execute("DELETE FROM app_grant")
    assert member.ask(scope="profiles:read").status_code == 200


@pytest.mark.parametrize(("first", "then"), [("profiles:read", "me:read"), ("me:read", "me:read profiles:read")])
def test_t93_another_scope_alone_shows_the_page_again(app, ctx, sally, questboard, first, then):
    """Of an app that asks for no hidden field at all, too."""
    ctx.db.execute("UPDATE app SET fields = 0")
    member = Browser(app, sally)
    member.answer(member.ask(scope=first))
    assert "code" in came_back(member.ask(scope=first))
    assert member.ask(scope=then).status_code == 200


def test_after_the_log_in_form_the_way_on_is_a_page(app, ctx, sally, questboard):
    """The browser holds the policy of the log-in page against redirects that follow its form: nothing is lost."""
    member = Browser(app, sally)
    member.answer(member.ask())
    came = {"Sec-Fetch-Site": "same-origin"}
    assert member.ask(headers=came).status_code == 200
    assert member.ask(headers=came, scope="no:such").status_code == 400
    assert member.ask(headers={"Sec-Fetch-Site": "cross-site"}).status_code == 303


def test_t93_a_narrower_request_takes_nothing_back_from_other_tokens(app, ctx, sally, questboard):
    member, server = Browser(app, sally), AppServer(app)
    token = server.exchange(member.code("location")).get_json()["access_token"]
    member.answer(member.ask(scope="profiles:read", prompt="consent"))
    assert grants.authenticate(ctx, token, NOW).ticked == bits("location")
    member.answer(member.ask(prompt="consent"))             # the same page again, and this time without the tick
    assert grants.authenticate(ctx, token, NOW).ticked == 0


def test_d16_narrowing_a_field_later_clears_its_tick(app, ctx, sally, questboard):
    member = Browser(app, sally)
    member.answer(member.ask(), "location", "email")
    viewer = viewing.load_viewer(ctx, sally)

    def set_level(field, level):
        visibility.save(ctx, viewer, visibility.read_acts(ctx, {f"level-{field}": level}), NOW)

    set_level("location", "anyone")         # wider: the tick says nothing any more, and stays
    assert ticked(ctx) == [bits("location", "email")]
    set_level("location", "only_you")       # narrower: gone, also for apps
    assert ticked(ctx) == [bits("email")]
    assert offered(member.ask(prompt="consent")) == {"location": False, "email": True}


def test_t94_going_private_shows_an_app_no_ticked_field(app, ctx, sally, questboard):
    member, server = Browser(app, sally), AppServer(app)
    token = server.exchange(member.code("location")).get_json()["access_token"]

    def mask():
        group = load_group_of(ctx.db, sally)
        bearer = grants.authenticate(ctx, token, NOW)
        return app_views.mask_for(ctx, ctx.gate(group.version), bearer, group.subject(group.asked))

    assert mask() & bits("location", "email") == bits("location")
    ctx.db.execute("UPDATE account SET private = 1, row_version = row_version + 1 WHERE id = ?", (sally,))
    assert mask() & ~bits("avatar", "full_name") == 0


@pytest.mark.parametrize("session_of", ["primary", "managed"])
def test_d7_every_session_consents_for_its_own_record_alone(app, ctx, sally, questboard, session_of):
    worker = make_account(ctx.db, "worker", kind="managed", full_name="Wanda", location="Oslo")
    link(ctx.db, worker, sally)
    me, other = (sally, "Oslo") if session_of == "primary" else (worker, "Lisbon")
    member, server = Browser(app, me), AppServer(app)
    page = member.ask()
    assert other not in page.text
    token = server.exchange(came_back(member.answer(page, "location"))["code"]).get_json()["access_token"]
    assert grants.authenticate(ctx, token, NOW).account_id == me
    assert ctx.db.rows("SELECT account_id FROM app_grant") == [(me,)]


def test_t3_an_unverified_account_gives_no_consent(app, ctx, sally, questboard):
    member = Browser(app, sally)
    page = member.ask()
    raw_id = sessions.start(ctx, sally, NOW)
    session = sessions.load_session(ctx, raw_id, NOW)
    asked = Asked(oauth.find_client(ctx, CLIENT), "profiles:read", BACK, CHALLENGE)
    ctx.db.execute("UPDATE account SET email_verified_at = NULL WHERE id = ?", (sally,))
    for answer in (member.ask(), member.answer(page)):      # its sessions are over as well
        assert answer.headers["Location"].startswith("/login")
    for act in (
        lambda: consent.open_page(ctx, session, asked), lambda: consent.covers(ctx, session, asked),
        lambda: consent.allow(ctx, session, asked, (), "", NOW),
    ):
        with pytest.raises(Refused, match="not verified") as refused:
            act()
        assert refused.value.rule == "rule_verified_address"        # a page of status 403
    for table in ("app_grant", "oauth_code", "oauth_family"):
        assert ctx.db.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]


def test_t2_whom_a_reset_locked_out_lets_no_app_in_after_it(app, ctx, sally, questboard):
    session = sessions.load_session(ctx, sessions.start(ctx, sally, NOW), NOW)
    asked = Asked(oauth.find_client(ctx, CLIENT), "profiles:read", BACK, CHALLENGE)
    mark = consent.open_page(ctx, session, asked).mark
    consent.allow(ctx, session, asked, (), mark, NOW)
    sessions.end(ctx, session, NOW)
    for act in (
        lambda: consent.allow(ctx, session, asked, (), mark, NOW), lambda: consent.go_on(ctx, session, asked, NOW),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.rule == "rule_live_session"
    assert ctx.db.rows("SELECT COUNT(*) FROM oauth_code") == [(1,)]


def test_t79_the_page_is_framed_by_nobody_and_posts_to_that_one_origin_besides(app, ctx, sally, questboard):
    member = Browser(app, sally)
    policy = member.ask().headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://questboard.example;" in policy
    for path in ("/settings/apps", "/settings/apps/new", "/login"):
        assert "form-action 'self';" in member.client.get(path).headers["Content-Security-Policy"]


def test_a_link_is_shown_with_where_it_leads_as_the_app_gets_it(app, ctx, sally, questboard):
    links = '[{"url": "https://notes.example/", "label": "Notes"}, {"url": "https://code.example/", "label": ""}]'
    set_columns(ctx.db, sally, links=links)
    assert "Notes (https://notes.example/), https://code.example/" in Browser(app, sally).ask().text


@pytest.mark.parametrize(("uri", "source"), [
    ("http://[::1]:5005/back", "http:"), ("http://127.0.0.1:5005/back", "http://127.0.0.1:5005"),
])  # fmt: skip
def test_an_app_on_this_machine_is_returned_to_at_the_address_it_registered(app, sqlite_ctx, uri, source):
    """RFC 8252; a policy cannot name an IPv6 address (Chromium then stops the way back), so its scheme stands there."""
    db = sqlite_ctx.db
    app.config["CLOCK"] = lambda: NOW
    make_app(db, make_account(db, "tinker"), redirect=uri)
    member = Browser(app, make_account(db, "ann"))
    page = member.ask(redirect_uri=uri)
    assert f"form-action 'self' {source};" in page.headers["Content-Security-Policy"]
    assert member.answer(page).headers["Location"].startswith(f"{uri}?code=")
    for other in (uri.replace("5005", "5006"), uri.replace("http:", "https:"), uri + "/"):      # T88: exact
        assert member.ask(redirect_uri=other).status_code == 400


def test_the_consent_is_audited_and_mailed_and_the_mail_holds_no_value(app, ctx, sally, questboard):
    member = Browser(app, sally)
    member.answer(member.ask(), "location")
    member.answer(member.ask(prompt="consent"), "location")     # nothing new: no second mail
    (body, to), = ctx.db.rows("SELECT body, recipient FROM outbox")
    assert to == "sally@home.example"
    assert "Questboard" in body
    assert "Location" in body
    assert "Lisbon" not in body
    assert "http://localhost/settings/apps" in body
    details = ctx.db.rows("SELECT detail FROM audit WHERE event = 'app:consent'")
    assert len(details) == 2
    assert "Lisbon" not in str(details)
    assert '"fields": ["location"]' in details[0][0]


def test_who_asks_is_named_as_anyone_sees_them(app, ctx, sally, questboard):
    tinker = ctx.db.row("SELECT id FROM account WHERE handle = 'tinker'")[0]
    ctx.db.execute("UPDATE account SET full_name = 'Tina Tinker' WHERE id = ?", (tinker,))
    member = Browser(app, sally)
    assert "By <a href=\"/u/tinker\">Tina Tinker (@tinker)</a>" in member.ask().text
    ctx.db.execute("UPDATE account SET private = 1, row_version = row_version + 1 WHERE id = ?", (tinker,))
    page = member.ask().text
    assert "tinker" not in page.lower()
    assert "By a member" in page


def test_d22_who_asks_is_not_named_while_their_address_answers_as_unknown(app, ctx, sally, questboard):
    """Linked to a primary that was deactivated: the app goes on, its author's page is gone."""
    tinker = ctx.db.row("SELECT id FROM account WHERE handle = 'tinker'")[0]
    boss = make_account(ctx.db, "boss")
    link(ctx.db, tinker, boss)
    ctx.db.execute("UPDATE account SET state = 'deactivated', state_at = 1 WHERE id = ?", (boss,))
    page = Browser(app, sally).ask().text
    assert "tinker" not in page.lower()
    assert "By a member" in page
    ctx.db.execute("UPDATE account SET silent = 1 WHERE id = ?", (tinker,))
    assert "(@tinker)" in Browser(app, sally).ask().text


def test_the_page_of_connected_apps_lists_and_ends_them(app, ctx, sally, questboard):
    member, server = Browser(app, sally), AppServer(app)
    token = server.exchange(member.code("location")).get_json()["access_token"]
    page = member.client.get("/settings/apps").text
    for text in ("Questboard", "Sees your record as Anyone does", "<b>Location</b>", "Not used yet"):
        assert text in page
    grants.authenticate(ctx, token, NOW + 61)
    assert "Last used" in member.client.get("/settings/apps").text
    stranger = Browser(app, make_account(ctx.db, "stranger"))
    assert stranger.post("/settings/apps/client-questboard/disconnect", "/settings/apps/new").status_code == 404
    assert grants.authenticate(ctx, token, NOW) is not None
    answer = member.post("/settings/apps/client-questboard/disconnect", "/settings/apps")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/apps?saved=gone")
    assert grants.authenticate(ctx, token, NOW) is None
    assert "No app is connected" in member.client.get("/settings/apps").text


def test_a_switched_off_app_cannot_ask(app, ctx, sally, questboard):
    member = Browser(app, sally)
    give(ctx.db, questboard, sally)
    page = member.ask(prompt="consent")
    ctx.db.execute("UPDATE app SET disabled_at = 5")
    for answer in (member.ask(), member.answer(page)):
        assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert "Switched off by this site" in member.client.get("/settings/apps").text


@pytest.mark.parametrize("gone", [
    "UPDATE account SET state = 'deactivated' WHERE id = (SELECT owner_id FROM app)",
    "UPDATE app SET owner_id = NULL",
])  # fmt: skip
def test_s84_an_app_whose_author_is_gone_is_said_to_be_of_no_use(app, ctx, sally, questboard, gone):
    member = Browser(app, sally)
    give(ctx.db, questboard, sally)
    assert "Cannot be used now" not in member.client.get("/settings/apps").text
    ctx.db.execute(gone)
    page = member.client.get("/settings/apps").text
    assert "Cannot be used now" in page
    assert "Would see your record as Anyone does" in page
    assert "Sees your record" not in page


def test_d15_the_own_profile_as_a_connected_app_gets_it(app, ctx, sally, questboard):
    member = Browser(app, sally)
    member.answer(member.ask(), "location")
    as_app, as_anyone = (member.client.get(f"/u/sally?as={key}").text for key in ("app-client-questboard", "anyone"))
    assert "What Questboard gets." in as_app
    assert 'data-field="location"' in as_app
    assert 'data-field="location"' not in as_anyone
    for page in (as_app, as_anyone):
        assert "sally@home.example" not in page
        assert "Glass, mostly" not in page
    stranger = Browser(app, make_account(ctx.db, "stranger"))
    assert 'data-field="location"' not in stranger.client.get("/u/sally?as=app-client-questboard").text
    grants.revoke(ctx, sally, questboard, NOW)
    again = member.client.get("/u/sally?as=app-client-questboard").text
    assert "Your own view" in again
