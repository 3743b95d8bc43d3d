"""What members let apps do: who stands behind an access token, and every way in which a consent ends (S84, S85, D16).

Giving a consent is in consent.py, codes and tokens are in oauth.py, apps themselves in apps.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast

from policies.terms import ALL, ANONYMOUS, Settings, Subject
from policies.visibility import Gate
from webapp.services import tokens
from webapp.services.context import Context
from webapp.store import audit
from webapp.store import grants as store
from webapp.store.apps import App
from webapp.store.grants import Grant

AppType = Literal["community", "organization"]

#: What an app can be allowed, in the words of the API and of people.
SCOPES = ("profiles:read", "me:read", "activities:write")
#: `used_at` is written at most this often.
_TOUCH = 60


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who calls with an access token: an app, and the account whose consent it holds (None: the app as itself).

    organization_id: of an organization app; ticked: own hidden fields that the member gave it (D16), already cut to
    those it still asks for and to the scope `me:read`; source_id: the source whose activities it may write.
    """

    app_id: int
    app_type: AppType
    organization_id: int | None
    account_id: int | None
    scopes: frozenset[str]
    ticked: int
    grant_id: int | None
    source_id: int | None = None


def authenticate(ctx: Context, token: str, now: int) -> Bearer | None:
    """The bearer of a live access token; None if it ended in any way: expired, revoked, app off, member not active.

    One statement; a second one once a minute, for "last used".
    """
    if not token or len(token) > 100:
        return None
    row = store.load_bearer(ctx.db, tokens.digest(token), now)
    if row is None:
        return None
    scopes = frozenset(row.scopes.split()) & frozenset(row.app_scopes.split())
    if row.grant_id is not None:
        scopes &= frozenset((row.grant_scopes or "").split())
        if row.used_at is None or now - row.used_at >= _TOUCH:
            store.touch(ctx.db, row.grant_id, now - now % _TOUCH)
    return _bearer(
        row.app_id, row.type, row.organization_id, row.account_id, scopes, (row.ticked or 0) & row.app_fields,
        row.grant_id, row.source_id,
    )


def bearer_of(app: App, grant: Grant) -> Bearer:
    """Who would call with a token of all that a consent allows now: for showing its owner what that is (D15)."""
    scopes = frozenset(grant.scopes.split()) & frozenset(app.scopes.split())
    return _bearer(
        app.id, app.type, app.organization_id, grant.account_id, scopes, grant.ticked & app.fields, grant.id,
        app.source_id,
    )


def _bearer(
    app_id: int, app_type: str, organization_id: int | None, account_id: int | None, scopes: frozenset[str],
    ticked: int, grant_id: int | None, source_id: int | None,
) -> Bearer:  # fmt: skip
    if source_id is None:
        scopes -= {"activities:write"}
    return Bearer(
        app_id=app_id, app_type=cast(AppType, app_type), organization_id=organization_id, account_id=account_id,
        scopes=scopes, ticked=ticked if "me:read" in scopes else 0, grant_id=grant_id, source_id=source_id,
    )


def open_to_ticks(gate: Gate, subject: Subject) -> int:
    """Bits that the owner's tick can show to an app now: what they could open to Anyone by their own choice.

    A lock, the private switch and plugin vetoes stand above a tick as they stand above a choice. Of the record only.
    """
    every = Settings(subject.settings.base_version, ALL, ALL, ALL, keep_name=subject.settings.keep_name)
    opened = replace(subject, settings=every, held_anyone=ALL, held_org=ALL)
    return gate.mask(ANONYMOUS, opened) & gate.record_mask


# Ends ----------------------------------------------------------------------------------------------------------------


def revoke(ctx: Context, account_id: int, app_id: int, now: int) -> bool:
    """The member takes a consent back: every code and token of it is dead at once. False if there was none."""
    with ctx.db.transaction():
        ended = store.end_grant(ctx.db, app_id, account_id) is not None
        if ended:
            audit.record(ctx.db, "app:revoke", now, actor_id=account_id, subject_id=account_id, app=app_id)
    return ended


def revoke_all_of(ctx: Context, account_id: int, now: int) -> None:
    """End every consent, code and token of an account: a reset, a deactivation, a deletion (T2, T17, T69)."""
    with ctx.db.transaction():
        apps = store.end_of_account(ctx.db, account_id)
        if apps:
            audit.record(ctx.db, "app:revoke_all", now, subject_id=account_id, apps=apps)


def clear_ticks(ctx: Context, account_id: int, bits: int) -> None:
    """The owner narrowed these fields: no app keeps them by an earlier tick (D16). In the transaction of the edit,
    whose audit row names the fields."""
    if bits:
        store.clear_ticks(ctx.db, account_id, bits)


def sweep(ctx: Context, now: int) -> None:
    """Drop codes and tokens that are over. Only to keep the tables small: they are refused without it."""
    store.sweep(ctx.db, now)
