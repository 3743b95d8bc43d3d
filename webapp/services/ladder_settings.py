"""Milestone ladders, kudos points and levels as an admin may set them, over those of the plugins (D1, S69).

Nothing is given or taken: milestones, points and the level follow from the totals as soon as the tables change. Only
the dates of milestones are rows; they are brought in line with the change. Who would gain and lose: ladder_rehearsal.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from policies.errors import Conflict, Invalid
from policies.terms import Rung
from webapp.services import counting, site_tables, texts, totals
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.site_tables import SiteSettings
from webapp.store import audit, closing, policy
from webapp.store import ladders as store
from webapp.store import site_settings as setting_store

STEPS_LIMIT = 40
LEVELS_LIMIT = 20
#: No threshold is higher, and no event is worth more.
HIGHEST = 10**9
MOST_POINTS = 10_000
NAME_LIMIT = 30
_SPLIT = re.compile(r"[\s,;]+")
SITE = "this site"


@dataclass(frozen=True, slots=True)
class Tables:
    """All three tables, whole."""

    ladders: Mapping[str, tuple[int, ...]]
    points: Mapping[str, int]
    levels: tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class LadderView:
    """One ladder as it is edited. `by`: the plugin it comes from, or the site; `plain`: what the plugin says."""

    metric: str
    label: str
    steps: str
    by: str
    plain: str


@dataclass(frozen=True, slots=True)
class PointsView:
    """What one event of a kind is worth."""

    metric: str
    label: str
    worth: str
    by: str
    plain: str


@dataclass(frozen=True, slots=True)
class LevelsPage:
    """What the page shows; `rungs` are (points, name) as they stand in the form, some of them empty."""

    ladders: tuple[LadderView, ...]
    points: tuple[PointsView, ...]
    rungs: tuple[tuple[str, str], ...]
    levels_by: str
    plain_levels: str


def in_force(ctx: Context) -> Tables:
    """The tables as every page uses them now."""
    settings = ctx.settings()
    return over_plugins(ctx, settings)


def over_plugins(ctx: Context, settings: SiteSettings) -> Tables:
    """The plugins' tables with the site's own laid over them."""
    ladders, points, levels = ctx.manager.plugin_tables
    return Tables({**ladders, **settings.ladders}, {**points, **settings.points}, settings.levels or levels)


def view_levels(ctx: Context, form: Mapping[str, str] | None = None) -> LevelsPage:
    """The page; `form`: what was typed stands in the place of what is in force."""
    settings = ctx.settings()
    now, plain = over_plugins(ctx, settings), over_plugins(ctx, SiteSettings())
    typed = form or _form_of(now)
    owner = ctx.manager.table_owner
    rungs = [(typed.get(f"at-{n}", ""), typed.get(f"level-{n}", "")) for n in range(LEVELS_LIMIT)]
    while len(rungs) > len(now.levels) + 2 and rungs[-1] == ("", ""):
        rungs.pop()
    return LevelsPage(
        tuple(
            LadderView(
                metric, label_of(ctx, metric), typed.get(f"ladder-{metric}", ""),
                SITE if metric in settings.ladders else owner.get(f"ladder:{metric}", ""), _steps(steps),
            )
            for metric, steps in plain.ladders.items()
        ),
        tuple(
            PointsView(
                metric, label_of(ctx, metric), typed.get(f"points-{metric}", ""),
                SITE if metric in settings.points else owner.get(f"point:{metric}", ""), str(worth),
            )
            for metric, worth in plain.points.items()
        ),
        tuple(rungs), SITE if settings.levels else owner.get("levels", ""),
        ", ".join(f"{rung.name} {rung.at:,}" for rung in plain.levels),
    )  # fmt: skip


def read_form(ctx: Context, form: Mapping[str, str]) -> Tables:
    """The tables that were typed. Errors: Invalid (`ladder-METRIC`, `points-METRIC`, `at-N`, `level-N`)."""
    plain = over_plugins(ctx, SiteSettings())
    problems: dict[str, str] = {}
    ladders: dict[str, tuple[int, ...]] = {}
    points: dict[str, int] = {}
    for metric in plain.ladders:
        try:
            ladders[metric] = _ladder(f"ladder-{metric}", form.get(f"ladder-{metric}", ""))
        except Invalid as error:
            problems |= error.errors
    for metric in plain.points:
        raw = form.get(f"points-{metric}", "").strip()
        if not _is_number(raw) or int(raw) > MOST_POINTS:
            problems[f"points-{metric}"] = f"Write a whole number from 0 to {MOST_POINTS:,}."
        else:
            points[metric] = int(raw)
    levels = _levels(form, problems)
    if problems:
        raise Invalid(problems)
    return Tables(ladders, points, levels)


def mark_of(before: Tables, after: Tables) -> str:
    """Names a rehearsal: what it was made of. Whatever is applied must have been rehearsed like this."""
    parts = [[dict(one.ladders), dict(one.points), [[r.at, r.name] for r in one.levels]] for one in (before, after)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def apply(ctx: Context, session: Session, after: Tables, mark: str, now: int) -> None:
    """Set the tables; everything that shows them follows by the next request of every process.

    Errors: Conflict where this was not rehearsed, or the tables have changed since.
    """
    plain = over_plugins(ctx, SiteSettings())
    own_ladders = {m: list(steps) for m, steps in after.ladders.items() if tuple(plain.ladders[m]) != steps}
    own_points = {m: worth for m, worth in after.points.items() if plain.points[m] != worth}
    own_levels = [] if tuple(plain.levels) == after.levels else [[rung.at, rung.name] for rung in after.levels]
    with ctx.db.transaction():
        closing.lock_sources(ctx.db)        # a batch on its way dates milestones by the ladders that it began with
        policy.take_version(ctx.db)         # whoever else saves waits here
        before = over_plugins(ctx, site_tables.load(ctx.db))
        if mark != mark_of(before, after):
            raise Conflict("This is not what was rehearsed, or somebody changed it in between.", "Rehearse it again.")
        setting_store.save(ctx.db, {
            "ladders": json.dumps(own_ladders) if own_ladders else None,
            "points": json.dumps(own_points) if own_points else None,
            "levels": json.dumps(own_levels, ensure_ascii=False) if own_levels else None,
        })
        _move_dates(ctx, before, after)
        audit.record(
            ctx.db, "levels:apply", now, actor_id=session.account_id, before=_told(before, after),
            after=_told(after, before),
        )


def label_of(ctx: Context, metric: str) -> str:
    """What members call a metric."""
    words = totals.words(ctx.manager, metric)
    return words[0] if words else metric.replace("_", " ").capitalize()


def _move_dates(ctx: Context, before: Tables, after: Tables) -> None:
    """The dates of milestones that are new, and none for those that are no more (S69)."""
    for metric, steps in after.ladders.items():
        old = set(before.ladders.get(metric, ()))
        gone, new = sorted(old - set(steps)), sorted(set(steps) - old)
        store.delete_values(ctx.db, metric, gone)
        if metric == "courses_completed":
            store.add_course_dates(ctx.db, new)
        elif metric in counting.METRIC_KIND:
            store.add_dates(ctx.db, metric, counting.METRIC_KIND[metric], new)


def _told(one: Tables, other: Tables) -> dict[str, object]:
    """What differs, for the audit log."""
    told: dict[str, object] = {f"ladder {m}": list(s) for m, s in one.ladders.items() if other.ladders.get(m) != s}
    told |= {f"points {m}": worth for m, worth in one.points.items() if other.points.get(m) != worth}
    if one.levels != other.levels:
        told["levels"] = [f"{rung.at} {rung.name}" for rung in one.levels]
    return told


def _form_of(tables: Tables) -> dict[str, str]:
    form = {f"ladder-{metric}": _steps(steps) for metric, steps in tables.ladders.items()}
    form |= {f"points-{metric}": str(worth) for metric, worth in tables.points.items()}
    for n, rung in enumerate(tables.levels):
        form |= {f"at-{n}": str(rung.at), f"level-{n}": rung.name}
    return form


def _steps(steps: tuple[int, ...]) -> str:
    return ", ".join(str(step) for step in steps)


def _is_number(raw: str) -> bool:
    return raw.isascii() and raw.isdecimal() and len(raw) <= 10


def _ladder(field: str, raw: str) -> tuple[int, ...]:
    words = [word for word in _SPLIT.split(raw[:2000]) if word]
    if len(words) > STEPS_LIMIT or len(raw) > 2000:
        raise Invalid({field: f"A ladder has up to {STEPS_LIMIT} steps."})
    if not all(_is_number(word) and 1 <= int(word) <= HIGHEST for word in words):
        raise Invalid({field: "Write whole numbers from 1 on, with commas between them."})
    steps = tuple(int(word) for word in words)
    if list(steps) != sorted(set(steps)):
        raise Invalid({field: "The steps must rise, each higher than the one before."})
    return steps


def _levels(form: Mapping[str, str], problems: dict[str, str]) -> tuple[Rung, ...]:
    rungs: list[Rung] = []
    for n in range(LEVELS_LIMIT):
        at, raw = form.get(f"at-{n}", "").strip(), form.get(f"level-{n}", "")
        try:
            name = texts.line(f"level-{n}", raw, "name", NAME_LIMIT)
        except Invalid as error:
            problems |= error.errors
            continue
        if not at and not name:
            continue
        if not _is_number(at) or int(at) > HIGHEST:
            problems[f"at-{n}"] = "Write the points as a whole number, or empty the whole row."
        elif not name:
            problems[f"level-{n}"] = "Name the level, or empty the whole row."
        elif not rungs and int(at) != 0:
            problems[f"at-{n}"] = "The first level starts at 0 points."
        elif rungs and int(at) <= rungs[-1].at:
            problems[f"at-{n}"] = f"This must be more than {rungs[-1].at:,}, where the level before starts."
        else:
            rungs.append(Rung(int(at), name))
    if not rungs and not any(key.startswith(("at-", "level-")) for key in problems):
        problems["at-0"] = "There is at least one level, and it starts at 0 points."
    return tuple(rungs)
