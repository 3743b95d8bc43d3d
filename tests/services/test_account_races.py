"""Two things at once to one account on PostgreSQL: each ends well or with a clean refusal, none in a deadlock."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tests.services import linkers as by
from tests.services import people
from tests.together import Beside
from webapp.services import addresses, closing, emails, recovery, sessions, signup, tokens
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.tokens import LinkGone
from webapp.store.ingest import add_counters

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
REMOTE = "192.0.2.7"
ADDRESS = "SELECT email, answers FROM account JOIN counter ON account_id = id WHERE id = ?"
STATE = "SELECT state, likes_received FROM account JOIN counter ON account_id = id WHERE id = ?"


def change(ctx: Context, account_id: int, email: str) -> tuple[Session, str]:
    """An asked change of address: the session and the key of its proof."""
    session = by.log_in(ctx, account_id)
    addresses.ask_change(ctx, NOW, session, email, REMOTE)
    row = ctx.db.row("SELECT token_hash FROM proof WHERE purpose = 'email' ORDER BY id DESC LIMIT 1")
    assert row is not None
    return session, str(row[0])


def test_a_new_address_waits_for_a_batch_of_events_and_neither_is_stopped(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    people.did(ctx.db, ann)
    session, key = change(ctx, ann, "ann@new.example")
    with ctx.db.transaction():      # as ingest: the account's key first, its counters later
        ctx.db.execute(
            "INSERT INTO activity_year(account_id, year, last_day, days) VALUES (?,1970,0,'[0,0,1]')", (ann,)
        )
        beside = Beside(ctx.db, lambda: addresses.finish_change(ctx, NOW, session, key))
        beside.waits(ctx.db)
        add_counters(ctx.db, {ann: (1, 0, 0, 0, 0, 0)})
    assert beside.end() == "ann@new.example"
    assert ctx.db.row(ADDRESS, (ann,)) == ("ann@new.example", 1)


def test_a_deletion_waits_for_a_batch_of_events_and_neither_is_stopped(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    closing.ask_deletion(ctx, by.log_in(ctx, ann), NOW)
    with ctx.db.transaction():
        ctx.db.execute("INSERT INTO crossing(account_id, metric, value, at) VALUES (?,'answers',1,1)", (ann,))
        beside = Beside(ctx.db, lambda: closing.delete_due(ctx, NOW + closing.GRACE))
        beside.waits(ctx.db)
        add_counters(ctx.db, {ann: (0, 0, 0, 1, 0, 0)})
    assert beside.end() == 1
    assert ctx.db.row(STATE, (ann,)) == ("deleted", 0)


def test_an_address_that_a_sign_up_takes_at_the_same_moment_is_a_link_that_no_longer_works(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    by.make_domain(ctx.db, "home.example")      # known: the two meet at the address itself
    session, key = change(ctx, ann, "new@home.example")
    with ctx.db.transaction():
        signup.create_account(
            ctx, NOW, emails.parse("new@home.example"), handle="newcomer", name="New", password_hash=by.HASH, terms="1"
        )
        beside = Beside(ctx.db, lambda: addresses.finish_change(ctx, NOW, session, key))
        beside.waits(ctx.db)
    assert isinstance(beside.end(), LinkGone)
    assert ctx.db.row("SELECT email FROM account WHERE id = ?", (ann,)) == ("ann@home.example",)


def test_t2_a_log_in_by_link_and_a_reset_at_once_leave_no_session_and_no_error(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    by.member(ctx.db, "ann")
    keys = {}
    for purpose in ("login", "reset"):
        recovery.ask_link(ctx, NOW, purpose, email="ann@home.example", remote=REMOTE)
        row = ctx.db.row("SELECT token_hash FROM proof WHERE purpose = ?", (purpose,))
        assert row is not None
        keys[purpose] = str(row[0])
    real, found = recovery.accept_terms, []

    def meanwhile(*given: object) -> None:
        """The link is used up, the session not begun: now the reset comes."""
        found.append(Beside(ctx.db, lambda: recovery.finish_reset(ctx, NOW, keys["reset"], "another fine word")))
        found[0].waits(ctx.db)
        real(*given)      # type: ignore[arg-type]

    monkeypatch.setattr(recovery, "accept_terms", meanwhile)
    raw_id = recovery.finish_login(ctx, NOW, keys["login"])
    assert found[0].end() is None
    assert sessions.load_session(ctx, raw_id, NOW) is None
    assert tokens.reopen(ctx, "login", keys["login"], NOW) is None
