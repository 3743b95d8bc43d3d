"""Activity and what is counted from it: sources, events, counters, held items, days, crossings. SQL only, no rules.

Every text is constant; lists of keys are padded to a few lengths so that prepared statements are reused. All writes
expect to run inside one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from policies.errors import NotFound
from webapp.store import filing
from webapp.store.database import Database, marks
from webapp.store.lists import turned, unnested

#: Columns of `counter` that count events.
COUNTERS = ("answers", "accepted_solutions", "articles", "likes_received", "total_posts", "peer_kudos")

#: The source of kudos given on this site. No token, no import, no app speaks for it; it is in no list of sources.
OWN_SOURCE = "vitrine"

_SIZES = (1, 8, 64, 512, 1024)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as events refer to it."""

    id: int
    name: str
    area: str


class ActivityRow(NamedTuple):
    """A stored event as far as counting needs it."""

    id: int
    external_id: str
    account_id: int | None
    by_account_id: int | None
    kind: str
    at: int
    object: str
    title: str
    url: str
    listed: bool


_ROW = "id, external_id, account_id, by_account_id, kind, at, object, title, url, listed"


def padded(values: Sequence[Any]) -> Iterable[tuple[str, tuple[Any, ...]]]:
    """(marks, values) in chunks of at most 1,024 whose lengths are one of a few: the last value is repeated."""
    for start in range(0, len(values), _SIZES[-1]):
        chunk = tuple(values[start : start + _SIZES[-1]])
        size = next(size for size in _SIZES if size >= len(chunk))
        yield marks(size), chunk + chunk[-1:] * (size - len(chunk))


# Sources


def save_source(db: Database, name: str, label: str, area: str, now: int) -> None:
    """Make the source known; one that exists keeps its label and area."""
    db.execute(
        "INSERT INTO source(name, label, area, created_at) VALUES (?,?,?,?) ON CONFLICT (name) DO NOTHING",
        (name, label, area, now),
    )


def lock_source(db: Database, name: str) -> SourceRow:
    """The source, locked until the transaction ends: one batch of a source is recorded at a time.

    Errors: NotFound.
    """
    lock = "" if db.dialect == "sqlite" else " FOR NO KEY UPDATE"
    row = db.row(f"SELECT id, name, area FROM source WHERE name = ?{lock}", (name,))
    if row is None:
        raise NotFound(f"There is no source “{name}”.")
    return SourceRow(*row)


def name_of_source(db: Database, source_id: int) -> str:
    """The name of a source. Errors: NotFound."""
    row = db.row("SELECT name FROM source WHERE id = ?", (source_id,))
    if row is None:
        raise NotFound("There is no such source.")
    return str(row[0])


def source_of_identity(db: Database, identity_id: int) -> str:
    """The name of the source that an identity belongs to. Errors: NotFound."""
    row = db.row("SELECT s.name FROM identity i JOIN source s ON s.id = i.source_id WHERE i.id = ?", (identity_id,))
    if row is None:
        raise NotFound("There is no such identity.")
    return str(row[0])


# Events


def load_known(db: Database, source_id: int, external_ids: Sequence[str]) -> set[str]:
    """Which of these events are stored already."""
    return {
        row[0]
        for some, values in padded(external_ids)
        for row in db.rows(
            f"SELECT external_id FROM activity WHERE source_id = ? AND external_id IN ({some})", (source_id, *values)
        )
    }


def new_ids(db: Database, n: int) -> Sequence[int]:
    """Ids for so many events, ascending. Only in the transaction that saves them."""
    if db.dialect == "sqlite":
        row = db.row("SELECT COALESCE(MAX(id), 0) FROM activity")
        assert row is not None
        return range(row[0] + 1, row[0] + 1 + n)
    sql = "SELECT nextval(pg_get_serial_sequence('activity', 'id')) FROM generate_series(1, ?) ORDER BY 1"
    return [row[0] for row in db.rows(sql, (n,))]


