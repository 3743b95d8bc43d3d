"""Independent clients go the whole way against a live server: requests-oauthlib, Authlib, npm's openid-client."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.conftest import NOW
from tests.factories import make_account
from tests.services.appmaker import SECRET, make_app
from webapp.services import grants, sessions

BACK = "http://127.0.0.1:5000/back"
SCOPES = ["profiles:read", "me:read"]
OPENID_CLIENT = os.environ.get("VITRINE_OPENID_CLIENT", "")
pytestmark = pytest.mark.usefixtures("live_server")


@pytest.fixture
def member(app, live_server, monkeypatch):
    """Lets an app in, in a browser of its own; returns the address that the browser is sent back to."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")      # loopback
    app.config["CLOCK"] = lambda: NOW
    ctx = app.extensions["vitrine"]
    sally = make_account(ctx.db)
    make_app(ctx.db, sally, redirect=BACK)
    make_app(ctx.db, sally, "Pocket", redirect=BACK, public=True)
    with app.test_client() as client:
        with client.session_transaction() as cookie:
            cookie["_user_id"] = sessions.start(ctx, sally, NOW)
            cookie["_fresh"] = True
            cookie.permanent = True
        value = client.get_cookie("session").value

    def allow(url):
        with requests.Session() as browser:
            browser.cookies.set("session", value, domain="127.0.0.1", path="/")
            page = browser.get(url, timeout=20, allow_redirects=False)
            if page.status_code == 303:
                return page.headers["Location"]
            token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
            mark = re.search(r'name="mark" value="([^"]+)"', page.text)[1]
            form = {"csrf_token": token, "mark": mark, "decision": "allow"}
            answer = browser.post(url, data=form, timeout=20, allow_redirects=False)
            return answer.headers["Location"]

    return allow


def lives(app, token):
    return grants.authenticate(app.extensions["vitrine"], token, NOW)


def test_requests_oauthlib_completes_the_flow(app, live_server, member):
    from requests_oauthlib import OAuth2Session

    with OAuth2Session("client-questboard", redirect_uri=BACK, scope=SCOPES, pkce="S256") as client:
        url, state = client.authorization_url(f"{live_server}/oauth/authorize")
        back = member(url)
        assert parse_qs(urlsplit(back).query)["state"] == [state]
        made = client.fetch_token(
            f"{live_server}/oauth/token", authorization_response=back, client_secret=SECRET, timeout=20)
        assert lives(app, made["access_token"]).scopes == set(SCOPES)
        again = client.refresh_token(
            f"{live_server}/oauth/token", auth=("client-questboard", SECRET), timeout=20)
        assert again["refresh_token"] != made["refresh_token"]
        assert lives(app, again["access_token"]) is not None


@pytest.mark.parametrize(("client_id", "secret", "method"), [
    ("client-questboard", SECRET, "client_secret_basic"), ("client-questboard", SECRET, "client_secret_post"),
    ("client-pocket", None, "none"),
])  # fmt: skip
def test_authlibs_client_completes_the_flow(app, live_server, member, client_id, secret, method):
    from authlib.integrations.requests_client import OAuth2Session

    told = requests.get(f"{live_server}/.well-known/oauth-authorization-server", timeout=20).json()
    with OAuth2Session(
        client_id, secret, scope=SCOPES, redirect_uri=BACK, code_challenge_method="S256",
        token_endpoint_auth_method=method,
    ) as client:
        verifier = "V" * 64
        url, state = client.create_authorization_url(told["authorization_endpoint"], code_verifier=verifier)
        back = member(url)
        assert parse_qs(urlsplit(back).query)["iss"] == [told["issuer"]]
        made = client.fetch_token(
            told["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier, timeout=20)
        assert lives(app, made["access_token"]) is not None
        made = client.refresh_token(told["token_endpoint"], made["refresh_token"], timeout=20)
        assert lives(app, made["access_token"]) is not None
        client.revoke_token(told["revocation_endpoint"], made["refresh_token"], timeout=20)
        assert lives(app, made["access_token"]) is None


def test_an_app_as_itself_by_authlibs_client(app, live_server, member):
    from authlib.integrations.requests_client import OAuth2Session

    with OAuth2Session("client-questboard", SECRET, scope="profiles:read") as client:
        made = client.fetch_token(f"{live_server}/oauth/token", grant_type="client_credentials", timeout=20)
    assert lives(app, made["access_token"]).account_id is None


@pytest.mark.skipif(
    not (OPENID_CLIENT and Path(OPENID_CLIENT).is_dir() and shutil.which("node")),
    reason="no openid-client: set VITRINE_OPENID_CLIENT to its folder (needs node)",
)
def test_openid_client_completes_the_flow(app, live_server, member):
    """Discovery, PKCE, the `iss` check of RFC 9207 and refresh as the Node library does them."""
    script = Path(__file__).parent / "openid_client.mjs"
    command = ["node", str(script), OPENID_CLIENT, live_server, "client-questboard", SECRET, BACK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        url = node.stdout.readline().strip()
        assert url.startswith(f"{live_server}/oauth/authorize?"), url
        out, _ = node.communicate(member(url) + "\n", timeout=60)
    made = json.loads(out)
    assert lives(app, made["refreshed"]).scopes == set(SCOPES)
