"""What a person does with their own account: log in, prove the password again, change password and handle.

Mailed links are in recovery.py, the change of address in addresses.py, sign-up in signup.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import Invalid, NotFound, Refused
from webapp.services import (
    emails,
    grants,
    handles,
    mailer,
    passwords,
    people_index,
    recovery,
    returning,
    sessions,
    signup,
    throttle,
    tokens,
)
from webapp.services.context import Context
from webapp.services.sessions import Session, SessionView
from webapp.store import accounts, audit, proofs
from webapp.store import sessions as session_store
from webapp.store.accounts import Login

#: One wording for wrong password, unknown address and accounts that may not log in (T7, T26).
NO_MATCH = "Address and password do not go together. Check both, or have a log-in link mailed to you."


@dataclass(frozen=True, slots=True)
class SecurityView:
    """The page Settings > Log-in and security."""

    handle: str
    email: str
    organization: str           # of a managed account, else ""
    is_primary: bool
    is_recent: bool             # the password was typed a moment ago: the forms do not ask for it
    sessions: tuple[SessionView, ...]


def log_in(ctx: Context, now: int, *, email: str, password: str, remote: str, device: str = "", terms: str = "") -> str:
    """Log in by password and return the id for the cookie. `terms`: the version that the page's notice named.

    Errors: Invalid (`email` form only; `password` for everything else), TooMany: then a mailed link still works (T8);
    IsClosing for the right password of an account that waits for its deletion (D22).
    """
    address = emails.parse(email)
    throttle.take(
        ctx, now, (throttle.LOGIN_ACCOUNT, address.key), (throttle.LOGIN_REMOTE, remote),
        fix="Or have a log-in link mailed to you.",
    )
    account = accounts.find_by_email(ctx.db, address.key)
    matches = passwords.verify(account.password_hash if account else None, password)
    if account is None or not matches or not (account.may_log_in or returning.may_return(account)):
        raise Invalid({"password": NO_MATCH})
    new_hash = old_hash = account.password_hash or ""
    if passwords.is_outdated(old_hash):
        new_hash = passwords.hash_password(password)
    with ctx.db.transaction():
        # A reset ends every session: one that begins with the password of before it would outlive it (T2).
        accounts.lock(ctx.db, account.id, shared=True)
        present = accounts.load(ctx.db, account.id)
        if present is None or not _is_still(present, old_hash, password):
            raise Invalid({"password": NO_MATCH})
        if not (present.may_log_in or returning.may_return(present)):
            raise Invalid({"password": NO_MATCH})
        throttle.forget(ctx, throttle.LOGIN_ACCOUNT, address.key)
        throttle.give_back(ctx, throttle.LOGIN_REMOTE, remote)
        if new_hash != old_hash:
            accounts.rehash_password(ctx.db, account.id, old_hash, new_hash)
        recovery.accept_terms(ctx, account, terms, now)
        if present.may_log_in:
            return sessions.start(ctx, account.id, now, device=device, way="password")
        key = returning.begin(ctx, present, now, proved=True)
    raise returning.IsClosing(key)


def confirm_password(ctx: Context, now: int, session: Session, password: str) -> str:
    """The password typed again in a session (T15); the session's new id for the cookie (T10).

    Errors: Invalid (`current`), TooMany.
    """
    throttle.take(ctx, now, (throttle.CONFIRM, str(session.account_id)))
    account = _own(ctx, session)
    if not passwords.verify(account.password_hash, password):
        raise Invalid({"current": "That is not your present password."})
    throttle.forget(ctx, throttle.CONFIRM, str(session.account_id))
    raw_id = sessions.renew(ctx, session, now)
    if raw_id is None:
        raise NotFound
    return raw_id


def require_recent(session: Session, now: int) -> None:
    """Errors: Refused unless the password was typed in this session in the last five minutes (T15)."""
    if not session.is_recent(now):
        raise Refused("rule_recent_password", "Type your password again first.")


def change_password(ctx: Context, now: int, session: Session, password: str) -> None:
    """Set a new password; every other session and every pending link of the account ends (T15).

    Errors: Refused (rule_recent_password; rule_live_session), Invalid (`password`).
    """
    require_recent(session, now)
    account = _own(ctx, session)
    address = emails.parse(account.email or "")
    passwords.check(password, signup.names_to_avoid(ctx, address, account.handle))
    password_hash = passwords.hash_password(password)
    with ctx.db.transaction():
        accounts.lock(ctx.db, account.id)
        sessions.require_live(ctx, session)
        accounts.set_password(ctx.db, account.id, password_hash)
        session_store.end_of_account(ctx.db, account.id, but=session.session_id)
        proofs.cancel_for_account(ctx.db, account.id)
        audit.record(ctx.db, "password:change", now, actor_id=account.id, subject_id=account.id)
        mailer.queue(
            ctx, account.email or "", "password_changed", now, handle=account.handle,
            link=mailer.link(ctx, "/reset"),
        )


def change_handle(ctx: Context, now: int, session: Session, raw: str) -> str:
    """Take another handle and return it; the old one leads there from now on and is nobody else's, ever (D20).

    Errors: Invalid (`handle`), TooMany (three in thirty days), Refused (rule_live_session).
    """
    handle = handles.check(raw)
    account = _own(ctx, session)
    if handle == account.handle:
        return handle
    owner = accounts.owner_of_handle(ctx.db, handle)
    if owner not in {None, account.id}:
        raise Invalid({"handle": "That handle is not available. Choose another one."})
    throttle.take(ctx, now, (throttle.HANDLE, str(account.id)))
    with ctx.db.transaction():
        accounts.lock(ctx.db, account.id)
        sessions.require_live(ctx, session)
        if owner is None and not accounts.add_handle(ctx.db, handle, account.id, now):
            raise Invalid({"handle": "That handle is not available. Choose another one."})
        accounts.set_handle(ctx.db, account.id, handle)
        people_index.refresh(ctx, [account.id])
        audit.record(ctx.db, "handle:change", now, actor_id=account.id, subject_id=account.id)
    return handle


def view_security(ctx: Context, session: Session, now: int) -> SecurityView:
    """What the security page shows."""
    account = _own(ctx, session)
    organization = accounts.organization_name(ctx.db, account.organization_id) if account.organization_id else ""
    return SecurityView(
        account.handle, account.email or "", organization, account.is_primary, session.is_recent(now),
        sessions.list_sessions(ctx, session, now),
    )


def sweep(ctx: Context, now: int) -> None:
    """Everything of accounts that is over: sessions, proofs, counts, mails given up. For the worker, once an hour."""
    for part in (sessions, tokens, throttle, mailer, grants):
        part.sweep(ctx, now)


def _is_still(account: Login, checked_hash: str, password: str) -> bool:
    """Whether the password that was checked against a hash is that of the account's present one."""
    return account.password_hash == checked_hash or passwords.verify(account.password_hash, password)


def _own(ctx: Context, session: Session) -> Login:
    account = accounts.load(ctx.db, session.account_id)
    if account is None:
        raise NotFound
    return account
