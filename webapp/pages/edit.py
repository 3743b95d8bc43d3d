"""Edit profile: the page in Settings, and each part in place on the profile. Every form works without scripts.

A save answers 303, under htmx with the part that was saved. What cannot be saved comes back with 422, the typed text
kept and the reason beside it. Whoever may not edit a profile gets the 404 of an unknown one (D2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, request

from policies.errors import Conflict, Invalid, Refused
from policies.terms import Viewer
from webapp.pages import _request, _response, guards
from webapp.pages._limits import limiter
from webapp.services import avatars, edit_head, editing, privacy, profiles, texts, typed
from webapp.services.context import Context
from webapp.services.editing import Form

blueprint = Blueprint("edit", __name__)

TITLES = {
    "about": "About me", "more": "More about me", "find-me": "Where to find me", "products": "My products",
    "privacy": "Privacy",
    "name": "Your name", "photo": "Your picture",
}  # fmt: skip
HOME = "/settings/profile"

Opener = Callable[[Context, Viewer, int | None], Form]
Saver = Callable[[Context, Viewer, Mapping[str, str], int, int | None], bool]

_OPEN: dict[str, Opener] = {
    "about": editing.open_about,
    "more": typed.open_more,
    "find-me": editing.open_links,
    "products": editing.open_products,
    "privacy": privacy.open_privacy,
    "name": lambda context, viewer, target: editing.open_name(context, viewer),
}
_SAVE: dict[str, Saver] = {
    "about": editing.save_about,
    "more": typed.save_more,
    "find-me": editing.save_links,
    "products": editing.save_products,
    "privacy": privacy.save_privacy,
    "name": lambda context, viewer, form, now, target: editing.save_name(context, viewer, form, now),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a form stands: in place on a profile or on the page in Settings, and where it leads.

    action: takes its POST; back, section: its profile and the section it stands for; fragment: drawn for htmx
    focus: what takes the keyboard when the form is drawn: first, save, add, the name of a field, or nothing
    """

    action: str
    in_place: bool = False
    back: str = ""
    section: str = ""
    fragment: bool = False
    saved: bool = False
    focus: str = ""


@blueprint.get("/settings/profile")
@guards.member
def edit_profile() -> Any:
    """The whole page (S24-S26): About me, Where to find me, My products, Privacy, name and picture."""
    return _whole({}, saved=request.args.get("saved", ""))


@blueprint.post("/settings/profile/<any('about', 'more', 'find-me', 'products', 'privacy', 'name'):part>")
@guards.member
def save_part(part: str) -> Any:
    """Save one part of the page."""
    context, viewer = _request.context(), _request.current_viewer()
    form, saved = _submit(context, viewer, part, None)
    if not _request.wants_fragment():
        return _response.see_other(f"{HOME}?saved={part}#s-{part}") if saved else _whole({part: form}, _status(form))
    place = Place(f"{HOME}/{part}", fragment=True, saved=saved, focus="save" if saved else _focus(form))
    shared = part in {"about", "more"} and edit_head.head(context, viewer).linked > 1
    return _fragment(form, place, _status(form), shared)


@blueprint.post("/settings/profile/photo")
@guards.member
@limiter.limit("30/minute")
def save_photo() -> Any:
    """Take in a picture, or take it away (S3, T77)."""
    context, viewer, now = _request.context(), _request.current_viewer(), _request.now()
    if request.form.get("change") == "remove":
        avatars.remove_avatar(context, viewer, now)
        return _response.see_other(f"{HOME}?saved=photo#s-photo")
    file = request.files.get("picture")
    data = file.stream.read(avatars.MAX_BYTES + 1) if file is not None else b""
    try:
        avatars.save_avatar(context, viewer, data, (file.filename if file is not None else "") or "", now)
    except Invalid as error:
        return _whole({"photo": Form("photo", "", {}, frozenset(), errors=error.errors)}, 422)
    return _response.see_other(f"{HOME}?saved=photo#s-photo")


