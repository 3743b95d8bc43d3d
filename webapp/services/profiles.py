"""The profile page of one viewer, made of what `open_profile` decided and of nothing else.

The same statements run whatever is hidden, unset or linked (T61): the rows of a hidden section are asked of nobody
(store.profiles.NOBODY). Which section shows which number is said in totals.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from policies.terms import Kind, Relation, State, Viewer
from policies.visibility import Gate
from webapp.services import heatmap, held, totals
from webapp.services.activity import view_activity
from webapp.services.badges import view_badges
from webapp.services.context import Context, at_one_moment
from webapp.services.extras import view_extras
from webapp.services.head import describe, profile_data
from webapp.services.links import show_links
from webapp.services.notes import avatar_view
from webapp.services.opening import OpenProfile, cache_key, canonical_handle, open_profile
from webapp.services.rows import hidden_kinds, row_views
from webapp.services.views import (
    SECTIONS,
    FactView,
    KudosNote,
    KudosView,
    Moved,
    OwnerView,
    ProfileView,
    WorkBlock,
)
from webapp.services.warm import Warm
from webapp.store import activity as activity_store
from webapp.store import profiles as store
from webapp.store import totals as totals_store
from webapp.store.profiles import NOBODY, Values
from webapp.store.totals import Item

__all__ = [
    "OpenProfile", "cache_key", "canonical_handle", "open_profile", "read_profile", "view_activity", "view_badges",
    "view_opened", "view_profile",
]  # fmt: skip

RECENT = 6
COURSES = 6
#: field -> (label, icon) of what stands in the head of a profile, in order.
FACTS: Mapping[str, tuple[str, str]] = {
    "job_title": ("Position", "case"),
    "department": ("Department", "tree"),
    "organization": ("Company", "building"),
    "location": ("Location", "pin"),
    "timezone": ("Time zone", "clock"),
}


class Read(NamedTuple):
    """A profile as it was at one moment: as it was drawn before, or what is to be drawn; and the kudos messages of the
    moment, which are never kept."""

    opened: OpenProfile
    found: Warm | ProfileView
    notes: tuple[KudosNote, ...]


@at_one_moment
def read_profile(ctx: Context, viewer: Viewer, handle: str, now: int) -> Read | Moved | None:
    """The profile page for this viewer, as it is kept or else read; Moved and None as in `open_profile`."""
    opened = open_profile(ctx, viewer, handle, now)
    if not isinstance(opened, OpenProfile):
        return opened
    kept = ctx.warm.get(opened.key)
    if kept is not None:
        return Read(opened, kept, opened.notes() if kept.tail is not None else ())
    view = view_opened(opened)
    return Read(opened, view, view.kudos.latest if view.kudos is not None else ())


@at_one_moment
def view_profile(
    ctx: Context, viewer: Viewer, handle: str, now: int, *, as_viewer: Viewer | None = None
) -> ProfileView | Moved | None:
    """The profile page for this viewer; Moved and None as in `open_profile`."""
    opened = open_profile(ctx, viewer, handle, now, as_viewer=as_viewer)
    return view_opened(opened) if isinstance(opened, OpenProfile) else opened


def view_opened(opened: OpenProfile) -> ProfileView:
    """The whole page. Only at the moment at which it was opened (`at_one_moment`)."""
    ctx, gate, group, now = opened.ctx, opened.gate, opened.group, opened.now
    manager, db = ctx.manager, ctx.db
    shown_ids = group.shown_ids
    stats, kudos, badges, activity = (opened.shows(name) for name in ("stats", "kudos", "badges", "activity"))

    # The same eight statements for everybody; what is hidden is asked of nobody.
    work = [(member.id, _work_names(gate, bits)) for member, bits in opened.work]
    metrics = totals.ladder_metrics(manager, stats, kudos) if badges else ()
    kinds = [kind for kind, section in held.SECTION_OF.items() if opened.shows(section)]
    active_ids = shown_ids if activity else NOBODY
    without, untold = hidden_kinds(opened.shows), held.untold(ctx, opened.shows)
    first, last = heatmap.first_day(now), now // heatmap.DAY
    own, *blocks = store.load_values(db, opened.face.id, opened.names(store.COLUMNS), activity, work)
    sums = totals_store.load_sums(db, group.ids if stats or kudos else NOBODY, shown_ids, stats, kudos)
    crossed = totals_store.load_crossings(db, shown_ids if metrics else NOBODY, None if stats and kudos else metrics)
    every = None if len(kinds) == len(held.SECTION_OF) else kinds
    found = totals_store.load_held(db, shown_ids if kinds else NOBODY, every, untold)
    days = activity_store.load_days(db, active_ids, first, last, without)
    rows, waiting = activity_store.load_recent(db, active_ids, RECENT, without)
    notes = opened.notes()

    items, map_, recent = held.unions(found), heatmap.heatmap([*days, waiting], now), row_views(rows)
    handle = opened.face.handle
    amounts = totals.totals_of(sums, manager)
    shelves = totals.shelves(manager, metrics, amounts, crossed)
    courses, badge_items = items.get("course", ()), items.get("badge", ())
    is_owner = opened.relation is Relation.OWNER and opened.is_own
    audiences = _audiences(opened) if is_owner else {}
    name = gate.display_name(own.full_name, own.public_name)
    avatar, links = avatar_view(name, own.avatar), show_links(own.links)
    facts = _facts(own, audiences)
    extras = view_extras(opened, own, amounts, items, audiences)
    view = {
        "about": own.bio or facts, "find-me": own.links or own.email, "products": own.products, "work": blocks,
        "stats": stats, "milestones": shelves or badge_items, "designation": items.get("designation"),
        "heatmap": map_, "courses": courses, "certifications": items.get("certification"),
        "kudos": kudos and (amounts.get("peer_kudos") or notes), "groups": items.get("group"), "recent": recent,
        "extras": extras,
    }  # fmt: skip
    return ProfileView(
        handle=handle,
        name=name,
        avatar=avatar,
        member_since=own.member_since,
        locale_dir="ltr",
        noindex=opened.noindex,
        unclaimed=opened.face.state == State.UNCLAIMED,
        only_name=opened.subject.private and not opened.is_own,
        description=describe(name, own, ctx.site_name),
        data=None if opened.noindex else profile_data(ctx.site.base_url, handle, name, avatar, own, links),
        bio=own.bio or None,
        facts=facts,
        email=FactView("email", "E-mail address", own.email, "mail", audiences.get("email", "")) if own.email else None,
        links=links,
        products=tuple(json.loads(own.products)) if own.products else (),
        work=_work_blocks(blocks),
        stats=totals.stat_views(manager, amounts, f"/u/{handle}/activity" if activity else None) if stats else (),
        shelves=shelves,
        badge_count=totals.earned(shelves) + len(badge_items) + len(courses),
        badges=held.held_views(badge_items),
        designations=held.held_views(items.get("designation", ())),
        certifications=held.held_views(items.get("certification", ())),
        courses=held.held_views(courses[:COURSES]),
        course_count=len(courses),
        groups=held.held_views(sorted(items.get("group", ()), key=_by_title)),
        level=totals.level_view(manager, amounts) if stats and kudos else None,
        kudos=KudosView(amounts.get("peer_kudos", 0), sums.givers or 0, notes) if kudos else None,
        heatmap=map_,
        recent=recent,
        extras=extras,
        sections=frozenset([section for section in SECTIONS if view[section]]),
        owner=_owner_view(opened, audiences) if opened.is_own else None,
    )


def _work_names(gate: Gate, bits: int) -> tuple[str, ...]:
    return tuple([name for name in FACTS if name in gate.bit and bits >> gate.bit[name] & 1])


def _facts(values: Values, audiences: Mapping[str, str]) -> tuple[FactView, ...]:
    facts = []
    for field, (label, icon) in FACTS.items():
        value = getattr(values, field)
        if value:
            facts.append(FactView(field, label, value, icon, audiences.get(field, "")))
    return tuple(facts)


def _work_blocks(blocks: Sequence[Values]) -> tuple[WorkBlock, ...]:
    """One block per organization; of two accounts there, the second adds what the first does not say."""
    found: dict[str, tuple[str, dict[str, FactView]]] = {}
    for values in blocks:
        slug, title = values.work_slug or "", values.work_organization or ""
        facts = found.setdefault(slug, (title, {}))[1]
        for fact in _facts(values, {}):
            facts.setdefault(fact.field, fact)
    return tuple([WorkBlock(title, slug, tuple(facts.values())) for slug, (title, facts) in found.items() if facts])


def _by_title(group: Item) -> tuple[str, str]:
    return group.title.casefold(), group.item


def _audiences(opened: OpenProfile) -> dict[str, str]:
    return {field: level.name.lower() for field, level in opened.gate.levels(opened.subject).items()}


def _owner_view(opened: OpenProfile, audiences: dict[str, str]) -> OwnerView:
    """A managed session of the group knows of its own link and no other (D7): two accounts, no audiences, no flag."""
    linked, is_insider = len(opened.group.linked), opened.relation is Relation.INSIDER
    flagged = bool(linked) and opened.gate.kind(opened.face.domain_id) is Kind.MANAGED
    return OwnerView(
        private=opened.subject.private,
        keep_name=opened.subject.keep_name,
        linked=2 if is_insider else 1 + linked,
        is_insider=is_insider,
        flagged=flagged and not is_insider,
        audiences=audiences,
    )
