"""Counts for the admin's overview. No row of a person; what is shown, and how often it is counted: the service."""

from __future__ import annotations

from webapp.store.database import Database
from webapp.store.outbox import NEVER


def count_accounts(db: Database) -> list[tuple[str, bool, int]]:
    """(state, whether managed, how many). Reads every account: to be kept for a while."""
    return [
        (state, bool(is_managed), n)
        for state, is_managed, n in db.rows(
            "SELECT a.state, d.organization_id IS NOT NULL, COUNT(*) FROM account a"
            " LEFT JOIN email_domain d ON d.id = a.domain_id GROUP BY 1, 2 ORDER BY 1, 2"
        )
    ]


def count_outbox(db: Database) -> tuple[int, int, int]:
    """(waiting, of these tried before, given up)."""
    row = db.row(
        "SELECT COUNT(CASE WHEN due_at < ? THEN 1 END), COUNT(CASE WHEN due_at < ? AND attempts > 0 THEN 1 END),"
        " COUNT(CASE WHEN due_at >= ? THEN 1 END) FROM outbox",
        (NEVER, NEVER, NEVER),
    )
    return (0, 0, 0) if row is None else (row[0], row[1], row[2])


def count_domains(db: Database, now: int) -> tuple[int, int, int]:
    """(verified, waiting for their proof, verified ones whose proof was missed at the last look)."""
    row = db.row(
        "SELECT (SELECT COUNT(*) FROM email_domain WHERE organization_id IS NOT NULL),"
        " COUNT(CASE WHEN d.id IS NULL AND c.expires_at > ? THEN 1 END),"
        " COUNT(CASE WHEN d.id IS NOT NULL AND c.misses > 0 THEN 1 END)"
        " FROM domain_claim c LEFT JOIN email_domain d ON d.name = c.domain AND d.organization_id = c.organization_id",
        (now,),
    )
    return (0, 0, 0) if row is None else (row[0], row[1], row[2])


def count_arrived(db: Database, after: int) -> int:
    """New events of all sources in the hours after one."""
    row = db.row("SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT) FROM source_hour WHERE hour > ?", (after,))
    return 0 if row is None else int(row[0])
