"""Organizations: made, named, removed (T46), their members by the audited door (section 6, T45, T17), their admins."""

from __future__ import annotations

import json

import pytest

from policies.errors import Invalid, NotFound, Refused
from tests.conftest import NOW
from tests.factories import link
from tests.services.appmaker import give, make_app
from tests.services.linkers import log_in, mails, member
from tests.services.orgs import admin_of, at_domain, choose_now, events, kind, later, organization, shown, site_admin
from tests.services.orgs import verify as verify_domain
from webapp.ops.doctor import examine
from webapp.services import admins, domains, grants, invitations, organizations, people_index, sessions
from webapp.store import policy

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def acme(ctx):
    made = organization(ctx)
    verify_domain(ctx, made)
    return made


@SQLITE_ONLY
def test_a_site_admin_makes_names_and_lists_organizations(ctx):
    root = site_admin(ctx)
    assert organizations.create(ctx, root, "  Åcme   Works ", "", NOW) == "acme-works"
    assert organizations.create(ctx, root, "Beta", "b2", NOW) == "b2"
    listed = [(row.slug, row.name) for row in organizations.list_all(ctx, root)]
    assert sorted(listed) == [("acme-works", "Åcme Works"), ("b2", "Beta")]
    beta = admins.open_organization(ctx, root, "b2")
    assert organizations.rename(ctx, root, beta, "Beta Union", "beta", NOW) == "beta"
    with pytest.raises(NotFound):
        admins.open_organization(ctx, root, "b2")
    with pytest.raises(Invalid) as refused:
        organizations.rename(ctx, root, beta, "Beta Union", "acme-works", NOW)
    assert set(refused.value.errors) == {"slug"}
    deeds = [event.partition(":")[2] for event, *_ in events(ctx, "organization:%")]
    assert deeds == ["create", "create", "rename"]


@SQLITE_ONLY
@pytest.mark.parametrize(("name", "slug", "where"), [
    ("", "", "name"), ("x" * 61, "", "name"), ("Аcme", "", "name"), ("Acme", "a b", "slug"), ("Acme", "-a", "slug"),
    ("Acme", "x" * 41, "slug"), ("Acme", "removed-1", "slug"), ("日本", "", "slug"), ("Acme\u202e", "", "name"),
])  # fmt: skip
def test_what_is_no_name_is_refused_with_a_sentence(ctx, name, slug, where):
    with pytest.raises(Invalid) as refused:
        organizations.create(ctx, site_admin(ctx), name, slug, NOW)
    assert where in refused.value.errors
    assert "Your" not in "".join(refused.value.errors.values())


def test_the_same_address_twice_is_refused(ctx):
    root = site_admin(ctx)
    organizations.create(ctx, root, "Acme", "", NOW)
    with pytest.raises(Invalid):
        organizations.create(ctx, root, "Acme", "", NOW)


@SQLITE_ONLY
def test_only_site_admins_make_name_and_remove(ctx, acme):
    boss = admin_of(ctx, acme)
    for act in (
        lambda: organizations.create(ctx, boss, "Beta", "", NOW),
        lambda: organizations.rename(ctx, boss, acme, "Beta", "", NOW),
        lambda: organizations.remove(ctx, boss, acme, NOW),
        lambda: organizations.list_all(ctx, boss),
    ):
        with pytest.raises(NotFound):
            act()


# The audited door


def test_an_admin_sees_account_records_of_its_own_members_and_each_look_is_audited(ctx, acme):
    boss = admin_of(ctx, acme)
    ann = at_domain(ctx, "ann", full_name="Ann Secret", location="Hidden Town")
    at_domain(ctx, "gone", state="deleted")
    member(ctx.db, "stranger")
    page = organizations.list_members(ctx, boss, acme, NOW)
    assert [(row.handle, row.email, row.kind, row.state) for row in page.rows] == [
        ("ann", "ann@acme.example", "managed", "active")
    ]
    assert "Secret" not in repr(page)
    one = organizations.open_member(ctx, boss, acme, "ann", NOW)
    assert (one.email, one.may) == ("ann@acme.example", "deactivate")
    looks = events(ctx, "member%:look")
    assert [(event, actor, subject, whose) for event, actor, subject, whose, _ in looks] == [
        ("members:look", boss.account_id, None, acme.id), ("member:look", boss.account_id, ann, acme.id)
    ]
    assert json.loads(looks[0][4]) == {"accounts": [ann]}


