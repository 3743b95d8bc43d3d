"""The frame of the admin area: its blueprint, its tabs, the password asked in place. No page, no decision.

A page module registers its views on `blueprint` and its tab in `webapp/pages/admin/__init__.py`. Its template extends
`admin/base.html`, which draws the tabs that the session may open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, g, request, url_for

from policies.errors import Invalid
from webapp.pages import _login, _request
from webapp.services import admins

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: `endpoint` of its page; `part` is what a page's template calls itself by (`{% set tab = "…" %}`)."""

    part: str
    label: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class TabView:
    """A tab as it is drawn."""

    part: str
    label: str
    url: str


#: Tabs for site admins, and those of one organization for its admins: filled in webapp/pages/admin/__init__.py.
SITE_TABS: list[Tab] = []
ORGANIZATION_TABS: list[Tab] = []


def site_tabs() -> tuple[TabView, ...]:
    """The site's tabs, for site admins only."""
    if not _login.current_session().is_admin:
        return ()
    return tuple([TabView(tab.part, tab.label, url_for(tab.endpoint)) for tab in SITE_TABS])


def organization_tabs(slug: str) -> tuple[TabView, ...]:
    """The tabs of one organization's pages."""
    return tuple([TabView(tab.part, tab.label, url_for(tab.endpoint, slug=slug)) for tab in ORGANIZATION_TABS])


def prove_if_needed(field: str = "current") -> None:
    """The password, asked in place unless it was typed in the last five minutes: before whatever is dangerous.

    The form holds `{{ admin.password(errors) }}` of admin/_macros.html; `field`: its name there, where
    a page has several. Errors: Invalid (`current`, or that name), TooMany.
    """
    if is_recent():
        return
    try:
        _login.prove(request.form.get(field, ""))
    except Invalid as error:
        raise Invalid({field if name == "current" else name: text for name, text in error.errors.items()}) from error


def is_recent() -> bool:
    """Whether the session's password counts as just typed."""
    return _login.current_session().is_recent(_request.now())


@blueprint.context_processor
def _tabs() -> dict[str, Any]:
    """What admin/base.html draws with."""
    if not _request.is_signed_in():
        return {}
    organization: admins.Organization | None = g.get("administered")
    return {
        "nav": "admin",
        "site_tabs": site_tabs(),
        "organization": organization,
        "organization_tabs": organization_tabs(organization.slug) if organization else (),
        "is_recent": is_recent(),
    }
