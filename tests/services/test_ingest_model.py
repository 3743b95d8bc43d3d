"""Ingest against a brute-force count: random events with duplicates, shuffles, retractions and late identities."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.manager import PolicyManager
from policies.terms import ActivityKind as K
from policies.terms import Area, Event
from tests.conftest import NOW
from webapp.services import ingest, repair
from webapp.services.context import Context, Site
from webapp.store import accounts
from webapp.store.database import Database
from webapp.store.filing import load_days

SOURCES = ("forum.example", "school.example")
ACTORS = ("ann", "ben", "cem", "new")
#: Kinds that have to meet in one history; each history takes one of these sets.
THEMES = (
    (K.ANSWER, K.ANSWER, K.ACCEPTED_SOLUTION), (K.LIKE_RECEIVED, K.KUDOS), (K.GROUP_JOINED, K.GROUP_LEFT),
    (K.COURSE_COMPLETED, K.CERTIFICATION, K.BADGE), tuple(K),
)  # fmt: skip
LADDER = (1, 10, 25, 50)
GIVEN = (K.LIKE_RECEIVED, K.KUDOS)
HELD = "account_id, kind, item, at, events"
CROSSING = "account_id, metric, value, at"
TABLES = (
    "source_hour", "retracted", "kudos", "held", "pair_counter", "crossing", "activity_year", "filed", "activity",
    "identity", "source", "handle", "account",
)  # fmt: skip


@pytest.fixture
def ctx(db: Database) -> Context:
    return Context(db, PolicyManager(), Site())


@dataclass
class World:
    """The oracle: keeps every accepted event and counts from nothing each time it is asked."""

    owner: dict[tuple[str, str], str] = field(default_factory=dict)
    events: dict[tuple[str, str], Event] = field(default_factory=dict)

    def is_own(self, source: str, event: Event) -> bool:
        if event.kind not in GIVEN or not event.by:
            return False
        giver, receiver = self.owner.get((source, event.by)), self.owner.get((source, event.actor))
        return event.by == event.actor or (giver is not None and giver == receiver)

    def record(self, source: str, event: Event) -> str:
        if (source, event.external_id) in self.events:
            return "duplicate"
        if self.is_own(source, event):
            return "refused"
        self.events[source, event.external_id] = event
        return "created"

    def attach(self, source: str, actor: str, account: str) -> None:
        self.owner[source, actor] = account
        self.events = {key: event for key, event in self.events.items() if not self.is_own(key[0], event)}

    def totals(self) -> dict[str, Any]:
        counters: dict[str, Counter[str]] = {}
        pairs: Counter[tuple[str, str, str]] = Counter()
        days: Counter[tuple[str, int]] = Counter()
        times: dict[tuple[str, str], list[int]] = {}
        held: dict[tuple[str, str, str], list[int]] = {}
        groups: dict[tuple[str, str], list[tuple[int, str, bool]]] = {}
        for (source, _), e in self.events.items():
            who = self.owner.get((source, e.actor))
            if who is None:
                continue
            own = counters.setdefault(who, Counter())
            if e.kind in (K.ANSWER, K.QUESTION, K.ARTICLE, K.DISCUSSION):
                own["total_posts"] += 1
            metric = {
                K.ANSWER: "answers", K.ACCEPTED_SOLUTION: "accepted_solutions", K.ARTICLE: "articles",
                K.LIKE_RECEIVED: "likes_received", K.KUDOS: "peer_kudos",
            }.get(e.kind)  # fmt: skip
            if metric:
                own[metric] += 1
                times.setdefault((who, metric), []).append(e.occurred_at)
            if e.kind in GIVEN and (giver := self.owner.get((source, e.by))):
                pairs[who, giver, e.kind] += 1
            if e.kind not in (*GIVEN, K.BADGE, K.GROUP_LEFT):
                days[who, e.occurred_at // 86400] += 1
            word = {K.COURSE_COMPLETED: "course", K.CERTIFICATION: "certification", K.DESIGNATION: "designation",
                    K.BADGE: "badge"}.get(e.kind)  # fmt: skip
            if word:
                held.setdefault((who, word, f"{source}:{e.object}"), []).append(e.occurred_at)
            if e.kind in (K.GROUP_JOINED, K.GROUP_LEFT):
                groups.setdefault((who, f"{source}:{e.object}"), []).append(
                    (e.occurred_at, e.external_id, e.kind == K.GROUP_JOINED)
                )
        items = {key: (min(at), len(at)) for key, at in held.items()}
        for (who, item), moves in groups.items():
            since: list[int] = []
            for at, _, joins in sorted(moves):
                since = [*since, at] if joins else []
            if since:
                items[who, "group", item] = (since[0], len(since))
        for (who, word, _), (at, _) in items.items():
            if word == "course":
                times.setdefault((who, "courses_completed"), []).append(at)
        crossings = {
            (who, metric, n): sorted(at)[n - 1] for (who, metric), at in times.items() for n in LADDER if n <= len(at)
        }
        return {
            "counters": {who: +own for who, own in counters.items() if +own},
            "pairs": dict(pairs), "days": dict(days), "held": items, "crossings": crossings,
            "kudos": sum(own["peer_kudos"] for own in counters.values()),
        }  # fmt: skip


def stored(ctx: Context, names: dict[int, str]) -> dict[str, Any]:
    """The same figures as they are kept in the database."""
    db = ctx.db
    counters = {}
    for row in db.rows(
        "SELECT account_id, answers, accepted_solutions, articles, likes_received, total_posts, peer_kudos FROM counter"
    ):
        words = ("answers", "accepted_solutions", "articles", "likes_received", "total_posts", "peer_kudos")
        own = +Counter(dict(zip(words, row[1:], strict=True)))
        if own:
            counters[names[row[0]]] = own
    pairs = {}
    for to, by, kudos, likes in db.rows("SELECT receiver_id, giver_id, kudos, likes FROM pair_counter"):
        assert kudos + likes > 0
        pairs |= {(names[to], names[by], K.KUDOS): kudos} if kudos else {}
        pairs |= {(names[to], names[by], K.LIKE_RECEIVED): likes} if likes else {}
    days: Counter[tuple[str, int]] = Counter()
    for (who, day, _), n in load_days(db).items():
        days[names[who], day] += n
    return {
        "counters": counters,
        "pairs": pairs,
        "days": dict(days),
        "held": {(names[r[0]], *r[1:3]): r[3:] for r in db.rows(f"SELECT {HELD} FROM held")},
        "crossings": {(names[r[0]], *r[1:3]): r[3] for r in db.rows(f"SELECT {CROSSING} FROM crossing")},
        "kudos": len(db.rows("SELECT id FROM kudos")),
    }


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Steps about events of one theme, most actors known from early on: (verb, source, what)."""
    kinds = draw(st.sampled_from(THEMES))
    numbers = st.integers(0, 40).map(str)
    event = st.builds(
        Event,
        external_id=numbers,
        actor=st.sampled_from(draw(st.sampled_from((ACTORS[:1], ACTORS)))),
        kind=st.sampled_from(kinds),
        occurred_at=st.integers(0, 4 * 86400),
        object=st.sampled_from(("a", "b")),
        by=st.sampled_from(("", *ACTORS)),
    )
    source = st.sampled_from(SOURCES)
    step = st.one_of(
        st.tuples(st.just("record"), source, st.lists(event, min_size=1, max_size=40)),
        st.tuples(st.just("retract"), source, numbers),
        st.tuples(st.just("retract"), source, numbers),
        st.tuples(st.just("attach"), source, st.sampled_from(ACTORS)),
    )
    known = [("attach", source, actor) for source in SOURCES for actor in ACTORS[:3]]
    first = [("record", source, draw(st.lists(event, min_size=10, max_size=40))) for source in SOURCES]
    return [*first, *known, *draw(st.lists(step, min_size=1, max_size=15))]


