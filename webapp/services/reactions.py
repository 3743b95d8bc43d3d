"""Telling plugins what happened, after the commit: public ids, and of values what Anyone may see (T55). No verb here.

A plugin stands for nobody, so it is told what Anyone could find out by looking: nothing of a profile that is private or
gone, and never which account was linked (D5). A silent account behaves as if unlinked, so becoming silent is told as
being unlinked is, and nothing tells the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.terms import ANONYMOUS
from policies.visibility import Gate
from webapp.services import held
from webapp.services.context import Context
from webapp.services.notes import LIVE
from webapp.store import profiles, viewers
from webapp.store.profiles import Group


def linked(ctx: Context, profile_id: int, now: int, accounts: int = 1) -> None:
    """So many accounts show as part of this profile, the primary's, from now on. Call it inside the transaction."""
    if accounts:
        _after(ctx, "account_linked", lambda: _tell(ctx, "account_linked", profile_id, now, accounts))


def unlinked(ctx: Context, profile_id: int, now: int, accounts: int = 1) -> None:
    """So many accounts that showed as part of this profile do no longer."""
    if accounts:
        _after(ctx, "account_unlinked", lambda: _tell(ctx, "account_unlinked", profile_id, now, accounts))


def changed(ctx: Context, account_id: int, values: Mapping[str, Any], now: int) -> None:
    """Values of a record were written."""

    def tell() -> None:
        found = _public(ctx, account_id)
        if found is None:
            return
        gate, group = found
        mask = gate.mask(ANONYMOUS, group.subject(group.asked))
        shown = {
            name: str(value or "") for name, value in values.items()
            if name in gate.bit and mask >> gate.bit[name] & 1
        }
        if shown and (group.asked.primary_id is None or group.asked.silent):
            _react(ctx, "profile_changed", account_id, at=now, values=shown)

    _after(ctx, "profile_changed", tell)


def awarded(ctx: Context, account_id: int, rule: str, title: str, now: int) -> None:
    """A badge rule gave a badge."""

    def tell() -> None:
        found = _public(ctx, account_id)
        if found is None:
            return
        gate, group = found
        member = group.asked if group.asked.silent else group.primary
        mask = gate.mask(ANONYMOUS, group.subject(member))

        def shows(name: str) -> bool:
            return name in gate.bit and bool(mask >> gate.bit[name] & 1)

        if shows("badges") and f"rule:{rule}" not in held.untold(ctx, shows):
            _react(ctx, "award_given", member.id, badge=rule, title=title, at=now)

    _after(ctx, "award_given", tell)


def _after(ctx: Context, hook: str, tell: Any) -> None:
    if ctx.manager.reacts(hook):
        ctx.db.after_commit(tell)


def _tell(ctx: Context, hook: str, profile_id: int, now: int, accounts: int) -> None:
    for _ in range(accounts if _public(ctx, profile_id) is not None else 0):
        _react(ctx, hook, profile_id, at=now)


def _public(ctx: Context, account_id: int) -> tuple[Gate, Group] | None:
    """The account's group, if Anyone may know that its profile is there and not private."""
    group = profiles.load_group_of(ctx.db, account_id)
    if group is None:
        return None
    gate = ctx.gate(group.version)
    face = group.asked if group.asked.silent else group.primary
    subject = group.subject(face)
    return None if face.state not in LIVE or subject.private else (gate, group)


def _react(ctx: Context, hook: str, account_id: int, **payload: Any) -> None:
    ctx.manager.react(hook, profile=viewers.load_public_id(ctx.db, account_id), **payload)
