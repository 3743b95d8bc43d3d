"""The people directory as one viewer may search it (T47-T51). Rows of the index are candidates; the gate decides.

Everybody sees what their audience sees: Anyone, or the members of an organization. Each row is asked of the gate again:
one whose indexed name is not the name shown now is passed over (naming it anew at the old place would tell where the
hidden name stands), and what is looked for must stand in what is shown now. Orders are by the name, the kudos points
and the day of joining that are shown; whom one of them does not place comes last in it, by name. Nothing is counted but
what is on the page.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policies.terms import Viewer
from policies.visibility import Gate
from webapp.services import people_index as index
from webapp.services import totals
from webapp.services.context import Context, at_one_moment
from webapp.services.cursors import seal, unseal_words
from webapp.services.notes import avatar_view
from webapp.services.people_index import Sight, fold
from webapp.services.views import AvatarView, MilestoneView, ShelfView
from webapp.store import people_cards as card_store
from webapp.store import people_search as store
from webapp.store.people import LAST_PLACE
from webapp.store.people_cards import Record
from webapp.store.people_search import Found, Place, Search

PAGE = 50
GEMS = 3
TEXT_LIMIT = 100
TERMS = 8
#: "Active this year": in the last 365 days.
YEAR_DAYS = 365
DAY = 86_400
#: How many candidates are looked at once the first page of them did not fill the page.
NEXT = 500
#: How often: after a policy change the gate may refuse most of what an index not yet written anew holds. The page is
#: then short, and goes on where the looking stopped; that place may be of somebody hidden, so cursors are sealed.
ROUNDS = 8


#: What may be asked for besides the order of names: the values of `sort` in the address.
SORTS = ("name-down", "helpful", "newest")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed and ticked. Everything is literal text (T85)."""

    q: str = ""
    location: str = ""
    product: str = ""
    certified: bool = False
    mine: bool = False
    active: bool = False
    sort: str = ""          # one of SORTS; everything else is no sort (T47)
    cursor: str = ""

    @property
    def order(self) -> str:
        """By name, from the first to the last, unless asked for otherwise."""
        return self.sort if self.sort in SORTS else "name"

    @property
    def cursor_of(self) -> str:
        """What its cursors are sealed for: a place of one order is none of the other."""
        return f"people by {self.order}"

    @property
    def is_narrowed(self) -> bool:
        return bool(self.q or self.location or self.product or self.certified or self.mine or self.active)


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A card: what this viewer may see; what is hidden is as absent as what is empty."""

    handle: str
    name: str
    avatar: AvatarView
    job_title: str | None
    organization: str | None
    location: str | None
    clock: str | None       # what time it is there, where the time zone is shown
    gems: tuple[MilestoneView, ...]
    gems_label: str
    is_certified: bool
    level: int | None


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """A page of the directory. `has_organization`: the viewer has colleagues to filter by."""

    asked: Asked
    cards: tuple[PersonCard, ...]
    next_cursor: str | None
    has_organization: bool
    organizations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for, folded: all of `needles` and `terms` must stand in the words."""

    search: Search
    terms: tuple[str, ...]
    mine: tuple[str, ...]
    certified: bool


@at_one_moment
def view_people(ctx: Context, viewer: Viewer, asked: Asked, now: int) -> PeoplePage:
    """A page of the directory; about ten statements, whatever is hidden."""
    view = Viewer(organizations=viewer.organizations)
    audiences = sorted(view.organizations)
    slugs = card_store.load_slugs(ctx.db)
    wish = _wish(ctx, asked, [slugs[number] for number in audiences if number in slugs], now)
    shown: list[tuple[Found, Sight, list[Record], bool]] = []
    gate: Gate
    looked: Found | None = None
    search, limit = wish.search, PAGE + 1
    for _ in range(ROUNDS):
        found = store.find(ctx.db, audiences, search, limit)
        gate, passed = _pass(ctx, viewer, view, found, wish, slugs, now)
        known = {row[0].profile_id for row in shown}
        for row in passed:
            if row[0].profile_id not in known:
                known.add(row[0].profile_id)
                shown.append(row)
        if len(shown) > PAGE or len(found) < limit:
            looked = shown[PAGE - 1][0] if len(shown) > PAGE else None
            break
        looked = found[-1]
        search = replace(search, after=found[-1].place)
        limit = NEXT
    del shown[PAGE:]
    return PeoplePage(
        asked,
        _cards(ctx, gate, shown, now),
        None if looked is None else seal(ctx.site.secret_key, asked.cursor_of, *looked.place),
        bool(audiences),
        tuple(card_store.load_organization_names(ctx.db, audiences)) if audiences else (),
    )


def _wish(ctx: Context, asked: Asked, slugs: Sequence[str], now: int) -> _Wish:
    needles, prefix, terms = [], "", []
    text = fold(asked.q[:TEXT_LIMIT])
    words = list(dict.fromkeys(text.split()))[:TERMS]
    long = [word for word in words if len(word) >= 3]
    if long:
        needles += long
        terms += words
    elif text:
        prefix = index.sort_key(asked.q[:TEXT_LIMIT])
    if location := fold(asked.location[:TEXT_LIMIT]):
        needles.append(index.place_needle(location))
    if product := fold(asked.product[:TEXT_LIMIT]):
        needles.append(index.product_needle(product))
    if asked.certified:
        needles.append(index.CERTIFIED)
    mine = tuple(index.organization_needle(slug) for slug in slugs) if asked.mine else ()
    if len(mine) == 1:
        needles.append(mine[0])
    since = now // DAY - YEAR_DAYS if asked.active else None
    return _Wish(
        Search(tuple(needles), prefix, since, _place(ctx, asked), asked.order), tuple(terms), mine, asked.certified
    )


