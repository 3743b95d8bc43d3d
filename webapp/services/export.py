"""The export of one's own data (T68, T86): what is in it, read page by page. How it is written: export_files.py.

It holds accounts of their owner: of the account that is logged in; of a primary's session those linked to it too (D5);
of a linked managed account's session its own only (D7). Other people are in it as the gate shows them to this viewer,
and only where they gave or got kudos. An admin has no way here to anybody else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from policies.errors import NotFound
from policies.visibility import Gate
from webapp.services import audit_own, connected, sessions, throttle
from webapp.services.context import Context
from webapp.services.export_files import File, Part, Row, files_of, moment, zip_of
from webapp.services.link_page import open_links
from webapp.services.notes import shown_faces
from webapp.services.rows import KINDS
from webapp.services.sessions import Session
from webapp.services.throttle import Limit
from webapp.services.visibility_views import LEVELS
from webapp.store import audit_own as audit_store
from webapp.store import credentials, profiles, records, typed
from webapp.store import export as store
from webapp.store.profiles import Group, Member

#: Rows of one statement.
PAGE = 1000
#: It reads everything there is of a person.
LIMIT = Limit("export", 20, 3600)


@dataclass(frozen=True)
class _Own:
    """An account of the export, whose it is, and what of its record this viewer is shown."""

    ctx: Context
    session: Session
    group: Group
    member: Member
    gate: Gate
    mask: int

    def shows(self, name: str) -> bool:
        return name in self.gate.bit and bool(self.mask >> self.gate.bit[name] & 1)

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """The columns of the record that are shown. One statement, once."""
        names = tuple(name for name in profiles.COLUMNS if self.shows(name))
        found = profiles.load_values(self.ctx.db, self.member.id, names)[0]._asdict()
        return {name: found[name] for name in ("public_name", *names)}


def export(ctx: Context, session: Session, now: int) -> Iterator[bytes]:
    """The bytes of the zip file, part by part. What may be in it is decided before the first byte.

    Errors: TooMany (an account asks for it too often), NotFound.
    """
    throttle.take(ctx, now, (LIMIT, str(session.account_id)), lasting=False)
    group = profiles.load_group_of(ctx.db, session.account_id)
    if group is None:
        raise NotFound
    # A managed session is the weakest door, a flagged primary's too (D6, D7).
    is_whole = group.asked.primary_id is None and not session.viewer.is_managed
    members = (group.primary, *group.linked) if is_whole else (group.asked,)
    gate = ctx.gate(group.version)
    owned = [
        _Own(ctx, session, group, member, gate, gate.mask(session.viewer, group.subject(member))) for member in members
    ]
    parts = [(own.member.handle, part) for own in owned for part in _parts(own)]
    parts += [(session.handle, part) for part in _own_parts(ctx, session, group, now)]
    readme = _readme(ctx, session, now, members, parts)

    def files() -> Iterator[File]:
        yield "README.txt", readme.encode()
        for folder, part in parts:
            yield from files_of(folder, part)
        for own in owned:
            picture = _picture(own)
            if picture is not None:
                yield f"{own.member.handle}/picture.webp", picture

    return zip_of(files(), now)


def file_name(session: Session, now: int) -> str:
    """What the browser calls the file."""
    return f"{session.handle}-{datetime.fromtimestamp(now, UTC):%Y-%m-%d}.zip"


# Parts ---------------------------------------------------------------------------------------------------------------

Rows = list[Row]


def _parts(own: _Own) -> list[Part]:
    """What there is of one account, whoever of its owner's sessions asks."""
    ctx, db, account_id = own.ctx, own.ctx.db, own.member.id
    return [
        Part("account", ("what", "value"), "the account itself", lambda: [_account(ctx, account_id)]),
        Part("record", ("field", "value"), "the record, as it is edited", lambda: [_record(own)]),
        Part("visibility", ("field", "level", "chosen"), "who sees which field, and whether you chose it",
             lambda: [_levels(own)]),
        Part("handles", ("handle", "since"), "present and earlier handles", lambda: [[
            (handle, moment(since)) for handle, since in store.load_handles(db, account_id)
        ]]),
        Part("sources", ("source", "name", "since"), "sites that know the account, and its name there", lambda: [[
            (source, actor, moment(since)) for source, actor, since in store.load_identities(db, account_id)
        ]]),
        Part("roles", ("organization", "role", "since"), "roles in organizations", lambda: [[
            (name, role, moment(since)) for name, role, since in store.load_roles(db, account_id)
        ]]),
        Part("activity", ("at", "source", "kind", "what", "title", "about", "url", "listed"),
             "everything that sources reported", lambda: _activity(ctx, account_id)),
        Part("earned", ("kind", "title", "item", "source", "at", "until", "url"),
             "courses, certifications, designations, groups and badges", lambda: [_held(ctx, account_id)]),
        Part("published-badges", ("badge", "credential", "since", "ended"), "badges that you published", lambda: [[
            (badge, f"urn:uuid:{key}", moment(since), moment(ended))
            for badge, key, since, ended in credentials.load_all(db, account_id)
        ]]),
        Part("kudos-received", ("at", "from", "page", "category", "message"), "kudos you got",
             lambda: _kudos(own, "received")),
        Part("kudos-given", ("at", "to", "page", "category", "message"), "kudos you gave",
             lambda: _kudos(own, "given")),
    ]  # fmt: skip


