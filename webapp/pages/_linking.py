"""What the pages of linked accounts are drawn from beside the services' views: a step, its table, a way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from policies.errors import Refused
from webapp.services import profiles
from webapp.services.context import Context
from webapp.services.link_views import BadgeRef, LinksPage, Rehearsal, Tally
from webapp.services.sessions import Session
from webapp.services.views import Moved, ProfileView, StatView

HOME = "/settings/linked-accounts"

#: rule -> (label, address) of the page where its refusal is mended.
FIXES: Mapping[str, tuple[str, str]] = {
    "rule_not_two_managed": ("Create a personal account", f"{HOME}/link/create"),
    "rule_not_two_primaries": ("See what is linked", HOME),
    "rule_not_linked_elsewhere": ("How to unlink", f"{HOME}#how-to-unlink"),
    "rule_not_same_group": ("See what is linked", HOME),
    "rule_primary_stays": ("See what is linked", HOME),
    "rule_primary_is_shown": ("See what is linked", HOME),
    "rule_primary_does_not_leave": ("See what is linked", HOME),
    "rule_only_primary_unlinks": ("Ask to take this account out", f"{HOME}/leave"),
    "rule_primary_is_personal": ("Create a personal account", f"{HOME}/link/create"),
}
#: Refusals that have a drawing: which of its panes are primaries.
DRAWN: Mapping[str, str] = {
    "rule_not_two_managed": "managed", "rule_not_two_primaries": "primaries", "rule_not_linked_elsewhere": "elsewhere",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal: what is the matter, what helps, where to do that; `drawing` names a picture, or is empty."""

    rule: str
    problem: str
    fix: str
    label: str
    url: str
    drawing: str


def problem_of(error: Refused | None) -> Problem | None:
    """A refusal as it is drawn."""
    if error is None:
        return None
    label, url = FIXES.get(error.rule, ("", ""))
    return Problem(error.rule, error.problem, error.fix, label, url, DRAWN.get(error.rule, ""))


@dataclass(frozen=True, slots=True)
class TotalRow:
    """One line of a rehearsal's table: before, what comes or goes, after."""

    metric: str
    label: str
    before: int
    change: int
    after: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a verb. `name`: login | preview | create | sent | unlink | make-primary | leave.

    in_dialog: drawn into the dialog of the list (or, under htmx, into what stands there), else on a page of its own
    """

    name: str
    rehearsal: Rehearsal | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=lambda: {"email": ""})
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None
    is_recent: bool = True
    in_dialog: bool = False
    takes_focus: bool = True

    def drawn(self, is_recent: bool, in_dialog: bool) -> Step:
        return replace(self, is_recent=is_recent, in_dialog=in_dialog)

    def with_errors(self, errors: Mapping[str, str]) -> Step:
        return replace(self, errors=errors)

    @property
    def rows(self) -> tuple[TotalRow, ...]:
        """The totals of the rehearsal, line by line."""
        if self.rehearsal is None:
            return ()
        before = _by_metric(self.rehearsal.now[0])
        return tuple(
            TotalRow(total.metric, total.label, before.get(total.metric, 0),
                     total.value - before.get(total.metric, 0), total.value)
            for total in self.rehearsal.together.totals
        )  # fmt: skip

    @property
    def drawing(self) -> TotalRow | None:
        """The total for the drawing of two panes: where a milestone is won or lost, else where most changes."""
        rows = [row for row in self.rows if row.change]
        if not rows or self.rehearsal is None:
            return None
        won = {badge.metric for badge in (*self.rehearsal.gained, *self.rehearsal.lost)}
        named = [row for row in rows if row.metric == "answers" or row.metric in won]
        return next((row for row in named if row.metric in won), (named or rows)[0])

    @property
    def stones(self) -> tuple[tuple[int, BadgeRef], ...]:
        """The milestones of the drawing's metric, each with its tier."""
        row = self.drawing
        if row is None or self.rehearsal is None:
            return ()
        return tuple(enumerate(badge for badge in self.rehearsal.together.badges if badge.metric == row.metric))


@dataclass(frozen=True, slots=True)
class Together:
    """The number beside the list: what stands on the profile now."""

    value: int
    label: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The list's page: the services' view, what was just done, what was refused, the number beside it."""

    page: LinksPage
    done: str
    problem: Problem | None
    together: Together | None


def load_together(context: Context, session: Session, now: int) -> Together | None:
    """The answers (or else the largest total) of the member's profile, as they see it themselves."""
    view = profiles.view_profile(context, session.viewer, session.handle, now)
    if isinstance(view, Moved):
        view = profiles.view_profile(context, session.viewer, view.handle, now)
    if not isinstance(view, ProfileView):
        return None
    stat = max(view.stats, key=_weight, default=None)
    return Together(stat.value, stat.label) if stat is not None and stat.value else None


def _weight(stat: StatView) -> tuple[bool, int]:
    return stat.metric == "answers" and stat.value > 0, stat.value


def _by_metric(tally: Tally) -> dict[str, int]:
    return {total.metric: total.value for total in tally.totals}
