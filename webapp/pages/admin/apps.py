"""Apps in the admin area: every app of the site with its switch, and those installed for one organization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request, url_for

from policies.errors import Invalid, NotFound
from webapp.pages import _app_form, _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint, prove_if_needed
from webapp.services import apps
from webapp.services.apps import AppForm, Registered
from webapp.services.throttle import TooMany

_SAVED = frozenset({"saved", "removed", "on", "off"})


@blueprint.get("/apps")
@guards.admin
def site_apps() -> Any:
    """Every app, the newest first."""
    return _site()


@blueprint.post("/apps/<client_id>")
@guards.admin
def change_site_app(client_id: str) -> Any:
    """Switch an app off or on, or say for which source it may write."""
    context, session, now = _request.context(), _login.current_session(), _request.now()
    try:
        prove_if_needed()
        if "source" in request.form:
            number = request.form["source"]
            if number and not (number.isascii() and number.isdigit() and len(number) < 10):
                raise NotFound
            apps.set_source(context, session, client_id, int(number) if number else None, now)
            return _response.see_other(url_for("admin.site_apps", saved="saved"))
        enable = request.form.get("switch") == "on"
        apps.set_enabled(context, session, client_id, enable, now)
        return _response.see_other(url_for("admin.site_apps", saved="on" if enable else "off"))
    except Invalid as error:
        return _site(error.errors, client_id, 422)
    except TooMany as error:
        return _steps.too_many(error, _site({"current": str(error)}, client_id))


@blueprint.get("/organizations/<slug>/apps")
@guards.organization_admin
def organization_apps(slug: str) -> Any:
    """The apps installed for an organization."""
    found = apps.organization_apps(_request.context(), _login.current_session(), slug)
    saved = request.args.get("saved", "")
    return _response.page("admin/organization_apps.html", apps=found, saved=saved if saved in _SAVED else "", errors={})


@blueprint.get("/organizations/<slug>/apps/new")
@guards.organization_admin
def new_organization_app(slug: str) -> Any:
    """The form of a new organization app."""
    return _form(slug, AppForm(scopes=("profiles:read",)), {})


@blueprint.post("/organizations/<slug>/apps/new")
@guards.organization_admin
def register_organization_app(slug: str) -> Any:
    """Install an app for the organization; its secret is on the answer and nowhere else."""
    form = _app_form.read_form()

    def make() -> Any:
        prove_if_needed()
        made = apps.register(_request.context(), _login.current_session(), form, _request.now(), slug)
        return _told(slug, made, form.name)

    return _try(make, slug, form)


@blueprint.get("/organizations/<slug>/apps/<client_id>")
@guards.organization_admin
def edit_organization_app(slug: str, client_id: str) -> Any:
    """One app of the organization."""
    view = apps.open_app(_request.context(), _login.current_session(), client_id, slug)
    return _form(slug, _app_form.form_of(view), {}, client_id)


@blueprint.post("/organizations/<slug>/apps/<client_id>")
@guards.organization_admin
def save_organization_app(slug: str, client_id: str) -> Any:
    """Change an app, give it a new secret, or remove it."""
    context, now = _request.context(), _request.now()
    view = apps.open_app(context, _login.current_session(), client_id, slug)
    verb = request.form.get("verb", "")
    form = _app_form.form_of(view) if verb in {"secret", "remove"} else _app_form.read_form()

    def do() -> Any:
        prove_if_needed()
        session = _login.current_session()
        if verb == "secret":
            return _told(slug, apps.new_secret(context, session, client_id, now, slug), view.name)
        if verb == "remove":
            apps.remove(context, session, client_id, now, slug)
        else:
            apps.change(context, session, client_id, form, now, slug)
        saved = "removed" if verb == "remove" else "saved"
        return _response.see_other(url_for("admin.organization_apps", slug=slug, saved=saved))

    return _try(do, slug, form, client_id)


def _site(errors: dict[str, str] | None = None, at: str = "", status: int = 200) -> Any:
    after = request.args.get("after", "0")
    number = int(after) if after.isascii() and after.isdigit() and len(after) < 18 else 0
    found, more = apps.all_apps(_request.context(), number)
    saved = request.args.get("saved", "")
    return _response.page(
        "admin/apps.html", status, apps=found, more=more, sources=apps.sources(_request.context()), at=at,
        saved=saved if saved in _SAVED else "", errors=errors or {},
    )


def _try(do: Callable[[], Any], slug: str, form: AppForm, client_id: str = "") -> Any:
    try:
        return do()
    except Invalid as error:
        return _form(slug, form, error.errors, client_id, 422)
    except TooMany as error:
        return _steps.too_many(error, _form(slug, form, {"current": str(error)}, client_id))


def _form(slug: str, form: AppForm, errors: dict[str, str], client_id: str = "", status: int = 200) -> Any:
    session = _login.current_session()
    view = apps.open_app(_request.context(), session, client_id, slug) if client_id else None
    home = url_for("admin.organization_apps", slug=slug)
    return _response.page(
        "admin/organization_app.html", status, form=form, view=view, errors=errors,
        fields=apps.askable(_request.context()), home=home, here=f"{home}/{client_id or 'new'}",
    )


def _told(slug: str, made: Registered, name: str) -> Any:
    home = url_for("admin.organization_apps", slug=slug)
    return _response.page(
        "admin/organization_app_secret.html", made=made, name=name, home=home, here=f"{home}/{made.client_id}")
