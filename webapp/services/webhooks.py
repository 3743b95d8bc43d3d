"""Telling apps that what they see of an account changed: who is told where, and when. Ids only; sent by webhook_send.

An app is told about accounts that consented to it, and an organization app about its organization's members, only if
that app's own view is another than before: views are compared, not versions, so a hidden change tells nothing (T55).
Closed, deactivated, hidden whole and a consent taken back are one event, and after the last of them there is no other.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from policies.errors import Invalid, NotFound
from policies.terms import ANONYMOUS, Viewer
from webapp.services import apps
from webapp.services.api_profiles import profile_of
from webapp.services.api_users import user_json
from webapp.services.app_views import READ_ME, Looker
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.services.webhook_send import signing_key
from webapp.store import apps as app_store
from webapp.store import audit
from webapp.store import webhooks as store
from webapp.store.webhooks import Hook, Watched

URL_LIMIT = 500
#: Accounts looked at for one app at a time.
BATCH = 200
CHANGED, UNAVAILABLE = "profile.changed", "account.unavailable"


@dataclass(frozen=True, slots=True)
class HookView:
    """A webhook as the app's owner sees it; never its key."""

    client_id: str
    app: str
    url: str
    sent_at: int | None
    failed: str


def view(ctx: Context, session: Session, client_id: str, slug: str = "") -> HookView:
    """The webhook of an app that the session may change; an empty address where there is none. Errors: NotFound."""
    app = apps.open_app(ctx, session, client_id, slug)
    hook = store.load(ctx.db, _number(ctx, client_id))
    if hook is None:
        return HookView(client_id, app.name, "", None, "")
    return HookView(client_id, app.name, hook.url, hook.sent_at, hook.failed)


def register(ctx: Context, session: Session, client_id: str, url: str, now: int, slug: str = "") -> str:
    """Tell the app at this address from now on; the signing key, shown this once. Errors: NotFound; Invalid."""
    apps.open_app(ctx, session, client_id, slug)
    address, salt = check_url(url.strip()), secrets.token_hex(16)
    with ctx.db.transaction():
        number = _number(ctx, client_id)
        store.save(ctx.db, number, address, salt, now)
        audit.record(ctx.db, "app:webhook", now, actor_id=session.account_id, app=number)
    return signing_key(ctx, salt)


def remove(ctx: Context, session: Session, client_id: str, now: int, slug: str = "") -> None:
    """Tell the app nothing any more. Errors: NotFound."""
    apps.open_app(ctx, session, client_id, slug)
    with ctx.db.transaction():
        number = _number(ctx, client_id)
        if store.remove(ctx.db, number):
            audit.record(ctx.db, "app:webhook_end", now, actor_id=session.account_id, app=number)


def check_url(url: str) -> str:
    """An https address by name, without password or fragment. Where it leads is looked at when it is used (T76)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid({"url": "This is not a web address."}) from None
    host = parts.hostname or ""
    if len(url) > URL_LIMIT or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Invalid({"url": f"Write an address of up to {URL_LIMIT} plain characters."})
    if parts.scheme != "https" or "." not in host or host.replace(".", "").isdigit() or ":" in host:
        raise Invalid({"url": "Write an https address with a host name, like https://app.example/hooks."})
    if "@" in parts.netloc or parts.fragment or port == 0:
        raise Invalid({"url": "Leave out user names, passwords and what stands after a #."})
    return url


def notice(ctx: Context, now: int) -> int:
    """Look at what moved since the last time, for every webhook; how many events that makes."""
    made = 0
    for hook in store.load_live(ctx.db):
        moved = store.load_moved(ctx.db, hook, BATCH)
        if moved:
            made += _tell(ctx, hook, moved, now)
    return made


def _tell(ctx: Context, hook: Hook, moved: list[Watched], now: int) -> int:
    seen: list[tuple[int, str, str | None]] = []
    events: list[tuple[str, str, str]] = []
    over = [account.account_id for account in moved if not account.is_told]
    for account in moved:
        digest = _digest(ctx, hook, account, now) if account.is_told else None
        seen.append((account.account_id, account.stamp, digest))
        if account.seen is not None and digest != account.digest:
            event = UNAVAILABLE if digest is None else CHANGED
            events.append((secrets.token_hex(16), event, account.public_id))
    with ctx.db.transaction():
        store.save_seen(ctx.db, hook.app_id, seen)
        store.forget(ctx.db, hook.app_id, over)
        store.add_deliveries(ctx.db, hook.app_id, events, now)
    return len(events)


def _digest(ctx: Context, hook: Hook, account: Watched, now: int) -> str | None:
    """What the app gets of the account now, as a digest; None where it gets nothing."""
    kind = ANONYMOUS
    if hook.type == "organization" and hook.organization_id is not None:
        kind = Viewer(organizations=frozenset({hook.organization_id}))
    looker = Looker(kind, kind)
    if account.scopes is not None:      # as with the token of that member's consent
        may = READ_ME in account.scopes.split() and READ_ME in hook.scopes.split()
        ticked = account.ticked & hook.fields if may else 0
        looker = Looker(kind, kind, Viewer(account.account_id, account.account_id), ticked)
    record = user_json(ctx, looker, account.public_id)
    if record is None:
        return None
    found: list[object] = [record]
    url = str(record.get("profileUrl", ""))
    if url:
        handle = url.rpartition("/")[2]
        found.append(profile_of(ctx, Looker(kind, kind), handle, now))
        if looker.ticked:       # some fields stand on the profile only
            found.append(profile_of(ctx, looker, handle, now))
    return hashlib.sha256(json.dumps(found, sort_keys=True, default=str).encode()).hexdigest()


def _number(ctx: Context, client_id: str) -> int:
    app = app_store.find(ctx.db, client_id)
    if app is None:
        raise NotFound
    return app.id
