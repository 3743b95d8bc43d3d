"""The site's name, header links and terms, as an admin sets them. Ladders, points and levels: ladder_settings.py.

All are read through `Context.settings`: each change moves the policy version, so that every process sees it by its next
request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from policies.errors import Conflict, Invalid
from webapp.services import links, site_tables, texts
from webapp.services.context import Context
from webapp.services.light_text import Block, blocks_of
from webapp.services.sessions import Session
from webapp.services.site_tables import SiteSettings
from webapp.store import audit, policy
from webapp.store import site_settings as store

NAME_LIMIT = 40
LABEL_LIMIT = 30
#: Links that the header has room for.
LINKS_LIMIT = 6
TERMS_LIMIT = 60_000
VERSION_LIMIT = 20


@dataclass(frozen=True, slots=True)
class SitePage:
    """What the page /admin/site shows; `operators_name` holds where no name is set."""

    name: str
    operators_name: str
    links: tuple[tuple[str, str], ...]
    terms_text: str
    terms_version: str


@dataclass(frozen=True, slots=True)
class TermsView:
    """The Terms of Use as they are read; no blocks: nobody has written any yet."""

    version: str
    blocks: tuple[Block, ...]


def current(ctx: Context) -> SiteSettings:
    """What holds now. One statement."""
    return ctx.settings()


def view_site(ctx: Context) -> SitePage:
    """The page of the admin."""
    now = current(ctx)
    return SitePage(now.name, ctx.site.name, now.links, now.terms_text, now.terms_version)


def view_terms(ctx: Context) -> TermsView:
    """The Terms in force (S27)."""
    now = current(ctx)
    return TermsView(now.terms_version, blocks_of(now.terms_text))


def save_name(ctx: Context, session: Session, raw: str, now: int) -> None:
    """Name the site; nothing: the operator's name holds. Errors: Invalid (`name`)."""
    name = texts.line("name", raw, "name", NAME_LIMIT)
    if any(character in name for character in '<>"'):
        raise Invalid({"name": "Take the quotes and angle brackets out: the name stands in mails too."})
    _save(ctx, session, now, "site:name", {"site_name": name or None}, before=current(ctx).name, after=name)


def save_links(ctx: Context, session: Session, rows: Sequence[tuple[str, str]], now: int) -> None:
    """Set the header's links from rows of (label, address); an empty row is none.

    Errors: Invalid (`label-N`, `url-N`), with the row's number from 0.
    """
    problems: dict[str, str] = {}
    kept: list[tuple[str, str]] = []
    for number, (label, url) in enumerate(rows[:LINKS_LIMIT]):
        try:
            words = texts.line(f"label-{number}", label, "label", LABEL_LIMIT)
            address = _address(f"url-{number}", url.strip())
        except Invalid as error:
            problems |= error.errors
            continue
        if bool(words) != bool(address):
            field, wanted = ("url", "the address") if words else ("label", "a label")
            problems[f"{field}-{number}"] = f"Add {wanted}, or empty the whole row."
        elif words:
            kept.append((words, address))
    if problems:
        raise Invalid(problems)
    text = json.dumps(kept, ensure_ascii=False) if kept else None
    before, after = ([f"{label} {url}" for label, url in some] for some in (current(ctx).links, kept))
    _save(ctx, session, now, "site:links", {"header_links": text}, before=before, after=after)


def save_terms(ctx: Context, session: Session, text: str, version: str, was: str, now: int) -> None:
    """Set the Terms of Use. `was`: the version that the admin began from.

    Another version is asked for at everybody's next log-in; the same version is for mending a comma.
    Errors: Invalid (`terms`, `version`), Conflict where somebody else set another version in between.
    """
    problems: dict[str, str] = {}
    text = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip()
    if len(text) > TERMS_LIMIT:
        problems["terms"] = f"The terms are too long. Take out {len(text) - TERMS_LIMIT:,} characters."
    elif any(not character.isprintable() and character not in "\n\t" for character in text):
        problems["terms"] = "There is a character in the terms that nobody can see. Take it out."
    try:
        version = texts.line("version", version, "version", VERSION_LIMIT)
    except Invalid as error:
        problems |= error.errors
    if not version:
        problems["version"] = "Give the version a short name, such as a date."
    if problems:
        raise Invalid(problems)
    with ctx.db.transaction():
        policy.take_version(ctx.db)         # whoever else saves waits here
        present = site_tables.load(ctx.db)  # not through the Context: this version is not committed yet
        if present.terms_version != was:
            raise Conflict("Somebody else changed the terms in between.", "Look at them again, then save.")
        store.save(ctx.db, {"terms_text": text or None, "terms_version": version})
        audit.record(
            ctx.db, "site:terms", now, actor_id=session.account_id, before=present.terms_version, after=version,
            characters=len(text),
        )


def _address(field: str, raw: str) -> str:
    """A page of this site (/people) or a web address. Errors: Invalid."""
    if raw.startswith("/") and raw[1:2] not in {"/", "\\"}:
        if len(raw) > links.URL_LIMIT or not raw.isascii() or any(c.isspace() or c in '\\"<>' for c in raw):
            raise Invalid({field: "This is not an address of this site. Write it like /people."})
        return raw
    return links.clean_url(field, raw) if raw else ""


def _save(
    ctx: Context, session: Session, now: int, event: str, values: dict[str, str | None], *, before: object,
    after: object,
) -> None:
    with ctx.db.transaction():
        policy.take_version(ctx.db)
        store.save(ctx.db, values)
        audit.record(ctx.db, event, now, actor_id=session.account_id, before=before, after=after)
