"""What switching a plugin shows and hides, counted over all accounts before it is done (D19). The switch: plugins.py.

A veto has to be asked about each account, so the count goes through all of them: at once where they are few, else some
at a request. How far it came goes with the admin's page as a sealed word and is stored nowhere; so no request stands
for long, and nobody but this site says what was counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from policies.terms import ANONYMOUS, Subject, Viewer
from policies.visibility import Gate
from webapp.services.context import Context
from webapp.services.cursors import seal, unseal_words
from webapp.store import people, people_cards

BATCH = 400
#: Accounts that are counted within one request.
STEP = 20_000
#: How long what was counted may be taken for what is, in seconds.
LASTS = 3600


@dataclass(frozen=True, slots=True)
class Opening:
    """What a switch shows that was hidden: `fields` cells of `members` members (D19). `narrows`: cells it hides.

    percent: how far the count came; sealed: a count that takes more than one request, to go on with or to switch by
    """

    fields: int
    members: int
    narrows: int
    percent: int = 100
    sealed: str = field(default="", compare=False)


def count(ctx: Context, before: Gate, after: Gate, use: str, sealed: str = "") -> Opening:
    """Go on with what `sealed` says was counted, by some accounts; from the beginning where it says nothing, is of
    another policy or switch (`use`), or too old."""
    now = 0 if ctx.clock is None else int(ctx.clock())
    use = f"plugin count:{use}"
    place = unseal_words(ctx.site.secret_key, use, sealed)
    told = tuple(int(part) for part in place) if place else ()
    if not told or told[0] != before.version or not 0 <= now - told[1] < LASTS:
        told = before.version, now, 0, 0, 0, 0, 0
    version, began, last, is_done, fields, members, narrows = told
    if is_done:
        return Opening(fields, members, narrows, 100, sealed)
    is_first, left = not last, STEP
    while left > 0 and not is_done:
        ids = people.load_ids_after(ctx.db, last, min(BATCH, left))
        more = _count(ctx, before, after, ids)
        fields, members, narrows = fields + more.fields, members + more.members, narrows + more.narrows
        left, last, is_done = left - len(ids), max((last, *ids)), int(len(ids) < min(BATCH, left))
    if is_done and is_first:
        return Opening(fields, members, narrows)
    percent = 100 if is_done else min(99, 100 * last // max(people.load_last_id(ctx.db), 1))
    word = seal(ctx.site.secret_key, use, version, began, last, is_done, fields, members, narrows)
    return Opening(fields, members, narrows, percent, word)


def _count(ctx: Context, before: Gate, after: Gate, ids: Sequence[int]) -> Opening:
    """The same of some accounts: of each profile among them; a silent account is a profile of its own."""
    if not ids:
        return Opening(0, 0, 0)
    _, groups = people_cards.load_groups(ctx.db, ids)
    subjects: list[Subject] = []
    profiles: list[int] = []
    for profile_id, group in groups.items():
        for member in (group.primary, *group.linked):
            if not member.silent or member is group.asked:      # elsewhere it is counted by itself
                subjects.append(group.subject(member))
                profiles.append(profile_id)
    audiences: dict[int | None, list[int]] = {None: list(range(len(subjects)))}
    for number, subject in enumerate(subjects):
        organization = before.organization(subject.domain_id)
        if organization is not None:
            audiences.setdefault(organization, []).append(number)
    more, fewer = [0] * len(subjects), [0] * len(subjects)
    for organization, numbers in audiences.items():
        viewer = ANONYMOUS if organization is None else Viewer(organizations=frozenset({organization}))
        asked = [subjects[number] for number in numbers]
        for number, was, now in zip(numbers, before.masks(viewer, asked), after.masks(viewer, asked), strict=True):
            more[number] |= now & ~was
            fewer[number] |= was & ~now
    opened = {profile for profile, bits in zip(profiles, more, strict=True) if bits}
    return Opening(sum(bits.bit_count() for bits in more), len(opened), sum(bits.bit_count() for bits in fewer))
