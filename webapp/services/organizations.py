"""Organizations: make, name, remove; their admins; the account records of their members (mission section 6).

An organization's admins see e-mail, kind and state of the accounts at its domains, each look audited, and nothing of
profiles or links (T36). Domains are in domains.py, invitations in invitations.py.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from policies.errors import Invalid, NotFound, Refused
from webapp.services import accounts as account_verbs
from webapp.services import closing, domains, invitations, mailer, texts
from webapp.services.admins import Organization
from webapp.services.context import Context
from webapp.services.domains import DomainView, PendingView
from webapp.services.invitations import InvitationView
from webapp.services.sessions import Session
from webapp.store import accounts, audit, policy
from webapp.store import apps as app_store
from webapp.store import domains as domain_store
from webapp.store import invitations as invitation_store
from webapp.store import organizations as store

NAME_LIMIT = 60
SLUG_LIMIT = 40
#: Members on one page.
PAGE = 50
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Row:
    """An organization in the list of all."""

    slug: str
    name: str
    domains: int
    admins: int


@dataclass(frozen=True, slots=True)
class AdminView:
    """An admin of an organization; `email` only of the organization's own accounts."""

    handle: str
    email: str
    since: int
    is_self: bool


@dataclass(frozen=True, slots=True)
class OrganizationPage:
    """What the page of an organization shows. `members`: how many accounts are at its domains."""

    organization: Organization
    domains: tuple[DomainView, ...]
    claims: tuple[PendingView, ...]
    admins: tuple[AdminView, ...]
    invitations: tuple[InvitationView, ...]
    members: int
    is_site_admin: bool


@dataclass(frozen=True, slots=True)
class MemberView:
    """The account record of a member. `may`: "deactivate", "reactivate" or "" for neither, with the reason in `why`."""

    handle: str
    email: str
    kind: str
    state: str
    created_at: int
    may: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class MemberPage:
    """One page of the list; `after` is the handle that the next one starts after, or ""."""

    rows: tuple[MemberView, ...]
    after: str
    search: str


def create(ctx: Context, session: Session, name: str, slug: str, now: int) -> str:
    """A new organization without domains and admins; its slug, made from the name where none is given.

    Errors: NotFound for anybody but a site admin, Invalid (`name`, `slug`).
    """
    _site_admin(session)
    name, slug = _checked(name, slug)
    with ctx.db.transaction():
        number = store.add(ctx.db, slug, name, now)
        if number is None:
            raise Invalid({"slug": "Another organization has that address already."})
        audit.record(ctx.db, "organization:create", now, actor_id=session.account_id, organization_id=number, slug=slug)
    return slug


def rename(ctx: Context, session: Session, organization: Organization, name: str, slug: str, now: int) -> str:
    """Another name or address, by a site admin: members trust the name (T82). Errors: NotFound, Invalid."""
    _site_admin(session)
    name, slug = _checked(name, slug)
    with ctx.db.transaction():
        if not store.rename(ctx.db, organization.id, slug, name):
            raise Invalid({"slug": "Another organization has that address already."})
        policy.take_version(ctx.db)     # kept pages and the directory's index hold its name and slug
        audit.record(
            ctx.db, "organization:rename", now, actor_id=session.account_id, organization_id=organization.id, slug=slug
        )
    return slug


def remove(ctx: Context, session: Session, organization: Organization, now: int) -> None:
    """Remove an organization (T46): its domains are nobody's, so its accounts are personal and its locks and overrides
    end without showing more (D19); invitations, claims, admins' rights and its apps' grants die.

    Errors: NotFound for anybody but a site admin, Refused (rule_recent_password).
    """
    _site_admin(session)
    account_verbs.require_recent(session, now)
    with ctx.db.transaction():
        ctx.db.link_guard()
        told = accounts.organization_admins(ctx.db, organization.id)
        owned = domain_store.load_owned(ctx.db, organization.id)
        if not store.remove(ctx.db, organization.id, now):
            raise NotFound
        for domain in owned:
            domains.unverify(
                ctx, domain.id, organization.id, domain.name, now, "organization removed", session.account_id
            )
        domain_store.delete_claims(ctx.db, organization.id)
        invitation_store.revoke(ctx.db, organization.id, now)
        store.remove_admins(ctx.db, organization.id)
        apps = app_store.list_of_organization(ctx.db, organization.id)
        for app in apps:
            app_store.delete(ctx.db, app.id)
        audit.record(
            ctx.db, "organization:remove", now, actor_id=session.account_id, organization_id=organization.id,
            domains=len(owned), apps=len(apps),
        )
        for admin in told:
            mailer.queue(ctx, admin, "organization_removed", now, organization=organization.name)


