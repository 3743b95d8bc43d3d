"""The whole server killed under load, over and over: nothing that was promised is lost.

CRASH_ROUNDS sets the number of kills of the long test, CRASH_SEED its chance. The load is in crash_load.py.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from policies.terms import Area
from tests.conftest import NOW
from tests.factories import make_account, open_audit
from tests.ops import crash_load
from tests.ops.crash_load import Entry, Members, external_ids, read_journal
from tests.ops.test_serve import Site
from webapp.app import open_context
from webapp.config import Config
from webapp.ops.doctor import examine
from webapp.services import passwords
from webapp.services.ingest import register_source
from webapp.store import identities
from webapp.store.database import Database
from webapp.store.ingest import lock_source

ROOT = Path(__file__).parents[2]
MEMBERS = (("ann", "ben"), ("cat", "dan"), ("eve", "fay"))
#: Forms whose every save is another text and leaves one row in the audit log.
AUDITED = {"about": "about:edit", "find-me": "links:edit", "products": "products:edit", "photo": "avatar:edit"}


class World:
    """A site that is started, put under load and killed, and the journals of what it promised."""

    def __init__(self, data_dir: Path, seed: int) -> None:
        self.data_dir, self.seed = data_dir, seed
        self.url = f"sqlite:///{data_dir / 'vitrine.db'}"       # as shipped: every commit is synced
        self.chance = random.Random(seed)
        self.ready_after: list[float] = []
        self.site: Site | None = None
        self.checked_logins: set[tuple[str, int]] = set()
        self._load: list[subprocess.Popen[bytes]] = []
        with self.open() as db:
            self._settle(db)

    @contextlib.contextmanager
    def open(self) -> Iterator[Database]:
        db = Database.open(self.url)
        try:
            yield db
        finally:
            db.close()

    def _settle(self, db: Database) -> None:
        config = Config(data_dir=self.data_dir, database_url=self.url, secret_key="k" * 40)
        ctx = open_context(config, db)
        password_hash = passwords.hash_password(crash_load.PASSWORD)
        with db.transaction():
            register_source(ctx, crash_load.SOURCE, "Forum", Area.FORUM, NOW)
            source = lock_source(db, crash_load.SOURCE).id
            for handle in ("quiet", *(handle for some in MEMBERS for handle in some)):
                account = make_account(db, handle, f"{handle}@example.org", password_hash=password_hash)
                identities.save_identities(db, source, [(handle, account, None)], NOW)

    # Start, load, kill ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the site and wait until it is ready."""
        began = time.monotonic()
        self.site = Site(self.data_dir, self.url)
        self.site.wait_ready()
        self.ready_after.append(time.monotonic() - began)

    def load(self) -> None:
        """Members and the source begin; back when each has been promised two things."""
        assert self.site is not None
        before = [_count_promises(journal) for journal in self.journals()]
        for number, handles in enumerate(MEMBERS):
            self._begin("members", str(self.site.port), str(self._journals()[number]), self._seed(), *handles)
        self.send_events()
        deadline = time.monotonic() + 60
        while any(_count_promises(journal) < n + 2 for journal, n in zip(self.journals(), before, strict=True)):
            assert time.monotonic() < deadline, self.trouble()
            time.sleep(0.05)

    def send_events(self) -> None:
        """The source begins."""
        self._begin("source", self.url, str(self._journals()[-1]), self._seed())

    def kill(self) -> None:
        """SIGKILL to every process of the site and to the source, in any order; members see their connections break."""
        site, self.site = self.site, None
        assert site is not None
        family = psutil.Process(site.process.pid).children(recursive=True)
        killings = [lambda: os.killpg(site.process.pid, signal.SIGKILL), lambda: _kill(self._load[-1].pid)]
        self.chance.shuffle(killings)
        for killing in killings:
            killing()
        for process in family:      # the worker is in a session of its own
            _kill(process.pid)
        site.process.wait(20)
        psutil.wait_procs(family, timeout=20)
        for process in self._load:
            process.wait(40)
        said = self.trouble()
        *members, source = self._load
        assert [process.returncode for process in members] == [0] * len(members), said
        assert source.returncode == -signal.SIGKILL, said
        self._load.clear()

    def stop(self) -> None:
        """Whatever still runs ends."""
        for process in self._load:
            process.kill()
            process.wait(20)
        if self.site is not None and self.site.process.poll() is None:
            self.site.stop()

    def trouble(self) -> str:
        """What the load and the site have said."""
        return (self.data_dir / "load.log").read_text() + (self.data_dir / "serve.log").read_text()

    def _begin(self, *arguments: str) -> None:
        with (self.data_dir / "load.log").open("ab") as log:
            self._load.append(subprocess.Popen(
                [sys.executable, "-m", "tests.ops.crash_load", *arguments], cwd=ROOT, stdout=log, stderr=log,
            ))

    def _seed(self) -> str:
        return str(self.chance.random())

    def _journals(self) -> list[Path]:
        return [self.data_dir / f"journal-{number}" for number in range(len(MEMBERS) + 1)]

    def journals(self) -> list[list[Entry]]:
        """Everything that was asked for so far."""
        return [read_journal(path) for path in self._journals()]

    # What must be there -----------------------------------------------------------------------------------------------

    def findings(self) -> list[str]:
        """What is wrong: promises not kept, a damaged file, broken invariants. The site runs, without load."""
        assert self.site is not None
        found = []
        with self.open() as db:
            found += [str(row) for row in db.rows("PRAGMA integrity_check") if row != ("ok",)]
            config = Config(data_dir=self.data_dir, database_url=self.url, secret_key="k" * 40)
            found += examine(open_context(config, db))
            found += find_losses(db, self.journals(), self.data_dir / "outbox")
        return found + self.lost_sessions()

    def lost_sessions(self, *, whole: bool = False) -> list[str]:
        """Cookies of promised log-ins that let nobody in, and of promised log-outs that still do.

        Only what is new since the last look, unless `whole`.
        """
        assert self.site is not None
        found = []
        for number, journal in enumerate(self.journals()):
            ended = {entry.value: entry for entry in journal if entry.what == "logout"}
            for entry in journal:
                if entry.what != "login" or not entry.is_promised or (number, entry.n) in self.checked_logins:
                    continue
                if not whole:
                    self.checked_logins.add((number, entry.n))
                end = ended.get(entry.n)
                if end is not None and not end.is_promised:
                    continue        # asked for, never answered: either is right
                browser = Members(self.site.port, None, "0", [])
                status, _ = browser.ask("GET", "/settings/confirm", cookie=entry.cookie)
                if status != (200 if end is None else 303):
                    found.append(f"the {'session' if end is None else 'ended session'} of {entry} answers {status}")
        return found


