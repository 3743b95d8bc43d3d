"""A default changed by one process holds for the next request of every other: a real server with two workers."""

from __future__ import annotations

import http.client

from tests.factories import make_account
from tests.ops.test_serve import Site
from tests.services.test_matrix import put, sign_in, undo
from webapp.services.context import Context

ROUNDS, ASKED = 4, 8


def page(site: Site) -> str:
    """Ann's page over a connection of its own, which either worker may take."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    try:
        connection.request("GET", "/u/ann")
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        connection.close()


def test_t65_a_changed_default_is_seen_by_the_next_request_of_every_worker(ctx: Context, data_dir) -> None:
    make_account(ctx.db, "ann", kind="managed", job_title="Architect")
    boss = sign_in(ctx, make_account(ctx.db, "boss", is_admin=True))
    site = Site(data_dir, ctx.db.url)
    try:
        site.wait_ready()
        assert all("Architect" in page(site) for _ in range(ASKED))
        for _ in range(ROUNDS):
            step = put(ctx, boss, "cell:managed:job_title:anyone:hide")
            assert not [n for n in range(ASKED) if "Architect" in page(site)]
            undo(ctx, boss, step)
            assert not [n for n in range(ASKED) if "Architect" not in page(site)]
    finally:
        site.stop()
