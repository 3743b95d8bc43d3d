"""The audit log as admins read it: who did what, when, with what before and after. Nothing here writes to a row.

What an account is linked to can be read from no row and no pair of rows (D5). Events of links are counted by month,
without account and moment. Of what members do themselves the account is told and no detail, and not which of its
accounts a person used for it: an edit of a shared record would name two. What is not listed here is told without any
account. Admins of an organization see the rows of their organization.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from policies.errors import Invalid
from webapp.services import cursors
from webapp.services.context import Context
from webapp.services.export_files import neutral
from webapp.services.opening import canonical_handle
from webapp.services.sessions import Session
from webapp.store import audit
from webapp.store import audit_log as store
from webapp.store.audit_log import Entry, Wish

PAGE = 50
EXPORT_BATCH = 500
_USE = "admin:audit"
_DETAIL_LIMIT = 300

#: What tells of a link: not listed. Nouns whole, and those events of the noun `account`.
LINK_NOUNS = ("link", "leave", "reset", "nudge")
LINK_EVENTS = (
    "account:link", "account:unlink", "account:silent", "account:primary", "account:copy", "account:flag",
)  # fmt: skip
#: Deeds of admins, operators and the machine: actor, subject and detail are told.
DEEDS = (
    "account:deactivate", "account:reactivate", "admin", "app:change", "app:disable", "app:enable", "app:register",
    "app:remove", "app:secret", "app:source", "audit", "badge:allow", "badge:rehearse", "badge:revoke", "badge:start",
    "badge_rule", "claim", "domain", "invitation", "levels", "member", "members", "organization", "plugin", "policy",
    "site", "source", "source_token",
)  # fmt: skip
#: What members do with their own account: the account is told.
OWN = (
    "account:claim", "account:create", "account:close", "account:delete", "account:keep", "app", "about", "activity",
    "avatar", "badge:publish", "badge:unpublish", "data", "deletion", "email", "export", "find-me", "handle", "links",
    "more", "name", "password", "photo", "privacy", "products", "session", "terms", "visibility",
)  # fmt: skip
#: Details of these that tell nothing of a profile.
OWN_DETAILS = {"session:start": ("way",), "terms:accept": ("version",), "account:create": ("terms", "admin")}
#: Lists of account numbers stand in the log and are shown nowhere.
_UNTOLD = frozenset({"accounts", "account", "account_id", "other", "other_id", "primary_id"})
_LABELS = {
    "account:link": "Linked", "account:unlink": "Unlinked", "account:primary": "Primary changed",
    "account:silent": "Shown or not",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """What was asked for, as it was typed."""

    event: str = ""
    actor: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""

    @property
    def given(self) -> list[tuple[str, str]]:
        names = ("event", "actor", "subject", "since", "until")
        return [(name, value) for name in names if (value := getattr(self, name))]


@dataclass(frozen=True, slots=True)
class EntryView:
    """A row as it is told. `actor` and `subject` are handles, "" for nobody or untold; details are in words."""

    at: int
    event: str
    actor: str
    subject: str
    organization: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MonthView:
    """Link events of a month: rows, by what happened."""

    month: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of the log; `months`: link events, on the site's first page only."""

    filters: Filters
    rows: tuple[EntryView, ...]
    next_cursor: str
    months: tuple[MonthView, ...]


def view_audit(
    ctx: Context, filters: Filters, cursor: str, now: int, *, organization_id: int | None = None
) -> AuditPage:
    """A page, the newest first. Errors: Invalid (`actor`, `subject`, `since`, `until`)."""
    wish = _wish(ctx, filters, organization_id)
    place = cursors.unseal(ctx.site.secret_key, _USE, cursor)
    rows = store.load_page(ctx.db, wish, place[1] if place else None, PAGE + 1)
    next_cursor = cursors.seal(ctx.site.secret_key, _USE, 0, rows[PAGE - 1].id) if len(rows) > PAGE else ""
    is_first = not cursor and not filters.given and organization_id is None
    return AuditPage(
        filters, tuple(told(row) for row in rows[:PAGE]), next_cursor, _months(ctx, now) if is_first else ()
    )


