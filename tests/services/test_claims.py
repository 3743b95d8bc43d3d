"""Claiming imported accounts (D21): single-use, expiring links that end in a password on a proved address."""

from __future__ import annotations

import re

import pytest

from policies.errors import Invalid, NotFound, Refused
from policies.terms import ANONYMOUS, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account, make_domain, make_organization
from webapp.ops.doctor import examine
from webapp.services import accounts, claims, sessions, signup, tokens
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.tokens import LinkGone
from webapp.store import profiles

PASSWORD = "twelve green bottles"
ADDRESS = "kim@home.example"


@pytest.fixture
def boss(ctx: Context) -> Session:
    session = sessions.load_session(ctx, sessions.start(ctx, make_account(ctx.db, "boss", is_admin=True), NOW), NOW)
    assert session is not None
    return session


def imported(ctx: Context, handle: str = "kim", *, said: str | None = None) -> int:
    """An unclaimed account that the source "forum" knows; `said`: the address that the source gave."""
    account_id = make_account(ctx.db, handle, state="unclaimed", terms_version=None, terms_at=None)
    ctx.db.execute("UPDATE account SET email = NULL, email_key = NULL, email_verified_at = NULL WHERE id = ?",
                   (account_id,))
    ctx.db.execute("INSERT INTO source(name, label, area, created_at) VALUES ('forum', 'Forum', 'forum', 1)"
                   " ON CONFLICT (name) DO NOTHING")
    ctx.db.execute("INSERT INTO identity(source_id, actor, account_id, email_key, created_at)"
                   " VALUES ((SELECT id FROM source), ?, ?, ?, 1)", (handle, account_id, said))
    return account_id


def key_of(ctx: Context, url: str, now: int = NOW) -> str:
    return claims.open_link(ctx, url.rpartition("/")[2], now)


def mailed(ctx: Context, recipient: str = ADDRESS) -> list[str]:
    """The addresses in the mails to somebody, the newest last."""
    bodies = ctx.db.rows("SELECT body FROM outbox WHERE recipient = ? ORDER BY id", (recipient,))
    return [found[0] for (body,) in bodies if (found := re.search(r"https?://\S+", body))]


def claim(ctx: Context, boss: Session, handle: str = "kim", email: str = ADDRESS) -> int:
    """All of it by an admin's link."""
    first = key_of(ctx, claims.make_link(ctx, boss, f"acc-{handle}", NOW))
    claims.ask(ctx, first, NOW, email=email, remote="1.1.1.1")
    return claims.finish(ctx, key_of(ctx, mailed(ctx, email)[-1]), NOW, password=PASSWORD, terms="1")


def test_d21_a_link_ends_in_a_password_on_a_proved_address(ctx: Context, boss: Session) -> None:
    account_id = imported(ctx)
    first = key_of(ctx, claims.make_link(ctx, boss, "acc-kim", NOW))
    step = claims.open_step(ctx, first, NOW)
    assert (step.handle, step.sources, step.email) == ("kim", ("Forum",), "")
    with pytest.raises(Invalid):        # no password without a proved address
        claims.finish(ctx, first, NOW, password=PASSWORD, terms="1")
    claims.ask(ctx, first, NOW, email="Kim@Home.Example", remote="1.1.1.1")
    second = key_of(ctx, mailed(ctx, "Kim@home.example")[-1])
    for bad in ({"password": "short", "terms": "1"}, {"password": PASSWORD, "terms": "0"}):
        with pytest.raises(Invalid):
            claims.finish(ctx, second, NOW, **bad)
    assert claims.finish(ctx, second, NOW, password=PASSWORD, terms="1") == account_id
    assert accounts.log_in(ctx, NOW, email=ADDRESS, password=PASSWORD, remote="1")
    row = ctx.db.row("SELECT state, handle, email_verified_at, terms_version FROM account WHERE id = ?", (account_id,))
    assert row == ("active", "kim", NOW, "1")
    for key in (first, second):         # both links are used up
        with pytest.raises(LinkGone):
            claims.open_step(ctx, key, NOW)
    assert ctx.db.row("SELECT actor_id FROM audit WHERE event = 'account:claim'") == (account_id,)
    assert list(examine(ctx)) == []


