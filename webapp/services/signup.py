"""Sign-up (D20): a name and an address, a mailed link, then a password and a handle. Before that nothing exists.

The answer is the same for a known and an unknown address (T7): what differs is the text of the mail.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies import holding
from policies.errors import Conflict, Invalid
from policies.terms import State
from webapp.services import emails, handles, mailer, passwords, people_index, texts, throttle, tokens
from webapp.services.context import Context
from webapp.services.emails import Address
from webapp.services.tokens import LinkGone
from webapp.store import accounts, audit, proofs
from webapp.store.proofs import Proof


@dataclass(frozen=True, slots=True)
class SignupStep:
    """An opened sign-up link: whose address it proves, and a handle to start with.

    `is_same_browser`: the name typed at sign-up counts here; elsewhere name and Terms are asked anew (T1).
    """

    email: str
    is_same_browser: bool
    name: str
    handle: str


def terms_version(ctx: Context) -> str:
    """The version of the Terms in force (S27)."""
    return ctx.settings().terms_version


def ask(ctx: Context, now: int, *, email: str, name: str, remote: str) -> tuple[str, str]:
    """Somebody wants an account. Returns the checked name and a random mark of the browser, for its cookie.

    Errors: Invalid (`name`, `email`), TooMany.
    """
    problems: dict[str, str] = {}
    address, checked = None, ""
    try:
        checked = texts.person_name("name", name, required=True)
    except Invalid as error:
        problems |= error.errors
    try:
        address = emails.parse(email)
    except Invalid as error:
        problems |= error.errors
    if address is None or problems:
        raise Invalid(problems)
    throttle.take_mail(ctx, now, "signup", address.key, remote)
    mark = tokens.new_token()
    with ctx.db.transaction():
        account = accounts.find_by_email(ctx.db, address.key)
        if account is None:
            detail = {"email": address.email, "mark": tokens.digest(mark)}
            token = tokens.issue(ctx, "signup", now, email_key=address.key, detail=detail)
            mailer.queue(ctx, address.email, "signup", now, link=mailer.link(ctx, "/verify", token=token))
        elif account.may_log_in:
            token = tokens.issue(ctx, "login", now, email_key=address.key, account_id=account.id)
            mailer.queue(
                ctx, account.email or "", "signup_known", now, handle=account.handle,
                link=mailer.link(ctx, "/login/link", token=token),
            )
        else:
            tokens.issue(ctx, "login", now, email_key=address.key)      # never mailed: it keeps the work equal
            if account.state == State.CLOSING:
                mailer.queue(ctx, address.email, "account_waits", now, link=mailer.link(ctx, "/login/link"))
            else:
                mailer.queue(ctx, address.email, "not_usable", now)
    return checked, mark


def open_step(ctx: Context, now: int, key: str, *, mark: str, name: str) -> SignupStep:
    """The page of an opened link. `mark` and `name` come from the browser's signed cookie. Errors: LinkGone."""
    proof = _proof(ctx, key, now)
    same = _is_same_browser(proof, mark)
    known = name if same else ""
    return SignupStep(proof.detail["email"], same, known, handles.suggest(ctx, known))


def finish(
    ctx: Context, now: int, key: str, *, mark: str, name: str, typed_name: str, handle: str, password: str,
    terms: str,
) -> int:
    """Make the account; its id. `name` is that of the browser's cookie, `typed_name` that of the page.

    Errors: Invalid (`name`, `handle`, `password`, `terms`), LinkGone.
    """
    proof = _proof(ctx, key, now)
    address = emails.parse(proof.detail["email"])
    problems: dict[str, str] = {}
    if not _is_same_browser(proof, mark):
        try:
            name = texts.person_name("name", typed_name, required=True)
        except Invalid as error:
            problems |= error.errors
    try:
        handle = handles.check(handle)
    except Invalid as error:
        problems |= error.errors
    else:
        if accounts.owner_of_handle(ctx.db, handle) is not None:
            problems["handle"] = _TAKEN
    try:
        passwords.check(password, names_to_avoid(ctx, address, handle))
    except Invalid as error:
        problems |= error.errors
    if terms != terms_version(ctx):
        problems["terms"] = "The Terms of Use have changed. Read them, then go on."
    if problems:
        raise Invalid(problems)
    password_hash = passwords.hash_password(password)
    is_admin = proof.purpose == "invite"
    with ctx.db.transaction():
        tokens.use(ctx, proof, now)
        account_id = create_account(
            ctx, now, address, handle=handle, name=name, password_hash=password_hash, terms=terms, is_admin=is_admin
        )
        proofs.cancel_for_email(ctx.db, "signup", address.key)
        proofs.cancel_for_email(ctx.db, "invite", address.key)
    return account_id


