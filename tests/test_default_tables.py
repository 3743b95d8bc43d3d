"""The two default tables (S79, D13), cell by cell, for every viewer, on every surface: one test made from the table.

Page, fragments, directory, search, head tags, API and export. The gate itself is asked in policies/test_defaults.py;
here only what is sent counts.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.policies.test_defaults import TABLE
from tests.test_twin_worlds import of
from tests.twin import Ask, Stock, World
from tests.worlds import NOW, canary
from webapp.services import export, sessions
from webapp.services.views import SECTIONS

#: Who looks -> (session in the world of the managed subject, in that of the personal one).
VIEWERS: dict[str, tuple[str | None, str | None]] = {
    "anonymous": (None, None), "stranger": ("stranger", "stranger"), "colleague": ("colleague", "colleague"),
    "ex-colleague": ("excolleague", "excolleague"), "owner": ("mgd", "pub"), "linked personal": ("stranger", "hider"),
    "linked managed": ("bmember", "bmember"), "organization admin": ("orgadmin", "orgadmin"),
    "site admin": ("siteadmin", "siteadmin"),
}  # fmt: skip
SUBJECTS = {"managed": "mgd", "personal": "pub"}
LINKED = ("linked personal", "linked managed")
#: A silent managed account and another organization's, linked to one personal primary; two linked to a personal one.
_LINKS = {
    "managed": (("mgd", "stranger", 1), ("bmember", "stranger", 0)),
    "personal": (("hider", "pub", 0), ("bmember", "pub", 0)),
}
#: What stands on a page for each field, beside the canary of the field's own name.
SIGNS = {
    "avatar": "avatarkey", "certifications": "heldcertification", "groups": "heldgroup", "kudos": "kudosgiverpub",
}  # fmt: skip
MARKS = {
    "stats": 'data-metric="answers"', "badges": 'data-badge="answers:1"', "activity": "data-activity-kind=",
}  # fmt: skip
#: Fields that stand in a fragment, on a card, in the words of a search, in head tags, in the API's record.
IN_FRAGMENTS = tuple(field for field in TABLE if field not in {"avatar", "full_name"})
ON_CARDS = ("avatar", "full_name", "job_title", "organization", "location")
SEARCHED = ("full_name", "job_title", "department", "organization", "location", "bio", "products")
IN_HEAD = ("avatar", "full_name", "job_title", "organization", "location", "bio", "links")
KEYS = {
    "avatar": "avatarUrl", "full_name": "fullName", "job_title": "jobTitle", "department": "department",
    "organization": "organization", "location": "location", "timezone": "timezone", "email": "email",
}  # fmt: skip
EXPORTED = ("full_name", "job_title", "department", "organization", "location", "timezone", "email", "bio", "links",
            "products", "activity", "groups")  # fmt: skip


def sees(kind: str, viewer: str, field: str) -> bool:
    """The cell of the table."""
    anyone, organization, personal = TABLE[field]
    if viewer in {"owner", "linked personal"}:
        return True
    if kind == "personal":
        return personal
    return organization if viewer in {"colleague", "organization admin"} else anyone


def audience_sees(kind: str, viewer: str, field: str) -> bool:
    """In the directory everybody sees what their audience sees, their own card too; the linked personal account is the
    primary of a group of that organization."""
    works_there = viewer in {"colleague", "organization admin", "owner", "linked personal"}
    anyone, organization, personal = TABLE[field]
    return personal if kind == "personal" else organization if works_there else anyone


@dataclass(frozen=True)
class Seen:
    """What one viewer is sent about one subject."""

    page: str
    fragments: str
    cards: str
    found: frozenset[str]
    record: dict[str, Any]
    own: str
    giving: str


@pytest.fixture(scope="module")
def look(stock: Stock) -> Any:
    """`look(kind, viewer)`, asked once each."""
    made: dict[tuple[str, bool], World] = {}

    def world_of(kind: str, viewer: str) -> World:
        key = (kind, viewer in LINKED)
        if key not in made:
            made[key] = stock.fresh(*(
                f"UPDATE account SET primary_id = {of(head)}, silent = {silent}, linked_at = 1 WHERE handle = '{one}'"
                for one, head, silent in (_LINKS[kind] if viewer in LINKED else ())
            ))  # fmt: skip
        return made[key]

    @cache
    def look(kind: str, viewer: str) -> Seen:
        world, handle = world_of(kind, viewer), SUBJECTS[kind]
        who = VIEWERS[viewer][kind == "personal"]

        def get(path: str, fragment: bool = False) -> str:
            return world.ask(who, Ask(path, fragment=fragment)).raw.decode()

        number = world.db.row("SELECT public_id FROM account WHERE handle = ?", (handle,))[0]
        record = world.app.test_client().get(f"/api/v1/users/{number}").get_json()
        return Seen(
            page=get(f"/u/{handle}"),
            fragments=" ".join(get(f"/u/{handle}/{section}", fragment=True) for section in SECTIONS),
            cards=get(f"/people?q={handle}"),
            found=frozenset(
                field for field in SEARCHED if f'href="/u/{handle}"' in get(f"/people?q={canary(handle, field)}", True)
            ),
            record=record,
            own="" if who is None else own_data(world, who),
            giving=get(f"/u/{handle}/kudos/give"),
        )

    return look


def own_data(world: World, who: str) -> str:
    """Everything that an export of one's own data holds."""
    context = world.context
    with world.bound():
        account = world.db.row("SELECT id FROM account WHERE handle = ?", (who,))[0]
        session = sessions.load_session(context, sessions.start(context, account, NOW), NOW)
        data = b"".join(export.export(context, session, NOW))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return " ".join(packed.read(name).decode("utf-8", "replace") for name in packed.namelist())


def test_the_tables_name_24_cells_of_the_source_and_more() -> None:
    """S79: eight fields with two audiences of managed accounts and one of personal ones."""
    assert len(KEYS) * 2 + len(KEYS) == 16 + 8
    assert KEYS.keys() < TABLE.keys()


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("kind", SUBJECTS)
@pytest.mark.parametrize("field", TABLE)
def test_s79_every_cell_for_every_viewer_on_every_surface(look: Any, kind: str, viewer: str, field: str) -> None:
    seen, handle = look(kind, viewer), SUBJECTS[kind]
    sign = MARKS.get(field) or canary(handle, SIGNS.get(field, field))
    shown = sees(kind, viewer, field)
    head, _, body = seen.page.partition("</head>")
    anyone = sees(kind, "anonymous", field)
    assert (sign in body) is shown, "page"
    assert (sign in seen.fragments) is (shown and field in IN_FRAGMENTS), "fragments"
    assert (sign in seen.giving) is (shown and viewer != "anonymous" and field in {"avatar", "full_name"}), "kudos"
    assert (sign in seen.cards) is (audience_sees(kind, viewer, field) and field in ON_CARDS), "cards"
    if field in SEARCHED:
        assert (field in seen.found) is audience_sees(kind, viewer, field), "search"
    if viewer == "anonymous":
        assert (sign in head) is (anyone and field in IN_HEAD), "head"
    else:
        assert sign not in head or (field == "full_name" and shown), "head of somebody who is signed in"
    if field in KEYS:
        assert (KEYS[field] in seen.record) is anyone, "API without a token"
    if viewer == "owner" and field in EXPORTED:
        assert (canary(handle, "post") if field == "activity" else sign) in seen.own, "export"
    elif not shown:
        assert sign not in seen.own, "export of somebody else"
