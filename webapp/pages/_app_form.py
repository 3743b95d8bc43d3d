"""The form of an app, shared by members and organizations: reading it, the password in place. It draws nothing."""

from __future__ import annotations

from flask import request

from policies.errors import Invalid
from webapp.pages import _login, _request
from webapp.services.apps import AppForm, AppView


def read_form() -> AppForm:
    """What was typed."""
    form = request.form
    return AppForm(
        name=form.get("name", ""), about=form.get("about", ""), website=form.get("website", ""),
        redirects=form.get("redirects", ""), scopes=tuple(form.getlist("scope")), fields=tuple(form.getlist("field")),
        is_public=form.get("keeps") == "none",
    )


def form_of(view: AppView) -> AppForm:
    """An app as its form shows it."""
    return AppForm(
        view.name, view.about, view.website, "\n".join(view.redirects),
        tuple([scope for scope in view.scopes if scope != "activities:write"]), view.fields, view.is_public,
    )


def prove_if_needed() -> None:
    """A secret is about to be made or an app to be removed: the password, unless it was typed a moment ago.

    Errors: Invalid (`current`), TooMany.
    """
    if not is_recent():
        if not request.form.get("current"):
            raise Invalid({"current": "Type your password first."})
        _login.prove(request.form["current"])


def is_recent() -> bool:
    """Whether the password counts as just typed."""
    return _login.current_session().is_recent(_request.now())
