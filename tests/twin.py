"""The twin-world harness: crawl the whole application as one viewer, twice, and name every byte that differs.

World 2 is a copy of world 1's database file with one hidden thing changed. Whoever may not see that thing must get the
same answers to the same requests: status, headers, body, and the same number of SQL statements behind them. Routes are
taken from the URL map, so a new route is crawled without a word here; a parameter without values fails the crawl.
Not here: what is compared (test_twin_worlds.py) and what must not be found (test_privacy_sweep.py).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jinja2 import FileSystemBytecodeCache

from tests import worlds
from tests.conftest import NOW
from webapp.services import people_index
from webapp.services.views import SECTIONS

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


class World:
    """One database file with its own application; `ask` sends a request as one of the viewers of worlds.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = open_app(folder)
        self.db = self.app.extensions["vitrine"].db
        self.clients: dict[str | None, Any] = {}
        self._count = 0

    def change(self, *statements: str) -> World:
        """Run SQL on this world's database."""
        with self.bound():
            for statement in statements:
                self.db.execute(statement)
            if statements:      # past the services, which write the directory's index with each change
                people_index.rebuild(self.app.extensions["vitrine"])
        return self

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Models belong to one database of the process at a time: this one's."""
        from webapp.store import models

        if models.Account._meta.database is not self.db.peewee:
            models.bind(self.db.peewee)
        yield

    def close(self) -> None:
        self.db.close()

    def ask(self, viewer: str | None, ask: Ask, **more: Any) -> Answer:
        """The masked answer. `more`: passed on to the test client (`data`, `headers`, `json`)."""
        client = self.client(viewer)
        reset_limits(self.app)
        headers = dict(more.pop("headers", {}))
        if ask.fragment:
            headers |= {"HX-Request": "true", "HX-Current-URL": "http://localhost/"}
        if ask.etag:
            headers["If-None-Match"] = ask.etag
        if ask.kind:
            more |= {"content_type": ask.kind, "data": b"{}" if "json" in ask.kind else b"a=b"}
        with self.bound():
            self._count = 0
            self.db.connection().set_trace_callback(self._trace)
            answer = client.open(ask.path, method=ask.method, headers=headers, **more)
            body = answer.get_data()
            statements = self._count
            answer.close()
        return mask(answer.status_code, answer.headers, body, statements, figures=ask.path in FIGURES)

    def _trace(self, statement: str) -> None:
        # What FTS asks its own tables depends on when and by whom they were written, not on what is looked for.
        if "people_words_" not in statement and not statement.startswith("PRAGMA"):
            self._count += 1

    def client(self, viewer: str | None) -> Any:
        client = self.clients.get(viewer)
        if client is None:
            client = self.clients[viewer] = self.app.test_client()
            if viewer is not None:
                with client.session_transaction() as cookie:
                    cookie["_user_id"] = worlds.session_secret(viewer)
                    cookie["_fresh"] = True
                    cookie.permanent = True
            # What a process and a session do once (load the policy log, make a token) is done for a page of no pair.
            client.get(f"/u/{worlds.WARM_UP}")
        return client


