"""Twin worlds: two databases equal but for one hidden thing answer byte for byte alike to whoever may not see it.

Each pair names its change (SQL on a copy of the world), whose pages are asked, who must not tell the worlds apart and,
as the harness's own control, who must. Compared are status, headers, body and number of SQL statements. The planted
leaks at the end show that the harness sees: a pair that finds none of them proves nothing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from jinja2 import ChoiceLoader, DictLoader

from policies.errors import Refused
from policies.terms import Viewer
from tests import worlds
from tests.twin import Ask, Crawl, Stock, World, asks, compare, crawl, etags_of
from tests.worlds import NEVER, OUTSIDERS, canary
from webapp.ops.twin import renamed
from webapp.pages import _drawn
from webapp.services import avatars, notes, profiles
from webapp.services.opening import OpenProfile
from webapp.services.views import AvatarView, ProfileView, StatView
from webapp.store import activity as activity_store
from webapp.store import records
from webapp.store.ingest import COUNTERS
from webapp.store.profiles import Group

#: Whoever belongs neither to organization A nor to the person looked at.
NOT_OF_A = (None, "stranger", "excolleague", "bmember", "siteadmin")
#: Every edit of a record also moves these on: a version must not reach anybody's answer.
EDITED = "row_version = row_version + 1, edit_version = edit_version + 1"


def edit(handle: str, assignments: str) -> str:
    return f"UPDATE account SET {assignments}, {EDITED} WHERE handle = '{handle}'"


def count(handle: str, assignments: str) -> str:
    return f"UPDATE counter SET {assignments}, version = version + 1 WHERE account_id = {of(handle)}"


def of(handle: str) -> str:
    return f"(SELECT id FROM account WHERE handle = '{handle}')"


@dataclass(frozen=True)
class Pair:
    """Two worlds. `tellers` must see a difference (none: nobody but the machine room can)."""

    name: str
    changes: tuple[str, ...]
    handles: tuple[str, ...]
    blind: tuple[str | None, ...] = OUTSIDERS
    tellers: tuple[str | None, ...] = ()
    paths: tuple[str, ...] = ()
    told: str = ""      # handle whose own record the API tells apart, as it is to: its answers are left out


def other_record(handle: str) -> str:
    """Every hideable value of a record, changed; the name and the picture are not."""
    return edit(handle, ", ".join(
        f"{name} = '{canary(handle, name)[::-1]}x'" for name in worlds.TEXT_FIELDS if name != "full_name"
    ) + """, links = '[{"url": "https://other.example/", "label": "Other"}]', products = '["Other"]'""")  # fmt: skip


def other_picture(handle: str) -> tuple[str, ...]:
    return (
        f"INSERT INTO avatar(key, account_id, image, created_at) SELECT 'other-{handle}', id, x'52494646', 1"
        f" FROM account WHERE handle = '{handle}'",
        edit(handle, f"avatar = 'other-{handle}'"),
        f"DELETE FROM avatar WHERE key = '{canary(handle, 'avatarkey')}'",
    )


def other_doings(handle: str) -> tuple[str, ...]:
    """Totals, activity, held things and kudos, changed and one more of each."""
    who = of(handle)
    return (
        f"UPDATE activity SET title = title || ' other', at = at - 90000 WHERE account_id = {who}",
        f"UPDATE activity_year SET days = '[1,0,5,100,1,7,140,2,9]' WHERE account_id = {who}",
        "INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, title, listed)"
        " SELECT source_id, external_id || '-more', identity_id, account_id, kind, at + 5, 'More', TRUE FROM activity"
        f" WHERE account_id = {who}",
        f"DELETE FROM filed WHERE account_id = {who}",
        f"UPDATE counter SET unfiled = '' WHERE account_id = {who}",
        "INSERT INTO filed(account_id, at, activity_id, kind, source_id, listed)"
        f" SELECT account_id, at, id, kind, source_id, listed FROM activity WHERE account_id = {who}",
        f"UPDATE held SET title = title || ' other' WHERE account_id = {who}",
        "INSERT INTO held(account_id, kind, item, source_id, title, at)"
        f" SELECT account_id, kind, item || '-2', source_id, 'One more', at FROM held WHERE account_id = {who}",
        f"UPDATE kudos SET message = 'other', at = at + 1 WHERE receiver_id = {who}",
        count(handle, "answers = answers + 40, likes_received = 1234, total_posts = 99, peer_kudos = 12, articles = 7"),
        f"DELETE FROM crossing WHERE account_id = {who}",
    )


UNLINK_SILENT = (
    "UPDATE account SET primary_id = NULL, silent = FALSE, linked_at = NULL, row_version = row_version + 1"
    " WHERE handle = 'gsilent'"
)
LINK_LONELY = (
    f"UPDATE account SET primary_id = {of('gprimary')}, silent = TRUE, linked_at = (SELECT linked_at FROM account WHERE"
    " handle = 'gpersonal') WHERE handle = 'lonely'"
)

PAIRS = (
    Pair("hidden e-mail of a personal account", (edit("pub", "email = 'a@b.example', email_key = 'a@b.example'"),),
         ("pub", "giverpub"), (*OUTSIDERS, "gprimary"), tellers=("pub",)),
    Pair("hidden e-mail of a managed account", (edit("mgd", "email = 'a@b.example', email_key = 'a@b.example'"),),
         ("mgd",), tellers=("mgd",)),
    Pair("department and location that Anyone does not see", (edit("mgd", "department = 'Other', location = 'Other'"),),
         ("mgd",), NOT_OF_A, tellers=("colleague", "gprimary")),
    Pair("fields at Only you of a managed account with choices",
         (edit("own", "job_title = 'Other', links = NULL"),
          f"DELETE FROM held WHERE kind = 'group' AND account_id = {of('own')}"),
         ("own",), tellers=("own",)),
    Pair("fields at Organization, seen from elsewhere",
         (edit("own", "full_name = 'Ann Other', email = 'a@b.example', email_key = 'a@b.example', bio = 'Other'"),
          f"UPDATE activity SET title = 'other' WHERE account_id = {of('own')}",
          f"UPDATE kudos SET message = 'other' WHERE receiver_id = {of('own')}"),
         ("own",), NOT_OF_A, tellers=("colleague",)),
    Pair("everything a personal account hides",
         (other_record("hider").replace(f"department = '{canary('hider', 'department')[::-1]}x', ", "").replace(
             f"organization = '{canary('hider', 'organization')[::-1]}x', ", ""),
          *other_doings("hider"), *other_picture("hider"), edit("hider", "member_since = member_since - 86400 * 90")),
         ("hider",), tellers=("hider",), paths=("/avatar/other-hider.webp",)),
    Pair("hidden location of a linked account that is not the primary", (edit("gpersonal", "location = 'Other'"),),
         ("gprimary", "gpersonal"), (*OUTSIDERS, "gmanaged")),
    Pair("own record of a linked account beside its work details",
         (edit("gmanaged", "bio = 'Other', email = 'a@b.example', email_key = 'a@b.example', products = NULL"),),
         ("gprimary", "gmanaged")),
    Pair("work details of a linked account, seen from elsewhere", (edit("gmanaged", "department = 'Other'"),),
         ("gprimary", "gmanaged"), NOT_OF_A, tellers=("colleague",)),
    Pair("record of a private profile", (other_record("prv"),), ("prv",), tellers=("prv",)),
    Pair("totals, activity, held things and kudos of a private profile", other_doings("prv"), ("prv",),
         tellers=("prv",)),
    Pair("whatever a private profile with the box unticked holds",
         (other_record("nobody-box"), *other_doings("nobody-box"), *other_picture("nobody-box"),
          edit("nobody-box", "full_name = 'Ann Other', public_name = 'Other'")),
         ("nobody-box", "pub"), paths=("/avatar/other-nobody-box.webp",)),
    Pair("whatever a deactivated account holds",
         (other_record("nobody-off"), *other_doings("nobody-off"), *other_picture("nobody-off"),
          edit("nobody-off", "full_name = 'Ann Other', public_name = 'Other'")),
         ("nobody-off", "pub"), paths=("/avatar/other-nobody-off.webp",)),
    Pair("name and picture of a private giver of kudos (T54)",
         (edit("giverprv", "full_name = 'Ann Other', public_name = 'Other'"), *other_picture("giverprv")),
         ("pub", "mgd")),
    Pair("a private giver of kudos and one who is gone (T54)",
         (f"UPDATE kudos SET giver_id = {of('nobody-off')} WHERE giver_id = {of('giverprv')}",), ("pub",)),
    Pair("the silent account swapped for another of equal totals (T36)", (UNLINK_SILENT, LINK_LONELY),
         ("gprimary", "gpersonal", "gmanaged", "pub")),
    # The primary has in its own numbers what it no longer has by the link: sums are what a silent link may tell (D5).
    Pair("a silent link against none, seen from the silent account's own pages (T36)",
         (count("gprimary", ", ".join(
             f"{name} = {name} + (SELECT {name} FROM counter WHERE account_id = {of('gsilent')})" for name in COUNTERS
         )),
          "INSERT OR IGNORE INTO held(account_id, kind, item, source_id, title, url, at)"
          f" SELECT {of('gprimary')}, kind, item, source_id, title, url, at FROM held"
          f" WHERE kind = 'course' AND account_id = {of('gsilent')}",
          UNLINK_SILENT),
         ("gsilent", "lonely", "pub"), tellers=("gsilent",), told="gsilent"),     # no profileUrl while it is silent
    Pair("records of accounts linked to a private profile",
         (other_record("nobody-lnk"), *other_doings("nobody-lnk"), *other_picture("nobody-lnk")),
         ("vprimary", "nobody-lnk"), paths=("/avatar/other-nobody-lnk.webp",), told="nobody-lnk"),    # its own picture
)  # fmt: skip
BY_NAME = {pair.name: pair for pair in PAIRS}


AUDITED_DOOR = re.compile(r"/admin/(organizations/[^/]+/)?members\b")


def crawl_both(stock: Stock, pair: Pair, viewer: str | None, plant: Callable[[World], None] | None = None, *,
               general: bool = False, few: bool = False) -> tuple[Crawl, Crawl]:  # fmt: skip
    """The crawls of both worlds, from fresh processes, in the same order, each with world 1's ETags.

    `general`: routes that are not about the people of the pair too; `few`: their pages only. `plant` is called on each.
    """
    one, two = stock.fresh(), stock.fresh(*pair.changes)
    keys = {canary(handle, "avatarkey") for handle in pair.handles} | {f"other-{handle}" for handle in pair.handles}

    def belongs(path: str) -> bool:
        parts = path.strip("/").split("/")
        return (parts[0] == "u" and len(parts) > 1 and parts[1] in pair.handles) or (
            parts[0] == "avatar" and parts[-1].removesuffix(".webp") in keys
        )

    results: list[Crawl] = []
    for world in (one, two):
        if plant:
            plant(world)
        pages = [Ask(f"/u/{handle}") for handle in pair.handles]
        wanted = pages if few else asks(world.app, pair.handles, general=general, thorough=general)
        wanted += [Ask(path) for path in (*pair.paths, *(f"/avatar/{key}.webp" for key in sorted(keys)))]
        etags = etags_of(results[0]) if results else None
        # A site admin sees the e-mail of accounts by the audited door (the sweep looks there); nothing else differs.
        if viewer == "siteadmin" and any("email = " in change for change in pair.changes):
            wanted = [ask for ask in wanted if not AUDITED_DOOR.match(ask.path)]
        if pair.told:
            wanted = [ask for ask in wanted if worlds.public_id(pair.told) not in ask.path]
        results.append(crawl(world, viewer, wanted, etags=etags, belongs=belongs))
        world.close()
    return results[0], results[1]


def nearest(pair: Pair) -> str | None:
    """Who of those that must not tell is nearest to seeing it: somebody of the group, a colleague, a former one."""
    last = pair.blind[-1]
    return last if last not in OUTSIDERS else "colleague" if "colleague" in pair.blind else "excolleague"


def _cases(viewers: Callable[[Pair], tuple[str | None, ...]]) -> list[Any]:
    return [pytest.param(p, v, id=f"{p.name}-{v or 'anonymous'}") for p in PAIRS for v in viewers(p)]


@pytest.mark.parametrize(("pair", "viewer"), _cases(lambda pair: (None, nearest(pair))))
def test_twin_worlds_are_alike(stock: Stock, pair: Pair, viewer: str | None) -> None:
    """T36, T47-T61: 0 differing bytes, headers and statements."""
    assert compare(*crawl_both(stock, pair, viewer)) == []


@pytest.mark.long
@pytest.mark.parametrize(("pair", "viewer"), _cases(lambda pair: pair.blind))
def test_twin_worlds_are_alike_on_every_route(stock: Stock, pair: Pair, viewer: str | None) -> None:
    """The same for every viewer, with all routes that are not about the person too."""
    assert compare(*crawl_both(stock, pair, viewer, general=True)) == []


@pytest.mark.parametrize(("pair", "viewer"), _cases(lambda pair: pair.tellers))
def test_who_may_see_the_change_sees_it(stock: Stock, pair: Pair, viewer: str | None) -> None:
    """The harness's control: where the change is shown, the worlds differ."""
    one, two = stock.fresh(), stock.fresh(*pair.changes)
    wanted = [Ask(f"/u/{handle}") for handle in pair.handles]
    assert compare(crawl(one, viewer, wanted, follow=False), crawl(two, viewer, wanted, follow=False))


