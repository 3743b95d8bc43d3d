"""The directory against a brute-force filter over the gate's verdicts, for random members, viewers and searches."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.terms import ANONYMOUS, Viewer
from policies.visibility import resolve
from tests.conftest import NOW
from tests.factories import link, make_account, make_domain, make_organization
from tests.services.people import BIT, choose, did, holds, look, set_columns
from webapp.services import people, people_index, privacy, profiles
from webapp.services.context import Context
from webapp.services.cursors import unseal_words
from webapp.services.opening import OpenProfile, open_profile
from webapp.services.people import Asked, PeoplePage
from webapp.services.views import ProfileView
from webapp.store import people as store
from webapp.store import people_search, policy
from webapp.store.profiles import load_group_of

FIELDS = ("full_name", "job_title", "department", "organization", "location", "bio", "products")
READ = (*FIELDS, "links", "email")
SECRETS = (*READ, "activity", "certifications", "stats", "kudos")
WORDS = ("anna", "Änne", "zoe berg", "АННА", "ann", "50%_off", 'the "x"', "berg", "lisbon, portugal")


def asked(ctx: Context, viewer: Viewer = ANONYMOUS, **given: Any) -> PeoplePage:
    return people.view_people(ctx, viewer, Asked(**given), NOW)


def handles(page: PeoplePage) -> list[str]:
    return [card.handle for card in page.cards]


def walk(ctx: Context, viewer: Viewer = ANONYMOUS, **given: Any) -> list[str]:
    """Every handle, page after page."""
    found: list[str] = []
    page = asked(ctx, viewer, **given)
    found += handles(page)
    while page.next_cursor:
        page = asked(ctx, viewer, **given | {"cursor": page.next_cursor})
        found += handles(page)
    return found


# The truth, without an index -----------------------------------------------------------------------------------------


def folded(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.casefold())
    return unicodedata.normalize("NFD", "".join(c for c in plain if not unicodedata.combining(c)))


@dataclass
class Seen:
    name: str
    texts: list[str]
    places: list[str]
    products: list[str]
    is_certified: bool
    is_active: bool
    points: int | None      # as the profile shows them
    joined: int | None      # the day


def seen(ctx: Context, handle: str, organizations: Iterable[int]) -> Seen | None:
    """What that audience sees of a profile, from the gate's verdicts."""
    viewer = Viewer(organizations=frozenset(organizations))
    opened = open_profile(ctx, viewer, handle, NOW)
    if not isinstance(opened, OpenProfile) or opened.subject.private:
        return None
    face = opened.face

    def values(account_id: int, shown: Iterable[str]) -> dict[str, Any]:
        row = ctx.db.row(f"SELECT public_name, {', '.join(READ)} FROM account WHERE id = ?", (account_id,))
        assert row is not None
        return {name: value for name, value in zip(("public_name", *READ), row, strict=True) if name in shown}

    verdicts = resolve(opened.gate, viewer, opened.subject, READ, lambda names: values(face.id, names))
    own = {name: verdict.value or "" for name, verdict in verdicts.items() if verdict.shown}
    name = str(own.get("full_name") or values(face.id, ["public_name"])["public_name"])
    blocks = [
        values(member.id, [field for field in ("job_title", "department", "organization", "location")
                           if bits >> BIT[field] & 1])
        for member, bits in opened.work
    ]
    texts, places = [name, handle, own.get("bio", ""), own.get("email", "")], []
    for entry in json.loads(own.get("links") or "[]"):
        texts += [entry["label"], entry["url"].removeprefix("https://")]
    for record in (own, *blocks):
        texts += [record.get(field) or "" for field in ("job_title", "department", "organization", "location")]
        place = record.get("location") or ""
        places += [place, *(part.strip() for part in place.split(","))] if place else []
    products = json.loads(own.get("products") or "[]")
    group = opened.group.shown_ids
    some = ",".join(map(str, group))
    held = ctx.db.row(f"SELECT 1 FROM held WHERE kind = 'designation' AND account_id IN ({some})")
    year = NOW // 86400 - 365
    day = ctx.db.row(f"SELECT 1 FROM activity_year WHERE last_day >= ? AND account_id IN ({some})", (year,))
    page = profiles.view_profile(ctx, viewer, handle, NOW)
    assert isinstance(page, ProfileView)
    return Seen(
        name, [*texts, *products], places, products, opened.shows("certifications") and held is not None,
        opened.shows("activity") and day is not None, page.level.points if page.level else None,
        None if page.member_since is None else page.member_since // 86400,
    )


