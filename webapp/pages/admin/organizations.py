"""Admin > Organizations, and the page of one: its name, admins and invitations. Its domains and members have files of
their own. Forms and order only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request, url_for

from policies.errors import Invalid, NotFound, Refused
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint, prove_if_needed
from webapp.services import invitations, organizations
from webapp.services.throttle import TooMany

#: What can have been done; the page names nothing else.
_DONE = frozenset({
    "created", "named", "removed", "invited", "revoked", "admin_gone", "claimed", "verified", "dropped", "let_go",
})  # fmt: skip
#: A number that fits the columns of both databases.
NUMBER = "int(max=2147483647):number"


@blueprint.get("/organizations")
@guards.admin
def organizations_page() -> Any:
    """Every organization, and the form for a new one."""
    return _list({})


@blueprint.post("/organizations")
@guards.admin
def create_organization() -> Any:
    """Make an organization and go on to its page."""
    try:
        slug = organizations.create(
            _request.context(), _login.current_session(), request.form.get("name", ""), request.form.get("slug", ""),
            _request.now(),
        )
    except Invalid as error:
        return _list(error.errors, 422)
    return _response.go_to(url_for("admin.organization", slug=slug, done="created"))


@blueprint.get("/organizations/<slug>")
@guards.organization_admin
def organization(slug: str) -> Any:
    """Domains, admins and invitations of one organization."""
    return draw({}, checked=request.args.get("checked", ""))


@blueprint.post("/organizations/<slug>/name")
@guards.organization_admin
def name_organization(slug: str) -> Any:
    """Another name or address, by a site admin."""
    try:
        slug = organizations.rename(
            _request.context(), _login.current_session(), guards.the_organization(), request.form.get("name", ""),
            request.form.get("slug", ""), _request.now(),
        )
    except Invalid as error:
        return draw(error.errors, 422)
    return _response.go_to(url_for("admin.organization", slug=slug, done="named"))


@blueprint.get("/organizations/<slug>/remove")
@guards.organization_admin
def remove_organization_page(slug: str) -> Any:
    """What removing does, before it is done."""
    return _remove_form({})


@blueprint.post("/organizations/<slug>/remove")
@guards.organization_admin
def remove_organization(slug: str) -> Any:
    """Remove it (T46)."""
    return confirmed(
        lambda: organizations.remove(
            _request.context(), _login.current_session(), guards.the_organization(), _request.now()
        ),
        _remove_form, url_for("admin.organizations_page", done="removed"),
    )


@blueprint.post("/organizations/<slug>/invitations")
@guards.organization_admin
def invite_admin(slug: str) -> Any:
    """Mail an invitation. The answer never holds its link (T44)."""
    return changed(
        "invited",
        lambda: invitations.invite(
            _request.context(), _login.current_session(), guards.the_organization(), request.form.get("email", ""),
            _request.now(),
        ),
        proof="email_current",
    )


@blueprint.post(f"/organizations/<slug>/invitations/<{NUMBER}>/revoke")
@guards.organization_admin
def revoke_invitation(slug: str, number: int) -> Any:
    """End a waiting invitation."""
    return changed(
        "revoked",
        lambda: invitations.revoke(
            _request.context(), _login.current_session(), guards.the_organization(), number, _request.now()
        ),
    )


@blueprint.get("/organizations/<slug>/admins/<account>/remove")
@guards.organization_admin
def remove_admin_page(slug: str, account: str) -> Any:
    """Taking an admin's rights, before it is done."""
    return _admin_form(account, {})


@blueprint.post("/organizations/<slug>/admins/<account>/remove")
@guards.organization_admin
def remove_admin(slug: str, account: str) -> Any:
    """Take an admin's rights."""
    session = _login.current_session()
    onward = "/" if account == session.handle and not session.is_admin else (
        url_for("admin.organization", slug=slug, done="admin_gone")
    )
    return confirmed(
        lambda: organizations.remove_admin(
            _request.context(), _login.current_session(), guards.the_organization(), account, _request.now()
        ),
        lambda errors, status: _admin_form(account, errors, status), onward,
    )


# What the files of an organization's pages share ---------------------------------------------------------------------


def draw(errors: dict[str, str], status: int = 200, *, done: str = "", checked: str = "") -> Any:
    """The page of the organization, or its changing part for htmx. `checked`: a domain that was just looked at."""
    page = organizations.open_page(
        _request.context(), _login.current_session(), guards.the_organization(), _request.now()
    )
    done = done or request.args.get("done", "")
    typed = {name: request.form.get(name, "") if errors else "" for name in ("domain", "email", "name", "slug")}
    draw_it, template = (
        (_response.fragment, "admin/_organization.html") if _request.wants_fragment()
        else (_response.page, "admin/organization.html")
    )
    return draw_it(
        template, status, page=page, errors=errors, typed=typed, done=done if done in _DONE else "", checked=checked,
    )


def changed(done: str, act: Callable[[], object], *, proof: str = "") -> Any:
    """Do something on the organization's page and show it again: 303, or the part itself for htmx.

    `proof`: the name of the form's password field, where it has one.
    """
    try:
        if proof:
            prove_if_needed(proof)
        act()
    except Invalid as error:
        return draw(error.errors, 422)
    except Refused as error:
        return draw({"": str(error)}, 422)
    except TooMany as error:
        return _steps.too_many(error, draw({"": str(error)}))
    if _request.wants_fragment():
        return draw({}, done=done)
    return _response.see_other(url_for("admin.organization", slug=guards.the_organization().slug, done=done))


def confirmed(act: Callable[[], object], form: Callable[[dict[str, str], int], Any], onward: str) -> Any:
    """Do something dangerous with the password typed a moment ago, else show its form again."""
    try:
        prove_if_needed()
        act()
    except Invalid as error:
        return form(error.errors, 422)
    except Refused as error:
        return form({"": str(error)}, 422)
    except TooMany as error:
        return _steps.too_many(error, form({"current": str(error)}, 429))
    return _response.go_to(onward)


def ask(template: str, errors: dict[str, str], status: int = 200, **more: Any) -> Any:
    """A page that asks before something dangerous."""
    page = organizations.open_page(
        _request.context(), _login.current_session(), guards.the_organization(), _request.now()
    )
    return _response.page(f"admin/{template}.html", status, page=page, errors=errors, **more)


def _list(errors: dict[str, str], status: int = 200) -> Any:
    done = request.args.get("done", "")
    return _response.page(
        "admin/organizations.html", status, rows=organizations.list_all(_request.context(), _login.current_session()),
        errors=errors, done=done if done in _DONE else "",
        typed={name: request.form.get(name, "") for name in ("name", "slug")},
    )


def _remove_form(errors: dict[str, str], status: int = 200) -> Any:
    if not _login.current_session().is_admin:
        raise NotFound
    return ask("organization_remove", errors, status)


def _admin_form(account: str, errors: dict[str, str], status: int = 200) -> Any:
    page = organizations.open_page(
        _request.context(), _login.current_session(), guards.the_organization(), _request.now()
    )
    found = next((one for one in page.admins if one.handle == account), None)
    if found is None:
        raise NotFound
    return _response.page("admin/organization_admin.html", status, page=page, one=found, errors=errors)
