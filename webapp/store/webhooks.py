"""Webhooks as statements: where apps are told, what each saw last, what waits to be sent. No value of anybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from webapp.store.database import Database
from webapp.store.grants import USABLE


class Hook(NamedTuple):
    """A webhook with the app it belongs to."""

    app_id: int
    url: str
    salt: str
    sent_at: int | None
    failed: str
    type: str
    organization_id: int | None
    scopes: str
    fields: int


class Watched(NamedTuple):
    """An account an app is told about: its consent, if one, and what the app saw last."""

    account_id: int
    public_id: str
    stamp: str              # of what the view is made of now
    scopes: str | None
    ticked: int
    seen: str | None        # the stamp of the last look; None: never looked
    digest: str | None
    is_told: bool           # consented, or a member of the organization; False: not any more


class Delivery(NamedTuple):
    id: int
    app_id: int
    key: str
    event: str
    public_id: str
    created_at: int
    attempts: int
    url: str
    salt: str


def save(db: Database, app_id: int, url: str, salt: str, now: int) -> None:
    """Set where an app is told; a new address starts afresh."""
    db.execute("DELETE FROM webhook WHERE app_id = ?", (app_id,))
    db.execute("INSERT INTO webhook(app_id, url, salt, created_at) VALUES (?,?,?,?)", (app_id, url, salt, now))


def remove(db: Database, app_id: int) -> bool:
    return bool(db.execute("DELETE FROM webhook WHERE app_id = ?", (app_id,)).rowcount)


_HOOK = (
    "SELECT h.app_id, h.url, h.salt, h.sent_at, h.failed, a.type, a.organization_id, a.scopes,"
    " a.fields FROM webhook h"
    " JOIN app a ON a.id = h.app_id"
)


def load(db: Database, app_id: int) -> Hook | None:
    row = db.row(f"{_HOOK} WHERE h.app_id = ?", (app_id,))
    return None if row is None else Hook._make(row)


def load_live(db: Database) -> list[Hook]:
    """The webhooks of apps that may be used now."""
    return [Hook._make(row) for row in db.rows(f"{_HOOK} WHERE{USABLE} ORDER BY h.app_id")]


#: Everything that moves an account's record or profile raises a row version of its group, or the policy version.
_STAMP = (
    "CAST((SELECT version FROM policy_state WHERE id = 1) AS TEXT) || ':' || a.state || ':' || CAST(COALESCE("
    "a.primary_id, 0) AS TEXT) || ':' || CASE WHEN a.silent THEN 's' ELSE 'o' END || ':' || (SELECT CAST(CAST(SUM("
    "b.row_version + c.version) AS BIGINT) AS TEXT) || ':' || CAST(COUNT(*) AS TEXT) FROM account b"
    " JOIN counter c ON c.account_id = b.id"
    " WHERE b.id = COALESCE(a.primary_id, a.id) OR b.primary_id = COALESCE(a.primary_id, a.id)) || ':' ||"
    " COALESCE(g.scopes, '-') || ':' || CAST(COALESCE(g.ticked, 0) AS TEXT)"
)
_TOLD = (
    "(g.id IS NOT NULL OR a.domain_id IN (SELECT id FROM email_domain WHERE organization_id = ?))"
)
WATCHED = (
    f"SELECT * FROM (SELECT a.id, a.public_id, {_STAMP} || ':' || CASE WHEN {_TOLD} THEN 't' ELSE 'n' END || ':' ||"
    " CAST(? AS TEXT) AS stamp,"
    f" g.scopes, COALESCE(g.ticked, 0) AS ticked, s.stamp AS seen, s.digest, {_TOLD} FROM account a"
    " LEFT JOIN app_grant g ON g.account_id = a.id AND g.app_id = ?"
    " LEFT JOIN webhook_seen s ON s.account_id = a.id AND s.app_id = ?"
    " WHERE a.id IN (SELECT account_id FROM app_grant WHERE app_id = ? UNION SELECT account_id FROM webhook_seen"
    " WHERE app_id = ? UNION SELECT m.id FROM account m JOIN email_domain d ON d.id = m.domain_id"
    " WHERE d.organization_id = ?)) w WHERE seen IS NULL OR seen <> stamp ORDER BY id LIMIT ?"
)


def load_moved(db: Database, hook: Hook, limit: int) -> list[Watched]:
    """Accounts an app is told about of which anything moved since its last look: those that consented, and of an
    organization app its members; those also that did or were, once more. One statement."""
    organization = hook.organization_id or 0
    asks = f"{hook.scopes}:{hook.fields}"
    params = (organization, asks, organization, *(hook.app_id,) * 4, organization, limit)
    return [Watched._make((*row[:-1], bool(row[-1]))) for row in db.rows(WATCHED, params)]


def forget(db: Database, app_id: int, account_ids: Sequence[int]) -> None:
    """The app is not told about these accounts any more. Inside a transaction."""
    db.executemany(
        "DELETE FROM webhook_seen WHERE app_id = ? AND account_id = ?", [(app_id, number) for number in account_ids]
    )


def save_seen(db: Database, app_id: int, rows: Sequence[tuple[int, str, str | None]]) -> None:
    """Note (account, stamp, digest) of a look. Inside a transaction."""
    db.executemany(
        "INSERT INTO webhook_seen(app_id, account_id, stamp, digest) VALUES (?,?,?,?) ON CONFLICT (app_id, account_id)"
        " DO UPDATE SET stamp = excluded.stamp, digest = excluded.digest",
        [(app_id, *row) for row in rows],
    )


def add_deliveries(db: Database, app_id: int, rows: Sequence[tuple[str, str, str]], now: int) -> None:
    """Queue (key, event, public id); what waits for the same account already is replaced, so that no older event comes
    after a newer one. Inside a transaction."""
    db.executemany(
        "DELETE FROM webhook_delivery WHERE app_id = ? AND public_id = ?",
        [(app_id, row[2]) for row in rows],
    )
    db.executemany(
        "INSERT INTO webhook_delivery(app_id, key, event, public_id, created_at, due_at) VALUES (?,?,?,?,?,?)",
        [(app_id, *row, now, now) for row in rows],
    )


#: Of every app one before a second of any, so that an app whose address hangs holds up its own alone.
_DUE = (
    "SELECT id FROM (SELECT d.id, d.due_at, ROW_NUMBER() OVER (PARTITION BY d.app_id ORDER BY d.due_at, d.id) AS turn"
    f" FROM webhook_delivery d JOIN app a ON a.id = d.app_id WHERE d.due_at <= ? AND{USABLE}) w"
    " ORDER BY turn, due_at, id LIMIT ?"
)


def claim(db: Database, now: int, lease: int, limit: int) -> list[Delivery]:
    """Take due deliveries of apps that may be used for `lease` seconds, so that two workers never send the same one."""
    claimed = []
    for (number,) in db.rows(_DUE, (now, limit)):
        row = db.execute(
            "UPDATE webhook_delivery SET due_at = ?, attempts = attempts + 1 WHERE id = ? AND due_at <= ?"
            " RETURNING id, app_id, key, event, public_id, created_at, attempts",
            (now + lease, number, now),
        ).fetchone()
        hook = load(db, row[1]) if row is not None else None
        if row is not None and hook is not None:
            claimed.append(Delivery._make((*row, hook.url, hook.salt)))
    return claimed


def done(db: Database, delivery: Delivery, now: int) -> None:
    """The delivery was taken. Inside a transaction."""
    db.execute("DELETE FROM webhook_delivery WHERE id = ?", (delivery.id,))
    db.execute("UPDATE webhook SET sent_at = ?, failed = '' WHERE app_id = ?", (now, delivery.app_id))


def postpone(db: Database, delivery: Delivery, due_at: int | None, failed: str) -> None:
    """Try again at `due_at`; None: never. Inside a transaction."""
    if due_at is None:
        db.execute("DELETE FROM webhook_delivery WHERE id = ?", (delivery.id,))
    else:
        db.execute("UPDATE webhook_delivery SET due_at = ? WHERE id = ?", (due_at, delivery.id))
    db.execute("UPDATE webhook SET failed = ? WHERE app_id = ?", (failed, delivery.app_id))
