"""Drawing a profile once and keeping it: the part that the gate decided, apart from the shell. No route, no decision.

What a kept part depends on is said in services.opening.cache_key; where it is kept, in services.warm.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Sequence
from typing import Any

from flask import Response, current_app
from jinja2 import Template
from markupsafe import Markup, escape

from webapp.pages import _request, _response, _site
from webapp.services.views import KudosNote, ProfileView
from webapp.services.warm import Shell, Warm

#: Stands where the kudos notes, or the drawn part, will stand. No text of a member can hold it: it is drawn by lot.
_HERE = f"<!--{secrets.token_hex(16)}-->"
#: As many shells are kept as an admin may change the site's name without a restart.
_FRAMES = 16


def draw(view: ProfileView) -> Markup:
    """The part of the page that the gate decided: no menu, no token, nothing of the request."""
    return Markup(_template("_body").render(view=view))  # noqa: S704


def draw_to_keep(view: ProfileView, key: Hashable) -> Warm:
    """The same in two halves around the kudos notes, which are drawn for every request; kept under the key."""
    template = _template("_body")
    notes = view.kudos.latest if view.kudos is not None else ()
    body = template.render(view=view, notes_here=Markup(_HERE)) if notes else template.render(view=view)  # noqa: S704
    head, mark, tail = body.partition(_HERE)
    shell = Shell(view.handle, view.name, view.description, view.noindex, view.only_name, view.data)
    part = Warm(shell, head.encode(), tail.encode() if mark else None)
    if not _request.is_signed_in():
        part = part.inside(*_shell_of(shell))
    _request.context().warm.put(key, part)
    return part


def answer(part: Warm, key: Hashable, notes: Sequence[KudosNote]) -> Response:
    """The page made of a kept part and the notes of this moment, in the shell of this viewer."""
    quoted = _draw_notes(notes) if part.tail is not None else b""
    if _request.is_signed_in():
        body = Markup((part.head + quoted + (part.tail or b"")).decode())  # noqa: S704
        return _response.page("profile/page.html", view=part.shell, seen_as=None, body=body)
    if part.around is None:
        part = part.inside(*_shell_of(part.shell))
        _request.context().warm.put(key, part)
    before, after = part.around or (b"", b"")
    return _response.assembled((before, part.head, quoted, part.tail or b"", after), part.digest_with(quoted))


def _template(name: str) -> Template:
    """A fragment, its globals as a plain dict: each drawing copies them, and Jinja's chain of them ten times slower."""
    template = current_app.jinja_env.get_template(f"profile/{name}.html")
    if type(template.globals) is not dict:
        template.globals = dict(template.globals)
    return template


def _draw_notes(notes: Sequence[KudosNote]) -> bytes:
    return _template("_notes").render(notes=notes).encode()


def _shell_of(shell: Shell) -> tuple[bytes, bytes]:
    """What everybody who is not signed in gets around the drawn part."""
    site = _site.shell()
    start, middle, end, after = _frame(site)
    head = _template("_head").render(view=shell, member=None, **site)
    return f"{start}{escape(shell.name)}{middle}{head}{end}".encode(), after


def _frame(site: dict[str, Any]) -> tuple[str, str, str, bytes]:
    """The same for every profile: before, between and after the title and the head tags, and after the drawn part.

    Drawn once for each name and list of links that the site had.
    """
    frames: dict[Hashable, tuple[str, str, str, bytes]] = current_app.extensions.setdefault("vitrine_frames", {})
    key = (site["site_name"], site["site_links"])
    if key not in frames:
        if len(frames) >= _FRAMES:
            frames.clear()
        here = Markup(_HERE)        # noqa: S704
        template = current_app.jinja_env.get_template("profile/page.html")     # needs nothing of the request
        page = template.render(seen_as=None, member=None, title_here=here, head_here=here, body=here, **site)
        start, middle, end, after = page.split(_HERE)
        frames[key] = start, middle, end, after.encode()
    return frames[key]
