"""Codes and tokens of the OAuth server: who a client is, what a code or refresh token is worth, replay (T91, T92).

No HTTP and no parsing here: webapp/api/oauth.py does that with Authlib and asks these verbs. Each is one transaction; a
replay ends its family in a transaction that is committed, whatever is answered.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from webapp.services import tokens
from webapp.services.context import Context
from webapp.services.grants import SCOPES, AppType
from webapp.store import apps as app_store
from webapp.store import audit
from webapp.store import grants as store
from webapp.store.apps import App
from webapp.store.grants import Code as Code
from webapp.store.grants import Token as Token

#: Seconds that a code, an access token and all that came of one consent live at most.
CODE_LIFE = 60
ACCESS_LIFE = 3600
FAMILY_LIFE = 30 * 86_400
#: What an app can be allowed as itself, without a member.
OWN_SCOPES = ("profiles:read", "activities:write")


@dataclass(frozen=True, slots=True)
class Client:
    """A registered app that may be used now, as the protocol needs it."""

    id: int
    client_id: str
    type: AppType
    organization_id: int | None
    name: str
    scopes: tuple[str, ...]
    fields: int
    is_public: bool
    redirects: tuple[str, ...]

    def allowed(self, asked: str, own: bool = False) -> str | None:
        """The scopes asked for in their order, all of the app's if none were named; None if one may not be had.

        `own`: for the app as itself; else for a member's consent.
        """
        may = [scope for scope in self.scopes if scope in (OWN_SCOPES if own else SCOPES)]
        wanted = asked.split() or may
        return " ".join([one for one in may if one in wanted]) or None if set(wanted) <= set(may) else None


def find_client(ctx: Context, client_id: str) -> Client | None:
    """The client of an id; None for none, one that was switched off, or one whose owner is gone."""
    app = app_store.find_usable(ctx.db, client_id) if 0 < len(client_id) <= 100 and "\0" not in client_id else None
    return None if app is None else client_of(ctx, app)


def client_of(ctx: Context, app: App) -> Client:
    """An app as the protocol needs it."""
    return Client(
        app.id, app.client_id, "organization" if app.type == "organization" else "community", app.organization_id,
        app.name, tuple(one for one in SCOPES if one in app.scopes.split() and (one != "activities:write" or
        app.source_id is not None)), app.fields, app.is_public, app_store.redirects(ctx.db, app.id),
    )  # fmt: skip


def origins_of(ctx: Context, app_id: int) -> frozenset[str]:
    """Where the pages of an app without a secret stand, as browsers name it; of one with a secret none does."""
    return frozenset([_origin(uri) for uri in app_store.public_redirects(ctx.db, app_id)])


def _origin(uri: str) -> str:
    """Scheme, host and port of an address, written as browsers do."""
    parts = urlsplit(uri)
    port = "" if parts.port in {None, {"https": 443, "http": 80}.get(parts.scheme)} else f":{parts.port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def is_secret(ctx: Context, client: Client, secret: str) -> bool:
    """Whether this is the client's secret. A public client has none."""
    kept = app_store.secret_hash(ctx.db, client.id)
    return kept is not None and len(secret) <= 200 and hmac.compare_digest(kept, tokens.digest(secret))


def issue_code(ctx: Context, client: Client, grant_id: int, scopes: str, redirect_uri: str, challenge: str,
               now: int) -> str:  # fmt: skip
    """A new code, in the transaction of the consent that it stands on."""
    code = tokens.new_token()
    family = store.add_family(ctx.db, client.id, grant_id, scopes, now, now + FAMILY_LIFE)
    store.add_code(ctx.db, tokens.digest(code), family, redirect_uri, challenge, now + CODE_LIFE)
    return code


def open_code(ctx: Context, client: Client, code: str, now: int) -> Code | None:
    """The code if it can be exchanged by this client. A used one kills whatever came of it (T91)."""
    if len(code) > 100:
        return None
    with ctx.db.transaction():
        found = store.find_code(ctx.db, tokens.digest(code), client.id, now)
        if found is not None and found.used:
            store.lock(ctx.db, found.grant_id)
            _kill(ctx, found.family_id, client, now, found.account_id)
            return None
    return found


