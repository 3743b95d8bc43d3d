"""docs/hooks.md, made from the hook specifications and from the types that they name. Nothing by hand."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, Field
from enum import Enum
from typing import Any

from policies import badges, extending, hookspecs, registry, sections, terms
from policies.builtin.fields import FIELDS
from policies.isolation import BUDGETS, OVERRUNS
from policies.manager import REACTIONS

_TYPES = (
    terms.Field, terms.Level, terms.Kind, terms.Veto, terms.PrivateVeto, terms.Question, terms.Relation, terms.Rung,
    terms.SourceInfo, terms.Area, terms.Person, terms.Event, terms.ActivityKind, terms.Retraction, terms.Skipped,
    terms.BadSignature,
    extending.Facts, extending.Holding, extending.Metric, extending.NameRule, extending.BadgeRule,
    extending.CredentialForm, extending.PublishedBadge, extending.StatusList, extending.Issuer,
    sections.Text, sections.List, sections.Tiles, sections.Entry, sections.Stats, sections.Stat, sections.Table,
)  # fmt: skip

_FUNCTIONS = """\
`read(folder: Path, site: str) -> Iterable[Person | Event | Retraction | Skipped]` is `SourceInfo.read`: it reads what
`vitrine import NAME DUMP --site HOST` names, streamed, every person before the first event that names them.

`receive(body: bytes, headers: Mapping[str, str], secret: str) -> Collection[Event | Retraction | Person]` is
`SourceInfo.receive`: it verifies the signature and raises `BadSignature`, for a body that makes no sense `ValueError`.
Names of headers are in lower case. The same body that tells the same is taken in once: what can happen twice alike
needs something in its body that differs, a number of the delivery or a time, and an `external_id` of its own."""

HEAD = """\
# Hooks

Made by `vitrine plugin hooks --write docs/hooks.md` from `policies/hookspecs.py`.
How to begin: [plugins.md](plugins.md).
"""


def reference() -> str:
    """The whole page, Markdown."""
    names = [name for name, one in vars(hookspecs).items() if hasattr(one, "vitrine_spec")]
    parts = [HEAD, inspect.getdoc(hookspecs) or "", _budgets()]
    groups = (
        ("Asked at start", [name for name in names if name in registry.REGISTERS]),
        ("Asked when the matrix is compiled", [name for name in names if name.endswith("_cell")]),
        ("Asked when a page is drawn", [name for name in names if name.startswith("section_")]),
        ("Told after the commit", [name for name in names if name in REACTIONS]),
    )
    for title, some in groups:
        parts.append(f"## {title}")
        parts += [_hook(name) for name in some]
    parts += ["## Fields and totals of the core", _core(), "## Readers and receivers", _FUNCTIONS]
    parts.append("## Types")
    parts += [_type(one) for one in _TYPES]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _budgets() -> str:
    rows = "\n".join(f"| {what} | {seconds:g} s |" for what, seconds in sorted(BUDGETS.items()))
    return f"| what is asked | budget |\n|---|---|\n{rows}\n\n{OVERRUNS} overruns switch a plugin off."


def _core() -> str:
    """The names that plugins meet in `default_cell`, in vetoes and in facts."""
    record = ", ".join(f"`{field.name}`" for field in FIELDS if not field.section)
    sections_ = ", ".join(f"`{field.name}`" for field in FIELDS if field.section)
    totals = ", ".join(f"`{name}`" for name in badges.METRICS)
    return (
        f"Fields of an account's record: {record}.\n\nSections of a profile: {sections_}.\n\n"
        f"Totals and metrics: {totals}; those of plugins beside them."
    )


def _hook(name: str) -> str:
    spec = getattr(hookspecs, name)
    return f"### {name}\n\n    {name}{_signature(spec)}\n\n{inspect.getdoc(spec)}"


def _signature(spec: object) -> str:
    signature = inspect.signature(spec)     # type: ignore[arg-type]
    given = ", ".join(f"{one.name}: {one.annotation}" for one in signature.parameters.values())
    return f"({given}) -> {signature.return_annotation}"


def _type(one: type) -> str:
    fields = getattr(one, "__dataclass_fields__", None)
    if fields is not None:
        lines = "\n".join(f"- `{name}`: `{field.type}`{_default(field)}" for name, field in fields.items())
    elif issubclass(one, Enum):
        lines = ", ".join(
            f"`{one.__name__}.{member.name}`" + (f" (`{member.value!r}`)" if isinstance(member, str) else "")
            for member in one
        )
    else:
        lines = ""
    head = f"### {one.__name__}\n\n    from {one.__module__} import {one.__name__}"
    return f"{head}\n\n{inspect.getdoc(one)}\n\n{lines}"


def _default(field: Field[Any]) -> str:
    return "" if field.default is MISSING else f" = `{field.default!r}`"
