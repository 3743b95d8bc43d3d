"""Asking an application for everything as one viewer, and comparing two such crawls byte for byte.

Two databases that are equal but for one hidden thing must give whoever may not see it the same answers to the same
requests: status, headers, body, and the same number of SQL statements behind them. Routes are taken from the URL map.
What is changed, who looks and what is compared: leak_check.py for operators, tests/twin.py for the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from webapp.store import models

if TYPE_CHECKING:
    from flask import Flask

SAFE = ("GET", "HEAD")
#: Answers of these routes say how the process does; their figures differ from run to run.
FIGURES = frozenset({"/metrics"})
_TOKEN = re.compile(rb"(?<![\w\-])[\w\-]{40,}+\.[\w\-]{5,7}+\.[\w\-]{20,}+")
_LINK = re.compile(rb"""\s(?:href|src|action|content|data-hx-get)="(/[^"]*)\"""")
_MASKED = re.compile(r"^(x-request-id|date|retry-after|(x-)?ratelimit-.*)$", re.IGNORECASE)
_COOKIE = re.compile(r"^([^=]+)=[^;]*(.*)$")
_DIGITS = re.compile(rb"[0-9][0-9.e+\-]*")

#: Values of a route's parameters by name.
Fills = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Ask:
    """One request. `fragment`: sent as htmx does; `etag`: sent as If-None-Match; `kind`: content type of the body."""

    path: str
    method: str = "GET"
    fragment: bool = False
    etag: str = ""
    kind: str = ""

    def __str__(self) -> str:
        notes = (" htmx" if self.fragment else "") + (f" if-none-match {self.etag}" if self.etag else "")
        return f"{self.method} {self.path}{notes} {self.kind}".rstrip()


@dataclass(frozen=True)
class Answer:
    """What came back, masked; `statements`: how many SQL statements were run for it; `raw`: the body as sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    statements: int
    raw: bytes = b""
    asked_for: str = ""     # the unmasked headers, as text

    @property
    def etag(self) -> str:
        return dict(self.headers).get("ETag", "")

    def same_as(self, other: Answer) -> bool:
        return (self.status, self.headers, self.body, self.statements) == (
            other.status, other.headers, other.body, other.statements,
        )  # fmt: skip


Crawl = dict[Ask, Answer]


class Broken(Exception):
    """A route answered with an error of the server: nothing can be compared."""


class World:
    """An application on one database; `ask` sends a request as one of the viewers.

    secret_of: the random id in the cookie of a viewer's login session; warm_up: a page of nobody compared, asked first
    """

    def __init__(
        self, app: Flask, secret_of: Callable[[Any], str], warm_up: str, base_url: str = "http://localhost"
    ) -> None:
        self.app = app
        self.context = app.extensions["vitrine"]
        self.db = self.context.db
        self.base_url = base_url
        self._secret_of = secret_of
        self._warm_up = warm_up
        self.clients: dict[Any, Any] = {}
        self._count = 0

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Models belong to one database of the process at a time: this one's."""
        if models.Account._meta.database is not self.db.peewee:
            models.bind(self.db.peewee)
        yield

    def close(self) -> None:
        self.db.close()

    def ask(self, viewer: Any, ask: Ask, **more: Any) -> Answer:
        """The masked answer. `more`: passed on to the test client (`data`, `headers`, `json`)."""
        client = self.client(viewer)
        reset_limits(self.app)
        headers = dict(more.pop("headers", {}))
        if ask.fragment:
            headers |= {"HX-Request": "true", "HX-Current-URL": f"{self.base_url}/"}
        if ask.etag:
            headers["If-None-Match"] = ask.etag
        if ask.kind:
            more |= {"content_type": ask.kind, "data": b"{}" if "json" in ask.kind else b"a=b"}
        with self.bound():
            self._count = 0
            if self.db.dialect == "sqlite":
                self.db.connection().set_trace_callback(self._trace)
            more.setdefault("base_url", self.base_url)
            answer = client.open(ask.path, method=ask.method, headers=headers, **more)
            body = answer.get_data()
            statements = self._count
            answer.close()
        return mask(answer.status_code, answer.headers, body, statements, figures=ask.path in FIGURES)

    def _trace(self, statement: str) -> None:
        # What FTS asks its own tables depends on when and by whom they were written, not on what is looked for; SQLite
        # writes such statements of its own as comments.
        if "people_words_" not in statement and not statement.startswith(("PRAGMA", "-- ")):
            self._count += 1

    def client(self, viewer: Any) -> Any:
        client = self.clients.get(viewer)
        if client is None:
            client = self.clients[viewer] = self.app.test_client()
            if viewer is not None:
                with client.session_transaction(base_url=self.base_url) as cookie:
                    cookie["_user_id"] = self._secret_of(viewer)
                    cookie["_fresh"] = True
                    cookie.permanent = True
            # What a process and a session do once (load the policy log, make a token) is done for a page of no pair.
            client.get(self._warm_up, base_url=self.base_url)
        return client


