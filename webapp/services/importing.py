"""Importing a source's dump: people become unclaimed accounts, events are recorded, accounts of one person are linked.

A first pass reads everything through, so that a broken file stops before anything is written; the second commits
idempotent batches, so that an import that was killed is simply run again. How a dump is read is the plugin's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from policies.errors import ConfigError, Invalid
from policies.terms import Event, Person, Retraction, Skipped, SourceInfo, State
from webapp.services import handles, links, people_index, tokens
from webapp.services.context import Context
from webapp.services.imported import bio_of, line_of, name_of
from webapp.services.ingest import (
    BATCH,
    Result,
    attach_identity,
    note_addresses,
    record_events,
    register_source,
    retract_event,
)
from webapp.services.link_operator import link_by_operator
from webapp.store import accounts, audit, identities
from webapp.store import ingest as store
from webapp.store import links as link_store

#: What a person without a usable name is called in addresses: member, member-2, …
NAMELESS = "member"

#: Told the step, how far it is, and out of how many (0: not known).
Progress = Callable[[str, int, int], None]

CHECKING, PEOPLE, EVENTS, LINKING = "Checking the files", "People", "Activity", "Linking"


@dataclass(slots=True)
class ImportReport:
    """What an import did. `skipped` counts, by reason, the rows that stand for nobody here."""

    people_new: int = 0
    people_updated: int = 0
    people_known: int = 0
    people_buried: int = 0
    events_new: int = 0
    events_known: int = 0
    events_refused: int = 0
    linked: int = 0
    offered: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def import_source(
    ctx: Context,
    source: str,
    folder: Path,
    site: str,
    link_network: bool,
    now: int,
    progress: Progress | None = None,
) -> ImportReport:
    """Import the dump in `folder` of the community at host name `site`, read by the source plugin `source`.

    `link_network`: link the accounts of one person across sites, by the operator's word.
    Errors: ConfigError (no such plugin), ImportRefused (a file cannot be used; nothing was written).
    """
    ctx.gate()      # which plugins are on
    info = next((info for info in ctx.manager.sources() if info.name == source), None)
    if info is None or info.read is None:
        raise ConfigError(f"No plugin reads dumps of “{source}”.", "See `vitrine plugins`.")
    return _Import(ctx, info, folder, site.lower(), now, progress or (lambda step, done, total: None)).run(link_network)


class _Import:
    def __init__(
        self, ctx: Context, info: SourceInfo, folder: Path, site: str, now: int, progress: Progress
    ) -> None:
        assert info.read is not None
        self.ctx = ctx
        self.info = info
        self.read = info.read
        self.folder = folder
        self.site = site
        self.now = now
        self.progress = progress
        self.report = ImportReport()
        self.suffixes: dict[str, int] = {}

    def run(self, link_network: bool) -> ImportReport:
        people, events = self._check()
        register_source(self.ctx, self.site, self.site, self.info.area, self.now)
        self._write(people, events)
        if link_network:
            self._link()
        return self.report

    def _check(self) -> tuple[int, int]:
        people = events = 0
        for item in self.read(self.folder, self.site):
            if isinstance(item, Skipped):
                self.report.skipped[item.why] += 1
                continue
            if isinstance(item, Person):
                people += 1
            elif isinstance(item, Event):
                events += 1
            if (people + events) % BATCH == 0:
                self.progress(CHECKING, people + events, 0)
        return people, events

    def _write(self, people: int, events: int) -> None:
        crowd: list[Person] = []
        batch: list[Event] = []
        done_people = done_events = 0

        def save_people() -> None:
            nonlocal done_people
            if crowd:
                self._save_people(crowd)
                done_people += len(crowd)
                crowd.clear()
                self.progress(PEOPLE, done_people, people)

        def save_events() -> None:
            nonlocal done_events
            if batch:
                self._save_events(batch)
                done_events += len(batch)
                batch.clear()
                self.progress(EVENTS, done_events, events)

        for item in self.read(self.folder, self.site):
            if isinstance(item, Person):
                save_events()
                crowd.append(item)
                if len(crowd) == BATCH:
                    save_people()
            elif isinstance(item, Event):
                save_people()
                batch.append(item)
                if len(batch) == BATCH:
                    save_events()
            elif isinstance(item, Retraction):
                save_events()
                retract_event(self.ctx, self.site, item.external_id, self.now, for_good=item.for_good)
        save_people()
        save_events()

    def _save_events(self, batch: list[Event]) -> None:
        for outcome in record_events(self.ctx, self.site, batch, self.now):
            if outcome.result is Result.CREATED:
                self.report.events_new += 1
            elif outcome.result is Result.DUPLICATE:
                self.report.events_known += 1
            else:
                self.report.events_refused += 1
                self.report.refused[outcome.why] += 1

    def _save_people(self, crowd: list[Person]) -> None:
        db, report = self.ctx.db, self.report
        with db.transaction():
            source = store.lock_source(db, self.site)
            known = identities.load_identities(db, source.id, [person.actor for person in crowd])
            owned = [identity.account_id for identity in known.values() if identity.account_id is not None]
            stored = identities.load_records(db, owned)
            raised: list[tuple[str, int | None, str | None]] = []
            changed: list[tuple[Any, ...]] = []
            moved: list[tuple[str, int]] = []
            attached: list[int] = []
            for person in crowd:
                identity = known.get(person.actor)
                if identity is None:
                    raised.append((person.actor, self._raise(person), person.network))
                    report.people_new += 1
                    continue
                if identity.is_buried:
                    report.people_buried += 1
                    continue
                if person.network and person.network != identity.network:
                    moved.append((person.network, identity.id))
                if identity.account_id is None:
                    account_id = self._raise(person)
                    attach_identity(self.ctx, identity.id, account_id, self.now)
                    attached.append(account_id)
                    report.people_new += 1
                    continue
                state, before = stored[identity.account_id]
                after = _record_of(person)
                if state == State.UNCLAIMED and after != before:
                    changed.append((*after, identity.account_id))
                    report.people_updated += 1
                else:
                    report.people_known += 1
            identities.save_identities(db, source.id, raised, self.now)
            identities.set_records(db, changed)
            identities.set_networks(db, moved)
            note_addresses(self.ctx, self.site, [(person.actor, person.email) for person in crowd], self.now)
            raised_ids = [account_id for _, account_id, _ in raised if account_id is not None]
            people_index.refresh(self.ctx, [*raised_ids, *attached, *[row[-1] for row in changed]])

    def _raise(self, person: Person) -> int:
        """Make an unclaimed account (D21); its id."""
        values = dict(zip(identities.RECORD, _record_of(person), strict=True))
        start = handles.slug(person.handle_hint or values["full_name"] or "") or NAMELESS
        while True:
            number = self.suffixes.get(start, 0) + 1
            self.suffixes[start] = number
            handle = start if number == 1 else f"{start}-{number}"
            if number == 1 and start in handles.RESERVED and start != NAMELESS:
                continue
            if accounts.owner_of_handle(self.ctx.db, handle) is not None:
                continue
            account_id = accounts.insert(
                self.ctx.db, self.now, public_id=tokens.new_public_id(), handle=handle, public_name=handle,
                state=State.UNCLAIMED.value, state_at=self.now, **values,
            )  # fmt: skip
            if account_id is not None and accounts.add_handle(self.ctx.db, handle, account_id, self.now):
                return account_id

    def _link(self) -> None:
        networks = groupby(identities.load_networks(self.ctx.db), key=lambda account: account.network)
        for _, found in networks:
            with self.ctx.db.transaction():
                self._link_person(list(found))
        if self.report.linked:
            self.progress(LINKING, self.report.linked, self.report.linked)

    def _link_person(self, found: list[identities.NetworkAccount]) -> None:
        """Link one person's unclaimed accounts, oldest first in `found`; offer it to who claimed theirs already."""
        heads = {account.id: account.primary_id or account.id for account in found}
        unclaimed = [account for account in found if account.state == State.UNCLAIMED]
        free = [account for account in unclaimed if account.primary_id is None]
        primary = next((account for account in free if account.is_primary), free[0] if free else None)
        if primary is not None and {account.primary_id for account in unclaimed} <= {None, primary.id}:
            for account in free:
                if account is not primary and not account.is_primary:
                    link_by_operator(self.ctx, primary.id, account.id, self.now)
                    heads[account.id] = primary.id
                    self.report.linked += 1
        if len(set(heads.values())) < 2:
            return
        for account in found:
            if account.state == State.ACTIVE and not link_store.has_event(self.ctx.db, "link:offer", account.id):
                audit.record(self.ctx.db, "link:offer", self.now, subject_id=account.id)
                self.report.offered += 1


def _record_of(person: Person) -> tuple[Any, ...]:
    """The columns identities.RECORD of a person: cleaned as if typed, but what cannot be used is left out."""
    try:
        website = links.dump_links([links.Link(links.clean_url("links", person.website))]) if person.website else None
    except Invalid:
        website = None
    return (
        name_of(person.name) or None, bio_of(person.bio) or None, line_of(person.location) or None, website,
        person.joined_at,
    )  # fmt: skip
