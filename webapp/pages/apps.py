"""Settings > Connected apps: what was let in, and the member's own registered apps. No script is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, request, url_for

from policies.errors import Invalid
from webapp.pages import _app_form, _login, _request, _response, _steps, guards
from webapp.services import apps, connected
from webapp.services.apps import AppForm, Registered
from webapp.services.throttle import TooMany

blueprint = Blueprint("apps", __name__)

HOME = "/settings/apps"
SAVED = frozenset({"gone", "saved", "removed"})


@blueprint.get("/settings/apps")
@guards.member
def show() -> Any:
    """The connected apps and the own ones."""
    saved = request.args.get("saved", "")
    context, session = _request.context(), _login.current_session()
    return _response.page(
        "settings/apps.html", connected=connected.list_connected(context, session.account_id),
        own=apps.own_apps(context, session), saved=saved if saved in SAVED else "",
    )


@blueprint.post("/settings/apps/<client_id>/disconnect")
@guards.member
def disconnect(client_id: str) -> Any:
    """Take a consent back."""
    connected.disconnect(_request.context(), _login.current_session(), client_id, _request.now())
    return _response.go_to(f"{HOME}?saved=gone")


@blueprint.get("/settings/apps/new")
@guards.member
def new() -> Any:
    """The form of a new app."""
    return _form(AppForm(scopes=("profiles:read",)), {})


@blueprint.post("/settings/apps/new")
@guards.member
def register() -> Any:
    """Register an app; its secret is on the answer and nowhere else."""
    form = _app_form.read_form()

    def make() -> Any:
        _app_form.prove_if_needed()
        return _told(apps.register(_request.context(), _login.current_session(), form, _request.now()), form.name)

    return _try(make, form)


@blueprint.get("/settings/apps/<client_id>")
@guards.member
def edit(client_id: str) -> Any:
    """One own app."""
    view = apps.open_app(_request.context(), _login.current_session(), client_id)
    return _form(_app_form.form_of(view), {}, client_id)


@blueprint.post("/settings/apps/<client_id>")
@guards.member
def save(client_id: str) -> Any:
    """Change what an app says and asks for."""
    form = _app_form.read_form()

    def change() -> Any:
        _app_form.prove_if_needed()         # another address to return to is as good as a secret
        apps.change(_request.context(), _login.current_session(), client_id, form, _request.now())
        return _response.see_other(f"{HOME}?saved=saved")

    return _try(change, form, client_id)


@blueprint.post("/settings/apps/<client_id>/secret")
@guards.member
def new_secret(client_id: str) -> Any:
    """Another secret for an app."""
    context, session = _request.context(), _login.current_session()
    view = apps.open_app(context, session, client_id)

    def make() -> Any:
        _app_form.prove_if_needed()
        return _told(apps.new_secret(context, _login.current_session(), client_id, _request.now()), view.name)

    return _try(make, _app_form.form_of(view), client_id)


@blueprint.post("/settings/apps/<client_id>/remove")
@guards.member
def remove(client_id: str) -> Any:
    """Remove an app with everything that hangs on it."""
    view = apps.open_app(_request.context(), _login.current_session(), client_id)

    def take() -> Any:
        _app_form.prove_if_needed()
        apps.remove(_request.context(), _login.current_session(), client_id, _request.now())
        return _response.see_other(f"{HOME}?saved=removed")

    return _try(take, _app_form.form_of(view), client_id)


def _try(do: Callable[[], Any], form: AppForm, client_id: str = "") -> Any:
    """Do it, or show the form again with what was typed and what is wrong with it."""
    try:
        return do()
    except Invalid as error:
        return _form(form, error.errors, client_id, 422)
    except TooMany as error:
        return _steps.too_many(error, _form(form, {"current": str(error)}, client_id))


def _form(form: AppForm, errors: dict[str, str], client_id: str = "", status: int = 200) -> Any:
    view = apps.open_app(_request.context(), _login.current_session(), client_id) if client_id else None
    return _response.page(
        "settings/app.html", status, form=form, view=view, errors=errors, fields=apps.askable(_request.context()),
        home=HOME, here=f"{HOME}/{client_id or 'new'}", is_recent=_app_form.is_recent(),
    )


def _told(made: Registered, name: str) -> Any:
    return _response.page(
        "settings/app_secret.html", made=made, name=name, home=url_for("apps.show"),
        here=f"{HOME}/{made.client_id}",
    )
