"""Invitations to administer: signed, single-use, for one address (T13, T43), never given back (T44)."""

from __future__ import annotations

import re

import pytest
from itsdangerous import URLSafeSerializer

from policies.errors import Invalid, NotFound, Refused
from tests.conftest import NOW
from tests.services.linkers import log_in, mails, member
from tests.services.orgs import admin_of, events, organization, site_admin
from webapp.services import admins, closing, invitations, organizations
from webapp.services.tokens import LinkGone

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def acme(ctx):
    return organization(ctx)


def invite(ctx, acme, email="ann@home.example", now=NOW, by=None):
    """The token in the mail."""
    by = by or site_admin(ctx)
    invitations.invite(ctx, by, acme, email, now)
    to, text = mails(ctx.db)[-1]
    assert to == email
    return re.search(r"token=(\S+)", text)[1]


def test_an_invitation_is_accepted_once_by_the_account_of_its_address(ctx, acme):
    boss = admin_of(ctx, acme)
    token = invite(ctx, acme, by=boss)
    ann = log_in(ctx, member(ctx.db, "ann"))
    key = invitations.open_token(ctx, token, NOW)
    step = invitations.open_step(ctx, ann, key, NOW)
    assert (step.organization, step.is_signed_in, step.fits) == ("Acme", True, True)
    assert invitations.accept(ctx, ann, key, NOW) == "acme"
    assert [one.slug for one in admins.administered(ctx, ann)] == ["acme"]
    assert ("boss@home.example", True) in [(to, "@ann" in text) for to, text in mails(ctx.db)]
    with pytest.raises(LinkGone):
        invitations.accept(ctx, ann, key, NOW)
    with pytest.raises(LinkGone):
        invitations.open_token(ctx, token, NOW)
    assert [event for event, *_ in events(ctx, "invitation:%")] == ["invitation:send", "invitation:accept"]


def test_t43_another_account_cannot_use_it(ctx, acme):
    key = invitations.open_token(ctx, invite(ctx, acme), NOW)
    eve = log_in(ctx, member(ctx.db, "eve"))
    assert not invitations.open_step(ctx, eve, key, NOW).fits
    with pytest.raises(Refused) as refused:
        invitations.accept(ctx, eve, key, NOW)
    assert refused.value.rule == "rule_invited_address"
    ctx.db.execute("UPDATE account SET email_verified_at = NULL WHERE handle = 'eve'")
    assert admins.administered(ctx, eve) == ()
    ann = member(ctx.db, "ann")
    session = log_in(ctx, ann)
    ctx.db.execute("UPDATE account SET email_verified_at = NULL WHERE id = ?", (ann,))
    with pytest.raises(Refused):        # an address that nobody proved
        invitations.accept(ctx, session, key, NOW)


def test_t43_edited_tokens_fail_by_signature_and_by_row(ctx, acme):
    token = invite(ctx, acme)
    signer = URLSafeSerializer(ctx.site.secret_key, salt="organization invitation")
    nonce, number, email = signer.loads(token)
    forged = [
        URLSafeSerializer("another key", salt="organization invitation").dumps([nonce, number, email]),
        URLSafeSerializer(ctx.site.secret_key, salt="other").dumps([nonce, number, email]),
        signer.dumps([nonce, number + 1, email]), signer.dumps([nonce, number, "eve@home.example"]),
        signer.dumps(["guess", number, email]), signer.dumps([nonce, number]), signer.dumps(nonce), signer.dumps(None),
        token[:-1], token + "x", token.upper(), "", ".", "x" * 10_000, nonce, token.replace(".", ""),
    ]  # fmt: skip
    for one in forged:
        with pytest.raises(LinkGone):
            invitations.open_token(ctx, one, NOW)
    assert invitations.open_token(ctx, token, NOW)


