"""What deletion takes away, table by table, so that of an account only its handles, its id and its audit rows are left.

A new table that names accounts is listed here or in tests/services/test_erasing.py, which looks into all of them.
"""

from __future__ import annotations

from policies.terms import ALL
from webapp.store import filing
from webapp.store.database import Database
from webapp.store.ingest import COUNTERS, ActivityRow

_ROW = "v.id, v.external_id, v.account_id, v.by_account_id, v.kind, v.at, v.object, v.title, v.url, v.listed"

#: (statement, how often the account's id stands in it). Order matters: children first.
STATEMENTS: tuple[tuple[str, int], ...] = (
    # What it gave stays where it was given, from nobody and without its words; the source's own name for it goes too,
    # so that nobody is raised from it again (D21).
    (
        "UPDATE account SET row_version = row_version + 1 WHERE id IN"
        " (SELECT receiver_id FROM pair_counter WHERE giver_id = ?)", 1,
    ),
    ("UPDATE activity SET title = '' WHERE by_account_id = ? AND kind = 'kudos'", 1),
    ("UPDATE activity SET by_account_id = NULL, by_actor = NULL WHERE by_account_id = ?", 1),
    ("UPDATE kudos SET giver_id = NULL, message = '', category = '' WHERE giver_id = ?", 1),
    # What sources know under its address and nobody took.
    (
        "DELETE FROM offer_decline WHERE account_id = ?"
        " OR identity_id IN (SELECT id FROM identity WHERE account_id = ?)", 2,
    ),
    ("UPDATE identity SET email_key = NULL WHERE email_key = (SELECT email_key FROM account WHERE id = ?)", 1),
    # What it published is over; its places in the status lists stay taken, by nobody.
    ("UPDATE credential SET ended_at = COALESCE(ended_at, 0), account_id = NULL, badge = '' WHERE account_id = ?", 1),
    # What it did and was given.
    ("DELETE FROM kudos WHERE receiver_id = ?", 1),
    ("DELETE FROM kudos WHERE activity_id IN (SELECT activity_id FROM filed WHERE account_id = ?)", 1),
    ("DELETE FROM activity WHERE id IN (SELECT activity_id FROM filed WHERE account_id = ?)", 1),
    ("DELETE FROM filed WHERE account_id = ?", 1),
    ("DELETE FROM kudos_waiting WHERE receiver_id = ?", 1),
    ("DELETE FROM kudos_mute WHERE account_id = ?", 1),
    ("DELETE FROM pair_counter WHERE receiver_id = ? OR giver_id = ?", 2),
    ("DELETE FROM held WHERE account_id = ?", 1),
    ("DELETE FROM activity_year WHERE account_id = ?", 1),
    ("DELETE FROM crossing WHERE account_id = ?", 1),
    ("DELETE FROM badge_revoked WHERE account_id = ?", 1),
    ("DELETE FROM award_waiting WHERE account_id = ?", 1),
    ("DELETE FROM webhook_seen WHERE account_id = ?", 1),
    ("DELETE FROM policy_draft WHERE account_id = ?", 1),
    ("DELETE FROM visibility_decline WHERE account_id = ?", 1),
    # Ways in, and what it was.
    ("DELETE FROM login_session WHERE account_id = ?", 1),
    ("DELETE FROM proof WHERE account_id = ? OR other_account_id = ?", 2),
    ("DELETE FROM membership WHERE account_id = ?", 1),
    ("DELETE FROM avatar WHERE account_id = ?", 1),
    ("DELETE FROM field_value WHERE account_id = ?", 1),
    ("DELETE FROM app WHERE type = 'community' AND owner_id = ?", 1),
    # What it did for others stays theirs.
    ("UPDATE app SET owner_id = NULL WHERE owner_id = ?", 1),
    ("UPDATE invitation SET invited_by = NULL WHERE invited_by = ?", 1),
)  # fmt: skip

_BURY = "UPDATE identity SET account_id = NULL, network = NULL, email_key = NULL, buried_at = ? WHERE account_id = ?"
_NULL = (
    "email", "email_key", "email_verified_at", "domain_id", "password_hash", "reset_at", "closes_at", "terms_version",
    "terms_at", "member_since", "avatar", "full_name", "job_title", "department", "organization", "location",
    "timezone", "bio", "links", "products",
)  # fmt: skip
_ZERO = ("chosen", "chosen_anyone", "chosen_org")
_EMPTY = ", ".join([*[f"{name} = NULL" for name in _NULL], *[f"{name} = 0" for name in _ZERO]])
_TOMBSTONE = (
    f"UPDATE account SET {_EMPTY}, cap_anyone = {ALL}, cap_org = {ALL}, public_name = 'Deleted',"
    " state = 'deleted', state_at = ?, is_admin = ?, searchable = ?, private = ?, keep_name = ?,"
    " edit_version = edit_version + 1, row_version = row_version + 1 WHERE id = ?"
)
_UNCOUNT = f"UPDATE counter SET {', '.join(f'{name} = 0' for name in COUNTERS)} WHERE account_id = ?"


def load_sources(db: Database, account_id: int) -> list[str]:
    """Names of the sources that know the account."""
    rows = db.rows(
        "SELECT DISTINCT s.name FROM identity i JOIN source s ON s.id = i.source_id WHERE i.account_id = ?"
        " ORDER BY s.name",
        (account_id,),
    )
    return [row[0] for row in rows]


def load_events(db: Database, account_id: int, source_id: int, limit: int) -> list[ActivityRow]:
    """Some events of an account at a source."""
    filing.file_all(db, [account_id])
    rows = db.rows(
        f"SELECT {_ROW} FROM activity v WHERE v.id IN"
        " (SELECT activity_id FROM filed WHERE account_id = ? AND source_id = ?) LIMIT ?",
        (account_id, source_id, limit),
    )
    return [ActivityRow(*row) for row in rows]


def erase(db: Database, account_id: int, now: int) -> None:
    """Everything of an unlinked account but its tombstones."""
    filing.file_all(db, [account_id])
    for statement, times in STATEMENTS:
        db.execute(statement, (account_id,) * times)
    db.execute(_BURY, (now, account_id))
    db.execute(_TOMBSTONE, (now, False, False, False, False, account_id))
    db.execute(_UNCOUNT, (account_id,))
