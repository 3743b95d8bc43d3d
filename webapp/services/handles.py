"""Handles: their form, the reserved words, a suggestion from a name (D20). They are given to accounts elsewhere."""

from __future__ import annotations

import re
import unicodedata

from policies.errors import Invalid
from webapp.services.context import Context
from webapp.store import accounts

MIN_LENGTH, MAX_LENGTH = 2, 39
_FORM = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

_WORDS = """
    about abuse account accounts activity admin administrator administrators all anonymous anyone api app apps
    art assets auth avatar avatars badges billing blog bot community contact dashboard deleted dev docs
    everyone faq feed feedback forum groups guest health healthz help home hooks hostmaster image images img
    index info invite kudos legal link links login logout mail mailer-daemon manage me media member members
    metrics moderator moderators nobody no-reply noreply null oauth official operator organization
    organizations owner people people-search postmaster press privacy profile profiles public readyz register
    reset robots root search security settings setup shop signin signout signup site sitemap staff static
    status store support system team terms test undefined unknown user users verified verify vitrine webmaster
    well-known widget www you
"""
#: Words that a page uses or may use, or that speak for the site.
RESERVED = frozenset(_WORDS.split())


def check(raw: str, field: str = "handle") -> str:
    """The handle that was typed, in lower case. Errors: Invalid under `field`."""
    handle = raw.strip().removeprefix("@").lower()
    if len(handle) > MAX_LENGTH:
        raise Invalid({field: f"That is too long: a handle has up to {MAX_LENGTH} characters."})
    if len(handle) < MIN_LENGTH:
        raise Invalid({field: f"Choose a handle of at least {MIN_LENGTH} characters."})
    if not _FORM.fullmatch(handle):
        raise Invalid({field: "Use the letters a to z, digits, and single hyphens between them."})
    if handle in RESERVED:
        raise Invalid({field: f"“{handle}” is kept for the site. Choose another one."})
    return handle


def slug(name: str) -> str:
    """A name in the letters of handles; "" if none of it fits."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")[: MAX_LENGTH - 4].strip("-")


def suggest(ctx: Context, name: str) -> str:
    """A free handle made from a name, for the form to start with; "" if the name gives none."""
    start = slug(name)
    if len(start) < MIN_LENGTH:
        return ""
    for number in range(1, 50):
        handle = start if number == 1 else f"{start}-{number}"
        if handle not in RESERVED and accounts.owner_of_handle(ctx.db, handle) is None:
            return handle
    return ""
