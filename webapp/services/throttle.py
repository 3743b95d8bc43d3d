"""Limits on attempts, held over all worker processes (T8). Whoever is counted is kept as a hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from policies.errors import VitrineError
from webapp.services.context import Context
from webapp.store import throttle


class TooMany(VitrineError):
    """Too many attempts. `retry_after`: seconds until the next is counted."""

    def __init__(self, problem: str, fix: str, retry_after: int) -> None:
        super().__init__(problem, fix)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts in so many seconds."""

    name: str
    count: int
    window: int


LOGIN_ACCOUNT = Limit("login", 10, 900)
LOGIN_REMOTE = Limit("login-from", 50, 900)
MAIL_ADDRESS = Limit("mail", 5, 3600)
#: Mails to one address from one network, and from all: far apart, so that a stranger leaves the owner's way open (T8).
MAIL_HERE = Limit("mail-here", 5, 3600)
MAIL_TOTAL = Limit("mail-all", 40, 3600)
MAIL_REMOTE = Limit("mail-from", 30, 3600)
CONFIRM = Limit("confirm", 10, 900)
HANDLE = Limit("handle", 3, 30 * 86_400)
DOMAIN = Limit("domain", 30, 3600)
INVITE = Limit("invite", 30, 3600)


def key(limit: Limit, who: str) -> str:
    """The key under which `who` is counted."""
    return f"{limit.name}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"


def remote_key(address: str | None) -> str:
    """The network a request comes from: one IPv4 address, or the /64 of an IPv6 one."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or IPv6Address(int(ip) >> 64 << 64))
    return str(ip)


def take(ctx: Context, now: int, *attempts: tuple[Limit, str], fix: str = "", lasting: bool = True) -> None:
    """Count an attempt under each limit, committed at once. Errors: TooMany if one is used up.

    `lasting` False: the count may be lost with the power. Not for what keeps strangers out.
    """
    retry_after = 0
    with ctx.db.transaction(lasting):
        for limit, who in attempts:
            count, until = throttle.take(ctx.db, key(limit, who), limit.window, now)
            if count > limit.count:
                retry_after = max(retry_after, until - now, 1)
    if retry_after:
        minutes = -(-retry_after // 60)
        wait = "a minute" if minutes == 1 else f"{minutes} minutes" if minutes < 120 else f"{-(-minutes // 60)} hours"
        raise TooMany(f"That was tried too often. Wait {wait}, then try again.", fix, retry_after)


def take_mail(ctx: Context, now: int, purpose: str, email_key: str, remote: str) -> None:
    """Count a mail that somebody at `remote` has sent to an address, for each purpose apart (T8).

    A network that has used up its own share adds nothing to what all together may send. Errors: TooMany.
    """
    take(ctx, now, (MAIL_HERE, f"{purpose} {email_key} {remote}"), (MAIL_REMOTE, remote))
    take(ctx, now, (MAIL_TOTAL, f"{purpose} {email_key}"))


def give_back(ctx: Context, limit: Limit, who: str) -> None:
    """An attempt was none: the right password was given."""
    throttle.give_back(ctx.db, key(limit, who))


def forget(ctx: Context, limit: Limit, who: str) -> None:
    """Start anew."""
    throttle.forget(ctx.db, key(limit, who))


def sweep(ctx: Context, now: int) -> None:
    """Drop counts whose window is over."""
    throttle.sweep(ctx.db, now)
