"""What members typed into fields of plugins. SQL only; callers name the fields that the gate shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from webapp.store.database import Database, marks
from webapp.store.lists import padded


def load(db: Database, account_id: int, names: Collection[str]) -> dict[str, str | None]:
    """Each of these fields with its value, None where nothing is typed. One statement, if there are names."""
    wanted = sorted(names)
    if not wanted:
        return {}
    sql = f"SELECT name, value FROM field_value WHERE account_id = ? AND name IN ({marks(len(wanted))})"
    return dict.fromkeys(wanted) | {row[0]: row[1] for row in db.rows(sql, (account_id, *wanted))}


def load_of(db: Database, name: str, account_ids: Sequence[int]) -> dict[int, str]:
    """{account: value} of one field of some accounts. As many statements as the list is long, whoever is in it."""
    found: dict[int, str] = {}
    for some, ids in padded(account_ids):
        sql = f"SELECT account_id, value FROM field_value WHERE name = ? AND account_id IN ({some})"
        found |= dict(db.rows(sql, (name, *ids)))
    return found


def load_all(db: Database, account_id: int) -> list[tuple[str, str]]:
    """(field, value) of everything that an account typed, of plugins that are gone too."""
    sql = "SELECT name, value FROM field_value WHERE account_id = ? ORDER BY name"
    return [(row[0], row[1]) for row in db.rows(sql, (account_id,))]


def save(db: Database, account_id: int, values: Mapping[str, str | None]) -> None:
    """Write values; part of an act of the owner: `records.save` moves the versions on."""
    for name, value in sorted(values.items()):
        if value:
            db.execute(
                "INSERT INTO field_value(account_id, name, value) VALUES (?,?,?)"
                " ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value",
                (account_id, name, value),
            )
        else:
            db.execute("DELETE FROM field_value WHERE account_id = ? AND name = ?", (account_id, name))
