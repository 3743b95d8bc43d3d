"""The audit log as admins read it: filters, export, and no row or pair of rows that tells what is linked."""

from __future__ import annotations

import csv
import io
from typing import Any

import peewee
import pytest

from policies.errors import Invalid
from tests.conftest import NOW
from tests.factories import make_account, make_organization
from tests.services import linkers as by
from webapp.services import admin_audit, export_files, linking, sessions
from webapp.services.admin_audit import AuditPage, Filters
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.store import audit


@pytest.fixture
def boss(ctx: Context) -> Session:
    session = sessions.load_session(ctx, sessions.start(ctx, make_account(ctx.db, "boss", is_admin=True), NOW), NOW)
    assert session is not None
    return session


def look(ctx: Context, organization_id: int | None = None, **filters: str) -> AuditPage:
    return admin_audit.view_audit(ctx, Filters(**filters), "", NOW + 1000, organization_id=organization_id)


def exported(ctx: Context, boss: Session, organization_id: int | None = None, **filters: str) -> list[list[str]]:
    text = "".join(admin_audit.export(ctx, boss, Filters(**filters), NOW, organization_id=organization_id))
    return list(csv.reader(io.StringIO(text)))


def test_deeds_tell_who_whose_and_what_before_and_after(ctx: Context, boss: Session) -> None:
    ann = make_account(ctx.db, "ann")
    audit.record(ctx.db, "site:name", NOW, actor_id=boss.account_id, before="A", after="B")
    audit.record(ctx.db, "account:deactivate", NOW + 1, actor_id=boss.account_id, subject_id=ann, reason="spam")
    rows = look(ctx).rows
    assert [(row.event, row.actor, row.subject, row.details) for row in rows[:2]] == [
        ("account:deactivate", "@boss", "@ann", ("reason: spam",)),
        ("site:name", "@boss", "", ("after: B", "before: A")),
    ]
    ctx.db.execute("UPDATE account SET state = 'deleted' WHERE id = ?", (ann,))
    assert look(ctx).rows[0].subject == "a deleted account"


@pytest.mark.parametrize("event", ["badge:publish", "badge:unpublish"])
def test_d5_who_publishes_a_badge_of_the_profile_from_a_linked_account_is_not_told(
    ctx: Context, boss: Session, event: str
) -> None:
    """The primary's badge, published in the session of a linked account: actor and subject would be the pair."""
    ann, bob = make_account(ctx.db, "ann"), make_account(ctx.db, "bob")
    audit.record(ctx.db, event, NOW, actor_id=bob, subject_id=ann, badge="answers-10")
    row = look(ctx).rows[0]
    assert (row.event, row.actor, row.subject, row.details) == (event, "", "@ann", ())
    assert look(ctx, actor="bob").rows == ()
    assert "@bob" not in repr(exported(ctx, boss))


def test_own_acts_tell_the_account_and_no_value(ctx: Context, boss: Session) -> None:
    ann, bob = make_account(ctx.db, "ann"), make_account(ctx.db, "bob")
    audit.record(ctx.db, "privacy:edit", NOW, actor_id=ann, subject_id=ann, private=True, keep_name=False)
    audit.record(ctx.db, "about:edit", NOW, actor_id=bob, subject_id=ann, fields=["bio"])   # bob is linked to ann
    audit.record(ctx.db, "future:event", NOW, actor_id=bob, subject_id=ann, secret="x")
    shown = [(row.event, row.actor, row.subject, row.details) for row in look(ctx).rows[:3]]
    assert shown == [("future:event", "", "", ()), ("about:edit", "", "@ann", ()), ("privacy:edit", "", "@ann", ())]
    # No filter tells what the row does not.
    assert [row.event for row in look(ctx, actor="bob").rows] == []
    assert [row.event for row in look(ctx, subject="ann").rows] == ["about:edit", "privacy:edit"]
    assert [row.event for row in look(ctx, actor="ann").rows] == ["privacy:edit"]


def test_filters_by_event_account_and_day(ctx: Context, boss: Session) -> None:
    ann = make_account(ctx.db, "ann")
    for days, event in ((0, "site:name"), (1, "site:terms"), (2, "member:look")):
        audit.record(ctx.db, event, NOW + days * 86_400, actor_id=boss.account_id,
                     subject_id=ann if event == "member:look" else None)
    events = lambda **given: [row.event for row in look(ctx, **given).rows]     # noqa: E731
    assert events(event="site") == ["site:terms", "site:name"]
    assert events(event="site:name") == ["site:name"]
    assert events(subject="@Ann") == ["member:look"]
    assert events(actor="boss", event="member") == ["member:look"]
    assert events(since="2025-06-16", until="2025-06-16") == ["site:terms"]
    for bad in ({"actor": "nobody"}, {"subject": "%"}, {"since": "yesterday"}, {"until": "2025-13-01"},
                {"event": "a' OR 1=1"}):
        with pytest.raises(Invalid) as invalid:
            look(ctx, **bad)
        assert set(invalid.value.errors) == set(bad)