def _count_promises(journal: list[Entry]) -> int:
    return sum(entry.is_promised for entry in journal)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def find_losses(db: Database, journals: list[list[Entry]], outbox: Path) -> list[str]:
    """Promised writes that are not in the database, and writes of which a part is missing."""
    found = []
    for number, journal in enumerate(journals):
        found += [f"refused: {entry}" for entry in journal if entry.status and not entry.is_promised]
        saves: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in journal:
            saves[entry.who, entry.what].append(entry)
        for (who, what), entries in saves.items():
            promised = [entry for entry in entries if entry.is_promised]
            if what in AUDITED:
                rows = db.rows(
                    "SELECT a.id FROM audit a JOIN account m ON m.id = a.actor_id WHERE m.handle = ? AND a.event = ?",
                    (who, AUDITED[what]),
                )
                if not len(promised) <= len(rows) <= len(entries):
                    found.append(f"{len(promised)} of {len(entries)} {what} of {who} promised, {len(rows)} audited")
            if what in {*AUDITED, "privacy"}:
                # The last one promised, or one after it whose answer was cut off.
                last = max((i for i, entry in enumerate(entries) if entry.is_promised), default=None)
                stored = _stored(db, who, what)
                if last is not None and stored not in [entry.value for entry in entries[last:]]:
                    found.append(f"{what} of {who} is {stored}, promised was {entries[last].value} or later")
            elif what == "login":
                (rows_,) = db.row(
                    "SELECT COUNT(*) FROM audit a JOIN account m ON m.id = a.actor_id"
                    " WHERE m.handle = ? AND a.event = 'session:start'", (who,),
                ) or (0,)
                if not len(promised) <= rows_ <= len(entries):
                    found.append(f"{len(promised)} of {len(entries)} log-ins of {who} promised, {rows_} audited")
            elif what == "signup":
                mailed = {row[0] for row in db.rows("SELECT recipient FROM outbox")}    # before the files: a mail moves
                mailed |= _written_to(outbox)
                found += [f"no mail for {entry}" for entry in promised if entry.value not in mailed]
            elif what == "events":
                stored_ids = {row[0] for row in db.rows("SELECT external_id FROM activity")}
                for entry in entries:
                    there = len(stored_ids.intersection(external_ids(entry.n)))
                    if there != crash_load.BATCH and (entry.is_promised or there):
                        found.append(f"{there} of {crash_load.BATCH} events of {entry} in journal {number}")
    return found