def _pass(
    ctx: Context, viewer: Viewer, view: Viewer, found: Sequence[Found], wish: _Wish, slugs: dict[int, str], now: int
) -> tuple[Gate, list[tuple[Found, Sight, list[Record], bool]]]:
    """The rows that the gate lets this viewer have now, as it shows them now."""
    version, groups = card_store.load_groups(ctx.db, [row.profile_id for row in found])
    gate = ctx.gate(version or None)
    sights: list[tuple[Found, Sight]] = []
    for row in found:
        group = groups.get(row.profile_id)
        seen = None if group is None else index.sight(gate, group, view, viewer)
        if seen is not None:
            sights.append((row, seen))
    wanted: list[tuple[int, int]] = []
    starts = []
    for _, seen in sights:
        starts.append(len(wanted))
        wanted += seen.wanted(gate)
    loaded = card_store.load_records(ctx.db, wanted)
    held = card_store.load_designations(
        ctx.db, [seen.group.shown_ids if seen.shows(gate, "certifications") else () for _, seen in sights]
    )
    days = {}
    if wish.search.since is not None:
        days = card_store.load_last_days(
            ctx.db, [seen.group.shown_ids if seen.shows(gate, "activity") else () for _, seen in sights]
        )
    by_words = bool(wish.search.needles or wish.mine)
    more = index.load_typed(ctx, gate, [seen for _, seen in sights]) if by_words else []
    passed = []
    for n, ((row, seen), start) in enumerate(zip(sights, starts, strict=True)):
        records = [record for record in loaded[start : start + 1 + len(seen.work)] if record is not None]
        if len(records) != 1 + len(seen.work):
            continue
        if index.shown_name(gate, records[0]) != row.name or seen.face.handle != row.handle:
            continue
        if not _is_in_place(gate, wish.search.order, row, seen, records[0]):
            continue
        if wish.search.since is not None and days.get(n, 0) < wish.search.since:
            continue
        until = held.get(n, 0)
        is_certified = until is None or until > now
        if by_words:
            words = index.words_of(gate, seen, records, slugs, is_certified, more[n])
            if not all(needle in words for needle in (*wish.search.needles, *wish.terms)):
                continue
            if wish.mine and not any(needle in words for needle in wish.mine):
                continue
        passed.append((row, seen, records, is_certified))
    return gate, passed


def _is_in_place(gate: Gate, order: str, row: Found, seen: Sight, record: Record) -> bool:
    """Whether a row's place is one that this viewer may see it at: placed by what is shown, or last by what is not.

    A row that is placed by what is hidden now, or was hidden when it was written, is passed over as one under another
    name is.
    """
    if order == "helpful":
        return (row.place[0] != LAST_PLACE) == seen.shows_points(gate)
    if order == "newest":
        return (row.place[0] != LAST_PLACE) == (record.joined is not None)
    return True


def _cards(
    ctx: Context, gate: Gate, shown: Sequence[tuple[Found, Sight, list[Record], bool]], now: int
) -> tuple[PersonCard, ...]:
    rights = [
        (seen.shows(gate, "stats"), seen.shows(gate, "kudos"), seen.shows(gate, "badges")) for _, seen, _, _ in shown
    ]
    wanted = [(row[1].group.ids, right[0], right[1]) for row, right in zip(shown, rights, strict=True)]
    sums = [ctx.manager.with_metrics(amounts) for amounts in card_store.load_totals(ctx.db, wanted)]
    cards = []
    for (row, seen, records, is_certified), (stats, kudos, badges), amounts in zip(shown, rights, sums, strict=True):
        own = records[0]
        metrics = totals.ladder_metrics(ctx.manager, stats, kudos) if badges else ()
        gems = _gems(totals.shelves(ctx.manager, metrics, amounts, {}))
        cards.append(PersonCard(
            handle=seen.face.handle, name=row.name, avatar=avatar_view(row.name, own.avatar),
            job_title=own.job_title or None, organization=own.organization or None, location=own.location or None,
            clock=_clock(own.timezone, now), gems=gems, gems_label=", ".join(_gem_words(ctx, gem) for gem in gems),
            is_certified=is_certified,
            level=totals.level_view(ctx.manager, amounts).number if stats and kudos else None,
        ))  # fmt: skip
    return tuple(cards)


def _clock(timezone: str | None, now: int) -> str | None:
    """Hours and minutes at a place now; None where nobody says which, or names none that there is."""
    if not timezone:
        return None
    try:
        return datetime.datetime.fromtimestamp(now, ZoneInfo(timezone)).strftime("%H:%M")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _gems(shelves: Sequence[ShelfView]) -> tuple[MilestoneView, ...]:
    """The highest milestone of each shelf, the three highest of those."""
    found = [[gem for gem in shelf.gems if gem.earned][-1] for shelf in shelves if shelf.gems[0].earned]
    found.sort(key=lambda gem: -gem.tier)
    return tuple(found[:GEMS])


def _gem_words(ctx: Context, gem: MilestoneView) -> str:
    _, one, several = totals.words(ctx.manager, gem.metric) or ("", gem.metric, gem.metric)
    return f"{gem.value:,} {one if gem.value == 1 else several}"


def _place(ctx: Context, asked: Asked) -> Place:
    """The place that a cursor names; the beginning for what is none."""
    words = unseal_words(ctx.site.secret_key, asked.cursor_of, asked.cursor)
    if words is None:
        return ()
    return words if len(words) == 2 else (int(words[0]), *words[1:])
