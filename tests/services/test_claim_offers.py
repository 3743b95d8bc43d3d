"""Offers to a member whose proved address a source knows (D21, D3): taken or sent away, never by themselves."""

from __future__ import annotations

import pytest

from policies.errors import NotFound
from policies.terms import ActivityKind, Area, Event, Person
from tests.conftest import NOW
from tests.factories import make_account
from tests.services.test_claims import PASSWORD, imported, key_of, mailed
from webapp.ops.doctor import examine
from webapp.services import claim_offers, claims, ingest, sessions
from webapp.services.context import Context
from webapp.services.sessions import Session

ADDRESS = "ann@home.example"


def enter(ctx: Context, account_id: int) -> Session:
    session = sessions.load_session(ctx, sessions.start(ctx, account_id, NOW), NOW)
    assert session is not None
    return session


def tell(ctx: Context, actor: str = "7", email: str = "Ann@Home.example", events: int = 2) -> None:
    """A webhook of a source that knows the actor by that address."""
    ingest.register_source(ctx, "forum", "Forum", Area.FORUM, NOW)
    done = [Event(f"{actor}-{n}", actor, ActivityKind.ANSWER, NOW - n) for n in range(events)]
    ingest.take_hook(ctx, "forum", [*done, Person(actor, "", email=email)], f"{actor}{email}{events}", NOW)


@pytest.fixture
def ann(ctx: Context) -> Session:
    return enter(ctx, make_account(ctx.db, "ann", email=ADDRESS))


def answers(ctx: Context, session: Session) -> int:
    row = ctx.db.row("SELECT answers FROM counter WHERE account_id = ?", (session.account_id,))
    assert row is not None
    return int(row[0])


def test_d21_an_actor_with_a_proved_address_is_offered_and_taken(ctx: Context, ann: Session) -> None:
    tell(ctx)
    assert answers(ctx, ann) == 0       # nothing by itself
    (offer,) = claim_offers.offers_to(ctx, ann)
    assert (offer.source, offer.handle, offer.events) == ("Forum", "", 2)
    assert claim_offers.take(ctx, ann, offer.number, NOW) is None
    assert answers(ctx, ann) == 2
    assert claim_offers.offers_to(ctx, ann) == ()
    assert ctx.db.rows("SELECT email_key FROM identity") == [(None,)]      # not needed any more
    tell(ctx, events=3)                 # and not noted again
    assert ctx.db.rows("SELECT email_key FROM identity") == [(None,)]
    assert answers(ctx, ann) == 3
    with pytest.raises(NotFound):
        claim_offers.take(ctx, ann, offer.number, NOW)
    assert ctx.db.rows("SELECT actor_id, subject_id FROM audit WHERE event = 'identity:take'") == [
        (ann.account_id, ann.account_id)
    ]
    assert list(examine(ctx)) == []


def test_d3_nobody_else_is_offered_it(ctx: Context, ann: Session) -> None:
    tell(ctx, email="eve@home.example")
    eve = enter(ctx, make_account(ctx.db, "eve", email="eve@home.example"))
    ctx.db.execute("UPDATE account SET email_verified_at = NULL WHERE handle = 'eve'")
    (number,) = (row[0] for row in ctx.db.rows("SELECT id FROM identity"))
    for somebody in (ann, eve):         # another address; the right one, not proved
        assert claim_offers.offers_to(ctx, somebody) == ()
        for answer in (claim_offers.take, claim_offers.decline):
            with pytest.raises(NotFound):
                answer(ctx, somebody, number, NOW)
    ctx.db.execute("UPDATE account SET email_verified_at = ? WHERE handle = 'eve'", (NOW,))
    assert len(claim_offers.offers_to(ctx, eve)) == 1
    ctx.db.execute("UPDATE identity SET buried_at = 1")
    assert claim_offers.offers_to(ctx, eve) == ()


def test_what_is_sent_away_stays_away(ctx: Context, ann: Session) -> None:
    tell(ctx)
    (offer,) = claim_offers.offers_to(ctx, ann)
    claim_offers.decline(ctx, ann, offer.number, NOW)
    tell(ctx, events=4)
    assert claim_offers.offers_to(ctx, ann) == ()
    assert answers(ctx, ann) == 0


def test_the_last_address_said_holds_and_what_is_none_is_left_out(ctx: Context, ann: Session) -> None:
    tell(ctx)
    tell(ctx, email="no address")
    assert len(claim_offers.offers_to(ctx, ann)) == 1
    tell(ctx, email="other@home.example")
    assert claim_offers.offers_to(ctx, ann) == ()


def test_an_imported_account_is_claimed_with_another_address(ctx: Context, ann: Session) -> None:
    account_id = imported(ctx, "ann-2", said=ADDRESS)
    (offer,) = claim_offers.offers_to(ctx, ann)
    assert offer.handle == "ann-2"
    key = claim_offers.take(ctx, ann, offer.number, NOW)
    assert key is not None
    assert claims.open_step(ctx, key, NOW).email == ""
    claims.ask(ctx, key, NOW, email="ann@other.example", remote="1.1.1.1")
    proof = key_of(ctx, mailed(ctx, "ann@other.example")[-1])
    assert claims.finish(ctx, proof, NOW, password=PASSWORD, terms="1") == account_id
    assert claim_offers.offers_to(ctx, ann) == ()
    assert ctx.db.row("SELECT primary_id FROM account WHERE id = ?", (account_id,)) == (None,)     # linked by nobody
    assert list(examine(ctx)) == []
