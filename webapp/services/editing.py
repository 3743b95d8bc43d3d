"""Edit profile: opening and saving About me, Where to find me, My products, and one's own name. Privacy is privacy.py.

About me, links, products and privacy belong to the profile: whoever of a link group edits them edits the primary's
record (S60). Names and pictures belong to the account that is logged in. A managed session sees and saves of a record
that is not its own only what the gate shows it (D7).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from policies import holding
from policies.errors import Conflict, Invalid, NotFound, Refused
from policies.terms import Relation, State, Subject, Viewer
from policies.visibility import Gate
from webapp.services import links, people_index, reactions, texts
from webapp.services.context import Context
from webapp.services.opening import canonical_handle
from webapp.services.viewing import load_viewer
from webapp.store import audit, profiles, records, typed

ABOUT = ("job_title", "organization", "department", "location", "timezone", "bio")
CHANGED = "This changed in another window after you opened it here."
CHANGED_FIX = "What is saved now stands under each field. Save again to replace it with yours."


@dataclass(frozen=True, slots=True)
class Form:
    """One part of Edit profile, as its template draws it. `values` holds what was typed, else what is stored.

    seen: fingerprint of the stored values; the form sends it back, so that a change in another window is noticed
    fields: the gate's fields that this viewer may edit here; a form without any is not drawn
    stored: after a conflict, the stored values that differ from what was typed
    problem, fix: why the whole form was refused
    """

    part: str
    handle: str
    values: Mapping[str, str]
    fields: frozenset[str]
    seen: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    fix: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Who edits what, decided under the gate; holds no value of a record.

    subject: the record that is edited; `shown`: bits of its fields that this viewer sees and may edit
    """

    gate: Gate
    handle: str
    subject: Subject
    shown: int
    relation: Relation
    linked: int


def find_target(ctx: Context, viewer: Viewer, handle: str) -> int:
    """The account whose record is edited in place on the profile at `handle`.

    Errors: NotFound for everybody who may not edit there, as for an unknown handle (D2).
    """
    known = canonical_handle(handle)
    group = profiles.load_group(ctx.db, known) if known is not None else profiles.NO_GROUP
    if group is profiles.NO_GROUP:
        raise NotFound
    member = group.asked if group.asked.silent else group.primary
    return _standing(ctx, viewer, group, member).subject.account_id


def stand(ctx: Context, viewer: Viewer, target: int | None = None, *, lock: bool = False) -> Standing:
    """Where the viewer stands to the record of account `target`, or of the profile they belong to.

    `lock`: until the transaction ends, and as of now: links may have changed since the request began (T25).
    Errors: NotFound when they may not edit it, or when it is not active.
    """
    if lock and viewer.account_id is not None:
        ctx.db.link_guard()
        viewer = load_viewer(ctx, viewer.account_id)
    account_id = target if target is not None else viewer.profile_id
    if account_id is None:
        raise NotFound
    group = records.lock_group(ctx.db, account_id) if lock else profiles.load_group_of(ctx.db, account_id)
    if group is None:
        raise NotFound
    return _standing(ctx, viewer, group, group.asked)


def open_about(ctx: Context, viewer: Viewer, target: int | None = None) -> Form:
    """The form of About me (S4-S9)."""
    standing = stand(ctx, viewer, target)
    fields = editable(standing, ABOUT)
    stored = load_stored(ctx, standing, fields)
    return Form("about", standing.handle, stored, fields, fingerprint(stored))


def save_about(ctx: Context, viewer: Viewer, form: Mapping[str, str], now: int, target: int | None = None) -> bool:
    """Save About me; whether anything changed. Errors: Invalid, Conflict, NotFound."""

    def read(fields: frozenset[str]) -> dict[str, str | None]:
        cleaners: dict[str, Callable[[str], str]] = {
            "job_title": lambda raw: texts.line("job_title", raw, "position"),
            "organization": lambda raw: texts.company("organization", raw),
            "department": lambda raw: texts.line("department", raw, "department"),
            "location": lambda raw: texts.line("location", raw, "location"),
            "timezone": lambda raw: texts.timezone("timezone", raw),
            "bio": lambda raw: texts.bio("bio", raw),
        }
        return clean({name: cleaners[name] for name in ABOUT if name in fields}, form)

    return save_part(ctx, viewer, target, ABOUT, read, form, now, "about:edit")


def open_products(ctx: Context, viewer: Viewer, target: int | None = None) -> Form:
    """The form of My products: one for each line."""
    standing = stand(ctx, viewer, target)
    fields = editable(standing, ("products",))
    stored = load_stored(ctx, standing, fields)
    return Form("products", standing.handle, stored, fields, fingerprint(stored))


