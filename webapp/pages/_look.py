"""What templates draw with: icons, gems, dates, numbers, versioned addresses. No route, no query, nobody's data.

Icons and assets are filters on constants (`{{ 'lock'|icon }}`), which Jinja folds when it compiles a template: they
cost nothing per request. The functions of the same name take a value that is known only when the page is drawn.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.resources
import mimetypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from markupsafe import Markup

from policies.errors import ConfigError
from webapp.art import gems, glass, rosettes, tiles
from webapp.art.heatmap import heatmap
from webapp.pages._inline import InlineIncludes

if TYPE_CHECKING:
    from flask import Flask

STATIC: Final = Path(__file__).resolve().parent.parent / "static"
#: htmx comes from an installed package; a file with any other bytes is refused at start.
HTMX_PACKAGE, HTMX_FILE = "js_lib_htmx", "static/htmx/htmx.min.js"
HTMX_SHA256: Final = "491955cd1810747d7d7b9ccb936400afb760e06d25d53e4572b64b6563b2784e"
#: Raised when the artwork changes, so that browsers fetch it anew: its files are cached for a year.
ART_VERSION: Final = "1"

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
_AUDIENCES: Final = {
    "anyone": ("anyone", "Anyone"), "organization": ("org", "Organization"), "only_you": ("you", "Only you"),
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file, held in memory."""

    body: bytes
    mime: str
    version: str


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """Every static file by name, htmx among them. Raises ConfigError if htmx is not the file that was reviewed."""
    held = {path.name: _asset(path.name, path.read_bytes()) for path in sorted(STATIC.iterdir()) if path.is_file()}
    try:
        htmx = (importlib.resources.files(HTMX_PACKAGE) / HTMX_FILE).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise ConfigError("htmx is not installed.", "Install what constraints.txt pins.") from error
    check_htmx(htmx)
    held["htmx.min.js"] = _asset("htmx.min.js", htmx)
    return held


def check_htmx(body: bytes) -> None:
    """Refuse to start on a script that differs by a byte from the one this release was tested with."""
    if hashlib.sha256(body).hexdigest() != HTMX_SHA256:
        raise ConfigError("The installed htmx is not the one Vitrine was tested with.",
                          "Install django-js-lib-htmx in the version that constraints.txt pins.")


def _asset(name: str, body: bytes) -> Asset:
    mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if mime == "text/css":
        body = squeeze(body.decode()).encode()
    if mime.startswith("text/"):
        mime += "; charset=utf-8"
    return Asset(body, mime, hashlib.sha256(body).hexdigest()[:10])


def squeeze(css: str) -> str:
    """A style sheet without comments and indentation: a tenth less to send (G13)."""
    css = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return re.sub(r" ?([{};]) ?", r"\1", css)


def asset(name: str) -> str:
    """The address of a static file with its hash, to be cached for good. KeyError for a file that does not exist."""
    return f"/static/{name}?v={assets()[name].version}"


def art(path: str) -> str:
    """The address of a drawn file with the version of the artwork."""
    return f"{path}?v={ART_VERSION}"


@lru_cache(maxsize=4096)
def banner(handle: str, dark: bool = False) -> str:
    """The address of a handle's banner: a hash of the handle and nothing else."""
    return art(f"/art/banner/{glass.banner_seed(handle)}{'-dark' if dark else ''}.svg")


@lru_cache(maxsize=256)
def icon(name: str, style: str = "") -> Markup:
    """A decorative icon of the sprite, sized and coloured by the text around it."""
    css = f"i {style}" if style else "i"
    drawing = Markup('<svg class="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>')
    return drawing.format(css, asset("icons.svg"), name)


@lru_cache(maxsize=8)
def audience_glyph(audience: str) -> Markup:
    """Who else sees a field, as its pane of glass; the owner's own page only. Nothing for an unknown audience."""
    known = _AUDIENCES.get(audience)
    if known is None:
        return Markup("")
    return Markup('<svg class="i aud" role="img"><title>Seen by: {}</title><use href="{}#i-{}"/></svg>').format(
        known[1], asset("icons.svg"), known[0])


@lru_cache(maxsize=4096)
def gem(rule: str, tier: int, value: int, label: str = "", mini: bool = False) -> Markup:
    return Markup(gems.gem(rule, tier, value, label=label, mini=mini))  # noqa: S704  (artwork: escaped where it is drawn)


def next_gem(rule: str, tier: int, value: int, have: int, uid: str = "") -> Markup:
    return Markup(gems.next_gem(rule, tier, value, have, uid=uid))  # noqa: S704