def test_silent_sums_are_seen(stock: Stock) -> None:
    """Control of the silent pairs: another total of the silent account does change the sums (D5)."""
    pair = Pair("", (count("gsilent", "answers = answers + 50, total_posts = total_posts + 50"),), ("gprimary",))
    assert compare(*crawl_both(stock, pair, None))


# T52: one world, several handles -------------------------------------------------------------------------------------

NOBODIES = tuple(handle for handle in worlds.BY_HANDLE if handle.startswith("nobody-"))


@pytest.mark.parametrize("viewer", OUTSIDERS, ids=lambda viewer: viewer or "anonymous")
def test_t52_hidden_whole_gone_and_never_there_answer_alike(stock: Stock, viewer: str | None) -> None:
    """D2: private with the box unticked, deactivated, deleted, closing, linked to a private profile, never existed."""
    world = stock.fresh()
    expected = _renamed(crawl(world, viewer, asks(world.app, [NEVER], general=False), follow=False), NEVER)
    assert {answer.status for ask, answer in expected.items() if ask.method in {"GET", "HEAD"}} <= {404, 303, 401}
    for handle in NOBODIES:
        got = crawl(world, viewer, asks(world.app, [handle], general=False), follow=False)
        if handle == "nobody-lnk":      # an account's own record stays its own: here name and picture
            own, none = (f"/api/v1/users/{worlds.public_id(name)}" for name in (handle, "xxx"))
            got = {ask: answer for ask, answer in got.items() if ask.path != own}
            got |= {ask: answer for ask, answer in expected.items() if ask.path == none}
        assert compare(expected, _renamed(got, handle)) == [], handle