@SQLITE_ONLY
def test_members_by_keyset_over_several_domains_and_by_search(ctx, acme, monkeypatch):
    monkeypatch.setattr(organizations, "PAGE", 4)
    verify_domain(ctx, acme, "acme.org")
    for number in range(9):
        at_domain(ctx, f"m{number}", "acme.example" if number % 2 else "acme.org")
    boss = admin_of(ctx, acme)
    seen, after = [], ""
    while True:
        page = organizations.list_members(ctx, boss, acme, NOW, after)
        seen += [row.handle for row in page.rows]
        after = page.after
        if not after:
            break
    assert seen == [f"m{number}" for number in range(9)]
    for search, found in (("M3", ["m3"]), ("acme.org", ["m0", "m2", "m4", "m6"]), ("%", []), ("_", []), ("' OR 1", [])):
        assert [row.handle for row in organizations.list_members(ctx, boss, acme, NOW, "", search).rows] == found


def test_t45_another_organizations_member_and_a_personal_account_are_unknown(ctx, acme):
    beta = organization(ctx, "beta")
    verify_domain(ctx, beta, "beta.example")
    boss = admin_of(ctx, acme)
    at_domain(ctx, "bea", "beta.example")
    member(ctx.db, "home")
    for handle in ("bea", "home", "nobody", "boss", ""):
        for act in (
            lambda handle=handle: organizations.open_member(ctx, boss, acme, handle, NOW),
            lambda handle=handle: organizations.deactivate(ctx, boss, acme, handle, "", NOW),
            lambda handle=handle: organizations.reactivate(ctx, boss, acme, handle, NOW),
        ):
            with pytest.raises(NotFound):
                act()
    with pytest.raises(NotFound):
        admins.open_organization(ctx, boss, "beta")
    assert [row.state for row in organizations.list_members(ctx, site_admin(ctx, "r2"), beta, NOW).rows] == ["active"]


def test_t45_rights_end_with_the_domain_the_membership_and_the_account(ctx, acme):
    boss, second = admin_of(ctx, acme), admin_of(ctx, acme, "second")
    at_domain(ctx, "ann")
    domains.let_go(ctx, boss, acme, "acme.example", NOW)
    with pytest.raises(NotFound):
        organizations.open_member(ctx, boss, acme, "ann", NOW)
    assert organizations.list_members(ctx, boss, acme, NOW).rows == ()
    organizations.remove_admin(ctx, second, acme, "boss", NOW)
    assert admins.administered(ctx, boss) == ()
    ctx.db.execute("UPDATE account SET state = 'deactivated' WHERE handle = 'second'")
    assert admins.administered(ctx, second) == ()


def test_t17_deactivating_ends_sessions_and_keeps_the_linked_profile(ctx, acme):
    boss = admin_of(ctx, acme)
    home, work = member(ctx.db, "home"), at_domain(ctx, "work")
    link(ctx.db, work, home)
    raw = sessions.start(ctx, work, NOW)
    token = give(ctx.db, make_app(ctx.db, home), work)
    assert grants.authenticate(ctx, token, NOW) is not None
    with pytest.raises(Refused):
        organizations.deactivate(ctx, boss, acme, "work", "", NOW + 400)
    organizations.deactivate(ctx, boss, acme, "work", "Left us", NOW)
    assert sessions.load_session(ctx, raw, NOW) is None
    assert grants.authenticate(ctx, token, NOW) is None
    assert ctx.db.row("SELECT state, primary_id FROM account WHERE id = ?", (work,)) == ("deactivated", home)
    assert organizations.open_member(ctx, boss, acme, "work", NOW).may == "reactivate"
    organizations.reactivate(ctx, boss, acme, "work", NOW)
    assert ctx.db.row("SELECT state FROM account WHERE id = ?", (work,)) == ("active",)
    [row] = events(ctx, "member:deactivate")
    assert row[1:4] == (boss.account_id, work, acme.id)
    assert list(examine(ctx)) == []


def test_an_admin_does_not_close_itself_nor_site_admins_nor_open_what_the_site_closed(ctx, acme):
    from webapp.services import closing

    at_domain(ctx, "ann")
    own = at_domain(ctx, "own")
    ctx.db.execute("INSERT INTO membership VALUES (?,?,'admin',?)", (acme.id, own, NOW))
    boss, root = log_in(ctx, own), log_in(ctx, at_domain(ctx, "chief", is_admin=True))
    for handle, told in (("own", "your own"), ("chief", "whole site")):
        assert told in organizations.open_member(ctx, boss, acme, handle, NOW).why
        with pytest.raises(Refused):
            organizations.deactivate(ctx, boss, acme, handle, "", NOW)
    ann = ctx.db.row("SELECT id FROM account WHERE handle = 'ann'")[0]
    closing.deactivate(ctx, ann, NOW, by=root.account_id)
    with pytest.raises(Refused):
        organizations.reactivate(ctx, boss, acme, "ann", NOW)
    organizations.reactivate(ctx, root, acme, "ann", NOW)


