"""Links between accounts: columns of the linked account's own row. SQL only; the caller holds the link guard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from policies.terms import ALL, LinkHold, Settings
from webapp.store.database import Database, marks
from webapp.store.profiles import Group, load_group_of

_SETTINGS = (
    "base_version = ?, chosen = ?, chosen_anyone = ?, chosen_org = ?, cap_anyone = ?, cap_org = ?, private = ?,"
    " keep_name = ?"
)
_HOLD = "link_cap_anyone = ?, link_cap_org = ?, link_private = ?, link_edit_self = ?, link_edit_primary = ?"
_NO_HOLD = f"link_cap_anyone = {ALL}, link_cap_org = {ALL}, link_private = ?, link_edit_self = NULL," \
    " link_edit_primary = NULL"
_TOUCH = "row_version = row_version + 1"
_GROUPS = "(SELECT coalesce(primary_id, id) AS id FROM account WHERE id IN (?, ?))"
#: Both groups at once and in the order of ids, so that two verbs never wait for each other.
LOCK_PAIR = f"SELECT a.id FROM account a WHERE coalesce(a.primary_id, a.id) IN {_GROUPS} ORDER BY a.id FOR UPDATE"


class Party(NamedTuple):
    """One account as the link verbs need it: for its owner's eyes and for mails to itself."""

    id: int
    handle: str
    public_name: str
    full_name: str | None
    avatar: str | None
    email: str | None
    email_key: str | None
    email_verified_at: int | None
    state: str
    domain_id: int | None
    primary_id: int | None
    silent: bool
    linked_at: int | None
    reset_at: int | None
    edit_version: int

    @property
    def may_log_in(self) -> bool:
        """As store.accounts.Login (T26)."""
        return self.state == "active" and self.email_verified_at is not None and self.email is not None


_PARTY = ", ".join(f"a.{name}" for name in Party._fields)


def load_parties(db: Database, ids: Sequence[int]) -> dict[int, Party]:
    """These accounts by id."""
    rows = db.rows(f"SELECT {_PARTY} FROM account a WHERE a.id IN ({marks(len(ids))}) ORDER BY a.id", tuple(ids))
    return {row[0]: Party._make((*row[:11], bool(row[11]), *row[12:])) for row in rows}


def lock_pair(db: Database, one: int, other: int) -> tuple[Group, Group] | None:
    """The groups of two accounts, kept as they are until the transaction ends; None if one is not there."""
    db.link_guard()
    if db.dialect == "postgresql":      # a SQLite transaction holds the write lock already
        db.rows(LOCK_PAIR, (one, other))
    first, second = load_group_of(db, one), load_group_of(db, other)
    return None if first is None or second is None else (first, second)


def load_edit_version(db: Database, account_id: int) -> int:
    """How often the owner of the account acted on its record or settings."""
    row = db.row("SELECT edit_version FROM account WHERE id = ?", (account_id,))
    return int(row[0]) if row else 0


def load_hold(db: Database, account_id: int) -> LinkHold:
    """What the link of a linked account holds back."""
    row = db.row(
        "SELECT link_cap_anyone, link_cap_org, link_private, link_edit_self, link_edit_primary FROM account"
        " WHERE id = ?",
        (account_id,),
    )
    return LinkHold() if row is None else LinkHold(row[0], row[1], bool(row[2]), row[3], row[4])


def save_link(
    db: Database,
    account_id: int,
    primary_id: int,
    settings: Settings,
    hold: LinkHold,
    silent: bool,
    linked_at: int | None,
    edited: bool = False,
) -> None:
    """Write the link on the linked account's row (`linked_at` None: it was linked before) and touch both accounts.

    `edited`: the settings changed by the word of the account's owner.
    """
    db.execute(
        f"UPDATE account SET primary_id = ?, silent = ?, linked_at = COALESCE(?, linked_at), {_SETTINGS}, {_HOLD},"
        f" edit_version = edit_version + ?, {_TOUCH} WHERE id = ?",
        (
            primary_id, silent, linked_at, *_values(settings), hold.cap_anyone, hold.cap_org, hold.private,
            hold.edit_self, hold.edit_primary, int(edited), account_id,
        ),
    )  # fmt: skip
    touch(db, primary_id)


def remove_link(db: Database, account_id: int, primary_id: int, settings: Settings) -> None:
    """Take the link off the account's row, with all that it held back, and touch both accounts."""
    db.execute(
        f"UPDATE account SET primary_id = NULL, silent = ?, linked_at = NULL, {_SETTINGS}, {_NO_HOLD}, {_TOUCH}"
        " WHERE id = ?",
        (False, *_values(settings), False, account_id),
    )
    touch(db, primary_id)


def move_primary(db: Database, old: int, new: int, old_settings: Settings, new_settings: Settings, now: int) -> None:
    """Hang every account of the group under the linked account `new`, `old` too; no link holds anything any more.

    Both owners acted. In this order each step keeps the keys of the table.
    """
    acted = f"edit_version = edit_version + 1, {_TOUCH}"
    keep_out(db, new, old)
    db.execute(
        f"UPDATE account SET primary_id = NULL, silent = ?, linked_at = NULL, {_SETTINGS}, {_NO_HOLD}, {acted}"
        " WHERE id = ?",
        (False, *_values(new_settings), False, new),
    )
    db.execute(f"UPDATE account SET primary_id = ?, {_NO_HOLD}, {_TOUCH} WHERE primary_id = ?", (new, False, old))
    db.execute(
        f"UPDATE account SET primary_id = ?, silent = ?, linked_at = ?, {_SETTINGS}, {_NO_HOLD}, {acted} WHERE id = ?",
        (new, False, now, *_values(old_settings), False, old),
    )


def keep_out(db: Database, account_id: int, primary_id: int) -> None:
    """A profile that its owner keeps out of search engines stays out of them, also where this account leaves it."""
    db.execute(
        "UPDATE account SET searchable = ? WHERE id = ? AND NOT (SELECT searchable FROM account WHERE id = ?)",
        (False, account_id, primary_id),
    )


def touch(db: Database, account_id: int) -> None:
    """What is shown of the account changed."""
    db.execute(f"UPDATE account SET {_TOUCH} WHERE id = ?", (account_id,))


def has_event(db: Database, event: str, subject_id: int) -> bool:
    """Whether the audit log holds this event about the account."""
    return db.row("SELECT 1 FROM audit WHERE event = ? AND subject_id = ? LIMIT 1", (event, subject_id)) is not None


def load_accounts_of_domain(db: Database, domain_id: int) -> list[int]:
    """Accounts of an e-mail domain that belong to a group of more than one, in order."""
    return [
        row[0]
        for row in db.rows(
            "SELECT a.id FROM account a WHERE a.domain_id = ? AND (a.primary_id IS NOT NULL"
            " OR EXISTS (SELECT 1 FROM account l WHERE l.primary_id = a.id)) ORDER BY a.id",
            (domain_id,),
        )
    ]


def _values(settings: Settings) -> tuple[Any, ...]:
    return (
        settings.base_version, settings.chosen, settings.chosen_anyone, settings.chosen_org, settings.cap_anyone,
        settings.cap_org, settings.private, settings.keep_name,
    )  # fmt: skip