def export(
    ctx: Context, session: Session, filters: Filters, now: int, *, organization_id: int | None = None
) -> Iterator[str]:
    """The rows as CSV, in pieces. Cells that a spreadsheet would take for a formula are neutralised (T86).

    Errors: as `view_audit`; they are raised before the first piece.
    """
    wish = _wish(ctx, filters, organization_id)
    audit.record(
        ctx.db, "audit:export", now, actor_id=session.account_id, organization_id=organization_id,
        filters=[name for name, _ in filters.given],
    )
    return _lines(ctx, wish)


def told(row: Entry) -> EntryView:
    """What of a row is told."""
    is_deed, is_own = _is_of(row.event, DEEDS), _is_of(row.event, OWN)
    detail: dict[str, Any] = json.loads(row.detail)
    if is_deed:
        names = [name for name in detail if name not in _UNTOLD]
    else:
        names = [name for name in OWN_DETAILS.get(row.event, ()) if detail.get(name)]
    return EntryView(
        row.at, row.event, _handle(row.actor_id, row.actor) if is_deed else "",
        _handle(row.subject_id, row.subject) if is_deed or is_own else "", row.organization or "" if is_deed else "",
        tuple(f"{name}: {_words(detail[name])}" for name in sorted(names)),
    )  # fmt: skip


def _lines(ctx: Context, wish: Wish) -> Iterator[str]:
    yield _line("time", "event", "actor", "subject", "organization", "details")
    before: int | None = None
    while rows := store.load_page(ctx.db, wish, before, EXPORT_BATCH):
        before = rows[-1].id
        yield "".join(
            _line(
                datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), one.event, one.actor, one.subject,
                one.organization, "; ".join(one.details),
            )
            for one in map(told, rows)
        )


def _line(*cells: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([neutral(text) for text in cells])
    return out.getvalue()


def _wish(ctx: Context, filters: Filters, organization_id: int | None) -> Wish:
    problems: dict[str, str] = {}
    accounts: dict[str, int | None] = {"actor": None, "subject": None}
    for name in accounts:
        typed = getattr(filters, name).strip().removeprefix("@")
        if typed:
            handle = canonical_handle(typed)
            accounts[name] = None if handle is None else store.find_account(ctx.db, handle)
            if accounts[name] is None:
                problems[name] = "There is no account of that handle."
    since, until = (_day(name, getattr(filters, name), problems) for name in ("since", "until"))
    if problems:
        raise Invalid(problems)
    event = filters.event.strip().lower() or None
    if event is not None and not event.replace(":", "").replace("_", "").replace("-", "").isalnum():
        raise Invalid({"event": "An event is a word like site, or two like site:name."})
    return Wish(
        (*(f"{noun}:%" for noun in LINK_NOUNS), *LINK_EVENTS), _patterns((*DEEDS, *OWN)), _patterns(DEEDS), event,
        accounts["actor"], accounts["subject"], organization_id, since,
        None if until is None else until + 86_400,
    )


def _patterns(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name if ":" in name else f"{name}:%" for name in names)


def _day(name: str, raw: str, problems: dict[str, str]) -> int | None:
    if not raw.strip():
        return None
    try:
        return int(datetime.combine(date.fromisoformat(raw.strip()), datetime.min.time(), UTC).timestamp())
    except ValueError:
        problems[name] = "Write the day like 2025-06-15."
        return None


def _is_of(event: str, names: tuple[str, ...]) -> bool:
    return event in names or event.partition(":")[0] in names


def _handle(account_id: int | None, handle: str | None) -> str:
    return "" if account_id is None else f"@{handle}" if handle is not None else "a deleted account"


def _words(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _DETAIL_LIMIT else text[:_DETAIL_LIMIT] + "…"


def _months(ctx: Context, now: int) -> tuple[MonthView, ...]:
    """Link events of the last year by month: that they happen, not to whom."""
    found: dict[str, dict[str, int]] = {}
    for event, day, n in store.count_days(ctx.db, tuple(_LABELS), now - 365 * 86_400):
        month = (date(1970, 1, 1) + timedelta(days=day)).isoformat()[:7]
        counts = found.setdefault(month, {})
        counts[_LABELS[event]] = counts.get(_LABELS[event], 0) + n
    return tuple(MonthView(month, tuple(sorted(counts.items()))) for month, counts in sorted(found.items())[::-1])
