"""`vitrine leak-check`: a clean community passes, a plugin that tells is found, the data stays as it is."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from policies.errors import Conflict
from policies.terms import ANONYMOUS
from tests.conftest import NOW
from tests.factories import link, make_account
from tests.services.people import did, gave, holds
from webapp import cli
from webapp.app import open_context
from webapp.config import Config
from webapp.ops import leak_check, leak_plan
from webapp.ops.leak_check import check_leaks, sentence
from webapp.services import people_index, profiles
from webapp.services.context import Context
from webapp.services.viewing import load_viewer
from webapp.store import models
from webapp.store.database import Database

#: Hides the bio of whoever has an e-mail address of an odd sum: what is shown tells what is hidden.
TELLS_BY_HIDING = '''
"""A veto that looks where it may not."""
from policies.hookspecs import hookimpl
from policies.terms import Veto


def ask(question):
    from webapp.store import models

    db = models.Account._meta.database
    row = db.execute_sql(f"SELECT email FROM account WHERE id = {int(question.account_id)}").fetchone()
    return ("bio",) if row and row[0] and sum(row[0].encode()) % 2 else ()


@hookimpl
def register_vetoes():
    return [Veto("odd", ask)]
'''
#: Does what vetoes are for.
HONEST = '''
"""A veto that hides every location."""
from policies.hookspecs import hookimpl
from policies.terms import Veto


@hookimpl
def register_vetoes():
    return [Veto("nowhere", lambda question: ("location",))]
'''


@pytest.fixture
def filled(ctx: Context) -> Context:
    return fill(ctx)


@pytest.fixture
def sqlite_filled(sqlite_ctx: Context) -> Context:
    return fill(sqlite_ctx)


def fill(ctx: Context) -> Context:
    """Three members: one who hides much, one who is private and unknown, one linked for its numbers only."""
    db = ctx.db
    hider = make_account(db, "hider", bio="I help.", location="Lisbon", full_name="Hy Der", answers=12)
    make_account(db, "unknown", private=True, keep_name=False, full_name="Una Known")
    quiet = make_account(db, "quiet", full_name="Quinn Quiet", answers=3)
    link(db, quiet, hider, silent=True)
    hidden = 1 << ctx.gate().bit["stats"] | 1 << ctx.gate().bit["activity"]
    db.execute("UPDATE account SET chosen = ? WHERE id = ?", (hidden, hider))
    did(db, hider, title="Hidden doing")
    holds(db, hider, "group", "g1")
    gave(db, quiet, hider)
    people_index.rebuild(ctx)
    return ctx


@pytest.fixture
def everything(filled: Context) -> Callable[[], dict[str, object]]:
    """What the database holds, table by table."""
    tables = (
        "account", "counter", "activity", "avatar", "held", "kudos", "people", "login_session", "audit", "outbox",
    )  # fmt: skip
    return lambda: {name: sorted(map(repr, filled.db.rows(f"SELECT * FROM {name}"))) for name in tables}


def config_of(ctx: Context, plugins: Path | None = None) -> Config:
    return Config(
        data_dir=ctx.site.data_dir, database_url=ctx.db.url, secret_key="k" * 40, base_url="http://localhost",
        plugins_dir=plugins,
    )  # fmt: skip


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


def test_a_clean_community_passes_and_its_data_stays(
    filled: Context, everything: Callable[[], dict[str, object]], plugins: Path
) -> None:
    (plugins / "honest.py").write_text(HONEST)
    before, steps = everything(), []
    report = check_leaks(filled, config_of(filled, plugins), NOW, 3, lambda *step: steps.append(step))
    assert report.leaks == ()
    assert (report.members, report.viewers) == (3, 2)
    assert report.requests > 500
    assert sentence(report).startswith("No leak: ")
    assert everything() == before
    assert steps[-1][1] > 0
    assert models.Account._meta.database is filled.db.peewee, "the process goes on with its own database"
    if filled.db.dialect == "postgresql":
        assert not filled.db.rows("SELECT datname FROM pg_database WHERE datname LIKE 'vitrine_leak_check%'")


def test_t99_a_plugin_that_tells_by_hiding_is_found(sqlite_ctx: Context, plugins: Path) -> None:
    make_account(sqlite_ctx.db, "sally", bio="I help.")
    (plugins / "odd.py").write_text(TELLS_BY_HIDING)
    report = check_leaks(sqlite_ctx, config_of(sqlite_ctx, plugins), NOW, 1)
    assert any(leak.startswith("GET /u/sally: body differs") for leak in report.leaks)
    assert "I help" not in repr(report)
    assert "leaks in" in sentence(report)


def test_a_page_that_forgot_the_gate_is_found_by_its_canary(
    sqlite_filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control of the sweep: a value that stands there in both worlds' own spelling."""
    real = profiles.view_opened

    def view_opened(opened: profiles.OpenProfile) -> object:
        row = opened.ctx.db.row("SELECT email FROM account WHERE id = ?", (opened.face.id,))
        return replace(real(opened), bio=row and row[0])

    monkeypatch.setattr(profiles, "view_opened", view_opened)
    report = check_leaks(sqlite_filled, config_of(sqlite_filled), NOW, 3)
    assert any("holds email of @hider (an anonymous visitor)" in leak for leak in report.leaks)


