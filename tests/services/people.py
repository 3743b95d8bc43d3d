"""Short words for the worlds of the profile tests: what members did, counted by hand. Not the services' own writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from policies.terms import ANONYMOUS, Viewer
from tests.conftest import NOW
from tests.factories import set_counters
from webapp.services import profiles, viewing
from webapp.services.context import Context
from webapp.services.views import ProfileView
from webapp.store.database import Database
from webapp.store.days import add_days
from webapp.store.ingest import COUNTERS

DAY = 86_400
FIELDS = (
    "avatar", "full_name", "job_title", "department", "organization", "location", "timezone", "email", "bio", "links",
    "products", "stats", "badges", "certifications", "groups", "kudos", "activity",
)  # fmt: skip
BIT = {name: bit for bit, name in enumerate(FIELDS)}


def set_columns(db: Database, account_id: int, **columns: Any) -> None:
    """Set columns of an account, or counters, as an edit does: its row version moves on."""
    set_counters(db, account_id, **{name: columns.pop(name) for name in COUNTERS if name in columns})
    sets = "".join(f"{name} = ?, " for name in columns)
    db.execute(
        f"UPDATE account SET {sets}row_version = row_version + 1 WHERE id = ?", (*columns.values(), account_id)
    )


def choose(
    db: Database, account_id: int, anyone: Sequence[str] = (), org: Sequence[str] = (), you: Sequence[str] = ()
) -> None:
    """The owner's levels for these fields."""
    a = sum(1 << BIT[name] for name in anyone)
    o = a | sum(1 << BIT[name] for name in org)
    set_columns(db, account_id, chosen=o | sum(1 << BIT[name] for name in you), chosen_anyone=a, chosen_org=o)


def source(db: Database, name: str = "forum", area: str = "forum") -> int:
    row = db.row("SELECT id FROM source WHERE name = ?", (name,))
    if row:
        return int(row[0])
    sql = "INSERT INTO source(name, label, area, created_at) VALUES (?,?,?,?) RETURNING id"
    return int(db.execute(sql, (name, name.capitalize(), area, NOW)).fetchone()[0])


#: Under its account, as if it had waited there for long.
FILE_LAST = (
    "INSERT INTO filed(account_id, at, activity_id, kind, source_id, listed)"
    " SELECT account_id, at, id, kind, source_id, listed FROM activity WHERE id = (SELECT MAX(id) FROM activity)"
)


def did(
    db: Database, account_id: int, kind: str = "answer", at: int = NOW - DAY, *, where: str = "forum",
    title: str = "A thread", url: str = "https://forum.example/1", listed: bool = True, area: str = "forum",
) -> None:  # fmt: skip
    """One activity with its day; no counter."""
    source_id = source(db, where, area)
    actor = f"{where}-{account_id}"
    known = "INSERT INTO identity(source_id, actor, account_id, created_at) VALUES (?,?,?,1) ON CONFLICT DO NOTHING"
    db.execute(known, (source_id, actor, account_id))
    identity = db.row("SELECT id FROM identity WHERE source_id = ? AND actor = ?", (source_id, actor))
    count = db.row("SELECT COUNT(*) FROM activity")
    assert identity is not None
    assert count is not None
    db.execute(
        "INSERT INTO activity(source_id, external_id, identity_id, account_id, kind, at, title, url, listed)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        (source_id, f"e{count[0]}", identity[0], account_id, kind, at, title, url, listed),
    )
    db.execute(FILE_LAST)
    if listed:
        with db.transaction():
            add_days(db, area, {(account_id, at // DAY): 1})


def holds(db: Database, account_id: int, kind: str, item: str, at: int = NOW - DAY, **columns: Any) -> None:
    values = {"account_id": account_id, "kind": kind, "item": item, "title": item.capitalize(), "at": at, **columns}
    db.execute(f"INSERT INTO held({', '.join(values)}) VALUES ({','.join('?' * len(values))})", tuple(values.values()))


def crossed(db: Database, account_id: int, metric: str, value: int, at: int) -> None:
    db.execute("INSERT INTO crossing(account_id, metric, value, at) VALUES (?,?,?,?)", (account_id, metric, value, at))


def gave(db: Database, giver: int | None, receiver: int, message: str = "Thank you", at: int = NOW - DAY) -> None:
    """Peer kudos with a message, counted as ingest counts them."""
    db.execute("INSERT INTO kudos(receiver_id, giver_id, message, at) VALUES (?,?,?,?)", (receiver, giver, message, at))
    db.execute("UPDATE counter SET peer_kudos = peer_kudos + 1 WHERE account_id = ?", (receiver,))
    if giver is not None:
        db.execute("INSERT INTO pair_counter(receiver_id, giver_id, kudos) VALUES (?,?,1)"
                   " ON CONFLICT (receiver_id, giver_id) DO UPDATE SET kudos = pair_counter.kudos + 1",
                   (receiver, giver))


def see(ctx: Context, handle: str, viewer: Viewer | int = ANONYMOUS) -> ProfileView:
    """The profile page, which must be there."""
    view = profiles.view_profile(ctx, look(ctx, viewer), handle, NOW)
    assert isinstance(view, ProfileView)
    return view


def opened(ctx: Context, handle: str) -> object:
    """What anybody gets at the address of a handle."""
    return profiles.view_profile(ctx, ANONYMOUS, handle, NOW)


def state(ctx: Context, account_id: int) -> str:
    row = ctx.db.row("SELECT state FROM account WHERE id = ?", (account_id,))
    assert row is not None
    return str(row[0])


def look(ctx: Context, viewer: Viewer | int) -> Viewer:
    return viewer if isinstance(viewer, Viewer) else viewing.load_viewer(ctx, viewer)


def stats(view: ProfileView) -> dict[str, int]:
    return {stat.metric: stat.value for stat in view.stats}


def earned(view: ProfileView, metric: str) -> list[int]:
    return [gem.value for shelf in view.shelves if shelf.metric == metric for gem in shelf.gems if gem.earned]


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """The reads that run inside, as texts."""
    seen: list[str] = []

    def watch(read: Callable[..., Any]) -> Callable[..., Any]:
        def run(sql: str, params: Any = ()) -> Any:
            seen.append(sql)
            return read(sql, params)

        return run

    db.rows, db.row = watch(db.rows), watch(db.row)  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        del db.rows, db.row
