"""Tokens that a source sends its activity with: made by an admin, shown once, kept as a hash, good for one source."""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import Invalid, NotFound, Refused
from policies.terms import Area
from webapp.services import accounts, ingest, texts, tokens
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.store import audit
from webapp.store import source_tokens as store
from webapp.store.ingest import OWN_SOURCE

#: What a token begins with, so that one found in a wrong place is known for what it is.
PREFIX = "vsrc_"
#: Live tokens that a source may have: one in use, one taking over, and some room.
MOST = 10
LABEL_LIMIT = 60
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as the admin sees it: never the token. `number` names it on the page and in the audit log."""

    number: int
    created_at: int
    used_at: int | None
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source with its tokens, the live ones first."""

    name: str
    label: str
    area: str
    created_at: int
    last_at: int | None         # when its last new event arrived
    day: int                    # events that arrived in the last 24 hours
    tokens: tuple[TokenView, ...]

    @property
    def live(self) -> int:
        return sum(token.revoked_at is None for token in self.tokens)


def make(ctx: Context, session: Session, source_name: str, now: int) -> str:
    """A new token of a source. It is told here once and never again.

    Errors: Refused (rule_recent_password; rule_enough_tokens), NotFound for an unknown source.
    """
    accounts.require_recent(session, now)
    token = PREFIX + tokens.new_token()
    with ctx.db.transaction():
        source_id = _source(ctx, source_name)
        if store.count_live(ctx.db, source_id) >= MOST:
            raise Refused("rule_enough_tokens", f"This source has {MOST} tokens already.", "Revoke one of them first.")
        number = store.add_token(ctx.db, source_id, tokens.digest(token), now)
        audit.record(ctx.db, "source_token:make", now, actor_id=session.account_id, source=source_name, token=number)
    return token


def revoke(ctx: Context, session: Session, source_name: str, number: int, now: int) -> None:
    """End a token: the next request with it is refused. Errors: NotFound, also where it was revoked before."""
    with ctx.db.transaction():
        if not store.revoke_token(ctx.db, _source(ctx, source_name), number, now):
            raise NotFound
        audit.record(ctx.db, "source_token:revoke", now, actor_id=session.account_id, source=source_name, token=number)


def authenticate(ctx: Context, token: str, now: int) -> int | None:
    """The id of the source that a live token belongs to; None for anything else. The last use is kept to the minute."""
    if len(token) > 100 or not token.startswith(PREFIX):
        return None
    found = store.find_live(ctx.db, tokens.digest(token))
    if found is None:
        return None
    token_id, source_id, used_at = found
    minute = now - now % _MINUTE
    if used_at is None or used_at < minute:
        store.set_used(ctx.db, token_id, minute)
    return source_id


def list_sources(ctx: Context, now: int) -> tuple[SourceView, ...]:
    """Every source with its tokens. Two statements."""
    by_source: dict[int, list[TokenView]] = {}
    for row in store.load_tokens(ctx.db):
        by_source.setdefault(row.source_id, []).append(TokenView(row.id, row.created_at, row.used_at, row.revoked_at))
    return tuple(
        SourceView(
            row.name, row.label, row.area, row.created_at, row.last_at, row.day,
            tuple(sorted(by_source.get(row.id, ()), key=lambda token: token.revoked_at is not None)),
        )
        for row in store.load_sources(ctx.db, now)
    )


def add_source(ctx: Context, session: Session, name: str, label: str, area: str, now: int) -> None:
    """Make a source known that no plugin brings. Errors: Invalid (`name`, `label`, `area`)."""
    problems: dict[str, str] = {}
    if area not in set(Area):
        problems["area"] = "Choose what kind of place this is."
    try:
        label = texts.line("label", label, "label", LABEL_LIMIT)
    except Invalid as error:
        problems |= error.errors
    if not label:
        problems["label"] = "Give the source a label: members see it beside their activity."
    if store.find_source(ctx.db, name) is not None:
        problems["name"] = "There is a source of that name already."
    if problems:
        raise Invalid(problems)
    with ctx.db.transaction():
        ingest.register_source(ctx, name, label, Area(area), now)
        audit.record(ctx.db, "source:add", now, actor_id=session.account_id, source=name)


def sweep(ctx: Context, now: int) -> None:
    """Forget the hourly counts and the webhooks of more than ninety days ago. For the worker, once an hour."""
    store.sweep_hours(ctx.db, now - 90 * 86_400)
    ingest.forget_hooks(ctx, now - 90 * 86_400)


def _source(ctx: Context, name: str) -> int:
    source_id = None if name == OWN_SOURCE else store.find_source(ctx.db, name)
    if source_id is None:
        raise NotFound
    return source_id
