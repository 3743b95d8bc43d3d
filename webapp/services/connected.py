"""The apps that an account let in: what each may see, since when, last used, taking it back (S84), and how they see it.

Giving a consent is in consent.py, registering apps in apps.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from policies.errors import NotFound
from policies.terms import Viewer
from webapp.services import grants
from webapp.services.app_views import Looker, looker_of, mask_of, work_of
from webapp.services.consent import owner_words
from webapp.services.context import Context, at_one_moment
from webapp.services.opening import OpenProfile, open_profile
from webapp.services.profiles import view_opened
from webapp.services.sessions import Session
from webapp.services.views import ProfileView
from webapp.store import apps as app_store
from webapp.store import grants as store


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """One consent. `fields`: the labels of hidden fields that it was given; `used_at`: to the minute.

    is_idle: it may not be used now, because whoever stands behind it is gone
    """

    client_id: str
    name: str
    kind: str
    audience: str
    by: str
    by_url: str
    reads_others: bool
    reads_me: bool
    writes: bool
    fields: tuple[str, ...]
    since: int
    used_at: int | None
    is_disabled: bool
    is_idle: bool


def list_connected(ctx: Context, account_id: int) -> tuple[ConnectedApp, ...]:
    """The consents of an account, the latest first."""
    found = store.list_of_account(ctx.db, account_id)
    ids = [grant.app_id for grant in found]
    apps, usable = app_store.load_some(ctx.db, ids), app_store.usable_among(ctx.db, ids)
    gate = ctx.gate() if found else None
    listed = []
    for grant in found:
        app = apps.get(grant.app_id)
        if app is None or gate is None:
            continue
        by, by_url = owner_words(ctx, app)
        scopes = set(grant.scopes.split()) & set(app.scopes.split())
        ticked = grant.ticked & app.fields if "me:read" in scopes else 0
        listed.append(ConnectedApp(
            client_id=app.client_id, name=app.name, kind=app.type, audience=app.organization or "Anyone", by=by,
            by_url=by_url, reads_others="profiles:read" in scopes, reads_me="me:read" in scopes,
            writes="activities:write" in scopes and app.source_id is not None,
            fields=tuple([f.label for f in gate.fields if ticked >> gate.bit.get(f.name, 63) & 1]),
            since=grant.created_at, used_at=grant.used_at, is_disabled=app.disabled_at is not None,
            is_idle=app.id not in usable,
        ))
    return tuple(listed)


def disconnect(ctx: Context, session: Session, client_id: str, now: int) -> None:
    """Take the consent back; it holds from the next request on. Errors: NotFound if there is none."""
    app = app_store.find(ctx.db, client_id) if len(client_id) <= 100 and "\0" not in client_id else None
    if app is None or not grants.revoke(ctx, session.account_id, app.id, now):
        raise NotFound


def lookers(ctx: Context, account_id: int) -> tuple[tuple[str, str, Looker], ...]:
    """(client id, name, who it looks as) of every connected app that may be used now, by name."""
    found = []
    for grant in store.list_of_account(ctx.db, account_id):
        app = app_store.load_usable(ctx.db, grant.app_id)
        if app is not None:
            bearer = grants.bearer_of(app, grant)
            found.append((app.client_id, app.name, looker_of(ctx, bearer)))
    return tuple(sorted(found, key=lambda one: (one[1].casefold(), one[0])))


@at_one_moment
def view_as(ctx: Context, viewer: Viewer, looker: Looker, handle: str, now: int) -> ProfileView | None:
    """The own profile as somebody else or an app gets it; None where there is nothing to get, or it is not the own."""
    opened = open_profile(ctx, viewer, handle, now, as_viewer=looker.kind)
    if not isinstance(opened, OpenProfile) or not opened.is_preview:
        return None
    gate, group = opened.gate, opened.group
    work = [(member, work_of(gate, looker, group.subject(member))) for member, _ in opened.work]
    return view_opened(replace(
        opened, mask=mask_of(gate, looker, opened.subject), work=tuple([block for block in work if block[1]]),
    ))  # fmt: skip
