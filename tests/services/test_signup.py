"""Sign-up: nothing exists before the mailed link; the newest link only; the same answer for every address."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest
from jinja2 import Environment, meta

from policies.errors import Conflict, Invalid
from webapp.services import accounts, mailer, recovery, sessions, signup, throttle
from webapp.services.tokens import LinkGone
from webapp.store import accounts as store

PASSWORD = "twelve green bottles"
#: For rules that no SQL holds: one engine is enough.
SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def mails(ctx):
    return ctx.db.rows("SELECT recipient, subject, body FROM outbox ORDER BY id")


def last_token(ctx):
    return re.search(r"token=([\w-]+)", mails(ctx)[-1][2]).group(1)


def count(ctx, table):
    return ctx.db.row(f"SELECT count(*) FROM {table}")[0]


def sign_up(ctx, now, email="sally@example.org", name="Sally Example", handle="sally", password=PASSWORD):
    """The whole way, in one browser; the account's id."""
    name, mark = signup.ask(ctx, now, email=email, name=name, remote="192.0.2.1")
    proof = signup.open_link(ctx, last_token(ctx), now)
    return signup.finish(
        ctx, now, proof.key, mark=mark, name=name, typed_name="", handle=handle, password=password, terms="1"
    )


@contextmanager
def statements(ctx):
    """The statements that run inside, as (verb, table)."""
    seen, db = [], ctx.db
    real = {name: getattr(db, name) for name in ("execute", "row", "rows")}

    def spy(name):
        def call(sql, params=()):
            words = sql.split()
            seen.append((words[0], words[2] if words[0] in {"INSERT", "DELETE"} else ""))
            return real[name](sql, params)

        return call

    for name in real:
        setattr(db, name, spy(name))
    try:
        yield seen
    finally:
        for name, function in real.items():
            setattr(db, name, function)


def test_d20_nothing_exists_before_the_link(ctx, clock):
    signup.ask(ctx, clock, email="sally@example.org", name="Sally", remote="a")
    assert count(ctx, "account") == count(ctx, "handle") == count(ctx, "email_domain") == 0


def test_d20_sign_up_makes_one_account(ctx, clock):
    account_id = sign_up(ctx, clock)
    account = store.load(ctx.db, account_id)
    assert (account.handle, account.public_name, account.full_name) == ("sally", "sally", "Sally Example")
    assert account.may_log_in
    assert ctx.db.row("SELECT name, organization_id FROM email_domain") == ("example.org", None)
    assert ctx.db.row("SELECT handle, account_id FROM handle") == ("sally", account_id)
    assert ctx.db.row("SELECT terms_version, terms_at FROM account") == ("1", clock)
    assert PASSWORD not in str(ctx.db.rows("SELECT * FROM account"))
    events = [row[0] for row in ctx.db.rows("SELECT event FROM audit ORDER BY id")]
    assert events == ["account:create"]


def test_t1_attackers_name_and_links_are_dead(ctx, clock):
    """An attacker signs the victim up twice, from two browsers; the victim opens the newest link."""
    name, mark_1 = signup.ask(ctx, clock, email="victim@example.org", name="Mallory", remote="a")
    first = signup.open_link(ctx, last_token(ctx), clock)
    _, mark_2 = signup.ask(ctx, clock, email="Victim@Example.org", name="Mallory Two", remote="b")
    newest = signup.open_link(ctx, last_token(ctx), clock)
    with pytest.raises(LinkGone):
        signup.open_step(ctx, clock, first.key, mark=mark_1, name=name)
    step = signup.open_step(ctx, clock, newest.key, mark="", name="")
    assert (step.is_same_browser, step.name, step.email) == (False, "", "Victim@example.org")
    with pytest.raises(Invalid) as refused:
        signup.finish(ctx, clock, newest.key, mark=mark_1, name=name, typed_name="", handle="victim",
                      password=PASSWORD, terms="1")
    assert set(refused.value.errors) == {"name"}
    account_id = signup.finish(ctx, clock, newest.key, mark="", name="Mallory Two", typed_name="Vic Tim",
                               handle="victim", password=PASSWORD, terms="1")
    assert store.load(ctx.db, account_id).full_name == "Vic Tim"
    assert count(ctx, "account") == 1
    with pytest.raises(LinkGone):
        signup.finish(ctx, clock, newest.key, mark=mark_2, name="Mallory Two", typed_name="", handle="second",
                      password=PASSWORD, terms="1")


