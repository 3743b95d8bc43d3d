"""One rich world for the leak tests: every kind of viewer, every state of a profile, a canary in every field.

`build_world(db)` fills a migrated database at the fixed moment `conftest.NOW` with fixed randomness, row by row,
so that each value is known to nobody but its row: `canary("pub", "bio")` stands in exactly one place. What each viewer
may see of it is not decided here: test_privacy_sweep.py writes the rules down a second time.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tests.conftest import NOW
from webapp.store.database import Database, marks
from webapp.store.filing import file_all, noted
from webapp.store.policy import append_change

DAY = 86_400

#: Record fields that are text columns of `account` and hold a canary each.
TEXT_FIELDS = ("full_name", "job_title", "department", "organization", "location", "timezone", "bio")
#: All fields of the matrix in bit order (S79, D13), written down again on purpose.
FIELDS = (
    "avatar", "full_name", "job_title", "department", "organization", "location", "timezone", "email", "bio", "links",
    "products", "stats", "badges", "certifications", "groups", "kudos", "activity",
)  # fmt: skip
BIT = {name: bit for bit, name in enumerate(FIELDS)}
ONLY_YOU, ORGANIZATION, ANYONE = 0, 1, 2

#: A handle of the same length as the other `nobody-…` handles that nobody ever had.
NEVER = "nobody-nev"
#: Its page is asked first in each world, so that every crawl finds the process and the session in use.
WARM_UP = "giverpub"
#: An earlier handle of `pub`: it leads to the present one.
OLD_HANDLE = "pub-before"
PASSWORD = "correct horse 41 battery"


@dataclass(frozen=True)
class Person:
    """One account of the world. `domain`: mail (personal), alpha (organization A), beta (B), moved (A once, B now)."""

    handle: str
    domain: str = "mail"
    state: str = "active"
    private: bool = False
    keep_name: bool = True
    primary: str | None = None
    silent: bool = False
    choices: Mapping[str, int] = field(default_factory=dict)
    admin: bool = False
    administers: str = ""       # the slug of the organization they are an admin of
    posts: int = 3

    @property
    def email(self) -> str:
        return f"{canary(self.handle, 'email')}@{self.domain}.example"


PEOPLE: tuple[Person, ...] = (
    # who looks
    Person("stranger"),
    Person("colleague", "alpha"),
    Person("excolleague", "moved"),
    Person("bmember", "beta"),
    Person("siteadmin", admin=True),
    # who is looked at
    Person("pub", posts=60),
    Person("hider", choices={
        "avatar": ONLY_YOU, "job_title": ONLY_YOU, "location": ONLY_YOU, "timezone": ONLY_YOU, "email": ANYONE,
        "bio": ONLY_YOU, "links": ONLY_YOU, "products": ONLY_YOU, "stats": ONLY_YOU, "badges": ONLY_YOU,
        "certifications": ONLY_YOU, "groups": ONLY_YOU, "kudos": ONLY_YOU, "activity": ONLY_YOU,
    }),
    Person("prv", private=True),
    Person("nobody-box", private=True, keep_name=False),
    Person("nobody-off", state="deactivated"),
    Person("nobody-del", state="deleted"),
    Person("nobody-clo", state="closing"),
    Person("imported", state="unclaimed"),
    Person("mgd", "alpha"),
    Person("own", "alpha", choices={
        "avatar": ANYONE, "full_name": ORGANIZATION, "job_title": ONLY_YOU, "department": ANYONE, "location": ANYONE,
        "email": ORGANIZATION, "bio": ORGANIZATION, "links": ONLY_YOU, "stats": ORGANIZATION, "groups": ONLY_YOU,
        "kudos": ORGANIZATION, "activity": ORGANIZATION,
    }),
    # a group with a personal primary, one account of each kind shown, one silent
    Person("gprimary", choices={"location": ONLY_YOU}),
    Person("gpersonal", primary="gprimary", choices={"location": ONLY_YOU}),
    Person("gmanaged", "alpha", primary="gprimary"),
    Person("gsilent", primary="gprimary", silent=True),
    Person("lonely"),       # of the same numbers as gsilent, linked to nobody
    # a private group: the addresses of its linked accounts are unknown, the silent one stands for itself
    Person("vprimary", private=True),
    Person("nobody-lnk", primary="vprimary"),
    Person("vsilent", primary="vprimary", silent=True),
    # who gives kudos
    Person("giverpub"),
    Person("giverprv", private=True),
    # who administers organization A
    Person("orgadmin", "alpha", administers="alpha"),
)  # fmt: skip
BY_HANDLE = {person.handle: person for person in PEOPLE}

#: Who crawls: everybody here has a login session; None is the anonymous viewer.
VIEWERS: tuple[str | None, ...] = (
    None, "stranger", "colleague", "excolleague", "bmember", "siteadmin", "gprimary", "gpersonal", "gmanaged",
    "gsilent", "orgadmin",
)  # fmt: skip
#: Who has an admin area. `siteadmin` is crawled everywhere; `orgadmin` whole in `make long`, else on admin routes.
ADMINS = ("siteadmin", "orgadmin")
#: Those for whom nothing of a link group is their own.
OUTSIDERS: tuple[str | None, ...] = (None, "stranger", "colleague", "excolleague", "bmember", "siteadmin")
GIVERS = ("giverpub", "giverprv", "nobody-box", "nobody-off")

#: What stands in lists of a profile: kind of held thing -> the gate's field that rules it.
HELD = {
    "course": "certifications", "certification": "certifications", "designation": "certifications", "group": "groups",
    "badge": "badges",
}  # fmt: skip
_SOURCES = (
    ("forum", "Canary Forum", "forum"), ("school", "Canary School", "learning"), ("meet", "Canary Meet", "event"),
)  # fmt: skip
#: kind -> (source, listed); the acts of one account, besides its posts
_ACTS = {
    "question": ("forum", True), "article": ("forum", True), "comment": ("forum", True),
    "course_completed": ("school", True), "certification": ("school", True), "designation": ("school", True),
    "group_joined": ("forum", True), "event_attended": ("meet", True), "badge": ("forum", True),
}  # fmt: skip
LADDER = (1, 10, 25, 50, 75, 100)


def canary(handle: str, name: str) -> str:
    """The one value of a field of an account: lower-case letters and digits, no other canary is a part of it."""
    return f"zq{handle}{name}qz".replace("-", "").replace("_", "")


def session_secret(handle: str) -> str:
    """The random id in the cookie of the login session of `handle`; the database holds its SHA-256."""
    return hashlib.sha256(f"session of {handle}".encode()).hexdigest()


@lru_cache(maxsize=1)
def all_canaries() -> dict[str, tuple[str, str]]:
    """Every canary of the world -> (handle, name of what it is)."""
    names = (
        *TEXT_FIELDS, "email", "links", "products", "avatarkey", "avatarbytes", "post",
        *(f"act{kind}" for kind in _ACTS), *(f"held{kind}" for kind in HELD),
    )
    found = {canary(person.handle, name): (person.handle, name) for person in PEOPLE for name in names}
    for person in PEOPLE:
        for giver in GIVERS:
            found[canary(person.handle, f"kudos{giver}")] = (person.handle, "kudos")
    return found


def account_ids(db: Database) -> dict[str, int]:
    return dict(db.rows("SELECT handle, id FROM account"))


def public_id(handle: str) -> str:
    """What the API calls the account."""
    numbers = {person.handle: number for number, person in enumerate(PEOPLE)}
    return f"id{numbers.get(handle, 9999):04d}{'x' * 20}"


def build_world(db: Database, *, password_hash: str = "") -> None:
    """Fill an empty migrated database. `password_hash`: that of every account which can log in (PASSWORD)."""
    with db.transaction():
        domains = _organizations(db)
        version = db.policy_version()
        for name, label, area in _SOURCES:
            _insert(db, "source", name=name, label=label, area=area, created_at=NOW - 900 * DAY)
        ids: dict[str, int] = {}
        for number, person in enumerate(PEOPLE):
            ids[person.handle] = _account(db, person, number, domains, version, ids, password_hash)
        _insert(db, "handle", handle=OLD_HANDLE, account_id=ids["pub"], since=NOW - 500 * DAY)
        for person in filter(lambda person: person.administers, PEOPLE):
            db.execute(
                "INSERT INTO membership(organization_id, account_id, role, since)"
                " SELECT id, ?, 'admin', ? FROM organization WHERE slug = ?",
                (ids[person.handle], NOW - 300 * DAY, person.administers),
            )
        for person in PEOPLE:
            _acts(db, person, ids)
        for person in PEOPLE:
            _kudos(db, person, ids)
            _published(db, person, ids)
        for viewer in (*filter(None, VIEWERS), "pub", "prv", "own", "mgd", "hider"):
            _insert(
                db, "login_session", id=hashlib.sha256(session_secret(viewer).encode()).hexdigest(),
                account_id=ids[viewer], created_at=NOW - 600, seen_at=NOW - 10, proved_at=NOW - 60, device="Canary",
            )  # fmt: skip


def _insert(db: Database, table: str, **columns: Any) -> int:
    sql = f"INSERT INTO {table}({', '.join(columns)}) VALUES ({marks(len(columns))})"
    if db.dialect == "sqlite":
        return int(db.execute(sql, tuple(columns.values())).lastrowid)
    row = db.execute(f"{sql} RETURNING *", tuple(columns.values())).fetchone()
    return row[0] if isinstance(row[0], int) else 0


def _organizations(db: Database) -> dict[str, int | None]:
    """Organizations A and B and their domains; `moved` was A's before it became B's."""
    a = _insert(db, "organization", slug="alpha", name="Alpha Works", created_at=NOW - 800 * DAY)
    b = _insert(db, "organization", slug="beta", name="Beta Union", created_at=NOW - 800 * DAY)
    ids: dict[str, int | None] = {"mail": None}
    for name, owners in (("alpha", (a,)), ("beta", (b,)), ("moved", (a, b))):
        domain = _insert(
            db, "email_domain", name=f"{name}.example", organization_id=owners[-1], verified_at=NOW - 700 * DAY,
            method="word",
        )  # fmt: skip
        for owner in owners:
            append_change(db, "domain", f"domain:{domain}", NOW - 700 * DAY, value=owner)
        ids[name] = domain
    return ids


def _account(
    db: Database, person: Person, number: int, domains: Mapping[str, int | None], version: int, ids: Mapping[str, int],
    password_hash: str,
) -> int:  # fmt: skip
    handle, can_log_in = person.handle, person.state in {"active", "closing", "deactivated"}
    record: dict[str, Any] = {name: canary(handle, name) for name in TEXT_FIELDS}
    record["full_name"] = f"Fay {canary(handle, 'full_name')}"
    record["links"] = json.dumps([{"url": f"https://{canary(handle, 'links')}.example/", "label": "Site"}])
    record["products"] = json.dumps([canary(handle, "products")])
    chosen = chosen_anyone = chosen_org = 0
    for name, level in person.choices.items():
        chosen |= 1 << BIT[name]
        chosen_anyone |= (level == ANYONE) << BIT[name]
        chosen_org |= (level >= ORGANIZATION) << BIT[name]
    has_email = person.state not in {"deleted", "unclaimed"}
    account = _insert(
        db, "account", public_id=public_id(handle), handle=handle, public_name=f"Public {handle}",
        email=person.email if has_email else None, email_key=person.email if has_email else None,
        email_verified_at=NOW - 400 * DAY if has_email else None, domain_id=domains[person.domain],
        password_hash=password_hash or None if can_log_in else None, state=person.state,
        state_at=NOW - 3 * DAY if person.state in {"closing", "deactivated", "deleted"} else None,
        is_admin=person.admin, terms_version="1" if can_log_in else None,
        terms_at=NOW - 400 * DAY if can_log_in else None,
        created_at=NOW - 400 * DAY - number, member_since=NOW - 500 * DAY,
        primary_id=ids[person.primary] if person.primary else None, silent=person.silent,
        linked_at=NOW - 100 * DAY if person.primary else None, private=person.private, keep_name=person.keep_name,
        base_version=version, chosen=chosen, chosen_anyone=chosen_anyone, chosen_org=chosen_org, row_version=number + 7,
        avatar=canary(handle, "avatarkey"), **record,
    )  # fmt: skip
    _insert(db, "handle", handle=handle, account_id=account, since=NOW - 400 * DAY)
    _insert(
        db, "avatar", key=canary(handle, "avatarkey"), account_id=account, image=_picture(handle, number),
        created_at=NOW - 50 * DAY,
    )  # fmt: skip
    return account


def _picture(handle: str, number: int) -> bytes:
    """A small WebP of this account alone; readers stop before the canary at its end."""
    from PIL import Image

    made = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 9 % 256, 80, 160)).save(made, "WEBP")
    return made.getvalue() + canary(handle, "avatarbytes").encode()


def _acts(db: Database, person: Person, ids: Mapping[str, int]) -> None:
    """Posts and everything else an account did, with its counters, days, milestones and held things."""
    account, handle = ids[person.handle], person.handle
    # Whoever must not be told apart has the same numbers and the same times.
    numbers = {"gsilent": 1, "lonely": 1}
    start = NOW - (20 + numbers.get(handle, account % 7)) * DAY
    sources = dict(db.rows("SELECT name, id FROM source"))
    identities = {
        name: _insert(
            db, "identity", source_id=number, actor=f"{name}-{handle}", created_at=NOW - 400 * DAY,
            **({"buried_at": NOW} if person.state == "deleted" else {"account_id": account}),
        )
        for name, number in sources.items()
    }  # fmt: skip
    if person.state == "deleted":
        return

    def act(kind: str, source: str, at: int, title: str, listed: bool = True, number: int = 0) -> None:
        _insert(
            db, "activity", source_id=sources[source], external_id=f"{handle}-{kind}-{number}",
            identity_id=identities[source], account_id=account, kind=kind, at=at, object=f"{kind}-{handle}",
            title=title, url=f"https://forum.example/{handle}/{kind}/{number}", listed=listed,
        )  # fmt: skip

    for number in range(person.posts):
        act("answer", "forum", start - number * 7200, f"{canary(handle, 'post')} {number}", number=number)
    act("accepted_solution", "forum", start + 60, f"{canary(handle, 'post')} 0")
    for number in range(2):
        act("like_received", "forum", start + 90 + number, "", listed=False, number=number)
    for step, (kind, (source, listed)) in enumerate(_ACTS.items()):
        act(kind, source, start + 3600 * (step + 1), canary(handle, f"act{kind}"), listed)
    # The latest few wait to be filed, as those of everybody do who is active.
    ids_of = [row[0] for row in db.rows("SELECT id FROM activity WHERE account_id = ? ORDER BY id", (account,))]
    for some in (ids_of[:-4], ids_of[-4:]):
        with db.transaction():
            file_all(db, [account])
            db.execute("UPDATE counter SET unfiled = ? WHERE account_id = ?", ("".join(map(noted, some)), account))
    for kind in HELD:
        _insert(
            db, "held", account_id=account, kind=kind, item=f"{kind}-{handle}",
            source_id=sources["forum" if kind in {"group", "badge"} else "school"], title=canary(handle, f"held{kind}"),
            url=f"https://school.example/{handle}/{kind}", at=start,
        )  # fmt: skip
    counters = {
        "answers": person.posts, "accepted_solutions": 1, "articles": 1, "likes_received": 2,
        "total_posts": person.posts + 2,
    }  # fmt: skip
    sets = ", ".join(f"{name} = ?" for name in counters)
    db.execute(f"UPDATE counter SET {sets} WHERE account_id = ?", (*counters.values(), account))
    for metric, total in (*counters.items(), ("courses_completed", 1)):
        if metric != "total_posts":
            for value in LADDER:
                if value <= total:
                    _insert(db, "crossing", account_id=account, metric=metric, value=value, at=start)


def _published(db: Database, person: Person, ids: Mapping[str, int]) -> None:
    """Everybody published a badge, in the status list that is asked for; who still may show it the gate says."""
    if person.state == "active":
        _insert(
            db, "credential", key=f"key-{person.handle}", account_id=ids[person.handle], badge="answers-1", list=1,
            place=ids[person.handle], published_at=NOW - 5 * DAY,
        )


def _kudos(db: Database, person: Person, ids: Mapping[str, int]) -> None:
    """One message from each giver, public, private, hidden whole and gone."""
    if person.state == "deleted" or person.handle in GIVERS:
        return
    receiver = ids[person.handle]
    for number, giver in enumerate(GIVERS):
        _insert(
            db, "kudos", receiver_id=receiver, giver_id=ids[giver], category="", at=NOW - (5 + number) * DAY,
            message=canary(person.handle, f"kudos{giver}"),
        )  # fmt: skip
        _insert(db, "pair_counter", receiver_id=receiver, giver_id=ids[giver], kudos=1, likes=0)
    _insert(db, "crossing", account_id=receiver, metric="peer_kudos", value=1, at=NOW - 8 * DAY)
    db.execute("UPDATE counter SET peer_kudos = ? WHERE account_id = ?", (len(GIVERS), receiver))


def group_of(handle: str) -> Sequence[str]:
    """The handles of the link group of an account, the primary first; the account alone if it is in none."""
    head = BY_HANDLE[handle].primary or handle
    return (head, *(person.handle for person in PEOPLE if person.primary == head))
