"""Admin > Default visibility, of the community and of one organization: draft, dry run, apply, undo. Forms and order.

A press on a cell is kept as a draft; only Apply, with a recent password, puts it in force. Everything works as page and
the presses also as fragment.
"""

from __future__ import annotations

from typing import Any

from flask import request

from policies.errors import Conflict, Invalid
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint, prove_if_needed
from webapp.services import matrix as service
from webapp.services import matrix_apply, matrix_draft
from webapp.services.matrix_draft import SITE, Place
from webapp.services.throttle import TooMany

#: What can have been done; the page says nothing else.
DONE = frozenset({"applied", "undone", "nothing"})


@blueprint.get("/visibility")
@guards.admin
def matrix() -> Any:
    """Both tables with the admin's draft."""
    return _show(SITE)


@blueprint.post("/visibility/draft")
@guards.admin
def matrix_draft_save() -> Any:
    """A cell, a lock, or the whole draft discarded."""
    return _draft(SITE)


@blueprint.post("/visibility/apply")
@guards.admin
def matrix_apply_draft() -> Any:
    """The second step: put the draft in force."""
    return _apply(SITE)


@blueprint.get("/visibility/steps/<int(max=2147483647):step>/undo")
@guards.admin
def matrix_undo_preview(step: int) -> Any:
    """What undoing would do."""
    return _show_undo(SITE, step)


@blueprint.post("/visibility/steps/<int(max=2147483647):step>/undo")
@guards.admin
def matrix_undo(step: int) -> Any:
    """Take a step back out."""
    return _undo(SITE, step)


@blueprint.get("/organizations/<slug>/visibility")
@guards.organization_admin
def organization_matrix(slug: str) -> Any:
    """The organization's overrides and locks over the community's defaults."""
    return _show(_place())


@blueprint.post("/organizations/<slug>/visibility/draft")
@guards.organization_admin
def organization_matrix_draft(slug: str) -> Any:
    """As `matrix_draft_save`, of one organization."""
    return _draft(_place())


@blueprint.post("/organizations/<slug>/visibility/apply")
@guards.organization_admin
def organization_matrix_apply(slug: str) -> Any:
    """As `matrix_apply_draft`, of one organization."""
    return _apply(_place())


@blueprint.get("/organizations/<slug>/visibility/steps/<int(max=2147483647):step>/undo")
@guards.organization_admin
def organization_matrix_undo_preview(slug: str, step: int) -> Any:
    """As `matrix_undo_preview`, of one organization."""
    return _show_undo(_place(), step)


@blueprint.post("/organizations/<slug>/visibility/steps/<int(max=2147483647):step>/undo")
@guards.organization_admin
def organization_matrix_undo(slug: str, step: int) -> Any:
    """As `matrix_undo`, of one organization."""
    return _undo(_place(), step)


def _place() -> Place:
    return Place(guards.the_organization())


def _show(place: Place, status: int = 200, **more: Any) -> Any:
    page = service.open_page(_request.context(), _login.current_session(), place)
    done = request.args.get("done", "")
    views = {"errors": {}, "problem": "", "said": False, "done": done if done in DONE else "", "note": "", "tell": True}
    template = "admin/_matrix_swap.html" if _request.wants_fragment() else "admin/matrix.html"
    return _response.page(template, status, page=page, **(views | more))


def _draft(place: Place) -> Any:
    """Keep what was pressed. Unknown keys are passed over; a kind, field or level that does not exist is 422 (T67)."""
    context, session, form = _request.context(), _login.current_session(), request.form
    try:
        if "discard" in form:
            matrix_draft.discard(context, session, place)
        elif "lock" in form:
            sent = ":".join(["lock", *(form.get(f"lock-{name}", "") for name in ("accounts", "field", "level"))])
            matrix_draft.press(context, session, place, sent, _request.now())
        else:
            matrix_draft.press(context, session, place, form.get("press", ""), _request.now())
    except Invalid as error:
        return _show(place, 422, problem=" ".join(dict.fromkeys(error.errors.values())))
    if _request.wants_fragment():
        return _show(place, said=True)
    return _response.see_other(service.home_of(place))


def _apply(place: Place) -> Any:
    form, now = request.form, _request.now()
    note, tell = form.get("note", ""), "tell" in form
    kept: dict[str, Any] = {"note": note, "tell": tell}
    try:
        prove_if_needed()
        step = matrix_apply.apply(
            _request.context(), _login.current_session(), place, now, seen=_number("seen"),
            revision=_number("revision"), note=note, tell=tell,
        )
    except Invalid as error:
        return _show(place, 422, errors=error.errors, **kept)
    except Conflict as error:
        return _show(place, 422, problem=f"{error.problem} {error.fix}", **kept)
    except TooMany as error:
        return _steps.too_many(error, _show(place, errors={"": str(error)}, **kept))
    return _response.go_to(f"{service.home_of(place)}?done={'applied' if step else 'nothing'}")


def _show_undo(place: Place, step: int, status: int = 200, **more: Any) -> Any:
    page = service.open_undo(_request.context(), place, step)
    return _response.page("admin/matrix_undo.html", status, page=page, **({"errors": {}, "problem": ""} | more))


def _undo(place: Place, step: int) -> Any:
    try:
        prove_if_needed()
        matrix_apply.undo(
            _request.context(), _login.current_session(), place, step, _request.now(), seen=_number("seen")
        )
    except Invalid as error:
        return _show_undo(place, step, 422, errors=error.errors)
    except Conflict as error:
        return _show_undo(place, step, 422, problem=f"{error.problem} {error.fix}")
    except TooMany as error:
        return _steps.too_many(error, _show_undo(place, step, errors={"": str(error)}))
    return _response.go_to(f"{service.home_of(place)}?done=undone")


def _number(name: str) -> int:
    """A number that the page sent along; without one, nothing was seen and the service says so."""
    raw = request.form.get(name, "")
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 16 else -1
