"""What each audience may find a member by in the directory, and writing that down with every change. No search here.

The index is a list of candidates: whoever reads it asks the gate again, row by row (people.py), so a row that is too
wide shows nothing. It is written in the transaction of the change; after a policy change the worker writes all of it
anew, and until then what was widened is missing.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import mul

from policies.terms import ANONYMOUS, State, Viewer
from policies.visibility import Gate
from webapp.services.context import Context
from webapp.services.extras import typed_names
from webapp.services.links import show_links
from webapp.services.notes import LIVE
from webapp.store import people as store
from webapp.store import people_cards as card_store
from webapp.store import typed
from webapp.store.ingest import Own
from webapp.store.people import LAST_PLACE, Entry
from webapp.store.people_cards import COLUMNS, JOINED, Record
from webapp.store.profiles import NOBODY, Group, Member

#: Raised when what rows hold changes, so that existing databases are written anew.
FORMAT = 3
#: Accounts of one transaction when everything is written anew.
BATCH = 400
KEY_LIMIT = 100
DAY = 86_400

#: Marks around what is looked up whole. No folded text holds them, so nobody can type one.
_END = "\x1e"
_PLACE, _PRODUCT, _ORGANIZATION, _CERTIFIED = "\x1f\x02", "\x1f\x03", "\x1f\x04", "\x1f\x05"
CERTIFIED = f"{_CERTIFIED}certified{_END}"


def sort_key(name: str) -> str:
    """What names are ordered by: NFKD and casefold, byte by byte the same on both databases."""
    return _plain(unicodedata.normalize("NFKD", name).casefold())[:KEY_LIMIT]


def fold(text: str) -> str:
    """A text as it is searched: as `sort_key` without accents, controls and runs of space."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in text if not unicodedata.combining(character))
        text = unicodedata.normalize("NFKD", text.casefold())
    return _plain(text.casefold())


def _plain(text: str) -> str:
    if not text.isprintable():
        text = "".join(character if _is_seen(character) else " " for character in text)
    return " ".join(text.split())


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs", "Cf"}


def place_needle(text: str) -> str:
    """Stands in the words of whoever lives at a place that starts so, or whose part after a comma does."""
    return _PLACE + fold(text)


def product_needle(text: str) -> str:
    """Stands in the words of whoever uses exactly that product."""
    return _PRODUCT + fold(text) + _END


def organization_needle(slug: str) -> str:
    """Stands in the words of whoever is seen to work at that organization."""
    return _ORGANIZATION + slug + _END


@dataclass(frozen=True, slots=True)
class Sight:
    """A profile as the directory shows it to one viewer, decided; no value read yet.

    mask: what is shown of the face's record and sections; `work`: linked accounts with shown bits of work details (D12)
    organizations: whose member the profile is seen to be
    """

    group: Group
    face: Member
    mask: int
    work: tuple[tuple[Member, int], ...]
    organizations: frozenset[int]

    def shows(self, gate: Gate, field: str) -> bool:
        bit = gate.bit.get(field)
        return bit is not None and bool(self.mask >> bit & 1)

    def wanted(self, gate: Gate) -> list[tuple[int, int]]:
        """(account, mask of COLUMNS): the record of the face, then those of the work blocks."""
        blocks = [(member.id, columns(gate, bits)) for member, bits in self.work]
        # Since when somebody is a member stands on the page with their activity.
        joined = JOINED if self.shows(gate, "activity") else 0
        return [(self.face.id, columns(gate, self.mask) | joined), *blocks]

    def shows_points(self, gate: Gate) -> bool:
        """Whether the level is shown and the kudos points behind it: they are made of both sections (D1)."""
        return self.shows(gate, "stats") and self.shows(gate, "kudos")


def columns(gate: Gate, mask: int) -> int:
    """The bits of COLUMNS whose fields are in a mask of the gate."""
    bit = gate.bit
    return sum(1 << number for number, name in enumerate(COLUMNS) if name in bit and mask >> bit[name] & 1)