def create_account(
    ctx: Context, now: int, address: Address, *, handle: str, name: str, password_hash: str, terms: str,
    is_admin: bool = False,
) -> int:
    """Insert an active account with a proved address, inside a transaction; its id.

    The public name starts as the handle and is never empty. Errors: Invalid (`handle`) if it was ever used; Conflict if
    the address is another account's.
    """
    domain_id = accounts.domain_id_of(ctx.db, address.domain)
    cap_anyone, cap_org = holding.begin(ctx.gate(), domain_id)
    account_id = accounts.insert(
        ctx.db, now, public_id=tokens.new_public_id(), handle=handle, public_name=handle, full_name=name or None,
        email=address.email, email_key=address.key, email_verified_at=now,
        domain_id=domain_id, cap_anyone=cap_anyone, cap_org=cap_org, password_hash=password_hash,
        state=State.ACTIVE.value, is_admin=is_admin, terms_version=terms, terms_at=now, member_since=now,
    )
    if account_id is None and accounts.find_by_email(ctx.db, address.key) is not None:
        raise Conflict("There is an account with this address already.", "Log in instead.")
    if account_id is None or not accounts.add_handle(ctx.db, handle, account_id, now):
        raise Invalid({"handle": _TAKEN})
    people_index.refresh(ctx, [account_id])
    audit.record(
        ctx.db, "account:create", now, actor_id=account_id, subject_id=account_id, terms=terms,
        mixed_script=texts.is_mixed_script(name), admin=is_admin,
    )
    return account_id


def create_admin(ctx: Context, email: str, now: int) -> str | None:
    """The first admin, by command line only (T100): makes an existing account an admin and returns None, or returns the
    link under which whoever reads the address's mail chooses password and handle. It is mailed too."""
    address = emails.parse(email)
    with ctx.db.transaction():
        account = accounts.find_by_email(ctx.db, address.key)
        if account is not None and not account.may_log_in:
            raise Conflict(
                "Nobody can log in to the account of this address: it is not active.",
                "Reactivate it first, or use another address.",
            )
        if account is not None:
            accounts.set_admin(ctx.db, account.id)
            audit.record(ctx.db, "admin:grant", now, subject_id=account.id)
            return None
        token = tokens.issue(ctx, "invite", now, email_key=address.key, detail={"email": address.email, "mark": ""})
        link = mailer.link(ctx, "/verify", token=token)
        mailer.queue(ctx, address.email, "signup", now, link=link)
    return link


def names_to_avoid(ctx: Context, address: Address, handle: str) -> list[str]:
    """What a password must not hold: site, organization, its domain, the person's own handle and address (T9)."""
    domain = accounts.find_domain(ctx.db, address.domain)
    label = address.domain.rpartition(".")[0].rpartition(".")[2]
    organization = domain[2] if domain else ""
    return [name for name in (ctx.site_name, organization, label, handle, address.key.partition("@")[0]) if name]


def open_link(ctx: Context, token: str, now: int) -> Proof | None:
    """The proof of a sign-up link or of an admin's invitation."""
    return tokens.open_token(ctx, "signup", token, now) or tokens.open_token(ctx, "invite", token, now)


def proved_address(ctx: Context, key: str, now: int) -> Address:
    """The address that an opened sign-up link proves. Errors: LinkGone."""
    return emails.parse(_proof(ctx, key, now).detail["email"])


_TAKEN = "That handle is not available. Choose another one."


def _proof(ctx: Context, key: str, now: int) -> Proof:
    proof = tokens.reopen(ctx, "signup", key, now) or tokens.reopen(ctx, "invite", key, now)
    if proof is None or accounts.find_by_email(ctx.db, proof.email_key or "") is not None:
        raise LinkGone
    return proof


def _is_same_browser(proof: Proof, mark: str) -> bool:
    return bool(mark) and proof.detail["mark"] == tokens.digest(mark)
