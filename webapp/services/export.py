"""The export of one's own data (T68, T86): a zip of JSON and CSV, written while it is read, in memory that stays flat.

It holds accounts of their owner: of the account that is logged in; of a primary's session those linked to it too (D5);
of a linked managed account's session its own only (D7). Other people are in it as the gate shows them to this viewer,
and only where they gave or got kudos. An admin has no way here to anybody else's.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from policies.errors import NotFound
from webapp.services import audit_own, connected, sessions, throttle
from webapp.services.context import Context
from webapp.services.link_page import open_links
from webapp.services.notes import shown_faces
from webapp.services.rows import KINDS
from webapp.services.sessions import Session
from webapp.services.throttle import Limit
from webapp.services.visibility_views import LEVELS
from webapp.store import audit_own as audit_store
from webapp.store import credentials, profiles, records
from webapp.store import export as store
from webapp.store.profiles import Group, Member

#: Rows of one statement.
PAGE = 1000
#: It reads everything there is of a person.
LIMIT = Limit("export", 20, 3600)
#: What a spreadsheet takes for the beginning of a formula (T86).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """One list of the export. `rows` reads it anew at each call: once for JSON, once for CSV."""

    name: str
    columns: tuple[str, ...]
    about: str
    rows: Callable[[], Iterable[Row]]


def export(ctx: Context, session: Session, now: int) -> Iterator[bytes]:
    """The bytes of the zip file, part by part. What may be in it is decided before the first byte.

    Errors: TooMany (an account asks for it too often), NotFound.
    """
    throttle.take(ctx, now, (LIMIT, str(session.account_id)))
    group = profiles.load_group_of(ctx.db, session.account_id)
    if group is None:
        raise NotFound
    # A managed session is the weakest door, a flagged primary's too (D6, D7).
    is_whole = group.asked.primary_id is None and not session.viewer.is_managed
    members = (group.primary, *group.linked) if is_whole else (group.asked,)
    parts: list[tuple[str, _Part]] = []
    for member in members:
        parts += [(member.handle, part) for part in _parts(ctx, session, group, member)]
    parts += [(session.handle, part) for part in _own_parts(ctx, session, now)]
    readme = _readme(ctx, session, now, members, parts)

    def files() -> Iterator[tuple[str, Iterable[bytes]]]:
        yield "README.txt", [readme.encode()]
        for folder, part in parts:
            yield f"{folder}/{part.name}.json", _as_json(part)
            yield f"{folder}/{part.name}.csv", _as_csv(part)
        for member in members:
            picture = _picture(ctx, session, group, member)
            if picture is not None:
                yield f"{member.handle}/picture.webp", [picture]

    return _zip(files(), now)


def file_name(session: Session, now: int) -> str:
    """What the browser calls the file."""
    return f"{session.handle}-{datetime.fromtimestamp(now, UTC):%Y-%m-%d}.zip"


# Forms ---------------------------------------------------------------------------------------------------------------


class _Sink(io.RawIOBase):
    """What the archive is written to: it keeps the bytes until they are sent, and no more."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.waiting += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self.waiting)
        self.waiting.clear()
        return data


