"""Who a login session looks as: its account's place in its group, in one statement. What follows is decided above."""

from __future__ import annotations

from typing import NamedTuple

from webapp.store.database import Database

VIEWER = """
SELECT (SELECT version FROM policy_state WHERE id = 1), me.id, me.primary_id, a.id, a.domain_id,
  a.email_verified_at IS NOT NULL
FROM account me JOIN account a ON a.id = COALESCE(me.primary_id, me.id) OR a.primary_id = COALESCE(me.primary_id, me.id)
WHERE me.id = ? AND me.state = 'active'
  AND a.state = 'active' ORDER BY a.id
"""


class Standing(NamedTuple):
    """An active account, its primary (None: not linked or primary itself), the active accounts of its group.

    members: (id, domain id, whether the address is proved)
    """

    version: int
    account_id: int
    primary_id: int | None
    members: tuple[tuple[int, int | None, bool], ...]


def load_standing(db: Database, account_id: int) -> Standing | None:
    """Where an active account stands; None if there is none of that id or it may not act. One statement."""
    rows = db.rows(VIEWER, (account_id,))
    if not rows:
        return None
    version, me, primary_id = rows[0][:3]
    return Standing(version, me, primary_id, tuple((row[3], row[4], bool(row[5])) for row in rows))


ADMIN = """
SELECT is_admin, EXISTS (SELECT 1 FROM membership m WHERE m.account_id = account.id AND m.role = 'admin')
FROM account WHERE id = ?
"""


def load_is_admin(db: Database, account_id: int) -> tuple[bool, bool]:
    """Whether the account is an admin of the site, and of any organization."""
    row = db.row(ADMIN, (account_id,))
    return (bool(row[0]), bool(row[1])) if row else (False, False)


def load_public_id(db: Database, account_id: int) -> str:
    """The id by which others may know an account."""
    row = db.row("SELECT public_id FROM account WHERE id = ?", (account_id,))
    return "" if row is None else str(row[0])
