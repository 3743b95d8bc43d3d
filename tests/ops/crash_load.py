"""The load of the crash test, as processes of their own: members over HTTP, and a source that sends events.

Everything is written down in a journal before it is asked for, and again when it was answered, so that what had been
promised is known after any kill. What must then be true is checked in test_crash.py.

    python -m tests.ops.crash_load members PORT JOURNAL SEED HANDLE…
    python -m tests.ops.crash_load source DATABASE_URL JOURNAL SEED
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import struct
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

PASSWORD = "twelve green bottles"
SOURCE = "forum.example"
BATCH = 20
#: What members do, and how often compared with the rest.
DEEDS = {
    "about": 6, "find-me": 4, "products": 4, "privacy": 3, "photo": 3, "signup": 2, "login": 2, "logout": 1,
    "read": 6, "read own": 2,
}  # fmt: skip
PRIVACY = (["public", "1"], ["private", "1"], ["private", ""])
_BOUNDARY = "crash-load-boundary"
#: When the events happened, about, and when they are recorded; unix seconds UTC.
_MOMENT = 1_750_000_000


@dataclass
class Entry:
    """One write that was asked for. `status`: the answer, 0 while there is none; `cookie`: that of a new session."""

    n: int
    what: str
    who: str
    value: Any
    status: int = 0
    cookie: str = ""

    @property
    def is_promised(self) -> bool:
        """Whether the answer said that it was done."""
        return self.status in {200, 303}


class Journal:
    """An append-only file of entries; one writer. A line is one write, so it is there whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.entries = read_journal(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    @property
    def next_number(self) -> int:
        return len(self.entries)

    def ask(self, what: str, who: str, value: Any) -> Entry:
        """Write down what will be asked for."""
        entry = Entry(self.next_number, what, who, value)
        self.entries.append(entry)
        self._write({"n": entry.n, "what": what, "who": who, "value": value})
        return entry

    def answer(self, entry: Entry, status: int, cookie: str = "") -> None:
        """Write down the answer."""
        entry.status, entry.cookie = status, cookie
        self._write({"of": entry.n, "status": status, "cookie": cookie})

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def read_journal(path: Path) -> list[Entry]:
    """The entries in order; none if there is no file yet."""
    entries: list[Entry] = []
    for line in path.read_text().splitlines() if path.exists() else ():
        found = json.loads(line)
        if "of" in found:
            entries[found["of"]].status, entries[found["of"]].cookie = found["status"], found["cookie"]
        else:
            entries.append(Entry(**found))
    return entries


def external_ids(number: int) -> list[str]:
    """The ids of the events of one batch."""
    return [f"{number}-{i}" for i in range(BATCH)]


# Members --------------------------------------------------------------------------------------------------------------


class Members:
    """One after the other, the members of some handles in one browser. Nobody else writes to their accounts."""

    def __init__(self, port: int, journal: Journal, seed: str, handles: list[str]) -> None:
        self.port, self.journal, self.handles = port, journal, handles
        self.chance = random.Random(seed)
        self.cookie = self.token = self.handle = ""
        self.logged_in: Entry | None = None

    def act_for_ever(self) -> None:
        """Until nobody answers any more."""
        try:
            self.log_in()
            self.act("about")
            while True:
                (deed,) = self.chance.choices(list(DEEDS), list(DEEDS.values()))
                self.act(deed)
        except (OSError, http.client.HTTPException):
            return

    def act(self, deed: str) -> None:
        n = self.journal.next_number
        if deed == "read":
            self.ask("GET", f"/u/{self.chance.choice(['quiet', self.handle])}", cookie="")
        elif deed == "read own":
            self.ask("GET", self.chance.choice([f"/u/{self.handle}", "/settings/profile"]))
        elif deed == "login":
            self.log_in()
        elif deed == "logout":
            self.log_out()
        elif deed == "signup":
            self.sign_up(f"new-{self.handle}-{n}@example.org")
        elif deed == "photo":
            side = 16 + n % 300
            self.save(deed, side, photo_of(side), f"multipart/form-data; boundary={_BOUNDARY}")
        elif deed == "privacy":
            value = self.chance.choice(PRIVACY)
            self.save(deed, value, {"privacy": value[0]} | ({"keep_name": "1"} if value[1] else {}))
        elif deed == "about":
            self.save(deed, n, {"job_title": f"Position {n}", "location": f"Place {n}", "bio": f"Line {n}\nLine two"})
        elif deed == "find-me":
            self.save(deed, n, {"url-0": f"https://example.org/{n}", "label-0": f"Label {n}"})
        else:
            self.save(deed, n, {"products": f"Product {n}\nOther {n}"})

    def save(self, part: str, value: Any, form: dict[str, str] | bytes, kind: str = "") -> None:
        """Post one form of Edit profile."""
        entry = self.journal.ask(part, self.handle, value)
        if isinstance(form, bytes):
            body = form.replace(b"TOKEN", self.token.encode(), 1)
        else:
            body = urlencode({"csrf_token": self.token, **form}).encode()
        status, _ = self.ask("POST", f"/settings/profile/{part}", body, kind)
        self.journal.answer(entry, status)

    def log_in(self) -> None:
        """In a new browser, as one of the members."""
        self.cookie, self.handle = "", self.chance.choice(self.handles)
        token = self.find_token("/login")
        entry = self.journal.ask("login", self.handle, "")
        body = urlencode({"csrf_token": token, "email": f"{self.handle}@example.org", "password": PASSWORD})
        status, _ = self.ask("POST", "/login", body.encode())
        self.journal.answer(entry, status, self.cookie)
        self.logged_in = entry
        self.token = self.find_token("/settings/profile")

    def log_out(self) -> None:
        """End the session, then log in again."""
        assert self.logged_in is not None
        entry = self.journal.ask("logout", self.handle, self.logged_in.n)
        status, _ = self.ask("POST", "/logout", urlencode({"csrf_token": self.token}).encode())
        self.journal.answer(entry, status)
        self.log_in()

    def sign_up(self, email: str) -> None:
        """Somebody new, in another browser: a mail is promised."""
        mine, self.cookie = self.cookie, ""
        token = self.find_token("/signup")
        entry = self.journal.ask("signup", self.handle, email)
        body = urlencode({"csrf_token": token, "name": "Newbie", "email": email})
        status, _ = self.ask("POST", "/signup", body.encode())
        self.journal.answer(entry, status)
        self.cookie = mine

    def find_token(self, url: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.ask("GET", url)[1])
        assert found, url
        return found.group(1)

    def ask(
        self, method: str, url: str, body: bytes | None = None, kind: str = "", cookie: str | None = None
    ) -> tuple[int, str]:
        """(status, text), with this browser's cookie, or another one. Errors: OSError, HTTPException."""
        headers = {"X-Forwarded-For": f"198.51.100.{self.chance.randrange(256)}", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = kind or "application/x-www-form-urlencoded"
        if sent := (self.cookie if cookie is None else cookie):
            headers["Cookie"] = f"session={sent}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, url, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            if cookie is None:
                for line in answer.headers.get_all("Set-Cookie") or ():
                    if line.startswith("session="):
                        self.cookie = line.partition("=")[2].partition(";")[0]
            if answer.status >= 500:
                print(f"{method} {url}: {answer.status}", file=sys.stderr, flush=True)
            return answer.status, text
        finally:
            connection.close()


def photo_of(side: int) -> bytes:
    """The form of a picture: a grey square whose side tells it from others; TOKEN is to be replaced."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    png += chunk(b"IDAT", zlib.compress((b"\0" + b"\x80" * side) * side)) + chunk(b"IEND", b"")
    head = 'Content-Disposition: form-data; name="{}"'
    return (
        f"--{_BOUNDARY}\r\n{head.format('csrf_token')}\r\n\r\nTOKEN\r\n--{_BOUNDARY}\r\n{head.format('picture')}; "
        f'filename="me.png"\r\nContent-Type: image/png\r\n\r\n'
    ).encode() + png + f"\r\n--{_BOUNDARY}--\r\n".encode()


# The source -----------------------------------------------------------------------------------------------------------


def send_for_ever(url: str, journal: Journal, seed: str) -> None:
    """Batches of events, until killed. What had no answer is sent again first, as a source would."""
    from policies.manager import PolicyManager
    from webapp.services.context import Context, Site
    from webapp.services.ingest import Result, record_events
    from webapp.store.database import Database

    ctx = Context(Database.open(url), PolicyManager(), Site())
    chance = random.Random(seed)
    actors = [row[0] for row in ctx.db.rows("SELECT actor FROM identity ORDER BY actor")]
    open_ones = [entry for entry in journal.entries if not entry.status]
    while True:
        entry = open_ones.pop() if open_ones else journal.ask("events", "", journal.next_number)
        repeated = external_ids(chance.randrange(entry.n + 1))[:3]
        ids = external_ids(entry.n) + repeated
        outcomes = record_events(ctx, SOURCE, [event_of(external_id, actors) for external_id in ids], _MOMENT)
        assert not [outcome for outcome in outcomes if outcome.result is Result.REFUSED]
        journal.answer(entry, 200)
        time.sleep(chance.uniform(0, 0.1))      # SQLite's lock is not fair: members want to write too


def event_of(external_id: str, actors: list[str]) -> Any:
    """The event of an id, always the same."""
    from policies.terms import ActivityKind as K
    from policies.terms import Event

    own = random.Random(external_id)
    actor, by = own.sample(actors, 2)
    kind = own.choice([K.ANSWER, K.QUESTION, K.LIKE_RECEIVED, K.KUDOS, K.COURSE_COMPLETED, K.GROUP_JOINED])
    return Event(external_id, actor, kind, _MOMENT - own.randrange(10**7), f"o{own.randrange(9)}", "Title", "", by)


if __name__ == "__main__":
    if sys.argv[1] == "members":
        Members(int(sys.argv[2]), Journal(Path(sys.argv[3])), sys.argv[4], sys.argv[5:]).act_for_ever()
    else:
        send_for_ever(sys.argv[2], Journal(Path(sys.argv[3])), sys.argv[4])
