"""The Stack Exchange reader: what a dump's rows become, and what stops it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from plugins import stackexchange
from plugins.stackexchange import COMMUNITY, DELETED, UNKNOWN_POST, plain_text, read
from policies.errors import ImportRefused
from policies.manager import PolicyManager
from policies.terms import ActivityKind, Event, Person, Skipped
from tests import dumps

SITE = "small.example"


def events(folder: Path) -> dict[str, Event]:
    return {item.external_id: item for item in read(folder, SITE) if isinstance(item, Event)}


def test_the_plugin_brings_one_source_that_can_be_read() -> None:
    manager = PolicyManager([("stackexchange", stackexchange)])
    assert [(info.name, info.area) for info in manager.sources()] == [("stackexchange", "forum")]
    assert manager.sources()[0].read is read


def test_people_have_the_fields_of_their_row(tmp_path: Path) -> None:
    row = dumps.user(
        7, "Zoë", AccountId=99, Location="Lisbon", WebsiteUrl="https://zoe.example", AboutMe="<p>Hi &amp; <b>you</b>"
    )
    folder = dumps.write_small(tmp_path, Users=[row])
    person = next(item for item in read(folder, SITE) if isinstance(item, Person))
    assert person == Person(
        actor="7", name="Zoë", bio="Hi & you", location="Lisbon", website="https://zoe.example", joined_at=1296705906,
        network="99",
    )


def test_each_row_becomes_its_event(tmp_path: Path) -> None:
    found = events(dumps.write_small(tmp_path))
    assert {name: (event.kind.value, event.actor) for name, event in found.items()} == {
        "post:10": ("question", "1"), "post:11": ("answer", "2"), "post:12": ("answer", "1"),
        "vote:1": ("like_received", "1"), "vote:2": ("like_received", "2"), "accepted:11": ("accepted_solution", "2"),
        "comment:1": ("comment", "1"), "comment:2": ("comment", "5"),
        "badge:1": ("badge", "2"), "badge:2": ("badge", "2"), "badge:3": ("badge", "1"),
    }  # fmt: skip


def test_answers_are_called_by_their_question_and_have_their_own_address(tmp_path: Path) -> None:
    found = events(dumps.write_small(tmp_path))
    assert (found["post:10"].title, found["post:10"].url) == ("Why is it so?", "https://small.example/questions/10")
    assert (found["post:11"].title, found["post:11"].url) == ("Why is it so?", "https://small.example/a/11")
    assert found["accepted:11"].title == "Why is it so?"
    assert found["comment:1"].url == "https://small.example/a/11#comment1_11"


def test_an_accepted_solution_has_the_date_of_its_vote_else_that_of_the_answer(tmp_path: Path) -> None:
    with_votes = events(dumps.write_small(tmp_path / "a"))["accepted:11"]
    without = events(dumps.write_small(tmp_path / "b", Votes=[]))["accepted:11"]
    assert (with_votes.occurred_at, without.occurred_at) == (1325548800, 1325462400)


def test_the_community_user_and_deleted_users_are_skipped_and_counted(tmp_path: Path) -> None:
    skipped = [item.why for item in read(dumps.write_small(tmp_path), SITE) if isinstance(item, Skipped)]
    # Community: its user row and answer 15. Deleted: question 14 and its vote, comment 3. Unknown: votes on 13 and 99.
    assert (skipped.count(COMMUNITY), skipped.count(DELETED), skipped.count(UNKNOWN_POST)) == (2, 3, 2)


def test_people_come_first_and_in_the_order_of_their_ids(tmp_path: Path) -> None:
    folder = dumps.write_small(tmp_path, Users=[dumps.user(5), dumps.user(1), dumps.user(2)])
    items = [item for item in read(folder, SITE) if not isinstance(item, Skipped)]
    assert [item.actor for item in items[:3] if isinstance(item, Person)] == ["1", "2", "5"]
    assert all(isinstance(item, Event) for item in items[3:])


def test_votes_badges_and_comments_may_be_missing(tmp_path: Path) -> None:
    folder = dumps.write_small(tmp_path, Votes=[], Badges=[], Comments=[])
    assert {event.kind for event in events(folder).values()} == {
        ActivityKind.QUESTION, ActivityKind.ANSWER, ActivityKind.ACCEPTED_SOLUTION
    }  # fmt: skip


@pytest.mark.parametrize("name", ["Users", "Posts"])
def test_users_and_posts_are_needed(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportRefused, match=f"holds no {name}.xml"):
        list(read(dumps.write_small(tmp_path, **{name: []}), SITE))


@pytest.mark.parametrize("name", dumps.FILES)
def test_a_truncated_file_is_refused_with_file_and_line(tmp_path: Path, name: str) -> None:
    folder = dumps.write_small(tmp_path)
    path = folder / f"{name}.xml"
    whole = path.read_text("utf-8")
    path.write_text(whole[: whole.rindex("<row") + 8], "utf-8")
    with pytest.raises(ImportRefused) as refused:
        list(read(folder, SITE))
    last = len(whole.splitlines()) - 1
    assert (refused.value.file, refused.value.line) == (f"{name}.xml", last)
    assert refused.value.problem.startswith(f"{name}.xml, line {last}: the XML is broken or cut short")


@pytest.mark.parametrize(
    ("name", "row", "what"),
    [
        ("Users", {"Id": "x", "CreationDate": "2012-01-01"}, "no number in Id"),
        ("Users", {"Id": 1, "CreationDate": "yesterday"}, "no time in CreationDate"),
        ("Posts", {"PostTypeId": 1, "CreationDate": "2012-01-01"}, "no Id"),
        ("Posts", {"Id": 1, "PostTypeId": 2, "CreationDate": "2012-01-01"}, "no ParentId"),
        ("Votes", {"Id": 1, "VoteTypeId": 2}, "no PostId"),
    ],
)
def test_a_senseless_row_is_refused_with_file_and_line(
    tmp_path: Path, name: str, row: dict[str, object], what: str
) -> None:
    folder = dumps.write_small(tmp_path, **{name: [row]})
    with pytest.raises(ImportRefused, match=f"{name}.xml, line 3: a row has {what}"):
        list(read(folder, SITE))


def test_an_entity_bomb_is_refused(tmp_path: Path) -> None:
    folder = dumps.write_small(tmp_path)
    bomb = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 9))
    row = '<row Id="1" CreationDate="2012-01-01" DisplayName="&b8;"/>'
    text = f'<?xml version="1.0"?>\n<!DOCTYPE users [<!ENTITY b0 "ha">{bomb}]>\n<users>{row}</users>'
    (folder / "Users.xml").write_text(text)
    with pytest.raises(ImportRefused, match="defines XML entities"):
        list(read(folder, SITE))


def test_an_outside_entity_is_refused(tmp_path: Path) -> None:
    folder = dumps.write_small(tmp_path)
    (folder / "Users.xml").write_text('<!DOCTYPE users [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<users>&x;</users>')
    with pytest.raises(ImportRefused, match="defines XML entities"):
        list(read(folder, SITE))


@pytest.mark.parametrize("site", ["", "a b", "x/y", "https://x.example", "x.example:80"])
def test_the_site_is_a_host_name(tmp_path: Path, site: str) -> None:
    with pytest.raises(ImportRefused, match="is not a host name"):
        list(read(dumps.write_small(tmp_path), site))


def test_rows_are_streamed(tmp_path: Path) -> None:
    folder = dumps.write_small(tmp_path, Votes=[dumps.vote(n, 10) for n in range(60_000)])
    size = (folder / "Votes.xml").stat().st_size
    tracemalloc.start()
    assert sum(1 for _ in read(folder, SITE)) > 60_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 4


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("<p>one</p>\n\n<p>two<br>three</p>", "one\n\ntwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("x<script>alert(1)</script><style>p{}</style>y", "xy"),
        ('<a href="https://x.example" onclick="x()">there</a>', "there"),
        ("<p>unclosed <b>tag", "unclosed tag"),
        ("", ""),
        ("<", "<"),
    ],
)
def test_a_bio_is_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text
