"""The members' side of a changed default: what is offered, accepting, declining, one mail each (D11, D19)."""

from __future__ import annotations

import pytest

from policies.errors import Conflict
from policies.terms import Kind, Level
from tests.conftest import NOW
from tests.factories import make_account, make_organization
from tests.plugged import plug, plugin
from tests.services.test_matrix import acme, boss, level, other, put, undo  # noqa: F401
from webapp.services import matrix, matrix_draft, matrix_mail, plugins, visibility
from webapp.services.context import Context
from webapp.services.viewing import load_viewer

SHOW = "cell:managed:department:anyone:show"


def offers(ctx: Context, account_id: int) -> list[tuple[str, str]]:
    page = visibility.open_page(ctx, load_viewer(ctx, account_id))
    return [(offer.key, offer.reason) for offer in page.offers]


def answer(ctx: Context, account_id: int, *, yes: tuple[str, ...] = (), no: tuple[str, ...] = (), **form: str) -> None:
    sent = {name.replace("__", "-"): text for name, text in form.items()}
    if no:
        sent["declined"] = " ".join(no)
    visibility.save(ctx, load_viewer(ctx, account_id), visibility.read_acts(ctx, sent, yes), NOW)


def recipients(ctx: Context) -> list[str]:
    return [row[0] for row in ctx.db.rows("SELECT recipient FROM outbox WHERE subject LIKE 'More of%' ORDER BY id")]


@pytest.fixture
def ann(ctx: Context) -> int:
    return make_account(ctx.db, "ann", kind="managed")


def test_d11_a_wider_default_is_offered_with_its_reason_and_holds_once_accepted(ctx: Context, boss, ann) -> None:  # noqa: F811
    put(ctx, boss, SHOW)
    assert offers(ctx, ann) == [("department:anyone", "This community changed its default")]
    assert level(ctx, ann, "department") is Level.ORGANIZATION
    answer(ctx, ann, yes=("department:anyone",))
    assert level(ctx, ann, "department") is Level.ANYONE
    assert offers(ctx, ann) == []


def test_d19_a_no_is_remembered_and_changes_nothing_else(ctx: Context, boss, ann) -> None:  # noqa: F811
    put(ctx, boss, SHOW)
    before = ctx.db.row("SELECT * FROM account WHERE id = ?", (ann,))
    answer(ctx, ann, no=("department:anyone",))
    assert ctx.db.row("SELECT * FROM account WHERE id = ?", (ann,)) == before
    assert offers(ctx, ann) == []
    put(ctx, boss, "cell:managed:department:anyone:hide")
    put(ctx, boss, SHOW)
    assert offers(ctx, ann) == []                           # asked once, answered once
    assert level(ctx, ann, "department") is Level.ORGANIZATION
    assert ctx.db.row("SELECT COUNT(*) FROM audit WHERE event = 'visibility:decline'") == (1,)


def test_after_a_no_the_owner_may_still_choose_and_is_asked_anew_later(ctx: Context, boss, ann) -> None:  # noqa: F811
    put(ctx, boss, SHOW)
    answer(ctx, ann, no=("department:anyone",))
    answer(ctx, ann, **{"level-department": "only_you"})
    put(ctx, boss, "lock:managed:department:organization")
    answer(ctx, ann, default="department:organization")     # an act: the earlier no is over
    put(ctx, boss, "lock:managed:department:none")
    assert [key for key, _ in offers(ctx, ann)] == ["department:anyone"]


def test_a_no_to_organization_leaves_an_offer_to_anyone_open(ctx: Context, boss, ann) -> None:  # noqa: F811
    put(ctx, boss, "cell:managed:email:organization:show")
    answer(ctx, ann, no=("email:organization",))
    put(ctx, boss, "cell:managed:email:anyone:show")
    assert [key for key, _ in offers(ctx, ann)] == ["email:anyone"]


def test_what_is_offered_no_more_can_be_neither_accepted_nor_declined(ctx: Context, boss, ann) -> None:  # noqa: F811
    step = put(ctx, boss, SHOW)
    undo(ctx, boss, step)
    for said in ({"yes": ("department:anyone",)}, {"no": ("department:anyone",)}):
        with pytest.raises(Conflict):
            answer(ctx, ann, **said)


def test_d19_an_ended_lock_is_offered_with_its_reason(ctx: Context, boss, acme, ann) -> None:  # noqa: F811
    put(ctx, boss, "lock:organization:job_title:only_you", place=acme)
    assert offers(ctx, ann) == []
    put(ctx, boss, "lock:organization:job_title:none", place=acme)
    assert offers(ctx, ann) == [("job_title:anyone", "A lock by Acme ended")]


def test_d11_one_mail_each_for_those_who_are_asked(ctx: Context, boss, ann) -> None:  # noqa: F811
    one = 1 << 3
    make_account(ctx.db, "ben", kind="managed", chosen=one)         # chose Only you
    make_account(ctx.db, "eve")                                     # personal: not asked
    make_account(ctx.db, "imp", kind="managed", state="unclaimed", email_verified_at=None)
    make_account(ctx.db, "zoe", "zoe@zed.example", kind="managed")
    put(ctx, boss, SHOW, "cell:managed:email:organization:show", tell=True)
    assert recipients(ctx) == []                                    # written by the worker
    assert matrix_mail.tell_due(ctx, NOW) == 3
    assert recipients(ctx) == ["ann@acme.example", "ben@acme.example", "zoe@zed.example"]
    body = ctx.db.row("SELECT body FROM outbox WHERE recipient = 'ben@acme.example'")[0]
    assert "E-mail address" in body
    assert "Department" not in body
    assert matrix_mail.tell_due(ctx, NOW) == 0


