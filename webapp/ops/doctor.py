"""`vitrine doctor`: every invariant that can be checked from the data, each breach one line. It changes nothing.

I5 and I6: the kept sums are counted again from the events; I7: milestones follow from the sums; the rest are
statements of store/invariants.py. The gate's two forms, masks and SQL, are compared for every account (I10), and the
directory's rows with what they would be written as.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.badges import LADDER_METRICS
from policies.errors import Refused
from policies.predicate import visible_sql
from policies.terms import ANONYMOUS
from webapp.services import people_index, plugins, repair
from webapp.services.context import Context
from webapp.store import invariants, policy
from webapp.store.migrate import is_at_head, migration_status
from webapp.store.profiles import load_group_of

#: What a breach of each statement means; {0} is the account (or row), {1} what it collides with.
MEANING = {
    "link_to_nobody": "I1 account {0} is linked to {1}, which is not there",
    "hold_without_link": "S51 account {0} is not linked and still holds what a link held",
    "link_without_date": "I1 account {0} is linked to {1} without a date",
    "primary_is_linked": "I2 account {0} is linked to {1}, which is linked itself",
    "primary_is_deleted": "I2 account {0} is linked to {1}, and one of them is deleted",
    "primary_is_managed": "I3 account {0} is managed and was made the primary of {1}",
    "two_managed": "I4 accounts {0} and {1} are linked and both managed",
    "event_twice": "I8 activities {0} and {1} are the same event",
    "event_of_other_account": "I8 activity {0} is not filed under account {1}, whose identity it names",
    "choice_not_nested": "I10 account {0} shows a field to Anyone that it hides from its organization",
    "base_version_ahead": "I10 account {0} has base version {1}, which the policy log has not reached",
    "log_ahead": "I10 policy change {0} is newer than the policy version",
    "link_not_audited": "I11 account {0} is linked to {1} without an audit row",
    "unlink_not_audited": "I11 account {0} was linked and is not any more, without an audit row",
    "privacy_not_audited": "I11 account {0} is private without an audit row",
    "consent_of_nobody": "I9 consent {0} is of account {1}, which is not active",
    "consent_not_audited": "I11 consent {0} of account {1} has no audit row",
    "address_elsewhere": "S76 account {0} is filed under the domain {1}, which is not that of its address",
    "domain_of_nobody": "T46 domain {0} belongs to organization {1}, which was removed",
    "handle_not_owned": "D20 account {0} uses a handle that belongs to {1}",
}


def examine(ctx: Context) -> Iterator[str]:
    """One line per finding; none when all holds. Errors: Unavailable."""
    db = ctx.db
    yield from (f"database: {problem}" for problem in invariants.check_file(db))
    if not is_at_head(db):
        pending = [name for name, applied in migration_status(db) if not applied]
        yield f"schema: not that of this release (pending: {', '.join(pending) or 'none; unknown steps applied'})"
        return
    for name, meaning in MEANING.items():
        for row in invariants.find_breaches(db, name):
            yield meaning.format(*row)
    yield from (f"I6 {problem}" for problem in repair.find_differences(ctx))
    yield from _milestones(ctx)
    yield from _rules(ctx)
    yield from _domains(ctx)
    yield from _gate(ctx)
    yield from people_index.find_differences(ctx)


def _milestones(ctx: Context) -> Iterator[str]:
    """I7: what is earned is every step up to the sum, and the example of S69 comes out as written."""
    if ctx.manager.ladder("answers") and ctx.manager.ladder("answers")[:6] == (1, 10, 25, 50, 75, 100):
        earned = ctx.manager.milestones("answers", 27 + 57)
        if earned != (1, 10, 25, 50, 75):
            yield f"I7 84 answers earn {earned}"
    for metric in LADDER_METRICS:
        ladder = ctx.manager.ladder(metric)
        if list(ladder) != sorted(set(ladder)):
            yield f"I7 the ladder of {metric} does not ascend"


def _rules(ctx: Context) -> Iterator[str]:
    """I10: every field has its bit, and the defaults in force are those on record."""
    bits = policy.load_field_bits(ctx.db)
    ctx.gate()      # which plugins are on
    for field in ctx.manager.fields:
        if field.name not in bits:
            yield f"I10 field {field.name} has no bit and is hidden; run `vitrine migrate up`"
    try:
        if plugins.unrecorded_changes(ctx, ctx.manager, bits):
            yield (
                "I10 the defaults of the plugins are not those on record; run `vitrine migrate up`, where the site's"
                " own VITRINE_ variables are set"
            )
    except Refused as error:
        yield f"I10 {error.problem} What it was asked about is hidden until it is well"
    known = sum(1 << bit for bit in bits.values())
    for account, chosen in invariants.count_breaches_of_choice(ctx.db, known):
        yield f"I10 account {account} has choices {chosen} for fields that never were"


def _domains(ctx: Context) -> Iterator[str]:
    """S76: whose each domain is, by its row and by the policy log that the gate decides from."""
    gate = ctx.gate()
    for domain, owner in invariants.domain_owners(ctx.db):
        logged = gate.organization(domain)
        if logged != owner:
            names = (owner or "nobody", logged or "nobody")
            yield "S76 domain {} belongs to {} by its row, to {} by the policy log".format(domain, *names)


def _gate(ctx: Context) -> Iterator[str]:
    """I10: for Anyone, the mask of every account equals the SQL form of the gate, field by field."""
    gate = ctx.gate()
    if gate.base.vetoes:
        return      # a plugin's veto is asked per subject and has no SQL form
    by_sql = {bit: invariants.ids_where(ctx.db, visible_sql(gate, name)) for name, bit in gate.bit.items()}
    last, found = 0, 0
    while ids := invariants.account_ids(ctx.db, last, 500):
        last = ids[-1]
        for account in ids:
            group = load_group_of(ctx.db, account)
            if group is None:
                continue        # reported as I1 or I2
            mask = gate.mask(ANONYMOUS, group.subject(group.asked))
            wrong = [name for name, bit in gate.bit.items() if (mask >> bit & 1) != (account in by_sql[bit])]
            if wrong:
                found += 1
                yield f"I10 the two forms of the gate differ for account {account}: {', '.join(wrong)}"
                if found == 20:
                    return
