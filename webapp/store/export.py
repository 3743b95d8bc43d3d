"""Everything of one account, page by page, for its owner's export: each statement reads one part of one table.

Every walk goes along an index and starts after the last row of the page before, so that a page costs the same at any
length. Other people are not read here but for the ids the gate is asked about.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from webapp.store import filing
from webapp.store.database import Database
from webapp.store.profiles import MEMBER_COLUMNS, Group, Member, group_of

#: Before every row of a walk upwards.
FIRST = (-(2**62), 0)
FIRST_ACT = ("", *FIRST)

#: (kind, at, id, source, title, what it was about, address, listed) of one activity.
Act = tuple[str, int, int, int, str, str, str, bool]


class Account(NamedTuple):
    """What the site knows of an account beside its record."""

    handle: str
    public_name: str
    public_id: str
    email: str | None
    state: str
    created_at: int
    member_since: int | None
    email_verified_at: int | None
    terms_version: str | None
    terms_at: int | None
    searchable: bool
    private: bool
    keep_name: bool


class Item(NamedTuple):
    kind: str
    title: str
    item: str
    at: int
    until: int | None
    url: str
    source: str | None


class Note(NamedTuple):
    """Kudos with the group of who is on the other side; None where they are not known here."""

    id: int
    at: int
    message: str
    category: str
    other: Group | None


def load_account(db: Database, account_id: int) -> Account | None:
    row = db.row(f"SELECT {', '.join(Account._fields)} FROM account WHERE id = ?", (account_id,))
    return None if row is None else Account._make((*row[:10], *map(bool, row[10:])))


def load_handles(db: Database, account_id: int) -> list[tuple[str, int]]:
    """(handle, since) of all that the account ever had."""
    return db.rows("SELECT handle, since FROM handle WHERE account_id = ? ORDER BY since, handle", (account_id,))


def load_identities(db: Database, account_id: int) -> list[tuple[str, str, int]]:
    """(source, name there, since)."""
    return db.rows(
        "SELECT s.label, i.actor, i.created_at FROM identity i JOIN source s ON s.id = i.source_id"
        " WHERE i.account_id = ? ORDER BY s.label, i.actor",
        (account_id,),
    )


def load_roles(db: Database, account_id: int) -> list[tuple[str, str, int]]:
    """(organization, role, since)."""
    return db.rows(
        "SELECT o.name, m.role, m.since FROM membership m JOIN organization o ON o.id = m.organization_id"
        " WHERE m.account_id = ? ORDER BY o.name",
        (account_id,),
    )


def load_held(db: Database, account_id: int) -> list[Item]:
    """Courses, certifications, designations, groups, badges."""
    rows = db.rows(
        "SELECT h.kind, h.title, h.item, h.at, h.until, h.url, s.label FROM held h"
        " LEFT JOIN source s ON s.id = h.source_id WHERE h.account_id = ? ORDER BY h.kind, h.at, h.item",
        (account_id,),
    )
    return [Item._make(row) for row in rows]


def load_labels(db: Database) -> dict[int, str]:
    """What every source is called."""
    return dict(db.rows("SELECT id, label FROM source"))


def load_acts(db: Database, account_id: int, after: tuple[str, int, int], limit: int) -> list[Act]:
    """Activity by kind, each oldest first, after the row (kind, at, id). Nothing of who gave it: that is others'."""
    rows = db.rows(_acts_sql(db.dialect), (account_id, *after, limit, account_id, *after))
    rows.sort(key=_BY_KIND)     # they come in order but for the last few
    return rows[:limit]


_BY_KIND = itemgetter(0, 1, 2)


@lru_cache(maxsize=2)
def _acts_sql(dialect: str) -> str:
    columns = "{0}kind, {0}at, v.id, v.source_id, v.title, v.object, v.url, v.listed"
    some = filing.filed(columns.format("e."), "e.account_id = ? AND (e.kind, e.at, e.activity_id) > (?, ?, ?)")
    others = filing.unfiled(dialect, columns.format("v."), "c.account_id = ? AND (v.kind, v.at, v.id) > (?, ?, ?)")
    return f"SELECT * FROM ({some} ORDER BY e.kind, e.at, e.activity_id LIMIT ?) f UNION ALL SELECT * FROM ({others}) w"


#: side -> (whose kudos they are, who is on the other side)
_SIDES = {"received": ("receiver_id", "giver_id"), "given": ("giver_id", "receiver_id")}


def load_kudos(db: Database, account_id: int, side: str, after: tuple[int, int], limit: int) -> list[Note]:
    """Kudos that the account received or gave, oldest first, after the row (at, id). One statement."""
    own, other = _SIDES[side]
    at, row_id = after
    rows = db.rows(
        f"SELECT k.id, k.at, k.message, k.category, k.other, {MEMBER_COLUMNS} FROM"
        f" (SELECT id, at, message, category, {other} AS other FROM kudos WHERE {own} = ? AND at >= ?"
        " AND (at > ? OR id > ?) ORDER BY at, id LIMIT ?) AS k LEFT JOIN account g ON g.id = k.other"
        " LEFT JOIN account a ON a.id = g.id OR a.id = g.primary_id OR a.primary_id = COALESCE(g.primary_id, g.id)"
        " ORDER BY k.at, k.id, a.id",
        (account_id, at, at, row_id, limit),
    )
    notes = []
    for (number, when, message, category, known), found in groupby(rows, key=itemgetter(0, 1, 2, 3, 4)):
        group = None if known is None else group_of(0, (Member._make(row[5:]) for row in found), known)
        notes.append(Note(number, when, message, category, group))
    return notes
