"""What plugins bring beside fields, vetoes and sources: facts they are told, metrics, name rules, badge rules.

Fields, vetoes, sources and events are in terms.py, what a section shows in sections.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.terms import Kind


@dataclass(frozen=True, slots=True)
class Holding:
    """A course, certification, designation, group or badge that somebody holds."""

    kind: str
    item: str
    title: str
    at: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a plugin is told of one member: what the viewer may see, or for a badge rule what the account itself did.

    What may not be seen is not in it. `day`: midnight UTC of the day asked, so that one day has one answer.
    """

    kind: Kind
    day: int
    totals: Mapping[str, int]
    values: Mapping[str, str]
    holdings: tuple[Holding, ...] = ()
    member_since: int | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A number derived from the totals `needs`; missing wherever one of them is (a hidden total hides it).

    `of` gets a mapping with exactly the totals needed and answers a whole number, 0 or more.
    """

    name: str
    label: str
    one: str
    several: str
    needs: tuple[str, ...]
    of: Callable[[Mapping[str, int]], int]


@dataclass(frozen=True, slots=True)
class NameRule:
    """How a name is shown: `show(full_name, public_name)`; the full name is None where the viewer may not see it.

    An answer of None leaves the name to the next rule, in load order, and then to the core.
    """

    name: str
    show: Callable[[str | None, str], str | None]


@dataclass(frozen=True, slots=True)
class BadgeRule:
    """A badge with a memory: who meets the rule gets it and keeps it.

    Exactly one of: `metric` with `at`, a threshold; `meets`, a predicate on facts; `years`, years of membership.
    needs: the sections that the badge tells about. It is shown only to whom they are all shown, with *Badges*. A
    threshold knows its own; a predicate that names none needs every section.
    keeps: taken away by the nightly look when the rule is not met any more, where False
    """

    key: str
    title: str
    metric: str = ""
    at: int = 0
    meets: Callable[[Facts], bool] | None = None
    years: int = 0
    needs: tuple[str, ...] = ()
    keeps: bool = True


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues credentials: this site. `id`: its did:web, whose key signs; `url`: the address of the site."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class PublishedBadge:
    """A badge that its owner published, as anyone may see it now.

    id: of this credential, new each time the badge is published; achievement: of the badge, the same for everybody
    name, why: the badge and what it is given for; kind: milestone, course, certification, designation or badge
    holder, url: the addresses of the profile and of its badges; earned_at: None where that is not known
    status_url, status_place: where its status is told
    """

    id: str
    achievement: str
    name: str
    why: str
    kind: str
    holder: str
    url: str
    published_at: int
    earned_at: int | None
    status_url: str
    status_place: int


@dataclass(frozen=True, slots=True)
class StatusList:
    """The status of credentials: a bit for each place, set where the credential does not hold. `bits`: the bytes."""

    url: str
    bits: bytes
    at: int


@dataclass(frozen=True, slots=True)
class CredentialForm:
    """How credentials look: two functions that answer the claims of a signed document, as plain JSON values.

    The core signs them (RS256) with the site's key, which no plugin is handed, and serves them.
    """

    name: str
    credential: Callable[[PublishedBadge, Issuer], Mapping[str, Any]]
    status: Callable[[StatusList, Issuer], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Standing:
    """Which of the loaded plugins are asked: `on` and `off` by an admin, `closed` by overruns (its vetoes stay shut).

    One that nobody decided about is on, unless its module says `OFF_AT_FIRST = True`.
    """

    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