def list_all(ctx: Context, session: Session) -> tuple[Row, ...]:
    """Every organization, for site admins. Errors: NotFound for others."""
    _site_admin(session)
    return tuple([Row(row.slug, row.name, row.domains, row.admins) for row in store.load_all(ctx.db)])


def open_page(ctx: Context, session: Session, organization: Organization, now: int) -> OrganizationPage:
    """The page of an organization, for its admins."""
    return OrganizationPage(
        organization,
        domains.list_domains(ctx, organization.id),
        domains.list_claims(ctx, organization.id, now),
        tuple([
            AdminView(row.handle, row.email or "", row.since, row.account_id == session.account_id)
            for row in store.load_admins(ctx.db, organization.id)
        ]),
        invitations.list_invitations(ctx, organization.id, now),
        store.count_members(ctx.db, store.load_domain_ids(ctx.db, organization.id)),
        session.is_admin,
    )


def remove_admin(ctx: Context, session: Session, organization: Organization, handle: str, now: int) -> None:
    """Take somebody's rights, or lay down one's own; the last admin's only by a site admin. The invitations that they
    sent and nobody accepted end with them.

    Errors: NotFound, Refused (rule_recent_password, rule_last_admin).
    """
    account_verbs.require_recent(session, now)
    with ctx.db.transaction():
        store.lock(ctx.db, organization.id)     # two admins who remove each other take turns
        rows = store.load_admins(ctx.db, organization.id)
        found = next((row for row in rows if row.handle == handle), None)
        if found is None or not store.remove_admin(ctx.db, organization.id, found.account_id):
            raise NotFound
        if len(rows) == 1 and not session.is_admin:
            raise Refused(
                "rule_last_admin", "An organization keeps at least one admin.", "Invite somebody else first."
            )
        invitation_store.revoke_of(ctx.db, found.account_id, now, organization_id=organization.id)   # no way back
        audit.record(
            ctx.db, "organization:admin_remove", now, actor_id=session.account_id, subject_id=found.account_id,
            organization_id=organization.id,
        )
        account = accounts.load(ctx.db, found.account_id)
        if account is not None and account.may_log_in and account.id != session.account_id:
            mailer.queue(
                ctx, account.email or "", "organization_admin_gone", now, organization=organization.name,
                handle=account.handle,
            )


# Members: the audited door ------------------------------------------------------------------------------------------


def list_members(
    ctx: Context, session: Session, organization: Organization, now: int, after: str = "", search: str = ""
) -> MemberPage:
    """The accounts at the organization's domains, by handle; `search` is looked for in handle and address.

    The look is audited with the accounts that were seen.
    """
    needle = unicodedata.normalize("NFKC", search).strip().casefold()[:100]
    with ctx.db.transaction():
        domain_ids = store.load_domain_ids(ctx.db, organization.id)
        rows = store.load_members(ctx.db, domain_ids, after[:100], PAGE + 1, needle)
        more = len(rows) > PAGE
        rows = rows[:PAGE]
        if rows:
            audit.record(
                ctx.db, "members:look", now, actor_id=session.account_id, organization_id=organization.id,
                accounts=[row.id for row in rows],
            )
    return MemberPage(tuple([_view(row) for row in rows]), rows[-1].handle if more else "", search[:100])


