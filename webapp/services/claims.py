"""Claiming an imported account (D21): by an admin's single-use link, or by proving the address that the source gave.

Both end in a password on a proved address. The handle stays. Nothing is linked or merged by it: of a group that the
operator made the claimed account becomes the primary, unless somebody claimed the primary before; then it leaves the
group, for whoever claims one account has shown nothing about the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies import holding
from policies.errors import Invalid, NotFound
from policies.terms import State
from webapp.services import (
    accounts,
    emails,
    link_mail,
    link_verbs,
    mailer,
    passwords,
    people_index,
    signup,
    throttle,
    tokens,
)
from webapp.services.context import Context
from webapp.services.emails import Address
from webapp.services.sessions import Session
from webapp.services.tokens import LinkGone
from webapp.store import accounts as account_store
from webapp.store import audit, links, proofs, records
from webapp.store import claims as store
from webapp.store.claims import Unclaimed
from webapp.store.profiles import Group
from webapp.store.proofs import Proof

CLAIM = "claim"
#: How long an admin's link works, and the one that is mailed after it to prove the address.
LINK_LIFETIME = 7 * 86_400
PROOF_LIFETIME = 86_400


@dataclass(frozen=True, slots=True)
class ClaimStep:
    """An opened link: which account, and the address that is proved by it ("": it is asked for first)."""

    handle: str
    sources: tuple[str, ...]
    email: str


@dataclass(frozen=True, slots=True)
class ClaimOffer:
    """An unclaimed account that a source gave a proved address for."""

    key: str
    handle: str
    sources: tuple[str, ...]


# The admin's part -----------------------------------------------------------------------------------------------------


def make_link(ctx: Context, session: Session, public_id: str, now: int) -> str:
    """A claim link for an unclaimed account, told once; earlier links of the account no longer work.

    Errors: Refused (rule_recent_password), NotFound.
    """
    return _make(ctx, session, public_id, now, None)


def mail_link(ctx: Context, session: Session, public_id: str, email: str, now: int) -> None:
    """The same, mailed: whoever opens it has proved that address. Errors: as `make_link`, Invalid (`email`)."""
    _make(ctx, session, public_id, now, emails.parse(email))


def _make(ctx: Context, session: Session, public_id: str, now: int, address: Address | None) -> str:
    accounts.require_recent(session, now)
    with ctx.db.transaction():
        account = store.find(ctx.db, public_id)
        if account is None:
            raise NotFound
        proofs.cancel_for_account(ctx.db, account.id, CLAIM)
        token = _issue(ctx, account.id, now, LINK_LIFETIME, address, {})
        link = mailer.link(ctx, f"/claim/{token}")
        if address is not None:
            mailer.queue(ctx, address.email, "claim_invite", now, handle=account.handle, link=link)
        audit.record(
            ctx.db, "claim:make", now, actor_id=session.account_id, subject_id=account.id, mailed=address is not None
        )
    return link


# The claimant's part --------------------------------------------------------------------------------------------------


def open_link(ctx: Context, token: str, now: int) -> str:
    """The key of an opened link's proof; nothing is used up. Errors: LinkGone."""
    proof = tokens.open_token(ctx, CLAIM, token, now)
    if proof is None:
        raise LinkGone
    _account(ctx, proof)
    return proof.key


def open_step(ctx: Context, key: str, now: int) -> ClaimStep:
    """The page of an opened link. Errors: LinkGone."""
    proof = _proof(ctx, key, now)
    account = _account(ctx, proof)
    labels = tuple(store.load_source_labels(ctx.db, account.id))
    return ClaimStep(account.handle, labels, str(proof.detail.get("email", "")))


def ask(ctx: Context, key: str, now: int, *, email: str, remote: str) -> None:
    """Mail a link that proves an address to whoever holds an admin's link. Which addresses are taken is not told.

    Errors: Invalid (`email`), TooMany, LinkGone.
    """
    proof = _proof(ctx, key, now)
    account = _account(ctx, proof)
    address = emails.parse(email)
    throttle.take_mail(ctx, now, "claim", address.key, remote)
    with ctx.db.transaction():
        proofs.cancel_for_email(ctx.db, CLAIM, address.key)
        token = _issue(ctx, account.id, now, PROOF_LIFETIME, address, {"link": proof.key})
        if account_store.find_by_email(ctx.db, address.key) is None:
            link = mailer.link(ctx, f"/claim/{token}")
            mailer.queue(ctx, address.email, "claim_confirm", now, handle=account.handle, link=link)
        else:
            mailer.queue(ctx, address.email, "email_taken", now)


def offers(ctx: Context, email_key: str) -> tuple[ClaimOffer, ...]:
    """Unclaimed accounts for whoever proves this address: they are offered, nothing happens by itself (D3, D21)."""
    found: dict[str, tuple[str, list[str]]] = {}
    for public_id, handle, label in store.find_by_address(ctx.db, email_key):
        found.setdefault(public_id, (handle, []))[1].append(label)
    return tuple(ClaimOffer(key, handle, tuple(labels)) for key, (handle, labels) in found.items())


def offers_at_signup(ctx: Context, signup_key: str, now: int) -> tuple[ClaimOffer, ...]:
    """The same for an opened sign-up link. Errors: LinkGone."""
    return offers(ctx, signup.proved_address(ctx, signup_key, now).key)


