"""What the shell shows of the site's settings: its name and header links, as an admin set them. No decision."""

from __future__ import annotations

from typing import Any

from flask import Flask, g

from webapp.pages import _request


def register(app: Flask) -> None:
    """Give every page the site's name and links."""

    @app.before_request
    def begin() -> None:
        g.looks = _request.context().looks

    app.context_processor(shell)


def shell() -> dict[str, Any]:
    """`site_name` and `site_links` of this moment. A page that looked at the policy version already knows them."""
    context = _request.context()
    is_known = g.get("without_member") or context.looks != g.get("looks")
    settings = context.kept_settings if is_known else context.settings()
    return {"site_name": settings.name or context.site.name, "site_links": settings.links}
