"""Settings > Profile and visibility: who sees which field of the account that is logged in, and why (S73-S86, D15).

Each account sets the levels of its own record, a managed session those of its own only (D7). What a level means is the
gate's (policies.visibility); what an act of the owner does to held fields is holding's (D11, D19).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from policies import holding
from policies.errors import Conflict, Invalid, Refused
from policies.terms import ALL, ANONYMOUS, Field, Kind, Level, Settings, Subject, Viewer, Why
from policies.visibility import Gate, explain
from webapp.services import edit_head, editing, grants, people_index, visibility_offers
from webapp.services.context import Context
from webapp.services.links import load_links
from webapp.services.notes import avatar_view
from webapp.services.visibility_offers import CHANGED, CHANGED_FIX
from webapp.services.visibility_views import (
    LEVELS,
    NAMES,
    Choice,
    Detail,
    Offer,
    Preview,
    Row,
    Step,
    VisibilityPage,
    name_of,
    words_of,
)
from webapp.store import accounts as accounts_store
from webapp.store import audit, policy, profiles, records, typed

LEVEL, WAS = "level-", "was-"

#: What stands under the name of a section, which has no single value.
_SECTIONS: Mapping[str, str] = {
    "stats": "Answers, accepted solutions, articles, likes, courses and total posts",
    "badges": "Milestones and awarded badges",
    "certifications": "Certifications, designations and courses",
    "groups": "Groups you are in",
    "kudos": "Peer kudos and their messages",
    "activity": "What you did, the heatmap, and how long you are a member",
}
#: The facts of the preview card with their icons, in the order of a profile's.
_FACTS: Mapping[str, str] = {
    "department": "tree", "organization": "building", "location": "pin", "timezone": "clock", "email": "mail",
}


@dataclass(frozen=True, slots=True)
class Acts:
    """What was sent, read and checked, but not yet allowed.

    levels: field -> (level asked for, level the page showed, or None where it did not say)
    defaults, accepted: field -> the level the page said that it would get; declined: field -> the level offered
    """

    levels: Mapping[str, tuple[Level, Level | None]]
    defaults: Mapping[str, Level]
    accepted: Mapping[str, Level]
    declined: Mapping[str, Level]


def read_acts(ctx: Context, form: Mapping[str, str], accepted: Sequence[str] = ()) -> Acts:
    """The acts in a form: `level-<field>` with `was-<field>`, or "field:level …" in `default`, `accepted`, `declined`.

    Such a button does what it says and nothing else: radios sent beside it do not count.
    Other keys are passed over (T67). Errors: Invalid for a field or level that does not exist.
    """
    bit = ctx.gate().bit
    errors: dict[str, str] = {}

    def level(field: str, name: str) -> Level:
        if field not in bit:
            errors[field] = "There is no such field."
        if name not in NAMES:
            errors[field] = "There is no such level."
        return NAMES.get(name, Level.ONLY_YOU)

    def pairs(keys: Sequence[str]) -> dict[str, Level]:
        split = [key.partition(":") for key in keys]
        return {field: level(field, name) for field, _, name in split}

    levels: dict[str, tuple[Level, Level | None]] = {}
    defaults = pairs(form.get("default", "").split())
    declined = pairs(form.get("declined", "").split())
    taken = {} if declined else pairs(accepted)
    if not declined and not defaults and not taken and "accept" not in form:
        for key, name in form.items():
            if key.startswith(LEVEL):
                field = key.removeprefix(LEVEL)
                was = form.get(WAS + field)
                levels[field] = (level(field, name), None if was is None else level(field, was))
    if errors:
        raise Invalid(errors)
    return Acts(levels, {} if declined else defaults, taken, declined)


def save(ctx: Context, viewer: Viewer, acts: Acts, now: int) -> bool:
    """Carry out the acts on the record of the account that is logged in; whether anything changed.

    One transaction under the link guard: settings, freed link holds, versions and audit row; it holds for everybody
    from the next request on (T62). Errors: NotFound; Refused for a level that a lock, the code or the kind forbids
    (T66); Conflict where what the page showed no longer holds. Then nothing is changed.
    """
    with ctx.db.transaction():
        standing = editing.stand(ctx, viewer, viewer.account_id, lock=True)
        gate, subject = standing.gate, standing.subject
        if acts.declined:
            return visibility_offers.decline(ctx, gate, subject, acts.declined, now)
        settings, done = _carry_out(gate, subject, acts)
        if not done:
            return False
        records.save(ctx.db, subject.account_id, settings, {})
        visibility_offers.forget(ctx, gate, subject, done)
        levels = gate.levels(_after(subject, settings))
        narrowed = [name for name, level in gate.levels(subject).items() if levels[name] < level]
        grants.clear_ticks(ctx, subject.account_id, sum(1 << gate.bit[name] for name in narrowed))
        people_index.refresh(ctx, [subject.account_id])
        audit.record(
            ctx.db, "visibility:edit", now, actor_id=viewer.account_id, subject_id=subject.account_id, fields=done,
        )
        return True


def _carry_out(gate: Gate, subject: Subject, acts: Acts) -> tuple[Settings, dict[str, str]]:
    """The settings after the acts, and what was done to each field."""
    present, pending = gate.levels(subject), gate.pending(subject)
    done: dict[str, str] = {}
    after = subject
    for field, (asked, was) in acts.levels.items():
        now = present[field]
        if asked == was:
            continue                    # sent along by the form, not touched
        chosen = holding.choose(gate, after, field, asked)
        if was is not None and was != now and asked != now:
            raise Conflict(CHANGED, CHANGED_FIX)
        if asked == now and subject.settings.chosen >> gate.bit[field] & 1:
            continue
        after, done[field] = _after(after, chosen), name_of(asked)
    for field, shown in acts.defaults.items():
        cleared = _after(after, holding.clear(gate, after, field))
        if gate.levels(cleared)[field] != shown:
            raise Conflict(CHANGED, CHANGED_FIX)
        after, done[field] = cleared, "default"
    for field, level in acts.accepted.items():
        if level > gate.ceiling(subject, field):
            raise Refused("rule_not_wider_than_lock", "This level is not open to you for this field.")
        if level > pending.get(field, Level.ONLY_YOU) or level is Level.ONLY_YOU:
            raise Conflict(CHANGED, CHANGED_FIX)
    if acts.accepted:
        after = _after(after, holding.accept(gate, after, acts.accepted))
        done |= {field: f"accept {name_of(level)}" for field, level in acts.accepted.items()}
    return after.settings, done


def _after(subject: Subject, settings: Settings) -> Subject:
    """The record once these settings are written: what links held is in them now (policies.holding)."""
    return replace(subject, settings=settings, held_anyone=ALL, held_org=ALL)


# The page ------------------------------------------------------------------------------------------------------------


def open_page(ctx: Context, viewer: Viewer, looked_as: str = "", problem: str = "", failed: str = "") -> VisibilityPage:
    """The page of the account that is logged in; `looked_as`: whose eyes the preview has; `failed`: the field whose
    save was not taken, for `problem`. Errors: NotFound for nobody logged in."""
    own = editing.stand(ctx, viewer, viewer.account_id)
    gate, subject = own.gate, own.subject
    organization_id = gate.organization(subject.domain_id)
    organization = accounts_store.organization_name(ctx.db, organization_id) if organization_id is not None else ""
    values = profiles.load_values(ctx.db, subject.account_id, profiles.COLUMNS)[0]
    words = typed.load(ctx.db, subject.account_id, [field.name for field in gate.fields if field.typed])
    since = policy.load_locked(ctx.db, organization_id)
    cleared = _all_cleared(gate, subject)
    levels, defaults = gate.levels(subject), gate.levels(cleared)
    pending = visibility_offers.open_offers(ctx, gate, subject)
    fields = [field for field in gate.fields if field.name in gate.bit]
    rows = tuple([
        _row(gate, subject, field, levels[field.name], defaults[field.name], pending.get(field.name),
             _value(values, field, words), organization, since, problem if field.name == failed else "")
        for field in fields
    ])  # fmt: skip
    label = {field.name: field.label for field in fields}
    reasons = visibility_offers.reasons(ctx, gate, subject, pending, organization)
    linked = not holding.is_anchor(subject)
    profile = edit_head.stand_open(ctx, viewer) if linked else None
    return VisibilityPage(
        handle=own.handle,
        organization=organization,
        profile_handle=profile.handle if profile is not None else "",
        is_silent=subject.silent,
        is_primary=not linked and own.linked > 1,
        private=subject.private,
        rows=rows,
        offers=tuple([
            Offer(f"{name}:{name_of(level)}", label[name], words_of(levels[name]), words_of(level), *reasons[name])
            for name, level in pending.items()
        ]),
        changes=tuple([
            (f"{row.field}:{row.default}", row.label, row.level_words, row.default_words) for row in rows if row.default
        ]),
        preview=_preview(gate, subject, own.handle, organization_id, looked_as, values, fields, words),
        problem=problem,
    )  # fmt: skip


def organization_names(ctx: Context, viewer: Viewer) -> dict[int, str]:
    """The names of the organizations that the viewer belongs to, by id, in the order of the ids."""
    return {number: accounts_store.organization_name(ctx.db, number) for number in sorted(viewer.organizations)}


def _all_cleared(gate: Gate, subject: Subject) -> Subject:
    """The record if its owner took every choice back: what "the default" is for each field now."""
    for field in gate.bit:
        if gate.choosable(subject, field):
            subject = _after(subject, holding.clear(gate, subject, field))
    return subject


def _row(
    gate: Gate, subject: Subject, field: Field, level: Level, default: Level, pending: Level | None, value: str,
    organization: str, since: Mapping[tuple[str, int], int], problem: str,
) -> Row:  # fmt: skip
    name, bit = field.name, gate.bit[field.name]
    choosable, kind = gate.choosable(subject, name), gate.kind(subject.domain_id)
    present = gate.timeline(subject.domain_id).cur
    ceiling, is_fixed = gate.ceiling(subject, name), not choosable
    is_chosen = bool(subject.settings.chosen >> bit & 1) and not is_fixed
    by_organization = present.by_organization(bit, locked=True)
    is_locked = explain(gate, replace(subject, private=False), name).why is Why.LOCKED
    locked_by = (organization if by_organization else "this site") if is_locked or is_fixed else ""
    shown = [one for one in LEVELS if kind is Kind.MANAGED or one is not Level.ORGANIZATION]
    lock_since = since.get(("organization" if by_organization else "site", bit))
    return Row(
        field=name, label=field.label, value=value, section=field.section, level=name_of(level),
        level_words=words_of(level), default=name_of(default) if is_chosen else "", default_words=words_of(default),
        choices=tuple([Choice(*LEVELS[one], one in choosable) for one in shown]), is_chosen=is_chosen,
        locked_by=locked_by, is_fixed=is_fixed, held_at=name_of(pending) if pending is not None else "",
        why=_why(gate, subject, field, level, default, pending, organization, locked_by, ceiling, lock_since),
        problem=problem,
    )  # fmt: skip


def _why(
    gate: Gate, subject: Subject, field: Field, level: Level, default: Level, pending: Level | None, organization: str,
    locked_by: str, ceiling: Level, lock_since: int | None,
) -> tuple[Step, ...]:  # fmt: skip
    """The chain that decided, in order: default, own choice, lock, held, private, vetoes (D15)."""
    name, bit, settings = field.name, gate.bit[field.name], subject.settings
    kind = gate.kind(subject.domain_id)
    steps: list[Step] = []
    if kind is Kind.PERSONAL and not gate.choosable(subject, name):
        steps.append(Step(
            f"The {field.label.lower()} of a personal account is always shown to {words_of(ceiling)}. It can be made"
            " neither narrower nor wider. Your public name takes its place where it is empty."
            if name == "full_name" else f"The site fixes this at {words_of(ceiling)} for personal accounts."
        ))  # fmt: skip
    else:
        by_organization = gate.timeline(subject.domain_id).cur.by_organization(bit, locked=False)
        whose = f"{organization}’s default" if by_organization else f"The default for {kind.value} accounts"
        steps.append(Step(f"{whose} is {words_of(default)}."))
        if settings.chosen >> bit & 1:
            steps.append(_chosen_step(gate, settings, bit, kind))
        if locked_by:
            who = "This site" if locked_by == "this site" else locked_by
            steps.append(Step(f"{who} allows {words_of(ceiling)} at the widest", lock_since))
    if pending is not None:
        steps.append(Step(
            f"Something other than your own choice would open it to {words_of(pending)} now. It stays at"
            f" {words_of(level)} until you accept that, or choose here."
        ))  # fmt: skip
    keeps = gate.name_and_picture >> bit & 1 and subject.keep_name and settings.keep_name
    if subject.private and not keeps:
        steps.append(Step("Your profile is private, so nobody else gets it, whatever is chosen here."))
    for viewer, words in _others(gate.organization(subject.domain_id)).values():
        for vetoer in gate.vetoers(viewer, subject, name):
            steps.append(Step(f"“{vetoer}” hides it from {words}."))
    return tuple(steps)


def _chosen_step(gate: Gate, settings: Settings, bit: int, kind: Kind) -> Step:
    said = Level.ORGANIZATION if settings.chosen_org >> bit & 1 else Level.ONLY_YOU
    said = Level.ANYONE if settings.chosen_anyone >> bit & 1 else said
    if said is Level.ORGANIZATION and kind is Kind.PERSONAL:
        return Step("You chose Organization while an organization managed this account: that is Only you now, and is"
                    " kept in case it returns.")
    return Step(f"You chose {words_of(said)}.")


def _value(values: profiles.Values, field: Field, words: Mapping[str, str | None]) -> str:
    """What the row says about the value; the owner's own."""
    name = field.name
    raw = words.get(name) if field.typed else getattr(values, name, None)
    if name in _SECTIONS:
        return _SECTIONS[name]
    if name == "avatar":
        return "Your picture" if raw else "No picture: the first letter of your name stands for it"
    if not raw:
        is_own = name in profiles.COLUMNS or field.typed
        return "" if field.section else "Not set" if is_own else "What a plugin of this site shows"
    if name == "links":
        return ", ".join(link.label or link.url for link in load_links(raw))
    if name == "products":
        return ", ".join(json.loads(raw))
    text = " ".join(str(raw).split())
    return text if len(text) <= 120 else text[:119] + "…"


