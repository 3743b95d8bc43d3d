"""Every hook of Vitrine: its docstring is its documentation. A plugin is a module or object with some of these methods.

    from policies import hookimpl

    @hookimpl
    def default_cell(kind, field):
        return Level.ONLY_YOU if field == "location" else None

- `register_*` is asked once, at start; an error, or an answer that makes no sense, stops the start.
- `default_cell`, `fixed_cell`: asked once per cell when the matrix is compiled, never per request.
- `section_data`: asked when a page is drawn on which the field is shown; an error leaves the place empty.
- `account_linked`, `account_unlinked`, `award_given`, `profile_changed`: called after the commit; an error is logged.

Whatever raises, makes no sense or comes later than its budget (0.1 s; a section 0.25 s; a reaction or webhook 1 s)
hides what it was asked about, is logged under the plugin's name, counted, and shown to admins. Three overruns switch
the plugin off; its vetoes then go on hiding all that they were asked about until an admin decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pluggy

from policies.extending import BadgeRule, CredentialForm, Facts, Metric, NameRule
from policies.sections import SectionData
from policies.terms import Field, Kind, Level, PrivateVeto, Rung, SourceInfo, Veto

hookspec = pluggy.HookspecMarker("vitrine")
hookimpl = pluggy.HookimplMarker("vitrine")


@hookspec
def register_fields() -> Sequence[Field]:  # type: ignore[empty-body]
    """The fields and sections this plugin adds, in order. A name that exists already stops the start.

    Never turn a field into a section or back: give the new one a name of its own.

    A field is hidden until the operator has run `vitrine migrate` (which gives it its bit), and stays hidden from
    everybody but the owner for members who exist already, until they accept (D19).
    """


@hookspec
def default_cell(kind: Kind, field: str) -> Level | None:
    """The default level of `field` for accounts of `kind`, or None to say nothing.

    The narrowest answer holds. A plugin widens a default of somebody else's field only if the operator lists it in
    VITRINE_MAY_WIDEN. No answer from anybody: hidden.
    """


@hookspec
def fixed_cell(kind: Kind, field: str) -> Level | None:
    """A level that no admin can lift: a lock given by code, or None. Like any lock it is a ceiling (never shows more).

    The narrowest holds; as with defaults, only a listed plugin may fix somebody else's field above its default.
    """


@hookspec
def register_vetoes() -> Sequence[Veto | PrivateVeto]:  # type: ignore[empty-body]
    """Vetoes: each hides fields from everybody but the owner, whatever else says show. Deny wins.

    A `Veto` is asked per request and subject. `PrivateVeto` names what stays of a private profile; of several, only
    what all keep stays.
    """


@hookspec
def register_ladders() -> Mapping[str, Sequence[int]]:  # type: ignore[empty-body]
    """Milestone thresholds by metric, ascending and positive. Replaces the built-in ladder of that metric."""


@hookspec
def register_points() -> Mapping[str, int]:  # type: ignore[empty-body]
    """Kudos points by metric, 0 or more. Replaces the built-in points of that metric."""


@hookspec
def register_levels() -> Sequence[Rung]:  # type: ignore[empty-body]
    """The community levels, ascending, the first at 0 points. Replaces the built-in table.

    Two plugins that bring levels stop the start.
    """


@hookspec
def register_sources() -> Sequence[SourceInfo]:  # type: ignore[empty-body]
    """The sources this plugin reads: name, label, area, a reader of dumps and a receiver of webhooks if it has them.

    Names are unique. Webhooks arrive at `/hooks/<name>` once the operator has set the secret that they are signed with
    (`VITRINE_HOOK_SECRET_<NAME>`); the plugin gets bytes and headers and answers what they tell, nothing else: events,
    retractions, and addresses of actors. One webhook is taken in once, also where it is replayed after a retraction.
    """


@hookspec
def register_metrics() -> Sequence[Metric]:  # type: ignore[empty-body]
    """Numbers derived from totals, shown with the stats and usable in ladders, points and badge rules.

    A metric is missing wherever one of the totals it needs is hidden. A name that exists already stops the start.
    """


@hookspec
def register_name_rules() -> Sequence[NameRule]:  # type: ignore[empty-body]
    """How names are shown. The first rule in load order that answers decides; where none does, the core (S80-S82).

    A rule is handed only what the viewer may see. One that fails hides the full name: the public name stands there.
    """


@hookspec
def register_badge_rules() -> Sequence[BadgeRule]:  # type: ignore[empty-body]
    """Badges that are given once and kept: by a threshold, a predicate on facts, or years of membership.

    Keys are unique for ever. A new rule gives nothing before an admin has seen the rehearsal at /admin/badges and
    started it. A rule that is not registered any more is retired: its badges stay, marked.
    """


@hookspec
def register_credentials() -> Sequence[CredentialForm]:  # type: ignore[empty-body]
    """How a badge that its owner published looks as a credential that others can check: claims, which the core signs.

    One form at most; two plugins that bring one stop the start. It is asked only for badges that are published and that
    Anyone may see at that moment; one that fails answers as if nothing were published.
    """


@hookspec
def section_data(field: str, facts: Facts) -> SectionData | None:
    """What one of this plugin's own fields or sections shows, or None for nothing.

    `facts` hold what this viewer may see and nothing else. The answer must follow from the facts alone: pages are kept
    in memory. Asked of the plugin that registered the field, and only where the gate shows it.
    """


@hookspec
def account_linked(profile: str, at: int) -> None:
    """An account shows as part of the profile with this public id from now on: linked, or not silent any more.

    After the commit, once for each account. It does not say which account; silent links are not told (D5), nor is
    anything of a private profile. When another account is made the primary, the old profile is told to end
    (account_unlinked) and the new one to begin.
    """


@hookspec
def account_unlinked(profile: str, at: int) -> None:
    """An account that showed as part of the profile with this public id does no longer: unlinked, or silent now.

    After the commit, as above. Which of the two it was is not told: a silent account behaves as if unlinked (D5).
    """


@hookspec
def award_given(profile: str, badge: str, title: str, at: int) -> None:
    """A badge rule gave a badge to the account with this public id.

    After the commit, and only where Anyone may see that badge there. A silent back-fill tells nothing.
    """


@hookspec
def profile_changed(profile: str, values: Mapping[str, str], at: int) -> None:
    """The account with this public id changed fields of its record: the new values that Anyone may see of them.

    After the commit; not called where Anyone sees none of what changed.
    """
