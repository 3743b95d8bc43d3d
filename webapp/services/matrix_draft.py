"""An admin's draft of default visibility: cells and locks toggled and kept, not applied. It changes what nobody sees.

There is one draft per admin and place: the whole community, or one organization. What is sent names a kind, a field and
a level only; scope and organization come from the page, so that nobody drafts for another's organization (T45, T67).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policies import matrix
from policies.errors import Invalid, Refused
from policies.matrix import Change, InForce
from policies.terms import Kind, Level
from webapp.services.admins import Organization
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.visibility_views import NAMES
from webapp.store import matrix as store
from webapp.store import policy

#: A draft holds each cell and lock once, so it cannot grow beyond the table.
AUDIENCES = {"anyone": Level.ANYONE, "organization": Level.ORGANIZATION}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an admin works: the whole community, or one organization whose admin pages the caller may open."""

    organization: Organization | None = None

    @property
    def key(self) -> str:
        return "site" if self.organization is None else matrix.org_scope(self.organization.id)

    @property
    def scopes(self) -> dict[str, str]:
        """Name in forms -> scope of the log."""
        return {kind: kind for kind in matrix.SITE} if self.organization is None else {"organization": self.key}

    @property
    def organization_id(self) -> int | None:
        return None if self.organization is None else self.organization.id


SITE = Place()


def press(ctx: Context, session: Session, place: Place, sent: str, now: int) -> str:
    """One press on a button: "cell:<scope>:<field>:<audience>:show|hide", "cell:<scope>:<field>:inherit|keep",
    "lock:<scope>:<field>:<level>|none" or "drop:<op>:<scope>:<field>". Says what the draft holds now, in words.

    What is sent is the wanted state, so a second press of the same does nothing. Errors: Invalid, Refused.
    """
    op, _, rest = sent.partition(":")
    parts = rest.split(":")
    if op == "cell" and len(parts) in {3, 4}:
        return _edit(ctx, session, place, "cell", parts[0], parts[1], now, _cell_level(parts[2:]))
    if op == "lock" and len(parts) == 3:
        return _edit(ctx, session, place, "lock", parts[0], parts[1], now, _lock_level(parts[2]))
    if op == "drop" and len(parts) == 3 and parts[0] in {"cell", "lock"}:
        return _edit(ctx, session, place, parts[0], parts[1], parts[2], now, lambda force, change: force.value(change))
    raise Invalid({"": "There is no such setting."})


def discard(ctx: Context, session: Session, place: Place) -> bool:
    """Forget the draft; whether there was one."""
    with ctx.db.transaction():
        return store.drop_draft(ctx.db, session.account_id, place.key)


def load_changes(draft: store.Draft | None) -> list[Change]:
    """The draft's changes; what is not of today's shape is left out."""
    return [
        Change(op, scope, bit, None if level is None else Level(level))
        for op, scope, bit, level in (draft.changes if draft else [])
    ]


def effective(force: InForce, changes: list[Change]) -> list[Change]:
    """The changes that would change something: what another admin did meanwhile needs not be done again."""
    return [change for change in changes if force.value(change) != change.level]


Wanted = Callable[[InForce, Change], Level | None]


def _cell_level(parts: list[str]) -> Wanted:
    audience = AUDIENCES.get(parts[0])
    if len(parts) == 2 and audience is not None and parts[1] in {"show", "hide"}:
        return lambda force, change: matrix.toggled(
            change.level if change.level is not None else Level.ONLY_YOU, audience, parts[1] == "show", change.scope
        )
    if len(parts) == 1 and parts[0] == "inherit":
        return lambda force, change: None
    if len(parts) == 1 and parts[0] == "keep":
        return lambda force, change: force.default(change.scope, change.bit)
    raise Invalid({"": "There is no such setting."})


def _lock_level(name: str) -> Wanted:
    if name != "none" and name not in NAMES:
        raise Invalid({"level": "Choose a level."})
    return lambda force, change: NAMES.get(name)


def _edit(
    ctx: Context, session: Session, place: Place, op: str, scope_name: str, field: str, now: int, wanted: Wanted
) -> str:
    scope = place.scopes.get(scope_name)
    bit = ctx.gate().bit.get(field)
    if scope is None or bit is None:
        raise Invalid({"field" if scope else "accounts": "Choose one of the list."})
    with ctx.db.transaction():
        store.lock_policy(ctx.db)       # two windows of one admin take turns
        log, version = policy.load_log(ctx.db)
        force = InForce(ctx.gate(version).base, log)
        if force.is_fixed(scope, bit):
            raise Refused("rule_fixed_by_code", "This field is fixed for this kind of account.")
        draft = store.load_draft(ctx.db, session.account_id, place.key)
        changes = {change.key: change for change in load_changes(draft)}
        key = (op, scope, bit)
        drafted = changes.pop(key, None)
        present = drafted.level if drafted else None
        if op == "cell" and present is None:
            site = drafted is not None or place.organization is None
            kind = matrix.kind_of(scope)
            present = force.default(kind, bit) if site else force.default(scope, bit)
        level = wanted(force, Change(op, scope, bit, present))
        if level is Level.ORGANIZATION and matrix.kind_of(scope) is Kind.PERSONAL:
            raise Invalid({"level": "Personal accounts have no organization."})
        change = Change(op, scope, bit, level)
        if op == "cell" and scope in matrix.SITE and level is None:
            raise Invalid({"": "There is no such setting."})
        if force.value(change) != level and not _is_back(force, change, drafted):
            changes[key] = change
        if changes:
            store.save_draft(
                ctx.db, session.account_id, place.key,
                store.Draft(
                    draft.based_on if draft else version, (draft.revision if draft else 0) + 1,
                    [(one.op, one.scope, one.bit, one.level) for one in changes.values()],
                ), now,
            )  # fmt: skip
        else:
            store.drop_draft(ctx.db, session.account_id, place.key)
    return field


def _is_back(force: InForce, change: Change, drafted: Change | None) -> bool:
    """An organization's cell pressed back to what it was: nothing of its own is set, as before."""
    return (
        change.op == "cell" and change.scope not in matrix.SITE and drafted is not None
        and force.cell(change.scope, change.bit) is None and change.level == force.default(change.scope, change.bit)
    )  # fmt: skip
