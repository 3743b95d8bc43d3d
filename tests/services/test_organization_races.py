"""Two at once (T38's kind): one domain for two organizations, one invitation in two browsers, signing up meanwhile."""

from __future__ import annotations

from tests.conftest import NOW
from tests.services.linkers import log_in, member
from tests.services.orgs import admin_of, at_domain, kind, organization, site_admin
from tests.services.test_invitations import invite
from tests.together import at_once
from webapp.ops.doctor import examine
from webapp.services import admins, domains, invitations, organizations
from webapp.services.tokens import LinkGone

ROUNDS = 4


def said(call):
    """What a call came to: its value, or the name of the error it may raise."""
    try:
        return call() or "done"
    except (LinkGone, domains.Invalid, domains.NotFound, organizations.Refused) as error:
        return type(error).__name__


def test_t40_two_organizations_verify_one_domain_at_once(ctx):
    roots = [site_admin(ctx, "root1"), site_admin(ctx, "root2")]
    owned = [organization(ctx), organization(ctx, "beta")]
    for number in range(ROUNDS):
        name = f"race{number}.example"
        ann = at_domain(ctx, f"ann{number}", name)
        results = at_once(ctx.db, *[
            lambda root=root, one=one, name=name: said(lambda: domains.verify_by_word(ctx, root, one, name, NOW))
            for root, one in zip(roots, owned, strict=True)
        ])  # fmt: skip
        assert sorted(results) == sorted(["Invalid", name])
        assert kind(ctx, ann) == "managed"
        assert len(ctx.db.rows("SELECT 1 FROM policy_change WHERE op = 'domain'")) == number + 1
    assert list(examine(ctx)) == []


def test_letting_go_twice_at_once_happens_once(ctx):
    acme = organization(ctx)
    root, boss = site_admin(ctx), admin_of(ctx, acme)
    for number in range(ROUNDS):
        name = f"race{number}.example"
        domains.verify_by_word(ctx, root, acme, name, NOW)
        results = at_once(ctx.db, *[
            lambda who=who, name=name: said(lambda: domains.let_go(ctx, who, acme, name, NOW)) for who in (root, boss)
        ])  # fmt: skip
        assert sorted(results) == ["NotFound", "done"]
    assert list(examine(ctx)) == []


def test_t43_one_invitation_accepted_twice_at_once_makes_one_admin(ctx):
    acme = organization(ctx)
    boss, ann = admin_of(ctx, acme), log_in(ctx, member(ctx.db, "ann"))
    for _ in range(ROUNDS):
        ctx.db.execute("DELETE FROM membership WHERE account_id = ?", (ann.account_id,))
        ctx.db.execute("DELETE FROM throttle")
        key = invitations.open_token(ctx, invite(ctx, acme, by=boss), NOW)
        results = at_once(ctx.db, *[lambda key=key: said(lambda: invitations.accept(ctx, ann, key, NOW))] * 2)
        assert sorted(results) == ["LinkGone", "acme"]
        assert [one.slug for one in admins.administered(ctx, ann)] == ["acme"]


def test_an_account_made_while_its_domain_is_verified_is_managed(ctx):
    acme = organization(ctx)
    root = site_admin(ctx)
    for number in range(ROUNDS):
        name = f"race{number}.example"
        made = at_once(
            ctx.db, lambda name=name: said(lambda: domains.verify_by_word(ctx, root, acme, name, NOW)),
            lambda name=name, number=number: at_domain(ctx, f"new{number}", name),
        )[1]
        assert kind(ctx, made) == "managed"
    assert list(examine(ctx)) == []


def test_two_admins_who_remove_each_other_at_once_leave_one(ctx):
    acme = organization(ctx)
    for number in range(ROUNDS):
        ann, bea = (admin_of(ctx, acme, f"{name}{number}") for name in ("ann", "bea"))
        results = at_once(ctx.db, *[
            lambda who=who, other=other: said(lambda: organizations.remove_admin(ctx, who, acme, other.handle, NOW))
            for who, other in ((ann, bea), (bea, ann))
        ])  # fmt: skip
        assert sorted(results) == ["Refused", "done"]
        ctx.db.execute("DELETE FROM membership")
