"""What `vitrine leak-check` hides in a copied database: whose values which viewer may not see, and other ones for them.

Who may see what is asked of the gate, with every plugin. Here is only what follows for the tables; the asking and the
comparing are in leak_check.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from policies.terms import Relation, Viewer
from webapp.services import people_index
from webapp.services.context import Context
from webapp.services.held import SECTION_OF
from webapp.services.notes import LIVE
from webapp.services.rows import hidden_kinds
from webapp.store import days, filing, typed
from webapp.store.database import Database
from webapp.store.profiles import COLUMNS, load_group_of

#: How a value that was put in is known again: lower-case letters and digits, as search folds nothing of it.
MARK = "zqleak"
_COUNTED = (("answers", "stats"), ("articles", "stats"), ("total_posts", "stats"), ("peer_kudos", "kudos"))
#: At most so many rows of a member's activity are changed: the newest, which pages show.
ROWS = 50
#: Kinds of members of which some are always looked at, as conditions on `account`; the others are drawn from all.
_KINDS = (
    "private", "chosen <> 0", "silent", "primary_id IS NOT NULL AND NOT silent",
    "id IN (SELECT primary_id FROM account WHERE primary_id IS NOT NULL)",
    "domain_id IN (SELECT id FROM email_domain WHERE organization_id IS NOT NULL)",
    "state IN ('deactivated', 'closing', 'deleted')", "private AND NOT keep_name", "state = 'unclaimed'",
    "state = 'active'",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the sample."""

    id: int
    handle: str
    public_id: str
    avatar: str | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Hidden:
    """What one viewer may not see of one member anywhere.

    fields: columns of the record; sections: of its own page, if it has one; counters: whether its numbers stand on no
    other page; whole: there is no page for this viewer, the public name is hidden too
    viewer_id: who looks, 0 for an anonymous visitor: what they wrote to the member themselves is no secret to them
    """

    member: Member
    fields: tuple[str, ...]
    sections: frozenset[str]
    counters: bool
    whole: bool
    viewer_id: int


def draw_members(db: Database, count: int) -> list[Member]:
    """Up to `count` members by lot, some of every kind there is."""
    drawn = [
        db.rows(
            "SELECT id, handle, public_id, avatar, silent FROM account"
            f" WHERE {kind} ORDER BY RANDOM() LIMIT ?", (count,),
        )
        for kind in _KINDS
    ]  # fmt: skip
    found: dict[int, Member] = {}
    for turn in range(count):
        for rows in drawn:
            if turn < len(rows) and len(found) < count:
                account_id, handle, public_id, avatar, silent = rows[turn]
                found.setdefault(account_id, Member(account_id, handle, public_id, avatar, bool(silent)))
    return sorted(found.values(), key=lambda member: member.id)


def hidden_from(ctx: Context, viewer: Viewer, member: Member) -> Hidden | None:
    """What the viewer may not see of a member; None for their own group, of which more is theirs than the gate says."""
    group = load_group_of(ctx.db, member.id)
    if group is None:
        return None
    gate = ctx.gate(group.version)
    asked = group.asked
    subject = group.subject(asked)
    if gate.relation(viewer, subject) >= Relation.INSIDER:
        return None
    mask = gate.mask(viewer, subject) | gate.work_block(viewer, subject)
    has_page = asked.primary_id is None or asked.silent
    whole = has_page and (asked.state not in LIVE or not gate.is_findable(viewer, subject))
    if whole:
        mask = 0
    hidden = {name for name, bit in gate.bit.items() if not mask >> bit & 1}
    return Hidden(
        member, tuple(name for name in COLUMNS if name in hidden),
        frozenset(hidden.difference(COLUMNS)) if has_page else frozenset(), asked.primary_id is None, whole,
        viewer.account_id or 0,
    )


def token(member: Member, name: str, world: str, run: str) -> str:
    """The value that stands in world `a` or `b` for what is hidden; `run` keeps it apart from what members wrote."""
    return f"{MARK}{run}{member.id}{name.replace('_', '')}{world}qz"


def plant(ctx: Context, hidden: Sequence[Hidden], world: str, run: str, now: int) -> None:
    """Put other values in place of everything that is hidden. In world `b` some are longer, some are gone."""
    for one in hidden:
        _plant_record(ctx.db, one, world, run, now)
        _plant_typed(ctx.db, one, world, run)
        _plant_doings(ctx.db, one, world, run, now)
    people_index.refresh(ctx, [one.member.id for one in hidden])


