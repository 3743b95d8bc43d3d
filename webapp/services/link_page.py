"""Settings > Linked accounts as its owner may see it (D5, D7): rows, what may be done, and why not."""

from __future__ import annotations

from collections.abc import Callable

from policies.errors import NotFound, Refused
from policies.linking import LEAVE_AGAIN, LEAVE_WAIT, Standing, reset_refusal, wait_until
from policies.linking_texts import TEXTS
from policies.terms import Kind, Viewer
from policies.visibility import Gate, display_name
from webapp.services import totals
from webapp.services.context import Context
from webapp.services.link_leave import leaves_at_once, may_object
from webapp.services.link_steps import Row, check_make_primary, check_silent, check_unlink, row_key
from webapp.services.link_verbs import side_of
from webapp.services.link_views import LinkRow, LinksPage, Pending, TotalRef
from webapp.services.notes import avatar_view
from webapp.services.sessions import Session
from webapp.store import accounts, link_proofs, links
from webapp.store import totals as totals_store
from webapp.store.links import Party
from webapp.store.profiles import Group, load_group_of

#: What a row says of its account, the first two that are not 0.
_BRINGS = ("answers", "courses_completed", "articles", "accepted_solutions", "likes_received", "peer_kudos")


def open_links(ctx: Context, session: Session, now: int) -> LinksPage:
    """The page. A linked managed account's session sees its own row, and that it is linked (D7). Errors: NotFound."""
    group = load_group_of(ctx.db, session.account_id)
    if group is None:
        raise NotFound
    gate = ctx.gate(group.version)
    parties = links.load_parties(ctx.db, group.ids)
    sides = {one.id: side_of(ctx, gate, group, parties[one.id]) for one in (group.primary, *group.linked)}
    actor = sides[session.account_id]
    is_linked = actor.standing is Standing.LINKED
    is_weak = is_linked and actor.kind is Kind.MANAGED
    primary = sides[group.primary.id]
    shown = (group.asked,) if is_weak else (group.primary, *sorted(group.linked, key=lambda one: one.id))
    rows = [Row(group, member, parties, actor, sides[member.id]) for member in shown]
    why_not_link = _why(reset_refusal(actor, now) or ("rule_only_primary_links" if is_linked else None))
    request = link_proofs.load_request(ctx.db, session.account_id) if is_linked else None
    is_leaving = request is not None and request.declined_at is None
    at_once = is_linked and leaves_at_once(group)
    waits = not is_weak and now < wait_until(primary)
    return LinksPage(
        rows=tuple(_view(ctx, gate, row, now) for row in rows),
        standing="linked-managed" if is_weak else actor.standing.value,
        is_flagged=primary.is_flagged and not is_weak,
        may_link=not why_not_link,
        why_not_link=why_not_link,
        nudge=actor.is_free and may_nudge(ctx, session.viewer),
        pending=_pending(ctx, session, now),
        is_recent=session.is_recent(now),
        may_leave=is_linked and (
            at_once or request is None or (not is_leaving and now - request.created_at >= LEAVE_AGAIN)
        ),
        leaves_at_once=at_once,
        leaves_at=request.created_at + LEAVE_WAIT if request is not None and is_leaving else None,
        leaves_for_good=request is not None and is_leaving and request.final,
        wait_until=wait_until(primary) if waits else None,
        may_object=may_object(ctx, group, now),
        is_objecting=is_linked and link_proofs.objects(ctx.db, session.account_id),
    )


def may_nudge(ctx: Context, viewer: Viewer) -> bool:
    """S39: whether somebody is told of linking: who is not linked to a primary and has not sent that away."""
    me = viewer.account_id
    return me is not None and viewer.profile_id == me and not links.has_event(ctx.db, "nudge:dismiss", me)


def label_of(party: Party) -> str:
    """The name of an account as its owner sees it."""
    return display_name(party.full_name, party.public_name)


def _view(ctx: Context, gate: Gate, row: Row, now: int) -> LinkRow:
    party = row.parties[row.member.id]
    organization = gate.organization(party.domain_id)
    why_not_primary, why_not_unlink = _asked(check_make_primary, row, now), _asked(check_unlink, row, now)
    request = link_proofs.load_request(ctx.db, party.id) if party.primary_id is not None else None
    is_leaving = request is not None and request.declined_at is None
    return LinkRow(
        key=row_key(ctx, row.group.primary.id, party.id),
        label=label_of(party),
        handle=party.handle,
        email=party.email or "",
        avatar=avatar_view(label_of(party), party.avatar),
        kind=row.side.kind.value,
        organization=accounts.organization_name(ctx.db, organization) if organization is not None else "",
        is_primary=row.side.is_primary,
        is_silent=party.silent,
        is_own=row.member.id == row.group.asked.id,
        state=party.state,
        linked_at=party.linked_at,
        may_make_primary=not why_not_primary,
        why_not_primary="" if row.side.is_primary else why_not_primary,
        may_unlink=not why_not_unlink,
        why_not_unlink=why_not_unlink,
        may_set_silent=not _refusal(lambda: check_silent(row, not party.silent)),
        did=_did(ctx, party.id),
        leaves_at=request.created_at + LEAVE_WAIT if request is not None and is_leaving else None,
        may_decline=request is not None and is_leaving and not request.final and row.actor.is_primary,
    )


def _did(ctx: Context, account_id: int) -> tuple[TotalRef, ...]:
    """The first two totals of an account that are not 0."""
    own = totals.totals_of(totals_store.load_sums(ctx.db, (account_id,), (account_id,), True, True))
    found = [(metric, own[metric]) for metric in _BRINGS if own.get(metric)]
    return tuple(TotalRef(metric, n, totals.WORDS[metric][1 if n == 1 else 2]) for metric, n in found[:2])


def _asked(check: Callable[[Row, int], None], row: Row, now: int) -> str:
    return _refusal(lambda: check(row, now))


def _refusal(check: Callable[[], None]) -> str:
    """Why not, in words; "" if it may be."""
    try:
        check()
    except Refused as error:
        return f"{error.problem} {error.fix}".strip()
    return ""


def _why(rule: str | None) -> str:
    return " ".join(TEXTS[rule]).strip() if rule else ""


def _pending(ctx: Context, session: Session, now: int) -> Pending | None:
    found = link_proofs.pending_of_session(ctx.db, session.session_id, now)
    if found is None:
        return None
    other = links.load_parties(ctx.db, [found[0]]).get(found[0])
    return Pending(other.email or "", found[1]) if other is not None else None


def title_of(group: Group, parties: dict[int, Party]) -> str:
    """The name of the profile's primary, for its owner."""
    return label_of(parties[group.primary.id])
