"""What each transition promises, on random states: also those that no history reaches (D15, D19, S51)."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from policies import holding
from policies.errors import Refused
from policies.terms import ANONYMOUS, Level, Viewer, Why
from policies.visibility import explain
from tests.policies.states import random_world
from tests.policies.world import BIT, DOMAINS, Row, World, X, Y

ANY = settings(max_examples=150, deadline=None)
worlds = st.randoms(use_true_random=False).map(lambda pick: (random_world(pick), pick))
COLLEAGUES = [Viewer(99, 99, True, frozenset({organization})) for organization in (X, Y)]


def masks(world: World, row: Row) -> list[int]:
    subject = world.subject(row)
    return [world.gate.mask(viewer, subject) for viewer in (ANONYMOUS, *COLLEAGUES)]


def seen(world: World) -> list[object]:
    return [world.seen(viewer) for viewer in (ANONYMOUS, *COLLEAGUES)]


@ANY
@given(worlds)
def test_anyone_never_sees_more_than_a_colleague(of: tuple[World, random.Random]) -> None:
    world, _ = of
    for row in world.rows.values():
        anyone, *colleagues = masks(world, row)
        assert all(anyone & ~colleague == 0 for colleague in colleagues)


@ANY
@given(worlds)
def test_fold_changes_nothing_that_is_seen_and_once_is_enough(of: tuple[World, random.Random]) -> None:
    world, pick = of
    before = seen(world)
    row = pick.choice(list(world.rows.values()))
    world.edit(row)
    assert seen(world) == before
    once = row.settings
    world.edit(row)
    assert row.settings == once


@ANY
@given(worlds, st.sampled_from(list(BIT)), st.sampled_from(list(Level)))
def test_a_choice_holds_at_once_and_touches_no_other_field(
    of: tuple[World, random.Random], name: str, level: Level
) -> None:
    world, pick = of
    row = pick.choice(list(world.rows.values()))
    before = world.gate.levels(world.subject(row))
    try:
        world.choose(row, name, level)
    except Refused:
        assert level not in world.gate.choosable(world.subject(row), name)
        return
    assert world.gate.levels(world.subject(row)) == {**before, name: level}
    assert explain(world.gate, world.subject(row), name).why in (Why.CHOSEN, Why.PRIVATE, Why.LOCKED)


@ANY
@given(worlds)
def test_accepting_all_that_is_pending_shows_what_is_wanted(of: tuple[World, random.Random]) -> None:
    world, pick = of
    row = pick.choice(list(world.rows.values()))
    subject = world.subject(row)
    before, pending = world.gate.levels(subject), world.gate.pending(subject)
    assert all(pending[name] >= before[name] for name in pending)
    world.accept(row, pending)
    assert world.gate.levels(world.subject(row)) == {**before, **pending}
    # What may still be asked: a choice of Organization made under another one, once the base line has moved on.
    own = row.settings
    elsewhere = own.chosen & own.chosen_org & ~own.chosen_anyone
    assert all(elsewhere >> BIT[name] & 1 for name in world.gate.pending(world.subject(row)))


@ANY
@given(worlds)
def test_explain_says_the_level_the_gate_uses(of: tuple[World, random.Random]) -> None:
    world, _ = of
    for row in world.rows.values():
        subject = world.subject(row)
        levels, pending = world.gate.levels(subject), world.gate.pending(subject)
        for name in world.gate.bit:
            reason = explain(world.gate, subject, name)
            hidden = reason.why is Why.PRIVATE
            assert reason.level is (Level.ONLY_YOU if hidden else levels[name])
            assert reason.wanted is pending.get(name, levels[name])
            assert hidden or reason.why is not Why.HELD or name in pending


@ANY
@given(worlds, st.booleans())
def test_s51_link_then_unlink_is_the_identity(of: tuple[World, random.Random], silent: bool) -> None:
    world, pick = of
    free = [row for row in world.rows.values() if not row.primary and not world.linked(row)]
    heads = [row for row in world.rows.values() if not row.primary]
    pairs = [(head, row) for head in heads for row in free if head is not row]
    if not pairs:
        return
    head, row = pick.choice(pairs)
    before = [(each.settings, each.hold, each.primary, each.edits) for each in world.rows.values()]
    shown = seen(world)
    world.link(head, row, silent=silent)
    world.unlink(row)
    assert [(each.settings, each.hold, each.primary, each.edits) for each in world.rows.values()] == before
    assert seen(world) == shown


@ANY
@given(worlds, st.sampled_from(DOMAINS))
def test_every_transition_keeps_the_checks_of_the_table(of: tuple[World, random.Random], domain: int | None) -> None:
    world, pick = of
    row = pick.choice(list(world.rows.values()))
    subject = world.subject(row)
    gate = world.gate
    results = [
        holding.fold(gate, subject),
        holding.cap(gate, subject, pick.getrandbits(6), pick.getrandbits(6)),
        holding.accept(gate, subject, {name: pick.choice(list(Level)) for name in BIT}),
        holding.change_domain(gate, subject, domain),
    ]
    if row.primary:
        head = world.subject(world.head(row))
        results.append(holding.unlink(gate, head, subject, row.hold, 1, 1))
        if not row.silent and gate.organization(row.domain) is None:
            made = holding.make_primary(gate, head, subject)
            results += [made.old, made.new]
    for own in results:
        assert own.cap_anyone & ~own.cap_org == 0
        assert own.chosen_anyone & ~own.chosen_org == own.chosen_org & ~own.chosen == 0
        assert 0 <= own.cap_anyone <= own.cap_org < 2**63
        assert own.base_version == gate.version or own == row.settings
