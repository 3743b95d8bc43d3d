"""The private switch and its box (S28-S34), from every account of a group (S60, D7)."""

from __future__ import annotations

import json

import pytest

from policies.errors import Conflict, Invalid, NotFound, Refused
from policies.terms import ANONYMOUS, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account
from webapp.services import editing, privacy
from webapp.services.context import Context
from webapp.services.viewing import load_viewer


def settings(ctx: Context, viewer: Viewer) -> tuple[bool, bool]:
    found = ctx.db.row("SELECT private, keep_name FROM account WHERE id = ?", (viewer.profile_id,))
    return bool(found[0]), bool(found[1])


@pytest.fixture
def sally(ctx: Context) -> Viewer:
    return load_viewer(ctx, make_account(ctx.db))


@pytest.fixture
def worker(ctx: Context, sally: Viewer) -> Viewer:
    """A managed account's session in Sally's group."""
    account_id = make_account(ctx.db, "work", kind="managed")
    link(ctx.db, account_id, sally.account_id)
    return load_viewer(ctx, account_id)


def test_s28_s31_public_with_the_box_ticked_at_first(ctx: Context, sally: Viewer) -> None:
    assert privacy.open_privacy(ctx, sally).values == {
        "privacy": "public", "keep_name": "1", "searchable": "1",
    }


def test_s29_private_is_saved_and_audited(ctx: Context, sally: Viewer) -> None:
    assert privacy.save_privacy(ctx, sally, {"privacy": "private", "keep_name": "1"}, NOW)
    assert settings(ctx, sally) == (True, True)
    shown = ctx.gate().mask(ANONYMOUS, editing.stand(ctx, sally).subject)
    assert shown & ~ctx.gate().name_and_picture == 0
    event, detail = ctx.db.row("SELECT event, detail FROM audit")
    assert (event, json.loads(detail)) == ("privacy:edit", {"private": True, "keep_name": True})
    assert ctx.db.row("SELECT edit_version, row_version FROM account WHERE id = ?", (sally.account_id,)) == (1, 2)


def test_s31_a_box_that_is_not_sent_is_not_ticked(ctx: Context, sally: Viewer) -> None:
    privacy.save_privacy(ctx, sally, {"privacy": "private"}, NOW)
    assert settings(ctx, sally) == (True, False)
    assert not ctx.gate().is_findable(ANONYMOUS, editing.stand(ctx, sally).subject)


def test_nothing_but_public_and_private_is_taken(ctx: Context, sally: Viewer) -> None:
    for wrong in ({}, {"privacy": ""}, {"privacy": "friends"}):
        with pytest.raises(Invalid) as caught:
            privacy.save_privacy(ctx, sally, wrong, NOW)
        assert caught.value.errors == {"privacy": "Choose Public or Private."}


def test_saving_the_same_changes_nothing(ctx: Context, sally: Viewer) -> None:
    assert not privacy.save_privacy(ctx, sally, {"privacy": "public", "keep_name": "1"}, NOW)
    assert ctx.db.row("SELECT count(*) FROM audit") == (0,)


def test_two_windows_do_not_undo_each_other_unseen(ctx: Context, sally: Viewer) -> None:
    seen = privacy.open_privacy(ctx, sally).seen
    privacy.save_privacy(ctx, sally, {"privacy": "private", "seen": seen}, NOW)
    with pytest.raises(Conflict):
        privacy.save_privacy(ctx, sally, {"privacy": "public", "keep_name": "1", "seen": seen}, NOW)
    assert settings(ctx, sally) == (True, False)


def test_s60_a_managed_session_may_turn_the_shared_profile_private(ctx: Context, sally: Viewer, worker: Viewer) -> None:
    assert privacy.save_privacy(ctx, worker, {"privacy": "private", "keep_name": "1"}, NOW)
    assert settings(ctx, sally) == (True, True)


@pytest.mark.parametrize("widening", [{"privacy": "public"}, {"privacy": "public", "keep_name": "1"},
                                      {"privacy": "private", "keep_name": "1"}])
def test_d7_a_managed_session_does_not_widen(ctx: Context, sally: Viewer, worker: Viewer, widening) -> None:
    privacy.save_privacy(ctx, sally, {"privacy": "private"}, NOW)
    with pytest.raises(Refused) as caught:
        privacy.save_privacy(ctx, worker, widening, NOW)
    assert caught.value.rule == "rule_managed_session_does_not_widen"
    assert settings(ctx, sally) == (True, False)
    assert privacy.save_privacy(ctx, sally, widening, NOW)


def test_s60_a_linked_personal_account_may_widen(ctx: Context, sally: Viewer) -> None:
    second = make_account(ctx.db, "second")
    link(ctx.db, second, sally.account_id)
    privacy.save_privacy(ctx, sally, {"privacy": "private"}, NOW)
    assert privacy.save_privacy(ctx, load_viewer(ctx, second), {"privacy": "public", "keep_name": "1"}, NOW)
    assert settings(ctx, sally) == (False, True)


def test_d10_public_by_the_owner_frees_what_a_link_made_private(ctx: Context, sally: Viewer, worker: Viewer) -> None:
    ctx.db.execute("UPDATE account SET link_private = ? WHERE id = ?", (True, worker.account_id))
    assert privacy.open_privacy(ctx, sally).values["privacy"] == "private"
    assert privacy.save_privacy(ctx, sally, {"privacy": "public", "keep_name": "1"}, NOW)
    assert not editing.stand(ctx, sally).subject.private
    assert ctx.db.row("SELECT count(*) FROM account WHERE link_private") == (0,)


def test_strangers_have_no_switch(ctx: Context, sally: Viewer) -> None:
    stranger = load_viewer(ctx, make_account(ctx.db, "stranger"))
    with pytest.raises(NotFound):
        privacy.save_privacy(ctx, stranger, {"privacy": "private"}, NOW, target=sally.account_id)
    with pytest.raises(NotFound):
        privacy.open_privacy(ctx, ANONYMOUS)