def _renamed(answers: Crawl, handle: str) -> Crawl:
    """The crawl as if it had asked for `nobody-xxx`."""
    return renamed(answers, {
        handle: "nobody-xxx", handle.replace("-", ""): "nobodyxxx", worlds.public_id(handle): worlds.public_id("xxx"),
    })


# Planted leaks ------------------------------------------------------------------------------------------------------


class Planting:
    """What a planted leak may use: pytest's patches, and any value of the database, read where nobody counts."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.world: World

    def secret(self, handle: str, column: str) -> Any:
        with sqlite3.connect(self.world.folder / "vitrine.db") as db:
            sql = f"SELECT {column} FROM account JOIN counter ON account_id = id WHERE handle = ?"
            found = db.execute(sql, (handle,)).fetchone()
        db.close()
        return found[0] if found else None

    def template(self, name: str, old: str, new: str) -> None:
        """Put `new` for `old` in a template of every world; there `secret(handle, column)` can be called."""
        env = self.world.app.jinja_env
        assert env.loader is not None
        source = env.loader.get_source(env, name)[0]
        assert old in source, f"{name} does not hold {old}"
        env.globals["secret"] = self.secret
        env.loader = ChoiceLoader([DictLoader({name: source.replace(old, new)}), env.loader])
        env.bytecode_cache = None

    def view(self, change: Callable[[ProfileView], dict[str, Any]]) -> None:
        """Let `change` say which parts of a profile's view are replaced before a page is drawn."""
        real = profiles.view_opened

        def view_opened(opened: OpenProfile) -> ProfileView:
            view = real(opened)
            return replace(view, **change(view))

        self.patch.setattr(profiles, "view_opened", view_opened)


