"""Courses, certifications, designations, groups and badges of a profile: unions by identity (D8). No totals here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from policies.registry import EVERY_SECTION
from webapp.services.context import Context
from webapp.services.rows import web_url
from webapp.services.views import HeldView
from webapp.store.totals import Item

#: The section of the gate that rules each kind. A completed course is a badge (S21).
SECTION_OF: Mapping[str, str] = {
    "course": "badges", "certification": "certifications", "designation": "certifications", "group": "groups",
    "badge": "badges",
}  # fmt: skip


def untold(ctx: Context, shows: Callable[[str], bool]) -> tuple[str, ...]:
    """The badges given by rules that tell about a section which this viewer does not see: nobody reads those."""
    if not ctx.rule_needs:
        return ()
    hidden = tuple([section for section in EVERY_SECTION if not shows(section)])
    return _telling_of(tuple(ctx.rule_needs.items()), hidden) if hidden else ()


@lru_cache(maxsize=256)
def _telling_of(rules: tuple[tuple[str, tuple[str, ...]], ...], hidden: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([item for item, needs in rules if not set(hidden).isdisjoint(needs)])


def unions(items: Iterable[Item]) -> dict[str, list[Item]]:
    """kind -> what is held, newest first. `items` come oldest first; held twice counts once, its first date kept (D8).

    What any account still holds is held; of several ends the last one counts, and none is later than all.
    """
    first: dict[tuple[str, str], Item] = {}
    for item in items:
        key = item[:2]
        known = first.get(key)
        if known is None:
            first[key] = item
        else:
            until = None if known.until is None or item.until is None else max(known.until, item.until)
            first[key] = known._replace(until=until, retired=known.retired and item.retired)
    kinds: dict[str, list[Item]] = {}
    for item in reversed(first.values()):
        kinds.setdefault(item.kind, []).append(item)
    return kinds


def held_views(items: Sequence[Item]) -> tuple[HeldView, ...]:
    """Items as the templates draw them."""
    return tuple([
        HeldView(item.item, item.title, item.at, web_url(item.url), item.source or "", item.until, bool(item.retired))
        for item in items
    ])  # fmt: skip
