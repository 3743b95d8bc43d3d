"""Consents, authorization codes and families of tokens, as statements. Secrets come and are kept as SHA-256 only.

Locks are taken in one order: app, account, grant, family, token. Whoever changes a family with a grant locks the grant.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from webapp.store.database import Database

#: An app that may be used: not switched off, its organization is there, or the member who registered it is active.
USABLE = (
    " a.disabled_at IS NULL AND (a.type = 'organization' AND EXISTS (SELECT 1 FROM organization o WHERE"
    " o.id = a.organization_id AND o.removed_at IS NULL) OR a.type = 'community' AND EXISTS (SELECT 1 FROM account w"
    " WHERE w.id = a.owner_id AND w.state = 'active'))"
)
#: The member who consented may be acted for: nobody (an app as itself), or an active account with a proved address.
_MEMBER = (
    " (f.grant_id IS NULL OR EXISTS (SELECT 1 FROM account m WHERE m.id = g.account_id AND m.state = 'active'"
    " AND m.email_verified_at IS NOT NULL))"
)
BEARER = (
    "SELECT a.id, a.type, a.organization_id, a.source_id, a.scopes, a.fields, t.scopes, g.id, g.account_id, g.scopes,"
    " g.ticked, g.used_at FROM oauth_token t JOIN oauth_family f ON f.id = t.family_id JOIN app a ON a.id = f.app_id"
    " LEFT JOIN app_grant g ON g.id = f.grant_id"
    f" WHERE t.token_hash = ? AND t.kind = 'access' AND t.expires_at > ? AND f.expires_at > ? AND{USABLE} AND{_MEMBER}"
)


class BearerRow(NamedTuple):
    app_id: int
    type: str
    organization_id: int | None
    source_id: int | None
    app_scopes: str
    app_fields: int
    scopes: str
    grant_id: int | None
    account_id: int | None
    grant_scopes: str | None
    ticked: int | None
    used_at: int | None


class Grant(NamedTuple):
    """A consent: `asked` are the fields it was asked for, `ticked` those that were given (D16)."""

    id: int
    app_id: int
    account_id: int
    scopes: str
    asked: int
    ticked: int
    created_at: int
    changed_at: int
    used_at: int | None


class Code(NamedTuple):
    family_id: int
    grant_id: int
    app_id: int
    account_id: int
    scopes: str
    redirect_uri: str
    challenge: str
    used: bool


class Token(NamedTuple):
    """A token with its family; `expires_at`: its own end, `ends_at`: the family's."""

    family_id: int
    grant_id: int | None
    app_id: int
    account_id: int | None
    kind: str
    scopes: str
    family_scopes: str
    created_at: int
    expires_at: int
    ends_at: int
    used: bool


def load_bearer(db: Database, token_hash: str, now: int) -> BearerRow | None:
    """What stands behind a live access token. One statement."""
    row = db.row(BEARER, (token_hash, now, now))
    return None if row is None else BearerRow._make(row)


def touch(db: Database, grant_id: int, now: int) -> None:
    db.execute("UPDATE app_grant SET used_at = ? WHERE id = ?", (now, grant_id))


# Consents ------------------------------------------------------------------------------------------------------------

_GRANT = "SELECT id, app_id, account_id, scopes, asked, ticked, created_at, changed_at, used_at FROM app_grant"


def load_grant(db: Database, app_id: int, account_id: int) -> Grant | None:
    row = db.row(f"{_GRANT} WHERE app_id = ? AND account_id = ?", (app_id, account_id))
    return None if row is None else Grant._make(row)


def list_of_account(db: Database, account_id: int) -> list[Grant]:
    """The consents of an account, the latest change first."""
    rows = db.rows(f"{_GRANT} WHERE account_id = ? ORDER BY changed_at DESC, id DESC", (account_id,))
    return [Grant._make(row) for row in rows]


def save_grant(db: Database, app_id: int, account_id: int, now: int, scopes: str, asked: int, ticked: int) -> int:
    """Write the consent of an account to an app, in place of an earlier one; its id."""
    row = db.execute(
        "INSERT INTO app_grant(app_id, account_id, scopes, asked, ticked, created_at, changed_at)"
        " VALUES (?,?,?,?,?,?,?) ON CONFLICT(app_id, account_id) DO UPDATE SET scopes = excluded.scopes,"
        " asked = excluded.asked, ticked = excluded.ticked, changed_at = excluded.changed_at RETURNING id",
        (app_id, account_id, scopes, asked, ticked, now, now),
    ).fetchone()
    return int(row[0])


def end_grant(db: Database, app_id: int, account_id: int) -> int | None:
    """Take a consent away with every code and token of it; its id, None if there was none."""
    row = db.execute(
        "DELETE FROM app_grant WHERE app_id = ? AND account_id = ? RETURNING id", (app_id, account_id)
    ).fetchone()
    return None if row is None else int(row[0])


def end_of_account(db: Database, account_id: int) -> list[int]:
    """Take every consent of an account away with its codes and tokens; the apps they were given to."""
    cursor = db.execute("DELETE FROM app_grant WHERE account_id = ? RETURNING app_id", (account_id,))
    return sorted(row[0] for row in cursor.fetchall())


