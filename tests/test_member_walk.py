"""T71 over the settings: whatever a member's own pages lead to by a name or number is nobody else's. Generated: the
addresses come from the pages, what they are from the URL map.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser
from werkzeug.exceptions import HTTPException

from tests.conftest import NOW
from tests.test_attacks import dump, token_of
from tests.twin import Ask, Stock, World

#: Words in an address that name no member's thing.
WORDS = {"part", "what", "deed", "verb"}


def give_apps(world: World, handle: str) -> None:
    """An app of a member's own and the consent to it."""
    db = world.db
    (owner,) = db.execute("SELECT id FROM account WHERE handle = ?", (handle,)).fetchone()
    app = db.execute(
        "INSERT INTO app(client_id, type, owner_id, name, scopes, created_at)"
        " VALUES ('app-of-somebody', 'community', ?, 'Questboard', 'profiles:read', ?) RETURNING id", (owner, NOW),
    ).fetchone()[0]
    db.execute("INSERT INTO app_redirect(app_id, uri) VALUES (?, 'https://app.example/back')", (app,))
    db.execute(
        "INSERT INTO app_grant(app_id, account_id, scopes, created_at, changed_at)"
        " VALUES (?, ?, 'profiles:read', ?, ?)", (app, owner, NOW, NOW),
    )


def things(world: World, owner: str) -> dict[str, tuple[str, str]]:
    """address -> (method, rule) of all that the owner's settings lead to and that names a thing."""
    adapter = world.app.url_map.bind("localhost")
    pages = [rule.rule for rule in world.app.url_map.iter_rules()
             if rule.rule.startswith("/settings") and "GET" in (rule.methods or set()) and not rule.arguments]
    found: dict[str, tuple[str, str]] = {}
    for page in pages:
        answer = world.ask(owner, Ask(page))
        if answer.status != 200 or b"<html" not in answer.raw:
            continue
        for node in HTMLParser(answer.raw.decode()).css("[href], [action], [data-hx-get], [data-hx-post]"):
            for name, method in (("href", "GET"), ("action", "POST"), ("data-hx-get", "GET"), ("data-hx-post", "POST")):
                path = urlsplit(node.attributes.get(name) or "").path
                try:
                    rule, given = adapter.match(path, method=method, return_rule=True)
                except HTTPException:
                    continue
                if rule.rule.startswith("/settings") and set(given) - WORDS:
                    found[path] = method, rule.rule
    return found


@pytest.mark.parametrize("viewer", ["stranger", "colleague", "bmember", "orgadmin", "siteadmin"])
def test_t71_what_a_members_settings_lead_to_is_nobody_elses(stock: Stock, viewer: str) -> None:
    world = stock.fresh()
    give_apps(world, "pub")
    wanted = things(world, "pub") | things(world, "gprimary")
    rules = {rule for _, rule in wanted.values()}
    assert {"/settings/apps/<client_id>", "/settings/apps/<client_id>/disconnect"} <= rules
    assert any("linked-accounts/<key>" in rule for rule in rules)
    token = token_of(world, viewer)
    before = dump(world)
    for path, (method, rule) in wanted.items():
        more = {"data": {"csrf_token": token}} if method == "POST" else {}
        answer = world.ask(viewer, Ask(path, method), **more)
        assert answer.status in {403, 404}, (rule, method, answer.status)
    assert dump(world) == before
