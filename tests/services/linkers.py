"""Short words for the tests of linked accounts: people with passwords, sessions, domains, dumps of the database."""

from __future__ import annotations

from typing import Any

from tests.conftest import NOW
from tests.factories import make_account, make_domain, make_organization
from tests.quick import CHEAP
from webapp.services import link_page, linking, sessions
from webapp.services.context import Context
from webapp.services.link_leave import settle_domain
from webapp.services.link_views import LinkRow, LinksPage
from webapp.services.sessions import Session
from webapp.store import policy
from webapp.store.database import Database

PASSWORD = "correct horse battery"
HASH = CHEAP.hash(PASSWORD)
#: Tables that link and unlink may leave changed (S51); of `account` the column row_version.
EXEMPT = frozenset({"audit", "login_session", "proof", "outbox", "throttle"})


def member(db: Database, handle: str, kind: str = "personal", **columns: Any) -> int:
    """An active account that can log in with PASSWORD."""
    return make_account(db, handle, kind=kind, password_hash=HASH, **columns)


def log_in(ctx: Context, account_id: int, now: int = NOW) -> Session:
    """A fresh session of the account."""
    session = sessions.load_session(ctx, sessions.start(ctx, account_id, now), now)
    assert session is not None
    return session


def again(ctx: Context, raw_id: str, now: int = NOW) -> Session:
    """The session behind a renewed cookie."""
    session = sessions.load_session(ctx, raw_id, now)
    assert session is not None
    return session


def prove(ctx: Context, session: Session, handle: str, now: int = NOW, password: str = PASSWORD) -> str:
    """The token of a fresh log-in to that account."""
    row = ctx.db.row("SELECT email FROM account WHERE handle = ?", (handle,))
    assert row is not None
    return linking.prove_other(ctx, session, row[0], password, now, address="192.0.2.1")


def link(ctx: Context, session: Session, handle: str, now: int = NOW, **choices: Any) -> Session:
    """Prove and link; the renewed session."""
    return again(ctx, linking.link_accounts(ctx, session, prove(ctx, session, handle, now), now, **choices), now)


def pick(ctx: Context, session: Session, picked: int) -> str:
    """The key of an account in the choice of the primary (S42)."""
    return link_page.row_key(ctx, session.account_id, picked)


def page(ctx: Context, session: Session, now: int = NOW) -> LinksPage:
    return linking.open_links(ctx, session, now)


def row(ctx: Context, session: Session, handle: str, now: int = NOW) -> LinkRow:
    return next(row for row in page(ctx, session, now).rows if row.handle == handle)


def primary_of(db: Database, account_id: int) -> int | None:
    found = db.row("SELECT primary_id FROM account WHERE id = ?", (account_id,))
    assert found is not None
    return None if found[0] is None else int(found[0])


def verify_domain(ctx: Context, name: str, slug: str | None, now: int = NOW) -> None:
    """The domain becomes the organization's (or nobody's), as an admin's verb will do it."""
    db = ctx.db
    domain = make_domain(db, name)
    with db.transaction():
        db.link_guard()
        organization = None if slug is None else make_organization(db, slug)
        was = db.row("SELECT organization_id FROM email_domain WHERE id = ?", (domain,))
        db.execute(
            "UPDATE email_domain SET organization_id = ?, verified_at = ?, method = ? WHERE id = ?",
            (organization, None if slug is None else now, None if slug is None else "word", domain),
        )
        policy.append_change(db, "domain", f"domain:{domain}", now, value=organization)
        if was is not None and was[0] is None and organization is not None:
            settle_domain(ctx, domain, now)


def dump(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """The whole database but for what S51 leaves out."""
    if db.dialect == "sqlite":
        names = [row[0] for row in db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    else:
        names = [row[0] for row in db.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    found = {}
    for name in sorted(set(names) - EXEMPT):
        if name.startswith(("sqlite_", "queue_", "people_")):    # people_words: trigrams of what stands in people
            continue
        columns = [
            column for column in _columns(db, name)
            if (name, column) not in {("account", "row_version"), ("people", "id")}
        ]
        found[name] = sorted(db.rows(f"SELECT {', '.join(columns)} FROM {name}"), key=repr)
    return found


def _columns(db: Database, table: str) -> list[str]:
    if db.dialect == "sqlite":
        return [row[1] for row in db.rows(f"PRAGMA table_xinfo({table})")]
    return [
        row[0]
        for row in db.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ?"
            " ORDER BY ordinal_position",
            (table,),
        )
    ]


def mails(db: Database, since: int = 0) -> list[tuple[str, str]]:
    """(recipient, subject and body) of every mail, oldest first."""
    sql = "SELECT recipient, subject, body FROM outbox WHERE id > ? ORDER BY id"
    return [(row[0], f"{row[1]}\n{row[2]}") for row in db.rows(sql, (since,))]
