"""Plugins as the database knows them: what admins decided, how they failed, and the badge rules ever registered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from policies.extending import Standing
from policies.isolation import PluginErrors
from webapp.store.database import Database
from webapp.store.ingest import lock_accounts

LAST_LIMIT = 300


class PluginRow(NamedTuple):
    """A row of table plugin. `first_at`, `last_at`: of the failures that are counted."""

    name: str
    state: str | None
    errors: int
    overruns: int
    last_error: str
    first_at: int | None
    last_at: int | None
    changed_at: int | None


class RuleRow(NamedTuple):
    """A badge rule; `needs`: the sections that it tells about."""

    name: str
    plugin: str
    title: str
    needs: tuple[str, ...]
    state: str
    since: int


def load_plugins(db: Database) -> dict[str, PluginRow]:
    """Every plugin with a row."""
    rows = db.rows("SELECT name, state, errors, overruns, last_error, first_at, last_at, changed_at FROM plugin")
    return {row[0]: PluginRow._make(row) for row in rows}


def load_standing(db: Database) -> Standing:
    """Which plugins are on, off and closed by somebody's decision or by overruns."""
    states: dict[str, set[str]] = {"on": set(), "off": set(), "closed": set()}
    for name, state in db.rows("SELECT name, state FROM plugin WHERE state IS NOT NULL"):
        states[state].add(name)
    return Standing(frozenset(states["on"]), frozenset(states["off"]), frozenset(states["closed"]))


def set_state(db: Database, name: str, state: str, now: int) -> None:
    """Decide about a plugin."""
    db.execute(
        "INSERT INTO plugin(name, state, changed_at) VALUES (?,?,?)"
        " ON CONFLICT (name) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at",
        (name, state, now),
    )


def load_off(db: Database, name: str) -> tuple[int, int] | None:
    """First and last version of the policy log that the switch wrote by which the plugin is off now."""
    row = db.row("SELECT off_first, off_last FROM plugin WHERE name = ? AND state = 'off'", (name,))
    return None if row is None or row[0] is None else (row[0], row[1])


def switched_off_by(db: Database, version: int) -> str:
    """The plugin whose switching off wrote this change of the log, "" for none that is off."""
    sql = "SELECT name FROM plugin WHERE state = 'off' AND off_first <= ? AND off_last >= ?"
    row = db.row(sql, (version, version))
    return "" if row is None else str(row[0])


def save_off(db: Database, name: str, versions: tuple[int, int] | None) -> None:
    """Remember what switching it off wrote, or that it is on."""
    first, last = versions or (None, None)
    db.execute("UPDATE plugin SET off_first = ?, off_last = ? WHERE name = ?", (first, last, name))


def add_errors(db: Database, name: str, failed: PluginErrors, begun: int, now: int) -> int:
    """Add to the counts of a plugin; its overruns so far. `begun`: the count they belong to; of one that was begun anew
    meanwhile nothing is added, and the answer is 0."""
    row = db.execute(
        "INSERT INTO plugin(name, errors, overruns, last_error, first_at, last_at) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (name) DO UPDATE SET errors = plugin.errors + excluded.errors,"
        " overruns = plugin.overruns + excluded.overruns, last_error = excluded.last_error, last_at = excluded.last_at,"
        " first_at = CASE WHEN plugin.errors = 0 THEN excluded.first_at ELSE plugin.first_at END"
        " WHERE plugin.begun = ? RETURNING overruns",
        (name, failed.count, failed.overruns, failed.last[:LAST_LIMIT], now, now, begun),
    ).fetchone()
    return 0 if row is None else int(row[0])


def load_begun(db: Database) -> dict[str, int]:
    """Where the count of each plugin's failures began, of those that were begun anew."""
    return dict(db.rows("SELECT name, begun FROM plugin WHERE begun > 0"))


def begin_anew(db: Database, name: str, begun: int) -> None:
    """Count a plugin's failures from nothing. `begun`: the version of the policy, which tells counts apart."""
    db.execute(
        "UPDATE plugin SET errors = 0, overruns = 0, last_error = '', first_at = NULL, last_at = NULL, begun = ?"
        " WHERE name = ?",
        (begun, name),
    )


def close(db: Database, name: str, now: int) -> bool:
    """Switch a plugin off for its overruns; False where it is off already."""
    cursor = db.execute(
        "UPDATE plugin SET state = 'closed', changed_at = ? WHERE name = ? AND (state IS NULL OR state = 'on')",
        (now, name),
    )
    return bool(cursor.rowcount)


# Badge rules


def load_rules(db: Database) -> dict[str, RuleRow]:
    """Every badge rule ever registered, by name."""
    rows = db.rows("SELECT name, plugin, title, needs, state, since FROM badge_rule ORDER BY name")
    return {row[0]: RuleRow(row[0], row[1], row[2], tuple(json.loads(row[3])), row[4], row[5]) for row in rows}


def load_rule_needs(db: Database) -> dict[str, tuple[str, ...]]:
    """{item of `held`: the sections that must be shown for it}."""
    return {f"rule:{name}": tuple(json.loads(needs)) for name, needs in db.rows("SELECT name, needs FROM badge_rule")}


def save_rules(db: Database, rules: Mapping[str, tuple[str, str, tuple[str, ...]]], now: int) -> list[str]:
    """Make the registered rules, name -> (plugin, title, needs), known; the others are retired. What changed, in words.

    Sections that a rule told about once it tells about for ever: its badges were given for them.
    """
    known, lines = load_rules(db), []
    for name, (plugin, title, needs) in rules.items():
        old = known.get(name)
        if old is None:
            db.execute(
                "INSERT INTO badge_rule(name, plugin, title, needs, state, since) VALUES (?,?,?,?,'waiting',?)",
                (name, plugin, title, json.dumps(sorted(needs)), now),
            )
            lines.append(f"badge rule {name} is new: start it at /admin/badges")
            continue
        every = tuple(sorted({*needs, *old.needs}))
        state = "waiting" if old.state == "retired" else old.state
        if (plugin, title, every, state) != (old.plugin, old.title, old.needs, old.state):
            db.execute(
                "UPDATE badge_rule SET plugin = ?, title = ?, needs = ?, state = ? WHERE name = ?",
                (plugin, title, json.dumps(every), state, name),
            )
            lines.append(f"badge rule {name} changed")
        if old.state == "retired":
            _retire(db, name, False)
    for name, old in known.items():
        if name not in rules and old.state != "retired":
            db.execute("UPDATE badge_rule SET state = 'retired' WHERE name = ?", (name,))
            _retire(db, name, True)
            lines.append(f"badge rule {name} is retired: its badges stay")
    return lines


def _retire(db: Database, name: str, retired: bool) -> None:
    held = (f"rule:{name}",)
    mine = "kind = 'badge' AND item = ? AND source_id IS NULL"
    lock_accounts(db, [row[0] for row in db.rows(f"SELECT account_id FROM held WHERE {mine}", held)])
    db.execute(
        f"UPDATE account SET row_version = row_version + 1 WHERE id IN (SELECT account_id FROM held WHERE {mine})", held
    )
    db.execute(f"UPDATE held SET retired = ? WHERE {mine}", (retired, *held))


def set_rule_state(db: Database, name: str, state: str) -> None:
    """Set the state of one rule."""
    db.execute("UPDATE badge_rule SET state = ? WHERE name = ?", (state, name))
