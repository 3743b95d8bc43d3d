"""The pages of a profile: every section alone and whole, no element for what is missing, marks, escaping, headers."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from policies.terms import ANONYMOUS, Viewer
from tests.pages import profile_samples as samples
from webapp.pages import _drawn
from webapp.pages import profile as pages
from webapp.services import views
from webapp.services.app_views import Looker
from webapp.services.credentials import Switch
from webapp.services.light_text import blocks_of
from webapp.services.site_settings import TermsView

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "{{ 7*7 }}",
    "</title><svg onload=alert(1)>",
    'x" data-hx-get="/evil" autofocus onfocus="alert(1)', "\u202egnp.exe", "&lt;b&gt;&amp;", "]]><b>",
)
#: What the gate or a service makes, never what a member types.
MADE = {
    "url", "icon", "handle", "metric", "area", "giver_url", "slug", "first_day", "month", "field", "audience", "kind",
}


@pytest.fixture
def draw(app: Flask) -> Callable[..., HTMLParser]:
    """`draw(template, **views)`: the parsed page as an anonymous visitor gets it."""

    def drawn(template: str, **given: Any) -> HTMLParser:
        with app.test_request_context("/"):
            if template == "profile/page.html":
                given["body"] = _drawn.draw(given["view"])
            return HTMLParser(render_template(template, **given))

    return drawn


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """`shown(view)`: what the services answer for any handle, so that the pages alone are looked at."""

    def answer(view: Any) -> None:
        samples.answer_with(monkeypatch, view)
        for module, name in ((pages.activities, "view_activity"), (pages.all_badges, "view_badges")):
            monkeypatch.setattr(module, name, lambda *args, **more: view)

    return answer


def texts(tree: HTMLParser, selector: str) -> list[str]:
    return [node.text(strip=True) for node in tree.css(selector)]


# What is drawn -------------------------------------------------------------------------------------------------------


def test_a_full_profile_has_every_section_once(draw: Callable[..., HTMLParser]) -> None:
    tree = draw("profile/page.html", view=samples.full(), seen_as=None)
    ids = [node.attributes["id"] for node in tree.css("[id]")]
    assert len(ids) == len(set(ids))
    assert {f"s-{section}" for section in views.SECTIONS} <= set(ids)


@pytest.mark.parametrize("section", views.SECTIONS)
def test_each_section_can_be_drawn_alone(draw: Callable[..., HTMLParser], section: str) -> None:
    alone = draw(f"profile/_{section}.html", view=samples.full())
    whole = draw("profile/page.html", view=samples.full(), seen_as=None)
    selector = f"#s-{section}"
    assert len(alone.css(selector)) == 1
    assert alone.css_first(selector).html.split() == whole.css_first(selector).html.split()


@pytest.mark.parametrize("section", views.SECTIONS)
def test_a_section_that_the_view_lacks_has_no_element(draw: Callable[..., HTMLParser], section: str) -> None:
    kept = frozenset(views.SECTIONS) - {section}
    view = samples.full(sections=kept, work=() if section == "work" else samples.full().work)
    tree = draw("profile/page.html", view=view, seen_as=None)
    assert tree.css_first(f"#s-{section}") is None
    assert all(tree.css_first(f"#s-{other}") for other in kept)


def test_s83_a_hidden_field_has_no_element(draw: Callable[..., HTMLParser]) -> None:
    assert {node.attributes["data-field"] for node in draw("profile/page.html", view=samples.full(), seen_as=None).css(
        "#s-hero [data-field]")} >= {"avatar", "bio", "links", "products", "email", "job_title", "location", "stats"}
    bare = draw("profile/page.html", view=samples.empty(), seen_as=None)
    assert bare.css("[data-field], [data-metric], [data-badge], [data-org], [data-level], [data-activity-kind]") == []
    assert "Hidden" not in bare.body.text()


def test_t56_nothing_of_a_view_is_drawn_that_the_view_does_not_say(draw: Callable[..., HTMLParser]) -> None:
    """Take one value at a time out of the view: no trace of it stays in the page."""
    full = samples.full(bio="canary-bio", description="", products=("canary-product",))
    for field, canary in (("bio", "canary-bio"), ("products", "canary-product"), ("email", "sally@smith.example"),
                          ("links", "sallysmith.example"), ("facts", "Acme Corp"), ("work", "Northwind"),
                          ("designations", "Platform Architect"), ("groups", "Automation Guild"),
                          ("recent", "checklist you can steal")):
        page = draw("profile/page.html", view=full, seen_as=None).html
        assert canary in page
        empty: Any = None if field in ("bio", "email") else ()
        without = dataclasses.replace(full, **{field: empty})
        assert canary not in draw("profile/page.html", view=without, seen_as=None).html


def test_s31_a_private_profile_is_a_name_a_picture_and_one_sentence(draw: Callable[..., HTMLParser]) -> None:
    view = dataclasses.replace(
        samples.full(only_name=True, noindex=True, description="Quinn"), name="Quiet Quinn", handle="quiet")
    tree = draw("profile/page.html", view=view, seen_as=None)
    main = tree.css_first("main")
    words = " ".join(main.text().split())
    assert "Quiet Quinn keeps this profile private." in words
    for given in ("Solutions architect", "84", "Guide", "Certified", "sallysmith", "2019", "Northwind", "Tracker"):
        assert given not in words
    assert main.css("[data-metric], [data-badge], [data-org], [data-level], [data-activity-kind], time") == []
    assert tree.css_first('meta[name="robots"]').attributes["content"] == "noindex"


def test_the_machine_readable_marks_are_those_of_the_interface(draw: Callable[..., HTMLParser]) -> None:
    tree = draw("profile/page.html", view=samples.full(), seen_as=None)
    marks = {node.attributes["data-metric"]: node.attributes["data-value"] for node in tree.css("[data-metric]")}
    assert marks == {"answers": "84", "accepted_solutions": "31", "articles": "12", "likes_received": "312",
                     "courses_completed": "9", "total_posts": "418", "peer_kudos": "36", "kudos_points": "2140"}
    badges = [node.attributes["data-badge"] for node in tree.css("[data-badge]")]
    assert badges[:5] == ["answers:1", "answers:10", "answers:25", "answers:50", "answers:75"]
    assert "answers:100" not in badges
    assert [node.attributes["data-level"] for node in tree.css("[data-level]")] == ["7"]
    block = tree.css_first('[data-org="northwind"]')
    assert [node.attributes["data-field"] for node in block.css("[data-field]")] == ["job_title", "department"]
    assert [node.attributes["data-activity-kind"] for node in tree.css("[data-activity-kind]")] == [
        "accepted_solution", "course_completed", "event_attended", "article"]


def test_s20_the_designation_comes_right_after_the_head(draw: Callable[..., HTMLParser]) -> None:
    tree = draw("profile/page.html", view=samples.full(), seen_as=None)
    order = [node.attributes["id"] for node in tree.css("[id^=s-]")]
    assert order[order.index("s-stats") + 1] == "s-designation"


def test_an_outsider_sees_nothing_where_there_is_nothing(draw: Callable[..., HTMLParser]) -> None:
    tree = draw("profile/page.html", view=samples.empty(), seen_as=None)
    assert [node.attributes["id"] for node in tree.css("[id^=s-]")] == ["s-hero"]


def test_an_owner_with_nothing_sees_how_to_begin(draw: Callable[..., HTMLParser]) -> None:
    tree = draw("profile/page.html", view=samples.empty(owner=samples.owner()), seen_as=None)
    assert "1 answer" in tree.css_first("#s-milestones").text()
    links = [node.attributes["href"] for node in tree.css("a[data-hx-get]")]
    assert links == ["/u/nova/about/edit", "/u/nova/find-me/edit", "/u/nova/products/edit"]
    assert links == [node.attributes["data-hx-get"] for node in tree.css("a[data-hx-get]")]


def test_only_the_owner_sees_controls_and_audiences(draw: Callable[..., HTMLParser]) -> None:
    assert draw("profile/page.html", view=samples.full(), seen_as=None).css(".aud, [data-hx-get]") == []
    own = draw("profile/page.html", view=samples.full(owner=samples.owner()), seen_as=None)
    assert "Seen by: Anyone" in texts(own, ".aud title")


def test_t54_a_giver_without_a_name_is_a_member(draw: Callable[..., HTMLParser]) -> None:
    nameless = draw("profile/_kudos.html", view=samples.full()).css("figure")[1]
    assert "A member" in nameless.text()
    assert nameless.css("a, .avatar, img") == []


def test_t75_links_of_members_say_what_they_are(draw: Callable[..., HTMLParser]) -> None:
    tree = draw("profile/page.html", view=samples.full(), seen_as=None)
    outside = [node for node in tree.css("a[href]") if not (node.attributes["href"] or "").startswith(("/", "#"))]
    assert outside
    for node in outside:
        assert node.attributes["rel"] == "nofollow ugc noopener"


def test_dates_are_never_relative_and_machine_readable(draw: Callable[..., HTMLParser]) -> None:
    tree = draw("profile/page.html", view=samples.full(), seen_as=None)
    assert tree.css("time[datetime]")
    for node in tree.css("time"):
        assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", node.attributes["datetime"] or "")
    assert "ago" not in tree.css_first("main").text().split()


# Escaping ------------------------------------------------------------------------------------------------------------


def poisoned(value: Any, text: str) -> Any:
    """The view with every text that a member or a source wrote replaced."""
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(poisoned(item, text) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{
            spec.name: poisoned(getattr(value, spec.name), text)
            for spec in dataclasses.fields(value) if spec.name not in MADE and spec.name != "owner"})
    return value


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("template", "name", "sample"), [
    ("profile/page.html", "view", samples.full), ("activity/page.html", "page", samples.activity),
    ("badges/page.html", "page", samples.badges)])
def test_t74_text_of_people_is_inert(
    draw: Callable[..., HTMLParser], template: str, name: str, sample: Callable[..., Any], text: str
) -> None:
    switch = Switch("forum-helper", "First helper", True, "/u/sally/badges/forum-helper/credential")
    clean = draw(template, **{name: sample(), "seen_as": None, "switches": (switch,)})
    hostile = dataclasses.replace(switch, title=text)
    tree = draw(template, **{name: poisoned(sample(), text), "seen_as": None, "switches": (hostile,)})
    assert len(tree.css("script")) == len(clean.css("script")) == 2
    assert len(tree.css("img")) <= len(clean.css("img"))
    for node in tree.css("*"):
        assert not [key for key in node.attributes if key.startswith("on") or key == "autofocus" or key == "style"]
        assert node.attributes.get("data-hx-get") != "/evil"
    assert "49" not in tree.css_first("h1").text()


def test_no_page_has_an_inline_script_or_style(draw: Callable[..., HTMLParser]) -> None:
    for template, given in (("profile/page.html", {"view": samples.full(owner=samples.owner()), "seen_as": None}),
                            ("activity/page.html", {"page": samples.activity()}),
                            ("badges/page.html", {"page": samples.badges(), "switches": ()}),
                            ("home/page.html", {}), ("legal/privacy.html", {}),
                            ("legal/terms.html", {"terms": TermsView("1", blocks_of("# One\n\n- [two](/people)"))}),
                            ("errors/error.html", {"code": 404, "title": "Nothing", "text": "Here."})):
        tree = draw(template, **given)
        assert all(node.attributes.get("src") and not node.text(strip=True) for node in tree.css("script"))
        assert tree.css("style, [style], [onclick], [onload], [hx-get], [hx-post]") == []
        assert "data:" not in tree.html.replace("data-", "")


# Answers -------------------------------------------------------------------------------------------------------------


def test_a_section_is_a_fragment_under_htmx_and_a_page_without(
    client: FlaskClient, shown: Callable[[Any], None]
) -> None:
    shown(samples.full())
    fragment = client.get("/u/sally/stats", headers={"HX-Request": "true"})
    page = client.get("/u/sally/stats")
    assert fragment.text.lstrip().startswith('<dl class="stats"')
    assert "<!doctype html>" in page.text
    assert "s-milestones" in page.text
    for response in (fragment, page):
        assert {"HX-Request", "Cookie"} <= set(response.headers["Vary"].replace(",", " ").split())


@pytest.mark.parametrize("path", ["/u/sally/nonsense", "/u/sally/hero", "/u/sally/_stats", "/u/sally/page"])
def test_an_unknown_section_is_not_found(client: FlaskClient, shown: Callable[[Any], None], path: str) -> None:
    shown(samples.full())
    assert client.get(path).status_code == 404
    assert client.get(path, headers={"HX-Request": "true"}).status_code == 404


def test_d2_a_hidden_section_answers_as_a_handle_nobody_has(client: FlaskClient, shown: Callable[[Any], None]) -> None:
    shown(samples.full(sections=frozenset({"about"})))
    hidden = client.get("/u/sally/stats", headers={"HX-Request": "true"})
    shown(None)
    unknown = client.get("/u/sally/stats", headers={"HX-Request": "true"})
    assert (hidden.status_code, hidden.data) == (unknown.status_code, unknown.data)
    assert hidden.status_code == 404


@pytest.mark.parametrize("rest", ["", "/activity", "/badges", "/about"])
def test_d20_an_old_handle_redirects_and_is_stored_nowhere(
    client: FlaskClient, shown: Callable[[Any], None], rest: str
) -> None:
    shown(views.Moved("sally"))
    response = client.get(f"/u/before{rest}")
    assert response.status_code == 302
    assert response.headers["Location"] == f"/u/sally{rest}"
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("rest", ["", "/activity", "/badges", "/about"])
def test_d2_nothing_to_show_is_the_same_404_everywhere(
    client: FlaskClient, shown: Callable[[Any], None], rest: str
) -> None:
    shown(None)
    one, other = client.get(f"/u/hidden{rest}"), client.get("/u/nobody/badges")
    assert one.status_code == 404
    assert one.data == other.data


def test_t59_an_anonymous_page_is_asked_for_again_by_the_hash_of_its_bytes(
    client: FlaskClient, shown: Callable[[Any], None]
) -> None:
    shown(samples.full())
    first = client.get("/u/sally")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = client.get("/u/sally", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    shown(samples.full(bio="Another"))
    assert client.get("/u/sally", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_s18_activity_is_a_page_a_list_and_more_rows(client: FlaskClient, shown: Callable[[Any], None]) -> None:
    shown(samples.activity())
    htmx = {"HX-Request": "true"}
    whole = HTMLParser(client.get("/u/sally/activity?source=forum").text)
    assert whole.css_first("title").text() == "Activity of Sally Smith · Vitrine"
    more = whole.css_first("#more a")
    assert more.attributes["href"] == more.attributes["data-hx-get"] == "/u/sally/activity?cursor=c2"
    listed = client.get("/u/sally/activity", headers=htmx).text
    assert listed.lstrip().startswith('<section class="pane" id="s-activity"')
    rows = client.get("/u/sally/activity?cursor=c2", headers=htmx).text
    assert rows.lstrip().startswith("<li data-activity-kind=")
    assert rows.count("data-activity-kind") == 4


def test_filters_keep_each_other_and_mark_what_is_chosen(draw: Callable[..., HTMLParser]) -> None:
    tree = draw("activity/page.html", page=samples.activity(source="forum", kind="answer"))
    assert texts(tree, "[aria-current=true]") == ["Forums", "Answers"]
    assert "/u/sally/activity?source=learning&kind=answer" in [node.attributes["href"] for node in tree.css("a.chip")]


# View as -------------------------------------------------------------------------------------------------------------


def test_d15_the_owner_looks_as_somebody_else(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Viewer] = []

    def view_as(ctx: Any, viewer: Any, looker: Looker, handle: str, now: int) -> Any:
        asked.append(looker.kind)
        return samples.empty(handle="sally", name="Sally")

    samples.answer_with(monkeypatch, samples.full(owner=samples.owner()))
    monkeypatch.setattr(pages.connected, "view_as", view_as)
    client = app.test_client()
    own = HTMLParser(client.get("/u/sally").text)
    assert texts(own, ".viewbar a[aria-current]") == ["Only you"]
    seen = HTMLParser(client.get("/u/sally?as=anyone").text)
    assert texts(seen, ".viewbar a[aria-current]") == ["Anyone"]
    assert seen.css_first("#s-stats") is None
    assert asked == [ANONYMOUS]


def test_d15_nobody_else_can_choose_whom_to_look_as(client: FlaskClient, shown: Callable[[Any], None]) -> None:
    shown(samples.full())
    assert client.get("/u/sally?as=anyone").data == client.get("/u/sally").data


# Front and errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/terms", "/privacy"])
def test_the_front_pages_are_there(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert "<h1>" in response.text


def test_t60_an_error_page_tells_nothing_of_what_was_asked(client: FlaskClient) -> None:
    page = client.get("/canary-of-the-address").text
    assert "canary-of-the-address" not in page
    assert 'data-error="404"' in page
