"""Registering apps: members their community apps, admins those of their organization; secrets, switching off, removal.

Secrets are shown once, by the verb that makes them, and kept as SHA-256. Consents are in consent.py and grants.py.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from policies.errors import Invalid, NotFound
from webapp.services import admins, texts, tokens
from webapp.services.app_views import given_fields
from webapp.services.consent import owner_words
from webapp.services.context import Context
from webapp.services.grants import SCOPES
from webapp.services.sessions import Session
from webapp.store import accounts, audit
from webapp.store import apps as store
from webapp.store.apps import App

APPS_LIMIT = 20
REDIRECTS_LIMIT = 10
URI_LIMIT = 500
ABOUT_LIMIT = 200
#: What its owner may let an app ask for. Writing activity hangs on a source, which a site admin gives.
OWNERS_SCOPES = SCOPES[:2]
_LIKE_ADDRESS = re.compile(r"://|www\.|\w\.[a-z]{2,}(\W|$)", re.IGNORECASE)
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE)
_LOOPBACK = re.compile(r"(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?", re.IGNORECASE)
_URI = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()+,;=%-]+")


@dataclass(frozen=True, slots=True)
class AppForm:
    """What an owner types about an app. `redirects`: one address a line; `fields`: names of fields it asks for."""

    name: str = ""
    about: str = ""
    website: str = ""
    redirects: str = ""
    scopes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class AppView:
    """An app as its owners and admins see it. Never a secret."""

    client_id: str
    name: str
    about: str
    website: str
    kind: str                   # "community" | "organization"
    by: str
    by_url: str
    scopes: tuple[str, ...]
    fields: tuple[str, ...]     # names
    labels: tuple[str, ...]     # of the fields
    redirects: tuple[str, ...]
    is_public: bool
    is_disabled: bool
    created_at: int
    members: int                # how many accounts let it in
    source_id: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A new app or a new secret: the only time that it is told. None: a public client has none."""

    client_id: str
    secret: str | None


def check_redirect(raw: str) -> str:
    """The problem with an address to return to, "" if there is none (T89). It is kept and compared as typed."""
    if len(raw) > URI_LIMIT:
        return f"This address is a little long. Take out {len(raw) - URI_LIMIT} characters."
    if "*" in raw:
        return "An address is compared as a whole: there are no wildcards."
    if "#" in raw:
        return "An address to return to has no #fragment."
    if not _URI.fullmatch(raw):
        return "Write the address in ASCII, without spaces; a foreign host name as punycode."
    try:
        parts = urlsplit(raw)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "This is not an address. Write it like https://app.example.com/back."
    if parts.scheme not in {"https", "http"} or not raw.startswith(("https://", "http://")) or not host:
        return "An address to return to starts with https://; with http:// on 127.0.0.1, [::1] or localhost only."
    if "@" in parts.netloc or parts.netloc.endswith(":"):
        return "Leave out the user name and password, and write a port or none."
    is_here = _LOOPBACK.fullmatch(parts.netloc) is not None
    if not is_here and parts.scheme == "http":
        return "Plain http:// works on 127.0.0.1, [::1] and localhost only. Use https://."
    if not is_here and not _HOST.fullmatch(host):
        return "This is not a host name. Write it like https://app.example.com/back."
    if any(part in {".", ".."} for part in re.sub("%2e", ".", parts.path, flags=re.IGNORECASE).split("/")):
        return "Write the path without . and .. steps."
    return ""


def register(ctx: Context, session: Session, form: AppForm, now: int, slug: str = "") -> Registered:
    """A new app: of the member, or with `slug` of the organization that the session administers.

    Errors: Invalid by field; NotFound for an organization that is not theirs.
    """
    organization = admins.open_organization(ctx, session, slug) if slug else None
    columns, uris = _check(ctx, form)
    secret = None if form.is_public else tokens.new_token()
    client_id = secrets.token_hex(12)
    with ctx.db.transaction():
        accounts.lock(ctx.db, session.account_id)
        count = (
            store.count_of_owner(ctx.db, session.account_id) if organization is None
            else store.count_of_organization(ctx.db, organization.id)
        )
        if count >= APPS_LIMIT:
            raise Invalid({"name": f"There are {APPS_LIMIT} apps already. Remove one first."})
        app_id = store.insert(
            ctx.db, now, client_id=client_id, type="community" if organization is None else "organization",
            organization_id=organization.id if organization else None, owner_id=session.account_id,
            secret_hash=tokens.digest(secret) if secret else None, **columns,
        )
        store.set_redirects(ctx.db, app_id, uris)
        audit.record(
            ctx.db, "app:register", now, actor_id=session.account_id, subject_id=session.account_id, app=app_id,
            organization_id=organization.id if organization else None,
        )
    return Registered(client_id, secret)


