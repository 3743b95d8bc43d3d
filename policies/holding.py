"""How an account's settings change so that nothing but the owner's own act widens what anybody sees (D10, D19).

Pure transitions: each takes the gate and subjects as they are now and hands back what the store must write. The caller
adds 1 to `edit_version` of the account whose owner acted. docs/gate.md says the rules in words.

`fold`, `choose`, `clear`, `accept`, `cap`, `set_private` and `change_domain` on a primary *absorb* what its links hold
back into its own row; the write then frees the links of the group: `link_cap_* = ALL, link_private = false`. On a
linked account that is shown they leave the links alone, but a profile that the link of *another* account keeps private
becomes private itself: what the owner did behind that switch must not come to light with an unlinking of somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policies.errors import Refused
from policies.terms import ALL, Kind, Level, LinkHold, Settings, Subject
from policies.visibility import Gate


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link writes on the linked account's row. `settings` differ from before only if its owner said so."""

    settings: Settings
    hold: LinkHold


@dataclass(frozen=True, slots=True)
class MadePrimary:
    """What a change of primary writes. Every link of the group, the old primary's too, becomes `LinkHold()`."""

    old: Settings
    new: Settings


def is_anchor(subject: Subject) -> bool:
    """Whether the account's record is the one its profile shows: a primary, or not linked."""
    return subject.account_id == subject.profile_id


def fold(gate: Gate, subject: Subject) -> Settings:
    """Move the base line to now. Changes nothing that is seen, but an undo or an unlink no longer reaches behind it.

    Part of every act of the owner, also of an edit of a value. What only the running process hides, for a plugin that
    is ill or out for its overruns, is no history and is not written down.
    """
    return _fold(subject, gate.version, gate.timeline(subject.domain_id).lasting(subject.settings.base_version))


def _fold_all(gate: Gate, subject: Subject) -> Settings:
    """The same, and what the process hides is held too: for acts that put what an account shows elsewhere."""
    return _fold(subject, gate.version, gate.timeline(subject.domain_id).at(subject.settings.base_version))


def _fold(subject: Subject, version: int, since: tuple[int, int, bool]) -> Settings:
    settings = subject.settings
    since_anyone, since_org, same = since
    cap_anyone, cap_org, private = settings.cap_anyone, settings.cap_org, settings.private
    if is_anchor(subject):
        cap_anyone &= subject.held_anyone
        cap_org &= subject.held_org
        private = private or subject.private
    cap_org &= since_org | settings.chosen
    if not same:  # "Organization" was said of another organization, or of one that was away in between
        cap_org &= cap_anyone & ~(settings.chosen_org & ~settings.chosen_anyone)
    cap_anyone &= since_anyone | settings.chosen
    return replace(
        settings,
        base_version=version,
        cap_anyone=cap_anyone & cap_org & ALL,
        cap_org=cap_org & ALL,
        private=private,
    )


def choose(gate: Gate, subject: Subject, field: str, level: Level) -> Settings:
    """The owner chooses the level of one field. Raises Refused for a level that a lock or the kind forbids (T66)."""
    if level not in gate.choosable(subject, field):
        if field in gate.bit and level is Level.ORGANIZATION and gate.kind(subject.domain_id) is Kind.PERSONAL:
            raise Refused("rule_level_of_kind", "A personal account has no organization to show this to.")
        raise Refused("rule_not_wider_than_lock", "This level is not open to you for this field.")
    one = 1 << gate.bit[field]
    settings = fold(gate, subject)
    return replace(
        settings,
        chosen=settings.chosen | one,
        chosen_anyone=settings.chosen_anyone & ~one | (one if level is Level.ANYONE else 0),
        chosen_org=settings.chosen_org & ~one | (one if level else 0),
        cap_anyone=settings.cap_anyone | one,
        cap_org=settings.cap_org | one,
    )


def clear(gate: Gate, subject: Subject, field: str) -> Settings:
    """The owner takes a choice back: today's default or lock holds for the field."""
    if not gate.choosable(subject, field):
        raise Refused("rule_not_wider_than_lock", "This field's level is set for you.")
    one = 1 << gate.bit[field]
    settings = fold(gate, subject)
    open_anyone, open_org = begin(gate, subject.domain_id)      # what is closed now, the page said would not show
    return replace(
        settings,
        chosen=settings.chosen & ~one,
        chosen_anyone=settings.chosen_anyone & ~one,
        chosen_org=settings.chosen_org & ~one,
        cap_anyone=settings.cap_anyone & ~one | one & open_anyone,
        cap_org=settings.cap_org & ~one | one & open_org,
    )


def begin(gate: Gate, domain_id: int | None) -> tuple[int, int]:
    """(cap_anyone, cap_org) of an account made now: what only the running process hides of it is held, so that a plugin
    that comes back shows nothing that its owner never saw shown."""
    closed_anyone, closed_org = gate.timeline(domain_id).closed
    return ALL & ~(closed_anyone | closed_org), ALL & ~closed_org


def accept(gate: Gate, subject: Subject, levels: Mapping[str, Level]) -> Settings:
    """The owner accepts exactly the fields and levels that the page showed as held; unknown names are passed over.

    What changed since the page was made is not swept in.
    """
    anyone = org = 0
    for name, level in levels.items():
        bit = gate.bit.get(name)
        if bit is not None and level:
            org |= 1 << bit
            anyone |= 1 << bit if level is Level.ANYONE else 0
    settings = fold(gate, subject)
    return replace(settings, cap_anyone=settings.cap_anyone | anyone, cap_org=settings.cap_org | org)


