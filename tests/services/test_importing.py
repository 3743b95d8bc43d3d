"""Importing a dump: who is raised, what a second import changes, what is linked, what a kill half way leaves."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from plugins import stackexchange
from policies.errors import ConfigError, ImportRefused
from policies.manager import PolicyManager
from tests import dumps
from tests.conftest import NOW
from webapp.services import repair
from webapp.services.context import Context, Site
from webapp.services.importing import ImportReport, import_source
from webapp.store.database import Database

SITE = "small.example"
TABLES = (
    "policy_state", "account", "handle", "identity", "source", "activity", "activity_day", "crossing", "pair_counter",
    "held", "kudos", "audit",
)  # fmt: skip


@pytest.fixture
def ctx(db: Database) -> Context:
    return context(db)


def context(db: Database) -> Context:
    return Context(db, PolicyManager([("stackexchange", stackexchange)]), Site())


def load(ctx: Context, folder: Path, site: str = SITE, link: bool = False, now: int = NOW) -> ImportReport:
    return import_source(ctx, "stackexchange", folder, site, link, now)


def person(ctx: Context, actor: int, column: str, site: str = SITE) -> Any:
    row = ctx.db.row(
        f"SELECT a.{column} FROM account a JOIN identity i ON i.account_id = a.id JOIN source s ON s.id = i.source_id"
        " WHERE s.name = ? AND i.actor = ?",
        (site, str(actor)),
    )
    return None if row is None else row[0]


def everything(ctx: Context) -> dict[str, list[Any]]:
    """Every row of every table that an import may touch, as it is."""
    return {table: sorted(ctx.db.rows(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def meaning(ctx: Context) -> dict[str, Any]:
    """The same without random ids and times of writing: accounts are called by their handles."""
    handles = dict(ctx.db.rows("SELECT id, handle FROM account")) | {None: None}
    sources = dict(ctx.db.rows("SELECT id, name FROM source"))
    found: dict[str, Any] = {}
    for table in TABLES:
        columns = ctx.db.execute(f"SELECT * FROM {table} LIMIT 0").description
        names = [column[0] for column in columns]
        rows = []
        for row in ctx.db.rows(f"SELECT * FROM {table}"):
            values = dict(zip(names, row, strict=True))
            for name in ("created_at", "state_at", "linked_at", "since", "public_id", "identity_id", "activity_id"):
                values.pop(name, None)
            if table in ("account", "activity", "audit", "identity", "kudos", "source"):
                values.pop("id")
            if table == "audit":
                values.pop("at")
            for name in ("account_id", "primary_id", "by_account_id", "giver_id", "receiver_id", "subject_id"):
                if name in values:
                    values[name] = handles[values[name]]
            if "source_id" in values:
                values["source_id"] = sources[values["source_id"]]
            rows.append(repr(sorted(values.items())))
        found[table] = sorted(rows)
    return found


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
    ctx.db.execute("UPDATE activity SET account_id = NULL WHERE account_id = ?", (person(ctx, 5, "id"),))
    ctx.db.execute("UPDATE identity SET account_id = NULL WHERE actor = '5'")
    for table in ("activity_day", "crossing", "held"):
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


# Killed half way

SCRIPT = """
import sys
from pathlib import Path
from plugins import stackexchange
from policies.manager import PolicyManager
from webapp.services.context import Context, Site
from webapp.services.importing import import_source
from webapp.store.database import Database
ctx = Context(Database.open(sys.argv[1]), PolicyManager([("stackexchange", stackexchange)]), Site())
say = lambda step, done, total: print(step, done, flush=True)
for folder in sys.argv[2:]:
    import_source(ctx, "stackexchange", Path(folder), Path(folder).name + ".example", True, 1750000123, say)
