"""Editing About me, links, products and names: who edits what, what is held and audited (S4-S10, S60, D7, D19)."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from policies.errors import Conflict, Invalid, NotFound
from policies.terms import ANONYMOUS, ActivityKind, Area, Event, Level, Viewer
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.together import Beside, at_once
from webapp.services import edit_head, editing, privacy, visibility
from webapp.services.context import Context
from webapp.services.ingest import record_events, register_source
from webapp.services.viewing import load_viewer
from webapp.store import ingest as ingest_store
from webapp.store import policy
from webapp.store.database import Database

ABOUT = {
    "job_title": "Solutions architect", "organization": "Acme Corp", "department": "Tools",
    "location": "Lisbon, Portugal", "timezone": "Europe/Lisbon", "bio": "One line\r\nand another",
}


def row(ctx: Context, account_id: int, *columns: str):
    found = ctx.db.row(f"SELECT {', '.join(columns)} FROM account WHERE id = ?", (account_id,))
    return found if len(columns) > 1 else found[0]


def audits(ctx: Context) -> list[tuple]:
    rows = ctx.db.rows("SELECT event, actor_id, subject_id, detail FROM audit WHERE event LIKE '%edit' ORDER BY id")
    return [(event, actor, subject, json.loads(detail)) for event, actor, subject, detail in rows]


def hide(ctx: Context, account_id: int, field: str) -> None:
    """The owner's choice of Only you for one field."""
    bit = 1 << ctx.gate().bit[field]
    ctx.db.execute("UPDATE account SET chosen = chosen | ? WHERE id = ?", (bit, account_id))


@pytest.fixture
def sally(ctx: Context) -> Viewer:
    return load_viewer(ctx, make_account(ctx.db))


@pytest.fixture
def group(ctx: Context) -> dict[str, Viewer]:
    """A primary with a linked personal, a linked managed and a silent account, and a stranger."""
    primary = make_account(ctx.db, "sally", full_name="Sally Smith")
    ids = {
        "sally": primary, "second": make_account(ctx.db, "second"), "quiet": make_account(ctx.db, "quiet"),
        "work": make_account(ctx.db, "work", kind="managed"), "stranger": make_account(ctx.db, "stranger"),
    }
    for name in ("second", "work", "quiet"):
        link(ctx.db, ids[name], primary, silent=name == "quiet")
    return {name: load_viewer(ctx, account_id) for name, account_id in ids.items()}


# About me ----------------------------------------------------------------------------------------------------------


def test_s4_to_s9_about_me_is_saved_folded_counted_and_audited(ctx: Context, sally: Viewer) -> None:
    before = row(ctx, sally.account_id, "edit_version", "row_version")
    assert editing.save_about(ctx, sally, ABOUT, NOW)
    assert row(ctx, sally.account_id, *ABOUT) == (*list(ABOUT.values())[:-1], "One line\nand another")
    assert row(ctx, sally.account_id, "edit_version", "row_version") == (before[0] + 1, before[1] + 1)
    assert audits(ctx) == [("about:edit", sally.account_id, sally.account_id, {"fields": sorted(ABOUT)})]


def test_saving_the_same_again_changes_nothing(ctx: Context, sally: Viewer) -> None:
    editing.save_about(ctx, sally, ABOUT, NOW)
    before = row(ctx, sally.account_id, "edit_version", "row_version", "base_version")
    assert not editing.save_about(ctx, sally, ABOUT, NOW)
    assert row(ctx, sally.account_id, "edit_version", "row_version", "base_version") == before
    assert len(audits(ctx)) == 1


def test_only_what_was_sent_changes_and_empty_takes_out(ctx: Context, sally: Viewer) -> None:
    editing.save_about(ctx, sally, ABOUT, NOW)
    editing.save_about(ctx, sally, {"location": "", "is_admin": "1", "email": "x@y.example"}, NOW)
    assert row(ctx, sally.account_id, "location", "bio", "is_admin") == (None, "One line\nand another", False)


