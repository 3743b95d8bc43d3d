"""All activity of a profile, newest first, keyset paged, with filters by source and kind (S18). Words: rows.py."""

from __future__ import annotations

from policies.terms import Viewer
from webapp.services.context import Context, at_one_moment
from webapp.services.cursors import seal, unseal
from webapp.services.opening import open_profile
from webapp.services.rows import KINDS, hidden_kinds, row_views
from webapp.services.views import ActivityPage, Moved
from webapp.store import activity as store

PAGE = 30


@at_one_moment
def view_activity(
    ctx: Context,
    viewer: Viewer,
    handle: str,
    now: int,
    source: str | None = None,
    kind: str | None = None,
    cursor: str | None = None,
) -> ActivityPage | Moved | None:
    """A page of the activity that this viewer may see; None where the section is hidden or the profile unknown.

    A filter that is not among those offered, or a cursor that is none, is as if not given.
    """
    opened = open_profile(ctx, viewer, handle, now)
    if opened is None or isinstance(opened, Moved):
        return opened
    if not opened.shows("activity"):
        return None
    ids = opened.group.shown_ids
    name, avatar = opened.face_view()
    without = hidden_kinds(opened.shows)
    sources = store.load_sources(ctx.db, ids, without)
    kinds = store.load_kinds(ctx.db, ids, tuple([known for known in KINDS if known not in without]))
    source = source if any(source == known for known, _ in sources) else None
    kind = kind if kind in kinds else None
    after = unseal(ctx.site.secret_key, "activity", cursor)
    rows = store.load_rows(ctx.db, ids, PAGE + 1, without=without, source=source, kind=kind, after=after)
    page = rows[:PAGE]
    return ActivityPage(
        handle=opened.face.handle,
        name=name,
        avatar=avatar,
        rows=row_views(page),
        next_cursor=(
            seal(ctx.site.secret_key, "activity", page[-1].at, page[-1].id) if len(rows) > PAGE else None
        ),
        source=source,
        kind=kind,
        sources=tuple(sources),
        kinds=tuple((known, KINDS[known][0]) for known in kinds),
        noindex=opened.noindex,
    )
