"""Deletion with grace (D22, T69): asked, taken back, carried out, and what is left of an account that was deleted."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from policies.errors import Invalid, Refused
from policies.terms import ActivityKind as K
from policies.terms import Area, Event
from tests.conftest import NOW
from tests.factories import set_counters
from tests.services import linkers as by
from tests.services import people
from tests.services.people import opened, state
from webapp.ops.doctor import examine
from webapp.services import (
    accounts,
    closing,
    erasing,
    ingest,
    linking,
    people_index,
    recovery,
    returning,
    sessions,
    signup,
    tokens,
)
from webapp.services.context import Context
from webapp.services.returning import IsClosing
from webapp.services.sessions import Session
from webapp.services.tokens import LinkGone
from webapp.store import erasing as store
from webapp.store.database import Database
from webapp.store.ingest import COUNTERS

DUE = NOW + closing.GRACE
REMOTE = "192.0.2.9"
#: Where an id of a deleted account may stand: what it was, and the log of what was done.
LEFT = {("handle", "account_id"), ("audit", "actor_id"), ("audit", "subject_id"), ("account", "id"),
        ("counter", "account_id")}        # all of it zero
#: Emptied in another way: the link by unlinking, the directory by its refresh, consents by grants.revoke_all_of.
ELSEWHERE = {
    ("account", "primary_id"), ("account", "wants_secondary"), ("people", "profile_id"), ("app_grant", "account_id"),
}  # fmt: skip
#: Admins' acts: who did what to the rules of the site stays known to its operators.
ACTS = {("policy_change", "actor_id"), ("policy_step", "actor_id"), ("policy_step", "undone_by")}


def ask(ctx: Context, account_id: int, now: int = NOW) -> None:
    closing.ask_deletion(ctx, by.log_in(ctx, account_id, now), now)


def come_back(ctx: Context, email: str, now: int) -> str:
    """The key that a log-in with the right password gives."""
    with pytest.raises(IsClosing) as found:
        accounts.log_in(ctx, now, email=email, password=by.PASSWORD, remote=REMOTE)
    return found.value.key


def delete(ctx: Context, account_id: int) -> None:
    ask(ctx, account_id)
    assert closing.delete_due(ctx, DUE) == 1
    assert state(ctx, account_id) == "deleted"


def forum(ctx: Context, account_id: int, actor: str) -> None:
    """The forum knows the account as that actor."""
    ingest.register_source(ctx, "forum.example", "Forum", Area.FORUM, NOW)
    with ctx.db.transaction():
        row = ctx.db.execute(
            "INSERT INTO identity(source_id, actor, account_id, network, email_key, created_at)"
            " SELECT id, ?, ?, 'net-1', 'old@home.example', 1 FROM source RETURNING id", (actor, account_id),
        ).fetchone()
    assert row is not None


def record(ctx: Context, *events: Event) -> list[str]:
    return [outcome.result.value for outcome in ingest.record_events(ctx, "forum.example", events, NOW)]


def columns_of(db: Database) -> list[tuple[str, str]]:
    """Every (table, column) that may hold the id of an account."""
    if db.dialect == "sqlite":
        tables = [row[0] for row in db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        pairs = [(table, row[1]) for table in tables for row in db.rows(f"PRAGMA table_xinfo({table})")]
    else:
        pairs = db.rows(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
    named = (
        "account", "receiver", "giver", "actor_id", "subject_id", "primary_id", "owner_id", "profile_id", "invited_by",
    )  # fmt: skip
    found = {
        (table, column) for table, column in pairs
        if any(word in column for word in named) and not table.startswith(("queue_", "people_words", "sqlite_"))
    }
    if db.dialect == "sqlite":
        for table in tables:
            found |= {(table, key[3]) for key in db.rows(f"PRAGMA foreign_key_list({table})") if key[2] == "account"}
    return sorted(found)


def left_of(db: Database, account_id: int) -> set[tuple[str, str]]:
    """Where the account's id stands."""
    number = "CAST({} AS TEXT) = ?"
    return {
        (table, column) for table, column in columns_of(db)
        if db.row(f"SELECT 1 FROM {table} WHERE {number.format(column)}", (str(account_id),))
    }


