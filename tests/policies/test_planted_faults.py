"""Does the state machine of D19 bite? Each fault takes one piece of the real code away; each must be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from policies import holding, timeline
from policies.terms import ALL, LinkHold, Settings, Subject, Viewer
from policies.timeline import Entry, Timeline
from policies.visibility import Gate
from tests.policies import test_timeline
from tests.policies.machine import NeverWidens

Plant = Callable[[pytest.MonkeyPatch], None]
FAULTS: dict[str, Plant] = {}
at, fold, cap, link, unlink, choose = (
    Timeline.at,
    holding.fold,
    holding.cap,
    holding.link,
    holding.unlink,
    holding.choose,
)
make_primary, part, hold_of, mask, work_block = (
    holding.make_primary,
    holding._part,
    holding._hold,
    Gate.mask,
    Gate.work_block,
)
relevant = timeline._relevant


def fault(plant: Plant) -> Plant:
    FAULTS[plant.__name__] = plant
    return plant


@fault
def only_the_present_default_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Timeline, "at", lambda self, b: (self.cur.anyone, self.cur.org, at(self, b)[2]))


@fault
def a_change_of_organization_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Timeline, "at", lambda self, b: (*at(self, b)[:2], True))


@fault
def plain_and_of_the_organization_column(patch: pytest.MonkeyPatch) -> None:
    def suffixes(entries: list[Entry]) -> tuple[list[int], list[int], list[int], list[bool]]:
        versions, anyones, orgs, sames = real(entries)
        org = ALL
        for index in reversed(range(len(entries))):
            org &= entries[index].org
            orgs[index] = org
        return versions, anyones, orgs, sames

    real = timeline._suffixes
    patch.setattr(timeline, "_suffixes", suffixes)


@fault
def an_owners_write_moves_the_base_line_without_folding(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "fold", lambda gate, subject: replace(subject.settings, base_version=gate.version))


@fault
def a_link_holds_no_section_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "_hold", lambda gate, row: replace(hold_of(gate, row), cap_anyone=ALL, cap_org=ALL))


@fault
def a_link_drops_the_secondarys_private(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "_hold", lambda gate, row: replace(hold_of(gate, row), private=False))


def uncapped(gate: Gate, primary: Subject, row: Subject) -> Settings:
    capped = part(gate, primary, row)
    return replace(fold(gate, row), private=capped.private, keep_name=capped.keep_name)


@fault
def unlink_holds_nothing(patch: pytest.MonkeyPatch) -> None:
    def leave(gate: Gate, primary: Subject, row: Subject, *rest: Any) -> Settings:
        done = unlink(gate, primary, row, *rest)
        return done if done == row.settings else uncapped(gate, primary, row)

    patch.setattr(holding, "unlink", leave)


@fault
def unlink_drops_the_groups_private(patch: pytest.MonkeyPatch) -> None:
    def leave(gate: Gate, primary: Subject, row: Subject, *rest: Any) -> Settings:
        return replace(unlink(gate, primary, row, *rest), private=row.settings.private)

    patch.setattr(holding, "unlink", leave)


@fault
def make_primary_holds_nothing(patch: pytest.MonkeyPatch) -> None:
    def make(gate: Gate, primary: Subject, target: Subject) -> holding.MadePrimary:
        return replace(make_primary(gate, primary, target), new=uncapped(gate, primary, target))

    patch.setattr(holding, "make_primary", make)


@fault
def make_primary_drops_private(patch: pytest.MonkeyPatch) -> None:
    def make(gate: Gate, primary: Subject, target: Subject) -> holding.MadePrimary:
        made = make_primary(gate, primary, target)
        return replace(made, new=replace(made.new, private=target.settings.private))

    patch.setattr(holding, "make_primary", make)


@fault
def accepting_one_field_accepts_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        holding, "accept", lambda gate, subject, levels: replace(fold(gate, subject), cap_anyone=ALL, cap_org=ALL)
    )


@fault
def choosing_one_field_frees_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "choose", lambda *given: replace(choose(*given), cap_anyone=ALL, cap_org=ALL))


@fault
def an_undone_change_never_was_for_anybody(patch: pytest.MonkeyPatch) -> None:
    def tombstones(log: Any, domain: int | None) -> list[Any]:
        kept = relevant(log, domain)
        undone = {change.value for change in kept if change.op == "undo"}
        return [change for change in kept if change.op != "undo" and change.version not in undone]

    patch.setattr(timeline, "_relevant", tombstones)


@fault
def an_owners_act_on_the_primary_loses_what_links_hold(patch: pytest.MonkeyPatch) -> None:
    def forget(gate: Gate, subject: Subject) -> Settings:
        return fold(gate, replace(subject, held_anyone=ALL, held_org=ALL))

    patch.setattr(holding, "fold", forget)


@fault
def an_owners_act_on_the_primary_loses_a_links_private(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "fold", lambda gate, subject: fold(gate, replace(subject, private=subject.settings.private)))


@fault
def the_gate_forgets_what_links_hold(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Gate, "mask", lambda self, viewer, row: mask(self, viewer, replace(row, held_anyone=ALL, held_org=ALL))
    )


@fault
def unlink_overlooks_an_edit_of_the_secondary(patch: pytest.MonkeyPatch) -> None:
    def leave(gate: Gate, primary: Subject, row: Subject, hold: LinkHold, own: int, other: int) -> Settings:
        return unlink(gate, primary, row, replace(hold, edit_self=own), own, other)

    patch.setattr(holding, "unlink", leave)


@fault
def unlink_overlooks_an_edit_of_the_primary(patch: pytest.MonkeyPatch) -> None:
    def leave(gate: Gate, primary: Subject, row: Subject, hold: LinkHold, own: int, other: int) -> Settings:
        return unlink(gate, primary, row, replace(hold, edit_primary=other), own, other)

    patch.setattr(holding, "unlink", leave)


@fault
def becoming_silent_holds_nothing(patch: pytest.MonkeyPatch) -> None:
    def silent(gate: Gate, primary: Subject, row: Subject, hold: LinkHold, own: int, other: int, to: bool) -> Any:
        return holding.Linked(row.settings, hold) if to else real(gate, primary, row, hold, own, other, to)

    real = holding.set_silent
    patch.setattr(holding, "set_silent", silent)


@fault
def ceasing_to_be_silent_holds_nothing(patch: pytest.MonkeyPatch) -> None:
    def silent(gate: Gate, primary: Subject, row: Subject, hold: LinkHold, own: int, other: int, to: bool) -> Any:
        return real(gate, primary, row, hold, own, other, to) if to else holding.Linked(row.settings, hold)

    real = holding.set_silent
    patch.setattr(holding, "set_silent", silent)


@fault
def ceasing_to_be_silent_forgets_the_old_hold(patch: pytest.MonkeyPatch) -> None:
    def silent(gate: Gate, primary: Subject, row: Subject, hold: LinkHold, own: int, other: int, to: bool) -> Any:
        return real(gate, primary, row, hold if to else LinkHold(), own, other, to)

    real = holding.set_silent
    patch.setattr(holding, "set_silent", silent)


@fault
def work_details_show_on_a_private_profile(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "work_block", lambda self, viewer, row: work_block(self, viewer, replace(row, private=False)))


@fault
def work_details_show_to_other_organizations(patch: pytest.MonkeyPatch) -> None:
    def every(self: Gate, viewer: Viewer, row: Subject) -> int:
        present = self.organization(row.domain_id)
        return work_block(self, viewer if present is None else Viewer(None, None, False, frozenset({present})), row)

    patch.setattr(Gate, "work_block", every)


@fault
def a_linked_record_ignores_the_profiles_private(patch: pytest.MonkeyPatch) -> None:
    def ignoring(self: Gate, viewer: Viewer, row: Subject) -> int:
        alone = row.account_id == row.profile_id
        return mask(self, viewer, row if alone else replace(row, private=row.settings.private))

    patch.setattr(Gate, "mask", ignoring)


@fault
def a_linked_records_own_box_is_ignored(patch: pytest.MonkeyPatch) -> None:
    def ignoring(self: Gate, viewer: Viewer, row: Subject) -> int:
        return mask(self, viewer, replace(row, settings=replace(row.settings, keep_name=True)))

    patch.setattr(Gate, "mask", ignoring)


@fault
def a_private_secondary_made_public_opens_its_record(patch: pytest.MonkeyPatch) -> None:
    def opened(gate: Gate, row: Subject, own: int, other: int, *, may_be_public: bool = False) -> holding.Linked:
        done = link(gate, row, own, other, may_be_public=may_be_public)
        if not (row.private and may_be_public):
            return done
        return replace(done, settings=replace(fold(gate, row), private=False))

    patch.setattr(holding, "link", opened)


@fault
def an_address_moves_without_a_hold(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "change_domain", lambda gate, subject, domain: fold(gate, subject))


@fault
def plugins_are_not_recorded(patch: pytest.MonkeyPatch) -> None:
    def unbased(log: Any, domain: int | None) -> list[Any]:
        kept = relevant(log, domain)
        return [c for c in kept if c.op != "base" and not (c.op == "undo" and c.bit is not None)]

    patch.setattr(timeline, "_relevant", unbased)


@fault
def an_account_made_while_a_plugin_is_out_is_not_held(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "begin", lambda gate, domain: (ALL, ALL))


@fault
def an_address_moves_without_what_is_closed_now(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "_fold_all", fold)


@fault
def an_undone_switch_never_was_for_anybody(patch: pytest.MonkeyPatch) -> None:
    def tombstones(log: Any, domain: int | None) -> list[Any]:
        kept = relevant(log, domain)
        undone = {change.value for change in kept if change.op == "undo" and change.bit is not None}
        return [c for c in kept if not (c.op == "undo" and c.bit is not None) and c.version not in undone]

    patch.setattr(timeline, "_relevant", tombstones)


QUICK = (
    "only_the_present_default_counts",
    "a_link_holds_no_section_back",
    "an_owners_write_moves_the_base_line_without_folding",
    "plugins_are_not_recorded",
)


def find(name: str, patch: pytest.MonkeyPatch) -> None:
    """Plant the fault and let the machine find it."""
    FAULTS[name](patch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            NeverWidens,
            settings=settings(
                max_examples=15_000,  # most need a few hundred; the rarest was met after some thousands
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
                database=None,
                derandomize=True,
                print_blob=False,
            ),
        )


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find(name, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in QUICK])
def test_every_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find(name, monkeypatch)


def test_a_worker_that_trusts_its_own_plugins_is_found_by_the_rule_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random histories hardly ever reach it: what the log holds and the held bits hide the same."""
    monkeypatch.setattr(Entry, "cut", lambda self, other, known: other)
    with pytest.raises(AssertionError):
        test_timeline.test_d14_a_field_that_is_no_longer_registered_is_hidden("stats")


def test_there_are_enough_faults() -> None:
    assert len(FAULTS) >= 25
