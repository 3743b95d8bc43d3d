"""Attacks that cross the parts, on the whole world and over the whole URL map: numbers as in docs/requirements.md.

T52 is in test_twin_worlds.py, T70 in test_privacy_sweep.py; what concerns one part alone is tested beside that part.
"""

from __future__ import annotations

import io
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from tests import worlds
from tests.twin import SAFE, Answer, Ask, Stock, World, asks, fillings
from tests.worlds import BY_HANDLE, NEVER, OUTSIDERS, canary

EVIL = "evil.example"
TOKEN = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')


def token_of(world: World, viewer: str | None, path: str = "/settings/profile") -> str:
    found = TOKEN.search(world.ask(viewer, Ask(path)).raw)
    assert found, f"no form at {path}"
    return found[1].decode()


def post(world: World, viewer: str | None, path: str, form: str = "/settings/profile", **data: Any) -> Answer:
    """Send a form of the page `form` with its token."""
    return world.ask(viewer, Ask(path, "POST"), data={"csrf_token": token_of(world, viewer, form)} | data)


def header(answer: Answer, name: str) -> str:
    return dict(answer.headers).get(name, "")


def routes(world: World, *, safe: bool) -> Iterator[tuple[str, str]]:
    """(method, path) of every route, its parameters filled with the first value that exists."""
    adapter = world.app.url_map.bind("localhost")
    for rule in world.app.url_map.iter_rules():
        methods = {m for m in rule.methods or () if (m in SAFE) == safe and m != "OPTIONS"}
        values = next(fillings(rule, ["stranger"]))
        for method in sorted(methods):
            yield method, adapter.build(rule.endpoint, values, method=method)


# T56-T59: head tags, pictures, caches ---------------------------------------------------------------------------------


@pytest.mark.parametrize("viewer", [None, "stranger", "colleague"], ids=lambda viewer: viewer or "anonymous")
def test_t56_head_tags_of_a_private_profile_say_its_name_only(stock: Stock, viewer: str | None) -> None:
    tree = HTMLParser(stock.whole_crawl(viewer)[Ask("/u/prv")].raw.decode())
    name = f"Fay {canary('prv', 'full_name')}"
    assert tree.css_first("title").text().startswith(name)
    robots = tree.css_first('meta[name="robots"]')
    assert robots is not None
    assert "noindex" in robots.attributes["content"]
    for meta in tree.css("meta[property], meta[name=description]"):
        assert set(re.findall(r"zq\w+?qz", meta.attributes["content"] or "")) <= {canary("prv", "full_name")}
    assert not tree.css('script[type="application/ld+json"]')


def test_t56_no_page_holds_a_comment_and_only_the_gates_profiles_are_indexed(stock: Stock) -> None:
    for ask, answer in stock.whole_crawl(None).items():
        if header(answer, "Content-Type").startswith("text/html"):
            assert b"<!--" not in answer.raw, ask
    for handle, indexed in {"pub": True, "hider": True, "prv": False, "imported": False}.items():
        assert (b"noindex" in stock.whole_crawl(None)[Ask(f"/u/{handle}")].raw) is not indexed, handle


def test_t57_a_picture_that_was_hidden_or_removed_is_gone_at_once(stock: Stock) -> None:
    """Its address answers 404 on the next request, also to a browser that has it and asks with its ETag."""
    world = stock.fresh()
    picture = Ask(f"/avatar/{canary('pub', 'avatarkey')}.webp")
    first = world.ask(None, picture)
    assert first.status == 200
    assert "immutable" not in header(first, "Cache-Control")
    assert "public" not in header(first, "Cache-Control")
    kept = Ask(picture.path, etag=first.etag)
    assert world.ask(None, kept).status == 304

    assert post(world, "pub", "/settings/profile/privacy", privacy="private").status == 303
    assert [world.ask(viewer, ask).status for viewer in OUTSIDERS for ask in (picture, kept)] == [404] * 12
    assert world.ask("pub", picture).status == 200

    assert post(world, "pub", "/settings/profile/privacy", privacy="public").status == 303
    assert world.ask(None, picture).status == 200
    assert post(world, "pub", "/settings/profile/photo", change="remove").status == 303
    assert [world.ask(viewer, ask).status for viewer in (None, "pub") for ask in (picture, kept)] == [404] * 4


