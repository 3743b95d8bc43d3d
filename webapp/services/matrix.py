"""Default visibility as admins meet it: the tables with the draft laid over, its dry run, the history (S79, D13).

It reads only. Drafts are matrix_draft's, applying and undoing matrix_apply's, counting matrix_count's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from policies import matrix
from policies.errors import NotFound
from policies.matrix import Change, InForce
from policies.terms import Field, Kind, Level, PolicyChange
from policies.timeline import Base
from policies.visibility import Gate
from webapp.services import matrix_count
from webapp.services.context import Context
from webapp.services.matrix_count import Count
from webapp.services.matrix_draft import Place, effective, load_changes
from webapp.services.matrix_views import Cell, DryRun, Effect, Group, Lock, MatrixPage, Override, Row, Step, UndoPage
from webapp.services.sessions import Session
from webapp.services.visibility_views import name_of, words_of
from webapp.store import admins as admins_store
from webapp.store import matrix as store
from webapp.store import policy

#: Steps shown in the history.
HISTORY = 20
ACCOUNTS = {"managed": "managed accounts", "personal": "unmanaged accounts"}
_AUDIENCES = (("anyone", Level.ANYONE), ("organization", Level.ORGANIZATION))


def home_of(place: Place) -> str:
    """The address of the place's page."""
    if place.organization is None:
        return "/admin/visibility"
    return f"/admin/organizations/{place.organization.slug}/visibility"


def open_page(ctx: Context, session: Session, place: Place) -> MatrixPage:
    """The page of a place, with the admin's own draft."""
    log, version = policy.load_log(ctx.db)
    base = ctx.gate(version).base
    force = InForce(base, log)
    draft = store.load_draft(ctx.db, session.account_id, place.key)
    changes = effective(force, load_changes(draft))
    after = matrix.with_changes(log, version, changes)
    fields = [field for field in base.fields if field.name in base.bit]
    label = {base.bit[field.name]: field.label for field in fields}
    drafted = {change.key: change for change in changes}
    organization = place.organization
    return MatrixPage(
        organization=organization.name if organization else "",
        slug=organization.slug if organization else "",
        home=home_of(place),
        groups=_heads(place),
        rows=tuple([_row(force, place, field, base.bit[field.name], drafted) for field in fields]),
        locks=_locks(force, place, label, {bit: name for name, bit in base.bit.items()}, drafted),
        fields=tuple([(field.name, field.label) for field in fields]),
        levels=tuple([(name_of(level), words_of(level)) for level in Level]),
        scopes=tuple([(name, ACCOUNTS.get(name, "")) for name in place.scopes]),
        changes=tuple([sentence(force, change, label, place) for change in changes]),
        seen=version,
        revision=draft.revision if draft else 0,
        dry=_dry_run(ctx, log, version, after, changes, place, label) if changes else None,
        meanwhile=_meanwhile(ctx, place, log, label, draft.based_on) if draft else (),
        history=_history(ctx, place, base, log, label),
        started_at=store.load_start(ctx.db) if organization is None else None,
        overrides=_overrides(ctx, session, force, label) if organization is None else (),
    )


def open_undo(ctx: Context, place: Place, step_id: int) -> UndoPage:
    """What undoing a step would do. Errors: NotFound for a step of another place, or one that was undone."""
    log, version = policy.load_log(ctx.db)
    gate = ctx.gate(version)
    label = _labels(gate)
    row = store.load_step(ctx.db, place.key, step_id)
    if row is None or row.undone_at is not None:
        raise NotFound
    changes = live_changes(log, row)
    after = matrix.with_undo(log, version, [change.version for change in changes])
    organization = place.organization
    return UndoPage(
        organization=organization.name if organization else "",
        slug=organization.slug if organization else "",
        home=home_of(place),
        step=_step(place, gate.base, log, row, label, store.load_handles(ctx.db, [row.actor_id or 0])),
        seen=version,
        dry=_dry_run(ctx, log, version, after, [_change(change) for change in changes], place, label),
    )


def live_changes(log: Sequence[PolicyChange], step: store.Step) -> list[PolicyChange]:
    """The changes of a step that were not undone."""
    return [
        change for change in log
        if step.first_version <= change.version <= step.last_version and change.undone_at is None
        and change.op in ("cell", "lock")
    ]  # fmt: skip


def meanwhile(place: Place, log: Sequence[PolicyChange], since: int) -> list[PolicyChange]:
    """What was changed after a version that the place's tables show: its own scopes', and for an organization the
    site's defaults below them."""
    scopes = {*place.scopes.values(), *(() if place.organization is None else (Kind.MANAGED.value,))}
    by_version = {change.version: change for change in log}
    found = []
    for change in log:
        about = by_version.get(change.value or 0) if change.op == "undo" else change
        if change.version > since and about is not None and about.op in ("cell", "lock") and about.scope in scopes:
            found.append(change)
    return found


# The tables ---------------------------------------------------------------------------------------------------------