@lru_cache(maxsize=4096)
def rosette(seed: str, letters: str = "", brass: bool = False) -> Markup:
    return Markup(rosettes.rosette(seed, letters, brass=brass))  # noqa: S704


@lru_cache(maxsize=4096)
def tile(seed: str) -> Markup:
    return Markup(tiles.tile(seed))  # noqa: S704


def heat(weeks: Sequence[Sequence[int | None]], first_day: str) -> Markup:
    return Markup(heatmap(weeks, first_day))  # noqa: S704


@lru_cache(maxsize=2048)
def ring(number: int, points: int, next_at: int | None) -> Markup:
    """The level's number in a ring that fills towards the next level."""
    share = 100 if not next_at else min(100, max(0, round(100 * points / next_at)))
    return Markup(
        '<svg class="ring" viewBox="0 0 44 44" aria-hidden="true"><circle cx="22" cy="22" r="19"/>'
        '<circle cx="22" cy="22" r="19" stroke-dasharray="{} 120" transform="rotate(-90 22 22)"/>'
        '<text x="22" y="28" text-anchor="middle">{}</text></svg>').format(f"{share * 1.194:.0f}", number)


def activity_url(handle: str, source: str | None, kind: str | None, cursor: str | None = None) -> str:
    """The address of a profile's activity under these filters; whatever is empty is left out."""
    given = (("source", source), ("kind", kind), ("cursor", cursor))
    asked = urlencode([(name, value) for name, value in given if value])
    return f"/u/{handle}/activity?{asked}" if asked else f"/u/{handle}/activity"


@lru_cache(maxsize=8192)
def number(value: int) -> str:
    """1204 -> 1,204"""
    return f"{value:,}"


@lru_cache(maxsize=8192)
def day(at: int) -> Markup:
    """Unix seconds -> 12 May 2025, as <time>. Dates are UTC and never relative: pages are cached."""
    date = _date(at)
    text = f"{date.day} {_MONTHS[date.month - 1]} {date.year}"
    return Markup('<time datetime="{}">{}</time>').format(date.isoformat(), text)


@lru_cache(maxsize=1024)
def minute(at: int) -> Markup:
    """Unix seconds -> 12 May 2025, 14:05 UTC, as <time>."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    text = f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(f"{moment:%Y-%m-%dT%H:%MZ}", text)


@lru_cache(maxsize=8192)
def month(at: int) -> Markup:
    """Unix seconds -> March 2019, as <time>."""
    date = _date(at)
    return Markup('<time datetime="{}">{} {}</time>').format(date.isoformat()[:7], _MONTHS[date.month - 1], date.year)


@lru_cache(maxsize=8192)
def short_month(at: int) -> Markup:
    """Unix seconds -> Mar 2019, as <time>."""
    date = _date(at)
    text = f"{_MONTHS[date.month - 1][:3]} {date.year}"
    return Markup('<time datetime="{}">{}</time>').format(date.isoformat()[:7], text)


@lru_cache(maxsize=512)
def month_name(iso: str) -> str:
    """2025-05 -> May 2025"""
    year, _, ordinal = iso.partition("-")
    return f"{_MONTHS[int(ordinal) - 1]} {year}"


def _date(at: int) -> datetime.date:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).date()


def register_template_helpers(app: Flask) -> None:
    """Add the globals, filters and tests that templates use, with defaults for what the shell shows."""
    assets()
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    env.add_extension(InlineIncludes)
    drawn: dict[str, Callable[..., Any]] = {
        "icon": icon, "asset": asset, "audience_glyph": audience_glyph, "gem": gem, "next_gem": next_gem,
        "rosette": rosette, "tile": tile, "heat": heat, "ring": ring, "initials": rosettes.initials,
        "activity_url": activity_url,
    }
    shell: dict[str, Any] = {
        "site_name": "Vitrine", "site_links": (), "member": None, "lang": "en", "dir": "ltr", "theme": "", "nav": "",
        "base_url": "",
    }
    for name, value in (drawn | shell).items():
        env.globals.setdefault(name, value)
    env.filters.update(
        icon=icon, asset=asset, art=art, banner=banner, number=number, day=day, month=month, short_month=short_month,
        month_name=month_name, minute=minute, initials=rosettes.initials)
    served: dict[str, bool] = {}

    def is_served(path: str) -> bool:
        """Whether the site has a page at that address: what does not exist yet is not offered."""
        if not served:
            served.update({rule.rule: True for rule in app.url_map.iter_rules()})
        return path in served

    env.tests["served"] = is_served