@SQLITE_ONLY
def test_t13_signup_link_expires_without_clean_up(ctx, clock):
    _, mark = signup.ask(ctx, clock, email="sally@example.org", name="Sally", remote="a")
    token = last_token(ctx)
    proof = signup.open_link(ctx, token, clock + 86_399)
    assert proof is not None
    assert signup.open_link(ctx, token, clock + 86_400) is None
    with pytest.raises(LinkGone):
        signup.finish(ctx, clock + 86_400, proof.key, mark=mark, name="Sally", typed_name="", handle="sally",
                      password=PASSWORD, terms="1")
    assert count(ctx, "account") == 0


def test_t13_a_refused_form_does_not_use_the_link_up(ctx, clock):
    sign_up(ctx, clock)
    _, mark = signup.ask(ctx, clock, email="other@example.org", name="Other", remote="a")
    proof = signup.open_link(ctx, last_token(ctx), clock)
    form = {"mark": mark, "name": "Other", "typed_name": "", "password": PASSWORD, "terms": "1"}
    with pytest.raises(Invalid) as refused:
        signup.finish(ctx, clock, proof.key, handle="Sally", **form)
    assert set(refused.value.errors) == {"handle"}
    assert signup.finish(ctx, clock, proof.key, handle="other", **form)


@pytest.mark.parametrize(
    "handle", ["a@b.example", "sally@example.org", "admin", "-x", "x-", "a--b", "x", "ö", "x" * 40, ""]
)
def test_t6_handles_of_another_form_are_refused(sqlite_ctx, clock, handle):
    ctx = sqlite_ctx
    _, mark = signup.ask(ctx, clock, email="s@example.org", name="Sally", remote="a")
    proof = signup.open_link(ctx, last_token(ctx), clock)
    with pytest.raises(Invalid) as refused:
        signup.finish(ctx, clock, proof.key, mark=mark, name="Sally", typed_name="", handle=handle,
                      password=PASSWORD, terms="1")
    assert "handle" in refused.value.errors


@pytest.mark.parametrize(
    "name", ["sally@example.org", "sally＠example.org", "", "\u202eylas", "S\u200bally", "x" * 81, "⠀"]
)
def test_t6_t82_names_that_are_refused(sqlite_ctx, clock, name):
    ctx = sqlite_ctx
    with pytest.raises(Invalid) as refused:
        signup.ask(ctx, clock, email="s@example.org", name=name, remote="a")
    assert set(refused.value.errors) == {"name"}
    assert mails(ctx) == []


@SQLITE_ONLY
def test_t82_a_mixed_script_name_is_flagged(ctx, clock):
    sign_up(ctx, clock, name="Sаlly")     # a Cyrillic a
    assert '"mixed_script": true' in ctx.db.row("SELECT detail FROM audit")[0]


def test_t7_known_and_unknown_addresses_cost_the_same_statements(ctx, clock):
    sign_up(ctx, clock)
    for ask in (
        lambda email: signup.ask(ctx, clock, email=email, name="Someone", remote="b"),
        lambda email: recovery.ask_link(ctx, clock, "reset", email=email, remote="b"),
        lambda email: recovery.ask_link(ctx, clock, "login", email=email, remote="b"),
    ):
        ctx.db.execute("DELETE FROM throttle")
        with statements(ctx) as known:
            ask("sally@example.org")
        with statements(ctx) as unknown:
            ask("nobody@example.org")
        ctx.db.execute("UPDATE account SET state = 'deactivated'")
        with statements(ctx) as unusable:
            ask("sally@example.org")
        ctx.db.execute("UPDATE account SET state = 'active'")
        assert known == unknown == unusable
        assert len(known) > 4


@SQLITE_ONLY
def test_t7_log_in_hashes_as_much_for_an_unknown_address(ctx, clock, monkeypatch):
    sign_up(ctx, clock)
    hashed = []

    class Spy:
        def __init__(self, real):
            self.real = real

        def __getattr__(self, name):
            hashed.append(name)
            return getattr(self.real, name)

    from webapp.services import passwords

    passwords._dummy()
    monkeypatch.setattr(passwords, "_hasher", Spy(passwords._hasher))
    work = []
    for email in ("sally@example.org", "nobody@example.org"):
        hashed.clear()
        with statements(ctx) as seen, pytest.raises(Invalid) as refused:
            accounts.log_in(ctx, clock, email=email, password="wrong horse", remote="b")
        work.append((list(hashed), list(seen), refused.value.errors))
    assert work[0] == work[1]
    assert work[0][0] == ["verify"]


