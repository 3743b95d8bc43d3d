"""Plugins while the site runs: what they are, on and off, what failed. Counting what a switch opens: plugin_count.py.

Whoever switches one records the defaults in the same transaction (D19): what a plugin hid by its defaults stays hidden
until members accept; what it hid by a veto shows again as members' own settings say, and is counted before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from policies.errors import Conflict, NotFound, Refused
from policies.isolation import OVERRUNS
from policies.manager import BUILTIN_NAMES, PolicyManager
from policies.recording import Span, taken_back, unrecorded
from policies.terms import PolicyChange
from policies.timeline import Base
from policies.visibility import Gate
from webapp.services import accounts, plugin_count
from webapp.services.context import Context
from webapp.services.plugin_count import Opening
from webapp.services.sessions import Session
from webapp.store import audit, policy
from webapp.store import plugins as store

#: Errors that are no overruns are written down at most this often by one process, in seconds.
FLUSH_EVERY = 5
STATES: Mapping[str, str] = {
    "on": "On", "off": "Off", "closed": "Switched off after three overruns",
}  # fmt: skip


class Origin(NamedTuple):
    """Where a plugin comes from, and the line in which it says what it is for."""

    place: str = "installed"
    about: str = ""


@dataclass(frozen=True, slots=True)
class PluginView:
    """A plugin as admins see it. `number`: its place in the load order; `shuts`: its vetoes go on hiding.

    errors, overruns, first_at, last_error, last_at: since it was turned on, or since its failures were forgotten.
    """

    number: int
    name: str
    origin: str
    about: str
    hooks: tuple[str, ...]
    fields: tuple[str, ...]
    state: str
    state_words: str
    shuts: bool
    may_widen: bool
    can_switch: bool
    errors: int
    overruns: int
    last_error: str
    first_at: int | None
    last_at: int | None


# Defaults and rules on record ----------------------------------------------------------------------------------------


def record(ctx: Context, now: int, back: Span | None = None) -> list[str]:
    """Give new fields their bits, log the compiled defaults, make badge rules known; what was done, in words.

    `vitrine migrate` and an admin's switch do it, never a request: a plugin that comes or goes must widen nothing by
    itself (D19). `back`: the versions that a switch wrote which is taken back now, as far as nothing changed since.
    Errors: Refused, with nothing done, when a plugin fails as it is asked: what it was asked about is hidden while it
    is ill, and would be for good.
    """
    lines = []
    with ctx.db.transaction():
        ctx.db.after_rollback(ctx.forget_gate)      # the manager is made anew with it
        ctx.manager = manager = ctx.manager.standing_at(store.load_standing(ctx.db))
        before = policy.load_field_bits(ctx.db)
        bits = policy.add_field_bits(ctx.db, (field.name for field in manager.fields))
        changes = unrecorded_changes(ctx, manager, bits, back)
        for change in changes:
            policy.append_change(
                ctx.db, change.op, change.scope, now, bit=change.bit, level=change.level, value=change.value
            )
        rules = {
            rule.key: (plugin, rule.title, rule.needs) for plugin, rule in manager.tables.badge_rules
        }
        changed = store.save_rules(ctx.db, rules, now)
        if (bits != before or changed) and not changes:
            policy.take_version(ctx.db)     # running workers read them anew
        if changes or bits != before:
            lines.append("recorded the fields and default levels of this release and its plugins")
    return lines + changed


def unrecorded_changes(
    ctx: Context, manager: PolicyManager, bits: Mapping[str, int], back: Span | None = None, base: Base | None = None
) -> list[PolicyChange]:
    """What `record` would append to the policy log; what is recorded of plugins that are off stays as it is.

    One that is out for its overruns is asked all the same: its absence is nobody's will, and no part of the history.
    `base`: what the manager compiled, where that is known. Errors: Refused when a plugin failed as it was asked.
    """
    whole = manager.with_closed()
    if base is None or whole is not manager:
        base = whole.compile(bits)
    if base.failed:
        raise Refused("rule_defaults_are_whole", f"The defaults were not recorded, because {base.failed}.")
    log, version = policy.load_log(ctx.db)
    found: list[PolicyChange] = []
    for of, bit in taken_back(base, log, *back) if back is not None else ():
        found.append(PolicyChange(version + len(found) + 1, "undo", "", bit, None, of))
    dormant = sum(1 << bits[name] for name in whole.tables.dormant if name in bits)
    for scope, number, level, mask in unrecorded(base, [*log, *found], dormant):
        found.append(PolicyChange(version + len(found) + 1, "base", scope, number, level, mask))
    return found


# The page ------------------------------------------------------------------------------------------------------------


def open_page(ctx: Context, origins: Mapping[str, Origin]) -> tuple[PluginView, ...]:
    """Every loaded plugin, in load order. `origins`: where each comes from."""
    ctx.gate()
    manager, rows = ctx.manager, store.load_plugins(ctx.db)
    return tuple([
        _view(manager, number, name, tuple(hooks), origins.get(name, Origin()), rows.get(name))
        for number, (name, hooks) in enumerate(manager.plugins().items(), 1)
    ])  # fmt: skip


def find(ctx: Context, name: str, origins: Mapping[str, Origin]) -> PluginView:
    """One plugin. Errors: NotFound."""
    found = next((view for view in open_page(ctx, origins) if view.name == name), None)
    if found is None:
        raise NotFound
    return found


def _view(
    manager: PolicyManager, number: int, name: str, hooks: tuple[str, ...], origin: Origin, row: store.PluginRow | None
) -> PluginView:
    state = "closed" if name in manager.standing.closed else "off" if name in manager.off else "on"
    return PluginView(
        number=number, name=name, origin=origin.place, about=origin.about, hooks=hooks,
        fields=tuple(field.label for field in manager.fields_of(name)) if name not in BUILTIN_NAMES else (),
        state=state, state_words=STATES[state], shuts=state == "closed" and manager.has_vetoes(name),
        may_widen=name in manager.may_widen and name not in BUILTIN_NAMES, can_switch=name not in BUILTIN_NAMES,
        errors=row.errors if row else 0, overruns=row.overruns if row else 0,
        last_error=row.last_error if row else "", first_at=row.first_at if row else None,
        last_at=row.last_at if row else None,
    )  # fmt: skip


# Switching -----------------------------------------------------------------------------------------------------------


def rehearse(ctx: Context, name: str, on: bool, sealed: str = "") -> Opening:
    """What switching the plugin would show to whom, counted over all accounts as Anyone and as their organization.

    A community of many is counted in several calls: `sealed` is what the last one answered. Errors: NotFound; Refused
    for a plugin that cannot be switched, and when another one fails as it is asked for its defaults.
    """
    _check(ctx, name)
    before = ctx.gate()
    standing = store.load_standing(ctx.db)
    after_manager = ctx.manager.standing_at(replace(
        standing, on=standing.on | {name} if on else standing.on - {name},
        off=standing.off - {name} if on else standing.off | {name}, closed=standing.closed - {name},
    ))
    bits = dict(policy.load_field_bits(ctx.db))
    for field in after_manager.fields:
        bits.setdefault(field.name, max(bits.values(), default=-1) + 1)
    log, version = policy.load_log(ctx.db)
    base = after_manager.compile(bits)
    changes = unrecorded_changes(ctx, after_manager, bits, store.load_off(ctx.db, name) if on else None, base)
    if not changes and not ctx.manager.has_vetoes(name) and _is_like(before.base, base):
        return Opening(0, 0, 0)
    after = Gate(base, [*log, *changes], version + len(changes), ctx.clock)
    return plugin_count.count(ctx, before, after, f"{name} {on}", sealed)


def _is_like(one: Base, other: Base) -> bool:
    """Whether both decide alike where no veto is asked: then nobody has to be counted."""
    return (one.bit, one.defaults, one.fixed, one.keeps) == (other.bit, other.defaults, other.fixed, other.keeps)


def switch(ctx: Context, session: Session, name: str, on: bool, now: int, *, counted: Opening | None = None) -> None:
    """Switch a plugin on or off for every worker, from their next request on. Audited. On, its failures count anew.

    `counted`: what the admin was told that it opens; another number now is a Conflict. Errors: NotFound, Refused
    (rule_recent_password, rule_plugin_is_needed, rule_plugin_counted_first, rule_defaults_are_whole), Conflict.
    """
    accounts.require_recent(session, now)
    opening = rehearse(ctx, name, on, counted.sealed if counted is not None else "")
    if opening.percent < 100:
        raise Refused("rule_plugin_counted_first", "What this opens is still being counted.", "Go on counting first.")
    if counted is not None and (counted.fields, counted.members) != (opening.fields, opening.members):
        raise Conflict("What this opens has changed since it was counted.", "Look at the new count and confirm it.")
    with ctx.db.transaction():
        first = policy.take_version(ctx.db) + 1
        off = store.load_off(ctx.db, name)
        store.set_state(ctx.db, name, "on" if on else "off", now)
        if on:
            store.begin_anew(ctx.db, name, first - 1)
        record(ctx, now, off if on else None)
        if on or off is None:
            store.save_off(ctx.db, name, None if on else (first, ctx.db.policy_version()))
        audit.record(
            ctx.db, "plugin:on" if on else "plugin:off", now, actor_id=session.account_id, plugin=name,
            opened_fields=opening.fields, opened_members=opening.members,
        )


def _check(ctx: Context, name: str) -> None:
    if name not in ctx.manager.plugins():
        raise NotFound
    if name in BUILTIN_NAMES:
        raise Refused(
            "rule_plugin_is_needed", "This part of the core is not switched here.",
            "Who brings another in its place names it in VITRINE_DISABLED_PLUGINS.",
        )


# Failures ------------------------------------------------------------------------------------------------------------


def flush(ctx: Context, now: int) -> None:
    """Write down what failed in this process since the last time; the third overrun switches a plugin off.

    Called after every request and task; costs nothing where nothing failed.
    """
    isolation = ctx.manager.isolation
    if not isolation.has_news or ctx.db.in_transaction:
        return
    if not isolation.has_overruns and now < isolation.reported_at + FLUSH_EVERY:
        return
    _write_down(ctx, now)


def _write_down(ctx: Context, now: int) -> None:
    isolation = ctx.manager.isolation
    isolation.reported_at = now
    with ctx.db.transaction():
        if isolation.has_overruns:      # before the rows, as a switch does
            policy.take_version(ctx.db)
        for name, failed in sorted(isolation.report().items()):
            overruns = store.add_errors(ctx.db, name, failed, isolation.begun.get(name, 0), now)
            is_over = failed.overruns and overruns >= OVERRUNS and name not in BUILTIN_NAMES
            if is_over and store.close(ctx.db, name, now):
                audit.record(ctx.db, "plugin:overran", now, plugin=name)


def forget_failures(ctx: Context, session: Session, name: str, now: int) -> bool:
    """Count a plugin's failures from nothing, in every process; False where there are none. Audited.

    It hides nothing else: whether the plugin is on stays as it is. Errors: NotFound.
    """
    ctx.gate()
    if name not in ctx.manager.plugins():
        raise NotFound
    with ctx.db.transaction():
        version = policy.take_version(ctx.db)       # running workers forget what they noted and did not report
        _write_down(ctx, now)
        row = store.load_plugins(ctx.db).get(name)
        if row is None or not row.errors:
            return False
        store.begin_anew(ctx.db, name, version)
        audit.record(
            ctx.db, "plugin:forget", now, actor_id=session.account_id, plugin=name, failures=row.errors,
            overruns=row.overruns, last=row.last_error,
        )
    return True
