"""Hosts that are not ours (T83) and requests that are too much (T84), on every route of the URL map."""

from __future__ import annotations

import gc
import io
import re
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.test_attacks import EVIL, routes, token_of
from tests.twin import Ask, Stock
from tests.worlds import BY_HANDLE

# T83: the host --------------------------------------------------------------------------------------------------------


def test_t83_an_unknown_host_is_refused_on_every_route(stock: Stock) -> None:
    world = stock.fresh()
    for safe in (True, False):
        for method, path in routes(world, safe=safe):
            answer = world.ask(None, Ask(path, method), base_url=f"http://{EVIL}")
            assert answer.status == 400, (method, path)
            assert EVIL not in answer.raw.decode("utf-8", "replace")


@pytest.mark.parametrize("path", ["/signup", "/reset", "/login/link"])
def test_t83_mailed_links_come_from_base_url(stock: Stock, path: str) -> None:
    world = stock.fresh()
    form = "/login" if path == "/login/link" else path
    data = {"csrf_token": token_of(world, None, form), "email": BY_HANDLE["stranger"].email, "name": "Ann Example"}
    world.ask(None, Ask(path, "POST"), data=data, headers={
        "X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "https", "Forwarded": f"host={EVIL};proto=https",
        "X-Forwarded-Prefix": f"//{EVIL}", "Referer": f"https://{EVIL}/", "Sec-Fetch-Site": "same-origin",
    })  # fmt: skip
    mails = [body for (body,) in world.db.rows("SELECT body FROM outbox")]
    mails += [file.read_text() for file in world.folder.rglob("*.eml")]
    assert mails
    for mail in mails:
        assert EVIL not in mail
        assert {urlsplit(url).netloc for url in re.findall(r"https?://\S+", mail)} <= {"localhost"}


FORM = "application/x-www-form-urlencoded"

# T84: sizes -----------------------------------------------------------------------------------------------------------


def too_much(kind: str, token: str) -> dict[str, Any]:
    """What the test client is to send, encoded once: a body and its type, or a query string."""
    form = {"csrf_token": token}
    if kind == "ten megabytes":
        return {"data": b"csrf_token=" + token.encode() + b"&bio=" + b"a" * 10_000_000, "content_type": FORM}
    if kind == "deep json":
        return {"data": b"[" * 100_000 + b"]" * 100_000, "content_type": "application/json"}
    if kind == "a broken boundary":
        return {"data": b"--x\r\n" * 100_000, "content_type": "multipart/form-data; boundary=x"}
    if kind == "a hundred thousand values in the query":
        return {"query_string": "&".join(f"n{i}=x" for i in range(100_000))}
    parts: dict[str, dict[str, Any]] = {
        "a thousand parts": form | {f"n{i}": "x" for i in range(1000)},
        "a thousand values": form | {f"n{i}": "x" for i in range(1000)},
        "a long text": form | {"bio": "a" * 1_000_000},
        "a thousand files": form | {f"f{i}": FileStorage(io.BytesIO(b"x"), "x") for i in range(1000)},
        "a huge token": {"csrf_token": "A" * 200_000},
    }
    if kind in {"a thousand parts", "a thousand files"}:
        boundary, body = encode_multipart(parts[kind])
        return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}
    return {"data": urlencode(parts[kind]).encode(), "content_type": FORM}


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [("a thousand parts", {413}), ("a thousand values", {413}), ("ten megabytes", {413}), ("a long text", {413}),
     ("a thousand files", {413}), ("deep json", {403}), ("a broken boundary", {403, 400, 413}),
     ("a hundred thousand values in the query", {403, 414, 400}), ("a huge token", {403, 413})],
)  # fmt: skip
# Werkzeug leaves the files it had read when it gave up to the collector, which then says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_t84_too_much_is_refused_fast_on_every_form(
    request: pytest.FixtureRequest, stock: Stock, kind: str, statuses: set[int]
) -> None:
    """4xx within a second, on every unsafe route, signed in and with a good token."""
    world = stock.fresh()
    token = token_of(world, "stranger")
    # The collector looks at this whole process, tests and all: its turns are not time that a request takes. What is
    # there by now it leaves alone from here on, or its turns below would be most of this test.
    gc.freeze()
    gc.disable()
    request.addfinalizer(gc.enable)
    more = too_much(kind, token)
    for number, (method, path) in enumerate(routes(world, safe=False)):
        began = time.process_time()
        answer = world.ask("stranger", Ask(path, method), **more)
        bearer = {401} if path.startswith("/api/v1/") else set()     # no token, no look at the body
        if path.startswith("/hooks/") and kind != "ten megabytes":      # nor for a source that is not there: a webhook
            bearer = {404}                                              # is no form; up to its own limit none is read
        if path in {"/oauth/token", "/oauth/revoke", "/oauth/introspect"}:      # calls of apps, no forms either
            bearer = {400, 401}
        assert answer.status in statuses | bearer, (method, path, answer.status)
        assert time.process_time() - began < 1, path
        if number % 10 == 9:
            gc.collect()
    gc.collect()    # here, not in somebody else's test


@pytest.mark.parametrize(
    "value", ["a" * 40_000, "a@" * 20_000, "\u0301" * 7_000, ("a " * 20_000) + "!", "((((" * 3_000],
    ids=["letters", "at signs", "marks", "words", "brackets"],
)  # fmt: skip
def test_t84_long_values_end_in_an_answer_within_a_second(stock: Stock, value: str) -> None:
    """Names, addresses, tokens and texts that make a careless pattern run for ever."""
    world = stock.fresh()
    token = token_of(world, "stranger")
    for path in ("about", "find-me", "products", "name"):
        data = {"csrf_token": token} | dict.fromkeys(("bio", "job_title", "url-0", "products", "full_name"), value)
        began = time.process_time()
        answer = world.ask("stranger", Ask(f"/settings/profile/{path}", "POST"), data=data)
        assert answer.status in {413, 422}, path
        assert time.process_time() - began < 1, path
    for path in ("/signup", "/login", "/reset"):
        data = {"csrf_token": token_of(world, None, path)} | dict.fromkeys(("email", "name", "password"), value)
        began = time.process_time()
        assert 200 <= world.ask(None, Ask(path, "POST"), data=data).status < 500
        assert time.process_time() - began < 1, path


def test_t84_long_addresses_and_cookies_are_unknown_pages(stock: Stock) -> None:
    world = stock.fresh()
    for path in ("/u/" + "a" * 50_000, "/avatar/" + "a" * 50_000 + ".webp", "/u/pub/" + "a" * 50_000,
                 "/u/pub/activity?cursor=" + "a" * 50_000, "/verify?token=" + "a" * 50_000,
                 "/art/banner/" + "0" * 9_000 + ".svg", "/static/" + "../" * 5_000 + "etc/passwd"):  # fmt: skip
        began = time.process_time()
        assert world.ask(None, Ask(path)).status in {200, 303, 400, 404, 410, 414}, path[:40]
        assert time.process_time() - began < 1
    assert world.ask(None, Ask("/u/pub"), headers={"Cookie": "session=" + "A" * 100_000}).status == 200
