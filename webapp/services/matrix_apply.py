"""Applying a draft of default visibility and undoing what was applied: the policy log's writers for admins (D11, D19).

Each is one transaction that holds the policy: log entries, step, audit row, the draft gone. The page sends what it was
made from (`seen`, `revision`); whatever changed since is told first, and the draft stays.
"""

from __future__ import annotations

from policies import matrix
from policies.errors import Conflict, NotFound
from policies.matrix import Change, InForce
from webapp.services import matrix as pages
from webapp.services import texts
from webapp.services.context import Context
from webapp.services.matrix_draft import Place, effective, load_changes
from webapp.services.sessions import Session
from webapp.services.visibility_views import name_of
from webapp.store import audit, policy
from webapp.store import matrix as store

NOTE_LIMIT = 200
MEANWHILE = "Somebody else changed these settings after you opened this page."
MEANWHILE_FIX = "Your draft is kept. Look at what changed and at the new dry run, then apply again."


def apply(
    ctx: Context, session: Session, place: Place, now: int, *, seen: int, revision: int, note: str = "",
    tell: bool = False,
) -> int:  # fmt: skip
    """Put the admin's draft in force for everybody's next request; the step's id, 0 where all of it is so already.

    `tell`: mail who is asked (D11). The caller has asked for a recent password. Errors: Invalid for the note; Conflict
    when the policy or the draft is not what the page showed; then nothing is changed.
    """
    note = read_note(note)
    with ctx.db.transaction():
        store.lock_policy(ctx.db)
        log, version = policy.load_log(ctx.db)
        draft = store.load_draft(ctx.db, session.account_id, place.key)
        if draft is None or draft.revision != revision:
            raise Conflict("Your draft changed in another window.", "It is shown as it is now: look and apply again.")
        if seen < draft.based_on or pages.meanwhile(place, log, seen):
            raise Conflict(MEANWHILE, MEANWHILE_FIX)
        changes = effective(InForce(ctx.gate(version).base, log), load_changes(draft))
        store.drop_draft(ctx.db, session.account_id, place.key)
        if not changes:             # somebody else did all of it meanwhile
            return 0
        after = matrix.with_changes(log, version, changes)
        counted = pages.count_changes(ctx, log, version, after, changes, place)
        counts = pages.counts_of(counted)
        versions = [
            policy.append_change(
                ctx.db, change.op, change.scope, now, bit=change.bit, level=change.level, actor_id=session.account_id
            )
            for change in changes
        ]
        telling = tell and counts["asked"] > 0
        step = store.add_step(
            ctx.db, place.key, session.account_id, now, (versions[0], versions[-1]), note, counts, telling
        )
        audit.record(
            ctx.db, "policy:apply", now, actor_id=session.account_id, organization_id=place.organization_id,
            step=step, changes=_told(ctx, changes), counts=counts, tell=telling, note=note,
        )
    return step


def undo(ctx: Context, session: Session, place: Place, step_id: int, now: int, *, seen: int) -> None:
    """Take an applied step back out: who did not act in between sees what was seen before it (D11).

    Errors: NotFound for a step of another place or one undone already; Conflict when the policy changed since `seen`.
    """
    with ctx.db.transaction():
        store.lock_policy(ctx.db)
        log = policy.load_log(ctx.db)[0]
        step = store.load_step(ctx.db, place.key, step_id)
        if step is None or step.undone_at is not None:
            raise NotFound
        if seen < step.last_version or pages.meanwhile(place, log, seen):
            raise Conflict(MEANWHILE, "Look at the new dry run, then undo again.")
        live = pages.live_changes(log, step)
        for change in live:
            policy.undo_change(ctx.db, change.version, now, session.account_id)
        store.mark_undone(ctx.db, step_id, now, session.account_id)
        audit.record(
            ctx.db, "policy:undo", now, actor_id=session.account_id, organization_id=place.organization_id,
            step=step_id, versions=[change.version for change in live],
        )


def read_note(raw: str) -> str:
    """The note for the history, checked. Errors: Invalid."""
    return texts.line("note", raw, "note", NOTE_LIMIT)


def _told(ctx: Context, changes: list[Change]) -> list[dict[str, str]]:
    """The changes as the audit log keeps them: names, not bits."""
    name = {bit: field for field, bit in ctx.gate().bit.items()}
    return [
        {
            "op": change.op, "scope": change.scope, "field": name.get(change.bit, str(change.bit)),
            "level": "" if change.level is None else name_of(change.level),
        }
        for change in changes
    ]  # fmt: skip