"""


def big_dumps(folder: Path) -> list[Path]:
    """Two sites of 2,600 people that share a third of them, and 6,000 events each."""
    chance = random.Random(5)
    made = []
    for site in ("one", "two"):
        people = range(1, 2601)
        users = [dumps.user(n, f"Name {n % 40}", AccountId=n if n % 3 == 0 else f"{site}{n}") for n in people]
        posts = [dumps.question(n, chance.choice(people)) for n in range(1, 500)]
        posts += [dumps.answer(n, chance.choice(people), chance.randrange(1, 500)) for n in range(500, 2000)]
        votes = [dumps.vote(n, chance.randrange(1, 2000)) for n in range(4000)]
        badges = [dumps.badge(n, chance.choice(people), f"B{n % 7}") for n in range(500)]
        made.append(dumps.write_small(folder / site, Users=users, Posts=posts, Votes=votes, Badges=badges, Comments=[]))
    return made


def start(url: str, folders: list[Path]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, url, *map(str, folders)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def test_a_killed_import_run_again_gives_the_database_of_one_clean_run(
    database_url: str, ctx: Context, _sqlite_template: Path, tmp_path: Path  # noqa: PT019
) -> None:
    """SIGKILL at random points, again and again, then a run to the end."""
    folders = big_dumps(tmp_path / "dumps")
    chance = random.Random(7)
    for lines in (6, 13, 22, 30):
        with start(database_url, folders) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            time.sleep(chance.random() * 0.05)
            process.send_signal(signal.SIGKILL)
            process.stdout.read()
            assert process.wait() == -signal.SIGKILL
    with start(database_url, folders) as process:
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait() == 0
    assert repair.find_differences(ctx) == []
    again = meaning(ctx)
    clean = Database.open(f"sqlite:///{shutil.copyfile(_sqlite_template, tmp_path / 'clean.db')}?synchronous=off")
    try:
        for folder in folders:
            load(context(clean), folder, f"{folder.name}.example", link=True)
        assert _plain(again) == _plain(meaning(context(clean)))
    finally:
        clean.close()


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """With truth written alike by both engines."""
    return {
        table: sorted(row.replace("True", "1").replace("False", "0") for row in rows) for table, rows in found.items()
    }


# Real people


def count_by_hand(folder: Path) -> dict[str, Counter[str]]:
    """Every person's totals by lxml and dictionaries, sharing nothing with the reader."""
    from lxml import etree

    def rows(name: str) -> list[Any]:
        path = folder / f"{name}.xml"
        return etree.parse(str(path)).xpath("/*/row") if path.is_file() else []

    people = {row.get("Id") for row in rows("Users") if row.get("Id") != "-1"}
    totals: dict[str, Counter[str]] = {who: Counter() for who in people}
    owner = {}
    for row in rows("Posts"):
        metric = {"1": None, "2": "answers"}.get(row.get("PostTypeId"), "other")
        if metric != "other":
            owner[row.get("Id")] = row.get("OwnerUserId")
            if row.get("OwnerUserId") in people:
                totals[row.get("OwnerUserId")].update({"total_posts": 1} | ({metric: 1} if metric else {}))
    for row in rows("Posts"):
        who = owner.get(row.get("AcceptedAnswerId", "none"))
        if who in people:
            totals[who]["accepted_solutions"] += 1
    for row in rows("Votes"):
        who = owner.get(row.get("PostId"))
        if row.get("VoteTypeId") == "2" and who in people:
            totals[who]["likes_received"] += 1
    for row in rows("Badges"):
        if row.get("UserId") in people:
            totals[row.get("UserId")]["badges"] += 1
    for row in rows("Comments"):
        if row.get("UserId") in people:
            totals[row.get("UserId")]["comments"] += 1
    return totals


REAL = ("quantumcomputing", "bicycles.meta")
METRICS = ("answers", "accepted_solutions", "likes_received", "total_posts", "badges", "comments")


def test_real_communities_totals_equal_a_count_of_the_xml(sqlite_db: Database) -> None:
    ctx = context(sqlite_db)
    for name in REAL:
        folder = dumps.real_dump(name)
        site = f"{name}.stackexchange.com"
        load(ctx, folder, site, link=True)
        badges = "(SELECT COALESCE(SUM(events), 0) FROM held h WHERE h.account_id = a.id AND h.kind = 'badge')"
        comments = "(SELECT COUNT(*) FROM activity c WHERE c.account_id = a.id AND c.kind = 'comment')"
        stored = {
            row[0]: +Counter(dict(zip(METRICS, row[1:], strict=True)))
            for row in sqlite_db.rows(
                "SELECT i.actor, a.answers, a.accepted_solutions, a.likes_received, a.total_posts,"
                f" {badges}, {comments} FROM identity i"
                " JOIN account a ON a.id = i.account_id JOIN source s ON s.id = i.source_id WHERE s.name = ?",
                (site,),
            )
        }
        assert stored == count_by_hand(folder)
    assert repair.find_differences(ctx) == []
    before = everything(ctx)
    for name in REAL:
        load(ctx, dumps.real_dump(name), f"{name}.stackexchange.com", link=True, now=NOW + 5)
    assert everything(ctx) == before
    pair = sqlite_db.rows(
        "SELECT a.id, a.primary_id, a.answers, a.likes_received, a.total_posts FROM account a"
        " JOIN identity i ON i.account_id = a.id WHERE i.network = '251740' ORDER BY a.answers"
    )
    assert [row[2:] for row in pair] == [(1, 31, 2), (4, 18, 4)]
    assert (pair[0][1], pair[1][1]) == (pair[1][0], None)
