"""The outbox: nothing is lost, nothing is sent twice, nothing is injected."""

from __future__ import annotations

import smtplib
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from webapp.services import mailer
from webapp.store import outbox


def queue(ctx, now, recipient="sally@example.org"):
    mailer.queue(ctx, recipient, "reset", now, handle="sally", link="http://localhost/reset?token=abc")


def at_server(ctx, url):
    return replace(ctx, site=replace(ctx.site, smtp_url=url))


def waiting(ctx):
    return ctx.db.rows("SELECT attempts, due_at, failed FROM outbox ORDER BY id")


def test_mail_reaches_a_real_smtp_server(ctx, clock, smtp_server):
    queue(ctx, clock)
    queue(ctx, clock, "zoë@example.org")
    here = at_server(ctx, smtp_server.url)
    assert mailer.send_due(here, clock) == 2
    message = smtp_server.messages[0]
    assert message["To"] == "sally@example.org"
    assert message["From"] == "Vitrine <vitrine@localhost>"
    assert message["Subject"] == "Choose a new password for Vitrine"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "http://localhost/reset?token=abc" in message.get_content()
    assert waiting(ctx) == []
    assert mailer.send_due(here, clock) == 0


def test_mail_waits_while_the_server_is_down_and_goes_when_it_is_back(ctx, clock, smtp_server):
    queue(ctx, clock)
    down = at_server(ctx, "smtp://127.0.0.1:1")
    assert mailer.send_due(down, clock) == 0
    assert waiting(ctx) == [(1, clock + 30, "ConnectionRefusedError")]
    assert mailer.send_due(down, clock + 29) == 0
    assert waiting(ctx)[0][0] == 1
    assert mailer.send_due(down, clock + 30) == 0
    assert waiting(ctx) == [(2, clock + 90, "ConnectionRefusedError")]
    up = at_server(ctx, smtp_server.url)
    assert mailer.send_due(up, clock + 90) == 1
    assert len(smtp_server.messages) == 1
    assert waiting(ctx) == []


def test_a_mail_is_given_up_in_the_end_and_its_text_forgotten(sqlite_ctx, clock):
    queue(sqlite_ctx, clock)
    down, now = at_server(sqlite_ctx, "smtp://127.0.0.1:1"), clock
    for pause in (0, *mailer.BACKOFF):
        now += pause
        mailer.send_due(down, now)
    assert waiting(sqlite_ctx) == [(len(mailer.BACKOFF) + 1, outbox.NEVER, "ConnectionRefusedError")]
    assert sqlite_ctx.db.row("SELECT body FROM outbox") == ("",)
    mailer.sweep(sqlite_ctx, now + 31 * 86_400)
    assert waiting(sqlite_ctx) == []


def test_a_refused_recipient_stops_no_other_mail(ctx, clock, smtp_server):
    class Picky:
        async def handle_RCPT(self, server, session, envelope, address, options):
            if address.startswith("nobody"):
                return "550 no such user"
            if address.startswith("later"):
                return "450 try again"
            envelope.rcpt_tos.append(address)
            return "250 OK"

    type(smtp_server).handle_RCPT = Picky.handle_RCPT
    try:
        for name in ("nobody", "later", "sally"):
            queue(ctx, clock, f"{name}@example.org")
        assert mailer.send_due(at_server(ctx, smtp_server.url), clock) == 1
    finally:
        del type(smtp_server).handle_RCPT
    assert waiting(ctx) == [(1, outbox.NEVER, "SMTPRecipientsRefused"), (1, clock + 30, "SMTPRecipientsRefused")]


def test_a_connection_that_breaks_half_way_sends_the_rest_later(ctx, clock, monkeypatch):
    sent = []

    class Breaking:
        def __enter__(self):
            return self.send

        def __exit__(self, *error):
            return None

        def send(self, mail):
            if sent:
                raise smtplib.SMTPServerDisconnected("gone")
            sent.append(mail.recipient)

    monkeypatch.setattr(mailer, "_transport", lambda site: Breaking())
    for name in ("a", "b", "c"):
        queue(ctx, clock, f"{name}@example.org")
    assert mailer.send_due(ctx, clock) == 1
    assert waiting(ctx) == [(1, clock + 30, "SMTPServerDisconnected")] * 2
    assert sent == ["a@example.org"]


def test_a_claimed_mail_is_free_again_when_its_worker_died(ctx, clock):
    queue(ctx, clock)
    with ctx.db.transaction():
        assert len(outbox.claim(ctx.db, clock, mailer.LEASE, 10)) == 1
    assert mailer.send_due(ctx, clock) == 0
    assert mailer.send_due(ctx, clock + mailer.LEASE) == 1


def test_without_smtp_mails_become_files_for_the_operator_only(sqlite_ctx, clock):
    queue(sqlite_ctx, clock, "zoë@bücher.example")
    assert mailer.send_due(sqlite_ctx, clock) == 1
    folder = sqlite_ctx.site.data_dir / "outbox"
    (path,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert message["To"] == "zoë@bücher.example"
    assert "token=abc" in message.get_content()


@pytest.mark.parametrize("recipient", ["a@example.org\nBcc: b@example.org", "a@example.org\r\n", "a\0@example.org"])
def test_headers_cannot_be_injected(sqlite_ctx, clock, recipient):
    with pytest.raises(ValueError):
        queue(sqlite_ctx, clock, recipient)
    sqlite_ctx.db.execute(
        "INSERT INTO outbox(recipient, subject, body, created_at, due_at) VALUES (?,'s','b',1,1)", (recipient,)
    )
    assert mailer.send_due(sqlite_ctx, clock) == 0
    folder = sqlite_ctx.site.data_dir / "outbox"
    assert not list(folder.glob("*.eml"))


def test_a_mail_is_written_only_with_what_it_tells_about(ctx, clock):
    def fail():
        with ctx.db.transaction():
            queue(ctx, clock)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert waiting(ctx) == []


def test_no_password_goes_to_another_machine_in_clear(sqlite_ctx, clock, smtp_server, monkeypatch):
    """A login given for a host elsewhere makes STARTTLS a must: without it the mail waits."""
    port = int(smtp_server.url.rpartition(":")[2])
    real = smtplib.SMTP
    monkeypatch.setattr(smtplib, "SMTP", lambda host, _port, **options: real("127.0.0.1", port, **options))
    queue(sqlite_ctx, clock)
    assert mailer.send_due(at_server(sqlite_ctx, "smtp://me:secret@mail.example:25"), clock) == 0
    assert smtp_server.messages == []
    assert waiting(sqlite_ctx)[0][2] == "SMTPNotSupportedError"


def test_two_mails_of_one_second_are_two_messages(sqlite_ctx, clock):
    """The database may give the id of a sent mail to the next one."""
    queue(sqlite_ctx, clock, "sally@example.org")
    mailer.send_due(sqlite_ctx, clock)
    queue(sqlite_ctx, clock, "gil@example.org")
    mailer.send_due(sqlite_ctx, clock)
    files = [message_from_bytes(file.read_bytes()) for file in (sqlite_ctx.site.data_dir / "outbox").iterdir()]
    assert {file["To"] for file in files} == {"sally@example.org", "gil@example.org"}
    assert len({file["Message-ID"] for file in files}) == 2
