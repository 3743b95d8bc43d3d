"""The dry run's numbers: equal to asking both gates about every member alone, on both databases."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies import matrix
from policies.matrix import Change
from policies.terms import ALL, Kind, Level, Settings, Subject
from policies.visibility import Gate
from tests.conftest import NOW
from tests.factories import make_account, make_domain, make_organization
from tests.services.people import BIT
from webapp.services import matrix_count
from webapp.services.context import Context
from webapp.store import policy

KNOWN = (1 << len(BIT)) - 1
FIELDS = ("avatar", "job_title", "email", "stats")
BITS = tuple(BIT[name] for name in FIELDS)
LEVELS = (None, Level.ONLY_YOU, Level.ORGANIZATION, Level.ANYONE)


def one_by_one(ctx: Context, before: Gate, after: Gate, bits: set[int], organization: int | None) -> tuple:
    """The dry run written down a second time: every account, every field, every audience, from the gate's levels."""
    fields: Counter = Counter()
    total: Counter = Counter()
    asked = 0
    declined = {(account, bit): level for account, bit, level in
                ctx.db.rows("SELECT account_id, bit, level FROM visibility_decline")}
    for row in ctx.db.rows(
        "SELECT id, domain_id, base_version, chosen, chosen_anyone, chosen_org, cap_anyone, cap_org, state FROM account"
        " WHERE state IN ('active', 'unclaimed')"
    ):
        subject = Subject(row[0], row[0], row[1], Settings(*row[2:8]))
        if organization is not None and after.organization(row[1]) != organization:
            continue
        kind, fates = after.kind(row[1]), set()
        was, now = before.levels(subject), after.levels(subject)
        waited, waits = before.pending(subject), after.pending(subject)
        for name in (name for name, bit in BIT.items() if bit in bits):
            for audience in (Level.ANYONE, Level.ORGANIZATION):
                if kind is Kind.PERSONAL and audience is Level.ORGANIZATION:
                    continue
                offered = waits.get(name, Level.ONLY_YOU)
                told = declined.get((row[0], BIT[name]), 0)
                if (was[name] >= audience) and not now[name] >= audience:
                    fate = "narrows"
                elif not was[name] >= audience and now[name] >= audience:
                    fate = "opens"
                elif (row[8] == "active" and offered >= audience > now[name] and offered > told
                      and not waited.get(name, Level.ONLY_YOU) >= audience):
                    fate = "asks"
                elif (row[3] >> BIT[name] & 1 or told) and _moved(before, after, row[1], BIT[name]):
                    fate = "keeps"
                else:
                    fate = "same"
                fields[kind, BIT[name], audience, fate] += 1
                fates.add(fate)
        asked += "asks" in fates
        total["narrows" if fates & {"narrows", "opens"} else "asks" if "asks" in fates else
              "keeps" if "keeps" in fates else "same"] += 1
    return fields, total, asked


def _moved(before: Gate, after: Gate, domain: int | None, bit: int) -> bool:
    was, now = before.timeline(domain).cur, after.timeline(domain).cur
    return any(getattr(was, name) >> bit & 1 != getattr(now, name) >> bit & 1
               for name in ("anyone", "org", "lock_anyone", "lock_org"))


def check(ctx: Context, after_log: tuple, bits: set[int], organization: int | None = None) -> None:
    log, version = policy.load_log(ctx.db)
    base = ctx.gate(version).base
    before, after = Gate(base, log, version), Gate(base, *after_log)
    count = matrix_count.count(ctx, before, after, bits, organization)
    fields, total, asked = one_by_one(ctx, before, after, bits, organization)
    counted = {(*key, name): value for key, tally in count.fields.items()
               for name in ("narrows", "opens", "asks", "keeps", "same") if (value := getattr(tally, name))}
    assert counted == dict(fields)
    assert count.asked == asked
    assert (count.total.narrows, count.total.asks, count.total.keeps, count.total.same) == tuple(
        total[name] for name in ("narrows", "asks", "keeps", "same"))


def people(ctx: Context, rng: random.Random, count: int, domains: list[int | None], prefix: str = "m") -> None:
    """Accounts in random states: base lines, choices, caps, declined offers; some unclaimed or gone."""
    head = ctx.db.policy_version()
    for number in range(count):
        chosen = rng.getrandbits(17) & rng.getrandbits(17)
        org = chosen & rng.getrandbits(17)
        cap_org = ALL & ~(rng.getrandbits(17) & rng.getrandbits(17))
        account = make_account(
            ctx.db, f"{prefix}{number}", domain_id=rng.choice(domains), base_version=rng.randint(1, head),
            chosen=chosen, chosen_org=org, chosen_anyone=org & rng.getrandbits(17), cap_org=cap_org,
            cap_anyone=cap_org & ~(rng.getrandbits(17) & rng.getrandbits(17)),
            state=rng.choice(("active", "active", "active", "unclaimed", "deactivated")),
            private=rng.random() < 0.2,
        )
        if rng.random() < 0.3:
            ctx.db.execute("INSERT INTO visibility_decline(account_id, bit, level, at) VALUES (?,?,?,1)",
                           (account, rng.choice(BITS), rng.choice((1, 2))))