def test_every_bad_field_has_its_message_and_nothing_is_saved(ctx: Context, sally: Viewer) -> None:
    with pytest.raises(Invalid) as caught:
        editing.save_about(ctx, sally, {"job_title": "x" * 121, "bio": "y" * 2064, "location": "Li\u202es"}, NOW)
    assert set(caught.value.errors) == {"job_title", "bio", "location"}
    assert caught.value.errors["bio"] == "Your bio is a little long. Take out 64 characters."
    assert row(ctx, sally.account_id, "edit_version") == 0


def test_an_edit_folds_the_base_line_so_that_an_undo_reaches_no_further_back(ctx: Context, sally: Viewer) -> None:
    with ctx.db.transaction():
        narrowed = policy.append_change(ctx.db, "cell", "personal", NOW, bit=ctx.gate().bit["location"], level=0)
    assert editing.save_about(ctx, sally, {"location": "Lisbon"}, NOW)
    with ctx.db.transaction():
        policy.undo_change(ctx.db, narrowed, NOW)
    group_subject = editing.stand(ctx, sally).subject
    assert not ctx.gate().mask(ANONYMOUS, group_subject) >> ctx.gate().bit["location"] & 1


# Who edits what ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["sally", "second", "work", "quiet"])
def test_s60_an_edit_from_any_linked_account_is_one_of_the_primary(ctx: Context, group: dict[str, Viewer], who) -> None:
    viewer = group[who]
    assert editing.save_about(ctx, viewer, {"bio": f"from {who}"}, NOW)
    assert editing.save_products(ctx, viewer, {"products": "Tracker"}, NOW)
    assert editing.save_links(ctx, viewer, {"url-0": "example.com", "label-0": ""}, NOW)
    primary = group["sally"].account_id
    assert row(ctx, primary, "bio", "edit_version") == (f"from {who}", 3)
    assert all(row(ctx, v.account_id, "bio") is None for v in group.values() if v.account_id != primary)
    assert {(actor, subject) for _, actor, subject, _ in audits(ctx)} == {(viewer.account_id, primary)}


def test_an_edit_absorbs_what_links_hold_back(ctx: Context, group: dict[str, Viewer]) -> None:
    stats = 1 << ctx.gate().bit["stats"]
    held = (2**63 - 1) & ~stats
    ctx.db.execute(
        "UPDATE account SET link_cap_anyone = ?, link_cap_org = ?, link_private = ? WHERE id = ?",
        (held, held, True, group["second"].account_id),
    )
    editing.save_about(ctx, group["sally"], {"bio": "x"}, NOW)
    cap, private = row(ctx, group["sally"].account_id, "cap_anyone", "private")
    assert not cap & stats
    assert private
    assert row(ctx, group["second"].account_id, "link_cap_anyone", "link_private") == (2**63 - 1, False)


@pytest.mark.parametrize(("keeper", "stays"), [("quiet", True), ("second", False), (None, False)])
def test_d19_a_shown_account_that_acts_while_another_link_keeps_the_profile_private_keeps_it_so(
    ctx: Context, group: dict[str, Viewer], keeper: str | None, stays: bool
) -> None:
    if keeper is not None:
        ctx.db.execute("UPDATE account SET link_private = ? WHERE id = ?", (True, group[keeper].account_id))
    primary = group["sally"].account_id
    before = row(ctx, primary, "edit_version", "row_version")
    acts = visibility.Acts({"job_title": (Level.ONLY_YOU, None)}, {}, {}, {})
    assert visibility.save(ctx, group["second"], acts, NOW)
    assert bool(row(ctx, primary, "private")) is stays
    edits, version = row(ctx, primary, "edit_version", "row_version")
    assert edits == before[0]
    assert version > before[1] or not stays


def test_strangers_and_anonymous_find_nothing_to_edit(ctx: Context, group: dict[str, Viewer]) -> None:
    for viewer in (group["stranger"], ANONYMOUS):
        for handle in ("sally", "second", "quiet", "nobody"):
            with pytest.raises(NotFound):
                editing.find_target(ctx, viewer, handle)
        with pytest.raises(NotFound):
            editing.save_about(ctx, viewer, {"bio": "mine now"}, NOW, target=group["sally"].account_id)
    assert row(ctx, group["sally"].account_id, "bio") is None