def leak_title(p: Planting) -> None:
    p.patch.setattr(_drawn, "escape", lambda name: p.secret("pub", "email"))     # the title of who is not signed in


def leak_alt_text(p: Planting) -> None:
    p.template("profile/_hero.html", 'alt="Portrait of {{ view.name }}"', "alt=\"{{ secret(view.handle, 'email') }}\"")


def leak_description(p: Planting) -> None:
    p.view(lambda view: {"description": f"{view.description} {p.secret(view.handle, 'location')}"})


def leak_marked_version(p: Planting) -> None:
    p.template("profile/_hero.html", '<header class="who">',
               "<header class=\"who\" data-v=\"{{ secret(view.handle, 'row_version') }}\">")


def leak_avatar_address(p: Planting) -> None:
    p.view(lambda view: {"avatar": AvatarView("P", f"/avatar/{p.secret(view.handle, 'avatar')}.webp")})


def leak_initial(p: Planting) -> None:
    p.view(lambda view: {"avatar": AvatarView(p.secret(view.handle, "full_name")[:3], None)})


def leak_length(p: Planting) -> None:
    p.template("profile/_body.html", '{% include "profile/_hero.html" %}',
               "{{ ' ' * (secret(view.handle, 'location') or '')|length }}{% include \"profile/_hero.html\" %}")


