"""The errors every layer raises and the edge translates. No HTTP here.

    VitrineError            problem (plain words), fix (what to do about it, may be empty)
    ├── ConfigError         the operator's settings or plugins cannot be used; the start is refused
    ├── Invalid             what somebody typed is refused: .errors maps a field to a sentence
    ├── NotFound            no such thing for this viewer; hidden and absent are the same (D2)
    ├── Refused             a rule says no: .rule is the rule's name
    ├── Conflict            somebody else changed the same thing in between
    ├── Unavailable         the database (or disk) cannot be used now; trying again later helps
    └── ImportRefused       a file to import is unusable: .file, .line
"""

from __future__ import annotations

from collections.abc import Mapping


class VitrineError(Exception):
    """The root. `problem` is one sentence for people; `fix` says what they can do, or is empty."""

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem if not fix else f"{problem} {fix}")
        self.problem = problem
        self.fix = fix


class ConfigError(VitrineError):
    """The operator's settings or plugins cannot be used."""


class Invalid(VitrineError):
    """Input was refused; `errors` maps each field's name to a sentence about it."""

    def __init__(self, errors: Mapping[str, str], problem: str = "Some of what was entered cannot be used.") -> None:
        super().__init__(problem)
        self.errors = dict(errors)


class NotFound(VitrineError):
    """There is no such thing, or none that this viewer may know of: both answer alike."""

    def __init__(self, problem: str = "There is no such page.", fix: str = "") -> None:
        super().__init__(problem, fix)


class Refused(VitrineError):
    """A rule said no. `rule` is its name, for tests and the audit log."""

    def __init__(self, rule: str, problem: str, fix: str = "") -> None:
        super().__init__(problem, fix)
        self.rule = rule


class Conflict(VitrineError):
    """Somebody else changed the same thing first; look again and repeat."""


class Unavailable(VitrineError):
    """Something the site stands on cannot be used at the moment: the database is gone, the disk is full."""


class ImportRefused(VitrineError):
    """A file to import cannot be used. `line` is 1-based, 0 when the file as a whole is meant."""

    def __init__(self, problem: str, file: str = "", line: int = 0, fix: str = "") -> None:
        super().__init__(problem, fix)
        self.file = file
        self.line = line
