"""The daily mail: kudos one got, from whom as one may see it, and for what, never the words; and badges of rules.

A stranger's words in a mail of this site could lead anywhere, and mail is read on the way; they stand on the page.
"""

from __future__ import annotations

import logging
import re

from policies.terms import State
from webapp.services import mailer, viewing
from webapp.services.context import Context
from webapp.services.kudos_words import label_of
from webapp.services.notes import shown_faces
from webapp.store import awards
from webapp.store import kudos as store

log = logging.getLogger("vitrine.kudos")

#: Receivers looked for at once, and lines of one mail.
BATCH, LINES = 100, 10
#: A name that a mail program may turn into a link.
_LINK_LIKE = re.compile(r"\S[.:/\\]\S")


def tell_due(ctx: Context, now: int) -> int:
    """Write one mail to each account that got kudos or badges since the last one; how many. One that fails stops no
    other."""
    told = after = 0
    while waiting := store.load_waiting(ctx.db, after, BATCH):
        for receiver_id in waiting:
            try:
                told += _tell(ctx, receiver_id, now)
            except Exception as error:  # it is tried again at the next turn
                ctx.db.close_if_broken()
                log.error("the daily mail of account %s failed: %s", receiver_id, type(error).__name__)
        after = waiting[-1]
    return told


def _tell(ctx: Context, receiver_id: int, now: int) -> bool:
    """Whether there was something to tell and somebody who wants to be told."""
    with ctx.db.transaction():
        ids, badges = store.take_waiting(ctx.db, receiver_id), awards.take_waiting(ctx.db, receiver_id)
        standing = store.load_standing(ctx.db, receiver_id)
        if standing is None or standing.state != State.ACTIVE or not standing.email or standing.is_muted:
            return False
        notes = [note for note in store.load_some(ctx.db, ids) if note.hidden_at is None]
        if not notes and not badges:
            return False
        viewer = viewing.load_viewer(ctx, receiver_id)
        faces = shown_faces(ctx, ctx.gate(), viewer, [note.other for note in notes[:LINES]])
        lines = [
            (face.name if face and not _LINK_LIKE.search(face.name) else "A member", label_of(note.category))
            for note, face in zip(notes[:LINES], faces, strict=True)
        ]
        mailer.queue(
            ctx, standing.email, "daily", now, number=len(notes), lines=lines, more=len(notes) - len(lines),
            badges=badges[:LINES], more_badges=len(badges[LINES:]), badge_count=len(badges), handle=standing.handle,
            page=mailer.link(ctx, "/settings/kudos"), badges_page=mailer.link(ctx, f"/u/{standing.handle}/badges"),
        )
    return True