def leak_header(p: Planting) -> None:
    @p.world.app.after_request
    def last_modified(response: Any) -> Any:
        response.headers["Last-Modified"] = f"Sun, 15 Jun 2025 00:00:{p.secret('pub', 'row_version'):02} GMT"
        return response


def leak_etag(p: Planting) -> None:
    @p.world.app.after_request
    def versioned(response: Any) -> Any:
        if response.mimetype == "text/html":
            response.headers["ETag"] = f'"{p.secret("pub", "row_version")}"'
        return response


def leak_count(p: Planting) -> None:
    p.view(lambda view: {
        "stats": (StatView("answers", "Answers", p.secret(view.handle, "answers")),),
        "sections": view.sections | {"stats"},
    })


def leak_private_total(p: Planting) -> None:
    p.view(lambda view: {"description": f"{p.secret(view.handle, 'total_posts')} posts"})


def leak_query_more(p: Planting) -> None:
    real = profiles.open_profile

    def open_profile(ctx: Any, viewer: Any, handle: str, *args: Any, **kwargs: Any) -> Any:
        if p.secret(handle, "links") is not None:
            ctx.db.row("SELECT 1")
        return real(ctx, viewer, handle, *args, **kwargs)

    p.patch.setattr(profiles, "open_profile", open_profile)


def leak_sort(p: Planting) -> None:
    def recent(view: ProfileView) -> dict[str, Any]:
        later = (p.secret(view.handle, "email") or "") > "m"
        return {"recent": tuple(reversed(view.recent)) if later else view.recent}

    p.view(recent)


def leak_heatmap(p: Planting) -> None:
    real = activity_store.load_days
    hider = p.world.db.row("SELECT id FROM account WHERE handle = 'hider'")
    p.patch.setattr(activity_store, "load_days", lambda db, ids, *rest: real(db, hider, *rest))


def leak_silent_items(p: Planting) -> None:
    p.patch.setattr(Group, "shown_ids", property(lambda group: group.ids))


def leak_page_of_silent(p: Planting) -> None:
    p.patch.setattr(Group, "alone", lambda group, member: group)


def leak_error_text(p: Planting) -> None:
    real = profiles.open_profile

    def open_profile(ctx: Any, viewer: Any, handle: str, *args: Any, **kwargs: Any) -> Any:
        view = real(ctx, viewer, handle, *args, **kwargs)
        if view is None and p.secret(handle, "full_name"):
            raise Refused("rule_x", f"{p.secret(handle, 'full_name')} does not want to be found.")
        return view

    p.patch.setattr(profiles, "open_profile", open_profile)


def leak_giver(p: Planting) -> None:
    p.patch.setattr(notes, "_face", lambda gate, viewer, group: (group.primary, gate.all) if group else (None, 0))


def leak_all_fields(p: Planting) -> None:
    p.patch.setattr(OpenProfile, "names", lambda opened, fields: tuple(fields))


def leak_picture(p: Planting) -> None:
    p.patch.setattr(avatars, "open_avatar", lambda ctx, viewer, key: records.load_avatar(ctx.db, key))


