"""Domains of organizations: claim, prove, verify, check daily, let go (S76, T39-T42).

Verifying writes one row and one entry of the policy log whatever the number of accounts; only accounts in a link group
are looked at one by one (D6). Members are told in batches by the worker: domain_notices.py. How a proof is looked at:
domain_proof.py; which domains nobody may have: domain_names.py.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from policies.errors import Invalid, NotFound
from webapp.services import accounts as account_verbs
from webapp.services import domain_names, domain_proof, link_leave, mailer, throttle
from webapp.services.admins import Organization
from webapp.services.context import Context
from webapp.services.domain_proof import Finding
from webapp.services.sessions import Session
from webapp.store import accounts, audit, policy
from webapp.store import domains as store
from webapp.store import organizations as organization_store
from webapp.store.domains import Claim

#: A claim that nobody proves is forgotten after this long, and an organization may have so many (T40).
CLAIM_LIFE = 7 * 86_400
CLAIMS = 10
#: Seconds between two looks of the worker at one proof; misses in a row until the admins are warned, again, the end.
EVERY = 20 * 3600
WARNED_AT = (3, 6)
LOST_AT = 7
#: Looks of the worker in one turn: each takes a few seconds at most.
BATCH = 40
METHODS = ("dns", "https")


@dataclass(frozen=True, slots=True)
class PendingView:
    """A claim on the organization's page, with what its admins have to publish."""

    name: str
    unicode: str
    record: str
    file: str
    value: str
    expires_at: int
    checked_at: int | None
    finding: str


@dataclass(frozen=True, slots=True)
class DomainView:
    """A verified domain on the organization's page. `lost_in`: daily checks until it is lost, 0 while all is well."""

    name: str
    unicode: str
    method: str
    verified_at: int
    checked_at: int | None
    finding: str
    lost_in: int
    record: str
    file: str
    value: str


def list_domains(ctx: Context, organization_id: int) -> tuple[DomainView, ...]:
    """The verified domains of an organization."""
    return tuple([
        DomainView(
            row.name, domain_names.unicode_of(row.name), row.method, row.verified_at, row.checked_at,
            row.finding or "", LOST_AT - row.misses if row.misses and row.method in METHODS else 0,
            domain_proof.record_name(row.name), f"https://{row.name}{domain_proof.PATH}",
            domain_proof.expected(row.secret) if row.secret else "",
        )
        for row in store.load_owned(ctx.db, organization_id)
    ])  # fmt: skip


def list_claims(ctx: Context, organization_id: int, now: int) -> tuple[PendingView, ...]:
    """The claims of an organization that wait for their proof."""
    return tuple([_pending(claim) for claim in store.load_pending(ctx.db, organization_id, now)])


def count_members(ctx: Context, organization: Organization, name: str) -> int:
    """How many accounts are at a verified domain of the organization. Errors: NotFound."""
    if _owner_of(ctx, name) != organization.id:
        raise NotFound
    return organization_store.count_members(ctx.db, [accounts.domain_id_of(ctx.db, name)])


def claim(ctx: Context, session: Session, organization: Organization, raw: str, now: int) -> PendingView:
    """Say that a domain is the organization's own: nothing holds before it is proved, and nobody else is kept from
    claiming it too (T40). Whoever is at the domain will be everybody's colleague: an open session alone does not do it.

    Errors: Refused (rule_recent_password), Invalid (`domain`).
    """
    account_verbs.require_recent(session, now)
    name = domain_names.parse(raw)
    with ctx.db.transaction():
        _check(ctx, organization.id, name)
        parent = _parent_of_other(ctx, organization.id, name)
        if parent:
            raise Invalid({"domain": f"{name} lies below {parent}, which is another organization’s. Ask a site admin."})
        pending = store.load_pending(ctx.db, organization.id, now)
        if name not in {one.domain for one in pending}:
            if len(pending) >= CLAIMS:
                raise Invalid({"domain": f"{CLAIMS} claims wait for their proof. Prove or drop one of them first."})
            secret = secrets.token_hex(20)
            store.save_claim(ctx.db, organization.id, name, secret, now, now + CLAIM_LIFE)
            _note(ctx, "domain:claim", session.account_id, organization.id, name, now)
        made = store.find_claim(ctx.db, organization.id, name)
        assert made is not None
        return _pending(made)


