"""What the directory's cards and rows are made of: groups, permitted values and totals of many profiles at once.

As profiles.py and totals.py read them for one profile. Who may see what is decided above.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from webapp.store.database import Database
from webapp.store.filing import waiting_days
from webapp.store.lists import flat, padded, parts, with_values
from webapp.store.profiles import MEMBER_COLUMNS, SINCE, Group, Member
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
COLUMNS = (
    "full_name", "avatar", "job_title", "department", "organization", "location", "bio", "products", "timezone",
    "email", "links",
)  # fmt: skip
#: The bit for since when somebody is a member.
JOINED = 1 << len(COLUMNS)


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
    timezone: str | None
    email: str | None
    links: str | None
    joined: int | None


@lru_cache(maxsize=8)
def _records_sql(count: int) -> str:
    shown = ", ".join(
        f"CASE WHEN w.mask & {1 << number} <> 0 THEN a.{name} END" for number, name in enumerate(COLUMNS)
    )
    return (
        f"{with_values('w(n, id, mask)', count, 3)} SELECT w.n, a.public_name, {shown},"
        f" CASE WHEN w.mask & {JOINED} <> 0 THEN {SINCE} END"
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


def load_last_days(db: Database, groups: Sequence[Sequence[int]]) -> dict[int, int]:
    """The last day with activity of these accounts together, by the group's place in the list."""
    # IN lists, not a join: for that SQLite reads the whole table to build a Bloom filter.
    last: dict[int, int] = {}
    for some, ids in padded([account_id for group in groups for account_id in group]):
        waiting = waiting_days(db.dialect, f"c.account_id IN ({some})")
        last |= db.rows(
            "SELECT account_id, MAX(day) FROM (SELECT account_id, last_day AS day FROM activity_year"
            f" WHERE account_id IN ({some}) UNION ALL SELECT account_id, day FROM ({waiting}) w) d GROUP BY account_id",
            ids * 2,
        )
    days = {n: max((last.get(account_id, 0) for account_id in group), default=0) for n, group in enumerate(groups)}
    return {n: day for n, day in days.items() if day}


def load_designations(db: Database, groups: Sequence[Sequence[int]]) -> dict[int, int | None]:
    """Until when any of these accounts holds a designation (None: without end), by the group's place; else missing."""
    until: dict[int, list[int | None]] = {}
    for some, ids in padded([account_id for group in groups for account_id in group]):
        for account_id, end in db.rows(
            f"SELECT account_id, until FROM held WHERE account_id IN ({some}) AND kind = 'designation' AND NOT retired",
            ids,
        ):
            until.setdefault(account_id, []).append(end)
    found: dict[int, int | None] = {}
    for n, group in enumerate(groups):
        ends = [end for account_id in group for end in until.get(account_id, ())]
        if ends:
            found[n] = None if None in ends else max(end for end in ends if end is not None)
    return found


_STATS, _KUDOS = 1, 2


@lru_cache(maxsize=8)
def _sums_sql(count: int) -> str:
    sums = ", ".join(
        f"CAST(SUM(CASE WHEN w.mask & {_KUDOS if name == 'peer_kudos' else _STATS} <> 0 THEN c.{name} END) AS BIGINT)"
        for name in (*COUNTERS, "peer_kudos")
    )
    return (
        f"{with_values('w(n, id, mask)', count, 3)} SELECT w.n, {sums}"
        " FROM w JOIN counter c ON c.account_id = w.id GROUP BY w.n"
    )


@lru_cache(maxsize=8)
def _netted_sql(count: int) -> str:
    pair = "SELECT {} FROM pair_counter p WHERE p.receiver_id = w.receiver AND p.giver_id = w.giver"
    likes, kudos = pair.format("p.likes"), pair.format("p.kudos")
    return f"{with_values('w(n, giver, receiver)', count, 3)} SELECT w.n, ({likes}), ({kudos}) FROM w"


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
    done: dict[int, set[str]] = {}
    for some, ids in padded([account_id for group, stats, _ in groups if stats for account_id in group]):
        for account_id, item in db.rows(
            f"SELECT account_id, item FROM held WHERE account_id IN ({some}) AND kind = 'course'", ids
        ):
            done.setdefault(account_id, set()).add(item)
    for n, (group, stats, _) in enumerate(groups):
        if stats:
            found[n]["courses_completed"] = len(set().union(*(done.get(account_id, set()) for account_id in group)))
    pairs = [
        (n, giver, receiver) for n, (ids, _, _) in enumerate(groups) if len(ids) > 1
        for giver in ids for receiver in ids if giver != receiver
    ]
    for size, part in parts(pairs):
        for n, likes, kudos in db.rows(_netted_sql(size), flat(part, size, (0, 0, 0))):
            for name, value in (("likes_received", likes), ("peer_kudos", kudos)):
                if value is not None and name in found[n]:
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