def matches(what: Seen, search: Asked) -> bool:
    terms = folded(search.q).split()
    if any(len(term) >= 3 for term in terms):
        texts = [folded(text) for text in what.texts]
        if not all(any(term in text for text in texts) for term in terms):
            return False
    elif not people_index.sort_key(what.name).startswith(people_index.sort_key(search.q)):
        return False
    if search.location and not any(folded(p).startswith(folded(search.location)) for p in what.places):
        return False
    if search.product and folded(search.product) not in [folded(product) for product in what.products]:
        return False
    return (what.is_certified or not search.certified) and (what.is_active or not search.active)


def truth(ctx: Context, viewer: Viewer, search: Asked) -> list[str]:
    """Handles in order: seen from one of the viewer's organizations it matches, under the name that the viewer sees and
    placed by what the viewer sees."""
    rows = []
    for (handle,) in ctx.db.rows("SELECT handle FROM account"):
        whole = seen(ctx, handle, viewer.organizations)
        if whole is None:
            continue
        views = [seen(ctx, handle, [number]) for number in viewer.organizations] or [whole]
        number = {"helpful": whole.points, "newest": whole.joined}.get(search.sort)
        place = 1 if number is None else -number
        seen_so = [view for view in views if view and view.name == whole.name and (
            search.sort not in ("helpful", "newest")
            or ({"helpful": view.points, "newest": view.joined}[search.sort] is None) == (number is None)
        )]
        if any(matches(view, search) for view in seen_so):
            rows.append((place, people_index.sort_key(whole.name), handle))
    return [row[-1] for row in sorted(rows, reverse=search.sort == "name-down")]


# Random worlds -------------------------------------------------------------------------------------------------------

values = st.none() | st.sampled_from(WORDS)
members = st.fixed_dictionaries({
    "state": st.sampled_from(("active",) * 6 + ("unclaimed", "deactivated", "closing")),
    "domain": st.sampled_from(("home", "home", "acme", "beta")), "private": st.sampled_from((False,) * 5 + (True,)),
    "keep_name": st.booleans(), "link": st.sampled_from(("", "", "shown", "silent")),
    "levels": st.dictionaries(st.sampled_from(SECRETS), st.integers(0, 2), max_size=5),
    "held": st.booleans(), "day": st.sampled_from((None, 3, 400)), "answers": st.sampled_from((0, 3, 3, 40)),
    "kudos": st.sampled_from((0, 2)), "course": st.booleans(), "joined": st.sampled_from((None, 1, 1, 900)),
    "record": st.fixed_dictionaries(dict.fromkeys((*FIELDS, "links"), values)),
})  # fmt: skip
searches = st.builds(
    Asked, q=st.sampled_from(("", "", "ann", "ANN", "ä", "z", "zoe berg", "анна", "%", "50%", '"x"', "xyz",
                                           "m1@home", "ann.example/x")),
    location=st.sampled_from(("", "", "Lis", "portugal", "%")), product=st.sampled_from(("", "", "Ann", "an")),
    certified=st.sampled_from((False, False, True)), active=st.sampled_from((False, False, True)),
    sort=st.sampled_from(("", "", "name-down", "helpful", "newest", "email")),
)  # fmt: skip


