"""Who may administer what: site admins everything, an organization's admins their own organization. No verbs here.

The right is the account's own: a linked session has what the account that is logged in has, nothing of its group's.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import NotFound
from webapp.services.context import Context
from webapp.services.sessions import Session
from webapp.store import admins as store


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization as its admins meet it."""

    id: int
    slug: str
    name: str


def organizations_of_admin(ctx: Context, account_id: int) -> tuple[int, ...]:
    """Ids of the organizations that an active account is an admin of; site admins get no more by this."""
    return tuple([row.id for row in store.load_administered(ctx.db, account_id)])


def administered(ctx: Context, session: Session) -> tuple[Organization, ...]:
    """The organizations whose admin pages the session may open, by name."""
    if session.is_admin:
        rows = store.load_organizations(ctx.db)
    else:
        rows = store.load_administered(ctx.db, session.account_id)
    return tuple([Organization(*row) for row in rows])


def open_organization(ctx: Context, session: Session, slug: str) -> Organization:
    """The organization of an admin page. Errors: NotFound for one that the session does not administer or that does
    not exist: both say the same (T45)."""
    if session.is_admin:
        row = store.load_organization(ctx.db, slug)
    else:
        rows = store.load_administered(ctx.db, session.account_id)
        row = next((one for one in rows if one.slug == slug), None)
    if row is None:
        raise NotFound
    return Organization(*row)
