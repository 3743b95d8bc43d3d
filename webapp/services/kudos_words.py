"""What kudos are made of: the categories, the limits and their words. No verb, no reading."""

from __future__ import annotations

HOUR, DAY = 3600, 86_400

#: Kudos that an account may give within seven days.
WEEKLY = 10
WEEK = 7 * DAY
#: For how long the giver can take kudos back.
TAKE_BACK = HOUR
MESSAGE_LIMIT = 500

#: What kudos can be for; the key is stored.
CATEGORIES = {
    "answer": "Helpful answer",
    "knowledge": "Shared knowledge",
    "welcome": "Made me welcome",
    "teamwork": "Good to work with",
    "extra": "Went the extra mile",
}


def label_of(category: str) -> str:
    """The words of a stored category; none for what a source called by another name."""
    return CATEGORIES.get(category, "")
