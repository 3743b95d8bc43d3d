"""A batch of events and a verb about the same account at the same moment: neither ends the other on PostgreSQL."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from policies.terms import ActivityKind, Area, Event
from tests.conftest import NOW
from tests.factories import make_account
from tests.services.linkers import link, log_in, member, pick, primary_of, row
from tests.together import at_once
from webapp.services import claims, ingest, linking, repair
from webapp.services.context import Context

SLOW = """
CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';
CREATE TRIGGER doze AFTER INSERT ON activity FOR EACH STATEMENT EXECUTE FUNCTION doze();
"""


def known(ctx: Context, handle: str, account_id: int) -> int:
    """The forum knows the account by its handle."""
    ingest.register_source(ctx, "forum", "Forum", Area.FORUM, NOW)
    ctx.db.execute("INSERT INTO identity(source_id, actor, account_id, created_at) VALUES (1, ?, ?, 1)",
                   (handle, account_id))
    return account_id


def claiming(ctx: Context) -> Callable[[], Any]:
    kim = known(ctx, "kim", make_account(ctx.db, "kim", state="unclaimed", terms_version=None, terms_at=None))
    ctx.db.execute("UPDATE account SET email = NULL, email_key = NULL, email_verified_at = NULL WHERE id = ?", (kim,))
    boss = log_in(ctx, member(ctx.db, "boss", is_admin=True))
    claims.mail_link(ctx, boss, "acc-kim", "kim@work.example", NOW)
    mail = ctx.db.row("SELECT body FROM outbox ORDER BY id DESC LIMIT 1")
    assert mail is not None
    found = re.search(r"/claim/(\S+)", mail[0])
    assert found is not None
    key = claims.open_link(ctx, found[1], NOW)
    return lambda: claims.finish(ctx, key, NOW, password="twelve green bottles", terms="1") == kim


def leaving(ctx: Context) -> Callable[[], Any]:
    session = log_in(ctx, member(ctx.db, "sally"))
    kim = known(ctx, "kim", member(ctx.db, "kim"))
    session = link(ctx, session, "kim", primary_choice=pick(ctx, session, session.account_id))
    key = row(ctx, session, "kim").key

    def act() -> bool:
        linking.unlink(ctx, session, key, NOW)
        return primary_of(ctx.db, kim) is None

    return act


@pytest.mark.parametrize("verb", [claiming, leaving])
def test_a_batch_and_a_verb_that_changes_a_key_of_the_account_both_come_to_their_end(
    ctx: Context, verb: Callable[[Context], Callable[[], Any]]
) -> None:
    act = verb(ctx)
    if ctx.db.dialect == "postgresql":      # between the events and their counting; SQLite lets nobody in there
        for statement in SLOW.strip().split(";\n"):
            ctx.db.execute(statement.replace("%", "%%"))
    events = [Event("e1", "kim", ActivityKind.ANSWER, NOW - 500)]

    def later() -> Any:
        time.sleep(0.4)
        return act()

    recorded, done = at_once(ctx.db, lambda: len(ingest.record_events(ctx, "forum", events, NOW)), later)
    assert (recorded, done) == (1, True)
    assert ctx.db.row("SELECT answers FROM account JOIN counter ON account_id = id WHERE handle = 'kim'") == (1,)
    assert repair.find_differences(ctx) == []
