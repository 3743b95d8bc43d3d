"""A small world for the gate's tests: accounts, links, a policy log, and the surfaces on which each viewer sees what.

It states the surfaces on its own and asks the gate only for masks, so that a mistake in the rules shows as an atom that
a viewer gained. No test lives here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from policies import holding
from policies.recording import taken_back, unrecorded
from policies.terms import ALL, Field, Kind, Level, LinkHold, PolicyChange, Settings, Subject, Viewer
from policies.timeline import Base, Cells
from policies.visibility import Gate

#: Few fields, so that events meet: two of name and picture, a work detail, one hidden by default, two sections.
FIELDS = (
    Field("avatar", "Avatar"),
    Field("full_name", "Full name"),
    Field("job_title", "Job title", work=True),
    Field("email", "E-mail address"),
    Field("stats", "Stats", section=True),
    Field("extra", "A plugin's section", section=True),
)
BIT = {f.name: number for number, f in enumerate(FIELDS)}
KNOWN = (1 << len(FIELDS)) - 1
EXTRA = BIT["extra"]
A_ORG, B_ORG, MAIL = 1, 2, 3
DOMAINS = (A_ORG, B_ORG, MAIL, None)
X, Y = 101, 102

Atom = tuple[str, int, int]
#: name -> organization id it is a fixed member of, or the domain its address is on
VIEWERS: dict[str, tuple[str, int | None]] = {
    "anyone": ("org", None),
    "member of X": ("org", X),
    "member of Y": ("org", Y),
    "somebody on a.org": ("domain", A_ORG),
    "somebody on b.org": ("domain", B_ORG),
}


def plain_base() -> Base:
    """The real default tables, cut to FIELDS; `extra` is not registered."""
    managed = Cells().put(0, Level.ORGANIZATION).put(1, Level.ANYONE).put(2, Level.ANYONE)
    managed = managed.put(3, Level.ONLY_YOU).put(4, Level.ANYONE)
    personal = managed.put(0, Level.ANYONE)
    return Base(
        FIELDS[:-1],
        {name: bit for name, bit in BIT.items() if name != "extra"},
        {Kind.PERSONAL: personal, Kind.MANAGED: managed},
        {Kind.PERSONAL: Cells().put(1, Level.ANYONE), Kind.MANAGED: Cells()},
        keeps=0b11,
    )


@dataclass
class Row:
    """The columns of table account that the gate knows."""

    id: int
    domain: int | None
    settings: Settings
    primary: int | None = None
    silent: bool = False
    hold: LinkHold = field(default_factory=LinkHold)
    edits: int = 0


class World:
    """Accounts and the policy log; every verb does what the services do with the answers of `holding`."""

    def __init__(self) -> None:
        self.base = plain_base()
        self.closing: Base | None = None
        self.was: Base | None = None
        self.off = (0, 0)
        self.log: list[PolicyChange] = []
        self.version = 1
        self.rows: dict[int, Row] = {}
        self.record()

    # policy

    def _gate(self) -> Gate:
        return Gate(self.closing or self.base, self.log, self.version)

    def add(
        self, op: str, scope: str, bit: int | None = None, level: int | None = None, value: int | None = None
    ) -> None:
        self.version += 1
        self.log.append(PolicyChange(self.version, op, scope, bit, level, value))
        self.gate = self._gate()

    def record(self) -> None:
        """What `vitrine migrate` does after plugins changed."""
        for scope, bit, level, value in unrecorded(self.base, self.log):
            self.version += 1
            self.log.append(PolicyChange(self.version, "base", scope, bit, level, value))
        self.gate = self._gate()

    def set_base(self, base: Base) -> None:
        self.base = base
        self.gate = self._gate()

    def switch_off(self, base: Base) -> None:
        """An admin switches a plugin off: what the others say is recorded."""
        self.was, first = self.base, self.version + 1
        self.base = base
        self.record()
        self.off = first, self.version

    def switch_on(self) -> None:
        """And on again: what switching it off recorded is undone as far as nothing else changed it."""
        assert self.was is not None
        self.base = self.was
        for version, bit in taken_back(self.base, self.log, *self.off):
            self.add("undo", "", bit, value=version)
        self.was = None
        self.record()

    def close(self, base: Base | None) -> None:
        """A plugin is ill or out for its overruns, and well again: what the process compiles, and nothing recorded."""
        self.closing = base
        self.gate = self._gate()

    def undo(self, change: PolicyChange) -> None:
        self.add("undo", "", value=change.version)
        index = self.log.index(change)
        self.log[index] = replace(change, undone_at=self.version)
        self.gate = self._gate()

    # accounts

    def create(self, domain: int | None) -> Row:
        anyone, org = holding.begin(self.gate, domain)
        row = Row(len(self.rows) + 1, domain, Settings(self.version, cap_anyone=anyone, cap_org=org))
        self.rows[row.id] = row
        return row

    def head(self, row: Row) -> Row:
        return self.rows[row.primary] if row.primary else row

    def linked(self, row: Row) -> list[Row]:
        return [other for other in self.rows.values() if other.primary == row.id]

    def group(self, row: Row) -> list[Row]:
        head = self.head(row)
        return [head, *self.linked(head)]

    def is_managed(self, row: Row) -> bool:
        return self.gate.kind(row.domain) is Kind.MANAGED

    def subject(self, row: Row) -> Subject:
        head = self.head(row)
        anyone = org = ALL
        for other in self.linked(row):
            anyone &= other.hold.cap_anyone
            org &= other.hold.cap_org
        if row.silent:
            private, keep = row.settings.private, row.settings.keep_name
        else:
            private = head.settings.private or any(other.hold.private for other in self.linked(head))
            keep = head.settings.keep_name
        return Subject(row.id, head.id, row.domain, row.settings, anyone, org, private, keep, row.silent)

    def viewer(self, name: str) -> Viewer:
        kind, value = VIEWERS[name]
        organization = self.gate.organization(value) if kind == "domain" else value
        return Viewer(None, None, organization is not None, frozenset() if organization is None else {organization})

    # surfaces

    def seen(self, viewer: Viewer) -> set[Atom]:
        """rec: an account's own record (API, directory). page: what the page at an account's address shows. sec: an
        account's rows in a section. sum: a linked account's numbers in its profile's sums."""
        gate, out = self.gate, set()
        for row in self.rows.values():
            subject = self.subject(row)
            mask = gate.mask(viewer, subject)
            record = mask & gate.record_mask
            if row.primary and not row.silent:
                record |= gate.work_block(viewer, subject)
            out |= {("rec", row.id, bit) for bit in _bits(record)}
            if row.primary and not row.silent:
                continue
            findable = gate.is_findable(viewer, subject)
            for shown in [row, *(self.linked(row) if not row.silent else [])]:
                if findable and (shown is row or (not shown.silent and gate.is_findable(viewer, self.subject(shown)))):
                    out |= {("page", shown.id, bit) for bit in _bits(mask)}
                if not findable:
                    continue
                if shown is row or not shown.silent:
                    out |= {("sec", shown.id, bit) for bit in _bits(mask & gate.section_mask)}
                if shown is not row:
                    out |= {("sum", shown.id, bit) for bit in _bits(mask & gate.section_mask)}
        return out

    # verbs of owners

    def write(self, row: Row, settings: Settings, *, edit: bool = True) -> None:
        row.settings = settings
        if edit:
            row.edits += 1
        if not row.primary:
            for other in self.linked(row):
                other.hold = LinkHold(edit_self=other.hold.edit_self, edit_primary=other.hold.edit_primary)
        elif not row.silent and any(other.hold.private for other in self.linked(self.head(row)) if other is not row):
            head = self.head(row)
            head.settings = replace(head.settings, private=True)

    def edit(self, row: Row) -> None:
        self.write(row, holding.fold(self.gate, self.subject(row)))

    def choose(self, row: Row, name: str, level: Level) -> None:
        self.write(row, holding.choose(self.gate, self.subject(row), name, level))

    def clear(self, row: Row, name: str) -> None:
        self.write(row, holding.clear(self.gate, self.subject(row), name))

    def accept(self, row: Row, levels: dict[str, Level]) -> None:
        self.write(row, holding.accept(self.gate, self.subject(row), levels))

    def set_private(self, row: Row, private: bool, keep: bool) -> None:
        self.write(row, holding.set_private(self.gate, self.subject(row), private, keep))

    def change_domain(self, row: Row, domain: int | None) -> None:
        self.write(row, holding.change_domain(self.gate, self.subject(row), domain))
        row.domain = domain

    # verbs of links

    def link(self, head: Row, row: Row, *, silent: bool = False, may_be_public: bool = False) -> None:
        linked = holding.link(self.gate, self.subject(row), row.edits, head.edits, may_be_public=may_be_public)
        if linked.settings != row.settings:
            row.edits += 1
        row.settings, row.hold, row.primary, row.silent = linked.settings, linked.hold, head.id, silent

    def unlink(self, row: Row) -> None:
        head = self.head(row)
        settings = holding.unlink(self.gate, self.subject(head), self.subject(row), row.hold, row.edits, head.edits)
        row.settings, row.hold, row.primary, row.silent = settings, LinkHold(), None, False

    def make_primary(self, row: Row) -> None:
        head = self.head(row)
        made = holding.make_primary(self.gate, self.subject(head), self.subject(row))
        for other in self.linked(head):
            other.primary, other.hold = row.id, LinkHold()
        head.settings, head.primary, head.hold = made.old, row.id, LinkHold()
        row.settings, row.primary = made.new, None
        head.edits += 1
        row.edits += 1

    def set_silent(self, row: Row, silent: bool) -> None:
        head = self.head(row)
        done = holding.set_silent(
            self.gate, self.subject(head), self.subject(row), row.hold, row.edits, head.edits, silent
        )
        row.settings, row.hold, row.silent = done.settings, done.hold, silent


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