def test_t57_keys_of_pictures_are_random_and_tell_nothing(stock: Stock) -> None:
    from PIL import Image

    world = stock.fresh()
    keys = []
    for _ in range(2):
        made = io.BytesIO()
        Image.new("RGB", (40, 40), (1, 2, 3)).save(made, "PNG")
        made.seek(0)
        assert post(world, "pub", "/settings/profile/photo", picture=(made, "secret-name.png")).status == 303
        keys += [row[0] for row in world.db.rows("SELECT avatar FROM account WHERE handle = 'pub'")]
    assert keys[0] != keys[1]
    assert all(len(key) >= 22 and "secret" not in key and "pub" not in key for key in keys)


@pytest.mark.parametrize("viewer", [None, "stranger", "gprimary"], ids=lambda viewer: viewer or "anonymous")
def test_t58_no_page_may_be_stored_where_others_could_get_it(stock: Stock, viewer: str | None) -> None:
    for ask, answer in stock.whole_crawl(viewer).items():
        cache = header(answer, "Cache-Control")
        if not ask.path.startswith(("/static/", "/art/")):
            assert "no-store" in cache or ("private" in cache and "no-cache" in cache), ask
            if viewer and header(answer, "Content-Type").startswith("text/html"):
                assert "no-store" in cache, ask
                assert not answer.etag, ask
        if answer.status == 200 and header(answer, "Content-Type").startswith("text/html"):
            assert {"Cookie", "HX-Request"} <= set(header(answer, "Vary").replace(" ", "").split(",")), ask


def test_t58_what_the_owner_was_shown_does_not_reach_the_next_one(stock: Stock) -> None:
    """The same process, the same addresses: owner, colleague and fragments first, then everybody else."""
    fresh, used = stock.fresh(), stock.fresh()
    pages = [Ask(f"/u/{handle}", fragment=f) for handle in ("own", "mgd", "prv", "gprimary") for f in (False, True)]
    pages += [Ask("/u/own/about", fragment=True), Ask("/u/own/activity"), Ask("/u/prv/activity"), Ask("/u/own/badges")]
    for viewer in ("own", "prv", "gprimary", "colleague"):
        for ask in pages:
            used.ask(viewer, ask)
    for viewer in (None, "stranger"):
        for ask in pages:
            one, two = fresh.ask(viewer, ask), used.ask(viewer, ask)
            assert (one.status, one.headers, one.body) == (two.status, two.headers, two.body), ask


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded"])
def test_t58_t83_headers_of_a_stranger_change_no_answer(stock: Stock, name: str) -> None:
    world = stock.fresh()
    for path in ("/", "/u/pub", "/u/nobody-box", "/login", "/robots.txt", "/u/pub-before"):
        plain = world.ask(None, Ask(path))
        poisoned = world.ask(None, Ask(path), headers={name: f"host={EVIL}" if name == "Forwarded" else EVIL})
        assert (plain.status, plain.body) == (poisoned.status, poisoned.body)
        assert EVIL not in poisoned.asked_for


def test_t59_the_etag_moves_with_what_is_shown_and_with_nothing_else(stock: Stock) -> None:
    world = stock.fresh()
    etag = world.ask(None, Ask("/u/pub")).etag
    assert etag
    world.change("UPDATE account SET email = 'a@b.example', email_key = 'a@b.example', row_version = row_version + 1,"
                 " edit_version = edit_version + 1 WHERE handle = 'pub'")  # fmt: skip
    assert world.ask(None, Ask("/u/pub", etag=etag)).status == 304
    old = world.ask(None, Ask("/u/pub"), headers={"If-Modified-Since": "Sun, 15 Jun 2031 00:00:00 GMT"})
    assert old.status == 200, "no answer may depend on a date of change"
    assert "Last-Modified" not in old.asked_for
    world.change("UPDATE account SET bio = 'Other', row_version = row_version + 1 WHERE handle = 'pub'")
    assert world.ask(None, Ask("/u/pub", etag=etag)).status == 200


# T60, T71: no existence by error --------------------------------------------------------------------------------------


