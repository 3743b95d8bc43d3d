"""What waits for an owner's yes (D11, D19): which offers stand, why, and what became of them when they were declined.

An offer is nothing stored: it is what the gate says would hold without what is held back. Only a no is kept, so that
the same is not asked again; an act on the field, or an offer of a wider level, is a new matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policies import matrix
from policies.errors import Conflict
from policies.recording import widenings
from policies.terms import Kind, Level, Subject
from policies.visibility import Gate
from webapp.services.context import Context
from webapp.services.visibility_views import name_of, words_of
from webapp.store import audit, plugins, policy
from webapp.store import matrix as store

CHANGED = "This changed in another window after you opened it here."
CHANGED_FIX = "What holds now is shown. Choose again if you want something else."


def open_offers(ctx: Context, gate: Gate, subject: Subject) -> dict[str, Level]:
    """Field -> level that waits for the owner, less what they declined up to that level."""
    pending = gate.pending(subject)
    if not pending:
        return {}
    declined = store.load_declined(ctx.db, subject.account_id)
    return {name: level for name, level in pending.items() if level > declined.get(gate.bit[name], Level.ONLY_YOU)}


def decline(ctx: Context, gate: Gate, subject: Subject, declined: Mapping[str, Level], now: int) -> bool:
    """Remember that the owner does not want these offers, inside the caller's transaction. Nothing seen changes.

    Errors: Conflict where something else is offered by now.
    """
    offered = open_offers(ctx, gate, subject)
    if any(offered.get(name) != level for name, level in declined.items()):
        raise Conflict(CHANGED, CHANGED_FIX)
    for name, level in declined.items():
        store.decline(ctx.db, subject.account_id, gate.bit[name], level, now)
    audit.record(
        ctx.db, "visibility:decline", now, actor_id=subject.account_id, subject_id=subject.account_id,
        fields={name: name_of(level) for name, level in declined.items()},
    )
    return True


def forget(ctx: Context, gate: Gate, subject: Subject, fields: Iterable[str]) -> None:
    """The owner acted on these fields: an earlier no is over."""
    store.forget_declined(ctx.db, subject.account_id, [gate.bit[name] for name in fields])


def reasons(
    ctx: Context, gate: Gate, subject: Subject, offers: Mapping[str, Level], organization: str
) -> dict[str, tuple[str, int | None]]:
    """Field -> (what would open it, since when): the latest change that rules it; "" where there is none. What was
    before the account is none: the domain that it was made in, say."""
    if not offers:
        return {}
    kind = gate.kind(subject.domain_id)
    own = gate.organization(subject.domain_id)
    scopes = [kind.value, *([] if own is None else [matrix.org_scope(own)]), f"domain:{subject.domain_id}"]
    latest = store.load_latest(ctx.db, scopes)
    made = subject.created_at or 0
    latest = [entry for entry in latest if entry.op != "domain" or entry.at >= made]
    widened = widenings(policy.load_log(ctx.db)[0], kind)
    moments = store.load_moments(ctx.db, [version for version, _ in widened])
    found: dict[str, tuple[str, int | None]] = {}
    for name, level in offers.items():
        bit = gate.bit[name]
        entries = [entry for entry in latest if entry.bit in (bit, None)]
        entry = max(entries, key=lambda one: one.version, default=None)
        is_set = any(one.op == "cell" and one.level is not None for one in entries)     # then no plugin is asked
        opened = max((version for version, bits in widened if bits >> bit & 1), default=0)
        if not is_set and opened > (entry.version if entry else 0):
            found[name] = _of_plugins(ctx, kind, name, level, opened), moments[opened]
        else:
            found[name] = ("", None) if entry is None else (_reason(entry, organization), entry.at)
    return found


def _of_plugins(ctx: Context, kind: Kind, field: str, level: Level, version: int) -> str:
    """Which plugins open the field by their defaults, as far as that can be said."""
    if hid := plugins.switched_off_by(ctx.db, version):
        return f"The plugin {hid}, which hid it by default, was turned off"
    names = ctx.manager.openers(kind, field, level)
    if not names:
        return "Nothing hides it by default any more"
    return f"The plugin {names[0]} shows it by default" if len(names) == 1 else (
        f"The plugins {', '.join(names)} show it by default")


def _reason(entry: store.Entry, organization: str) -> str:
    who = organization if entry.scope.startswith("org:") else "This community"
    if entry.op == "domain":
        return f"Your address belongs to {organization} now" if organization else "Your organization let the address go"
    if entry.op == "lock":
        if entry.level is None:
            return f"A lock by {organization if who == organization else 'this community'} ended"
        return f"{who} set it to {words_of(Level(entry.level))}"
    return f"{who} changed its default"
