"""Whether what a plugin answered while the site runs makes sense: what webhooks tell, the claims of credentials.

What plugins register is checked in registry.py, what sections show in sections.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from policies.isolation import Nonsense
from policies.terms import Event, Person, Retraction, Told

#: Events, retractions and addresses of one webhook.
MOST = 1000


def told(answer: Any) -> list[Told]:
    """What a webhook tells. Errors: Nonsense."""
    if not isinstance(answer, (tuple, list)) or len(answer) > MOST:
        raise Nonsense(f"up to {MOST} events were expected")
    for one in answer:
        texts: tuple[Any, ...]
        if type(one) is Event and type(one.occurred_at) is int and isinstance(one.kind, str):
            texts = one.external_id, one.actor, one.object, one.title, one.url, one.by, one.email
        elif type(one) is Retraction and type(one.for_good) is bool:
            texts = (one.external_id,)
        elif type(one) is Person:
            texts = one.actor, one.email
        else:
            raise Nonsense("an Event, Retraction or Person was expected")
        for text in texts:
            if type(text) is not str or (not text.isprintable() and any("\ud800" <= c <= "\udfff" for c in text)):
                raise Nonsense("an Event of texts was expected")
    return list(answer)


def claims(answer: Any) -> dict[str, Any]:
    """Claims as plain JSON values. Errors: Nonsense."""
    if not isinstance(answer, Mapping):
        raise Nonsense("claims by name were expected")
    try:
        found: dict[str, Any] = json.loads(json.dumps(dict(answer), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise Nonsense("plain JSON values were expected") from error
    return found


def amount(answer: Any) -> int:
    """The value of a metric. Errors: Nonsense."""
    if type(answer) is not int or not 0 <= answer < 2**62:
        raise Nonsense("a whole number, 0 or more, was expected")
    return answer


def truth(answer: Any) -> bool:
    """What a predicate says. Errors: Nonsense."""
    if type(answer) is not bool:
        raise Nonsense("True or False was expected")
    return answer
