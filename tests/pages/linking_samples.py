"""What the tests of the linking pages share: members with passwords and answers, and a browser that fills in forms."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from policies.terms import ActivityKind, Area, Event
from tests.services.test_accounts import PASSWORD, make, verify_domain
from webapp.services.context import Context
from webapp.services.ingest import record_events, register_source
from webapp.store import identities
from webapp.store import ingest as ingest_store

HOME = "/settings/linked-accounts"
SALLY, OLD, ACME, OTHER = "sally@home.example", "sal@old.example", "sally@acme.example", "rita@other.example"


@pytest.fixture
def ctx(app: Flask, at: SimpleNamespace) -> Context:
    """Sally with 27 answers and her old account with 57; a managed account; another member."""
    context: Context = app.extensions["vitrine"]
    verify_domain(context, "acme.example")
    verify_domain(context, "northwind.example", organization=2)
    for handle, email, answers in (("sally", SALLY, 27), ("sal", OLD, 57), ("worker", ACME, 3), ("rita", OTHER, 5)):
        make_member(context, at.now, handle, email, answers)
    return context


@pytest.fixture
def sally(app: Flask, ctx: Context) -> Browser:
    return Browser(app, SALLY)


def make_member(ctx: Context, now: int, handle: str, email: str = "", answers: int = 0) -> int:
    """A member who can log in with PASSWORD, with so many answers from the source "forum"; its id."""
    account_id = make(ctx, now - 2000, handle, email or f"{handle}@home.example")
    if answers:
        register_source(ctx, "forum", "Forums", Area.FORUM, now)
        with ctx.db.transaction():
            source = ingest_store.lock_source(ctx.db, "forum")
            identities.save_identities(ctx.db, source.id, [(handle, account_id, None)], now)
        events = [
            Event(f"{handle}-{n}", handle, ActivityKind.ANSWER, now - 90_000 - n, f"{handle}-{n}", f"Answer {n}")
            for n in range(answers)
        ]
        record_events(ctx, "forum", events, now)
    return account_id


class Browser:
    """A logged-in test client that sends the form token of the page it is on."""

    def __init__(self, app: Flask, email: str) -> None:
        self.app = app
        self.client = app.test_client()
        self.ctx: Context = app.extensions["vitrine"]
        answer = self.post("/login", page="/login", email=email, password=PASSWORD)
        assert answer.status_code == 303, answer.text

    def get(self, url: str = HOME, *, fragment: bool = False) -> Any:
        return self.client.get(url, headers={"HX-Request": "true"} if fragment else {})

    def post(self, url: str, *, page: str = "/settings/security", fragment: bool = False, **form: Any) -> Any:
        """POST with the form token that `page` holds."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        headers = {"HX-Request": "true"} if fragment else {}
        return self.client.post(url, data={"csrf_token": found[1] if found else "", **form}, headers=headers)

    def prove(self, email: str, *, fragment: bool = False, **form: Any) -> Any:
        """Step 1: log in to the other account."""
        typed = {"email": email, "password": PASSWORD, **form}
        return self.post(f"{HOME}/link", fragment=fragment, **typed)

    def token(self) -> str:
        """The proof that the rehearsal's form was drawn for."""
        found = re.search(r'name="token" value="([^"]+)"', self.get(f"{HOME}/link/preview").text)
        assert found, "no rehearsal is open"
        return found[1]

    def confirm(self, **form: Any) -> Any:
        return self.post(f"{HOME}/link/confirm", **({"token": self.token()} | form))

    def link(self, email: str, **form: Any) -> None:
        """All three steps."""
        assert self.prove(email).headers.get("Location") == f"{HOME}/link/preview"
        answer = self.confirm(**form)
        assert answer.headers.get("Location") == f"{HOME}?done=linked", answer.text

    def keys(self) -> dict[str, str]:
        """handle -> key of each row that offers something."""
        text = self.get().text
        rows = re.findall(r'data-account="([^"]+)"(.*?)</li>', text, re.DOTALL)
        found = {handle: re.search(rf"{HOME}/([\w-]+)/(?:unlink|make-primary|silent)", body) for handle, body in rows}
        return {handle: key[1] for handle, key in found.items() if key}


def primary_of(ctx: Context, handle: str) -> str | None:
    """The handle of the account that `handle` is linked to."""
    sql = "SELECT p.handle FROM account a JOIN account p ON p.id = a.primary_id WHERE a.handle = ?"
    row = ctx.db.row(sql, (handle,))
    return str(row[0]) if row else None


def links(ctx: Context) -> list[tuple[Any, ...]]:
    """Every link there is."""
    return list(ctx.db.rows("SELECT id, primary_id FROM account WHERE primary_id IS NOT NULL ORDER BY id"))


def mails(ctx: Context) -> list[tuple[str, str]]:
    """(recipient, body) of every mail, oldest first."""
    return [(str(to), str(body)) for to, body in ctx.db.rows("SELECT recipient, body FROM outbox ORDER BY id")]


def key_of(browser: Browser, email: str) -> str:
    """The value of that account's radio button in the rehearsal; logs in to the old account first."""
    assert browser.prove(OLD).status_code == 303
    tree = HTMLParser(browser.get(f"{HOME}/link/preview").text)
    found = (label for label in tree.css("label.choice") if email in label.text())
    button = next(found).css_first("input")
    assert button is not None
    return str(button.attributes["value"])
