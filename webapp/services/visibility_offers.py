"""What waits for an owner's yes (D11, D19): which offers stand, why, and what became of them when they were declined.

An offer is nothing stored: it is what the gate says would hold without what is held back. Only a no is kept, so that
the same is not asked again; an act on the field, or an offer of a wider level, is a new matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policies import matrix
from policies.errors import Conflict
from policies.terms import Level, Subject
from policies.visibility import Gate
from webapp.services.context import Context
from webapp.services.visibility_views import name_of, words_of
from webapp.store import audit
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
    ctx: Context, gate: Gate, subject: Subject, offers: Iterable[str], organization: str
) -> dict[str, tuple[str, int | None]]:
    """Field -> (what would open it, since when): the latest change that rules it; "" where there is none."""
    names = list(offers)
    if not names:
        return {}
    kind = gate.kind(subject.domain_id)
    own = gate.organization(subject.domain_id)
    scopes = [kind.value, *([] if own is None else [matrix.org_scope(own)]), f"domain:{subject.domain_id}"]
    latest = store.load_latest(ctx.db, scopes)
    by_plugins = store.load_widenings(ctx.db, (kind.value, f"fixed:{kind.value}"))
    found: dict[str, tuple[str, int | None]] = {}
    for name in names:
        entries = [entry for entry in latest if entry.bit in (gate.bit[name], None)]
        entry = max(entries, key=lambda one: one.version, default=None)
        flipped = [one for one in by_plugins if one.version > (entry.version if entry else 0)
                   and (one.value or 0) >> gate.bit[name] & 1]
        if flipped:
            found[name] = ("The plugins of this community show more by default", flipped[-1].at)
        else:
            found[name] = ("", None) if entry is None else (_reason(entry, organization), entry.at)
    return found


def _reason(entry: store.Entry, organization: str) -> str:
    who = organization if entry.scope.startswith("org:") else "This community"
    if entry.op == "domain":
        return f"Your address belongs to {organization} now" if organization else "Your organization let the address go"
    if entry.op == "lock":
        if entry.level is None:
            return f"A lock by {organization if who == organization else 'this community'} ended"
        return f"{who} set it to {words_of(Level(entry.level))}"
    return f"{who} changed its default"
