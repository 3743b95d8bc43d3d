"""The table of docs/requirements.md: every combination of kind and state of X and Y gives exactly its row, no other."""

from __future__ import annotations

import inspect
from dataclasses import replace
from itertools import product

import pytest

from policies import linking
from policies.linking import LINK_RULES, RESET_WAIT, Outcome, Side, Standing, link_outcome, link_refusal
from policies.linking_texts import TEXTS, refused
from policies.terms import Kind

X, Y, OTHER_X, OTHER_Y = 1, 2, 11, 12
P, M = Kind.PERSONAL, Kind.MANAGED

#: The states of one account: kind, standing. A managed primary is a flagged one.
STATES = {
    "unlinked personal": (P, Standing.UNLINKED),
    "unlinked managed": (M, Standing.UNLINKED),
    "primary": (P, Standing.PRIMARY),
    "flagged primary": (M, Standing.PRIMARY),
    "linked personal": (P, Standing.LINKED),
    "linked managed": (M, Standing.LINKED),
}
OUTSIDE = ("unlinked personal", "unlinked managed", "primary", "flagged primary")

#: The rows of the table, written out by hand: (X, Y) -> result. What is linked is refused whatever the other is.
TABLE: dict[tuple[str, str], Outcome | str] = {
    ("unlinked personal", "unlinked personal"): Outcome.CHOOSE,
    ("unlinked personal", "unlinked managed"): Outcome.JOINS_OWN,
    ("unlinked personal", "primary"): Outcome.JOINS_OTHER,
    ("unlinked personal", "flagged primary"): Outcome.OWN_HEADS,
    ("unlinked managed", "unlinked personal"): Outcome.JOINS_OTHER,
    ("unlinked managed", "unlinked managed"): "rule_not_two_managed",
    ("unlinked managed", "primary"): Outcome.JOINS_OTHER,
    ("unlinked managed", "flagged primary"): "rule_not_two_managed",
    ("primary", "unlinked personal"): Outcome.JOINS_OWN,
    ("primary", "unlinked managed"): Outcome.JOINS_OWN,
    ("primary", "primary"): "rule_not_two_primaries",
    ("primary", "flagged primary"): "rule_not_two_primaries",
    ("flagged primary", "unlinked personal"): Outcome.OTHER_HEADS,
    ("flagged primary", "unlinked managed"): "rule_not_two_managed",
    ("flagged primary", "primary"): "rule_not_two_primaries",
    ("flagged primary", "flagged primary"): "rule_not_two_primaries",
    **{(x, y): "rule_not_linked_elsewhere" for x in OUTSIDE for y in ("linked personal", "linked managed")},
    **{(x, y): "rule_only_primary_links" for x in ("linked personal", "linked managed") for y in STATES},
}


def side(account: int, state: str, other: int, *, is_verified: bool = True) -> Side:
    kind, standing = STATES[state]
    return Side(account, other if standing is Standing.LINKED else account, kind, standing, is_verified)


def result(x: Side, y: Side) -> Outcome | str:
    return link_refusal(x, y) or link_outcome(x, y)


def test_s70_s71_s72_s48_every_pair_of_states_gives_exactly_its_row() -> None:
    pairs = list(product(STATES, STATES))
    assert set(pairs) == set(TABLE)
    assert {(x, y): result(side(X, x, OTHER_X), side(Y, y, OTHER_Y)) for x, y in pairs} == TABLE


@pytest.mark.parametrize("state", STATES)
def test_itself_is_refused_in_every_state_and_before_everything_else(state: str) -> None:
    for verified in (True, False):
        x = side(X, state, OTHER_X, is_verified=verified)
        assert result(x, x) == "rule_not_itself"


@pytest.mark.parametrize("verified", list(product([True, False], repeat=2)))
def test_the_same_group_is_refused_before_everything_but_itself(verified: tuple[bool, bool]) -> None:
    for x_kind, y_kind in product(Kind, Kind):
        primary = Side(X, X, x_kind, Standing.PRIMARY, verified[0])
        linked, beside = (Side(a, X, y_kind, Standing.LINKED, verified[1]) for a in (Y, 3))
        for x, y in ((primary, linked), (linked, primary), (linked, beside)):
            assert result(x, y) == "rule_not_same_group"


