"""What members type into fields of plugins, through the API: every level, kind of token, consent, twins (S83-S85).

The rule of who sees a cell is that of test_cells.py; the field's default table is written down again here.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.terms import ALL, Field, Kind, Level, Veto
from tests.api.bearers import make_app as plain_app
from tests.api.bearers import make_token
from tests.api.flow import Browser
from tests.api.test_cells import ANYONE, ORGANIZATION, YOU, Caller, Party, callers, keys, sees
from tests.api.test_consent import offered, shown, ticked
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.plugged import plug, plugin, serve
from tests.services.appmaker import give, make_app
from tests.services.people import set_columns, statements
from webapp.api import schemas
from webapp.services import apps, typed, viewing, webhooks
from webapp.services.api_users import user_json, users_json
from webapp.services.app_views import ANYBODY, Looker
from webapp.services.context import Context

MOTTO, STORY, HIDDEN = "motto", "story", "zqhiddenqz"
FIELDS = (
    Field(MOTTO, "Motto", typed=30), Field(STORY, "My story", typed=2000), Field("derived", "Derived"),
    Field("shelf", "Shelf", section=True),
)  # fmt: skip
#: (managed: Anyone, managed: Organization, personal: Anyone)
DEFAULTS = (False, True, True)


def default_cell(kind: Kind, field: str) -> Level | None:
    ours = {field.name for field in FIELDS}
    return (Level.ANYONE if kind is Kind.PERSONAL else Level.ORGANIZATION) if field in ours else None


MINE = plugin(register_fields=lambda: FIELDS, default_cell=default_cell)


@pytest.fixture
def site(ctx: Context) -> Context:
    return plug(ctx, ("mine", MINE))


def bit_of(site: Context, *names: str) -> int:
    return sum(1 << site.gate().bit[name] for name in names)


def save(site: Context, account: int, **form: str) -> None:
    typed.save_more(site, viewing.load_viewer(site, account), form, NOW)


def choose(site: Context, account: int, level: str | None, *names: str) -> None:
    bits = bit_of(site, *names) if level else 0
    anyone, org = (bits if level == ANYONE else 0), (bits if level in (ANYONE, ORGANIZATION) else 0)
    set_columns(
        site.db, account, chosen=bits, chosen_anyone=anyone, chosen_org=org, cap_anyone=ALL, cap_org=ALL)


def record(client: Any, token: str | None, path: str) -> Any:
    """An answer that is as the schema says."""
    found = keys(client, token, path)
    if isinstance(found, dict) and "users" not in found:
        (schemas.Profile if path.startswith("/profiles/") else schemas.User).model_validate(found, strict=True)
    return found


def every_level(site: Context, config: Any, caller: Caller) -> None:
    client = serve(site, config).test_client()
    party = Party(site.db, caller)
    for managed, handle in ((True, "sally"), (False, "perry")):
        subject = make_account(site.db, handle, kind="managed" if managed else "personal")
        save(site, subject, motto="Be kind", story="One\n\ntwo")
        token = party.token(subject)
        if caller.ticks:
            site.db.execute("UPDATE app SET fields = ?", (bit_of(site, MOTTO, STORY),))
            site.db.execute("UPDATE app_grant SET ticked = ?", (bit_of(site, MOTTO),))
        for level in (None, ANYONE, ORGANIZATION, YOU):
            choose(site, subject, level, MOTTO, STORY)
            cells = {
                None: (DEFAULTS[0] if managed else DEFAULTS[2], DEFAULTS[1]), ANYONE: (True, True),
                ORGANIZATION: (False, managed), YOU: (False, False),
            }[level]
            expected = {MOTTO: "Be kind"} if sees(caller, managed, *cells) else {}
            unticked = Caller(caller.kind, caller.member, caller.scopes)
            if sees(unticked, managed, *cells):
                expected[STORY] = "One\n\ntwo"
            for path in (f"/users/acc-{handle}", f"/profiles/{handle}"):
                found = record(client, token, path)
                assert found.get("more", {}) == expected, (path, level)
                assert ("more" in found) is bool(expected), "S83: absent, not empty"
            several = keys(client, token, f"/users?accountId=acc-nobody&accountId=acc-{handle}")
            assert several == {"users": [record(client, token, f"/users/acc-{handle}")]}
        choose(site, subject, ANYONE, MOTTO, STORY)
        set_columns(site.db, subject, private=True)
        assert "more" not in record(client, token, f"/users/acc-{handle}"), "ticked or not"


#: Those with one scope alone are asked by `make long`; test_cells.py asks them of the core's fields each time.
_EACH = [
    caller if caller.scopes in {"profiles:read me:read", ""} else pytest.param(caller, marks=pytest.mark.long)
    for caller in callers()
]


@pytest.mark.parametrize("caller", _EACH, ids=str)
def test_s84_every_level_of_a_typed_field_by_every_kind_of_token(
    sqlite_ctx: Context, config: Any, caller: Caller
) -> None:
    every_level(plug(sqlite_ctx, ("mine", MINE)), config, caller)


@pytest.mark.parametrize("caller", [
    Caller("community", "self", ticks=True), Caller("our organization"), Caller("our organization", "stranger"),
], ids=str)
def test_s84_on_both_databases(site: Context, config: Any, caller: Caller) -> None:
    every_level(site, config, caller)


def test_fields_stand_in_the_order_of_the_plugin_and_empty_ones_nowhere(site: Context) -> None:
    """Of several accounts each its own; what a plugin works out itself is on the pages only."""
    ids = [make_account(site.db, name) for name in ("anna", "bea", "cleo")]
    save(site, ids[0], story="Hers", motto="Mine")
    save(site, ids[2], story="Only this")
    found = users_json(site, ANYBODY, ["acc-cleo", "acc-bea", "acc-anna"])
    assert [list(one.get("more", {}).items()) for one in found] == [
        [(STORY, "Only this")], [], [(MOTTO, "Mine"), (STORY, "Hers")]]
    assert found == [user_json(site, ANYBODY, one["accountId"]) for one in found]


def test_d5_a_linked_account_has_its_own_and_the_profile_the_primarys(site: Context, config: Any) -> None:
    primary, work = make_account(site.db, "sally"), make_account(site.db, "work")
    save(site, primary, motto="The primary's")
    save(site, work, motto="The account's own")
    link(site.db, work, primary)
    client = serve(site, config).test_client()
    paths = ("/users/acc-sally", "/users/acc-work", "/profiles/sally")
    found = [record(client, None, path)["more"] for path in paths]
    assert found == [{MOTTO: "The primary's"}, {MOTTO: "The account's own"}, {MOTTO: "The primary's"}]


def test_a_plugin_that_is_off_or_vetoes_tells_nothing(site: Context) -> None:
    sally = make_account(site.db)
    save(site, sally, motto="Here")
    assert user_json(plug(site), ANYBODY, "acc-sally").keys().isdisjoint({"more"})      # type: ignore[union-attr]
    shut = plugin(register_vetoes=lambda: (Veto("no", lambda question: (MOTTO,)),))
    vetoed = plug(site, ("mine", MINE), ("no", shut))
    assert "more" not in (user_json(vetoed, ANYBODY, "acc-sally") or {})
    assert (user_json(plug(site, ("mine", MINE), record=False), ANYBODY, "acc-sally") or {}).keys() >= {"accountId"}


def test_t59_t61_hidden_unset_and_another_value_are_the_same_bytes_and_statements(site: Context, config: Any) -> None:
    """Twins: three accounts of one name, of whom one hides what it typed, one something else, one typed nothing."""
    accounts = [make_account(site.db, handle, public_name="Sally") for handle in ("one", "two", "three")]
    for account, text in zip(accounts, (HIDDEN, "something else", ""), strict=True):
        save(site, account, motto=text)
        choose(site, account, YOU, MOTTO, STORY)
    make_account(site.db, "open", public_name="Sally")
    client = serve(site, config).test_client()
    for path in ("/users/acc-{}", "/users?accountId=acc-{}", "/profiles/{}"):
        seen, counts = [], []
        client.get(f"/api/v1{path.format('open')}")
        with statements(site.db) as made:
            client.get(f"/api/v1{path.format('open')}")
        counts.append(len(made))        # who shows the field costs no other statement either
        for handle in ("one", "two", "three"):
            client.get(f"/api/v1{path.format(handle)}")
            with statements(site.db) as made:
                answer = client.get(f"/api/v1{path.format(handle)}")
            seen.append(answer.text.replace(handle, "NAME"))
            counts.append(len(made))
            again = client.get(f"/api/v1{path.format(handle)}", headers={"If-None-Match": answer.headers["ETag"]})
            assert again.status_code == 304
        assert len(set(seen)) == len(set(counts)) == 1, path
        assert HIDDEN not in seen[0]
    with statements(site.db) as known:
        users_json(site, ANYBODY, ["acc-one", "acc-two"])
    with statements(site.db) as unknown:
        users_json(site, ANYBODY, ["acc-nobody", "acc-none"])
    assert len(known) == len(unknown)


def test_t62_t94_the_next_call_has_the_new_text_and_another_etag(site: Context, config: Any) -> None:
    sally = make_account(site.db)
    client = serve(site, config).test_client()
    etags = set()
    for text in ("First", "Second", ""):
        save(site, sally, motto=text)
        answer = client.get("/api/v1/users/acc-sally")
        assert answer.get_json().get("more", {}).get(MOTTO, "") == text
        etags.add(answer.headers["ETag"])
    assert len(etags) == 3


# Consent --------------------------------------------------------------------------------------------------------------


def test_d16_the_consent_page_offers_and_shows_it_as_a_field_that_the_app_would_see(site: Context, config: Any) -> None:
    sally = make_account(site.db, location="Lisbon")
    save(site, sally, motto="Only for me", story="For all\nto read")
    choose(site, sally, YOU, MOTTO, "derived")
    asks = bit_of(site, MOTTO, STORY, "derived")
    made = make_app(site.db, make_account(site.db, "tinker"), fields=asks)
    app = serve(site, config)
    member = Browser(app, sally)
    page = member.ask()
    assert shown(page) == {"location", STORY}
    assert offered(page) == {MOTTO: False}, "what a plugin works out is in no answer, so it is not asked for"
    for words in ("Only for me", "For all to read", "Motto", "My story"):
        assert words in page.text
    member.answer(page, MOTTO)
    assert ticked(site) == [bit_of(site, MOTTO)]
    token = give(site.db, made, sally, ticked=bit_of(site, MOTTO))
    client = app.test_client()
    assert record(client, token, "/me")["more"] == {MOTTO: "Only for me", STORY: "For all\nto read"}
    assert record(client, None, "/users/acc-sally")["more"] == {STORY: "For all\nto read"}
    view = member.client.get("/u/sally?as=app-client-questboard").text
    assert "Only for me" in view
    assert "Only for me" not in member.client.get("/u/sally?as=anyone").text


def test_d16_hiding_it_clears_the_tick(site: Context, config: Any) -> None:
    from webapp.services import visibility

    sally = make_account(site.db)
    save(site, sally, motto="Here")
    made = plain_app(site.db)
    site.db.execute("UPDATE app SET fields = ?", (bit_of(site, MOTTO),))
    choose(site, sally, ORGANIZATION, MOTTO)
    token = make_token(site.db, made, sally)
    site.db.execute("UPDATE app_grant SET ticked = ?", (bit_of(site, MOTTO),))
    client = serve(site, config).test_client()
    assert record(client, token, "/me")["more"] == {MOTTO: "Here"}
    choose(site, sally, ANYONE, MOTTO)
    acts = visibility.read_acts(site, {f"level-{MOTTO}": "only_you"})
    visibility.save(site, viewing.load_viewer(site, sally), acts, NOW)
    assert ticked(site) == [0]
    assert "more" not in record(client, token, "/me")


def test_apps_can_ask_for_what_answers_hold_and_for_nothing_else(site: Context) -> None:
    names = [name for name, _ in apps.askable(site)]
    assert names[-2:] == [MOTTO, STORY]
    assert not {"derived", "shelf", "stats"} & set(names)
    assert {"bio", "links", "products", "email"} <= set(names)


# What follows from the answers ----------------------------------------------------------------------------------------


def test_t55_a_webhook_tells_of_a_change_that_the_app_may_see_and_of_no_other(site: Context) -> None:
    from webapp.store import webhooks as hook_store

    sally = make_account(site.db)
    save(site, sally, motto="First")
    app = plain_app(site.db)
    make_token(site.db, app, sally)
    with site.db.transaction():
        hook_store.save(site.db, app, "https://app.example/", "salt", NOW)
    webhooks.notice(site, NOW)
    save(site, sally, motto="Second")
    assert webhooks.notice(site, NOW) == 1
    choose(site, sally, YOU, MOTTO)
    assert webhooks.notice(site, NOW) == 1, "it is gone, and that is told"
    save(site, sally, motto="Third")
    assert webhooks.notice(site, NOW) == 0


def test_d15_view_as_an_app_says_what_it_gets_as_json(site: Context, config: Any) -> None:
    sally = make_account(site.db)
    save(site, sally, motto="For all", story="Ticked")
    choose(site, sally, YOU, STORY)
    make_app(site.db, make_account(site.db, "tinker"), fields=bit_of(site, STORY))
    give(site.db, 1, sally, ticked=bit_of(site, STORY))
    page = Browser(serve(site, config), sally).client.get("/u/sally?as=app-client-questboard").text
    start = page.index("&#34;more&#34;") if "&#34;more&#34;" in page else page.index('"more"')
    said = page[start:start + 200].replace("&#34;", '"')
    assert json.loads("{" + said[:said.index("}") + 1] + "}")["more"] == {MOTTO: "For all", STORY: "Ticked"}


def test_the_document_tells_of_it(site: Context, config: Any) -> None:
    found = serve(site, config).test_client().get("/api/openapi.json").get_json()["components"]["schemas"]
    for name in ("User", "Profile"):
        assert found[name]["properties"]["more"]["additionalProperties"] == {"type": "string"}
        assert "more" not in found[name]["required"]


def test_d7_a_managed_account_gives_an_app_its_own_words_and_not_the_primarys(site: Context) -> None:
    primary, work = make_account(site.db, "sally"), make_account(site.db, "work", kind="managed")
    save(site, primary, motto=HIDDEN)
    choose(site, primary, YOU, MOTTO)
    save(site, work, motto="At work")
    link(site.db, work, primary)
    looker = Looker(member=viewing.load_viewer(site, work), ticked=bit_of(site, MOTTO))
    assert (user_json(site, looker, "acc-work") or {})["more"] == {MOTTO: "At work"}
    assert "more" not in (user_json(site, looker, "acc-sally") or {})