@pytest.mark.parametrize("viewer", ["stranger", "colleague", "siteadmin"])
def test_t60_t71_changing_others_answers_as_for_an_unknown_handle(stock: Stock, viewer: str) -> None:
    """With a good token: a hidden, a shown and an unknown profile are refused in the same bytes; nothing changes.

    Kudos may be given to whoever shows theirs, so there the shown profile is not one of them.
    """
    world = stock.fresh()
    token = token_of(world, viewer)
    before = dump(world)
    adapter = world.app.url_map.bind("localhost")
    tried = 0
    for rule in world.app.url_map.iter_rules():
        for method in (rule.methods or set()) - {*SAFE, "OPTIONS"}:
            if "handle" not in rule.arguments:
                continue
            answers = {}
            shown = () if rule.endpoint == "kudos.give" else ("pub",)
            for handle in (*shown, "prv", "nobody-box", "nobody-off", NEVER):
                values = next(fillings(rule, [handle]))
                path = adapter.build(rule.endpoint, values, method=method)
                answer = world.ask(viewer, Ask(path, method), data={"csrf_token": token, "bio": "mine", "seen": "x"})
                answers[handle] = (answer.status, answer.body.replace(handle.encode(), b"HANDLE"))
                tried += 1
            assert len(set(answers.values())) == 1, (rule, {h: a[0] for h, a in answers.items()})
            assert answers[NEVER][0] == 404
    assert tried
    assert dump(world) == before


def dump(world: World) -> list[str]:
    """The whole database as text, less what counts attempts and notes that a session was seen."""
    raw = world.db.connection()
    return [
        line
        for line in raw.iterdump()
        if not re.match(r'INSERT INTO "(throttle|login_session|sqlite_sequence)"', line)
    ]


# T62: a change is seen by the next request ----------------------------------------------------------------------------


def test_t62_private_acts_on_the_next_request_of_everybody(stock: Stock) -> None:
    world = stock.fresh()
    paths = [Ask("/u/pub"), Ask("/u/pub/about", fragment=True), Ask("/u/pub/recent", fragment=True),
             Ask("/u/pub/activity"), Ask("/u/pub/badges"), Ask("/u/pub/kudos", fragment=True)]  # fmt: skip
    secrets = {canary("pub", name) for name in ("bio", "post", "location", "links", "products", "heldgroup")}

    def seen(viewer: str | None) -> set[str]:
        text = "".join(world.ask(viewer, ask).raw.decode() for ask in paths)
        return {secret for secret in secrets if secret in text}

    for _ in range(2):      # the second time from a warm memory
        assert all(seen(viewer) == secrets for viewer in OUTSIDERS)
    assert post(world, "pub", "/settings/profile/privacy", privacy="private", keep_name="1").status == 303
    assert not any(seen(viewer) for viewer in OUTSIDERS)
    assert seen("pub") == secrets
    assert {world.ask(viewer, paths[0]).status for viewer in OUTSIDERS} == {200}
    assert post(world, "pub", "/settings/profile/privacy", privacy="private").status == 303
    assert {world.ask(viewer, ask).status for viewer in OUTSIDERS for ask in paths} == {404}
    assert post(world, "pub", "/settings/profile/privacy", privacy="public", keep_name="1").status == 303
    assert all(seen(viewer) == secrets for viewer in OUTSIDERS)


def test_t62_t63_a_lost_membership_closes_the_organization_at_once(stock: Stock) -> None:
    """The colleague's domain changes hands; a policy change by another process."""
    from webapp.store.policy import append_change

    world = stock.fresh()
    assert canary("mgd", "department") in world.ask("colleague", Ask("/u/mgd")).raw.decode()
    with world.bound(), world.db.transaction():
        world.db.execute("UPDATE account SET domain_id = (SELECT id FROM email_domain WHERE name = 'beta.example'),"
                         " row_version = row_version + 1 WHERE handle = 'colleague'")  # fmt: skip
    assert canary("mgd", "department") not in world.ask("colleague", Ask("/u/mgd")).raw.decode()
    world = stock.fresh()
    assert canary("mgd", "department") in world.ask("colleague", Ask("/u/mgd")).raw.decode()
    with world.bound(), world.db.transaction():
        alpha = world.db.row("SELECT id FROM email_domain WHERE name = 'alpha.example'")
        assert alpha
        append_change(world.db, "domain", f"domain:{alpha[0]}", worlds.NOW, value=None)
        world.db.execute("UPDATE email_domain SET organization_id = NULL, verified_at = NULL WHERE id = ?", alpha)
    for viewer in OUTSIDERS:
        assert canary("mgd", "department") not in world.ask(viewer, Ask("/u/mgd")).raw.decode()


# T72: other ways to write a request -----------------------------------------------------------------------------------


