"""What the API takes and gives, once: requests are checked by these models, and OpenAPI is generated from them.

Answers are built by the services for what the gate allows, key by key; a test holds them against these models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from policies.terms import ActivityKind
from policies.terms import Event as Happened
from webapp.services.ingest import BATCH, EMAIL_LIMIT, ID_LIMIT, NAMED, OBJECT_LIMIT, URL_LIMIT

# Patterns hold in Rust, where requests are checked, and in JavaScript, which OpenAPI means.
_CLEAN = r"^[^\u0000-\u001f\u007f-\u009f]*$"
#: No marks that a browser would take for HTML, <a…> and the like; a title is plain text (T98).
_PLAIN = r"^([^<]|<+[^<a-zA-Z/!?])*<*([a-zA-Z/!?][^>]*)?$"
_WEB = r"^([hH][tT][tT][pP][sS]?://[^\s\u0000-\u001f\u007f-\u009f\ufeff]+)?$"
#: Something to see: no space, control, direction mark or zero-width character.
_SEEN = (
    r"[^\s\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_MISFITS = {_CLEAN: "holds control characters", _PLAIN: "holds HTML; send plain text",
            _WEB: "is not an http or https address"}  # fmt: skip
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
        moment = datetime.fromisoformat(value.upper())      # RFC 3339 knows a small t and z as well
        if moment.tzinfo is None:
            raise ValueError
        return int(moment.timestamp())
    except (ValueError, OverflowError):
        raise ValueError("is no moment with a time zone, like 2026-01-31T12:00:00Z") from None


def _whole(value: object) -> object:
    """In JSON 7.0 is a whole number, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Seconds = Annotated[int, Field(ge=0, le=_LATEST), BeforeValidator(_whole)]
_Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ActivityEvent(_Taken):
    """One thing that happened at the source."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [
        {"properties": {"kind": {"enum": [kind.value for kind in ActivityKind if kind not in NAMED]}}},
        {"required": ["object"], "properties": {"object": {"minLength": 1}}},
        {"required": ["title"], "properties": {"title": {"pattern": _SEEN}}},
    ]})  # fmt: skip

    externalId: str = Field(min_length=1, max_length=ID_LIMIT, pattern=_CLEAN, description="Unique at the source; sent again, nothing happens.")  # noqa: E501
    actor: str = Field(min_length=1, max_length=ID_LIMIT, pattern=_CLEAN, description="The source's name of a person.")
    kind: Literal[tuple(kind.value for kind in ActivityKind)]  # type: ignore[valid-type]
    occurredAt: Annotated[_Seconds | _Moment, AfterValidator(_moment)] = Field(
        description="RFC 3339 with a time zone, or unix seconds; from 1970 on, and not in the future.",
        examples=["2026-01-31T12:00:00Z", 1769860800],
    )
    object: str = Field("", max_length=OBJECT_LIMIT, pattern=_CLEAN, description="Stable identity of the course, group, post … Of what was completed, earned or joined, this or a title is needed.")  # noqa: E501
    title: str = Field("", max_length=1000, pattern=_PLAIN, description="Plain text.")
    url: str = Field("", max_length=URL_LIMIT, pattern=_WEB, description="http or https.")
    by: str = Field("", max_length=ID_LIMIT, pattern=_CLEAN, description="The giver's actor, of likes and kudos.")
    email: str = Field("", max_length=EMAIL_LIMIT, description="The actor's address as the source knows it: shown to nobody; whoever proves it is offered the actor.")  # noqa: E501

    @model_validator(mode="after")
    def _is_named(self) -> ActivityEvent:
        if self.kind in NAMED and not self.object and not re.search(_SEEN, self.title):
            raise ValueError("needs an object: what was completed, earned or joined")
        return self

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


class _Named(_Given):
    """Who it is, by the names that the caller may see."""

    accountId: str = Field(description="Opaque, stable, never an e-mail address.")
    displayName: str = Field(description="Never empty.")
    avatarUrl: str | None = None
    fullName: str | None = None


#: Of every answer that tells a record.
_MORE = "Fields that plugins of the site add and members type into: the field's name to the text."


class _Employed(_Given):
    jobTitle: str | None = None
    department: str | None = None
    organization: str | None = None
    location: str | None = None
    timezone: str | None = None


class User(_Employed, _Named):
    """One account's own record, as the caller may see it."""

    email: str | None = None
    more: dict[str, str] | None = Field(None, description=_MORE)
    profileUrl: str | None = Field(None, description="The community profile that it is part of, where that is public.")


class Users(_Given):
    """The accounts that were found, in the order asked for."""

    users: list[User]


class Link(_Given):
    label: str
    url: str


class Work(_Employed):
    """Work details of an account in the caller's organization."""

    slug: str
    name: str


class _Held(_Given):
    id: str
    url: str | None = None
    source: str | None = None
    at: str | None = None
    until: str | None = None
    retired: bool | None = None


class Badge(_Held):
    """A milestone (with metric and value) or a badge given by a source (with a title)."""

    kind: Literal["milestone", "badge"]
    metric: str | None = None
    value: int | None = None
    title: str | None = None


class HeldItem(_Held):
    """A course, certification, designation or group."""

    kind: Literal["course", "certification", "designation", "group"]
    title: str


class LevelReached(_Given):
    number: int
    name: str
    points: int


class Profile(_Employed, _Named):
    """A community profile, as the caller may see it: the primary's record, and what all its accounts did."""

    handle: str
    bio: str | None = None
    email: str | None = None
    more: dict[str, str] | None = Field(None, description=_MORE)
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
    """A page of the directory, in the order asked for."""

    people: list[Person]
    nextCursor: str | None = None


def sentence_of(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with an event, in words and without anything that was sent (T60)."""
    key = next((str(part) for part in errors[0]["loc"]), "")
    if errors[0]["type"] == "extra_forbidden":
        return f"It may hold these keys and no other: {', '.join(ActivityEvent.model_fields)}."
    message = str(errors[0]["msg"]).removeprefix("Value error, ")
    if errors[0]["type"] == "string_pattern_mismatch":
        message = _MISFITS[errors[0]["ctx"]["pattern"]]
    if not key and errors[0]["type"] == "value_error":
        return f"The event {message}."
    return f"{key or 'The event'}: {message[:1].lower()}{message[1:]}."
