"""Admin > Site: the site's name, the links in its header, the Terms of Use and their version."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Conflict, Invalid
from webapp.pages import _login, _request, _response, guards
from webapp.pages.admin._frame import blueprint
from webapp.services import site_settings

Answer = Response | Redirect

SAVED = frozenset({"name", "links", "terms"})


@blueprint.get("/site")
@guards.admin
def site() -> Response:
    """The three forms."""
    saved = request.args.get("saved", "")
    return _draw({}, saved=saved if saved in SAVED else "")


@blueprint.post("/site/name")
@guards.admin
def save_name() -> Answer:
    """Another name, on every page and in mails."""
    return _save("name", lambda: site_settings.save_name(
        _request.context(), _login.current_session(), request.form.get("name", ""), _request.now()
    ))


@blueprint.post("/site/links")
@guards.admin
def save_links() -> Answer:
    """The header's links."""
    rows = [
        (request.form.get(f"label-{number}", ""), request.form.get(f"url-{number}", ""))
        for number in range(site_settings.LINKS_LIMIT)
    ]
    return _save("links", lambda: site_settings.save_links(
        _request.context(), _login.current_session(), rows, _request.now()
    ))


@blueprint.post("/site/terms")
@guards.admin
def save_terms() -> Answer:
    """The Terms of Use; a new version is asked for at everybody's next log-in."""
    text, version, was = (request.form.get(name, "") for name in ("terms", "version", "was"))
    return _save("terms", lambda: site_settings.save_terms(
        _request.context(), _login.current_session(), text, version, was, _request.now()
    ))


def _save(what: str, save: Callable[[], None]) -> Answer:
    try:
        save()
    except Invalid as error:
        return _draw(error.errors, 422, form=what)
    except Conflict as error:
        return _draw({"version": str(error)}, 409, form=what)
    # The name and links stand in the page's head too: the whole page is loaded.
    return _response.go_to(f"/admin/site?saved={what}")


def _draw(errors: dict[str, str], status: int = 200, *, saved: str = "", form: str = "") -> Response:
    view = site_settings.view_site(_request.context())
    rows = list(view.links) + [("", "")] * (site_settings.LINKS_LIMIT - len(view.links))
    typed = {"name": view.name, "terms": view.terms_text, "version": view.terms_version, "was": view.terms_version}
    if form == "links":
        rows = [
            (request.form.get(f"label-{number}", ""), request.form.get(f"url-{number}", ""))
            for number in range(site_settings.LINKS_LIMIT)
        ]
    elif form:
        typed |= {name: request.form.get(name, "") for name in typed if name in request.form}
    draw, template = (
        (_response.fragment, "admin/_site.html") if _request.wants_fragment() else (_response.page, "admin/site.html")
    )
    return draw(template, status, view=view, rows=rows, typed=typed, errors=errors, saved=saved)