def _heads(place: Place) -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]:
    """(scope in forms, heading, ((word, icon) …)) of each group of columns."""
    three = (("Anyone", "anyone"), ("Organization", "org"), ("Only you", "you"))
    if place.organization is not None:
        return (("organization", f"Accounts of {place.organization.name}", three),)
    return (("managed", "Managed accounts", three), ("personal", "Unmanaged accounts", (three[0], three[2])))


def _row(
    force: InForce, place: Place, field: Field, bit: int, drafted: Mapping[tuple[str, str, int], Change]
) -> Row:
    groups = [_group(force, name, scope, field, bit, drafted) for name, scope in place.scopes.items()]
    return Row(field.name, field.label, field.section, tuple(groups))


def _group(
    force: InForce, name: str, scope: str, field: Field, bit: int, drafted: Mapping[tuple[str, str, int], Change]
) -> Group:
    before = force.default(scope, bit)
    change = drafted.get(("cell", scope, bit))
    level, own = before, force.cell(scope, bit) is not None
    if change is not None:
        own = change.level is not None
        level = change.level if change.level is not None else force.default(matrix.kind_of(scope), bit)
    is_fixed = force.is_fixed(scope, bit)
    audiences = [one for one in _AUDIENCES if one[1] in matrix.levels_of(scope)]
    cells = []
    for word, audience in audiences:
        shown = level >= audience
        cells.append(Cell(
            id=f"c-{name}-{field.name}-{word}",
            audience=word,
            words=f"{field.label}, {words_of(audience)}{', unmanaged' if scope == Kind.PERSONAL else ''}",
            shown=shown,
            press="" if is_fixed else f"cell:{name}:{field.name}:{word}:{'hide' if shown else 'show'}",
            is_draft=change is not None and (before >= audience) is not shown,
            is_implied=audience is Level.ORGANIZATION and level is Level.ANYONE,
        ))  # fmt: skip
    lock = _lock_in_force(force, scope, bit, drafted)
    other = ""
    if scope not in matrix.SITE and not is_fixed:
        other = f"cell:{name}:{field.name}:{'inherit' if own else 'keep'}"
    return Group(tuple(cells), "" if lock is None else words_of(lock), own and scope not in matrix.SITE, other)


def _lock_in_force(
    force: InForce, scope: str, bit: int, drafted: Mapping[tuple[str, str, int], Change]
) -> Level | None:
    """The lower of the locks that rule a scope, the draft's instead of what it would change."""
    found = []
    for of in {scope, matrix.kind_of(scope).value}:
        change = drafted.get(("lock", of, bit))
        level = change.level if change is not None else force.lock(of, bit)
        if level is not None:
            found.append(level)
    return min(found) if found else None


def _locks(
    force: InForce, place: Place, label: Mapping[int, str], name_by_bit: Mapping[int, str],
    drafted: Mapping[tuple[str, str, int], Change],
) -> tuple[Lock, ...]:  # fmt: skip
    found: list[Lock] = []
    for form, scope in place.scopes.items():
        accounts = ACCOUNTS.get(form, "")
        in_force = force.locks(scope)
        bits = {*in_force, *(bit for op, of, bit in drafted if op == "lock" and of == scope)}
        for bit in sorted(bits):
            if bit not in label:
                continue
            change, level = drafted.get(("lock", scope, bit)), in_force.get(bit)
            ended = change is not None and change.level is None
            shown = level if change is None or change.level is None else change.level
            press = f"drop:lock:{form}:{name_by_bit[bit]}" if change else f"lock:{form}:{name_by_bit[bit]}:none"
            found.append(Lock(
                label[bit], accounts, words_of(shown or Level.ONLY_YOU), change is not None, ended, press
            ))  # fmt: skip
    if place.organization is not None:
        found += [
            Lock(label[bit], "by the whole community", words_of(level), False, False, "")
            for bit, level in sorted(force.locks(Kind.MANAGED).items()) if bit in label
        ]  # fmt: skip
    return tuple(found)


# Words --------------------------------------------------------------------------------------------------------------


def sentence(force: InForce, change: Change, label: Mapping[int, str], place: Place) -> str:
    """A change in words, beside what held before it: "Avatar opens to Anyone, managed accounts"."""
    name = label.get(change.bit, "A field that is gone")
    whose = f", {ACCOUNTS[change.scope]}" if place.organization is None and change.scope in ACCOUNTS else ""
    if change.op == "lock":
        if change.level is None:
            return f"{name} is locked no more{whose}"
        return f"{name} is locked at {words_of(change.level)}{whose}"
    if change.level is None:
        return f"{name} follows the community’s default again"
    before = force.default(change.scope, change.bit)
    if change.level > before:
        return f"{name} opens to {words_of(change.level)}{whose}"
    if change.level < before:
        closed = [words_of(one) for one in (Level.ANYONE, Level.ORGANIZATION)
                  if change.level < one <= before and one in matrix.levels_of(change.scope)]  # fmt: skip
        return f"{name} closes to {' and '.join(closed)}{whose}"
    return f"{name} stays at {words_of(change.level)}{whose}, whatever the community’s default becomes"