def open_member(ctx: Context, session: Session, organization: Organization, handle: str, now: int) -> MemberView:
    """One account record, with what may be done. The look is audited. Errors: NotFound for everybody else's (T45)."""
    with ctx.db.transaction():
        row = _find(ctx, organization, handle)
        audit.record(
            ctx.db, "member:look", now, actor_id=session.account_id, subject_id=row.id,
            organization_id=organization.id,
        )
        may, why = _may(ctx, session, organization, row)
    return _view(row, may, why)


def deactivate(
    ctx: Context, session: Session, organization: Organization, handle: str, reason: str, now: int
) -> None:
    """The organization closes a member's account at once (S76, T17). Errors: NotFound (T45), Invalid (`reason`),
    Refused (rule_recent_password, rule_member)."""
    _close(ctx, session, organization, handle, "deactivate", reason, now)


def reactivate(ctx: Context, session: Session, organization: Organization, handle: str, now: int) -> None:
    """Open an account again that the organization itself closed. Errors: as `deactivate`."""
    _close(ctx, session, organization, handle, "reactivate", "", now)


def _close(
    ctx: Context, session: Session, organization: Organization, handle: str, verb: str, reason: str, now: int
) -> None:
    account_verbs.require_recent(session, now)
    with ctx.db.transaction():
        ctx.db.link_guard()
        row = _find(ctx, organization, handle)
        may, why = _may(ctx, session, organization, row)
        if may != verb:
            raise Refused("rule_member", why or f"This account is {row.state}.")
        if verb == "deactivate":
            closing.deactivate(ctx, row.id, now, by=session.account_id, reason=reason)
        else:
            closing.reactivate(ctx, row.id, now, by=session.account_id)
        audit.record(
            ctx.db, f"member:{verb}", now, actor_id=session.account_id, subject_id=row.id,
            organization_id=organization.id,
        )


def _find(ctx: Context, organization: Organization, handle: str) -> store.MemberRow:
    row = store.find_member(ctx.db, organization.id, handle)
    if row is None:
        raise NotFound
    return row


def _may(ctx: Context, session: Session, organization: Organization, row: store.MemberRow) -> tuple[str, str]:
    if row.id == session.account_id:
        return "", "This is your own account. Another admin can deactivate it, or delete it under Your data."
    if row.is_site_admin and not session.is_admin:
        return "", "This account administers the whole site. Ask a site admin."
    if row.state == "active":
        return "deactivate", ""
    if row.state == "deactivated":
        if session.is_admin or store.last_deactivation(ctx.db, row.id) == organization.id:
            return "reactivate", ""
        return "", "It was deactivated by the site. Ask a site admin."
    return "", "It is not in use."


def _view(row: store.MemberRow, may: str = "", why: str = "") -> MemberView:
    return MemberView(row.handle, row.email or "", "managed", row.state, row.created_at, may, why)


def _site_admin(session: Session) -> None:
    if not session.is_admin:
        raise NotFound


def _checked(name: str, slug: str) -> tuple[str, str]:
    problems: dict[str, str] = {}
    try:
        name = texts.line("name", name, "name", NAME_LIMIT)
        if not name:
            problems["name"] = "Enter the organization’s name."
        elif texts.is_mixed_script(name):
            problems["name"] = "That name mixes letters of several alphabets, so it can be taken for another one."
    except Invalid as error:
        problems |= {key: text.replace("Your name", "The name") for key, text in error.errors.items()}
    slug = slug.strip().lower() or slug_of(name)
    if not problems.get("name") and (
        len(slug) > SLUG_LIMIT or not _SLUG.fullmatch(slug) or slug.startswith(store.GONE)
    ):
        problems["slug"] = f"Use up to {SLUG_LIMIT} letters a to z, digits and hyphens for the address."
    if problems:
        raise Invalid(problems)
    return name, slug


def slug_of(name: str) -> str:
    """An address made from a name: letters and digits of ASCII, hyphens between."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:SLUG_LIMIT].strip("-")




def sweep(ctx: Context, now: int) -> None:
    """Forget claims and invitations that are over; they are refused without it. For the worker."""
    domains.sweep(ctx, now)
    invitations.sweep(ctx, now)