def fill(ctx: Context, drawn: list[dict[str, Any]]) -> list[int]:
    db = ctx.db
    if db.dialect == "sqlite":
        db.execute("INSERT INTO people_words(people_words) VALUES ('delete-all')")
    for table in ("people", "held", "activity_year", "filed", "activity", "identity", "handle"):
        db.execute(f"DELETE FROM {table}")
    db.execute("DELETE FROM account WHERE primary_id IS NOT NULL")
    db.execute("DELETE FROM account")
    ids: list[int] = []
    head = None
    for number, one in enumerate(drawn):
        record = {name: value for name, value in one["record"].items() if value}
        if "products" in record:
            record["products"] = json.dumps([record["products"]], ensure_ascii=False)
        if "links" in record:
            record["links"] = json.dumps([{"url": "https://ann.example/x", "label": record["links"]}])
        managed = one["domain"] != "home"
        account = make_account(
            db, f"m{number}", f"m{number}@{one['domain']}.example", "managed" if managed else "personal",
            state=one["state"], private=one["private"], keep_name=one["keep_name"], answers=one["answers"],
            peer_kudos=one["kudos"], member_since=one["joined"] and NOW - one["joined"] * 86400, **record,
        )
        levels = one["levels"]
        choose(db, account, [f for f in levels if levels[f] == 2], [f for f in levels if levels[f] == 1],
               [f for f in levels if levels[f] == 0])
        if one["held"]:
            holds(db, account, "designation", f"d{number}")
        if one["course"]:
            holds(db, account, "course", "c")
        if one["day"]:
            did(db, account, at=NOW - one["day"] * 86400)
        if one["link"] and head is not None and not (managed and one["private"]):
            link(db, account, head, silent=one["link"] == "silent")
        elif not managed and one["state"] == "active":
            head = account
        ids.append(account)
    people_index.rebuild(ctx)
    return ids


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(members, min_size=3, max_size=7), wanted=st.lists(searches, min_size=4, max_size=4))
def test_t49_the_directory_is_a_filter_over_what_the_gate_shows(
    ctx: Context, drawn: list[dict[str, Any]], wanted: list[Asked]
) -> None:
    """Random members, viewers and searches: found is exactly what matches in what is shown, in the order of names."""
    ids = fill(ctx, drawn)
    acme, beta = make_organization(ctx.db, "acme"), make_organization(ctx.db, "beta")
    viewers = [ANONYMOUS, *(Viewer(organizations=frozenset(some)) for some in ([acme], [beta], [acme, beta]))]
    viewers.append(look(ctx, ids[0]))
    for viewer in viewers:
        for search in (Asked(), *wanted):
            right = truth(ctx, viewer, search)
            assert handles(people.view_people(ctx, viewer, search, NOW)) == right, (viewer, search)
            if search == Asked():
                continue
            with pytest.MonkeyPatch.context() as patch:     # nearly nothing is found by a walk
                for name, value in (("WALK", 1), ("FURTHER", 1), ("SLACK", 0)):
                    patch.setattr(people_search, name, value)
                assert handles(people.view_people(ctx, viewer, search, NOW)) == right, (viewer, search)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(members, min_size=2, max_size=6))
def test_a_refreshed_index_is_the_one_written_anew(ctx: Context, drawn: list[dict[str, Any]]) -> None:
    """Writing the rows of what changed ends where writing all of them ends."""
    ids = fill(ctx, drawn)
    set_columns(ctx.db, ids[0], full_name="Somebody else", state="active", private=False)
    with ctx.db.transaction():
        people_index.refresh(ctx, [ids[0]])
    every = f"SELECT {', '.join(store.Entry._fields)} FROM people ORDER BY 1, 2"
    before = ctx.db.rows(every)
    people_index.rebuild(ctx)
    assert ctx.db.rows(every) == before
    if ctx.db.dialect == "sqlite":
        ctx.db.execute("INSERT INTO people_words(people_words, rank) VALUES ('integrity-check', 1)")


# Keyset --------------------------------------------------------------------------------------------------------------


def crowd(ctx: Context, count: int) -> list[int]:
    ids = []
    with ctx.db.transaction():
        for number in range(count):
            name = f"{('Ann', 'Änne', 'Zoë', 'анна', 'bo', 'الف')[number % 6]} {number // 12:03}"
            ids.append(make_account(ctx.db, f"h{number}", kind="managed" if number % 3 == 0 else "personal",
                                    full_name=name, location=f"Town {number % 5}"))
            if number % 6 == 0:
                choose(ctx.db, ids[-1], org=["full_name"])
    people_index.rebuild(ctx)
    return ids


def test_t50_a_walk_through_all_pages_is_the_sorted_truth(ctx: Context) -> None:
    """Both engines order by the same bytes; no card twice, none missing, for Anyone and for a colleague."""
    crowd(ctx, 130)
    acme = Viewer(organizations=frozenset({make_organization(ctx.db, "acme")}))
    for viewer in (ANONYMOUS, acme):
        assert walk(ctx, viewer) == truth(ctx, viewer, Asked())
        assert walk(ctx, viewer, q="town") == truth(ctx, viewer, Asked(q="town"))
        assert walk(ctx, viewer, sort="name-down") == truth(ctx, viewer, Asked())[::-1]
        assert walk(ctx, viewer, q="town", sort="name-down") == truth(ctx, viewer, Asked(q="town"))[::-1]
    assert walk(ctx) != walk(ctx, acme)
    page = asked(ctx)
    assert len(page.cards) == people.PAGE
    assert page.next_cursor
    ids = {str(row[0]) for row in ctx.db.rows("SELECT id FROM account")}
    place = unseal_words(ctx.site.secret_key, "people by name", page.next_cursor)
    assert place is not None
    assert not ids & set(place)
    assert page.cards[-1].handle in place


