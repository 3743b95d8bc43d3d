"""Apps, consents and access tokens for the API's tests, written straight into the tables. No rule is stated here."""

from __future__ import annotations

from tests.conftest import NOW
from tests.factories import make_account
from tests.services.people import BIT
from webapp.services import tokens
from webapp.store import grants as store
from webapp.store.database import Database

ALL_FIELDS = sum(1 << bit for bit in BIT.values())
EVERYTHING = "profiles:read me:read"


def make_app(db: Database, kind: str = "community", organization: int | None = None, scopes: str = EVERYTHING) -> int:
    """A registered app that asks for every field; its id."""
    number = int(db.row("SELECT COUNT(*) FROM app")[0])  # type: ignore[index]
    owner = make_account(db, f"author{number}") if kind == "community" else None
    row = db.execute(
        "INSERT INTO app(client_id, type, organization_id, owner_id, name, scopes, fields, created_at)"
        " VALUES (?,?,?,?,?,?,?,?) RETURNING id",
        (f"client-{number}", kind, organization, owner, f"App {number}", scopes, ALL_FIELDS, NOW),
    ).fetchone()
    return int(row[0])


def make_token(
    db: Database, app: int, account: int | None = None, scopes: str = EVERYTHING, ticks: tuple[str, ...] = ()
) -> str:
    """A live access token: of the app itself, or with the consent of an account and its ticks."""
    raw = tokens.new_token()
    grant = None
    if account is not None:
        ticked = sum(1 << BIT[name] for name in ticks)
        grant = store.save_grant(db, app, account, NOW, scopes, ALL_FIELDS, ticked)
    family = store.add_family(db, app, grant, scopes, NOW, NOW + 9999)
    db.execute(
        "INSERT INTO oauth_token(token_hash, family_id, kind, scopes, created_at, expires_at)"
        " VALUES (?, ?, 'access', ?, ?, ?)",
        (tokens.digest(raw), family, scopes, NOW, NOW + 3600),
    )
    return raw
