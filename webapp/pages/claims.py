"""/claim: an imported account becomes somebody's (D21). A link, an address to prove, a password; the handle stays."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Invalid
from webapp.pages import _login, _request, _response, _steps, auth, guards
from webapp.services import claim_offers, claims, sessions, signup
from webapp.services.throttle import TooMany

blueprint = Blueprint("claims", __name__)

Answer = Response | Redirect


@blueprint.get("/claim/<token>")
@guards.public
@_steps.link_page("/login")
def open_claim(token: str) -> Answer:
    """A link's own address leads on: the token stays in no referrer and no form (T14)."""
    _steps.remember("claim", claims.open_link(_request.context(), token, _request.now()))
    return _response.see_other("/claim")


@blueprint.get("/claim")
@guards.public
@_steps.link_page("/login")
def claim_page() -> Answer:
    """The address is asked for, or it is proved and the password is chosen."""
    if _steps.opened("claim") is None:
        return _response.see_other("/login")
    return _draw({})


@blueprint.post("/claim/sent")
@guards.public
@_steps.link_page("/login")
def ask() -> Answer:
    """Mail a link to the address: the same words for every one."""
    key = _steps.require_opened("claim")
    try:
        claims.ask(
            _request.context(), key, _request.now(), email=request.form.get("email", ""), remote=auth.remote()
        )
    except Invalid as error:
        return _draw(error.errors, 422)
    except TooMany as error:
        return _steps.too_many(error, _draw({"": str(error)}))
    return _response.see_other("/claim/sent")


@blueprint.get("/claim/sent")
@guards.public
def sent() -> Response:
    """Look into your mail."""
    return _response.page("claim/sent.html")


@blueprint.post("/claim")
@guards.public
@_steps.link_page("/login")
def finish() -> Answer:
    """The account is the claimant's; log in."""
    key = _steps.require_opened("claim")
    context, now = _request.context(), _request.now()
    try:
        account_id = claims.finish(
            context, key, now, password=request.form.get("password", ""), terms=request.form.get("terms", "")
        )
    except Invalid as error:
        return _draw(error.errors, 422)
    _steps.forget()
    device = sessions.device_of(request.user_agent.string)
    return auth.enter(sessions.start(context, account_id, now, device=device, way="claim"))


@blueprint.post("/settings/linked-accounts/offers/<number>")
@guards.member
def answer_offer(number: str) -> Answer:
    """What a source knows under the member's address: theirs, or not."""
    context, session, now = _request.context(), _login.current_session(), _request.now()
    offer = int(number) if re.fullmatch(r"[0-9]{1,18}", number) else 0
    if request.form.get("answer") != "take":
        claim_offers.decline(context, session, offer, now)
        return _response.see_other("/settings/linked-accounts?done=sent-away")
    key = claim_offers.take(context, session, offer, now)
    if key is None:
        return _response.see_other("/settings/linked-accounts?done=taken")
    _steps.remember("claim", key)
    return _response.see_other("/claim")


@blueprint.post("/verify/claim")
@guards.public
@_steps.link_page("/signup")
def take_offer() -> Answer:
    """The opened sign-up link proves the address that a source gave: claim that account instead of making another."""
    key = _steps.require_opened("signup")
    offer = request.form.get("offer", "")
    _steps.remember("claim", claims.take_offer(_request.context(), key, offer, _request.now()))
    return _response.see_other("/claim")


def _draw(errors: dict[str, str], status: int = 200) -> Response:
    context, now = _request.context(), _request.now()
    step = claims.open_step(context, _steps.require_opened("claim"), now)
    return _response.page(
        "claim/page.html", status, step=step, errors=errors, terms=signup.terms_version(context),
        typed=request.form.get("email", ""),
    )