class Stock:
    """The worlds of a test session: the template built once, the first world and its crawls kept."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        from policies.manager import PolicyManager
        from webapp.services.context import Context, Site
        from webapp.services.passwords import hash_password
        from webapp.store.database import Database

        self.folder = folder
        self.template = folder / "world.db"
        shutil.copyfile(migrated, self.template)
        db = Database.open(f"sqlite:///{self.template}?synchronous=off")
        worlds.build_world(db, password_hash=hash_password(worlds.PASSWORD))
        people_index.rebuild(Context(db=db, manager=PolicyManager(), site=Site()))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        self._made: list[World] = []
        self._crawls: dict[str | None, Crawl] = {}

    def fresh(self, *statements: str) -> World:
        """A copy of the world, changed by `statements`."""
        world = copy_world(self.template, self.folder / str(len(self._made)))
        self._made.append(world)
        return world.change(*statements)

    def whole_crawl(self, viewer: str | None) -> Crawl:
        """Every route and every handle as one viewer, asked once a session."""
        if viewer not in self._crawls:
            world = self.fresh()
            handles = [*worlds.BY_HANDLE, worlds.NEVER, worlds.OLD_HANDLE]
            self._crawls[viewer] = crawl(world, viewer, asks(world.app, handles))
            world.close()
        return self._crawls[viewer]

    def admin_crawl(self, viewer: str) -> Crawl:
        """The routes under /admin and what they link to there, asked once a session; from a whole crawl if there is."""
        whole = self._crawls.get(viewer)
        if whole is not None:
            return {ask: answer for ask, answer in whole.items() if ask.path.startswith("/admin")}
        key = f"{viewer} at /admin"
        if key not in self._crawls:
            world = self.fresh()
            wanted = [ask for ask in asks(world.app, [*worlds.BY_HANDLE]) if ask.path.startswith("/admin")]
            self._crawls[key] = crawl(world, viewer, wanted, belongs=lambda path: path.startswith("/admin"))
            world.close()
        return self._crawls[key]

    def close(self) -> None:
        for world in self._made:
            world.close()


def open_app(folder: Path) -> Flask:
    """The application on `folder/vitrine.db` at the fixed moment."""
    from webapp.app import create_app
    from webapp.config import Config

    config = Config.from_env({"DATA_DIR": str(folder), "SECRET_KEY": "k" * 40, "BASE_URL": "http://localhost"})
    app = create_app(replace(config, database_url=f"sqlite:///{folder / 'vitrine.db'}?synchronous=off"))
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False      # an error is answered with its page, as in service
    app.config["CLOCK"] = lambda: NOW
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(folder.parent))     # many worlds, the same templates
    return app


def copy_world(template: Path, folder: Path) -> World:
    """A world of its own, from a database file that is closed and has no log beside it."""
    folder.mkdir(parents=True)
    shutil.copyfile(template, folder / "vitrine.db")
    return World(folder)


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

#: Values of route parameters by name. `handle` and avatar keys are added by `asks`.
FILLS: dict[str, tuple[str, ...]] = {
    "section": (*SECTIONS, "no-such-section"),
    "name": ("vitrine.css", "no-such-file"),
    "source": ("forum", "no-such-source"),
    "tone": ("", "-dark"),
    "token": ("no-such-token",),
    "external_id": ("pub-answer-0", "no-such-event"),
    "client_id": ("no-such-app",),
    "step": ("1",),
    "slug": ("alpha", "beta", "no-such-organization"),
    "file": ("1", "2"),
    "number": ("1",),
    "member": (f"id0001{'x' * 20}", "no-such-member"),
}
#: Query strings that are asked besides none.
QUERIES = ("?source=forum&kind=answer", "?source=school", "?kind=no-such-kind", "?cursor=zzz", "?as=anyone")

#: Searches of the directory that are asked besides the whole; every canary starts with `zq`.
SEARCHES = (
    "?q=zq", "?q=public", "?q=fa", "?location=zq", "?product=zq", "?certified=1", "?mine=1", "?active=1&q=zq",
    "?sort=email", "?sort=updated", "?cursor=zzz", "?cursor=WyJmYXkiLCIiXQ",
)


#: Query strings of the API that are asked besides none.
API_QUERIES = {
    "/api/v1/users": ("?{ids}", "?accountId=nobody", "?{ids}&fields=email&expand=links"),
    "/api/v1/people": ("?q=zq", "?q=public", "?cursor=zzz", "?sort=email"),
}


def asks(app: Flask, handles: Iterable[str], *, general: bool = True, thorough: bool = False) -> list[Ask]:
    """Every route with every parameter filled: pages of `handles` and their avatars; `general`: all the others too.

    Unsafe methods are asked without a token. Sections are asked as fragments, whole and by HEAD only two of them, and
    query strings by turns whole or as fragments; `thorough`: all combinations.
    """
    handles = list(handles)
    made: dict[Ask, None] = {}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        about_people = bool({"handle", "key", "account_id"} & rule.arguments)
        if not about_people and not general:
            continue
        for values in _fillings(rule, handles):
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
                    some = "&".join(f"accountId={number}" for number in _ids(handles))
                    for query in API_QUERIES.get(rule.rule, ()):
                        made[Ask(path + query.replace("{ids}", some))] = None
                elif method == "GET":
                    made[Ask(path, fragment=True)] = None
                    if rule.rule == "/people":
                        for number, query in enumerate(SEARCHES):
                            made[Ask(path + query, fragment=bool(number % 2))] = None
                    if about_people and "section" not in rule.arguments and "key" not in rule.arguments:
                        queries = QUERIES if thorough or "activity" in rule.rule else QUERIES[-1:]
                        for number, query in enumerate(queries):
                            for fragment in (False, True) if thorough else (bool(number % 2),):
                                made[Ask(path + query, fragment=fragment)] = None
    return list(made)


def _ids(handles: Iterable[str]) -> list[str]:
    """The public ids of these handles; for a handle that nobody has now, one that nobody ever had."""
    return [worlds.public_id(handle) for handle in handles]


def _fillings(rule: Any, handles: Sequence[str]) -> Iterator[dict[str, str]]:
    """All combinations of values for the parameters of a rule. Fails for a parameter nobody gave values for."""
    known: dict[str, tuple[str, ...]] = FILLS | {
        "handle": tuple(handles),
        "account_id": (*_ids(handles), "nobody"),
        "key": (*(worlds.canary(handle, "avatarkey") for handle in handles), "0" * 32),
    }
    given = dict(rule.defaults or {})
    filled: list[dict[str, str]] = [given]
    for argument in sorted(rule.arguments - given.keys()):
        choices = getattr(rule._converters[argument], "items", None)       # of <any(…):argument>
        if choices:
            known[argument] = tuple(sorted(choices))
        if argument not in known:
            raise AssertionError(f"no values for <{argument}> of {rule.rule}: add them to tests/twin.py, FILLS")
        filled = [made | {argument: value} for made in filled for value in known[argument]]
    return iter(filled)


def crawl(
    world: World, viewer: str | None, wanted: Iterable[Ask], *, etags: Mapping[Ask, str] | None = None,
    follow: bool = True, belongs: Callable[[str], bool] = lambda path: True,
) -> Crawl:  # fmt: skip
    """Ask everything, then whatever the answers link to (`follow`; cursors, filters, pictures), then conditionally.

    `etags`: those of the other world's crawl; each is sent back to this world, which must answer as the other did.
    `belongs`: which of the linked paths are followed.
    """
    answers: Crawl = {}
    waiting = list(wanted)
    while waiting:
        ask = waiting.pop(0)
        if ask in answers:
            continue
        answer = answers[ask] = world.ask(viewer, ask)
        assert answer.status < 500, f"{ask}: {answer.status}"
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
    return answers


def etags_of(answers: Crawl) -> dict[Ask, str]:
    return {ask: answer.etag for ask, answer in answers.items() if answer.etag and not ask.etag}


def compare(one: Crawl, two: Crawl) -> list[str]:
    """The requests that tell the worlds apart, each with what differs; empty when nothing does."""
    found = []
    for ask in [*one, *(ask for ask in two if ask not in one)]:
        first, second = one.get(ask), two.get(ask)
        if first is None or second is None:
            found.append(f"{ask}: asked in one world only")
        elif not first.same_as(second):
            found.append(f"{ask}: {_difference(first, second)}")
    return found


def _difference(one: Answer, two: Answer) -> str:
    if one.status != two.status:
        return f"status {one.status} | {two.status}"
    headers = sorted(set(one.headers) ^ set(two.headers))
    if one.body != two.body:
        at = next((i for i, (a, b) in enumerate(zip(one.body, two.body, strict=False)) if a != b), -1)
        low = max(0, at - 60)
        return f"body at {at}: {one.body[low:at + 60]!r} | {two.body[low:at + 60]!r}"
    if headers:
        return f"headers {headers}"
    return f"statements {one.statements} | {two.statements}"
