"""Settings > Connected apps: which apps the account let in, what each may see now, since when, last used (S84)."""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import NotFound
from webapp.services import grants
from webapp.services.consent import owner_words
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.store import apps as app_store
from webapp.store import grants as store


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """One consent. `fields`: the labels of hidden fields that it was given; `used_at`: to the minute."""

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


def list_connected(ctx: Context, account_id: int) -> tuple[ConnectedApp, ...]:
    """The consents of an account, the latest first."""
    found = store.list_of_account(ctx.db, account_id)
    apps = app_store.load_some(ctx.db, [grant.app_id for grant in found])
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
        ))
    return tuple(listed)


def disconnect(ctx: Context, session: Session, client_id: str, now: int) -> None:
    """Take the consent back; it holds from the next request on. Errors: NotFound if there is none."""
    app = app_store.find(ctx.db, client_id) if len(client_id) <= 100 and "\0" not in client_id else None
    if app is None or not grants.revoke(ctx, session.account_id, app.id, now):
        raise NotFound
