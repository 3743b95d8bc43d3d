"""The admin's overview: how much there is and what waits or fails. Counts only, of nobody in particular.

What reads every account is counted at most once a minute in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from policies.terms import State
from webapp.services import source_tokens
from webapp.services.context import Context
from webapp.services.source_tokens import SourceView
from webapp.store import admin_overview as store
from webapp.store import plugins as plugin_store

T = TypeVar("T")

#: Seconds for which an expensive count is kept.
KEEP = 60
_HOUR = 3600
_WORDS = {
    State.ACTIVE: "Active", State.UNCLAIMED: "Unclaimed", State.DEACTIVATED: "Deactivated",
    State.CLOSING: "Being deleted",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StateCount:
    """Accounts in one state, by kind."""

    state: str
    label: str
    personal: int
    managed: int

    @property
    def total(self) -> int:
        return self.personal + self.managed


@dataclass(frozen=True, slots=True)
class PluginTrouble:
    """A plugin that failed, how often and how last."""

    name: str
    count: int
    last: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows. `counted_at`: when the accounts were counted."""

    counted_at: int
    accounts: tuple[StateCount, ...]
    sources: tuple[SourceView, ...]
    arrived_day: int
    arrived_hour: int
    troubles: tuple[PluginTrouble, ...]
    mails_waiting: int
    mails_retrying: int
    mails_failed: int
    domains_verified: int
    domains_waiting: int
    domains_missed: int

    @property
    def members(self) -> int:
        """Accounts that somebody can log in to."""
        return sum(row.total for row in self.accounts if row.state == State.ACTIVE)


def view_overview(ctx: Context, now: int) -> Overview:
    """The page; a handful of statements, none of which grows with the members but for once a minute."""
    counted_at, accounts = _kept(ctx, "accounts", now, lambda: _count_accounts(ctx))
    waiting, retrying, failed = store.count_outbox(ctx.db)
    verified, asked, missed = store.count_domains(ctx.db, now)
    return Overview(
        counted_at=counted_at, accounts=accounts, sources=source_tokens.list_sources(ctx, now),
        arrived_day=store.count_arrived(ctx.db, now // _HOUR - 24),
        arrived_hour=store.count_arrived(ctx.db, now // _HOUR - 1),
        troubles=_troubles(ctx),
        mails_waiting=waiting, mails_retrying=retrying, mails_failed=failed,
        domains_verified=verified, domains_waiting=asked, domains_missed=missed,
    )


def _troubles(ctx: Context) -> tuple[PluginTrouble, ...]:
    """What is on record, and what this process has not put there yet; not of plugins that are gone or turned off."""
    ctx.gate()
    manager = ctx.manager
    asked = manager.plugins().keys() - (manager.off - manager.standing.closed)
    rows = plugin_store.load_plugins(ctx.db)
    found = {name: (row.errors, row.last_error) for name, row in rows.items() if name in asked}
    for name, one in ctx.manager.isolation.unreported.items():
        found[name] = (found.get(name, (0, ""))[0] + one.count, one.last)
    return tuple(PluginTrouble(name, count, last or "") for name, (count, last) in sorted(found.items()) if count)


def _count_accounts(ctx: Context) -> tuple[StateCount, ...]:
    found: dict[str, list[int]] = {state.value: [0, 0] for state in _WORDS}
    for state, is_managed, n in store.count_accounts(ctx.db):
        if state in found:
            found[state][is_managed] += n
    return tuple(StateCount(state.value, label, *found[state.value]) for state, label in _WORDS.items())


def _kept(ctx: Context, name: str, now: int, count: Callable[[], T]) -> tuple[int, T]:
    """(when it was counted, the count)."""
    at, value = ctx.kept.get(name, (None, None))
    if at is None or not 0 <= now - at < KEEP:
        at, value = now, count()
        ctx.kept[name] = (at, value)
    return at, value  # type: ignore[return-value]
