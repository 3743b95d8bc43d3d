"""Messages of peer kudos with what the gate needs to know of their givers. Counting kudos is in totals.py."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from webapp.store.database import Database, marks
from webapp.store.profiles import MEMBER_COLUMNS, Group, Member, group_of


@lru_cache(maxsize=64)
def _notes_sql(count: int, within: int) -> str:
    one = (
        "SELECT id, message, at, giver_id FROM kudos WHERE receiver_id = ? AND hidden_at IS NULL AND message <> ''"
        f" AND (giver_id IS NULL OR giver_id NOT IN ({marks(within)})) ORDER BY at DESC, id DESC LIMIT ?"
    )
    parts = " UNION ALL ".join(f"SELECT * FROM ({one}) AS p{number}" for number in range(count))
    return (
        f"SELECT k.id, k.message, k.at, k.giver_id, {MEMBER_COLUMNS}"
        f" FROM (SELECT * FROM ({parts}) AS p ORDER BY at DESC, id DESC LIMIT ?) AS k"
        " LEFT JOIN account g ON g.id = k.giver_id"
        " LEFT JOIN account a ON a.id = g.id OR a.id = g.primary_id OR a.primary_id = COALESCE(g.primary_id, g.id)"
        " ORDER BY k.at DESC, k.id DESC, a.id"
    )


def load_notes(
    db: Database, receivers: Sequence[int], within: Sequence[int], limit: int
) -> list[tuple[str, int, Group | None]]:
    """The newest kudos messages to these accounts, none given by those of `within`: (message, at, the giver's group).

    The group is None where the giver is not known here; its `asked` is the giver, its version not set. One statement.
    """
    params: list[int] = []
    for account_id in receivers:
        params += (account_id, *within, limit)
    rows = db.rows(_notes_sql(len(receivers), len(within)), (*params, limit))
    notes = []
    for (_, message, at, giver_id), found in groupby(rows, key=lambda row: row[:4]):
        group = None if giver_id is None else group_of(0, (Member._make(row[4:]) for row in found), giver_id)
        notes.append((message, at, group))
    return notes
