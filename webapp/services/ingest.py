"""Recording what sources report, once each, and taking it back. What is counted from it: counting.py.

One transaction holds an event and everything counted from it. An event is known by (source, external_id): sending it
again changes nothing (I8). Events of actors without an account wait until their identity is given to one.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from policies.errors import Invalid, NotFound, Refused
from policies.terms import ActivityKind, Area, Event, Person, Retraction, Told
from webapp.services import emails
from webapp.services.context import Context
from webapp.services.counting import GIVEN, GROUP_KINDS, HELD, UNLISTED, count, count_giver
from webapp.store import identities, source_tokens
from webapp.store import ingest as store
from webapp.store.identities import IdentityRow
from webapp.store.ingest import ActivityRow, SourceRow

#: Events in one transaction; also the most that one call of the API may send.
BATCH = 1000
TITLE_LIMIT = 200
ID_LIMIT = 200
OBJECT_LIMIT = 300
URL_LIMIT = 2000
EMAIL_LIMIT = 254
#: How far a source's clock may run ahead, in seconds (T98).
AHEAD = 300

_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_ANY_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WEB = re.compile(r"https?://[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
#: Controls, direction marks and zero-width characters.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_KINDS = frozenset(kind.value for kind in ActivityKind)
_KUDOS = ActivityKind.KUDOS.value
#: Kinds that say what was completed, earned or joined: by the title where they name no object.
NAMED = frozenset({*HELD, *GROUP_KINDS})


class Result(StrEnum):
    """What became of an event."""

    CREATED = "created"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class Outcome(NamedTuple):
    """The answer for one event; `why` is a sentence for REFUSED, else empty."""

    external_id: str
    result: Result
    why: str = ""


def register_source(ctx: Context, name: str, label: str, area: Area, now: int) -> None:
    """Make a source known; one that exists stays as it is. Errors: Invalid for a name that is not like a host name."""
    if name == store.OWN_SOURCE:
        raise Invalid({"name": "This name stands for the site itself."})
    if not _SOURCE_NAME.fullmatch(name):
        raise Invalid({"name": "The name of a source has letters a-z, digits, dots, hyphens and underscores."})
    store.save_source(ctx.db, name, label, area.value, now)


def name_of_source(ctx: Context, source_id: int) -> str:
    """The name of a source. Errors: NotFound."""
    return store.name_of_source(ctx.db, source_id)


def record_events(ctx: Context, source_name: str, events: Iterable[Event], now: int) -> list[Outcome]:
    """Record events, in batches of up to 1,000 that each commit; one outcome per event, in order.

    Errors: NotFound for an unknown source.
    """
    _require_foreign(source_name)
    stream = iter(events)
    outcomes: list[Outcome] = []
    while batch := list(islice(stream, BATCH)):
        with _uncollected(), ctx.db.transaction():
            outcomes += _record(ctx, store.lock_source(ctx.db, source_name), batch, now)
    return outcomes


@contextmanager
def _uncollected() -> Iterator[None]:
    """A batch makes thousands of objects and hardly a circle: the collector would walk them over and over."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def take_hook(ctx: Context, source_name: str, told: Iterable[Told], digest: str, now: int) -> tuple[list[Outcome], int]:
    """Take in what a webhook told, once: (outcomes of its events, how many it took back). One transaction.

    `digest` stands for the webhook; one taken in before changes nothing, so a replay after a retraction neither.
    """
    told = list(told)
    events = [one for one in told if isinstance(one, Event)]
    with ctx.db.transaction():
        source = store.lock_source(ctx.db, source_name)
        if not store.note_hook(ctx.db, source.id, digest, now):
            return [Outcome(str(event.external_id)[:ID_LIMIT], Result.DUPLICATE) for event in events], 0
        outcomes = record_events(ctx, source_name, events, now)
        note_addresses(ctx, source_name, [(one.actor, one.email) for one in told if isinstance(one, Person)], now)
        gone = [
            retract_event(ctx, source_name, one.external_id, now, for_good=one.for_good)
            for one in told if isinstance(one, Retraction)
        ]  # fmt: skip
    return outcomes, sum(gone)


def forget_hooks(ctx: Context, before: int) -> None:
    """Forget which webhooks were taken in before a moment."""
    store.sweep_hooks(ctx.db, before)


