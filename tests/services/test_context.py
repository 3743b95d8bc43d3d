"""What a process keeps of the policy: it never outlives the transaction that it was read in (D19)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from policies.terms import Level
from tests.conftest import NOW
from tests.factories import make_account
from tests.services.people import BIT
from webapp.services import matrix, matrix_apply, matrix_draft, plugins, sessions
from webapp.services.context import Context
from webapp.services.matrix_draft import SITE
from webapp.services.sessions import Session
from webapp.store import policy


class Lost(Exception):
    """The transaction does not come to its end."""


@contextmanager
def lost(ctx: Context) -> Iterator[None]:
    """What is done inside is rolled back at its end."""
    with suppress(Lost), ctx.db.transaction():
        yield
        raise Lost


@pytest.fixture
def boss(ctx: Context) -> Session:
    session = sessions.load_session(
        ctx, sessions.start(ctx, make_account(ctx.db, "boss", is_admin=True), NOW, proved=True), NOW
    )
    assert session is not None
    return session


def by_another_process(ctx: Context) -> None:
    """A change that takes the version which the lost transaction had taken."""
    with ctx.db.transaction():
        policy.append_change(ctx.db, "cell", "personal", NOW, bit=BIT["timezone"], level=Level.ONLY_YOU)


def default(ctx: Context, field: str) -> Level:
    anyone = ctx.gate().timeline(None).cur.anyone
    return Level.ANYONE if anyone >> BIT[field] & 1 else Level.ONLY_YOU


def test_d19_a_change_of_defaults_that_was_rolled_back_leaves_nothing_in_the_process(ctx, boss):
    matrix_draft.press(ctx, boss, SITE, "cell:personal:location:anyone:hide", NOW)
    shown = matrix.open_page(ctx, boss, SITE)
    with lost(ctx):
        assert matrix_apply.apply(ctx, boss, SITE, NOW, seen=shown.seen, revision=shown.revision)
    by_another_process(ctx)
    assert default(ctx, "timezone") is Level.ONLY_YOU
    assert default(ctx, "location") is Level.ANYONE


def test_a_switch_that_was_rolled_back_leaves_the_plugins_as_they_are(ctx, boss):
    name = next(view.name for view in plugins.open_page(ctx, {}) if view.can_switch)
    before = ctx.manager.standing
    with lost(ctx):
        plugins.switch(ctx, boss, name, False, NOW)
        assert ctx.manager.standing != before
    ctx.gate()
    assert ctx.manager.standing == before


def test_what_was_read_in_a_transaction_that_held_is_kept(ctx):
    with ctx.db.transaction():
        policy.append_change(ctx.db, "cell", "personal", NOW, bit=BIT["timezone"], level=Level.ONLY_YOU)
        gate = ctx.gate()
    assert ctx.gate() is gate
