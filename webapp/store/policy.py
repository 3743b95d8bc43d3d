"""The policy log and the field bits: reading them, appending to them. What they mean is decided in `policies`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.terms import PolicyChange
from webapp.store.database import Database

LOG = "SELECT version, op, scope, bit, level, value, undone_at FROM policy_change ORDER BY version"


def load_log(db: Database) -> tuple[list[PolicyChange], int]:
    """The whole log in order, and the version that stands for having read it."""
    # The version is read first: a change that commits in between is then read again at the next look, never missed.
    version = db.policy_version()
    return [PolicyChange(*row) for row in db.rows(LOG)], version


def append_change(
    db: Database,
    op: str,
    scope: str,
    now: int,
    *,
    bit: int | None = None,
    level: int | None = None,
    value: int | None = None,
    actor_id: int | None = None,
) -> int:
    """Add one entry and return its version. The row lock on policy_state makes versions appear in order."""
    version = take_version(db)
    db.execute(
        "INSERT INTO policy_change(version, op, scope, bit, level, value, actor_id, at) VALUES (?,?,?,?,?,?,?,?)",
        (version, op, scope, bit, level, value, actor_id, now),
    )
    return version


def take_version(db: Database) -> int:
    """Move the policy version on by one, inside a transaction; also for changes that are not in the log."""
    row = db.execute("UPDATE policy_state SET version = version + 1 WHERE id = 1 RETURNING version").fetchone()
    return int(row[0])


def undo_change(db: Database, version: int, now: int, actor_id: int | None = None) -> int:
    """Mark an entry undone and log the undo; the version of the undo."""
    at = append_change(db, "undo", "", now, value=version, actor_id=actor_id)
    db.execute("UPDATE policy_change SET undone_at = ? WHERE version = ?", (at, version))
    return at


def load_field_bits(db: Database) -> dict[str, int]:
    """The bit of every field ever known."""
    return dict(db.rows("SELECT name, bit FROM field_bit"))


def add_field_bits(db: Database, names: Iterable[str]) -> dict[str, int]:
    """Give each new name the next free bit, once and for ever; all bits."""
    known = load_field_bits(db)
    for name in names:
        if name not in known:
            known[name] = max(known.values(), default=-1) + 1
            db.execute("INSERT INTO field_bit(bit, name) VALUES (?, ?)", (known[name], name))
    return known


def load_locked(db: Database, organization_id: int | None) -> dict[tuple[str, int], int]:
    """When the locks now in force were set: ("site" or "organization", bit) -> moment; the organization's own only."""
    site, own = "personal" if organization_id is None else "managed", f"org:{organization_id}"
    rows = db.rows(
        "SELECT scope, bit, at FROM policy_change WHERE op = 'lock' AND scope IN (?, ?) AND undone_at IS NULL"
        " ORDER BY version",
        (site, own),
    )
    return {("organization" if scope == own else "site", bit): at for scope, bit, at in rows}
