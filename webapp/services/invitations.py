"""Invitations to administer an organization: mailed, signed, single-use, bound to one address (T43, T44).

The token is in the mail and nowhere else: the row keeps its hash, and no page, API or log gives it back.
"""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from policies.errors import Invalid, NotFound, Refused
from webapp.services import accounts as account_verbs
from webapp.services import emails, mailer, throttle, tokens
from webapp.services.admins import Organization
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.tokens import LinkGone
from webapp.store import accounts, audit
from webapp.store import invitations as store
from webapp.store import organizations as organization_store
from webapp.store.invitations import Row

LIFE = 7 * 86_400
#: Invitations of one organization that may wait at once.
WAITING = 20
_TOKEN_LIMIT = 600


@dataclass(frozen=True, slots=True)
class InvitationView:
    """A waiting invitation on the organization's page; nothing of its link."""

    number: int
    email: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class InvitationStep:
    """An opened invitation. `fits`: the account that is logged in has the address it was mailed to."""

    key: str
    organization: str
    slug: str
    is_signed_in: bool
    fits: bool


def invite(ctx: Context, session: Session, organization: Organization, email: str, now: int) -> str:
    """Mail an invitation; an older one to the same address no longer works. The address as it was read.

    Whether there is an account is not told. Whoever is invited may do what the admin may, so an open session alone does
    not do it. Errors: Refused (rule_recent_password), Invalid (`email`), TooMany.
    """
    account_verbs.require_recent(session, now)
    address = emails.parse(email)
    throttle.take(
        ctx, now, (throttle.INVITE, str(organization.id)), (throttle.MAIL_ADDRESS, f"invitation {address.key}")
    )
    nonce = tokens.new_token()
    with ctx.db.transaction():
        if not organization_store.is_there(ctx.db, organization.id):
            raise NotFound
        store.revoke(ctx.db, organization.id, now, email_key=address.key)
        if len(store.load_live(ctx.db, organization.id, now)) >= WAITING:
            raise Invalid({"email": f"{WAITING} invitations wait to be accepted. Revoke one of them first."})
        store.add(
            ctx.db, organization.id, address.email, address.key, tokens.digest(nonce), now, now + LIFE,
            session.account_id,
        )
        token = str(_signer(ctx).dumps([nonce, organization.id, address.key]))
        mailer.queue(
            ctx, address.email, "organization_invite", now, organization=organization.name,
            link=mailer.link(ctx, "/invitations", token=token),
        )
        audit.record(ctx.db, "invitation:send", now, actor_id=session.account_id, organization_id=organization.id)
    return address.email


def list_invitations(ctx: Context, organization_id: int, now: int) -> tuple[InvitationView, ...]:
    """The invitations that wait."""
    return tuple([
        InvitationView(row.id, row.email, row.created_at, row.expires_at)
        for row in store.load_live(ctx.db, organization_id, now)
    ])


def revoke(ctx: Context, session: Session, organization: Organization, number: int, now: int) -> None:
    """End a waiting invitation. Errors: NotFound, also for another organization's (T45)."""
    with ctx.db.transaction():
        if number < 1 or not store.revoke(ctx.db, organization.id, now, invitation_id=number):
            raise NotFound
        audit.record(ctx.db, "invitation:revoke", now, actor_id=session.account_id, organization_id=organization.id)


def open_token(ctx: Context, token: str, now: int) -> str:
    """The key of a mailed invitation: signature and row must say the same (T43). Errors: LinkGone."""
    try:
        if len(token) > _TOKEN_LIMIT:
            raise LinkGone
        nonce, organization_id, email_key = _signer(ctx).loads(token)
        key = tokens.digest(str(nonce))
    except (BadSignature, ValueError, TypeError):
        raise LinkGone from None
    row = _row(ctx, key, now)
    if (row.organization_id, row.email_key) != (organization_id, email_key):
        raise LinkGone
    return key


def open_step(ctx: Context, session: Session | None, key: str, now: int) -> InvitationStep:
    """The page of an opened invitation. Errors: LinkGone."""
    row = _row(ctx, key, now)
    account = accounts.load(ctx.db, session.account_id) if session else None
    return InvitationStep(
        key, row.organization, row.slug, session is not None, account is not None and account.email_key == row.email_key
    )


def accept(ctx: Context, session: Session, key: str, now: int) -> str:
    """The account that is logged in becomes an admin; the organization's slug. Its other admins are told.

    Errors: LinkGone; Refused (rule_invited_address) for an account of another address (T43).
    """
    with ctx.db.transaction():
        row = _row(ctx, key, now)
        account = accounts.load(ctx.db, session.account_id)
        if account is None or not account.may_log_in or account.email_key != row.email_key:
            raise Refused(
                "rule_invited_address", "This invitation was mailed to another address.",
                "Log in with the account that has that address.",
            )
        if not store.use(ctx.db, row.id, now):
            raise LinkGone
        others = accounts.organization_admins(ctx.db, row.organization_id)
        if organization_store.add_admin(ctx.db, row.organization_id, account.id, now):
            for other in others:
                mailer.queue(
                    ctx, other, "organization_admin", now, organization=row.organization, handle=account.handle
                )
        audit.record(
            ctx.db, "invitation:accept", now, actor_id=account.id, subject_id=account.id,
            organization_id=row.organization_id,
        )
        return row.slug


def sweep(ctx: Context, now: int) -> None:
    """Forget invitations that ended a month ago. They are refused without it (T13)."""
    store.sweep(ctx.db, now - 30 * 86_400)


def _row(ctx: Context, key: str, now: int) -> Row:
    row = store.find(ctx.db, key, now)
    if row is None:
        raise LinkGone
    return row


def _signer(ctx: Context) -> URLSafeSerializer:
    return URLSafeSerializer(ctx.site.secret_key, salt="organization invitation")
