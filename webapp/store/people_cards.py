"""What the directory's cards and rows are made of: groups, permitted values and totals of many profiles at once.

As profiles.py and totals.py read them for one profile. Who may see what is decided above.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from webapp.store.database import Database
from webapp.store.lists import flat, padded, parts, with_values
from webapp.store.profiles import MEMBER_COLUMNS, Group, Member
from webapp.store.totals import COUNTERS


def load_groups(db: Database, profile_ids: Sequence[int]) -> tuple[int, dict[int, Group]]:
    """(policy version, the group behind each profile): a primary's or unlinked account's own, a silent account alone.

    Accounts that are linked and not silent have no profile and are missing. One statement for up to 512.
    """
    version = 0
    members: dict[int, Member] = {}
    for some, ids in padded(profile_ids):
        for row in db.rows(
            f"SELECT (SELECT version FROM policy_state WHERE id = 1), {MEMBER_COLUMNS} FROM account a"
            f" WHERE a.id IN ({some})"
            f" UNION ALL SELECT 0, {MEMBER_COLUMNS} FROM account a WHERE a.primary_id IN ({some})",
            ids * 2,
        ):
            version = max(version, row[0])
            members[row[1]] = Member._make(row[1:])
    linked: dict[int, list[Member]] = {}
    for _, member in sorted(members.items()):
        if member.primary_id is not None:
            linked.setdefault(member.primary_id, []).append(member)
    groups: dict[int, Group] = {}
    for member in members.values():
        if member.primary_id is None:
            groups[member.id] = Group(version, member, member, tuple(linked.get(member.id, ())))
        elif member.silent:
            groups[member.id] = Group(version, member, member, ())
    return version, {profile_id: groups[profile_id] for profile_id in profile_ids if profile_id in groups}


#: The record columns that rows of the index and cards are made of; bit n of a record's mask stands for the n-th.
COLUMNS = ("full_name", "avatar", "job_title", "department", "organization", "location", "bio", "products")


class Record(NamedTuple):
    """Permitted values of an account; None where not permitted."""

    public_name: str
    full_name: str | None
    avatar: str | None
    job_title: str | None
    department: str | None
    organization: str | None
    location: str | None
    bio: str | None
    products: str | None


@lru_cache(maxsize=8)
def _records_sql(count: int) -> str:
    shown = ", ".join(
        f"CASE WHEN w.mask & {1 << number} <> 0 THEN a.{name} END" for number, name in enumerate(COLUMNS)
    )
    return (
        f"{with_values('w(n, id, mask)', count, 3)} SELECT w.n, a.public_name, {shown}"
        " FROM w JOIN account a ON a.id = w.id"
    )


def load_records(db: Database, wanted: Sequence[tuple[int, int]]) -> list[Record | None]:
    """The values of (account, mask of COLUMNS), in the same order. What is not in the mask is not read."""
    found: list[Record | None] = [None] * len(wanted)
    rows = [(n, account_id, mask) for n, (account_id, mask) in enumerate(wanted)]
    for size, part in parts(rows):
        for row in db.rows(_records_sql(size), flat(part, size, (0, 0, 0))):
            found[row[0]] = Record._make(row[1:])
    return found


@lru_cache(maxsize=8)
def _day_sql(count: int) -> str:
    return (
        f"{with_values('w(n, id)', count, 2)} SELECT w.n, MAX(d.day) FROM w JOIN activity_day d ON d.account_id = w.id"
        " WHERE d.n > 0 GROUP BY w.n"
    )


def load_last_days(db: Database, groups: Sequence[Sequence[int]]) -> dict[int, int]:
    """The last day with activity of these accounts together, by the group's place in the list."""
    rows = [(n, account_id) for n, group in enumerate(groups) for account_id in group]
    found: dict[int, int] = {}
    for size, part in parts(rows):
        for n, day in db.rows(_day_sql(size), flat(part, size, (0, 0))):
            found[n] = max(day, found.get(n, 0))
    return found


@lru_cache(maxsize=8)
def _designated_sql(count: int) -> str:
    return (
        f"{with_values('w(n, id)', count, 2)} SELECT w.n, h.until FROM w JOIN held h ON h.account_id = w.id"
        " AND h.kind = 'designation' WHERE NOT h.retired"
    )


