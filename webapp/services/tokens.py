"""Random tokens and the proofs behind them: issue, open, use (T13). What a proof allows is decided by its verb."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from policies.errors import Refused
from webapp.services.context import Context
from webapp.store import proofs
from webapp.store.proofs import Proof

#: Seconds for which a mailed link works, by purpose.
LIFETIMES: Mapping[str, int] = {"signup": 86_400, "invite": 86_400, "reset": 3_600, "login": 900, "email": 3_600}


def new_token() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def new_public_id() -> str:
    """The opaque, stable id of an account in the API."""
    return secrets.token_hex(10)


def digest(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def issue(
    ctx: Context,
    purpose: str,
    now: int,
    *,
    email_key: str,
    account_id: int | None = None,
    session_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> str:
    """A new token for an address; whatever was mailed to it before for this purpose no longer works (T13).

    A change of address is its account's own: what another account asks of the same address ends nothing there.
    """
    token = new_token()
    if purpose != proofs.CHANGE:
        proofs.cancel_for_email(ctx.db, purpose, email_key)
    proofs.add(
        ctx.db, purpose, digest(token), now, now + LIFETIMES[purpose], account_id=account_id, session_id=session_id,
        email_key=email_key, detail=detail,
    )
    return token


def open_token(ctx: Context, purpose: str, token: str, now: int) -> Proof | None:
    """The live proof of a token; nothing is used up, so that a mail scanner's visit harms nobody."""
    return reopen(ctx, purpose, digest(token), now) if len(token) <= 100 else None


def reopen(ctx: Context, purpose: str, key: str, now: int) -> Proof | None:
    """The proof that a browser has opened, by its key, if it is still live."""
    proof = proofs.find(ctx.db, key, now)
    return proof if proof is not None and proof.purpose == purpose else None


class LinkGone(Refused):
    """The link was used, is too old, was replaced by a newer one, or was never given. Which of these is not told."""

    def __init__(self) -> None:
        super().__init__("rule_live_link", "This link no longer works.", "Ask for a new one.")


def use(ctx: Context, proof: Proof, now: int) -> None:
    """Use a proof up, in the transaction of what it allows. Errors: LinkGone if somebody was faster."""
    if not proofs.use(ctx.db, proof.key, now):
        raise LinkGone


def sweep(ctx: Context, now: int) -> None:
    """Drop proofs that expired a month ago. Only to keep the table small: they are refused without it (T13)."""
    proofs.sweep(ctx.db, now - 30 * 86_400)
