"""The history of one's own account in plain words (Settings > Your data): what was done to it, by whom in the rough.

A row tells of the account that it is about and of no other: neither which account is on the other side of a link nor
who of a group did something is said to anybody (D5, D7). What has no words here is told as a change, without detail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.services.context import Context
from webapp.services.cursors import seal, unseal
from webapp.services.sessions import Session
from webapp.store import audit_own as store
from webapp.store.audit_own import TOP, Entry

PAGE_SIZE = 30
#: Not told: what a page noted for itself, and what an import guessed about other accounts.
#: The organization's own row of a deactivation stands beside the account's.
HIDDEN = frozenset({"nudge:dismiss", "link:offer", "member:deactivate", "member:reactivate"})
#: Done by an admin of the site or the organization.
_BY_ADMIN = frozenset({
    "account:deactivate", "account:reactivate", "admin:grant", "admin:revoke", "app:disable", "app:enable",
    "app:source",
})
_OTHER = "Something about this account was changed"
_WAYS = {
    "password": "By password", "link": "By a mailed link", "signup": "After signing up",
    "claim": "After claiming the account", "return": "By keeping the account",
}  # fmt: skip

#: event -> what is said of it
WORDS: Mapping[str, str] = {
    "account:create": "The account was made",
    "account:claim": "The account was claimed: it got its address and password",
    "identity:take": "What a source knew under its address was added",
    "identity:decline": "What a source knew under its address was sent away",
    "claim:make": "An administrator made a link to claim the account",
    "account:close": "Deletion was asked for",
    "account:keep": "Deletion was taken back",
    "account:deactivate": "The account was deactivated",
    "account:reactivate": "The account was reactivated",
    "account:flag": "The domain of its address was verified while it was the primary",
    "account:copy": "Content was copied from the earlier primary",
    "session:start": "Logged in",
    "session:end": "A session was ended",
    "session:end_others": "All other sessions were ended",
    "password:change": "The password was changed",
    "password:reset": "The password was reset by mail",
    "email:ask": "Another e-mail address was asked for",
    "email:change": "The e-mail address was changed",
    "handle:change": "The handle was changed",
    "terms:accept": "The Terms of Use were accepted",
    "admin:grant": "It became an administrator of the site",
    "admin:revoke": "It is no longer an administrator of the site",
    "invitation:accept": "It became an administrator of an organization",
    "organization:admin_remove": "It is no longer an administrator of an organization",
    "member:look": "An administrator looked at its address and state",
    "about:edit": "About me was edited",
    "more:edit": "More about me was edited",
    "links:edit": "Where to find me was edited",
    "products:edit": "My products were edited",
    "badge:publish": "A badge was published as a credential",
    "badge:unpublish": "A badge is not published any more",
    "name:edit": "The name was edited",
    "avatar:edit": "The picture was changed",
    "avatar:remove": "The picture was removed",
    "visibility:edit": "The visibility of fields was changed",
    "visibility:accept": "More was shown, as offered",
    "kudos:hide": "Kudos it got were hidden",
    "kudos:show": "Kudos it got were shown again",
    "kudos:report": "Kudos it got were reported",
    "kudos:mute": "The daily mail about kudos and badges was switched off",
    "kudos:unmute": "The daily mail about kudos and badges was switched on",
    "leave:ask": "It was asked to leave its profile",
    "leave:decline": "The primary declined that it leaves",
    "reset:object": "Objected to the reset of the primary",
    "reset:withdraw": "The objection was taken back",
    "link:refuse": "A link was refused",
    "app:consent": "An app was given access",
    "app:replay": "A key of an app came twice: what hung on it was ended",
    "app:register": "An app was registered",
    "app:change": "A registered app was changed",
    "app:secret": "A registered app got a new secret",
    "app:remove": "A registered app was removed",
    "app:disable": "A registered app was switched off",
    "app:enable": "A registered app was switched on again",
    "app:source": "It was set which activity a registered app may report",
    "app:revoke": "The access of an app was taken back",
    "app:revoke_all": "The access of all apps ended",
}
#: event -> what is said of it, by the part that the account had in it
_PARTS: Mapping[str, Mapping[str, str]] = {
    "account:link": {
        "primary": "An account was linked to this one", "linked": "It was linked to a primary account",
    },
    "account:unlink": {
        "primary": "An account was unlinked from this one", "linked": "It was unlinked from its primary account",
    },
    "account:primary": {
        "primary": "It became the primary", "linked": "Another account became the primary in its place",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the page."""

    at: int
    what: str
    more: str


@dataclass(frozen=True, slots=True)
class HistoryView:
    """A page of the history; `next_cursor`: of the page with what is older, or None."""

    rows: tuple[HistoryRow, ...]
    next_cursor: str | None


def view_history(ctx: Context, session: Session, cursor: str | None = None) -> HistoryView:
    """The newest changes of the account that is logged in, or those older than a cursor (none if it is none)."""
    after = unseal(ctx.site.secret_key, _use(session), cursor) or TOP
    found = store.load_about(ctx.db, session.account_id, after, PAGE_SIZE + 1)
    labels = labels_of(ctx)
    rows = [describe(entry, session.account_id, labels) for entry in found[:PAGE_SIZE] if entry.event not in HIDDEN]
    last = found[PAGE_SIZE - 1] if len(found) > PAGE_SIZE else None
    next_cursor = seal(ctx.site.secret_key, _use(session), last.at, last.id) if last is not None else None
    return HistoryView(tuple(rows), next_cursor)


def labels_of(ctx: Context) -> Mapping[str, str]:
    """Names of fields -> their labels."""
    return {field.name: field.label for field in ctx.gate().fields}


def describe(entry: Entry, account_id: int, labels: Mapping[str, str]) -> HistoryRow:
    """A row in words."""
    detail = entry.detail
    what = _PARTS.get(entry.event, {}).get(str(detail.get("part"))) or WORDS.get(entry.event)
    if entry.event == "account:silent":
        what = "Only its numbers count on the profile" if detail.get("silent") else "It is shown as part of the profile"
    if entry.event == "privacy:edit":
        what = "The profile was made private" if detail.get("private") else "The profile was made public"
    if what is None:
        return HistoryRow(entry.at, _OTHER, "")
    tell = _MORE.get(entry.event)
    told = tell(detail, labels) if tell is not None else ""
    by = "By an administrator" if entry.event in _BY_ADMIN else "By you" if entry.actor_id == account_id else ""
    return HistoryRow(entry.at, what, ". ".join(part for part in (told, by) if part))


def _use(session: Session) -> str:
    return f"history:{session.account_id}"


def _fields(detail: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """The labels of the fields that a row names; a field that is gone has none."""
    names = detail.get("fields") or ()
    return ", ".join(labels[name] for name in names if name in labels)


def _reason(detail: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    reason = str(detail.get("reason") or "").rstrip(".")
    return f"The reason given: {reason}" if reason else ""


#: What more is said, from the row's detail; details of other events are not read.
_MORE: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], str]] = {
    "session:start": lambda detail, labels: _WAYS.get(str(detail.get("way")), ""),
    "visibility:edit": _fields,
    "visibility:accept": _fields,
    "account:copy": _fields,
    "app:consent": _fields,
    "account:deactivate": _reason,
}