# The preview ---------------------------------------------------------------------------------------------------------


def _others(organization_id: int | None) -> dict[str, tuple[Viewer, str]]:
    """Pretend viewers of a record: nobody's session, nobody's account (D15)."""
    others = {"anyone": (ANONYMOUS, "Anyone")}
    if organization_id is not None:
        others["organization"] = (Viewer(organizations=frozenset({organization_id})), "Organization")
    return others


def _preview(
    gate: Gate, subject: Subject, handle: str, organization_id: int | None, looked_as: str, values: profiles.Values,
    fields: Sequence[Field], noted: Mapping[str, str | None],
) -> Preview:  # fmt: skip
    others = _others(organization_id)
    looked_as = looked_as if looked_as in others else "anyone"
    viewer, words = others[looked_as]
    mask = gate.mask(viewer, subject)
    hidden = {field.name for field in fields if not mask >> gate.bit[field.name] & 1}

    def detail(name: str, icon: str) -> Detail | None:
        value = getattr(values, name)
        return Detail(name, label[name], value, icon, name in hidden) if value and name in label else None

    label = {field.name: field.label for field in fields}
    name = gate.display_name(None if "full_name" in hidden else values.full_name, values.public_name)
    found = [detail(name, icon) for name, icon in _FACTS.items()]
    frosted = [
        f.label for f in fields
        if f.name in hidden and (f.section or getattr(values, f.name, None) or noted.get(f.name))
    ]  # fmt: skip
    return Preview(
        looked_as=looked_as,
        words=words,
        choices=tuple([(key, text) for key, (_, text) in others.items()]),
        handle=handle,
        name=name,
        avatar=avatar_view(name, values.avatar),
        avatar_hidden="avatar" in hidden,
        title=detail("job_title", "case"),
        details=tuple([one for one in found if one is not None]),
        frosted=tuple(frosted),
        nothing=not gate.is_findable(viewer, subject),
    )
