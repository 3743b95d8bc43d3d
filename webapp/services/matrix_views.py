"""What the pages of default visibility show, as views: tables, locks, dry run, what changed before. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: what it says now, draft included, and what pressing it sends.

    press: "" where the code fixes the field; `locked`: a lock stands in the default's place, in words
    """

    id: str
    audience: str
    words: str
    shown: bool
    press: str
    is_draft: bool
    is_implied: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The cells of one scope in a row. `own`: an organization sets this default itself; `other`: what a press on the
    button beside it sends (take the community's default, or keep this one whatever the community's becomes)."""

    cells: tuple[Cell, ...]
    locked: str = ""
    own: bool = False
    other: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A field or section."""

    field: str
    label: str
    section: bool
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock in force or in the draft. `press`: what its button sends, "" where it is not this page's to change."""

    label: str
    accounts: str
    level_words: str
    is_draft: bool
    is_ended: bool
    press: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What a draft does to one field for one audience of one kind of account. The numbers add up to `members`."""

    label: str
    accounts: str
    audience: str
    closes: int
    opens: int
    asks: int
    keeps: int
    same: int

    @property
    def members(self) -> int:
        return self.closes + self.opens + self.asks + self.keeps + self.same


@dataclass(frozen=True, slots=True)
class DryRun:
    """Each member once: something changes now, something waits for their yes, they keep their own choice, or nothing.

    offered: all who are asked about something, those who change now too
    public: labels of what would be offered to Anyone
    """

    now: int
    asked: int
    keep: int
    same: int
    offered: int
    effects: tuple[Effect, ...]
    public: tuple[str, ...]

    @property
    def members(self) -> int:
        return self.now + self.asked + self.keep + self.same


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was applied before. `lines`: one sentence per change."""

    id: int
    who: str
    lines: tuple[str, ...]
    at: int
    note: str
    now: int
    asked: int
    is_undone: bool


@dataclass(frozen=True, slots=True)
class Override:
    """An organization that has defaults or locks of its own."""

    slug: str
    name: str
    lines: tuple[str, ...]
    locks: int
    has_draft: bool


@dataclass(frozen=True, slots=True)
class MatrixPage:
    """A page of default visibility: the whole community's, or one organization's (`organization`: its name).

    changes: the draft in words; empty: there is none. seen, revision: what the dry run stands for, sent with Apply.
    meanwhile: what others applied since the draft was begun
    fields, levels, scopes: what the form for a lock offers
    """

    organization: str
    slug: str
    home: str
    groups: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    rows: tuple[Row, ...]
    locks: tuple[Lock, ...]
    fields: tuple[tuple[str, str], ...]
    levels: tuple[tuple[str, str], ...]
    scopes: tuple[tuple[str, str], ...]
    changes: tuple[str, ...]
    seen: int
    revision: int
    dry: DryRun | None
    meanwhile: tuple[str, ...]
    history: tuple[Step, ...]
    started_at: int | None
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class UndoPage:
    """What undoing a step would do."""

    organization: str
    slug: str
    home: str
    step: Step
    seen: int
    dry: DryRun