def _change(change: PolicyChange) -> Change:
    level = None if change.level is None else Level(change.level)
    return Change(change.op, change.scope, change.bit or 0, level)


def _labels(gate: Gate) -> dict[int, str]:
    return {gate.bit[field.name]: field.label for field in gate.fields if field.name in gate.bit}


def _meanwhile(
    ctx: Context, place: Place, log: Sequence[PolicyChange], label: Mapping[int, str], since: int
) -> tuple[str, ...]:
    changes = meanwhile(place, log, since)
    if not changes:
        return ()
    entries = {entry.version: entry for entry in store.load_entries(ctx.db, since + 1, changes[-1].version)}
    handles = store.load_handles(ctx.db, [entry.actor_id for entry in entries.values() if entry.actor_id])
    by_version = {change.version: change for change in log}
    lines = []
    for change in changes:
        entry = entries.get(change.version)
        who = handles[entry.actor_id] if entry and entry.actor_id in handles else "Vitrine"
        about = by_version[change.value or 0] if change.op == "undo" else change
        before = InForce(ctx.gate().base, [one for one in log if one.version < about.version])
        said = sentence(before, _change(about), label, place)
        lines.append(f"{who} took back: {said}." if change.op == "undo" else f"{who}: {said}.")
    return tuple(lines)


# The dry run --------------------------------------------------------------------------------------------------------


def _dry_run(
    ctx: Context, log: Sequence[PolicyChange], version: int, after: tuple[list[PolicyChange], int],
    changes: Sequence[Change], place: Place, label: Mapping[int, str],
) -> DryRun:  # fmt: skip
    count = count_changes(ctx, log, version, after, changes, place)
    effects = []
    ordered = sorted(count.fields.items(), key=lambda one: (one[0][1], one[0][0], -one[0][2]))
    for (kind, bit, audience), tally in ordered:
        if tally.narrows or tally.opens or tally.asks or tally.keeps:
            effects.append(Effect(
                label.get(bit, ""), "" if place.organization else ACCOUNTS[kind], words_of(audience),
                tally.narrows, tally.opens, tally.asks, tally.keeps, tally.same,
            ))  # fmt: skip
    public = [one.label for one in effects if one.audience == words_of(Level.ANYONE) and (one.asks or one.opens)]
    total = count.total
    return DryRun(
        total.narrows, total.asks, total.keeps, total.same, count.asked, tuple(effects), tuple(dict.fromkeys(public))
    )


def count_changes(
    ctx: Context, log: Sequence[PolicyChange], version: int, after: tuple[list[PolicyChange], int],
    changes: Iterable[Change], place: Place,
) -> Count:  # fmt: skip
    """The dry run of a changed log, in numbers."""
    base = ctx.gate(version).base
    return matrix_count.count(
        ctx, Gate(base, log, version), Gate(base, *after), [change.bit for change in changes], place.organization_id
    )


def counts_of(count: Count) -> dict[str, int]:
    """A dry run's sum as the history and the audit log keep it; `asked`: about anything."""
    total = count.total
    return {"now": total.narrows, "asked": count.asked, "keep": total.keeps, "same": total.same}


# What changed before, and organizations -----------------------------------------------------------------------------


def _history(
    ctx: Context, place: Place, base: Base, log: Sequence[PolicyChange], label: Mapping[int, str]
) -> tuple[Step, ...]:
    rows = store.load_steps(ctx.db, place.key, HISTORY)
    handles = store.load_handles(ctx.db, [row.actor_id for row in rows if row.actor_id])
    return tuple([_step(place, base, log, row, label, handles) for row in rows])


def _step(
    place: Place, base: Base, log: Sequence[PolicyChange], row: store.Step, label: Mapping[int, str],
    handles: Mapping[int, str],
) -> Step:  # fmt: skip
    changes = [change for change in log if row.first_version <= change.version <= row.last_version]
    before = [change for change in log if change.version < row.first_version]
    force = InForce(base, before)
    lines = [sentence(force, _change(change), label, place) for change in changes if change.op in ("cell", "lock")]
    who = handles[row.actor_id] if row.actor_id is not None and row.actor_id in handles else "Vitrine"
    counts = row.counts
    return Step(
        row.id, who, tuple(lines), row.at, row.note, counts.get("now", 0), counts.get("asked", 0),
        row.undone_at is not None,
    )  # fmt: skip


def _overrides(
    ctx: Context, session: Session, force: InForce, label: Mapping[int, str]
) -> tuple[Override, ...]:
    drafts = set(store.load_drafts(ctx.db, session.account_id))
    found = []
    for row in admins_store.load_organizations(ctx.db):
        scope = matrix.org_scope(row.id)
        cells, locks = force.cells(scope), force.locks(scope)
        lines = [f"{label[bit]} shows to {words_of(level)}." for bit, level in sorted(cells.items()) if bit in label]
        found.append(Override(row.slug, row.name, tuple(lines), len(locks), scope in drafts))
    return tuple(sorted(found, key=lambda one: (not (one.lines or one.locks or one.has_draft), one.name)))
