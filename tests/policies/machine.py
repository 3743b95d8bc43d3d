"""The state machine of D19: random histories of admins, owners, links and plugins; nobody may gain an atom, except by
the owner's own act on that very thing. `test_never_widens.py` runs it, `test_planted_faults.py` proves that it bites.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from policies.errors import Refused
from policies.terms import Kind, Level, Viewer
from policies.timeline import Base, Cells
from tests.policies.world import (
    A_ORG,
    B_ORG,
    BIT,
    DOMAINS,
    EXTRA,
    FIELDS,
    KNOWN,
    MAIL,
    VIEWERS,
    Atom,
    Row,
    World,
    X,
    Y,
)

NAMES = list(BIT)
KINDS = ("rec", "page", "sec", "sum")
FIXED = [name for name in VIEWERS if VIEWERS[name][0] == "org"]
names = st.sampled_from(NAMES)
bits = st.sampled_from(list(BIT.values()))
levels = st.sampled_from(list(Level))
maybe_levels = st.sampled_from([None, *Level])
scopes = st.sampled_from(["personal", "managed", f"org:{X}", f"org:{Y}"])
who = st.integers(0, 7)

Allowed = Callable[[Atom, str], bool]
Seen = dict[str, set[Atom]]


def nothing(atom: Atom, viewer: str) -> bool:
    return False


def told(atom: Atom) -> set[Atom]:
    """What tells the atom: itself, and the rows of an account tell more than its part of the sums."""
    return {atom, ("sec", *atom[1:])} if atom[0] == "sum" else {atom}


def is_somebody_linked(machine: NeverWidens) -> bool:
    return any(row.primary for row in machine.world.rows.values())


class NeverWidens(RuleBasedStateMachine):
    """Every rule is one event; `step` compares what five viewers see before and after it."""

    @initialize()
    def start(self) -> None:
        self.world = World()
        for domain in (MAIL, MAIL, A_ORG, None, B_ORG):
            self.world.create(domain)
        self.now = self.look()
        # Seen since the owner of the account that rules the atom last acted; and since the atom's own account did too.
        self.since_source: Seen = {name: set(seen) for name, seen in self.now.items()}
        self.since_own: Seen = {name: set(seen) for name, seen in self.now.items()}
        self.undone_since_link: dict[int, bool] = {}
        self.before_link: dict[int, Seen] = {}
        # Seen since just before a plugin fell out; empty while none is.
        self.since_out: Seen = {name: set() for name in VIEWERS}

    # looking

    def look(self) -> Seen:
        return {name: self.world.seen(self.world.viewer(name)) for name in VIEWERS}

    def source(self, atom: Atom) -> Row:
        """The account whose levels rule the atom."""
        row = self.world.rows[atom[1]]
        if atom[0] == "rec" or (row.silent and atom[0] != "sum"):
            return row
        return self.world.head(row)

    def step(self, event: Callable[[], None], allow: Allowed = nothing, viewers: list[str] | None = None) -> None:
        before = self.now
        event()
        self.now = self.look()
        for name in VIEWERS if viewers is None else viewers:
            gained = {atom for atom in self.now[name] - before[name] if not allow(atom, name)}
            gained = {atom for atom in gained if not told(atom) & before[name]}
            assert not gained, (name, sorted((kind, row, NAMES[bit]) for kind, row, bit in gained))
        for name, seen in self.now.items():
            self.since_source[name] |= seen
            self.since_own[name] |= seen
            if self.world.closing is not None:
                self.since_out[name] |= seen
        for row in self.world.rows.values():
            settings, hold = row.settings, row.hold
            assert not settings.cap_anyone & ~settings.cap_org
            assert not settings.chosen_anyone & ~settings.chosen_org
            assert not settings.chosen_org & ~settings.chosen
            assert not hold.cap_anyone & ~hold.cap_org
            assert row.primary or hold.cap_anyone & hold.cap_org == hold.cap_anyone

    @invariant()
    def insiders_see_what_their_organization_or_anyone_sees(self) -> None:
        """D7: of its group a managed session sees no more, but for the profile itself while that is private."""
        world = getattr(self, "world", None)
        for row in world.rows.values() if world else ():
            if not row.primary or not world.is_managed(row):
                continue
            organizations = frozenset({world.gate.organization(row.domain)})
            insider, stranger = Viewer(row.id, row.primary, True, organizations), Viewer(99, 99, True, organizations)
            for other in world.group(row):
                subject = world.subject(other)
                if other is row:
                    assert world.gate.mask(insider, subject) == world.gate.all
                    continue
                public = replace(subject, private=subject.private and bool(other.primary))
                assert world.gate.mask(insider, subject) == world.gate.mask(stranger, public)

    def acted(self, *rows: Row) -> None:
        """After an owner's act: what was seen before it no longer counts as shown before. An act while a plugin is out
        writes nothing down of what that hides, so what was seen counts on."""
        ids = set() if self.world.closing is not None else {row.id for row in rows}
        for name in VIEWERS:
            kept = {atom for atom in self.since_source[name] if self.source(atom).id not in ids}
            self.since_source[name] = kept | self.now[name]
            kept = {atom for atom in self.since_own[name] & kept if atom[1] not in ids}
            self.since_own[name] = kept | self.now[name]

    # picking

    def row(self, index: int) -> Row:
        return self.world.rows[index % len(self.world.rows) + 1]

    def linked_row(self, index: int) -> Row:
        linked = [row for row in self.world.rows.values() if row.primary]
        return linked[index % len(linked)]

    def ids(self, row: Row) -> set[int]:
        return {other.id for other in self.world.group(row)} if not row.primary else {row.id}

    def own_choice(self, atom: Atom, viewer: str) -> bool:
        """The owner's earlier choice coming back, as far as it says: no widening (D19)."""
        source = self.source(atom)
        organization = self.world.gate.organization(source.domain)
        colleague = organization is not None and organization in self.world.viewer(viewer).organizations
        said = source.settings.chosen_org if colleague else source.settings.chosen_anyone
        return bool(source.settings.chosen & said & 1 << atom[2])

    def own_address(self, row: Row) -> Allowed:
        """An account that comes to stand on its own shows at its address what its record showed already, no more."""
        before = {name: set(seen) for name, seen in self.now.items()}
        return lambda atom, viewer: atom[:2] == ("page", row.id) and ("rec", row.id, atom[2]) in before[viewer]

    # admins

    @rule(domain=st.sampled_from(DOMAINS))
    def create(self, domain: int | None) -> None:
        if len(self.world.rows) < 8:
            new = len(self.world.rows) + 1
            self.step(lambda: self.world.create(domain), lambda atom, _: atom[1] == new)

    @rule(scope=scopes, bit=bits, level=maybe_levels)
    def cell(self, scope: str, bit: int, level: Level | None) -> None:
        self._administer(lambda: self.world.add("cell", scope, bit, level), nothing)

    @rule(scope=scopes, bit=bits, level=maybe_levels)
    def lock(self, scope: str, bit: int, level: Level | None) -> None:
        self._administer(lambda: self.world.add("lock", scope, bit, level), self.own_choice)

    def _administer(self, event: Callable[[], None], allow: Allowed) -> None:
        """An admin's word stands above the plugins': it shows again what is closed only because one is out."""
        out = self.world.closing is not None
        allowed: Allowed = lambda atom, viewer: allow(atom, viewer) or self.was_closed(atom, viewer)  # noqa: E731
        self.step(event, allowed, FIXED if out else None)

    @rule(domain=st.sampled_from([A_ORG, B_ORG]), organization=st.sampled_from([None, X, Y]))
    def flip(self, domain: int, organization: int | None) -> None:
        self._flip(lambda: self.world.add("domain", f"domain:{domain}", value=organization))

    def _flip(self, event: Callable[[], None], allow: Allowed | None = None) -> None:
        """A domain changes hands; a linked personal account that turns managed becomes silent (D6)."""
        was = {row.id for row in self.world.rows.values() if self.world.is_managed(row)}
        allowed = allow or self.own_choice
        self.step(event, lambda atom, viewer: allowed(atom, viewer) or self.was_closed(atom, viewer), FIXED)
        for row in list(self.world.rows.values()):
            if row.primary and not row.silent and row.id not in was and self.world.is_managed(row):
                self._silent(row, True)

    @precondition(lambda self: any(not c.undone_at and c.op in ("cell", "lock", "domain") for c in self.world.log))
    @rule(index=who, latest=st.booleans())
    def undo(self, index: int, latest: bool) -> None:
        live = [c for c in self.world.log if not c.undone_at and c.op in ("cell", "lock", "domain")]
        change = live[-1] if latest else live[index % len(live)]
        for held in self.undone_since_link:
            self.undone_since_link[held] = True

        def back(atom: Atom, viewer: str) -> bool:
            """What that viewer saw while the change was not there, if the owner did not act since it was made."""
            if self.own_choice(atom, viewer):
                return True
            source = self.source(atom)
            if (
                atom[0] == "page"
            ):  # a linked account's address leads to the profile: the primary's page, seen at any address
                atom = ("page", source.id, atom[2])
            return source.settings.base_version < change.version and atom in self.since_source[viewer]

        if change.op == "domain":
            self._flip(lambda: self.world.undo(change), back)
        else:
            self._administer(lambda: self.world.undo(change), back)

    def was_closed(self, atom: Atom, viewer: str) -> bool:
        """What that viewer saw just before a plugin fell out, or since; or before, if its owner did not act since."""
        if self.world.closing is None and not any(self.since_out.values()):
            return False
        if atom[0] == "page":
            atom = ("page", self.source(atom).id, atom[2])
        seen = told(atom) & (self.since_out[viewer] | self.since_source[viewer])
        return bool(seen) or self.own_choice(atom, viewer)

    @precondition(lambda self: self.world.closing is None)
    @rule(kind=st.sampled_from(list(Kind)), cells=st.integers(0, KNOWN), fixed=st.booleans())
    def fall_out(self, kind: Kind, cells: int, fixed: bool) -> None:
        """A plugin fails or overruns: the cells it was asked about are closed in the running process."""
        base, shut = self.world.base, Cells(cells & self.world.base.known)
        closed = replace(base, defaults={**base.defaults, kind: shut.over(base.defaults[kind])})
        if fixed:
            closed = replace(closed, fixed={**base.fixed, kind: base.fixed[kind].lower(shut)})
        self.since_out = {name: set(seen) for name, seen in self.now.items()}
        self.step(lambda: self.world.close(closed))

    @precondition(lambda self: self.world.closing is not None)
    @rule()
    def come_back(self) -> None:
        """It is well again, with nothing recorded in between."""
        self.step(lambda: self.world.close(None), self.was_closed, FIXED)
        self.since_out = {name: set() for name in VIEWERS}

    @precondition(lambda self: self.world.closing is None)
    @rule(kind=st.sampled_from(list(Kind)), cells=st.integers(0, KNOWN), index=who)
    def fall_out_for_a_moment(self, kind: Kind, cells: int, index: int) -> None:
        """The other way round: it leaves no trace, although an owner edits something meanwhile."""
        before = {name: set(seen) for name, seen in self.now.items()}
        self.fall_out(kind, cells, False)
        self.edit(index)
        self.come_back()
        assert self.now == before

    @precondition(lambda self: self.world.closing is None and self.world.was is None)
    @rule(kind=st.sampled_from(list(Kind)), cells=st.integers(0, KNOWN), low=st.integers(0, KNOWN), fixed=st.booleans())
    def switch_off(self, kind: Kind, cells: int, low: int, fixed: bool) -> None:
        """An admin switches a plugin off that opened some cells, or narrowed them."""
        base = self.world.base
        cells &= base.known
        said = Cells(cells, 0, low & cells).over(base.defaults[kind])
        without = replace(base, defaults={**base.defaults, kind: said})
        if fixed:
            left = base.fixed[kind]
            for bit in BIT.values():
                if cells >> bit & 1 and (kind, bit) != (Kind.PERSONAL, BIT["full_name"]):
                    left = left.put(bit, None)
            without = replace(without, fixed={**base.fixed, kind: left})
        self.step(lambda: self.world.switch_off(without), self.own_choice)

    @precondition(lambda self: self.world.closing is None and self.world.was is not None)
    @rule()
    def switch_on(self) -> None:
        """And on again: nobody sees more than they saw before it went, and of whom acted since no more than now."""
        first = self.world.off[0]
        for held in self.undone_since_link:
            self.undone_since_link[held] = True

        def back(atom: Atom, viewer: str) -> bool:
            source = self.source(atom)
            if atom[0] == "page":
                atom = ("page", source.id, atom[2])
            is_old = source.settings.base_version < first
            return self.own_choice(atom, viewer) or (is_old and bool(told(atom) & self.since_source[viewer]))

        self.step(self.world.switch_on, back, FIXED)

    @precondition(lambda self: self.world.closing is None and self.world.was is None)
    @rule(kind=st.sampled_from(list(Kind)), cells=st.integers(0, KNOWN), low=st.integers(0, KNOWN))
    def switch_off_and_on(self, kind: Kind, cells: int, low: int) -> None:
        """With nothing in between: all is shown that was shown."""
        before = {name: set(seen) for name, seen in self.now.items()}
        self.switch_off(kind, cells, low, False)
        self.switch_on()
        assert self.now == before

    @precondition(lambda self: self.world.closing is None and self.world.was is None)
    @rule(kind=st.sampled_from(list(Kind)), bit=bits, level=levels, fix=st.booleans(), lift=st.booleans())
    def plugins(self, kind: Kind, bit: int, level: Level, fix: bool, lift: bool) -> None:
        """A plugin comes, goes or changes its mind: first a worker meets it, then `vitrine migrate` records it."""
        base = self.world.base
        if bit == EXTRA:
            known = EXTRA not in base.bit.values()
            base = Base(
                FIELDS if known else FIELDS[:-1],
                {name: number for name, number in BIT.items() if known or number != EXTRA},
                {k: cells.put(EXTRA, level if known else None) for k, cells in base.defaults.items()},
                base.fixed,
                base.keeps,
            )
        elif fix and (kind, bit) != (Kind.PERSONAL, BIT["full_name"]):
            cells = base.fixed[kind].put(bit, None if lift else level)
            base = replace(base, fixed={**base.fixed, kind: cells})
        else:
            base = replace(base, defaults={**base.defaults, kind: base.defaults[kind].put(bit, level)})
        self.step(lambda: self.world.set_base(base), self.own_choice)
        self.step(self.world.record, self.own_choice)

    # owners

    def _act(self, row: Row, event: Callable[[], None], bit: int | None) -> None:
        ids = self.ids(row)
        self.step(event, lambda atom, _: bit is not None and atom[1] in ids and bool(bit >> atom[2] & 1))
        self.acted(row)
        if bit is not None and self.world.closing is not None:
            # What the owner said while a plugin is out shows at the latest when it is back.
            said = {(kind, one, n) for kind in KINDS for one in ids for n in BIT.values() if bit >> n & 1}
            for seen in self.since_out.values():
                seen |= said

    @rule(index=who, name=names, level=levels)
    def choose(self, index: int, name: str, level: Level) -> None:
        row = self.row(index)
        try:
            self._act(row, lambda: self.world.choose(row, name, level), 1 << BIT[name])
        except Refused:
            return

    @rule(index=who, name=names)
    def clear(self, index: int, name: str) -> None:
        row = self.row(index)
        try:
            self._act(row, lambda: self.world.clear(row, name), 1 << BIT[name])
        except Refused:
            return

    @rule(index=who, some=st.integers(0, KNOWN), wide=st.integers(0, KNOWN))
    def accept(self, index: int, some: int, wide: int) -> None:
        row = self.row(index)
        accepted = {
            name: Level.ANYONE if wide >> bit & 1 else Level.ORGANIZATION
            for name, bit in BIT.items()
            if some >> bit & 1
        }
        self._act(row, lambda: self.world.accept(row, accepted), some)

    @rule(index=who)
    def edit(self, index: int) -> None:
        row = self.row(index)
        self._act(row, lambda: self.world.edit(row), None)

    @rule(index=who, private=st.booleans(), keep=st.booleans())
    def private(self, index: int, private: bool, keep: bool) -> None:
        row = self.row(index)
        row = row if row.silent else self.world.head(row)
        was = self.world.subject(row)
        # Going public, or letting name and picture be seen again, is the owner's act on all of it.
        widens = not private or (was.private and keep)
        self._act(row, lambda: self.world.set_private(row, private, keep), KNOWN if widens else None)

    @rule(index=who, domain=st.sampled_from(DOMAINS))
    def change_domain(self, index: int, domain: int | None) -> None:
        row = self.row(index)
        self.step(lambda: self.world.change_domain(row, domain), self.own_choice)
        self.acted(row)
        if row.primary and not row.silent and self.world.is_managed(row):
            self._silent(row, True)

    # links

    @rule(index=who, other=who, silent=st.booleans(), public=st.booleans())
    def link(self, index: int, other: int, silent: bool, public: bool) -> None:
        rows = self.world.rows.values()
        # A managed account links others only while it is a flagged primary, and then personal ones only (D6).
        heads = [r for r in rows if not r.primary and (self.world.linked(r) or not self.world.is_managed(r))]
        if not heads:
            return
        head = heads[index % len(heads)]
        free = [r for r in rows if r is not head and not r.primary and not self.world.linked(r)]
        if self.world.is_managed(head):
            free = [r for r in free if not self.world.is_managed(r)]
        if not free:
            return
        row = free[other % len(free)]
        # With a plugin out, what would show without that counts as shown before the link.
        closed = self.world.closing is not None
        self.before_link[row.id] = {
            name: seen | self.since_out[name] | (self.since_source[name] if closed else set())
            for name, seen in self.now.items()
        }
        self.undone_since_link[row.id] = False
        opens = public and self.world.subject(row).private

        def allow(atom: Atom, viewer: str) -> bool:
            if atom[1] != row.id:
                return False
            # Its address leads to the profile (D5), not a silent one's; a private one's activity as said (D10).
            if atom[0] == "page":
                return not silent or opens
            return opens and (atom[0] in ("sec", "sum"))

        self.step(lambda: self.world.link(head, row, silent=silent, may_be_public=public), allow)
        if opens:
            self.acted(row)

    @precondition(is_somebody_linked)
    @rule(index=who)
    def unlink(self, index: int) -> None:
        row = self.linked_row(index)
        self._leave(row, lambda: self.world.unlink(row))

    def _leave(self, row: Row, event: Callable[[], None]) -> None:
        """Unlink, or becoming silent. What was seen before the link may come back if no owner acted since (S51)."""
        head = self.world.head(row)
        others = [other.id for other in self.world.linked(head)]
        own_address = self.own_address(row)
        undone = any(self.undone_since_link.get(other) for other in others)
        befores = [self.before_link[other] for other in others if other in self.before_link]

        def back(atom: Atom, viewer: str) -> bool:
            if own_address(atom, viewer):
                return True
            # What the profile shows of accounts that stay is for the primary's owner to say.
            if atom[0] == "page" and atom[1] != row.id:
                atom = ("page", self.source(atom).id, atom[2])
            since = self.since_own if atom[1] == row.id else self.since_source
            if not told(atom) & since[viewer]:
                return False
            return undone or any(told(atom) & before[viewer] for before in befores)

        self.step(event, back)
        self.undone_since_link.pop(row.id, None) if not row.primary else None

    @precondition(is_somebody_linked)
    @rule(index=who)
    def make_primary(self, index: int) -> None:
        row = self.linked_row(index)
        head = self.world.head(row)
        own_address = self.own_address(row)
        try:
            self.step(lambda: self.world.make_primary(row), own_address)
        except Refused:
            return
        self.acted(head, row)
        for other in self.world.linked(row):  # the group's links start anew, with nothing held back
            self.before_link[other.id] = {name: set(seen) for name, seen in self.now.items()}
            self.undone_since_link[other.id] = False

    @precondition(is_somebody_linked)
    @rule(index=who, silent=st.booleans())
    def silent(self, index: int, silent: bool) -> None:
        row = self.linked_row(index)
        if row.silent != silent:
            self._silent(row, silent)

    def _silent(self, row: Row, silent: bool) -> None:
        if silent:
            self._leave(row, lambda: self.world.set_silent(row, True))
            return
        before = {name: set(seen) for name, seen in self.now.items()}
        self.step(lambda: self.world.set_silent(row, False), lambda atom, _: atom[0] == "page" and atom[1] == row.id)
        held = self.before_link.setdefault(row.id, {name: set() for name in VIEWERS})
        for name in VIEWERS:  # for the primary the link is as old as before
            held[name] |= before[name]