def _zip(files: Iterable[tuple[str, Iterable[bytes]]], now: int) -> Iterator[bytes]:
    """An archive of files of unknown length, sent as it is made."""
    sink = _Sink()
    moment = datetime.fromtimestamp(now, UTC).timetuple()[:6]
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in files:
            entry = zipfile.ZipInfo(name, moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            with archive.open(entry, "w", force_zip64=True) as out:
                for piece in pieces:
                    out.write(piece)
                    if sink.waiting:
                        yield sink.take()
    yield sink.take()


def neutral(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: such a text gets an apostrophe in front (T86)."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _as_json(part: _Part) -> Iterator[bytes]:
    start = b"[\n"
    for row in part.rows():
        yield start + json.dumps(row, ensure_ascii=False).encode()
        start = b",\n"
    yield b"[]\n" if start == b"[\n" else b"\n]\n"


def _as_csv(part: _Part) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(part.columns)
    for row in part.rows():
        writer.writerow([neutral(row[column]) for column in part.columns])
        if buffer.tell() > 32_768:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _moment(at: int | None) -> str | None:
    return None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


# Parts ---------------------------------------------------------------------------------------------------------------


def _parts(ctx: Context, session: Session, group: Group, member: Member) -> list[_Part]:
    """What there is of one account, whoever of its owner's sessions asks."""
    db, account_id = ctx.db, member.id
    return [
        _Part("account", ("what", "value"), "the account itself", lambda: _account(ctx, account_id)),
        _Part("record", ("field", "value"), "the record, as it is edited",
              lambda: _record(ctx, session, group, member)),
        _Part("visibility", ("field", "level", "chosen"), "who sees which field, and whether you chose it",
              lambda: _levels(ctx, group, member)),
        _Part("handles", ("handle", "since"), "present and earlier handles", lambda: [
            {"handle": handle, "since": _moment(since)} for handle, since in store.load_handles(db, account_id)
        ]),
        _Part("sources", ("source", "name", "since"), "sites that know the account, and its name there", lambda: [
            {"source": source, "name": actor, "since": _moment(since)}
            for source, actor, since in store.load_identities(db, account_id)
        ]),
        _Part("roles", ("organization", "role", "since"), "roles in organizations", lambda: [
            {"organization": name, "role": role, "since": _moment(since)}
            for name, role, since in store.load_roles(db, account_id)
        ]),
        _Part("activity", ("at", "source", "kind", "what", "title", "about", "url", "listed"),
              "everything that sources reported", lambda: _activity(ctx, account_id)),
        _Part("earned", ("kind", "title", "item", "source", "at", "until", "url"),
              "courses, certifications, designations, groups and badges", lambda: _held(ctx, account_id)),
        _Part("published-badges", ("badge", "credential", "since", "ended"), "badges that you published", lambda: [
            {"badge": badge, "credential": f"urn:uuid:{key}", "since": _moment(since), "ended": _moment(ended)}
            for badge, key, since, ended in credentials.load_all(db, account_id)
        ]),
        _Part("kudos-received", ("at", "from", "page", "category", "message"), "kudos you got",
              lambda: _kudos(ctx, session, account_id, "received", "from")),
        _Part("kudos-given", ("at", "to", "page", "category", "message"), "kudos you gave",
              lambda: _kudos(ctx, session, account_id, "given", "to")),
    ]  # fmt: skip


def _own_parts(ctx: Context, session: Session, now: int) -> list[_Part]:
    """What there is of the account that is logged in, and is told in its own sessions only."""
    return [
        _Part("sessions", ("device", "since", "last_used", "this_one"), "where you are logged in", lambda: [
            {"device": one.device, "since": _moment(one.created_at), "last_used": _moment(one.seen_at),
             "this_one": one.is_current}
            for one in sessions.list_sessions(ctx, session, now)
        ]),
        _Part("history", ("at", "what", "more"), "what was done to the account, newest first",
              lambda: _history(ctx, session)),
        _Part("acts", ("at", "what"), "what you did elsewhere, as an administrator for instance; nobody is named",
              lambda: _acts(ctx, session)),
        _Part("linked-accounts", ("handle", "email", "kind", "primary", "numbers_only", "since"),
              "the list of linked accounts, as Settings shows it to you", lambda: _linked(ctx, session, now)),
        _Part("apps", ("name", "by", "looks_up_members", "reads_my_record", "given_fields", "since", "last_used"),
              "the apps that you connected", lambda: _apps(ctx, session)),
    ]  # fmt: skip


def _apps(ctx: Context, session: Session) -> Iterator[Row]:
    for app in connected.list_connected(ctx, session.account_id):
        yield {
            "name": app.name, "by": app.by, "looks_up_members": app.reads_others, "reads_my_record": app.reads_me,
            "given_fields": ", ".join(app.fields), "since": _moment(app.since),
            "last_used": _moment(app.used_at),
        }


_MOMENTS = frozenset({"created_at", "member_since", "email_verified_at", "terms_at"})


def _account(ctx: Context, account_id: int) -> Iterator[Row]:
    found = store.load_account(ctx.db, account_id)
    if found is None:
        return
    for name in store.Account._fields:
        value = getattr(found, name)
        yield {"what": name, "value": _moment(value) if name in _MOMENTS else value}


def _record(ctx: Context, session: Session, group: Group, member: Member) -> Iterator[Row]:
    """The values that the gate shows to this viewer; of an own account that is every one."""
    gate = ctx.gate(group.version)
    mask = gate.mask(session.viewer, group.subject(member))
    names = tuple(name for name in profiles.COLUMNS if name in gate.bit and mask >> gate.bit[name] & 1)
    values = profiles.load_values(ctx.db, member.id, names)[0]
    yield {"field": "public_name", "value": values.public_name}
    for name in names:
        value = getattr(values, name)
        if name == "avatar" and value:
            value = f"{ctx.site.base_url}/avatar/{value}.webp"
        yield {"field": name, "value": value}


def _picture(ctx: Context, session: Session, group: Group, member: Member) -> bytes | None:
    gate = ctx.gate(group.version)
    if not gate.mask(session.viewer, group.subject(member)) >> gate.bit["avatar"] & 1:
        return None
    key = profiles.load_values(ctx.db, member.id, ("avatar",))[0].avatar
    return records.load_avatar(ctx.db, key) if key else None


def _levels(ctx: Context, group: Group, member: Member) -> Iterator[Row]:
    gate = ctx.gate(group.version)
    for name, level in gate.levels(group.subject(member)).items():
        yield {"field": name, "level": LEVELS[level][1], "chosen": bool(member.chosen >> gate.bit[name] & 1)}


def _activity(ctx: Context, account_id: int) -> Iterator[Row]:
    kind = ""
    while kind := store.next_kind(ctx.db, account_id, kind) or "":
        after = store.FIRST
        while acts := store.load_acts(ctx.db, account_id, kind, after, PAGE):
            after = acts[-1].at, acts[-1].id
            for act in acts:
                yield {
                    "at": _moment(act.at), "source": act.source, "kind": kind, "what": KINDS.get(kind, ("", kind))[1],
                    "title": act.title, "about": act.about, "url": act.url, "listed": act.listed,
                }
            if len(acts) < PAGE:
                break


def _held(ctx: Context, account_id: int) -> Iterator[Row]:
    for item in store.load_held(ctx.db, account_id):
        yield {
            "kind": item.kind, "title": item.title, "item": item.item, "source": item.source, "at": _moment(item.at),
            "until": _moment(item.until), "url": item.url,
        }


def _kudos(ctx: Context, session: Session, account_id: int, side: str, other: str) -> Iterator[Row]:
    """The person on the other side as the gate shows them to this viewer now (T68, T54)."""
    after = store.FIRST
    while found := store.load_kudos(ctx.db, account_id, side, after, PAGE):
        after = found[-1].at, found[-1].id
        faces = shown_faces(ctx, ctx.gate(), session.viewer, [note.other for note in found])
        for note, face in zip(found, faces, strict=True):
            yield {
                "at": _moment(note.at), other: face.name if face else "A member",
                "page": f"{ctx.site.base_url}{face.url}" if face else None, "category": note.category,
                "message": note.message,
            }


def _history(ctx: Context, session: Session) -> Iterator[Row]:
    labels = audit_own.labels_of(ctx)
    after = audit_store.TOP
    while found := audit_store.load_about(ctx.db, session.account_id, after, PAGE):
        after = found[-1].at, found[-1].id
        for entry in found:
            if entry.event not in audit_own.HIDDEN:
                row = audit_own.describe(entry, session.account_id, labels)
                yield {"at": _moment(row.at), "what": row.what, "more": row.more}


def _acts(ctx: Context, session: Session) -> Iterator[Row]:
    after = audit_store.TOP
    while found := audit_store.load_acts(ctx.db, session.account_id, after, PAGE):
        after = found[-1].at, found[-1].id
        for entry in found:
            yield {"at": _moment(entry.at), "what": entry.event.replace(":", ": ").replace("_", " ")}


def _linked(ctx: Context, session: Session, now: int) -> Iterator[Row]:
    """As the page shows them; a managed account's session has its own row only (D7)."""
    page = open_links(ctx, session, now)
    if page.standing == "unlinked":
        return
    for row in page.rows:
        if session.viewer.is_managed and not row.is_own:
            continue
        yield {
            "handle": row.handle, "email": row.email, "kind": row.kind, "primary": row.is_primary,
            "numbers_only": row.is_silent, "since": _moment(row.linked_at),
        }


def _readme(
    ctx: Context, session: Session, now: int, members: Sequence[Member], parts: Sequence[tuple[str, _Part]]
) -> str:
    """What is in the file, and what is not."""
    lines = [
        f"Your data at {ctx.site.name} ({ctx.site.base_url})", f"Written {_moment(now)} for @{session.handle}", "",
        "Each list is there twice, as JSON and as CSV (UTF-8). Times are UTC. In the CSV files a text that a",
        "spreadsheet could take for a formula has an apostrophe (') in front; the JSON files have it as it is.", "",
    ]
    for folder in dict.fromkeys(folder for folder, _ in parts):
        lines.append(f"{folder}/")
        lines += [f"  {part.name}: {part.about}" for own, part in parts if own == folder]
        lines.append("")
    lines += [
        "The picture, where there is one, is picture.webp.", "",
        "Not in here: passwords and tokens, which are kept as hashes only; what other people hide from you; who gave a",
        "like; what belongs to other people. Somebody who gave or got kudos is named as you see them on the site.",
    ]
    if len(members) == 1:
        lines.append("Accounts linked to this one have an export of their own; that of the primary holds all of them.")
    else:
        lines.append("Sessions and history of a linked account are in the export of that account only.")
    return "\n".join(lines) + "\n"
