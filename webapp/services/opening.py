"""From a handle to a page: whose it is and what the gate shows of it, decided in one statement. No value is read here.

What is made of it: profiles.py, activity.py, badges.py.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from policies.terms import Relation, State, Subject, Viewer
from policies.visibility import Gate
from webapp.services import heatmap
from webapp.services.context import Context
from webapp.services.notes import LIVE, avatar_view, latest_notes
from webapp.services.views import AvatarView, KudosNote, Moved
from webapp.store import profiles as store
from webapp.store.profiles import NOBODY, Group, Member

HANDLE = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")


def canonical_handle(raw: str) -> str | None:
    """The handle as it is stored: lower case; None for what cannot be one."""
    handle = raw.lower()
    return handle if raw.isascii() and HANDLE.fullmatch(handle) else None


@dataclass(frozen=True, slots=True)
class OpenProfile:
    """A profile that this viewer may open: what the gate shows of it, decided; no value read yet.

    face: the account whose record the page shows; group: the accounts that count (a silent account stands alone)
    work: linked accounts with the bits of work details to show in a block (D12)
    """

    ctx: Context
    viewer: Viewer
    gate: Gate
    group: Group
    face: Member
    subject: Subject
    relation: Relation
    mask: int
    work: tuple[tuple[Member, int], ...]
    now: int
    is_preview: bool

    def shows(self, field: str) -> bool:
        """Whether the gate shows the field or section to this viewer; no such field: no."""
        bit = self.gate.bit.get(field)
        return bit is not None and bool(self.mask >> bit & 1)

    @property
    def noindex(self) -> bool:
        """Unclaimed, private or not to be found by choice."""
        return self.face.state == State.UNCLAIMED or self.subject.private or not self.face.searchable

    @property
    def is_own(self) -> bool:
        """The owner, or a managed session of the same group, sees the page as its own (D7)."""
        return self.relation >= Relation.INSIDER and not self.is_preview

    @property
    def key(self) -> Hashable | None:
        """What the rendered page depends on but for the kudos messages; None: not to be kept."""
        return None if self.is_own or self.is_preview else cache_key(self)

    def face_view(self) -> tuple[str, AvatarView]:
        """(display name, avatar), for the pages beside the profile. One statement."""
        values = store.load_values(self.ctx.db, self.face.id, self.names(("avatar", "full_name")))[0]
        name = self.gate.display_name(values.full_name, values.public_name)
        return name, avatar_view(name, values.avatar)

    def notes(self) -> tuple[KudosNote, ...]:
        """The newest kudos messages. They name other members by those members' levels: never kept."""
        group = self.group
        receivers = group.shown_ids if self.shows("kudos") else NOBODY
        return latest_notes(self.ctx, self.gate, self.viewer, receivers, group.ids)

    def names(self, fields: Sequence[str]) -> tuple[str, ...]:
        """Those of these fields that the gate shows, in the same order."""
        bit, mask = self.gate.bit, self.mask
        return tuple([name for name in fields if name in bit and mask >> bit[name] & 1])


def cache_key(opened: OpenProfile) -> Hashable:
    """The key of a rendered page in the memory of this process (whose templates do not change while it runs).

    (face, (id, row_version) of every account of the group, mask, masks of the work blocks, policy version, day).
    Everything on the page but the kudos messages moves one of them: writes to an account's record, settings, counters,
    items or activity raise its row_version, names of organizations and badge rules the policy version. Vetoes act
    through the mask.
    """
    group = opened.group
    return (
        opened.face.id,
        tuple([(member.id, member.row_version) for member in (group.primary, *group.linked)]),
        opened.mask,
        tuple([(member.id, bits) for member, bits in opened.work]),
        opened.gate.version,
        opened.now // heatmap.DAY,
    )


def open_profile(
    ctx: Context, viewer: Viewer, handle: str, now: int, *, as_viewer: Viewer | None = None
) -> OpenProfile | Moved | None:
    """What leads from a handle to a page, for this viewer: the page, another address, or nothing. One statement.

    None: answer as for a handle nobody ever had: deactivated, closing, deleted, a deactivated primary, private with the
    box unticked, linked to a private profile (D2, D5, D22). Moved: an old handle (D20), or a linked account's that is
    not silent. `as_viewer`: what somebody else would see, drawn for the owner
    and heeded for nobody else (D15).
    """
    known = canonical_handle(handle)
    if known is None:
        return None
    group = store.load_group(ctx.db, known)
    gate = ctx.gate(group.version)
    asked = group.asked
    face = asked if asked.silent else group.primary
    # All three are asked in any case, so that no answer comes sooner than another (T61).
    subject = group.subject(asked)
    hidden = not gate.is_findable(viewer, subject)
    if hidden | (asked.state not in LIVE) | (face.state not in LIVE):
        return None
    if face.handle != known:
        return Moved(face.handle)
    if face is not asked:
        subject = group.subject(face)
    if face.silent:
        group = group.alone(face)
    relation = gate.relation(viewer, subject)
    is_preview = as_viewer is not None and relation is Relation.OWNER
    if as_viewer is not None and is_preview:
        viewer, relation = as_viewer, gate.relation(as_viewer, subject)
        if not gate.is_findable(viewer, subject):
            return None
    work: list[tuple[Member, int]] = []
    if group.linked and (viewer.organizations or relation >= Relation.INSIDER):
        for member in group.linked:
            if member.state == State.ACTIVE and not member.silent:
                bits = gate.work_block(viewer, group.subject(member))
                if bits:
                    work.append((member, bits))
    return OpenProfile(
        ctx, viewer, gate, group, face, subject, relation, gate.mask(viewer, subject), tuple(work), now,
        is_preview,
    )  # fmt: skip
