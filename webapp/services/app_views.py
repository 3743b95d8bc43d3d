"""What an app sees: its type's audience, narrowed by the member whose token it holds, widened by that member's ticks.

community app: what Anyone sees. Organization app: as a colleague in its organization. With a member's token, of other
people the narrowest of type, that member's own view and scope; of the member's own record what the type sees plus the
ticked fields, cut by scope (D16, S83-S85, T95). No token at all: Anyone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from policies.terms import ANONYMOUS, Field, Subject, Viewer
from policies.visibility import Gate
from webapp.services.context import Context
from webapp.services.grants import Bearer, open_to_ticks
from webapp.services.viewing import load_viewer
from webapp.store.profiles import COLUMNS

READ_PROFILES = "profiles:read"
READ_ME = "me:read"


@dataclass(frozen=True, slots=True)
class Looker:
    """Who reads through the API.

    kind: the viewer that the app's type stands for; others: the same as far as the token's scope reaches to others
    member: whose token it is, None for an app as itself; ticked: bits of the member's own record shown by consent
    """

    kind: Viewer = ANONYMOUS
    others: Viewer = ANONYMOUS
    member: Viewer | None = None
    ticked: int = 0

    @property
    def directory(self) -> Viewer:
        """The viewer of lists: of organizations only those that the type and the member both belong to."""
        if self.member is None:
            return self.others
        return replace(self.member, organizations=self.member.organizations & self.others.organizations)


ANYBODY = Looker()


def given_fields(gate: Gate) -> tuple[Field, ...]:
    """The fields of a record that answers to apps can hold: the core's, and of plugins what members type into."""
    return tuple([
        field for field in gate.fields
        if field.name in gate.bit and not field.section and (field.typed or field.name in COLUMNS)
    ])  # fmt: skip


def looker_of(ctx: Context, bearer: Bearer | None) -> Looker:
    """The looker behind a token; one statement if it is a member's."""
    if bearer is None:
        return ANYBODY
    kind = ANONYMOUS
    if bearer.app_type == "organization" and bearer.organization_id is not None:
        kind = Viewer(organizations=frozenset({bearer.organization_id}))
    if bearer.account_id is None:
        return Looker(kind, kind)
    member = load_viewer(ctx, bearer.account_id)
    others = kind if READ_PROFILES in bearer.scopes else ANONYMOUS
    return Looker(kind, others, member, bearer.ticked if READ_ME in bearer.scopes else 0)


def mask_of(gate: Gate, looker: Looker, subject: Subject) -> int:
    """Bits of the subject's fields shown to the looker."""
    member = looker.member
    if member is not None and member.account_id == subject.account_id:
        shown = gate.mask(looker.kind, subject)
        return shown | looker.ticked & open_to_ticks(gate, subject) if looker.ticked else shown
    shown = gate.mask(looker.others, subject)
    return shown if member is None else shown & gate.mask(member, subject)


def work_of(gate: Gate, looker: Looker, subject: Subject) -> int:
    """Bits of a linked account's work details shown to the looker (D12)."""
    shown = gate.work_block(looker.others, subject)
    return shown if looker.member is None else shown & gate.work_block(looker.member, subject)


def mask_for(ctx: Context, gate: Gate, bearer: Bearer | None, subject: Subject) -> int:
    """Bits of the subject's fields shown to the holder of a token."""
    return mask_of(gate, looker_of(ctx, bearer), subject)
