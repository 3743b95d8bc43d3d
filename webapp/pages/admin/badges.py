"""Admin > Badges: the rules that plugins bring; rehearse, start, take back. Forms and order only."""

from __future__ import annotations

from flask import Response, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Invalid, Refused
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint, prove_if_needed
from webapp.services import awards
from webapp.services.throttle import TooMany

Answer = Response | Redirect
SAVED = frozenset({"rehearsed", "started", "revoked", "allowed"})


@blueprint.get("/badges")
@guards.admin
def badge_rules() -> Response:
    """Every rule with its holders and how far its run has come."""
    return _draw({})


@blueprint.post("/badges/<rule>/rehearse")
@guards.admin
def rehearse_rule(rule: str) -> Answer:
    """Count who gains and who loses."""
    try:
        awards.rehearse(_request.context(), _login.current_session(), rule, _request.now())
    except Refused as error:
        return _draw({"": str(error)}, 422)
    return _response.go_to("/admin/badges?saved=rehearsed")


@blueprint.post("/badges/<rule>/start")
@guards.admin
def start_rule(rule: str) -> Answer:
    """Let it give its badges."""
    try:
        prove_if_needed()
        mode = request.form.get("mode", "")
        awards.start(_request.context(), _login.current_session(), rule, mode, _request.now())
    except Invalid as error:
        return _draw(error.errors, 422)
    except TooMany as error:
        return _steps.too_many(error, _draw({"": str(error)}))
    except Refused as error:
        return _draw({"": str(error)}, 422)
    return _response.go_to("/admin/badges?saved=started")


@blueprint.post("/badges/revoke")
@guards.admin
def revoke_badge() -> Answer:
    """Take one badge back from one account, or let the rule give it again."""
    back = request.form.get("do", "") == "allow"
    try:
        prove_if_needed()
        rule, handle = request.form.get("rule", ""), request.form.get("handle", "")
        awards.revoke(_request.context(), _login.current_session(), rule, handle, _request.now(), back=back)
    except Invalid as error:
        return _draw(error.errors, 422)
    except TooMany as error:
        return _steps.too_many(error, _draw({"": str(error)}))
    except Refused as error:
        return _draw({"": str(error)}, 422)
    return _response.go_to(f"/admin/badges?saved={'allowed' if back else 'revoked'}")


def _draw(errors: dict[str, str], status: int = 200) -> Response:
    saved = request.args.get("saved", "")
    typed = {name: request.form.get(name, "") if errors else "" for name in ("rule", "handle", "mode")}
    return _response.page(
        "admin/badges.html", status, rules=awards.open_page(_request.context()), errors=errors, typed=typed,
        saved=saved if saved in SAVED and not errors else "",
    )
