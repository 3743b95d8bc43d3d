"""The dry run of default visibility at 100,000 members of mixed states, on both databases: seconds against one."""

from __future__ import annotations

import random
import time
from pathlib import Path

from benchmarks.table import Line, at_most
from benchmarks.world import NOW
from policies import matrix
from policies.manager import PolicyManager
from policies.matrix import Change
from policies.terms import Level
from policies.visibility import Gate
from webapp.ops.setup import set_up
from webapp.services import matrix_count
from webapp.services.context import Context, Site
from webapp.store import policy
from webapp.store.database import Database

ORGANIZATIONS, CHANGES, FIELDS = 20, 200, 17
#: Three in ten members chose something, one in ten has something held back; base lines are spread over the whole log.
_MEMBERS = """
WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {members})
INSERT INTO account(public_id, handle, public_name, email, email_key, email_verified_at, domain_id, state, created_at,
  member_since, base_version, chosen, chosen_org, chosen_anyone, cap_org, cap_anyone, bio, job_title)
SELECT 'm' || i, 'm' || i, 'M', 'm' || i, 'm' || i, 1, 1 + i * 7919 % {domains}, 'active', 1, 1,
  1 + i * 104729 % {head},
  CASE WHEN i % 10 < 3 THEN c.bits ELSE 0 END, CASE WHEN i % 10 < 3 THEN c.bits & (i * 31 % 131071) ELSE 0 END,
  CASE WHEN i % 10 < 3 THEN c.bits & (i * 31 % 131071) & (i * 17 % 131071) ELSE 0 END,
  9223372036854775807 - CASE WHEN i % 10 = 4 THEN i * 13 % 131071 ELSE 0 END,
  9223372036854775807 - CASE WHEN i % 10 = 4 THEN i * 13 % 131071 ELSE 0 END, {bio}, 'Engineer'
FROM (SELECT i, i * 6151 % 131071 AS bits FROM n) c
"""


def dry_runs(folder: Path, quick: bool) -> list[Line]:
    """A draft of three cells, and one of every cell of the managed table: both are one statement."""
    members = 10_000 if quick else 100_000
    lines = _measure(f"sqlite:///{folder / 'matrix.db'}", "SQLite", members, folder)
    try:
        from tests.postgres import Server

        server = Server()
    except Exception as error:
        return [*lines, Line("D11", f"PostgreSQL was not started: {type(error).__name__}", None, "<= 1")]
    try:
        return lines + _measure(server.url(server.create()), "PostgreSQL", members, folder)
    finally:
        server.stop()


def _measure(url: str, name: str, members: int, folder: Path) -> list[Line]:
    db = Database.open(url)
    ctx = Context(db=db, manager=PolicyManager(), site=Site(data_dir=folder))
    set_up(ctx, NOW)
    rng = random.Random(5)
    with db.transaction():
        for number in range(1, ORGANIZATIONS + 11):
            owner = number if number <= ORGANIZATIONS else None
            if owner:
                db.execute("INSERT INTO organization(slug, name, created_at) VALUES (?,?,1)", (f"o{number}", "O"))
            db.execute("INSERT INTO email_domain(name, organization_id, verified_at, method) VALUES (?,?,?,?)",
                       (f"d{number}.example", owner, 1 if owner else None, "word" if owner else None))
            if owner:
                policy.append_change(db, "domain", f"domain:{number}", NOW, value=owner)
        for _ in range(CHANGES):
            scope = rng.choice(("managed", "personal", f"org:{rng.randint(1, ORGANIZATIONS)}"))
            level = rng.choice((0, 2) if scope == "personal" else (0, 1, 2))
            policy.append_change(db, "cell", scope, NOW, bit=rng.randrange(FIELDS), level=level)
        sql = _MEMBERS.format(
            members=members, domains=ORGANIZATIONS + 10, head=db.policy_version(), bio=f"'{'About me. ' * 30}'"
        )
        db.execute(sql)
    if db.dialect == "postgresql":
        db.execute("ANALYZE account")
    log, version = policy.load_log(db)
    base = ctx.gate(version).base
    lines = []
    for words, bits in (("3 cells", range(3)), ("all cells", range(FIELDS))):
        force = matrix.InForce(base, log)
        draft = [
            Change("cell", "managed", bit, Level.ONLY_YOU if force.default("managed", bit) else Level.ANYONE)
            for bit in bits
        ]
        after = matrix.with_changes(log, version, draft)
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            matrix_count.count(ctx, Gate(base, log, version), Gate(base, *after), bits)
            seconds.append(time.perf_counter() - began)
        what = f"dry run of {words}, {members:,} members, {name} (best of 5, seconds : 1 s)"
        lines.append(at_most("D11", what, min(seconds), 1.0))
    db.close()
    return lines