def load_designations(db: Database, groups: Sequence[Sequence[int]]) -> dict[int, int | None]:
    """Until when any of these accounts holds a designation (None: without end), by the group's place; else missing."""
    rows = [(n, account_id) for n, group in enumerate(groups) for account_id in group]
    found: dict[int, int | None] = {}
    for size, part in parts(rows):
        for n, until in db.rows(_designated_sql(size), flat(part, size, (0, 0))):
            known = found.get(n, 0)
            found[n] = None if until is None or known is None else max(until, known)
    return found


_STATS, _KUDOS = 1, 2


@lru_cache(maxsize=8)
def _sums_sql(count: int) -> str:
    sums = ", ".join(
        f"CAST(SUM(CASE WHEN w.mask & {_KUDOS if name == 'peer_kudos' else _STATS} <> 0 THEN a.{name} END) AS BIGINT)"
        for name in (*COUNTERS, "peer_kudos")
    )
    return (
        f"{with_values('w(n, id, mask)', count, 3)} SELECT w.n, {sums}"
        " FROM w JOIN account a ON a.id = w.id GROUP BY w.n"
    )


@lru_cache(maxsize=8)
def _courses_sql(count: int) -> str:
    return (
        f"{with_values('w(n, id)', count, 2)} SELECT DISTINCT w.n, h.item FROM w JOIN held h ON h.account_id = w.id"
        " AND h.kind = 'course'"
    )


@lru_cache(maxsize=8)
def _netted_sql(count: int) -> str:
    return (
        f"{with_values('w(n, giver, receiver)', count, 3)} SELECT w.n, CAST(SUM(p.likes) AS BIGINT),"
        " CAST(SUM(p.kudos) AS BIGINT) FROM w JOIN pair_counter p"
        " ON p.receiver_id = w.receiver AND p.giver_id = w.giver GROUP BY w.n"
    )


def load_totals(
    db: Database, groups: Sequence[tuple[Sequence[int], bool, bool]]
) -> list[dict[str, int]]:
    """The shown totals of each (accounts, stats shown, kudos shown), netted within the group (D9). Three statements.

    What is not shown is not summed up and missing.
    """
    found: list[dict[str, int]] = [{} for _ in groups]
    names = (*COUNTERS, "peer_kudos")
    members = [
        (n, account_id, _STATS * stats + _KUDOS * kudos)
        for n, (ids, stats, kudos) in enumerate(groups) for account_id in ids
    ]
    for size, part in parts(members):
        for row in db.rows(_sums_sql(size), flat(part, size, (0, 0, 0))):
            for name, value in zip(names, row[1:], strict=True):
                if value is not None:
                    found[row[0]][name] = found[row[0]].get(name, 0) + value
    learners = [(n, account_id) for n, (ids, stats, _) in enumerate(groups) if stats for account_id in ids]
    courses: dict[int, set[str]] = {n: set() for n, (_, stats, _) in enumerate(groups) if stats}
    for size, part in parts(learners):
        for n, item in db.rows(_courses_sql(size), flat(part, size, (0, 0))):
            courses[n].add(item)
    for n, items in courses.items():
        found[n]["courses_completed"] = len(items)
    pairs = [
        (n, giver, receiver) for n, (ids, _, _) in enumerate(groups) if len(ids) > 1
        for giver in ids for receiver in ids if giver != receiver
    ]
    for size, part in parts(pairs):
        for n, likes, kudos in db.rows(_netted_sql(size), flat(part, size, (0, 0, 0))):
            for name, value in (("likes_received", likes), ("peer_kudos", kudos)):
                if name in found[n]:
                    found[n][name] -= value
    return found


def load_slugs(db: Database) -> dict[int, str]:
    """The slug of every organization."""
    return dict(db.rows("SELECT id, slug FROM organization"))


def load_organization_names(db: Database, organization_ids: Sequence[int]) -> list[str]:
    """Names of organizations, in the order of their ids."""
    return [
        row[0] for some, ids in padded(organization_ids)
        for row in db.rows(f"SELECT name FROM organization WHERE id IN ({some}) ORDER BY id", ids)
    ]
