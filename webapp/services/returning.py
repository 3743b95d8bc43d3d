"""Taking a deletion back (D22): whoever logs in to an account that waits for it is asked whether to keep it.

The log-in makes no session. It makes a proof that lives in that browser for a quarter of an hour and opens one page;
keeping the account there is what logs in.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import Refused
from policies.terms import State
from webapp.services import mailer, people_index, sessions, tokens
from webapp.services.context import Context
from webapp.services.tokens import LinkGone
from webapp.store import accounts, audit, closing, proofs
from webapp.store.accounts import Login
from webapp.store.closing import Standing

PURPOSE = "reactivate"
#: Seconds for which the page that a log-in opened can be used.
LIFE = 900


class IsClosing(Refused):
    """The right password or link of an account that waits for its deletion. `key`: of the proof for the page."""

    def __init__(self, key: str) -> None:
        super().__init__("rule_is_open", "This account waits for its deletion.", "Keep it, and you are logged in.")
        self.key = key


@dataclass(frozen=True, slots=True)
class ReturnStep:
    """What the page shows."""

    handle: str
    closes_at: int


def may_return(account: Login) -> bool:
    """Whether a log-in may open the page: as every log-in (T26), but for the state."""
    return account.state == State.CLOSING and account.email_verified_at is not None and account.email is not None


def begin(ctx: Context, account: Login, now: int, *, proved: bool) -> str:
    """Note in the caller's transaction that the password was typed (`proved`) or the mailed link opened; the key."""
    token = tokens.new_token()
    key = tokens.digest(token)
    proofs.cancel_for_account(ctx.db, account.id, PURPOSE)
    proofs.add(
        ctx.db, PURPOSE, key, now, now + LIFE, account_id=account.id, email_key=account.email_key,
        detail={"proved": proved},
    )
    return key


def open_step(ctx: Context, key: str, now: int) -> ReturnStep:
    """The page. Errors: LinkGone, also once the account is due: then it is gone for everybody."""
    proof = tokens.reopen(ctx, PURPOSE, key, now)
    account = closing.load(ctx.db, proof.account_id or 0) if proof is not None else None
    if account is None or not _may_keep(account, now):
        raise LinkGone
    return ReturnStep(account.handle, account.closes_at or 0)


def cancel_deletion(ctx: Context, key: str, now: int, *, device: str = "") -> str:
    """Keep the account, everything as it was, and log in; the id for the cookie. Errors: LinkGone."""
    proof = tokens.reopen(ctx, PURPOSE, key, now)
    if proof is None or proof.account_id is None:
        raise LinkGone
    account_id = proof.account_id
    with ctx.db.transaction():
        ctx.db.link_guard()
        accounts.lock(ctx.db, account_id)
        account = closing.load(ctx.db, account_id)
        if account is None or not _may_keep(account, now):
            raise LinkGone
        tokens.use(ctx, proof, now)
        closing.set_state(ctx.db, account_id, State.ACTIVE, now, None)
        people_index.refresh(ctx, [account_id])
        audit.record(ctx.db, "account:keep", now, actor_id=account_id, subject_id=account_id)
        mailer.queue(
            ctx, account.email or "", "account_kept", now, handle=account.handle, link=mailer.link(ctx, "/reset")
        )
        proved = bool(proof.detail.get("proved"))
        return sessions.start(ctx, account_id, now, device=device, proved=proved, way="return")


def _may_keep(account: Standing, now: int) -> bool:
    return account.state == State.CLOSING and account.closes_at is not None and now < account.closes_at
