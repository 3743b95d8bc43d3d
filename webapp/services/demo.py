"""Making the demo community: invented members who show every section and every kind of account (demo_cast.py).

Everything goes in by the ordinary doors: events through ingest, links through linking, passwords hashed. A database
that holds anybody else is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from policies.errors import Refused
from policies.terms import ActivityKind as K
from policies.terms import Area, Event, State
from webapp.services import emails, links, passwords, people_index, signup
from webapp.services.context import Context
from webapp.services.demo_cast import ARTICLES, CAST, EVENTS, KUDOS, ORGANIZATION, TITLES, Role
from webapp.services.demo_pictures import draw_picture
from webapp.services.ingest import record_events, register_source
from webapp.services.link_operator import link_by_operator, silence_by_operator
from webapp.store import accounts, audit, identities, policy, records
from webapp.store import demo as store
from webapp.store import ingest as ingest_store

#: Every demo member has it; `make_demo` is refused where anybody real could have an account.
PASSWORD = "open the glass cabinet"  # noqa: S105
SOURCES = (("forum", "Forums", Area.FORUM), ("learning", "Learning", Area.LEARNING), ("events", "Events", Area.EVENT))

_DAY = 86_400
_YEAR = 53 * 7
_LEARNED = {"certification": K.CERTIFICATION, "designation": K.DESIGNATION}
_FORUM = {"group": K.GROUP_JOINED, "badge": K.BADGE}


class DemoMember(NamedTuple):
    """Somebody in the demo; no e-mail address: nobody can log in as them."""

    name: str
    handle: str
    email: str
    password: str
    shows: str

    def __str__(self) -> str:
        door = f"{self.email:24} password: {self.password}" if self.email else "(no log-in)"
        return f"/u/{self.handle:14} {door:57} {self.shows}"


def make_demo(ctx: Context, now: int, seed: int = 1) -> list[DemoMember]:
    """Fill an empty database with the demo community, or find that it is there; its members.

    The same for the same `now` and `seed`, but for the salts of the passwords. Errors: Refused when the database holds
    accounts that are not the demo's.
    """
    members = [
        DemoMember(role.name, role.handle, role.email, PASSWORD if role.email else "", role.shows) for role in CAST
    ]
    with ctx.db.transaction():
        if store.is_demo(ctx.db):
            return members
        if store.has_accounts(ctx.db):
            raise Refused(
                "rule_demo_is_apart",
                "This database holds members; the demo is made in one of its own.",
                "Set DATA_DIR to an empty folder.",
            )
        _fill(ctx, now, Random(seed))  # noqa: S311  (pictures and stories of invented people)
        store.mark_demo(ctx.db)
    return members


def _fill(ctx: Context, now: int, chance: Random) -> None:
    _verify_organization(ctx, now)
    ids = {role.handle: _add_account(ctx, role, now, chance) for role in CAST}
    stories: dict[str, list[Event]] = {name: [] for name, _, _ in SOURCES}
    for role in CAST:
        for source, event in _story(role, now, Random(f"{chance.random()}")):  # noqa: S311
            stories[source].append(event)
    for name, label, area in SOURCES:
        register_source(ctx, name, label, area, now)
        known = ingest_store.lock_source(ctx.db, name)
        identities.save_identities(ctx.db, known.id, ((handle, ids[handle], None) for handle in ids), now)
        record_events(ctx, name, sorted(stories[name], key=lambda event: event.occurred_at), now)
    for role in CAST:
        if role.linked_to:
            link_by_operator(ctx, ids[role.linked_to], ids[role.handle], now)
            if role.silent:
                silence_by_operator(ctx, ids[role.handle], True, now)
    people_index.refresh(ctx, ids.values())


def _verify_organization(ctx: Context, now: int) -> None:
    """The organization, with its domain verified by the operator's word (S76)."""
    slug, name, domain = ORGANIZATION
    domain_id = accounts.domain_id_of(ctx.db, domain)
    organization_id = store.save_organization(ctx.db, slug, name, domain_id, now)
    policy.append_change(ctx.db, "domain", f"domain:{domain_id}", now, value=organization_id)


