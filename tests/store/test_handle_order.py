"""Handles are walked by their bytes: a PostgreSQL that orders words as people do would leave gaps between the pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.factories import make_account, make_domain, make_organization
from tests.services.people import statements
from webapp.store import admin_members, organizations
from webapp.store.database import Database

#: Byte by byte "a-b" stands before "ab"; people, who pass over hyphens, mix them.
HANDLES = ("a-z", "ab", "a-b", "abc", "b-1", "b0", "b-a", "ba")
Walk = Callable[[Database, list[int]], list[str]]


def of_an_organization(db: Database, domains: list[int]) -> list[str]:
    seen: list[str] = []
    while page := organizations.load_members(db, domains, seen[-1] if seen else "", 3):
        seen += [row.handle for row in page]
    return seen


def of_each_domain(db: Database, domains: list[int]) -> list[str]:
    seen: list[str] = []
    for name in ("acme.example", "acme.org"):
        last: int | None = None
        while page := admin_members.load_by_domain(db, name, "", last, 3):
            seen, last = [*seen, *(row.handle for row in page)], page[-1].id
    return sorted(seen)


@pytest.mark.parametrize("walk", [of_an_organization, of_each_domain])
def test_every_member_is_on_one_page_and_in_the_order_of_bytes(db: Database, walk: Walk) -> None:
    owner = make_organization(db, "acme")
    domains = [make_domain(db, name, owner) for name in ("acme.example", "acme.org")]
    for number, handle in enumerate(HANDLES):
        make_account(db, handle, f"{handle}@acme.example", domain_id=domains[number % 2])
    with statements(db) as texts:
        assert walk(db, domains) == sorted(HANDLES)
    ordered = [text for text in texts if "ORDER BY a.handle" in text]
    assert ordered
    if db.dialect == "postgresql":      # the tests' own server knows no other order: it is said in the statements
        assert all('ORDER BY a.handle COLLATE "C"' in text and 'a.handle > ' not in text for text in ordered)
        index = db.row("SELECT indexdef FROM pg_indexes WHERE indexname = 'account_domain_handle'")
        assert index is not None
        assert 'COLLATE "C"' in index[0]
