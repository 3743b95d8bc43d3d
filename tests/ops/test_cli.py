"""The command line: what each verb prints and returns; errors are sentences, never tracebacks."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.factories import make_account
from webapp import cli


@pytest.fixture
def run(database_url, data_dir, monkeypatch):
    """`run("doctor")` -> (exit status, stdout, stderr) on each database."""
    for name in ("SECRET_KEY_FILE", "BASE_URL", "SMTP_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "k" * 40)

    def run_(*arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(cli.cli, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result.exit_code, result.stdout, result.stderr

    return run_


def test_migrate_status_down_up(run):
    steps = run("migrate", "status")[1].splitlines()
    assert all(line.startswith("applied  0") for line in steps)
    assert run("migrate", "down")[0] == 0
    assert run("migrate", "status")[1].splitlines()[-1].startswith("pending")
    assert run("doctor")[0] == 1
    status, out, _ = run("migrate", "up")
    assert status == 0
    assert out.startswith("applied 0")
    assert run("migrate", "up") == (0, "nothing to do\n", "")


def test_migrate_refuses_an_unknown_step(run):
    status, _, err = run("migrate", "up", "0999_nothing")
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith("Error: Migration refused")


def test_doctor_says_that_all_holds(run):
    assert run("doctor") == (0, "All invariants hold.\n", "")


def test_repair_files_what_an_older_process_recorded(run, database_url, open_database):
    assert run("repair") == (0, "Nothing was wrong.\n", "")
    db = open_database(database_url)
    ann = make_account(db, "ann")
    db.execute("INSERT INTO source(id, name, label, area, created_at) VALUES (5, 'forum', 'Forum', 'forum', 1)")
    db.execute("INSERT INTO identity(id, source_id, actor, account_id, created_at) VALUES (6, 5, 'a', ?, 1)", (ann,))
    db.execute(
        "INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, listed)"
        " VALUES (5, 'x', 6, ?, 'comment', 86400, TRUE)", (ann,),
    )  # fmt: skip
    status, out, _ = run("doctor")
    assert status == 1
    assert f"I6 filed ({ann}, 1): not once as the event says." in out
    assert run("repair") == (0, "2 rows were wrong and set right.\n", "")      # the day in the heatmap, too
    assert run("doctor")[0] == 0


def test_backup_restore_round_trip(run, tmp_path):
    file = tmp_path / "b.tar"
    assert run("backup", str(file))[0] == 0
    assert run("restore", str(file))[0] == 0
    assert run("doctor")[0] == 0


def test_create_admin_prints_a_link_and_refuses_nonsense(run):
    status, out, _ = run("create-admin", "--email", "me@example.org")
    assert status == 0
    assert "http://127.0.0.1:8000/verify?token=" in out
    status, out, err = run("create-admin", "--email", "nonsense")
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert "\n" not in err.strip()


def test_plugins_are_listed(run):
    assert "stackexchange (shipped): register_sources" in run("plugins")[1]


def test_import_of_a_broken_dump_is_one_sentence(run, tmp_path):
    (tmp_path / "Users.xml").write_text("<users><row Id=")
    (tmp_path / "Posts.xml").write_text("<posts/>")
    status, _, err = run("import", "stackexchange", str(tmp_path), "--site", "x.example")
    assert status == 1
    assert "Users.xml" in err
    assert err.strip().count("Error: ") == 1


def test_an_unreachable_database_is_one_sentence(run, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/no/such/folder/x.db")
    for verb in (["doctor"], ["migrate", "status"], ["backup", str(tmp_path / "b")], ["worker"]):
        status, _, err = run(*verb)
        assert status == 1, verb
        assert err.strip().startswith("Error: "), verb
        assert "\n" not in err.strip(), verb


def test_an_unexpected_error_is_one_sentence_and_is_noted(run, monkeypatch, data_dir):
    def fail(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("webapp.ops.doctor.examine", fail)
    status, _, err = run("doctor")
    assert status == 1
    assert "KeyError" in err
    assert "surprise" in (data_dir / "errors.log").read_text()


def test_problems_of_the_environment_are_all_told(run, monkeypatch):
    monkeypatch.setenv("BASE_URL", "http://public.example")
    monkeypatch.setenv("SMTP_URL", "nonsense")
    status, _, err = run("serve")
    assert status == 1
    assert "BASE_URL" in err
    assert "SMTP_URL" in err


def test_serve_refuses_plain_http_beyond_loopback_and_an_unmigrated_database(run):
    status, _, err = run("serve", "--host", "0.0.0.0")
    assert status == 1
    assert "loopback only" in err
    run("migrate", "down")
    status, _, err = run("serve")
    assert status == 1
    assert "vitrine init" in err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_serve_on_a_port_that_is_taken_says_so(run, host):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        status, _, err = run("serve", "--host", host, "--port", port)
    assert (status, err) == (
        1, f"Error: Cannot listen on 127.0.0.1, port {port}: Address already in use."
        " Take another one with --port; --host is an address of this machine.\n",
    )


def test_serve_on_a_name_or_no_port_is_one_sentence(run):
    status, _, err = run("serve", "--host", "nobody.localhost")
    assert status == 1
    assert err.startswith("Error: Cannot listen on nobody.localhost")
    assert run("serve", "--port", "99999")[0] == 2


@pytest.mark.parametrize("arguments", [
    ("create-admin", "--email", "a@example.org"), ("import", "stackexchange", ".", "--site", "a.example"), ("worker",),
])
def test_what_needs_the_tables_says_that_they_are_missing(run, arguments):
    run("migrate", "down")
    assert run(*arguments) == (1, "", "Error: The database is not set up for this release. Run `vitrine init`.\n")


def test_init_from_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "fresh"))
    result = CliRunner().invoke(cli.cli, ["init"])
    assert result.exit_code == 0, result.output
    assert {p.name for p in (tmp_path / "fresh").iterdir()} >= {"secret.key", "vitrine.db"}
    assert CliRunner().invoke(cli.cli, ["doctor"]).output == "All invariants hold.\n"


def test_progress_prints_plain_lines_off_a_terminal(capsys):
    moments = iter([10.0, 12.0, 16.0, 16.1])
    progress = cli.Progress(lambda: next(moments))
    for done in (10, 20, 30):
        progress("Reading", done, 100)
    progress("Reading", 100, 100)
    progress.close()
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err == "Reading: 10 of 100\nReading: 30 of 100\nReading: 100 of 100\n"


def test_the_same_verbs_under_flask():
    """The installed entry points give `flask --app wsgi …` every verb, without loading the application."""
    from importlib.metadata import entry_points

    ours = [entry for entry in entry_points(group="flask.commands") if entry.value.startswith("webapp.cli:")]
    assert {entry.name: entry.load() for entry in ours} == cli.cli.commands


def test_vitrine_needs_no_particular_folder(tmp_path):
    """The installed script works from any folder."""
    script = Path(sys.executable).parent / "vitrine"
    done = subprocess.run([script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "serve" in done.stdout


@pytest.mark.parametrize("command", ["plugins", "doctor", "create-admin --email a@home.example"])
def test_d19_a_command_in_a_shell_without_the_sites_variables_narrows_nobody(run, tmp_path, monkeypatch, command):
    """Only `init`, `migrate up` and whoever serves the site record what plugins show less of."""
    assert run("migrate", "up")[0] == 0
    (tmp_path / "narrow.py").write_text(
        "from policies import hookimpl\nfrom policies.terms import Level\n\n"
        "@hookimpl\ndef default_cell(kind, field):\n    return Level.ONLY_YOU if field == 'bio' else None\n"
    )
    monkeypatch.setenv("VITRINE_PLUGINS_DIR", str(tmp_path))
    status, out, _ = run(*command.split())
    if command == "doctor":
        assert (status, "VITRINE_ variables" in out) == (1, True)       # which only shows where nothing was recorded
    assert run("migrate", "up")[1].startswith("recorded"), "it was not recorded before"


def test_migrate_up_migrates_but_records_no_defaults_while_a_plugin_fails(run, tmp_path, monkeypatch):
    """One sentence that names the plugin and the hook; the schema is there, and nothing was closed for good."""
    plugin = tmp_path / "tired.py"
    plugin.write_text("from policies import hookimpl\n\n\n@hookimpl\ndef default_cell(field):\n    return {}[field]\n")
    monkeypatch.setenv("VITRINE_PLUGINS_DIR", str(tmp_path))
    assert run("migrate", "down")[0] == 0
    status, out, err = run("migrate", "up")
    assert status == 1
    assert out.startswith("applied 0")
    said = "The defaults were not recorded, because plugin tired failed: default_cell of personal avatar raised"
    assert err.splitlines()[-1] == f"Error: {said} KeyError in tired.py line 6."
    assert run("init")[0] == 1
    assert "plugin tired failed: default_cell of " in run("doctor")[1]
    plugin.unlink()
    assert run("migrate", "up")[0] == 0
    assert run("doctor")[:2] == (0, "All invariants hold.\n")
