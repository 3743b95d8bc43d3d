"""The schema steps: up, down and up again leave what they found; the models say what the tables are. No killing here
(tests/ops/test_migration_kill.py).
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from policies.errors import ConfigError
from tests.factories import link, make_account
from tests.together import at_once
from webapp.store import days, filing, migrate, models
from webapp.store.database import Database
from webapp.store.ingest import COUNTERS

#: Tables that a later step writes in another form, with the test that follows their rows.
REWRITTEN = {"activity_day"}        # test_days_are_the_same_packed_and_unpacked
#: Columns that a later step moves to another table, with the test that follows them.
MOVED = {*COUNTERS}                 # test_counters_move_into_their_table_and_back
#: Filled by the steps themselves or kept by the runner: not data of members.
OF_THE_RUNNER = "schema_migration"


def tables(db: Database) -> list[str]:
    """The tables there are, but those that a virtual table or the runner keeps."""
    if db.dialect == "sqlite":
        rows = db.rows("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
        virtual = [name for name, sql in rows if sql.startswith("CREATE VIRTUAL")]
        names = [name for name, _ in rows if not any(name.startswith(v) for v in virtual)]
    else:
        names = [row[0] for row in db.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name")]
    return [name for name in names if not name.startswith((OF_THE_RUNNER, "sqlite_"))]


def columns(db: Database, table: str) -> dict[str, bool]:
    """Each column and whether it may be null; generated ones left out, as in the models."""
    if db.dialect == "sqlite":
        rows = db.rows(f"PRAGMA table_xinfo({table})")
        return {name: not notnull and not pk for _, name, _, notnull, _, pk, hidden in rows if not hidden}
    rows = db.rows(
        "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name = ? AND is_generated = 'NEVER'", (table,))
    return {name: nullable == "YES" for name, nullable in rows}


def parts(sql: str) -> tuple[str, ...]:
    """The columns and rules of a CREATE TABLE, sorted, with what stands before and behind their list."""
    head, _, rest = " ".join(sql.split()).partition("(")
    body, _, tail = rest.rpartition(")")
    found, depth = [""], 0
    for character in body:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return head.strip(), *sorted(part.strip() for part in found), tail.strip()


def schema(db: Database) -> set[Any]:
    """Everything the database says of its own tables, indexes and triggers, in whatever order a table has it."""
    if db.dialect == "sqlite":
        return {(*row[:3], parts(row[3]) if row[0] == "table" else row[3])
                for row in db.rows("SELECT type, name, tbl_name, sql FROM sqlite_master")
                if not row[2].startswith((OF_THE_RUNNER, "sqlite_"))}
    found = set(db.rows(
        "SELECT table_name, column_name, data_type || ' ' || COALESCE(collation_name, ''), is_nullable, column_default,"
        " generation_expression"
        " FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'schema_migration%'"))
    found |= set(db.rows(
        "SELECT indexname, indexdef, '', '', '', '' FROM pg_indexes WHERE schemaname = 'public'"
        " AND tablename NOT LIKE 'schema_migration%'"))
    found |= set(db.rows(
        "SELECT conrelid::regclass::text, contype::text, pg_get_constraintdef(oid), '', '', '' FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'schema_migration%'"))
    return found | set(db.rows("SELECT tgname, tgrelid::regclass::text, '', '', '', '' FROM pg_trigger"
                               " WHERE NOT tgisinternal"))


def content(db: Database, names: list[str]) -> dict[str, list[Any]]:
    found = {}
    for name in names:
        listed = ", ".join(f'"{column}"' for column in sorted(columns(db, name)))
        found[name] = sorted(db.rows(f'SELECT {listed} FROM "{name}"'), key=repr)
    return found


def test_models_and_tables_say_the_same(db):
    """Every table has its model and the other way round, with the same columns that may be empty."""
    ours = {model._meta.table_name: model for model in models.MODELS}
    kept_elsewhere = {name for name in tables(db) if name.startswith("queue_")}
    assert set(tables(db)) - kept_elsewhere == set(ours)
    for name, model in ours.items():
        said = {field.column_name: bool(field.null) for field in model._meta.sorted_fields}
        assert said == columns(db, name), name


def test_every_step_goes_up_down_and_up_again_to_the_same_schema(empty_database_url, open_database):
    db = open_database(empty_database_url)
    names = [name for name, _ in migrate.migration_status(db)]
    assert names == sorted(names)
    assert [name.split("_")[0] for name in names] == sorted({name.split("_")[0] for name in names}), "one number each"
    before = [schema(db)]
    for name in names:
        assert migrate.migrate_up(db, name) == [name]
        after = schema(db)
        assert after != before[-1]
        assert migrate.migrate_down(db) == [name]
        assert schema(db) == before[-1], f"{name} down"
        assert migrate.migrate_up(db, name) == [name]
        assert schema(db) == after, f"{name} up again"
        before.append(after)
    assert migrate.is_at_head(db)
    assert migrate.migrate_up(db) == []
    for expected in reversed(before[:-1]):
        migrate.migrate_down(db)
        assert schema(db) == expected
    assert not migrate.is_at_head(db)


def test_a_step_leaves_the_rows_it_finds(empty_database_url, open_database):
    """Members of an older release are the same members after each later step, up and down again."""
    db = open_database(empty_database_url)
    first, *later = [name for name, _ in migrate.migration_status(db)]
    migrate.migrate_up(db, first)
    primary, other = make_account(db, "sally"), make_account(db, "sam", kind="managed")
    link(db, other, primary)
    known = set(tables(db)) - REWRITTEN
    names = {name: [column for column in columns(db, name) if column not in MOVED] for name in known}

    def look() -> dict[str, list[Any]]:
        return {name: sorted(db.rows(f"SELECT {', '.join(kept)} FROM {name}"), key=repr)
                for name, kept in names.items()}

    found = look()
    for name in later:
        migrate.migrate_up(db, name)
        assert look() == found, name
    for name in reversed(later):
        migrate.migrate_down(db, name)
        assert look() == found, name


def test_days_are_the_same_packed_and_unpacked(empty_database_url, open_database):
    """Over the turn of a year, in a leap year, in several areas; an account without days has no row."""
    db = open_database(empty_database_url)
    before = max(name for name, _ in migrate.migration_status(db) if name < "0014")
    migrate.migrate_up(db, before)
    accounts = [make_account(db, f"member-{number}") for number in range(3)]
    new_year = 19723        # 1 January 2024
    rows = [
        (account, day, area, n)
        for account in accounts[:2]
        for day in (0, new_year - 1, new_year, new_year + 59, new_year + 365, new_year + 366)
        for n, area in enumerate(("event", "forum", "learning"), 1 + account % 2)
    ]
    for row in rows:
        db.execute("INSERT INTO activity_day(account_id, day, area, n) VALUES (?,?,?,?)", row)
    migrate.migrate_up(db)
    assert sorted((*key, n) for key, n in days.load_all(db).items()) == sorted(rows)
    last = db.rows("SELECT account_id, year, last_day FROM activity_year ORDER BY account_id, year")
    assert last == [
        (account, year, day) for account in accounts[:2]
        for year, day in ((1970, 0), (2023, new_year - 1), (2024, new_year + 365), (2025, new_year + 366))
    ]  # fmt: skip
    migrate.migrate_down(db, "0014_activity_year")
    assert sorted(db.rows("SELECT account_id, day, area, n FROM activity_day")) == sorted(rows)


def test_counters_move_into_their_table_and_back(empty_database_url, open_database):
    """Who was there before and who comes after; a page drawn before the way back is not taken for one after it."""
    db = open_database(empty_database_url)
    migrate.migrate_up(db, "0026_filed_days")
    sally = make_account(db, "sally", row_version=5)
    values = dict.fromkeys(COUNTERS, 0) | {"answers": 27, "total_posts": 30}
    sets = ", ".join(f"{name} = {value}" for name, value in values.items())
    db.execute(f"UPDATE account SET {sets}, unfiled = ',7,9'")
    wanted = (*values.values(), ",7,9")
    read = f"SELECT {', '.join(COUNTERS)}, unfiled FROM"
    migrate.migrate_up(db)
    assert db.row(f"{read} counter WHERE account_id = ?", (sally,)) == wanted
    sam = make_account(db, "sam")
    assert db.row(f"{read} counter WHERE account_id = ?", (sam,)) == (*(0,) * len(COUNTERS), "")
    db.execute("UPDATE counter SET version = 3")
    migrate.migrate_down(db, "0027_counter")
    assert db.row(f"{read} account WHERE id = ?", (sally,)) == wanted
    assert db.rows("SELECT row_version FROM account ORDER BY id") == [(8,), (4,)]
    migrate.migrate_up(db)
    assert db.row(f"{read} counter WHERE account_id = ?", (sally,)) == wanted


def test_days_of_what_waits_are_counted_before_and_told_after(empty_database_url, open_database):
    """Going up, what waits is filed; going down, the days of what waits are counted, as the step before has them."""
    db = open_database(empty_database_url)
    migrate.migrate_up(db)
    ann = make_account(db, "ann")
    db.execute("INSERT INTO source(id, name, label, area, created_at) VALUES (1, 'meet', 'Meet', 'event', 1)")
    db.execute("INSERT INTO identity(id, source_id, actor, account_id, created_at) VALUES (1, 1, 'ann', ?, 1)", (ann,))
    for number, (day, listed) in enumerate([(19722, True), (19723, True), (19723, True), (19723, False)], 1):
        db.execute(
            "INSERT INTO activity(id, source_id, external_id, identity_id, account_id, kind, at, listed)"
            " VALUES (?, 1, ?, 1, ?, 'comment', ?, ?)", (number, str(number), ann, day * 86400 + 7, listed),
        )
    db.execute("UPDATE counter SET unfiled = ',1,2,3,4'")
    db.execute("INSERT INTO activity_year(account_id, year, last_day, days) VALUES (?, 2024, 19724, '[0,1,5,1,1,1]')",
               (ann,))
    all_days = {(ann, 19722, "event"): 1, (ann, 19723, "event"): 2, (ann, 19723, "learning"): 5,
                (ann, 19724, "learning"): 1}
    assert filing.load_days(db) == all_days
    migrate.migrate_down(db, "0026_filed_days")
    assert days.load_all(db) == all_days
    assert db.rows("SELECT year, last_day FROM activity_year ORDER BY year") == [(2023, 19722), (2024, 19724)]
    assert db.row("SELECT unfiled FROM account") == (",1,2,3,4",)
    migrate.migrate_up(db)
    assert (filing.load_days(db), filing.find_wrong(db)) == (all_days, [])
    assert db.row("SELECT unfiled, (SELECT COUNT(*) FROM filed) FROM counter") == ("", 4)


def test_a_step_that_fails_leaves_nothing(empty_database_url, open_database, tmp_path, monkeypatch):
    db = open_database(empty_database_url)
    migrate.migrate_up(db)
    found = schema(db)
    folder = tmp_path / "steps"
    folder.mkdir()
    for step in migrate.FOLDER.glob("[0-9]*.py"):
        (folder / step.name).write_text(step.read_text())
    (folder / "9999_broken.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE half(id INTEGER)')\n"
        "    db.execute_sql('CREATE TABLE account(id INTEGER)')\n"
    )
    monkeypatch.setattr(migrate, "FOLDER", folder)
    with pytest.raises(Exception, match="account"):
        migrate.migrate_up(db)
    assert schema(db) == found
    assert [name for name, applied in migrate.migration_status(db) if not applied] == ["9999_broken"]


def test_two_processes_may_migrate_at_once(empty_database_url, open_database):
    """Each step runs once, whoever comes first."""
    db = open_database(empty_database_url)
    names = [name for name, _ in migrate.migration_status(db)]

    def run() -> list[str]:
        own = Database.open(empty_database_url)
        try:
            return migrate.migrate_up(own)
        finally:
            own.close()

    assert sorted(itertools.chain(*at_once(db, run, run))) == names


def test_an_unknown_step_is_one_sentence(db):
    with pytest.raises(ConfigError, match="Migration refused"):
        migrate.migrate_up(db, "0999_nothing")
