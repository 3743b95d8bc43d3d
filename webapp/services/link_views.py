"""What Settings > Linked accounts and its steps draw, already decided: for the owner's eyes only (D5)."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.services.views import AvatarView


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One account of the group. `key` names it in URLs and forms of this profile only; it opens nothing by itself."""

    key: str
    label: str                      # the name, else the handle
    handle: str
    email: str
    avatar: AvatarView
    kind: str                       # "personal" | "managed"
    organization: str               # name of the organization that manages it, else ""
    is_primary: bool
    is_silent: bool
    is_own: bool                    # the account that is logged in
    state: str                      # "active", or why it cannot be used: "deactivated" | "closing" | "unclaimed"
    linked_at: int | None
    may_make_primary: bool
    why_not_primary: str            # a sentence where it may not, "" for the primary itself
    may_unlink: bool
    why_not_unlink: str
    may_set_silent: bool
    did: tuple[TotalRef, ...] = ()  # what this account alone brings: its first totals, two at most
    leaves_at: int | None = None    # asked to leave (D18): unlinked then unless declined
    may_decline: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """The link that waits for its confirmation in this browser: the other account's address, its proof's end."""

    email: str
    until: int


@dataclass(frozen=True, slots=True)
class LinksPage:
    """The page. Of a linked managed account's session `rows` holds its own account only (D7).

    standing: "unlinked" | "primary" | "linked" | "linked-managed"
    may_leave, leaves_at: D18, of the account that is logged in; `left_final`: the primary cannot decline
    wait_until: of a flagged primary whose password was reset by mail: its verbs wait until then (D6)
    may_object, is_objecting: D6, of a linked personal account while that wait runs; its objection can be taken back
    """

    rows: tuple[LinkRow, ...]
    standing: str
    is_flagged: bool
    may_link: bool
    why_not_link: str
    nudge: bool
    pending: Pending | None
    is_recent: bool
    may_leave: bool = False
    leaves_at_once: bool = False    # the primary cannot be used any more: there is nobody to decline (D22)
    leaves_at: int | None = None
    leaves_for_good: bool = False
    wait_until: int | None = None
    may_object: bool = False
    is_objecting: bool = False


@dataclass(frozen=True, slots=True)
class BadgeRef:
    """A milestone: (answers, 75), with the label of its metric."""

    metric: str
    value: int
    label: str


@dataclass(frozen=True, slots=True)
class TotalRef:
    """One total: (answers, 84), with its label."""

    metric: str
    value: int
    label: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What one side has: `title` is its name; totals by metric in order, milestones earned, points and level."""

    title: str
    totals: tuple[TotalRef, ...]
    badges: tuple[BadgeRef, ...]
    points: int
    level: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A field that stays held (D19) unless the member ticks its box, at first unticked."""

    field: str
    label: str
    level: str                      # "Anyone" | "Organization"


@dataclass(frozen=True, slots=True)
class Choice:
    """An account that may become the primary (S42); `key` is the value of its radio button."""

    key: str
    label: str
    email: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a link, unlink or change of primary will do, before it is confirmed (D4).

    action: "link" | "unlink" | "make-primary"; `token`: of the proof (link) or the row's key (the others)
    choose_primary: both are unlinked personal accounts (S42): pick first; everything below is for `chosen`, the first
        of them while none was picked
    now: each side as it is; together: the resulting profile; apart: after an unlink, the account on its own
    gained, lost: milestones of the resulting profile that no side had alone; that the profile loses
    name, avatar, address, privacy, privacy_why: of the resulting profile as Anyone will see it
    associates: sentences of what becomes publicly associated (D5); `held`: of what stays hidden (D10, D19)
    asks_public: the joining account is private: the box "its activity may be public" is offered (D10)
    asks_silent: the box *Show as part of this profile* is offered, ticked at first (D5)
    offered: fields as unticked boxes (make primary); copy_offer: names of what may be copied over (S52)
    """

    action: str
    token: str
    label: str                      # the account that joins, leaves or becomes primary
    email: str
    choose_primary: tuple[Choice, ...]
    chosen: str
    now: tuple[Tally, ...]
    together: Tally
    apart: Tally | None
    gained: tuple[BadgeRef, ...]
    lost: tuple[BadgeRef, ...]
    name: str
    avatar: AvatarView
    address: str
    privacy: str                    # "public" | "private"
    privacy_why: str
    associates: tuple[str, ...]
    held: tuple[str, ...]
    offered: tuple[Offer, ...]
    work_note: str
    asks_public: bool
    asks_silent: bool
    copies: tuple[str, ...]         # labels of what would be copied

    @property
    def copy_offer(self) -> bool:
        """Whether the box *Copy bio, links and products over* is drawn."""
        return bool(self.copies)


@dataclass(frozen=True, slots=True)
class LeaveStep:
    """What a mailed link of D18 or D6 is about to do. `what`: "leave" | "decline"; `handle`: the recipient's own."""

    key: str
    what: str
    handle: str