def note_addresses(ctx: Context, source_name: str, said: Iterable[tuple[str, str]], now: int) -> None:
    """Note (actor, address) as a source says them: whoever proves such an address is offered the actor (D21).

    An actor met for the first time gets an identity without an account. What is no address is left out. Nothing is
    linked and nothing shown by it. Errors: NotFound (source).
    """
    _require_foreign(source_name)
    keys: dict[str, str] = {}
    for actor, email in said:
        if email and actor and len(actor) <= ID_LIMIT and not _ANY_CONTROL.search(actor):
            try:
                keys[actor] = emails.parse(email).key
            except Invalid:
                continue
    if not keys:
        return
    with ctx.db.transaction():
        source = store.lock_source(ctx.db, source_name)
        known = identities.load_identities(ctx.db, source.id, sorted(keys))
        new = sorted(keys.keys() - known.keys())
        identities.save_identities(ctx.db, source.id, ((actor, None, None) for actor in new), now)
        identities.set_emails(ctx.db, source.id, sorted(keys.items()))


def retract_event(ctx: Context, source_name: str, external_id: str, now: int, *, for_good: bool = False) -> bool:
    """Take an event back with all that was counted from it; False if there is none. Errors: NotFound (source).

    `for_good`: the source may not report it again.
    """
    _require_foreign(source_name)
    with ctx.db.transaction():
        source = store.lock_source(ctx.db, source_name)
        if for_good and external_id and len(external_id) <= ID_LIMIT:
            store.save_retracted(ctx.db, source.id, external_id, now)
        event = store.load_event(ctx.db, source.id, external_id)
        if event is None:
            return False
        _take_back(ctx, source, [event])
        return True


def attach_identity(ctx: Context, identity_id: int, account_id: int, now: int) -> int:
    """Give an identity to an account: its waiting events are counted there, and what it gave is known as given by it.

    Returns how many events were waiting. Errors: NotFound; Refused when the identity is buried or somebody else's.
    """
    db = ctx.db
    with db.transaction():
        source = store.lock_source(db, store.source_of_identity(db, identity_id))
        found = identities.load_identity(db, identity_id)
        if found is None or found[1].is_buried:
            raise Refused("rule_identity_lives", "The account of this identity was deleted.")
        actor, identity = found
        if identity.account_id is not None and identity.account_id != account_id:
            raise Refused("rule_identity_free", "This identity belongs to another account.")
        store.lock_accounts(db, [account_id])
        identities.set_account(db, identity_id, account_id)
        waiting = store.load_waiting(db, identity_id)
        store.delete_events(db, [event for event in waiting if _is_from(event, account_id)])
        store.set_receiver(db, identity_id, account_id)
        events = [_of(event, account_id, event.by_account_id) for event in waiting if not _is_from(event, account_id)]
        count(ctx, source, events, 1)
        store.save_kudos(db, source.id, [event.external_id for event in events if event.kind == ActivityKind.KUDOS])
        _know_giver(ctx, source, actor, account_id)
        return len(events)


def _require_foreign(source_name: str) -> None:
    """Nobody reports for this site: what is given here is written by services/kudos.py alone (T98)."""
    if source_name == store.OWN_SOURCE:
        raise NotFound(f"There is no source “{source_name}”.")


def _know_giver(ctx: Context, source: SourceRow, actor: str, account_id: int) -> None:
    given = store.load_given_by(ctx.db, source.id, actor)
    is_own = [event.account_id == account_id and event.kind in GIVEN for event in given]
    _take_back(ctx, source, [event for event, own in zip(given, is_own, strict=True) if own])
    others = [event for event, own in zip(given, is_own, strict=True) if not own]
    store.set_giver(ctx.db, others, account_id)
    count_giver(ctx, others, account_id)


def _take_back(ctx: Context, source: SourceRow, events: list[ActivityRow]) -> None:
    store.lock_accounts(ctx.db, [event.account_id for event in events if event.account_id is not None])
    store.delete_events(ctx.db, events)
    count(ctx, source, events, -1)


def _is_from(event: ActivityRow, account_id: int) -> bool:
    return event.kind in GIVEN and event.by_account_id == account_id


def _of(event: ActivityRow, account_id: int | None, by_account_id: int | None) -> ActivityRow:
    return ActivityRow(
        event.id, event.external_id, account_id, by_account_id, event.kind, event.at, event.object, event.title,
        event.url, event.listed,
    )  # fmt: skip


def _record(ctx: Context, source: SourceRow, batch: list[Event], now: int) -> list[Outcome]:
    db = ctx.db
    problems = [_problem(event, now) for event in batch]
    sound = [event for event, problem in zip(batch, problems, strict=True) if not problem]
    seen = store.load_known(db, source.id, [event.external_id for event in sound])
    gone = store.load_retracted(db, source.id, [event.external_id for event in sound])
    actors = {event.actor for event in sound} | {event.by for event in sound if event.by}
    known = identities.load_identities(db, source.id, sorted(actors))
    new: list[Event] = []
    outcomes: list[Outcome] = []
    created, duplicate = Result.CREATED, Result.DUPLICATE
    for event, problem in zip(batch, problems, strict=True):
        name = event.external_id
        is_seen = name in seen
        why = problem or (not is_seen and _refusal(event, known)) or ""
        if not why and name in gone:
            why = "The source took this event back for good."
        if why:
            outcomes.append(Outcome(str(name)[:ID_LIMIT], Result.REFUSED, why))
        elif is_seen:
            outcomes.append(Outcome(name, duplicate))
        else:
            seen.add(name)
            new.append(event)
            outcomes.append(Outcome(name, created))
    _store(ctx, source, new, known, now)
    note_addresses(ctx, source.name, [(event.actor, event.email) for event in sound if event.email], now)
    return outcomes