def exchange(ctx: Context, client: Client, code: str, access: str, refresh: str, now: int) -> int | None:
    """Use a code up for two tokens; the seconds that the access token lives. None if somebody was faster (T91)."""
    with ctx.db.transaction():
        found = store.find_code(ctx.db, tokens.digest(code), client.id, now)
        if found is None or not store.lock(ctx.db, found.grant_id):
            return None
        if not store.use_code(ctx.db, tokens.digest(code), now):
            _kill(ctx, found.family_id, client, now, found.account_id)
            return None
        return _add_pair(ctx, found.family_id, found.scopes, found.scopes, access, refresh, now, now + FAMILY_LIFE)


def open_refresh(ctx: Context, client: Client, refresh: str, now: int) -> Token | None:
    """The refresh token if this client can use it. One used before kills its family (T92)."""
    if len(refresh) > 100:
        return None
    with ctx.db.transaction():
        found = store.find_token(ctx.db, tokens.digest(refresh), client.id, now)
        if found is None or found.kind != "refresh":
            return None
        if found.used:
            store.lock(ctx.db, found.grant_id or 0)
            _kill(ctx, found.family_id, client, now, found.account_id)
            return None
    found = _today(client, found)
    return found if found.family_scopes else None


def rotate(ctx: Context, client: Client, refresh: str, scopes: str, access: str, new: str, now: int) -> int | None:
    """Use a refresh token up for two new tokens; the seconds that the access token lives. None if somebody was faster.

    The new refresh token has the scopes of the consent, whatever this access token was asked for.
    """
    with ctx.db.transaction():
        found = store.find_token(ctx.db, tokens.digest(refresh), client.id, now)
        if found is None or found.grant_id is None or not store.lock(ctx.db, found.grant_id):
            return None
        if not store.use_refresh(ctx.db, tokens.digest(refresh), now):
            _kill(ctx, found.family_id, client, now, found.account_id)
            return None
        return _add_pair(ctx, found.family_id, scopes, found.family_scopes, access, new, now, found.ends_at)


def issue_own(ctx: Context, client: Client, scopes: str, access: str, now: int) -> int:
    """An access token for the app as itself; the seconds it lives."""
    with ctx.db.transaction():
        family = store.add_family(ctx.db, client.id, None, scopes, now, now + ACCESS_LIFE)
        store.add_token(ctx.db, tokens.digest(access), family, "access", scopes, now, now + ACCESS_LIFE)
    return ACCESS_LIFE


def open_token(ctx: Context, client: Client, token: str, now: int) -> Token | None:
    """A live token of this client, for revocation and introspection; never another client's (T96)."""
    found = store.find_token(ctx.db, tokens.digest(token), client.id, now) if len(token) <= 100 else None
    return None if found is None or found.used else _today(client, found)


def end_token(ctx: Context, client: Client, token: str, now: int) -> None:
    """The client gives a token back: a refresh token with its whole family, an access token alone."""
    with ctx.db.transaction():
        found = store.find_token(ctx.db, tokens.digest(token), client.id, now) if len(token) <= 100 else None
        if found is None:
            return
        if found.kind == "refresh" or found.grant_id is None:
            if found.grant_id is not None:
                store.lock(ctx.db, found.grant_id)
            store.end_family(ctx.db, found.family_id)
        else:
            store.end_token(ctx.db, tokens.digest(token))


def subject_of(ctx: Context, token: Token) -> str | None:
    """The opaque id of the member behind a token, if it may read that member's own record."""
    if token.account_id is None or "me:read" not in token.scopes.split():
        return None
    return store.public_id(ctx.db, token.account_id)


def _today(client: Client, token: Token) -> Token:
    """The token with what the app may still have: its owner may have given a scope up."""
    def cut(scopes: str) -> str:
        return " ".join([one for one in scopes.split() if one in client.scopes])

    return token._replace(scopes=cut(token.scopes), family_scopes=cut(token.family_scopes))


def _add_pair(ctx: Context, family: int, scopes: str, all_scopes: str, access: str, refresh: str, now: int,
              ends_at: int) -> int:  # fmt: skip
    until = min(now + ACCESS_LIFE, ends_at)
    store.add_token(ctx.db, tokens.digest(access), family, "access", scopes, now, until)
    store.add_token(ctx.db, tokens.digest(refresh), family, "refresh", all_scopes, now, ends_at)
    return until - now


def _kill(ctx: Context, family: int, client: Client, now: int, account_id: int | None) -> None:
    """A code or refresh token came a second time: somebody else has it. Nothing of its family works from now on."""
    if store.end_family(ctx.db, family):
        audit.record(ctx.db, "app:replay", now, subject_id=account_id, app=client.id)
