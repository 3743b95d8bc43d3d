"""What a profile says to search engines and link previews: description and structured data (T56). Shown values only.

Both are made of the values that the page was made of. Pages print them for anonymous viewers alone, so they are what
the gate shows Anyone. Whether a profile is in search engines at all: OpenProfile.noindex and sitemap.py.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from webapp.services.views import AvatarView, LinkView
from webapp.store.profiles import Values

LONGEST = 160


def describe(name: str, own: Values, site: str) -> str:
    """One sentence or two."""
    place = ", ".join(part for part in (own.job_title, own.organization, own.location) if part)
    bio = shorten(own.bio or "")
    return ". ".join(part for part in (place, bio) if part) or f"{name} on {site}"


def shorten(text: str) -> str:
    """A text on one line, cut after a word."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rsplit(" ", 1)[0] + "…"


def profile_data(
    base_url: str, handle: str, name: str, avatar: AvatarView, own: Values, links: Sequence[LinkView]
) -> Mapping[str, Any]:
    """schema.org's ProfilePage of a person. Nothing is said about what is not there; no e-mail address, ever."""
    url = f"{base_url}/u/{handle}"
    person: dict[str, Any] = {"@type": "Person", "name": name, "alternateName": f"@{handle}", "url": url}
    if avatar.url:
        person["image"] = base_url + avatar.url
    if own.bio:
        person["description"] = shorten(own.bio)
    if own.job_title:
        person["jobTitle"] = own.job_title
    if own.organization:
        person["worksFor"] = {"@type": "Organization", "name": own.organization}
    if own.location:
        person["homeLocation"] = {"@type": "Place", "name": own.location}
    elsewhere = [link.url for link in links if link.url.startswith(("https://", "http://"))]
    if elsewhere:
        person["sameAs"] = elsewhere
    page: dict[str, Any] = {"@context": "https://schema.org", "@type": "ProfilePage", "url": url, "mainEntity": person}
    if own.member_since:
        page["dateCreated"] = datetime.datetime.fromtimestamp(own.member_since, datetime.UTC).date().isoformat()
    return page