def change(ctx: Context, session: Session, client_id: str, form: AppForm, now: int, slug: str = "") -> None:
    """What an app says of itself and asks for. What it asks for anew is shown to each member again (T93).

    Whether it keeps a secret was said when it was registered. Errors: Invalid by field, NotFound.
    """
    columns, uris = _check(ctx, form)
    with ctx.db.transaction():
        app = _own(ctx, session, client_id, slug)
        if app.source_id is not None:
            columns["scopes"] = f"{columns['scopes']} activities:write"
        store.update(ctx.db, app.id, **columns)
        store.set_redirects(ctx.db, app.id, uris)
        _note(ctx, "app:change", app, session, now)


def new_secret(ctx: Context, session: Session, client_id: str, now: int, slug: str = "") -> Registered:
    """Another secret; the old one and every token of the app are dead at once. Errors: NotFound; Invalid."""
    secret = tokens.new_token()
    with ctx.db.transaction():
        app = _own(ctx, session, client_id, slug)
        if app.is_public:
            raise Invalid({"": "This app keeps no secret."})
        store.update(ctx.db, app.id, secret_hash=tokens.digest(secret))
        store.end_tokens(ctx.db, app.id)
        _note(ctx, "app:secret", app, session, now)
    return Registered(client_id, secret)


def remove(ctx: Context, session: Session, client_id: str, now: int, slug: str = "") -> None:
    """Take an app away with every consent and token. Errors: NotFound."""
    with ctx.db.transaction():
        app = _own(ctx, session, client_id, slug)
        store.delete(ctx.db, app.id)
        _note(ctx, "app:remove", app, session, now)


def set_enabled(ctx: Context, session: Session, client_id: str, enabled: bool, now: int) -> None:
    """A site admin switches an app off for everybody, or on again: its tokens fall silent, and are heard again (T94).

    Errors: NotFound, also for whoever is no site admin.
    """
    with ctx.db.transaction():
        app = _of_site(ctx, session, client_id)
        store.update(ctx.db, app.id, disabled_at=None if enabled else now)
        _note(ctx, "app:enable" if enabled else "app:disable", app, session, now)


def set_source(ctx: Context, session: Session, client_id: str, source_id: int | None, now: int) -> None:
    """A site admin lets an app write the activity of one source, or of none. Errors: NotFound."""
    with ctx.db.transaction():
        app = _of_site(ctx, session, client_id)
        if source_id is not None and source_id not in dict(store.sources(ctx.db)):
            raise NotFound("There is no such source.")
        scopes = [one for one in app.scopes.split() if one != "activities:write"]
        scopes += ["activities:write"] if source_id is not None else []
        store.update(ctx.db, app.id, source_id=source_id, scopes=" ".join(scopes))
        _note(ctx, "app:source", app, session, now, source=source_id)


# What is shown -------------------------------------------------------------------------------------------------------


def own_apps(ctx: Context, session: Session) -> tuple[AppView, ...]:
    """The community apps that the account registered."""
    return tuple([view_of(ctx, app) for app in store.list_of_owner(ctx.db, session.account_id)])


def organization_apps(ctx: Context, session: Session, slug: str) -> tuple[AppView, ...]:
    """The apps installed for an organization that the session administers. Errors: NotFound."""
    organization = admins.open_organization(ctx, session, slug)
    return tuple([view_of(ctx, app) for app in store.list_of_organization(ctx.db, organization.id)])


def all_apps(ctx: Context, after: int = 0, limit: int = 50) -> tuple[tuple[AppView, ...], int]:
    """A page of every app for site admins, the newest first; the second is where the next page goes on, 0: nowhere."""
    found = store.list_all(ctx.db, after, limit + 1)
    more = found[limit - 1].id if len(found) > limit else 0
    return tuple([view_of(ctx, app) for app in found[:limit]]), more


