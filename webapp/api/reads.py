"""Reading accounts, profiles and the directory as JSON. The gate decides; the services build from what it allows."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request, url_for

from webapp.api import _auth, _cors
from webapp.api._answers import answer
from webapp.pages import _limits, _request, guards
from webapp.pages._problem import NOTHING, problem
from webapp.services import api_users as users
from webapp.services.app_views import READ_ME
from webapp.services.people import TEXT_LIMIT
from webapp.services.views import Moved

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
_limits.count_reads(blueprint, _auth.reader)
blueprint.after_request(_auth.open_to_scripts)


@blueprint.get("/users/<account_id>")
@guards.public
def user(account_id: str) -> Any:
    """One account's own record."""
    found = users.user_json(_request.context(), _auth.looker(), account_id)
    return problem(404, NOTHING) if found is None else answer(found)


@blueprint.get("/users")
@guards.public
def many_users() -> Any:
    """Several accounts' own records, in the order asked for; unknown ones are left out."""
    wanted = request.args.getlist("accountId")
    if not 1 <= len(wanted) <= users.MOST:
        sentence = f"Name 1 to {users.MOST} accounts: ?accountId=…&accountId=…"
        return problem(422, sentence, errors={"accountId": sentence})
    return answer({"users": users.users_json(_request.context(), _auth.looker(), wanted)})


@blueprint.get("/profiles/<handle>")
@guards.public
def profile(handle: str) -> Any:
    """A community profile."""
    found = users.profile_json(_request.context(), _auth.looker(), handle, _request.now())
    if isinstance(found, Moved):
        response = redirect(url_for("api.profile", handle=found.handle), 302)
        response.headers["Cache-Control"] = "private, no-store"
        return response
    return problem(404, NOTHING) if found is None else answer(found)


@blueprint.get("/me")
@_auth.token_only
def me() -> Any:
    """The member whose token this is."""
    bearer = _auth.bearer()
    if bearer is None or bearer.account_id is None:
        return _auth.refusal("This token is the app's own: no member stands behind it.", "insufficient_scope", 403)
    if READ_ME not in bearer.scopes:
        return _auth.refusal(f"This needs the scope {READ_ME}.", "insufficient_scope", 403)
    found = users.me_json(_request.context(), _auth.looker())
    return problem(404, NOTHING) if found is None else answer(found)


@blueprint.get("/people")
@guards.public
def people() -> Any:
    """A page of the directory."""
    q, cursor = request.args.get("q", "").strip()[:TEXT_LIMIT], request.args.get("cursor", "")
    sort = request.args.get("sort", "")
    return answer(users.people_json(_request.context(), _auth.looker(), q, sort, cursor, _request.now()))


# A page of another site that sends a token asks first.
for _rule in ("/users/<account_id>", "/users", "/profiles/<handle>", "/people", "/me"):
    blueprint.add_url_rule(_rule, "preflight", guards.public(_cors.read_preflight), methods=["OPTIONS"])
