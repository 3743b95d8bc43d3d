"""A line in the log for each happening, for operators who count them: public ids and names of fields, never a value.

Off until an admin switches it on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from policies import hookimpl

OFF_AT_FIRST = True
log = logging.getLogger("vitrine.journal")


@hookimpl
def account_linked(profile: str, at: int) -> None:
    """The profile that something was linked to."""
    log.info("linked profile=%s at=%d", profile, at)


@hookimpl
def account_unlinked(profile: str, at: int) -> None:
    """The profile that something was unlinked from."""
    log.info("unlinked profile=%s at=%d", profile, at)


@hookimpl
def award_given(profile: str, badge: str, at: int) -> None:
    """Which badge."""
    log.info("award profile=%s badge=%s at=%d", profile, badge, at)


@hookimpl
def profile_changed(profile: str, values: Mapping[str, str], at: int) -> None:
    """Which fields; what they say now stays out of the log."""
    log.info("changed profile=%s fields=%s at=%d", profile, ",".join(sorted(values)), at)
