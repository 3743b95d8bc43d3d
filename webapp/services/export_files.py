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
from itertools import chain
from typing import Any

from pydantic_core import to_json

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
    """A time as exports tell it."""
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def neutral(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: such a text gets an apostrophe in front (T86)."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _as_json(part: Part, pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    columns, between = part.columns, b"[\n"
    for page in pages:
        if page:
            yield between + b",\n".join([to_json(dict(zip(columns, row, strict=True))) for row in page])
            between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"


def _as_csv(part: Part, pages: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    for page in chain([[part.columns]], pages):
        yield _csv(page)


def _csv(rows: Sequence[Row]) -> bytes:
    if any(map(_may_hold_formulas, zip(*rows, strict=True))):
        rows = [[neutral(value) for value in row] for row in rows]
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def _may_hold_formulas(column: Sequence[Any]) -> bool:
    """One look at a whole column: there is hardly ever a formula in one."""
    try:
        text = "\0".join(column)
    except TypeError:
        text = "\0".join(map(str, column))
    return _FORMULAS.search("\0" + text) is not None


class _Sink(io.RawIOBase):
    """What the archive is written to: it keeps the bytes until they are sent, and no more."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.waiting += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self.waiting)
        self.waiting.clear()
        return data


def zip_of(files: Iterable[File], now: int) -> Iterator[bytes]:
    """An archive of these files, sent as it is made."""
    sink = _Sink()
    written = datetime.fromtimestamp(now, UTC).timetuple()[:6]
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, written)
            entry.external_attr = 0o600 << 16
            if isinstance(content, bytes):
                method = zipfile.ZIP_DEFLATED if len(content) >= _TINY else zipfile.ZIP_STORED
                archive.writestr(entry, content, method, _LEVEL)
            else:
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as out:
                    for piece in content:
                        out.write(piece)
                        if len(sink.waiting) > _SEND:
                            yield sink.take()
            if len(sink.waiting) > _SEND:
                yield sink.take()
    yield sink.take()
