"""The audit log: one row per deed, in the deed's own transaction. Never secrets, addresses or profile values."""

from __future__ import annotations

import json
from typing import Any

from webapp.store.database import Database

INSERT = "INSERT INTO audit(at, event, actor_id, subject_id, organization_id, detail) VALUES (?,?,?,?,?,?)"


def record(
    db: Database,
    event: str,
    now: int,
    *,
    actor_id: int | None = None,
    subject_id: int | None = None,
    organization_id: int | None = None,
    **detail: Any,
) -> None:
    """Note `event` ("noun:verb") done by `actor_id` (None: the system or nobody logged in) to `subject_id`.

    `detail`: plain JSON values that are neither secret nor hidden.
    """
    db.execute(INSERT, (now, event, actor_id, subject_id, organization_id, json.dumps(detail, sort_keys=True)))
