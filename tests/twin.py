"""The twin worlds of the tests: copies of one database with one hidden thing changed, and what is asked of them.

How it is asked and compared is shipped (webapp/ops/twin.py): `vitrine leak-check` does the same for an operator. Routes
are taken from the URL map, so a new route is crawled without a word here; a parameter without values fails the crawl.
Not here: what is compared (test_twin_worlds.py) and what must not be found (test_privacy_sweep.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import worlds
from tests.conftest import NOW
from webapp.ops import twin
from webapp.ops.twin import SAFE, Answer, Ask, Crawl, compare, crawl, etags_of
from webapp.services import issuer_key, people_index
from webapp.services.views import SECTIONS

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["SAFE", "Answer", "Ask", "Crawl", "Stock", "World", "asks", "compare", "crawl", "etags_of"]


class World(twin.World):
    """One database file with its own application; `ask` sends a request as one of the viewers of worlds.py."""

    def __init__(self, folder: Path, url: str = "") -> None:
        super().__init__(open_app(folder, url), worlds.session_secret, f"/u/{worlds.WARM_UP}")
        self.folder = folder
        self.closing: list[Callable[[], None]] = []
        if url:
            for name in ("row", "rows", "execute"):
                setattr(self.db, name, self._counted(getattr(self.db, name)))

    def close(self) -> None:
        super().close()
        while self.closing:
            self.closing.pop()()

    def _counted(self, run: Any) -> Any:
        """PostgreSQL's driver has no trace: what goes through the database's own calls is counted there."""
        def counted(*args: Any) -> Any:
            self._count += 1
            return run(*args)

        return counted

    def change(self, *statements: str) -> World:
        """Run SQL on this world's database, written for SQLite."""
        with self.bound():
            for statement in statements:
                self.db.execute(statement if self.db.dialect == "sqlite" else _for_postgres(statement))
            if statements:      # past the services, which write the directory's index with each change
                people_index.rebuild(self.context)
        return self


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


class PostgresStock(Stock):
    """The same on PostgreSQL: a world is a copy of a database of the session's server."""

    def __init__(self, folder: Path, server: Any, migrated: str) -> None:
        from webapp.app import open_context
        from webapp.config import Config
        from webapp.services.passwords import hash_password

        self.folder, self.server = folder, server
        self.name = server.create(migrated)
        url = server.url(self.name)
        ctx = open_context(Config(data_dir=folder, database_url=url, secret_key="k" * 40))
        worlds.build_world(ctx.db, password_hash=hash_password(worlds.PASSWORD))
        people_index.rebuild(ctx)
        ctx.db.close()
        self._made, self._crawls = [], {}

    def fresh(self, *statements: str) -> World:
        """A copy of the world, changed by `statements`."""
        folder = self.folder / str(len(self._made))
        _furnish(self.folder, folder)
        name = self.server.create(self.name)
        world = World(folder, self.server.url(name))
        world.closing.append(lambda: self.server.drop(name))
        self._made.append(world)
        return world.change(*statements)


_OR_IGNORE = "INSERT OR IGNORE INTO "


def _for_postgres(statement: str) -> str:
    if statement.startswith(_OR_IGNORE):
        statement = f"INSERT INTO {statement.removeprefix(_OR_IGNORE)} ON CONFLICT DO NOTHING"
    return statement.replace("x'52494646'", "CAST('RIFF' AS bytea)")


def open_app(folder: Path, url: str = "") -> Flask:
    """The application on `folder/vitrine.db`, or on the database at `url`, at the fixed moment."""
    from webapp.app import create_app
    from webapp.config import Config

    config = Config.from_env({"DATA_DIR": str(folder), "SECRET_KEY": "k" * 40, "BASE_URL": "http://localhost"})
    app = create_app(replace(config, database_url=url or f"sqlite:///{folder / 'vitrine.db'}?synchronous=off"))
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False      # an error is answered with its page, as in service
    app.config["CLOCK"] = lambda: NOW
    return app


