"""`vitrine leak-check`: twin worlds and canary sweep on a copy of the operator's own database, with their plugins.

For each kind of viewer, everything that the gate hides from it is replaced by one set of values and then by another.
All routes are asked in both worlds: an answer that differs, or that holds one of the values, is a leak. Each world is a
transaction on the copy that is rolled back; the real database is read once, for the copy.
Which values: leak_plan.py. How is asked and compared: twin.py.
"""

from __future__ import annotations

import re
import secrets
import string
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from jinja2 import FileSystemBytecodeCache

from policies.errors import Conflict, Unavailable
from policies.terms import ANONYMOUS, Viewer
from webapp.app import create_app, open_context
from webapp.config import Config
from webapp.ops import backup
from webapp.ops.leak_plan import MARK, Hidden, Member, draw_members, hidden_from, plant, token
from webapp.ops.twin import Ask, Broken, Crawl, World, asks, compare, crawl, etags_of, renamed
from webapp.services import people_index, sessions, viewing
from webapp.services.context import Context
from webapp.services.views import SECTIONS
from webapp.store import links, models
from webapp.store.database import Database

#: Query strings of pages about people, and searches of the directory, that are asked besides none.
QUERIES = ("?source=forum&kind=answer", "?kind=no-such-kind", "?cursor=zzz", "?as=anyone")
SEARCHES = (
    f"?q={MARK}", f"?location={MARK}", f"?product={MARK}", "?certified=1", "?mine=1", "?active=1", "?sort=name-down",
    "?sort=helpful", "?sort=newest", f"?sort=helpful&q={MARK}", "?cursor=zzz",
)
_MARKED = re.compile(rf"{MARK}[a-z0-9]+?qz")
API = {
    "/api/v1/users": ("?{ids}", "?{ids}&fields=email&expand=links"), "/api/v1/people": (f"?q={MARK}", "?sort=helpful"),
}
#: Handles of fewer letters are not compared with one that never was.
SHORT = 4
#: Organizations of which a colleague looks.
COLLEAGUES = 2

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: one line for each leak, the route first."""

    leaks: tuple[str, ...]
    requests: int
    viewers: int
    members: int


@dataclass(frozen=True, slots=True)
class Looker:
    """Somebody who looks: `account_id` None is an anonymous visitor; `secret` is in the cookie of their session."""

    words: str
    account_id: int | None = None
    secret: str = ""


class _Undo(Exception):
    """Ends a world: its transaction is rolled back."""


def check_leaks(
    ctx: Context, config: Config, now: int, members: int = 20, progress: Progress = lambda label, done, total: None
) -> Report:
    """Look for leaks about `members` members of the database of `ctx`. Errors: Conflict, Unavailable, ConfigError."""
    with tempfile.TemporaryDirectory(prefix="vitrine-leak-check-") as folder, _copied(ctx, Path(folder), now) as url:
        db = Database.open(url)
        copy = replace(config, data_dir=Path(folder), database_url=url, smtp_url=None, redis_url=None)
        try:
            return _Check(copy, db, now, members, progress).run()
        except Broken as error:
            raise Unavailable(f"A route failed, so nothing can be said: {error}.") from error
        finally:
            db.close()
            models.bind(ctx.db.peewee)


@contextmanager
def _copied(ctx: Context, folder: Path, now: int) -> Iterator[str]:
    """The address of a copy of the database that is gone afterwards."""
    file = folder / "copy.tar"
    backup.back_up(ctx, file, now)
    if ctx.db.dialect == "sqlite":
        url = f"sqlite:///{folder / 'vitrine.db'}?synchronous=off"
        _fill(ctx, url, file)
        yield url
        return
    name = f"vitrine_leak_check_{secrets.token_hex(6)}"
    parts = urlsplit(ctx.db.url)
    _on_server(ctx, _create_sql(ctx.db, name))
    try:
        url = urlunsplit(parts._replace(path=f"/{name}"))
        _fill(ctx, url, file)
        yield url
    finally:
        _on_server(ctx, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _fill(ctx: Context, url: str, file: Path) -> None:
    db = Database.open(url)
    try:
        backup.restore(replace(ctx, db=db), file)
    finally:
        db.close()
        file.unlink()


def _create_sql(db: Database, name: str) -> str:
    """Text is compared as in the original: its encoding and locale."""
    row = db.row("SELECT datcollate, datctype FROM pg_database WHERE datname = current_database()") or ("C", "C")
    collate, ctype = (value.replace("'", "''") for value in row)
    return f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' LC_COLLATE '{collate}' LC_CTYPE '{ctype}' TEMPLATE template0"


def _on_server(ctx: Context, sql: str) -> None:
    import psycopg

    try:
        with psycopg.connect(ctx.db.url, autocommit=True) as connection:
            connection.execute(sql)     # type: ignore[arg-type, unused-ignore]
    except psycopg.errors.InsufficientPrivilege as error:
        raise Conflict(
            "The database's user may not create the database that the copy goes into.",
            "Allow it: ALTER ROLE … CREATEDB.",
        ) from error
    except psycopg.Error as error:
        raise Unavailable(f"The server refused to make or drop the copy ({type(error).__name__}).") from error


class _Check:
    """One run on the copy."""

    def __init__(self, config: Config, db: Database, now: int, members: int, progress: Progress) -> None:
        self.config, self.db, self.now, self.progress = config, db, now, progress
        self.ctx = open_context(config, db)
        self.members = draw_members(db, members)
        self.run_id = secrets.token_hex(3)
        self.requests = 0
        self.begun = self.expected = 0
        self.label = "Asking"
        if not self.members:
            raise Conflict("The database holds no members.", "There is nothing to check.")

    def run(self) -> Report:
        leaks: list[str] = []
        viewers = self._lookers()
        for looker in viewers:
            leaks += self._look(looker)
        leaks += self._absent()
        leaks += self._silent()
        return Report(tuple(dict.fromkeys(leaks)), self.requests, len(viewers), len(self.members))

    # Who looks

    def _lookers(self) -> list[Looker]:
        """An anonymous visitor, a member who has nothing to do with the sample, colleagues of its managed members."""
        found = [Looker("an anonymous visitor")]
        drawn = [member.id for member in self.members]
        some = ", ".join("?" * len(drawn))
        usable = (
            "a.state = 'active' AND a.email_verified_at IS NOT NULL AND NOT a.is_admin AND a.primary_id IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM account l WHERE l.primary_id = a.id)"
            " AND a.id NOT IN (SELECT account_id FROM membership)"
        )
        stranger = self.db.row(
            f"SELECT a.id FROM account a LEFT JOIN email_domain d ON d.id = a.domain_id WHERE {usable}"
            f" AND d.organization_id IS NULL ORDER BY CASE WHEN a.id IN ({some}) THEN 1 ELSE 0 END, RANDOM() LIMIT 1",
            drawn,
        )
        if stranger:
            found.append(self._looker("a member", stranger[0]))
        organizations = self.db.rows(
            "SELECT DISTINCT o.id, o.slug FROM account a JOIN email_domain d ON d.id = a.domain_id"
            f" JOIN organization o ON o.id = d.organization_id WHERE a.id IN ({some}) ORDER BY o.id LIMIT ?",
            (*drawn, COLLEAGUES),
        )
        for organization, slug in organizations:
            colleague = self.db.row(
                f"SELECT a.id FROM account a JOIN email_domain d ON d.id = a.domain_id WHERE {usable}"
                " AND d.organization_id = ?"
                f" ORDER BY CASE WHEN a.id IN ({some}) THEN 1 ELSE 0 END, RANDOM() LIMIT 1",
                (organization, *drawn),
            )
            if colleague:
                found.append(self._looker(f"a colleague at {slug}", colleague[0]))
        return found

    def _looker(self, words: str, account_id: int) -> Looker:
        return Looker(words, account_id, sessions.start(self.ctx, account_id, self.now, device="leak-check"))

    # Worlds

    @contextmanager
    def _world(self) -> Iterator[World]:
        """An application in a fresh process's state on the copy, and all it or anybody writes undone afterwards."""
        context = open_context(self.config, self.db)
        app = create_app(self.config, context=context)
        app.config["PROPAGATE_EXCEPTIONS"] = False
        app.config["CLOCK"] = lambda: self.now
        app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(self.config.data_dir))
        try:
            with self.db.transaction():
                yield World(app, lambda looker: str(looker.secret), "/terms", self.config.base_url)
                raise _Undo
        except _Undo:
            pass

    def _crawl(
        self, world: World, looker: Looker, wanted: Sequence[Ask], etags: dict[Ask, str] | None, *, follow: bool = True
    ) -> Crawl:
        handles = {member.handle for member in self.members}

        def belongs(path: str) -> bool:
            parts = path.split("/")
            return len(parts) > 2 and parts[1] in {"u", "avatar"} and (parts[1] == "avatar" or parts[2] in handles)

        return crawl(
            world, looker if looker.account_id else None, wanted, etags=etags, follow=follow, belongs=belongs,
            count=self._count,
        )

    def _count(self) -> None:
        self.requests += 1
        self.progress(self.label, self.requests - self.begun, self.expected)

    def _fills(self, handles: Sequence[str], keys: Sequence[str]) -> dict[str, Sequence[str]]:
        return {
            "handle": handles, "key": (*keys, "0" * 32), "section": (*SECTIONS, "no-such-section"),
            "badge": ("answers-1", "no-such-badge"), "number": ("0",),
            "name": ("vitrine.css",), "source": ("forum",), "tone": ("",), "token": ("no-such-token",), "file": ("1",),
            "slug": ("no-such-organization",), "account_id": [member.public_id for member in self.members],
        }  # fmt: skip

    # What is asked

    def _look(self, looker: Looker) -> list[str]:
        """Both worlds of one viewer: what differs, and what of the first stands where it must not."""
        viewer: Viewer = viewing.load_viewer(self.ctx, looker.account_id) if looker.account_id else ANONYMOUS
        hidden = [one for member in self.members if (one := hidden_from(self.ctx, viewer, member)) is not None]
        planted = _planted(hidden, self.run_id)
        first: Crawl | None = None
        leaks: list[str] = []
        for number, name in enumerate(("a", "b"), 1):
            # The second world is asked what the first was, so from then on the end is known.
            self.label, self.begun, self.expected = f"As {looker.words}, {number} of 2", self.requests, len(first or ())
            with self._world() as world:
                plant(world.context, hidden, name, self.run_id, self.now)
                crawled = self._crawl(
                    world, looker, self._wanted(world, hidden, planted), None if first is None else etags_of(first)
                )
            if first is None:
                first = crawled
                leaks += _found(crawled, looker, planted)
            else:
                leaks += [f"{line} ({looker.words})" for line in compare(first, crawled, quote=False)]
        return leaks

    def _wanted(self, world: World, hidden: Sequence[Hidden], planted: dict[str, str]) -> list[Ask]:
        keys = [member.avatar for member in self.members if member.avatar]
        keys += [token(one.member, "avatar", "a", self.run_id) for one in hidden if "avatar" in one.fields]
        searches = [*SEARCHES, *(f"?q={value}" for value in list(planted)[:: max(1, len(planted) // 12)])]
        fills = self._fills([member.handle for member in self.members], keys)
        return asks(world.app, fills, queries=QUERIES, searches=searches, api=API, strict=False)

    def _pages(self, world: World, handle: str) -> list[Ask]:
        """The pages of one handle."""
        asked = asks(
            world.app, self._fills([handle], []), queries=QUERIES, searches=(), api={}, general=False, strict=False
        )
        return [ask for ask in asked if not ask.path.startswith(("/api/", "/avatar/"))]

    def _absent(self) -> list[str]:
        """Members of whom an anonymous visitor may not know that they exist, against a handle that never was (D2)."""
        self.label, self.begun, self.expected = "Unknown, gone and hidden", self.requests, 0
        looker, leaks = Looker("an anonymous visitor"), []
        gone = [
            one.member for member in self.members
            if (one := hidden_from(self.ctx, ANONYMOUS, member)) is not None and one.whole
        ]  # fmt: skip
        for member in gone:
            if len(member.handle) < SHORT:
                continue        # any name as short stands in many words of a page
            never, results = self._unused(len(member.handle)), []
            with self._world() as world:
                for handle in (never, member.handle):
                    crawled = self._crawl(world, looker, self._pages(world, handle), None, follow=False)
                    results.append(renamed(crawled, {never: member.handle}))
            leaks += [
                f"{line} (told from a handle that never was)" for line in compare(results[0], results[1], quote=False)
            ]
        return leaks

    def _unused(self, length: int) -> str:
        while True:
            handle = "".join(secrets.choice(string.ascii_lowercase) for _ in range(length))
            if self.db.row("SELECT 1 FROM handle WHERE handle = ?", (handle,)) is None:
                return handle

    def _silent(self) -> list[str]:
        """The pages of accounts that are linked for their numbers only, with that link and without it (D5, T36)."""
        self.label, self.begun, self.expected = "Silent accounts", self.requests, 0
        looker, leaks = Looker("an anonymous visitor"), []
        for member in self.members:
            if not member.silent:
                continue
            first: Crawl | None = None
            for is_linked in (True, False):
                with self._world() as world:
                    if not is_linked:
                        _unlink(world.context, member)
                    wanted = self._pages(world, member.handle)
                    crawled = self._crawl(world, looker, wanted, None if first is None else etags_of(first))
                if first is not None:
                    leaks += [f"{line} (with and without its link)" for line in compare(first, crawled, quote=False)]
                first = crawled
        return leaks


def _unlink(ctx: Context, member: Member) -> None:
    row = ctx.db.row("SELECT primary_id FROM account WHERE id = ?", (member.id,))
    group = links.load_group_of(ctx.db, member.id)
    if row is None or group is None:
        return
    links.remove_link(ctx.db, member.id, row[0], group.subject(group.asked).settings)
    people_index.refresh(ctx, [member.id, row[0]])


def _planted(hidden: Sequence[Hidden], run: str) -> dict[str, str]:
    """The values of the first world that stand in fields -> in words what they stand for."""
    found = {
        token(one.member, name, "a", run): f"{name} of @{one.member.handle}" for one in hidden for name in one.fields
    }
    found |= {token(one.member, "name", "a", run): f"name of @{one.member.handle}" for one in hidden if one.whole}
    return found


def _found(crawled: Crawl, looker: Looker, planted: dict[str, str]) -> list[str]:
    """Answers that hold a value which was put where this viewer may not look."""
    leaks = []
    for ask, answer in crawled.items():
        text = answer.raw.decode("utf-8", "replace") + answer.asked_for
        if MARK not in text:
            continue
        for word in sorted(set(_MARKED.findall(text))):
            if word not in str(ask):        # an address that was typed is no news to who typed it
                leaks.append(f"{ask}: holds {planted.get(word, 'a hidden value')} ({looker.words})")
    return leaks


def sentence(report: Report) -> str:
    """The result in one sentence."""
    asked = f"{report.requests:,} answers to {report.viewers} kinds of visitors about {report.members} members"
    if not report.leaks:
        return f"No leak: {asked} tell nothing that is hidden."
    return f"{len(report.leaks)} leak{'s' * (len(report.leaks) > 1)} in {asked}; the first: {report.leaks[0]}"
