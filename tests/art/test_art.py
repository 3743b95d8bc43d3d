"""The artwork: the same drawing everywhere, valid XML, nothing unescaped, nothing that a strict CSP would refuse."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from webapp.art import gems, glass, heatmap, rosettes, tiles
from webapp.art.colour import STONES, WHEEL, hue, oklch

LADDER = (1, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10000)
HOSTILE = '"><script>alert(1)</script>&'
WEEKS = tuple(tuple(None if week == 52 and day > 2 else (week * day) % 13 for day in range(7)) for week in range(53))


def everything() -> list[str]:
    drawn = [gems.gem("answers", tier, value) for tier, value in enumerate(LADDER)]
    drawn += [gems.next_gem("articles", tier, value, value // 2) for tier, value in enumerate(LADDER)]
    drawn += [gems.gem("plugin:bugs", 3, 50, label="50 bugs"), gems.gem("plugin:bugs", 3, 50, mini=True)]
    drawn += [rosettes.rosette("a"), rosettes.rosette("a", "AB"), rosettes.rosette("a", brass=True), tiles.tile("c")]
    drawn += [glass.banner("deadbeef"), glass.banner("deadbeef", dark=True), glass.stage(), glass.stage(dark=True)]
    return [*drawn, heatmap.heatmap(WEEKS, "2024-05-20")]


def test_every_drawing_is_valid_xml_without_styles_scripts_or_outside_addresses() -> None:
    for svg in everything():
        root = ET.fromstring(svg)
        for element in root.iter():
            assert not element.tag.endswith(("script", "style", "foreignObject", "image"))
            assert "style" not in element.attrib
            assert not any(name.startswith("on") for name in element.attrib)
        assert "data:" not in svg
        assert svg.count("http") == svg.count("http://www.w3.org/2000/svg")


def test_the_same_badge_is_the_same_stone_in_another_process() -> None:
    code = ("import sys; from webapp.art import gems, tiles, rosettes, glass; sys.stdout.write("
            "gems.gem('x', 4, 75) + tiles.tile('t') + rosettes.rosette('r', 'A') + glass.banner('00000001'))")
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    here = gems.gem("x", 4, 75) + tiles.tile("t") + rosettes.rosette("r", "A") + glass.banner("00000001")
    assert hashlib.sha256(there.encode()).digest() == hashlib.sha256(here.encode()).digest()


def test_s69_the_ladder_has_a_cut_for_each_of_its_twelve_tiers() -> None:
    assert len(gems.CUT) == len(LADDER)
    assert len({gems.gem("answers", tier, value) for tier, value in enumerate(LADDER)}) == 12


def test_every_core_metric_of_the_ladder_has_its_own_stone_and_any_other_rule_gets_one() -> None:
    metrics = ("answers", "accepted_solutions", "articles", "likes_received", "courses_completed", "peer_kudos")
    assert set(STONES) == set(metrics)
    assert len({hue(metric) for metric in metrics}) == 6
    assert hue("plugin:bugs") in WHEEL


@pytest.mark.parametrize("value", [HOSTILE, "a b'c", "</svg>"])
def test_t74_text_in_a_drawing_is_escaped(value: str) -> None:
    for svg in (gems.gem(value, 1, 10, label=value), gems.next_gem(value, 1, 10, 4, uid=value, label=value),
                rosettes.rosette(value, value[:2]), tiles.tile(value)):
        ET.fromstring(svg)
        assert "<script" not in svg


def test_clip_paths_of_two_shelves_have_different_ids() -> None:
    one, other = gems.next_gem("answers", 5, 100, 84), gems.next_gem("articles", 5, 100, 84)
    ids = {ET.fromstring(svg).find("clipPath").get("id") for svg in (one, other)}  # type: ignore[union-attr]
    assert len(ids) == 2


def test_the_next_stone_fills_with_what_is_there() -> None:
    levels = [gems.next_gem("answers", 5, 100, have) for have in (0, 30, 84, 100, 250)]
    assert "clipPath" not in levels[0]
    assert len(set(levels[:4])) == 4
    assert levels[3] == levels[4]


def test_a_banner_says_nothing_but_the_handle() -> None:
    seed = glass.banner_seed("sally")
    assert len(seed) == 8
    assert seed == glass.banner_seed("sally") != glass.banner_seed("ravi")
    assert "sally" not in glass.banner(seed)


def test_g13_drawings_are_small() -> None:
    assert len(gzip.compress(glass.banner("deadbeef").encode())) < 4096
    assert len(gzip.compress(heatmap.heatmap(WEEKS, "2024-05-20").encode())) < 2048


def test_the_heatmap_draws_each_day_once_and_leaves_out_days_outside_the_range() -> None:
    svg = heatmap.heatmap(WEEKS, "2024-05-20")
    assert svg.count("h6v6h-6z") == 53 * 7 - 4
    assert [f'class="h{level}"' in svg for level in range(5)] == [True] * 5
    assert ">Jun<" in svg


@pytest.mark.parametrize(
    ("count", "level"), [(0, 0), (1, 1), (2, 1), (3, 2), (5, 2), (6, 3), (9, 3), (10, 4), (9999, 4)])
def test_a_day_has_the_level_of_its_count(count: int, level: int) -> None:
    assert f'class="h{level}"' in heatmap.heatmap(((count,),), "2024-05-20")


def test_colours_stay_inside_srgb() -> None:
    assert oklch(1.2, 0.4, 30) == "#ffffff"
    assert oklch(0.5, 0, 0) == oklch(0.5, 0, 90)


def test_initials_are_letters_and_at_most_two() -> None:
    assert rosettes.initials("Automation Specialist, level 2") == "AS"
    assert rosettes.initials("ß x") == "SS"[:2]
    assert rosettes.initials("123") == ""
    assert rosettes.initials("مهندس حلول") == "مح"