def _own_parts(ctx: Context, session: Session, group: Group, now: int) -> list[Part]:
    """What there is of the account that is logged in, and is told in its own sessions only."""
    return [
        Part("sessions", ("device", "since", "last_used", "this_one"), "where you are logged in", lambda: [[
            (one.device, moment(one.created_at), moment(one.seen_at), one.is_current)
            for one in sessions.list_sessions(ctx, session, now)
        ]]),
        Part("history", ("at", "what", "more"), "what was done to the account, newest first",
             lambda: _history(ctx, session)),
        Part("acts", ("at", "what"), "what you did elsewhere, as an administrator for instance; nobody is named",
             lambda: _acts(ctx, session)),
        Part("linked-accounts", ("handle", "email", "kind", "primary", "numbers_only", "since"),
             "the list of linked accounts, as Settings shows it to you",
             lambda: [_linked(ctx, session, now) if group.linked else []]),
        Part("apps", ("name", "by", "looks_up_members", "reads_my_record", "given_fields", "since", "last_used"),
             "the apps that you connected", lambda: [_apps(ctx, session)]),
    ]  # fmt: skip


def _apps(ctx: Context, session: Session) -> Rows:
    return [
        (app.name, app.by, app.reads_others, app.reads_me, ", ".join(app.fields), moment(app.since),
         moment(app.used_at))
        for app in connected.list_connected(ctx, session.account_id)
    ]


_MOMENTS = ("created_at", "member_since", "email_verified_at", "terms_at")


def _account(ctx: Context, account_id: int) -> Rows:
    found = store.load_account(ctx.db, account_id)
    if found is None:
        return []
    values = found._asdict()
    values |= {name: moment(values[name]) for name in _MOMENTS}
    return list(values.items())


def _record(own: _Own) -> Rows:
    """The values that the gate shows to this viewer; of an own account that is every one."""
    rows: Rows = []
    for name, value in own.values.items():
        if name == "avatar" and value:
            value = f"{own.ctx.site.base_url}/avatar/{value}.webp"
        rows.append((name, value))
    for name, value in typed.load_all(own.ctx.db, own.member.id):
        if own.shows(name) or name not in own.gate.bit:     # also where the plugin that asked for it is gone
            rows.append((name, value))
    return rows


def _picture(own: _Own) -> bytes | None:
    key = own.values.get("avatar")
    return records.load_avatar(own.ctx.db, key) if key else None


def _levels(own: _Own) -> Rows:
    bit, chosen = own.gate.bit, own.member.chosen
    levels = own.gate.levels(own.group.subject(own.member))
    return [(name, LEVELS[level][1], bool(chosen >> bit[name] & 1)) for name, level in levels.items()]


def _activity(ctx: Context, account_id: int) -> Iterator[Rows]:
    labels = store.load_labels(ctx.db)
    words = {kind: word for kind, (_, word) in KINDS.items()}
    after: tuple[str, int, int] = store.FIRST_ACT
    while found := store.load_acts(ctx.db, account_id, after, PAGE):
        yield [
            (moment(at), labels[source], kind, words.get(kind, kind), title, about, url, listed == 1)
            for kind, at, _, source, title, about, url, listed in found
        ]
        if len(found) < PAGE:
            break
        after = found[-1][:3]


def _held(ctx: Context, account_id: int) -> Rows:
    return [
        (item.kind, item.title, item.item, item.source, moment(item.at), moment(item.until), item.url)
        for item in store.load_held(ctx.db, account_id)
    ]


def _kudos(own: _Own, side: str) -> Iterator[Rows]:
    """The person on the other side as the gate shows them to this viewer now (T68, T54)."""
    ctx, after = own.ctx, store.FIRST
    while found := store.load_kudos(ctx.db, own.member.id, side, after, PAGE):
        faces = shown_faces(ctx, ctx.gate(), own.session.viewer, [note.other for note in found])
        yield [
            (moment(note.at), face.name if face else "A member", f"{ctx.site.base_url}{face.url}" if face else None,
             note.category, note.message)
            for note, face in zip(found, faces, strict=True)
        ]
        if len(found) < PAGE:
            break
        after = found[-1].at, found[-1].id


def _history(ctx: Context, session: Session) -> Iterator[Rows]:
    labels = audit_own.labels_of(ctx)
    after = audit_store.TOP
    while found := audit_store.load_about(ctx.db, session.account_id, after, PAGE):
        told = [
            audit_own.describe(entry, session.account_id, labels) for entry in found
            if entry.event not in audit_own.HIDDEN
        ]
        yield [(moment(row.at), row.what, row.more) for row in told]
        if len(found) < PAGE:
            break
        after = found[-1].at, found[-1].id


def _acts(ctx: Context, session: Session) -> Iterator[Rows]:
    after = audit_store.TOP
    while found := audit_store.load_acts(ctx.db, session.account_id, after, PAGE):
        yield [(moment(entry.at), entry.event.replace(":", ": ").replace("_", " ")) for entry in found]
        if len(found) < PAGE:
            break
        after = found[-1].at, found[-1].id


def _linked(ctx: Context, session: Session, now: int) -> Rows:
    """As the page shows them; a managed account's session has its own row only (D7)."""
    page = open_links(ctx, session, now)
    if page.standing == "unlinked":
        return []
    return [
        (row.handle, row.email, row.kind, row.is_primary, row.is_silent, moment(row.linked_at))
        for row in page.rows if row.is_own or not session.viewer.is_managed
    ]


def _readme(
    ctx: Context, session: Session, now: int, members: Sequence[Member], parts: Sequence[tuple[str, Part]]
) -> str:
    """What is in the file, and what is not."""
    lines = [
        f"Your data at {ctx.site.name} ({ctx.site.base_url})", f"Written {moment(now)} for @{session.handle}", "",
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
