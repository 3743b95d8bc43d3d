"""The private switch of a profile, its box (S28-S34), and the one for search engines (T56). What private hides is the
gate's; what not being in search engines means: OpenProfile.noindex and sitemap.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from policies import holding
from policies.errors import Conflict, Invalid, Refused
from policies.terms import Relation, Viewer
from webapp.services import people_index
from webapp.services.context import Context
from webapp.services.editing import CHANGED, Form, Standing, fingerprint, stand
from webapp.store import audit, records

PUBLIC, PRIVATE = "public", "private"


def open_privacy(ctx: Context, viewer: Viewer, target: int | None = None) -> Form:
    """The form: `privacy` is public or private; `keep_name` and `searchable` are "1" while ticked (S29-S31)."""
    standing = stand(ctx, viewer, target)
    values = _values(ctx, standing)
    return Form("privacy", standing.handle, values, frozenset(values), fingerprint(values))


def save_privacy(ctx: Context, viewer: Viewer, form: Mapping[str, str], now: int, target: int | None = None) -> bool:
    """Throw the switches; whether anything changed. A form without `searchable` leaves that as it is.

    Errors: Invalid; Conflict; NotFound; Refused where a managed session would show more than before (D7).
    """
    wanted = form.get("privacy", "")
    if wanted not in {PUBLIC, PRIVATE}:
        raise Invalid({"privacy": "Choose Public or Private."})
    with ctx.db.transaction():
        standing = stand(ctx, viewer, target, lock=True)
        subject = standing.subject
        old = _values(ctx, standing)
        searchable = form.get("searchable", old["searchable"])
        new = {"privacy": wanted, "keep_name": "1" if form.get("keep_name") else "", "searchable": searchable and "1"}
        if new == old:
            return False
        if form.get("seen", "") not in {"", fingerprint(old)}:
            raise Conflict(CHANGED, "Look at it again, then save.")
        widens = subject.private and (wanted == PUBLIC or new["keep_name"] > old["keep_name"])
        widens = widens or new["searchable"] > old["searchable"]
        if widens and standing.relation is Relation.INSIDER:
            raise Refused(
                "rule_managed_session_does_not_widen",
                "This shows more than before, and your organization can get into this account.",
                "Log in with your primary account to change it.",
            )
        settings = holding.set_private(standing.gate, subject, wanted == PRIVATE, bool(new["keep_name"]))
        records.save(ctx.db, subject.account_id, settings, {})
        moved = {}
        if new["searchable"] != old["searchable"]:
            records.save_searchable(ctx.db, subject.account_id, bool(searchable))
            moved["searchable"] = bool(searchable)
        people_index.refresh(ctx, [subject.account_id])
        audit.record(
            ctx.db, "privacy:edit", now, actor_id=viewer.account_id, subject_id=subject.account_id,
            private=settings.private, keep_name=settings.keep_name, **moved,
        )
        return True


def _values(ctx: Context, standing: Standing) -> dict[str, str]:
    subject = standing.subject
    return {
        "privacy": PRIVATE if subject.private else PUBLIC,
        "keep_name": "1" if subject.keep_name and subject.settings.keep_name else "",
        "searchable": "1" if records.load_searchable(ctx.db, subject.account_id) else "",
    }
