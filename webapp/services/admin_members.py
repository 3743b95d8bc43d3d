"""The audited door to account records: handle, address, kind, state, and no profile field. Every look is noted.

What an account is linked to is told nowhere here (D5); there is no verb that merges accounts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from policies.errors import Invalid, NotFound
from policies.terms import ANONYMOUS, State
from webapp.services import accounts, closing, cursors, emails, people
from webapp.services.context import Context
from webapp.services.people import Asked
from webapp.services.sessions import Session
from webapp.store import admin_members as store
from webapp.store import audit
from webapp.store import claims as claim_store
from webapp.store.admin_members import AccountRow

PAGE = 50
QUERY_LIMIT = 254
STATES = {
    State.ACTIVE.value: "Active", State.UNCLAIMED.value: "Unclaimed", State.DEACTIVATED.value: "Deactivated",
    State.CLOSING.value: "Being deleted",
}  # fmt: skip
_USE = "admin:members"


@dataclass(frozen=True, slots=True)
class MemberRow:
    """An account record. `name`: as Anyone sees it, where the search was by name; else empty."""

    key: str
    handle: str
    email: str
    is_verified: bool
    organization: str
    state: str
    state_at: int | None
    created_at: int
    is_admin: bool
    terms_version: str
    name: str = ""

    @property
    def state_label(self) -> str:
        return STATES[self.state]

    @property
    def kind(self) -> str:
        return f"Managed by {self.organization}" if self.organization else "Personal"


@dataclass(frozen=True, slots=True)
class MembersPage:
    """What was asked and what was found; `next_cursor` leads on."""

    q: str
    state: str
    rows: tuple[MemberRow, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class MemberPage:
    """One account with what an admin can do about it."""

    row: MemberRow
    sources: tuple[str, ...]        # of an unclaimed account: who knows it
    is_self: bool

    @property
    def can_deactivate(self) -> bool:
        return not self.is_self and self.row.state != State.DEACTIVATED

    @property
    def can_reactivate(self) -> bool:
        return self.row.state == State.DEACTIVATED

    @property
    def can_be_claimed(self) -> bool:
        return self.row.state == State.UNCLAIMED


def search(ctx: Context, session: Session, q: str, state: str, cursor: str, now: int) -> MembersPage:
    """Look for accounts by whole address, by @domain, by the start of a handle, or by a name as Anyone sees it.

    Without a search: the newest. The look is noted with whose records it showed, never with what was typed.
    """
    q, state = q.strip()[:QUERY_LIMIT], state if state in STATES else ""
    with ctx.db.transaction():
        way, rows, names = _find(ctx, q, state, cursor, now)
        more = rows[PAGE:]
        rows = rows[:PAGE]
        if q or cursor or rows:
            audit.record(
                ctx.db, "member:search", now, actor_id=session.account_id, by=way, n=len(rows),
                accounts=[row.id for row in rows],
            )
    next_cursor = cursors.seal(ctx.site.secret_key, _USE, 0, rows[-1].id) if more else ""
    return MembersPage(q, state, tuple(_row(row, names.get(row.handle, "")) for row in rows), next_cursor)


def open_member(ctx: Context, session: Session, key: str, now: int) -> MemberPage:
    """One account's record. Errors: NotFound."""
    with ctx.db.transaction():
        row = _account(ctx, key)
        audit.record(ctx.db, "member:look", now, actor_id=session.account_id, subject_id=row.id)
    labels = claim_store.load_source_labels(ctx.db, row.id) if row.state == State.UNCLAIMED else ()
    return MemberPage(_row(row), tuple(labels), row.id == session.account_id)


def deactivate(ctx: Context, session: Session, key: str, reason: str, now: int) -> None:
    """Close an account at once. Errors: Refused (rule_recent_password and those of closing), Invalid (`reason`)."""
    accounts.require_recent(session, now)
    closing.deactivate(ctx, _account(ctx, key).id, now, by=session.account_id, reason=reason)


def reactivate(ctx: Context, session: Session, key: str, now: int) -> None:
    """Open a deactivated account again. Errors: Refused (rule_recent_password; rule_is_deactivated), NotFound."""
    accounts.require_recent(session, now)
    closing.reactivate(ctx, _account(ctx, key).id, now, by=session.account_id)


def _find(
    ctx: Context, q: str, state: str, cursor: str, now: int
) -> tuple[str, list[AccountRow], dict[str, str]]:
    """(how it was looked for, up to a page and one more, names by handle)."""
    place = cursors.unseal(ctx.site.secret_key, _USE, cursor)
    after = place[1] if place else None
    if not q:
        return "newest", store.load_newest(ctx.db, state, after, PAGE + 1), {}
    if q.startswith("@") and "." in q:
        return "domain", store.load_by_domain(ctx.db, q[1:].lower(), state, after, PAGE + 1), {}
    if "@" in q[1:]:
        try:
            found = store.load_by_address(ctx.db, emails.parse(q).key)
        except Invalid:
            found = []
        return "address", [row for row in found if state in {"", row.state}], {}
    start = q.removeprefix("@").lower()
    if start.isascii() and all(character.isalnum() or character == "-" for character in start):
        rows = store.load_by_handle(ctx.db, start, state, after, PAGE + 1)
    else:
        rows = []
    if after is not None or q.startswith("@") or len(rows) > PAGE:
        return "handle", rows, {}
    # The directory answers as it would anybody: a name that its owner hides is not to be searched for here either.
    cards = people.view_people(ctx, ANONYMOUS, Asked(q=q[: people.TEXT_LIMIT]), now).cards
    names = {card.handle: card.name for card in cards}
    known = {row.handle for row in rows}
    named = store.load_of_handles(ctx.db, [handle for handle in names if handle not in known], state)
    return "name", (rows + named)[:PAGE], names


def _account(ctx: Context, key: str) -> AccountRow:
    row = store.find(ctx.db, key)
    if row is None:
        raise NotFound
    return row


def _row(row: AccountRow, name: str = "") -> MemberRow:
    made = MemberRow(
        row.public_id, row.handle, row.email or "", row.email_verified_at is not None, row.organization or "",
        row.state, row.state_at, row.created_at, row.is_admin, row.terms_version or "",
    )
    return replace(made, name=name) if name else made
