"""The worker: what is due happens here. Tasks run by huey's queue in the same database; mail every two seconds.

Every task only calls a service, with the time passed in. A task that fails is logged and tried again at its next turn.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from huey import crontab
from huey.api import Huey
from huey.contrib.sql_huey import SqlStorage

from webapp.services import (
    accounts,
    awards,
    closing,
    domain_notices,
    domains,
    kudos_digest,
    linking,
    mailer,
    matrix_mail,
    organizations,
    people_index,
    plugins,
    source_tokens,
    webhook_send,
    webhooks,
)
from webapp.services.context import Context

log = logging.getLogger("vitrine.worker")

#: Seconds between looks at the outbox: a mail that somebody waits for must not wait for the minute.
MAIL_EVERY = 2
#: Seconds between looks at what apps are to be told.
HOOKS_EVERY = 5


class QueueStorage(SqlStorage):
    """The library's storage with its tables under names that say whose they are: queue_task, queue_schedule …"""

    def create_models(self) -> Any:
        models = super().create_models()
        for model in models:
            model._meta.set_table_name(f"queue_{model._meta.table_name}")
        models[2]._meta.indexes = []    # its index names the old table; the queue is a handful of rows
        return models


def make_queue(ctx: Context, clock: Callable[[], float] = time.time) -> Huey:
    """The queue on the database of `ctx`, with every periodic task."""
    huey = Huey("vitrine", storage_class=QueueStorage, database=ctx.db.peewee, results=False, utc=True)

    def periodic(name: str, when: Callable[[Any], bool], task: Callable[[Context, int], object]) -> None:
        def run() -> None:
            try:
                task(ctx, int(clock()))
            except Exception as error:  # a task must not end the worker
                ctx.db.close_if_broken()
                log.error("task %s failed: %s", name, type(error).__name__)
            try:
                plugins.flush(ctx, int(clock()))
            except Exception as error:
                log.error("noting errors of plugins failed: %s", type(error).__name__)

        huey.periodic_task(when, name=name)(run)

    for name, when, task in TASKS:
        periodic(name, when, task)
    return huey


#: name, when, the service call
TASKS: tuple[tuple[str, Callable[[Any], bool], Callable[[Context, int], object]], ...] = (
    ("sweep_accounts", crontab(minute="7"), accounts.sweep),
    ("finish_leaves", crontab(minute="17"), linking.finish_leaves),
    ("recheck_domains", crontab(minute="27"), domains.recheck),
    ("sweep_sources", crontab(minute="57"), source_tokens.sweep),
    ("sweep_organizations", crontab(minute="47"), organizations.sweep),
    ("write_notices", crontab(minute="*"), domain_notices.write_notices),
    ("delete_accounts", crontab(minute="37"), closing.delete_due),
    ("index_people", crontab(minute="*"), people_index.catch_up),
    ("start_awards", crontab(hour="3", minute="37"), awards.nightly),
    ("give_awards", crontab(minute="*"), awards.work),
    ("tell_kudos", crontab(hour="6", minute="12"), kudos_digest.tell_due),
    ("tell_offers", crontab(minute="*"), matrix_mail.tell_due),
)


def run_worker(ctx: Context, parent: int | None = None) -> None:
    """Work until SIGTERM or SIGINT; what has begun is finished first. With `parent`, a process id, ends with it too."""
    stop = threading.Event()
    consumer = make_queue(ctx).create_consumer(workers=1, periodic=True, max_delay=5, check_worker_health=True)
    mail = threading.Thread(target=_send_mail, args=(ctx, stop), name="mail")
    mail.start()
    hooks = threading.Thread(target=_tell_apps, args=(ctx, stop), name="webhooks")
    hooks.start()
    if parent is not None:
        threading.Thread(target=_watch_parent, args=(parent, stop), name="parent", daemon=True).start()
    log.info("worker started")
    try:
        consumer.run()
    finally:
        stop.set()
        mail.join()
        hooks.join()
        ctx.db.close()
        log.info("worker stopped")


def _send_mail(ctx: Context, stop: threading.Event) -> None:
    while not stop.wait(MAIL_EVERY):
        try:
            mailer.send_due(ctx, int(time.time()))
        except Exception as error:
            ctx.db.close_if_broken()
            log.error("sending mail failed: %s", type(error).__name__)
    ctx.db.close()


def _tell_apps(ctx: Context, stop: threading.Event) -> None:
    while not stop.wait(HOOKS_EVERY):
        try:
            webhooks.notice(ctx, int(time.time()))
            webhook_send.send_due(ctx, int(time.time()))
        except Exception as error:
            ctx.db.close_if_broken()
            log.error("telling apps failed: %s", type(error).__name__)
    ctx.db.close()


def _watch_parent(parent: int, stop: threading.Event) -> None:
    while not stop.wait(1):
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            return