def save_events(db: Database, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert new events: an ActivityRow, with (source_id, identity_id, by_actor) behind it. They are an account's once
    they are counted (`add_counters`)."""
    db.executemany(
        f"INSERT INTO activity({_ROW}, source_id, identity_id, by_actor) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", rows
    )


def load_event(db: Database, source_id: int, external_id: str) -> ActivityRow | None:
    """One stored event."""
    row = db.row(f"SELECT {_ROW} FROM activity WHERE source_id = ? AND external_id = ?", (source_id, external_id))
    return None if row is None else ActivityRow(*row)


def load_waiting(db: Database, identity_id: int) -> list[ActivityRow]:
    """The events of an identity that no account has yet."""
    sql = f"SELECT {_ROW} FROM activity WHERE identity_id = ? AND account_id IS NULL"
    return [ActivityRow(*row) for row in db.rows(sql, (identity_id,))]


def load_given_by(db: Database, source_id: int, actor: str) -> list[ActivityRow]:
    """The events that name this giver, whose account was not known when they came in."""
    sql = f"SELECT {_ROW} FROM activity WHERE source_id = ? AND by_actor = ? AND by_account_id IS NULL"
    return [ActivityRow(*row) for row in db.rows(sql, (source_id, actor))]


def set_receiver(db: Database, identity_id: int, account_id: int) -> None:
    """Hand the waiting events of an identity to its account."""
    db.execute(
        "UPDATE activity SET account_id = ? WHERE identity_id = ? AND account_id IS NULL", (account_id, identity_id)
    )


def set_giver(db: Database, events: Sequence[ActivityRow], account_id: int) -> None:
    """Note the giver's account on events and on the kudos made from them."""
    values = [(account_id, event.id) for event in events]
    db.executemany("UPDATE activity SET by_account_id = ? WHERE id = ?", values)
    db.executemany("UPDATE kudos SET giver_id = ? WHERE activity_id = ?", values)


def delete_events(db: Database, events: Sequence[ActivityRow]) -> None:
    """Remove events and the kudos made from them."""
    filing.take_out(db, [(event.account_id, event.at, event.id) for event in events if event.account_id is not None])
    values = [(event.id,) for event in events]
    db.executemany("DELETE FROM kudos WHERE activity_id = ?", values)
    db.executemany("DELETE FROM activity WHERE id = ?", values)


def save_kudos(db: Database, source_id: int, external_ids: Sequence[str]) -> None:
    """The kudos that stand for these kudos events; the event's title is the message."""
    db.executemany(
        "INSERT INTO kudos(receiver_id, giver_id, activity_id, message, at)"
        " SELECT account_id, by_account_id, id, title, at FROM activity WHERE source_id = ? AND external_id = ?",
        [(source_id, external_id) for external_id in external_ids],
    )


def load_retracted(db: Database, source_id: int, external_ids: Sequence[str]) -> set[str]:
    """Which of these events the source took back for good."""
    return {
        row[0]
        for some, values in padded(external_ids)
        for row in db.rows(
            f"SELECT external_id FROM retracted WHERE source_id = ? AND external_id IN ({some})", (source_id, *values)
        )
    }


def save_retracted(db: Database, source_id: int, external_id: str, now: int) -> None:
    """Never take this event again."""
    db.execute(
        "INSERT INTO retracted(source_id, external_id, at) VALUES (?,?,?) ON CONFLICT DO NOTHING",
        (source_id, external_id, now),
    )


def note_hook(db: Database, source_id: int, digest: str, now: int) -> bool:
    """Whether a webhook was not taken in before; it counts as taken in from now on."""
    cursor = db.execute(
        "INSERT INTO hook_seen(source_id, digest, at) VALUES (?,?,?) ON CONFLICT DO NOTHING", (source_id, digest, now)
    )
    return bool(cursor.rowcount == 1)


def sweep_hooks(db: Database, before: int) -> None:
    """Forget the webhooks that were taken in before a moment."""
    db.execute("DELETE FROM hook_seen WHERE at < ?", (before,))


# Counters


def lock_accounts(db: Database, account_ids: Iterable[int]) -> None:
    """Hold these accounts and their primaries until the transaction ends, by their ids, before any event is stored.

    An event holds the keys of its accounts as soon as it is there. A verb that locked such a row and changes a key of
    it (the address, the link) would wait for the batch, and the batch, once it counts, for the verb. The sums of a
    group stand with its primary in the directory: whoever counts for one of its accounts waits for whoever does for
    another.
    """
    if db.dialect == "postgresql":      # a SQLite transaction holds the write lock already
        ids = set(account_ids)
        for some, values in padded(sorted(ids)):
            sql = f"SELECT primary_id FROM account WHERE id IN ({some}) AND primary_id IS NOT NULL"
            ids |= {row[0] for row in db.rows(sql, values)}
        for some, values in padded(sorted(ids)):
            db.rows(f"SELECT id FROM account WHERE id IN ({some}) ORDER BY id FOR NO KEY UPDATE", values)


def add_counters(
    db: Database, deltas: Mapping[int, Sequence[int]], new: Mapping[int, str] | None = None
) -> None:
    """Add to the counters (in the order of COUNTERS), move the row version on and note new events (`filing.noted`).

    Goes by their ids, as `lock_accounts` does: that order of row locks keeps the batches of several sources from
    blocking each other for ever on PostgreSQL.
    """
    new = new or {}
    rows = [(*delta, new.get(account_id, ""), account_id) for account_id, delta in sorted(deltas.items())]
    if db.dialect == "postgresql" and rows:
        db.rows("SELECT id FROM account WHERE id = ANY(?) ORDER BY id FOR NO KEY UPDATE", (sorted(deltas),))
        db.execute(_ADD_MANY, turned(rows))
    else:
        db.executemany(
            f"UPDATE counter SET {', '.join(f'{name} = {name} + ?' for name in COUNTERS)},"
            " unfiled = unfiled || ?, version = version + 1 WHERE account_id = ?",
            rows,
        )


_ADD_MANY = (
    f"UPDATE counter c SET {', '.join(f'{name} = c.{name} + v.{name}' for name in COUNTERS)},"
    " unfiled = c.unfiled || v.new, version = c.version + 1"
    f" FROM {unnested([*['BIGINT'] * 6, 'TEXT', 'BIGINT'])} AS v({', '.join(COUNTERS)}, new, id)"
    " WHERE c.account_id = v.id"
)


class Own(NamedTuple):
    """What an account has by itself: its counters, its courses, whether it is in a link group, whether its events are
    to be filed, and its last active day in the directory, the earliest where audiences see several (None: none does).

    The fields before `grouped` are named as the metrics they are the totals of, where it is in none.
    """

    answers: int
    accepted_solutions: int
    articles: int
    likes_received: int
    total_posts: int
    peer_kudos: int
    courses_completed: int
    grouped: bool
    is_full: bool
    active_day: int | None


_OWN = (
    f"SELECT {', '.join(f'c.{name}' for name in COUNTERS)},"
    " (SELECT COUNT(*) FROM held h WHERE h.account_id = a.id AND h.kind = 'course'),"
    " a.primary_id IS NOT NULL OR EXISTS (SELECT 1 FROM account s WHERE s.primary_id = a.id),"
    f" length(c.unfiled) > {filing.FULL}, (SELECT MIN(p.active_day) FROM people p WHERE p.profile_id = a.id), a.id"
    " FROM counter c JOIN account a ON a.id = c.account_id WHERE c.account_id IN ({})"
)


def load_own(db: Database, account_ids: Sequence[int]) -> dict[int, Own]:
    """What these accounts have by themselves; one that is in no link group has nothing beside it."""
    return {
        row[-1]: Own._make(row[:-1])
        for some, values in padded(account_ids) for row in db.rows(_OWN.format(some), values)
    }


def add_pairs(db: Database, deltas: Mapping[tuple[int, int], Sequence[int]]) -> None:
    """Add (kudos, likes) to (receiver, giver); a pair at zero goes."""
    ordered = sorted(deltas.items())
    db.executemany(
        "INSERT INTO pair_counter(receiver_id, giver_id) VALUES (?,?) ON CONFLICT DO NOTHING",
        [pair for pair, _ in ordered],
    )
    db.executemany(
        "UPDATE pair_counter SET kudos = kudos + ?, likes = likes + ? WHERE receiver_id = ? AND giver_id = ?",
        [(*delta, *pair) for pair, delta in ordered],
    )
    db.executemany(
        "DELETE FROM pair_counter WHERE receiver_id = ? AND giver_id = ? AND kudos = 0 AND likes = 0",
        [pair for pair, delta in ordered if min(delta) < 0],
    )


# Held items


def add_held(db: Database, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add (account_id, kind, item, source_id, title, url, at, events); the earliest event gives date, title and url."""
    db.executemany(
        "INSERT INTO held(account_id, kind, item, source_id, title, url, at, events) VALUES (?,?,?,?,?,?,?,?)"
        " ON CONFLICT (account_id, kind, item) DO UPDATE SET events = held.events + excluded.events,"
        " title = CASE WHEN excluded.at < held.at THEN excluded.title ELSE held.title END,"
        " url = CASE WHEN excluded.at < held.at THEN excluded.url ELSE held.url END,"
        " at = CASE WHEN excluded.at < held.at THEN excluded.at ELSE held.at END",
        rows,
    )


def set_held(
    db: Database, account_id: int, kind: str, item: str, source_id: int, found: tuple[str, str, int, int] | None
) -> None:
    """Make the item exactly (title, url, at, events), or gone for None."""
    if found is None:
        db.execute("DELETE FROM held WHERE account_id = ? AND kind = ? AND item = ?", (account_id, kind, item))
    else:
        db.execute(
            "INSERT INTO held(account_id, kind, item, source_id, title, url, at, events) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT (account_id, kind, item) DO UPDATE SET title = excluded.title, url = excluded.url,"
            " at = excluded.at, events = excluded.events",
            (account_id, kind, item, source_id, *found),
        )


# Crossings of milestones


def load_dated(
    db: Database, metric: str, ladder: Sequence[int], account_ids: Sequence[int]
) -> dict[int, tuple[int, int, int]]:
    """Account -> (how many of the ladder's milestones are dated, the largest, the latest date); missing if none."""
    wanted = ",".join(str(int(value)) for value in ladder) or "NULL"
    return {
        row[0]: row[1:]
        for some, values in padded(account_ids)
        for row in db.rows(
            "SELECT account_id, COUNT(*), MAX(value), MAX(at) FROM crossing"
            f" WHERE account_id IN ({some}) AND metric = ? AND +value IN ({wanted}) GROUP BY account_id",
            (*values, metric),
        )
    }


def load_crossings(db: Database, account_ids: Sequence[int]) -> dict[tuple[int, str], dict[int, int]]:
    """{(account, metric): {milestone: when crossed}}."""
    found: dict[tuple[int, str], dict[int, int]] = {}
    for some, values in padded(account_ids):
        sql = f"SELECT account_id, metric, value, at FROM crossing WHERE account_id IN ({some})"
        for account_id, metric, value, at in db.rows(sql, values):
            found.setdefault((account_id, metric), {})[value] = at
    return found


def load_course_dates(db: Database, account_id: int) -> list[int]:
    """When each course was first completed, ascending."""
    sql = "SELECT at FROM held WHERE account_id = ? AND kind = 'course' ORDER BY at"
    return [row[0] for row in db.rows(sql, (account_id,))]


def save_crossings(db: Database, rows: Sequence[tuple[int, str, int, int]]) -> None:
    """Set (account_id, metric, value, at)."""
    db.executemany(
        "INSERT INTO crossing(account_id, metric, value, at) VALUES (?,?,?,?)"
        " ON CONFLICT (account_id, metric, value) DO UPDATE SET at = excluded.at",
        rows,
    )


def delete_crossings(db: Database, rows: Sequence[tuple[int, str, int]]) -> None:
    """Remove (account_id, metric, value)."""
    db.executemany("DELETE FROM crossing WHERE account_id = ? AND metric = ? AND value = ?", rows)
