"""Changing an account's e-mail address: asked with a recent password, done by a link mailed to the new one (T4, T15).

An address decides whether an account is managed, so the settings are folded under the old domain first (D19), and a
change into a verified domain is refused where a link group hangs on the account being personal (D22).
"""

from __future__ import annotations

from policies import holding
from policies.errors import Invalid, NotFound, Refused
from webapp.services import accounts as verbs
from webapp.services import emails, mailer, people_index, throttle, tokens
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.tokens import LinkGone
from webapp.store import accounts, audit, proofs, records
from webapp.store import sessions as session_store
from webapp.store.accounts import Login
from webapp.store.proofs import Proof


def ask_change(ctx: Context, now: int, session: Session, email: str, remote: str) -> None:
    """Mail a link to the new address, and word of it to the present one. Which addresses are taken is not told.

    Errors: Refused (rule_recent_password), Invalid (`email`), TooMany.
    """
    verbs.require_recent(session, now)
    address = emails.parse(email)
    account = _account(ctx, session)
    if address.key == account.email_key:
        raise Invalid({"email": "That is your address already."})
    domain = accounts.find_domain(ctx.db, address.domain)
    _check_group(account, domain[1] if domain else None, domain[2] if domain else "")
    throttle.take_mail(ctx, now, "email", address.key, remote)
    with ctx.db.transaction():
        taken = accounts.find_by_email(ctx.db, address.key)
        proofs.cancel_for_account(ctx.db, account.id, "email")
        token = tokens.issue(
            ctx, "email", now, email_key=address.key, account_id=account.id, session_id=session.session_id,
            detail={"email": address.email, "old": account.email_key},
        )
        if taken is None:
            link = mailer.link(ctx, "/settings/security/email", token=token)
            mailer.queue(ctx, address.email, "email_confirm", now, link=link)
        else:
            mailer.queue(ctx, address.email, "email_taken", now)
        mailer.queue(
            ctx, account.email or "", "email_asked", now, handle=account.handle, link=mailer.link(ctx, "/reset")
        )
        audit.record(ctx.db, "email:ask", now, actor_id=account.id, subject_id=account.id)


def open_step(ctx: Context, now: int, session: Session, key: str) -> str:
    """The new address that an opened link stands for. Errors: LinkGone."""
    return str(_proof(ctx, now, session, key, _account(ctx, session)).detail["email"])


def finish_change(ctx: Context, now: int, session: Session, key: str) -> str:
    """Move the account to the proved address and return it; other sessions and pending links end.

    Errors: LinkGone (another browser, another address in between, taken), Invalid (`email`) as `ask_change`.
    """
    account = _account(ctx, session)
    proof = _proof(ctx, now, session, key, account)
    address = emails.parse(str(proof.detail["email"]))
    with ctx.db.transaction():
        # The address is a key: its row is taken alone from the start, before any other. Taken only when it is written,
        # a batch of events that holds the account's key already and then counts would wait for us, and we for it.
        ctx.db.link_guard()
        accounts.lock(ctx.db, account.id)
        group = records.lock_group(ctx.db, account.id)
        account = _account(ctx, session)
        if group is None or account.email_key != proof.detail["old"]:
            raise LinkGone
        tokens.use(ctx, proof, now)
        domain_id = accounts.domain_id_of(ctx.db, address.domain)
        gate = ctx.gate(group.version)
        organization = gate.organization(domain_id)
        _check_group(account, organization, accounts.organization_name(ctx.db, organization or 0))
        settings = holding.change_domain(gate, group.subject(group.asked), domain_id)
        if not accounts.set_email(ctx.db, account.id, address.email, address.key, domain_id, now):
            raise LinkGone
        records.save(ctx.db, account.id, settings, {})
        people_index.refresh(ctx, [account.id])
        session_store.end_of_account(ctx.db, account.id, but=session.session_id)
        proofs.cancel_for_account(ctx.db, account.id)
        audit.record(
            ctx.db, "email:change", now, actor_id=account.id, subject_id=account.id,
            organization_id=account.organization_id,
        )
        old = account.email or ""
        mailer.queue(ctx, old, "email_changed_old", now, handle=account.handle)
        mailer.queue(ctx, address.email, "email_changed_new", now, handle=account.handle)
        if account.organization_id is not None and account.organization_id != organization:
            name = accounts.organization_name(ctx.db, account.organization_id)
            for admin in accounts.organization_admins(ctx.db, account.organization_id):
                if admin != old:
                    mailer.queue(ctx, admin, "member_left", now, email=old, organization=name)
    return address.email


def _check_group(account: Login, organization: int | None, name: str) -> None:
    """D22: who is linked stays personal; a change of kind there is not made through an address."""
    if organization is None or organization == account.organization_id:
        return
    if account.is_primary:
        raise Invalid({"email": f"{name} manages that address. A primary account needs a personal one."})
    if account.primary_id is not None:
        raise Invalid({"email": f"{name} manages that address. Unlink this account from its primary first."})


def _proof(ctx: Context, now: int, session: Session, key: str, account: Login) -> Proof:
    proof = tokens.reopen(ctx, "email", key, now)
    if (
        proof is None or proof.account_id != session.account_id or proof.session_id != session.session_id
        or proof.detail["old"] != account.email_key
    ):
        raise LinkGone
    return proof


def _account(ctx: Context, session: Session) -> Login:
    account = accounts.load(ctx.db, session.account_id)
    if account is None:
        raise NotFound
    if not account.may_log_in:
        raise Refused("rule_verified", "This account may not do that.")
    return account
