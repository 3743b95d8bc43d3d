"""Which profiles search engines are told of: public, claimed, and not kept out by choice. Addresses, nothing else.

Nothing about a profile stands in the sitemap but its address: no date of a change, which private edits would move
(T48). A silent account is listed as if unlinked; a linked one leads to its primary's address and is not listed (D5).
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.terms import ANONYMOUS, State
from webapp.services import people_index
from webapp.services.context import Context
from webapp.store import people_cards
from webapp.store import sitemap as store

#: How many addresses a file may hold, and how many files an index, by the rules of sitemaps.org.
FILE = FILES = 50_000
BATCH = 500


def count_files(ctx: Context, size: int = FILE) -> int:
    """How many files there are; one with no profile in it where there is none."""
    return max(1, -(-store.count_candidates(ctx.db) // size))


def list_file(ctx: Context, number: int, size: int = FILE) -> Iterator[list[str]] | None:
    """The handles of file `number`, from 1, some hundred at a time; None where there is no such file."""
    place = store.load_place(ctx.db, (number - 1) * size) if 0 < number <= FILES else None
    if place is None or (number > 1 and not store.load_next(ctx.db, place, 1)):
        return None
    return _batches(ctx, place, size)


def _batches(ctx: Context, place: tuple[str, str], left: int) -> Iterator[list[str]]:
    while left > 0 and (found := store.load_next(ctx.db, place, min(BATCH, left))):
        left -= len(found)
        place = found[-1][:2]
        yield _listed(ctx, [row.profile_id for row in found])


def _listed(ctx: Context, profile_ids: list[int]) -> list[str]:
    """Rows of the index are candidates: the gate is asked for each, as the directory does."""
    version, groups = people_cards.load_groups(ctx.db, profile_ids)
    gate = ctx.gate(version or None)
    handles = []
    for group in groups.values():
        seen = people_index.sight(gate, group, ANONYMOUS)
        if seen is None or seen.face.state != State.ACTIVE or not seen.face.searchable:
            continue
        if gate.is_findable(ANONYMOUS, group.subject(seen.face)):
            handles.append(seen.face.handle)
    return handles
