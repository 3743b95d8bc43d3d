"""The worker: its queue's tables on both databases, its tasks, mail on its way, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.conftest import NOW
from webapp.ops import queue
from webapp.store import models


def _add_mail(db, subject: str = "Hello") -> None:
    db.execute(
        "INSERT INTO outbox(recipient, subject, body, created_at, due_at) VALUES (?,?,?,?,?)",
        ("sally@example.org", subject, "Text\n", NOW, NOW),
    )


def test_the_queue_lives_in_the_same_database_under_its_own_names(ctx):
    made = queue.make_queue(ctx, lambda: NOW)
    tables = set(ctx.db.peewee.get_tables())
    assert {"queue_task", "queue_schedule", "queue_kv", "queue_counter"} <= tables
    ours = {model._meta.table_name for model in models.MODELS}
    assert {name for name in tables - ours if not name.startswith(("queue_", "people_words", "schema_"))} == set()
    queue.make_queue(ctx)       # a second start finds them
    made.storage.enqueue(b"x")
    assert made.storage.dequeue() == b"x"
    assert made.storage.dequeue() is None


def test_each_periodic_task_runs_with_the_time_passed_in(ctx, monkeypatch):
    seen = []
    task = ("note", lambda when: True, lambda context, now: seen.append((context, now)))
    monkeypatch.setattr(queue, "TASKS", (task,))
    made = queue.make_queue(ctx, lambda: NOW)
    for task in made._registry.periodic_tasks:
        made.execute(task)
    assert seen == [(ctx, NOW)]


def test_a_failing_task_ends_nothing_and_its_text_is_not_logged(ctx, monkeypatch, caplog):
    def fail(context: object, now: int) -> None:
        raise ValueError("canary")

    monkeypatch.setattr(queue, "TASKS", (("fail", lambda when: True, fail),))
    made = queue.make_queue(ctx, lambda: NOW)
    for task in made._registry.periodic_tasks:
        made.execute(task)
    assert "task fail failed: ValueError" in caplog.text
    assert "canary" not in caplog.text


def test_the_real_tasks_run_on_an_empty_database(ctx):
    for _, _, task in queue.TASKS:
        task(ctx, NOW)


def _start_worker(db_url: str, data_dir, **environ: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "webapp.cli", "worker"],
        env={**os.environ, "DATA_DIR": str(data_dir), "DATABASE_URL": db_url, "SECRET_KEY": "k" * 40, **environ},
        stderr=subprocess.DEVNULL,
    )


def test_mail_leaves_within_seconds_and_sigterm_ends_the_worker(db, data_dir, smtp_server):
    _add_mail(db)
    process = _start_worker(db.url, data_dir, SMTP_URL=smtp_server.url)
    try:
        deadline = time.monotonic() + 30
        while not smtp_server.messages and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [message["Subject"] for message in smtp_server.messages] == ["Hello"]
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert db.rows("SELECT * FROM outbox") == []


def test_without_smtp_mail_becomes_a_file_that_only_the_operator_reads(sqlite_db, data_dir):
    _add_mail(sqlite_db)
    process = _start_worker(sqlite_db.url, data_dir)
    try:
        deadline = time.monotonic() + 30
        while not list(data_dir.glob("outbox/*.eml")) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(20)
    (file,) = data_dir.glob("outbox/*.eml")
    assert file.stat().st_mode & 0o077 == 0