def reset_limits(app: Flask) -> None:
    """Forget how often anybody asked (twin worlds are compared with fresh rate counters)."""
    for limiter in app.extensions.get("limiter", ()):
        limiter.storage.reset()


def mask(status: int, headers: Any, body: bytes, statements: int, *, figures: bool = False) -> Answer:
    """An answer without what differs from request to request: token, request id, rate figures, the signed cookie."""
    kept = []
    for name, value in headers.items():
        if _MASKED.match(name):
            value = "*"
        elif name == "Set-Cookie":
            value = _COOKIE.sub(r"\1=*\2", re.sub(r"[Ee]xpires=[^;]*", "Expires=*", value))
        kept.append((name, value))
    masked = _DIGITS.sub(b"0", body) if figures else _TOKEN.sub(b"*", body)
    if figures:
        kept = [(name, value) for name, value in kept if name != "Content-Length"]
    return Answer(
        status, tuple(sorted(kept)), masked, statements, body, "\n".join(f"{n}: {v}" for n, v in headers.items())
    )


# What is asked ----------------------------------------------------------------------------------------------------


def asks(
    app: Flask, fills: Fills, *, queries: Sequence[str], searches: Sequence[str], api: Fills, general: bool = True,
    thorough: bool = False, strict: bool = True,
) -> list[Ask]:  # fmt: skip
    """Every route with every parameter filled: pages of `fills["handle"]`, pictures of `fills["key"]`; `general`: all
    the others too.

    Unsafe methods are asked without a token. Sections are asked as fragments, whole and by HEAD only two of them, and
    query strings by turns whole or as fragments; `thorough`: all combinations. `strict`: a parameter that nobody gave
    values for is an error; else it gets one that leads nowhere. `queries`, `searches`, `api`: query strings that are
    asked besides none, of pages about people, of the directory, of routes of the API (`{ids}`: all of them at once).
    """
    made: dict[Ask, None] = {}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        about_people = bool({"handle", "key", "account_id"} & rule.arguments)
        if not about_people and not general:
            continue
        for values in fillings(rule, fills, strict):
            part = values.get("section") or (values.get("part") if about_people else None) or "about"
            brief = not thorough and part not in {"about", "no-such-section"}
            for method in sorted((rule.methods or set()) - {"OPTIONS"}):
                path = adapter.build(rule.endpoint, values, method=method if method not in SAFE else "GET")
                if method not in SAFE:
                    if not brief:
                        made[Ask(path, method)] = None
                        made[Ask(path, method, kind="application/json")] = None
                    continue
                if not brief:
                    made[Ask(path, method)] = None
                if method == "GET" and path.startswith("/api/"):
                    some = "&".join(f"accountId={number}" for number in fills["account_id"])
                    for query in api.get(rule.rule, ()):
                        made[Ask(path + query.replace("{ids}", some))] = None
                elif method == "GET":
                    made[Ask(path, fragment=True)] = None
                    if rule.rule == "/people":
                        for number, query in enumerate(searches):
                            made[Ask(path + query, fragment=bool(number % 2))] = None
                    if about_people and "section" not in rule.arguments and "key" not in rule.arguments:
                        given = queries if thorough or "activity" in rule.rule else queries[-1:]
                        for number, query in enumerate(given):
                            for fragment in (False, True) if thorough else (bool(number % 2),):
                                made[Ask(path + query, fragment=fragment)] = None
    return list(made)


