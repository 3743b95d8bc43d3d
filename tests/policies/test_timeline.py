"""The replay of the policy log: scopes, undone changes, recorded plugins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.recording import unrecorded
from policies.terms import ALL, Kind, Level, PolicyChange
from policies.timeline import Cells, Timeline
from tests.policies.world import A_ORG, B_ORG, BIT, World, X, Y, plain_base

STATS = BIT["stats"]
levels = st.dictionaries(st.integers(0, 5), st.sampled_from(list(Level)))


def cells(of: dict[int, Level]) -> Cells:
    made = Cells()
    for bit, level in of.items():
        made = made.put(bit, level)
    return made


def read(made: Cells) -> dict[int, Level]:
    return {
        bit: Level(2 if made.anyone >> bit & 1 else made.org >> bit & 1) for bit in range(6) if made.bits >> bit & 1
    }


@given(levels, levels)
def test_cells_are_dictionaries_of_levels(some: dict[int, Level], other: dict[int, Level]) -> None:
    assert read(cells(some)) == some
    assert read(cells(some).over(cells(other))) == {**other, **some}
    lower = {bit: min(of[bit] for of in (some, other) if bit in of) for bit in {*some, *other}}
    assert read(cells(some).lower(cells(other))) == lower
    assert read(cells(some).put(3, None)) == {bit: level for bit, level in some.items() if bit != 3}


def test_all_domains_never_verified_share_one_timeline() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    assert world.gate.timeline(77) is world.gate.timeline(None) is world.gate.timeline(B_ORG)
    assert world.gate.timeline(A_ORG) is not world.gate.timeline(None)


def test_another_organizations_changes_do_not_touch_a_domain() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    before = world.gate.timeline(A_ORG).cur
    world.add("cell", f"org:{Y}", STATS, Level.ONLY_YOU)
    world.add("lock", f"org:{Y}", STATS, Level.ONLY_YOU)
    assert world.gate.timeline(A_ORG).cur.is_like(before)


def test_an_organizations_override_stands_over_the_sites_default_and_falls_back() -> None:
    world = World()
    world.add("domain", f"domain:{A_ORG}", value=X)
    world.add("cell", "managed", STATS, Level.ONLY_YOU)
    world.add("cell", f"org:{X}", STATS, Level.ORGANIZATION)
    present = world.gate.timeline(A_ORG).cur
    assert (present.anyone >> STATS & 1, present.org >> STATS & 1) == (0, 1)
    world.add("cell", f"org:{X}", STATS, None)
    assert world.gate.timeline(A_ORG).cur.org >> STATS & 1 == 0
    world.add("cell", "managed", STATS, None)
    assert world.gate.timeline(A_ORG).cur.anyone >> STATS & 1 == 1


def test_undoing_the_earlier_of_two_changes_leaves_the_later_in_force() -> None:
    world = World()
    world.add("cell", "personal", STATS, Level.ONLY_YOU)
    first = world.log[-1]
    world.add("cell", "personal", STATS, Level.ONLY_YOU)
    world.undo(first)
    assert world.gate.timeline(None).cur.anyone >> STATS & 1 == 0


def test_an_undo_of_nothing_or_of_an_undo_is_passed_over() -> None:
    world = World()
    world.add("cell", "personal", STATS, Level.ONLY_YOU)
    world.undo(world.log[-1])
    undo = world.log[-1]
    before = world.gate.timeline(None).cur
    world.add("undo", "", value=undo.version)
    world.add("undo", "", value=10_000)
    world.add("undo", "", value=world.log[0].version)  # a recorded base
    assert world.gate.timeline(None).cur.is_like(before)


def test_what_the_plugins_say_is_recorded_once() -> None:
    world = World()
    assert unrecorded(world.base, world.log) == []
    assert [change.bit for change in world.log] == list(range(len(world.log)))[::-1]
    world.set_base(replace(world.base, keeps=0))
    assert unrecorded(world.base, world.log) == []


def test_a_widening_plugin_shows_nothing_before_it_is_recorded_nor_to_existing_members_after() -> None:
    world = World()
    old = world.create(None)
    wider = {**world.base.defaults, Kind.PERSONAL: world.base.defaults[Kind.PERSONAL].put(BIT["email"], Level.ANYONE)}
    world.set_base(replace(world.base, defaults=wider))
    fresh = world.create(None)
    assert world.gate.levels(world.subject(fresh))["email"] is Level.ONLY_YOU
    world.record()
    after = world.create(None)
    found = [world.gate.levels(world.subject(row))["email"] for row in (old, fresh, after)]
    assert found == [Level.ONLY_YOU, Level.ONLY_YOU, Level.ANYONE]


def test_a_narrowing_plugin_acts_at_once() -> None:
    world = World()
    row = world.create(None)
    narrow = {**world.base.defaults, Kind.PERSONAL: world.base.defaults[Kind.PERSONAL].put(STATS, Level.ONLY_YOU)}
    world.set_base(replace(world.base, defaults=narrow))
    assert world.gate.levels(world.subject(row))["stats"] is Level.ONLY_YOU


@pytest.mark.parametrize("unknown", ["stats", "email"])
def test_d14_a_field_that_is_no_longer_registered_is_hidden(unknown: str) -> None:
    world = World()
    row = world.create(None)
    world.choose(row, unknown, Level.ANYONE)
    base = world.base
    bit = {name: number for name, number in base.bit.items() if name != unknown}
    world.set_base(replace(base, fields=tuple(f for f in base.fields if f.name != unknown), bit=bit))
    assert unknown not in world.gate.levels(world.subject(row))
    assert world.gate.mask(world.viewer("anyone"), world.subject(row)) >> BIT[unknown] & 1 == 0


def test_entries_newer_than_the_version_are_left_out() -> None:
    world = World()
    version = world.version
    world.add("cell", "personal", STATS, Level.ONLY_YOU)
    gate = type(world.gate)(world.base, world.log, version)
    assert gate.timeline(None).cur.anyone >> STATS & 1 == 1


@given(
    st.lists(st.tuples(st.sampled_from(["cell", "lock", "undo"]), st.integers(0, 2), st.sampled_from([None, *Level])))
)
def test_spans_say_the_same_as_at(events: list[tuple[str, int, Level | None]]) -> None:
    log: list[PolicyChange] = []
    for op, number, level in events:
        version = len(log) + 2
        target = log[number].version if op == "undo" and number < len(log) else None
        undo = target is not None and log[number].op != "undo"
        log.append(
            PolicyChange(version, "undo", "", value=target)
            if undo
            else PolicyChange(version, "cell" if op == "undo" else op, "personal", number, level)
        )
    timeline = Timeline(plain_base(), log, len(log) + 1, None)
    for bit in range(3):
        for org in (False, True):
            spans = list(timeline.spans(bit, org))
            assert spans[0][0] == 0
            assert spans[-1][1] is None
            for base_version in range(len(log) + 3):
                anyone, organization, same = timeline.at(base_version)
                (found,) = [s for s in spans if s[0] <= base_version and (s[1] is None or base_version < s[1])]
                assert found[2:] == (bool((organization if org else anyone) >> bit & 1), same)
    assert all(0 <= mask <= ALL for mask in timeline.at(0)[:2])
