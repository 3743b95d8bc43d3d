"""Who a login session looks as (D7, D12, D17, T63), and the menu."""

from __future__ import annotations

from policies.terms import ANONYMOUS, Viewer
from tests.factories import link, make_account, make_organization
from tests.services.people import choose, set_columns, statements
from webapp.services.context import Context
from webapp.services.viewing import load_viewer, member_bar


def test_d12_a_primary_belongs_to_the_organizations_of_its_active_managed_accounts(ctx: Context) -> None:
    db = ctx.db
    sally, second = make_account(db, "sally"), make_account(db, "second")
    acme = make_account(db, "acme", kind="managed")
    beta = make_account(db, "beta", email="b@beta.example", kind="managed")
    for account in (second, acme, beta):
        link(db, account, sally, silent=account == beta)
    both = frozenset({make_organization(db, "acme"), make_organization(db, "beta")})
    assert load_viewer(ctx, sally) == Viewer(sally, sally, False, both)
    assert load_viewer(ctx, second) == Viewer(second, sally, False, both)
    assert load_viewer(ctx, acme) == Viewer(acme, sally, True, frozenset({make_organization(db, "acme")}))
    set_columns(db, acme, state="deactivated")
    assert load_viewer(ctx, sally).organizations == {make_organization(db, "beta")}
    set_columns(db, beta, email_verified_at=None)
    assert load_viewer(ctx, sally).organizations == frozenset()


def test_t3_an_address_that_is_not_proved_makes_nobody_a_colleague(ctx: Context) -> None:
    managed = make_account(ctx.db, "managed", kind="managed", email_verified_at=None)
    assert load_viewer(ctx, managed) == Viewer(managed, managed, True, frozenset())


def test_d6_a_flagged_primary_works_for_its_own_organization_only(ctx: Context) -> None:
    flagged = make_account(ctx.db, "flagged", kind="managed")
    link(ctx.db, make_account(ctx.db, "beta", email="b@beta.example", kind="managed"), flagged)
    assert load_viewer(ctx, flagged).organizations == {make_organization(ctx.db, "acme")}


def test_t26_only_an_active_account_looks_as_itself(ctx: Context) -> None:
    for state in ("unclaimed", "deactivated", "closing", "deleted"):
        assert load_viewer(ctx, make_account(ctx.db, state, state=state)) == ANONYMOUS
    assert load_viewer(ctx, 12345) == ANONYMOUS


def test_a_viewer_is_one_statement(ctx: Context) -> None:
    sally = make_account(ctx.db, "sally")
    link(ctx.db, make_account(ctx.db, "second", kind="managed"), sally)
    load_viewer(ctx, sally)
    with statements(ctx.db) as seen:
        load_viewer(ctx, sally)
    assert len(seen) == 1


def test_s24_the_menu_leads_to_the_one_profile(ctx: Context) -> None:
    db = ctx.db
    sally = make_account(db, "sally", full_name="Sally Smith", avatar="k3y", is_admin=True)
    work = make_account(db, "work", kind="managed")
    link(db, work, sally)
    assert member_bar(ctx, ANONYMOUS) is None
    bar = member_bar(ctx, load_viewer(ctx, sally))
    assert bar is not None
    assert (bar.handle, bar.name, bar.avatar.url, bar.is_admin) == ("sally", "Sally Smith", "/avatar/k3y.webp", True)
    choose(db, sally, you=("avatar",))
    bar = member_bar(ctx, load_viewer(ctx, work))
    assert bar is not None
    assert (bar.handle, bar.avatar.url, bar.is_admin) == ("sally", None, False)     # D7: less what is at Only you
    set_columns(db, sally, state="deactivated")
    bar = member_bar(ctx, load_viewer(ctx, work))
    assert bar is not None
    assert bar.handle == "work"
