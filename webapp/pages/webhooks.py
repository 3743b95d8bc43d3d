"""The webhook of an app, for whoever registered it: where it is told, the signing key once, an end to it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from policies.errors import Invalid
from webapp.pages import _app_form, _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint as admin
from webapp.services import webhooks
from webapp.services.throttle import TooMany

blueprint = Blueprint("webhooks", __name__)


@blueprint.get("/settings/apps/<client_id>/webhook")
@guards.member
def own(client_id: str) -> Any:
    """Of one's own app."""
    return _page(client_id)


@blueprint.post("/settings/apps/<client_id>/webhook")
@guards.member
def change_own(client_id: str) -> Any:
    """Set the address, or end it with an empty one."""
    return _change(client_id)


@admin.get("/organizations/<slug>/apps/<client_id>/webhook")
@guards.organization_admin
def organization_webhook(slug: str, client_id: str) -> Any:
    """Of an organization's app."""
    return _page(client_id, slug)


@admin.post("/organizations/<slug>/apps/<client_id>/webhook")
@guards.organization_admin
def change_organization_webhook(slug: str, client_id: str) -> Any:
    """The same for an organization's app."""
    return _change(client_id, slug)


def _change(client_id: str, slug: str = "") -> Any:
    context, url = _request.context(), request.form.get("url", "").strip()
    webhooks.view(context, _login.current_session(), client_id, slug)      # 404 before anything is asked
    try:
        _app_form.prove_if_needed()
        session = _login.current_session()
        if not url:
            webhooks.remove(context, session, client_id, _request.now(), slug)
            return _response.see_other(request.path)
        key = webhooks.register(context, session, client_id, url, _request.now(), slug)
        return _page(client_id, slug, key=key)
    except Invalid as error:
        return _page(client_id, slug, url=url, errors=error.errors, status=422)
    except TooMany as error:
        return _steps.too_many(error, _page(client_id, slug, url=url, errors={"current": str(error)}))


def _page(client_id: str, slug: str = "", *, url: str | None = None, errors: dict[str, str] | None = None,
          key: str = "", status: int = 200) -> Any:  # fmt: skip
    view = webhooks.view(_request.context(), _login.current_session(), client_id, slug)
    return _response.page(
        "admin/organization_webhook.html" if slug else "settings/webhook.html", status, view=view,
        url=view.url if url is None else url, errors=errors or {}, key=key,
        here=request.path, back=request.path.removesuffix("/webhook"), is_recent=_app_form.is_recent(),
    )
