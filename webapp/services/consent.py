"""The consent of a member to an app: what the page shows, and writing it down (D16, D7, T3, T93). No HTTP here.

Every account consents for its own record alone, whatever it is linked to. What the app's type sees anyway is the gate's
answer; a hidden field is given by a box that starts unticked, and only where the owner could open it themselves.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from policies.errors import Conflict, NotFound, Refused
from policies.terms import ANONYMOUS, Field, Subject, Viewer
from policies.visibility import Gate, display_name
from webapp.services import mailer, oauth, sessions
from webapp.services.app_views import given_fields
from webapp.services.context import Context
from webapp.services.extras import typed_names, typed_words
from webapp.services.grants import open_to_ticks
from webapp.services.links import load_links
from webapp.services.notes import LIVE, avatar_view
from webapp.services.oauth import Client
from webapp.services.sessions import Session
from webapp.services.views import AvatarView
from webapp.store import accounts, audit, profiles
from webapp.store import apps as app_store
from webapp.store import grants as store
from webapp.store.apps import App
from webapp.store.profiles import Group, Values

ICONS = {
    "avatar": "photo", "full_name": "user", "job_title": "case", "department": "tree", "organization": "building",
    "location": "pin", "timezone": "clock", "email": "mail", "bio": "article", "links": "link", "products": "star",
}
#: Of an own record nobody but its owner ever gets these.
NEVER = ("Linked accounts", "How you log in")


@dataclass(frozen=True, slots=True)
class Asked:
    """What an app asks for, checked: the address is its own, the scopes are among its own, the challenge is S256."""

    client: Client
    scopes: str
    redirect_uri: str
    challenge: str

    def wants(self, scope: str) -> bool:
        return scope in self.scopes.split()


@dataclass(frozen=True, slots=True)
class SharedField:
    """A field of the member's own record as the app would get it."""

    field: str
    label: str
    value: str
    icon: str
    is_ticked: bool = False


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """The page; `mark` stands for all that it says, `offered` are the hidden fields with their boxes."""

    app: str
    seed: str
    by: str
    by_url: str
    about: str
    website: str
    is_organization_app: bool
    returns_to: str
    handle: str
    name: str
    avatar: AvatarView
    avatar_shown: bool
    audience: str
    reads_others: bool
    reads_me: bool
    writes: bool
    visible: tuple[SharedField, ...]
    offered: tuple[SharedField, ...]
    kept: tuple[str, ...]
    is_private: bool
    mark: str


@dataclass(frozen=True, slots=True)
class _Own:
    """The consenting account's own record with the two masks that the page is made of."""

    group: Group
    gate: Gate
    subject: Subject
    values: Values
    words: Mapping[str, str]
    visible: int
    offered: int


def type_viewer(client: Client | App) -> Viewer:
    """Who an app is to the gate by its type: nobody, or a colleague in the organization that installed it."""
    return ANONYMOUS if client.organization_id is None else Viewer(organizations=frozenset({client.organization_id}))


