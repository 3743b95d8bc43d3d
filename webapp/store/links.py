"""Links between accounts: columns of the linked account's own row. SQL only; the caller holds the link guard."""

from __future__ import annotations

from policies.terms import LinkHold, Settings
from webapp.store.database import Database

_SETTINGS = (
    "base_version = ?, chosen = ?, chosen_anyone = ?, chosen_org = ?, cap_anyone = ?, cap_org = ?, private = ?,"
    " keep_name = ?"
)
_HOLD = "link_cap_anyone = ?, link_cap_org = ?, link_private = ?, link_edit_self = ?, link_edit_primary = ?"
_TOUCH = "row_version = row_version + 1"


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
) -> None:
    """Write the link on the linked account's row (`linked_at` None: it was linked before) and touch both accounts."""
    db.execute(
        f"UPDATE account SET primary_id = ?, silent = ?, linked_at = COALESCE(?, linked_at), {_SETTINGS}, {_HOLD},"
        f" {_TOUCH} WHERE id = ?",
        (
            primary_id, silent, linked_at, settings.base_version, settings.chosen, settings.chosen_anyone,
            settings.chosen_org, settings.cap_anyone, settings.cap_org, settings.private, settings.keep_name,
            hold.cap_anyone, hold.cap_org, hold.private, hold.edit_self, hold.edit_primary, account_id,
        ),
    )  # fmt: skip
    db.execute(f"UPDATE account SET {_TOUCH} WHERE id = ?", (primary_id,))


def has_event(db: Database, event: str, subject_id: int) -> bool:
    """Whether the audit log holds this event about the account."""
    return db.row("SELECT 1 FROM audit WHERE event = ? AND subject_id = ? LIMIT 1", (event, subject_id)) is not None
