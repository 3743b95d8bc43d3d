"""The site's own settings as typed values, read from their rows. No Context here: the Context holds one of these.

Who changes them, and what is checked then: site_settings.py (names, links, terms), ladder_settings.py (tables).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.terms import Rung
from webapp.store import site_settings as store
from webapp.store.database import Database

log = logging.getLogger("vitrine.settings")

KEYS = ("site_name", "header_links", "terms_text", "terms_version", "ladders", "points", "levels")


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What an admin set; what is empty was never set, or given back.

    links: (label, address) of the header; ladders, points, levels: over those of the plugins
    """

    name: str = ""
    links: tuple[tuple[str, str], ...] = ()
    terms_text: str = ""
    terms_version: str = "1"
    ladders: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    points: Mapping[str, int] = field(default_factory=dict)
    levels: tuple[Rung, ...] = ()


def load(db: Database) -> SiteSettings:
    """The settings as they are now. One statement."""
    rows = store.load(db, KEYS)
    try:
        return _settings(rows)
    except (TypeError, ValueError):     # written by nobody but this program, so nothing can be said of it
        log.error("the site's settings cannot be read: those of the operator and the plugins hold")
        return SiteSettings(terms_version=rows.get("terms_version", "1"))


def _settings(rows: Mapping[str, str]) -> SiteSettings:
    links = _json(rows, "header_links", list)
    ladders = _json(rows, "ladders", dict)
    levels = _json(rows, "levels", list)
    return SiteSettings(
        name=rows.get("site_name", ""),
        links=tuple((str(label), str(url)) for label, url in links),
        terms_text=rows.get("terms_text", ""),
        terms_version=rows.get("terms_version", "1"),
        ladders={metric: tuple(int(step) for step in steps) for metric, steps in ladders.items()},
        points={metric: int(worth) for metric, worth in _json(rows, "points", dict).items()},
        levels=tuple(Rung(int(at), str(name)) for at, name in levels),
    )


def _json(rows: Mapping[str, str], key: str, kind: type) -> Any:
    """The value of a row; empty if there is none, or if somebody wrote something else past this program."""
    if key not in rows:
        return kind()
    try:
        value = json.loads(rows[key])
    except ValueError:
        value = None
    if not isinstance(value, kind):
        log.error("the setting %s cannot be read: it is left out", key)
        return kind()
    return value
