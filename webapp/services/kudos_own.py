"""Settings > Kudos: what one got and gave; hide, show again, report, the daily mail. Giving is in kudos.py.

Whoever the gate calls the owner of the receiving account may hide and report what it got: on a profile what all its
accounts got, in a managed session its own only (D7). A silent account stands for itself, so that no admin sees by whom
its kudos were reported (D5). Whoever is on the other side passes the gate (T54).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.errors import NotFound, Refused
from policies.terms import Relation
from webapp.services import kudos
from webapp.services.context import Context
from webapp.services.cursors import seal, unseal
from webapp.services.kudos_words import TAKE_BACK
from webapp.services.notes import note_of, shown_faces
from webapp.services.sessions import Session
from webapp.services.views import KudosNote
from webapp.store import audit, profiles
from webapp.store import kudos as store

PAGE = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page; `note.giver` is whoever is on the other side. `until`: may be taken back till then."""

    word: str
    note: KudosNote
    is_hidden: bool = False
    is_reported: bool = False
    is_kept: bool = False
    until: int | None = None


@dataclass(frozen=True, slots=True)
class OwnView:
    """The page; `next_cursor`: of the page with older ones received, or None."""

    received: tuple[Line, ...]
    given: tuple[Line, ...]
    next_cursor: str | None
    is_first: bool
    is_muted: bool
    handle: str


def view_own(ctx: Context, session: Session, now: int, cursor: str | None = None) -> OwnView:
    """The newest kudos received, or those older than a cursor, and on the first page the newest given."""
    use = f"kudos received:{session.account_id}"
    after = unseal(ctx.site.secret_key, use, cursor)
    found = store.load_side(ctx.db, "received", _own_ids(ctx, session), after, PAGE + 1)
    page, more = found[:PAGE], len(found) > PAGE
    given = store.load_side(ctx.db, "given", (session.account_id,), None, PAGE) if after is None else []
    standing = store.load_standing(ctx.db, session.account_id)
    return OwnView(
        tuple(_lines(ctx, session, page, now)), tuple(_lines(ctx, session, given, now, is_given=True)),
        seal(ctx.site.secret_key, use, page[-1].at, page[-1].id) if more else None, after is None,
        standing is not None and standing.is_muted, session.handle,
    )  # fmt: skip


def view_line(ctx: Context, session: Session, word: str, now: int) -> Line:
    """One line of what was received, as it is now. Errors: NotFound."""
    row = _mine(ctx, session, word)
    return next(iter(_lines(ctx, session, store.load_some(ctx.db, [row.id]), now)))


def hide(ctx: Context, session: Session, word: str, now: int, *, hidden: bool) -> None:
    """Take the words of kudos off the profile, or show them again; they count all the same. Errors: NotFound."""
    with ctx.db.transaction():
        row = _mine(ctx, session, word)
        if (row.hidden_at is not None) != hidden:
            store.set_hidden(ctx.db, row, now if hidden else None)
            event = "kudos:hide" if hidden else "kudos:show"
            audit.record(ctx.db, event, now, actor_id=session.account_id, subject_id=session.account_id)


def report(ctx: Context, session: Session, word: str, now: int) -> None:
    """Hide kudos and put them before the admins, who then read them. Errors: NotFound, Refused (rule_kudos_kept)."""
    with ctx.db.transaction():
        row = _mine(ctx, session, word)
        if row.kept_at is not None:
            raise Refused("rule_kudos_kept", "An administrator has looked at these kudos.", "You can still hide them.")
        if row.reported_at is not None:
            return
        store.set_reported(ctx.db, row.id, now)
        store.set_hidden(ctx.db, row, row.hidden_at or now)
        audit.record(ctx.db, "kudos:report", now, actor_id=session.account_id, subject_id=session.account_id)


def mute(ctx: Context, session: Session, now: int, *, muted: bool) -> None:
    """No daily mail about kudos and badges for the account that is logged in, or again one."""
    with ctx.db.transaction():
        store.set_mute(ctx.db, session.account_id, now if muted else None)
        audit.record(
            ctx.db, "kudos:mute" if muted else "kudos:unmute", now, actor_id=session.account_id,
            subject_id=session.account_id,
        )  # fmt: skip


def _own_ids(ctx: Context, session: Session) -> tuple[int, ...]:
    group = profiles.load_group_of(ctx.db, session.account_id)
    if group is None:
        raise NotFound
    if group.asked.silent:
        return (group.asked.id,)
    gate = ctx.gate(group.version)
    return tuple([
        member.id for member in (group.primary, *group.linked)
        if not member.silent and gate.relation(session.viewer, group.subject(member)) is Relation.OWNER
    ])  # fmt: skip


def _mine(ctx: Context, session: Session, word: str) -> store.Kudos:
    row = kudos.find(ctx, session, word)
    if row.receiver_id not in _own_ids(ctx, session):
        raise NotFound
    return row


def _lines(
    ctx: Context, session: Session, notes: Sequence[store.Note], now: int, *, is_given: bool = False
) -> list[Line]:
    faces = shown_faces(ctx, ctx.gate(), session.viewer, [note.other for note in notes])
    return [
        Line(
            kudos.word_of(ctx, session, note.at, note.id),
            note_of(note.message, note.category, note.at, face),
            note.hidden_at is not None and not is_given, note.reported_at is not None and not is_given,
            note.kept_at is not None and not is_given,
            note.at + TAKE_BACK if is_given and note.is_ours and now - note.at <= TAKE_BACK else None,
        )
        for note, face in zip(notes, faces, strict=True)
    ]  # fmt: skip