def drop_claim(ctx: Context, session: Session, organization: Organization, name: str, now: int) -> None:
    """Take a claim back. Errors: NotFound, also for the claim of a domain that is verified."""
    with ctx.db.transaction():
        if _owner_of(ctx, name) == organization.id or not store.delete_claim(ctx.db, organization.id, name):
            raise NotFound
        _note(ctx, "domain:drop", session.account_id, organization.id, name, now)


def check_now(
    ctx: Context, session: Session, organization: Organization, name: str, method: str, now: int
) -> Finding:
    """Look for the proof of a claim and verify the domain if it is there; says what was found.

    No transaction is open while the network is asked. Errors: NotFound, Invalid (`domain`), TooMany.
    """
    if method not in METHODS:
        raise NotFound
    found = _open_claim(ctx, organization.id, name, now)
    throttle.take(ctx, now, (throttle.DOMAIN, str(organization.id)))
    finding = domain_proof.look(ctx.site.proving, name, found.secret, method)
    with ctx.db.transaction():
        ctx.db.link_guard()
        again = _open_claim(ctx, organization.id, name, now)
        if again.secret != found.secret or not organization_store.is_there(ctx.db, organization.id):
            raise NotFound
        owned = _owner_of(ctx, name) == organization.id
        misses = 0 if finding.proved else again.misses      # a miss is counted by the daily look only
        store.note_check(ctx.db, again.id, now, misses, finding.text)
        if finding.proved and not owned:
            _verify(ctx, organization.id, name, method, now, session.account_id)
        elif finding.proved:
            domain_id = accounts.domain_id_of(ctx.db, name)
            store.set_method(ctx.db, domain_id, method)
    return finding


def verify_by_word(ctx: Context, session: Session, organization: Organization, raw: str, now: int) -> str:
    """A site admin says that the domain is the organization's; no proof is looked for, then or later. The name.

    Errors: NotFound for anybody else, Refused (rule_recent_password), Invalid (`domain`).
    """
    if not session.is_admin:
        raise NotFound
    account_verbs.require_recent(session, now)
    name = domain_names.parse(raw)
    with ctx.db.transaction():
        ctx.db.link_guard()
        if not organization_store.is_there(ctx.db, organization.id):
            raise NotFound
        if _owner_of(ctx, name) == organization.id:
            raise Invalid({"domain": f"{name} is verified already."})
        _verify(ctx, organization.id, name, "word", now, session.account_id)
    return name


def let_go(ctx: Context, session: Session, organization: Organization, name: str, now: int) -> None:
    """The organization gives a verified domain up: its accounts are personal from the next request on (T63).

    Errors: NotFound, Refused (rule_recent_password).
    """
    account_verbs.require_recent(session, now)
    with ctx.db.transaction():
        ctx.db.link_guard()
        if _owner_of(ctx, name) != organization.id:
            raise NotFound
        store.delete_claim(ctx.db, organization.id, name)
        unverify(ctx, accounts.domain_id_of(ctx.db, name), organization.id, name, now, "word", session.account_id)


def unverify(
    ctx: Context, domain_id: int, organization_id: int, name: str, now: int, why: str, actor_id: int | None
) -> None:
    """Take a domain from its organization, inside a transaction under the link guard. Nothing widens: the policy log
    holds every level back that was narrower (D19), and the members are told."""
    store.set_owner(ctx.db, domain_id, None, now, None)
    policy.append_change(ctx.db, "domain", f"domain:{domain_id}", now, value=None, actor_id=actor_id)
    store.add_notice(ctx.db, domain_id, organization_id, False, now)
    _note(ctx, "domain:unverify", actor_id, organization_id, name, now, why=why)


def recheck(ctx: Context, now: int) -> int:
    """Look at proofs again that were last seen a day ago (T41); how many. For the worker, every hour.

    A proof that is gone is missed once a day; the admins are warned, and after a week of misses the domain is lost.
    """
    due = store.load_due(ctx.db, now - EVERY, BATCH)
    for one in due:
        claim_row = store.find_claim(ctx.db, one.organization_id, one.name)
        if claim_row is None:
            continue
        finding = domain_proof.look(ctx.site.proving, one.name, claim_row.secret, one.method)
        with ctx.db.transaction():
            ctx.db.link_guard()
            again = store.find_claim(ctx.db, one.organization_id, one.name)
            if again is None or again.checked_at != claim_row.checked_at or _owner_of(ctx, one.name) != (
                one.organization_id
            ):
                continue        # somebody was faster
            _count(ctx, one, again, finding, now)
    return len(due)