def _plant_typed(db: Database, one: Hidden, world: str, run: str) -> None:
    """What a member typed into fields of plugins; in world `b` it is longer, and every other is gone."""
    stored = [(name, value) for name, value in typed.load_all(db, one.member.id) if name in one.sections]
    for number, (name, _) in enumerate(stored):
        text = token(one.member, name, world, run)
        typed.save(db, one.member.id, {name: text if world == "a" else f"{text} and more" if number % 2 else None})


def _plant_record(db: Database, one: Hidden, world: str, run: str, now: int) -> None:
    values: dict[str, str | None] = {}
    for number, name in enumerate(one.fields):
        text = token(one.member, name, world, run)
        if world == "b":
            text += " and more"
        if name == "links":
            values[name] = json.dumps([{"url": f"https://{text.split()[0]}.example/", "label": text}])
        elif name == "products":
            values[name] = json.dumps([text])
        elif name == "avatar":
            key = text.split()[0]
            db.execute(
                "INSERT INTO avatar(key, account_id, image, created_at) VALUES (?, ?, ?, ?)",
                (key, one.member.id, f"RIFF{text}".encode(), now),
            )
            values[name] = key
        elif name != "email":
            values[name] = text if world == "a" or number % 2 else None
    if "email" in one.fields:
        row = db.row("SELECT email FROM account WHERE id = ?", (one.member.id,))
        if row and row[0]:
            address = f"{token(one.member, 'email', world, run)}@{row[0].rpartition('@')[2]}"
            values |= {"email": address, "email_key": address}
    if one.whole:
        values["public_name"] = token(one.member, "name", world, run)
    sets = "".join(f"{name} = ?, " for name in values)
    db.execute(
        f"UPDATE account SET {sets}row_version = row_version + 1, edit_version = edit_version + 1 WHERE id = ?",
        (*values.values(), one.member.id),
    )


def _plant_doings(db: Database, one: Hidden, world: str, run: str, now: int) -> None:
    """Titles of hidden activity and items, messages of hidden kudos, other numbers, and in world `b` other days."""
    account_id, sections = one.member.id, one.sections
    events = filing.entries(db.dialect)
    newest = f"id IN (SELECT activity_id FROM {events} e WHERE account_id = ? ORDER BY at DESC LIMIT ?)"
    if "activity" in sections:
        db.execute(
            f"UPDATE activity SET title = ? WHERE {newest}", (token(one.member, "act", world, run), account_id, ROWS)
        )
    for kind in hidden_kinds(lambda section: section not in sections):
        db.execute(
            "UPDATE activity SET title = ? WHERE id IN"
            f" (SELECT activity_id FROM {events} e WHERE account_id = ? AND kind = ?)",
            (token(one.member, kind, world, run), account_id, kind),
        )
    for kind, section in SECTION_OF.items():
        if section in sections:
            db.execute(
                "UPDATE held SET title = ? WHERE account_id = ? AND kind = ?",
                (token(one.member, f"held{kind}", world, run), account_id, kind),
            )
    if "kudos" in sections:
        db.execute(
            "UPDATE kudos SET message = ? WHERE receiver_id = ? AND (giver_id IS NULL OR giver_id <> ?)",
            (token(one.member, "kudos", world, run), account_id, one.viewer_id),
        )
    # From one end of an order to the other.
    if "activity" in sections:
        joined = now + 86_400 if world == "b" else 86_400
        db.execute("UPDATE account SET member_since = ? WHERE id = ?", (joined, account_id))
    if {"stats", "kudos"} & sections and one.counters:
        hidden = [name for name, section in _COUNTED if section in sections]
        sets = ", ".join(f"{name} = {1000 * (world == 'b')}" for name in hidden)
        db.execute(f"UPDATE counter SET {sets} WHERE account_id = ?", (account_id,))
    if world != "b":
        return
    if "activity" in sections:
        for _, day, area in filing.load_days(db, account_id):
            days.add_days(db, area, {(account_id, day): 3})
    if {"stats", "badges"} <= sections:
        db.execute("UPDATE crossing SET at = at + 5 WHERE account_id = ?", (account_id,))
    if "kudos" in sections and one.counters:
        db.execute("UPDATE counter SET peer_kudos = peer_kudos + 30 WHERE account_id = ?", (account_id,))