def account(ctx: Context, handle: str) -> int:
    made = accounts.insert(ctx.db, NOW, public_id=handle, handle=handle, public_name=handle, state="active")
    assert made is not None
    return made


def wipe(ctx: Context) -> None:
    for table in TABLES:
        ctx.db.execute(f"DELETE FROM {table}")


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=histories())
def test_i8_totals_equal_a_one_pass_count_after_any_history(ctx: Context, steps: list[Any]) -> None:
    """I5, I6, I8: duplicates, shuffles, retractions, late identities: kept sums are those of a count from nothing."""
    wipe(ctx)
    world = World()
    # ann and cem of the school are one person: two actors of one account.
    people = {"ann": "ann", "ben": "ben", "cem": "ann", "new": "new"}
    ids = {name: account(ctx, name) for name in ("ann", "ben", "new")}
    names = {number: name for name, number in ids.items()}
    for source in SOURCES:
        ingest.register_source(ctx, source, source, Area.FORUM, NOW)
    for verb, source, what in steps:
        if verb == "record":
            said = ingest.record_events(ctx, source, what, NOW)
            assert [outcome.result for outcome in said] == [world.record(source, event) for event in what]
        elif verb == "retract":
            was_there = world.events.pop((source, what), None) is not None
            assert ingest.retract_event(ctx, source, what, NOW) == was_there
        else:
            found = ctx.db.row(
                "SELECT i.id FROM identity i JOIN source s ON s.id = i.source_id WHERE s.name = ? AND i.actor = ?",
                (source, what),
            )
            if found:
                ingest.attach_identity(ctx, found[0], ids[people[what]], NOW)
                world.attach(source, what, people[what])
        assert stored(ctx, names) == world.totals()
    assert repair.find_differences(ctx) == []


