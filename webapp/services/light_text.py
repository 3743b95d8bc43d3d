"""Plain text with light marks, cut into blocks that a template draws: headings, paragraphs, lists, links in brackets.

No HTML is made here and none is taken: what is drawn is text that the template escapes.

    # Heading        ## Smaller heading        - item of a list        [label](https://example.com)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\(((?:https?://|mailto:|/(?![/\\]))[^\s()<>\"\\]{0,500})\)")
_ITEM = re.compile(r"[-*] +(.*)")

Kind = Literal["heading", "smaller", "paragraph", "list"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text; with an address it is a link."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A heading or paragraph has one line of spans, a list one for each item."""

    kind: Kind
    lines: tuple[tuple[Span, ...], ...]


def blocks_of(text: str) -> tuple[Block, ...]:
    """The blocks of a text; an empty line ends a paragraph or a list."""
    blocks: list[Block] = []
    words: list[str] = []
    items: list[str] = []

    def end() -> None:
        if words:
            blocks.append(Block("paragraph", (spans_of(" ".join(words)),)))
        if items:
            blocks.append(Block("list", tuple(spans_of(item) for item in items)))
        words.clear()
        items.clear()

    for raw in text.split("\n"):
        line = raw.strip()
        if line.startswith(("# ", "## ")):
            end()
            marks, _, rest = line.partition(" ")
            blocks.append(Block("heading" if marks == "#" else "smaller", (spans_of(rest.strip()),)))
        elif (item := _ITEM.fullmatch(line)) is not None:
            if words:
                end()
            items.append(item[1])
        elif not line:
            end()
        elif items:
            items[-1] += f" {line}"
        else:
            words.append(line)
    end()
    return tuple(blocks)


def spans_of(line: str) -> tuple[Span, ...]:
    """Text and links of a line, in order."""
    spans: list[Span] = []
    at = 0
    for link in _LINK.finditer(line):
        if link.start() > at:
            spans.append(Span(line[at:link.start()]))
        spans.append(Span(link[1], link[2]))
        at = link.end()
    if at < len(line):
        spans.append(Span(line[at:]))
    return tuple(spans)
