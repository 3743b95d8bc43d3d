"""Courses, certifications, designations, groups and badges of a profile: unions by identity (D8). No totals here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from webapp.services.rows import web_url
from webapp.services.views import HeldView
from webapp.store.totals import Item

#: The section of the gate that rules each kind. A completed course is a badge (S21).
SECTION_OF: Mapping[str, str] = {
    "course": "badges", "certification": "certifications", "designation": "certifications", "group": "groups",
    "badge": "badges",
}  # fmt: skip


def unions(items: Iterable[Item]) -> dict[str, tuple[HeldView, ...]]:
    """kind -> what is held, newest first. `items` come oldest first; held twice counts once, its first date kept (D8).

    A certification that any account still holds is held; of several ends the last one counts, none is later than all.
    """
    first: dict[tuple[str, str], HeldView] = {}
    for item in items:
        key = (item.kind, item.item)
        known = first.get(key)
        if known is None:
            first[key] = HeldView(
                item.item, item.title, item.at, web_url(item.url), item.source or "", item.until, bool(item.retired)
            )
        else:
            until = None if known.until is None or item.until is None else max(known.until, item.until)
            retired = known.retired and bool(item.retired)
            first[key] = HeldView(known.item, known.title, known.at, known.url, known.source, until, retired)
    kinds: dict[str, list[HeldView]] = {}
    for (kind, _), view in first.items():
        kinds.setdefault(kind, []).append(view)
    return {kind: tuple(reversed(views)) for kind, views in kinds.items()}