@pytest.mark.parametrize("verified", [(True, False), (False, True), (False, False)])
def test_t3_an_unverified_address_on_either_side_is_refused_in_every_state(verified: tuple[bool, bool]) -> None:
    for x, y in product(STATES, STATES):
        sides = side(X, x, OTHER_X, is_verified=verified[0]), side(Y, y, OTHER_Y, is_verified=verified[1])
        assert result(*sides) == "rule_verified"


def test_the_refusals_are_asked_in_the_order_of_the_mission() -> None:
    assert [rule.__name__ for rule in LINK_RULES] == [
        "rule_not_itself", "rule_not_same_group", "rule_verified", "rule_only_primary_links",
        "rule_not_linked_elsewhere", "rule_not_two_primaries", "rule_not_two_managed",
    ]  # fmt: skip


def test_s38_whoever_ends_as_primary_is_personal() -> None:
    for x, y in product(STATES, STATES):
        own, other = side(X, x, OTHER_X), side(Y, y, OTHER_Y)
        heads = {
            Outcome.JOINS_OWN: [own], Outcome.OWN_HEADS: [own], Outcome.JOINS_OTHER: [other],
            Outcome.OTHER_HEADS: [other], Outcome.CHOOSE: [own, other],
        }  # fmt: skip
        found = result(own, other)
        if isinstance(found, Outcome):
            assert all(head.kind is P for head in heads[found])


def test_s49_s56_unlink_only_from_the_primary_and_never_the_primary() -> None:
    primary, flagged = side(X, "primary", 0), side(X, "flagged primary", 0)
    linked, beside = side(Y, "linked personal", X), side(3, "linked managed", X)
    stranger = side(9, "primary", 0)
    assert linking.unlink_refusal(primary, linked) is None
    assert linking.unlink_refusal(flagged, beside) is None
    assert linking.unlink_refusal(primary, primary) == "rule_primary_stays"
    for actor in (linked, beside, stranger):
        assert linking.unlink_refusal(actor, linked) == "rule_only_primary_unlinks"


def test_s52_t32_make_primary_only_from_the_primary_and_only_a_personal_account() -> None:
    primary, flagged = side(X, "primary", 0), side(X, "flagged primary", 0)
    personal, managed = side(Y, "linked personal", X), side(3, "linked managed", X)
    assert linking.primary_refusal(primary, personal) is None
    assert linking.primary_refusal(flagged, personal) is None
    assert linking.primary_refusal(primary, managed) == "rule_primary_is_personal"
    assert linking.primary_refusal(primary, primary) == "rule_primary_is_another"
    assert linking.primary_refusal(primary, replace(personal, is_verified=False)) == "rule_primary_is_verified"
    for actor in (personal, managed, side(9, "primary", 0)):
        assert linking.primary_refusal(actor, personal) == "rule_only_primary_makes_primary"


def test_d6_a_flagged_primary_waits_seven_days_after_a_reset_by_mail() -> None:
    flagged = replace(side(X, "flagged primary", 0), reset_at=1000)
    assert linking.reset_refusal(flagged, 1000 + RESET_WAIT - 1) == "rule_flagged_waits_after_reset"
    assert linking.reset_refusal(flagged, 1000 + RESET_WAIT) is None
    assert linking.reset_refusal(replace(flagged, objected=True), 1000 + RESET_WAIT) == "rule_nobody_objected"
    assert linking.reset_refusal(replace(flagged, reset_at=None), 0) is None
    assert linking.reset_refusal(replace(side(X, "primary", 0), reset_at=1000, objected=True), 1000) is None


def test_d18_the_second_request_thirty_days_later_is_final() -> None:
    day = 86_400
    assert [linking.leave_is_final(at, 100 * day) for at in (None, 71 * day, 70 * day)] == [False, False, True]


def test_every_rule_has_a_problem_and_a_fix_and_no_text_has_a_name_to_fill_in() -> None:
    rules = {name for name, _ in inspect.getmembers(linking, inspect.isfunction) if name.startswith("rule_")}
    assert rules <= set(TEXTS)
    for rule, (problem, fix) in TEXTS.items():
        assert problem.endswith(".")
        assert fix.endswith(".")
        assert "{" not in problem + fix
        assert "%" not in problem + fix
        assert refused(rule).rule == rule