def test_t13_links_expire_are_replaced_by_newer_ones_and_work_once(ctx: Context, boss: Session) -> None:
    imported(ctx)
    old = claims.make_link(ctx, boss, "acc-kim", NOW)
    new = claims.make_link(ctx, boss, "acc-kim", NOW)
    with pytest.raises(LinkGone):
        key_of(ctx, old)
    with pytest.raises(LinkGone):
        key_of(ctx, new, NOW + claims.LINK_LIFETIME)
    assert key_of(ctx, new, NOW + claims.LINK_LIFETIME - 1)
    for wrong in ("x", "y" * 500, ""):
        with pytest.raises(LinkGone):
            claims.open_link(ctx, wrong, NOW)
    assert old.rpartition("/")[2] not in str(ctx.db.rows("SELECT * FROM proof"))


def test_t38_two_people_with_one_link_and_one_of_them_gets_the_account(ctx: Context, boss: Session) -> None:
    imported(ctx)
    first = key_of(ctx, claims.make_link(ctx, boss, "acc-kim", NOW))
    for email in (ADDRESS, "lee@home.example"):
        claims.ask(ctx, first, NOW, email=email, remote="1.1.1.1")
    keys = [key_of(ctx, mailed(ctx, email)[-1]) for email in (ADDRESS, "lee@home.example")]
    claims.finish(ctx, keys[1], NOW, password=PASSWORD, terms="1")
    with pytest.raises(LinkGone):
        claims.finish(ctx, keys[0], NOW, password=PASSWORD, terms="1")
    assert ctx.db.row("SELECT email FROM account WHERE handle = 'kim'") == ("lee@home.example",)


def test_a_mailed_link_proves_the_address_it_went_to(ctx: Context, boss: Session) -> None:
    imported(ctx)
    claims.mail_link(ctx, boss, "acc-kim", ADDRESS, NOW)
    key = key_of(ctx, mailed(ctx)[-1])
    assert claims.open_step(ctx, key, NOW).email == ADDRESS
    claims.finish(ctx, key, NOW, password=PASSWORD, terms="1")
    with pytest.raises(NotFound):
        claims.make_link(ctx, boss, "acc-kim", NOW)
    with pytest.raises(Refused):
        claims.make_link(ctx, boss, "acc-kim", NOW + 301)


def test_t7_an_address_in_use_gets_the_same_answer_and_no_link(ctx: Context, boss: Session) -> None:
    imported(ctx)
    make_account(ctx.db, "ann")
    first = key_of(ctx, claims.make_link(ctx, boss, "acc-kim", NOW))
    claims.ask(ctx, first, NOW, email="ann@home.example", remote="1.1.1.1")
    assert mailed(ctx, "ann@home.example") == []
    assert ctx.db.row("SELECT COUNT(*) FROM outbox WHERE recipient = 'ann@home.example'") == (1,)


def offered(ctx: Context, email: str = ADDRESS) -> tuple[str, tuple[claims.ClaimOffer, ...]]:
    signup.ask(ctx, NOW, email=email, name="Kim", remote="1.1.1.1")
    token = mailed(ctx, email)[-1].rpartition("=")[2]
    proof = signup.open_link(ctx, token, NOW)
    assert proof is not None
    return proof.key, claims.offers_at_signup(ctx, proof.key, NOW)


def test_d21_whoever_proves_the_address_the_source_gave_is_offered_the_account(ctx: Context) -> None:
    account_id = imported(ctx, said=ADDRESS)
    imported(ctx, "other", said="somebody@else.example")
    key, offers = offered(ctx)
    assert [(offer.handle, offer.sources) for offer in offers] == [("kim", ("Forum",))]
    with pytest.raises(NotFound):
        claims.take_offer(ctx, key, "acc-other", NOW)
    proof = claims.take_offer(ctx, key, offers[0].key, NOW)
    assert claims.finish(ctx, proof, NOW, password=PASSWORD, terms="1") == account_id
    with pytest.raises(LinkGone):       # the sign-up link was used for this
        claims.offers_at_signup(ctx, key, NOW)


