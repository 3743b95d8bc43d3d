"""The view dataclasses that templates receive: what a viewer may see, already decided. No models, no queries, no HTML.

A value that the viewer may not see is not in the view at all: the attribute is None, the tuple empty, the section not
in `sections`. Templates never ask who is looking; they draw what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

from policies.sections import SectionData

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def view(cls: type[T]) -> type[T]:
    """A dataclass that nobody changes. The type checker sees to that: a frozen one takes four times as long to make,
    and a page is made of a hundred."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


#: Sections of the profile page in source order; each is also a fragment at /u/<handle>/<section>.
SECTIONS = (
    "about", "find-me", "products", "work", "stats", "milestones", "designation", "heatmap", "courses",
    "certifications", "kudos", "groups", "recent", "extras",
)


@view
class AvatarView:
    """A picture or, where none may be shown, the first letter of the shown name on reeded glass."""

    letter: str
    url: str | None = None          # /avatar/<random key>.webp; None: draw the letter


@view
class LinkView:
    """One entry of Where to find me. `url` is http, https or mailto; `text` shows punycode for foreign hosts."""

    label: str
    text: str
    url: str
    icon: str = "link"              # globe | code | link | mail


@view
class FactView:
    """One shown record field: `field` is the gate's name, `audience` who else sees it (only filled for the owner)."""

    field: str
    label: str
    value: str
    icon: str
    audience: str = ""              # "anyone" | "organization" | "only_you"; "" for everybody but the owner


@view
class WorkBlock:
    """Work details of a linked account, shown to colleagues of that organization only (D12)."""

    organization: str
    slug: str
    facts: tuple[FactView, ...]


@view
class StatView:
    metric: str                     # data-metric
    label: str
    value: int
    url: str | None = None          # total posts opens all activity (S18)


@view
class MilestoneView:
    """One gem on a shelf. `earned` gems have data-badge="metric:value"; the next one fills up (`have` of `value`)."""

    metric: str
    value: int
    tier: int
    earned: bool
    have: int
    at: int | None = None           # unix seconds, when one account alone crossed it


@view
class ShelfView:
    metric: str
    label: str                      # "Answers"
    singular: str
    plural: str
    total: int
    gems: tuple[MilestoneView, ...]


@view
class HeldView:
    """A course, certification, designation, group or badge held."""

    item: str                       # stable identity within its kind
    title: str
    at: int | None = None
    url: str | None = None
    source: str = ""                # label of the source
    until: int | None = None
    retired: bool = False


@view
class LevelView:
    number: int
    name: str
    points: int
    at: int
    next_at: int | None             # None on the last level


@view
class KudosNote:
    """One message of peer kudos. `giver` is None where the giver's own profile shows no name: "A member" (T54)."""

    message: str
    at: int
    giver: str | None = None
    giver_url: str | None = None
    avatar: AvatarView | None = None
    category: str = ""


@view
class KudosView:
    received: int
    givers: int
    latest: tuple[KudosNote, ...] = ()


@view
class ActivityRow:
    kind: str                       # data-activity-kind
    area: str                       # forum | learning | event
    source: str                     # label
    title: str
    url: str | None
    at: int
    what: str                       # "Answer accepted", "Completed the course"


@view
class HeatMonth:
    month: str                      # "2025-05"
    forum: int
    learning: int
    event: int

    @property
    def all(self) -> int:
        return self.forum + self.learning + self.event


@view
class HeatmapView:
    """53 weeks of 7 days, Monday first; None for days outside the range."""

    first_day: str                  # ISO date of weeks[0][0]
    weeks: tuple[tuple[int | None, ...], ...]
    months: tuple[HeatMonth, ...]
    total: int
    longest_run: int


@view
class ExtraView:
    """A field or section of a plugin. `template`: text | list | tiles | stats | table; `audience` as of FactView."""

    field: str
    label: str
    template: str
    data: SectionData
    audience: str = ""


@view
class OwnerView:
    """What only the owner's own page adds: controls, audiences, private state. Never present for anybody else."""

    private: bool
    keep_name: bool
    linked: int                     # accounts behind the profile, 1 when none is linked
    is_insider: bool                # a managed session on the shared record (D7)
    flagged: bool = False
    audiences: dict[str, str] = field(default_factory=dict)     # field -> "anyone" | "organization" | "only_you"


@view
class ProfileView:
    """The whole profile page for one viewer."""

    handle: str
    name: str                       # displayName, never empty (S82)
    avatar: AvatarView
    member_since: int | None
    locale_dir: str
    noindex: bool
    unclaimed: bool
    only_name: bool                 # private, outsider: name (and picture) and nothing else (S31)
    description: str                # for meta and OpenGraph, from shown values only
    data: Mapping[str, object] | None = None    # schema.org's ProfilePage, from shown values; None: not to be indexed
    bio: str | None = None
    facts: tuple[FactView, ...] = ()
    email: FactView | None = None
    links: tuple[LinkView, ...] = ()
    products: tuple[str, ...] = ()
    work: tuple[WorkBlock, ...] = ()
    stats: tuple[StatView, ...] = ()
    shelves: tuple[ShelfView, ...] = ()
    badge_count: int = 0
    badges: tuple[HeldView, ...] = ()           # awarded by sources or rules with a memory
    designations: tuple[HeldView, ...] = ()
    certifications: tuple[HeldView, ...] = ()
    courses: tuple[HeldView, ...] = ()
    course_count: int = 0
    groups: tuple[HeldView, ...] = ()
    level: LevelView | None = None
    kudos: KudosView | None = None
    heatmap: HeatmapView | None = None
    recent: tuple[ActivityRow, ...] = ()
    extras: tuple[ExtraView, ...] = ()          # what plugins add
    sections: frozenset[str] = frozenset()      # names of SECTIONS that have something to draw
    owner: OwnerView | None = None


@view
class ActivityPage:
    """All activity of a profile, newest first, keyset paged (S18)."""

    handle: str
    name: str
    avatar: AvatarView
    rows: tuple[ActivityRow, ...]
    next_cursor: str | None
    source: str | None
    kind: str | None
    sources: tuple[tuple[str, str], ...]        # (name, label) that can be chosen
    kinds: tuple[tuple[str, str], ...]
    noindex: bool = False


@view
class BadgesPage:
    """Every badge of a profile: milestone shelves, course badges, awarded badges."""

    handle: str
    name: str
    avatar: AvatarView
    shelves: tuple[ShelfView, ...]
    badges: tuple[HeldView, ...]
    courses: tuple[HeldView, ...]
    certifications: tuple[HeldView, ...]
    noindex: bool = False


@view
class Moved:
    """The handle leads to another address: 302, no-store (an old handle, or a linked account's)."""

    handle: str


@view
class MemberBar:
    """The signed-in viewer's own menu: shell only, never cached with a profile."""

    handle: str                     # of the profile the menu leads to
    name: str
    avatar: AvatarView
    is_admin: bool
    csrf_token: str = ""
    is_flagged: bool = False        # the primary of their linked accounts turned managed (D6)
    has_admin_area: bool = False    # an admin of the site or of an organization
