"""`vitrine migrate up` killed between its statements: a step is there whole or not at all, and can be finished."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.store.migrate import FOLDER

ROOT = Path(__file__).parents[2]

#: Forks a child for each statement, so that nothing is imported anew; prints what each kill left behind.
SCRIPT = """
import json, os, signal, sys
import peewee
from webapp import cli, plugins, app
from webapp.ops import doctor, setup
from webapp.store.database import Database

url, file, stride = sys.argv[1], sys.argv[2], int(sys.argv[3])

def migrate(kill_before):
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    real, done = peewee.Database.execute_sql, 0
    def execute_sql(self, *args, **options):
        nonlocal done
        done += 1
        if done == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *args, **options)
    peewee.Database.execute_sql = execute_sql
    sys.stdout = open(os.devnull, "w")
    cli.cli(["migrate", "up"], standalone_mode=False)
    os._exit(0)

def look():
    db = Database.open(url)
    tables = set(db.peewee.get_tables())
    def count(table):
        return db.row(f"SELECT COUNT(*) FROM {table}")[0] if table in tables else 0
    found = [len(tables - {"schema_migration"}), count("schema_migration"), count("field_bit"), count("policy_change")]
    if found[1] and found[3]:
        found.append(list(doctor.examine(app.open_context(app.Config.from_env(os.environ), db))))
    db.close()
    return found

def clear():
    if file:
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(file + suffix):
                os.unlink(file + suffix)
    else:
        db = Database.open(url)
        db.execute("DROP SCHEMA public CASCADE")
        db.execute("CREATE SCHEMA public")
        db.close()

number = 1
while True:
    clear()
    status = migrate(number)
    print(json.dumps([status, look()]), flush=True)
    if status == signal.SIGKILL and number // stride % 10 == 3:
        print(json.dumps([migrate(0), look()]), flush=True)
    number += stride
    if status != signal.SIGKILL:
        break
"""


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.long)])
def test_a_killed_migration_leaves_nothing_or_everything(
    empty_database_url: str, data_dir: Path, stride: int
) -> None:
    """On both databases, killed before every `stride`-th statement."""
    file = str(data_dir / "empty.db") if empty_database_url.startswith("sqlite") else ""
    environ = {
        **os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": empty_database_url, "DATA_DIR": str(data_dir),
        "SECRET_KEY": "k" * 40,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, empty_database_url, file, str(stride)],
        env=environ, cwd=ROOT, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    finished = [left for status, left in lines if status == 0]
    killed = [tuple(left[:4]) for status, left in lines if status == signal.SIGKILL]
    assert len(killed) + len(finished) == len(lines)
    assert len(killed) > 60 // stride       # more statements than there are tables
    whole = finished[-1]
    tables, steps, fields, changes, findings = whole
    assert (steps, findings) == (len(list(FOLDER.glob("0*.py"))), [])
    assert finished == [whole] * len(finished)
    assert len(finished) > 1
    # Nothing; step after step the schema; after that, in a transaction of their own, the policies recorded.
    between = {left for left in set(killed) if 0 < left[1] < steps and left[2:] == (0, 0)}
    assert len(between) == len({left[1] for left in between}), "a step is there whole or not at all"
    assert set(killed) - between <= {(0, 0, 0, 0), (tables, steps, 0, 0), (tables, steps, fields, changes)}
    assert {(0, 0, 0, 0), (tables, steps, 0, 0)} <= set(killed)
