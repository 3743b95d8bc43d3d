"""The gate: who sees which field of whom. Everything a viewer gets about a person is cut by `Gate.mask`.

The decision, a few integer operations per subject (A: what Anyone sees, O: what the account's organization sees):

    A = (choice | every default since the base line, where nothing was chosen) & cap & held & lock
    O = the same for the Organization column; said of another organization than today's, only what Anyone may see
    owner: everything; else O for a colleague, A for the others; then the private veto, then plugin vetoes

`&` only ever takes away, so deny wins. Unknown fields have no bit: hidden (D14). How settings change is holding.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from policies.terms import (
    Field,
    Kind,
    Level,
    PolicyChange,
    Question,
    Reason,
    Relation,
    Subject,
    Verdict,
    Viewer,
    Why,
)
from policies.timeline import Base, Timeline

#: What `Timeline.at` says.
_Lived = tuple[int, int, bool]
#: The organization, what the base lines met so far lived under, today's locks for Anyone and for the organization, and
#: `Timeline.at` for other base lines.
_Present = tuple[int | None, dict[int, _Lived], int, int, Callable[[int], _Lived]]
#: Base lines kept per domain.
_KEPT = 4096


class Gate:
    """The decision for one policy version; immutable, one per version and process.

    `log` is the whole policy log in order, `version` its head (`policy_state.version`); what is newer is left out.
    Timelines are replayed when a domain is first met and kept. `clock` tells vetoes how old an account is.
    """

    def __init__(
        self, base: Base, log: Sequence[PolicyChange], version: int, clock: Callable[[], float] | None = None
    ) -> None:
        self.base = base
        self.version = version
        self.fields: tuple[Field, ...] = base.fields
        self.bit: Mapping[str, int] = base.bit
        self.all = base.known
        self.section_mask = sum(1 << base.bit[f.name] for f in base.fields if f.section)
        self.record_mask = self.all & ~self.section_mask
        self.work_mask = sum(1 << base.bit[f.name] for f in base.fields if f.work and not f.section)
        self.name_and_picture = base.keeps
        self._log = tuple(change for change in log if change.version <= version)
        self._claimed = frozenset(
            int(change.scope.removeprefix("domain:")) for change in self._log if change.op == "domain"
        )
        self._timelines: dict[int | None, Timeline] = {}
        self._presents: dict[int | None, _Present | None] = dict.fromkeys(self._claimed)
        self._others: _Present | None = None
        self._vetoes = base.vetoes
        self._names = base.names
        self._clock = clock

    # domains

    def timeline(self, domain_id: int | None) -> Timeline:
        """What accounts of this e-mail domain have lived under; all domains never verified share one."""
        if domain_id not in self._claimed:
            domain_id = None
        found = self._timelines.get(domain_id)
        if found is None:
            found = self._timelines[domain_id] = Timeline(self.base, self._log, self.version, domain_id)
        return found

    @property
    def claimed(self) -> frozenset[int]:
        """Ids of the domains that were ever verified."""
        return self._claimed

    def organization(self, domain_id: int | None) -> int | None:
        """The organization that owns the domain now; None: its accounts are personal (S76)."""
        return self.timeline(domain_id).cur.organization

    def kind(self, domain_id: int | None) -> Kind:
        """Managed or personal (S35, S36, S76)."""
        return Kind.PERSONAL if self.organization(domain_id) is None else Kind.MANAGED

    def _present(self, domain_id: int | None) -> _Present:
        """What decides about the domain's accounts, kept; domains as in `timeline`."""
        timeline = self.timeline(domain_id)
        now = timeline.cur
        present: _Present = now.organization, {}, now.lock_anyone, now.lock_org, timeline.at
        if domain_id in self._presents:
            self._presents[domain_id] = present
        else:
            self._others = present
        return present

    # the decision

    def relation(self, viewer: Viewer, subject: Subject) -> Relation:
        """What the viewer is to the subject (D7, D12)."""
        if viewer.account_id is not None:
            if viewer.account_id == subject.account_id:
                return Relation.OWNER
            # A managed session knows of its own link only: a silent account beside it is a stranger (D5, D7).
            if viewer.profile_id == subject.profile_id and not (viewer.is_managed and subject.silent):
                return Relation.INSIDER if viewer.is_managed else Relation.OWNER
        organization = self.timeline(subject.domain_id).cur.organization
        if organization is not None and organization in viewer.organizations:
            return Relation.COLLEAGUE
        return Relation.OUTSIDER

    def mask(self, viewer: Viewer, subject: Subject) -> int:
        """Bits of the fields shown to the viewer: the decision every other answer is read from."""
        return self.masks(viewer, (subject,))[0]

    def masks(self, viewer: Viewer, subjects: Iterable[Subject]) -> list[int]:
        """`mask` of each subject, in order, in one pass. This is where it is decided."""
        account, organizations = viewer.account_id, viewer.organizations
        presents, others = self._presents, self._others or self._present(None)
        shown_of: list[int] = []
        for subject in subjects:
            insider = False
            if account is not None:
                if account == subject.account_id:
                    shown_of.append(self.all)
                    continue
                if viewer.profile_id == subject.profile_id:
                    if not viewer.is_managed:
                        shown_of.append(self.all)
                        continue
                    insider = True
            present = presents.get(subject.domain_id, others) or self._present(subject.domain_id)
            organization, lived, lock_anyone, lock_org, at = present
            settings = subject.settings
            anyone, org, same = lived.get(settings.base_version) or _keep(lived, settings.base_version, at)
            # What was chosen in place of the defaults: a ^ (a ^ b) & c is b where c is set, else a.
            if organization is not None and organization in organizations:
                said = settings.chosen_org if same else settings.chosen_anyone
                shown = (org ^ (org ^ said) & settings.chosen) & settings.cap_org & subject.held_org & lock_org
                if not same:
                    shown &= settings.cap_anyone & subject.held_anyone
            else:
                shown = (
                    (anyone ^ (anyone ^ settings.chosen_anyone) & settings.chosen)
                    & settings.cap_anyone
                    & subject.held_anyone
                    & lock_anyone
                )
            # The own profile is no stranger's: a managed session of the group sees it private as the owner does (D7).
            if subject.private and not (insider and subject.account_id == subject.profile_id):
                shown &= self.name_and_picture if subject.keep_name and settings.keep_name else 0
            if self._vetoes and shown:
                shown &= ~self._vetoed(viewer, subject)
            shown_of.append(shown)
        return shown_of

    def _vetoed(self, viewer: Viewer, subject: Subject) -> int:
        """What plugins hide, asked once per subject. A veto that fails hides everything (D14)."""
        question = self._question(viewer, subject)
        hidden = 0
        for _, ask in self._vetoes:
            hidden |= ask(question)
        return hidden

    def vetoers(self, viewer: Viewer, subject: Subject, field: str) -> list[str]:
        """The names of the vetoes that hide the field from this viewer."""
        question, bit = self._question(viewer, subject), self.bit[field]
        return [name for name, ask in self._vetoes if ask(question) >> bit & 1]

    def _question(self, viewer: Viewer, subject: Subject) -> Question:
        organization = self.timeline(subject.domain_id).cur.organization
        return Question(
            viewer.account_id,
            viewer.organizations,
            subject.account_id,
            Kind.PERSONAL if organization is None else Kind.MANAGED,
            organization,
            self.relation(viewer, subject),
            None if subject.created_at is None or self._clock is None else int(self._clock()) - subject.created_at,
        )

    def display_name(self, full_name: str | None, public_name: str) -> str:
        """The name shown: what a plugin's rule makes of the names that the viewer may see, else `display_name`."""
        full_name = (full_name or "").strip() or None
        for show in self._names:
            name = show(full_name, public_name)
            if name is not None:
                return name
        return full_name or public_name

    def work_block(self, viewer: Viewer, subject: Subject) -> int:
        """Bits of the work details shown in the block of a linked account's organization (D12); else 0.

        A colleague of that organization sees them under the account's own levels, not if the account is silent and not
        on a private profile. The owner sees them all.
        """
        if subject.account_id == subject.profile_id or subject.silent:
            return 0
        organization = self.timeline(subject.domain_id).cur.organization
        if organization is None:
            return 0
        if self.relation(viewer, subject) is Relation.OWNER:
            return self.work_mask
        if organization not in viewer.organizations or subject.private:
            return 0
        return self.mask(viewer, subject) & self.work_mask

    def is_findable(self, viewer: Viewer, subject: Subject) -> bool:
        """False: answer as for an unknown handle. A private profile with its box unticked (D2), and the addresses of
        accounts linked to a private profile (D5)."""
        if not subject.private:
            return True
        if self.relation(viewer, subject) >= Relation.INSIDER:
            return True
        if subject.account_id != subject.profile_id and not subject.silent:
            return False
        return subject.keep_name and subject.settings.keep_name

    def both(self, subject: Subject) -> tuple[int, int]:
        """(what Anyone sees, what the organization sees) of the record by its levels, before private and vetoes.

        On a personal account nobody is a colleague: both are alike.
        """
        timeline = self.timeline(subject.domain_id)
        present, settings = timeline.cur, subject.settings
        since_anyone, since_org, same = timeline.at(settings.base_version)
        chosen = settings.chosen
        cap_anyone = settings.cap_anyone & subject.held_anyone
        anyone = (settings.chosen_anyone & chosen | since_anyone & ~chosen) & cap_anyone & present.lock_anyone
        if present.organization is None:
            return anyone, anyone
        said = settings.chosen_org if same else settings.chosen_anyone
        org = (said & chosen | since_org & ~chosen) & settings.cap_org & subject.held_org & present.lock_org
        if not same:
            org &= cap_anyone
        return anyone, org | anyone

    def wanted(self, subject: Subject) -> tuple[int, int]:
        """`both` as it would be without anything held: the choice, default or lock in force now (D11)."""
        timeline = self.timeline(subject.domain_id)
        present, settings = timeline.cur, subject.settings
        chosen = settings.chosen
        anyone = (settings.chosen_anyone & chosen | present.anyone & ~chosen) & present.lock_anyone
        if present.organization is None:
            return anyone, anyone
        said = settings.chosen_org if timeline.at(settings.base_version)[2] else settings.chosen_anyone
        return anyone, (said & chosen | present.org & ~chosen) & present.lock_org | anyone

    # readings of the same masks

    def levels(self, subject: Subject) -> dict[str, Level]:
        """The present level of each field, holds and locks included, the private switch not."""
        anyone, org = self.both(subject)
        return {name: _level(anyone, org, bit) for name, bit in self.bit.items()}

    def pending(self, subject: Subject) -> dict[str, Level]:
        """Fields held below what would now hold, with the level to accept: what *ask the owner* lists (D11, D19)."""
        anyone, org = self.both(subject)
        want_anyone, want_org = self.wanted(subject)
        more = want_anyone & ~anyone | want_org & ~org
        return {name: _level(want_anyone, want_org, bit) for name, bit in self.bit.items() if more >> bit & 1}

    def ceiling(self, subject: Subject, field: str) -> Level:
        """The widest level a lock leaves for the field; Only you for an unknown field."""
        bit = self.bit.get(field)
        present = self.timeline(subject.domain_id).cur
        return Level.ONLY_YOU if bit is None else _level(present.lock_anyone, present.lock_org, bit)

    def choosable(self, subject: Subject, field: str) -> tuple[Level, ...]:
        """The levels the owner may choose, narrowest first; empty where the code fixes the field (S77, S81)."""
        bit = self.bit.get(field)
        present = self.timeline(subject.domain_id).cur
        if bit is None or present.fixed >> bit & 1:
            return ()
        ceiling = _level(present.lock_anyone, present.lock_org, bit)
        personal = present.organization is None
        return tuple(level for level in Level if level <= ceiling and not (personal and level is Level.ORGANIZATION))


