"""Whole imports: killed half way and run again; two real communities against a count of their XML."""

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

from policies.terms import ANONYMOUS
from tests import dumps
from tests.conftest import NOW
from tests.dumps import TABLES, context, everything, load
from webapp.services import profiles, repair
from webapp.services.context import Context
from webapp.services.views import ProfileView
from webapp.store.database import Database


@pytest.fixture
def ctx(db: Database) -> Context:
    return context(db)


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
                "SELECT i.actor, c.answers, c.accepted_solutions, c.likes_received, c.total_posts,"
                f" {badges}, {comments} FROM identity i"
                " JOIN account a ON a.id = i.account_id JOIN counter c ON c.account_id = a.id"
                " JOIN source s ON s.id = i.source_id WHERE s.name = ?",
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
        "SELECT a.id, a.primary_id, c.answers, c.likes_received, c.total_posts FROM account a"
        " JOIN counter c ON c.account_id = a.id"
        " JOIN identity i ON i.account_id = a.id WHERE i.network = '251740' ORDER BY c.answers"
    )
    assert [row[2:] for row in pair] == [(1, 31, 2), (4, 18, 4)]
    assert (pair[0][1], pair[1][1]) == (pair[1][0], None)
    (handle,) = sqlite_db.row("SELECT handle FROM account WHERE id = ?", (pair[1][0],)) or ("",)
    page = profiles.view_profile(ctx, ANONYMOUS, handle, NOW)
    assert isinstance(page, ProfileView)
    shown = {stat.metric: stat.value for stat in page.stats}
    assert (shown["answers"], shown["likes_received"], shown["total_posts"]) == (5, 49, 6)