def clear_ticks(db: Database, account_id: int, bits: int) -> list[int]:
    """Take these fields out of every consent of an account; the apps that had one of them."""
    cursor = db.execute(
        "UPDATE app_grant SET ticked = ticked & ~? WHERE account_id = ? AND (ticked & ?) <> 0 RETURNING app_id",
        (bits, account_id, bits),
    )
    return sorted(row[0] for row in cursor.fetchall())


def lock(db: Database, grant_id: int) -> bool:
    """Hold a consent until the transaction ends; False if it is gone."""
    last = " FOR UPDATE" if db.dialect == "postgresql" else ""
    return db.row(f"SELECT id FROM app_grant WHERE id = ?{last}", (grant_id,)) is not None


# Families, codes, tokens ---------------------------------------------------------------------------------------------


def add_family(db: Database, app_id: int, grant_id: int | None, scopes: str, now: int, expires_at: int) -> int:
    row = db.execute(
        "INSERT INTO oauth_family(app_id, grant_id, scopes, created_at, expires_at) VALUES (?,?,?,?,?) RETURNING id",
        (app_id, grant_id, scopes, now, expires_at),
    ).fetchone()
    return int(row[0])


def end_family(db: Database, family_id: int) -> bool:
    """End a family: its code and all its tokens are gone."""
    return bool(db.execute("DELETE FROM oauth_family WHERE id = ?", (family_id,)).rowcount)


def add_code(
    db: Database, code_hash: str, family_id: int, redirect_uri: str, challenge: str, expires_at: int
) -> None:
    db.execute(
        "INSERT INTO oauth_code(code_hash, family_id, redirect_uri, challenge, expires_at) VALUES (?,?,?,?,?)",
        (code_hash, family_id, redirect_uri, challenge, expires_at),
    )


def find_code(db: Database, code_hash: str, app_id: int, now: int) -> Code | None:
    """A code of an app: a used one whenever (its replay must be noticed), an unused one while it lives."""
    row = db.row(
        "SELECT c.family_id, g.id, f.app_id, g.account_id, f.scopes, c.redirect_uri, c.challenge,"
        " c.used_at IS NOT NULL FROM oauth_code c JOIN oauth_family f ON f.id = c.family_id"
        " JOIN app_grant g ON g.id = f.grant_id JOIN app a ON a.id = f.app_id"
        f" WHERE c.code_hash = ? AND f.app_id = ? AND (c.used_at IS NOT NULL OR c.expires_at > ?) AND{USABLE}"
        f" AND{_MEMBER}",
        (code_hash, app_id, now),
    )
    return None if row is None else Code._make((*row[:7], bool(row[7])))


def use_code(db: Database, code_hash: str, now: int) -> bool:
    """Use a code up; False if somebody was faster or it is too old."""
    cursor = db.execute(
        "UPDATE oauth_code SET used_at = ? WHERE code_hash = ? AND used_at IS NULL AND expires_at > ?",
        (now, code_hash, now),
    )
    return bool(cursor.rowcount == 1)


def add_token(
    db: Database, token_hash: str, family_id: int, kind: str, scopes: str, now: int, expires_at: int
) -> None:
    db.execute(
        "INSERT INTO oauth_token(token_hash, family_id, kind, scopes, created_at, expires_at) VALUES (?,?,?,?,?,?)",
        (token_hash, family_id, kind, scopes, now, expires_at),
    )


def find_token(db: Database, token_hash: str, app_id: int, now: int) -> Token | None:
    """A token of an app that is not too old, used refresh tokens too, if the app and its member may be acted for."""
    row = db.row(
        "SELECT f.id, g.id, f.app_id, g.account_id, t.kind, t.scopes, f.scopes, t.created_at, t.expires_at,"
        " f.expires_at, t.used_at IS NOT NULL FROM oauth_token t JOIN oauth_family f ON f.id = t.family_id"
        " JOIN app a ON a.id = f.app_id LEFT JOIN app_grant g ON g.id = f.grant_id"
        f" WHERE t.token_hash = ? AND f.app_id = ? AND t.expires_at > ? AND f.expires_at > ? AND{USABLE} AND{_MEMBER}",
        (token_hash, app_id, now, now),
    )
    return None if row is None else Token._make((*row[:10], bool(row[10])))


def use_refresh(db: Database, token_hash: str, now: int) -> bool:
    """Use a refresh token up; False if it was used before."""
    cursor = db.execute(
        "UPDATE oauth_token SET used_at = ? WHERE token_hash = ? AND kind = 'refresh' AND used_at IS NULL"
        " AND expires_at > ?",
        (now, token_hash, now),
    )
    return bool(cursor.rowcount == 1)


def end_token(db: Database, token_hash: str) -> None:
    db.execute("DELETE FROM oauth_token WHERE token_hash = ?", (token_hash,))


def sweep(db: Database, now: int) -> None:
    """Drop what is over: families at their end with all their tokens, and access tokens past theirs."""
    db.execute("DELETE FROM oauth_family WHERE expires_at <= ?", (now,))
    db.execute("DELETE FROM oauth_token WHERE kind = 'access' AND expires_at <= ?", (now,))


def public_id(db: Database, account_id: int) -> str:
    """The opaque id of an account in the API."""
    row: tuple[Any, ...] | None = db.row("SELECT public_id FROM account WHERE id = ?", (account_id,))
    return "" if row is None else str(row[0])
