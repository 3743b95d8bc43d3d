"""Peer kudos: their messages with what the gate needs to know of who gave and got them. Counting is in totals.py."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from webapp.store.database import Database, marks
from webapp.store.ingest import OWN_SOURCE, ActivityRow
from webapp.store.lists import padded
from webapp.store.profiles import MEMBER_COLUMNS, Group, Member, filled, group_of


@lru_cache(maxsize=64)
def _notes_sql(count: int, within: int) -> str:
    one = (
        "SELECT id, message, category, at, giver_id FROM kudos WHERE receiver_id = ? AND hidden_at IS NULL"
        f" AND message <> '' AND (giver_id IS NULL OR giver_id NOT IN ({marks(within)}))"
        " ORDER BY at DESC, id DESC LIMIT ?"
    )
    parts = " UNION ALL ".join(f"SELECT * FROM ({one}) AS p{number}" for number in range(count))
    return (
        f"SELECT k.id, k.message, k.category, k.at, k.giver_id, {MEMBER_COLUMNS}"
        f" FROM (SELECT * FROM ({parts}) AS p ORDER BY at DESC, id DESC LIMIT ?) AS k"
        " LEFT JOIN account g ON g.id = k.giver_id"
        " LEFT JOIN account a ON a.id = g.id OR a.id = g.primary_id OR a.primary_id = COALESCE(g.primary_id, g.id)"
        " ORDER BY k.at DESC, k.id DESC, a.id"
    )


def load_notes(
    db: Database, receivers: Sequence[int], within: Sequence[int], limit: int
) -> list[tuple[str, str, int, Group | None]]:
    """The newest kudos messages to these accounts, none given by those of `within`: (message, category, at, the
    giver's group).

    The group is None where the giver is not known here; its `asked` is the giver, its version not set. One statement.
    """
    params: list[int] = []
    receivers, within = filled(receivers), filled(within)
    for account_id in receivers:
        params += (account_id, *within, limit)
    rows = db.rows(_notes_sql(len(receivers), len(within)), (*params, limit))
    notes = []
    for (_, message, category, at, giver_id), found in groupby(rows, key=lambda row: row[:5]):
        group = None if giver_id is None else group_of(0, (Member._make(row[5:]) for row in found), giver_id)
        notes.append((message, category, at, group))
    return notes


# What was given and got, one by one


class Note(NamedTuple):
    """Kudos with the group of who is on the other side, None where they are not known here (`receiver`: whose it is).

    is_ours: given on this site; reported_at, kept_at: told to the admins, and kept by them.
    """

    id: int
    at: int
    message: str
    category: str
    hidden_at: int | None
    reported_at: int | None
    kept_at: int | None
    is_ours: bool
    other: Group | None


class Kudos(NamedTuple):
    """One row, for the verbs."""

    id: int
    receiver_id: int
    giver_id: int | None
    at: int
    hidden_at: int | None
    reported_at: int | None
    kept_at: int | None
    source: str | None
    external_id: str | None


_ONE = (
    "SELECT k.id, k.receiver_id, k.giver_id, k.at, k.hidden_at, k.reported_at, k.kept_at, s.name, v.external_id"
    " FROM kudos k LEFT JOIN activity v ON v.id = k.activity_id LEFT JOIN source s ON s.id = v.source_id"
    " WHERE k.id = ?"
)
#: side -> (whose kudos they are, who is on the other side)
_SIDES = {"received": ("receiver_id", "giver_id"), "given": ("giver_id", "receiver_id")}
_WAITS = "reported_at IS NOT NULL AND kept_at IS NULL"


def _notes(db: Database, other: str, where: str, params: Sequence[Any], limit: int) -> list[Note]:
    """Newest first. One statement."""
    rows = db.rows(
        "SELECT k.id, k.at, k.message, k.category, k.hidden_at, k.reported_at, k.kept_at,"
        " EXISTS (SELECT 1 FROM activity v JOIN source s ON s.id = v.source_id WHERE v.id = k.activity_id"
        f" AND s.name = ?), k.other, {MEMBER_COLUMNS}"
        " FROM (SELECT id, at, message, category, hidden_at, reported_at, kept_at, activity_id,"
        f" {other} AS other FROM kudos WHERE {where} ORDER BY at DESC, id DESC LIMIT ?) AS k"
        " LEFT JOIN account g ON g.id = k.other"
        " LEFT JOIN account a ON a.id = g.id OR a.id = g.primary_id OR a.primary_id = COALESCE(g.primary_id, g.id)"
        " ORDER BY k.at DESC, k.id DESC, a.id",
        (OWN_SOURCE, *params, limit),
    )
    notes = []
    for key, found in groupby(rows, key=lambda row: row[:9]):
        *values, is_ours, known = key
        group = None if known is None else group_of(0, (Member._make(row[9:]) for row in found), known)
        notes.append(Note._make((*values, bool(is_ours), group)))
    return notes


def load_side(
    db: Database, side: str, ids: Sequence[int], after: tuple[int, int] | None, limit: int
) -> list[Note]:
    """Kudos that these accounts received or gave, newest first, those older than the row (at, id)."""
    own, other = _SIDES[side]
    older = " AND (at < ? OR (at = ? AND id < ?))" if after is not None else ""
    place = (after[0], *after) if after is not None else ()
    return _notes(db, other, f"{own} IN ({marks(len(ids))}){older}", (*ids, *place), limit)


def load_reported(db: Database, side: str, limit: int) -> list[Note]:
    """What was reported and not looked at yet, newest first, with the givers (`received`) or receivers (`given`)."""
    return _notes(db, _SIDES[side][1], _WAITS, (), limit)


def count_reported(db: Database) -> int:
    """How many wait for an admin."""
    row = db.row(f"SELECT COUNT(*) FROM kudos WHERE {_WAITS}")
    return int(row[0]) if row is not None else 0


def load_some(db: Database, ids: Sequence[int]) -> list[Note]:
    """These kudos with their givers, newest first."""
    return [
        note for some, values in padded(ids)
        for note in _notes(db, "giver_id", f"id IN ({some})", values, len(values))
    ]  # fmt: skip


def load_one(db: Database, kudos_id: int) -> Kudos | None:
    """One row."""
    row = db.row(_ONE, (kudos_id,))
    return None if row is None else Kudos._make(row)


def load_given_since(db: Database, giver_id: int, since: int) -> list[int]:
    """When the account gave kudos on this site after a moment, ascending."""
    rows = db.rows(
        "SELECT k.at FROM kudos k JOIN activity v ON v.id = k.activity_id JOIN source s ON s.id = v.source_id"
        " WHERE k.giver_id = ? AND k.at > ? AND s.name = ? ORDER BY k.at",
        (giver_id, since, OWN_SOURCE),
    )
    return [int(row[0]) for row in rows]


def is_given(db: Database, giver_id: int, receiver_id: int, message: str, category: str, since: int) -> bool:
    """Whether the account gave these very kudos on this site at a moment or later."""
    return db.row(
        "SELECT 1 FROM kudos k JOIN activity v ON v.id = k.activity_id JOIN source s ON s.id = v.source_id"
        " WHERE k.giver_id = ? AND k.receiver_id = ? AND k.message = ? AND k.category = ? AND k.at >= ? AND s.name = ?",
        (giver_id, receiver_id, message, category, since, OWN_SOURCE),
    ) is not None


class Standing(NamedTuple):
    """An account as far as kudos go. `email`: its proved address; `is_muted`: it wants no daily mail."""

    state: str
    public_id: str
    handle: str
    email: str | None
    is_muted: bool


def load_standing(db: Database, account_id: int) -> Standing | None:
    """How an account stands."""
    row = db.row(
        "SELECT a.state, a.public_id, a.handle, CASE WHEN a.email_verified_at IS NOT NULL THEN a.email END,"
        " m.account_id FROM account a LEFT JOIN kudos_mute m ON m.account_id = a.id WHERE a.id = ?",
        (account_id,),
    )
    return None if row is None else Standing._make((*row[:4], row[4] is not None))


# Writing


def add(db: Database, event: ActivityRow, source_id: int, message: str, category: str) -> int:
    """The kudos that stand for an event just stored, waiting for the daily mail; their id."""
    row = db.execute(
        "INSERT INTO kudos(receiver_id, giver_id, activity_id, message, category, at)"
        " SELECT account_id, by_account_id, id, ?, ?, at FROM activity WHERE source_id = ? AND external_id = ?"
        " RETURNING id",
        (message, category, source_id, event.external_id),
    ).fetchone()
    db.execute("INSERT INTO kudos_waiting(kudos_id, receiver_id) VALUES (?,?)", (row[0], event.account_id))
    return int(row[0])


def set_hidden(db: Database, kudos: Kudos, now: int | None) -> None:
    """Hide the words, or show them again; what is hidden is not told of either."""
    db.execute("UPDATE kudos SET hidden_at = ? WHERE id = ?", (now, kudos.id))
    if now is not None:
        db.execute("DELETE FROM kudos_waiting WHERE kudos_id = ?", (kudos.id,))
    _touch(db, kudos.receiver_id)


def set_reported(db: Database, kudos_id: int, now: int) -> None:
    """Put it before the admins."""
    db.execute("UPDATE kudos SET reported_at = ? WHERE id = ?", (now, kudos_id))


def set_kept(db: Database, kudos_id: int, now: int) -> None:
    """An admin looked at it and kept it."""
    db.execute("UPDATE kudos SET kept_at = ? WHERE id = ?", (now, kudos_id))


def take_words(db: Database, kudos: Kudos, now: int) -> None:
    """Take the words from kudos that a source counts; the count stays the source's."""
    db.execute(
        "UPDATE activity SET title = '' WHERE id = (SELECT activity_id FROM kudos WHERE id = ?)", (kudos.id,)
    )
    db.execute("UPDATE kudos SET message = '', category = '', kept_at = ? WHERE id = ?", (now, kudos.id))
    _touch(db, kudos.receiver_id)


def _touch(db: Database, account_id: int) -> None:
    db.execute("UPDATE account SET row_version = row_version + 1 WHERE id = ?", (account_id,))


# The daily mail


def set_mute(db: Database, account_id: int, now: int | None) -> None:
    """No daily mail from now on, or with None mails again."""
    if now is None:
        db.execute("DELETE FROM kudos_mute WHERE account_id = ?", (account_id,))
    else:
        db.execute(
            "INSERT INTO kudos_mute(account_id, since) VALUES (?,?) ON CONFLICT (account_id) DO NOTHING",
            (account_id, now),
        )


def load_waiting(db: Database, after: int, limit: int) -> list[int]:
    """Accounts that have kudos or badges to be told of, by id."""
    rows = db.rows(
        "SELECT receiver_id FROM kudos_waiting WHERE receiver_id > ?"
        " UNION SELECT account_id FROM award_waiting WHERE account_id > ? ORDER BY 1 LIMIT ?",
        (after, after, limit),
    )
    return [int(row[0]) for row in rows]


def take_waiting(db: Database, receiver_id: int) -> list[int]:
    """The kudos that an account is to be told of, told from now on."""
    rows = db.execute("DELETE FROM kudos_waiting WHERE receiver_id = ? RETURNING kudos_id", (receiver_id,)).fetchall()
    return sorted(int(row[0]) for row in rows)
