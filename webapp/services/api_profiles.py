"""The community profile as the API answers it: the page's own readings, cut by what the app sees. No route.

The same statements run whatever is hidden, as on the page (profiles.py): the rows of a hidden section are asked of
nobody. What is hidden and what is empty have no key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from webapp.services import held, totals
from webapp.services.app_views import Looker, mask_of, work_of
from webapp.services.context import Context, at_one_moment
from webapp.services.extras import typed_names, typed_words
from webapp.services.links import show_links
from webapp.services.opening import OpenProfile, open_profile
from webapp.services.views import HeldView, Moved, ShelfView
from webapp.store import api_users as users_store
from webapp.store import profiles as store
from webapp.store import totals as totals_store
from webapp.store.profiles import NOBODY, Values

#: Plain texts of the record: (field of the gate, key).
TEXTS: tuple[tuple[str, str], ...] = (
    ("full_name", "fullName"), ("bio", "bio"), ("job_title", "jobTitle"), ("department", "department"),
    ("organization", "organization"), ("location", "location"), ("timezone", "timezone"), ("email", "email"),
)  # fmt: skip
_WORK = tuple((field, key) for field, key in TEXTS if field not in {"full_name", "bio", "email"})


@at_one_moment
def profile_of(ctx: Context, looker: Looker, handle: str, now: int) -> dict[str, Any] | Moved | None:
    """The profile behind a handle for this looker; Moved and None as in `open_profile`."""
    opened = open_profile(ctx, looker.kind, handle, now)
    if opened is None or isinstance(opened, Moved):
        return opened
    gate, group = opened.gate, opened.group
    work = [(member, work_of(gate, looker, group.subject(member))) for member, _ in opened.work]
    return _json(replace(
        opened, mask=mask_of(gate, looker, opened.subject), work=tuple([block for block in work if block[1]]),
    ))  # fmt: skip


def _json(opened: OpenProfile) -> dict[str, Any]:
    ctx, gate, group = opened.ctx, opened.gate, opened.group
    manager, db, base = ctx.manager, ctx.db, ctx.site.base_url
    stats, kudos, badges = (opened.shows(name) for name in ("stats", "kudos", "badges"))
    bit = gate.bit
    work = [
        (member.id, tuple([name for name, _ in _WORK if name in bit and bits >> bit[name] & 1]))
        for member, bits in opened.work
    ]
    own, *blocks = store.load_values(db, opened.face.id, opened.names(store.COLUMNS), opened.shows("activity"), work)
    public_id = users_store.load_public_id(db, opened.face.id)
    sums = totals_store.load_sums(db, group.ids if stats or kudos else NOBODY, group.shown_ids, stats, kudos)
    metrics = totals.ladder_metrics(manager, stats, kudos) if badges else ()
    crossed = totals_store.load_crossings(db, group.shown_ids if metrics else NOBODY, metrics)
    kinds = [kind for kind, section in held.SECTION_OF.items() if opened.shows(section)]
    items = held.unions(totals_store.load_held(
        db, group.shown_ids if kinds else NOBODY, kinds, held.untold(ctx, opened.shows)
    ))

    handle = opened.face.handle
    found: dict[str, Any] = {
        "handle": handle, "accountId": public_id, "displayName": gate.display_name(own.full_name, own.public_name),
    }
    if own.avatar:
        found["avatarUrl"] = f"{base}/avatar/{own.avatar}.webp"
    found |= _texts(own, TEXTS)
    if words := typed_words(ctx, opened.face.id, opened.names(typed_names(ctx))):
        found["more"] = words
    if own.member_since is not None:
        found["memberSince"] = moment(own.member_since)
    amounts = totals.totals_of(sums, manager)
    shelves = totals.shelves(manager, metrics, amounts, crossed)
    level = totals.level_view(manager, amounts) if stats and kudos else None
    lists: Mapping[str, Sequence[Any]] = {
        "links": [{"label": link.label, "url": link.url} for link in show_links(own.links)],
        "products": json.loads(own.products) if own.products else [],
        "work": _work(blocks),
        "badges": [*_milestones(shelves), *_held(items, "badge")],
        "courses": _held(items, "course"),
        "certifications": _held(items, "certification"),
        "designations": _held(items, "designation"),
        "groups": _held(items, "group"),
    }
    if amounts:
        found["totals"] = amounts if level is None else {**amounts, "kudos_points": level.points}
    if level is not None:
        found["level"] = {"number": level.number, "name": level.name, "points": level.points}
    found |= {key: some for key, some in lists.items() if some}
    found["profileUrl"] = f"{base}/u/{handle}"
    return found


def moment(at: int) -> str:
    """A moment as the API writes it: RFC 3339, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _texts(values: Values, names: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {key: value for field, key in names if (value := getattr(values, field))}


def _work(blocks: Sequence[Values]) -> list[dict[str, Any]]:
    """One entry per organization; of two accounts there, the second adds what the first does not say."""
    found: dict[str, dict[str, Any]] = {}
    for values in blocks:
        slug = values.work_slug or ""
        entry = found.setdefault(slug, {"slug": slug, "name": values.work_organization or ""})
        for key, value in _texts(values, _WORK).items():
            entry.setdefault(key, value)
    return [entry for entry in found.values() if len(entry) > 2]


def _milestones(shelves: Sequence[ShelfView]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{gem.metric}:{gem.value}", "kind": "milestone", "metric": gem.metric, "value": gem.value,
            **({} if gem.at is None else {"at": moment(gem.at)}),
        }
        for shelf in shelves for gem in shelf.gems if gem.earned
    ]  # fmt: skip


def _held(items: Mapping[str, Sequence[Any]], kind: str) -> list[dict[str, Any]]:
    return [_item(kind, view) for view in held.held_views(items.get(kind, ()))]


def _item(kind: str, view: HeldView) -> dict[str, Any]:
    given = {
        "url": view.url, "source": view.source, "at": None if view.at is None else moment(view.at),
        "until": None if view.until is None else moment(view.until), "retired": view.retired,
    }  # fmt: skip
    return {"id": view.item, "kind": kind, "title": view.title, **{key: value for key, value in given.items() if value}}
