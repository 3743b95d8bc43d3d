"""Settings > Your data: the export, the history of one's own account, its deletion (D22). Forms and order only."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request, stream_with_context
from werkzeug.wrappers import Response as Redirect

from policies.errors import Invalid, Refused
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.services import audit_own, closing, export, linking, own_data
from webapp.services.throttle import TooMany

blueprint = Blueprint("data", __name__)

Answer = Response | Redirect

PAGE = "/settings/data"
#: The word under which the day of deletion waits for the page after it.
_GOODBYE = "goodbye"


@blueprint.get("/settings/data")
@guards.member
def data() -> Answer:
    """The whole page."""
    return _draw(done=request.args.get("done", ""))


@blueprint.post("/settings/data/export")
@guards.member
def ask_export() -> Answer:
    """The password if it is needed, then the file."""
    return _act("export", lambda: f"{PAGE}/export.zip")


@blueprint.get("/settings/data/export.zip")
@guards.recent
def export_zip() -> Answer:
    """Everything of one's own, as it is read: a page of one list waits in memory at most, nothing on disk."""
    context, now, session = _request.context(), _request.now(), _login.current_session()
    try:
        parts = export.export(context, session, now)
    except TooMany as error:
        return _steps.too_many(error, _draw({"": str(error)}))
    response = Response(stream_with_context(parts), mimetype="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{export.file_name(session, now)}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


@blueprint.get("/settings/data/history")
@guards.member
def history() -> Answer:
    """What was done to one's own account, newest first."""
    view = audit_own.view_history(_request.context(), _login.current_session(), request.args.get("cursor"))
    return _response.page("settings/history.html", view=view)


@blueprint.post("/settings/data/dissolve")
@guards.member
def dissolve() -> Answer:
    """Unlink everything from the primary that is logged in, so that it can be deleted (D22)."""

    def act() -> str:
        linking.dissolve(_request.context(), _login.current_session(), _request.now())
        return f"{PAGE}?done=dissolved"

    return _act("dissolve", act)


@blueprint.post("/settings/data/delete")
@guards.member
def delete() -> Answer:
    """Close the account at once and have it deleted when the days of grace are over."""

    def act() -> str:
        if not request.form.get("sure"):
            raise Invalid({"sure": "Tick this to go on."})
        due = closing.ask_deletion(_request.context(), _login.current_session(), _request.now())
        _login.log_out()
        _steps.remember(_GOODBYE, "", closing.day_of(due))
        return "/goodbye"

    return _act("delete", act)


@blueprint.get("/goodbye")
@guards.public
def goodbye() -> Answer:
    """After asking: the account is closed, and until when that can be taken back."""
    day = _steps.noted() if _steps.opened(_GOODBYE) is not None else ""
    return _response.page("auth/goodbye.html", day=day)


def _act(form: str, act: Callable[[], str]) -> Answer:
    """The password first, if it was not typed a moment ago (T15); then the deed; then on to where it leads."""
    try:
        if not _login.current_session().is_recent(_request.now()):
            _login.prove(request.form.get(f"{form}_current", ""))
        return _response.go_to(act())
    except Invalid as error:
        named = {f"{form}_current" if name == "current" else name: text for name, text in error.errors.items()}
        return _draw(named, 422)
    except Refused as error:
        return _draw({"": f"{error.problem} {error.fix}".strip()}, 422)
    except TooMany as error:
        return _steps.too_many(error, _draw({"": str(error)}))


def _draw(errors: dict[str, str] | None = None, status: int = 200, *, done: str = "") -> Response:
    view = own_data.view_data(_request.context(), _login.current_session(), _request.now())
    return _response.page("settings/data.html", status, view=view, errors=errors or {}, done=done)
