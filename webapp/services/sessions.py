"""Login sessions: start, load, renew, list, end (T2, T10, T11, T16). The cookie has a random id, the table its hash."""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import Refused
from policies.terms import Viewer
from webapp.services import tokens, viewing
from webapp.services.context import Context
from webapp.store import audit, proofs, sessions

#: A session ends after two weeks without a request, and a month after it began.
IDLE = 14 * 86_400
ABSOLUTE = 30 * 86_400
#: Seconds for which a typed password counts as recent (T15).
RECENT = 300
#: `seen_at` is written at most this often.
_TOUCH = 60
#: Digits of a session's hash that name it in the list.
_SHORT = 16


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in, as a request needs them."""

    raw_id: str
    session_id: str             # the hash: what proofs are bound to
    account_id: int
    handle: str
    is_admin: bool
    created_at: int
    proved_at: int
    viewer: Viewer

    def is_recent(self, now: int) -> bool:
        """Whether the password was typed in this session in the last five minutes."""
        return now - self.proved_at <= RECENT


@dataclass(frozen=True, slots=True)
class SessionView:
    """One row of the list of sessions; `key` names it without being it."""

    key: str
    device: str
    created_at: int
    seen_at: int
    is_current: bool


def start(ctx: Context, account_id: int, now: int, *, device: str = "", proved: bool = True, way: str = "") -> str:
    """Log an account in and return the cookie's id. `proved`: a password was typed. `way`: how, for the audit."""
    raw_id = tokens.new_token()
    with ctx.db.transaction():
        sessions.add(ctx.db, tokens.digest(raw_id), account_id, now, now if proved else 0, device)
        audit.record(ctx.db, "session:start", now, actor_id=account_id, subject_id=account_id, way=way)
    return raw_id


def load_session(ctx: Context, raw_id: str, now: int) -> Session | None:
    """The live session of a cookie's id, None if it ended, is too old, or its account may not be used any more."""
    if not raw_id or len(raw_id) > 100:
        return None
    session_id = tokens.digest(raw_id)
    row = sessions.load(ctx.db, session_id, now - IDLE, now - ABSOLUTE)
    if row is None:
        return None
    if now - row.seen_at >= _TOUCH:
        sessions.touch(ctx.db, session_id, now)
    return Session(
        raw_id=raw_id, session_id=session_id, account_id=row.account_id, handle=row.handle, is_admin=row.is_admin,
        created_at=row.created_at, proved_at=row.proved_at, viewer=viewing.load_viewer(ctx, row.account_id),
    )


def renew(ctx: Context, session: Session, now: int) -> str | None:
    """After a typed password: a new id for the cookie (T10); proofs bound to the session follow. None if it ended."""
    raw_id = tokens.new_token()
    with ctx.db.transaction():
        if not sessions.renew(ctx.db, session.session_id, tokens.digest(raw_id), now):
            return None
        proofs.move_session(ctx.db, session.session_id, tokens.digest(raw_id))
    return raw_id


def require_live(ctx: Context, session: Session) -> None:
    """To be asked inside a verb's transaction, with the account locked: whom a reset has just locked out must not set a
    password, take a name or let an app in after it (T2).

    Errors: Refused (rule_live_session).
    """
    if not sessions.is_there(ctx.db, session.session_id):
        raise Refused("rule_live_session", "This session has ended.", "Log in again.")


def end(ctx: Context, session: Session, now: int) -> None:
    """Log out."""
    with ctx.db.transaction():
        if sessions.end(ctx.db, session.session_id) is not None:
            audit.record(ctx.db, "session:end", now, actor_id=session.account_id, subject_id=session.account_id)


def end_listed(ctx: Context, session: Session, key: str, now: int) -> bool:
    """End one of the account's own sessions, named as in its list; False if there is none such."""
    if len(key) != _SHORT or not key.isalnum():
        return False
    with ctx.db.transaction():
        ended = sessions.end_listed(ctx.db, session.account_id, key)
        if ended:
            audit.record(ctx.db, "session:end", now, actor_id=session.account_id, subject_id=session.account_id)
    return bool(ended)


def end_others(ctx: Context, session: Session, now: int) -> int:
    """End every session of the account but this one; how many."""
    with ctx.db.transaction():
        ended = sessions.end_of_account(ctx.db, session.account_id, but=session.session_id)
        me = session.account_id
        audit.record(ctx.db, "session:end_others", now, actor_id=me, subject_id=me, n=ended)
    return ended


def list_sessions(ctx: Context, session: Session, now: int) -> tuple[SessionView, ...]:
    """Where the account is logged in, last used first."""
    return tuple(
        SessionView(session_id[:_SHORT], device, created_at, seen_at, session_id == session.session_id)
        for session_id, created_at, seen_at, device in sessions.list_of_account(
            ctx.db, session.account_id, now - IDLE, now - ABSOLUTE
        )
    )


def device_of(user_agent: str) -> str:
    """A browser and its system in few words, for the list of sessions; "" if it says neither."""
    browsers = (
        ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
    )
    systems = (
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    )
    browser = next((name for mark, name in browsers if mark in user_agent), "")
    system = next((name for mark, name in systems if mark in user_agent), "")
    return f"{browser} on {system}" if browser and system else browser or system


def sweep(ctx: Context, now: int) -> None:
    """Drop sessions that are over. Only to keep the table small: they are refused without it."""
    sessions.sweep(ctx.db, now - IDLE, now - ABSOLUTE)