def _refusal(event: Event, known: Mapping[str, IdentityRow]) -> str:
    """Why an event that makes sense is not taken from these people, or an empty text."""
    receiver = known.get(event.actor)
    if receiver is not None and receiver.is_buried:
        return "The account of this actor was deleted."
    if event.by and event.kind in GIVEN:
        giver, account = known.get(event.by), receiver.account_id if receiver else None
        if event.by == event.actor or (giver is not None and account is not None and giver.account_id == account):
            return "Nobody gives likes or kudos to themselves."
    return ""


def _store(
    ctx: Context, source: SourceRow, events: list[Event], known: dict[str, IdentityRow], now: int
) -> None:
    """Store and count new events; actors met for the first time get an identity without an account."""
    db = ctx.db
    unknown = sorted({event.actor for event in events} - known.keys())
    if unknown:
        identities.save_identities(db, source.id, ((actor, None, None) for actor in unknown), now)
        known |= identities.load_identities(db, source.id, unknown)
    met = [known[name] for name in {name for event in events for name in (event.actor, event.by)} & known.keys()]
    store.lock_accounts(db, [one.account_id for one in met if one.account_id is not None])
    rows: list[tuple[object, ...]] = []
    counted: list[ActivityRow] = []
    for number, event in zip(store.new_ids(db, len(events)), events, strict=True):
        identity, giver, by_actor = known[event.actor], None, None
        if event.by:
            giver = known.get(event.by)
            by_actor = None if giver is not None and giver.is_buried else event.by
        kind, title = str(event.kind), _short(event.title)
        about = event.object or title if kind in NAMED else event.object
        row = ActivityRow(
            number, event.external_id, identity.account_id, None if giver is None else giver.account_id, kind,
            event.occurred_at, about, title, event.url, kind not in UNLISTED,
        )  # fmt: skip
        counted.append(row)
        rows.append((*row, source.id, identity.id, by_actor))
    store.save_events(db, rows)
    if rows:
        source_tokens.note_arrival(db, source.id, len(rows), now)
    count(ctx, source, counted, 1)
    kudos = [e.external_id for e in counted if e.kind == _KUDOS and e.account_id is not None]
    store.save_kudos(db, source.id, kudos)


def _short(title: str) -> str:
    """One clean line, cut at the limit."""
    if not title.isprintable():
        title = _UNSEEN.sub("", title)
    title = " ".join(title.split())
    return title if len(title) <= TITLE_LIMIT else title[: TITLE_LIMIT - 1].rstrip() + "…"


def is_id(text: str) -> bool:
    """Whether a source may call an event or a person so."""
    return 0 < len(text) <= ID_LIMIT and (text.isprintable() or not _holds_control(text))


def _holds_control(text: str) -> bool:
    return not text.isprintable() and _ANY_CONTROL.search(text) is not None


def _problem(event: Event, now: int) -> str:
    """Why an event cannot be taken, or an empty text (T98)."""
    ours, actor = event.external_id, event.actor
    quick = ours.isprintable() and 0 < len(ours) <= ID_LIMIT and actor.isprintable() and 0 < len(actor) <= ID_LIMIT
    if not quick and not (is_id(ours) and is_id(actor)):
        name = "actor" if is_id(event.external_id) else "externalId"
        return f"{name} is missing, longer than {ID_LIMIT} characters or holds control characters."
    kind = str(event.kind)      # a member of an enumeration is looked up four times as slowly
    if kind not in _KINDS:
        return "This kind of event is not known."
    if not 0 <= event.occurred_at <= now + AHEAD:
        return "occurredAt is in the future or before 1970."
    about, by = event.object, event.by
    if (about or by) and (len(about) > OBJECT_LIMIT or len(by) > ID_LIMIT or _holds_control(about + by)):
        return "object or by is too long or holds control characters."
    if event.url and (len(event.url) > URL_LIMIT or not _WEB.fullmatch(event.url)):
        return "url is not an http or https address."
    if kind in NAMED and not (event.object or _short(event.title)):
        return "object is missing: it names what was completed, earned or joined."
    return ""