def open_page(ctx: Context, session: Session, asked: Asked) -> ConsentPage:
    """The page for the account that is logged in. Errors: Refused (rule_verified_address) (T3)."""
    _require_verified(ctx, session.account_id)
    own = _own(ctx, session.account_id, asked.client)
    app = app_store.load(ctx.db, asked.client.id)
    if app is None:
        raise NotFound
    grant = store.load_grant(ctx.db, app.id, session.account_id)
    ticked = grant.ticked if grant else 0
    name = display_name(own.values.full_name if _shows(own.gate, own.visible, "full_name") else None,
                        own.values.public_name)
    by, by_url = owner_words(ctx, app)
    fields = [field for field in own.gate.fields if field.name in own.gate.bit and not field.section]
    reads_me = asked.wants("me:read")

    def some(bits: int) -> tuple[SharedField, ...]:
        if not reads_me:
            return ()
        return tuple([
            SharedField(field.name, field.label, _words(own, field), ICONS.get(field.name, "info"),
                        bool(ticked >> own.gate.bit[field.name] & 1))
            for field in fields if bits >> own.gate.bit[field.name] & 1
        ])  # fmt: skip

    offered = own.offered if reads_me else 0
    shown = own.visible if reads_me else 0
    hidden = [field.label for field in fields if not (offered | shown) >> own.gate.bit[field.name] & 1]
    said = ("avatar",) if own.values.full_name != name else ("avatar", "full_name")      # these have their own row
    visible = tuple([one for one in some(own.visible) if one.value and one.field not in said])
    return ConsentPage(
        app=app.name, seed=app.client_id, by=by, by_url=by_url, about=app.about, website=app.website,
        is_organization_app=app.organization_id is not None, returns_to=_host(asked.redirect_uri),
        handle=own.group.asked.handle, name=name, avatar=avatar_view(name, own.values.avatar),
        avatar_shown=reads_me and _shows(own.gate, own.visible, "avatar"),
        audience=app.organization or "Anyone", reads_others=asked.wants("profiles:read"), reads_me=reads_me,
        writes=asked.wants("activities:write"), visible=visible, offered=some(own.offered),
        kept=(*hidden, *NEVER), is_private=own.subject.private, mark=_mark(ctx, session, asked, own),
    )  # fmt: skip


def covers(ctx: Context, session: Session, asked: Asked) -> bool:
    """Whether the member allowed this app all of this before, so that the page need not be shown again (T93).

    A public client is always asked for: anybody can claim to be it.
    """
    _require_verified(ctx, session.account_id)
    if asked.client.is_public:
        return False
    grant = store.load_grant(ctx.db, asked.client.id, session.account_id)
    if grant is None or not set(asked.scopes.split()) <= set(grant.scopes.split()):
        return False
    return not asked.wants("me:read") or not asked.client.fields & ~grant.asked


def go_on(ctx: Context, session: Session, asked: Asked, now: int) -> str:
    """A code on the consent that there is. Errors: Conflict if it has just ended."""
    with ctx.db.transaction():
        grant = store.load_grant(ctx.db, asked.client.id, session.account_id)
        if grant is None or not store.lock(ctx.db, grant.id) or not covers(ctx, session, asked):
            raise Conflict("Your consent has ended in the meantime.", "Look again and decide.")
        sessions.require_live(ctx, session)
        return oauth.issue_code(
            ctx, asked.client, grant.id, asked.scopes, asked.redirect_uri, asked.challenge, now)


def allow(ctx: Context, session: Session, asked: Asked, ticks: Collection[str], mark: str, now: int) -> str:
    """Write the consent down with the ticked fields, tell its owner by mail, and return a code for the app.

    Errors: Refused (rule_verified_address; rule_live_session; rule_offered_field for a box that the page did not hold);
    Conflict if the page no longer says what holds.
    """
    me, app_id = session.account_id, asked.client.id
    with ctx.db.transaction():
        accounts.lock(ctx.db, me)
        account = _require_verified(ctx, me)
        sessions.require_live(ctx, session)
        own = _own(ctx, me, asked.client)
        if not hmac.compare_digest(mark, _mark(ctx, session, asked, own)):
            raise Conflict("Something changed while this page was open.", "What holds now is shown. Decide again.")
        offered = own.offered if asked.wants("me:read") else 0
        bits = {name: 1 << own.gate.bit[name] for name in ticks if name in own.gate.bit}
        if len(bits) != len(set(ticks)) or any(not bit & offered for bit in bits.values()):
            raise Refused("rule_offered_field", "This field was not offered to the app.")
        before = store.load_grant(ctx.db, app_id, me)
        given = sum(bits.values())
        kept, had = (before.ticked, before.scopes.split()) if before else (0, [])
        scopes = [one for one in asked.client.scopes if one in had or asked.wants(one)]
        ticked = kept & ~offered | given
        seen = (before.asked if before else 0) | (asked.client.fields if asked.wants("me:read") else 0)
        grant_id = store.save_grant(ctx.db, app_id, me, now, " ".join(scopes), seen, ticked)
        labels = [field.label for field in own.gate.fields if ticked >> own.gate.bit.get(field.name, 63) & 1]
        audit.record(
            ctx.db, "app:consent", now, actor_id=me, subject_id=me, app=app_id, scopes=scopes, fields=sorted(bits))
        if before is None or set(scopes) - set(had) or ticked & ~kept:
            mailer.queue(
                ctx, account.email or "", "app_connected", now, handle=account.handle, app=asked.client.name,
                scopes=scopes, fields=labels, link=mailer.link(ctx, "/settings/apps"),
            )
        return oauth.issue_code(ctx, asked.client, grant_id, asked.scopes, asked.redirect_uri, asked.challenge, now)


