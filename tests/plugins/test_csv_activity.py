"""The source for CSV files: what it reads, skips and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins import csv_activity
from policies.errors import ImportRefused
from policies.terms import ActivityKind, Event, Person, Skipped
from tests.conftest import NOW
from webapp.services.importing import import_source

PEOPLE = "Actor,Name,joined,shoe size\nann,Ann A,2024-01-02,38\nbob,,1700000000,44\n,Nobody,,\nann,Again,,\n"
ACTIVITY = (
    "id,actor,kind,at,title,url,by\n"
    "1,ann,answer,2024-02-03T04:05:06Z,“Quoted, with comma”,https://one.example/1,\n"
    "2,bob,KUDOS,1700000001,Thanks,,ann\n"
    "3,eve,answer,1700000001,,,\n4,ann,dance,1700000001,,,\n5,ann,answer,yesterday,,,\n,ann,answer,1700000001,,,\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text("\ufeff" + PEOPLE, encoding="utf-8")
    (tmp_path / "activity.csv").write_text(ACTIVITY.replace("“Quoted, with comma”", '"Quoted, with comma"'))
    return tmp_path


def test_people_first_then_events_and_bad_rows_counted(folder):
    found = list(csv_activity.read(folder, "forum.example"))
    people = [one for one in found if isinstance(one, Person)]
    events = [one for one in found if isinstance(one, Event)]
    assert [(one.actor, one.name, one.joined_at) for one in people] == [
        ("ann", "Ann A", 1_704_153_600), ("bob", "bob", 1_700_000_000),
    ]
    assert events == [
        Event("1", "ann", ActivityKind.ANSWER, 1_706_933_106, title="Quoted, with comma", url="https://one.example/1"),
        Event("2", "bob", ActivityKind.KUDOS, 1_700_000_001, title="Thanks", by="ann"),
    ]
    assert [one.why for one in found if isinstance(one, Skipped)] == [
        csv_activity.NO_ACTOR, "actor named twice", csv_activity.UNKNOWN_ACTOR, csv_activity.BAD_KIND,
        csv_activity.BAD_TIME, csv_activity.NO_ACTOR,
    ]


def test_it_is_imported_twice_and_once(sqlite_ctx, folder):
    for new in (2, 0):
        report = import_source(sqlite_ctx, "csv", folder, "forum.example", False, NOW)
        assert report.events_new == new
    assert sqlite_ctx.db.row("SELECT SUM(answers) FROM counter") == (1,)


@pytest.mark.parametrize("spoil", [
    lambda folder: (folder / "people.csv").unlink(),
    lambda folder: (folder / "activity.csv").write_text("id,actor,kind\n"),
    lambda folder: (folder / "people.csv").write_bytes(b"actor,name\n\xff\xfe,x\n"),
    lambda folder: (folder / "people.csv").write_text("actor,name\n" + "x" * 200_000 + ",y\n"),
    lambda folder: (folder / "people.csv").write_text(""),
])
def test_an_unusable_file_refuses_the_import_by_name(folder, spoil):
    spoil(folder)
    with pytest.raises(ImportRefused) as caught:
        list(csv_activity.read(folder, "forum.example"))
    assert caught.value.file in {"people.csv", "activity.csv"}