def sight(gate: Gate, group: Group, view: Viewer, real: Viewer | None = None) -> Sight | None:
    """How the directory shows a profile to `view`; None: not listed (private, gone, linked and not silent).

    `real`: who is really looking, where `view` stands for an audience: what the gate hides from either is hidden. So
    everybody sees in the directory what their audience sees, their own profile too.
    """
    face = group.asked
    if face.state not in LIVE or (face.primary_id is not None and not face.silent):
        return None
    subject = group.subject(face)
    if subject.private:
        return None
    mask = gate.mask(view, subject)
    if real is not None:
        mask &= gate.mask(real, subject)
    organizations: set[int] = set()
    work: list[tuple[Member, int]] = []
    if view.organizations:
        own = gate.organization(face.domain_id)
        bit = gate.bit.get("organization")
        if own is not None and own in view.organizations and bit is not None and mask >> bit & 1:
            organizations.add(own)
        for member in group.linked:
            if member.state == State.ACTIVE and not member.silent:
                linked = group.subject(member)
                bits = gate.work_block(view, linked)
                if real is not None:
                    bits &= gate.work_block(real, linked)
                if bits:
                    work.append((member, bits))
                    block = gate.organization(member.domain_id)
                    if block is not None and bit is not None and bits >> bit & 1:
                        organizations.add(block)
    return Sight(group, face, mask, tuple(work), frozenset(organizations))


def shown_name(gate: Gate, record: Record) -> str:
    return gate.display_name(record.full_name, record.public_name)


def load_typed(ctx: Context, gate: Gate, sights: Sequence[Sight]) -> list[tuple[str, ...]]:
    """What each of these typed into fields of plugins, where it is shown. A statement or a few for each such field,
    whoever shows it."""
    names = typed_names(ctx)
    shown = [[name for name in names if seen.shows(gate, name)] for seen in sights]
    found = {
        name: typed.load_of(ctx.db, name, [
            seen.face.id if name in some else NOBODY[0] for seen, some in zip(sights, shown, strict=True)
        ])
        for name in names
    }  # fmt: skip
    return [
        tuple([found[name][seen.face.id] for name in some if seen.face.id in found[name]])
        for seen, some in zip(sights, shown, strict=True)
    ]


def words_of(
    gate: Gate, seen: Sight, records: Sequence[Record], slugs: Mapping[int, str], is_certified: bool,
    more: Sequence[str] = (),
) -> str:
    """Everything this viewer may find the profile by. `records`: the face's, then those of the work blocks; `more`: of
    `load_typed`."""
    own = records[0]
    plain = [shown_name(gate, own), seen.face.handle, own.bio or "", own.email or "", *more]
    for link in show_links(own.links):
        plain += [link.label, link.text]
    marked = []
    for record in records:
        plain += [record.job_title or "", record.department or "", record.organization or ""]
        if record.location:
            plain.append(record.location)
            marked += [_PLACE + fold(part) + _END for part in {record.location, *record.location.split(",")}]
    if own.products:
        marked += [product_needle(product) for product in json.loads(own.products)]
    marked += [organization_needle(slugs[number]) for number in seen.organizations if number in slugs]
    if is_certified:
        marked.append(CERTIFIED)
    return "\n".join([*[fold(text) for text in plain if text], *sorted(marked)])


def refresh(ctx: Context, account_ids: Iterable[int]) -> None:
    """Write the rows of these accounts' profiles anew, inside the transaction that changed them.

    To be called wherever a record, name, handle, choice, private, link, silent, state or e-mail domain is written.
    """
    ids = list(account_ids)
    if ids:
        _write(ctx, store.load_near(ctx.db, ids))


def hold(ctx: Context, account_ids: Iterable[int]) -> None:
    """To be called before `touch`, `rescore` and `refresh` of several accounts in one transaction, once with all."""
    store.lock_rows(ctx.db, sorted(set(account_ids)))


