"""A profile's accounts and their record values, read by compiled SQL. Totals and activity are in their own files.

The group read is the page's first statement and also the key of the warm cache: policy version and gate columns of
every account behind a handle, from one snapshot, and nothing a viewer
might not see. Values follow, by permitted column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from policies.terms import ALL, Settings, Subject
from webapp.store.database import Database, marks

#: Stands for "no account" in the same statements, so that a hidden section costs what an empty one costs (T61).
NOBODY: tuple[int, ...] = (0,)


def filled(ids: Sequence[int]) -> tuple[int, ...]:
    """The accounts of a group, filled up with nobody: one alone costs the statements what two cost (T61)."""
    count = len(ids)
    size = 2 if count <= 2 else 1 << (count - 1).bit_length()
    return (*ids, *NOBODY * (size - count))


#: The record fields that are columns of `account`; the gate's names are the columns' names.
COLUMNS = (
    "avatar", "full_name", "job_title", "department", "organization", "location", "timezone", "email", "bio", "links",
    "products",
)  # fmt: skip


class Member(NamedTuple):
    """One account of a group as the gate needs it; columns of `account`. row_version: with the version of its counters,
    by which a kept page is known, where the group was read by itself (`load_group…`)."""

    id: int
    handle: str
    primary_id: int | None
    silent: bool
    state: str
    domain_id: int | None
    row_version: int
    searchable: bool
    base_version: int
    chosen: int
    chosen_anyone: int
    chosen_org: int
    cap_anyone: int
    cap_org: int
    private: bool
    keep_name: bool
    link_cap_anyone: int
    link_cap_org: int
    link_private: bool
    created_at: int


#: Of accounts `a`.
MEMBER_COLUMNS = ", ".join(f"a.{name}" for name in Member._fields)
_KEYED = MEMBER_COLUMNS.replace(
    "a.row_version", "(SELECT a.row_version + c.version FROM counter c WHERE c.account_id = a.id)"
)
# LEFT: where none is linked a row of nothing stands for it, and one account takes as long as two (T61).
# A compound and not an OR: SQLite would otherwise build a set of row ids, PostgreSQL a bitmap.
_MEMBERS = (
    f"SELECT (SELECT version FROM policy_state WHERE id = 1), %s, {_KEYED} FROM %s"
    " JOIN account a ON a.id = COALESCE(r.primary_id, r.id) WHERE %s"
    f" UNION ALL SELECT 0, %s, {_KEYED} FROM %s"
    " LEFT JOIN account a ON a.primary_id = COALESCE(r.primary_id, r.id) WHERE %s"
)
# A handle that nobody has reads some other account, and says so by NULL: to find nothing would be quicker (T61).
_BY_HANDLE = (
    "CASE WHEN h.handle = ? THEN r.id END",
    "handle h JOIN account r ON r.id = h.account_id",
    "h.handle = COALESCE((SELECT handle FROM handle WHERE handle = ?), (SELECT MIN(handle) FROM handle))",
)
_BY_ID = ("r.id", "account r", "r.id = ?")
GROUP_BY_HANDLE = _MEMBERS % (_BY_HANDLE * 2)
GROUP_BY_ID = _MEMBERS % (_BY_ID * 2)
GROUP_BY_PUBLIC_ID = _MEMBERS % (("r.id", "account r", "r.public_id = ?") * 2)


@dataclass(frozen=True, slots=True)
class Group:
    """The accounts behind one profile, the primary (or the unlinked account) first.

    version: policy version of the same snapshot; asked: the account that was asked for
    """

    version: int
    asked: Member
    primary: Member
    linked: tuple[Member, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """Every account, silent ones too: what sums are made of."""
        return (self.primary.id, *[member.id for member in self.linked])

    @property
    def shown_ids(self) -> tuple[int, ...]:
        """The accounts whose items and activity appear (D5): all but the silent ones."""
        return (self.primary.id, *[member.id for member in self.linked if not member.silent])

    def alone(self, member: Member) -> Group:
        """The group that a silent account's own page is made of: itself (D5)."""
        return Group(self.version, member, member, ())

    def subject(self, member: Member) -> Subject:
        """A member of this group as the gate judges it; a silent one as if unlinked (D5, D10)."""
        settings = Settings(
            member.base_version, member.chosen, member.chosen_anyone, member.chosen_org, member.cap_anyone,
            member.cap_org, bool(member.private), bool(member.keep_name),
        )  # fmt: skip
        primary = self.primary
        if member.silent:
            return Subject(
                member.id, primary.id if member.primary_id is None else member.primary_id, member.domain_id, settings,
                private=bool(member.private), keep_name=bool(member.keep_name), silent=True,
                created_at=member.created_at,
            )  # fmt: skip
        private, anyone, org = bool(primary.private), ALL, ALL
        for linked in self.linked:
            private = private or bool(linked.link_private)
            if member is primary:
                anyone &= linked.link_cap_anyone
                org &= linked.link_cap_org
        return Subject(
            member.id, primary.id, member.domain_id, settings, anyone, org, private, bool(primary.keep_name), False,
            member.created_at,
        )  # fmt: skip


