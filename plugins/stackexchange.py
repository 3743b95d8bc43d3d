"""Source plugin: reads a Stack Exchange data dump, a folder of XML files, into people and events. It writes nothing.

The rows are parsed by expat as they are read, so nothing is held but a small entry per user and post. Entity
definitions are refused, so a file cannot blow up in memory. Malformed, truncated or senseless input raises
ImportRefused with the file and the line; a row about nobody (the Community user, deleted users) becomes a `Skipped`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from xml.parsers import expat

from selectolax.lexbor import LexborHTMLParser

from policies import hookimpl
from policies.errors import ImportRefused
from policies.terms import ActivityKind, Area, Event, Person, Skipped, SourceInfo

COMMUNITY = "the Community user"
DELETED = "rows of deleted users"
UNKNOWN_POST = "votes and comments on posts that are not in the dump"

_CHUNK = 1 << 16
_QUESTION, _ANSWER = "1", "2"
_ACCEPTED, _UP = "1", "2"
_NEEDED = ("Users.xml", "Posts.xml")
_BLOCKS = "p,div,ul,ol,pre,blockquote,h1,h2,h3,h4,h5,h6,tr,hr"
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)


class Row:
    """One `<row …/>`: its attributes, read with checks that name file and line."""

    __slots__ = ("_file", "_line", "values")

    def __init__(self, values: Mapping[str, str], file: str, line: int) -> None:
        self.values = values
        self._file = file
        self._line = line

    def text(self, name: str) -> str:
        """The attribute, or an empty text."""
        return self.values.get(name, "")

    def number(self, name: str) -> int:
        """The attribute as a whole number. Errors: ImportRefused."""
        number = self.maybe_number(name)
        if number is None:
            raise self._refusal(f"has no {name}")
        return number

    def maybe_number(self, name: str) -> int | None:
        """The same, or None where the attribute is missing. Errors: ImportRefused when it is no number."""
        value = self.values.get(name)
        if not value:
            return None
        try:
            return int(value)
        except ValueError:
            raise self._refusal(f"has no number in {name}") from None

    def time(self, name: str) -> int:
        """The attribute, a UTC time as in the dumps, as unix seconds. Errors: ImportRefused."""
        try:
            moment = datetime.fromisoformat(self.values.get(name, ""))
        except ValueError:
            raise self._refusal(f"has no time in {name}") from None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())

    def _refusal(self, what: str) -> ImportRefused:
        return ImportRefused(
            f"{self._file}, line {self._line}: a row {what}.", self._file, self._line, "Get the dump again."
        )


def rows(path: Path) -> Iterator[Row]:
    """The rows of one file, in order. Errors: ImportRefused for anything that is not whole, well-formed XML."""
    found: list[Row] = []
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            found.append(Row(attributes, path.name, parser.CurrentLineNumber))

    def refuse_entity(*_: object) -> None:
        line = parser.CurrentLineNumber
        raise ImportRefused(
            f"{path.name}, line {line}: the file defines XML entities, which no dump does.", path.name, line
        )

    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse_entity
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.Parse(chunk, False)
                yield from found
                found.clear()
            parser.Parse(b"", True)
            yield from found
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise ImportRefused(
            f"{path.name}, line {error.lineno}: the XML is broken or cut short ({said}).",
            path.name,
            error.lineno,
            "Get the file again.",
        ) from error
    except OSError as error:
        raise ImportRefused(f"{path.name} cannot be read: {error.strerror}.", path.name) from error


def plain_text(html: str) -> str:
    """HTML as plain text: paragraphs, list items and line breaks become lines; scripts and styles go."""
    if "<" not in html and "&" not in html:
        return html.strip()
    tree = LexborHTMLParser(html)
    if tree.body is None:
        return ""
    for node in tree.css("script,style,template,noscript"):
        node.decompose()
    for node in tree.css("br,li"):
        node.insert_before("\n")
    for node in tree.css(_BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    lines = (" ".join(line.split()) for line in tree.body.text().split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def read(folder: Path, site: str) -> Iterator[Person | Event | Skipped]:
    """People first, then events, of the dump in `folder`; `site` is the host name of the community.

    Errors: ImportRefused, naming file and line.
    """
    if not _HOST.fullmatch(site):
        raise ImportRefused(f"“{site}” is not a host name.", fix="Write --site like bicycles.stackexchange.com.")
    for name in _NEEDED:
        if not (folder / name).is_file():
            raise ImportRefused(f"{folder} holds no {name}.", name, fix="Name the folder of one unpacked dump.")
    return _Dump(folder, f"https://{site}").read()


class _Dump:
    def __init__(self, folder: Path, base: str) -> None:
        self.folder = folder
        self.base = base
        self.users: set[int] = set()
        self.owners: dict[int, int | None] = {}
        self.titles: dict[int, str] = {}
        self.questions: dict[int, int] = {}  # answer -> question
        self.answered_at: dict[int, int] = {}
        self.accepted: list[int] = []
        self.accepted_at: dict[int, int] = {}

    def read(self) -> Iterator[Person | Event | Skipped]:
        yield from self._people()
        yield from self._posts()
        yield from self._votes()
        yield from self._solutions()
        yield from self._comments()
        yield from self._badges()

    def _rows(self, name: str) -> Iterator[Row]:
        path = self.folder / name
        return rows(path) if path.is_file() else iter(())

    def _people(self) -> Iterator[Person | Skipped]:
        ids = [row.number("Id") for row in self._rows("Users.xml")]
        users = self._rows("Users.xml")
        if any(a >= b for a, b in pairwise(ids)):  # handles are given in the order of the ids (dumps are sorted)
            users = iter(sorted(users, key=lambda row: row.number("Id")))
        del ids
        for row in users:
            number = row.number("Id")
            if number < 0:
                yield Skipped(COMMUNITY)
                continue
            self.users.add(number)
            yield Person(
                actor=str(number),
                name=row.text("DisplayName"),
                bio=plain_text(row.text("AboutMe")),
                location=row.text("Location"),
                website=row.text("WebsiteUrl"),
                joined_at=row.time("CreationDate"),
                network=row.text("AccountId") or None,
            )

    def _event(
        self, kind: ActivityKind, external_id: str, owner: int | None, at: int, object: str, title: str, url: str
    ) -> Event | Skipped:
        if owner is not None and owner < 0:
            return Skipped(COMMUNITY)
        if owner not in self.users:
            return Skipped(DELETED)
        return Event(external_id, str(owner), kind, at, object, title, url)

    def _posts(self) -> Iterator[Event | Skipped]:
        for row in self._rows("Posts.xml"):
            number, kind, at = row.number("Id"), row.text("PostTypeId"), row.time("CreationDate")
            owner = row.maybe_number("OwnerUserId")
            if kind == _QUESTION:
                self.titles[number] = row.text("Title")
                if accepted := row.maybe_number("AcceptedAnswerId"):
                    self.accepted.append(accepted)
                what = ActivityKind.QUESTION
            elif kind == _ANSWER:
                self.questions[number] = row.number("ParentId")
                self.answered_at[number] = at
                what = ActivityKind.ANSWER
            else:
                continue
            self.owners[number] = owner
            name = f"post:{number}"
            yield self._event(what, name, owner, at, name, self._title(number), self._url(number))

    def _title(self, post: int) -> str:
        return self.titles.get(self.questions.get(post, post), "")

    def _url(self, post: int) -> str:
        return f"{self.base}/{'a' if post in self.questions else 'questions'}/{post}"

    def _votes(self) -> Iterator[Event | Skipped]:
        for row in self._rows("Votes.xml"):
            number, post, kind = row.number("Id"), row.number("PostId"), row.text("VoteTypeId")
            if kind not in (_UP, _ACCEPTED):
                continue
            at = row.time("CreationDate")
            if kind == _ACCEPTED:
                self.accepted_at[post] = at
            elif post not in self.owners:
                yield Skipped(UNKNOWN_POST)
            else:
                yield self._event(
                    ActivityKind.LIKE_RECEIVED, f"vote:{number}", self.owners[post], at, f"post:{post}",
                    self._title(post), self._url(post),
                )  # fmt: skip

    def _solutions(self) -> Iterator[Event | Skipped]:
        for answer in self.accepted:
            if answer in self.questions:
                at = self.accepted_at.get(answer, self.answered_at[answer])
                yield self._event(
                    ActivityKind.ACCEPTED_SOLUTION, f"accepted:{answer}", self.owners[answer], at, f"post:{answer}",
                    self._title(answer), self._url(answer),
                )  # fmt: skip

    def _comments(self) -> Iterator[Event | Skipped]:
        for row in self._rows("Comments.xml"):
            number, post, at = row.number("Id"), row.number("PostId"), row.time("CreationDate")
            if post not in self.owners:
                yield Skipped(UNKNOWN_POST)
                continue
            yield self._event(
                ActivityKind.COMMENT, f"comment:{number}", row.maybe_number("UserId"), at, f"post:{post}",
                self._title(post), f"{self._url(post)}#comment{number}_{post}",
            )  # fmt: skip

    def _badges(self) -> Iterator[Event | Skipped]:
        for row in self._rows("Badges.xml"):
            number, user, at, name = row.number("Id"), row.number("UserId"), row.time("Date"), row.text("Name")
            title = f"{name} ({_CLASSES.get(row.text('Class'), 'tag')})" if row.text("TagBased") == "True" else name
            yield self._event(ActivityKind.BADGE, f"badge:{number}", user, at, title, title, "")


#: A tag badge has one name in three classes; all others differ by name.
_CLASSES = {"1": "gold", "2": "silver", "3": "bronze"}


@hookimpl
def register_sources() -> tuple[SourceInfo, ...]:
    """Stack Exchange, read from its public dumps."""
    return (SourceInfo("stackexchange", "Stack Exchange", Area.FORUM, read),)
