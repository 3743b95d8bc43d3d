"""The sample app of examples/, run against a served site: a member connects it, looks, takes a field back, leaves."""

from __future__ import annotations

import importlib.util
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from tests.api.bearers import EVERYTHING
from tests.factories import make_account
from tests.services.people import BIT
from webapp.services import sessions, tokens
from webapp.services.context import Context

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "who_is_this" / "app.py"


@pytest.fixture
def sample(live_server: str, sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the sample app, served on this machine as its README says, and registered at the served site."""
    monkeypatch.setenv("VITRINE", live_server)
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    spec = importlib.util.spec_from_file_location("who_is_this", SAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = make_server("127.0.0.1", 0, module.create_app("sample", "hush"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    here = f"http://127.0.0.1:{server.server_port}"
    db = sqlite_ctx.db
    owner = make_account(db, "author")
    number = db.execute(
        "INSERT INTO app(client_id, type, owner_id, name, scopes, fields, secret_hash, created_at)"
        " VALUES ('sample', 'community', ?, 'Who is this', ?, ?, ?, 1) RETURNING id",
        (owner, EVERYTHING, 1 << BIT["email"], tokens.digest("hush")),
    ).fetchone()[0]
    db.execute("INSERT INTO app_redirect(app_id, uri) VALUES (?, ?)", (number, f"{here}/back"))
    yield here
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def browser(app: Flask, sqlite_ctx: Context) -> requests.Session:
    """Sally's browser, logged in. As in any, what is on one machine shares its cookies, whatever the port."""
    sally = make_account(sqlite_ctx.db, "sally", full_name="Sally Marsh", location="Lisbon")
    made = requests.Session()
    made.cookies.set("session", _log_in(app, sqlite_ctx, sally), domain="127.0.0.1", path="/")
    return made


def test_a_member_connects_the_sample_app(sample: str, browser: requests.Session, sqlite_ctx: Context) -> None:
    make_account(sqlite_ctx.db, "ann", full_name="Ann Example", location="Porto")
    assert "Connect with the community" in browser.get(sample, timeout=10).text
    page = browser.get(f"{sample}/connect", timeout=10)
    assert "Who is this wants to see parts of your record" in page.text, page.url
    shown = browser.post(page.url, data=_form(page.text), timeout=10)
    assert (shown.status_code, shown.url) == (200, f"{sample}/")
    assert "You are Sally Marsh" in shown.text
    assert "Lisbon" in shown.text
    assert "Ann Example" in browser.get(f"{sample}/?handle=ann", timeout=10).text
    assert "Nobody of that name" in browser.get(f"{sample}/?handle=nobody", timeout=10).text
    browser.post(f"{sample}/leave", timeout=10)
    assert "Connect with the community" in browser.get(sample, timeout=10).text
    assert sqlite_ctx.db.rows("SELECT COUNT(*) FROM oauth_token WHERE kind = 'access'") == [(0,)]


def test_who_comes_back_without_having_gone_is_not_connected(sample: str, live_server: str) -> None:
    """A link made by somebody else, an answer of another site, a code used before: the start page, no error."""
    for query in (f"code=x&state=y&iss={live_server}", "code=x", f"error=access_denied&iss={live_server}", ""):
        came = requests.get(f"{sample}/back?{query}", timeout=10)
        assert (came.status_code, came.url) == (200, f"{sample}/")
        assert "Connect with the community" in came.text
    browser = requests.Session()
    away = browser.get(f"{sample}/connect", allow_redirects=False, timeout=10).headers["Location"]
    state = parse_qs(urlsplit(away).query)["state"][0]
    came = browser.get(f"{sample}/back?code=used&state={state}&iss={live_server}", timeout=10)
    assert "Connect with the community" in came.text


def _log_in(app: Flask, ctx: Context, account: int) -> str:
    raw = sessions.start(ctx, account, int(time.time()))
    signer = app.session_interface.get_signing_serializer(app)      # type: ignore[attr-defined]
    return str(signer.dumps({"_user_id": raw, "_fresh": True, "_permanent": True}))


def _form(page: str) -> dict[str, str]:
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    return found | {"decision": "allow"}
