"""The record of one account as the API answers it, and its listing in the directory. Built from what is allowed.

A linked account's record is its own, under its own levels; the profile's private switch applies to it. A key stands in
the answer only where the value is shown and there is one: hidden and empty look alike, unknown and hidden whole too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from policies.visibility import Gate
from webapp.services import people
from webapp.services.api_profiles import profile_of
from webapp.services.app_views import ANYBODY, Looker, mask_of
from webapp.services.context import Context, at_one_moment
from webapp.services.extras import typed_names, typed_words
from webapp.services.notes import LIVE
from webapp.services.people import Asked
from webapp.services.views import Moved
from webapp.store import api_users as store
from webapp.store import typed
from webapp.store.profiles import NOBODY, Group, Values, load_group_of_public, load_values

#: The field of the gate behind each key, in the order of the answer.
KEYS: tuple[tuple[str, str], ...] = (
    ("avatar", "avatarUrl"), ("full_name", "fullName"), ("job_title", "jobTitle"), ("department", "department"),
    ("organization", "organization"), ("location", "location"), ("timezone", "timezone"), ("email", "email"),
)  # fmt: skip
FIELDS = tuple(field for field, _ in KEYS)
#: So many accounts may be asked for at once.
MOST = 100

_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@at_one_moment
def user_json(ctx: Context, looker: Looker, account_id: str) -> dict[str, Any] | None:
    """The record of the account with this public id; None: unknown, gone or hidden whole (D2). Two statements, one
    more where members type into fields of plugins."""
    group = load_group_of_public(ctx.db, account_id if _PUBLIC_ID.fullmatch(account_id) else "")
    gate = ctx.gate(group.version)
    mask = _shown(gate, looker, group)
    names = () if mask is None else _names(gate, mask)
    found = load_values(ctx.db, NOBODY[0] if mask is None else group.asked.id, names)
    words = typed_words(ctx, group.asked.id, () if mask is None else _names(gate, mask, typed_names(ctx)))
    return _record(ctx, gate, group, account_id, found[0], words) if mask is not None and found else None


@at_one_moment
def users_json(ctx: Context, looker: Looker, account_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The records of up to MOST accounts, in the order asked for; who is unknown is missing. As for one, and one
    statement for each field of plugins that members type into."""
    ids = [account_id for account_id in dict.fromkeys(account_ids) if _PUBLIC_ID.fullmatch(account_id)]
    groups = store.load_groups_of_public(ctx.db, ids)
    seen: list[tuple[int, Gate, int] | None] = []
    for account_id in ids:
        group = groups.get(account_id)
        gate = None if group is None else ctx.gate(group.version)
        mask = None if group is None or gate is None else _shown(gate, looker, group)
        seen.append(None if group is None or gate is None or mask is None else (group.asked.id, gate, mask))
    values = store.load_many_values(ctx.db, [
        (NOBODY[0], ()) if one is None else (one[0], _names(one[1], one[2])) for one in seen])
    words = {name: typed.load_of(ctx.db, name, [
        NOBODY[0] if one is None or not _names(one[1], one[2], (name,)) else one[0] for one in seen
    ]) for name in typed_names(ctx)}
    return [
        _record(ctx, one[1], groups[account_id], account_id, found, {
            name: some[found.id] for name, some in words.items() if found.id in some})
        for account_id, one, found in zip(ids, seen, values, strict=True)
        if one is not None and found is not None
    ]


def me_json(ctx: Context, looker: Looker) -> dict[str, Any] | None:
    """The record of the member whose token is used."""
    if looker.member is None or looker.member.account_id is None:
        return None
    return user_json(ctx, looker, store.load_public_id(ctx.db, looker.member.account_id))


def profile_json(ctx: Context, looker: Looker, handle: str, now: int) -> dict[str, Any] | Moved | None:
    """The community profile behind a handle; Moved and None as on its page."""
    return profile_of(ctx, looker, handle, now)


def view_as(ctx: Context, looker: Looker, handle: str, now: int) -> tuple[tuple[str, str], ...]:
    """What an app that sees as `looker` does gets of a profile and of the account behind it (D15): (path, JSON)."""
    found = profile_of(ctx, looker, handle, now)
    if found is None or isinstance(found, Moved):
        return ()
    account_id = str(found["accountId"])
    paths = {f"/api/v1/users/{account_id}": user_json(ctx, looker, account_id), f"/api/v1/profiles/{handle}": found}
    return tuple([(path, json.dumps(some, ensure_ascii=False, indent=2)) for path, some in paths.items()])


def people_json(ctx: Context, looker: Looker, q: str, sort: str, cursor: str, now: int) -> dict[str, Any]:
    """A page of the directory as the looker may search it."""
    page = people.view_people(ctx, looker.directory, Asked(q=q, sort=sort, cursor=cursor), now)
    base = ctx.site.base_url
    found = []
    for card in page.cards:
        row: dict[str, Any] = {"handle": card.handle, "displayName": card.name}
        if card.avatar.url:
            row["avatarUrl"] = base + card.avatar.url
        for key, value in (
            ("jobTitle", card.job_title), ("organization", card.organization), ("location", card.location),
            ("level", card.level),
        ):  # fmt: skip
            if value:
                row[key] = value
        if card.is_certified:
            row["certified"] = True
        if card.gems:
            row["badges"] = [f"{gem.metric}:{gem.value}" for gem in card.gems]
        row["profileUrl"] = f"{base}/u/{card.handle}"
        found.append(row)
    return {"people": found, **({"nextCursor": page.next_cursor} if page.next_cursor else {})}


def _shown(gate: Gate, looker: Looker, group: Group) -> int | None:
    """The mask of the asked account's record; None where there is nothing to answer.

    All is asked in any case, so that no answer comes sooner than another (T61).
    """
    subject = group.subject(group.asked)
    mask = mask_of(gate, looker, subject)
    hidden = subject.private and not (subject.keep_name and subject.settings.keep_name)
    return None if hidden | (group.asked.state not in LIVE) else mask


def _names(gate: Gate, mask: int, fields: Sequence[str] = FIELDS) -> tuple[str, ...]:
    bit = gate.bit
    return tuple([name for name in fields if name in bit and mask >> bit[name] & 1])


def _record(
    ctx: Context, gate: Gate, group: Group, account_id: str, values: Values, words: Mapping[str, str]
) -> dict[str, Any]:
    base = ctx.site.base_url
    found: dict[str, Any] = {
        "accountId": account_id, "displayName": gate.display_name(values.full_name, values.public_name),
    }
    for field, key in KEYS:
        value = getattr(values, field)
        if value:
            found[key] = f"{base}/avatar/{value}.webp" if field == "avatar" else value
    if words:
        found["more"] = dict(words)
    if (handle := _profile_of(group)) is not None:
        found["profileUrl"] = f"{base}/u/{handle}"
    return found


def _profile_of(group: Group) -> str | None:
    """The handle that leads to the account's profile; None for a silent account, and for a linked one whose profile is
    private or gone."""
    asked = group.asked
    if asked.silent:
        return None
    if asked.primary_id is None:
        return asked.handle
    return None if group.subject(asked).private or group.primary.state not in LIVE else group.primary.handle


__all__ = ["ANYBODY", "KEYS", "MOST", "me_json", "people_json", "profile_json", "user_json", "users_json", "view_as"]
