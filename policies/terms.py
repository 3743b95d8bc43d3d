"""The words of the project as frozen dataclasses and enums. What is decided about them lives elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path

#: Every field bit of a signed 64-bit column: nothing held back.
ALL: int = 2**63 - 1


class Level(IntEnum):
    """The widest audience of a field. Wider implies narrower; the owner always sees (S77, S78)."""

    ONLY_YOU = 0
    ORGANIZATION = 1
    ANYONE = 2


class Kind(StrEnum):
    """Managed: the e-mail's domain is verified by an organization; all others are personal (S76)."""

    PERSONAL = "personal"
    MANAGED = "managed"


class State(StrEnum):
    """The life of an account."""

    UNCLAIMED = "unclaimed"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    CLOSING = "closing"
    DELETED = "deleted"


class Relation(IntEnum):
    """What a viewer is to a subject. INSIDER: a managed session of the same group on a record not its own (D7)."""

    OUTSIDER = 0
    COLLEAGUE = 1
    INSIDER = 2
    OWNER = 3


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the visibility matrix.

    `section`: an achievement section, shared by a link group; else a field of an account's own record.
    `work`: part of the work details a colleague sees of a linked account (D12).
    `typed`: up to so many characters (at most 2,000) are what members type into it on Edit profile, plain text, which
    the core keeps and shows; 0: what it shows is `section_data`'s to say. `hint`: a line below the input.
    """

    name: str
    label: str
    section: bool = False
    work: bool = False
    typed: int = 0
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. `account_id`: the account logged in; `profile_id`: its group's primary (itself if unlinked).

    `organizations`: those whose colleague the viewer is (D12): of a managed session its own only; of another session
    those of all active managed accounts of the group. No account at all is `ANONYMOUS`.
    """

    account_id: int | None = None
    profile_id: int | None = None
    is_managed: bool = False
    organizations: frozenset[int] = frozenset()


ANONYMOUS = Viewer()


@dataclass(frozen=True, slots=True)
class Settings:
    """What an account's row holds for the gate; nothing of a default is copied into it (D11).

    base_version: policy version up to which everything is folded into the caps
    chosen, chosen_anyone, chosen_org: bits of the owner's own choices
    cap_anyone, cap_org: bits not held back (D19); a 0 hides until the owner acts on that field
    private, keep_name: the private switch and its box *Keep my name and picture visible* (S29-S31)
    """

    base_version: int
    chosen: int = 0
    chosen_anyone: int = 0
    chosen_org: int = 0
    cap_anyone: int = ALL
    cap_org: int = ALL
    private: bool = False
    keep_name: bool = True


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose data: one account's record as the gate sees it.

    profile_id: the primary of its group (itself if unlinked); also for a silent account.
    held_anyone, held_org: AND of `link_cap_*` over the accounts linked to it, silent ones too; ALL when none.
    private, keep_name: of the profile it belongs to. Primary or unlinked: its own, or any `link_private` of the
    accounts linked to it. Linked: its primary's. Silent: its own.
    """

    account_id: int
    profile_id: int
    domain_id: int | None
    settings: Settings
    held_anyone: int = ALL
    held_org: int = ALL
    private: bool = False
    keep_name: bool = True
    silent: bool = False
    created_at: int | None = None


@dataclass(frozen=True, slots=True)
class LinkHold:
    """What a link holds back on the primary, kept on the linked account's row and gone with the link (S51, D10).

    cap_anyone, cap_org (columns link_cap_*): section bits that the link leaves open
    private (link_private): this link makes the profile private
    edit_self, edit_primary (link_edit_*): both accounts' edit_version when the link was made; None: never equal
    """

    cap_anyone: int = ALL
    cap_org: int = ALL
    private: bool = False
    edit_self: int | None = None
    edit_primary: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A row of the append-only policy log.

    op, scope, and what the other columns hold:
    cell, lock   scope personal | managed | org:<id>; bit; level, None = inherit / unlocked
    domain       scope domain:<id>; value = organization id or None
    base         scope personal | managed | fixed:personal | fixed:managed; bit, level, value: see timeline.py
    undo         value = version undone; scope "" ; that row's undone_at is this version
                 of a base row: bit = the one field for which it is undone; undone_at stays empty
    """

    version: int
    op: str
    scope: str
    bit: int | None = None
    level: int | None = None
    value: int | None = None
    undone_at: int | None = None