def test_t72_head_is_get_without_a_body_on_every_route(stock: Stock) -> None:
    crawl = stock.whole_crawl(None)
    compared = 0
    for ask, answer in crawl.items():
        get = crawl.get(Ask(ask.path))
        if ask.method == "HEAD" and not ask.etag and get is not None and ask.path != "/metrics":
            assert not answer.raw, ask
            assert answer.status == get.status, ask
            lengths = {"Content-Length", "Set-Cookie"}
            assert [h for h in answer.headers if h[0] not in lengths] == [h for h in get.headers if h[0] not in lengths]
            compared += 1
    assert compared > 50


#: Where scripts of other sites may ask: what they then read and send needs no cookie (T97).
FOR_SCRIPTS = {
    "/api/v1/users", "/api/v1/users/<account_id>", "/api/v1/profiles/<handle>", "/api/v1/people", "/api/v1/me",
    "/avatar/<key>.webp", "/oauth/token", "/oauth/revoke",
}  # fmt: skip


@pytest.mark.parametrize("viewer", [None, "stranger"], ids=lambda viewer: viewer or "anonymous")
def test_t72_undeclared_methods_are_refused_on_every_route(stock: Stock, viewer: str | None) -> None:
    world = stock.fresh()
    before = dump(world)
    paths: dict[str, set[str]] = {}
    for safe in (True, False):
        for method, path in routes(world, safe=safe):
            paths.setdefault(path, set()).add(method)
    for rule in world.app.url_map.iter_rules():         # what browsers ask before a script of another site may
        if "OPTIONS" in (rule.methods or ()):
            assert rule.rule in FOR_SCRIPTS
            for path in paths:
                if re.fullmatch(re.sub(r"<\w+>", "[^/]+", rule.rule), path.partition("?")[0]):
                    paths[path].add("OPTIONS")
    for path, declared in paths.items():
        for method in {"OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "POST"} - declared:
            answer = world.ask(viewer, Ask(path, method))
            assert answer.status in {405, 403}, (method, path, answer.status)
            assert method not in {"OPTIONS", "TRACE"} or answer.status == 405, (method, path, answer.status)
    assert dump(world) == before


def test_t72_a_method_in_a_header_or_form_overrides_nothing(stock: Stock) -> None:
    world = stock.fresh()
    before = dump(world)
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method, path in routes(world, safe=False):
            answer = world.ask("stranger", Ask(f"{path}?_method={method}"), headers={name: method})
            others = {403} if path.startswith("/admin/") else {400} if path == "/oauth/authorize" else set()
            assert answer.status in {200, 302, 303, 404, 405} | others, (method, path)
    assert dump(world) == before


@pytest.mark.parametrize("handle", ["prv", "nobody-box", "hider"])
def test_t72_no_other_spelling_of_a_path_shows_more(stock: Stock, handle: str) -> None:
    """Trailing slash, double slash, dots, double encoding, `;`, case, null byte, wide characters."""
    world = stock.fresh()
    encoded = "".join(f"%{ord(c):02x}" for c in handle)
    double = encoded.replace("%", "%25")
    spellings = [
        f"/u/{handle}/", f"//u/{handle}", f"/u//{handle}", f"/u/./{handle}", f"/u/pub/../{handle}", f"/u/{handle};a=b",
        f"/u/{handle}%3Ba", f"/u/{encoded}", f"/u/{double}", f"/u/{handle}%00", f"/u/{handle}%20", f"/u/{handle}%2f",
        f"/u/{handle}.json", f"/U/{handle}", f"/u/{handle.upper()}", f"/u/{handle}%2Factivity", f"/u/@{handle}",
        f"/u/{handle}/ABOUT", f"/u/{handle}/about/", f"/u/{handle}/activity;x", f"/u/{handle}?handle=pub",
        f"/u/{handle}/activity/",
        "/u/" + "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in handle),
    ]
    hidden = {canary(handle, name) for name in ("bio", "post", "links", "location", "heldgroup", "avatarbytes")}
    hidden -= {canary("prv", "avatarbytes")}
    for spelling in spellings:
        answer = world.ask(None, Ask(spelling))
        assert answer.status in {200, 301, 302, 308, 400, 404}, spelling
        assert not [value for value in hidden if value in answer.raw.decode("utf-8", "replace")], spelling
        if handle == "nobody-box":
            assert answer.status != 200, spelling
            target = header(answer, "Location")
            assert not target or world.ask(None, Ask(target)).status == 404, spelling


#: Routes that look at no cookie, and what they answer somebody without their own proof: a bearer token, the secret of
#: an app, a signature (of an unknown source: not there). Where no name is read nothing can be forged in it (T97).
COOKIELESS = {"/api/v1/": {401}, "/oauth/token": {400, 401}, "/oauth/revoke": {401}, "/oauth/introspect": {401},
              "/hooks/": {401, 404}}  # fmt: skip


def refusals(path: str) -> set[int]:
    """What a change without proof is answered with."""
    return next((codes for start, codes in COOKIELESS.items() if path.startswith(start)), {403})


# T73: CSRF ------------------------------------------------------------------------------------------------------------

FORGED = (
    "no token", "wrong token", "another session's token", "json", "text/plain", "token in the query", "cross-site",
)  # fmt: skip


@pytest.mark.parametrize("forged", FORGED)
def test_t73_every_unsafe_route_refuses_a_forged_request(stock: Stock, forged: str) -> None:
    """All of the URL map; nothing is changed. Signed in and, where the form is for everybody, anonymous."""
    world = stock.fresh()
    own, others = token_of(world, "stranger"), token_of(world, "pub")
    before = dump(world)
    tried = 0
    for method, path in routes(world, safe=False):
        for viewer in ("stranger", None):
            if forged == "no token":
                answer = world.ask(viewer, Ask(path, method), data={"a": "b"})
            elif forged == "wrong token":
                answer = world.ask(viewer, Ask(path, method), data={"csrf_token": own[:-3] + "AAA"})
            elif forged == "another session's token":
                answer = world.ask(viewer, Ask(path, method), data={"csrf_token": others})
            elif forged == "json":
                answer = world.ask(viewer, Ask(path, method), json={"csrf_token": own, "bio": "x"})
            elif forged == "text/plain":
                body = f"csrf_token={own}&bio=x"
                answer = world.ask(viewer, Ask(path, method), data=body, content_type="text/plain")
            elif forged == "token in the query":
                answer = world.ask(viewer, Ask(f"{path}?csrf_token={own}", method), data={"a": "b"})
            else:
                answer = world.ask(viewer, Ask(path, method), data={"csrf_token": own},
                                   headers={"Sec-Fetch-Site": "cross-site", "Origin": f"https://{EVIL}"})  # fmt: skip
            # Pages of public apps post there from their own sites.
            is_for_pages = path in {"/oauth/token", "/oauth/revoke"}
            refused = {403} if forged == "cross-site" and not is_for_pages else refusals(path)
            assert answer.status in refused, (method, path, viewer, answer.status)
            tried += 1
    assert tried > 20
    assert dump(world) == before


def test_t73_control_a_good_token_is_taken(stock: Stock) -> None:
    world = stock.fresh()
    assert post(world, "stranger", "/settings/profile/products", products="Kettle").status == 303
    assert "Kettle" in world.ask(None, Ask("/u/stranger")).raw.decode()


# T74: stored scripts --------------------------------------------------------------------------------------------------

CORPUS = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg/onload=alert(1)>", "javascript:alert(1)",
    "</title><script>1</script>", "</textarea><script>1</script>", "data:text/html,<script>1</script>",
    "{{7*7}}{% raw %}", "${7*7}", "<!--<img src='--><img src=x onerror=alert(1)>'>", "<a href='javascript:1'>x</a>",
    "]]><script>1</script>", "\" onmouseover=alert(1) x=\"", "<div data-hx-get=/logout data-hx-trigger=load>",
    "<iframe srcdoc='<script>1</script>'>", "<math><mtext><style><img src=x onerror=1>",
    "&lt;script&gt;1&lt;/script&gt;", "<b id=main>\u202e\u0645\u0631</b>",
)  # fmt: skip
#: Columns that hold what people or sources wrote; `handle` and keys of pictures are made by us.
WRITTEN = {
    "account": ("public_name", "full_name", "job_title", "department", "organization", "location", "timezone", "bio"),
    "activity": ("title", "url"), "held": ("title", "url"), "kudos": ("message", "category"),
    "organization": ("name",), "source": ("label",), "login_session": ("device",),
}  # fmt: skip
#: Attributes of drawings, which differ with the name they are drawn from; and of any text.
_DRAWING = frozenset({
    "class", "dir", "d", "fill", "stroke", "opacity", "points", "transform", "x", "y", "x1", "x2", "y1", "y2", "cx",
    "cy", "r", "rx", "ry", "width", "height", "fill-opacity", "stroke-opacity", "stroke-width", "stroke-linecap",
    "stroke-linejoin", "stroke-dasharray",
})  # fmt: skip
_URL_ATTRIBUTES = ("href", "src", "action", "formaction", "srcset", "data", "xlink:href", "data-hx-get", "data-hx-post")


