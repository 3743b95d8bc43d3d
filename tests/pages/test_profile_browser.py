"""The profile in a real browser: nothing refused by the policy, nothing overflowing, no accessibility finding."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.browser.helpers import violations
from tests.pages import profile_samples as samples


@pytest.fixture
def profile_url(live_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    view = samples.full(avatar=samples.views.AvatarView("S"))
    samples.answer_with(monkeypatch, view)
    return f"{live_server}/u/sally"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_t81_the_profile_breaks_no_policy_fits_the_screen_and_is_accessible(
    browser: Any, profile_url: str, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=False)
    page = context.new_page()
    complaints: list[str] = []
    answers: list[tuple[int, str]] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda response: answers.append((response.status, response.url)))
    page.goto(profile_url)
    page.wait_for_load_state("networkidle")
    assert complaints == []
    assert [answer for answer in answers if answer[0] != 200] == []
    assert len(answers) <= 8, answers     # G13
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("typeof htmx") == "object"
    context.close()

    checked = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = checked.new_page()
    page.goto(profile_url)
    assert violations(page) == []
    checked.close()


def test_s20_the_designation_stands_on_the_right_and_on_a_phone_after_the_head(browser: Any, profile_url: str) -> None:
    for width, is_beside in ((1280, True), (390, False)):
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.goto(profile_url)
        plaque = page.locator("#s-designation").bounding_box()
        case, head = page.locator("#s-milestones").bounding_box(), page.locator("#s-hero").bounding_box()
        assert (plaque["x"] > case["x"] + case["width"]) is is_beside
        assert head["y"] + head["height"] <= plaque["y"]
        if not is_beside:
            assert plaque["y"] + plaque["height"] <= case["y"]
        context.close()


def test_escape_closes_the_menu_and_gives_the_focus_back(browser_page: Any, profile_url: str) -> None:
    browser_page.goto(profile_url)
    browser_page.evaluate("""() => {
        const menu = document.createElement("details");
        menu.className = "menu"; menu.open = true;
        menu.append(document.createElement("summary"));
        document.body.append(menu);
    }""")
    browser_page.keyboard.press("Escape")
    assert browser_page.locator("details.menu[open]").count() == 0


def test_the_clock_of_a_members_place_is_the_browsers_work(browser: Any, profile_url: str) -> None:
    """The page says the zone: without scripts that stays, and so does a zone that the browser does not know."""
    moment = datetime.datetime(2026, 7, 1, 13, 32, tzinfo=datetime.UTC)
    context = browser.new_context(bypass_csp=False)
    page = context.new_page()
    page.clock.set_fixed_time(moment)
    page.goto(profile_url)
    place = page.locator("#s-about [data-field=timezone] dd span").first
    assert (place.inner_text(), place.get_attribute("title")) == ("14:32 local time", "Europe/Lisbon")
    page.emulate_media(media="print")       # paper has no clock
    assert page.evaluate("""() => {
        const place = document.querySelector("#s-about [data-zone]");
        return [getComputedStyle(place).fontSize, getComputedStyle(place, "::after").content];
    }""") == ["0px", '"Europe/Lisbon"']
    page.emulate_media(media="screen")
    page.clock.set_fixed_time(moment + datetime.timedelta(hours=8, minutes=33))
    page.evaluate("document.body.dispatchEvent(new CustomEvent('htmx:afterSettle', {bubbles: true}))")
    assert place.inner_text() == "23:05 local time"
    page.evaluate("""() => {
        const place = document.querySelector("[data-zone]");
        place.title = place.textContent = "Atlantis/Centre";
        document.body.dispatchEvent(new CustomEvent("htmx:afterSettle", {bubbles: true}));
    }""")
    assert place.inner_text() == "Atlantis/Centre"
    context.close()

    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto(profile_url)
    assert page.locator("#s-about [data-field=timezone] dd").inner_text().strip() == "Europe/Lisbon"
    plain.close()


def test_g13_a_first_visit_is_light(browser: Any, profile_url: str) -> None:
    """45 KB over the wire with the heads of answers: page, style, scripts, icons, banner; pictures of people apart."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    urls: dict[str, str] = {}
    weights: dict[str, int] = {}
    network.on("Network.responseReceived", lambda event: urls.update({event["requestId"]: event["response"]["url"]}))
    network.on("Network.loadingFinished", lambda event: weights.update({
        urls[event["requestId"]]: event["encodedDataLength"]}))
    page.goto(profile_url)
    page.wait_for_load_state("networkidle")
    context.close()
    weighed = {url: weight for url, weight in weights.items() if "/avatar/" not in url}
    assert len(weighed) == 7, weighed
    assert sum(weighed.values()) <= 45_000, weighed
