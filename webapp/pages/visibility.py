"""Settings > Profile and visibility: the page, its preview, and saving: one field under htmx, the form without scripts.

A save answers 303, under htmx with the field's row and whatever else on the page depends on it. What cannot be saved
because it changed meanwhile comes back with 422 and what holds now; a level that a lock forbids is 403 (T66).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, request

from policies.errors import Conflict, Invalid
from webapp.pages import _request, _response, guards
from webapp.services import visibility

blueprint = Blueprint("visibility", __name__)

HOME = "/settings/visibility"


@blueprint.get("/settings/visibility")
@guards.member
def show_visibility() -> Any:
    """Every field with its value, its level and why, and the record as somebody else gets it; under htmx the latter."""
    page = visibility.open_page(_request.context(), _request.current_viewer(), request.args.get("as", ""))
    if _request.wants_fragment():
        return _response.fragment("settings/_visibility_preview.html", page=page, swap=False)
    return _response.page("settings/visibility.html", page=page, saved="saved" in request.args)


@blueprint.post("/settings/visibility")
@guards.member
def save_visibility() -> Any:
    """Set levels, go back to defaults, or accept what waits; the keys are told in `visibility.read_acts`."""
    context, viewer = _request.context(), _request.current_viewer()
    form = request.form.to_dict()
    field = _touched(form)
    status, problem = 200, ""
    try:
        acts = visibility.read_acts(context, form, request.form.getlist("accepted"))
        visibility.save(context, viewer, acts, _request.now())
    except Conflict as error:
        status, problem = 422, f"{error.problem} {error.fix}"
    except Invalid as error:
        if _request.wants_fragment():
            abort(422)
        status, problem = 422, " ".join(dict.fromkeys(error.errors.values()))
    if not _request.wants_fragment():
        if not problem:
            return _response.see_other(f"{HOME}?saved=1")
        page = visibility.open_page(context, viewer, form.get("as", ""), problem)
        return _response.page("settings/visibility.html", status, page=page, saved=False)
    page = visibility.open_page(context, viewer, form.get("as", ""), problem, field)
    row = page.row(field)
    if row is None:
        abort(422)
    return _response.fragment(
        "settings/_visibility_saved.html", status, page=page, row=row, saved=not problem, focus="default" in form
    )


def _touched(form: Mapping[str, str]) -> str:
    """The field that a request under htmx is about: it sends one."""
    if "default" in form:
        return form["default"].partition(":")[0]
    sent = [key.removeprefix("level-") for key in form if key.startswith("level-")]
    changed = [name for name in sent if form[f"level-{name}"] != form.get(f"was-{name}")]
    return (changed or sent or [""])[0]