def owner_words(ctx: Context, app: App) -> tuple[str, str]:
    """Who stands behind an app, as Anyone sees them, and their page; "a member" where it is private or gone (T54)."""
    if app.organization is not None:
        return app.organization, ""
    group = profiles.load_group_of(ctx.db, app.owner_id) if app.owner_id is not None else None
    if group is None:
        return "a member", ""
    gate = ctx.gate(group.version)
    subject, face = group.subject(group.asked), group.asked if group.asked.silent else group.primary
    if subject.private or group.asked.state != "active" or face.state not in LIVE:
        return "a member", ""
    shown = ("full_name",) if _shows(gate, gate.mask(ANONYMOUS, subject), "full_name") else ()
    values = profiles.load_values(ctx.db, group.asked.id, shown)[0]
    name = display_name(values.full_name, values.public_name)
    return f"{name} (@{group.asked.handle})", f"/u/{group.asked.handle}"


def _own(ctx: Context, account_id: int, client: Client) -> _Own:
    group = profiles.load_group_of(ctx.db, account_id)
    if group is None:
        raise NotFound
    gate = ctx.gate(group.version)
    subject = group.subject(group.asked)
    given = sum(1 << gate.bit[field.name] for field in given_fields(gate))
    visible = gate.mask(type_viewer(client), subject) & given
    offered = client.fields & ~visible & open_to_ticks(gate, subject) & given
    values = profiles.load_values(ctx.db, account_id, profiles.COLUMNS)[0]
    words = typed_words(ctx, account_id, typed_names(ctx))
    return _Own(group, gate, subject, values, words, visible, offered)


def _require_verified(ctx: Context, account_id: int) -> accounts.Login:
    account = accounts.load(ctx.db, account_id)
    if account is None or not account.may_log_in:
        raise Refused("rule_verified_address", "Your address is not verified yet.", "Open the link in our mail first.")
    return account


def _mark(ctx: Context, session: Session, asked: Asked, own: _Own) -> str:
    """Stands for what the page says to this session: another scope, address, field or level makes another (T93)."""
    said = [
        session.session_id, session.account_id, asked.client.client_id, asked.client.name, asked.scopes,
        asked.redirect_uri, asked.challenge, own.visible, own.offered,
    ]
    return hmac.new(ctx.site.secret_key.encode(), json.dumps(said).encode(), hashlib.sha256).hexdigest()


def _shows(gate: Gate, mask: int, name: str) -> bool:
    return bool(mask >> gate.bit[name] & 1)


def _words(own: _Own, field: Field) -> str:
    """The owner's own value in one line."""
    raw = own.words.get(field.name) if field.typed else getattr(own.values, field.name, None)
    if not raw:
        return ""
    if field.name == "avatar":
        return "Your picture"
    if field.name == "links":
        return ", ".join(f"{link.label} ({link.url})" if link.label else link.url for link in load_links(raw))
    text = ", ".join(json.loads(raw)) if field.name == "products" else " ".join(str(raw).split())
    return text if len(text) <= 120 else text[:119] + "…"


def _host(uri: str) -> str:
    return uri.split("/")[2]