changes = st.lists(
    st.tuples(st.sampled_from(("cell", "lock")), st.sampled_from(("managed", "personal", "a", "b")),
              st.sampled_from(BITS), st.sampled_from(LEVELS)),
    min_size=1, max_size=5, unique_by=lambda one: one[:3],
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(past=st.lists(changes, max_size=4), draft=changes, seed=st.integers(0, 2**32))
def test_the_dry_run_is_what_the_gate_says_of_each_member(ctx: Context, past, draft, seed) -> None:
    """D11, D19: random history, random members of four scopes, a random draft; then the undo of the last change."""
    db = ctx.db
    with db.transaction():      # emptied again at its end: every example starts from the same few rows
        org = {name: make_organization(db, name) for name in ("a", "b")}
        domains = [None, make_domain(db, "free.example"), *(make_domain(db, f"{n}.example", i) for n, i in org.items())]

        def clean(one):
            op, scope, bit, level = one
            if scope == "personal" and level is Level.ORGANIZATION:
                level = Level.ANYONE
            return Change(op, f"org:{org[scope]}" if scope in org else scope, bit, level)

        rng = random.Random(seed)
        for number, step in enumerate(past):
            people(ctx, rng, 3, domains, f"e{number}x")
            for change in map(clean, step):
                last = policy.append_change(db, change.op, change.scope, NOW, bit=change.bit, level=change.level)
            if rng.random() < 0.3:
                policy.undo_change(db, last, NOW)
        people(ctx, rng, 12, domains)
        log, version = policy.load_log(db)
        cleaned = [clean(one) for one in draft]
        bits = {change.bit for change in cleaned}
        check(ctx, matrix.with_changes(log, version, cleaned), bits)
        check(ctx, matrix.with_changes(log, version, cleaned), bits, org["a"])
        live = [change for change in log if change.op in ("cell", "lock") and change.undone_at is None]
        if live:
            check(ctx, matrix.with_undo(log, version, [live[-1].version]), {live[-1].bit})
        db.execute("DELETE FROM visibility_decline")
        db.execute("DELETE FROM handle")
        db.execute("DELETE FROM account")
        db.execute("DELETE FROM policy_change WHERE op <> 'base'")
        db.execute("DELETE FROM email_domain")
    ctx._gate = None


def test_the_numbers_of_a_small_world_by_hand(ctx: Context) -> None:
    """Three at Anyone by default, one who chose, one who is not of the kind: the job title of managed accounts."""
    for name in ("ann", "ben", "cat"):
        make_account(ctx.db, name, kind="managed")
    make_account(ctx.db, "dan", kind="managed", chosen=1 << BIT["job_title"], chosen_org=1 << BIT["job_title"])
    make_account(ctx.db, "eve")
    make_account(ctx.db, "gus", kind="managed", state="deactivated")
    log, version = policy.load_log(ctx.db)
    base = ctx.gate(version).base
    draft = [Change("cell", "managed", BIT["job_title"], Level.ORGANIZATION),
             Change("cell", "managed", BIT["email"], Level.ORGANIZATION)]
    gates = Gate(base, log, version), Gate(base, *matrix.with_changes(log, version, draft))
    count = matrix_count.count(ctx, *gates, [change.bit for change in draft])
    title = count.fields[Kind.MANAGED, BIT["job_title"], Level.ANYONE]
    assert (title.narrows, title.opens, title.asks, title.keeps, title.same) == (3, 0, 0, 1, 0)
    email = count.fields[Kind.MANAGED, BIT["email"], Level.ORGANIZATION]
    assert (email.narrows, email.opens, email.asks, email.keeps, email.same) == (0, 0, 4, 0, 0)
    assert (count.total.narrows, count.total.asks, count.total.keeps, count.total.same) == (3, 1, 0, 1)
    assert Kind.PERSONAL in {kind for kind, _, _ in count.fields}


def test_d5_the_dry_run_knows_no_link_and_no_private_switch(ctx: Context) -> None:
    """Whatever is linked, silent or private: an admin's numbers are the same."""
    ids = [make_account(ctx.db, name, kind="managed") for name in ("ann", "ben")]
    home = make_account(ctx.db, "home")
    log, version = policy.load_log(ctx.db)
    base = ctx.gate(version).base
    draft = [Change("cell", "managed", BIT["stats"], Level.ONLY_YOU)]
    gates = Gate(base, log, version), Gate(base, *matrix.with_changes(log, version, draft))
    before = matrix_count.count(ctx, *gates, [BIT["stats"]])
    ctx.db.execute("UPDATE account SET primary_id = ?, silent = ?, link_cap_anyone = 0, link_cap_org = 0,"
                   " link_private = ? WHERE id = ?", (home, True, True, ids[0]))
    ctx.db.execute("UPDATE account SET private = ? WHERE id = ?", (True, ids[1]))
    assert matrix_count.count(ctx, *gates, [BIT["stats"]]) == before


@pytest.mark.parametrize("bits", [1, 6])
def test_one_statement_counts_whatever_the_number_of_members(ctx: Context, bits: int, monkeypatch) -> None:
    asked = []
    real = ctx.db.rows
    people(ctx, random.Random(1), 20, [None, make_domain(ctx.db, "acme.example", make_organization(ctx.db))])
    log, version = policy.load_log(ctx.db)
    base = ctx.gate(version).base
    draft = [Change("cell", "managed", bit, Level.ONLY_YOU) for bit in range(bits)]
    gates = Gate(base, log, version), Gate(base, *matrix.with_changes(log, version, draft))
    monkeypatch.setattr(ctx.db, "rows", lambda sql, params=(): asked.append(sql) or real(sql, params))
    matrix_count.count(ctx, *gates, range(bits))
    assert len(asked) == 1
