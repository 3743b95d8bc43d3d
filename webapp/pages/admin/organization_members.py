"""An organization's members: account records by the audited door, and closing an account. Forms and order only."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from webapp.pages import _login, _request, _response, guards
from webapp.pages.admin._frame import blueprint
from webapp.pages.admin.organizations import confirmed
from webapp.services import organizations


@blueprint.get("/organizations/<slug>/members")
@guards.organization_admin
def organization_members(slug: str) -> Any:
    """The accounts at the organization's domains, page by page."""
    found = organizations.list_members(
        _request.context(), _login.current_session(), guards.the_organization(), _request.now(),
        request.args.get("after", ""), request.args.get("q", ""),
    )
    draw, template = (
        (_response.fragment, "admin/_organization_members.html") if _request.wants_fragment()
        else (_response.page, "admin/organization_members.html")
    )
    return draw(template, found=found, organization=guards.the_organization())


@blueprint.get("/organizations/<slug>/members/<account>")
@guards.organization_admin
def organization_member(slug: str, account: str) -> Any:
    """One account record."""
    return _member(account, {})


@blueprint.post("/organizations/<slug>/members/<account>")
@guards.organization_admin
def change_member(slug: str, account: str) -> Any:
    """Close the account, or open it again."""
    verb = request.form.get("verb", "")

    def act() -> None:
        context, session, now = _request.context(), _login.current_session(), _request.now()
        if verb == "reactivate":
            organizations.reactivate(context, session, guards.the_organization(), account, now)
        else:
            organizations.deactivate(
                context, session, guards.the_organization(), account, request.form.get("reason", ""), now
            )

    return confirmed(
        act, lambda errors, status: _member(account, errors, status),
        url_for("admin.organization_member", slug=slug, account=account),
    )


def _member(account: str, errors: dict[str, str], status: int = 200) -> Any:
    view = organizations.open_member(
        _request.context(), _login.current_session(), guards.the_organization(), account, _request.now()
    )
    return _response.page(
        "admin/organization_member.html", status, view=view, errors=errors, reason=request.form.get("reason", "")
    )
