"""Dates of milestones, brought in line when a ladder changes: one statement for each step that is new or gone."""

from __future__ import annotations

from collections.abc import Sequence

from webapp.store.database import Database, marks
from webapp.store.filing import entries


def delete_values(db: Database, metric: str, values: Sequence[int]) -> None:
    """Forget when these values were reached."""
    if values:
        db.execute(f"DELETE FROM crossing WHERE metric = ? AND value IN ({marks(len(values))})", (metric, *values))


def add_dates(db: Database, metric: str, kind: str, values: Sequence[int]) -> None:
    """When each account's n-th event of a kind happened, for every account that has as many."""
    events = entries(db.dialect)
    for value in values:
        db.execute(
            "INSERT INTO crossing(account_id, metric, value, at)"
            f" SELECT c.account_id, ?, {int(value)},"
            f" (SELECT e.at FROM {events} e WHERE e.account_id = c.account_id AND e.kind = ?"
            f" ORDER BY e.at LIMIT 1 OFFSET {int(value) - 1}) FROM counter c WHERE c.{metric} >= {int(value)}"
            f" AND EXISTS (SELECT 1 FROM {events} e WHERE e.account_id = c.account_id AND e.kind = ?"
            f" ORDER BY e.at LIMIT 1 OFFSET {int(value) - 1})"
            " ON CONFLICT DO NOTHING",
            (metric, kind, kind),
        )


def add_course_dates(db: Database, values: Sequence[int]) -> None:
    """When each account's n-th distinct course was done."""
    for value in values:
        db.execute(
            "INSERT INTO crossing(account_id, metric, value, at)"
            " SELECT n.account_id, 'courses_completed', n.place, n.at FROM (SELECT account_id, at,"
            " ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY at, item) AS place FROM held WHERE kind = 'course') n"
            f" WHERE n.place = {int(value)} ON CONFLICT DO NOTHING"
        )
