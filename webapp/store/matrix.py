"""Default visibility in the database: accounts counted by what the gate asks of them, drafts, applied steps. SQL only.

Nothing here knows a link or the private switch: what an admin is told of members must not depend on either (D5).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from webapp.store.database import Database, marks

#: Accounts that are shown to anybody. An unclaimed one is changed by a narrower default and asked nothing.
_COUNT = """
SELECT {domain}, a.base_version, a.chosen & ?, a.chosen_anyone & ?, a.chosen_org & ?, a.cap_anyone & ?, a.cap_org & ?,
  a.state = 'active', COALESCE(d.anyone, 0), COALESCE(d.org, 0), COUNT(*)
FROM account a LEFT JOIN (
  SELECT account_id, CAST(SUM(CASE WHEN level = 2 THEN CAST(1 AS BIGINT) << bit ELSE 0 END) AS BIGINT) AS anyone,
    CAST(SUM(CAST(1 AS BIGINT) << bit) AS BIGINT) AS org
  FROM visibility_decline WHERE ((CAST(1 AS BIGINT) << bit) & ?) <> 0 GROUP BY account_id
) d ON d.account_id = a.id
WHERE a.state IN ('active', 'unclaimed'){where}
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""


class Alike(NamedTuple):
    """Accounts that the gate cannot tell apart where the counted fields are concerned, and how many they are."""

    domain_id: int | None
    base_version: int
    chosen: int
    chosen_anyone: int
    chosen_org: int
    cap_anyone: int
    cap_org: int
    is_active: bool
    declined_anyone: int
    declined_org: int
    n: int


def count_alike(
    db: Database, bits: int, claimed: Iterable[int], only: Sequence[int] | None = None
) -> list[Alike]:
    """All accounts by what decides about the fields in `bits`. `claimed`: domains with a history of their own, the
    others count as one; `only`: accounts of these domains alone."""
    if only is not None and not only:
        return []
    numbers = ", ".join(str(int(number)) for number in sorted(claimed))
    domain = f"CASE WHEN a.domain_id IN ({numbers}) THEN a.domain_id END" if numbers else "NULL"
    where = "" if only is None else f" AND a.domain_id IN ({', '.join(str(int(number)) for number in only)})"
    rows = db.rows(_COUNT.format(domain=domain, where=where), (bits,) * 6)
    return [Alike._make((*row[:7], bool(row[7]), *row[8:])) for row in rows]


# Drafts -------------------------------------------------------------------------------------------------------------


class Draft(NamedTuple):
    """`changes`: (op, scope, bit, level or None), each key once."""

    based_on: int
    revision: int
    changes: list[tuple[str, str, int, int | None]]


def lock_policy(db: Database) -> int:
    """The policy version, held until the transaction ends: nobody changes the policy in between."""
    if db.dialect == "postgresql":
        db.rows("SELECT version FROM policy_state WHERE id = 1 FOR UPDATE")
    return db.policy_version()


def load_draft(db: Database, account_id: int, place: str) -> Draft | None:
    row = db.row(
        "SELECT based_on, revision, changes FROM policy_draft WHERE account_id = ? AND place = ?", (account_id, place)
    )
    return None if row is None else Draft(row[0], row[1], [tuple(one) for one in json.loads(row[2])])


def save_draft(db: Database, account_id: int, place: str, draft: Draft, now: int) -> None:
    db.execute(
        "INSERT INTO policy_draft(account_id, place, based_on, revision, changes, changed_at) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (account_id, place) DO UPDATE SET based_on = excluded.based_on, revision = excluded.revision,"
        " changes = excluded.changes, changed_at = excluded.changed_at",
        (account_id, place, draft.based_on, draft.revision, json.dumps(draft.changes), now),
    )


def drop_draft(db: Database, account_id: int, place: str) -> bool:
    cursor = db.execute("DELETE FROM policy_draft WHERE account_id = ? AND place = ?", (account_id, place))
    return bool(cursor.rowcount)


def load_drafts(db: Database, account_id: int) -> list[str]:
    """The places where the admin has a draft."""
    return [row[0] for row in db.rows("SELECT place FROM policy_draft WHERE account_id = ?", (account_id,))]


# Applied steps ------------------------------------------------------------------------------------------------------

_STEP = "s.id, s.place, s.actor_id, s.at, s.first_version, s.last_version, s.note, s.counts, s.undone_at, s.undone_by"


class Step(NamedTuple):
    id: int
    place: str
    actor_id: int | None
    at: int
    first_version: int
    last_version: int
    note: str
    counts: dict[str, Any]
    undone_at: int | None
    undone_by: int | None


class Entry(NamedTuple):
    """A row of the log with who and when, for people."""

    version: int
    op: str
    scope: str
    bit: int | None
    level: int | None
    value: int | None
    actor_id: int | None
    at: int


def add_step(
    db: Database, place: str, actor_id: int, now: int, versions: tuple[int, int], note: str, counts: Any, telling: bool
) -> int:
    row = db.execute(
        "INSERT INTO policy_step(place, actor_id, at, first_version, last_version, note, counts, telling)"
        " VALUES (?,?,?,?,?,?,?,?) RETURNING id",
        (place, actor_id, now, *versions, note, json.dumps(counts, sort_keys=True), telling),
    ).fetchone()
    return int(row[0])


def load_steps(db: Database, place: str, limit: int) -> list[Step]:
    """The latest steps of a place, newest first."""
    sql = f"SELECT {_STEP} FROM policy_step s WHERE s.place = ? ORDER BY s.id DESC LIMIT ?"
    return [_step(row) for row in db.rows(sql, (place, limit))]