def _stored(db: Database, who: str, what: str) -> object:
    """What was saved last, in the journal's form; a text if it is torn."""
    row = db.row(
        "SELECT a.job_title, a.location, a.bio, a.links, a.products, a.private, a.keep_name, p.image"
        " FROM account a LEFT JOIN avatar p ON p.key = a.avatar WHERE a.handle = ?", (who,),
    )
    assert row is not None
    job_title, location, bio, links, products, private, keep_name, image = row
    if what == "about":
        number = (job_title or "").removeprefix("Position ")
        whole = (f"Position {number}", f"Place {number}", f"Line {number}\nLine two")
        return int(number) if (job_title, location, bio) == whole else f"torn: {job_title}, {location}, {bio}"
    if what == "find-me":
        return int(json.loads(links)[0]["url"].rpartition("/")[2]) if links else None
    if what == "products":
        return int(json.loads(products)[0].removeprefix("Product ")) if products else None
    if what == "photo":
        return Image.open(io.BytesIO(image)).size[0] if image else None
    return ["private" if private else "public", "1" if keep_name else ""]


def _written_to(outbox: Path) -> set[str]:
    """The recipients of the mails that were sent, as files."""
    heads = (path.read_text().partition("\n\n")[0] for path in outbox.glob("*.eml"))
    return {line.removeprefix("To: ").strip() for head in heads for line in head.splitlines() if line[:4] == "To: "}


def crash(world: World, rounds: int, longest: float) -> None:
    """Kill the site `rounds` times, up to `longest` seconds into the load; after each start all promises must hold."""
    for number in range(rounds):
        world.start()
        assert world.findings() == [], f"after {number} kills, seed {world.seed}"
        world.load()
        time.sleep(world.chance.uniform(0, longest))
        world.kill()
        if number % 5 == 4:     # and once while it starts
            world.site = Site(world.data_dir, world.url)
            world.send_events()
            time.sleep(world.chance.uniform(0, 1.5))
            world.kill()
    world.start()
    assert world.findings() == [], f"after {rounds} kills, seed {world.seed}"
    assert world.lost_sessions(whole=True) == []


def describe(world: World) -> str:
    """The figures of a run, in one line."""
    promised = Counter(e.what for journal in world.journals() for e in journal if e.is_promised)
    open_ = sum(not e.status for journal in world.journals() for e in journal)
    again = world.ready_after[1:]
    return (
        f"seed {world.seed}: {promised.total()} writes promised ({dict(promised)}), {open_} cut off; ready again after "
        f"{statistics.median(again):.2f} s (median), {max(again):.2f} s (longest)"
    )


@pytest.fixture
def world(data_dir: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("TRUSTED_PROXIES", "1")      # members come from many addresses, so that no limit stops them
    made = World(data_dir, int(os.environ.get("CRASH_SEED") or 20250615))
    yield made
    made.stop()


def test_a_killed_site_keeps_its_promises_and_a_broken_one_is_noticed(world: World) -> None:
    """Two kills; then each kind of loss is made by hand and must be found."""
    crash(world, 2, 0.5)
    print(describe(world))
    journals, outbox = world.journals(), world.data_dir / "outbox"
    last = {entry.what: entry for journal in journals for entry in journal if entry.is_promised}
    assert last.keys() >= {"login", "about", "events"}
    with world.open() as db:
        open_audit(db)
        losses = {
            "about": "UPDATE account SET job_title = 'Position 0', location = 'Place 0', bio = 'Line 0\nLine two'",
            "torn": "UPDATE account SET location = 'Place 0'",
            "audit": "DELETE FROM audit WHERE event = 'about:edit'",
            "login": "DELETE FROM audit WHERE event = 'session:start'",
            "events": f"UPDATE activity SET external_id = 'gone' WHERE external_id = '{last['events'].n}-7'",
        }
        for name, sql in losses.items():
            db.execute("BEGIN IMMEDIATE")
            db.execute(sql)
            assert find_losses(db, journals, outbox), name
            db.execute("ROLLBACK")
        assert find_losses(db, journals, outbox) == []


@pytest.mark.long
def test_a_site_that_forgets_is_noticed(world: World) -> None:
    """The planted fault: the database file of before the load comes back after the kill. Every promise is missed."""
    world.start()
    with world.open() as db:
        db.execute("VACUUM INTO ?", (str(world.data_dir / "before.db"),))
    world.load()
    time.sleep(3)
    world.kill()
    for suffix in ("", "-wal", "-shm"):
        (world.data_dir / f"vitrine.db{suffix}").unlink(missing_ok=True)
    (world.data_dir / "before.db").rename(world.data_dir / "vitrine.db")
    world.start()
    found = "\n".join(world.findings())
    promised = {entry.what for journal in world.journals() for entry in journal if entry.is_promised}
    for what in promised & {"about", "find-me", "products", "photo", "events"}:
        assert what in found
    assert "the session of" in found


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_site_killed_fifty_times_keeps_its_promises(world: World) -> None:
    """Mixed load, SIGKILL of everything at random moments: 0 promised writes lost, doctor clean, ready again."""
    crash(world, int(os.environ.get("CRASH_ROUNDS") or 50), 2.5)
    print(describe(world))
    assert world.site is not None
    assert statistics.median(world.ready_after) < 30