def open_app(ctx: Context, session: Session, client_id: str, slug: str = "") -> AppView:
    """One app of the account or organization. Errors: NotFound."""
    return view_of(ctx, _own(ctx, session, client_id, slug))


def sources(ctx: Context) -> list[tuple[int, str]]:
    """(id, label) of the sources that an app can be given."""
    return store.sources(ctx.db)


def askable(ctx: Context) -> tuple[tuple[str, str], ...]:
    """(name, label) of the record fields that an app can ask for: those with levels that members set."""
    return tuple([(field.name, field.label) for field in given_fields(ctx.gate())])


def view_of(ctx: Context, app: App) -> AppView:
    """An app as it is listed."""
    gate = ctx.gate()
    fields = [field for field in gate.fields if app.fields >> gate.bit.get(field.name, 63) & 1]
    by, by_url = owner_words(ctx, app)
    return AppView(
        client_id=app.client_id, name=app.name, about=app.about, website=app.website, kind=app.type, by=by,
        by_url=by_url, scopes=tuple(app.scopes.split()), fields=tuple([field.name for field in fields]),
        labels=tuple([field.label for field in fields]), redirects=store.redirects(ctx.db, app.id),
        is_public=app.is_public, is_disabled=app.disabled_at is not None, created_at=app.created_at,
        members=store.count_grants(ctx.db, app.id), source_id=app.source_id,
        source=dict(store.sources(ctx.db)).get(app.source_id, "") if app.source_id is not None else "",
    )


def _check(ctx: Context, form: AppForm) -> tuple[dict[str, str | int], Sequence[str]]:
    """The columns of what was typed, and the addresses. Errors: Invalid with every problem."""
    problems: dict[str, str] = {}
    name = about = website = ""
    try:
        name = texts.person_name("name", form.name, "app's name", required=True)
        if _LIKE_ADDRESS.search(name):
            problems["name"] = "The name looks like a web address. Choose one that is safe to show."
    except Invalid as error:
        problems |= error.errors
    try:
        about = texts.line("about", form.about, "sentence", ABOUT_LIMIT)
    except Invalid as error:
        problems |= error.errors
    website = form.website.strip()
    if website and (problem := check_redirect(website)):
        problems["website"] = problem
    uris = list(dict.fromkeys(line.strip() for line in form.redirects.splitlines() if line.strip()))
    if len(uris) > REDIRECTS_LIMIT:
        problems["redirects"] = f"Name up to {REDIRECTS_LIMIT} addresses."
    elif not uris:
        problems["redirects"] = "Name at least one address to return to."
    else:
        wrong = [f"{uri[:60]}: {problem}" for uri in uris if (problem := check_redirect(uri))]
        if wrong:
            problems["redirects"] = " ".join(wrong[:3])
    scopes = [scope for scope in OWNERS_SCOPES if scope in form.scopes]
    if not scopes or set(form.scopes) - set(OWNERS_SCOPES):
        problems["scopes"] = "Choose what the app may ask for."
    names = dict(askable(ctx))
    if set(form.fields) - set(names):
        problems["fields"] = "There is no such field."
    if problems:
        raise Invalid(problems)
    bit = ctx.gate().bit
    fields = sum(1 << bit[field] for field in set(form.fields)) if "me:read" in scopes else 0
    return {"name": name, "about": about, "website": website, "scopes": " ".join(scopes), "fields": fields}, uris


def _own(ctx: Context, session: Session, client_id: str, slug: str) -> App:
    app = store.find(ctx.db, client_id) if len(client_id) <= 100 and "\0" not in client_id else None
    if app is None:
        raise NotFound
    if slug:
        if admins.open_organization(ctx, session, slug).id != app.organization_id:
            raise NotFound
    elif app.organization_id is not None or app.owner_id != session.account_id:
        raise NotFound
    return app


def _of_site(ctx: Context, session: Session, client_id: str) -> App:
    app = store.find(ctx.db, client_id) if session.is_admin and len(client_id) <= 100 else None
    if app is None:
        raise NotFound
    return app


def _note(ctx: Context, event: str, app: App, session: Session, now: int, **detail: str | int | None) -> None:
    audit.record(
        ctx.db, event, now, actor_id=session.account_id, subject_id=app.owner_id, organization_id=app.organization_id,
        **{"app": app.id, **detail},
    )