def test_t7_a_known_address_is_told_by_mail_and_only_its_own_account(ctx, clock):
    sign_up(ctx, clock)
    signup.ask(ctx, clock, email="SALLY@example.org", name="Mallory", remote="b")
    recipient, _, body = mails(ctx)[-1]
    assert recipient == "sally@example.org"
    assert "@sally" in body
    assert "Mallory" not in body
    assert signup.open_link(ctx, last_token(ctx), clock) is None      # it is a log-in link
    proof = recovery.tokens.open_token(ctx, "login", last_token(ctx), clock)
    assert sessions.load_session(ctx, recovery.finish_login(ctx, clock, proof.key), clock).handle == "sally"


@SQLITE_ONLY
def test_t8_a_strangers_requests_leave_the_owners_way_open(ctx, clock):
    sign_up(ctx, clock)
    for _ in range(throttle.MAIL_HERE.count):
        for purpose in ("login", "reset"):
            recovery.ask_link(ctx, clock, purpose, email="sally@example.org", remote="stranger")
    for purpose in ("login", "reset"):
        for _ in range(throttle.MAIL_TOTAL.count):     # refused there, and not counted against the address
            with pytest.raises(throttle.TooMany):
                recovery.ask_link(ctx, clock, purpose, email="sally@example.org", remote="stranger")
        recovery.ask_link(ctx, clock, purpose, email="sally@example.org", remote="owner")
    for _ in range(throttle.MAIL_HERE.count - 1):       # each purpose has a count of its own
        recovery.ask_link(ctx, clock, "login", email="sally@example.org", remote="owner")
    with pytest.raises(throttle.TooMany):
        recovery.ask_link(ctx, clock, "login", email="sally@example.org", remote="owner")
    recovery.ask_link(ctx, clock, "reset", email="sally@example.org", remote="owner")


@SQLITE_ONLY
def test_t8_mail_to_an_address_is_limited(ctx, clock):
    for number in range(throttle.MAIL_TOTAL.count):
        remote = f"a{number // throttle.MAIL_HERE.count}"
        signup.ask(ctx, clock, email="s@example.org", name="Sally", remote=remote)
    with pytest.raises(throttle.TooMany) as refused:
        signup.ask(ctx, clock, email="s@example.org", name="Sally", remote="b")
    assert 0 < refused.value.retry_after <= 3600
    signup.ask(ctx, clock + 3600, email="s@example.org", name="Sally", remote="b")


@pytest.mark.parametrize(
    ("password", "wrong"),
    [
        ("1234567", True), ("password123", True), ("PASSWORD123", True), ("iloveyou", True), ("my vitrine key", True),
        ("example words", True), ("xsallyx 99", True), ("aaaaaaaaaaaa", True), ("x1" * 513, True),
        ("x1" * 50_000, True),
        ("y 7" * 33, False), ("ünï côdé ✓ ☃ 🔑🔑", False), (" lead and trail ", False),
    ],
)
def test_t9_passwords(sqlite_ctx, clock, password, wrong):
    ctx = sqlite_ctx
    _, mark = signup.ask(ctx, clock, email="s@example.org", name="Sally", remote="a")
    proof = signup.open_link(ctx, last_token(ctx), clock)
    form = {"mark": mark, "name": "Sally", "typed_name": "", "handle": "sally", "terms": "1"}
    if wrong:
        with pytest.raises(Invalid) as refused:
            signup.finish(ctx, clock, proof.key, password=password, **form)
        assert set(refused.value.errors) == {"password"}
        return
    signup.finish(ctx, clock, proof.key, password=password, **form)
    accounts.log_in(ctx, clock, email="s@example.org", password=password, remote="a")
    for other in (password.strip() + "x", password[:-1], password.strip() if password != password.strip() else "z"):
        with pytest.raises(Invalid):
            accounts.log_in(ctx, clock, email="s@example.org", password=other, remote="a")


