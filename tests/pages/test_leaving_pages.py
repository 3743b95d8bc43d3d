"""Leaving a group of linked accounts (D18) and objecting to a reset (D6), as pages and by the mailed links."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests.pages.linking_samples import (
    ACME,
    HOME,
    OLD,
    SALLY,
    Browser,
    ctx,
    key_of,
    mails,
    primary_of,
    sally,
)
from tests.services.test_accounts import verify_domain

__all__ = ["ctx", "sally"]


def test_d6_a_linked_personal_account_objects_after_a_reset_and_takes_it_back(app, ctx, at, sally):
    sally.link(OLD, primary=key_of(sally, SALLY))
    verify_domain(ctx, "home.example", organization=3)
    ctx.db.execute("UPDATE account SET reset_at = ? WHERE handle = 'sally'", (at.now,))
    key = sally.keys().get("sal", "")
    assert "waits until" in sally.get().text
    assert not HTMLParser(sally.get().text).css("a.bad")
    sal = Browser(app, OLD)
    assert "I object" in sal.get().text
    answer = sal.post(f"{HOME}/object", fragment=True)
    assert "You objected" in answer.text
    assert "I object" not in answer.text
    at.now += 8 * 86_400
    sally = Browser(app, SALLY)
    assert sally.post(f"{HOME}/{key}/unlink").status_code == 422
    assert Browser(app, OLD).post(f"{HOME}/withdraw").headers["Location"] == f"{HOME}?done=withdrawn"
    assert sally.post(f"{HOME}/{key}/unlink").status_code == 303
    assert Browser(app, OLD).post(f"{HOME}/withdraw").status_code == 422


def test_d18_ask_to_leave_and_the_primary_declines(app, ctx, sally):
    sally.link(ACME)
    worker = Browser(app, ACME)
    assert "seven days" in worker.get(f"{HOME}/leave").text
    assert worker.post(f"{HOME}/leave").headers["Location"] == f"{HOME}?done=asked"
    assert "asked to leave" in worker.get().text
    assert primary_of(ctx, "worker") == "sally"
    page = sally.get().text
    assert "Asked to leave" in page
    answer = sally.post(f"{HOME}/{sally.keys()['worker']}/decline", fragment=True)
    assert answer.status_code == 200
    assert "Asked to leave" not in answer.text
    assert worker.post(f"{HOME}/leave").status_code == 422


def test_who_is_not_linked_has_nothing_to_leave(sally):
    assert sally.get(f"{HOME}/leave").status_code == 404


def test_d18_this_was_not_me(app, ctx, sally):
    """The link in the mail takes the account out at once, after one button, without a log-in."""
    sally.link(ACME)
    body = next(body for recipient, body in mails(ctx) if recipient == ACME)
    link = re.search(r"http://localhost(/settings/linked-accounts/not-me\S+)", body)[1]
    client = app.test_client()
    assert client.post(f"{HOME}/not-me").status_code in {400, 403}
    answer = client.get(link)
    assert answer.headers["Location"] == f"{HOME}/not-me"
    page = client.get(answer.headers["Location"]).text
    assert "@worker" in page
    for name in (SALLY, "@sally", "Sally"):
        assert name not in page
    assert primary_of(ctx, "worker") == "sally"
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    assert "on its own again" in client.post(f"{HOME}/not-me", data={"csrf_token": token}).text
    assert primary_of(ctx, "worker") is None
    assert client.get(link).status_code == 400


def test_d18_declining_by_mail(app, ctx, sally):
    sally.link(ACME)
    Browser(app, ACME).post(f"{HOME}/leave")
    body = next(body for recipient, body in reversed(mails(ctx)) if recipient == SALLY and "/decline" in body)
    client = app.test_client()
    client.get(re.search(r"http://localhost(\S+)", body)[1])
    page = client.get(f"{HOME}/decline").text
    assert ACME not in page
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    assert "stays linked" in client.post(f"{HOME}/decline", data={"csrf_token": token}).text