def _add_account(ctx: Context, role: Role, now: int, chance: Random) -> int:
    joined = now - role.joined_days * _DAY
    values: dict[str, object] = {
        "public_id": f"{chance.getrandbits(80):020x}", "handle": role.handle, "public_name": role.handle,
        "full_name": role.name, "state": State.UNCLAIMED.value, "member_since": joined, "private": role.private,
        "keep_name": role.keep_name, **role.record,
        "links": links.dump_links([links.Link(url, label) for url, label in role.links]),
        "products": json.dumps(role.products, ensure_ascii=False) if role.products else None,
    }  # fmt: skip
    if role.email:
        address = emails.parse(role.email)
        values |= {
            "email": address.email, "email_key": address.key, "email_verified_at": joined,
            "domain_id": accounts.domain_id_of(ctx.db, address.domain), "state": State.ACTIVE.value,
            "password_hash": passwords.hash_password(PASSWORD), "terms_version": signup.terms_version(ctx),
            "terms_at": joined,
        }  # fmt: skip
    account_id = accounts.insert(ctx.db, now, **values, **_choices(ctx, role))
    if account_id is None or not accounts.add_handle(ctx.db, role.handle, account_id, now):
        raise Refused("rule_demo_is_apart", f"The handle {role.handle} was taken before.")
    if role.private:
        audit.record(ctx.db, "privacy:edit", now, subject_id=account_id, private=True, keep_name=role.keep_name)
    if role.picture:
        key = f"{chance.getrandbits(128):032x}"
        records.replace_avatar(ctx.db, account_id, key, draw_picture(chance), now)
        store.wear_avatar(ctx.db, account_id, key)
    return account_id


def _choices(ctx: Context, role: Role) -> dict[str, int]:
    """The columns of the member's choices: every field of the record at one level, where the code leaves a choice."""
    if not role.level:
        return {}
    gate = ctx.gate()
    chosen = gate.record_mask
    if not role.email.endswith(f"@{ORGANIZATION[2]}"):
        chosen &= ~(1 << gate.bit["full_name"])     # S81
    return {
        "chosen": chosen, "chosen_anyone": chosen if role.level == "anyone" else 0,
        "chosen_org": chosen if role.level != "only_you" else 0,
    }  # fmt: skip


def _story(role: Role, now: int, chance: Random) -> Iterator[tuple[str, Event]]:
    """What a member did: (source, event), with enough of it in the last 53 weeks for the heatmap."""
    start = now - max(role.joined_days - 1, 0) * _DAY
    counted = 0

    def when() -> int:
        """Mostly in the last year, more on some days of the week than on others."""
        span = min(_YEAR, role.joined_days) if chance.random() < 0.8 else role.joined_days
        at = now - int(chance.betavariate(1, 1.4) * span) * _DAY
        at -= (at // _DAY + 4) % 7 // 5 * 2 * _DAY if chance.random() < 0.7 else 0  # from week-ends to working days
        return max(start, at - at % _DAY + chance.randint(7, 21) * 3600 + chance.randint(0, 3599)) - _DAY

    def event(kind: K, title: str, about: str = "", by: str = "") -> Event:
        nonlocal counted
        counted += 1
        name = f"{role.handle}-{counted}"
        url = f"https://forum.example/t/{name}" if kind in _POSTS else ""
        return Event(name, role.handle, kind, when(), about or name, title, url, by)

    for kind, count, titles in (
        (K.QUESTION, role.questions, TITLES), (K.ANSWER, role.answers, TITLES), (K.ARTICLE, role.articles, ARTICLES),
        (K.ACCEPTED_SOLUTION, role.accepted, TITLES), (K.DISCUSSION, role.discussions, TITLES),
        (K.COMMENT, role.comments, TITLES),
    ):  # fmt: skip
        for _ in range(count):
            yield "forum", event(kind, chance.choice(titles))
    own = {role.handle, role.linked_to or role.handle}
    others = [other.handle for other in CAST if other.handle not in own and other.linked_to not in own]
    for _ in range(role.likes):
        yield "forum", event(K.LIKE_RECEIVED, chance.choice(TITLES), by=chance.choice(others))
    for number in range(role.kudos):
        yield "forum", event(K.KUDOS, KUDOS[number % len(KUDOS)], by=chance.choice(others))
    for title in role.learned:
        yield "learning", event(K.COURSE_COMPLETED, title, _slug(title))
    for held, title in role.held:
        source = "learning" if held in _LEARNED else "forum"
        yield source, event(_LEARNED.get(held) or _FORUM[held], title, _slug(title))
    for number in range(role.attended):
        yield "events", event(K.EVENT_ATTENDED, EVENTS[number % len(EVENTS)])


_POSTS = frozenset({K.QUESTION, K.ANSWER, K.ARTICLE, K.ACCEPTED_SOLUTION, K.DISCUSSION, K.COMMENT})


def _slug(title: str) -> str:
    return "-".join(title.lower().replace(",", "").split())
