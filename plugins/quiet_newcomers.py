"""A visibility policy: what spammers come for stays hidden from people who are not signed in while an account is new.

Bio and links of an account younger than seven days show to its owner, its organization and members only. Off until an
admin switches it on.
"""

from __future__ import annotations

from collections.abc import Collection

from policies import hookimpl
from policies.terms import Question, Veto

OFF_AT_FIRST = True
DAYS = 7
HIDDEN = ("bio", "links")


def ask(question: Question) -> Collection[str]:
    """An account whose age is not known counts as new."""
    is_new = question.age is None or question.age < DAYS * 86_400
    return HIDDEN if is_new and question.viewer_id is None else ()


@hookimpl
def register_vetoes() -> tuple[Veto, ...]:
    """One veto, about two fields: were it to fail, only these would hide."""
    return (Veto("quiet newcomers", ask, about=HIDDEN),)