def test_mails_go_on_where_they_stopped_and_nobody_gets_two(ctx: Context, boss, monkeypatch) -> None:  # noqa: F811
    for number in range(7):
        make_account(ctx.db, f"m{number}", kind="managed")
    monkeypatch.setattr(matrix_mail, "BATCH", 3)
    monkeypatch.setattr(matrix_mail, "TURNS", 2)
    put(ctx, boss, SHOW, tell=True)
    real, asked = matrix_mail.mailer.queue, []

    def fail_once(*args, **values):
        asked.append(values["handle"])
        if len(asked) == 5:
            raise OSError("killed")
        real(*args, **values)

    monkeypatch.setattr(matrix_mail.mailer, "queue", fail_once)
    with pytest.raises(OSError, match="killed"):
        matrix_mail.tell_due(ctx, NOW)
    while matrix_mail.tell_due(ctx, NOW):
        pass
    assert sorted(recipients(ctx)) == [f"m{number}@acme.example" for number in range(7)]


def test_an_undone_step_and_a_no_are_not_mailed_about(ctx: Context, boss, ann) -> None:  # noqa: F811
    ben = make_account(ctx.db, "ben", kind="managed")
    put(ctx, boss, SHOW, tell=True)
    answer(ctx, ben, no=("department:anyone",))
    step = put(ctx, boss, "cell:managed:email:organization:show", tell=True)
    undo(ctx, boss, step)
    matrix_mail.tell_due(ctx, NOW)
    assert recipients(ctx) == ["ann@acme.example"]


def test_who_is_asked_and_narrowed_by_one_step_is_told_too(ctx: Context, boss, ann) -> None:  # noqa: F811
    put(ctx, boss, SHOW, "cell:managed:job_title:anyone:hide", tell=True)
    assert matrix.open_page(ctx, boss, matrix_draft.SITE).history[0].asked == 1
    assert matrix_mail.tell_due(ctx, NOW) == 1


def test_who_is_not_to_be_told_is_not(ctx: Context, boss, ann) -> None:  # noqa: F811
    put(ctx, boss, SHOW)
    assert matrix_mail.tell_due(ctx, NOW) == 0
    assert make_organization(ctx.db)


def test_what_plugins_show_more_of_by_their_defaults_is_named_as_what_opens_it(ctx: Context, ann) -> None:
    """Not the address, which was there before."""
    wide = plugin(default_cell=lambda kind, field: Level.ANYONE if (kind, field) == (Kind.MANAGED, "avatar") else None)
    plugins.record(site := plug(ctx, ("wide", wide), may_widen=["wide"], record=False), NOW + 7)
    assert offers(site, ann) == [("avatar:anyone", "The plugin wide shows it by default")]
    page = visibility.open_page(site, load_viewer(site, ann))
    assert page.offers[0].since == NOW + 7


def test_a_personal_account_is_told_which_plugin_opens_a_field_by_default(ctx: Context) -> None:
    eve = make_account(ctx.db, "eve")
    wide = plugin(default_cell=lambda kind, field: Level.ANYONE if field == "email" else None)
    site = plug(ctx, ("wide", wide), may_widen=["wide"], record=False)
    plugins.record(site, NOW + 9)
    page = visibility.open_page(site, load_viewer(site, eve))
    assert [(offer.key, offer.reason, offer.since) for offer in page.offers] == [
        ("email:anyone", "The plugin wide shows it by default", NOW + 9)
    ]


def test_a_plugin_that_hid_a_field_is_named_once_it_is_turned_off(ctx: Context, boss, ann) -> None:  # noqa: F811
    hide = plugin(default_cell=lambda kind, field: Level.ONLY_YOU if field == "job_title" else None)
    site = plug(ctx, ("shy", hide))
    plugins.switch(site, boss, "shy", False, NOW + 3)
    page = visibility.open_page(site, load_viewer(site, ann))
    assert [(offer.key, offer.reason, offer.since) for offer in page.offers] == [
        ("job_title:anyone", "The plugin shy, which hid it by default, was turned off", NOW + 3)
    ]
    assert offers(plug(ctx), ann) == offers(site, ann)
    ctx.db.execute("DELETE FROM plugin")
    assert offers(plug(ctx), ann) == [("job_title:anyone", "Nothing hides it by default any more")]


def test_an_admins_default_is_the_reason_whatever_plugins_say_later(ctx: Context, boss, ann) -> None:  # noqa: F811
    put(ctx, boss, SHOW)
    wide = plugin(default_cell=lambda kind, field: Level.ANYONE if field == "department" else None)
    site = plug(ctx, ("wide", wide), may_widen=["wide"])
    assert offers(site, ann) == [("department:anyone", "This community changed its default")]
