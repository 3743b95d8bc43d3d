"""Account records as admins see them: handle, address, kind, state. No column of a profile is read here."""

from __future__ import annotations

from typing import Any, NamedTuple

from webapp.store.database import Database, marks

COLUMNS = (
    "a.id, a.public_id, a.handle, a.email, a.email_verified_at, a.state, a.state_at, a.created_at, a.is_admin,"
    " a.terms_version, o.name"
)
FROM = (
    "FROM account a LEFT JOIN email_domain d ON d.id = a.domain_id LEFT JOIN organization o ON o.id = d.organization_id"
)


class AccountRow(NamedTuple):
    """`organization`: the name of the one that manages the account, None for a personal account."""

    id: int
    public_id: str
    handle: str
    email: str | None
    email_verified_at: int | None
    state: str
    state_at: int | None
    created_at: int
    is_admin: bool
    terms_version: str | None
    organization: str | None


def find(db: Database, public_id: str) -> AccountRow | None:
    """A living account by its public id."""
    found = _rows(db, "a.public_id = ? AND a.state <> 'deleted'", (public_id,), "", 1)
    return found[0] if found else None


def load_by_address(db: Database, email_key: str) -> list[AccountRow]:
    """The one account of an address."""
    return _rows(db, "a.email_key = ? AND a.state <> 'deleted'", (email_key,), "", 1)


def load_newest(db: Database, state: str, before: int | None, limit: int) -> list[AccountRow]:
    """Accounts in a state ("": any), the newest first, those made before an id."""
    place = before if before is not None else 2**62
    if state:
        return _rows(db, "a.state = ? AND a.id < ?", (state, place), "ORDER BY a.id DESC", limit)
    return _rows(db, "a.state <> 'deleted' AND a.id < ?", (place,), "ORDER BY a.id DESC", limit)


def load_by_handle(db: Database, start: str, state: str, after: int | None, limit: int) -> list[AccountRow]:
    """Accounts whose handle begins so, in its order; `after`: the id of the last one before."""
    order = f"a.handle{_c(db)}"
    where, params = f"{order} >= ? AND {order} < ?", [start, start + "~"]
    if after is not None:
        where += f" AND {order} > (SELECT handle FROM account WHERE id = ?)"
        params.append(after)  # type: ignore[arg-type]
    where += " AND a.state = ?" if state else " AND a.state <> 'deleted'"
    return _rows(db, where, (*params, *([state] if state else [])), f"ORDER BY {order}", limit)


def load_by_domain(db: Database, domain: str, state: str, after: int | None, limit: int) -> list[AccountRow]:
    """Accounts with an address of a domain, by handle."""
    where, params, order = "a.domain_id = (SELECT id FROM email_domain WHERE name = ?)", [domain], f"a.handle{_c(db)}"
    if after is not None:
        where += f" AND {order} > (SELECT handle FROM account WHERE id = ?)"
        params.append(after)  # type: ignore[arg-type]
    where += " AND a.state = ?" if state else " AND a.state <> 'deleted'"
    return _rows(db, where, (*params, *([state] if state else [])), f"ORDER BY {order}", limit)


def load_of_handles(db: Database, handles: list[str], state: str) -> list[AccountRow]:
    """The accounts of these handles, in their order."""
    if not handles:
        return []
    where = f"a.handle IN ({marks(len(handles))}) AND " + ("a.state = ?" if state else "a.state <> 'deleted'")
    found = {row.handle: row for row in _rows(db, where, (*handles, *([state] if state else [])), "", len(handles))}
    return [found[handle] for handle in handles if handle in found]


def _rows(db: Database, where: str, params: tuple[Any, ...], order: str, limit: int) -> list[AccountRow]:
    sql = f"SELECT {COLUMNS} {FROM} WHERE {where} {order} LIMIT ?"
    return [AccountRow._make((*row[:8], bool(row[8]), *row[9:])) for row in db.rows(sql, (*params, limit))]


def _c(db: Database) -> str:
    """Handles in the order of their bytes, on both databases."""
    return ' COLLATE "C"' if db.dialect == "postgresql" else ""