def copy_world(template: Path, folder: Path) -> World:
    """A world of its own, from a database file that is closed and has no log beside it."""
    _furnish(template.parent, folder)
    shutil.copyfile(template, folder / "vitrine.db")
    return World(folder)


def _furnish(site: Path, folder: Path) -> None:
    """The data folder of a world: one site, one key."""
    folder.mkdir(parents=True)
    key = site / issuer_key.FILE
    if not key.exists():
        issuer_key._make(key)
    shutil.copy2(key, folder / issuer_key.FILE)


# What is asked ----------------------------------------------------------------------------------------------------

#: Values of route parameters by name. `handle` and avatar keys are added by `asks`.
FILLS: dict[str, tuple[str, ...]] = {
    "section": (*SECTIONS, "no-such-section"),
    "badge": ("answers-1", "no-such-badge"),
    "plugin": ("journal", "no-such-plugin"),
    "rule": ("no-such-rule",),
    "name": ("vitrine.css", "no-such-file"),
    "source": ("forum", "no-such-source"),
    "tone": ("", "-dark"),
    "token": ("no-such-token",),
    "external_id": ("pub-answer-0", "no-such-event"),
    "client_id": ("no-such-app",),
    "step": ("1",),
    "word": ("no-such-kudos",),
    "deed": ("hide", "show", "report", "take-back", "no-such-deed"),
    "slug": ("alpha", "beta", "no-such-organization"),
    "file": ("1", "2"),
    "number": ("1",),
    "member": (f"id0001{'x' * 20}", "no-such-member"),
    "domain": ("alpha.example", "beta.example", "no-such.example"),
    "account": ("gmanaged", "own", "bmember", "orgadmin", "no-such-account"),
}
#: Query strings that are asked besides none.
QUERIES = ("?source=forum&kind=answer", "?source=school", "?kind=no-such-kind", "?cursor=zzz", "?as=anyone")

#: Searches of the directory that are asked besides the whole; every canary starts with `zq`.
SEARCHES = (
    "?q=zq", "?q=public", "?q=fa", "?location=zq", "?product=zq", "?certified=1", "?mine=1", "?active=1&q=zq",
    "?sort=email", "?sort=updated", "?sort=name-down&q=zq", "?cursor=zzz", "?cursor=WyJmYXkiLCIiXQ",
    "?sort=helpful", "?sort=newest", "?sort=helpful&q=zq", "?sort=newest&active=1", "?sort=helpful&q=p&certified=1",
)


#: Query strings of the API that are asked besides none.
API_QUERIES = {
    "/api/v1/users": ("?{ids}", "?accountId=nobody", "?{ids}&fields=email&expand=links"),
    "/api/v1/people": ("?q=zq", "?q=public", "?cursor=zzz", "?sort=email", "?sort=helpful", "?sort=newest&q=zq"),
}


def asks(app: Flask, handles: Iterable[str], *, general: bool = True, thorough: bool = False) -> list[Ask]:
    """Every route with every parameter filled: pages of `handles` and their avatars; `general`: all the others too."""
    return twin.asks(
        app, fills_for(tuple(handles)), queries=QUERIES, searches=SEARCHES, api=API_QUERIES, general=general,
        thorough=thorough,
    )


def fills_for(handles: Sequence[str]) -> dict[str, Sequence[str]]:
    """The values of every parameter, those of `handles` and their pictures among them."""
    keys = (*(worlds.canary(handle, "avatarkey") for handle in handles), "0" * 32)
    numbers = (*(worlds.public_id(handle) for handle in handles), "nobody")
    return {**FILLS, "handle": handles, "key": keys, "account_id": numbers}


def fillings(rule: Any, handles: Sequence[str]) -> Iterator[dict[str, str]]:
    """All combinations of values for the parameters of a rule. Fails for one that nobody gave values for."""
    return twin.fillings(rule, fills_for(handles), strict=True)