def leak_shared_memory(p: Planting) -> None:
    """A page kept by its handle alone: whoever asks first decides what the next one sees."""
    real, kept = profiles.open_profile, {}

    def open_profile(ctx: Any, viewer: Any, handle: str, *args: Any, **kwargs: Any) -> Any:
        owner = Viewer(*(ctx.db.row("SELECT id, id FROM account WHERE handle = ?", (handle,)) or (None, None)))
        if handle not in kept:
            kept[handle] = real(ctx, owner, handle, *args)
        return kept[handle]

    p.patch.setattr(profiles, "open_profile", open_profile)


EMAIL, DEPARTMENT = "hidden e-mail of a personal account", "department and location that Anyone does not see"
HIDES, PRIVATE = "everything a personal account hides", "totals, activity, held things and kudos of a private profile"
SWAP = "the silent account swapped for another of equal totals (T36)"
UNLINKED = "a silent link against none, seen from the silent account's own pages (T36)"
BOX, ELSEWHERE = "whatever a private profile with the box unticked holds", "fields at Organization, seen from elsewhere"
GIVER = "name and picture of a private giver of kudos (T54)"
ONLY_OWN = "fields at Only you of a managed account with choices"
PLANTS: tuple[tuple[Callable[[Planting], None], str], ...] = (
    (leak_title, EMAIL), (leak_alt_text, EMAIL), (leak_description, DEPARTMENT), (leak_marked_version, EMAIL),
    (leak_avatar_address, HIDES), (leak_initial, ELSEWHERE), (leak_length, DEPARTMENT), (leak_header, EMAIL),
    (leak_etag, EMAIL), (leak_count, HIDES), (leak_private_total, PRIVATE),
    (leak_query_more, ONLY_OWN), (leak_sort, EMAIL), (leak_heatmap, HIDES),
    (leak_silent_items, SWAP), (leak_page_of_silent, UNLINKED), (leak_error_text, BOX), (leak_giver, GIVER),
    (leak_all_fields, DEPARTMENT), (leak_picture, HIDES), (leak_shared_memory, EMAIL),
)  # fmt: skip


@pytest.mark.parametrize(("leak", "name"), PLANTS, ids=[leak.__name__ for leak, _ in PLANTS])
def test_a_planted_leak_is_found(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, leak: Callable[[Planting], None], name: str
) -> None:
    planting = Planting(monkeypatch)

    def plant(world: World) -> None:
        monkeypatch.undo()      # world 2 gets its own plant, not one on top of world 1's
        planting.world = world
        leak(planting)

    assert compare(*crawl_both(stock, BY_NAME[name], None, plant, few=True))


# T7: known and unknown addresses -------------------------------------------------------------------------------------


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call of argon2, hash or verify, in order."""
    from argon2 import PasswordHasher

    calls: list[str] = []
    for name in ("hash", "verify"):
        real = getattr(PasswordHasher, name)

        def counted(*args: Any, _real: Any = real, _name: str = name, **kwargs: Any) -> Any:
            calls.append(_name)
            return _real(*args, **kwargs)

        monkeypatch.setattr(PasswordHasher, name, counted)
    return calls


KNOWN = worlds.BY_HANDLE["stranger"].email
UNKNOWN = KNOWN.replace("stranger", "strangex")
#: Addresses that belong to an account which cannot be entered now.
SHUT = {handle: worlds.BY_HANDLE[handle].email for handle in ("nobody-off",)}


@pytest.mark.parametrize("path", ["/login", "/login/link", "/signup", "/reset"])
@pytest.mark.parametrize("other", [KNOWN, *SHUT.values()], ids=["known", *SHUT])
def test_t7_known_and_unknown_addresses_answer_alike(stock: Stock, path: str, other: str, hashing: list[str]) -> None:
    """Same status, body, headers, number of statements and work of hashing."""
    from webapp.services import passwords

    passwords.verify(None, "so that the hash for nobody is made already")
    results = []
    for address in (UNKNOWN, other):
        world = stock.fresh()
        page = world.ask(None, Ask(path.removesuffix("/link"))).raw
        token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token, f"no form at {path}"
        form = {"csrf_token": token[1].decode(), "email": address, "name": "Ann Example", "terms": "1"}
        hashing.clear()
        answer = world.ask(None, Ask(path, "POST"), data=form | {"password": "not the password 7"})
        shown = answer.body.replace(address.encode(), b"ADDRESS")
        headers = tuple((n, v) for n, v in answer.headers if n != "Content-Length")
        results.append((answer.status, headers, shown, answer.statements, tuple(hashing)))
    assert results[0] == results[1]
