"""Badges that their owner published as credentials: who may, what is served, what holds at this moment.

A credential is served only while Anyone may see its badge, decided anew by the gate whenever it or its status is asked
for: unpublished, lost, hidden, private and never there are one answer. Revocation is for good: what a status list told
as revoked once never holds again; where the badge shows again, a new credential takes its place. How it looks is a
plugin's (register_credentials).
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policies.errors import NotFound, Unavailable
from policies.extending import Issuer, PublishedBadge, StatusList
from policies.terms import ANONYMOUS, Relation, Viewer
from webapp.services import issuer_key, sessions
from webapp.services.badges import view_badges
from webapp.services.context import Context
from webapp.services.opening import OpenProfile, open_profile
from webapp.services.sessions import Session
from webapp.services.views import BadgesPage
from webapp.store import accounts, audit
from webapp.store import credentials as store

#: Status lists that are answered for; a list that nobody is in says so of every place.
LISTS = 100_000
#: A status list names the start of its minute, so that two answers in it are the same bytes.
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Switch:
    """A badge on its owner's page. `title`: "" where it is published and nobody may see it any more."""

    badge: str
    title: str
    is_published: bool
    url: str


@dataclass(frozen=True, slots=True)
class _Earned:
    title: str
    why: str
    kind: str
    at: int | None


_GONE = _Earned("", "", "", None)


def switches(ctx: Context, viewer: Viewer, handle: str, now: int) -> tuple[Switch, ...]:
    """For the owner: every badge that Anyone may see, and what else is published. Nothing for anybody else."""
    if viewer == ANONYMOUS:
        return ()
    opened = _own(ctx, viewer, handle, now)
    if opened is None or not ctx.manager.has_credentials:
        return ()
    found, published = _shown(ctx, opened.face.id, handle, now), store.load(ctx.db, opened.face.id)
    gone = {badge: _GONE for badge in published if badge not in found}
    return tuple(_switch(handle, badge, one, badge in published) for badge, one in (found | gone).items())


def set_published(ctx: Context, session: Session, handle: str, badge: str, on: bool, now: int) -> Switch:
    """Publish a badge or end that; once more changes nothing.

    Errors: NotFound for everybody but the owner (a managed account's session of the group is none, D7), and for a badge
    that Anyone may not see; Refused (rule_live_session).
    """
    viewer = session.viewer
    with ctx.db.transaction():
        accounts.lock(ctx.db, session.account_id)
        sessions.require_live(ctx, session)
        opened = _own(ctx, viewer, handle, now)
        if opened is None or not ctx.manager.has_credentials:
            raise NotFound
        account_id, handle = opened.face.id, opened.face.handle
        found = _shown(ctx, account_id, handle, now).get(badge)
        is_published = badge in store.load(ctx.db, account_id)
        if found is None and not is_published:
            raise NotFound
        if on and found is not None and not is_published:
            if _add(ctx, account_id, badge, now):
                _note(ctx, viewer, account_id, "badge:publish", badge, now)
        elif not on and store.end(ctx.db, account_id, badge, now):
            _note(ctx, viewer, account_id, "badge:unpublish", badge, now)
    return _switch(handle, badge, found or _GONE, on and found is not None)


def credential(ctx: Context, handle: str, badge: str, now: int) -> str | None:
    """The signed credential; None unless it is published and Anyone may see the badge now (T53).

    One that a status list told as revoked is replaced by a new one first, with an id and a place of its own.
    """
    ctx.gate()
    opened = open_profile(ctx, ANONYMOUS, handle, now)
    if not isinstance(opened, OpenProfile):
        return None
    row = store.load(ctx.db, opened.face.id).get(badge)
    earned = _shown(ctx, opened.face.id, handle, now).get(badge)
    if row is not None and earned is not None and row.revoked_at is not None:
        row = _renew(ctx, opened.face.id, badge, now)
    if row is None or earned is None:
        return None
    base = ctx.site.base_url
    page = f"{base}/u/{opened.face.handle}"
    return _signed(ctx, PublishedBadge(
        id=f"urn:uuid:{row.key}", achievement=f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{base}/badges/{badge}')}",
        name=earned.title, why=earned.why, kind=earned.kind, holder=page, url=f"{page}/badges",
        published_at=row.published_at, earned_at=earned.at, status_url=f"{base}/credentials/status/{row.list}",
        status_place=row.place,
    ))  # fmt: skip


