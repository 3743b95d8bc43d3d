"""A member's browser and an app's server, for the OAuth tests: asking, allowing, exchanging. No test lives here."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.conftest import NOW
from tests.services.appmaker import BACK, SECRET
from webapp.services import sessions

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CLIENT = "client-questboard"


def question(**changes: Any) -> dict[str, Any]:
    """The parameters of an authorization request; None takes one out."""
    asked = {
        "response_type": "code", "client_id": CLIENT, "redirect_uri": BACK, "scope": "profiles:read me:read",
        "state": "xyz", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **changes,
    }
    return {name: value for name, value in asked.items() if value is not None}


class Browser:
    """A browser, logged in as `account_id`."""

    def __init__(self, app: Any, account_id: int | None) -> None:
        self.client = app.test_client()
        self.ctx = app.extensions["vitrine"]
        if account_id is not None:
            with self.client.session_transaction() as cookie:
                cookie["_user_id"] = sessions.start(self.ctx, account_id, NOW)
                cookie["_fresh"] = True
                cookie.permanent = True

    def ask(self, headers: dict[str, str] | None = None, **changes: Any) -> Any:
        return self.client.get(f"/oauth/authorize?{urlencode(question(**changes))}", headers=headers or {})

    def answer(self, page: Any, *fields: str, decision: str = "allow", **more: str) -> Any:
        """Post the form of a consent page with these boxes ticked."""
        action = re.search(r'action="(/oauth/authorize\?[^"]*)"', page.text)
        assert action, page.text
        form = {
            "csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page.text).group(1),
            "mark": re.search(r'name="mark" value="([^"]+)"', page.text).group(1), "field": list(fields),
            "decision": decision, **more,
        }  # fmt: skip
        return self.client.post(action.group(1).replace("&amp;", "&"), data=form)

    def post(self, path: str, page: str, **form: Any) -> Any:
        """Post a form with the token of the page that it stands on."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(page).text)
        return self.client.post(path, data={"csrf_token": token.group(1) if token else "", **form})

    def code(self, *fields: str, **changes: Any) -> str:
        """A code: asked for and allowed."""
        answer = self.ask(**changes)
        if answer.status_code == 200:
            answer = self.answer(answer, *fields)
        return came_back(answer)["code"]


def came_back(answer: Any) -> dict[str, str]:
    """What a redirect brings to the app."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


class AppServer:
    """The app's side: posts to the endpoints with its secret."""

    def __init__(self, app: Any, client_id: str = CLIENT, secret: str | None = SECRET) -> None:
        self.client = app.test_client()
        self.auth = (client_id, secret) if secret else None
        self.client_id = client_id

    def post(self, path: str, **form: Any) -> Any:
        if self.auth is None:
            form = {"client_id": self.client_id, **form}
        return self.client.post(path, data=form, auth=self.auth)

    def exchange(self, code: str, **changes: Any) -> Any:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        return self.post("/oauth/token", **{n: v for n, v in (form | changes).items() if v is not None})

    def refresh(self, token: str, **changes: Any) -> Any:
        return self.post("/oauth/token", grant_type="refresh_token", refresh_token=token, **changes)