def take_offer(ctx: Context, signup_key: str, public_id: str, now: int) -> str:
    """An opened sign-up link proves the address that a source gave for this account: the key of a claim's proof.

    Errors: LinkGone, NotFound.
    """
    address = signup.proved_address(ctx, signup_key, now)
    if public_id not in {offer.key for offer in offers(ctx, address.key)}:
        raise NotFound
    account = store.find(ctx.db, public_id)
    if account is None:
        raise NotFound
    with ctx.db.transaction():
        proofs.cancel_for_email(ctx.db, CLAIM, address.key)
        token = _issue(ctx, account.id, now, PROOF_LIFETIME, address, {"link": signup_key})
    return tokens.digest(token)


def open_for_member(ctx: Context, public_id: str, now: int) -> str:
    """The same for a member whose account has the address already: the claim needs another one, asked first.

    Errors: NotFound.
    """
    account = store.find(ctx.db, public_id)
    if account is None:
        raise NotFound
    return tokens.digest(_issue(ctx, account.id, now, PROOF_LIFETIME, None, {}))


def finish(ctx: Context, key: str, now: int, *, password: str, terms: str) -> int:
    """Set the password: the account is the claimant's from now on; its id.

    Errors: Invalid (`password`, `terms`, `email`), LinkGone.
    """
    proof = _proof(ctx, key, now)
    account = _account(ctx, proof)
    address = emails.parse(str(proof.detail.get("email", "")))
    problems: dict[str, str] = {}
    try:
        passwords.check(password, signup.names_to_avoid(ctx, address, account.handle))
    except Invalid as error:
        problems |= error.errors
    if terms != signup.terms_version(ctx):
        problems["terms"] = "The Terms of Use have changed. Read them, then go on."
    if problems:
        raise Invalid(problems)
    password_hash = passwords.hash_password(password)
    with ctx.db.transaction():
        group = link_verbs.lock_group(ctx, account.id)
        tokens.use(ctx, proof, now)
        if proof.detail.get("link") and not proofs.use(ctx.db, str(proof.detail["link"]), now):
            raise LinkGone      # the admin's link, or the sign-up's, was used elsewhere in between
        _take(ctx, group, address, now, password_hash, terms)
        proofs.cancel_for_account(ctx.db, account.id, CLAIM)
        for purpose in ("signup", "invite", CLAIM):
            proofs.cancel_for_email(ctx.db, purpose, address.key)
        audit.record(ctx.db, "account:claim", now, actor_id=account.id, subject_id=account.id, terms=terms)
        _settle_group(ctx, account.id, now)
        people_index.refresh(ctx, group.ids)
    return account.id


def _take(ctx: Context, group: Group, address: Address, now: int, password_hash: str, terms: str) -> None:
    """The account gets its address, password and state; what it shows stays held as it was (D19)."""
    member = group.asked
    domain_id = account_store.domain_id_of(ctx.db, address.domain)
    gate = ctx.gate(group.version)
    organization = gate.organization(domain_id)
    if organization is not None and (group.linked or member.primary_id is not None):
        name = account_store.organization_name(ctx.db, organization)
        raise Invalid({"email": f"{name} manages that address. Claim this account with a personal one."})
    settings = holding.change_domain(gate, group.subject(member), domain_id)
    if not store.claim(
        ctx.db, member.id, now, email=address.email, email_key=address.key, domain_id=domain_id,
        password_hash=password_hash, terms=terms,
    ):
        raise LinkGone
    records.save(ctx.db, member.id, settings, {})


def _settle_group(ctx: Context, account_id: int, now: int) -> None:
    """Of a group that the operator made the first account claimed becomes the primary; a later one leaves it."""
    group = link_verbs.lock_group(ctx, account_id)
    member = group.asked
    if member.primary_id is None:
        return
    if group.primary.state == State.UNCLAIMED and not member.silent:
        old = group.primary.id
        link_verbs.write_primary(ctx, group, member, now)
        for one, part in ((member.id, "primary"), (old, "linked")):
            link_verbs.note(ctx, "account:primary", one, now, actor_id=None, by="claim", part=part)
    else:
        head = links.load_parties(ctx.db, [group.primary.id])[group.primary.id]
        link_verbs.unlink(ctx, group, member, now, actor_id=None, by="claim")
        link_mail.tell_unlinked(ctx, [head], now)


def _issue(
    ctx: Context, account_id: int, now: int, lifetime: int, address: Address | None, detail: Mapping[str, Any]
) -> str:
    token = tokens.new_token()
    proofs.add(
        ctx.db, CLAIM, tokens.digest(token), now, now + lifetime, account_id=account_id,
        email_key=address.key if address else None, detail={**detail, **({"email": address.email} if address else {})},
    )
    return token


def _proof(ctx: Context, key: str, now: int) -> Proof:
    proof = tokens.reopen(ctx, CLAIM, key, now)
    if proof is None:
        raise LinkGone
    return proof


def _account(ctx: Context, proof: Proof) -> Unclaimed:
    """The account of a proof, while nobody has claimed it. Errors: LinkGone."""
    account = store.load(ctx.db, proof.account_id or 0)
    if account is None:
        raise LinkGone
    return account
