"""Admin > Audit log: read, filter, export; the site's, and an organization's for its admins. Nothing writes to it."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request, stream_with_context

from policies.errors import Invalid
from webapp.pages import _login, _request, _response, guards
from webapp.pages.admin._frame import blueprint
from webapp.services import admin_audit
from webapp.services.admin_audit import AuditPage, Filters

_NAMES = ("event", "actor", "subject", "since", "until")
_LONGEST = 100


@blueprint.get("/audit")
@guards.admin
def audit() -> Response:
    """The site's log; under htmx the rows alone."""
    return _page("/admin/audit", None)


@blueprint.get("/audit.csv")
@guards.admin
def export_audit() -> Response:
    """The same rows as a file."""
    return _export(None)


@blueprint.get("/organizations/<slug>/audit")
@guards.organization_admin
def organization_audit(slug: str) -> Response:
    """The rows of one organization."""
    return _page(f"/admin/organizations/{slug}/audit", guards.the_organization().id)


@blueprint.get("/organizations/<slug>/audit.csv")
@guards.organization_admin
def export_organization_audit(slug: str) -> Response:
    """The same rows as a file."""
    return _export(guards.the_organization().id)


def _page(home: str, organization_id: int | None) -> Response:
    filters, cursor = _filters(), request.args.get("cursor", "")[:_LONGEST]
    errors: dict[str, str] = {}
    try:
        page = admin_audit.view_audit(
            _request.context(), filters, cursor, _request.now(), organization_id=organization_id
        )
    except Invalid as error:
        errors, page = error.errors, AuditPage(filters, (), "", ())
    more = f"{home}?{urlencode([*filters.given, ('cursor', page.next_cursor)])}" if page.next_cursor else ""
    csv = f"{home}.csv" + (f"?{urlencode(filters.given)}" if filters.given else "")
    views = {"page": page, "home": home, "more": more, "csv": csv, "errors": errors}
    status = 422 if errors else 200
    if not _request.wants_fragment():
        return _response.page("admin/audit.html", status, **views)
    return _response.fragment("admin/_audit_rows.html" if cursor else "admin/_audit.html", status, **views)


def _export(organization_id: int | None) -> Response:
    lines = admin_audit.export(
        _request.context(), _login.current_session(), _filters(), _request.now(), organization_id=organization_id
    )
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _filters() -> Filters:
    return Filters(*(request.args.get(name, "")[:_LONGEST] for name in _NAMES))