# Admins


def test_admins_leave_but_the_last_one_stays(ctx, acme):
    boss, second = admin_of(ctx, acme), admin_of(ctx, acme, "second")
    with pytest.raises(NotFound):
        organizations.remove_admin(ctx, boss, acme, "nobody", NOW)
    organizations.remove_admin(ctx, boss, acme, "second", NOW)
    assert [to for to, text in mails(ctx.db) if "no longer administer" in text] == ["second@home.example"]
    with pytest.raises(Refused):
        organizations.remove_admin(ctx, boss, acme, "boss", NOW)
    assert [row.handle for row in organizations.open_page(ctx, boss, acme, NOW).admins] == ["boss"]
    organizations.remove_admin(ctx, site_admin(ctx, "r2"), acme, "boss", NOW)
    assert admins.administered(ctx, boss) == admins.administered(ctx, second) == ()


# Removing


def test_t46_removing_an_organization_ends_all_it_had_and_widens_nothing(ctx, acme):
    boss, root = admin_of(ctx, acme), site_admin(ctx, "r2")
    ann, joe = at_domain(ctx, "ann", department="Optics"), at_domain(ctx, "joe")
    bit = ctx.gate().bit
    with ctx.db.transaction():
        policy.append_change(ctx.db, "cell", f"org:{acme.id}", NOW, bit=bit["bio"], level=0)
        policy.append_change(ctx.db, "lock", f"org:{acme.id}", NOW, bit=bit["location"], level=0)
    choose_now(ctx.db, ann, org=["department"], anyone=["email"])
    invitations.invite(ctx, boss, acme, "new@home.example", NOW)
    domains.claim(ctx, boss, acme, "acme.org", NOW)
    before = shown(ctx, ann, None, joe)
    assert "bio" not in before[1]
    app = make_app(ctx.db, None, organization=acme.id)
    tokens = [give(ctx.db, app, account) for account in (None, ann)]
    assert all(grants.authenticate(ctx, token, NOW + 50) for token in tokens)
    organizations.remove(ctx, later(root, NOW + 50), acme, NOW + 50)
    assert not any(grants.authenticate(ctx, token, NOW + 50) for token in tokens)
    assert ctx.db.rows("SELECT 1 FROM app UNION ALL SELECT 1 FROM app_grant") == []
    assert kind(ctx, ann) == "personal"
    anyone, colleague = shown(ctx, ann, None, joe)
    assert anyone == colleague
    assert anyone <= before[0]
    assert {"bio", "location", "department"}.isdisjoint(anyone)
    assert admins.administered(ctx, boss) == ()
    with pytest.raises(NotFound):
        admins.open_organization(ctx, root, "acme")
    with pytest.raises(NotFound):
        domains.verify_by_word(ctx, later(root, NOW + 50), acme, "acme.example", NOW + 50)
    left = ctx.db.row(
        "SELECT (SELECT count(*) FROM membership), (SELECT count(*) FROM domain_claim),"
        " (SELECT count(*) FROM invitation WHERE revoked_at IS NULL)"
    )
    assert left == (0, 0, 0)
    people_index.catch_up(ctx)
    own = "replace(words, 'ann@acme.example', '')"      # the address that she shows to anybody
    assert ctx.db.rows(f"SELECT 1 FROM people WHERE {own} LIKE '%acme%'") == []
    assert organizations.create(ctx, root, "Acme", "", NOW + 60) == "acme"
    again = admins.open_organization(ctx, root, "acme")
    assert again.id != acme.id
    verify_domain(ctx, again, "acme.example", NOW + 60)
    assert {"bio", "location"}.isdisjoint(shown(ctx, ann, None)[0]), "what the old one locked is still held"
    assert list(examine(ctx)) == []


@SQLITE_ONLY
def test_removing_needs_a_recent_password_and_happens_once(ctx, acme):
    root = site_admin(ctx, "r2")
    with pytest.raises(Refused):
        organizations.remove(ctx, root, acme, NOW + 400)
    organizations.remove(ctx, root, acme, NOW)
    with pytest.raises(NotFound):
        organizations.remove(ctx, root, acme, NOW)