@SQLITE_ONLY
def test_t9_a_password_may_not_hold_the_organizations_name(ctx, clock):
    ctx.db.execute("INSERT INTO organization(slug, name, created_at) VALUES ('umbra', 'Umbra', 1)")
    ctx.db.execute("INSERT INTO email_domain(name, organization_id, verified_at) VALUES ('mail.example', 1, 1)")
    with pytest.raises(Invalid) as refused:
        sign_up(ctx, clock, email="s@mail.example", password="umbra forever 1")
    assert "Umbra" in refused.value.errors["password"]


def test_t28_variants_of_an_address_are_one_account_or_another_person(ctx, clock):
    sign_up(ctx, clock, email="ann@bücher.example", handle="ann")
    for same in ("ANN@BÜCHER.example", "Ａnn@bücher.example", "ann@xn--bcher-kva.example"):
        signup.ask(ctx, clock, email=same, name="Ann", remote="a")
        assert mails(ctx)[-1][1].startswith("You have an account"), same
    for other in ("ann+x@bücher.example", "a.nn@bücher.example", "änn@bücher.example", "ann@sub.bücher.example"):
        signup.ask(ctx, clock, email=other, name="Ann", remote="b")
        assert mails(ctx)[-1][1].startswith("Finish signing up"), other
    sign_up(ctx, clock, email="strasse@bücher.example", handle="strasse")
    signup.ask(ctx, clock, email="straße@bücher.example", name="Ann", remote="b")
    assert mails(ctx)[-1][1].startswith("Finish signing up")
    for bad in (
        "ann", "ann@", "a\u200bnn@example.org", '"ann"@example.org', "ann@example.org\nBcc: x@example.org",
        "ann@[127.0.0.1]",
    ):
        with pytest.raises(Invalid):
            signup.ask(ctx, clock, email=bad, name="Ann", remote="a")


@SQLITE_ONLY
def test_t83_links_come_from_base_url(ctx, clock):
    signup.ask(ctx, clock, email="s@example.org", name="Sally", remote="a")
    assert f"{ctx.site.base_url}/verify?token=" in mails(ctx)[-1][2]


def test_t100_first_admin_by_a_link_without_default_password(ctx, clock):
    link = signup.create_admin(ctx, "boss@example.org", clock)
    proof = signup.open_link(ctx, link.partition("token=")[2], clock)
    account_id = signup.finish(ctx, clock, proof.key, mark="", name="", typed_name="Boss", handle="boss",
                               password=PASSWORD, terms="1")
    assert store.load(ctx.db, account_id).is_admin
    other = sign_up(ctx, clock)
    assert not store.load(ctx.db, other).is_admin
    assert signup.create_admin(ctx, "sally@example.org", clock) is None
    assert store.load(ctx.db, other).is_admin


@SQLITE_ONLY
@pytest.mark.parametrize("state", ["deactivated", "closing"])
def test_an_account_that_cannot_log_in_is_not_made_an_admin(ctx, clock, state):
    account_id = sign_up(ctx, clock)
    ctx.db.execute("UPDATE account SET state = ? WHERE id = ?", (state, account_id))
    with pytest.raises(Conflict, match="not active"):
        signup.create_admin(ctx, "sally@example.org", clock)
    assert not store.load(ctx.db, account_id).is_admin


@SQLITE_ONLY
def test_terms_that_changed_in_between_are_asked_again(ctx, clock):
    ctx.db.execute("INSERT INTO site_setting(key, value) VALUES ('terms_version', '2')")
    with pytest.raises(Invalid) as refused:
        sign_up(ctx, clock)
    assert set(refused.value.errors) == {"terms"}


@SQLITE_ONLY
def test_every_mail_text_can_be_drawn(ctx, clock):
    texts = Environment(autoescape=True)
    for path in sorted(mailer.TEXTS.glob("*.txt")):
        names = meta.find_undeclared_variables(texts.parse(path.read_text())) - {"site", "base_url"}
        values: dict[str, object] = dict.fromkeys(names, "X") | ({"lines": [("X", "X")]} if "lines" in names else {})
        mailer.queue(ctx, "a@example.org", path.stem, clock, **values)
    assert all(subject and body and len(subject) < 70 for _, subject, body in mails(ctx))