def test_pages_follow_each_other(ctx: Context, boss: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_audit, "PAGE", 4)
    for n in range(9):
        audit.record(ctx.db, "site:name", NOW + n, actor_id=boss.account_id, after=str(n))
    seen, cursor = [], ""
    while True:
        page = admin_audit.view_audit(ctx, Filters(event="site"), cursor, NOW)
        seen += [row.details[0] for row in page.rows]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == [f"after: {n}" for n in range(8, -1, -1)]


def test_d5_t36_whom_an_account_is_linked_to_cannot_be_read_from_the_log(ctx: Context, boss: Session) -> None:
    """One member links and unlinks: of the account it was, the log tells what it tells of one that it was not."""

    ann = by.member(ctx.db, "ann")
    for other in ("bob", "cleo"):
        by.member(ctx.db, other)
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    linking.unlink(ctx, session, by.row(ctx, session, "bob").key, NOW)
    linked, not_linked = ([look(ctx, **{name: handle}).rows for name in ("actor", "subject")] for handle in
                          ("bob", "cleo"))
    assert linked == not_linked
    for event in ("account", "link", "account:link", "leave", "account:primary"):
        assert look(ctx, event=event).rows == ()
    page = look(ctx)
    assert not [row for row in page.rows if row.event in admin_audit.LINK_EVENTS]
    assert dict(page.months[0].counts)["Linked"] == 2
    assert not [row for row in exported(ctx, boss) if row[1] in admin_audit.LINK_EVENTS]


def test_every_event_that_tells_of_a_link_is_untold() -> None:
    """Read from the source: each event that link verbs write is left out, or told without a second account."""
    import re
    from pathlib import Path

    folder = Path(linking.__file__).parent
    events = {
        event for path in folder.glob("link*.py") for event in re.findall(r'"([a-z_]+:[a-z_]+)"', path.read_text())
    }
    left_out = {event for event in events
                if event in admin_audit.LINK_EVENTS or event.partition(":")[0] in admin_audit.LINK_NOUNS}
    assert events - left_out <= {"visibility:accept", "links:edit"}
    assert not [event for event in left_out if admin_audit._is_of(event, (*admin_audit.DEEDS, *admin_audit.OWN))]


def test_t45_admins_of_an_organization_see_its_rows_only(ctx: Context, boss: Session) -> None:
    acme, beta = make_organization(ctx.db), make_organization(ctx.db, "beta")
    audit.record(ctx.db, "domain:verify", NOW, actor_id=boss.account_id, organization_id=acme, domain="acme.example")
    audit.record(ctx.db, "domain:verify", NOW, actor_id=boss.account_id, organization_id=beta, domain="beta.example")
    audit.record(ctx.db, "site:name", NOW, actor_id=boss.account_id)
    page = look(ctx, organization_id=acme)
    assert [row.details for row in page.rows] == [("domain: acme.example",)]
    assert page.months == ()
    assert [row[4] for row in exported(ctx, boss, acme)[1:]] == ["Acme", "Acme"]    # its own export is noted there too
    assert "beta" not in str(exported(ctx, boss, acme))


def test_t86_no_cell_of_an_export_is_a_formula(ctx: Context, boss: Session) -> None:
    audit.record(ctx.db, "site:name", NOW, actor_id=boss.account_id, after="x")
    for text in ("=1+1", "+1", "-1", "@SUM(1)", "\tx", "\rx"):
        assert export_files.neutral(text) == "'" + text
    rows = exported(ctx, boss)
    assert rows[0] == ["time", "event", "actor", "subject", "organization", "details"]
    assert rows[-1][1] == "session:start"
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert [row[2] for row in rows if row[1] in {"site:name", "audit:export"}] == ["'@boss"] * 2


def test_an_export_comes_in_pieces(ctx: Context, boss: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_audit, "EXPORT_BATCH", 3)
    for n in range(10):
        audit.record(ctx.db, "site:name", NOW + n, actor_id=boss.account_id, after=str(n))
    pieces = list(admin_audit.export(ctx, boss, Filters(event="site"), NOW))
    assert len(pieces) == 5
    assert len(list(csv.reader(io.StringIO("".join(pieces))))) == 11


@pytest.mark.parametrize("statement", [
    "UPDATE audit SET detail = '{}'", "DELETE FROM audit", "UPDATE audit SET actor_id = NULL WHERE id = 1",
])
def test_the_database_itself_refuses_to_rewrite_the_log(ctx: Context, boss: Session, statement: str) -> None:
    before: list[Any] = ctx.db.rows("SELECT * FROM audit")
    assert before
    with pytest.raises(peewee.IntegrityError):
        ctx.db.execute(statement)
    if ctx.db.dialect == "postgresql":
        with pytest.raises(peewee.IntegrityError):
            ctx.db.execute("TRUNCATE audit")
    assert ctx.db.rows("SELECT * FROM audit") == before


def test_a_row_is_written_with_its_deed_or_not_at_all(ctx: Context, boss: Session) -> None:
    before = ctx.db.row("SELECT COUNT(*) FROM audit")

    def fail() -> None:
        with ctx.db.transaction():
            audit.record(ctx.db, "site:name", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ctx.db.row("SELECT COUNT(*) FROM audit") == before
