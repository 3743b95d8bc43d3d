"""Importing a dump: who is raised, what a second import changes, what is linked, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policies.errors import ConfigError, ImportRefused
from tests import dumps
from tests.conftest import NOW
from tests.dumps import SITE, everything, load
from webapp.services import repair
from webapp.services.context import Context
from webapp.services.importing import import_source
from webapp.store import filing
from webapp.store.database import Database


@pytest.fixture
def ctx(db: Database) -> Context:
    return dumps.context(db)


def person(ctx: Context, actor: int, column: str, site: str = SITE) -> Any:
    row = ctx.db.row(
        f"SELECT a.{column} FROM (SELECT account.*, likes_received FROM account JOIN counter ON account_id = id) a"
        " JOIN identity i ON i.account_id = a.id JOIN source s ON s.id = i.source_id WHERE s.name = ? AND i.actor = ?",
        (site, str(actor)),
    )
    return None if row is None else row[0]


# Who is raised


def test_d21_people_become_unclaimed_personal_accounts(ctx: Context, tmp_path: Path) -> None:
    rows = [dumps.user(1, "Ann Lee", AboutMe="<p>Hi</p>", Location="Lisbon", WebsiteUrl="https://ann.example")]
    report = load(ctx, dumps.write_small(tmp_path, Users=rows))
    assert report.people_new == 1
    expected = {
        "state": "unclaimed", "full_name": "Ann Lee", "public_name": "ann-lee", "handle": "ann-lee", "email": None,
        "password_hash": None, "domain_id": None, "bio": "Hi", "location": "Lisbon",
        "links": '[{"url": "https://ann.example", "label": ""}]', "member_since": 1296705906,
    }  # fmt: skip
    assert {name: person(ctx, 1, name) for name in expected} == expected


def test_handles_are_numbered_in_the_order_of_the_ids(ctx: Context, tmp_path: Path) -> None:
    names = ("Zoë Ünal", "zoe unal", "彭紅豆", "", "Zoe-Unal", "Admin", "!!!", "J.", "Member")
    rows = [dumps.user(number, name) for number, name in enumerate(names)]
    load(ctx, dumps.write_small(tmp_path, Users=rows[::-1]))
    assert [person(ctx, number, "handle") for number in range(9)] == [
        "zoe-unal", "zoe-unal-2", "member", "member-2", "zoe-unal-3", "admin-2", "member-3", "j", "member-4"
    ]  # fmt: skip


HOSTILE = {
    1: ("\u202eevil\u202c \u200bname\ufeff", "evil name"),
    2: ("x" * 10_000, "x" * 80),
    3: ("ann@example.org", "ann"),
    4: ("Ｆｕｌｌ", "Full"),
    5: ("Verified ✓ Bob", "Verified Bob"),
    6: ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    7: ("a" + "\u0301" * 50, "á"),
    8: ("   ", None),
    9: ("\u3164", None),
    10: ("Tab\tand\nbreak", "Tab and break"),
}


def test_t82_an_import_never_fails_on_one_bad_person(ctx: Context, tmp_path: Path) -> None:
    rows = [dumps.user(n, name.replace("\n", " "), Location="\u202ex") for n, (name, _) in HOSTILE.items()]
    rows.append(dumps.user(11, "Ok", AboutMe="y" * 9_000, WebsiteUrl="javascript:alert(1)", Location="z" * 999))
    load(ctx, dumps.write_small(tmp_path, Users=rows))
    assert {n: person(ctx, n, "full_name") for n in HOSTILE} == {n: name for n, (_, name) in HOSTILE.items()}
    assert person(ctx, 1, "location") == "x"
    assert person(ctx, 11, "links") is None
    assert (len(person(ctx, 11, "bio")), len(person(ctx, 11, "location"))) == (2000, 120)
    assert repair.find_differences(ctx) == []


def test_titles_that_are_too_long_are_cut(ctx: Context, tmp_path: Path) -> None:
    load(ctx, dumps.write_small(tmp_path, Posts=[dumps.question(10, 1, "t" * 500)], Votes=[], Comments=[]))
    (title,) = ctx.db.row("SELECT title FROM activity WHERE external_id = 'post:10'") or ("",)
    assert title == "t" * 199 + "…"


# Importing again


def test_importing_again_changes_nothing(ctx: Context, tmp_path: Path) -> None:
    folder = dumps.write_small(tmp_path)
    load(ctx, folder, link=True)
    load(ctx, folder, "other.example", link=True)
    before = everything(ctx)
    report = load(ctx, folder, "other.example", link=True, now=NOW + 99)
    assert everything(ctx) == before
    assert (report.people_new, report.people_updated, report.people_known) == (0, 0, 3)
    assert (report.events_new, report.events_known, report.linked, report.offered) == (0, 11, 0, 0)


def test_a_later_dump_adds_only_what_is_new(ctx: Context, tmp_path: Path) -> None:
    load(ctx, dumps.write_small(tmp_path / "a"))
    rows = [dumps.user(1, "Ann Lee", Location="Porto"), dumps.user(2), dumps.user(5, "彭紅豆"), dumps.user(9)]
    votes = [dumps.vote(n, 10) for n in (1, 8, 9)]
    report = load(ctx, dumps.write_small(tmp_path / "b", Users=rows, Votes=votes))
    assert (report.people_new, report.people_updated, report.people_known) == (1, 1, 2)
    assert report.events_new == 2
    assert (person(ctx, 1, "location"), person(ctx, 1, "likes_received"), person(ctx, 9, "handle")) == (
        "Porto", 3, "ann-lee-3"
    )  # fmt: skip
    assert repair.find_differences(ctx) == []


def test_a_changed_record_moves_the_row_version_so_that_no_kept_page_is_shown(ctx: Context, tmp_path: Path) -> None:
    load(ctx, dumps.write_small(tmp_path / "a"))
    before = person(ctx, 1, "row_version")
    rows = [dumps.user(1, "Ann Lee", Location="Porto"), dumps.user(2), dumps.user(5, "彭紅豆")]
    report = load(ctx, dumps.write_small(tmp_path / "b", Users=rows))
    assert (report.people_updated, report.events_new) == (1, 0)
    assert person(ctx, 1, "row_version") == before + 1


def test_d21_a_claimed_record_is_never_updated_but_its_activity_is(ctx: Context, tmp_path: Path) -> None:
    load(ctx, dumps.write_small(tmp_path / "a"))
    ctx.db.execute("UPDATE account SET state = 'active', location = 'Home' WHERE id = ?", (person(ctx, 1, "id"),))
    rows = [dumps.user(1, "Other Name", Location="Porto")]
    load(ctx, dumps.write_small(tmp_path / "b", Users=rows, Votes=[dumps.vote(1, 10), dumps.vote(8, 10)]))
    assert (person(ctx, 1, "location"), person(ctx, 1, "full_name")) == ("Home", "Ann Lee")
    assert person(ctx, 1, "likes_received") == 2


def test_d21_a_tombstone_raises_nobody(ctx: Context, tmp_path: Path) -> None:
    folder = dumps.write_small(tmp_path)
    load(ctx, folder)
    gone = person(ctx, 1, "id")
    ctx.db.execute("UPDATE identity SET account_id = NULL, buried_at = ? WHERE account_id = ?", (NOW, gone))
    ctx.db.execute("DELETE FROM activity WHERE account_id = ?", (gone,))
    people = ctx.db.rows("SELECT id FROM account")
    report = load(ctx, folder, now=NOW + 1)
    assert ctx.db.rows("SELECT id FROM account") == people
    assert (report.people_buried, report.people_new, report.events_new) == (1, 0, 0)
    assert set(report.refused) == {"The account of this actor was deleted."}
    assert ctx.db.rows("SELECT id FROM activity WHERE account_id IS NULL") == []


def test_activity_that_came_before_the_person_is_counted_when_the_person_is_raised(
    ctx: Context, tmp_path: Path
) -> None:
    load(ctx, dumps.write_small(tmp_path / "a"))
    with ctx.db.transaction():
        filing.file_all(ctx.db, [row[0] for row in ctx.db.rows("SELECT id FROM account")])
    ctx.db.execute("UPDATE activity SET account_id = NULL WHERE account_id = ?", (person(ctx, 5, "id"),))
    ctx.db.execute("UPDATE identity SET account_id = NULL WHERE actor = '5'")
    filing.file_anew(ctx.db)
    for table in ("activity_year", "crossing", "held"):
        ctx.db.execute(f"DELETE FROM {table} WHERE account_id = (SELECT id FROM account WHERE handle = 'member')")
    load(ctx, tmp_path / "a")
    assert person(ctx, 5, "handle") == "member-2"
    assert ctx.db.rows("SELECT id FROM activity WHERE account_id IS NULL") == []
    assert repair.find_differences(ctx) == []


# Broken input


@pytest.mark.parametrize("name", dumps.FILES)
def test_a_broken_file_stops_before_anything_is_written(ctx: Context, tmp_path: Path, name: str) -> None:
    folder = dumps.write_small(tmp_path)
    path = folder / f"{name}.xml"
    path.write_bytes(path.read_bytes()[:-12])
    before = everything(ctx)
    with pytest.raises(ImportRefused, match=f"{name}.xml, line"):
        load(ctx, folder)
    assert everything(ctx) == before


def test_a_source_that_no_plugin_reads_is_refused(ctx: Context, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No plugin reads dumps of “nothing”"):
        import_source(ctx, "nothing", tmp_path, SITE, False, NOW)


# Linking by network id


def network_dumps(tmp_path: Path) -> tuple[Path, Path]:
    """Person 71 on two sites, older on the second."""
    younger = dumps.write_small(tmp_path / "a")
    older = [dumps.user(3, "Ann Elder", AccountId=71, CreationDate="2009-01-01T00:00:00"), dumps.user(4, AccountId=72)]
    return younger, dumps.write_small(tmp_path / "b", Users=older, Posts=[dumps.answer(12, 3, 10)], Badges=[])


def test_accounts_of_one_network_id_are_linked_oldest_first(ctx: Context, tmp_path: Path) -> None:
    younger, older = network_dumps(tmp_path)
    load(ctx, younger, "a.example", link=True)
    report = load(ctx, older, "b.example", link=True)
    assert (report.linked, report.offered) == (1, 0)
    assert person(ctx, 1, "primary_id", "a.example") == person(ctx, 3, "id", "b.example")
    assert person(ctx, 3, "primary_id", "b.example") is None
    audits = ctx.db.rows("SELECT event, actor_id, detail FROM audit ORDER BY id")
    assert [row[:2] for row in audits] == [("account:link", None)] * 2


def test_nothing_is_linked_without_the_operators_word(ctx: Context, tmp_path: Path) -> None:
    younger, older = network_dumps(tmp_path)
    load(ctx, younger, "a.example")
    assert load(ctx, older, "b.example").linked == 0
    assert ctx.db.rows("SELECT id FROM account WHERE primary_id IS NOT NULL") == []


def test_a_claimed_account_gets_an_offer_and_no_link(ctx: Context, tmp_path: Path) -> None:
    younger, older = network_dumps(tmp_path)
    load(ctx, younger, "a.example", link=True)
    ctx.db.execute("UPDATE account SET state = 'active' WHERE id = ?", (person(ctx, 1, "id", "a.example"),))
    reports = [load(ctx, older, "b.example", link=True) for _ in range(2)]
    assert [(report.linked, report.offered) for report in reports] == [(0, 1), (0, 0)]
    assert ctx.db.rows("SELECT id FROM account WHERE primary_id IS NOT NULL") == []
