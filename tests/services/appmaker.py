"""Apps, consents and tokens that many tests start from, written straight into the tables. No test lives here."""

from __future__ import annotations

from tests.conftest import NOW
from webapp.services import tokens
from webapp.store import grants
from webapp.store.database import Database

SECRET = "s" * 43
BACK = "https://questboard.example/back"


def make_app(
    db: Database, owner: int | None, name: str = "Questboard", *, organization: int | None = None,
    scopes: str = "profiles:read me:read", fields: int = 0, public: bool = False, redirect: str = BACK,
    source: int | None = None,
) -> int:  # fmt: skip
    """A registered app, its client id is `client-<name>`; its id."""
    row = db.execute(
        "INSERT INTO app(client_id, type, organization_id, owner_id, name, scopes, fields, secret_hash, source_id,"
        " created_at) VALUES (?,?,?,?,?,?,?,?,?,?) RETURNING id",
        (
            f"client-{name}".lower(), "community" if organization is None else "organization", organization, owner,
            name, scopes, fields, None if public else tokens.digest(SECRET), source, NOW - 500,
        ),
    ).fetchone()
    db.execute("INSERT INTO app_redirect(app_id, uri) VALUES (?,?)", (row[0], redirect))
    return int(row[0])


def give(
    db: Database, app: int, account: int | None, scopes: str = "profiles:read me:read", ticked: int = 0,
    now: int = NOW, life: int = 3600,
) -> str:  # fmt: skip
    """A consent of the account (None: the app as itself) and a fresh access token of it."""
    grant = None if account is None else grants.save_grant(db, app, account, now, scopes, ticked, ticked)
    family = grants.add_family(db, app, grant, scopes, now, now + 30 * 86_400)
    token = tokens.new_token()
    grants.add_token(db, tokens.digest(token), family, "access", scopes, now, now + life)
    return token
