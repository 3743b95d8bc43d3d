"""Cleaning what people type: T74, T75, T82 and the lengths of S4-S9."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.errors import Invalid
from webapp.services import links, texts


def refusal(call, *arguments) -> str:
    with pytest.raises(Invalid) as caught:
        call("f", *arguments)
    assert list(caught.value.errors) == ["f"]
    return caught.value.errors["f"]


# Text -------------------------------------------------------------------------------------------------------------


def test_bio_of_2000_characters_is_kept_and_64_more_are_counted():
    assert texts.bio("f", "é" * 2000) == "é" * 2000
    assert refusal(texts.bio, "x" * 2064) == "Your bio is a little long. Take out 64 characters."
    assert refusal(texts.bio, "x" * 2001) == "Your bio is a little long. Take out 1 character."


def test_bio_keeps_its_lines_and_loses_carriage_returns():
    assert texts.bio("f", " one\r\ntwo \r\n\r\nthree\n") == "one\ntwo\n\nthree"


def test_t82_long_name_is_refused_with_its_length():
    assert refusal(texts.person_name, "x" * 10_000) == "Your name is a little long. Take out 9,920 characters."
    assert "49,920" in refusal(texts.person_name, "x" * 50_000)


@pytest.mark.parametrize("hidden", [
    "\u202e", "\u202a", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\u200b", "\u200c", "\u200d", "\u2060",
    "\ufeff", "\u00ad", "\u3164", "\u2800", "\u034f", "\x00", "\x07", "\x1b", "\x7f", "\ue000", "\ud800", "\U000e0041",
    "\ufffe",
])
@pytest.mark.parametrize("clean", [texts.person_name, texts.company, texts.bio, texts.products])
def test_t82_controls_bidi_and_zero_width_are_refused(clean, hidden):
    assert "invisible character after “Sal”" in refusal(clean, f"My Sal{hidden}ly")


def test_t82_joiners_are_taken_where_a_script_or_an_emoji_needs_them():
    assert texts.person_name("f", "می\u200cخواهم") == "می\u200cخواهم"
    assert texts.bio("f", "I am a 👩\u200d💻 and a 🏳️\u200d🌈") == "I am a 👩\u200d💻 and a 🏳️\u200d🌈"


def test_t82_names_are_compatibility_normalised():
    assert texts.person_name("f", "Ａｎｎ  Ⅳ") == "Ann IV"


@pytest.mark.parametrize("blank", ["\u3164", "---", "👍", "\u2800"])
def test_t82_blank_names_are_refused(blank):
    assert refusal(texts.person_name, blank)


def test_t82_stacked_marks_are_refused():
    assert "too many marks" in refusal(texts.person_name, "Z" + "\u0337" * 30)


@pytest.mark.parametrize("mark", "✓✔☑✅")
def test_t82_verified_mark_cannot_be_typed(mark):
    assert "check mark" in refusal(texts.person_name, f"Acme {mark}")
    assert "check mark" in refusal(texts.company, f"Acme {mark}")


def test_t82_mixed_script_names_are_flagged():
    assert texts.is_mixed_script("Аnn Smith")   # the first letter is Cyrillic
    assert not texts.is_mixed_script("Анна Смит")
    assert not texts.is_mixed_script("Zoë Smith")


def test_t6_name_that_looks_like_an_email_is_refused():
    assert "e-mail address" in refusal(texts.person_name, "sally@example.com")
    assert "e-mail address" in refusal(texts.person_name, "sally＠example．com")


def test_name_is_required_where_it_must_not_be_empty():
    assert texts.person_name("f", "  ") == ""
    with pytest.raises(Invalid):
        texts.person_name("f", "  ", required=True)


def test_products_are_up_to_20_of_40_characters_none_twice():
    assert texts.products("f", " Tracker \n\nService  desk\n") == ["Tracker", "Service desk"]
    assert texts.products("f", "\n".join(f"p{n}" for n in range(20)))
    many = "\n".join(f"p{n}" for n in range(23))
    assert refusal(texts.products, many) == "You can list up to 20 products. Take out 3."
    assert "Take out 2 characters" in refusal(texts.products, "x" * 42)
    assert refusal(texts.products, "Wiki\nwiki") == "“wiki” is there twice. Take one out."


def test_timezone_is_one_of_the_list():
    assert texts.timezone("f", "Europe/Lisbon") == "Europe/Lisbon"
    assert texts.timezone("f", "") == ""
    for wrong in ("Europe/Lisbom", "../../etc/passwd", "localtime", "right/UTC", "europe/lisbon"):
        assert refusal(texts.timezone, wrong) == "Choose a time zone from the list."
    offered = [zone for _, places in texts.timezone_groups() for zone, _ in places]
    assert len(offered) == len(set(offered)) > 400


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_whatever_is_taken_is_visible_normal_and_short_enough(raw):
    for clean, limit in ((texts.line, 120), (texts.bio, 2000)):
        try:
            text = clean("f", raw, "text") if clean is texts.line else clean("f", raw)
        except Invalid:
            continue
        assert len(text) <= limit
        assert text == unicodedata.normalize("NFC", text)
        assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in text if c != "\n")
        assert not any(c in text for c in "\u202e\u200b\u2066\ufeff")
        assert (clean("f", text, "text") if clean is texts.line else clean("f", text)) == text


# Links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "stored"), [
    ("example.com", "https://example.com"),
    (" https://Example.COM/Me?q=1#top ", "https://example.com/Me?q=1#top"),
    ("http://example.com:80/", "http://example.com/"),
    ("example.com:8080/x", "https://example.com:8080/x"),
    ("https://Bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
    ("https://аррӏе.com", "https://xn--80ak6aa92e.com"),
    ("mailto:sally@example.com", "mailto:sally@example.com"),
    ("sally@example.com", "mailto:sally@example.com"),
    ('https://example.com/"><script>', "https://example.com/%22%3E%3Cscript%3E"),
])
def test_t75_good_addresses_become_ascii(typed, stored):
    assert links.clean_url("f", typed) == stored


@pytest.mark.parametrize("typed", [
    "javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "javascript://example.com/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "ftp://example.com", "blob:https://e.com",
    "//evil.com", "\\\\evil.com", "https:evil.com", "https:/evil.com", "https:\\\\evil.com", "https://good.com\\@evil.com",
    "https://good.com@evil.com", "https://user:pw@evil.com", "https://exa mple.com", "https://exam\u200bple.com",
    "https://\u202eexample.com", "https://", "https://localhost", "http://127.0.0.1", "http://2130706433",
    "http://0x7f.1",
    "https://[::1]/", "https://example.com:99999", "https://example.com:x", "https://xn--a.com", "mailto:", "mailto:x",
    "mailto:a@example.com?bcc=b@example.com", "mailto:a@example.com,b@example.com", "@sally", "x",
    "/relative", "?q", "#x",
    "https://example.com/\n", "https://example.com/\x00", "https://-a.com", "https://a_b.com", "https://a..com",
    "https://" + "a" * 600 + ".com",
])
def test_t75_bad_addresses_are_refused(typed):
    assert refusal(links.clean_url, typed)


@settings(max_examples=300, deadline=None)
@given(st.one_of(
    st.text(max_size=60),
    st.builds(lambda s, r: s + r, st.sampled_from(["https://", "http://", "mailto:", "https:", "//", "e.com"]),
              st.text(alphabet="ab.:/@?#%\\&\"'<> \t\u202eé[]", max_size=30)),
))
def test_t75_whatever_is_taken_leads_to_a_named_host_and_is_stable(raw):
    try:
        url = links.clean_url("f", raw)
    except Invalid:
        return
    assert url.isascii()
    assert url.isprintable()
    assert not set(url) & set("\"'<> \\`")
    parts = urlsplit(url)
    assert parts.scheme in {"http", "https", "mailto"}
    if parts.scheme != "mailto":
        assert "@" not in parts.netloc
        assert "." in (parts.hostname or "")
    assert links.clean_url("f", url) == url


def test_a_label_needs_an_address_and_an_empty_row_is_nothing():
    assert links.clean_link("u", "", "l", "") is None
    assert links.clean_link("u", "example.com", "l", " My  site ") == links.Link("https://example.com", "My site")
    with pytest.raises(Invalid) as caught:
        links.clean_link("u", " ", "l", "Site")
    assert caught.value.errors == {"u": "Add the address of “Site”, or take the label out."}
    with pytest.raises(Invalid) as caught:
        links.clean_link("u", "example.com", "l", "x" * 61)
    assert list(caught.value.errors) == ["l"]


def test_t75_links_are_shown_with_punycode_and_their_kind():
    kept = [links.Link("https://xn--80ak6aa92e.com/", "Apple"), links.Link("mailto:a@example.com"),
            links.Link("https://github.com/sally"), links.Link("http://example.com/")]
    shown = links.show_links(links.dump_links(kept))
    assert [(v.label, v.text, v.icon) for v in shown] == [
        ("Apple", "xn--80ak6aa92e.com", "globe"), ("E-mail", "a@example.com", "mail"),
        ("github.com", "github.com/sally", "code"), ("example.com", "http://example.com", "globe"),
    ]


def test_t75_a_stored_address_of_another_kind_is_never_shown():
    assert links.show_links('[{"url": "javascript:alert(1)", "label": "x"}]') == ()
    assert links.dump_links([]) is None
    assert links.load_links(None) == []
