"""Edit profile > More about me: what a member types into the fields that plugins declare (Field.typed).

They are fields of the record as all others: shared by a group as About me is (S60), seen by whom the gate shows them,
kept from a managed session where it may not see them (D7). How values are saved is editing.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.terms import Viewer
from webapp.services import editing, texts
from webapp.services.context import Context
from webapp.services.editing import Form

#: Longer ones are typed into several lines.
LINE = 200


@dataclass(frozen=True, slots=True)
class Question:
    """One field as the form asks for it."""

    name: str
    label: str
    hint: str
    limit: int
    is_long: bool


def questions(ctx: Context) -> tuple[Question, ...]:
    """The fields that members may type into, of the plugins that are on, in load order."""
    ctx.gate()
    return tuple([
        Question(field.name, field.label, field.hint, field.typed, field.typed > LINE)
        for field in ctx.manager.fields if field.typed
    ])  # fmt: skip


def open_more(ctx: Context, viewer: Viewer, target: int | None = None) -> Form:
    """The form; without any such field it has none and is not drawn."""
    standing = editing.stand(ctx, viewer, target)
    fields = editing.editable(standing, tuple([one.name for one in questions(ctx)]))
    stored = editing.load_stored(ctx, standing, fields)
    return Form("more", standing.handle, stored, fields, editing.fingerprint(stored))


def save_more(ctx: Context, viewer: Viewer, form: Mapping[str, str], now: int, target: int | None = None) -> bool:
    """Save the form; whether anything changed. Errors: Invalid, Conflict, NotFound."""
    asked = {one.name: one for one in questions(ctx)}

    def read(fields: frozenset[str]) -> dict[str, str | None]:
        return editing.clean({
            name: lambda raw, one=one: _clean(one, raw)     # type: ignore[misc]
            for name, one in asked.items() if name in fields
        }, form)  # fmt: skip

    return editing.save_part(ctx, viewer, target, tuple(asked), read, form, now, "more:edit")


def _clean(one: Question, raw: str) -> str:
    return (texts.plain if one.is_long else texts.line)(one.name, raw, "answer", one.limit)
