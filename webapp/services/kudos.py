"""Giving kudos from a profile and taking them back. What one got: kudos_own.py; reports: kudos_reports.py.

Kudos are an event of the site's own source and are counted as every event is (counting.py): one way of counting. The
source's lock lets one be given at a time, so that two at once cannot both be the last of the week.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from policies.errors import Invalid, NotFound, Refused
from policies.terms import ActivityKind, Area, Relation, State
from webapp.services import texts
from webapp.services.context import Context, at_one_moment
from webapp.services.counting import count
from webapp.services.cursors import seal, unseal
from webapp.services.kudos_words import CATEGORIES, MESSAGE_LIMIT, TAKE_BACK, WEEK, WEEKLY, label_of
from webapp.services.opening import OpenProfile, open_profile
from webapp.services.sessions import Session
from webapp.services.views import AvatarView, Moved
from webapp.store import identities, ingest
from webapp.store import kudos as store
from webapp.store.ingest import OWN_SOURCE, ActivityRow, SourceRow

LABEL = "This site"


@dataclass(frozen=True, slots=True)
class JustGiven:
    """Kudos that can still be taken back; `word` names them in the giver's own requests."""

    word: str
    message: str
    category: str
    until: int


@dataclass(frozen=True, slots=True)
class GivingView:
    """The form. `refusal`: why there is none; `left` of `weekly` may be given now, the next is free at `free_at`."""

    handle: str
    name: str
    avatar: AvatarView
    refusal: str
    left: int
    weekly: int
    free_at: int | None
    limit: int
    categories: tuple[tuple[str, str], ...]
    given: JustGiven | None


@at_one_moment
def open_giving(ctx: Context, session: Session, handle: str, now: int) -> GivingView | Moved:
    """The form for the profile at `handle`. Errors: NotFound where this viewer sees no kudos, as for no profile."""
    opened = _open(ctx, session, handle, now)
    if isinstance(opened, Moved):
        return opened
    name, avatar = opened.face_view()
    times = store.load_given_since(ctx.db, session.account_id, now - WEEK)
    given = next(
        (note for note in store.load_side(ctx.db, "given", (session.account_id,), None, WEEKLY)
         if note.is_ours and note.other is not None and note.other.asked.id == opened.face.id
         and now - note.at <= TAKE_BACK),
        None,
    )  # fmt: skip
    refusal = _refusal(opened)
    return GivingView(
        opened.face.handle, name, avatar, "" if refusal is None else str(refusal), max(0, WEEKLY - len(times)), WEEKLY,
        times[len(times) - WEEKLY] + WEEK if len(times) >= WEEKLY else None, MESSAGE_LIMIT, tuple(CATEGORIES.items()),
        None if given is None else JustGiven(
            word_of(ctx, session, given.at, given.id), given.message, label_of(given.category), given.at + TAKE_BACK
        ),
    )  # fmt: skip


def give(ctx: Context, session: Session, handle: str, form: Mapping[str, str], now: int) -> Moved | None:
    """Give kudos to the profile at `handle`, from the account that is logged in; None when done, Moved before it.

    The same words sent once more while they can be taken back are the same kudos.

    Errors: NotFound where this viewer sees no kudos; Invalid (`category`, `message`); Refused.
    """
    problems: dict[str, str] = {}
    category, message = form.get("category", ""), ""
    if category not in CATEGORIES:
        problems["category"] = "Choose what the kudos are for."
    try:
        message = texts.line("message", form.get("message", ""), "message", MESSAGE_LIMIT)
        if not message:
            problems["message"] = "Write a few words: what are the kudos for?"
    except Invalid as error:
        problems |= error.errors
    db = ctx.db
    with db.transaction():
        source = lock_source(ctx, now)
        opened = _open(ctx, session, handle, now)
        if isinstance(opened, Moved):
            return opened
        giver = store.load_standing(db, session.account_id)
        if giver is None or giver.state != State.ACTIVE or giver.email is None:
            raise Refused("rule_kudos_giver", "This account cannot give kudos.")
        if (refusal := _refusal(opened)) is not None:
            raise refusal
        if problems:
            raise Invalid(problems)
        if store.is_given(db, session.account_id, opened.face.id, message, category, now - TAKE_BACK):
            return None         # the same form once more: they can still be taken back
        if len(store.load_given_since(db, session.account_id, now - WEEK)) >= WEEKLY:
            raise Refused("rule_kudos_allowance", f"You have given your {WEEKLY} kudos of these seven days.")
        _record(ctx, source, session.account_id, opened.face.id, message, category, now)
    return None


