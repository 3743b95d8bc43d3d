"""What sources know under the address that a member has proved: offered on Settings > Linked accounts, never taken by
itself (D3, D21).

An actor without an account is given to the member's own account. An imported account is claimed as by an admin's link,
with another address of the member's; linking the two is then up to them, as with any account.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import NotFound
from webapp.services import claims, ingest, people_index
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.store import audit
from webapp.store import claims as store
from webapp.store import ingest as ingest_store


@dataclass(frozen=True, slots=True)
class MemberOffer:
    """Something known under the member's address. `handle`: of the imported account, "" where there is none yet."""

    number: int
    source: str
    handle: str
    events: int


def offers_to(ctx: Context, session: Session) -> tuple[MemberOffer, ...]:
    """What is offered to the account that is logged in, and to no other of its group. One statement."""
    return tuple(
        MemberOffer(row.identity_id, row.source, row.handle or "", row.events)
        for row in store.find_for_member(ctx.db, session.account_id)
    )


def take(ctx: Context, session: Session, number: int, now: int) -> str | None:
    """Take an offer. For an imported account the key of a claim's proof, which asks for another address.

    Errors: NotFound for what is not offered (any more).
    """
    db = ctx.db
    with db.transaction():
        if _offer(ctx, session, number) is None:
            raise NotFound
        ingest_store.lock_source(db, ingest_store.source_of_identity(db, number))
        offer = _offer(ctx, session, number)        # as it is now that nobody else can take it
        if offer is None:
            raise NotFound
        if offer.public_id is not None:
            return claims.open_for_member(ctx, offer.public_id, now)
        events = ingest.attach_identity(ctx, number, session.account_id, now)
        audit.record(
            db, "identity:take", now, actor_id=session.account_id, subject_id=session.account_id, events=events
        )
        people_index.refresh(ctx, [session.account_id])
    return None


def decline(ctx: Context, session: Session, number: int, now: int) -> None:
    """Never offer it to this account again. Errors: NotFound."""
    with ctx.db.transaction():
        if _offer(ctx, session, number) is None:
            raise NotFound
        store.decline_offer(ctx.db, session.account_id, number, now)
        audit.record(ctx.db, "identity:decline", now, actor_id=session.account_id, subject_id=session.account_id)


def _offer(ctx: Context, session: Session, number: int) -> store.Known | None:
    return next((row for row in store.find_for_member(ctx.db, session.account_id) if row.identity_id == number), None)
