"""What is shown was decided and read at one moment (T62): whoever hides something and then changes it, while somebody's
page is between the decision and the values, shows that viewer what it was before or nothing, never what it became.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from policies.errors import NotFound
from policies.terms import ANONYMOUS, ActivityKind, Area, Event
from policies.visibility import Gate
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services import linkers as by
from tests.services.people import FIELDS, choose, set_columns
from tests.together import at_once
from webapp.services import (
    activity,
    api_profiles,
    api_users,
    badges,
    connected,
    context,
    ingest,
    kudos,
    people,
    people_index,
    profiles,
)
from webapp.services.app_views import ANYBODY
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.warm import WarmCache
from webapp.store.identities import save_identities

OTHER = "zqxother"
RECORD = ("full_name", "bio", "job_title", "department", "organization", "location")
#: They leave a card out whose name is no longer that of the index: there the name stays.
DIRECTORY = ("directory", "search", "API, people")

READERS: dict[str, Callable[[Context, Session, Session], Any]] = {
    "page": lambda ctx, sally, rita: profiles.read_profile(ctx, ANONYMOUS, "sally", NOW),
    "fragment": lambda ctx, sally, rita: profiles.view_profile(ctx, ANONYMOUS, "sally", NOW),
    "activity": lambda ctx, sally, rita: activity.view_activity(ctx, ANONYMOUS, "sally", NOW),
    "badges": lambda ctx, sally, rita: badges.view_badges(ctx, ANONYMOUS, "sally", NOW),
    "directory": lambda ctx, sally, rita: people.view_people(ctx, ANONYMOUS, people.Asked(), NOW),
    "search": lambda ctx, sally, rita: people.view_people(ctx, ANONYMOUS, people.Asked(q="zqx"), NOW),
    "view as": lambda ctx, sally, rita: connected.view_as(ctx, sally.viewer, ANYBODY, "sally", NOW),
    "kudos": lambda ctx, sally, rita: kudos.open_giving(ctx, rita, "sally", NOW),
    "API, profile": lambda ctx, sally, rita: api_profiles.profile_of(ctx, ANYBODY, "sally", NOW),
    "API, user": lambda ctx, sally, rita: api_users.user_json(ctx, ANYBODY, "acc-sally"),
    "API, users": lambda ctx, sally, rita: api_users.users_json(ctx, ANYBODY, ["acc-sally", "acc-work"]),
    "API, people": lambda ctx, sally, rita: api_users.people_json(ctx, ANYBODY, "", "", "", NOW),
}


@pytest.fixture
def open_ctx(ctx: Context) -> Context:
    """Sally with a linked account; both show everything to Anyone, and have done something."""
    record = dict.fromkeys(RECORD, "zqxbefore")
    ids = [make_account(ctx.db, name, id=number, **record) for number, name in enumerate(("sally", "work"), 1)]
    for account_id in ids:
        choose(ctx.db, account_id, anyone=FIELDS)
    link(ctx.db, ids[1], ids[0])
    ingest.register_source(ctx, "forum", "Forum", Area.FORUM, NOW)
    with ctx.db.transaction():
        save_identities(ctx.db, 1, [(f"a{number}", number, None) for number in ids], NOW)
    make_account(ctx.db, "rita", id=3)
    _report(ctx, ids, "zqxbefore")
    people_index.rebuild(ctx)
    return ctx


def _report(ctx: Context, ids: list[int], word: str) -> None:
    ingest.record_events(ctx, "forum", [
        Event(f"{word}-{kind}-{number}", f"a{number}", kind, NOW - 5, object=word, title=word)
        for number in ids
        for kind in (ActivityKind.ANSWER, ActivityKind.COURSE_COMPLETED, ActivityKind.BADGE, ActivityKind.CERTIFICATION)
    ], NOW)  # fmt: skip


def _hide_and_change(ctx: Context, fields: Sequence[str]) -> None:
    for account_id in (1, 2):
        with ctx.db.transaction():
            choose(ctx.db, account_id, you=FIELDS)
            people_index.refresh(ctx, [account_id])
        set_columns(ctx.db, account_id, **dict.fromkeys(fields, OTHER))
    _report(ctx, [1, 2], OTHER)


@pytest.mark.parametrize("reader", READERS)
def test_t62_what_is_hidden_before_it_changes_is_shown_to_nobody_on_their_way(
    open_ctx: Context, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, sally, rita = open_ctx, by.log_in(open_ctx, 1), by.log_in(open_ctx, 3)
    fields = RECORD[1:] if reader in DIRECTORY else RECORD

    def read() -> str:
        try:
            return repr(READERS[reader](ctx, sally, rita))
        except NotFound:
            return ""

    assert "zqxbefore" in read()
    ctx.warm = WarmCache()
    real, calls = Context.gate, []

    def gate(self: Context, version: int | None = None) -> Gate:
        found = real(self, version)
        if version is not None and not calls:       # asked with what was read to decide
            calls.append(version)
            other = Context(ctx.db, ctx.manager, ctx.site)
            at_once(ctx.db, lambda: _hide_and_change(other, fields))
        return found

    monkeypatch.setattr(Context, "gate", gate)
    first = read()
    assert calls, "nobody decided"
    assert OTHER not in first
    after = read()
    assert OTHER not in after
    assert "zqxbefore" not in after


#: Functions that open a profile and read nothing of it themselves, with what does.
OTHERS = {
    "credentials.credential": "view_badges, which decides anew",
    "credentials._own": "set_published, in a transaction; switches, for the owner",
    "credentials._shown": "view_badges, which decides anew",
    "kudos._open": "open_giving; verbs in a transaction",
}


def test_t62_whatever_opens_a_profile_reads_it_at_that_moment() -> None:
    found = {}
    for path in sorted(Path(context.__file__).parent.glob("*.py")):
        for function in ast.parse(path.read_text()).body:
            if isinstance(function, ast.FunctionDef):
                calls = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                if "open_profile" in calls:
                    marks = {ast.unparse(mark) for mark in function.decorator_list}
                    found[f"{path.stem}.{function.name}"] = "at_one_moment" in marks
    assert len(found) > len(OTHERS)
    assert {name for name, is_marked in found.items() if not is_marked} == OTHERS.keys()
