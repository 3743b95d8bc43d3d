"""Admin > Members: account records through the audited door, closing and opening accounts, claim links."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Invalid, Refused
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint, prove_if_needed
from webapp.services import admin_members, claims
from webapp.services.throttle import TooMany

Answer = Response | Redirect

SAVED = frozenset({"deactivated", "reactivated", "mailed"})
_LONGEST = 300


@blueprint.get("/members")
@guards.admin
def members() -> Response:
    """The whole page; under htmx what was found, with a cursor the next rows alone."""
    q, state, cursor = (request.args.get(name, "")[:_LONGEST] for name in ("q", "state", "cursor"))
    page = admin_members.search(
        _request.context(), _login.current_session(), q, state, cursor, _request.now()
    )
    given = [(name, value) for name, value in (("q", page.q), ("state", page.state)) if value]
    more = f"/admin/members?{urlencode([*given, ('cursor', page.next_cursor)])}" if page.next_cursor else ""
    if not _request.wants_fragment():
        return _response.page("admin/members.html", page=page, more=more, states=admin_members.STATES)
    template = "admin/_member_rows.html" if cursor else "admin/_members.html"
    return _response.fragment(template, page=page, more=more)


@blueprint.get("/members/<member>")
@guards.admin
def member(member: str) -> Response:
    """One account's record, and what can be done about it."""
    saved = request.args.get("saved", "")
    return _draw(member, {}, saved=saved if saved in SAVED else "")


@blueprint.post("/members/<member>/deactivate")
@guards.admin
def deactivate(member: str) -> Answer:
    """Close the account at once."""
    return _change(member, "deactivated", lambda: admin_members.deactivate(
        _request.context(), _login.current_session(), member, request.form.get("reason", ""), _request.now()
    ))


@blueprint.post("/members/<member>/reactivate")
@guards.admin
def reactivate(member: str) -> Answer:
    """Open it again."""
    return _change(member, "reactivated", lambda: admin_members.reactivate(
        _request.context(), _login.current_session(), member, _request.now()
    ))


@blueprint.post("/members/<member>/claim")
@guards.admin
def claim(member: str) -> Answer:
    """A claim link: mailed where an address is given, else shown in this one answer."""
    email = request.form.get("email", "").strip()
    links: list[str] = []

    def make() -> None:
        context, session, now = _request.context(), _login.current_session(), _request.now()
        if email:
            claims.mail_link(context, session, member, email, now)
        else:
            links.append(claims.make_link(context, session, member, now))

    return _change(member, "mailed", make, links)


def _change(member: str, what: str, change: Callable[[], None], links: list[str] | None = None) -> Answer:
    try:
        prove_if_needed()
        change()
    except Invalid as error:
        return _draw(member, error.errors, 422)
    except TooMany as error:
        return _steps.too_many(error, _draw(member, {"": str(error)}))
    except Refused as error:
        return _draw(member, {"": str(error)}, 409)
    if links:
        return _draw(member, {}, link=links[0])
    return _response.go_to(f"/admin/members/{member}?saved={what}")


def _draw(member: str, errors: dict[str, str], status: int = 200, *, saved: str = "", link: str = "") -> Response:
    page = admin_members.open_member(_request.context(), _login.current_session(), member, _request.now())
    typed = {name: request.form.get(name, "") if errors else "" for name in ("reason", "email")}
    draw, template = (
        (_response.fragment, "admin/_member.html") if _request.wants_fragment()
        else (_response.page, "admin/member.html")
    )
    return draw(template, status, page=page, errors=errors, typed=typed, saved=saved, link=link)