def _keep(lived: dict[int, _Lived], base_version: int, at: Callable[[int], _Lived]) -> _Lived:
    if len(lived) >= _KEPT:
        lived.clear()
    found = lived[base_version] = at(base_version)
    return found


def resolve(
    gate: Gate,
    viewer: Viewer,
    subject: Subject,
    fields: Iterable[str],
    read: Callable[[Sequence[str]], Mapping[str, object]],
) -> dict[str, Verdict]:
    """A verdict for each name in `fields`. `read(names)` is called with the shown names only and returns their values;
    it is not called when there are none. A shown name it leaves out has the value None.

    Pages read the same decision from `Gate.mask`, without reasons.
    """
    mask = gate.mask(viewer, subject)
    names = list(fields)
    shown = [name for name in names if (bit := gate.bit.get(name)) is not None and mask >> bit & 1]
    values = read(shown) if shown else {}
    allowed = set(shown)
    verdicts = {}
    for name in names:
        reason, source = _because(gate, viewer, subject, name, name in allowed)
        verdicts[name] = Verdict(name in allowed, values.get(name) if name in allowed else None, reason, source)
    return verdicts


def _because(gate: Gate, viewer: Viewer, subject: Subject, field: str, shown: bool) -> tuple[Why, str]:
    """What decided about the field for this viewer, and who; read off the decision that was taken."""
    if field not in gate.bit:
        return Why.UNKNOWN, ""
    relation = gate.relation(viewer, subject)
    if shown and relation >= Relation.INSIDER:
        return Why.OWNER, "owner"
    reason = explain(gate, subject, field)
    if not shown and (names := gate.vetoers(viewer, subject, field)):
        return Why.VETO, ", ".join(names)
    if reason.why in (Why.LOCKED, Why.DEFAULT):
        return reason.why, "site" if reason.organization is None else f"organization:{reason.organization}"
    return reason.why, "owner"


