"""Domains of organizations: claims and proofs (T39-T42), what verifying and losing one does (S76, D6, D19, T63)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.errors import Invalid, NotFound, Refused
from tests.conftest import NOW
from tests.factories import link
from tests.net import dns_server, https_server
from tests.services.linkers import log_in, mails, member
from tests.services.orgs import (
    admin_of,
    at_domain,
    choose_now,
    events,
    kind,
    later,
    organization,
    page_of,
    shown,
    site_admin,
    verify,
)
from tests.services.people import choose, statements
from webapp.ops.doctor import examine
from webapp.services import domain_notices, domains, people_index, signup
from webapp.services.context import Proving
from webapp.services.throttle import TooMany
from webapp.store import domains as store

DAY = 86_400
NAME = "_vitrine-challenge.acme.example"
SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def zone(ctx):
    with dns_server() as zone:
        ctx.site = replace(ctx.site, proving=Proving((zone.address,)))
        yield zone


def rows(ctx, sql, *values):
    return ctx.db.rows(sql, values)


def owner(ctx, name="acme.example"):
    found = ctx.db.row("SELECT organization_id FROM email_domain WHERE name = ?", (name,))
    return found[0] if found else None


# Claims


def test_t40_a_claim_holds_nothing_and_blocks_nobody(ctx):
    acme, beta = organization(ctx), organization(ctx, "beta")
    boss, other = admin_of(ctx, acme), admin_of(ctx, beta, "other")
    ann = at_domain(ctx, "ann")
    first = domains.claim(ctx, boss, acme, "acme.example", NOW)
    second = domains.claim(ctx, other, beta, "ACME.example", NOW)
    assert first.value != second.value
    assert first.record == NAME
    assert domains.claim(ctx, boss, acme, "acme.example", NOW + 5) == first, "the same claim, the same secret"
    assert owner(ctx) is None
    assert kind(ctx, ann) == "personal"


def test_t40_the_first_verified_wins(ctx, zone):
    acme, beta = organization(ctx), organization(ctx, "beta")
    boss, other = admin_of(ctx, acme), admin_of(ctx, beta, "other")
    values = [domains.claim(ctx, who, whose, "acme.example", NOW).value for who, whose in ((boss, acme), (other, beta))]
    zone.put(NAME, "TXT", *values)
    assert domains.check_now(ctx, other, beta, "acme.example", "dns", NOW).proved
    with pytest.raises(Invalid, match="cannot be used") as refused:
        domains.check_now(ctx, boss, acme, "acme.example", "dns", NOW)
    assert "another organization" in refused.value.errors["domain"]
    with pytest.raises(Invalid):
        domains.claim(ctx, boss, acme, "acme.example", NOW)
    with pytest.raises(Invalid):
        verify(ctx, acme)
    assert owner(ctx) == beta.id


def test_t40_claims_expire_and_are_capped(ctx, zone):
    acme = organization(ctx)
    boss = admin_of(ctx, acme)
    for number in range(domains.CLAIMS):
        domains.claim(ctx, boss, acme, f"acme{number}.example", NOW)
    with pytest.raises(Invalid, match="cannot be used") as refused:
        domains.claim(ctx, boss, acme, "more.example", NOW)
    assert "wait for their proof" in refused.value.errors["domain"]
    after = NOW + domains.CLAIM_LIFE
    zone.put("_vitrine-challenge.acme1.example", "TXT", domains.list_claims(ctx, acme.id, NOW)[1].value)
    with pytest.raises(NotFound):       # expired, with the clean-up job off
        domains.check_now(ctx, boss, acme, "acme1.example", "dns", after)
    assert domains.list_claims(ctx, acme.id, after) == ()
    domains.claim(ctx, later(boss, after), acme, "more.example", after)
    domains.sweep(ctx, after)
    assert rows(ctx, "SELECT domain FROM domain_claim") == [("more.example",)]


@SQLITE_ONLY
@pytest.mark.parametrize("raw", ["gmail.com", "co.uk", "аcme.example", "acrne.example"])
def test_t39_what_nobody_may_have_is_refused_by_word_too(ctx, raw):
    acme, beta = organization(ctx), organization(ctx, "beta")
    verify(ctx, beta, "acme.example")
    boss = admin_of(ctx, acme)
    with pytest.raises(Invalid):
        domains.claim(ctx, boss, acme, raw, NOW)
    with pytest.raises(Invalid):
        verify(ctx, acme, raw)
    assert rows(ctx, "SELECT domain FROM domain_claim") == []


def test_t39_a_sub_domain_needs_its_own_proof(ctx, zone):
    acme, beta = organization(ctx), organization(ctx, "beta")
    boss, other = admin_of(ctx, acme), admin_of(ctx, beta, "other")
    ann, tom = at_domain(ctx, "ann"), at_domain(ctx, "tom", "team.acme.example")
    verify(ctx, acme)
    assert (kind(ctx, ann), kind(ctx, tom)) == ("managed", "personal")
    with pytest.raises(Invalid, match="cannot be used") as refused:
        domains.claim(ctx, other, beta, "team.acme.example", NOW)
    assert "below acme.example" in refused.value.errors["domain"]
    claim = domains.claim(ctx, boss, acme, "team.acme.example", NOW)
    zone.put(NAME, "TXT", claim.value)
    assert not domains.check_now(ctx, boss, acme, "team.acme.example", "dns", NOW).proved
    zone.put("_vitrine-challenge.team.acme.example", "TXT", claim.value)
    assert domains.check_now(ctx, boss, acme, "team.acme.example", "dns", NOW).proved
    assert kind(ctx, tom) == "managed"


def test_t42_a_dns_that_fails_verifies_nothing(ctx, zone, monkeypatch):
    monkeypatch.setattr(domains.domain_proof, "DNS_SECONDS", 0.4)
    acme = organization(ctx)
    boss = admin_of(ctx, acme)
    domains.claim(ctx, boss, acme, "acme.example", NOW)
    zone.silent.add(NAME)
    assert "in time" in domains.check_now(ctx, boss, acme, "acme.example", "dns", NOW).text
    assert owner(ctx) is None
    assert "in time" in domains.list_claims(ctx, acme.id, NOW)[0].finding


@SQLITE_ONLY
def test_the_file_verifies_too(ctx, zone, tmp_path):
    acme = organization(ctx)
    boss = admin_of(ctx, acme)
    claim = domains.claim(ctx, boss, acme, "acme.example", NOW)
    zone.put("acme.example", "A", "127.0.0.1")
    with https_server(tmp_path, "acme.example") as site:
        site.serve_text(claim.value)
        proving = Proving((zone.address,), ("127.0.0.0/8",), site.ca_file, site.port)
        ctx.site = replace(ctx.site, proving=proving)
        assert domains.check_now(ctx, boss, acme, "acme.example", "https", NOW).proved
    assert rows(ctx, "SELECT method FROM email_domain WHERE name = 'acme.example'") == [("https",)]


@SQLITE_ONLY
def test_checking_is_limited(ctx, zone):
    acme = organization(ctx)
    boss = admin_of(ctx, acme)
    domains.claim(ctx, boss, acme, "acme.example", NOW)
    for _ in range(30):
        domains.check_now(ctx, boss, acme, "acme.example", "dns", NOW)
    with pytest.raises(TooMany):
        domains.check_now(ctx, boss, acme, "acme.example", "dns", NOW)


@SQLITE_ONLY
def test_the_word_is_a_site_admins_with_a_recent_password(ctx):
    acme = organization(ctx)
    boss, root = admin_of(ctx, acme), site_admin(ctx)
    with pytest.raises(NotFound):
        domains.verify_by_word(ctx, boss, acme, "acme.example", NOW)
    with pytest.raises(Refused):
        domains.verify_by_word(ctx, root, acme, "acme.example", NOW + 400)
    domains.verify_by_word(ctx, root, acme, "acme.example", NOW)
    assert events(ctx, "domain:verify")[0][1:4] == (root.account_id, None, acme.id)
    assert rows(ctx, "SELECT method FROM email_domain WHERE name = 'acme.example'") == [("word",)]


# What verifying does


def test_s76_verifying_turns_accounts_managed_and_widens_nothing(ctx):
    acme = organization(ctx)
    ann, joe, outsider = at_domain(ctx, "ann"), at_domain(ctx, "joe"), member(ctx.db, "out")
    choose(ctx.db, joe, anyone=["email"], you=["location"])
    before = [shown(ctx, one, None, outsider, ann) for one in (ann, joe)]
    verify(ctx, acme)
    assert kind(ctx, ann) == kind(ctx, joe) == "managed"
    after = [shown(ctx, one, None, outsider, ann) for one in (ann, joe)]
    for was, now in zip(before, after, strict=True):
        assert all(new <= old for old, new in zip(was[:2], now[:2], strict=True))
    assert "location" not in after[1][2]
    assert after[1][2] <= before[1][0], "a colleague was Anyone before"
    assert "department" not in after[0][0]
    assert "department" in after[0][2]


def test_new_sign_ups_at_the_domain_are_managed_at_once(ctx):
    from tests.services.test_signup import sign_up

    acme = organization(ctx)
    verify(ctx, acme)
    ann = sign_up(ctx, NOW, email="ann@acme.example", handle="ann")
    assert kind(ctx, ann) == "managed"
    assert signup.names_to_avoid(ctx, signup.emails.parse("a@acme.example"), "a")[1] == "Acme"


def test_d6_a_primary_is_flagged_and_a_linked_personal_account_becomes_silent(ctx):
    acme = organization(ctx)
    boss, side = at_domain(ctx, "boss"), member(ctx.db, "side")
    home, work = member(ctx.db, "home"), at_domain(ctx, "work")
    link(ctx.db, side, boss)
    link(ctx.db, work, home)
    verify(ctx, acme)
    assert rows(ctx, "SELECT handle FROM account WHERE silent") == [("work",)]
    told = [text.partition("\n")[0] for to, text in mails(ctx.db) if to == "boss@acme.example"]
    assert told == ["Your primary account at Vitrine needs a successor"]
    assert any(to == "work@acme.example" for to, _ in mails(ctx.db))
    assert list(examine(ctx)) == []


def test_members_are_told_by_mail_in_batches(ctx, monkeypatch):
    monkeypatch.setattr(domain_notices, "BATCH", 2)
    acme = organization(ctx)
    for number in range(5):
        at_domain(ctx, f"m{number}")
    at_domain(ctx, "off", state="deactivated")
    ctx.db.execute("UPDATE account SET email_verified_at = NULL WHERE handle = 'm4'")
    verify(ctx, acme)
    at_domain(ctx, "new")       # signed up after it: knows it
    assert [to for to, _ in mails(ctx.db)] == []
    assert domain_notices.write_notices(ctx, NOW) == 6
    assert domain_notices.write_notices(ctx, NOW) == 0
    assert sorted(to for to, _ in mails(ctx.db)) == [f"m{number}@acme.example" for number in range(4)]
    text = mails(ctx.db)[0][1]
    assert "Acme manages your account" in text
    assert rows(ctx, "SELECT * FROM domain_notice") == []


def test_notices_wait_while_the_outbox_is_full(ctx, monkeypatch):
    monkeypatch.setattr(domain_notices, "BACKLOG", 1)
    monkeypatch.setattr(domain_notices, "BATCH", 2)
    acme = organization(ctx)
    for number in range(6):
        at_domain(ctx, f"m{number}")
    verify(ctx, acme)
    assert domain_notices.write_notices(ctx, NOW) == 2
    assert domain_notices.write_notices(ctx, NOW) == 0
    ctx.db.execute("DELETE FROM outbox")
    assert domain_notices.write_notices(ctx, NOW) == 2


# What losing does


def test_t63_letting_go_closes_the_organization_on_the_next_request(ctx):
    acme = organization(ctx)
    boss = admin_of(ctx, acme)
    ann, joe = at_domain(ctx, "ann", department="Optics"), at_domain(ctx, "joe")
    verify(ctx, acme)
    choose_now(ctx.db, ann, org=["email", "department"])
    assert {"email", "department"} <= shown(ctx, ann, joe)[0]
    assert "Optics" in repr(page_of(ctx, "ann", joe))
    with pytest.raises(Refused):
        domains.let_go(ctx, boss, acme, "acme.example", NOW + 400)
    before = shown(ctx, ann, None)[0]
    domains.let_go(ctx, boss, acme, "acme.example", NOW)
    assert kind(ctx, ann) == "personal"
    anyone, colleague, self_ = shown(ctx, ann, None, joe, ann)
    assert anyone == colleague
    assert anyone <= before
    assert "department" not in anyone
    assert "department" in self_
    assert "Optics" not in repr(page_of(ctx, "ann", joe))
    domain_notices.write_notices(ctx, NOW)
    assert any("personal account from now on" in text for to, text in mails(ctx.db) if to == "ann@acme.example")


def test_the_same_organization_coming_back_opens_what_was_shown_before_and_no_more(ctx):
    acme = organization(ctx)
    boss = admin_of(ctx, acme)
    ann, joe = at_domain(ctx, "ann"), at_domain(ctx, "joe")
    verify(ctx, acme)
    before = shown(ctx, ann, None, joe)
    domains.let_go(ctx, boss, acme, "acme.example", NOW)
    between = at_domain(ctx, "between")
    verify(ctx, acme)
    assert shown(ctx, ann, None, joe) == before
    assert rows(ctx, "SELECT count(*) FROM policy_change WHERE op = 'undo'") == [(1,)]
    assert shown(ctx, between, joe)[0] <= shown(ctx, ann, joe)[0]
    domains.let_go(ctx, boss, acme, "acme.example", NOW)
    assert kind(ctx, ann) == "personal"


def test_t41_a_new_owner_gets_nothing_of_the_old_organization(ctx):
    acme, beta = organization(ctx), organization(ctx, "beta")
    boss = admin_of(ctx, acme)
    ann, bea = at_domain(ctx, "ann", department="Optics"), at_domain(ctx, "bea", "beta.example")
    verify(ctx, acme)
    choose_now(ctx.db, ann, org=["department", "email"])
    domains.let_go(ctx, boss, acme, "acme.example", NOW)
    verify(ctx, beta, "beta.example")
    verify(ctx, beta, "acme.example")
    anyone, colleague = shown(ctx, ann, None, bea)
    assert {"department", "email"}.isdisjoint(anyone | colleague)
    assert "Optics" not in repr(page_of(ctx, "ann", bea))


def test_t41_daily_looks_warn_and_then_let_go(ctx, zone):
    acme = organization(ctx)
    boss = admin_of(ctx, acme)
    ann = at_domain(ctx, "ann")
    claim = domains.claim(ctx, boss, acme, "acme.example", NOW)
    zone.put(NAME, "TXT", claim.value)
    domains.check_now(ctx, boss, acme, "acme.example", "dns", NOW)
    assert domains.recheck(ctx, NOW + 3600) == 0, "once a day"
    assert domains.recheck(ctx, NOW + DAY) == 1
    zone.records.clear()
    seen = []
    for day in range(2, 10):
        domains.recheck(ctx, NOW + day * DAY)
        domains.recheck(ctx, NOW + day * DAY + 3600)
        [row] = rows(ctx, "SELECT misses FROM domain_claim")
        seen.append((row[0], kind(ctx, ann), len(mails(ctx.db))))
    assert seen[:6] == [(1, "managed", 0), (2, "managed", 0), (3, "managed", 1), (4, "managed", 1), (5, "managed", 1),
                        (6, "managed", 2)]
    assert seen[6][1:] == ("personal", 3)
    texts = [text for to, text in mails(ctx.db) if to == "boss@home.example"]
    assert ["within 4 days" in texts[0], "within 1 day." in texts[1], "personal now" in texts[2]] == [True] * 3
    zone.put(NAME, "TXT", claim.value)      # published again within the week: it comes back by the same value
    assert domains.check_now(ctx, boss, acme, "acme.example", "dns", NOW + 10 * DAY).proved
    assert kind(ctx, ann) == "managed"


def test_t41_a_proof_that_comes_back_starts_anew(ctx, zone):
    acme = organization(ctx)
    boss = admin_of(ctx, acme)
    claim = domains.claim(ctx, boss, acme, "acme.example", NOW)
    zone.put(NAME, "TXT", claim.value)
    domains.check_now(ctx, boss, acme, "acme.example", "dns", NOW)
    zone.failing.add(NAME)
    for day in range(1, 6):
        domains.recheck(ctx, NOW + day * DAY)
    assert domains.list_domains(ctx, acme.id)[0].lost_in == 2
    zone.failing.clear()
    assert domains.recheck(ctx, NOW + 6 * DAY) == 1
    assert domains.list_domains(ctx, acme.id)[0].lost_in == 0
    assert owner(ctx) == acme.id


@SQLITE_ONLY
def test_a_domain_by_word_is_not_looked_at_again(ctx, zone):
    verify(ctx, organization(ctx))
    assert domains.recheck(ctx, NOW + 30 * DAY) == 0
    assert zone.asked == []


def test_a_verifying_that_fails_half_way_leaves_nothing(ctx, monkeypatch):
    acme = organization(ctx)
    ann, version = at_domain(ctx, "ann"), ctx.db.policy_version()
    link(ctx.db, ann, member(ctx.db, "home"))       # so that the gate is asked inside the transaction
    root = site_admin(ctx)
    monkeypatch.setattr(store, "add_notice", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        domains.verify_by_word(ctx, root, acme, "acme.example", NOW)
    assert (owner(ctx), ctx.db.policy_version(), kind(ctx, ann)) == (None, version, "personal")
    with ctx.db.transaction():
        from webapp.store import policy

        policy.take_version(ctx.db)
    assert kind(ctx, ann) == "personal", "no gate stays in memory that never held"


@SQLITE_ONLY
def test_verifying_touches_no_account_that_is_not_linked(ctx):
    """The same few statements for three accounts and for three hundred."""
    counted = []
    root = later(site_admin(ctx), NOW)
    for slug, number in (("acme", 3), ("beta", 300)):
        owned = organization(ctx, slug)
        for one in range(number):
            at_domain(ctx, f"{slug}{one}", f"{slug}.example")
        before = rows(ctx, "SELECT id, row_version, base_version FROM account ORDER BY id")
        real, run = ctx.db.execute, []
        ctx.db.execute = lambda sql, params=(), real=real, run=run: run.append(sql) or real(sql, params)
        with statements(ctx.db) as seen:
            domains.verify_by_word(ctx, root, owned, f"{slug}.example", NOW)
        ctx.db.execute = real
        assert rows(ctx, "SELECT id, row_version, base_version FROM account ORDER BY id") == before
        counted.append((len(run), len(seen)))
    assert counted[0] == counted[1]


@pytest.mark.long
def test_verifying_a_hundred_thousand_accounts_is_short(ctx):
    """One transaction whatever the number; mails, and the directory's index, are written in batches by the worker."""
    import time

    acme = organization(ctx)
    first = at_domain(ctx, "first")
    root = site_admin(ctx)
    columns = (
        "public_id", "handle", "public_name", "email", "email_key", "email_verified_at", "domain_id", "state",
        "created_at", "base_version",
    )  # fmt: skip
    domain = ctx.db.row("SELECT domain_id FROM account WHERE id = ?", (first,))[0]
    with ctx.db.transaction():
        ctx.db.executemany(
            f"INSERT INTO account({', '.join(columns)}) VALUES ({','.join('?' * len(columns))})",
            [(f"p{n}", f"h{n}", f"h{n}", f"h{n}@acme.example", f"h{n}@acme.example", NOW, domain, "active", NOW, 1)
             for n in range(100_000)],
        )  # fmt: skip
    began = time.monotonic()
    domains.verify_by_word(ctx, root, acme, "acme.example", NOW)
    assert time.monotonic() - began < 2
    assert kind(ctx, first) == "managed"
    assert domain_notices.write_notices(ctx, NOW) <= domain_notices.TURN
    began = time.monotonic()
    domains.let_go(ctx, log_in(ctx, root.account_id), acme, "acme.example", NOW)
    assert time.monotonic() - began < 2
    assert people_index.stamp(ctx) != ""