def load_step(db: Database, place: str, step_id: int) -> Step | None:
    row = db.row(f"SELECT {_STEP} FROM policy_step s WHERE s.place = ? AND s.id = ?", (place, step_id))
    return None if row is None else _step(row)


def mark_undone(db: Database, step_id: int, now: int, actor_id: int) -> None:
    db.execute(
        "UPDATE policy_step SET undone_at = ?, undone_by = ?, telling = ? WHERE id = ?", (now, actor_id, False, step_id)
    )


def load_entries(db: Database, first: int, last: int) -> list[Entry]:
    """The log's entries from one version to another."""
    rows = db.rows(
        "SELECT version, op, scope, bit, level, value, actor_id, at FROM policy_change"
        " WHERE version BETWEEN ? AND ? ORDER BY version",
        (first, last),
    )
    return [Entry(*row) for row in rows]


def load_start(db: Database) -> int | None:
    """When the defaults were recorded first."""
    row = db.row("SELECT MIN(at) FROM policy_change WHERE op = 'base'")
    return None if row is None else row[0]


def load_handles(db: Database, account_ids: Iterable[int]) -> dict[int, str]:
    """What admins are called, by their handles (T69: a deleted one by none): their names are not theirs to show."""
    ids = sorted(set(account_ids))
    if not ids:
        return {}
    sql = f"SELECT id, CASE WHEN state <> 'deleted' THEN '@' || handle END FROM account WHERE id IN ({marks(len(ids))})"
    return {account_id: name or "a deleted account" for account_id, name in db.rows(sql, ids)}


def _step(row: tuple[Any, ...]) -> Step:
    return Step._make((*row[:7], json.loads(row[7]), *row[8:]))


# Telling members ----------------------------------------------------------------------------------------------------


class Telling(NamedTuple):
    id: int
    place: str
    first_version: int
    last_version: int
    told_to: int


class Told(NamedTuple):
    """An account that may be told, with what the gate asks of it."""

    id: int
    handle: str
    email: str
    domain_id: int | None
    base_version: int
    chosen: int
    chosen_anyone: int
    chosen_org: int
    cap_anyone: int
    cap_org: int


def next_telling(db: Database) -> Telling | None:
    """The oldest step whose members are still to be told; kept by this transaction, so that nobody is told twice."""
    lock = " FOR UPDATE SKIP LOCKED" if db.dialect == "postgresql" else ""
    row = db.row(
        "SELECT id, place, first_version, last_version, told_to FROM policy_step"
        f" WHERE telling ORDER BY id LIMIT 1{lock}"
    )
    return None if row is None else Telling(*row)


def load_tellable(db: Database, after_id: int, limit: int) -> list[Told]:
    """The next accounts that can be mailed."""
    rows = db.rows(
        "SELECT id, handle, email, domain_id, base_version, chosen, chosen_anyone, chosen_org, cap_anyone, cap_org"
        " FROM account WHERE id > ? AND state = 'active' AND email_verified_at IS NOT NULL ORDER BY id LIMIT ?",
        (after_id, limit),
    )
    return [Told(*row) for row in rows]


def move_telling(db: Database, step_id: int, told_to: int, told: int, *, done: bool) -> None:
    db.execute(
        "UPDATE policy_step SET told_to = ?, told = told + ?, telling = ? WHERE id = ?",
        (told_to, told, not done, step_id),
    )


# Declined offers ----------------------------------------------------------------------------------------------------


def load_declined(db: Database, account_id: int) -> dict[int, int]:
    """bit -> the level up to which nothing is offered any more."""
    return dict(db.rows("SELECT bit, level FROM visibility_decline WHERE account_id = ?", (account_id,)))


def load_declined_of(db: Database, account_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """(account, bit) -> level, of several accounts."""
    if not account_ids:
        return {}
    rows = db.rows(
        f"SELECT account_id, bit, level FROM visibility_decline WHERE account_id IN ({marks(len(account_ids))})",
        account_ids,
    )
    return {(account_id, bit): level for account_id, bit, level in rows}


def decline(db: Database, account_id: int, bit: int, level: int, now: int) -> None:
    db.execute(
        "INSERT INTO visibility_decline(account_id, bit, level, at) VALUES (?,?,?,?)"
        " ON CONFLICT (account_id, bit) DO UPDATE SET level = excluded.level, at = excluded.at",
        (account_id, bit, level, now),
    )


def forget_declined(db: Database, account_id: int, bits: Sequence[int]) -> None:
    """The owner acted on these fields: what they said to earlier offers no longer stands."""
    if bits:
        db.execute(
            f"DELETE FROM visibility_decline WHERE account_id = ? AND bit IN ({marks(len(bits))})",
            (account_id, *bits),
        )


def load_latest(db: Database, scopes: Sequence[str]) -> list[Entry]:
    """The latest change in force of each cell and lock of these scopes, and of a domain among them."""
    rows = db.rows(
        "SELECT version, op, scope, bit, level, value, actor_id, at FROM policy_change WHERE version IN ("
        " SELECT MAX(version) FROM policy_change WHERE op IN ('cell', 'lock', 'domain') AND undone_at IS NULL"
        f" AND scope IN ({marks(len(scopes))}) GROUP BY op, scope, bit)",
        scopes,
    )
    return [Entry(*row) for row in rows]


def load_moments(db: Database, versions: Sequence[int]) -> dict[int, int]:
    """When these changes of the log were made."""
    if not versions:
        return {}
    return dict(db.rows(f"SELECT version, at FROM policy_change WHERE version IN ({marks(len(versions))})", versions))
