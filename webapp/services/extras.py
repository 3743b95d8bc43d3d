"""What plugins add to a profile: their fields and sections with data for the generic templates. Asked only where the
gate shows the field; what the plugin is told is what the viewer sees on the same page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from policies.builtin.fields import FIELDS
from policies.extending import Facts, Holding
from policies.sections import TEMPLATES, SectionData, Text
from policies.terms import Field
from webapp.services import held
from webapp.services.context import Context
from webapp.services.opening import OpenProfile
from webapp.services.views import ExtraView
from webapp.store import typed
from webapp.store.profiles import NOBODY, Values
from webapp.store.totals import Item

DAY = 86_400
_CORE = frozenset(field.name for field in FIELDS)
#: Record values that plugins are told, where they are shown.
_VALUES = ("full_name", "job_title", "department", "organization", "location", "timezone", "bio")


def plugin_fields(ctx: Context) -> tuple[Field, ...]:
    """The fields and sections that plugins which are on have added."""
    return tuple([field for field in ctx.manager.fields if field.name not in _CORE])


def typed_names(ctx: Context) -> tuple[str, ...]:
    """The fields of plugins that are on which members type into, in load order."""
    return tuple([field.name for field in ctx.manager.fields if field.typed])


def typed_words(ctx: Context, account_id: int, shown: Collection[str]) -> dict[str, str]:
    """What an account typed into those of these fields that are `shown`.

    One statement wherever there is such a field, of nobody if all are hidden (T61).
    """
    names = typed_names(ctx)
    if not names:
        return {}
    wanted = [name if name in shown else "" for name in names]
    found = typed.load(ctx.db, account_id if any(wanted) else NOBODY[0], wanted)
    return {name: value for name in names if (value := found.get(name))}


def view_extras(
    opened: OpenProfile, own: Values, amounts: Mapping[str, int], items: Mapping[str, Sequence[Item]],
    audiences: Mapping[str, str],
) -> tuple[ExtraView, ...]:
    """What the plugins show of this profile to this viewer; nothing of those that fail or have nothing."""
    fields = plugin_fields(opened.ctx)
    shown = [field for field in fields if opened.shows(field.name)]
    words = typed_words(opened.ctx, opened.face.id, [field.name for field in shown])
    if not shown:
        return ()
    facts = Facts(
        kind=opened.gate.kind(opened.face.domain_id),
        day=opened.now // DAY * DAY,
        totals=dict(amounts),
        values={name: value for name in _VALUES if (value := getattr(own, name))} | words,
        holdings=holdings(item for some in items.values() for item in some),
        member_since=own.member_since,
    )
    found = []
    for field in shown:
        data: SectionData | None
        if field.typed:
            data = Text(value) if (value := words.get(field.name)) else None
        else:
            data = opened.ctx.manager.section(field.name, facts)
        if data is not None:
            template = TEMPLATES[type(data)]
            found.append(ExtraView(field.name, field.label, template, data, audiences.get(field.name, "")))
    return tuple(found)


def holdings(items: Iterable[Item]) -> tuple[Holding, ...]:
    """Items as plugins are told of them."""
    return tuple([Holding(item.kind, item.item, item.title, item.at) for item in items if item.kind in held.SECTION_OF])