def touch(ctx: Context, days: Mapping[int, int], own: Mapping[int, Own]) -> None:
    """Activity of account -> day was recorded: move the last active day on where that is later. What an account in a
    group did may stand in the row of its primary."""
    store.touch_days(ctx.db, [
        (day, account_id)
        for account_id, day in sorted(days.items())
        for has in (own[account_id],)
        if has.grouped or (has.active_day is not None and has.active_day < day)
    ])


def rescore(ctx: Context, moved: Mapping[int, Own]) -> None:
    """Totals of these accounts have moved: bring the order by points in line, where an audience sees them.

    Inside the transaction that counted, which holds the accounts and their primaries. What an account in no group has
    by itself is its profile's totals.
    """
    grouped = sorted(account_id for account_id, own in moved.items() if own.grouped)
    groups = store.load_placed(ctx.db, grouped) if grouped else {}
    places = list(zip(_helpful(ctx, list(groups.values())), groups, strict=True)) if groups else []
    alone = {account_id: own for account_id, own in moved.items() if not own.grouped}
    if ctx.manager.tables.metrics:      # plugins derive further ones
        totals = ((account_id, {name: getattr(own, name) for name in _METRICS}) for account_id, own in alone.items())
        places += [(_place(ctx, amounts), account_id) for account_id, amounts in totals]
    else:       # as `_place` does, quick enough for each account of a batch of events
        worth = [ctx.manager.points.get(metric, 0) for metric in _METRICS]
        places += [(-max(0, sum(map(mul, worth, own))), account_id) for account_id, own in alone.items()]
    store.set_helpful(ctx.db, places)


_METRICS = Own._fields[: Own._fields.index("grouped")]


def _helpful(ctx: Context, groups: Sequence[Sequence[int]]) -> list[int]:
    """The places of these groups of accounts by their kudos points, the most first."""
    totals = card_store.load_totals(ctx.db, [(ids, True, True) for ids in groups])
    return [_place(ctx, amounts) for amounts in totals]


def _place(ctx: Context, totals: dict[str, int]) -> int:
    return -max(0, ctx.manager.kudos_points(ctx.manager.with_metrics(totals)))


def stamp(ctx: Context, now: int = 0) -> str:
    """What the whole index would be written from now: a veto may answer otherwise tomorrow."""
    gate = ctx.gate()
    return f"{FORMAT}:{gate.version}:{now // DAY if gate.base.vetoes else 0}"


def catch_up(ctx: Context, now: int = 0) -> bool:
    """Write the whole index anew if the policy, or this release, is not what it was written from; whether it was.

    For the worker and `vitrine migrate up`.
    """
    if store.load_stamp(ctx.db) == stamp(ctx, now):
        return False
    rebuild(ctx, now)
    return True


def rebuild(ctx: Context, now: int = 0) -> None:
    """Write the whole index anew.

    In transactions of a few hundred accounts each, so that nobody waits long.
    """
    wanted, last = stamp(ctx, now), 0
    while ids := store.load_ids_after(ctx.db, last, BATCH):
        with ctx.db.transaction():
            ctx.db.link_guard()
            store.lock_profiles(ctx.db, ids)
            _write(ctx, ids)
        last = ids[-1]
    with ctx.db.transaction():
        store.save_stamp(ctx.db, wanted)


