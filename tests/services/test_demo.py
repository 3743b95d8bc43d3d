"""The demo community: what it must show, and that it never mixes with real members."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from policies.errors import Refused
from policies.manager import PolicyManager
from policies.terms import ANONYMOUS
from tests.conftest import NOW
from webapp.services import demo, profiles, repair
from webapp.services.context import Context, Site
from webapp.services.demo import make_demo
from webapp.services.views import ProfileView
from webapp.store import accounts, filing
from webapp.store.database import Database


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real hash takes tens of milliseconds; one is enough here."""
    hashed = demo.passwords.hash_password(demo.PASSWORD)
    monkeypatch.setattr(demo.passwords, "hash_password", lambda _: hashed)


@pytest.fixture
def ctx(db: Database) -> Context:
    return Context(db, PolicyManager(), Site())


@pytest.fixture
def sqlite_ctx(sqlite_db: Database) -> Context:
    return Context(sqlite_db, PolicyManager(), Site())


def page(ctx: Context, handle: str) -> Any:
    return profiles.view_profile(ctx, ANONYMOUS, handle, NOW)


def test_s69_sally_shows_84_answers_and_their_milestones(ctx: Context) -> None:
    make_demo(ctx, NOW)
    parts = ctx.db.rows(
        "SELECT handle, answers FROM account JOIN counter ON account_id = id"
        " WHERE handle IN ('sally', 'sally-acme') ORDER BY handle"
    )
    assert parts == [("sally", 27), ("sally-acme", 57)]
    view = page(ctx, "sally")
    assert next(stat.value for stat in view.stats if stat.metric == "answers") == 84
    shelf = next(shelf for shelf in view.shelves if shelf.metric == "answers")
    assert [gem.value for gem in shelf.gems if gem.earned] == [1, 10, 25, 50, 75]
    assert [(gem.have, gem.value) for gem in shelf.gems if not gem.earned][:1] == [(84, 100)]
    assert repair.find_differences(ctx) == []


def test_sally_shows_every_section(sqlite_ctx: Context) -> None:
    make_demo(sqlite_ctx, NOW)
    view = page(sqlite_ctx, "sally")
    assert isinstance(view, ProfileView)
    missing = {
        "about", "find-me", "products", "stats", "milestones", "designation", "heatmap", "courses", "certifications",
        "kudos", "groups", "recent",
    } - view.sections  # fmt: skip
    assert missing == set()
    assert view.avatar.url
    assert view.kudos is not None
    assert any(note.message for note in view.kudos.latest)
    areas = {area for _, _, area in filing.load_days(sqlite_ctx.db)}
    assert areas == {"forum", "learning", "event"}


def test_every_kind_of_account_is_there(sqlite_ctx: Context) -> None:
    members = make_demo(sqlite_ctx, NOW)
    db = sqlite_ctx.db

    def handles(where: str) -> list[str]:
        return [row[0] for row in db.rows(
            f"SELECT handle FROM account JOIN counter ON account_id = id WHERE {where} ORDER BY id"
        )]

    assert handles("private AND keep_name") == ["mira"]
    assert handles("private AND NOT keep_name") == ["tomas"]
    assert handles("silent") == ["nightshift"]
    assert handles("state = 'unclaimed'") == ["old-hand"]
    assert handles("domain_id IN (SELECT id FROM email_domain WHERE organization_id IS NOT NULL)") == [
        "sally-acme", "ines", *[f"cell-managed-{level}" for level in ("default", "anyone", "organization", "only-you")],
    ]  # fmt: skip
    assert handles("total_posts = 0 AND likes_received = 0") == ["nia"]
    assert [member.handle for member in members] == handles("1 = 1")
    assert page(sqlite_ctx, "tomas") is None
    assert page(sqlite_ctx, "mira").only_name
    assert page(sqlite_ctx, "leila-haddad").name == "ليلى حداد"
    assert "sally@example.org" in str(members[0])


def test_addresses_are_reserved_ones(sqlite_ctx: Context) -> None:
    for member in make_demo(sqlite_ctx, NOW):
        assert not member.email or member.email.endswith(("@example.org", ".example"))


def test_the_year_of_the_heatmap_is_full(sqlite_ctx: Context) -> None:
    make_demo(sqlite_ctx, NOW)
    (otto,) = sqlite_ctx.db.row("SELECT id FROM account WHERE handle = 'otto'") or (0,)
    weeks = {day // 7 for _, day, _ in filing.load_days(sqlite_ctx.db, otto) if day > NOW // 86400 - 53 * 7}
    assert len(weeks) >= 52
    assert sqlite_ctx.db.row("SELECT MAX(at) <= ? FROM activity", (NOW,)) == (1,)


def test_pictures_are_small_squares(sqlite_ctx: Context) -> None:
    make_demo(sqlite_ctx, NOW)
    pictures = [row[0] for row in sqlite_ctx.db.rows("SELECT image FROM avatar")]
    assert len(pictures) >= 6
    for picture in pictures:
        with Image.open(io.BytesIO(picture)) as image:
            assert (image.format, image.size) == ("WEBP", (320, 320))
        assert len(picture) < 20_000


def test_the_demo_is_the_same_for_the_same_moment_and_seed(sqlite_ctx: Context) -> None:
    def content() -> list[Any]:
        tables = ("account", "counter", "activity", "filed", "avatar", "held", "kudos", "audit")
        return [sqlite_ctx.db.rows(f"SELECT * FROM {table}") for table in tables]

    found = []

    def make_and_abandon() -> None:
        with sqlite_ctx.db.transaction():
            make_demo(sqlite_ctx, NOW)
            found.append(content())
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            make_and_abandon()
    assert found[0] == found[1]


def test_making_it_again_changes_nothing(sqlite_ctx: Context) -> None:
    first = make_demo(sqlite_ctx, NOW)
    before = sqlite_ctx.db.rows("SELECT * FROM account")
    assert make_demo(sqlite_ctx, NOW + 999) == first
    assert sqlite_ctx.db.rows("SELECT * FROM account") == before


def test_a_database_with_real_members_is_refused(ctx: Context) -> None:
    accounts.insert(ctx.db, NOW, public_id="x", handle="real", public_name="Real", state="active")
    with pytest.raises(Refused, match="holds members"):
        make_demo(ctx, NOW)
    assert ctx.db.rows("SELECT handle FROM account") == [("real",)]


def test_s86_members_cover_every_cell_of_both_tables(sqlite_ctx: Context) -> None:
    """What each level shows to Anyone and to a colleague, through the API; the owner's column needs no member."""
    from policies.terms import Viewer
    from webapp.services.api_users import KEYS, user_json
    from webapp.services.app_views import Looker

    make_demo(sqlite_ctx, NOW)
    found = dict(sqlite_ctx.db.rows("SELECT handle, public_id FROM account"))
    acme = sqlite_ctx.db.row("SELECT id FROM organization")
    assert acme
    colleague = Looker(*[Viewer(organizations=frozenset({acme[0]}))] * 2)
    every = {key for _, key in KEYS}
    default = every - {"email"}
    expected = {
        "managed-default": ({"fullName", "jobTitle"}, default), "managed-anyone": (every, every),
        "managed-organization": (set(), every), "managed-only-you": (set(), set()),
        "personal-default": (default, default), "personal-anyone": (every, every),
        "personal-only-you": ({"fullName"}, {"fullName"}),
    }  # fmt: skip
    for name, cells in expected.items():
        for looker, keys in zip((Looker(), colleague), cells, strict=True):
            shown = user_json(sqlite_ctx, looker, found[f"cell-{name}"]) or {}
            assert shown.keys() & every == keys, name
