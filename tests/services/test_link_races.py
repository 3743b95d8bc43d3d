"""T37: eight threads link, unlink, make primary and silence the same few accounts at once, on both databases.

Nothing but a rule may refuse; no group is ever broken, no total wrong, nobody meets a locked database.
"""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest

from policies.errors import NotFound, Refused
from tests.conftest import NOW
from tests.services import linkers as by
from tests.services import people
from webapp.ops.doctor import MEANING, examine
from webapp.services import editing, link_page, linking, sessions
from webapp.services.context import Context
from webapp.store import invariants
from webapp.store.totals import load_sums

THREADS = 8
PERSONAL = ("ann", "bob", "cat", "dan", "eve")
MANAGED = {"fay": "acme.example", "gil": "acme.example", "hal": "beta.example"}
LINKS = ("link_to_nobody", "primary_is_linked", "primary_is_managed", "two_managed", "link_not_audited",
         "unlink_not_audited", "hold_without_link")  # fmt: skip


class Crowd:
    """The accounts, and what the threads met."""

    def __init__(self, ctx: Context, seed: int) -> None:
        self.ctx, self.seed = ctx, seed
        db = ctx.db
        self.ids = {name: by.member(db, name, answers=number) for number, name in enumerate(PERSONAL)}
        for name, domain in MANAGED.items():
            self.ids[name] = by.member(db, name, "managed", email=f"{name}@{domain}", private=name == "hal", answers=10)
        people.gave(db, self.ids["ann"], self.ids["bob"])
        self.names = list(self.ids)
        self.met: Counter[str] = Counter()
        self.broken: list[str] = []

    def run(self, count: int) -> None:
        """`count` verbs, shared by the threads."""
        threads = [
            threading.Thread(target=self.work, args=(number, count // THREADS)) for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def work(self, number: int, count: int) -> None:
        pick = random.Random(self.seed * 100 + number)
        for step in range(count):
            verb = pick.choice(["link", "link", "unlink", "make_primary", "silent", "rehearse", "leave", "edit"])
            try:
                self.act(pick, verb, NOW + step, f"192.0.2.{number}")
                self.met[f"{verb} done"] += 1
            except (Refused, NotFound) as refused:
                self.met[f"{verb} {getattr(refused, 'rule', 'not found')}"] += 1
            except Exception as error:
                self.met[f"{verb} {type(error).__name__}"] += 1
                self.broken.append(f"{verb}: {type(error).__name__}: {error}")
            if step % 20 == 0:
                for name in LINKS:
                    self.broken += [MEANING[name].format(*row) for row in invariants.find_breaches(self.ctx.db, name)]
        self.ctx.db.close()

    def act(self, pick: random.Random, verb: str, now: int, address: str) -> None:
        ctx = self.ctx
        own, other = pick.sample(self.names, 2)
        actor = self.ids[own]
        if verb in ("unlink", "make_primary") and pick.random() < 0.8:      # a linked account may hardly do either
            row = ctx.db.row("SELECT COALESCE(primary_id, id) FROM account WHERE id = ?", (actor,))
            assert row is not None
            actor = row[0]
        session = by.log_in(ctx, actor, now)
        if verb in ("link", "rehearse"):
            email = ctx.db.row("SELECT email FROM account WHERE id = ?", (self.ids[other],))
            assert email is not None
            token = linking.prove_other(ctx, session, email[0], by.PASSWORD, now, address=address)
            choice = by.pick(ctx, session, self.ids[pick.choice([own, other])])
            if verb == "rehearse":
                linking.rehearse(ctx, session, token, now)
                return
            linking.link_accounts(
                ctx, session, token, now, primary_choice=choice, silent=pick.random() < 0.2,
                may_be_public=pick.random() < 0.5,
            )
        elif verb == "edit":
            editing.save_about(ctx, session.viewer, {"bio": f"Text {now}"}, now)
        elif verb == "leave":
            linking.ask_to_leave(ctx, session, now)
            linking.finish_leaves(ctx, now + 7 * 86_400)
        else:
            # The row as it was a moment ago: another thread may have taken it away since.
            row = pick.choice(linking.open_links(ctx, session, now).rows)
            if verb == "unlink":
                linking.unlink(ctx, session, row.key, now)
            elif verb == "make_primary":
                raw_id = linking.make_primary(ctx, session, row.key, now, copy=True)
                assert sessions.load_session(ctx, raw_id, now) is not None
            else:
                linking.set_silent(ctx, session, row.key, not row.is_silent, now)

    def check(self) -> None:
        """Nothing broke, enough was done, and every account alone is what it was."""
        assert self.broken == []
        for verb in ("link", "unlink", "make_primary", "silent", "leave"):
            assert self.met[f"{verb} done"], self.met
        found = [line for line in examine(self.ctx) if not line.startswith(("I6", "I11 account"))]
        assert found == []
        for name in ("link_not_audited", "unlink_not_audited"):
            assert invariants.find_breaches(self.ctx.db, name) == []
        for number, name in enumerate(PERSONAL):
            assert load_sums(self.ctx.db, [self.ids[name]], [self.ids[name]], True, True).answers == number
        assert link_page.open_links(self.ctx, by.log_in(self.ctx, self.ids["ann"]), NOW).rows


def test_t37_a_thousand_verbs_by_eight_threads_break_nothing(ctx: Context) -> None:
    crowd = Crowd(ctx, 1)
    crowd.run(1000)
    crowd.check()


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_t37_ten_thousand_verbs_by_eight_threads_break_nothing(ctx: Context, seed: int) -> None:
    crowd = Crowd(ctx, seed)
    crowd.run(10_000)
    crowd.check()
