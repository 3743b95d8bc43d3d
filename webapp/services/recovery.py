"""Mailed links into an account: log in by link, reset the password (T2, T4, T13). One answer for every address (T7)."""

from __future__ import annotations

from webapp.services import emails, grants, link_mail, mailer, passwords, returning, sessions, signup, throttle, tokens
from webapp.services.context import Context
from webapp.services.tokens import LinkGone
from webapp.store import accounts, audit, proofs
from webapp.store import sessions as session_store
from webapp.store.accounts import Login
from webapp.store.proofs import Proof

#: purpose -> the page of its link
_PAGES = {"login": "/login/link", "reset": "/reset"}


def ask_link(ctx: Context, now: int, purpose: str, *, email: str, remote: str) -> None:
    """Mail a link to log in ("login") or to choose a new password ("reset"); the newest only works.

    Errors: Invalid (`email`), TooMany. Nothing tells whether there is an account.
    """
    address = emails.parse(email)
    throttle.take_mail(ctx, now, purpose, address.key, remote)
    with ctx.db.transaction():
        account = accounts.find_by_email(ctx.db, address.key)
        is_closing = account is not None and returning.may_return(account)
        may_enter = account is not None and (account.may_log_in or (is_closing and purpose == "login"))
        usable = account if may_enter else None
        token = tokens.issue(
            ctx, purpose, now, email_key=address.key, account_id=usable.id if usable else None
        )
        link = mailer.link(ctx, _PAGES[purpose], token=token)       # of nobody as well (T7)
        if usable is not None:
            mailer.queue(ctx, usable.email or "", purpose, now, handle=usable.handle, link=link)
        elif is_closing:
            mailer.queue(ctx, address.email, "account_waits", now, link=mailer.link(ctx, "/login/link"))
        elif account is not None:
            mailer.queue(ctx, address.email, "not_usable", now)
        else:
            mailer.queue(ctx, address.email, "no_account", now, link=mailer.link(ctx, "/signup"))


def open_step(ctx: Context, now: int, purpose: str, key: str) -> str:
    """The handle of the account that an opened link leads into. Errors: LinkGone."""
    return _account(ctx, _proof(ctx, purpose, key, now), may_return=purpose == "login").handle


def finish_login(ctx: Context, now: int, key: str, *, device: str = "", terms: str = "") -> str:
    """Log in by a mailed link and return the id for the cookie. No password was typed: nothing counts as recent.

    Errors: LinkGone; IsClosing where the account waits for its deletion (D22).
    """
    proof = _proof(ctx, "login", key, now)
    account = _account(ctx, proof, may_return=True)
    with ctx.db.transaction():
        accounts.lock(ctx.db, account.id, shared=True)      # a reset at the same moment is waited for
        account = _account(ctx, proof, may_return=True)
        tokens.use(ctx, proof, now)
        accept_terms(ctx, account, terms, now)
        if account.may_log_in:
            return sessions.start(ctx, account.id, now, device=device, proved=False, way="link")
        closing_key = returning.begin(ctx, account, now, proved=False)
    raise returning.IsClosing(closing_key)


def finish_reset(ctx: Context, now: int, key: str, password: str) -> None:
    """Set a new password by a mailed link. Every session, pending link and app token of the account dies (T2, T4).

    Errors: Invalid (`password`), LinkGone.
    """
    proof = _proof(ctx, "reset", key, now)
    account = _account(ctx, proof)
    address = emails.parse(account.email or "")
    passwords.check(password, signup.names_to_avoid(ctx, address, account.handle))
    password_hash = passwords.hash_password(password)
    with ctx.db.transaction():
        accounts.lock(ctx.db, account.id)
        tokens.use(ctx, proof, now)
        accounts.reset_password(ctx.db, account.id, password_hash, now)
        session_store.end_of_account(ctx.db, account.id)
        proofs.cancel_for_account(ctx.db, account.id)
        grants.revoke_all_of(ctx, account.id, now)
        throttle.forget(ctx, throttle.LOGIN_ACCOUNT, address.key)
        audit.record(ctx.db, "password:reset", now, subject_id=account.id)
        mailer.queue(
            ctx, account.email or "", "password_changed", now, handle=account.handle, link=mailer.link(ctx, "/reset")
        )
        link_mail.tell_reset(ctx, account.id, now)


def accept_terms(ctx: Context, account: Login, terms: str, now: int) -> None:
    """Going on accepts the Terms that the page named, if they are those in force and new to the account (S27)."""
    if terms and terms != account.terms_version and terms == signup.terms_version(ctx):
        accounts.set_terms(ctx.db, account.id, terms, now)
        audit.record(ctx.db, "terms:accept", now, actor_id=account.id, subject_id=account.id, version=terms)


def _proof(ctx: Context, purpose: str, key: str, now: int) -> Proof:
    proof = tokens.reopen(ctx, purpose, key, now)
    if proof is None or proof.account_id is None:
        raise LinkGone
    return proof


def _account(ctx: Context, proof: Proof, *, may_return: bool = False) -> Login:
    """The account of a proof, if it may still be logged in to under the address that the link went to (T26), or with
    `may_return` be kept from its deletion."""
    account = accounts.load(ctx.db, proof.account_id or 0)
    if account is None or account.email_key != proof.email_key:
        raise LinkGone
    if not account.may_log_in and not (may_return and returning.may_return(account)):
        raise LinkGone
    return account