def fillings(rule: Any, fills: Fills, strict: bool) -> Iterator[dict[str, str]]:
    """All combinations of values for the parameters of a rule."""
    given = dict(rule.defaults or {})
    filled: list[dict[str, str]] = [given]
    for argument in sorted(rule.arguments - given.keys()):
        choices = getattr(rule._converters[argument], "items", None)       # of <any(…):argument>
        values = tuple(sorted(choices)) if choices else fills.get(argument)
        if values is None:
            if strict:
                raise AssertionError(f"no values for <{argument}> of {rule.rule}: add them to tests/twin.py, FILLS")
            values = ("1",)
        filled = [made | {argument: value} for made in filled for value in values]
    return iter(filled)


def crawl(
    world: World, viewer: Any, wanted: Iterable[Ask], *, etags: Mapping[Ask, str] | None = None,
    follow: bool = True, belongs: Callable[[str], bool] = lambda path: True, count: Callable[[], None] = lambda: None,
) -> Crawl:  # fmt: skip
    """Ask everything, then whatever the answers link to (`follow`; cursors, filters, pictures), then conditionally.

    `etags`: those of the other world's crawl; each is sent back to this world, which must answer as the other did.
    `belongs`: which of the linked paths are followed; `count`: called for each request. Errors: Broken.
    """
    answers: Crawl = {}
    waiting = list(wanted)
    while waiting:
        ask = waiting.pop(0)
        if ask in answers:
            continue
        answer = answers[ask] = world.ask(viewer, ask)
        count()
        if answer.status >= 500:
            raise Broken(f"{ask}: {answer.status}")
        if follow and ask.method == "GET" and not ask.fragment:
            for link in _LINK.findall(answer.body):
                path = unescape(link.decode())
                if not path.startswith(("//", "/static/", "/art/", "/logout")) and belongs(urlsplit(path).path):
                    waiting.append(Ask(path.partition("#")[0]))
    if etags is None:
        etags = {ask: answer.etag for ask, answer in answers.items() if answer.etag}
    for ask, etag in etags.items():
        conditional = replace(ask, etag=etag)
        answers[conditional] = world.ask(viewer, conditional)
        count()
    return answers


def etags_of(answers: Crawl) -> dict[Ask, str]:
    return {ask: answer.etag for ask, answer in answers.items() if answer.etag and not ask.etag}


def renamed(answers: Crawl, names: Mapping[str, str]) -> Crawl:
    """The crawl as if it had asked for other names; a name and its stand-in are equally long, so nothing else moves."""

    def text(value: str) -> str:
        for old, new in names.items():
            value = value.replace(old, new)
        return value

    def data(value: bytes) -> bytes:
        for old, new in names.items():
            value = value.replace(old.encode(), new.encode())
        return value

    return {
        replace(ask, path=text(ask.path)): replace(
            answer, headers=tuple((name, text(value)) for name, value in answer.headers), body=data(answer.body),
            raw=b"", asked_for="",
        )
        for ask, answer in answers.items()
    }  # fmt: skip


def compare(one: Crawl, two: Crawl, *, quote: bool = True) -> list[str]:
    """The requests that tell the worlds apart, each with what differs; empty when nothing does. `quote`: the bytes."""
    found = []
    for ask in [*one, *(ask for ask in two if ask not in one)]:
        first, second = one.get(ask), two.get(ask)
        if first is None or second is None:
            found.append(f"{ask}: asked in one world only")
        elif not first.same_as(second):
            found.append(f"{ask}: {_difference(first, second, quote)}")
    return found


def _difference(one: Answer, two: Answer, quote: bool) -> str:
    if one.status != two.status:
        return f"status {one.status} | {two.status}"
    headers = sorted(set(one.headers) ^ set(two.headers))
    if one.body != two.body:
        at = next((i for i, (a, b) in enumerate(zip(one.body, two.body, strict=False)) if a != b), -1)
        if not quote:
            return f"body differs at byte {at}"
        low = max(0, at - 60)
        return f"body at {at}: {one.body[low:at + 60]!r} | {two.body[low:at + 60]!r}"
    if headers:
        return f"headers {headers if quote else sorted({name for name, _ in headers})}"
    return f"statements {one.statements} | {two.statements}"
