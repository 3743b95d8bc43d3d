"""Badges with a memory: who meets a rule gets its badge once and keeps it. Milestones are derived, not given (totals).

A rule is met by an account for itself, from its own counters, so that a link changes nothing (S51); a profile shows the
union (D8). A new rule waits until an admin has seen the rehearsal and started it. The worker goes through the accounts
in small transactions and picks up where it was; giving is idempotent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from policies.errors import Invalid, NotFound, Refused
from policies.extending import BadgeRule, Facts, Holding
from policies.visibility import Gate
from webapp.services import accounts, reactions
from webapp.services.context import Context
from webapp.services.opening import canonical_handle
from webapp.services.sessions import Session
from webapp.store import audit, profiles
from webapp.store import awards as store
from webapp.store import plugins as rules_store
from webapp.store.awards import Doer, Run

BATCH = 300
#: Batches of one turn of the worker, and of the request that begins a run: small sites see the end at once.
TURN, AT_ONCE = 40, 4
DAY = 86_400
MODES = ("silent", "announced")


@dataclass(frozen=True, slots=True)
class RunView:
    """How far a look at all accounts has come, in percent; `gained` and `lost`: accounts."""

    mode: str
    percent: int
    is_done: bool
    gained: int
    lost: int
    failed: int
    started_at: int


@dataclass(frozen=True, slots=True)
class RuleView:
    """A badge rule for admins. state: waiting | on | retired; `told`: sections whose viewers alone see the badge."""

    key: str
    title: str
    plugin: str
    what: str
    told: tuple[str, ...]
    state: str
    holders: int
    rehearsal: RunView | None
    run: RunView | None


def open_page(ctx: Context) -> tuple[RuleView, ...]:
    """Every rule ever registered, the retired ones last."""
    ctx.gate()
    holders = store.count_holders(ctx.db)
    rehearsals = store.load_latest(ctx.db, ("rehearsal",))
    runs = store.load_latest(ctx.db, ("silent", "announced", "nightly"))
    rows = sorted(rules_store.load_rules(ctx.db).values(), key=lambda row: (row.state == "retired", row.name))
    labels = {field.name: field.label for field in ctx.manager.fields}
    return tuple([
        RuleView(
            row.name, row.title, row.plugin, _what(ctx.manager.badge_rules.get(row.name)),
            tuple(labels.get(name, name) for name in row.needs), row.state, holders.get(row.name, 0),
            _run_view(rehearsals.get(row.name)), _run_view(runs.get(row.name)),
        )
        for row in rows
    ])  # fmt: skip


def _what(rule: BadgeRule | None) -> str:
    if rule is None:
        return "No plugin brings this rule any more. Its badges stay."
    if rule.metric:
        return f"For {rule.at:,} or more: {rule.metric.replace('_', ' ')}."
    if rule.years:
        return f"For {rule.years:,} {'year' if rule.years == 1 else 'years'} of membership."
    return "For what the plugin looks for."


def _run_view(run: Run | None) -> RunView | None:
    if run is None:
        return None
    percent = 100 if run.finished_at is not None else min(99, 100 * run.done // max(run.total, 1))
    return RunView(run.mode, percent, run.finished_at is not None, run.gained, run.lost, run.failed, run.started_at)


# What an admin does --------------------------------------------------------------------------------------------------


def rehearse(ctx: Context, session: Session, key: str, now: int) -> None:
    """Count who would gain and who would lose the badge; nothing is given. Errors: NotFound, Refused (retired)."""
    _rule(ctx, key)
    with ctx.db.transaction():
        store.end_runs(ctx.db, key, now)
        store.start_run(ctx.db, key, "rehearsal", now)
        audit.record(ctx.db, "badge:rehearse", now, actor_id=session.account_id, rule=key)
    work(ctx, now, AT_ONCE)


def start(ctx: Context, session: Session, key: str, mode: str, now: int) -> None:
    """Let the rule give its badges, to all who meet it now and every night. `announced`: their members by the
    daily mail, and plugins, are told of each; so they are of those of every night.

    Errors: NotFound; Invalid (`mode`); Refused (rule_recent_password, rule_rehearsed_first, rule_badge_retired).
    """
    accounts.require_recent(session, now)
    _rule(ctx, key)
    if mode not in MODES:
        raise Invalid({"mode": "Choose whether it is done silently or announced."})
    with ctx.db.transaction():
        seen = store.load_latest(ctx.db, ("rehearsal",)).get(key)
        if seen is None or seen.finished_at is None:
            raise Refused("rule_rehearsed_first", "Rehearse the rule first, and look at who gains.")
        store.end_runs(ctx.db, key, now)
        rules_store.set_rule_state(ctx.db, key, "on")
        store.start_run(ctx.db, key, mode, now)
        audit.record(ctx.db, "badge:start", now, actor_id=session.account_id, rule=key, mode=mode)
    work(ctx, now, AT_ONCE)


def revoke(ctx: Context, session: Session, key: str, handle: str, now: int, *, back: bool = False) -> None:
    """Take the badge back from one account; the rule does not give it again. `back`: the rule may give it again.

    Errors: NotFound (rule), Invalid (`handle`), Refused (rule_recent_password).
    """
    accounts.require_recent(session, now)
    if key not in rules_store.load_rules(ctx.db):
        raise NotFound
    known = canonical_handle(handle.strip().removeprefix("@"))
    with ctx.db.transaction():
        group = profiles.load_group(ctx.db, known or "")
        if group.asked.id == 0:
            raise Invalid({"handle": "Nobody has this handle."})
        account_id = group.asked.id
        if back:
            store.set_revoked(ctx.db, account_id, key, None)
        else:
            if not store.take(ctx.db, account_id, key):
                raise Invalid({"handle": "This account does not hold the badge."})
            store.set_revoked(ctx.db, account_id, key, now)
        event = "badge:allow" if back else "badge:revoke"
        audit.record(ctx.db, event, now, actor_id=session.account_id, subject_id=account_id, rule=key)


def _rule(ctx: Context, key: str) -> BadgeRule:
    ctx.gate()
    rule = ctx.manager.badge_rules.get(key)
    if rule is not None:
        return rule
    if key in rules_store.load_rules(ctx.db):
        raise Refused("rule_badge_retired", "No plugin brings this rule any more.")
    raise NotFound


# What the worker does ------------------------------------------------------------------------------------------------


def nightly(ctx: Context, now: int) -> None:
    """Look at all accounts again for every rule that is on."""
    with ctx.db.transaction():
        busy = {run.rule for run in store.load_unfinished(ctx.db)}
        for row in rules_store.load_rules(ctx.db).values():
            if row.state == "on" and row.name not in busy:
                store.start_run(ctx.db, row.name, "nightly", now)
        store.forget_runs(ctx.db, now - 30 * DAY)


def work(ctx: Context, now: int, batches: int = TURN) -> None:
    """Go on with the runs that are under way, some batches of accounts."""
    for run in store.load_unfinished(ctx.db):
        while run.finished_at is None:
            if batches <= 0:
                return
            batches -= 1
            run = _step(ctx, run, now)


def _step(ctx: Context, run: Run, now: int) -> Run:
    """One batch: the rule is asked first, its answers are written in one transaction. A rule that is gone ends its run.

    A run that was ended, or went on elsewhere, in between is left as it is. Under the link guard, so that no account of
    the batch is deleted meanwhile and a deletion, which touches other accounts too, takes its turn.
    """
    gate = ctx.gate()
    rule = ctx.manager.badge_rules.get(run.rule)
    doers = [] if rule is None else store.load_doers(ctx.db, run.rule, run.last_id, run.upto_id, BATCH)
    asked = [(doer, met_at(ctx, gate, rule, doer, now)) for doer in doers if rule is not None]
    with ctx.db.transaction():
        ctx.db.link_guard()
        there = store.load_run(ctx.db, run.id)
        if there is None or there.finished_at is not None or there.last_id != run.last_id:
            return there or run._replace(finished_at=now)
        gained = lost = failed = 0
        for doer, at in asked:
            assert rule is not None
            failed += at is None
            if at and not doer.has and not doer.is_revoked:
                gained += run.mode == "rehearsal" or _give(ctx, run, rule, doer, at, now)
            elif at == 0 and doer.has and not rule.keeps:
                lost += run.mode == "rehearsal" or store.take(ctx.db, doer.id, rule.key)
        run = run._replace(
            last_id=doers[-1].id if doers else run.upto_id, done=run.done + len(doers), gained=run.gained + gained,
            lost=run.lost + lost, failed=run.failed + failed, finished_at=None if len(doers) == BATCH else now,
        )
        store.save_run(ctx.db, run)
    return run


def _give(ctx: Context, run: Run, rule: BadgeRule, doer: Doer, at: int, now: int) -> bool:
    is_new = store.give(ctx.db, doer.id, rule.key, rule.title, at)
    if is_new and run.mode != "silent":
        store.add_waiting(ctx.db, doer.id, rule.key)
        reactions.awarded(ctx, doer.id, rule.key, rule.title, now)
    return is_new


def met_at(ctx: Context, gate: Gate, rule: BadgeRule, doer: Doer, now: int) -> int | None:
    """The moment that stands on the badge if the account meets the rule, 0 if it does not; None: the plugin failed."""
    if rule.years:
        at = anniversary(doer.member_since, rule.years)
        return at if at <= now else 0
    totals = ctx.manager.with_metrics(dict(doer.totals))
    if rule.metric:
        totals["kudos_points"] = ctx.manager.kudos_points(totals)
        amount = totals.get(rule.metric)
        return None if amount is None else now if amount >= rule.at else 0
    facts = Facts(
        gate.kind(doer.domain_id), now // DAY * DAY, totals, {},
        tuple([Holding(*row) for row in doer.held]), doer.member_since,
    )
    met = ctx.manager.meets(rule.key, facts)
    return None if met is None else now if met else 0


def anniversary(since: int, years: int) -> int:
    """The moment so many years after `since`; of the 29th of February the 1st of March."""
    began = datetime.fromtimestamp(since, UTC)
    try:
        return int(began.replace(year=began.year + years).timestamp())
    except ValueError:
        return int(began.replace(year=began.year + years, month=3, day=1).timestamp())