def test_d3_nothing_is_claimed_linked_or_merged_because_addresses_match(ctx: Context) -> None:
    kim = imported(ctx, said=ADDRESS)
    key, _ = offered(ctx)
    made = signup.finish(ctx, NOW, key, mark="", name="", typed_name="Kim", handle="kim-new", password=PASSWORD,
                         terms="1")
    assert ctx.db.row("SELECT state, primary_id FROM account WHERE id = ?", (kim,)) == ("unclaimed", None)
    assert ctx.db.row("SELECT primary_id FROM account WHERE id = ?", (made,)) == (None,)
    assert ctx.db.row("SELECT COUNT(*) FROM identity WHERE account_id = ?", (made,)) == (0,)


def test_d21_a_claimed_account_of_an_operators_group_becomes_its_primary(ctx: Context, boss: Session) -> None:
    old, kim, third = imported(ctx, "old"), imported(ctx), imported(ctx, "third")
    link(ctx.db, kim, old)
    link(ctx.db, third, old)
    claim(ctx, boss)
    places = dict(ctx.db.rows("SELECT id, primary_id FROM account WHERE id IN (?,?,?)", (old, kim, third)))
    assert places == {old: kim, kim: None, third: kim}
    assert list(examine(ctx)) == []
    # A second claim in the group proves nothing about the first: that account leaves, and only the first is told.
    claim(ctx, boss, "third", "third@home.example")
    places = dict(ctx.db.rows("SELECT id, primary_id FROM account WHERE id IN (?,?,?)", (old, kim, third)))
    assert places == {old: kim, kim: None, third: None}
    assert ctx.db.row("SELECT COUNT(*) FROM outbox WHERE recipient = ? AND body LIKE '%third%'", (ADDRESS,)) == (0,)
    assert list(examine(ctx)) == []


def test_a_group_cannot_be_claimed_with_a_managed_address(ctx: Context, boss: Session) -> None:
    old, kim = imported(ctx, "old"), imported(ctx)
    link(ctx.db, kim, old)
    make_domain(ctx.db, "acme.example", make_organization(ctx.db))
    with pytest.raises(Invalid) as invalid:
        claim(ctx, boss, email="kim@acme.example")
    assert "Acme manages that address" in invalid.value.errors["email"]
    assert ctx.db.row("SELECT state FROM account WHERE id = ?", (kim,)) == ("unclaimed",)


def test_d19_claiming_shows_nobody_more(ctx: Context, boss: Session) -> None:
    """With a managed address the new colleagues see what Anyone saw, and nothing more."""
    acme = make_organization(ctx.db)
    make_domain(ctx.db, "acme.example", acme)
    kim = imported(ctx)         # made while the organization had the domain: its base line knows of no change
    gate = ctx.gate()
    location, bio = (1 << gate.bit[name] for name in ("location", "bio"))
    ctx.db.execute("UPDATE account SET cap_anyone = cap_anyone & ~? WHERE id = ?", (location, kim))
    colleague = Viewer(organizations=frozenset({acme}))

    def seen(viewer: Viewer) -> int:
        group = profiles.load_group_of(ctx.db, kim)
        assert group is not None
        return ctx.gate(group.version).mask(viewer, group.subject(group.asked))

    before = seen(ANONYMOUS)
    assert before & bio
    assert not before & location
    claim(ctx, boss, email="kim@acme.example")
    for viewer in (ANONYMOUS, colleague):
        assert not seen(viewer) & ~before


def test_t26_an_unclaimed_account_cannot_be_entered_by_any_other_door(ctx: Context, boss: Session) -> None:
    imported(ctx, said=ADDRESS)
    with pytest.raises(Invalid):
        accounts.log_in(ctx, NOW, email=ADDRESS, password=PASSWORD, remote="1")
    token = claims.make_link(ctx, boss, "acc-kim", NOW).rpartition("/")[2]
    for purpose in ("login", "reset", "signup", "email", "invite"):
        assert tokens.open_token(ctx, purpose, token, NOW) is None
