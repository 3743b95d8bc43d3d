"""Admin > Kudos: what receivers reported; remove or keep. Forms and order only."""

from __future__ import annotations

from flask import Response, abort, request
from werkzeug.wrappers import Response as Redirect

from webapp.pages import _login, _request, _response, guards
from webapp.pages.admin._frame import blueprint
from webapp.services import kudos_reports

Answer = Response | Redirect
SAVED = frozenset({"remove", "keep"})


@blueprint.get("/kudos")
@guards.admin
def kudos() -> Response:
    """What waits for a look."""
    view = kudos_reports.view_reports(_request.context(), _login.current_session())
    saved = request.args.get("saved", "")
    return _response.page("admin/kudos.html", view=view, saved=saved if saved in SAVED else "")


@blueprint.post("/kudos/<word>")
@guards.admin
def settle_kudos(word: str) -> Answer:
    """Remove it, or keep it."""
    deed = request.form.get("do", "")
    if deed not in SAVED:
        abort(400)
    kudos_reports.settle(
        _request.context(), _login.current_session(), word, _request.now(), remove=deed == "remove"
    )
    return _response.go_to(f"/admin/kudos?saved={deed}")
