"""The sample app of examples/, run against a served site: a member connects it, looks, takes a field back, leaves."""

from __future__ import annotations

import importlib.util
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask

from tests.api.bearers import EVERYTHING
from tests.factories import make_account
from tests.services.people import BIT
from webapp.services import sessions, tokens
from webapp.services.context import Context

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "who_is_this" / "app.py"
BACK = "http://127.0.0.1:5005/back"


@pytest.fixture
def sample(live_server: str, sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A browser's view of the sample app, registered at the served site."""
    monkeypatch.setenv("VITRINE", live_server)
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    spec = importlib.util.spec_from_file_location("who_is_this", SAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    db = sqlite_ctx.db
    owner = make_account(db, "author")
    number = db.execute(
        "INSERT INTO app(client_id, type, owner_id, name, scopes, fields, secret_hash, created_at)"
        " VALUES ('sample', 'community', ?, 'Who is this', ?, ?, ?, 1) RETURNING id",
        (owner, EVERYTHING, 1 << BIT["email"], tokens.digest("hush")),
    ).fetchone()[0]
    db.execute("INSERT INTO app_redirect(app_id, uri) VALUES (?, ?)", (number, BACK))
    return module.create_app("sample", "hush").test_client()


def test_a_member_connects_the_sample_app(app: Flask, sample: Any, live_server: str, sqlite_ctx: Context) -> None:
    sally = make_account(sqlite_ctx.db, "sally", full_name="Sally Marsh", location="Lisbon")
    make_account(sqlite_ctx.db, "ann", full_name="Ann Example", location="Porto")
    assert b"Connect with the community" in sample.get("/").data

    away = sample.get("/connect", base_url="http://127.0.0.1:5005").headers["Location"]
    assert away.startswith(f"{live_server}/oauth/authorize?")
    browser = requests.Session()
    browser.cookies.set("session", _log_in(app, sqlite_ctx, sally), domain="127.0.0.1")
    page = browser.get(away, timeout=10)
    assert page.status_code == 200, page.text
    form = _form(page.text)
    came = browser.post(page.url, data=form, allow_redirects=False, timeout=10)
    back = came.headers["Location"]
    assert back.startswith(f"{BACK}?")
    parts = urlsplit(back)
    sample.get(f"{parts.path}?{parts.query}", base_url="http://127.0.0.1:5005")

    shown = sample.get("/?handle=ann", base_url="http://127.0.0.1:5005").get_data(as_text=True)
    assert "You are Sally Marsh" in shown
    assert "Lisbon" in shown
    assert "Ann Example" in shown
    assert "Nobody of that name" in sample.get("/?handle=nobody", base_url="http://127.0.0.1:5005").text
    sample.post("/leave", base_url="http://127.0.0.1:5005")
    assert b"Connect with the community" in sample.get("/", base_url="http://127.0.0.1:5005").data


def _log_in(app: Flask, ctx: Context, account: int) -> str:
    raw = sessions.start(ctx, account, int(time.time()))
    signer = app.session_interface.get_signing_serializer(app)      # type: ignore[attr-defined]
    return str(signer.dumps({"_user_id": raw, "_fresh": True, "_permanent": True}))


def _form(page: str) -> dict[str, str]:
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    return found | {"decision": "allow"}
