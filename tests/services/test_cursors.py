"""Sealed cursors: they round-trip, tell nothing of row numbers, and none can be made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from webapp.services.cursors import LIMIT, seal, unseal, unseal_words

NUMBER = st.integers(-(2**63), 2**63 - 1)
KEY = "k" * 40


@given(NUMBER, NUMBER)
def test_cursors_round_trip(at: int, row_id: int) -> None:
    cursor = seal(KEY, "activity", at, row_id)
    assert len(cursor) <= LIMIT
    assert unseal(KEY, "activity", cursor) == (at, row_id)
    assert seal(KEY, "activity", at, row_id) == cursor


@given(st.lists(st.text(max_size=60), max_size=3))
def test_cursors_of_texts_round_trip(place: list[str]) -> None:
    cursor = seal(KEY, "people", *place)
    assert len(cursor) <= LIMIT
    assert unseal_words(KEY, "people", cursor) == tuple(place)
    assert seal(KEY, "people", *place) == cursor


@given(st.text(max_size=80))
def test_any_text_is_no_cursor(text: str) -> None:
    assert unseal(KEY, "activity", text) is None


@given(NUMBER, NUMBER, st.integers(0, 20), st.sampled_from("AZaz09-_"))
def test_a_changed_cursor_is_none(at: int, row_id: int, place: int, letter: str) -> None:
    cursor = seal(KEY, "activity", at, row_id)
    changed = cursor[:place] + letter + cursor[place + 1 :]
    # The last letter carries spare bits that base64 does not read.
    assert changed[:-1] == cursor[:-1] or unseal(KEY, "activity", changed) is None


def test_a_cursor_of_another_list_or_site_is_none() -> None:
    cursor = seal(KEY, "activity", 1, 2)
    assert unseal(KEY, "people", cursor) is None
    assert unseal("x" * 40, "activity", cursor) is None


def test_the_numbers_of_rows_cannot_be_read_from_their_cursors() -> None:
    """Two neighbours share no more than chance gives: the order of a row among all rows does not show."""
    first, second = seal(KEY, "activity", 1, 2), seal(KEY, "activity", 1, 3)
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 10