def save_products(ctx: Context, viewer: Viewer, form: Mapping[str, str], now: int, target: int | None = None) -> bool:
    """Save My products; whether anything changed. Errors: Invalid, Conflict, NotFound."""

    def read(fields: frozenset[str]) -> dict[str, str | None]:
        if "products" not in fields or "products" not in form:
            return {}
        listed = texts.products("products", form["products"])
        return {"products": json.dumps(listed, ensure_ascii=False) if listed else None}

    return save_part(ctx, viewer, target, ("products",), read, form, now, "products:edit")


def open_links(ctx: Context, viewer: Viewer, target: int | None = None) -> Form:
    """The form of Where to find me: rows `url-0`, `label-0`, …; an empty one where there is none."""
    standing = stand(ctx, viewer, target)
    fields = editable(standing, ("links",))
    stored = load_stored(ctx, standing, fields)
    values = stored or _row_values([("", "")])
    return Form("find-me", standing.handle, values, fields, fingerprint(stored), rows=len(values) // 2)


def change_rows(form: Form, typed: Mapping[str, str], change: str) -> Form:
    """The form of Where to find me with what was typed and one row more (`add`) or less (`remove:2`). Saves nothing."""
    rows = _typed_rows(typed)
    verb, _, number = change.partition(":")
    if verb == "remove" and number.isdecimal() and len(number) < 4 and int(number) < len(rows):
        del rows[int(number)]
    elif verb == "add" and len(rows) < links.LINKS_LIMIT:
        rows.append(("", ""))
    rows = rows or [("", "")]
    return replace(form, values=_row_values(rows), rows=len(rows), seen=typed.get("seen", form.seen))


def save_links(ctx: Context, viewer: Viewer, form: Mapping[str, str], now: int, target: int | None = None) -> bool:
    """Save Where to find me; whether anything changed. Errors: Invalid, Conflict, NotFound."""

    def read(fields: frozenset[str]) -> dict[str, str | None]:
        return {"links": links.dump_links(_clean_links(form))} if "links" in fields else {}

    return save_part(ctx, viewer, target, ("links",), read, form, now, "links:edit")


def open_name(ctx: Context, viewer: Viewer) -> Form:
    """The form of the names of the account that is logged in."""
    standing = stand(ctx, viewer, viewer.account_id)
    stored = load_stored(ctx, standing, frozenset({"full_name", "public_name"}))
    return Form("name", standing.handle, stored, frozenset(stored), fingerprint(stored))


def save_name(ctx: Context, viewer: Viewer, form: Mapping[str, str], now: int) -> bool:
    """Save the names of the account that is logged in; an empty public name becomes the handle (D20, S82).

    Whether anything changed. A name of mixed scripts is taken and flagged in the audit log (T82).
    Errors: Invalid, Conflict, NotFound.
    """
    own_handle = stand(ctx, viewer, viewer.account_id).handle
    flags: dict[str, Any] = {}

    def read(fields: frozenset[str]) -> dict[str, str | None]:
        new = clean({
            "full_name": lambda raw: texts.person_name("full_name", raw, "full name"),
            "public_name": lambda raw: texts.person_name("public_name", raw, "public name"),
        }, form)
        if "public_name" in new:
            new["public_name"] = new["public_name"] or own_handle
        if any(texts.is_mixed_script(name) for name in new.values() if name):
            flags["mixed_script"] = True
        return new

    columns = ("full_name", "public_name")
    return save_part(ctx, viewer, viewer.account_id, columns, read, form, now, "name:edit", flags)


def retype(form: Form, typed: Mapping[str, str], error: Invalid | Conflict | Refused) -> Form:
    """The freshly opened form with what was typed instead of what is stored, and why it was not saved.

    After a conflict it carries the new fingerprint and shows both texts: saving again is then a decision.
    """
    if form.part == "find-me":
        rows = _typed_rows(typed) or [("", "")]
        values: dict[str, str] = _row_values(rows)
        count = len(rows)
    else:
        # A box that is not ticked is not sent at all; any other field that is missing was not in the form.
        absent = {} if form.part == "privacy" else form.values
        values = {name: typed.get(name, absent.get(name, "")).replace("\r\n", "\n") for name in form.values}
        count = 0
    if isinstance(error, Invalid):
        seen = typed.get("seen", form.seen)
        return replace(form, values=values, rows=count, seen=seen, errors=error.errors)
    stored = {name: form.values[name] for name in form.values if form.values[name] != values.get(name)}
    if form.part == "find-me":
        addresses = [form.values[f"url-{row}"] for row in range(form.rows)]
        stored = {"links": "\n".join(addresses)}
    return replace(form, values=values, rows=count, stored=stored, problem=error.problem, fix=error.fix)


def fingerprint(values: Mapping[str, str]) -> str:
    """Of stored values that the viewer sees; a form sends it back."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:24]


def write(
    ctx: Context, viewer: Viewer, standing: Standing, values: Mapping[str, Any], now: int, event: str, **detail: Any
) -> None:
    """Write values of a record as its owner's act, inside the caller's transaction: folded, counted, audited (D19)."""
    subject = standing.subject
    own = {name: value for name, value in values.items() if name in records.COLUMNS}
    records.save(ctx.db, subject.account_id, holding.fold(standing.gate, subject), own)
    typed.save(ctx.db, subject.account_id, {name: value for name, value in values.items() if name not in own})
    people_index.refresh(ctx, [subject.account_id])
    reactions.changed(ctx, subject.account_id, values, now)
    audit.record(ctx.db, event, now, actor_id=viewer.account_id, subject_id=subject.account_id, **detail)


def _standing(ctx: Context, viewer: Viewer, group: profiles.Group, member: profiles.Member) -> Standing:
    gate = ctx.gate(group.version)
    subject = group.subject(member)
    relation = gate.relation(viewer, subject)
    allowed = relation is Relation.OWNER or (relation is Relation.INSIDER and holding.is_anchor(subject))
    if viewer.account_id is None or not allowed or member.state != State.ACTIVE:
        raise NotFound
    return Standing(gate, member.handle, subject, gate.mask(viewer, subject), relation, len(group.ids))


def editable(standing: Standing, names: tuple[str, ...]) -> frozenset[str]:
    bits = standing.gate.bit
    return frozenset(name for name in names if (bit := bits.get(name)) is not None and standing.shown >> bit & 1)


def load_stored(ctx: Context, standing: Standing, columns: frozenset[str]) -> dict[str, str]:
    """The stored values as a form shows them: links as rows, products as lines."""
    return _as_typed(_load(ctx, standing, columns))


def _load(ctx: Context, standing: Standing, names: frozenset[str]) -> dict[str, Any]:
    """Columns of the record, and what was typed into fields of plugins."""
    account_id = standing.subject.account_id
    return records.load_columns(ctx.db, account_id, names) | typed.load(ctx.db, account_id, names - records.COLUMNS)


def _as_typed(found: Mapping[str, Any]) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in found.items():
        if name == "links":
            shown |= _row_values([(link.url, link.label) for link in links.load_links(value)])
        elif name == "products":
            shown[name] = "\n".join(json.loads(value)) if value else ""
        else:
            shown[name] = value or ""
    return shown


def save_part(
    ctx: Context,
    viewer: Viewer,
    target: int | None,
    columns: tuple[str, ...],
    read: Callable[[frozenset[str]], dict[str, str | None]],
    form: Mapping[str, str],
    now: int,
    event: str,
    flags: Mapping[str, Any] | None = None,
) -> bool:
    """The one way values are saved: who may, what was typed, whether somebody else was faster, then write."""
    with ctx.db.transaction():
        standing = stand(ctx, viewer, target, lock=True)
        is_own = standing.subject.account_id == viewer.account_id
        fields = frozenset(columns) if is_own else editable(standing, columns)
        new = read(fields)
        found = _load(ctx, standing, fields)
        changed = {name: value for name, value in new.items() if (value or None) != (found[name] or None)}
        if not changed:
            return False
        if form.get("seen", "") not in {"", fingerprint(_as_typed(found))}:
            raise Conflict(CHANGED, CHANGED_FIX)
        write(ctx, viewer, standing, changed, now, event, fields=sorted(changed), **(flags or {}))
        return True


def clean(cleaners: Mapping[str, Callable[[str], str]], form: Mapping[str, str]) -> dict[str, str | None]:
    """Every field that was sent, cleaned; all errors at once."""
    errors: dict[str, str] = {}
    new: dict[str, str | None] = {}
    for name, clean in cleaners.items():
        if name in form:
            try:
                new[name] = clean(form[name]) or None
            except Invalid as error:
                errors |= error.errors
    if errors:
        raise Invalid(errors)
    return new


def _clean_links(form: Mapping[str, str]) -> list[links.Link]:
    errors: dict[str, str] = {}
    kept: dict[str, links.Link] = {}
    rows = _typed_rows(form)
    for row, (url, label) in enumerate(rows):
        try:
            link = links.clean_link(f"url-{row}", url, f"label-{row}", label)
        except Invalid as error:
            errors |= error.errors
            continue
        if link is not None and link.url in kept:
            errors[f"url-{row}"] = "This address is in your list already."
        elif link is not None:
            kept[link.url] = link
    if len(kept) > links.LINKS_LIMIT:
        errors[f"url-{len(rows) - 1}"] = f"You can list up to {links.LINKS_LIMIT} links."
    if errors:
        raise Invalid(errors)
    return list(kept.values())


def _typed_rows(form: Mapping[str, str]) -> list[tuple[str, str]]:
    """(address, label) of each row that was sent, in order; gaps close."""
    return [
        (form.get(f"url-{row}", ""), form.get(f"label-{row}", ""))
        for row in range(2 * links.LINKS_LIMIT)
        if f"url-{row}" in form or f"label-{row}" in form
    ]


def _row_values(rows: list[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for row, (url, label) in enumerate(rows):
        values |= {f"url-{row}": url, f"label-{row}": label}
    return values