def whole_text(db: Database) -> str:
    """Every value of every table, to look for what must be gone."""
    return json.dumps([*by.dump(db).values(), *db.rows("SELECT event, detail FROM audit")], default=str)


# Asking and taking back


def test_d22_asking_needs_a_recent_password_and_closes_the_account_at_once(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    old = by.log_in(ctx, ann, NOW - 400)
    with pytest.raises(Refused) as refusal:
        closing.ask_deletion(ctx, old, NOW)
    assert refusal.value.rule == "rule_recent_password"
    assert closing.ask_deletion(ctx, by.log_in(ctx, ann), NOW) == DUE
    assert sessions.load_session(ctx, old.raw_id, NOW) is None
    assert (state(ctx, ann), opened(ctx, "ann")) == ("closing", None)
    assert ctx.db.rows("SELECT id FROM people WHERE profile_id = ?", (ann,)) == []
    [(recipient, text)] = by.mails(ctx.db)
    assert (recipient, "29 June 2025" in text) == ("ann@home.example", True)
    assert closing.delete_due(ctx, DUE - 1) == 0
    assert list(examine(ctx)) == []


def test_d22_a_log_in_offers_to_keep_the_account_and_gives_no_session_before(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann", bio="Hello")
    before = by.dump(ctx.db)
    people_index.rebuild(ctx)
    ask(ctx, ann)
    key = come_back(ctx, "ann@home.example", NOW + 100)
    assert ctx.db.rows("SELECT id FROM login_session") == []
    assert returning.open_step(ctx, key, NOW + 100) == returning.ReturnStep("ann", DUE)
    session = sessions.load_session(ctx, closing.cancel_deletion(ctx, key, NOW + 200), NOW + 200)
    assert session is not None
    assert session.is_recent(NOW + 200)
    assert (state(ctx, ann), opened(ctx, "ann") is not None) == ("active", True)
    after = by.dump(ctx.db)
    assert [row for row in after["account"] if row not in before["account"]] == [
        row for row in after["account"] if row[0] == ann
    ], "only its own row, by its state and versions"
    assert closing.delete_due(ctx, DUE + 1) == 0
    with pytest.raises(LinkGone):
        closing.cancel_deletion(ctx, key, NOW + 300)
    assert list(examine(ctx)) == []


def test_d22_a_mailed_log_in_link_offers_it_too_and_no_password_counts_as_typed(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    ask(ctx, ann)
    recovery.ask_link(ctx, NOW, "login", email="ann@home.example", remote=REMOTE)
    [proof] = ctx.db.rows("SELECT token_hash FROM proof WHERE purpose = 'login'")
    assert recovery.open_step(ctx, NOW, "login", proof[0]) == "ann"
    with pytest.raises(IsClosing) as found:
        recovery.finish_login(ctx, NOW, proof[0])
    session = sessions.load_session(ctx, closing.cancel_deletion(ctx, found.value.key, NOW), NOW)
    assert session is not None
    assert not session.is_recent(NOW)


def test_d22_the_offer_ends_after_a_quarter_of_an_hour_and_on_the_day_itself(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    ask(ctx, ann)
    key = come_back(ctx, "ann@home.example", NOW)
    with pytest.raises(LinkGone):
        closing.cancel_deletion(ctx, key, NOW + returning.LIFE)
    late = come_back(ctx, "ann@home.example", DUE - 10)
    with pytest.raises(LinkGone):
        closing.cancel_deletion(ctx, late, DUE)
    assert state(ctx, ann) == "closing"


def test_d22_a_wrong_password_tells_nothing_of_a_closing_account(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann")
    ask(ctx, ann)
    with pytest.raises(Invalid) as refused:
        accounts.log_in(ctx, NOW, email="ann@home.example", password="not the one at all", remote=REMOTE)
    assert refused.value.errors == {"password": accounts.NO_MATCH}


@pytest.mark.parametrize("purpose", ["reset", "signup"])
def test_d22_reset_and_sign_up_of_a_closing_account_say_by_mail_how_to_keep_it(ctx: Context, purpose: str) -> None:
    ann = by.member(ctx.db, "ann")
    ask(ctx, ann)
    if purpose == "reset":
        recovery.ask_link(ctx, NOW, "reset", email="ann@home.example", remote=REMOTE)
    else:
        signup.ask(ctx, NOW, email="ann@home.example", name="Mallory", remote=REMOTE)
    recipient, text = by.mails(ctx.db)[-1]
    assert (recipient, "/login/link" in text, "token=" in text) == ("ann@home.example", True, False)


def test_d22_a_primary_picks_another_or_dissolves_first(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    session = by.log_in(ctx, ann)
    session = by.link(ctx, session, "bob", primary_choice=by.pick(ctx, session, ann))
    with pytest.raises(Refused) as refusal:
        closing.ask_deletion(ctx, session, NOW)
    assert refusal.value.rule == "rule_primary_closes_last"
    assert linking.dissolve(ctx, session, NOW) == 1
    closing.ask_deletion(ctx, session, NOW)
    assert closing.delete_due(ctx, DUE) == 1
    assert (state(ctx, bob), opened(ctx, "bob") is not None) == ("active", True)
    assert list(examine(ctx)) == []


def test_d22_an_admin_may_deactivate_it_meanwhile_and_the_day_stays(ctx: Context) -> None:
    boss, ann, bob = by.member(ctx.db, "boss", is_admin=True), by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    for one in (ann, bob):
        ask(ctx, one)
        closing.deactivate(ctx, one, NOW + 10, by=boss)
    with pytest.raises(Invalid):
        accounts.log_in(ctx, NOW + 20, email="ann@home.example", password=by.PASSWORD, remote=REMOTE)
    closing.reactivate(ctx, ann, NOW + 30, by=boss)
    assert state(ctx, ann) == "closing"
    closing.cancel_deletion(ctx, come_back(ctx, "ann@home.example", NOW + 40), NOW + 40)
    assert closing.delete_due(ctx, DUE) == 1
    assert (state(ctx, ann), state(ctx, bob)) == ("active", "deleted")


# Carrying it out


def test_d22_a_linked_account_takes_itself_out_of_its_group(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann", answers=2)
    work = by.member(ctx.db, "work", "managed", answers=3)
    by.link(ctx, by.log_in(ctx, ann), "work")
    ask(ctx, work)
    assert people.stats(people.see(ctx, "ann"))["answers"] == 5, "it keeps counting until the day (D17)"
    since = ctx.db.row("SELECT MAX(id) FROM outbox")[0]     # type: ignore[index]
    people.set_columns(ctx.db, work, answers=0)     # its three answers were of no source
    assert closing.delete_due(ctx, DUE) == 1
    assert by.primary_of(ctx.db, work) is None
    told = [recipient for recipient, _ in by.mails(ctx.db, since)]
    assert told == ["ann@home.example", "work@acme.example"]
    assert people.stats(people.see(ctx, "ann"))["answers"] == 2
    assert not [line for line in examine(ctx) if "answers" not in line and not line.startswith("I6")]


def test_t69_of_a_deleted_account_nothing_is_left_but_tombstones(ctx: Context) -> None:
    # Long enough that no hash or token holds it by chance.
    ann, bob = by.member(ctx.db, "ann", full_name="zqxzqann zqxzqote"), by.member(ctx.db, "bob")
    people.set_columns(ctx.db, ann, bio="zqxzqbio", links='[{"url": "https://zqxzqlink.example"}]',
                       products='["zqxzqprod"]',
                       job_title="zqxzqjob", location="zqxzqplace", timezone="Europe/Oslo")
    people.choose(ctx.db, ann, anyone=["email"], you=["bio"])
    forum(ctx, ann, "ann-there")
    forum(ctx, bob, "bob-there")
    assert set(record(
        ctx,
        Event("1", "ann-there", K.ANSWER, NOW - 5000, title="zqxzqanswer"),
        Event("2", "ann-there", K.COURSE_COMPLETED, NOW - 4000, object="zqxzqcourse", title="zqxzqcourse"),
        Event("3", "ann-there", K.KUDOS, NOW - 3000, title="zqxzqreceived", by="bob-there"),
        Event("4", "ann-there", K.DESIGNATION, NOW - 2500, object="zqxzqdes", title="zqxzqdes"),
        Event("5", "bob-there", K.KUDOS, NOW - 2000, title="zqxzqgiven", by="ann-there"),
        Event("6", "bob-there", K.LIKE_RECEIVED, NOW - 1500, by="ann-there"),
    )) == {"created"}
    ctx.db.execute("INSERT INTO avatar(key, account_id, image, created_at) VALUES ('zqxzqkey', ?, ?, 1)",
                   (ann, b"zqxzq"))
    people.set_columns(ctx.db, ann, avatar="zqxzqkey")
    linking.dismiss_nudge(ctx, by.log_in(ctx, ann), NOW)
    people_index.rebuild(ctx)
    assert list(examine(ctx)) == []
    given = "SELECT peer_kudos, likes_received FROM counter WHERE account_id = ?"
    counters = ctx.db.row(given, (bob,))
    set_counters(ctx.db, ann, articles=3)       # of nothing in the log
    delete(ctx, ann)

    assert left_of(ctx.db, ann) <= LEFT
    assert "zqxzq" not in whole_text(ctx.db)
    assert "ann@home.example" not in whole_text(ctx.db)
    own = ctx.db.row(f"SELECT {', '.join(COUNTERS)}, unfiled FROM counter WHERE account_id = ?", (ann,))
    assert own == (*(0,) * len(COUNTERS), "")
    assert ctx.db.row(given, (bob,)) == counters == (1, 1)
    assert ctx.db.rows("SELECT giver_id, message FROM kudos") == [(None, "")]
    assert ctx.db.rows("SELECT by_account_id, by_actor FROM activity ORDER BY id") == [(None, None)] * 2
    assert opened(ctx, "ann") is None
    assert list(examine(ctx)) == []


def test_t69_every_column_that_names_an_account_is_emptied_by_deletion(ctx: Context) -> None:
    """A new table that names accounts belongs into store/erasing.py, or here with its reason."""
    cleared = [*[statement for statement, _ in store.STATEMENTS], store._BURY]
    missing = [
        (table, column) for table, column in columns_of(ctx.db)
        if (table, column) not in LEFT | ELSEWHERE | ACTS
        and not any(re.search(rf"(FROM|UPDATE) {table} .*\b{column} =", statement) for statement in cleared)
    ]
    assert missing == []


def test_t69_d21_importing_again_raises_nobody_and_nothing_is_counted(ctx: Context) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    forum(ctx, ann, "ann-there")
    forum(ctx, bob, "bob-there")
    record(ctx, Event("1", "ann-there", K.ANSWER, NOW - 5000))
    delete(ctx, ann)
    assert ctx.db.rows("SELECT account_id, network, email_key FROM identity WHERE actor = 'ann-there'") == [
        (None, None, None)
    ]
    assert record(ctx, Event("1", "ann-there", K.ANSWER, NOW - 5000), Event("9", "ann-there", K.ANSWER, NOW)) == [
        "refused", "refused"
    ]
    assert record(ctx, Event("10", "bob-there", K.KUDOS, NOW, by="ann-there")) == ["created"]
    assert ctx.db.rows("SELECT by_actor, by_account_id FROM activity WHERE external_id = '10'") == [(None, None)]
    [(identity,)] = ctx.db.rows("SELECT id FROM identity WHERE actor = 'ann-there'")
    with pytest.raises(Refused):
        ingest.attach_identity(ctx, identity, bob, NOW)
    assert list(examine(ctx)) == []


def sign_up(ctx: Context, email: str, handle: str) -> int:
    name, mark = signup.ask(ctx, NOW, email=email, name="New Person", remote=REMOTE)
    text = by.mails(ctx.db)[-1][1]
    token = text.partition("token=")[2].split()[0]
    proof = signup.open_link(ctx, token, NOW)
    assert proof is not None
    return signup.finish(
        ctx, NOW, proof.key, mark=mark, name=name, typed_name="", handle=handle, password=by.PASSWORD, terms="1"
    )


def test_t69_the_address_is_free_again_and_inherits_nothing_the_handle_is_taken_for_ever(ctx: Context) -> None:
    ann = by.member(ctx.db, "ann", bio="zqbio", is_admin=True)
    accounts.change_handle(ctx, NOW, by.log_in(ctx, ann), "ann-new")
    recovery.ask_link(ctx, NOW, "reset", email="ann@home.example", remote=REMOTE)
    [token] = [text.partition("token=")[2].split()[0] for _, text in by.mails(ctx.db) if "token=" in text]
    delete(ctx, ann)
    for handle in ("ann", "ann-new"):
        with pytest.raises(Invalid) as refused:
            sign_up(ctx, "ann@home.example", handle)
        assert set(refused.value.errors) == {"handle"}
        assert opened(ctx, handle) is None
    new = sign_up(ctx, "ann@home.example", "someone-else")
    assert new != ann
    row = ctx.db.row(
        "SELECT bio, is_admin, answers, chosen, public_id FROM account JOIN counter ON account_id = id WHERE id = ?",
        (new,),
    )
    old = ctx.db.row("SELECT public_id FROM account WHERE id = ?", (ann,))
    assert row is not None
    assert old is not None
    assert (row[:4], row[4] != old[0]) == ((None, False, 0, 0), True)
    assert tokens.open_token(ctx, "reset", token, NOW) is None
    assert list(examine(ctx)) == []


def test_d22_a_deletion_that_was_interrupted_goes_on_and_every_sum_is_right_in_between(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = by.member(ctx.db, "ann")
    forum(ctx, ann, "ann-there")
    record(ctx, *[Event(str(n), "ann-there", K.ANSWER, NOW - 5000 + n) for n in range(25)])
    monkeypatch.setattr(erasing, "EVENTS", 10)
    ask(ctx, ann)
    real, calls = erasing._take_back, []

    def once(*given: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("the power went")
        return real(*given)

    monkeypatch.setattr(erasing, "_take_back", once)
    assert closing.delete_due(ctx, DUE) == 0
    assert ctx.db.row("SELECT answers FROM counter WHERE account_id = ?", (ann,)) == (15,)
    assert list(examine(ctx)) == []
    with pytest.raises(LinkGone):
        closing.cancel_deletion(ctx, come_back(ctx, "ann@home.example", DUE), DUE)
    assert closing.delete_due(ctx, DUE + 1) == 1
    assert ctx.db.rows("SELECT id FROM activity") == []
    assert list(examine(ctx)) == []


def test_d22_one_deletion_that_fails_stops_no_other(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = by.member(ctx.db, "ann"), by.member(ctx.db, "bob")
    ask(ctx, ann)
    ask(ctx, bob)
    real = erasing.delete

    def broken(ctx: Context, account_id: int, now: int) -> bool:
        if account_id == ann:
            raise RuntimeError("no")
        return real(ctx, account_id, now)

    monkeypatch.setattr(erasing, "delete", broken)
    assert closing.delete_due(ctx, DUE) == 1
    assert (state(ctx, ann), state(ctx, bob)) == ("closing", "deleted")


def test_d7_a_linked_managed_session_deletes_its_own_account_and_no_other(ctx: Context) -> None:
    ann, work = by.member(ctx.db, "ann"), by.member(ctx.db, "work", "managed")
    by.link(ctx, by.log_in(ctx, ann), "work")
    session: Session = by.log_in(ctx, work)
    closing.ask_deletion(ctx, session, NOW)
    closing.delete_due(ctx, DUE)
    assert (state(ctx, ann), state(ctx, work)) == ("active", "deleted")
