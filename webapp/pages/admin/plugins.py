"""Admin > Plugins: what each implements, what failed, on and off; first what a switch opens (D19). Forms only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flask import Response, current_app, request
from werkzeug.wrappers import Response as Redirect

from policies.errors import Conflict, Invalid, Refused
from webapp.pages import _login, _request, _response, _steps, guards
from webapp.pages.admin._frame import blueprint, prove_if_needed
from webapp.services import plugins as service
from webapp.services.plugin_count import Opening
from webapp.services.throttle import TooMany

Answer = Response | Redirect
SAVED = frozenset({"on", "off", "forgotten"})


@blueprint.get("/plugins")
@guards.admin
def plugins() -> Response:
    """Every loaded plugin, in load order."""
    found = service.open_page(_request.context(), _origins())
    saved = request.args.get("saved", "")
    return _response.page("admin/plugins.html", plugins=found, saved=saved if saved in SAVED else "")


@blueprint.post("/plugins/<plugin>/forget")
@guards.admin
def forget_failures(plugin: str) -> Answer:
    """Count its failures from nothing."""
    service.forget_failures(_request.context(), _login.current_session(), plugin, _request.now())
    return _response.go_to("/admin/plugins?saved=forgotten")


@blueprint.get("/plugins/<plugin>/<any(on, off):to>")
@guards.admin
def plugin_switch(plugin: str, to: str) -> Response:
    """What switching it would show and hide, counted now or, of many members, page by page; then the question."""
    return _ask(plugin, to, {})


@blueprint.post("/plugins/<plugin>/<any(on, off):to>")
@guards.admin
def switch_plugin(plugin: str, to: str) -> Answer:
    """Switch it, if what it opens is still what was said."""
    try:
        prove_if_needed()
        counted = Opening(_number("fields"), _number("members"), 0, 100, request.form.get("counted", ""))
        session = _login.current_session()
        service.switch(_request.context(), session, plugin, to == "on", _request.now(), counted=counted)
    except Invalid as error:
        return _ask(plugin, to, error.errors, 422)
    except TooMany as error:
        return _steps.too_many(error, _ask(plugin, to, {"": str(error)}))
    except (Conflict, Refused) as error:
        return _ask(plugin, to, {"": str(error)}, 422)
    return _response.go_to(f"/admin/plugins?saved={to}")


def _ask(plugin: str, to: str, errors: dict[str, str], status: int = 200) -> Response:
    context = _request.context()
    found = service.find(context, plugin, _origins())
    try:
        opening = service.rehearse(context, plugin, to == "on", request.values.get("counted", ""))
    except Refused as error:        # a plugin is ill: nothing to count, and the button says the same
        if error.rule != "rule_defaults_are_whole":
            raise
        opening, errors = None, errors or {"": str(error)}
    return _response.page("admin/plugin.html", status, plugin=found, to=to, opening=opening, errors=errors)


def _number(name: str) -> int:
    typed = request.form.get(name, "")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 18 else -1


def _origins() -> Mapping[str, service.Origin]:
    return cast(Mapping[str, service.Origin], current_app.extensions["vitrine_plugin_origins"])
