"""The top of Edit profile: whose record it is, whose name and picture, and whether there is one. No saving."""

from __future__ import annotations

from dataclasses import dataclass

from policies.errors import NotFound
from policies.terms import Relation, Viewer
from webapp.services.context import Context
from webapp.services.editing import Standing, editable, stand
from webapp.services.notes import avatar_view
from webapp.services.views import AvatarView
from webapp.store import records


@dataclass(frozen=True, slots=True)
class Head:
    """What the top of Edit profile says about the profile and the account that is logged in.

    own_handle: of the account that is logged in; `is_shared`: it is linked, so its own name and picture are not shown
    is_closed: its primary was deactivated, so there is nothing to edit but its own name and picture (D22)
    """

    handle: str
    name: str
    avatar: AvatarView
    own_handle: str
    own_avatar: AvatarView
    linked: int
    is_shared: bool
    is_insider: bool
    is_closed: bool


def head(ctx: Context, viewer: Viewer) -> Head:
    """The top of Edit profile."""
    own, profile = stand(ctx, viewer, viewer.account_id), stand_open(ctx, viewer)
    standing = profile or own
    is_insider = standing.relation is Relation.INSIDER      # it knows of its own link and no other (D7)
    name, picture = _face(ctx, standing)
    _, own_picture = _face(ctx, own)
    return Head(
        handle=standing.handle, name=name, avatar=picture, own_handle=own.handle, own_avatar=own_picture,
        linked=2 if is_insider else 1 if profile is None else standing.linked,
        is_shared=own.subject.account_id != standing.subject.account_id, is_insider=is_insider,
        is_closed=profile is None,
    )


def stand_open(ctx: Context, viewer: Viewer) -> Standing | None:
    """Where the viewer stands to the profile they belong to; None while its primary is deactivated (D22)."""
    try:
        return stand(ctx, viewer)
    except NotFound:
        return None


def _face(ctx: Context, standing: Standing) -> tuple[str, AvatarView]:
    """Name and picture of a record as this viewer sees them."""
    shown = editable(standing, ("full_name", "avatar"))
    found = records.load_columns(ctx.db, standing.subject.account_id, shown | {"public_name"})
    name = standing.gate.display_name(found.get("full_name"), found["public_name"])
    return name, avatar_view(name, found.get("avatar"))
