"""Short words for the tests of organizations: an organization with an admin, site admins, who sees what of whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.conftest import NOW
from tests.factories import make_organization
from tests.services.linkers import log_in, member
from tests.services.people import BIT, choose
from webapp.services import admins, domains, profiles, viewing
from webapp.services.admins import Organization
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.views import ProfileView
from webapp.store.database import Database
from webapp.store.profiles import load_group_of


def organization(ctx: Context, slug: str = "acme") -> Organization:
    return Organization(make_organization(ctx.db, slug), slug, slug.capitalize())


def admin_of(ctx: Context, owned: Organization, handle: str = "boss", **columns: Any) -> Session:
    """A personal account that administers the organization, logged in with its password."""
    account_id = member(ctx.db, handle, **columns)
    ctx.db.execute(
        "INSERT INTO membership(organization_id, account_id, role, since) VALUES (?,?,'admin',?)",
        (owned.id, account_id, NOW - 100),
    )
    session = log_in(ctx, account_id)
    assert admins.open_organization(ctx, session, owned.slug).id == owned.id
    return session


def site_admin(ctx: Context, handle: str = "root") -> Session:
    return log_in(ctx, member(ctx.db, handle, is_admin=True))


def later(session: Session, now: int) -> Session:
    """The same session with the password typed again."""
    return replace(session, proved_at=now)


def at_domain(ctx: Context, handle: str, domain: str = "acme.example", **columns: Any) -> int:
    """An account with an address there, whoever owns the domain; its row of the domain is made as sign-up makes it."""
    from webapp.store import accounts

    domain_id = accounts.domain_id_of(ctx.db, domain)
    return member(ctx.db, handle, email=f"{handle}@{domain}", domain_id=domain_id, **columns)


def verify(ctx: Context, owned: Organization, domain: str = "acme.example", now: int = NOW) -> None:
    """By a site admin's word."""
    root = ctx.db.row("SELECT id FROM account WHERE handle = 'root'")
    session = log_in(ctx, root[0], now) if root else log_in(ctx, member(ctx.db, "root", is_admin=True), now)
    domains.verify_by_word(ctx, session, owned, domain, now)


def kind(ctx: Context, account_id: int) -> str:
    group = load_group_of(ctx.db, account_id)
    assert group is not None
    return ctx.gate(group.version).kind(group.asked.domain_id).value


def shown(ctx: Context, subject_id: int, *viewers: int | None) -> list[set[str]]:
    """The fields of an account's own record that each viewer sees; None is Anyone."""
    group = load_group_of(ctx.db, subject_id)
    assert group is not None
    gate = ctx.gate(group.version)
    subject = group.subject(group.asked)
    masks = [gate.mask(viewing.load_viewer(ctx, one or 0), subject) for one in viewers]
    return [{name for name, bit in BIT.items() if mask >> bit & 1} for mask in masks]


def choose_now(db: Database, account_id: int, **levels: Any) -> None:
    """The owner's levels, chosen under what is in force now (a choice folds: docs/gate.md)."""
    choose(db, account_id, **levels)
    db.execute("UPDATE account SET base_version = ? WHERE id = ?", (db.policy_version(), account_id))


def page_of(ctx: Context, handle: str, viewer: int | None = None) -> ProfileView | None:
    found = profiles.view_profile(ctx, viewing.load_viewer(ctx, viewer or 0), handle, NOW)
    return found if isinstance(found, ProfileView) else None


def events(ctx: Context, like: str = "%") -> list[tuple[Any, ...]]:
    """(event, actor, subject, organization, detail) of the audit log, oldest first."""
    return ctx.db.rows(
        "SELECT event, actor_id, subject_id, organization_id, detail FROM audit WHERE event LIKE ? ORDER BY id", (like,)
    )
