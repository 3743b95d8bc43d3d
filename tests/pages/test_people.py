"""The directory as pages: whole without JavaScript, parts under htmx, wording, robots, caches. Not what is found."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import NOW
from tests.factories import make_account
from tests.services.people import choose
from webapp.services import people, people_index


def _crowd(app: Flask, count: int) -> None:
    ctx = app.extensions["vitrine"]
    with ctx.db.transaction():
        for number in range(count):
            make_account(ctx.db, f"m{number}", full_name=f"Member {number:03}", location="Oslo")
    people_index.rebuild(ctx)


def _cards(answer: Any) -> list[str]:
    return re.findall(r'data-person="([^"]+)"', answer.get_data(as_text=True))


def test_every_page_is_reached_by_plain_links(app: Flask, client: FlaskClient) -> None:
    _crowd(app, people.PAGE + 7)
    found, url = [], "/people?q=oslo"
    while url:
        answer = client.get(url)
        assert answer.status_code == 200
        found += _cards(answer)
        more = re.search(r'<a class="btn" href="(/people[^"]+)"', answer.get_data(as_text=True))
        url = more[1].replace("&amp;", "&") if more else ""
    assert found == [f"m{number}" for number in range(people.PAGE + 7)]


def test_under_htmx_come_the_results_and_with_a_cursor_the_next_cards(app: Flask, client: FlaskClient) -> None:
    _crowd(app, people.PAGE + 1)
    results = client.get("/people", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert results.startswith('<section id="results"')
    more = re.search(r'data-hx-get="([^"]+)"', results)
    assert more
    cards = client.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).get_data(as_text=True)
    assert re.findall(r'data-person="([^"]+)"', cards) == [f"m{people.PAGE}"]
    assert "<section" not in cards


def test_t50_no_number_of_matches_is_told(app: Flask, client: FlaskClient) -> None:
    _crowd(app, 7)
    text = client.get("/people").get_data(as_text=True)
    assert not re.search(r"\b7 (people|members|results|matches)", text)


def test_nothing_found_is_said_kindly_and_what_was_typed_stays(client: FlaskClient) -> None:
    text = client.get('/people?q=<b>"x&certified=1').get_data(as_text=True)
    assert "Nobody here matches that, as far as you can see." in text
    assert 'value="&lt;b&gt;&#34;x"' in text
    assert re.search(r'name="certified" value="1" checked', text)
    assert "Nobody is listed here yet." in client.get("/people").get_data(as_text=True)


def test_search_engines_are_sent_to_the_profiles_not_here(client: FlaskClient) -> None:
    """Members who are not to be found by search engines stand in the directory too."""
    assert '<meta name="robots" content="noindex">' in client.get("/people").get_data(as_text=True)


def test_t47_an_unknown_parameter_changes_nothing(app: Flask, client: FlaskClient) -> None:
    _crowd(app, 5)
    whole = client.get("/people").data
    for query in ("sort=email", "sort=-updated", "page=2", "per_page=1", "ids=1", "mine=1", "fields=email"):
        assert client.get(f"/people?{query}").data == whole, query


def test_the_last_name_first_page_by_page_and_a_place_is_of_one_order_only(app: Flask, client: FlaskClient) -> None:
    _crowd(app, people.PAGE + 7)
    first = client.get("/people?sort=name-down")
    assert re.search(r'<option value="name-down" selected>', first.get_data(as_text=True))
    more = re.search(r'<a class="btn" href="(/people[^"]+)"', first.get_data(as_text=True))
    assert more
    url = more[1].replace("&amp;", "&")
    assert "sort=name-down" in url
    found = _cards(first) + _cards(client.get(url))
    assert found == [f"m{number}" for number in reversed(range(people.PAGE + 7))]
    other = client.get(url.replace("sort=name-down&", ""))
    assert _cards(other) == [f"m{number}" for number in range(people.PAGE)]


def test_every_order_goes_on_by_plain_links_and_says_what_it_is(app: Flask, client: FlaskClient) -> None:
    """Without JavaScript: the chosen order stays chosen, in the next page's address too, and is named in words."""
    ctx = app.extensions["vitrine"]
    with ctx.db.transaction():
        for number in range(people.PAGE + 7):
            make_account(ctx.db, f"m{number}", answers=number, member_since=86_400 * (100 + number % 90))
    people_index.rebuild(ctx)
    for sort, words in (("helpful", "By kudos points, the most first"), ("newest", "By the day of joining")):
        first = client.get(f"/people?sort={sort}&q=home")
        assert not _cards(first)
        first = client.get(f"/people?sort={sort}")
        text = first.get_data(as_text=True)
        assert words in text
        assert re.search(f'<option value="{sort}" selected>', text)
        more = re.search(r'<a class="btn" href="(/people[^"]+)"', text)
        assert more
        url = more[1].replace("&amp;", "&")
        assert f"sort={sort}" in url
        assert _cards(first) + _cards(client.get(url)) == [f"m{number}" for number in reversed(range(people.PAGE + 7))]
        assert _cards(client.get(url.replace(f"sort={sort}", "sort=name-down"))) == _cards(
            client.get("/people?sort=name-down"))


def test_a_card_tells_what_time_it_is_where_the_time_zone_is_shown(app: Flask, client: FlaskClient) -> None:
    ctx = app.extensions["vitrine"]
    for handle, zone in (("lis", "Europe/Lisbon"), ("tok", "Asia/Tokyo"), ("odd", "../etc/passwd"), ("none", "")):
        make_account(ctx.db, handle, timezone=zone)
    choose(ctx.db, make_account(ctx.db, "shy", timezone="Asia/Kolkata"), you=["timezone"])
    people_index.rebuild(ctx)
    app.config["CLOCK"] = lambda: NOW
    text = client.get("/people").get_data(as_text=True)
    assert re.findall(r'data-field="timezone">.*?<span>([^<]+)</span>', text) == ["16:06 there", "00:06 there"]