def cap(gate: Gate, subject: Subject, anyone: int, org: int) -> Settings:
    """Hold back everything outside the two masks, choices too, until the owner acts on the field."""
    settings = _fold_all(gate, subject)
    return replace(
        settings, cap_anyone=settings.cap_anyone & anyone & ALL, cap_org=settings.cap_org & (org | anyone) & ALL
    )


def set_private(gate: Gate, subject: Subject, private: bool, keep_name: bool = True) -> Settings:
    """The owner throws the private switch (S29-S31). For a linked account that is not silent pass the primary's
    subject: privacy belongs to the profile (S60)."""
    if not is_anchor(subject) and not subject.silent:
        raise ValueError("privacy of a linked account is its primary's")
    return replace(fold(gate, subject), private=private, keep_name=keep_name)


def change_domain(gate: Gate, subject: Subject, domain_id: int | None) -> Settings:
    """The owner's e-mail moves to another domain; write `domain_id` with it. New colleagues see what Anyone saw."""
    settings = _fold_all(gate, subject)
    before, after = gate.organization(subject.domain_id), gate.organization(domain_id)
    if after is None or after != before:
        anyone, _ = gate.both(subject)
        kept = anyone | settings.cap_anyone & ~(settings.chosen & ~settings.chosen_anyone)
        cap_org = settings.cap_org & kept
        settings = replace(settings, cap_anyone=settings.cap_anyone & cap_org, cap_org=cap_org)
    return settings


def link(gate: Gate, secondary: Subject, edit_self: int, edit_primary: int, *, may_be_public: bool = False) -> Linked:
    """What linking `secondary` (not linked, no primary) writes on its row; the primary's row stays untouched (S51).

    Sections are shared, so what Anyone does not see of the secondary's sections the link holds back on the profile, and
    a private secondary makes it private (D10). A silent one's numbers count too, so its link holds the same.
    `may_be_public`: the member said in the rehearsal that the activity of a private secondary may be public. That is an
    act of the secondary's owner on its sections only; its own record stays as hidden as it was.
    """
    settings = secondary.settings
    if secondary.private and may_be_public:
        record = gate.name_and_picture if settings.keep_name else 0
        open_bits = record | gate.section_mask
        settings = replace(cap(gate, secondary, open_bits, open_bits), private=False)
        secondary = replace(secondary, settings=settings, private=False)
        return Linked(settings, replace(_hold(gate, secondary), edit_primary=edit_primary))
    return Linked(settings, replace(_hold(gate, secondary), edit_self=edit_self, edit_primary=edit_primary))


def unlink(
    gate: Gate, primary: Subject, secondary: Subject, hold: LinkHold, edit_self: int, edit_primary: int
) -> Settings:
    """The secondary's settings once its link is gone; the link's hold on the primary goes with it (S51).

    If no owner acted since the link, the settings are those from before it. A silent account has its own page already.
    Else it shows no more than what Anyone saw at its address, the primary's page, and stays private with it (D19).
    """
    if not parts(secondary, hold, edit_self, edit_primary):
        return secondary.settings
    return _part(gate, primary, secondary)


def parts(secondary: Subject, hold: LinkHold, edit_self: int, edit_primary: int) -> bool:
    """Whether the profile changed since the link, so that what leaves it shows no more than it did (D19). A silent
    account has a page of its own and leaves nothing."""
    return not secondary.silent and (hold.edit_self, hold.edit_primary) != (edit_self, edit_primary)


def make_primary(gate: Gate, primary: Subject, target: Subject) -> MadePrimary:
    """The linked personal account `target` becomes the primary, showing no more than the old one did (D10).

    Both accounts' owners acted. Raises Refused for a managed or a silent target (S52).
    """
    if gate.kind(target.domain_id) is Kind.MANAGED:
        raise Refused("rule_primary_is_personal", "Only a personal account can be the primary.")
    if target.silent:
        raise Refused(
            "rule_primary_is_shown",
            "This account is not shown as part of the profile.",
            "Show it as part of the profile first, then make it the primary.",
        )
    return MadePrimary(_fold_all(gate, primary), _part(gate, primary, target))


def set_silent(
    gate: Gate, primary: Subject, secondary: Subject, hold: LinkHold, edit_self: int, edit_primary: int, silent: bool
) -> Linked:
    """The box *Show as part of this profile* (D5), or a linked personal account that turned managed (D6).

    Becoming silent is for the account what unlinking is; ceasing to be is what linking is, on top of the old hold.
    """
    if silent == secondary.silent:
        return Linked(secondary.settings, hold)
    if silent:
        return Linked(unlink(gate, primary, secondary, hold, edit_self, edit_primary), hold)
    again = _hold(gate, secondary)
    return Linked(
        secondary.settings,
        LinkHold(
            hold.cap_anyone & again.cap_anyone,
            hold.cap_org & again.cap_org,
            hold.private or again.private,
            edit_self,
            edit_primary,
        ),
    )


def _hold(gate: Gate, secondary: Subject) -> LinkHold:
    """Sections Anyone does not see of the secondary are held from everybody: colleagues differ per account."""
    anyone, _ = gate.both(secondary)
    held = (anyone | ~gate.section_mask) & ALL
    return LinkHold(held, held, secondary.settings.private)


def _part(gate: Gate, primary: Subject, secondary: Subject) -> Settings:
    anyone, _ = gate.both(primary)
    settings = cap(gate, secondary, anyone, anyone)
    if not primary.private:
        return settings
    return replace(settings, private=True, keep_name=settings.keep_name and primary.keep_name)
