"""Tokens of sources: shown once, kept as a hash, good for one source, revocable, their last use to the minute."""

from __future__ import annotations

import pytest

from policies.errors import Invalid, NotFound, Refused
from policies.terms import ActivityKind, Area, Event
from tests.conftest import NOW
from tests.factories import make_account
from webapp.services import ingest, sessions, source_tokens
from webapp.services.context import Context
from webapp.services.sessions import Session


@pytest.fixture
def boss(ctx: Context) -> Session:
    """A site admin who typed the password a moment ago."""
    raw = sessions.start(ctx, make_account(ctx.db, "boss", is_admin=True), NOW)
    session = sessions.load_session(ctx, raw, NOW)
    assert session is not None
    for name in ("forum", "academy"):
        ingest.register_source(ctx, name, name.title(), Area.FORUM, NOW)
    return session


def _id(ctx: Context, name: str) -> int:
    row = ctx.db.row("SELECT id FROM source WHERE name = ?", (name,))
    assert row is not None
    return int(row[0])


def test_a_token_is_good_for_its_source_and_stored_as_a_hash(ctx: Context, boss: Session) -> None:
    token = source_tokens.make(ctx, boss, "forum", NOW)
    assert source_tokens.authenticate(ctx, token, NOW) == _id(ctx, "forum")
    assert source_tokens.authenticate(ctx, token + "x", NOW) is None
    assert source_tokens.authenticate(ctx, token.removeprefix(source_tokens.PREFIX), NOW) is None
    assert source_tokens.authenticate(ctx, "x" * 5000, NOW) is None
    for table in ("source_token", "audit"):
        assert token not in str(ctx.db.rows(f"SELECT * FROM {table}"))
    assert token not in str(source_tokens.list_sources(ctx, NOW))


def test_a_revoked_token_is_refused_at_once_and_is_revoked_once(ctx: Context, boss: Session) -> None:
    token, other = (source_tokens.make(ctx, boss, "forum", NOW) for _ in range(2))
    number = min(view.number for source in source_tokens.list_sources(ctx, NOW) for view in source.tokens)
    with pytest.raises(NotFound):
        source_tokens.revoke(ctx, boss, "academy", number, NOW)
    source_tokens.revoke(ctx, boss, "forum", number, NOW)
    assert source_tokens.authenticate(ctx, token, NOW) is None
    assert source_tokens.authenticate(ctx, other, NOW) == _id(ctx, "forum")
    with pytest.raises(NotFound):
        source_tokens.revoke(ctx, boss, "forum", number, NOW)
    events = [row[0] for row in ctx.db.rows("SELECT event FROM audit WHERE event LIKE 'source_token%' ORDER BY id")]
    assert events == ["source_token:make"] * 2 + ["source_token:revoke"]


def test_the_last_use_is_kept_to_the_minute(ctx: Context, boss: Session) -> None:
    token = source_tokens.make(ctx, boss, "forum", NOW)
    for later in (0, 1, 59, 3600):
        source_tokens.authenticate(ctx, token, NOW + later)
        used = ctx.db.row("SELECT used_at FROM source_token")
        assert used == ((NOW + later) // 60 * 60,)


def test_t15_a_token_needs_a_recent_password_and_a_known_source(ctx: Context, boss: Session) -> None:
    with pytest.raises(Refused) as refused:
        source_tokens.make(ctx, boss, "forum", NOW + 301)
    assert refused.value.rule == "rule_recent_password"
    with pytest.raises(NotFound):
        source_tokens.make(ctx, boss, "nowhere", NOW)
    for _ in range(source_tokens.MOST):
        source_tokens.make(ctx, boss, "forum", NOW)
    with pytest.raises(Refused) as enough:
        source_tokens.make(ctx, boss, "forum", NOW)
    assert enough.value.rule == "rule_enough_tokens"


def test_a_source_is_added_with_a_sentence_for_each_mistake(ctx: Context, boss: Session) -> None:
    with pytest.raises(Invalid) as invalid:
        source_tokens.add_source(ctx, boss, "forum", " ", "space", NOW)
    assert set(invalid.value.errors) == {"name", "label", "area"}
    with pytest.raises(Invalid):
        source_tokens.add_source(ctx, boss, "No Name!", "Label", "forum", NOW)
    source_tokens.add_source(ctx, boss, "events.example", "Events", "event", NOW)
    assert [source.name for source in source_tokens.list_sources(ctx, NOW)] == ["academy", "events.example", "forum"]


def test_arrivals_are_counted_by_the_hour_without_looking_at_the_events(ctx: Context, boss: Session) -> None:
    def arrive(number: int, now: int) -> None:
        ingest.record_events(ctx, "forum", [Event(str(number), "ann", ActivityKind.ANSWER, NOW - 90_000)], now)

    arrive(1, NOW - 86_400 * 2)
    arrive(2, NOW - 7200)
    arrive(3, NOW)
    arrive(3, NOW + 50)      # a duplicate is no arrival
    forum = next(source for source in source_tokens.list_sources(ctx, NOW + 60) if source.name == "forum")
    assert (forum.last_at, forum.day) == (NOW, 2)
    source_tokens.sweep(ctx, NOW + 91 * 86_400)
    forum = next(source for source in source_tokens.list_sources(ctx, NOW + 91 * 86_400) if source.name == "forum")
    assert (forum.last_at, forum.day) == (NOW, 0)
