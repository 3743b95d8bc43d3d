"""The source `xapi`: learning records (xAPI statements), by webhook at /hooks/xapi and from a file by `vitrine import`.

completed, passed     a completed course, of activities of type course or of no type (not of lessons, questions …)
passed, completed     a certification, where the activity's type is one, or it has an extension `certification`: true
attended              an event attended
voided                the statement named is taken back for good

A type or extension is known by the last part of its address (…/activities/course, …/certification, …/certificate).
Left out: what its result says is no success or not complete, groups of people, statements without an id.

Who: `account` (home page and name), `mbox` or `mbox_sha1sum` (both make the same actor; the address itself is told
as the actor's and shown to nobody) or `openid`. A webhook carries one statement or up to 1,000, and proves itself as
learning record stores do, by HTTP Basic authentication whose password is the secret, or by X-Hub-Signature-256. A file
holds a list of statements, an answer of a store ({"statements": […]}), or one statement a line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from policies import hookimpl
from policies.errors import ImportRefused
from policies.terms import (
    ActivityKind,
    Area,
    BadSignature,
    Event,
    Person,
    Retraction,
    Skipped,
    SourceInfo,
    Told,
)

MOST = 1000
FILE_LIMIT = 64 * 1024 * 1024
_VERBS = "http://adlnet.gov/expapi/verbs/"
_DONE = frozenset({_VERBS + "completed", _VERBS + "passed"})
_ATTENDED, _VOIDED = _VERBS + "attended", _VERBS + "voided"
_CERTIFICATIONS = frozenset({"certification", "certificate"})
NOT_TAKEN, NO_SENSE, VOIDED = "statement of another kind", "statement that makes no sense", "voided statement"

Statement = Mapping[str, Any]


def receive(body: bytes, headers: Mapping[str, str], secret: str) -> list[Told]:
    """What the statements of one webhook tell. Errors: BadSignature; ValueError for what is no statement."""
    _verify(body, headers, secret)
    found = json.loads(body)
    statements = found if isinstance(found, list) else [found]
    if len(statements) > MOST:
        raise ValueError(f"up to {MOST} statements")
    told = [_told(statement) for statement in statements]
    return [one for one in told if not isinstance(one, Skipped)]


def _verify(body: bytes, headers: Mapping[str, str], secret: str) -> None:
    if "x-hub-signature-256" in headers:
        given = headers["x-hub-signature-256"]
        wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    else:
        kind, _, coded = headers.get("authorization", "").partition(" ")
        try:
            pair = base64.b64decode(coded, validate=True).decode() if kind.lower() == "basic" else ""
        except (binascii.Error, ValueError) as error:
            raise BadSignature from error
        given, wanted = pair.partition(":")[2], secret
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise BadSignature


def read(path: Path, site: str) -> Iterator[Person | Event | Retraction | Skipped]:
    """Everybody in the file, then what they did; what the file itself voids is left out. Errors: ImportRefused."""
    found: list[Event | Retraction | Skipped] = []
    people: dict[str, Person] = {}
    for statement in _statements(path):
        try:
            one = _told(statement)
        except ValueError:
            found.append(Skipped(NO_SENSE))
            continue
        found.append(one)
        if isinstance(one, Event):
            name = str(statement["actor"].get("name") or "")
            known = people.get(one.actor)
            if known is None or (name and not known.name):
                people[one.actor] = Person(one.actor, name, email=one.email)
    gone = {one.external_id for one in found if isinstance(one, Retraction)}
    yield from people.values()
    for one in found:
        yield Skipped(VOIDED) if isinstance(one, Event) and one.external_id in gone else one


def _statements(path: Path) -> Iterator[Any]:
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise ImportRefused("The file is larger than 64 MB; split it.", path.name)
        text = path.read_text(encoding="utf-8-sig")
        try:
            found = json.loads(text)
        except ValueError:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefused(f"The file cannot be read ({type(error).__name__}).", path.name) from error
    except (ValueError, RecursionError) as error:
        raise ImportRefused("The file is neither JSON nor one statement a line.", path.name) from error
    if isinstance(found, dict):
        found = found.get("statements", [found])
    if not isinstance(found, list):
        raise ImportRefused("The file holds no statements.", path.name)
    yield from found


def _told(statement: Any) -> Event | Retraction | Skipped:
    """What a statement says. Errors: ValueError."""
    try:
        verb, about = statement["verb"]["id"], statement["object"]
        if verb == _VOIDED:
            return Retraction(str(UUID(about["id"])), for_good=True)
        kind = _kind(verb, about)
        if kind is None or not _is_success(statement) or "id" not in statement or _is_group(statement["actor"]):
            return Skipped(NOT_TAKEN)
        actor, email = _actor(statement["actor"])
        what = _text(about["id"])
        return Event(
            str(UUID(statement["id"])), actor, kind, _moment(statement), what if len(what) <= 300 else _digest(what),
            _title(about) or what, what if what.startswith(("http://", "https://")) else "", email=email,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"no statement: {type(error).__name__}") from error


def _kind(verb: str, about: Statement) -> ActivityKind | None:
    """What kind of event it is; None for what is not taken."""
    if about.get("objectType", "Activity") != "Activity":
        return None
    if verb == _ATTENDED:
        return ActivityKind.EVENT_ATTENDED
    if verb not in _DONE:
        return None
    definition = about.get("definition") or {}
    what = _last(definition.get("type") or "")
    marks = {_last(name) for name, value in (definition.get("extensions") or {}).items() if value is True}
    if what in _CERTIFICATIONS or not marks.isdisjoint(_CERTIFICATIONS):
        return ActivityKind.CERTIFICATION
    return ActivityKind.COURSE_COMPLETED if what in {"", "course"} else None


def _last(address: Any) -> str:
    return str(address).rstrip("/").rpartition("/")[2].lower()


def _is_success(statement: Statement) -> bool:
    result = statement.get("result") or {}
    return result.get("success") is not False and result.get("completion") is not False


def _is_group(actor: Statement) -> bool:
    return actor.get("objectType", "Agent") != "Agent"


def _actor(actor: Statement) -> tuple[str, str]:
    """(stable name, address or "")."""
    if account := actor.get("account"):
        name = f"{_text(account['name'])} @ {_text(account['homePage'])}"
        return name if len(name) <= 200 else _digest(name), ""
    if mbox := actor.get("mbox"):
        address = _text(mbox)
        if not address.lower().startswith("mailto:"):
            raise ValueError("mbox is no mailto address")
        digest = hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()      # as the standard defines it
        return f"mbox:{digest}", address[len("mailto:"):]
    if actor.get("mbox_sha1sum"):
        return f"mbox:{_text(actor['mbox_sha1sum']).lower()}", ""
    return f"openid:{_text(actor['openid'])}", ""


def _text(value: Any) -> str:
    if type(value) is not str or not value.strip():
        raise ValueError("a text was expected")
    return value


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _title(about: Statement) -> str:
    """English where there is English, else the first language there is."""
    names = (about.get("definition") or {}).get("name") or {}
    english = [names[one] for one in sorted(names) if one.lower().partition("-")[0] == "en"]
    return str(next(iter([*english, *names.values()]), ""))


def _moment(statement: Statement) -> int:
    found = datetime.fromisoformat(statement.get("timestamp") or statement["stored"])
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


@hookimpl
def register_sources() -> tuple[SourceInfo, ...]:
    """One learning record store."""
    return (SourceInfo("xapi", "Learning", Area.LEARNING, read, receive),)
