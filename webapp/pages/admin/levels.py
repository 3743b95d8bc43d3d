"""Admin > Levels: milestone ladders, kudos points, community levels. Rehearsed first, applied in a second step."""

from __future__ import annotations

from flask import Response, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Conflict, Invalid
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint, prove_if_needed
from webapp.services import ladder_rehearsal, ladder_settings
from webapp.services.ladder_settings import Tables
from webapp.services.throttle import TooMany

Answer = Response | Redirect


@blueprint.get("/levels")
@guards.admin
def levels() -> Response:
    """The tables in force, each with where it comes from."""
    return _draw({}, saved="applied" if request.args.get("saved") == "applied" else "")


@blueprint.post("/levels")
@guards.admin
def change_levels() -> Answer:
    """Rehearse what was typed; with `act=apply` and the mark of that rehearsal, apply it."""
    context = _request.context()
    try:
        tables = ladder_settings.read_form(context, request.form)
    except Invalid as error:
        return _draw(error.errors, 422)
    if request.form.get("act") != "apply":
        return _draw({}, tables=tables)
    try:
        prove_if_needed()
        ladder_settings.apply(
            context, _login.current_session(), tables, request.form.get("mark", ""), _request.now()
        )
    except Invalid as error:
        return _draw(error.errors, 422, tables=tables)
    except Conflict as error:
        return _draw({"": str(error)}, 409, tables=tables)
    except TooMany as error:
        return _steps.too_many(error, _draw({"": str(error)}, tables=tables))
    return _response.go_to("/admin/levels?saved=applied")


def _draw(errors: dict[str, str], status: int = 200, *, tables: Tables | None = None, saved: str = "") -> Response:
    context = _request.context()
    is_typed = bool(errors) or tables is not None
    page = ladder_settings.view_levels(context, request.form.to_dict() if is_typed else None)
    rehearsal, mark = None, ""
    if tables is not None:
        before = ladder_settings.in_force(context)
        rehearsal = ladder_rehearsal.rehearse(context, before, tables)
        mark = ladder_settings.mark_of(before, tables)
    draw, template = (
        (_response.fragment, "admin/_levels.html") if _request.wants_fragment()
        else (_response.page, "admin/levels.html")
    )
    return draw(template, status, page=page, errors=errors, rehearsal=rehearsal, mark=mark, saved=saved)
