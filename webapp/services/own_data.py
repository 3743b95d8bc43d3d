"""Settings > Your data as its owner sees it: what an export holds, what deleting means and what has to come first.

The export is in export.py, the history in audit_own.py, deletion in closing.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import NotFound
from policies.linking import reset_refusal
from policies.linking_texts import TEXTS
from policies.terms import Kind
from webapp.services import link_rehearsal
from webapp.services.closing import GRACE, GRACE_DAYS, day_of
from webapp.services.context import Context
from webapp.services.link_steps import is_managed
from webapp.services.link_verbs import side_of
from webapp.services.sessions import Session
from webapp.store import accounts, links
from webapp.store.profiles import load_group_of


@dataclass(frozen=True, slots=True)
class Change:
    """A total of the profile before and after its group is dissolved."""

    label: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class DataPage:
    """The page.

    standing: unlinked | primary | linked | linked-managed
    linked: accounts that hang under this primary; why_not_dissolve: a sentence where they cannot be unlinked now
    changes: what the profile loses when it is dissolved (its rehearsal); heirs: whether another can be the primary
    """

    handle: str
    standing: str
    organization: str
    linked: int
    heirs: bool
    why_not_dissolve: str
    changes: tuple[Change, ...]
    is_recent: bool
    grace_days: int
    closes_on: str


def view_data(ctx: Context, session: Session, now: int) -> DataPage:
    """The page for whoever is logged in. Errors: NotFound."""
    group = load_group_of(ctx.db, session.account_id)
    if group is None:
        raise NotFound
    gate = ctx.gate(group.version)
    parties = links.load_parties(ctx.db, group.ids)
    side = side_of(ctx, gate, group, parties[session.account_id])
    is_primary = side.is_primary
    standing = "primary" if is_primary else "linked" if group.asked.primary_id is not None else "unlinked"
    if standing == "linked" and is_managed(ctx, group):
        standing = "linked-managed"
    waits = reset_refusal(side, now) if is_primary else None
    organization = gate.organization(group.asked.domain_id)
    changes: tuple[Change, ...] = ()
    if is_primary:
        before = link_rehearsal.tally(ctx, group, parties)
        after = link_rehearsal.tally(ctx, group.alone(group.primary), parties)
        later = {total.metric: total.value for total in after.totals}
        changes = tuple(
            Change(total.label, total.value, later.get(total.metric, 0))
            for total in before.totals if total.value != later.get(total.metric, 0)
        )  # fmt: skip
    return DataPage(
        handle=session.handle, standing=standing,
        organization=accounts.organization_name(ctx.db, organization) if organization is not None else "",
        linked=len(group.linked) if is_primary else 0,
        heirs=any(
            gate.kind(member.domain_id) is Kind.PERSONAL and parties[member.id].may_log_in for member in group.linked
        ),
        why_not_dissolve=" ".join(TEXTS[waits]).strip() if waits else "", changes=changes,
        is_recent=session.is_recent(now), grace_days=GRACE_DAYS, closes_on=day_of(now + GRACE),
    )  # fmt: skip
