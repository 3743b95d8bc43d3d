"""A sample app: a member connects it, and it shows what it may see of them and of anybody else. See README.md."""

from __future__ import annotations

import os
import secrets
from typing import Any

import requests
from flask import Flask, abort, redirect, render_template_string, request, session, url_for
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

SITE = os.environ.get("VITRINE", "http://127.0.0.1:8000").rstrip("/")
SCOPES = ["profiles:read", "me:read"]

PAGE = """{% macro shown(some) %}<dl>{% for key, value in some.items() if value is string %}
<dt>{{ key }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>{% endmacro %}
<!doctype html><html lang="en"><meta charset="utf-8"><title>Who is this?</title>
<h1>Who is this?</h1>
{% if me %}<h2>You are {{ me.displayName }}</h2>{{ shown(me) }}
<form><label>Look up a handle <input name="handle" value="{{ handle }}"></label> <button>Look up</button></form>
{% if handle %}{% if found %}<h2>{{ found.displayName }}</h2>{{ shown(found) }}
{% else %}<p>Nobody of that name, or nobody you may see.</p>{% endif %}{% endif %}
<form method="post" action="{{ url_for('leave') }}"><button>Disconnect</button></form>
{% else %}<p><a href="{{ url_for('connect') }}">Connect with the community</a></p>{% endif %}</html>"""


def create_app(client_id: str, client_secret: str) -> Flask:
    """The app for one registration on one site."""
    app = Flask("who_is_this")
    app.secret_key = os.environ.get("APP_KEY") or secrets.token_hex(16)
    # On one machine all ports share their cookies: under Flask's own name it would overwrite the community's.
    app.config["SESSION_COOKIE_NAME"] = "who_is_this"

    def client(**more: Any) -> OAuth2Session:
        return OAuth2Session(
            client_id, scope=SCOPES, redirect_uri=url_for("back", _external=True), pkce="S256", **more
        )

    def read(path: str) -> Any:
        """Ask again each time: nothing is stored, so a member's change of mind holds at once."""
        answer = requests.get(
            f"{SITE}/api/v1{path}", headers={"Authorization": f"Bearer {session['token']}"}, timeout=10
        )
        if answer.status_code == 401:       # ended by the member, or by time
            session.clear()
            abort(redirect(url_for("home")))
        return answer.json() if answer.ok else None

    @app.get("/")
    def home() -> Any:
        """What the app may see of the member, and of whoever is looked up."""
        handle = request.args.get("handle", "").strip()
        me = read("/me") if "token" in session else None
        found = read(f"/profiles/{requests.utils.quote(handle, safe='')}") if me and handle else None
        return render_template_string(PAGE, me=me, handle=handle, found=found)

    @app.get("/connect")
    def connect() -> Any:
        """Off to the community, with a challenge whose answer stays here."""
        oauth = client()
        url, state = oauth.authorization_url(f"{SITE}/oauth/authorize")
        session.update(state=state, verifier=oauth._code_verifier)
        return redirect(url)

    @app.get("/back")
    def back() -> Any:
        """And back: the code is exchanged for a token."""
        state, verifier = session.pop("state", None), session.pop("verifier", None)
        if not state or "code" not in request.args or request.args.get("iss") != SITE:
            return redirect(url_for("home"))        # refused, another site's answer, or nobody who went from here
        oauth = client(state=state)
        oauth._code_verifier = verifier
        try:
            token = oauth.fetch_token(
                f"{SITE}/oauth/token", authorization_response=request.url, client_secret=client_secret
            )
        except OAuth2Error:     # another state than was sent along, a code that is too old or used
            return redirect(url_for("home"))
        session["token"] = token["access_token"]
        return redirect(url_for("home"))

    @app.post("/leave")
    def leave() -> Any:
        """Give the token back."""
        given = session.pop("token", "")
        requests.post(f"{SITE}/oauth/revoke", data={"token": given}, auth=(client_id, client_secret), timeout=10)
        return redirect(url_for("home"))

    return app


if __name__ == "__main__":
    os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")       # plain http on this machine
    create_app(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]).run(port=5005)