def status_list(ctx: Context, number: int, now: int) -> str | None:
    """A signed status list; every place is "does not hold" but those of credentials that are served now.

    What it tells as revoked is noted, and stays so. Errors: Unavailable while a plugin that failed hides what nobody
    decided to hide, for that must not end credentials for good.
    """
    ctx.gate()
    if number >= LISTS or not ctx.manager.has_credentials:
        return None
    failures = ctx.manager.failures
    bits = bytearray(b"\xff" * (store.PLACES // 8))
    shown: dict[int, dict[str, _Earned]] = {}
    gone: list[str] = []
    for handle, row in store.load_list(ctx.db, number):
        if row.account_id not in shown:
            shown[row.account_id] = _shown(ctx, row.account_id, handle, now)
        if row.badge in shown[row.account_id]:
            bits[row.place // 8] &= ~(0x80 >> row.place % 8)
        else:
            gone.append(row.key)
    if ctx.manager.failures != failures or ctx.manager.is_impaired:
        raise Unavailable("The status of credentials cannot be told at the moment.", "Ask again later.")
    if gone:
        with ctx.db.transaction():
            store.revoke(ctx.db, gone, now)
    url = f"{ctx.site.base_url}/credentials/status/{number}"
    return _signed(ctx, StatusList(url, bytes(bits), now - now % _MINUTE))


def issuer_document(ctx: Context) -> dict[str, Any] | None:
    """The DID document of the site; None where no plugin issues anything."""
    ctx.gate()
    return issuer_key.document(ctx) if ctx.manager.has_credentials else None


def _add(ctx: Context, account_id: int, badge: str, now: int) -> bool:
    """A credential at a place nobody had; False where the badge was published in another window at that moment."""
    while not store.add(
        ctx.db, str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)), account_id, badge,
        store.last_list(ctx.db), secrets.randbelow(store.PLACES), now,
    ):
        if badge in store.load(ctx.db, account_id):
            return False
    return True


def _renew(ctx: Context, account_id: int, badge: str, now: int) -> store.Published | None:
    """Another credential for one that was told as revoked, as long as its badge is published."""
    with ctx.db.transaction():
        row = store.load(ctx.db, account_id).get(badge)
        if row is not None and row.revoked_at is not None:
            store.end(ctx.db, account_id, badge, now)
            _add(ctx, account_id, badge, now)
        return store.load(ctx.db, account_id).get(badge)


def _signed(ctx: Context, about: PublishedBadge | StatusList) -> str | None:
    claims = ctx.manager.claims(about, Issuer(issuer_key.did(ctx), ctx.site_name, ctx.site.base_url))
    return None if claims is None else issuer_key.sign(ctx, claims)


def _own(ctx: Context, viewer: Viewer, handle: str, now: int) -> OpenProfile | None:
    opened = open_profile(ctx, viewer, handle, now)
    is_own = isinstance(opened, OpenProfile) and opened.relation is Relation.OWNER
    return opened if is_own and isinstance(opened, OpenProfile) else None


def _shown(ctx: Context, account_id: int, handle: str, now: int) -> dict[str, _Earned]:
    """The badges that Anyone may see on the account's own page, by the name they have in addresses."""
    opened = open_profile(ctx, ANONYMOUS, handle, now)
    if not isinstance(opened, OpenProfile) or opened.face.id != account_id:
        return {}
    page = view_badges(ctx, ANONYMOUS, handle, now)
    return dict(_earned(page)) if isinstance(page, BadgesPage) else {}


def _earned(page: BadgesPage) -> Iterator[tuple[str, _Earned]]:
    for shelf in page.shelves:
        for gem in shelf.gems:
            if gem.earned:
                words = f"{gem.value:,} {shelf.singular if gem.value == 1 else shelf.plural}"
                yield f"{gem.metric}-{gem.value}", _Earned(words, f"For {words}.", "milestone", gem.at)
    for kind, items in (
        ("certification", page.certifications), ("course", page.courses), ("badge", page.badges),
    ):  # fmt: skip
        for held in items:
            digest = hashlib.sha256(f"{kind}:{held.item}".encode()).hexdigest()[:20]
            why = f"{held.title}, given by {held.source}." if held.source else f"{held.title}."
            yield f"{kind}-{digest}", _Earned(held.title, why, kind, held.at)


def _switch(handle: str, badge: str, earned: _Earned, is_published: bool) -> Switch:
    return Switch(badge, earned.title, is_published, f"/u/{handle}/badges/{badge}/credential")


def _note(ctx: Context, viewer: Viewer, account_id: int, event: str, badge: str, now: int) -> None:
    audit.record(ctx.db, event, now, actor_id=viewer.account_id, subject_id=account_id, badge=badge)
