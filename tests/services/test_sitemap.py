"""The sitemap lists public, claimed profiles that may be in search engines, and nobody else (T55)."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services.linkers import link as join
from tests.services.linkers import log_in, member, pick, row
from webapp.services import linking, people_index, privacy, sitemap
from webapp.services.context import Context
from webapp.services.viewing import load_viewer
from webapp.store.sitemap import load_next


def listed(ctx: Context, size: int = sitemap.FILE) -> list[list[str]]:
    """The handles of every file."""
    people_index.rebuild(ctx)
    files = []
    for number in range(1, sitemap.count_files(ctx, size) + 1):
        found = sitemap.list_file(ctx, number, size)
        assert found is not None
        files.append([handle for some in found for handle in some])
    assert sitemap.list_file(ctx, len(files) + 1, size) is None
    return files


@pytest.mark.parametrize(("columns", "is_listed"), [
    ({}, True),
    ({"private": True}, False),
    ({"private": True, "keep_name": False}, False),
    ({"searchable": False}, False),
    ({"state": "unclaimed"}, False),
    ({"state": "deactivated"}, False),
    ({"state": "closing"}, False),
    ({"state": "deleted"}, False),
    ({"kind": "managed"}, True),
], ids=str)  # fmt: skip
def test_t55_who_is_listed(ctx: Context, columns: dict[str, object], is_listed: bool) -> None:
    make_account(ctx.db, "sally", **columns)  # type: ignore[arg-type]
    assert listed(ctx) == [["sally"] if is_listed else []]


def test_t55_the_index_is_asked_again_whoever_turned_private_is_gone_at_once(ctx: Context) -> None:
    """A row of the index that is too wide lists nobody: only the columns of the account do."""
    account_id = make_account(ctx.db)
    assert listed(ctx) == [["sally"]]
    ctx.db.execute("UPDATE account SET private = ? WHERE id = ?", (True, account_id))
    assert load_next(ctx.db, ("", ""), 9)
    found = sitemap.list_file(ctx, 1)
    assert found is not None
    assert list(found) == [[]]


def test_d5_a_linked_account_is_not_listed_a_silent_one_as_if_unlinked(ctx: Context) -> None:
    sally, second, quiet = (make_account(ctx.db, handle) for handle in ("sally", "second", "quiet"))
    link(ctx.db, second, sally)
    link(ctx.db, quiet, sally, silent=True)
    assert listed(ctx) == [["quiet", "sally"]]
    ctx.db.execute("UPDATE account SET private = ? WHERE id = ?", (True, sally))
    assert listed(ctx) == [["quiet"]]
    ctx.db.execute("UPDATE account SET private = ? WHERE id = ?", (False, sally))
    ctx.db.execute("UPDATE account SET link_private = ? WHERE id = ?", (True, second))
    assert listed(ctx) == [["quiet"]]       # the link keeps the profile private (D10)


def test_every_profile_stands_in_exactly_one_file(ctx: Context) -> None:
    names = [f"m{number:02}" for number in range(11)]
    for name in names:
        make_account(ctx.db, name)
    files = listed(ctx, 4)
    assert [len(file) for file in files] == [4, 4, 3]
    assert [handle for file in files for handle in file] == names
    assert [len(file) for file in listed(ctx, 11)] == [11]


def test_the_owner_turns_search_engines_off_and_on(ctx: Context) -> None:
    account_id = make_account(ctx.db)
    sally = load_viewer(ctx, account_id)
    assert privacy.save_privacy(ctx, sally, {"privacy": "public", "keep_name": "1", "searchable": ""}, NOW)
    assert listed(ctx) == [[]]
    assert not privacy.save_privacy(ctx, sally, {"privacy": "public", "keep_name": "1"}, NOW), "not sent: as it was"
    assert privacy.save_privacy(ctx, sally, {"privacy": "public", "keep_name": "1", "searchable": "1"}, NOW)
    assert listed(ctx) == [["sally"]]
    row = ctx.db.row("SELECT detail FROM audit ORDER BY id DESC LIMIT 1")
    assert row is not None
    assert '"searchable": true' in row[0]


@pytest.mark.parametrize("way", ["unlinked", "numbers only"])
def test_d19_what_leaves_a_profile_that_is_kept_out_of_search_engines_stays_out_of_them(ctx: Context, way: str) -> None:
    """Its posts stood on that page, and nobody but its owner lets search engines at them."""
    session = log_in(ctx, member(ctx.db, "sally"))
    work = member(ctx.db, "work")
    session = join(ctx, session, "work", primary_choice=pick(ctx, session, session.account_id))
    assert privacy.save_privacy(ctx, session.viewer, {"privacy": "public", "keep_name": "1", "searchable": ""}, NOW)
    key = row(ctx, session, "work").key
    if way == "unlinked":
        linking.unlink(ctx, session, key, NOW)
    else:
        linking.set_silent(ctx, session, key, True, NOW)
    assert listed(ctx) == [[]]
    assert privacy.save_privacy(
        ctx, load_viewer(ctx, work), {"privacy": "public", "keep_name": "1", "searchable": "1"}, NOW, work
    )
    assert listed(ctx) == [["work"]], "the owner of the account has the last word"


def test_s51_link_and_unlink_leave_the_choice_about_search_engines_as_it_was(ctx: Context) -> None:
    session = log_in(ctx, member(ctx.db, "sally", searchable=False))
    member(ctx.db, "work")
    session = join(ctx, session, "work", primary_choice=pick(ctx, session, session.account_id))
    linking.unlink(ctx, session, row(ctx, session, "work").key, NOW)
    assert listed(ctx) == [["work"]]
