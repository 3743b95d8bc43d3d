"""Every badge of a profile on one page: milestone shelves, courses, certifications, awarded badges (S21, S69)."""

from __future__ import annotations

from policies.terms import Viewer
from webapp.services import held, totals
from webapp.services.context import Context, at_one_moment
from webapp.services.opening import open_profile
from webapp.services.views import BadgesPage, Moved
from webapp.store import totals as totals_store
from webapp.store.profiles import NOBODY


@at_one_moment
def view_badges(ctx: Context, viewer: Viewer, handle: str, now: int) -> BadgesPage | Moved | None:
    """The badges that this viewer may see; None where the section is hidden or the profile unknown (T53)."""
    opened = open_profile(ctx, viewer, handle, now)
    if opened is None or isinstance(opened, Moved):
        return opened
    if not opened.shows("badges"):
        return None
    stats, kudos = opened.shows("stats"), opened.shows("kudos")
    group = opened.group
    name, avatar = opened.face_view()
    sums = totals_store.load_sums(
        ctx.db, group.ids if stats or kudos else NOBODY, group.shown_ids, stats, kudos
    )
    metrics = totals.ladder_metrics(ctx.manager, stats, kudos)
    crossed = totals_store.load_crossings(
        ctx.db, group.shown_ids if metrics else NOBODY, None if stats and kudos else metrics
    )
    kinds = [kind for kind, section in held.SECTION_OF.items() if kind != "group" and opened.shows(section)]
    items = held.unions(totals_store.load_held(
        ctx.db, group.shown_ids, kinds, held.untold(ctx, opened.shows)
    ))
    return BadgesPage(
        handle=opened.face.handle,
        name=name,
        avatar=avatar,
        shelves=totals.shelves(ctx.manager, metrics, totals.totals_of(sums, ctx.manager), crossed),
        badges=held.held_views(items.get("badge", ())),
        courses=held.held_views(items.get("course", ())),
        certifications=held.held_views([*items.get("designation", ()), *items.get("certification", ())]),
        noindex=opened.noindex,
    )
