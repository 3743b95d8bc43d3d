"""Do the tests of closing, deletion and export bite? Each fault takes one piece of the code away; a test must fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.services import test_closing as closed
from tests.services import test_erasing as erased
from tests.services import test_export as exported
from webapp.services import closing, erasing, export_files, notes, returning
from webapp.services.context import Context
from webapp.store import closing as closing_store
from webapp.store import erasing as erasing_store
from webapp.store import sessions as session_store

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Plant = Callable[[pytest.MonkeyPatch], None]


def without(*words: str) -> Plant:
    """Deletion forgets the statements that hold one of these words."""
    kept = tuple(one for one in erasing_store.STATEMENTS if not any(word in one[0] for word in words))
    assert len(kept) < len(erasing_store.STATEMENTS)
    return lambda patch: patch.setattr(erasing_store, "STATEMENTS", kept)


FAULTS: dict[str, tuple[Plant, Callable[[Context], None]]] = {
    "sessions outlive a deactivation": (
        lambda patch: patch.setattr(closing, "_shut", lambda *given: None),
        closed.test_t17_a_deactivated_account_is_out_at_its_next_request_and_cannot_come_in,
    ),
    "sessions come back with the account": (
        lambda patch: patch.setattr(session_store, "end_of_account", lambda *given, **more: 0),
        closed.test_d22_nothing_that_began_before_comes_back_with_the_account,
    ),
    "the linked are not told": (
        lambda patch: patch.setattr(closing, "_tell_linked", lambda *given: None),
        closed.test_d22_a_deactivated_primary_is_unknown_its_links_stay_and_who_is_linked_may_leave_at_once,
    ),
    "a primary is closed over its group": (
        lambda patch: patch.setattr(closing.linking, "check_may_close", lambda *given: None),
        erased.test_d22_a_primary_picks_another_or_dissolves_first,
    ),
    "deletion needs no recent password": (
        lambda patch: patch.setattr(closing.verbs, "require_recent", lambda *given: None),
        erased.test_d22_asking_needs_a_recent_password_and_closes_the_account_at_once,
    ),
    "deletion comes a day early": (
        lambda patch: patch.setattr(closing_store, "load_due", _early),
        erased.test_d22_asking_needs_a_recent_password_and_closes_the_account_at_once,
    ),
    "the offer works on the day itself": (
        lambda patch: patch.setattr(returning, "_may_keep", lambda account, now: account.state == "closing"),
        erased.test_d22_the_offer_ends_after_a_quarter_of_an_hour_and_on_the_day_itself,
    ),
    "a mailed log-in counts as a typed password": (
        lambda patch: patch.setattr(returning, "begin", _proved),
        erased.test_d22_a_mailed_log_in_link_offers_it_too_and_no_password_counts_as_typed,
    ),
    "the words of given kudos stay": (
        without("UPDATE kudos"), erased.test_t69_of_a_deleted_account_nothing_is_left_but_tombstones,
    ),
    "the giver of a like stays": (
        without("SET by_account_id"), erased.test_t69_of_a_deleted_account_nothing_is_left_but_tombstones,
    ),
    "the picture stays": (
        without("avatar"), erased.test_t69_of_a_deleted_account_nothing_is_left_but_tombstones,
    ),
    "a table is forgotten": (
        without("login_session"), erased.test_t69_every_column_that_names_an_account_is_emptied_by_deletion,
    ),
    "an identity is not buried": (
        lambda patch: patch.setattr(
            erasing_store, "_BURY", "UPDATE identity SET account_id = NULL WHERE ? > 0 AND account_id = ?"
        ),
        erased.test_t69_d21_importing_again_raises_nobody_and_nothing_is_counted,
    ),
    "what it did is deleted without being counted back": (
        lambda patch: patch.setattr(erasing.counting, "count", lambda *given: None),
        erased.test_d22_a_deletion_that_was_interrupted_goes_on_and_every_sum_is_right_in_between,
    ),
    "formulas are left as they are": (
        lambda patch: patch.setattr(export_files, "neutral", lambda value: value),
        exported.test_t86_a_text_that_a_spreadsheet_could_run_gets_an_apostrophe_in_csv_only,
    ),
    "a private giver is named": (
        lambda patch: patch.setattr(notes, "_face", lambda gate, viewer, group: (group and group.primary, gate.all)),
        exported.test_t68_t54_who_gave_kudos_stands_in_it_as_the_gate_shows_them,
    ),
}


def _early(db: object, now: int, limit: int) -> list[int]:
    found = db.rows("SELECT id FROM account WHERE closes_at <= ?", (now + 86_400,))    # type: ignore[attr-defined]
    db.execute("UPDATE account SET closes_at = ? WHERE closes_at <= ?", (now, now + 86_400))    # type: ignore[attr-defined]
    return [row[0] for row in found]


_begin = returning.begin


def _proved(ctx: Context, account: object, now: int, *, proved: bool) -> str:
    return _begin(ctx, account, now, proved=True)      # type: ignore[arg-type]


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(ctx: Context, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plant, catch = FAULTS[name]
    plant(monkeypatch)
    found: list[BaseException] = []
    try:
        if catch.__code__.co_argcount == 2:
            catch(ctx, monkeypatch)     # type: ignore[call-arg]
        else:
            catch(ctx)
    except (Exception, pytest.fail.Exception) as error:
        found.append(error)
    assert found, name