def test_a_colleague_sees_but_does_not_edit(ctx: Context, group: dict[str, Viewer]) -> None:
    make_account(ctx.db, "solo", kind="managed")
    mate = load_viewer(ctx, make_account(ctx.db, "mate", kind="managed"))
    for handle in ("solo", "work"):
        with pytest.raises(NotFound):
            editing.find_target(ctx, mate, handle)
    for target in (group["second"], group["quiet"]):    # D7: nor does a managed session the others' own records
        with pytest.raises(NotFound):
            editing.save_about(ctx, group["work"], {"bio": "x"}, NOW, target=target.account_id)


def test_in_place_the_page_at_a_handle_is_edited(ctx: Context, group: dict[str, Viewer]) -> None:
    primary, quiet = group["sally"].account_id, group["quiet"].account_id
    for who in ("sally", "second", "work", "quiet"):
        assert editing.find_target(ctx, group[who], "sally") == primary
        assert editing.find_target(ctx, group[who], "second") == primary
    for who in ("sally", "second", "quiet"):
        assert editing.find_target(ctx, group[who], "quiet") == quiet
    with pytest.raises(NotFound):                       # D7: another account's own record is not a managed session's
        editing.find_target(ctx, group["work"], "quiet")


@pytest.mark.parametrize("state", ["deactivated", "closing", "deleted", "unclaimed"])
def test_a_primary_that_is_not_active_is_not_edited(ctx: Context, group: dict[str, Viewer], state: str) -> None:
    ctx.db.execute("UPDATE account SET state = ? WHERE id = ?", (state, group["sally"].account_id))
    with pytest.raises(NotFound):
        editing.save_about(ctx, group["second"], {"bio": "x"}, NOW)


def test_t25_an_edit_that_began_before_an_unlinking_reaches_the_other_account_no_more(
    ctx: Context, group: dict[str, Viewer]
) -> None:
    """Who looks is read as the request begins; the edit may then wait for the very unlinking."""
    ids = {name: viewer.account_id for name, viewer in group.items()}
    ctx.db.execute("UPDATE account SET primary_id = NULL, linked_at = NULL WHERE id = ?", (ids["second"],))
    editing.save_about(ctx, group["second"], {"bio": "Late"}, NOW)
    privacy.save_privacy(ctx, group["second"], {"privacy": "private"}, NOW)
    assert row(ctx, ids["sally"], "bio", "private") == (None, 0)
    assert row(ctx, ids["second"], "bio", "private") == ("Late", 1)
    with pytest.raises(NotFound):
        editing.save_about(ctx, group["second"], {"bio": "Late"}, NOW, ids["sally"])
    ctx.db.execute("UPDATE account SET state = 'deactivated', state_at = 1 WHERE id = ?", (ids["second"],))
    with pytest.raises(NotFound):
        editing.save_about(ctx, group["second"], {"bio": "Later"}, NOW)


def test_d7_a_managed_session_neither_sees_nor_overwrites_only_you(ctx: Context, group: dict[str, Viewer]) -> None:
    editing.save_about(ctx, group["sally"], ABOUT, NOW)
    hide(ctx, group["sally"].account_id, "location")
    form = editing.open_about(ctx, group["work"])
    assert "location" not in form.fields
    assert "Lisbon, Portugal" not in form.values.values()
    assert editing.save_about(ctx, group["work"], {"location": "Elsewhere", "bio": "new", "seen": form.seen}, NOW)
    assert row(ctx, group["sally"].account_id, "location", "bio") == ("Lisbon, Portugal", "new")
    assert "location" in editing.open_about(ctx, group["sally"]).fields
    hide(ctx, group["sally"].account_id, "links")
    assert editing.open_links(ctx, group["work"]).fields == frozenset()
    assert not editing.save_links(ctx, group["work"], {"url-0": "evil.example"}, NOW)


def test_names_are_those_of_the_account_that_is_logged_in(ctx: Context, group: dict[str, Viewer]) -> None:
    assert editing.save_name(ctx, group["second"], {"full_name": "Sal Two", "public_name": "sal2"}, NOW)
    assert row(ctx, group["second"].account_id, "full_name", "public_name") == ("Sal Two", "sal2")
    assert row(ctx, group["sally"].account_id, "full_name") == "Sally Smith"
    head = edit_head.head(ctx, group["second"])
    assert (head.name, head.handle, head.own_handle, head.is_shared, head.linked) == (
        "Sally Smith", "sally", "second", True, 4)
    assert edit_head.head(ctx, group["work"]).linked == 2      # D7: it knows of its own link only