def sweep(ctx: Context, now: int) -> None:
    """Forget claims that nobody proved in time."""
    store.sweep_claims(ctx.db, now)


def _count(ctx: Context, due: store.Due, row: Claim, finding: Finding, now: int) -> None:
    misses = 0 if finding.proved else row.misses + 1
    store.note_check(ctx.db, row.id, now, misses, finding.text)
    if misses in WARNED_AT:
        _tell_admins(ctx, due.organization_id, "domain_missing", now, domain=due.name, found=finding.text,
                     days=LOST_AT - misses)
        _note(ctx, "domain:miss", None, due.organization_id, due.name, now, misses=misses)
    if misses >= LOST_AT:
        # The claim stays for a week, so that the same organization can prove it again with the same value.
        store.save_claim(ctx.db, due.organization_id, due.name, row.secret, now, now + CLAIM_LIFE)
        unverify(ctx, due.id, due.organization_id, due.name, now, "missing", None)
        _tell_admins(ctx, due.organization_id, "domain_lost", now, domain=due.name, found=finding.text)


def _verify(ctx: Context, organization_id: int, name: str, method: str, now: int, actor_id: int) -> None:
    """Make a domain the organization's, inside a transaction under the link guard; first verified wins (T40).

    Errors: Invalid (`domain`). The same organization getting back what it had last is logged as the undo of the lapse:
    what showed before it shows again, to accounts whose owners did not act in between (docs/gate.md).
    """
    _check(ctx, organization_id, name)
    domain_id = accounts.domain_id_of(ctx.db, name)
    store.set_owner(ctx.db, domain_id, organization_id, now, method)
    last = store.load_last_changes(ctx.db, domain_id)
    if len(last) == 2 and last[0][1] is None and last[1][1] == organization_id:
        policy.undo_change(ctx.db, last[0][0], now, actor_id)
    else:
        policy.append_change(ctx.db, "domain", f"domain:{domain_id}", now, value=organization_id, actor_id=actor_id)
    link_leave.settle_domain(ctx, domain_id, now)
    store.add_notice(ctx.db, domain_id, organization_id, True, now)
    _note(ctx, "domain:verify", actor_id, organization_id, name, now, method=method)


def _check(ctx: Context, organization_id: int, name: str) -> None:
    """T39, T40: what no organization may have, and what another one has. Errors: Invalid (`domain`)."""
    verified = store.load_verified(ctx.db)
    if any(domain == name and owner != organization_id for domain, owner in verified):
        raise Invalid({"domain": f"{name} is verified for another organization, which must let go of it first."})
    domain_names.check(name, [domain for domain, owner in verified if owner != organization_id])


def _parent_of_other(ctx: Context, organization_id: int, name: str) -> str:
    """A verified domain of another organization that this one lies below, or "" (T39)."""
    owners = dict(store.load_verified(ctx.db))
    return next((one for one in domain_names.parents_of(name) if owners.get(one, organization_id) != organization_id),
                "")


def _open_claim(ctx: Context, organization_id: int, name: str, now: int) -> Claim:
    """The claim, if it can still be proved; that of a verified domain always. Errors: NotFound."""
    found = store.find_claim(ctx.db, organization_id, name)
    if found is None or (found.expires_at <= now and _owner_of(ctx, name) != organization_id):
        raise NotFound
    return found


def _owner_of(ctx: Context, name: str) -> int | None:
    found = accounts.find_domain(ctx.db, name)
    return found[1] if found else None


def _pending(row: Claim) -> PendingView:
    return PendingView(
        row.domain, domain_names.unicode_of(row.domain), domain_proof.record_name(row.domain),
        f"https://{row.domain}{domain_proof.PATH}", domain_proof.expected(row.secret), row.expires_at, row.checked_at,
        row.finding,
    )  # fmt: skip


def _tell_admins(ctx: Context, organization_id: int, template: str, now: int, **values: object) -> None:
    name = accounts.organization_name(ctx.db, organization_id)
    for admin in accounts.organization_admins(ctx.db, organization_id):
        mailer.queue(ctx, admin, template, now, organization=name, **values)


def _note(
    ctx: Context, event: str, actor_id: int | None, organization_id: int, name: str, now: int, **detail: Any
) -> None:
    audit.record(ctx.db, event, now, actor_id=actor_id, organization_id=organization_id, domain=name, **detail)
