"""Messages of peer kudos as one viewer may see them: every giver passes the gate as the subject of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies.terms import Relation, State, Viewer
from policies.visibility import Gate
from webapp.services.context import Context
from webapp.services.kudos_words import label_of
from webapp.services.views import AvatarView, KudosNote
from webapp.store import kudos as store
from webapp.store.profiles import Group, Member, load_faces

LATEST = 3
LIVE = frozenset({State.ACTIVE, State.UNCLAIMED})


def avatar_view(name: str, key: str | None) -> AvatarView:
    """The picture of that key, or the first letter of the shown name."""
    letter = next((character for character in name if character.isalnum()), name[:1])
    return AvatarView(letter.upper()[:1], f"/avatar/{key}.webp" if key else None)


def latest_notes(
    ctx: Context, gate: Gate, viewer: Viewer, receivers: Sequence[int], within: Sequence[int], limit: int = LATEST
) -> tuple[KudosNote, ...]:
    """The newest messages to these accounts. Two statements, one where there is no message.

    `within`: the whole group, silent accounts too: what it gave itself is in no sum and so in no quotation (D9).
    The giver is named as the profile their address leads to, and only if that profile is there for this viewer and not
    private: a private giver is "A member", whatever the name-and-picture box says (T54).
    """
    found = store.load_notes(ctx.db, receivers, within, limit)
    if not found:
        return ()
    notes = []
    faces = shown_faces(ctx, gate, viewer, [group for *_, group in found])
    for (message, category, at, _), face in zip(found, faces, strict=True):
        notes.append(note_of(message, category, at, face))
    return tuple(notes)


def note_of(message: str, category: str, at: int, face: Face | None) -> KudosNote:
    """A message from whoever may be named."""
    if face is None:
        return KudosNote(message, at, category=label_of(category))
    return KudosNote(message, at, face.name, face.url, avatar_view(face.name, face.avatar), label_of(category))


@dataclass(frozen=True, slots=True)
class Face:
    """Somebody as this viewer may see them: shown name, page, key of the picture if it is shown."""

    name: str
    url: str
    avatar: str | None


def shown_faces(
    ctx: Context, gate: Gate, viewer: Viewer, groups: Sequence[Group | None]
) -> list[Face | None]:
    """The profiles that stand for the asked accounts of these groups, None for "A member". One statement."""
    bit = gate.bit
    faces: list[Member | None] = []
    named, pictured = [], []
    for group in groups:
        face, mask = _face(gate, viewer, group)
        faces.append(face)
        if face is not None and mask >> bit["full_name"] & 1:
            named.append(face.id)
        if face is not None and mask >> bit["avatar"] & 1:
            pictured.append(face.id)
    values = load_faces(ctx.db, [face.id for face in faces if face is not None], named, pictured)
    shown: list[Face | None] = []
    for face in faces:
        if face is None or face.id not in values:
            shown.append(None)
            continue
        public_name, full_name, key = values[face.id]
        shown.append(Face(gate.display_name(full_name, public_name), f"/u/{face.handle}", key))
    return shown


def _face(gate: Gate, viewer: Viewer, group: Group | None) -> tuple[Member | None, int]:
    """The account whose profile stands for the giver, and what of it is shown; None for "A member"."""
    if group is None:
        return None, 0
    face = group.asked if group.asked.silent else group.primary
    if face.state not in LIVE:
        return None, 0
    subject = group.subject(face)
    if subject.private and gate.relation(viewer, subject) < Relation.INSIDER:
        return None, 0
    return face, gate.mask(viewer, subject)
