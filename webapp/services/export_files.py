"""How an export is written down: a zip of JSON and CSV, sent as it is made. What stands in it is decided by export.py.

A list comes in pages of rows. One that fits into one page is read once and written in both forms from there; a longer
one is read again for each form, so that memory stays flat however long it is.
"""

from __future__ import annotations

import csv
import io
import re
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

import orjson

#: What a spreadsheet takes for the beginning of a formula (T86).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_FORMULAS = re.compile("\0[" + "".join(map(re.escape, _FORMULA)) + "]")
#: Of deflate: the higher ones take several times as long to save a few bytes in a hundred.
_LEVEL = 3
#: A file of fewer bytes is stored as it is: to set up the compression of one costs more than it saves.
_TINY = 4096
#: Bytes that are sent together.
_SEND = 16_384

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One list of an export. `pages` reads it anew at each call, in pages of rows with a cell for each column."""

    name: str
    columns: tuple[str, ...]
    about: str
    pages: Callable[[], Iterable[Sequence[Row]]]


#: A name in the archive and what the file holds, whole or piece by piece.
File = tuple[str, bytes | Iterable[bytes]]


def files_of(folder: str, part: Part) -> Iterator[File]:
    """The list as JSON and as CSV."""
    pages = iter(part.pages())
    first = next(pages, ())
    second = next(pages, None)
    name = f"{folder}/{part.name}"
    if second is None:
        yield f"{name}.json", b"".join(_as_json(part, [first]))
        yield f"{name}.csv", _csv([part.columns, *first])
    else:
        yield f"{name}.json", _as_json(part, chain((first, second), pages))
        yield f"{name}.csv", _as_csv(part, part.pages())


def moment(at: int | None) -> str | None:
    """A time as exports tell it: put together, because a list has as many times as rows and they share few days."""
    return None if at is None else f"{_day(at // 86_400)}{_MINUTES[at // 60 % 1440]}{_SECONDS[at % 60]}"


#: "12:34:" by the minute of a day, "56Z" by the second of a minute.
_MINUTES = [f"{minute // 60:02}:{minute % 60:02}:" for minute in range(1440)]
_SECONDS = [f"{second:02}Z" for second in range(60)]


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    """The day so many days after 1970, up to the clock."""
    return time.strftime("%Y-%m-%dT", time.gmtime(number * 86_400))


def neutral(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: such a text gets an apostrophe in front (T86)."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _as_json(part: Part, pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    columns, between = part.columns, b"[\n"
    for page in pages:
        if page:
            yield between + b",\n".join(map(orjson.dumps, map(dict, map(zip, repeat(columns), page))))
            between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"


def _as_csv(part: Part, pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    for page in chain([[part.columns]], pages):
        if page:
            yield _csv(page)


class _Lines(list[str]):
    """What csv writes to: the lines as they come."""

    write = list.append


def _csv(rows: Sequence[Row]) -> bytes:
    """The rows, at least one, of at least two cells each, as csv writes them: column by column, because hardly any
    holds something to quote, and csv looks at every character of each."""
    return ("\r\n".join(map(",".join, zip(*map(_cells, zip(*rows, strict=True)), strict=True))) + "\r\n").encode()


def _cells(column: Sequence[Any]) -> Sequence[str]:
    """A column's cells as they stand in the file: neutral (T86), and quoted by csv if one of them has to be."""
    cells = column
    try:
        text = "\0".join(cells)
    except TypeError:
        cells = ["" if value is None else str(value) for value in column]
        text = "\0".join(cells)
    if _FORMULAS.search(f"\0{text}"):
        cells = ["" if value is None else str(neutral(value)) for value in column]
    if "," in text or '"' in text or "\n" in text or "\r" in text:
        lines = _Lines()
        csv.writer(lines).writerows(zip(cells, repeat("")))
        cells = [line.removesuffix(",\r\n") for line in lines]
    return cells


class _Sink(io.BytesIO):
    """What the archive is written to: it keeps the bytes until they are sent, and no more."""

    sent = 0

    @property
    def waiting(self) -> int:
        return super().tell()

    def tell(self) -> int:
        return self.sent + super().tell()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation("What is sent is sent.")

    def take(self) -> bytes:
        data = self.getvalue()
        self.sent += len(data)
        super().seek(0)
        self.truncate()
        return data


def zip_of(files: Iterable[File], now: int) -> Iterator[bytes]:
    """An archive of these files, sent as it is made."""
    sink = _Sink()
    written = datetime.fromtimestamp(now, UTC).timetuple()[:6]
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, written)
            entry.external_attr = 0o600 << 16
            if isinstance(content, bytes) and len(content) >= _TINY:
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED, _LEVEL)
            elif isinstance(content, bytes):
                with archive.open(entry, "w") as out:
                    out.write(content)
            else:
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as out:
                    for piece in content:
                        out.write(piece)
                        if sink.waiting > _SEND:
                            yield sink.take()
            if sink.waiting > _SEND:
                yield sink.take()
    yield sink.take()
