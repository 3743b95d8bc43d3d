"""Codes and refresh tokens used twice at the same moment, on both databases (T91, T92), and revoking meanwhile."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tests.factories import make_account
from tests.services.appmaker import BACK, make_app
from tests.together import at_once
from webapp.services import grants, oauth, tokens
from webapp.store import grants as store

ROUNDS = 4


@pytest.fixture
def world(ctx):
    sally = make_account(ctx.db)
    make_app(ctx.db, sally)
    client = oauth.find_client(ctx, "client-questboard")
    return sally, client


def new_code(ctx, sally, client):
    with ctx.db.transaction():
        grant = store.save_grant(ctx.db, client.id, sally, NOW, "profiles:read", 0, 0)
        return oauth.issue_code(ctx, client, grant, "profiles:read", BACK, "c" * 43, NOW)


def pair():
    return tokens.new_token(), tokens.new_token()


def test_t91_a_code_used_twice_at_once_gives_one_token_at_most(ctx, world):
    sally, client = world
    for _ in range(ROUNDS):
        code, made = new_code(ctx, sally, client), [pair() for _ in range(3)]
        results = at_once(
            ctx.db, *[lambda code=code, two=two: oauth.exchange(ctx, client, code, *two, NOW) for two in made])
        assert sorted(result is not None for result in results) == [False, False, True]
        alive = [two for two in made if grants.authenticate(ctx, two[0], NOW)]
        assert alive == []          # the other uses were replays: the family is dead
        assert ctx.db.rows("SELECT COUNT(*) FROM oauth_token") == [(0,)]


def test_t92_a_refresh_token_used_twice_at_once_kills_its_family_and_no_other(ctx, world):
    sally, client = world
    other = pair()
    assert oauth.exchange(ctx, client, new_code(ctx, sally, client), *other, NOW)
    for _ in range(ROUNDS):
        first, made = pair(), [pair() for _ in range(3)]
        assert oauth.exchange(ctx, client, new_code(ctx, sally, client), *first, NOW)
        results = at_once(ctx.db, *[
            lambda old=first[1], two=two: oauth.rotate(ctx, client, old, "profiles:read", *two, NOW) for two in made])
        assert sum(result is not None for result in results) == 1
        assert not any(grants.authenticate(ctx, one[0], NOW) for one in (first, *made))
        assert grants.authenticate(ctx, other[0], NOW) is not None


def test_t94_revoking_while_tokens_are_made_leaves_none(ctx, world):
    """In whatever order they come: after both, nothing of the consent works, and nobody is stuck."""
    sally, client = world
    for _ in range(ROUNDS):
        first, second, third = pair(), pair(), pair()
        assert oauth.exchange(ctx, client, new_code(ctx, sally, client), *first, NOW)
        code = new_code(ctx, sally, client)
        at_once(
            ctx.db,
            lambda first=first, second=second: oauth.rotate(ctx, client, first[1], "profiles:read", *second, NOW),
            lambda code=code, third=third: oauth.exchange(ctx, client, code, *third, NOW),
            lambda: grants.revoke(ctx, sally, client.id, NOW),
        )
        assert not any(grants.authenticate(ctx, one[0], NOW) for one in (first, second, third))
        for table in ("app_grant", "oauth_family", "oauth_code", "oauth_token"):
            assert ctx.db.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]