@pytest.mark.parametrize("payload", CORPUS)
def test_t74_stored_text_is_inert_in_every_field(stock: Stock, payload: str) -> None:
    """Written straight into the store, past every form, as a source might: no page gets a tag or attribute from it."""
    quoted = payload.replace("'", "''")
    as_json = payload.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''")
    changes = [
        f"UPDATE {table} SET " + ", ".join(f"{column} = '{quoted}'" for column in columns)
        for table, columns in WRITTEN.items()
    ]
    changes.append(
        f"""UPDATE account SET products = '["{as_json}"]',"""
        f""" links = '[{{"url": "https://x.example/", "label": "{as_json}"}}, {{"url": "{as_json}", "label": "x"}}]'"""
    )
    world, clean = stock.fresh(*changes), stock.fresh()
    for viewer, paths in {
        None: ["/u/pub", "/u/pub/activity", "/u/pub/badges", "/u/prv", "/u/gprimary"],
        "colleague": ["/u/gprimary", "/u/own"],
        "pub": ["/u/pub", "/settings/profile", "/settings/security", "/u/pub/about/edit"],
    }.items():
        for path in paths:
            dirty, safe = world.ask(viewer, Ask(path)), clean.ask(viewer, Ask(path))
            assert dirty.status == safe.status == 200, path
            check_inert(dirty.raw.decode(), safe.raw.decode(), path)
            assert "49" not in dirty.raw.decode() or "7*7" not in payload or "49" in safe.raw.decode()


