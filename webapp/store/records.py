"""An account's record as its owner edits it, with the settings it is folded under, and the avatar bytes. SQL only.

Whether something may be read or written is decided before: callers name the columns that the gate shows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from policies.terms import ALL, Settings
from webapp.store.database import Database
from webapp.store.profiles import MEMBER_COLUMNS, Group, Member, group_of, load_group_of

#: Columns of the record that are edited.
COLUMNS = frozenset({
    "public_name", "full_name", "job_title", "department", "organization", "location", "timezone", "bio", "links",
    "products", "avatar",
})  # fmt: skip

#: NO KEY: an event that names one of these accounts holds its key until it is committed, and must not be waited for.
LOCK_GROUP = """
SELECT a.id FROM account a, (SELECT coalesce(primary_id, id) AS id FROM account WHERE id = ?) g
WHERE a.id = g.id OR a.primary_id = g.id ORDER BY a.id FOR NO KEY UPDATE OF a
"""
#: A replaced picture's key is dead at once: the picture must be the one its account wears (T57).
_WORN = "FROM avatar v JOIN account r ON r.id = v.account_id AND r.avatar = v.key"
GROUP_BY_AVATAR = (
    f"SELECT (SELECT version FROM policy_state WHERE id = 1), r.id, {MEMBER_COLUMNS} {_WORN}"
    " JOIN account a ON a.id = COALESCE(r.primary_id, r.id) WHERE v.key = ?"
    f" UNION ALL SELECT 0, r.id, {MEMBER_COLUMNS} {_WORN}"
    " JOIN account a ON a.primary_id = COALESCE(r.primary_id, r.id) WHERE v.key = ?"
)
_SAVE = """
base_version = ?, chosen = ?, chosen_anyone = ?, chosen_org = ?, cap_anyone = ?, cap_org = ?,
private = ?, keep_name = ?, edit_version = edit_version + 1, row_version = row_version + 1
WHERE id = ?
"""
#: A shown linked account's owner acts while another link keeps the profile private: from now on it is private itself.
KEEP_PRIVATE = """
UPDATE account SET private = ?, row_version = row_version + 1 WHERE NOT private
AND id = (SELECT primary_id FROM account WHERE id = ? AND NOT silent)
AND EXISTS (SELECT 1 FROM account l WHERE l.primary_id = account.id AND l.link_private AND l.id <> ?)
"""
#: Links that hold nothing back are left alone: fewer row locks.
FREE_LINKS = f"""
UPDATE account SET link_cap_anyone = {ALL}, link_cap_org = {ALL}, link_private = ?
WHERE primary_id = ? AND (link_cap_anyone <> {ALL} OR link_cap_org <> {ALL} OR link_private)
"""


def lock_group(db: Database, account_id: int) -> Group | None:
    """The group of an account, kept as it is until the transaction ends; None for an account that is not there."""
    db.link_guard()
    if db.dialect == "postgresql":      # a SQLite transaction holds the write lock already
        db.rows(LOCK_GROUP, (account_id,))
    return load_group_of(db, account_id)


def load_columns(db: Database, account_id: int, columns: Collection[str]) -> dict[str, Any]:
    """Those columns of a record, and no other."""
    names = sorted(COLUMNS.intersection(columns))
    row = db.row(f"SELECT {', '.join(names)} FROM account WHERE id = ?", (account_id,)) if names else None
    return {} if row is None else dict(zip(names, row, strict=True))


def save(db: Database, account_id: int, settings: Settings, values: Mapping[str, Any]) -> None:
    """Write values and folded settings of a record as one act of its owner: edit and row version go up by one.

    What the links of a primary held back stands in its own row now, so the links are freed; and a profile in which a
    shown linked account acted stays private if another link made it so (policies.holding).
    """
    names = sorted(values)
    if not COLUMNS.issuperset(names):
        raise ValueError(f"not columns of a record: {names}")
    assignments = "".join(f"{name} = ?, " for name in names)
    db.execute(
        f"UPDATE account SET {assignments}{_SAVE}",
        (
            *(values[name] for name in names), settings.base_version, settings.chosen, settings.chosen_anyone,
            settings.chosen_org, settings.cap_anyone, settings.cap_org, settings.private, settings.keep_name,
            account_id,
        ),
    )
    db.execute(FREE_LINKS, (False, account_id))
    db.execute(KEEP_PRIVATE, (True, account_id, account_id))


def load_searchable(db: Database, account_id: int) -> bool:
    """Whether search engines may list the account's page."""
    row = db.row("SELECT searchable FROM account WHERE id = ?", (account_id,))
    return row is not None and bool(row[0])


def save_searchable(db: Database, account_id: int, searchable: bool) -> None:
    """Part of an act of the owner: `save` moves the versions on."""
    db.execute("UPDATE account SET searchable = ? WHERE id = ?", (searchable, account_id))


def replace_avatar(db: Database, account_id: int, key: str | None, image: bytes, now: int) -> None:
    """Keep a picture under its key as the account's only one; with None the account has none any more."""
    db.execute("DELETE FROM avatar WHERE account_id = ?", (account_id,))
    if key is not None:
        db.execute(
            "INSERT INTO avatar(key, account_id, image, created_at) VALUES (?,?,?,?)", (key, account_id, image, now)
        )


def load_avatar_group(db: Database, key: str) -> Group | None:
    """The group of the account that wears the picture of that key now (`asked`). One statement."""
    rows = db.rows(GROUP_BY_AVATAR, (key, key))
    if not rows:
        return None
    return group_of(max(row[0] for row in rows), [Member._make(row[2:]) for row in rows], rows[0][1])


def load_avatar(db: Database, key: str) -> bytes | None:
    """The bytes of a picture."""
    row = db.row("SELECT image FROM avatar WHERE key = ?", (key,))
    return None if row is None else bytes(row[0])
