"""What the API takes and gives, once: requests are checked by these models, and OpenAPI is generated from them.

Answers are built by the services for what the gate allows, key by key; a test holds them against these models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from policies.terms import ActivityKind
from policies.terms import Event as Happened
from webapp.services.ingest import BATCH, EMAIL_LIMIT, ID_LIMIT, OBJECT_LIMIT, URL_LIMIT

#: Marks that a browser would take for HTML; a title is plain text (T98).
_TAG = re.compile(r"<[a-zA-Z/!?][^>]*>")
_LATEST = 253_402_300_799       # the end of the year 9999


class _Taken(BaseModel):
    """A request: unknown keys are refused, and so is a value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Given(BaseModel):
    """An answer. What is hidden from the caller, or empty, has no key."""

    model_config = ConfigDict(extra="forbid")


def _moment(value: int | str) -> int | str:
    if isinstance(value, str):
        seconds(value)
    elif not 0 <= value <= _LATEST:
        raise ValueError("is no moment between 1970 and 9999")
    return value


def seconds(value: int | str) -> int:
    """Unix seconds of a moment as requests write it. Errors: ValueError."""
    if isinstance(value, int):
        return value
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return int(moment.timestamp())
    except (ValueError, OverflowError):
        raise ValueError("is no moment with a time zone, like 2026-01-31T12:00:00Z") from None


def _no_markup(value: str) -> str:
    if _TAG.search(value):
        raise ValueError("holds HTML; send plain text")
    return value


class ActivityEvent(_Taken):
    """One thing that happened at the source."""

    externalId: str = Field(min_length=1, max_length=ID_LIMIT, description="Unique at the source; sent again, nothing happens.")  # noqa: E501
    actor: str = Field(min_length=1, max_length=ID_LIMIT, description="The source's own name for the person.")
    kind: Literal[tuple(kind.value for kind in ActivityKind)]  # type: ignore[valid-type]
    occurredAt: Annotated[int | str, AfterValidator(_moment)] = Field(
        description="RFC 3339 with a time zone, or unix seconds.", examples=["2026-01-31T12:00:00Z", 1769860800]
    )
    object: str = Field("", max_length=OBJECT_LIMIT, description="Stable identity of the course, group, post …")
    title: Annotated[str, AfterValidator(_no_markup)] = Field("", max_length=1000, description="Plain text.")
    url: str = Field("", max_length=URL_LIMIT, description="http or https.")
    by: str = Field("", max_length=ID_LIMIT, description="The giver's actor, of likes and kudos.")
    email: str = Field("", max_length=EMAIL_LIMIT, description="The actor's address as the source knows it: shown to nobody; whoever proves it is offered the actor.")  # noqa: E501

    def happened(self) -> Happened:
        """The event as the services take it."""
        return Happened(
            self.externalId, self.actor, ActivityKind(self.kind), seconds(self.occurredAt), self.object, self.title,
            self.url, self.by, self.email,
        )  # fmt: skip


class Activities(_Taken):
    """A batch. Each event is judged by itself: one that is refused keeps no other from being taken."""

    events: list[ActivityEvent] = Field(min_length=1, max_length=BATCH)


class EventResult(_Given):
    externalId: str
    result: Literal["created", "duplicate", "refused"]
    why: str | None = Field(None, description="A sentence, where it was refused.")


class ActivitiesResult(_Given):
    """What became of the events, in their order."""

    created: int
    duplicate: int
    refused: int
    events: list[EventResult]


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: dict[str, str] | None = Field(None, description="Parameter to sentence.")


class User(_Given):
    """One account's own record, as the caller may see it."""

    accountId: str = Field(description="Opaque, stable, never an e-mail address.")
    displayName: str = Field(description="Never empty.")
    avatarUrl: str | None = None
    fullName: str | None = None
    jobTitle: str | None = None
    department: str | None = None
    organization: str | None = None
    location: str | None = None
    timezone: str | None = None
    email: str | None = None
    profileUrl: str | None = Field(None, description="The community profile that it is part of, where that is public.")


class Users(_Given):
    """The accounts that were found, in the order asked for."""

    users: list[User]


class Link(_Given):
    label: str
    url: str


class Work(_Given):
    """Work details of an account in the caller's organization."""

    slug: str
    name: str
    jobTitle: str | None = None
    department: str | None = None
    organization: str | None = None
    location: str | None = None
    timezone: str | None = None


class Badge(_Given):
    """A milestone (with metric and value) or a badge given by a source (with a title)."""

    id: str
    kind: Literal["milestone", "badge"]
    metric: str | None = None
    value: int | None = None
    title: str | None = None
    url: str | None = None
    source: str | None = None
    at: str | None = None
    until: str | None = None
    retired: bool | None = None


class HeldItem(_Given):
    """A course, certification, designation or group."""

    id: str
    kind: Literal["course", "certification", "designation", "group"]
    title: str
    url: str | None = None
    source: str | None = None
    at: str | None = None
    until: str | None = None
    retired: bool | None = None


class LevelReached(_Given):
    number: int
    name: str
    points: int


class Profile(_Given):
    """A community profile, as the caller may see it: the primary's record, and what all its accounts did."""

    handle: str
    accountId: str
    displayName: str
    avatarUrl: str | None = None
    fullName: str | None = None
    bio: str | None = None
    jobTitle: str | None = None
    department: str | None = None
    organization: str | None = None
    location: str | None = None
    timezone: str | None = None
    email: str | None = None
    memberSince: str | None = None
    totals: dict[str, int] | None = Field(None, description="Metric to total.")
    level: LevelReached | None = None
    links: list[Link] | None = None
    products: list[str] | None = None
    work: list[Work] | None = None
    badges: list[Badge] | None = None
    courses: list[HeldItem] | None = None
    certifications: list[HeldItem] | None = None
    designations: list[HeldItem] | None = None
    groups: list[HeldItem] | None = None
    profileUrl: str


class Person(_Given):
    handle: str
    displayName: str
    avatarUrl: str | None = None
    jobTitle: str | None = None
    organization: str | None = None
    location: str | None = None
    level: int | None = None
    certified: bool | None = None
    badges: list[str] | None = None
    profileUrl: str


class People(_Given):
    """A page of the directory, in the order of names."""

    people: list[Person]
    nextCursor: str | None = None


def sentence_of(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with an event, in words and without anything that was sent (T60)."""
    key = next((str(part) for part in errors[0]["loc"]), "")
    if errors[0]["type"] == "extra_forbidden":
        return f"It may hold these keys and no other: {', '.join(ActivityEvent.model_fields)}."
    message = str(errors[0]["msg"]).removeprefix("Value error, ")
    return f"{key or 'The event'}: {message[:1].lower()}{message[1:]}."