def check_inert(dirty: str, clean: str, path: str) -> None:
    """The document has no element, attribute or address that the clean one could not have."""
    tree, control = HTMLParser(dirty), HTMLParser(clean)
    known = {(node.tag, name) for node in control.css("*") for name in node.attributes}
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            assert not name.startswith("on"), (path, node.tag, name)
            assert (node.tag, name) in known or name in _DRAWING, (path, node.tag, name)
            if name in _URL_ATTRIBUTES and value:
                assert urlsplit(value.strip().lower()).scheme in {"", "http", "https", "mailto"}, (path, value)
                assert not re.match(r"\s*(javascript|data|vbscript):", value, re.IGNORECASE), (path, value)
    for tag in ("script", "iframe", "object", "embed", "base", "style", "math", "textarea", "title", "form"):
        assert len(tree.css(tag)) <= len(control.css(tag)), (path, tag)


# T17, T76, T79: dead accounts, fetches, frames -----------------------------------------------------------------------


@pytest.mark.parametrize("state", ["deactivated", "closing", "deleted", "unclaimed"])
def test_t17_a_live_session_dies_with_its_account_and_the_profile_keeps_the_others(stock: Stock, state: str) -> None:
    world = stock.fresh()
    assert world.ask("gpersonal", Ask("/settings/profile")).status == 200
    others = canary("gprimary", "post")
    world.change(f"UPDATE account SET state = '{state}', state_at = {worlds.NOW}, row_version = row_version + 1"
                 " WHERE handle = 'gpersonal'")  # fmt: skip
    assert world.ask("gpersonal", Ask("/settings/profile")).status == 303
    assert b"/logout" not in world.ask("gpersonal", Ask("/u/gprimary")).raw
    assert others in world.ask(None, Ask("/u/gprimary/activity")).raw.decode()
    assert world.ask("gprimary", Ask("/settings/profile")).status == 200


