"""The milestone ladder and the metrics it stands on.

S68, S69.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.badges import LADDER, LADDER_METRICS
from policies.hookspecs import hookimpl


@hookimpl
def register_ladders() -> Mapping[str, Sequence[int]]:
    return dict.fromkeys(LADDER_METRICS, LADDER)
