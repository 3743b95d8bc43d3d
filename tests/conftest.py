"""The fixtures every test may use: databases on both engines, the application, mail, a browser. Not factories."""

from __future__ import annotations

import gc
import shutil
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from webapp.config import Config
    from webapp.services.context import Context
    from webapp.store.database import Database

#: The moment at which tests happen, unix seconds UTC (2025-06-15 15:06:57).
NOW = 1_750_000_000


def pytest_configure() -> None:
    """Whole collections are rare: crawled worlds live until the end, and each looks through all of them again."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 100)


@pytest.fixture
def clock() -> int:
    return NOW


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Nothing here talks to another machine: a connection beyond loopback fails the test."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise RuntimeError(f"a test tried to reach {address[0]}")
        real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Cheap hashing, templates compiled once (tests/quick.py)."""
    from tests.quick import quick

    with quick(tmp_path_factory.mktemp("templates")):
        yield


# Databases -----------------------------------------------------------------------------------------------------------


def _set_up(url: str, data_dir: Path) -> None:
    """What `vitrine init` does to a new database: the schema, the fields' bits, the default levels."""
    from webapp.app import open_context
    from webapp.config import Config
    from webapp.ops.setup import set_up

    ctx = open_context(Config(data_dir=data_dir, database_url=url, secret_key="k" * 40))
    set_up(ctx, NOW - 1000)
    if ctx.db.dialect == "sqlite":
        ctx.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ctx.db.close()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "vitrine.db"
    _set_up(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """The PostgreSQL of this session (tests/postgres.py), started on first use."""
    from tests.postgres import Server

    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    name: str = postgres_server.create()
    _set_up(postgres_server.url(name), tmp_path_factory.mktemp("template"))
    return name


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def sqlite_url(data_dir: Path, _sqlite_template: Path) -> str:
    """A migrated, empty SQLite database of this test's own. Its commits are not synced to disk, for speed."""
    shutil.copyfile(_sqlite_template, data_dir / "vitrine.db")
    return f"sqlite:///{data_dir / 'vitrine.db'}?synchronous=off"


@pytest.fixture
def postgres_url(postgres_server: Any, _postgres_template: str) -> Iterator[str]:
    """A migrated, empty PostgreSQL database of this test's own."""
    name = postgres_server.take(_postgres_template)
    yield postgres_server.url(name)
    postgres_server.give_back(name, _postgres_template)


@pytest.fixture
def empty_postgres_url(postgres_server: Any) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """One after the other a migrated, empty database of each engine."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, data_dir: Path) -> str:
    """One after the other a database of each engine without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{data_dir / 'empty.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


@pytest.fixture
def open_database() -> Iterator[Callable[[str], Database]]:
    """`open_database(url)`: opened databases are closed at the end of the test."""
    from webapp.store.database import Database

    opened: list[Database] = []

    def open_(url: str) -> Database:
        opened.append(Database.open(url))
        return opened[-1]

    yield open_
    for db in opened:
        db.close()


@pytest.fixture
def db(database_url: str, open_database: Callable[[str], Database]) -> Database:
    """A fresh migrated database, on each of both engines."""
    return open_database(database_url)


@pytest.fixture
def sqlite_db(sqlite_url: str, open_database: Callable[[str], Database]) -> Database:
    """A fresh migrated SQLite database."""
    return open_database(sqlite_url)


@pytest.fixture
def postgres_db(postgres_url: str, open_database: Callable[[str], Database]) -> Database:
    """A fresh migrated PostgreSQL database."""
    return open_database(postgres_url)


# The application ------------------------------------------------------------------------------------------------------


@pytest.fixture
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket | None]:
    """The socket that `live_server` will serve on, bound before the config so that BASE_URL is right; else None."""
    if "live_server" not in request.fixturenames:
        yield None
        return
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(64)
        yield bound


@pytest.fixture
def config(data_dir: Path, listener: socket.socket | None) -> Config:
    """The configuration of a test application: its own data folder, plain http on loopback."""
    from webapp.config import Config

    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}" if listener else "http://localhost"
    return Config.from_env({"DATA_DIR": str(data_dir), "SECRET_KEY": "k" * 40, "BASE_URL": base_url})


@pytest.fixture
def ctx(db: Database, config: Config) -> Context:
    """The services' context, on each of both engines."""
    from webapp.app import open_context

    return open_context(replace(config, database_url=db.url), db)


@pytest.fixture
def sqlite_ctx(sqlite_db: Database, config: Config) -> Context:
    """The services' context, on SQLite only."""
    from webapp.app import open_context

    return open_context(replace(config, database_url=sqlite_db.url), sqlite_db)


@pytest.fixture
def app(sqlite_ctx: Context, config: Config) -> Flask:
    """The Flask application on SQLite; `app.extensions["vitrine"]` is `sqlite_ctx`."""
    from webapp.app import create_app

    app = create_app(replace(config, database_url=sqlite_ctx.db.url), context=sqlite_ctx)
    app.testing = True
    return app


@pytest.fixture
def at(app: Flask, clock: int) -> SimpleNamespace:
    """`at.now` is the time of the application `app`."""
    moment = SimpleNamespace(now=clock)
    app.config["CLOCK"] = lambda: moment.now
    return moment


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[Any]:
    """The worlds of the leak tests (tests/twin.py), built once a session."""
    from tests.twin import Stock

    made = Stock(tmp_path_factory.mktemp("worlds"), _sqlite_template)
    yield made
    made.close()


@pytest.fixture
def live_server(app: Flask, listener: socket.socket, sqlite_db: Database) -> Iterator[str]:
    """The application of `app` served over HTTP on loopback, for browsers; its base URL."""
    from werkzeug.serving import ThreadedWSGIServer

    class Server(ThreadedWSGIServer):
        daemon_threads = False

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            super().process_request_thread(request, client_address)
            sqlite_db.close()  # this thread's connection: the thread ends with its request

    host, port = listener.getsockname()
    server = Server(host, port, app, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://{host}:{port}"
    server.shutdown()
    thread.join()
    server.server_close()


# Mail ----------------------------------------------------------------------------------------------------------------


class _Inbox:
    """Keeps what the SMTP server was handed, as email.message objects."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.url = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        from email import message_from_bytes
        from email.policy import default

        self.messages.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def smtp_server() -> Iterator[_Inbox]:
    """A real SMTP server on loopback: `.messages` it took in, `.url` for SMTP_URL."""
    from aiosmtpd.controller import Controller

    inbox = _Inbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    inbox.url = f"smtp://127.0.0.1:{port}"
    yield inbox
    controller.stop()


# The browser ---------------------------------------------------------------------------------------------------------

_BROWSER_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; the test is skipped where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no browser: install Debian's package `chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(browser: Any) -> Iterator[Any]:
    """A page of a fresh browser profile, 1280 x 900."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


# The order ------------------------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses the worlds of the leak tests goes first, so that one worker builds and crawls them, and what takes many
    seconds by itself goes before the rest, so that none is left alone at the end."""

    def place(item: pytest.Item) -> int:
        if "stock" in getattr(item, "fixturenames", ()):
            return 0
        return 1 if item.get_closest_marker("browser") else 2

    items.sort(key=place)


# The summary ---------------------------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Skips are counted and explained, so that nobody takes them for passes."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    reasons: Counter[str] = Counter()
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    terminalreporter.section("skipped")
    terminalreporter.line(f"{len(skipped)} skipped:")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"  {count} x {reason}")