def test_a_page_looks_at_so_many_rows_and_goes_on_from_there(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a lock most of the index may be refused: a page then ends early, the next one goes on, nobody is missed,
    and the cursor does not tell whom it stands at."""
    crowd(ctx, 130)
    acme = Viewer(organizations=frozenset({make_organization(ctx.db, "acme")}))
    with ctx.db.transaction():
        policy.append_change(ctx.db, "lock", "managed", NOW, bit=BIT["full_name"], level=0)
    whole = walk(ctx, acme)
    monkeypatch.setattr(people, "PAGE", 3)
    monkeypatch.setattr(people, "NEXT", 4)
    monkeypatch.setattr(people, "ROUNDS", 1)
    assert walk(ctx, acme) == whole
    pages, page = [], asked(ctx, acme)
    while page.next_cursor:
        assert b"ann" not in base64.urlsafe_b64decode(page.next_cursor + "==").lower()
        pages.append(page)
        page = asked(ctx, acme, cursor=page.next_cursor)
    assert any(len(page.cards) < 3 for page in pages), "some page ended early"


def test_after_a_lock_nothing_hidden_shows_though_no_row_of_the_index_was_touched(ctx: Context) -> None:
    """The gate is asked again: a row under a name that is hidden now is passed over, not named anew at its place."""
    crowd(ctx, 120)
    acme = Viewer(organizations=frozenset({make_organization(ctx.db, "acme")}))
    before = ctx.db.rows("SELECT * FROM people ORDER BY id")
    with ctx.db.transaction():
        for name in ("full_name", "location"):
            policy.append_change(ctx.db, "lock", "managed", NOW, bit=BIT[name], level=0)
    assert ctx.db.rows("SELECT * FROM people ORDER BY id") == before
    for viewer in (ANONYMOUS, acme):
        for given_ in ({}, {"q": "town"}, {"q": "ann"}, {"location": "Town 1"}):
            right = truth(ctx, viewer, Asked(**given_))
            got = walk(ctx, viewer, **given_)
            assert [handle for handle in right if handle in got] == got
            assert set(right) - set(got) <= {f"h{number}" for number in range(0, 120, 3)}
    assert people_index.catch_up(ctx)
    assert not people_index.catch_up(ctx)
    assert walk(ctx) == truth(ctx, ANONYMOUS, Asked())


# One by one ----------------------------------------------------------------------------------------------------------


def test_t47_a_sort_by_anything_else_is_no_sort(ctx: Context) -> None:
    """Order is by the shown name only: hidden values, edits and log-ins move nobody (T48)."""
    ids = [make_account(ctx.db, handle, full_name=name) for handle, name in (("a", "Zed"), ("b", "Amy"), ("c", "Moe"))]
    people_index.rebuild(ctx)
    assert handles(asked(ctx)) == ["b", "c", "a"]
    set_columns(ctx.db, ids[0], location="Aachen", edit_version=9)
    choose(ctx.db, ids[0], you=["location"])
    with ctx.db.transaction():
        people_index.refresh(ctx, ids)
    assert handles(asked(ctx)) == ["b", "c", "a"]


def test_t49_a_hidden_value_is_found_by_nobody_whole_or_by_prefix(ctx: Context) -> None:
    account = make_account(ctx.db, "sally", full_name="Sally", location="Reykjavik", job_title="Falconer",
                           bio="Quixotic", products='["Zylophon"]',
                           links='[{"url": "https://brolga.example/", "label": "Kestrel"}]')
    choose(ctx.db, account, you=["location", "job_title", "bio", "products", "certifications", "activity", "links"])
    holds(ctx.db, account, "designation", "d")
    did(ctx.db, account)
    people_index.rebuild(ctx)
    for viewer in (ANONYMOUS, look(ctx, account)):
        for given_ in ({"q": "reykjavik"}, {"q": "rey"}, {"q": "falconer"}, {"q": "quixo"}, {"q": "zylophon"},
                       {"q": "brolga"}, {"q": "kestrel"}, {"q": "sally@"},
                       {"location": "rey"}, {"product": "zylophon"}, {"certified": True}, {"active": True}):
            assert handles(asked(ctx, viewer, **given_)) == [], given_
    assert handles(asked(ctx, q="sally")) == ["sally"]
    card = asked(ctx).cards[0]
    assert (card.location, card.job_title, card.is_certified) == (None, None, False)


def test_t50_private_and_gone_profiles_are_not_listed_and_not_counted(ctx: Context) -> None:
    for number, columns in enumerate((
        {"private": True}, {"private": True, "keep_name": False}, {"state": "deactivated"}, {"state": "closing"},
        {"state": "deleted", "email": None}, {"state": "unclaimed"}, {},
    )):  # fmt: skip
        make_account(ctx.db, f"m{number}", full_name="Ann", **columns)  # type: ignore[arg-type]
    people_index.rebuild(ctx)
    assert handles(asked(ctx)) == handles(asked(ctx, q="ann")) == ["m5", "m6"]


def test_t51_one_card_per_profile_and_silent_accounts_as_if_unlinked(ctx: Context) -> None:
    head = make_account(ctx.db, "head", full_name="Head")
    shown = make_account(ctx.db, "shown", full_name="Shown", location="Oslo")
    silent = make_account(ctx.db, "silent", full_name="Silent", answers=30)
    link(ctx.db, shown, head)
    link(ctx.db, silent, head, silent=True)
    people_index.rebuild(ctx)
    page = asked(ctx)
    assert handles(page) == ["head", "silent"]
    assert handles(asked(ctx, q="shown")) == handles(asked(ctx, q="oslo")) == []
    assert [card.gems_label for card in page.cards] == ["25 answers", "25 answers"]   # D5: its numbers are in the sums


def test_d12_a_colleague_finds_a_linked_member_by_the_work_details(ctx: Context) -> None:
    head = make_account(ctx.db, "head", full_name="Head")
    work = make_account(ctx.db, "work", kind="managed", department="Cryptography")
    link(ctx.db, work, head)
    people_index.rebuild(ctx)
    acme, other = make_organization(ctx.db, "acme"), make_organization(ctx.db, "other")
    colleague = Viewer(organizations=frozenset({acme}))
    assert handles(asked(ctx, colleague, q="cryptography")) == handles(asked(ctx, colleague, mine=True)) == ["head"]
    for viewer in (ANONYMOUS, Viewer(organizations=frozenset({other}))):
        assert handles(asked(ctx, viewer, q="cryptography")) == []
    assert handles(asked(ctx, Viewer(organizations=frozenset({other})), mine=True)) == []


@pytest.mark.parametrize("text", [
    "%", "_", "%%%", "50%", "a_b", '"', '""', "'", "\\", "NEAR", "NEAR(ann zoe)", "ann OR zoe", "ann*", "^ann",
    "words:ann", "-ann", "a" * 10_000, "ann " * 3000, "\x00ann", "\x1f\x02", "\ud800", "(", "🂡🂡🂡", "{ann}",
])  # fmt: skip
def test_t85_what_is_typed_is_text(ctx: Context, text: str) -> None:
    """LIKE's and FTS's signs are letters like any other; no error, no match of what does not hold them, bounded."""
    make_account(ctx.db, "ann", full_name="Ann aab", bio="zoe 50 percent")
    make_account(ctx.db, "odd", full_name=r"""Odd 50% a_b "" \ NEAR( ^ann -ann words:ann 'x {ann} ann*""")
    people_index.rebuild(ctx)
    for given_ in ({"q": text}, {"location": text}, {"product": text}, {"cursor": text}):
        found = handles(asked(ctx, **given_))
        if "q" in given_ and len(text) < 100 and text.isprintable():
            assert found == truth(ctx, ANONYMOUS, Asked(q=text))


def test_changes_are_found_at_once(ctx: Context) -> None:
    """Written in the transaction of the change: an edit, the private switch, an ingested day."""
    from webapp.services import editing
    from webapp.store.ingest import load_own

    sally = look(ctx, make_account(ctx.db, "sally"))
    people_index.rebuild(ctx)
    editing.save_about(ctx, sally, {"location": "Reykjavik"}, NOW)
    assert handles(asked(ctx, location="reyk")) == ["sally"]
    assert not asked(ctx, active=True).cards
    with ctx.db.transaction():
        did(ctx.db, sally.account_id or 0)
        people_index.touch(ctx, {sally.account_id or 0: NOW // 86400}, load_own(ctx.db, [sally.account_id or 0]))
    assert handles(asked(ctx, active=True)) == ["sally"]
    privacy.save_privacy(ctx, sally, {"privacy": "private", "keep_name": "1"}, NOW)
    assert not asked(ctx).cards
    assert not ctx.db.rows("SELECT 1 FROM people")


def test_an_expired_designation_is_none(ctx: Context) -> None:
    for handle, until in (("old", NOW - 1), ("new", NOW + 1), ("ever", None)):
        holds(ctx.db, make_account(ctx.db, handle, full_name=handle), "designation", "d", until=until)
    people_index.rebuild(ctx)
    assert handles(asked(ctx, certified=True)) == ["ever", "new"]
    assert [card.is_certified for card in asked(ctx).cards] == [True, True, False]


def test_a_search_that_many_match_and_one_that_few_match(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk in key order and the word index give one answer."""
    crowd(ctx, 120)
    whole = {q: walk(ctx, q=q) for q in ("ann", "zoe", "town", "004")}
    for steps in ({"WALK": 7}, {"WALK": 7, "FURTHER": 20}, {"WALK": 2, "FURTHER": 2}):
        for name, value in steps.items():
            monkeypatch.setattr(people_search, name, value)
        assert {q: walk(ctx, q=q) for q in whole} == whole
    for q, found in whole.items():
        assert found == truth(ctx, ANONYMOUS, Asked(q=q))


def test_where_few_were_active_the_last_name_is_found_too(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the day, not by a walk to the end of all names; page by page, both ways."""
    crowd(ctx, 60)
    for handle in ("zz-one", "zz-two", "aa-three"):
        did(ctx.db, make_account(ctx.db, handle, full_name=handle))
    did(ctx.db, make_account(ctx.db, "zz-year", full_name="zz-year"), at=NOW - people.YEAR_DAYS * 86_400)
    did(ctx.db, make_account(ctx.db, "zz-past", full_name="zz-past"), at=NOW - (people.YEAR_DAYS + 1) * 86_400)
    people_index.rebuild(ctx)
    whole = truth(ctx, ANONYMOUS, Asked(active=True))
    assert {"zz-one", "zz-two", "aa-three", "zz-year"} <= set(whole)
    assert "zz-past" not in whole
    monkeypatch.setattr(people_search, "WALK", 2)
    monkeypatch.setattr(people_search, "FURTHER", 2)
    monkeypatch.setattr(people, "PAGE", 2)
    assert walk(ctx, active=True) == whole
    assert walk(ctx, active=True, sort="name-down") == whole[::-1]


def test_totals_of_cards_are_those_of_the_pages(ctx: Context) -> None:
    """Level and stones of a group, likes between its accounts taken out (D9)."""
    from tests.services.people import earned, see

    head = make_account(ctx.db, "head", full_name="Head", answers=27, likes_received=12, peer_kudos=1)
    second = make_account(ctx.db, "second", answers=57, likes_received=3)
    link(ctx.db, second, head)
    ctx.db.execute("INSERT INTO pair_counter(receiver_id, giver_id, likes) VALUES (?,?,?)", (head, second, 6))
    people_index.rebuild(ctx)
    card, page = asked(ctx).cards[0], see(ctx, "head")
    assert {(gem.metric, gem.value) for gem in card.gems} == {
        (name, earned(page, name)[-1]) for name in ("answers", "likes_received", "peer_kudos")
    }
    assert page.level is not None
    assert card.level == page.level.number


def test_a_broken_row_shows_nothing_of_it(ctx: Context) -> None:
    """Whatever the index holds, a card is made of what the gate shows now."""
    account = make_account(ctx.db, "sally", full_name="Sally", location="Oslo")
    people_index.rebuild(ctx)
    choose(ctx.db, account, you=["location"])
    assert handles(asked(ctx, q="oslo")) == []
    assert asked(ctx).cards[0].location is None
    ctx.db.execute("UPDATE people SET name = 'Sal', sort_key = 'sal'")
    assert not asked(ctx).cards
    assert load_group_of(ctx.db, account)
    assert make_domain(ctx.db, "home.example")
    assert replace(Asked(), q="x").is_narrowed
