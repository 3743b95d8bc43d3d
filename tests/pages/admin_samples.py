"""A browser that is logged in as somebody, without typing a password: for the tests of the admin's pages."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask

from tests.conftest import NOW
from tests.factories import make_account
from webapp.services import sessions


class Browser:
    """A test client with a live login session of `account_id`; `post` sends the form token of a page."""

    def __init__(self, app: Flask, account_id: int, *, proved: bool = True) -> None:
        self.ctx = app.extensions["vitrine"]
        self.client = app.test_client()
        raw_id = sessions.start(self.ctx, account_id, NOW, proved=proved)
        with self.client.session_transaction() as cookie:
            cookie.update({"_user_id": raw_id, "_fresh": True, "_permanent": True})

    def get(self, url: str, **kwargs: Any) -> Any:
        return self.client.get(url, **kwargs)

    def post(self, url: str, page: str, *, fragment: bool = False, **form: Any) -> Any:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        headers = {"HX-Request": "true"} if fragment else {}
        return self.client.post(url, data={"csrf_token": token[1] if token else "", **form}, headers=headers)


def boss_of(app: Flask, *, proved: bool = True, **columns: Any) -> Browser:
    """A site admin's browser, at the moment of the tests."""
    app.config["CLOCK"] = lambda: NOW
    context = app.extensions["vitrine"]
    return Browser(app, make_account(context.db, "boss", is_admin=True, **columns), proved=proved)