def test_t76_no_address_that_anybody_wrote_is_ever_fetched(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving links and reading every page opens no connection at all."""
    tried = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: tried.append(address))
    world = stock.fresh()
    for url in ("http://169.254.169.254/latest", "https://127.0.0.1.nip.example/", "https://a.example/x"):
        page = world.ask("pub", Ask("/settings/profile")).raw
        seen = re.search(rb'id="s-find-me".*?name="seen" value="(\w+)"', page, re.DOTALL)
        assert seen
        answer = post(world, "pub", "/settings/profile/find-me", **{"url-0": url, "seen": seen[1].decode()})
        assert answer.status == (422 if "169" in url else 303), url
    for path in ("/u/pub", "/u/pub/activity", "/u/pub/badges", "/settings/profile"):
        assert world.ask("pub", Ask(path)).status == 200
    assert tried == []


@pytest.mark.parametrize("viewer", [None, "gprimary"], ids=lambda viewer: viewer or "anonymous")
def test_t79_no_answer_may_be_framed_or_guessed_at(stock: Stock, viewer: str | None) -> None:
    """Every answer of every route, whatever its status, carries the policy; pictures an even tighter one."""
    for ask, answer in stock.whole_crawl(viewer).items():
        policy = header(answer, "Content-Security-Policy")
        assert "frame-ancestors 'none'" in policy or policy == "sandbox", ask
        assert "unsafe" not in policy, ask
        assert header(answer, "X-Content-Type-Options") == "nosniff", ask
        assert header(answer, "Referrer-Policy") == "same-origin", ask
        assert header(answer, "Cross-Origin-Resource-Policy") == "same-origin", ask


# T78: open redirects --------------------------------------------------------------------------------------------------

ONWARD = (
    f"//{EVIL}", f"/\\{EVIL}", f"https:{EVIL}", f"https://{EVIL}", f"%2f%2f{EVIL}", f"/%09/{EVIL}",
    f"/\r\nLocation: //{EVIL}", f"\\\\{EVIL}", f"///{EVIL}", f"/../{EVIL}/..//{EVIL}", f"http://localhost@{EVIL}",
    f"javascript://{EVIL}/%0aalert(1)", f"http://localhost.{EVIL}", f"/u/pub@{EVIL}", f".{EVIL}", f"@{EVIL}",
)  # fmt: skip


def leads_away(world: World, answer: Answer) -> bool:
    for name in ("Location", "HX-Redirect", "HX-Location", "HX-Push-Url", "Refresh"):
        target = header(answer, name)
        if target:
            parts = urlsplit(target.replace("\\", "/"))
            if parts.scheme not in {"", "http"} or parts.netloc not in {"", "localhost"} or target.startswith("//"):
                return True
    for node in HTMLParser(answer.raw.decode("utf-8", "replace")).css("a[href], form[action]"):
        target = node.attributes.get("href") or node.attributes.get("action") or ""
        if urlsplit(target.replace("\\", "/")).netloc.endswith(EVIL):
            return True
    return False


@pytest.mark.parametrize("viewer", [None, "stranger"], ids=lambda viewer: viewer or "anonymous")
def test_t78_no_route_leads_away(stock: Stock, viewer: str | None) -> None:
    """Every GET route with every name that such a parameter may have; as page and as htmx asks."""
    world = stock.fresh()
    paths = sorted({path for method, path in routes(world, safe=True) if method == "GET"})
    for path in paths:
        for onward in ONWARD[:4] if "static" in path or "art" in path else ONWARD:
            query = dict.fromkeys(("next", "url", "return", "redirect", "continue", "back"), onward)
            for fragment in (False, True):
                answer = world.ask(viewer, Ask(path, fragment=fragment), query_string=query)
                assert not leads_away(world, answer), (path, onward)
                assert not re.search(r"^Location: //", answer.asked_for, re.MULTILINE), (path, onward)


@pytest.mark.parametrize("onward", ONWARD)
def test_t78_log_in_leads_to_this_site(stock: Stock, onward: str) -> None:
    world = stock.fresh()
    person = BY_HANDLE["stranger"]
    token = token_of(world, None, "/login")
    data = {"csrf_token": token, "email": person.email, "password": worlds.PASSWORD, "next": onward}
    answer = world.ask(None, Ask("/login", "POST"), data=data, query_string={"next": onward})
    assert answer.status == 303
    assert not leads_away(world, answer)


def test_every_route_is_crawled(stock: Stock) -> None:
    """The harness sees the whole URL map: a route nobody asks would be a route nobody proved anything about."""
    world = stock.fresh()
    adapter = world.app.url_map.bind("localhost")
    asked = set()
    for ask in asks(world.app, ["pub"]):
        rule, _ = adapter.match(urlsplit(ask.path).path, method=ask.method, return_rule=True)
        asked.add((rule.rule, ask.method))
    rules = world.app.url_map.iter_rules()
    assert asked == {(rule.rule, method) for rule in rules for method in (rule.methods or set()) - {"OPTIONS"}}
