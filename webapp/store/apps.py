"""Registered apps, as statements. The hash of a secret is handed to whoever checks one, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from webapp.store.database import Database, marks
from webapp.store.grants import USABLE
from webapp.store.ingest import OWN_SOURCE

_COLUMNS = (
    "a.id, a.client_id, a.type, a.organization_id, a.owner_id, a.name, a.about, a.website, a.scopes, a.fields,"
    " a.secret_hash IS NULL, a.source_id, a.created_at, a.disabled_at, o.name, o.slug, w.handle"
)
_FROM = "FROM app a LEFT JOIN organization o ON o.id = a.organization_id LEFT JOIN account w ON w.id = a.owner_id"


class App(NamedTuple):
    """An app as it was registered; `organization`, `slug`: of an organization app; `owner`: the handle of its owner."""

    id: int
    client_id: str
    type: str
    organization_id: int | None
    owner_id: int | None
    name: str
    about: str
    website: str
    scopes: str
    fields: int
    is_public: bool
    source_id: int | None
    created_at: int
    disabled_at: int | None
    organization: str | None
    slug: str | None
    owner: str | None


def _app(row: tuple[Any, ...] | None) -> App | None:
    return None if row is None else App._make((*row[:10], bool(row[10]), *row[11:]))


def find_usable(db: Database, client_id: str) -> App | None:
    """The app of a client id, if it may be used now."""
    return _app(db.row(f"SELECT {_COLUMNS} {_FROM} WHERE a.client_id = ? AND{USABLE}", (client_id,)))


def load_usable(db: Database, app_id: int) -> App | None:
    """The app of an id, if it may be used now."""
    return _app(db.row(f"SELECT {_COLUMNS} {_FROM} WHERE a.id = ? AND{USABLE}", (app_id,)))


def load(db: Database, app_id: int) -> App | None:
    return _app(db.row(f"SELECT {_COLUMNS} {_FROM} WHERE a.id = ?", (app_id,)))


def find(db: Database, client_id: str) -> App | None:
    """The app of a client id, usable or not: for its owners and for admins."""
    return _app(db.row(f"SELECT {_COLUMNS} {_FROM} WHERE a.client_id = ?", (client_id,)))


def load_some(db: Database, ids: Sequence[int]) -> dict[int, App]:
    found = [load(db, app_id) for app_id in ids]
    return {app.id: app for app in found if app is not None}


def usable_among(db: Database, ids: Sequence[int]) -> set[int]:
    """Those of these apps that may be used now."""
    if not ids:
        return set()
    return {row[0] for row in db.rows(f"SELECT a.id FROM app a WHERE a.id IN ({marks(len(ids))}) AND{USABLE}", ids)}


def list_of_owner(db: Database, account_id: int) -> list[App]:
    """The community apps that an account registered, by name."""
    return _list(db, "a.type = 'community' AND a.owner_id = ?", (account_id,))


def list_of_organization(db: Database, organization_id: int) -> list[App]:
    return _list(db, "a.organization_id = ?", (organization_id,))


def list_all(db: Database, after: int, limit: int) -> list[App]:
    """Every app, the newest first, below the id `after` (0: from the newest)."""
    rows = db.rows(
        f"SELECT {_COLUMNS} {_FROM} WHERE (? = 0 OR a.id < ?) ORDER BY a.id DESC LIMIT ?", (after, after, limit)
    )
    return [app for app in map(_app, rows) if app is not None]


def _list(db: Database, where: str, params: tuple[Any, ...]) -> list[App]:
    rows = db.rows(f"SELECT {_COLUMNS} {_FROM} WHERE {where} ORDER BY a.name, a.id", params)
    return [app for app in map(_app, rows) if app is not None]


def count_of_owner(db: Database, account_id: int) -> int:
    row = db.row("SELECT COUNT(*) FROM app WHERE type = 'community' AND owner_id = ?", (account_id,))
    return 0 if row is None else int(row[0])


def count_of_organization(db: Database, organization_id: int) -> int:
    row = db.row("SELECT COUNT(*) FROM app WHERE organization_id = ?", (organization_id,))
    return 0 if row is None else int(row[0])


def count_grants(db: Database, app_id: int) -> int:
    """How many accounts have let the app in."""
    row = db.row("SELECT COUNT(*) FROM app_grant WHERE app_id = ?", (app_id,))
    return 0 if row is None else int(row[0])


def secret_hash(db: Database, app_id: int) -> str | None:
    row = db.row("SELECT secret_hash FROM app WHERE id = ?", (app_id,))
    return None if row is None else row[0]


def redirects(db: Database, app_id: int) -> tuple[str, ...]:
    return tuple([row[0] for row in db.rows("SELECT uri FROM app_redirect WHERE app_id = ? ORDER BY uri", (app_id,))])


def public_redirects(db: Database, app_id: int) -> tuple[str, ...]:
    """The addresses of an app without a secret; none of one with a secret."""
    found = db.rows(
        "SELECT r.uri FROM app_redirect r JOIN app a ON a.id = r.app_id WHERE a.id = ? AND a.secret_hash IS NULL",
        (app_id,),
    )
    return tuple([row[0] for row in found])


def insert(db: Database, now: int, **columns: Any) -> int:
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    row = db.execute(
        f"INSERT INTO app({names}, created_at) VALUES ({marks}, ?) RETURNING id", (*columns.values(), now)
    ).fetchone()
    return int(row[0])


def update(db: Database, app_id: int, **columns: Any) -> None:
    sets = ", ".join(f"{name} = ?" for name in columns)
    db.execute(f"UPDATE app SET {sets} WHERE id = ?", (*columns.values(), app_id))


def set_redirects(db: Database, app_id: int, uris: Iterable[str]) -> None:
    """These and no other."""
    db.execute("DELETE FROM app_redirect WHERE app_id = ?", (app_id,))
    for uri in uris:
        db.execute("INSERT INTO app_redirect(app_id, uri) VALUES (?,?)", (app_id, uri))


def end_tokens(db: Database, app_id: int) -> None:
    """Every code and token of an app is gone; the consents stay."""
    db.execute("DELETE FROM oauth_family WHERE app_id = ?", (app_id,))


def delete(db: Database, app_id: int) -> None:
    """An app with its consents, codes and tokens."""
    db.execute("DELETE FROM app WHERE id = ?", (app_id,))


def sources(db: Database) -> list[tuple[int, str]]:
    """(id, label) of the sources whose activities an app may be let write."""
    rows = db.rows("SELECT id, label FROM source WHERE name <> ? ORDER BY label, id", (OWN_SOURCE,))
    return [(int(row[0]), str(row[1])) for row in rows]