def find_differences(ctx: Context) -> Iterator[str]:
    """A sentence for each row of the index that is not what it would be written as.

    None while all of it is to be written anew, and none beside a plugin's veto, which may answer otherwise by now. A
    last active day is only moved on, so it may be later than the last one there is.
    """
    last = 0
    if ctx.gate().base.vetoes or store.load_stamp(ctx.db) != stamp(ctx):
        return
    while ids := store.load_ids_after(ctx.db, last, BATCH):
        last = ids[-1]
        kept = store.load_entries(ctx.db, ids)
        right = {(entry.profile_id, entry.audience): entry for entry in _entries(ctx, ids)}
        for key in sorted(kept.keys() | right.keys()):
            one, other = kept.get(key), right.get(key)
            if one and other and one.active_day is not None and other.active_day is not None:
                other = other._replace(active_day=max(one.active_day, other.active_day))
            if one != other:
                names = "the whole row" if one is None or other is None else ", ".join(
                    name for name in Entry._fields if getattr(one, name) != getattr(other, name)
                )
                yield f"the directory's row of account {key[0]} for audience {key[1]} is not right: {names}"


def _write(ctx: Context, profile_ids: Sequence[int]) -> None:
    """Let the rows of these profiles be what they should."""
    store.lock_rows(ctx.db, profile_ids)
    store.replace_entries(ctx.db, profile_ids, _entries(ctx, profile_ids))


def _entries(ctx: Context, profile_ids: Sequence[int]) -> list[Entry]:
    """The rows of these profiles: one as Anyone sees it, one more per organization that sees something else."""
    version, groups = card_store.load_groups(ctx.db, profile_ids)
    gate = ctx.gate(version)
    sights: list[tuple[int, Sight]] = []
    for group in groups.values():
        first = sight(gate, group, ANONYMOUS)
        if first is None:
            continue
        sights.append((0, first))
        domains = [group.asked, *group.linked]
        for organization in {gate.organization(member.domain_id) for member in domains} - {None}:
            seen = sight(gate, group, Viewer(organizations=frozenset({organization})))  # type: ignore[arg-type]
            if seen is not None and (seen.mask, seen.work, seen.organizations) != (first.mask, (), frozenset()):
                sights.append((organization or 0, seen))
    entries = entries_of(ctx, gate, sights)
    anyone = {entry.profile_id: entry for entry in entries if entry.audience == 0}
    return [
        entry for entry in entries
        if entry.audience == 0 or entry[2:] != anyone[entry.profile_id][2:]
    ]


def entries_of(ctx: Context, gate: Gate, sights: Sequence[tuple[int, Sight]]) -> list[Entry]:
    """The index rows of (audience, sight)."""
    wanted: list[tuple[int, int]] = []
    starts = []
    for _, seen in sights:
        starts.append(len(wanted))
        wanted += seen.wanted(gate)
    records = card_store.load_records(ctx.db, wanted)
    slugs = card_store.load_slugs(ctx.db)
    days = card_store.load_last_days(ctx.db, _groups(gate, sights, "activity"))
    certified = card_store.load_designations(ctx.db, _groups(gate, sights, "certifications"))
    scored = {seen.face.id: seen.group.ids for _, seen in sights if seen.shows_points(gate)}
    helpful = dict(zip(scored, _helpful(ctx, list(scored.values())), strict=True))
    more = load_typed(ctx, gate, [seen for _, seen in sights])
    entries = []
    for n, ((audience, seen), start) in enumerate(zip(sights, starts, strict=True)):
        own = [record for record in records[start : start + 1 + len(seen.work)] if record is not None]
        if not own:
            continue
        name = shown_name(gate, own[0])
        day = days.get(n, 0) if seen.shows(gate, "activity") else None
        words = words_of(gate, seen, own, slugs, n in certified, more[n])
        points = helpful[seen.face.id] if seen.shows_points(gate) else LAST_PLACE
        joined = own[0].joined
        newest = LAST_PLACE if joined is None else -(joined // DAY)
        entries.append(Entry(
            seen.face.id, audience, sort_key(name), seen.face.handle, name, words, day, points, newest
        ))  # fmt: skip
    return entries


def _groups(gate: Gate, sights: Sequence[tuple[int, Sight]], section: str) -> list[tuple[int, ...]]:
    return [seen.group.shown_ids if seen.shows(gate, section) else () for _, seen in sights]
