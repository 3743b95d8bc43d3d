"""Records of accounts by public id, as the API reads them: groups and permitted values of many at once.

As profiles.py reads them for one. Who may see what is decided above.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from webapp.store.database import Database, marks
from webapp.store.lists import flat, parts, with_values
from webapp.store.profiles import COLUMNS, MEMBER_COLUMNS, Group, Member, Values, group_of

#: Public ids are asked for in lists of one of these lengths, so that few texts are prepared.
_SIZES = (8, 100)


@lru_cache(maxsize=4)
def _groups_sql(count: int) -> str:
    some = marks(count)
    head = f"SELECT %s, r.id, r.public_id, {MEMBER_COLUMNS} FROM account r JOIN account a ON %s"
    return (
        (head % ("(SELECT version FROM policy_state WHERE id = 1)", "a.id = COALESCE(r.primary_id, r.id)"))
        + f" WHERE r.public_id IN ({some}) UNION ALL "
        + (head % ("0", "a.primary_id = COALESCE(r.primary_id, r.id)"))
        + f" WHERE r.public_id IN ({some})"
    )


def load_groups_of_public(db: Database, public_ids: Sequence[str]) -> dict[str, Group]:
    """The groups of the accounts with these public ids (at most 100); unknown ids are missing. One statement."""
    size = next(size for size in _SIZES if size >= len(public_ids))
    ids = (*public_ids, *[""] * (size - len(public_ids)))
    versions: dict[str, int] = {}
    asked: dict[str, int] = {}
    members: dict[str, list[Member]] = {}
    for row in db.rows(_groups_sql(size), ids * 2):
        public_id = row[2]
        versions[public_id] = max(row[0], versions.get(public_id, 0))
        asked[public_id] = row[1]
        members.setdefault(public_id, []).append(Member._make(row[3:]))
    found = {}
    for public_id, some in members.items():
        group = group_of(versions[public_id], sorted(some, key=lambda member: member.id), asked[public_id])
        if group is not None:
            found[public_id] = group
    return found


@lru_cache(maxsize=4)
def _values_sql(count: int) -> str:
    shown = ", ".join(f"CASE WHEN w.mask & {1 << n} <> 0 THEN a.{name} END" for n, name in enumerate(COLUMNS))
    return (
        f"{with_values('w(n, id, mask)', count, 3)} SELECT w.n, a.id, a.public_name, NULL, NULL, NULL, {shown}"
        " FROM w JOIN account a ON a.id = w.id"
    )


def load_many_values(db: Database, wanted: Sequence[tuple[int, tuple[str, ...]]]) -> list[Values | None]:
    """The values of (account, names of COLUMNS), in the same order. What is not named is not read."""
    found: list[Values | None] = [None] * len(wanted)
    rows = [
        (n, account_id, sum(1 << COLUMNS.index(name) for name in names))
        for n, (account_id, names) in enumerate(wanted)
    ]
    for size, part in parts(rows):
        for row in db.rows(_values_sql(size), flat(part, size, (0, 0, 0))):
            found[row[0]] = Values._make(row[1:])
    return found


def load_public_id(db: Database, account_id: int) -> str:
    """What the API calls the account; empty for none."""
    row = db.row("SELECT public_id FROM account WHERE id = ?", (account_id,))
    return "" if row is None else str(row[0])
