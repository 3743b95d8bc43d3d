"""The gate's pass over a list equals docs/gate.md, said once more field by field, for any settings, links and log."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.terms import ANONYMOUS, Question, Relation, Subject, Viewer
from policies.visibility import Gate, resolve
from tests.policies.states import random_world
from tests.policies.world import A_ORG, B_ORG, BIT, DOMAINS, World, X, Y


def shows(gate: Gate, viewer: Viewer, subject: Subject, field: str) -> bool:
    """The order of docs/gate.md, one field at a time, with nothing kept and nothing skipped."""
    if gate.relation(viewer, subject) is Relation.OWNER:
        return field in gate.bit
    if field not in gate.bit:
        return False
    one = 1 << gate.bit[field]
    own = subject.settings
    is_own_profile = viewer.profile_id == subject.profile_id == subject.account_id and viewer.account_id is not None
    stays = subject.keep_name and own.keep_name and gate.name_and_picture & one
    if subject.private and not is_own_profile and not stays:
        return False
    if any(ask(gate._question(viewer, subject)) & one for _, ask in gate._vetoes):
        return False
    timeline = gate.timeline(subject.domain_id)
    anyone, org, same = timeline.at(own.base_version)
    is_colleague = timeline.cur.organization is not None and timeline.cur.organization in viewer.organizations
    columns = [is_colleague] if same or not is_colleague else [True, False]      # said to others: what Anyone may see
    for wide in columns:
        if not (own.cap_org & subject.held_org if wide else own.cap_anyone & subject.held_anyone) & one:
            return False
    if not (timeline.cur.lock_org if is_colleague else timeline.cur.lock_anyone) & one:
        return False
    if own.chosen & one:
        return bool((own.chosen_org if is_colleague and same else own.chosen_anyone) & one)
    return bool((org if is_colleague else anyone) & one)


def viewers_of(world: World, pick: random.Random) -> list[Viewer]:
    """Strangers, colleagues, and each account's own session, as it is or as if it were managed."""
    found = [ANONYMOUS, Viewer(None, 1), *(Viewer(90, 90, True, frozenset({org})) for org in (X, Y))]
    found.append(Viewer(91, 91, False, frozenset({X, Y})))
    for row in world.rows.values():
        organizations = frozenset(org for org in (X, Y) if pick.random() < 0.3)
        found.append(Viewer(row.id, world.head(row).id, pick.random() < 0.5, organizations))
    return found


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_g5_a_list_is_decided_as_each_field_of_each_member_is(pick: random.Random, has_vetoes: bool) -> None:
    world = random_world(pick)
    if pick.random() < 0.5:
        world.add("domain", f"domain:{pick.choice([A_ORG, B_ORG])}", value=pick.choice([X, Y]))
    for row in world.rows.values():
        if pick.random() < 0.4:
            row.settings = replace(row.settings, base_version=world.version)
        if pick.random() < 0.3:
            row.settings = replace(row.settings, private=True, keep_name=pick.random() < 0.6)
    if has_vetoes:
        hides = {row: pick.randrange(1 << len(BIT)) for row in world.rows}

        def ask(question: Question) -> int:
            return hides[question.account_id] if question.viewer_id in (None, 91, 2) else 0

        world.set_base(replace(world.base, vetoes=(("shy", ask), ("mute", lambda question: 1 << BIT["stats"]))))
    # Many of one list, in any order and again, on domains met for the first time or known already.
    rows = [pick.choice(list(world.rows.values())) for _ in range(pick.randrange(12))]
    for viewer in viewers_of(world, pick):
        gate = world.gate if pick.random() < 0.7 else Gate(world.base, world.log, world.version)
        subjects = [replace(world.subject(row), domain_id=pick.choice((row.domain, *DOMAINS, 7))) for row in rows]
        masks = gate.masks(viewer, iter(subjects))
        assert masks == [gate.mask(viewer, subject) for subject in subjects]
        for subject, mask in zip(subjects, masks, strict=True):
            seen = {name for name, bit in gate.bit.items() if mask >> bit & 1}
            assert seen == {name for name in BIT if shows(gate, viewer, subject, name)}, (viewer, subject)
            verdicts = resolve(gate, viewer, subject, BIT, lambda names: dict.fromkeys(names, 1))
            assert seen == {name for name, verdict in verdicts.items() if verdict.shown}
            assert not mask & ~gate.all
