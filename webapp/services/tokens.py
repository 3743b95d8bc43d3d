"""Random tokens and the proofs behind them: issue, open, use (T13). What a proof allows is decided by its verb."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

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
    """A new token for an address; whatever was mailed to it before for this purpose no longer works (T13)."""
    token = new_token()
    proofs.cancel_for_email(ctx.db, purpose, email_key)
    proofs.add(
        ctx.db, purpose, digest(token), now, now + LIFETIMES[purpose], account_id=account_id, session_id=session_id,
        email_key=email_key, detail=detail,
    )
    return token


def open_token(ctx: Context, purpose: str, token: str, now: int) -> Proof | None:
    """The live proof of a token; nothing is used up, so that a mail scanner's visit harms nobody."""
    if len(token) > 100:
        return None
    proof = proofs.find_by_hash(ctx.db, digest(token), now)
    return proof if proof is not None and proof.purpose == purpose else None


def reopen(ctx: Context, purpose: str, proof_id: int, now: int) -> Proof | None:
    """The proof that a browser has opened, if it is still live."""
    proof = proofs.find(ctx.db, proof_id, now)
    return proof if proof is not None and proof.purpose == purpose else None
