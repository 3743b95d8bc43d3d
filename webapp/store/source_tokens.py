"""Sources and the tokens they send activity with. Only a token's SHA-256 is kept. SQL only, no rules."""

from __future__ import annotations

from typing import NamedTuple

from webapp.store.database import Database
from webapp.store.ingest import OWN_SOURCE

HOUR = 3600


class SourceRow(NamedTuple):
    """A source; `last_at`: when its last new event arrived; `day`: how many did in the last 24 hours."""

    id: int
    name: str
    label: str
    area: str
    created_at: int
    last_at: int | None
    day: int


class TokenRow(NamedTuple):
    id: int
    source_id: int
    created_at: int
    used_at: int | None
    revoked_at: int | None


def load_sources(db: Database, now: int) -> list[SourceRow]:
    """Every source but this site's own, by name; two looks into an index for each."""
    return [
        SourceRow._make(row)
        for row in db.rows(
            "SELECT s.id, s.name, s.label, s.area, s.created_at,"
            " (SELECT h.at FROM source_hour h WHERE h.source_id = s.id ORDER BY h.hour DESC LIMIT 1),"
            " (SELECT CAST(COALESCE(SUM(h.events), 0) AS BIGINT) FROM source_hour h"
            " WHERE h.source_id = s.id AND h.hour > ?)"
            " FROM source s WHERE s.name <> ? ORDER BY s.name",
            (now // HOUR - 24, OWN_SOURCE),
        )
    ]


def note_arrival(db: Database, source_id: int, events: int, now: int) -> None:
    """Count new events of a source in the present hour, in the events' own transaction."""
    db.execute(
        "INSERT INTO source_hour(source_id, hour, events, at) VALUES (?,?,?,?) ON CONFLICT (source_id, hour)"
        " DO UPDATE SET events = source_hour.events + excluded.events, at = excluded.at",
        (source_id, now // HOUR, events, now),
    )


def sweep_hours(db: Database, before: int) -> None:
    """Forget hours before a moment, but for each source's last one."""
    db.execute(
        "DELETE FROM source_hour WHERE hour < ? AND EXISTS (SELECT 1 FROM source_hour n"
        " WHERE n.source_id = source_hour.source_id AND n.hour > source_hour.hour)",
        (before // HOUR,),
    )


def find_source(db: Database, name: str) -> int | None:
    row = db.row("SELECT id FROM source WHERE name = ?", (name,)) if name.isprintable() else None
    return None if row is None else int(row[0])


def load_tokens(db: Database) -> list[TokenRow]:
    """Every token that was made, newest first."""
    return [
        TokenRow._make(row)
        for row in db.rows("SELECT id, source_id, created_at, used_at, revoked_at FROM source_token ORDER BY id DESC")
    ]


def count_live(db: Database, source_id: int) -> int:
    row = db.row("SELECT COUNT(*) FROM source_token WHERE source_id = ? AND revoked_at IS NULL", (source_id,))
    return int(row[0]) if row else 0


def add_token(db: Database, source_id: int, token_hash: str, now: int) -> int:
    """Insert a token; its id."""
    row = db.execute(
        "INSERT INTO source_token(source_id, token_hash, created_at) VALUES (?,?,?) RETURNING id",
        (source_id, token_hash, now),
    ).fetchone()
    return int(row[0])


def revoke_token(db: Database, source_id: int, token_id: int, now: int) -> bool:
    """Whether there was a live token of that id and source."""
    cursor = db.execute(
        "UPDATE source_token SET revoked_at = ? WHERE id = ? AND source_id = ? AND revoked_at IS NULL",
        (now, token_id, source_id),
    )
    return bool(cursor.rowcount == 1)


def find_live(db: Database, token_hash: str) -> tuple[int, int, int | None] | None:
    """(token id, source id, last use) of a token that was not revoked."""
    return db.row(
        "SELECT id, source_id, used_at FROM source_token WHERE token_hash = ? AND revoked_at IS NULL", (token_hash,)
    )


def set_used(db: Database, token_id: int, minute: int) -> None:
    """Keep the minute of the last use."""
    db.execute(
        "UPDATE source_token SET used_at = ? WHERE id = ? AND (used_at IS NULL OR used_at < ?)",
        (minute, token_id, minute),
    )