def load_group(db: Database, handle: str) -> Group:
    """The group of the account that has or had this handle. One statement.

    A handle never given leads to NO_GROUP, which nobody may open: unknown takes as long as hidden (T61).
    """
    rows = db.rows(GROUP_BY_HANDLE, (handle, handle, handle, handle)) or _NO_ROWS
    group = _group(rows)
    return group if group is not None and rows[0][1] is not None else NO_GROUP


def load_group_of(db: Database, account_id: int) -> Group | None:
    """The group of an account. One statement."""
    return _group(db.rows(GROUP_BY_ID, (account_id, account_id)))


def load_group_of_public(db: Database, public_id: str) -> Group:
    """The group of the account with this public id; NO_GROUP for an id never given. One statement."""
    return _group(db.rows(GROUP_BY_PUBLIC_ID, (public_id, public_id)) or _NO_ROWS) or NO_GROUP


def _group(rows: Sequence[Sequence[Any]]) -> Group | None:
    if not rows:
        return None
    # The two halves of the statement may come in any order; only the primary's carries the version.
    version, asked_id = 0, rows[0][1]
    primary = asked = None
    linked: list[Member] = []
    for row in rows:
        member = Member._make(row[2:])
        if member.id is None:
            continue        # none is linked
        if member.primary_id is None:
            primary, version = member, row[0]
        else:
            linked.append(member)
        if member.id == asked_id:
            asked = member
    linked.sort()       # by their ids, which come first
    if primary is None or asked is None:
        return None
    return Group(version, asked, primary, tuple(linked))


def group_of(version: int, members: Iterable[Member], asked_id: int) -> Group | None:
    """A group from its members; None if the primary is not among them."""
    linked: list[Member] = []
    primary = asked = None
    for member in members:
        if member.primary_id is None:
            primary = member
        else:
            linked.append(member)
        if member.id == asked_id:
            asked = member
    if primary is None or asked is None:
        return None
    return Group(version, asked, primary, tuple(linked))


_NO_ROWS = [(
    0, 0, 0, "", None, False, "deleted", None, 0, False, 0, 0, 0, 0, ALL, ALL, True, False, ALL, ALL, False, 0,
)]  # fmt: skip
_NO_MEMBER = Member._make(_NO_ROWS[0][2:])
NO_GROUP = Group(0, _NO_MEMBER, _NO_MEMBER, ())


class Values(NamedTuple):
    """Record values of one account; None where not asked for. `work_*`: of a linked account's organization (D12)."""

    id: int
    public_name: str
    member_since: int | None
    work_organization: str | None
    work_slug: str | None
    avatar: str | None
    full_name: str | None
    job_title: str | None
    department: str | None
    organization: str | None
    location: str | None
    timezone: str | None
    email: str | None
    bio: str | None
    links: str | None
    products: str | None


#: An imported member is no older here than the source says; anybody else at most as old as the account.
SINCE = "COALESCE(a.member_since, CASE WHEN a.state = 'active' THEN a.created_at END)"


@lru_cache(maxsize=4096)
def record_sql(names: tuple[str, ...], since: bool, work: tuple[tuple[str, ...], ...]) -> str:
    """The statement for one account's columns `names`, and those of `work` of as many linked accounts.

    A column that is not named is not read: NULL stands in its place.
    """
    own = ", ".join(f"a.{name}" if name in names else "NULL" for name in COLUMNS)
    age = SINCE if since else "NULL"
    parts = [f"SELECT a.id, a.public_name, {age}, NULL, NULL, {own} FROM account a WHERE a.id = ?"]
    for block in work:
        columns = ", ".join(f"a.{name}" if name in block else "NULL" for name in COLUMNS)
        parts.append(
            f"SELECT a.id, '', NULL, o.name, o.slug, {columns} FROM account a"
            " JOIN email_domain d ON d.id = a.domain_id JOIN organization o ON o.id = d.organization_id WHERE a.id = ?"
        )
    return " UNION ALL ".join(parts)


def load_values(
    db: Database,
    account_id: int,
    names: tuple[str, ...],
    since: bool = False,
    work: Sequence[tuple[int, tuple[str, ...]]] = (),
) -> list[Values]:
    """The permitted values of an account, first, then those of the work blocks. One statement.

    `names` are columns in the order of COLUMNS; `work` holds (account id, column names) of linked accounts.
    """
    sql = record_sql(names, since, tuple([block for _, block in work]))
    return [Values._make(row) for row in db.rows(sql, (account_id, *[linked for linked, _ in work]))]


@lru_cache(maxsize=64)
def _faces_sql(count: int) -> str:
    some = marks(count)
    return (
        f"SELECT id, public_name, CASE WHEN id IN ({some}) THEN full_name END, CASE WHEN id IN ({some}) THEN avatar END"
        f" FROM account WHERE id IN ({some})"
    )


def load_faces(
    db: Database, ids: Sequence[int], named: Sequence[int], pictured: Sequence[int]
) -> dict[int, tuple[str, str | None, str | None]]:
    """(public name, full name, avatar key) by account; the full name of `named` only, the avatar of `pictured` only."""
    count = max(1, len(ids))

    def fill(some: Sequence[int]) -> tuple[int, ...]:
        return (*some, *NOBODY * (count - len(some)))

    rows = db.rows(_faces_sql(count), (*fill(named), *fill(pictured), *fill(ids)))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}
