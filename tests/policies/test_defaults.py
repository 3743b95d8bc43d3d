"""The two default tables of S79 and D13, every cell for every relation, through the real plugins and the gate."""

from __future__ import annotations

import pytest

from policies.manager import PolicyManager
from policies.terms import ANONYMOUS, Kind, Level, PolicyChange, Relation, Settings, Subject, Viewer
from policies.visibility import Gate, explain, resolve

ACME, DOMAIN = 9, 5
GATE = Gate(PolicyManager().compile(), [PolicyChange(2, "domain", f"domain:{DOMAIN}", value=ACME)], 2)

# field: (managed: Anyone, managed: Organization, personal: Anyone); True = show. The owner is always shown.
TABLE = {
    "avatar": (False, True, True),
    "full_name": (True, True, True),
    "job_title": (True, True, True),
    "department": (False, True, True),
    "organization": (False, True, True),
    "location": (False, True, True),
    "timezone": (False, True, True),
    "email": (False, False, False),
    "bio": (True, True, True),
    "links": (True, True, True),
    "products": (True, True, True),
    "stats": (True, True, True),
    "badges": (True, True, True),
    "certifications": (True, True, True),
    "groups": (True, True, True),
    "kudos": (True, True, True),
    "activity": (True, True, True),
}

MANAGED = Subject(1, 1, DOMAIN, Settings(2))
PERSONAL = Subject(2, 2, None, Settings(2))
STRANGER = Viewer(7, 7, False)
COLLEAGUE = Viewer(8, 8, True, frozenset({ACME}))
OTHER_ORGANIZATION = Viewer(8, 8, True, frozenset({ACME + 1}))


def shows(viewer: Viewer, subject: Subject, field: str) -> bool:
    verdict = resolve(GATE, viewer, subject, [field], lambda names: dict.fromkeys(names, "value"))[field]
    bit = bool(GATE.mask(viewer, subject) >> GATE.bit[field] & 1)
    assert bit == verdict.shown == (verdict.value == "value")
    return bit


def test_s79_the_table_names_every_field_and_no_other() -> None:
    assert list(GATE.bit) == list(TABLE)
    assert list(GATE.bit.values()) == list(range(17))


@pytest.mark.parametrize("field", TABLE)
def test_s79_managed_cells(field: str) -> None:
    anyone, organization, _ = TABLE[field]
    assert shows(ANONYMOUS, MANAGED, field) is anyone
    assert shows(STRANGER, MANAGED, field) is anyone
    assert shows(OTHER_ORGANIZATION, MANAGED, field) is anyone
    assert shows(COLLEAGUE, MANAGED, field) is organization
    assert shows(Viewer(1, 1, True), MANAGED, field)


@pytest.mark.parametrize("field", TABLE)
def test_s79_personal_cells(field: str) -> None:
    _, _, anyone = TABLE[field]
    for viewer in (ANONYMOUS, STRANGER, COLLEAGUE):
        assert shows(viewer, PERSONAL, field) is anyone
    assert shows(Viewer(2, 2), PERSONAL, field)


@pytest.mark.parametrize("field", TABLE)
def test_d7_an_insider_sees_the_own_profile_less_only_you(field: str) -> None:
    insider = Viewer(1, 2, True, frozenset({ACME}))
    assert GATE.relation(insider, PERSONAL) is Relation.INSIDER
    assert shows(insider, PERSONAL, field) is TABLE[field][2]
    private = Subject(2, 2, None, Settings(2, private=True), private=True)
    assert shows(insider, private, field) is TABLE[field][2]


@pytest.mark.parametrize("field", TABLE)
def test_s31_s32_private_leaves_name_and_picture_at_their_levels(field: str) -> None:
    kept = field in ("avatar", "full_name")
    for subject, column in ((MANAGED, 0), (PERSONAL, 2)):
        private = Subject(3, 3, subject.domain_id, Settings(2, private=True), private=True)
        assert shows(ANONYMOUS, private, field) is (kept and TABLE[field][column])
        unticked = Subject(
            3, 3, subject.domain_id, Settings(2, private=True, keep_name=False), private=True, keep_name=False
        )
        assert not shows(ANONYMOUS, unticked, field)
        assert not shows(COLLEAGUE, unticked, field)
        assert shows(Viewer(3, 3), unticked, field)
    colleague_sees = shows(COLLEAGUE, Subject(3, 3, DOMAIN, Settings(2, private=True), private=True), field)
    assert colleague_sees is (kept and TABLE[field][1])


@pytest.mark.parametrize("field", TABLE)
def test_i10_every_shown_value_has_a_rule(field: str) -> None:
    for subject in (MANAGED, PERSONAL):
        reason = explain(GATE, subject, field)
        assert reason.level is GATE.levels(subject)[field]
        assert reason.why == "default"
        assert reason.kind is GATE.kind(subject.domain_id)


def test_s76_kind_is_the_domains() -> None:
    assert GATE.kind(DOMAIN) is Kind.MANAGED
    assert GATE.organization(DOMAIN) == ACME
    assert GATE.kind(None) is GATE.kind(DOMAIN + 1) is Kind.PERSONAL


def test_s78_levels_nest() -> None:
    assert Level.ONLY_YOU < Level.ORGANIZATION < Level.ANYONE
