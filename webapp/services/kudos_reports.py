"""Admin > Kudos: what receivers reported; remove it or keep it. Who reports: kudos_own.py.

An admin reads the words, because the receiver handed them over, and of giver and receiver what any member in the
admin's place would see: no name that is hidden (T54).
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import NotFound
from webapp.services import kudos
from webapp.services.context import Context
from webapp.services.notes import note_of, shown_faces
from webapp.services.sessions import Session
from webapp.services.views import KudosNote
from webapp.store import audit, ingest
from webapp.store import kudos as store

PAGE = 50


@dataclass(frozen=True, slots=True)
class Report:
    """Reported kudos. `to`, `to_url`: whose they are, None where that is not shown; `is_ours`: given on this site."""

    word: str
    note: KudosNote
    to: str | None
    to_url: str | None
    reported_at: int
    is_ours: bool


@dataclass(frozen=True, slots=True)
class ReportsView:
    """The page: the newest, and how many wait in all."""

    reports: tuple[Report, ...]
    total: int


def view_reports(ctx: Context, session: Session) -> ReportsView:
    """What waits for a look."""
    given = store.load_reported(ctx.db, "received", PAGE)
    got = {note.id: note.other for note in store.load_reported(ctx.db, "given", PAGE)}
    gate = ctx.gate()
    givers = shown_faces(ctx, gate, session.viewer, [note.other for note in given])
    receivers = shown_faces(ctx, gate, session.viewer, [got.get(note.id) for note in given])
    return ReportsView(
        tuple([
            Report(
                kudos.word_of(ctx, session, note.at, note.id), note_of(note.message, note.category, note.at, giver),
                receiver.name if receiver else None, receiver.url if receiver else None, note.reported_at or 0,
                note.is_ours,
            )
            for note, giver, receiver in zip(given, givers, receivers, strict=True)
        ]),
        store.count_reported(ctx.db),
    )  # fmt: skip


def settle(ctx: Context, session: Session, word: str, now: int, *, remove: bool) -> None:
    """Keep reported kudos, or remove them: what was given here goes whole, of what a source reported the words go.

    Errors: NotFound, also for what nobody reported or another admin has settled.
    """
    with ctx.db.transaction():
        source = kudos.lock_source(ctx, now)
        row = kudos.find(ctx, session, word)
        if row.reported_at is None or row.kept_at is not None:
            raise NotFound
        if not remove:
            store.set_kept(ctx.db, row.id, now)
        elif row.source == ingest.OWN_SOURCE:
            kudos.remove(ctx, source, row)
        else:
            store.take_words(ctx.db, row, now)
        # No subject: beside the report it could tell that the reporting account and the receiving one are linked (D5).
        audit.record(ctx.db, "kudos:remove" if remove else "kudos:keep", now, actor_id=session.account_id)