def take_back(ctx: Context, session: Session, word: str, now: int) -> None:
    """Take kudos back within the hour, as if they had never been given. Errors: NotFound, Refused."""
    with ctx.db.transaction():
        source = lock_source(ctx, now)
        row = find(ctx, session, word)
        if row.giver_id != session.account_id or row.source != OWN_SOURCE:
            raise NotFound
        if now - row.at > TAKE_BACK:
            raise Refused("rule_kudos_take_back", "Kudos can be taken back within an hour. These stay.")
        remove(ctx, source, row)


def remove(ctx: Context, source: SourceRow, row: store.Kudos) -> None:
    """Take kudos of this locked source away with all that was counted from them. Inside the caller's transaction."""
    event = ingest.load_event(ctx.db, source.id, row.external_id or "")
    if event is None:
        raise NotFound
    ingest.delete_events(ctx.db, [event])
    count(ctx, source, [event], -1)


def word_of(ctx: Context, session: Session, at: int, kudos_id: int) -> str:
    """How a session's requests name kudos: a number would tell how many the community gives."""
    return seal(ctx.site.secret_key, f"one kudos:{session.account_id}", at, kudos_id)


def find(ctx: Context, session: Session, word: str) -> store.Kudos:
    """The kudos that the word of this account names. Errors: NotFound."""
    place = unseal(ctx.site.secret_key, f"one kudos:{session.account_id}", word)
    row = None if place is None else store.load_one(ctx.db, place[1])
    if row is None:
        raise NotFound
    return row


def _open(ctx: Context, session: Session, handle: str, now: int) -> OpenProfile | Moved:
    opened = open_profile(ctx, session.viewer, handle, now)
    if isinstance(opened, Moved):
        return opened
    if opened is None or not opened.shows("kudos"):
        raise NotFound
    return opened


def _refusal(opened: OpenProfile) -> Refused | None:
    """Only whoever is at home here is told that it is their own: to any other session a linked account is a stranger,
    and kudos between the two do not count (D5, D9)."""
    if opened.relation >= Relation.INSIDER:
        return Refused("rule_kudos_self", "This is your own profile.", "Kudos go to other members.")
    if opened.face.state != State.ACTIVE:
        return Refused(
            "rule_kudos_unclaimed", "Nobody has claimed this profile yet.",
            "Kudos can be given once somebody is there to answer for it.",
        )
    return None


def lock_source(ctx: Context, now: int) -> SourceRow:
    """The site's own source, made when it is first needed, and locked."""
    ingest.save_source(ctx.db, OWN_SOURCE, LABEL, Area.FORUM.value, now)
    return ingest.lock_source(ctx.db, OWN_SOURCE)


def _record(
    ctx: Context, source: SourceRow, giver_id: int, receiver_id: int, message: str, category: str, now: int
) -> None:
    db = ctx.db
    standing = store.load_standing(db, receiver_id)
    if standing is None:
        raise NotFound
    actor = standing.public_id
    if actor not in (known := identities.load_identities(db, source.id, [actor])):
        identities.save_identities(db, source.id, [(actor, receiver_id, None)], now)
        known = identities.load_identities(db, source.id, [actor])
    ingest.lock_accounts(db, [receiver_id, giver_id])
    (number,) = ingest.new_ids(db, 1)
    event = ActivityRow(
        number, secrets.token_hex(16), receiver_id, giver_id, ActivityKind.KUDOS.value, now, "", "", "", False
    )
    ingest.save_events(db, [(*event, source.id, known[actor].id, None)])
    count(ctx, source, [event], 1)
    store.add(db, event, source.id, message, category)
