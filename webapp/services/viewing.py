"""Who looks: a login session's account as the gate knows viewers (D7, D12), and that viewer's own menu."""

from __future__ import annotations

from policies.terms import ANONYMOUS, Kind, Viewer
from webapp.services.context import Context
from webapp.services.notes import LIVE, avatar_view
from webapp.services.views import MemberBar
from webapp.store import profiles as store
from webapp.store import viewers


def load_viewer(ctx: Context, account_id: int) -> Viewer:
    """The viewer behind a login session of this account; ANONYMOUS unless it is active. One statement.

    A managed account's session works for its own organization only; any other session belongs to those of all active
    managed accounts of its group whose address is proved (D12).
    """
    standing = viewers.load_standing(ctx.db, account_id)
    if standing is None:
        return ANONYMOUS
    gate = ctx.gate(standing.version)
    domains = {member: domain for member, domain, _ in standing.members}
    is_managed = gate.kind(domains[account_id]) is Kind.MANAGED
    organizations = {
        gate.organization(domain)
        for member, domain, is_proved in standing.members
        if is_proved and (member == account_id or not is_managed)
    }
    return Viewer(
        account_id,
        standing.primary_id or account_id,
        is_managed,
        frozenset(organization for organization in organizations if organization is not None),
    )


def member_bar(ctx: Context, viewer: Viewer) -> MemberBar | None:
    """The viewer's menu: it leads to the profile their account belongs to, or to their own page where that one is not
    to be had. None for an anonymous viewer. Three statements."""
    if viewer.account_id is None:
        return None
    group = store.load_group_of(ctx.db, viewer.account_id)
    if group is None:
        return None
    face = group.primary if group.primary.state in LIVE else group.asked
    gate = ctx.gate(group.version)
    mask = gate.mask(viewer, group.subject(face))
    names = tuple(name for name in ("avatar", "full_name") if mask >> gate.bit[name] & 1)
    values = store.load_values(ctx.db, face.id, names)[0]
    name = gate.display_name(values.full_name, values.public_name)
    is_admin, administers = viewers.load_is_admin(ctx.db, viewer.account_id)
    is_told = bool(group.linked) and not (viewer.is_managed and group.asked.primary_id is not None)    # D7
    is_flagged = is_told and gate.kind(group.primary.domain_id) is Kind.MANAGED
    return MemberBar(
        face.handle, name, avatar_view(name, values.avatar), is_admin, is_flagged=is_flagged,
        has_admin_area=is_admin or administers,
    )  # fmt: skip