class Why(StrEnum):
    """Why a field is shown or not (D15), in the order asked. The first three belong to one viewer, the rest to a level.

    UNKNOWN: no such field, or one without a bit yet (D14)
    """

    UNKNOWN = "unknown"
    OWNER = "owner"
    VETO = "veto"
    PRIVATE = "private"
    LOCKED = "locked"
    HELD = "held"
    CHOSEN = "chosen"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Reason:
    """The owner's explanation of one field. `organization`: id of the locking or defaulting organization, if one.

    `wanted` is what would hold if the owner accepted; it differs from `level` only where something is held.
    """

    field: str
    level: Level
    why: Why
    kind: Kind
    wanted: Level
    organization: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer for one field. `value` is None where `shown` is False.

    `reason` and `source` are for the owner, never for the viewer: what decided, and who (owner | site |
    organization:<id> | the names of the plugins that vetoed).
    """

    shown: bool
    value: object = None
    reason: Why = Why.UNKNOWN
    source: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a veto is asked: who looks at whom. It names no link and holds no value.

    `age`: seconds since the account was made, None where that is not known.
    """

    viewer_id: int | None
    viewer_organizations: frozenset[int]
    account_id: int
    kind: Kind
    organization: int | None
    relation: Relation
    age: int | None = None


@dataclass(frozen=True, slots=True)
class Veto:
    """A plugin's veto: `ask` returns the names of the fields to hide from everybody but the owner (tuple, list or set).

    `name`: members read it on Settings > Profile and visibility, as what hides their field.
    `about`: the fields it may ever hide; empty: all. A function that raises, is late, or names a field that does not
    exist or is not in `about`, hides everything it was asked about.
    """

    name: str
    ask: Callable[[Question], Collection[str]]
    about: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class PrivateVeto:
    """What stays of a private profile while its box is ticked; compiled to a mask, never called (S31)."""

    name: str
    keeps: Collection[str]


class Area(StrEnum):
    """The kinds of places a community has (S1)."""

    FORUM = "forum"
    LEARNING = "learning"
    EVENT = "event"


class ActivityKind(StrEnum):
    """What a source may report."""

    QUESTION = "question"
    ANSWER = "answer"
    ACCEPTED_SOLUTION = "accepted_solution"
    ARTICLE = "article"
    DISCUSSION = "discussion"
    COMMENT = "comment"
    LIKE_RECEIVED = "like_received"
    COURSE_COMPLETED = "course_completed"
    CERTIFICATION = "certification"
    DESIGNATION = "designation"
    GROUP_JOINED = "group_joined"
    GROUP_LEFT = "group_left"
    EVENT_ATTENDED = "event_attended"
    KUDOS = "kudos"
    BADGE = "badge"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody a source knows, by its own `actor`; `network` joins one person's actors across sites, if known.

    `email`: the address that the source knows this actor by. It is shown to nobody; whoever proves that address is
    offered what this actor did (D21). A webhook's Person tells of the address alone: it raises nobody.
    """

    actor: str
    name: str
    handle_hint: str = ""
    bio: str = ""
    location: str = ""
    website: str = ""
    joined_at: int | None = None
    network: str | None = None
    email: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened at a source. `occurred_at` in unix seconds UTC.

    `external_id` is unique within the source. `object`: stable identity of the course, certification, designation,
    group, event or post; `by`: the giver's actor; `email`: the actor's address, as in Person.
    """

    external_id: str
    actor: str
    kind: ActivityKind
    occurred_at: int
    object: str = ""
    title: str = ""
    url: str = ""
    by: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Retraction:
    """Takes the event of that `external_id` back, with all that was counted from it.

    `for_good`: it is not taken again either, also where it comes later than this.
    """

    external_id: str
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row of a dump that stands for no person or event here, and why, in words that can be counted and printed."""

    why: str


#: Reads a dump: (folder, site) -> people and events, streamed, every person before the first event that names them.
Reader = Callable[[Path, str], Iterable[Person | Event | Retraction | Skipped]]


class BadSignature(Exception):
    """A webhook is not signed as its source signs: nothing of it is taken."""


#: What a webhook may tell.
Told = Event | Retraction | Person
#: Reads a webhook: (body, headers with names in lower case, the secret shared with the source) -> what it tells. It
#: verifies the signature first and raises BadSignature; for a body that makes no sense it raises ValueError.
Receiver = Callable[[bytes, Mapping[str, str], str], Collection[Told]]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A place that reports activity. `read` is given when its dumps can be imported from a folder, `receive` when it
    sends webhooks."""

    name: str
    label: str
    area: Area
    read: Reader | None = None
    receive: Receiver | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the community level: `name` is reached at `at` kudos points."""

    at: int
    name: str
