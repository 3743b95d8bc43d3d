"""Kudos points and community levels.

D1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.badges import LEVELS, POINTS
from policies.hookspecs import hookimpl
from policies.terms import Rung


@hookimpl
def register_points() -> Mapping[str, int]:
    return POINTS


@hookimpl
def register_levels() -> Sequence[Rung]:
    return LEVELS
