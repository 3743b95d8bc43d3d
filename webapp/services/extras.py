"""What plugins add to a profile: their fields and sections with data for the generic templates. Asked only where the
gate shows the field; what the plugin is told is what the viewer sees on the same page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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


def view_extras(
    opened: OpenProfile, own: Values, amounts: Mapping[str, int], items: Mapping[str, Sequence[Item]],
    audiences: Mapping[str, str],
) -> tuple[ExtraView, ...]:
    """What the plugins show of this profile to this viewer; nothing of those that fail or have nothing."""
    fields = plugin_fields(opened.ctx)
    shown = [field for field in fields if opened.shows(field.name)]
    words: dict[str, str | None] = {}
    if any(field.typed for field in fields):        # asked whatever is hidden: of nobody, if all is (T61)
        names = [field.name for field in shown if field.typed]
        words = typed.load(opened.ctx.db, opened.face.id if names else NOBODY[0], names or [""])
    if not shown:
        return ()
    facts = Facts(
        kind=opened.gate.kind(opened.face.domain_id),
        day=opened.now // DAY * DAY,
        totals=dict(amounts),
        values={name: value for name in _VALUES if (value := getattr(own, name))}
        | {name: value for name, value in words.items() if value},
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
