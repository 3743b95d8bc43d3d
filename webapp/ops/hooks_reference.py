"""docs/hooks.md, made from the hook specifications and from the types that they name. Nothing by hand."""

from __future__ import annotations

import inspect

from policies import extending, hookspecs, registry, sections, terms
from policies.isolation import BUDGETS, OVERRUNS
from policies.manager import REACTIONS

_TYPES = (
    terms.Field, terms.Level, terms.Kind, terms.Veto, terms.PrivateVeto, terms.Question, terms.Relation, terms.Rung,
    terms.SourceInfo, terms.Person, terms.Event, terms.Retraction, terms.Skipped,
    extending.Facts, extending.Holding, extending.Metric, extending.NameRule, extending.BadgeRule,
    extending.CredentialForm, extending.PublishedBadge, extending.StatusList, extending.Issuer,
    sections.Text, sections.List, sections.Tiles, sections.Entry, sections.Stats, sections.Stat, sections.Table,
)  # fmt: skip

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
    parts.append("## Types")
    parts += [_type(one) for one in _TYPES]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _budgets() -> str:
    rows = "\n".join(f"| {what} | {seconds:g} s |" for what, seconds in sorted(BUDGETS.items()))
    return f"| what is asked | budget |\n|---|---|\n{rows}\n\n{OVERRUNS} overruns switch a plugin off."


def _hook(name: str) -> str:
    spec = getattr(hookspecs, name)
    return f"### {name}\n\n    {name}{_signature(spec)}\n\n{inspect.getdoc(spec)}"


def _signature(spec: object) -> str:
    signature = inspect.signature(spec)     # type: ignore[arg-type]
    given = ", ".join(f"{one.name}: {one.annotation}" for one in signature.parameters.values())
    return f"({given}) -> {signature.return_annotation}"


def _type(one: type) -> str:
    fields = getattr(one, "__dataclass_fields__", None)
    if fields is None:
        members = ", ".join(f"`{one.__name__}.{member.name}`" for member in one)    # type: ignore[attr-defined]
        return f"### {one.__name__}\n\n{inspect.getdoc(one)}\n\n{members}"
    lines = "\n".join(f"- `{name}`: `{field.type}`" for name, field in fields.items())
    return f"### {one.__name__}\n\n{inspect.getdoc(one)}\n\n{lines}"