def test_t13_expired_revoked_and_replaced_invitations_are_dead(ctx, acme):
    boss = admin_of(ctx, acme)
    ann = log_in(ctx, member(ctx.db, "ann"))
    first = invitations.open_token(ctx, invite(ctx, acme, by=boss), NOW)
    second = invitations.open_token(ctx, invite(ctx, acme, by=boss, now=NOW + 1), NOW + 1)
    third = invitations.open_token(ctx, invite(ctx, acme, "bob@home.example", by=boss), NOW)
    [row, *rest] = invitations.list_invitations(ctx, acme.id, NOW + 1)
    assert (row.email, [one.email for one in rest]) == ("bob@home.example", ["ann@home.example"])
    invitations.revoke(ctx, boss, acme, row.number, NOW)
    with pytest.raises(NotFound):
        invitations.revoke(ctx, boss, acme, row.number, NOW)
    for key, now in ((first, NOW + 1), (third, NOW + 1), (second, NOW + 1 + invitations.LIFE)):
        with pytest.raises(LinkGone):
            invitations.accept(ctx, ann, key, now)
    assert invitations.accept(ctx, ann, second, NOW + invitations.LIFE) == "acme"
    invitations.sweep(ctx, NOW + 90 * 86_400)
    assert ctx.db.rows("SELECT 1 FROM invitation") == []


def test_t45_another_organizations_invitation_is_not_revoked(ctx, acme):
    invite(ctx, acme)
    beta = organization(ctx, "beta")
    other = admin_of(ctx, beta, "other")
    [row] = invitations.list_invitations(ctx, acme.id, NOW)
    with pytest.raises(NotFound):
        invitations.revoke(ctx, other, beta, row.number, NOW)
    with pytest.raises(NotFound):
        invitations.revoke(ctx, other, beta, 0, NOW)
    assert invitations.list_invitations(ctx, acme.id, NOW) == (row,)


def test_t44_nothing_gives_the_link_back(ctx, acme):
    boss = admin_of(ctx, acme)
    token = invite(ctx, acme, by=boss)
    page = repr(organizations.open_page(ctx, boss, acme, NOW))
    stored = repr(ctx.db.rows("SELECT * FROM invitation") + events(ctx))
    nonce = URLSafeSerializer(ctx.site.secret_key, salt="organization invitation").loads(token)[0]
    for secret in (token, nonce):
        assert secret not in page
        assert secret not in stored


@SQLITE_ONLY
def test_invitations_are_capped_and_whether_there_is_an_account_is_not_told(ctx, acme, monkeypatch):
    monkeypatch.setattr(invitations, "WAITING", 2)
    boss = admin_of(ctx, acme)
    member(ctx.db, "ann")
    for email in ("ann@home.example", "new@home.example"):
        assert invitations.invite(ctx, boss, acme, email, NOW) == email
    texts = [re.sub(r"token=\S+", "", text) for _, text in mails(ctx.db)]
    assert texts[0] == texts[1]
    with pytest.raises(Invalid):
        invitations.invite(ctx, boss, acme, "more@home.example", NOW)
    with pytest.raises(Invalid):
        invitations.invite(ctx, boss, acme, "no address", NOW)


def test_an_admin_whose_rights_end_has_no_way_back_by_an_invitation_of_their_own(ctx, acme):
    """Removed or deactivated: what they sent and nobody accepted ends; what others sent goes on."""
    boss, eve, mel = (admin_of(ctx, acme, handle) for handle in ("boss", "eve", "mel"))
    tokens = {
        who.handle: invite(ctx, acme, f"{who.handle}2@home.example", by=who) for who in (boss, eve, mel)
    }
    organizations.remove_admin(ctx, boss, acme, "eve", NOW)
    closing.deactivate(ctx, mel.account_id, NOW, by=site_admin(ctx, "r2").account_id)
    for handle in ("eve", "mel"):
        with pytest.raises(LinkGone):
            invitations.open_token(ctx, tokens[handle], NOW)
    assert invitations.open_token(ctx, tokens["boss"], NOW)
    assert [row.email for row in invitations.list_invitations(ctx, acme.id, NOW)] == ["boss2@home.example"]