def test_t52_an_answer_that_tells_hidden_from_unknown_is_found(
    sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(sqlite_ctx.db, "page", state="deactivated")
    real = profiles.open_profile

    def open_profile(ctx: Context, viewer: object, handle: str, *rest: object, **more: object) -> object:
        if ctx.db.row("SELECT 1 FROM account WHERE handle = ?", (handle,)):
            ctx.db.row("SELECT 1")
        return real(ctx, viewer, handle, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(profiles, "open_profile", open_profile)
    report = check_leaks(sqlite_ctx, config_of(sqlite_ctx), NOW, 1)
    assert [leak for leak in report.leaks if leak.startswith("GET /u/page: statements") and "never was" in leak], report


def test_t36_a_silent_page_that_tells_of_its_link_is_found(
    sqlite_filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webapp.store.profiles import Group

    monkeypatch.setattr(Group, "alone", lambda group, member: group)
    report = check_leaks(sqlite_filled, config_of(sqlite_filled), NOW, 3)
    assert [leak for leak in report.leaks if "with and without its link" in leak]


def test_t47_an_order_by_what_is_hidden_is_found(sqlite_filled: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members stand in the directory where hidden numbers, or the hidden day they joined, put them."""
    ctx = sqlite_filled
    make_account(ctx.db, "busy", answers=50)
    people_index.rebuild(ctx)
    sight, real = people_index.Sight, people_index.Sight.shows
    with monkeypatch.context() as patch:
        patch.setattr(sight, "shows_points", lambda seen, gate: True)
        patch.setattr(sight, "shows", lambda seen, gate, name: name == "activity" or real(seen, gate, name))
        leaks = check_leaks(ctx, config_of(ctx), NOW, 4).leaks
    for sort in ("helpful", "newest"):
        assert any(f"/people?sort={sort}" in leak for leak in leaks), leaks


def test_what_a_viewer_wrote_to_a_member_who_hides_it_is_no_leak(sqlite_ctx: Context) -> None:
    """The giver's own export holds it."""
    db = sqlite_ctx.db
    hider, giver = make_account(db, "hider"), make_account(db, "giver")
    db.execute("UPDATE account SET chosen = ? WHERE id = ?", (1 << sqlite_ctx.gate().bit["kudos"], hider))
    gave(db, giver, hider, "My own words")
    viewer = load_viewer(sqlite_ctx, giver)
    (member,) = [one for one in leak_plan.draw_members(db, 2) if one.id == hider]
    for who, left in ((viewer, "My own words"), (ANONYMOUS, None)):
        hidden = leak_plan.hidden_from(sqlite_ctx, who, member)
        assert hidden is not None
        leak_plan.plant(sqlite_ctx, [hidden], "a", "r", NOW)
        row = db.row("SELECT message FROM kudos")
        assert row is not None
        assert row[0] == (left or leak_plan.token(member, "kudos", "a", "r"))


def test_every_kind_of_member_is_drawn_before_a_second_of_one(sqlite_ctx: Context) -> None:
    for number in range(30):
        make_account(sqlite_ctx.db, f"plain-{number}")
    make_account(sqlite_ctx.db, "shy", private=True)
    link(sqlite_ctx.db, make_account(sqlite_ctx.db, "quiet"), make_account(sqlite_ctx.db, "head"), silent=True)
    make_account(sqlite_ctx.db, "work", kind="managed")
    drawn = {member.handle for member in leak_plan.draw_members(sqlite_ctx.db, 6)}
    assert {"shy", "quiet", "head", "work"} < drawn
    assert len(drawn) == 6


def test_without_members_there_is_nothing_to_check(sqlite_ctx: Context) -> None:
    with pytest.raises(Conflict, match="no members"):
        check_leaks(sqlite_ctx, config_of(sqlite_ctx), NOW)


def test_a_role_that_may_not_create_databases_is_told_so(postgres_db: Database, config: Config) -> None:
    make_account(postgres_db)
    postgres_db.execute("CREATE ROLE vitrine_leak_poor LOGIN SUPERUSER")
    postgres_db.execute("ALTER ROLE vitrine_leak_poor NOSUPERUSER NOCREATEDB")
    try:
        poor = Database.open(postgres_db.url.replace("//postgres@", "//vitrine_leak_poor@"))
        ctx = open_context(replace(config, database_url=poor.url), poor)
        with pytest.raises(Conflict, match="may not create"):
            leak_check._on_server(ctx, 'CREATE DATABASE "vitrine_leak_check_x"')
    finally:
        poor.close()
        postgres_db.execute("DROP ROLE vitrine_leak_poor")


def test_the_command_says_it_in_a_sentence_and_exits_1_on_a_leak(
    sqlite_ctx: Context, data_dir: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(sqlite_ctx.db, "sally", bio="I help.", products=json.dumps(["One"]))
    environment = {
        "DATA_DIR": str(data_dir), "DATABASE_URL": sqlite_ctx.db.url, "SECRET_KEY": secrets.token_hex(32),
        "BASE_URL": "https://people.example", "VITRINE_PLUGINS_DIR": str(plugins),
    }  # fmt: skip
    result = CliRunner().invoke(cli.cli, ["leak-check", "--members", "1"], env=environment)
    assert (result.exit_code, result.stdout[:9]) == (0, "No leak: "), result.output
    assert "As an anonymous visitor" in result.stderr
    (plugins / "odd.py").write_text(TELLS_BY_HIDING)
    result = CliRunner().invoke(cli.cli, ["leak-check", "--members", "1"], env=environment)
    assert result.exit_code == 1
    assert "GET /u/sally" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("Error: ")
