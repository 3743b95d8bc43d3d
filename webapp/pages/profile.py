"""The profile of a member: the page, its sections as fragments, all activity, all badges. The gate decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, abort, redirect, request

from policies.terms import Viewer
from webapp.pages import _drawn, _request, _response, guards
from webapp.services import activity as activities
from webapp.services import api_users, connected, credentials, link_page, profiles, visibility
from webapp.services import badges as all_badges
from webapp.services.app_views import ANYBODY, Looker
from webapp.services.views import SECTIONS, Moved
from webapp.services.visibility_views import frosted_count
from webapp.services.warm import Warm

blueprint = Blueprint("profile", __name__)

_KNOWN = frozenset(SECTIONS)
#: Sections that their owner sees empty too, with a word on how to fill them.
_OWNERS = frozenset({"about", "find-me", "products", "milestones"})
#: A filter or cursor is short; anything longer is nobody's.
_LONGEST = 200
#: Stands for the kudos notes in a part that is kept; a new one in every process, so that no text can hold it.


@dataclass(frozen=True, slots=True)
class SeenAs:
    """The owner's bar "View as" (D15): what can be chosen, what is chosen, and that in words."""

    handle: str
    current: str
    choices: tuple[tuple[str, str, str], ...]       # key, label, icon
    sentence: str
    programs: tuple[tuple[str, str], ...] = ()      # address of the API, what an app that sees so much gets there


@blueprint.get("/u/<handle>")
@guards.public
def profile(handle: str) -> Any:
    """The whole profile as this viewer may see it; for its owner also as somebody else would (`?as=`)."""
    return _whole(handle)


@blueprint.get("/u/<handle>/<section>")
@guards.public
def section(handle: str, section: str) -> Any:
    """One section: the fragment under htmx, the whole page without. A hidden section and an empty one answer alike."""
    if section not in _KNOWN:
        abort(404)
    if not _request.wants_fragment():
        return _whole(handle, section)
    view = profiles.view_profile(_request.context(), _request.current_viewer(), handle, _request.now())
    if isinstance(view, Moved):
        return _moved(f"/u/{view.handle}/{section}")
    if view is None or not (section in view.sections or (view.owner and section in _OWNERS)):
        abort(404)
    return _response.fragment(f"profile/_{section}.html", view=view)


@blueprint.get("/u/<handle>/activity")
@guards.public
def activity(handle: str) -> Any:
    """All activity, newest first, by source and kind (S18). Under htmx the list; with a cursor its next rows alone."""
    source, kind, cursor = (_argument(name) for name in ("source", "kind", "cursor"))
    page = activities.view_activity(
        _request.context(), _request.current_viewer(), handle, _request.now(), source=source, kind=kind, cursor=cursor)
    if isinstance(page, Moved):
        return _moved(f"/u/{page.handle}/activity")
    if page is None:
        abort(404)
    if not _request.wants_fragment():
        return _response.page("activity/page.html", page=page)
    return _response.fragment("activity/_rows.html" if cursor else "activity/_list.html", page=page)


@blueprint.get("/u/<handle>/badges")
@guards.public
def badges(handle: str) -> Any:
    """Every badge: milestones, certifications, courses, awards."""
    context, viewer, now = _request.context(), _request.current_viewer(), _request.now()
    page = all_badges.view_badges(context, viewer, handle, now)
    if isinstance(page, Moved):
        return _moved(f"/u/{page.handle}/badges")
    if page is None:
        abort(404)
    switches = credentials.switches(context, viewer, page.handle, now)
    return _response.page("badges/page.html", page=page, switches=switches)


def _whole(handle: str, section: str = "") -> Any:
    context, viewer, now = _request.context(), _request.current_viewer(), _request.now()
    read = profiles.read_profile(context, viewer, handle, now)
    if isinstance(read, Moved):
        return _moved(f"/u/{read.handle}/{section}" if section else f"/u/{read.handle}")
    if read is None:
        abort(404)
    key, found, seen_as = read.opened.key, read.found, None
    if isinstance(found, Warm):
        return _drawn.answer(found, key, read.notes)
    if key is not None:
        return _drawn.answer(_drawn.draw_to_keep(found, key), key, read.notes)
    if found.owner is not None and not found.owner.is_insider:
        others = _others(viewer)
        chosen = request.args.get("as", "")
        current, frosted = chosen if chosen in others else "", 0
        if current:
            looker = others[current][2]
            shown = connected.view_as(context, viewer, looker, handle, now)
            if shown is None:
                return _response.page("profile/nothing.html", seen_as=_bar(found.handle, current, others))
            frosted, found = frosted_count(found, shown), shown
        programs = api_users.view_as(context, others[current][2], handle, now) if current else ()
        seen_as = replace(_bar(found.handle, current, others, frosted), programs=programs)
    body = _drawn.draw(found)
    nudge = found.owner is not None and found.owner.linked == 1 and link_page.may_nudge(context, viewer)     # S39
    return _response.page("profile/page.html", view=found, seen_as=seen_as, body=body, nudge=nudge)


def _others(viewer: Viewer) -> dict[str, tuple[str, str, Looker]]:
    """Whom the owner can look as: anyone, a member of each organization that the owner belongs to, and each connected
    app (D15). key -> (label, icon, who that is)"""
    context = _request.context()
    others = {"anyone": ("Anyone", "anyone", ANYBODY)}
    for number, (organization, name) in enumerate(visibility.organization_names(context, viewer).items(), 1):
        colleague = Viewer(organizations=frozenset({organization}))
        others[f"organization-{number}"] = name, "org", Looker(colleague, colleague)
    for client_id, name, looker in connected.lookers(context, viewer.account_id or 0):
        others[f"app-{client_id}"] = name, "app", looker
    return others


def _bar(handle: str, current: str, others: Mapping[str, tuple[str, str, Looker]], frosted: int = 0) -> SeenAs:
    choices = [("", "Only you", "you"), *[(key, label, icon) for key, (label, icon, _) in others.items()]]
    if not current:
        sentence = "Your own view, clear from edge to edge."
    elif current == "anyone":
        sentence = "What the web sees."
    else:
        label, icon, _ = others[current]
        sentence = f"What {label} gets." if icon == "app" else f"What people at {label} see."
    if current:
        sentence += " Nothing is frosted." if not frosted else f" {frosted} details are frosted."
    return SeenAs(handle, current, tuple(choices), sentence.replace(" 1 details are", " 1 detail is"))


def _moved(url: str) -> Any:
    """302, stored nowhere: the old address may lead elsewhere tomorrow, or nowhere."""
    response = redirect(url, 302)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _argument(name: str) -> str | None:
    value = request.args.get(name, "")
    return value if 0 < len(value) <= _LONGEST else None
