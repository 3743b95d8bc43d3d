"""Activity rows in words, and which address of a source may be a link. No query.

Titles and addresses are public content of the source; an address is handed on only if a browser can safely open it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from webapp.services.views import ActivityRow
from webapp.store.activity import Row

#: What a kind is called as a filter, and what a row says of it.
KINDS: Mapping[str, tuple[str, str]] = {
    "question": ("Questions", "Asked"),
    "answer": ("Answers", "Answered"),
    "accepted_solution": ("Accepted solutions", "Answer accepted"),
    "article": ("Articles", "Published an article"),
    "discussion": ("Discussions", "Started a discussion"),
    "comment": ("Comments", "Commented"),
    "like_received": ("Likes received", "Received a like"),
    "course_completed": ("Courses", "Completed the course"),
    "certification": ("Certifications", "Certified"),
    "designation": ("Designations", "Designation awarded"),
    "group_joined": ("Groups joined", "Joined the group"),
    "group_left": ("Groups left", "Left the group"),
    "event_attended": ("Events", "Attended"),
    "kudos": ("Kudos", "Received kudos"),
    "badge": ("Badges", "Earned a badge"),
}
#: Some kinds tell what stands in a section of its own: hidden there, they are hidden here.
_SECTION = {
    "like_received": "stats", "course_completed": "badges", "certification": "certifications",
    "designation": "certifications", "group_joined": "groups", "group_left": "groups", "kudos": "kudos",
    "badge": "badges",
}  # fmt: skip
_WEB = ("https://", "http://")
_OTHER = ("Other", "Took part")


def hidden_kinds(shows: Callable[[str], bool]) -> tuple[str, ...]:
    """The kinds that are left out of a list of activity because their section is hidden from this viewer."""
    return tuple([kind for kind, section in _SECTION.items() if not shows(section)])


def web_url(url: str | None) -> str | None:
    """The address if it is plain http or https, else None (T75)."""
    if not url or not url.isprintable() or "\\" in url or " " in url:
        return None
    return url if url.startswith(_WEB) or url[:8].lower().startswith(_WEB) else None


def row_views(rows: Iterable[Row]) -> tuple[ActivityRow, ...]:
    """Rows as the templates draw them; no id leaves."""
    return tuple([
        ActivityRow(row.kind, row.area, row.source, row.title, web_url(row.url), row.at, KINDS.get(row.kind, _OTHER)[1])
        for row in rows
    ])  # fmt: skip
