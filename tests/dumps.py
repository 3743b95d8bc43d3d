"""Small Stack Exchange dumps for tests, written from dictionaries as XML files, and their import."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from plugins import stackexchange
from policies.manager import PolicyManager
from tests.conftest import NOW
from webapp.services.context import Context, Site
from webapp.services.importing import ImportReport, import_source
from webapp.store.database import Database

Row = Mapping[str, object]

SITE = "small.example"
#: Every table that an import may touch.
TABLES = (
    "policy_state", "account", "counter", "handle", "identity", "source", "activity", "filed", "activity_year",
    "crossing", "pair_counter", "held", "kudos", "audit",
)  # fmt: skip

FILES = ("Users", "Posts", "Votes", "Badges", "Comments")


def write_file(folder: Path, name: str, rows: Sequence[Row]) -> None:
    """One file of a dump; every row on its own line, the first on line 3."""
    lines = [f"  <row {' '.join(f'{key}={quoteattr(str(value))}' for key, value in row.items())} />" for row in rows]
    text = "\n".join(['<?xml version="1.0" encoding="utf-8"?>', f"<{name.lower()}>", *lines, f"</{name.lower()}>"])
    (folder / f"{name}.xml").write_text(text, encoding="utf-8-sig")


def user(number: int, name: str = "Ann Lee", **more: object) -> Row:
    return {"Id": number, "CreationDate": "2011-02-03T04:05:06.789", "DisplayName": name, **more}


def question(number: int, owner: int | None, title: str = "Why?", **more: object) -> Row:
    return {"Id": number, "PostTypeId": 1, "CreationDate": "2012-01-01T00:00:00.000", "Title": title,
            **({} if owner is None else {"OwnerUserId": owner}), **more}  # fmt: skip


def answer(number: int, owner: int | None, parent: int, **more: object) -> Row:
    return {"Id": number, "PostTypeId": 2, "CreationDate": "2012-01-02T00:00:00.000", "ParentId": parent,
            **({} if owner is None else {"OwnerUserId": owner}), **more}  # fmt: skip


def vote(number: int, post: int, kind: int = 2) -> Row:
    return {"Id": number, "PostId": post, "VoteTypeId": kind, "CreationDate": "2012-01-03T00:00:00.000"}


def comment(number: int, post: int, by: int | None) -> Row:
    return {"Id": number, "PostId": post, "CreationDate": "2012-01-04T00:00:00.000", "Text": "Thanks",
            **({} if by is None else {"UserId": by})}  # fmt: skip


def badge(number: int, owner: int, name: str = "Teacher", **more: object) -> Row:
    return {"Id": number, "UserId": owner, "Name": name, "Date": "2012-01-05T00:00:00.000", "Class": 3,
            "TagBased": "False", **more}  # fmt: skip


def write_small(folder: Path, **files: Sequence[Row]) -> Path:
    """A whole small dump of three people; `files` replaces files by name, an empty list leaves one out."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Sequence[Row]] = {
        "Users": [user(-1, "Community"), user(1, "Ann Lee", AccountId=71), user(2, "Ann Lee"), user(5, "彭紅豆")],
        "Posts": [
            question(10, 1, "Why is it so?", AcceptedAnswerId=11), answer(11, 2, 10), answer(12, 1, 10),
            {"Id": 13, "PostTypeId": 5, "CreationDate": "2012-01-01T00:00:00.000", "OwnerUserId": 1},
            question(14, None), answer(15, -1, 14),
        ],
        "Votes": [vote(1, 10), vote(2, 11), vote(3, 11, 3), vote(4, 11, 1), vote(5, 14), vote(6, 99), vote(7, 13)],
        "Badges": [badge(1, 2), badge(2, 2), badge(3, 1, "python", TagBased="True")],
        "Comments": [comment(1, 11, 1), comment(2, 11, 5), comment(3, 10, None)],
    }  # fmt: skip
    for name, content in (rows | files).items():
        if content:
            write_file(folder, name, content)
    return folder


def real_dump(name: str) -> Path:
    """The folder of a real dump (not part of the project); the test is skipped where there is none."""
    data = Path(os.environ.get("VITRINE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    folder = data / "stackexchange" / name
    if not folder.is_dir():
        pytest.skip("no real data: set VITRINE_TEST_DATA to the folder that holds stackexchange/")
    return folder


def context(db: Database) -> Context:
    """What services need, with the reader of dumps."""
    return Context(db, PolicyManager([("stackexchange", stackexchange)]), Site())


def load(ctx: Context, folder: Path, site: str = SITE, link: bool = False, now: int = NOW) -> ImportReport:
    """Import a dump."""
    return import_source(ctx, "stackexchange", folder, site, link, now)


def everything(ctx: Context) -> dict[str, list[Any]]:
    """Every row of every table that an import may touch, as it is."""
    return {table: sorted(ctx.db.rows(f"SELECT * FROM {table}"), key=repr) for table in TABLES}
