"""Does the suite of linked accounts bite? Each fault takes one piece of the real code away; a test must fail for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from policies import holding, linking
from policies.manager import PolicyManager
from policies.terms import LinkHold
from tests.services import test_link_attacks as attacks
from tests.services import test_linking as verbs
from tests.services.test_link_machine import run
from tests.services.test_link_races import Crowd
from webapp.services import accounts, link_leave, link_mail, link_page, link_steps, link_verbs
from webapp.services import linking as services
from webapp.services.context import Context, Site
from webapp.store import links, proofs, records
from webapp.store.database import Database

Plant = Callable[[pytest.MonkeyPatch], None]
Catch = Callable[[Context], None]
#: name -> (fault, the test that fails for it)
FAULTS: dict[str, tuple[Plant, Catch]] = {}


def caught_by(catch: Catch) -> Callable[[Plant], Plant]:
    def keep(plant: Plant) -> Plant:
        FAULTS[plant.__name__] = plant, catch
        return plant

    return keep


def machine(ctx: Context) -> None:
    """The state machine, without shrinking what it finds."""
    run(ctx, 60, 40, shrink=False)


def told(verb: str, ctx: Context) -> None:
    verbs.test_d3_i11_every_verb_mails_every_address_and_audits_each_account_by_itself(ctx, verb)


def without(name: str) -> tuple[linking.Rule, ...]:
    return tuple(rule for rule in linking.LINK_RULES if rule.__name__ != name)


# What is asked


@caught_by(attacks.test_t27_t29_t30_incompatible_accounts_are_refused_with_problem_and_fix_and_nothing_changes)
def two_managed_accounts_are_linked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(linking, "LINK_RULES", without("rule_not_two_managed"))


@caught_by(attacks.test_t27_t29_t30_incompatible_accounts_are_refused_with_problem_and_fix_and_nothing_changes)
def an_account_is_taken_from_another_primary(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(linking, "LINK_RULES", without("rule_not_linked_elsewhere"))


@caught_by(attacks.test_t3_linking_is_refused_before_either_address_is_verified)
def an_unverified_address_is_linked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(linking, "LINK_RULES", without("rule_verified"))


@caught_by(attacks.test_t31_a_linked_session_links_unlinks_and_makes_primary_nothing)
def a_linked_session_unlinks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(linking, "UNLINK_RULES", (linking.rule_primary_stays,))


@caught_by(attacks.test_t32_a_managed_account_is_never_made_primary)
def the_page_offers_to_make_a_managed_account_primary(patch: pytest.MonkeyPatch) -> None:
    rules = tuple(rule for rule in linking.PRIMARY_RULES if rule is not linking.rule_primary_is_personal)
    patch.setattr(linking, "PRIMARY_RULES", rules)


@caught_by(attacks.test_t32_d6_a_reset_by_mail_of_a_flagged_primary_makes_its_verbs_wait_and_tells_everybody)
def a_flagged_primary_does_not_wait_after_a_reset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(link_steps, "reset_refusal", lambda side, now: None)


@caught_by(verbs.test_d3_link_unlink_and_make_primary_need_a_recent_password)
def no_recent_password_is_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(accounts, "require_recent", lambda session, now: None)


@caught_by(attacks.test_t23_another_browser_of_the_same_account_cannot_finish)
def a_proof_is_not_bound_to_its_browser(patch: pytest.MonkeyPatch) -> None:
    def found(ctx: Context, session: Any, token: str, now: int) -> Any:
        return link_steps.tokens.open_token(ctx, "link", token, now)

    patch.setattr(services, "find_proof", found)


@caught_by(attacks.test_t20_a_proof_sent_to_a_signed_in_victim_is_refused_and_no_account_is_named)
def a_refused_proof_is_not_noted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(link_steps, "note_refusal", lambda ctx, session, rule, now: None)


@caught_by(attacks.test_t25_after_unlink_no_earlier_proof_or_mailed_link_works)
def proofs_outlive_the_link_they_made(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(proofs, "cancel_for_account", lambda db, account_id, purpose=None: None)


@caught_by(verbs.test_d7_a_linked_managed_session_sees_its_own_row_only)
def a_managed_session_sees_the_whole_list(patch: pytest.MonkeyPatch) -> None:
    real = link_page.side_of
    patch.setattr(
        link_page, "side_of", lambda *given: replace(real(*given), kind=linking.Kind.PERSONAL)
    )


@caught_by(attacks.test_t20_a_key_of_one_profile_names_nothing_in_another)
def a_key_names_a_row_in_every_profile(patch: pytest.MonkeyPatch) -> None:
    key = link_steps.row_key
    patch.setattr(link_steps, "row_key", lambda ctx, profile, account: key(ctx, 0, account % 2))
    patch.setattr(link_page, "row_key", lambda ctx, profile, account: key(ctx, 0, account % 2))


# What is written


@caught_by(verbs.test_d10_a_private_account_makes_the_profile_private_unless_the_member_says_otherwise)
def a_link_holds_nothing_back(patch: pytest.MonkeyPatch) -> None:
    real = holding.link
    patch.setattr(holding, "link", lambda *a, **k: holding.Linked(real(*a, **k).settings, LinkHold()))


@caught_by(lambda ctx: verbs.test_s51_link_and_unlink_are_the_identity(ctx, {"private": True}, False))
def an_unlink_always_counts_as_edited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "unlink", lambda gate, head, row, *rest: holding._part(gate, head, row))


@caught_by(lambda ctx: verbs.test_s51_link_and_unlink_are_the_identity(ctx, {}, False))
def the_edit_counts_stay_behind_after_an_unlink(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(links, "_NO_HOLD", links._NO_HOLD.replace("link_edit_self = NULL,", ""))


@caught_by(machine)
def silent_widens_by_taking_the_hold_away(patch: pytest.MonkeyPatch) -> None:
    real = holding.set_silent
    patch.setattr(holding, "set_silent", lambda *given: holding.Linked(real(*given).settings, LinkHold()))


@caught_by(machine)
def a_new_primary_shows_all_that_it_ever_showed(patch: pytest.MonkeyPatch) -> None:
    real = holding.make_primary
    patch.setattr(
        link_verbs.holding, "make_primary", lambda gate, head, row: replace(real(gate, head, row), new=row.settings)
    )


@caught_by(machine)
def going_public_in_the_rehearsal_is_no_act_of_the_owner(patch: pytest.MonkeyPatch) -> None:
    real = links.save_link
    patch.setattr(links, "save_link", lambda *given: real(*given[:7]))


@caught_by(verbs.test_d6_a_linked_personal_account_that_turns_managed_becomes_silent)
def turning_managed_silences_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(link_leave.link_verbs, "silence_if_managed", lambda ctx, account_id, now: False)


@caught_by(attacks.test_t10_the_session_has_a_new_id_after_link_and_make_primary_and_the_old_one_is_dead)
def the_session_keeps_its_id(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(services, "renew", lambda ctx, session: session.raw_id)


@caught_by(lambda ctx: told("unlink", ctx))
def the_audit_row_names_who_did_it_to_another_account(patch: pytest.MonkeyPatch) -> None:
    def note(ctx: Context, event: str, account_id: int, now: int, *, actor_id: int | None, **detail: Any) -> None:
        link_verbs.audit.record(ctx.db, event, now, actor_id=actor_id, subject_id=account_id, **detail)

    patch.setattr(link_verbs, "note", note)


@caught_by(lambda ctx: told("link", ctx))
def only_the_primary_is_told_of_a_link(patch: pytest.MonkeyPatch) -> None:
    tell = link_mail._tell

    def one(ctx: Context, party: Any, template: str, now: int, **values: Any) -> None:
        if values.get("part") != "linked":
            tell(ctx, party, template, now, **values)

    patch.setattr(link_mail, "_tell", one)


@caught_by(verbs.test_d4_a_rehearsal_changes_nothing)
def a_rehearsal_is_not_rolled_back(patch: pytest.MonkeyPatch) -> None:
    def kept(ctx: Context, act: Callable[[], Any]) -> Any:
        with ctx.db.transaction():
            return act()

    from webapp.services import link_rehearsal

    patch.setattr(link_rehearsal, "_rolled_back", kept)


@caught_by(attacks.test_d18_asking_takes_it_out_after_seven_days_unless_declined_and_the_second_request_is_final)
def a_declined_request_runs_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(link_leave.proofs, "use", lambda db, key, now: True)


def check(ctx: Context, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plant, catch = FAULTS[name]
    with monkeypatch.context() as patch:
        plant(patch)
        with pytest.raises((Exception, pytest.fail.Exception)) as failed:
            catch(ctx)
    assert not isinstance(failed.value, NameError | TypeError | ImportError), failed.value


QUICK = ("a_link_holds_nothing_back", "a_proof_is_not_bound_to_its_browser", "two_managed_accounts_are_linked")


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_fault_is_caught(sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    check(sqlite_ctx, monkeypatch, name)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(FAULTS.keys() - set(QUICK)))
def test_every_planted_fault_is_caught(sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    check(sqlite_ctx, monkeypatch, name)


@pytest.mark.long
def test_t37_without_the_guard_and_the_locks_the_races_break_something(
    postgres_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL only: a SQLite transaction is alone by itself."""
    monkeypatch.setattr(Database, "link_guard", lambda self: None)
    monkeypatch.setattr(links, "LOCK_PAIR", "SELECT ?, ?")
    monkeypatch.setattr(records, "LOCK_GROUP", "SELECT ?")
    crowd = Crowd(Context(postgres_db, PolicyManager(), Site()), 1)
    crowd.run(4000)
    assert crowd.broken
