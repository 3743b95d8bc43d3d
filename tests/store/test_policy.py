"""The policy log and the field bits: versions in order, nothing given twice. What entries mean: tests/policies."""

from __future__ import annotations

from tests.conftest import NOW
from tests.together import at_once
from webapp.store import policy


def test_versions_rise_by_one_and_are_the_head(db):
    _, head = policy.load_log(db)
    with db.transaction():
        first = policy.append_change(db, "cell", "personal", NOW, bit=0, level=1)
        second = policy.append_change(db, "lock", "managed", NOW, bit=0, level=0)
    assert (first, second) == (head + 1, head + 2)
    log, now_head = policy.load_log(db)
    assert now_head == second
    assert [change.version for change in log][-2:] == [first, second]


def test_an_undo_is_an_entry_and_marks_what_it_undoes(db):
    with db.transaction():
        version = policy.append_change(db, "cell", "personal", NOW, bit=0, level=1)
        undo = policy.undo_change(db, version, NOW + 1)
    log = {change.version: change for change in policy.load_log(db)[0]}
    assert log[version].undone_at == undo
    assert (log[undo].op, log[undo].value) == ("undo", version)


def test_a_rolled_back_entry_leaves_no_gap(db):
    _, head = policy.load_log(db)
    try:
        with db.transaction():
            policy.append_change(db, "cell", "personal", NOW, bit=0, level=1)
            raise ValueError
    except ValueError:
        pass
    assert policy.load_log(db)[1] == head


def test_writers_at_once_get_versions_of_their_own(db):
    _, head = policy.load_log(db)
    got: list[int] = []

    def work() -> None:
        for _ in range(5):
            with db.transaction():
                got.append(policy.append_change(db, "cell", "personal", NOW, bit=0, level=1))

    at_once(db, *[work] * 6)
    assert sorted(got) == list(range(head + 1, head + 31))


def test_a_fields_bit_is_given_once_and_for_ever(db):
    known = policy.load_field_bits(db)
    with db.transaction():
        added = policy.add_field_bits(db, ["pronouns", "bio", "pets"])
        again = policy.add_field_bits(db, ["pets"])
    assert {name: added[name] for name in known} == known
    assert {added["pronouns"], added["pets"]} == {max(known.values()) + 1, max(known.values()) + 2}
    assert again == added == policy.load_field_bits(db)


def test_the_date_of_a_lock_is_that_of_the_newest_in_force(db):
    with db.transaction():
        policy.append_change(db, "lock", "managed", NOW, bit=3, level=1)
        policy.append_change(db, "lock", "org:7", NOW + 1, bit=3, level=0)
        undone = policy.append_change(db, "lock", "org:7", NOW + 2, bit=4, level=0)
        policy.undo_change(db, undone, NOW + 3)
    locked = policy.load_locked(db, 7)
    assert locked[("site", 3)] == NOW
    assert locked[("organization", 3)] == NOW + 1
    assert ("organization", 4) not in locked
    assert policy.load_locked(db, 8) == {("site", 3): NOW}
