"""Backup and restore: a round trip on both databases, and every refusal."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from policies.errors import ConfigError, Conflict
from tests.conftest import NOW
from tests.factories import make_account
from webapp.ops.backup import back_up, restore
from webapp.services import issuer_key
from webapp.services.context import Context


def _content(ctx):
    """Everything that a backup must bring back."""
    db = ctx.db
    return {
        name: db.rows(f"SELECT * FROM {name} ORDER BY 1")
        for name in ("account", "policy_change", "field_bit", "policy_state", "site_setting", "outbox")
    }


@pytest.fixture
def filled(ctx):
    for number in range(30):
        make_account(ctx.db, f"person-{number}")
    ctx.db.execute("INSERT INTO site_setting(key, value) VALUES (?, ?)", ("motto", "naïve — 日本"))
    return ctx


def test_round_trip(filled, tmp_path):
    before = _content(filled)
    file = tmp_path / "b.tar"
    line = back_up(filled, file, NOW)
    assert "secret key is not in it" in line
    filled.db.execute("DELETE FROM handle")
    filled.db.execute("DELETE FROM account")
    filled.db.execute("UPDATE site_setting SET value = 'lost'")
    restore(filled, file, force=True)
    assert _content(filled) == before


def test_the_issuer_key_is_not_in_a_backup_and_a_restore_says_whether_it_is_here(filled, tmp_path):
    """With another key what members published verifies no longer: an operator must hear of it before the site runs."""
    def at(folder: str) -> Context:
        return replace(filled, site=replace(filled.site, data_dir=tmp_path / folder))

    old, file = at("old"), tmp_path / "b.tar"
    assert "issuer.pem" not in back_up(old, file, NOW)
    assert "issuer.pem" not in restore(at("fresh"), file, force=True)       # nothing was ever published
    issuer_key.document(old)
    key = (tmp_path / "old" / issuer_key.FILE).read_bytes()
    assert "secret key and issuer.pem are not in it" in back_up(old, file, NOW)
    assert key.splitlines()[1] not in file.read_bytes()
    line = restore(at("fresh"), file, force=True)
    assert f"is not here: put that site's issuer.pem into {tmp_path / 'fresh'}" in line
    issuer_key.document(at("other"))
    assert "here is another" in restore(at("other"), file, force=True)
    assert "issuer.pem" not in restore(old, file, force=True)


def test_a_backup_is_made_whatever_the_issuer_key_is_like(filled, tmp_path):
    (tmp_path / issuer_key.FILE).write_text("not a key")
    broken = replace(filled, site=replace(filled.site, data_dir=tmp_path))
    assert "Wrote" in back_up(broken, tmp_path / "b.tar", NOW)
    assert "Restored" in restore(broken, tmp_path / "b.tar", force=True)


def test_backup_is_for_its_owner_only(filled, tmp_path):
    file = tmp_path / "b.tar"
    back_up(filled, file, NOW)
    assert file.stat().st_mode & 0o077 == 0
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".vitrine")] == []


def test_backup_holds_no_secret_key(filled, tmp_path):
    file = tmp_path / "b.tar"
    back_up(filled, file, NOW)
    assert filled.site.secret_key.encode() not in file.read_bytes()
    with tarfile.open(file) as tar:
        assert len(tar.getnames()) == 2


def test_restore_refuses_a_database_with_accounts(filled, tmp_path):
    file = tmp_path / "b.tar"
    back_up(filled, file, NOW)
    before = _content(filled)
    with pytest.raises(Conflict, match="30 accounts"):
        restore(filled, file)
    assert _content(filled) == before


def test_restore_into_an_empty_database(filled, tmp_path, request, open_database):
    if filled.db.dialect == "sqlite":
        empty = f"sqlite:///{tmp_path / 'other' / 'empty.db'}"
    else:
        empty = request.getfixturevalue("empty_postgres_url")
    file = tmp_path / "b.tar"
    back_up(filled, file, NOW)
    before = _content(filled)
    filled.db.close()
    target = replace(filled, db=open_database(empty))
    restore(target, file)
    assert _content(target) == before


def test_restore_refuses_the_other_kind_of_database(sqlite_ctx, postgres_url, open_database, tmp_path):
    file = tmp_path / "b.tar"
    back_up(sqlite_ctx, file, NOW)
    with pytest.raises(ConfigError, match="sqlite"):
        restore(replace(sqlite_ctx, db=open_database(postgres_url)), file)


@pytest.mark.parametrize("damage", ["not a tar", "cut", "empty"])
def test_restore_refuses_a_damaged_file(sqlite_ctx, tmp_path, damage):
    file = tmp_path / "b.tar"
    back_up(sqlite_ctx, file, NOW)
    whole = file.read_bytes()
    file.write_bytes({"not a tar": b"hello" * 500, "cut": whole[: len(whole) // 2], "empty": b""}[damage])
    before = _content(sqlite_ctx)
    with pytest.raises(ConfigError):
        restore(sqlite_ctx, file, force=True)
    assert _content(sqlite_ctx) == before


def test_no_password_in_the_process_list(tmp_path):
    """The password of DATABASE_URL reaches pg_dump by its environment."""
    from webapp.ops import backup

    program = tmp_path / "pg_dump"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "$PGPASSWORD" > {tmp_path}/password\n')
    program.chmod(0o755)
    backup._run_tool(str(program), "postgresql://u:s%40cret@db.example:5/x", [])
    assert "cret" not in (tmp_path / "arguments").read_text()
    assert (tmp_path / "password").read_text() == "s@cret\n"


def test_backup_into_a_missing_folder_is_one_sentence(sqlite_ctx):
    with pytest.raises(ConfigError, match="no folder"):
        back_up(sqlite_ctx, Path("/nonexistent/b.tar"), NOW)
