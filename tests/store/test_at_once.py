"""Rows that only one may take: proofs, mails, attempts, when several processes ask at once."""

from __future__ import annotations

from tests.conftest import NOW
from tests.together import at_once
from webapp.store import outbox, proofs, throttle


def in_transactions(db, work, times=6):
    """What `times` threads got from work(), each in a transaction of its own."""

    def run():
        with db.transaction():
            return work()

    return at_once(db, *[run] * times)


def test_t13_a_proof_is_used_by_one(db):
    proofs.add(db, "reset", "hash", NOW, NOW + 600, email_key="a@b.example")
    assert sorted(in_transactions(db, lambda: proofs.use(db, "hash", NOW))) == [False] * 5 + [True]


def test_a_used_an_expired_and_an_overtaken_proof_are_not_found(db):
    proofs.add(db, "reset", "old", NOW, NOW + 600, email_key="a@b.example")
    proofs.add(db, "reset", "new", NOW, NOW + 600, email_key="a@b.example")
    proofs.add(db, "login", "other", NOW, NOW + 600, email_key="a@b.example")
    assert proofs.find(db, "old", NOW) is None
    assert proofs.find(db, "other", NOW) is not None
    assert proofs.find(db, "new", NOW + 600) is None
    assert proofs.find(db, "new", NOW + 599) is not None
    with db.transaction():
        assert proofs.use(db, "new", NOW)
    assert proofs.find(db, "new", NOW) is None


def test_a_mail_is_claimed_by_one_worker_at_a_time(db):
    for n in range(4):
        outbox.add(db, f"m{n}@b.example", "s", "b", NOW)
    got = in_transactions(db, lambda: [mail.id for mail in outbox.claim(db, NOW, 60, 10)], times=4)
    taken = [mail_id for ids in got for mail_id in ids]
    assert len(taken) == 4
    assert len(set(taken)) == 4
    assert outbox.claim(db, NOW + 59, 60, 10) == []
    again = outbox.claim(db, NOW + 60, 60, 10)
    assert {mail.attempts for mail in again} == {2}


def test_a_mail_given_up_keeps_no_text_and_is_never_due(db):
    outbox.add(db, "m@b.example", "s", "a link that logs in", NOW)
    (mail,) = outbox.claim(db, NOW, 60, 10)
    outbox.give_up(db, mail.id, "refused")
    assert db.row("SELECT body FROM outbox") == ("",)
    assert outbox.claim(db, NOW + 10**9, 60, 10) == []


def test_attempts_at_once_are_all_counted(db):
    got = in_transactions(db, lambda: throttle.take(db, "k", 60, NOW))
    assert sorted(count for count, _ in got) == [1, 2, 3, 4, 5, 6]
    assert {until for _, until in got} == {NOW + 60}


def test_a_window_starts_anew_when_it_is_over(db):
    assert throttle.take(db, "k", 60, NOW) == (1, NOW + 60)
    assert throttle.take(db, "k", 60, NOW + 59) == (2, NOW + 60)
    assert throttle.take(db, "k", 60, NOW + 60) == (1, NOW + 120)
    throttle.give_back(db, "k")
    throttle.give_back(db, "k")
    assert throttle.take(db, "k", 60, NOW + 61) == (1, NOW + 120)
