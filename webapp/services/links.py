"""Where to find me: checking one address (T75), keeping the list as JSON, and how a link is shown. No request is made.

Stored addresses are ASCII: foreign host names as punycode, everything else percent-encoded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

import idna

from policies.errors import Invalid
from webapp.services.texts import is_invisible, line
from webapp.services.views import LinkView

#: "Any number of links": more than anybody wants, few enough for a page.
LINKS_LIMIT = 50
URL_LIMIT = 500
LABEL_LIMIT = 60

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PORT_ONLY = re.compile(r"\d{1,5}(?:[/?#]|$)")
_MAIL_LOCAL = re.compile(r"[A-Za-z0-9._+-]{1,64}")
_MAIL = re.compile(r"[^\s/?#@:]+@[^\s/?#@:]+")
#: Of an address as it is stored: in lower case, without a user.
_WEB_HOST = re.compile(r"https?://([^/?#:]+)")
_CODE_HOSTS = frozenset({"github.com", "gitlab.com", "codeberg.org", "bitbucket.org", "sourcehut.org", "sr.ht"})
_SOCIAL_HOSTS = frozenset({
    "bsky.app", "facebook.com", "instagram.com", "linkedin.com", "mastodon.social", "threads.net", "twitter.com",
    "x.com", "youtube.com",
})
_NOT_AN_ADDRESS = "This is not a web address. Write it like https://example.com."


@dataclass(frozen=True, slots=True)
class Link:
    """One entry: an http, https or mailto address, and the member's own word for it or ""."""

    url: str
    label: str = ""


def clean_url(field: str, raw: str) -> str:
    """The address to store; a bare domain gets https://, a bare e-mail address mailto:. Errors: Invalid at `field`."""
    text = raw.strip(" ")
    if len(text) > URL_LIMIT:
        raise Invalid({field: f"This address is a little long. Take out {len(text) - URL_LIMIT} characters."})
    for position, character in enumerate(text):
        if character.isspace() or is_invisible(text, position):
            raise Invalid({field: "There is a space or an invisible character in this address. Take it out."})
    if "\\" in text or text.startswith("//"):
        raise Invalid({field: _NOT_AN_ADDRESS})
    scheme = _SCHEME.match(text)
    if scheme and not ("." in scheme[1] and _PORT_ONLY.match(text, scheme.end())):
        name, rest = scheme[1].lower(), text[scheme.end():]
        if name == "mailto":
            return _mail(field, rest)
        if name not in {"http", "https"}:
            raise Invalid({field: f"Links can start with https://, http:// or mailto:, not with {name[:20]}:."})
        if not rest.startswith("//"):
            raise Invalid({field: f"Write two slashes after {name}:, like https://example.com."})
        return _web(field, name, rest)
    return _mail(field, text) if _MAIL.fullmatch(text) else _web(field, "https", "//" + text)


def clean_link(url_field: str, url: str, label_field: str, label: str) -> Link | None:
    """One row of the form; None for an empty one. Errors: Invalid under the field that is at fault."""
    words = line(label_field, label, "label", LABEL_LIMIT)
    if not url.strip():
        if words:
            raise Invalid({url_field: f"Add the address of “{words}”, or take the label out."})
        return None
    return Link(clean_url(url_field, url), words)


def dump_links(links: list[Link]) -> str | None:
    """The text of column `account.links`: a JSON list of {"url", "label"}, NULL when there is none."""
    if not links:
        return None
    return json.dumps([{"url": link.url, "label": link.label} for link in links], ensure_ascii=False)


def load_links(text: str | None) -> list[Link]:
    """The list from column `account.links`; an entry that is not an http, https or mailto address is left out."""
    if not text:
        return []
    links = [Link(str(entry["url"]), str(entry.get("label") or "")) for entry in json.loads(text)]
    return [link for link in links if link.url.startswith(("https://", "http://", "mailto:"))]


def show_link(link: Link) -> LinkView:
    """How a link is drawn: its own label, else its host; the text always shows where it leads, punycode and all."""
    if link.url.startswith("mailto:"):
        address = link.url.removeprefix("mailto:")
        return LinkView(label=link.label or "E-mail", text=address, url=link.url, icon="mail")
    text = link.url.removeprefix("https://").removesuffix("/")
    found = _WEB_HOST.match(link.url)
    host = found[1].removeprefix("www.") if found else ""
    icon = "code" if host in _CODE_HOSTS else "link" if host in _SOCIAL_HOSTS else "globe"
    return LinkView(label=link.label or host, text=text, url=link.url, icon=icon)


def show_links(text: str | None) -> tuple[LinkView, ...]:
    """The whole column `account.links` as the profile page draws it."""
    return tuple(show_link(link) for link in load_links(text))


def _web(field: str, scheme: str, rest: str) -> str:
    try:
        parts = urlsplit(f"{scheme}:{rest}")
        port = parts.port
    except ValueError:
        raise Invalid({field: _NOT_AN_ADDRESS}) from None
    if "@" in parts.netloc:
        raise Invalid({field: "An address cannot hold a user name or password. Take out what stands before the @."})
    host = _host(field, parts.hostname or "")
    if port is not None and port != {"http": 80, "https": 443}[scheme]:
        host += f":{port}"
    url = SplitResult(
        scheme, host, quote(parts.path, safe="/%:@!$&()*+,;=-._~"), quote(parts.query, safe="/%:@!$&()*+,;=-._~?"),
        quote(parts.fragment, safe="/%:@!$&()*+,;=-._~?"),
    ).geturl()
    if len(url) > 3 * URL_LIMIT:
        raise Invalid({field: "This address is too long."})
    return url


def _mail(field: str, address: str) -> str:
    local, at, host = address.partition("@")
    if not at or not _MAIL_LOCAL.fullmatch(local):
        raise Invalid({field: "This is not an e-mail address. Write it like mailto:name@example.com."})
    return f"mailto:{local}@{_host(field, host)}"


def _host(field: str, host: str) -> str:
    """The host in ASCII: a domain name with a dot in it; numbers and local names lead nowhere for a visitor."""
    try:
        name = idna.encode(host.rstrip("."), uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise Invalid({field: _NOT_AN_ADDRESS}) from None
    last = name.rpartition(".")[2]
    if "." not in name or last.isdigit() or last.startswith("0x"):
        raise Invalid({field: _NOT_AN_ADDRESS})
    return name
