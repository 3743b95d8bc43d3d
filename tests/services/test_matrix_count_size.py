"""The dry run at a hundred thousand members: under a second, for one cell and for a draft of every cell.

SQLite works in this process, so that its work is measured by what it takes of the processor.
"""

from __future__ import annotations

import random
import time

import pytest

from policies import matrix
from policies.matrix import Change
from policies.terms import ALL, Level
from policies.visibility import Gate
from tests.conftest import NOW
from tests.factories import make_account, make_domain, make_organization
from tests.services.people import BIT
from webapp.services import matrix_count
from webapp.services.context import Context
from webapp.store import policy

MEMBERS = 100_000
#: What members choose: most leave the defaults alone, others move a few fields.
CHOOSERS, DECLINERS = 0.35, 0.1


def crowd(ctx: Context) -> None:
    """Members by the thousand, in one statement per two hundred: copies of one account with settings of their own."""
    rng = random.Random(5)
    domains = [None, *[make_domain(ctx.db, f"{name}.example", make_organization(ctx.db, name)) for name in ("a", "b")]]
    first = make_account(ctx.db, "first")
    (row,) = ctx.db.rows(
        "SELECT terms_version, terms_at, member_since, base_version FROM account WHERE id = ?", (first,)
    )
    names = ("public_id, handle, public_name, email, email_key, email_verified_at, state, terms_version, terms_at,"
             " created_at, member_since, base_version, domain_id, chosen, chosen_anyone, chosen_org, cap_anyone,"
             " cap_org")
    for start in range(1, MEMBERS, 200):
        values: list[object] = []
        for number in range(start, min(start + 200, MEMBERS)):
            chosen = org = anyone = 0
            if rng.random() < CHOOSERS:
                for bit in rng.sample(sorted(BIT.values()), rng.randint(1, 4)):
                    chosen |= 1 << bit
                    org |= rng.randint(0, 1) << bit
                    anyone |= (rng.randint(0, 1) << bit) & org
            cap = ALL & ~(1 << rng.choice(sorted(BIT.values()))) if rng.random() < 0.05 else ALL
            mail = f"m{number}@x.example"
            values += [f"acc{number}", f"m{number}", "Somebody", mail, mail, NOW, "active", row[0], row[1], NOW, row[2],
                       row[3], rng.choice(domains), chosen, anyone, org, cap, cap]
        rows = ", ".join(["(" + ",".join("?" * 18) + ")"] * (len(values) // 18))
        ctx.db.execute(f"INSERT INTO account({names}) VALUES {rows}", values)
    ids = [one for (one,) in ctx.db.rows("SELECT id FROM account") if rng.random() < DECLINERS]
    for at in range(0, len(ids), 200):
        part = ids[at:at + 200]
        sent = [value for one in part for value in (one, rng.choice(sorted(BIT.values())), rng.choice((1, 2)), 1)]
        ctx.db.execute("INSERT INTO visibility_decline(account_id, bit, level, at) VALUES "
                       + ", ".join(["(?,?,?,?)"] * len(part)), sent)


@pytest.mark.long
def test_d11_a_dry_run_of_100_000_members_takes_less_than_a_second(ctx: Context) -> None:
    with ctx.db.transaction():
        crowd(ctx)
    ctx.db.execute("ANALYZE")
    log, version = policy.load_log(ctx.db)
    base = ctx.gate(version).base
    bits = sorted(BIT.values())
    clock = time.process_time if ctx.db.dialect == "sqlite" else time.perf_counter
    took = {}
    for drafted in (bits[1:2], bits[:3], bits):
        draft = [Change("cell", "managed", bit, Level.ONLY_YOU) for bit in drafted]
        gates = Gate(base, log, version), Gate(base, *matrix.with_changes(log, version, draft))
        times = []
        for _ in range(3):
            start = clock()
            count = matrix_count.count(ctx, *gates, drafted)
            times.append(clock() - start)
        assert count.total.members == MEMBERS
        took[len(drafted)] = min(times)
    assert max(took.values()) < 1, took
