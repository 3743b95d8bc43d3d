"""The invariants of the data as statements: each gives the rows that break it. What they mean: ops/doctor.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peewee

from policies.terms import ALL
from webapp.store.database import Database

#: name -> statement whose rows are the breaches: (id, what it collides with).
BREACHES: Mapping[str, str] = {
    # I1: a link leads to an account, and not to one that is linked itself.
    "link_to_nobody": """
        SELECT m.id, m.primary_id FROM account m LEFT JOIN account p ON p.id = m.primary_id
        WHERE m.primary_id IS NOT NULL AND (p.id IS NULL OR p.id = m.id)""",
    # S51: what a link holds back is gone with it.
    "hold_without_link": f"""
        SELECT id, id FROM account WHERE primary_id IS NULL AND (linked_at IS NOT NULL OR silent OR link_private
        OR link_cap_anyone <> {ALL} OR link_cap_org <> {ALL} OR link_edit_self IS NOT NULL)""",
    "link_without_date": "SELECT id, primary_id FROM account WHERE primary_id IS NOT NULL AND linked_at IS NULL",
    # I2: exactly one primary, and it is an account that lives.
    "primary_is_linked": """
        SELECT m.id, p.id FROM account m JOIN account p ON p.id = m.primary_id
        WHERE p.primary_id IS NOT NULL AND p.id <> m.id""",
    "primary_is_deleted": """
        SELECT m.id, p.id FROM account m JOIN account p ON p.id = m.primary_id
        WHERE p.state = 'deleted' OR m.state = 'deleted'""",
    # I3: a link to a primary whose domain was verified when the link was made (D6: later is flagged, not broken).
    "primary_is_managed": """
        SELECT p.id, m.id FROM account m JOIN account p ON p.id = m.primary_id
        JOIN email_domain d ON d.id = p.domain_id
        WHERE d.organization_id IS NOT NULL AND d.verified_at < m.linked_at""",
    # I4: the same, seen from a managed account: two managed ones were linked.
    "two_managed": """
        SELECT m.id, p.id FROM account m JOIN account p ON p.id = m.primary_id
        JOIN email_domain d ON d.id = p.domain_id JOIN email_domain e ON e.id = m.domain_id
        WHERE d.organization_id IS NOT NULL AND e.organization_id IS NOT NULL
        AND d.verified_at < m.linked_at AND e.verified_at < m.linked_at""",
    # I8: an event of a source is there once.
    "event_twice": """
        SELECT MIN(id), MAX(id) FROM activity GROUP BY source_id, external_id HAVING COUNT(*) > 1""",
    "event_of_other_account": """
        SELECT a.id, i.account_id FROM activity a JOIN identity i ON i.id = a.identity_id
        WHERE COALESCE(a.account_id, 0) <> COALESCE(i.account_id, 0)""",
    # I10: choices without a field, or a column without its meaning.
    "choice_not_nested": """
        SELECT id, chosen FROM account WHERE (chosen_anyone & ~chosen_org) <> 0 OR (chosen_org & ~chosen) <> 0
        OR (cap_anyone & ~cap_org) <> 0 OR (link_cap_anyone & ~link_cap_org) <> 0""",
    "base_version_ahead": """
        SELECT id, base_version FROM account WHERE base_version > (SELECT version FROM policy_state WHERE id = 1)""",
    "log_ahead": """
        SELECT version, version FROM policy_change WHERE version > (SELECT version FROM policy_state WHERE id = 1)""",
    # I11: what must have its audit row.
    "link_not_audited": """
        SELECT m.id, m.primary_id FROM account m WHERE m.primary_id IS NOT NULL AND COALESCE(
        (SELECT a.event FROM audit a WHERE a.subject_id = m.id
         AND a.event IN ('account:link', 'account:primary', 'account:unlink') ORDER BY a.id DESC LIMIT 1),
        'account:unlink') = 'account:unlink'""",
    "unlink_not_audited": """
        SELECT m.id, m.id FROM account m JOIN audit a ON a.subject_id = m.id
        WHERE m.primary_id IS NULL AND m.state <> 'deleted' AND a.event <> 'account:unlink'
        AND a.detail LIKE '%"part": "linked"%' AND a.id = (SELECT MAX(b.id) FROM audit b WHERE b.subject_id = m.id
        AND b.event IN ('account:link', 'account:primary', 'account:unlink'))""",
    "privacy_not_audited": """
        SELECT m.id, m.id FROM account m WHERE m.private AND m.state = 'active' AND NOT EXISTS
        (SELECT 1 FROM audit a WHERE a.subject_id = m.id
         AND (a.event LIKE 'privacy:%' OR a.event LIKE 'account:%' OR a.event LIKE 'demo:%'))""",
    # I9, I11: what apps were allowed.
    "consent_of_nobody": """
        SELECT g.id, m.id FROM app_grant g JOIN account m ON m.id = g.account_id WHERE m.state <> 'active'""",
    "consent_not_audited": """
        SELECT g.id, g.account_id FROM app_grant g WHERE NOT EXISTS (SELECT 1 FROM audit a
        WHERE a.subject_id = g.account_id AND a.event = 'app:consent')""",
    # S76: an account is filed under its address's domain, whose owner decides whether it is managed.
    "address_elsewhere": """
        SELECT m.id, d.name FROM account m JOIN email_domain d ON d.id = m.domain_id
        WHERE m.email_key IS NOT NULL AND m.email_key NOT LIKE '%@' || replace(d.name, '_', '\\_') ESCAPE '\\'""",
    "domain_of_nobody": """
        SELECT d.id, o.id FROM email_domain d JOIN organization o ON o.id = d.organization_id
        WHERE o.removed_at IS NOT NULL""",
    # Handles are never reused: the present one is in the table of all.
    "handle_not_owned": """
        SELECT m.id, h.account_id FROM account m LEFT JOIN handle h ON h.handle = m.handle
        WHERE m.state <> 'deleted' AND (h.account_id IS NULL OR h.account_id <> m.id)""",
}


def find_breaches(db: Database, name: str) -> list[tuple[Any, ...]]:
    """The first breaches of one invariant, as (id, other)."""
    return db.rows(f"{BREACHES[name]} LIMIT 20")


def check_file(db: Database) -> list[str]:
    """What the database says of itself: damaged pages, missing index rows, foreign keys without their row."""
    if db.dialect != "sqlite":
        return []       # PostgreSQL holds its foreign keys always; damage shows as errors of the reads here
    found = [str(row[0]) for row in db.rows("PRAGMA integrity_check(20)") if row[0] != "ok"]
    try:
        keys = db.rows("PRAGMA foreign_key_check")
    except peewee.OperationalError as error:
        return [*found, f"the foreign keys cannot be checked: {error}"]
    return found + [f"a row of {key[0]} leads to a row of {key[2]} that is not there" for key in keys[:20]]


def count_breaches_of_choice(db: Database, known: int) -> list[tuple[Any, ...]]:
    """Accounts with a choice for a bit that no field ever had."""
    return db.rows("SELECT id, chosen FROM account WHERE (chosen & ~CAST(? AS BIGINT)) <> 0 LIMIT 20", (known,))


def domain_owners(db: Database) -> list[tuple[int, int | None]]:
    """(domain, organization) of every domain that is or was somebody's."""
    return [
        (row[0], row[1])
        for row in db.rows(
            "SELECT id, organization_id FROM email_domain WHERE organization_id IS NOT NULL OR 'domain:' || id IN"
            " (SELECT scope FROM policy_change WHERE op = 'domain')"
        )
    ]


def account_ids(db: Database, after: int, limit: int) -> list[int]:
    """Ids in order, page by page."""
    return [row[0] for row in db.rows("SELECT id FROM account WHERE id > ? ORDER BY id LIMIT ?", (after, limit))]


def ids_where(db: Database, condition: str) -> set[int]:
    """Ids of the accounts for which a condition made by policies.predicate holds."""
    return {row[0] for row in db.rows(f"SELECT account.id FROM account WHERE {condition}")}
