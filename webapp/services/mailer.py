"""Mail: texts from templates/mail into the outbox, and from there to the SMTP server or into files.

A mail is written in the transaction of what it tells about and sent later, so no mail is lost and none lies. Each text
names only its recipient's own account.
"""

from __future__ import annotations

import hashlib
import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from policies.errors import ConfigError
from webapp.services.context import Context, Site
from webapp.store import outbox
from webapp.store.outbox import Mail

log = logging.getLogger("vitrine.mail")

TEXTS = Path(__file__).resolve().parents[2] / "templates" / "mail"
#: Mails claimed at once, and the seconds one may take.
BATCH = 50
TIMEOUT = 20
#: A claimed mail is free again after this many seconds, if its worker died: longer than the slowest batch, so that no
#: mail is sent twice while its worker lives.
LEASE = (BATCH + 5) * TIMEOUT
#: Seconds to the next attempt after each failed one; then the mail is given up.
BACKOFF = (30, 60, 300, 900, 1800, 3600, 3600, 7200, 14400, 28800, 43200)

Send = Callable[[Mail], None]


def queue(ctx: Context, recipient: str, template: str, now: int, **values: Any) -> None:
    """Write a mail into the outbox: templates/mail/<template>.txt, whose first line is the subject."""
    text = _texts().get_template(f"{template}.txt").render(site=ctx.site_name, base_url=ctx.site.base_url, **values)
    subject, _, body = text.partition("\n")
    _check_headers(recipient, subject)
    outbox.add(ctx.db, recipient, subject, body.strip() + "\n", now)


def link(ctx: Context, path: str, **query: str) -> str:
    """An address of this site. The host comes from BASE_URL, never from a request (T83)."""
    return f"{ctx.site.base_url}{path}" + (f"?{urlencode(query)}" if query else "")


def send_due(ctx: Context, now: int, limit: int = BATCH) -> int:
    """Send what is due and return how many mails were handed over. A failure postpones its mail; nothing is raised."""
    with ctx.db.transaction():
        mails = outbox.claim(ctx.db, now, LEASE, limit)
    if not mails:
        return 0
    sent = 0
    try:
        ctx.settings()      # the name in the head of a mail, as an admin set it
        with _transport(replace(ctx.site, name=ctx.site_name)) as send:
            for position, mail in enumerate(mails):
                try:
                    send(mail)
                except smtplib.SMTPServerDisconnected as error:
                    _failed(ctx, mails[position:], error, now)
                    return sent
                except (smtplib.SMTPException, OSError, ValueError) as error:
                    _failed(ctx, [mail], error, now)
                else:
                    outbox.remove(ctx.db, mail.id)
                    sent += 1
    except (smtplib.SMTPException, OSError, ConfigError) as error:
        _failed(ctx, mails[sent:], error, now)
    return sent


def sweep(ctx: Context, now: int) -> None:
    """Forget mails given up a month ago."""
    outbox.sweep(ctx.db, now - 30 * 86_400)


def compose(site: Site, mail: Mail) -> EmailMessage:
    """The message as it is sent. Sent twice by accident it is the same message: its id comes from the row."""
    _check_headers(mail.recipient, mail.subject)
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = f"{site.name.replace(chr(34), '')} <{site.mail_from}>" if site.name.isascii() else site.mail_from
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.created_at, UTC))
    message["Message-ID"] = f"<{_mark(site, mail)}@{urlsplit(site.base_url).hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body)
    return message


def _mark(site: Site, mail: Mail) -> str:
    """What tells a mail from every other. The row's id alone does not: SQLite gives a sent mail's to the next one."""
    text = f"{site.secret_key}:{mail.id}:{mail.created_at}:{mail.recipient}:{mail.subject}:{mail.body}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _check_headers(*values: str) -> None:
    """Errors: ValueError for a value that could end its header and begin another."""
    if any(ord(character) < 32 or ord(character) == 127 for value in values for character in value):
        raise ValueError("a mail header cannot hold control characters")


def _failed(ctx: Context, mails: list[Mail], error: Exception, now: int) -> None:
    reason = type(error).__name__     # the server's text may hold the recipient's address (T70)
    for mail in mails:
        if mail.attempts > len(BACKOFF) or isinstance(error, ValueError) or _is_refused_for_good(error):
            outbox.give_up(ctx.db, mail.id, reason)
            log.error("mail %s given up after %s attempts: %s", mail.id, mail.attempts, reason)
        else:
            outbox.postpone(ctx.db, mail.id, now + BACKOFF[mail.attempts - 1], reason)
            log.warning("mail %s not sent, will be tried again: %s", mail.id, reason)


def _is_refused_for_good(error: Exception) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPNotSupportedError)


def _transport(site: Site) -> AbstractContextManager[Send]:
    return _smtp(site) if site.smtp_url else _files(site)


@contextmanager
def _files(site: Site) -> Iterator[Send]:
    """Without SMTP_URL each mail becomes a file that only the operator can read."""
    folder = site.data_dir / "outbox"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def send(mail: Mail) -> None:
        path = folder / f"{mail.created_at}-{mail.id:06}-{_mark(site, mail)[:8]}.eml"
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_bytes(compose(site, mail).as_bytes(policy=policy.default))
        part.replace(path)

    yield send


@contextmanager
def _smtp(site: Site) -> Iterator[Send]:
    """smtps://, or smtp:// with STARTTLS where `?starttls=1` or a login asks for it. Certificates are checked."""
    parts = urlsplit(site.smtp_url or "")
    host = parts.hostname or "localhost"
    options = parse_qs(parts.query)
    client: smtplib.SMTP
    if parts.scheme == "smtps":
        client = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT, context=ssl.create_default_context())
    else:
        client = smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT)
    with client:
        client.ehlo()
        is_local = host in {"localhost", "127.0.0.1", "::1"}
        wants_tls = options.get("starttls", ["0"])[0] not in {"0", ""} or (parts.username and not is_local)
        if parts.scheme == "smtp" and wants_tls:
            client.starttls(context=ssl.create_default_context())
            client.ehlo()
        if parts.username:
            client.login(unquote(parts.username), unquote(parts.password or ""))

        def send(mail: Mail) -> None:
            client.send_message(compose(site, mail), from_addr=site.mail_from, to_addrs=[mail.recipient])

        yield send


@lru_cache(maxsize=1)
def _texts() -> Environment:
    # Plain text: nothing to escape. The texts hold no value that a stranger typed.
    return Environment(  # noqa: S701
        loader=FileSystemLoader(TEXTS), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
