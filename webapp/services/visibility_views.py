"""What Settings > Profile and visibility shows, as views: rows, offers, preview. Decides nothing, reads nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policies.terms import Level
from webapp.services.views import AvatarView, ProfileView

#: level -> (name in forms, words, icon), widest first
LEVELS: dict[Level, tuple[str, str, str]] = {
    Level.ANYONE: ("anyone", "Anyone", "anyone"),
    Level.ORGANIZATION: ("organization", "Organization", "org"),
    Level.ONLY_YOU: ("only_you", "Only you", "you"),
}
NAMES: dict[str, Level] = {name: level for level, (name, _, _) in LEVELS.items()}


def name_of(level: Level) -> str:
    """The level as forms send it."""
    return LEVELS[level][0]


def words_of(level: Level) -> str:
    """The level as people read it."""
    return LEVELS[level][1]


@dataclass(frozen=True, slots=True)
class Choice:
    """One radio of a field. `is_open`: not wider than a lock."""

    level: str
    label: str
    icon: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence of Why; `since`: the moment it dates from, if known."""

    text: str
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the matrix, for its owner (D15).

    level: the present one; default: what "back to default" would make it, "" where there is nothing to go back from
    locked_by: who set a lock or fixed it, "" if nobody; `held_at`: the level that waits for the owner, "" if none
    problem: why a save of this field was not taken
    """

    field: str
    label: str
    value: str
    section: bool
    level: str
    level_words: str
    default: str
    default_words: str
    choices: tuple[Choice, ...]
    is_chosen: bool
    locked_by: str
    is_fixed: bool
    held_at: str
    why: tuple[Step, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A widening that waits for the owner: `key` is what accepting or declining it sends, this field and level (D11).

    reason: what would open it, "" where that is not one thing; `since`: when that was
    """

    key: str
    label: str
    now_words: str
    level_words: str
    reason: str = ""
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """A set value on the preview card. `hidden`: frosted, the viewer looked as does not get it."""

    field: str
    label: str
    value: str
    icon: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The record as somebody else gets it (D15). `nothing`: for them there is no such page.

    frosted: labels of what is there and hidden from them, sections among them
    """

    looked_as: str
    words: str
    choices: tuple[tuple[str, str], ...]
    handle: str
    name: str
    avatar: AvatarView
    avatar_hidden: bool
    title: Detail | None
    details: tuple[Detail, ...]
    frosted: tuple[str, ...]
    nothing: bool


@dataclass(frozen=True, slots=True)
class VisibilityPage:
    """The whole page, of the account that is logged in.

    profile_handle: of the profile it is linked to, "" if it is the primary or not linked, or that profile is closed
    organization: of a managed account, else ""
    changes: the fields that "Use all defaults" changes, as (key, label, from, to)
    """

    handle: str
    organization: str
    profile_handle: str
    is_silent: bool
    is_primary: bool
    private: bool
    rows: tuple[Row, ...]
    offers: tuple[Offer, ...]
    changes: tuple[tuple[str, str, str, str], ...]
    preview: Preview
    problem: str = ""

    def row(self, field: str) -> Row | None:
        """The row of a field."""
        return next((row for row in self.rows if row.field == field), None)


#: What of a page is counted as one detail: whatever is a value for the owner and none for the other viewer is hidden.
_COUNTED: tuple[Callable[[ProfileView], object], ...] = (
    lambda view: view.avatar.url, lambda view: view.bio, lambda view: view.email, lambda view: view.links,
    lambda view: view.products, lambda view: view.stats, lambda view: view.shelves or view.badges,
    lambda view: view.certifications or view.designations or view.courses, lambda view: view.groups,
    lambda view: view.kudos, lambda view: view.heatmap or view.recent,
)  # fmt: skip


def frosted_count(own: ProfileView, shown: ProfileView) -> int:
    """How many set details of the own page somebody else's view of it lacks: both came from the gate."""
    seen = {fact.field for fact in shown.facts}
    hidden = sum(1 for fact in own.facts if fact.field not in seen) + (own.name != shown.name)
    return hidden + sum(1 for read in _COUNTED if read(own) and not read(shown))
