"""The export of one's own data: what it holds (T68, T54, D7), formulas (T86), memory that stays flat."""

from __future__ import annotations

import csv
import io
import json
import random
import tracemalloc
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.services import linkers as by
from tests.services import people
from webapp.services import editing, export, export_files, viewing
from webapp.services.context import Context
from webapp.services.throttle import TooMany
from webapp.store import export as export_store
from webapp.store import filing
from webapp.store.database import Database

Files = dict[str, Any]


def load(ctx: Context, account_id: int) -> Files:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(export.export(ctx, by.log_in(ctx, account_id), NOW))))
    return {
        name: json.loads(archive.read(name)) if name.endswith(".json") else archive.read(name).decode()
        for name in archive.namelist()
    }


def test_t68_everything_of_ones_own_is_in_it(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann", bio="Hello", location="Oslo", full_name="Ann Berg")
    people.choose(ctx.db, ann, you=["location"])
    people.did(ctx.db, ann, title="A thread")
    people.did(ctx.db, ann, "like_received", listed=False, title="Liked")
    people.holds(ctx.db, ann, "course", "python")
    people.gave(ctx.db, by.member(ctx.db, "bob"), ann, "Well done")
    editing.save_about(ctx, viewing.load_viewer(ctx, ann), {"bio": "Hello you"}, NOW)
    found = load(ctx, ann)
    names = {name.removeprefix("ann/") for name in found}
    lists = (
        "account", "record", "visibility", "handles", "sources", "roles", "activity", "earned", "published-badges",
        "kudos-received", "kudos-given", "sessions", "history", "acts", "linked-accounts", "apps",
    )
    assert names == {"README.txt", *(f"{name}.{form}" for name in lists for form in ("json", "csv"))}
    assert {"field": "bio", "value": "Hello you"} in found["ann/record.json"]
    assert {"field": "location", "level": "Only you", "chosen": True} in found["ann/visibility.json"]
    assert [row["title"] for row in found["ann/activity.json"]] == ["A thread", "Liked"]
    assert [row["item"] for row in found["ann/earned.json"]] == ["python"]
    assert [(row["from"], row["message"]) for row in found["ann/kudos-received.json"]] == [("Bob", "Well done")]
    assert "About me was edited" in [row["what"] for row in found["ann/history.json"]]
    assert found["ann/linked-accounts.json"] == []
    for name in lists:
        rows = list(csv.reader(io.StringIO(found[f"ann/{name}.csv"])))
        assert len(rows) == 1 + len(found[f"ann/{name}.json"])
        assert all(len(row) == len(rows[0]) for row in rows)
        assert name in found["README.txt"]


def test_t68_t54_who_gave_kudos_stands_in_it_as_the_gate_shows_them(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    hidden = by.member(ctx.db, "prv", private=True, full_name="Zqhidden Name")
    gone = by.member(ctx.db, "gone", state="deactivated", full_name="Zqgone Name")
    shy = by.member(ctx.db, "shy", "managed", full_name="Zqshy Name")
    people.choose(ctx.db, shy, you=["full_name"])
    for number, giver in enumerate((hidden, gone, shy, None)):
        people.gave(ctx.db, giver, ann, "Thanks", at=NOW - 100 + number)
    people.gave(ctx.db, ann, hidden, "You are welcome")
    found = load(ctx, ann)
    assert [(row["from"], row["page"]) for row in found["ann/kudos-received.json"]] == [
        ("A member", None), ("A member", None), ("Shy", f"{ctx.site.base_url}/u/shy"), ("A member", None),
    ]
    assert [row["to"] for row in found["ann/kudos-given.json"]] == ["A member"]
    text = json.dumps(found)
    assert "Zq" not in text
    assert "prv" not in text


def test_t86_a_text_that_a_spreadsheet_could_run_gets_an_apostrophe_in_csv_only(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann", bio='=HYPERLINK("https://evil.example")', location="@SUM(1)", job_title="-1+1",
                    department="+49", organization="\t=1", full_name="＝1")
    people.did(ctx.db, ann, title='=cmd|" /C calc"!A0')
    found = load(ctx, ann)
    record = {row["field"]: row["value"] for row in found["ann/record.json"]}
    assert record["bio"].startswith("=HYPER")
    for name, body in found.items():
        if name.endswith(".csv"):
            for row in csv.reader(io.StringIO(body)):
                assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝")) for cell in row), (name, row)
    rows = dict(csv.reader(io.StringIO(found["ann/record.csv"])))
    assert rows["location"] == "'@SUM(1)"


def test_d5_d7_what_of_a_group_is_in_it(ctx: Context) -> None:
    ann, work = by.member(ctx.db, "ann"), by.member(ctx.db, "work", "managed", bio="Own words")
    by.link(ctx, by.log_in(ctx, ann), "work")
    whole = load(ctx, ann)
    assert {"field": "bio", "value": "Own words"} in whole["work/record.json"]
    assert [row["handle"] for row in whole["ann/linked-accounts.json"]] == ["ann", "work"]
    assert "work/sessions.json" not in whole
    assert "work/history.json" not in whole
    weak = load(ctx, work)
    assert not [name for name in weak if name.startswith("ann/")]
    assert [row["handle"] for row in weak["work/linked-accounts.json"]] == ["work"]
    assert "ann" not in json.dumps({name: rows for name, rows in weak.items() if name.endswith(".json")})


def test_d7_a_flagged_primarys_session_exports_its_own_account_only(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann", email="ann@one.example")
    by.member(ctx.db, "bob")
    people.set_columns(ctx.db, ann, domain_id=by.make_domain(ctx.db, "one.example"))
    session = by.log_in(ctx, ann)
    by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    by.verify_domain(ctx, "one.example", "one", NOW + 5)
    found = load(ctx, ann)
    assert "bob" not in json.dumps(found)


def test_an_export_can_be_asked_for_so_often(ctx: Context) -> None:
    session = by.log_in(ctx, by.member(ctx.db, "ann"))
    for _ in range(export.LIMIT.count):
        export.export(ctx, session, NOW)
    with pytest.raises(TooMany):
        export.export(ctx, session, NOW)


def many(db: Database, account_id: int, n: int) -> None:
    """So many answers; the first thousand all in one second."""
    people.did(db, account_id)
    row = db.row("SELECT source_id, identity_id FROM activity")
    assert row is not None
    with db.transaction():
        db.executemany(
            "INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, title, listed)"
            " VALUES (?,?,?,?,'answer',?,?,?)",
            [(*row[:1], f"n{k}", row[1], account_id, NOW - max(1000, k), f"Thread {k}", True) for k in range(1, n)],
        )
        filing.file_anew(db)


def test_pages_meet_without_gap_or_double_also_within_one_second(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = by.member(ctx.db, "ann")
    many(ctx.db, ann, 200)
    for number in range(7):
        people.gave(ctx.db, None, ann, f"K{number}", at=NOW - 50)
    monkeypatch.setattr(export, "PAGE", 3)
    found = load(ctx, ann)
    assert sorted(row["title"] for row in found["ann/activity.json"]) == sorted(
        ["A thread", *[f"Thread {k}" for k in range(1, 200)]]
    )
    assert [row["message"] for row in found["ann/kudos-received.json"]] == [f"K{number}" for number in range(7)]


def test_both_forms_hold_every_row_however_many_pages_it_takes(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = by.member(ctx.db, "ann")
    for number in range(11):
        kind = ("answer", "question", "comment")[number % 3]
        people.did(ctx.db, ann, kind, title=f"=T{number}", at=NOW - number % 2)
    whole = load(ctx, ann)
    for size in (1, 4, 11, 12):
        monkeypatch.setattr(export, "PAGE", size)
        found = load(ctx, ann)
        assert found["ann/activity.json"] == whole["ann/activity.json"]
        assert found["ann/activity.csv"] == whole["ann/activity.csv"]
    rows = list(csv.DictReader(io.StringIO(whole["ann/activity.csv"])))
    assert [row["title"] for row in rows] == [f"'{row['title']}" for row in whole["ann/activity.json"]]
    assert [row["kind"] for row in rows] == sorted(row["kind"] for row in rows)
    assert len({row["title"] for row in rows}) == 11


def test_a_list_that_fits_into_one_page_is_read_once(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = by.member(ctx.db, "ann")
    people.did(ctx.db, ann)
    reads: list[object] = []
    load_acts = export_store.load_acts
    monkeypatch.setattr(export_store, "load_acts", lambda *given: reads.append(given) or load_acts(*given))
    assert len(load(ctx, ann)["ann/activity.json"]) == 1
    assert len(reads) == 1


CELLS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text('=+-@ ,"\r\n\t\0aé＝\u2028', max_size=4))


@given(st.integers(2, 4).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=5)))
def test_t86_csv_is_what_the_csv_module_writes_of_neutral_cells(rows: list[tuple[Any, ...]]) -> None:
    expected = io.StringIO()
    csv.writer(expected).writerows([export_files.neutral(cell) for cell in row] for row in rows)
    written = export_files._csv(rows).decode()
    assert written.splitlines(keepends=True) == expected.getvalue().splitlines(keepends=True)
    texts = [["" if cell is None else str(export_files.neutral(cell)) for cell in row] for row in rows]
    assert list(csv.reader(io.StringIO(written, newline=""))) == texts


@given(st.integers(-(10**9), 10**10))
@example(0)
@example(-1)
@example(86_399)
@example(1_709_208_000)
def test_a_moment_is_told_to_the_second_in_utc(at: int) -> None:
    assert export_files.moment(at) == datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert export_files.moment(None) is None


def test_a_page_without_a_row_leaves_none_behind() -> None:
    pages = [[(1, "a")], [], [(2, "b")]]
    part = export_files.Part("list", ("number", "text"), "", lambda: pages)
    found = {name: content if isinstance(content, bytes) else b"".join(content)
             for name, content in export_files.files_of("ann", part)}
    assert json.loads(found["ann/list.json"]) == [{"number": 1, "text": "a"}, {"number": 2, "text": "b"}]
    assert found["ann/list.csv"] == b"number,text\r\n1,a\r\n2,b\r\n"


def test_what_is_sent_piece_by_piece_is_one_archive() -> None:
    noise = random.Random(1).randbytes(120_000)
    files = [("a.bin", noise), ("b.bin", [noise[:50_000], noise[50_000:]]), ("c.txt", b"short")]
    pieces = list(export_files.zip_of(files, NOW))
    assert len(pieces) > 2
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    assert [archive.read(name) for name, _ in files] == [noise, noise, b"short"]


def drained(ctx: Context, account_id: int) -> int:
    """The most memory that was in use while the file was written and thrown away."""
    session = by.log_in(ctx, account_id)
    tracemalloc.start()
    try:
        for _ in export.export(ctx, session, NOW):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_rows(sqlite_ctx: Context) -> None:
    few, lots = by.member(sqlite_ctx.db, "few"), by.member(sqlite_ctx.db, "lots")
    many(sqlite_ctx.db, lots, 12_000)
    sqlite_ctx.db.execute("UPDATE activity SET account_id = ? WHERE id <= 3000", (few,))
    filing.file_anew(sqlite_ctx.db)
    drained(sqlite_ctx, few)
    assert drained(sqlite_ctx, lots) < 1.3 * drained(sqlite_ctx, few) + 200_000


@pytest.mark.long
def test_a_million_rows_fit_into_a_few_megabytes(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    for start in range(0, 1_000_000, 100_000):
        _more(ctx.db, ann, start)
    with ctx.db.transaction():
        filing.file_anew(ctx.db)
    assert drained(ctx, ann) < 12_000_000


def _more(db: Database, account_id: int, start: int) -> None:
    if start == 0:
        people.did(db, account_id)
    row = db.row("SELECT source_id, identity_id FROM activity LIMIT 1")
    assert row is not None
    with db.transaction():
        db.executemany(
            "INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, title, listed)"
            " VALUES (?,?,?,?,'answer',?,'Thread',?)",
            [(row[0], f"n{k}", row[1], account_id, NOW - k, True) for k in range(start + 1, start + 100_000)],
        )


