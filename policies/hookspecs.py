"""Every hook of Vitrine: its docstring is its documentation. A plugin is a module or object with some of these methods.

`register_*` is asked once, at start; an error stops the start. `default_cell` and `fixed_cell` are asked once per cell,
when the matrix is compiled; an error or nonsense hides that cell, is logged by the plugin's name and counted.

    from policies import hookimpl
    @hookimpl
    def default_cell(kind, field): ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pluggy

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
    """The sources this plugin reads: name, label, area, and a reader of dumps if it has one. Names are unique."""