def test_s82_an_empty_public_name_becomes_the_handle(ctx: Context, sally: Viewer) -> None:
    editing.save_name(ctx, sally, {"full_name": "", "public_name": " "}, NOW)
    assert row(ctx, sally.account_id, "full_name", "public_name") == (None, "sally")


def test_t82_mixed_script_name_is_flagged_in_the_audit_log(ctx: Context, sally: Viewer) -> None:
    editing.save_name(ctx, sally, {"full_name": "Аnn Smith"}, NOW)
    assert audits(ctx)[-1][3] == {"fields": ["full_name"], "mixed_script": True}


def test_the_audit_log_holds_no_value(ctx: Context, sally: Viewer) -> None:
    editing.save_about(ctx, sally, ABOUT, NOW)
    editing.save_name(ctx, sally, {"full_name": "Sally Secret"}, NOW)
    kept = json.dumps(audits(ctx), ensure_ascii=False)
    assert not any(value in kept for value in (*ABOUT.values(), "Secret"))


# Links and products ------------------------------------------------------------------------------------------------


def test_products_are_stored_as_a_list(ctx: Context, sally: Viewer) -> None:
    assert editing.save_products(ctx, sally, {"products": "Tracker\r\nWiki"}, NOW)
    assert json.loads(row(ctx, sally.account_id, "products")) == ["Tracker", "Wiki"]
    assert editing.open_products(ctx, sally).values == {"products": "Tracker\nWiki"}
    assert editing.save_products(ctx, sally, {"products": " \n"}, NOW)
    assert row(ctx, sally.account_id, "products") is None


def test_links_are_stored_in_the_order_of_the_rows(ctx: Context, sally: Viewer) -> None:
    typed = {"url-0": "b.example", "label-0": "B", "url-1": "", "label-1": "", "url-3": "a.example", "label-3": ""}
    assert editing.save_links(ctx, sally, typed, NOW)
    form = editing.open_links(ctx, sally)
    assert form.rows == 2
    assert form.values == {"url-0": "https://b.example", "label-0": "B", "url-1": "https://a.example", "label-1": ""}


def test_t75_each_bad_link_has_its_message_and_all_that_was_typed_is_kept(ctx: Context, sally: Viewer) -> None:
    typed = {"url-0": "javascript:alert(1)", "label-0": "x", "url-1": "a.example", "url-2": "https://A.example",
             "url-3": "", "label-3": "no address"}
    with pytest.raises(Invalid) as caught:
        editing.save_links(ctx, sally, typed, NOW)
    assert set(caught.value.errors) == {"url-0", "url-2", "url-3"}
    form = editing.retype(editing.open_links(ctx, sally), typed, caught.value)
    assert form.rows == 4
    assert form.values["url-0"] == "javascript:alert(1)"
    assert form.values["label-3"] == "no address"


def test_more_links_than_the_limit_are_refused(ctx: Context, sally: Viewer) -> None:
    with pytest.raises(Invalid) as caught:
        editing.save_links(ctx, sally, {f"url-{n}": f"a{n}.example" for n in range(51)}, NOW)
    assert "up to 50 links" in next(iter(caught.value.errors.values()))


def test_rows_are_added_and_removed_without_saving(ctx: Context, sally: Viewer) -> None:
    typed = {"url-0": "a.example", "label-0": "A", "url-1": "b.exam", "label-1": "B", "seen": "s"}
    form = editing.open_links(ctx, sally)
    more = editing.change_rows(form, typed, "add")
    assert (more.rows, more.values["url-1"], more.values["url-2"], more.seen) == (3, "b.exam", "", "s")
    less = editing.change_rows(form, typed, "remove:0")
    assert (less.rows, less.values) == (1, {"url-0": "b.exam", "label-0": "B"})
    assert editing.change_rows(form, {"url-0": "x"}, "remove:0").rows == 1
    assert editing.change_rows(form, typed, "remove:99").rows == 2
    assert editing.change_rows(form, typed, "remove:" + "9" * 5000).rows == 2
    assert row(ctx, sally.account_id, "links") is None