def display_name(full_name: str | None, public_name: str) -> str:
    """The name shown: the full name where the viewer may see it (pass None where not) and it is set, else the public
    name. Never empty (S80-S82)."""
    return (full_name or "").strip() or public_name


def explain(gate: Gate, subject: Subject, field: str) -> Reason:
    """Why the field has its level, for the owner (D15): private, else lock, held, chosen, default. Decides nothing."""
    bit = gate.bit.get(field)
    timeline = gate.timeline(subject.domain_id)
    present = timeline.cur
    kind = Kind.PERSONAL if present.organization is None else Kind.MANAGED
    if bit is None:
        return Reason(field, Level.ONLY_YOU, Why.DEFAULT, kind, Level.ONLY_YOU)
    one = 1 << bit
    level = _level(*gate.both(subject), bit)
    wanted = _level(*gate.wanted(subject), bit)
    if not present.lock_anyone & present.lock_org & one:
        why = Why.LOCKED
    elif wanted > level:
        why = Why.HELD
    elif subject.settings.chosen & one:
        why = Why.CHOSEN
    else:
        why = Why.DEFAULT
    organization = None
    if why in (Why.LOCKED, Why.DEFAULT) and present.organization is not None:
        organization = present.organization if present.by_organization(bit, why is Why.LOCKED) else None
    if subject.private and not (one & gate.name_and_picture and subject.keep_name and subject.settings.keep_name):
        return Reason(field, Level.ONLY_YOU, Why.PRIVATE, kind, wanted)
    return Reason(field, level, why, kind, wanted, organization)


def _level(anyone: int, org: int, bit: int) -> Level:
    if anyone >> bit & 1:
        return Level.ANYONE
    return Level.ORGANIZATION if org >> bit & 1 else Level.ONLY_YOU
