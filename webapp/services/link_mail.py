"""Mails about links: to every address involved, each naming only its recipient's own account (D3, D5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from webapp.services import mailer, tokens
from webapp.services.context import Context
from webapp.store import link_proofs, links, proofs
from webapp.store.links import Party

#: Seconds for which "this was not me" works (D18).
OUT_LIFE = 7 * 86_400
PAGE = "/settings/linked-accounts"


def tell_linked(ctx: Context, primary: Party, joined: Party, now: int) -> None:
    """Both accounts of a new link, each with its way out at once (D18)."""
    for party, part in ((primary, "primary"), (joined, "linked")):
        _tell(ctx, party, "link_made", now, part=part, out=way_out(ctx, party, [joined.id], now))


def tell_unlinked(ctx: Context, parties: Sequence[Party], now: int) -> None:
    """The primary and the account that left."""
    for party in parties:
        part = "linked" if party.primary_id is not None else "primary"
        _tell(ctx, party, "link_gone", now, part=part, reset=mailer.link(ctx, "/reset"))


def tell_primary(ctx: Context, parties: Sequence[Party], new_id: int, old_id: int, now: int) -> None:
    """Every account of a group that has another primary now; `parties` as they are after it."""
    others = [party.id for party in parties if party.id != new_id]
    for party in parties:
        part = "new" if party.id == new_id else "old" if party.id == old_id else "other"
        _tell(ctx, party, "link_primary", now, part=part, out=way_out(ctx, party, others, now))


def tell_asked(ctx: Context, leaver: Party, primary: Party, now: int, due: int, decline: str) -> None:
    """The primary, with the link to decline unless `decline` is "", and the account that asked to leave."""
    day = f"{datetime.fromtimestamp(due, UTC):%d %B %Y}".lstrip("0")
    link = mailer.link(ctx, f"{PAGE}/decline", token=decline) if decline else ""
    _tell(ctx, primary, "link_leave_primary", now, day=day, decline=link)
    _tell(ctx, leaver, "link_leave_asked", now, day=day, final=not decline)


def tell_declined(ctx: Context, leaver: Party, now: int) -> None:
    _tell(ctx, leaver, "link_leave_declined", now)


def tell_flagged(ctx: Context, primary: Party, now: int) -> None:
    """D6: the primary's domain was verified."""
    _tell(ctx, primary, "link_flagged", now, page=mailer.link(ctx, PAGE))


def tell_primary_closed(ctx: Context, linked: Sequence[int], now: int) -> None:
    """D22: the primary cannot be used any more; whoever is linked to it may leave at once."""
    for party in links.load_parties(ctx.db, linked).values():
        _tell(ctx, party, "link_primary_closed", now, page=mailer.link(ctx, PAGE))


def tell_silenced(ctx: Context, party: Party, now: int) -> None:
    """D6: a linked personal account turned managed and is silent now."""
    _tell(ctx, party, "link_silenced", now, page=mailer.link(ctx, PAGE))


def tell_reset(ctx: Context, primary_id: int, now: int) -> None:
    """D6: every linked address, after a flagged primary's password was reset by mail. Nothing for any other account."""
    group = links.load_group_of(ctx.db, primary_id)
    if group is None or not group.linked or group.asked.primary_id is not None:
        return
    if ctx.gate(group.version).organization(group.asked.domain_id) is None:
        return
    for party in links.load_parties(ctx.db, [member.id for member in group.linked]).values():
        _tell(ctx, party, "link_reset", now, page=mailer.link(ctx, PAGE))


def way_out(ctx: Context, party: Party, others: Sequence[int], now: int) -> str:
    """The address of "this was not me" (D18): unlinks the account or, once it is a primary, `others` from it."""
    token = tokens.new_token()
    detail = {"what": link_proofs.OUT, "email_key": party.email_key, "others": list(others)}
    proofs.add(
        ctx.db, link_proofs.LEAVE, tokens.digest(token), now, now + OUT_LIFE, account_id=party.id, detail=detail
    )
    return mailer.link(ctx, f"{PAGE}/not-me", token=token)


def _tell(ctx: Context, party: Party, template: str, now: int, **values: object) -> None:
    if party.may_log_in and party.email:
        mailer.queue(ctx, party.email, template, now, handle=party.handle, **values)