# Two windows -------------------------------------------------------------------------------------------------------


def test_a_change_in_another_window_is_not_overwritten_unseen(ctx: Context, sally: Viewer) -> None:
    first, second = editing.open_about(ctx, sally), editing.open_about(ctx, sally)
    assert editing.save_about(ctx, sally, {"bio": "one", "location": "Lisbon", "seen": first.seen}, NOW)
    typed = {"bio": "two", "location": "Lisbon", "seen": second.seen}
    with pytest.raises(Conflict) as caught:
        editing.save_about(ctx, sally, typed, NOW)
    form = editing.retype(editing.open_about(ctx, sally), typed, caught.value)
    assert form.values["bio"] == "two"
    assert form.stored == {"bio": "one"}
    assert row(ctx, sally.account_id, "bio") == "one"
    assert editing.save_about(ctx, sally, {**typed, "seen": form.seen}, NOW)
    assert row(ctx, sally.account_id, "bio") == "two"


def test_sending_one_form_twice_is_no_conflict(ctx: Context, sally: Viewer) -> None:
    typed = {"bio": "one", "seen": editing.open_about(ctx, sally).seen}
    assert editing.save_about(ctx, sally, typed, NOW)
    assert not editing.save_about(ctx, sally, typed, NOW)


def test_parts_do_not_conflict_with_each_other(ctx: Context, sally: Viewer) -> None:
    about, products = editing.open_about(ctx, sally), editing.open_products(ctx, sally)
    assert editing.save_products(ctx, sally, {"products": "Wiki", "seen": products.seen}, NOW)
    assert editing.save_about(ctx, sally, {"bio": "x", "seen": about.seen}, NOW)


def test_links_conflict_keeps_both_lists(ctx: Context, sally: Viewer) -> None:
    seen = editing.open_links(ctx, sally).seen
    editing.save_links(ctx, sally, {"url-0": "a.example", "seen": seen}, NOW)
    typed = {"url-0": "b.example", "seen": seen}
    with pytest.raises(Conflict) as caught:
        editing.save_links(ctx, sally, typed, NOW)
    form = editing.retype(editing.open_links(ctx, sally), typed, caught.value)
    assert (form.values["url-0"], form.stored) == ("b.example", {"links": "https://a.example"})


def test_of_two_saves_at_once_one_is_told(ctx: Context, sally: Viewer) -> None:
    seen = editing.open_about(ctx, sally).seen
    outcomes = at_once(
        ctx.db,
        *[partial(editing.save_about, ctx, sally, {"bio": f"bio {n}", "seen": seen}, NOW) for n in range(4)],
        expected=(Conflict,),
    )
    assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True, True, True]
    assert True in outcomes
    assert row(ctx, sally.account_id, "edit_version") == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_edit_and_a_batch_of_events_do_not_wait_for_each_other(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event holds on to the accounts it names until it is committed; an edit takes the rows of the whole group."""
    first, second = make_account(ctx.db, "first"), make_account(ctx.db, "second")
    link(ctx.db, second, first)
    register_source(ctx, "forum", "Forum", Area.FORUM, NOW)
    for actor, account_id in (("1", first), ("2", second)):
        source = ctx.db.row("SELECT id FROM source")
        ctx.db.execute(
            "INSERT INTO identity(source_id, actor, account_id, created_at) VALUES (?,?,?,1)",
            (*source, actor, account_id),
        )
    stored, go_on = threading.Event(), threading.Event()
    real = ingest_store.save_events

    def save_events(db: Database, rows: Sequence[tuple[Any, ...]]) -> None:
        real(db, rows[:1])
        stored.set()
        go_on.wait(1)
        real(db, rows[1:])

    monkeypatch.setattr(ingest_store, "save_events", save_events)

    events = [Event(actor, actor, ActivityKind.ANSWER, NOW) for actor in ("2", "1")]
    batch = Beside(ctx.db, lambda: record_events(ctx, "forum", events, NOW))
    assert stored.wait(10)
    edit = Beside(ctx.db, lambda: editing.save_about(ctx, load_viewer(ctx, first), {"bio": "x"}, NOW))
    edit.thread.join(5)
    go_on.set()
    assert (len(batch.end()), edit.end()) == (2, True)
