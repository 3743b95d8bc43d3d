"""T39: which domains nobody may claim, and that the others can be."""

from __future__ import annotations

import pytest

from policies.errors import Invalid
from webapp.services import domain_names

KNOWN = ["acme.example", "xn--mnchen-3ya.example"]


def problem(raw: str) -> str:
    """What is said against a domain; "" if it may be claimed."""
    try:
        domain_names.check(domain_names.parse(raw), KNOWN)
    except Invalid as error:
        return error.errors["domain"]
    return ""


@pytest.mark.parametrize("raw", [
    "acme.com", "ACME.com", " @acme.com. ", "team.acme.com", "acme.co.uk", "münchen.de", "пример.рф", "日本ブランド.jp",
    "straße.de", "acme.github.io", "acme.example", "modem.dev",
])  # fmt: skip
def test_an_organizations_domain_can_be_claimed(raw):
    assert problem(raw) == ""


@pytest.mark.parametrize("raw", ["com", "co.uk", "github.io", "k12.ca.us", "公司.cn", "example"])
def test_t39_public_suffixes_are_refused(raw):
    assert problem(raw)


@pytest.mark.parametrize("raw", [
    "gmail.com", "GMAIL.COM", "mail.gmail.com", "googlemail.com", "outlook.com", "yahoo.co.uk", "gmx.de", "proton.me",
    "icloud.com", "mail.ru", "qq.com", "fastmail.com", "hey.com", "zoho.com", "web.de", "tutanota.com",
])  # fmt: skip
def test_t39_free_mail_providers_are_refused(raw):
    assert "Anybody can get an address" in problem(raw)


@pytest.mark.parametrize("raw", [
    "аcme.com",             # the first letter is Cyrillic
    "аррӏе.com",            # all of it is, and it reads as Latin
    "ɡoogle.com", "gmai1.com", "grnail.com", "acrne.example", "acме.example", "munchеn.example",
])  # fmt: skip
def test_t39_look_alikes_are_refused(raw):
    assert any(words in problem(raw) for words in ("looks", "alphabets", "not a domain"))


def test_t39_punycode_is_shown_with_how_it_reads():
    name = domain_names.parse("münchen.de")
    assert name == "xn--mnchen-3ya.de"
    assert domain_names.unicode_of(name) == "münchen.de"
    assert domain_names.unicode_of("acme.com") == ""
    assert domain_names.unicode_of("xn--zzzzzzzz.de") == ""


@pytest.mark.parametrize("raw", [
    "", "  ", "@", "acme", "localhost", "127.0.0.1", "::1", "https://acme.com", "ann@acme.com", "ac me.com", "-a.com",
    "a..com", "foo_bar.com", "a" * 64 + ".com", ".".join(["abcdefgh"] * 40), "x" * 100_000,
    "ac\u200bme.com\x00", "%.com",
])  # fmt: skip
def test_what_is_no_domain_is_refused_with_a_sentence(raw):
    assert problem(raw).endswith(".")


def test_the_key_of_an_address_and_a_claim_agree():
    """A claim must be for the very text that accounts are filed under."""
    from webapp.services import emails

    for domain in ("münchen.de", "STRASSE.de", "straße.de", "пример.рф", "ACME.com"):
        assert emails.parse(f"ann@{domain}").domain == domain_names.parse(domain)