@blueprint.get("/u/<handle>/<any('about', 'find-me', 'products'):part>/edit")
@guards.member
def edit_in_place(handle: str, part: str) -> Any:
    """The form of one section, in its place under htmx, as a page of its own without."""
    context, viewer = _request.context(), _request.current_viewer()
    form = _OPEN[part](context, viewer, editing.find_target(context, viewer, handle))
    if not form.fields:
        abort(404)
    return _in_place(form, 200)


@blueprint.post("/u/<handle>/<any('about', 'find-me', 'products'):part>/edit")
@guards.member
def save_in_place(handle: str, part: str) -> Any:
    """Save one section; the answer is the section as it now reads, or the profile."""
    context, viewer = _request.context(), _request.current_viewer()
    target = editing.find_target(context, viewer, handle)
    form, saved = _submit(context, viewer, part, target)
    if not saved:
        return _in_place(form, _status(form))
    if not _request.wants_fragment():
        return _response.see_other(f"/u/{form.handle}#s-{part}")
    view = profiles.view_profile(context, viewer, form.handle, _request.now())
    return _response.fragment(f"profile/_{part}.html", view=view, saved=True)


def _submit(context: Context, viewer: Viewer, part: str, target: int | None) -> tuple[Form, bool]:
    """Save what was sent; the form to draw next, and whether it was saved."""
    sent = request.form.to_dict()
    if part == "find-me" and "change" in sent:
        return editing.change_rows(editing.open_links(context, viewer, target), sent, sent["change"]), False
    try:
        _SAVE[part](context, viewer, sent, _request.now(), target)
    except (Invalid, Conflict, Refused) as error:
        return editing.retype(_OPEN[part](context, viewer, target), sent, error), False
    return _OPEN[part](context, viewer, target), True


def _status(form: Form) -> int:
    return 422 if form.errors or form.problem else 200


def _focus(form: Form) -> str:
    """Where the keyboard goes on after a row was added or removed, or a form was opened in place."""
    change = request.form.get("change", "")
    if change == "add":
        return f"url-{form.rows - 1}"
    if change.startswith("remove"):
        return "add"
    return "first" if request.method == "GET" and request.view_args else ""


def _in_place(form: Form, status: int) -> Any:
    section = f"/u/{form.handle}/{form.part}"
    place = Place(
        f"{section}/edit", in_place=True, back=f"/u/{form.handle}", section=section,
        fragment=_request.wants_fragment(), focus=_focus(form),
    )
    if place.fragment:
        return _fragment(form, place, status)
    return _response.page(
        "edit/section.html", status, form=form, place=place, titles=TITLES, timezones=texts.timezone_groups(),
        shared=False,
    )


def _fragment(form: Form, place: Place, status: int, shared: bool = False) -> Any:
    zones = texts.timezone_groups() if form.part == "about" else ()
    return _response.fragment(
        f"edit/_{form.part}.html", status, form=form, place=place, timezones=zones, shared=shared,
        questions=typed.questions(_request.context()),
    )


def _whole(changed: Mapping[str, Form], status: int = 200, saved: str = "") -> Any:
    """The whole page; `changed` are the forms to draw as they were sent."""
    context, viewer = _request.context(), _request.current_viewer()
    head = edit_head.head(context, viewer)
    forms = {
        part: Form(part, head.handle, {}, frozenset()) if head.is_closed and part != "name"
        else changed.get(part) or opener(context, viewer, None)
        for part, opener in _OPEN.items()
    }  # fmt: skip
    forms["photo"] = changed.get("photo") or Form("photo", "", {}, frozenset())
    places = {
        part: Place(
            f"{HOME}/{part}", saved=saved == part and part not in changed,
            focus=_focus(form) if part in changed else "",
        )
        for part, form in forms.items()
    }
    return _response.page(
        "edit/page.html", status, head=head, forms=forms, places=places, titles=TITLES,
        timezones=texts.timezone_groups(), questions=typed.questions(context),
    )
