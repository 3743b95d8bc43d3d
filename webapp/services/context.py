"""What every service call is given: the database, the policies, the settings of the site. No Flask, no request.

A Context lives as long as its process. The compiled gate is kept per policy version: a page's first statement reads the
version, so a policy change by another process is seen by the next request. Which plugins are on belongs to the version.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from policies.manager import PolicyManager
from policies.recording import narrowing
from policies.visibility import Gate
from webapp.services import site_tables
from webapp.services.site_tables import SiteSettings
from webapp.services.warm import Warm, WarmCache
from webapp.store import plugins as plugin_store
from webapp.store import policy as policy_store
from webapp.store.database import Database

log = logging.getLogger("vitrine.plugins")

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Proving:
    """How the proofs of domains are looked at, and where webhooks may go.

    nameservers: "address" or "address:port", none for those of the machine; private_networks: where files may be
    fetched from although the addresses are not public, hook_networks: where webhooks may be sent likewise; ca_file:
    certificates trusted instead of the machine's.
    """

    nameservers: tuple[str, ...] = ()
    private_networks: tuple[str, ...] = ()
    ca_file: Path | None = None
    https_port: int = 443
    hook_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """What services need to know of the configuration."""

    name: str = "Vitrine"
    base_url: str = "http://127.0.0.1:8000"
    secret_key: str = ""
    data_dir: Path = Path("data")
    smtp_url: str | None = None
    mail_from: str = "vitrine@localhost"
    proving: Proving = Proving()
    hook_secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Context:
    """First argument of every service function.

    rule_needs: item of `held` -> the sections that a badge given by that rule tells about; read with the gate.
    clock: tells vetoes how old an account is; every other moment is handed to the services.
    leaves_trace: whether narrower defaults of this process's plugins are recorded. Whoever serves the site does; a
        command that somebody runs in a shell without the site's environment must not narrow it for everybody.
    """

    db: Database
    manager: PolicyManager
    site: Site
    warm: WarmCache[Warm] = field(default_factory=WarmCache)
    clock: Callable[[], float] | None = None
    rule_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    looks: int = 0              # how often the policy version was looked at: who saw it move needs no look of its own
    leaves_trace: bool = True
    kept: dict[str, tuple[int, Any]] = field(default_factory=dict)      # counts that cost: moment, value
    _gate: Gate | None = None
    _settings: SiteSettings = field(default_factory=SiteSettings)
    _is_traced: bool = True
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def gate(self, version: int | None = None) -> Gate:
        """The gate for a policy version, or for the present one (one statement) when none is given.

        A kept gate newer than `version` is used as it is: a decision may be newer than the row snapshot, never older.
        """
        if version is None:
            version = self.db.policy_version()
        self.looks += 1
        gate = self._gate
        if gate is not None and gate.version >= version and (self._is_traced or not self._may_write):
            return gate
        with self._lock:
            if self._gate is None or self._gate.version < version:
                self._compile()
            if not self._is_traced and self._may_write:
                self._is_traced = True
                self._leave_trace()
            assert self._gate is not None
            return self._gate

    @property
    def _may_write(self) -> bool:
        return not (self.db.in_transaction or self.db.in_snapshot)

    def _compile(self) -> None:
        if self.db.in_transaction:      # it may have moved the policy: undone, what was read in it never held
            self.db.after_rollback(self.forget_gate)
        policy_log, head = policy_store.load_log(self.db)
        bits = policy_store.load_field_bits(self.db)
        manager = self.manager.standing_at(plugin_store.load_standing(self.db))
        manager.isolation.count_from(plugin_store.load_begun(self.db))
        self._settings = settings = site_tables.load(self.db)
        manager.use_tables(settings.ladders, settings.points, settings.levels)
        self.manager, self.rule_needs = manager, plugin_store.load_rule_needs(self.db)
        base = manager.compile(bits)
        self._is_traced = not (self.leaves_trace and narrowing(base, policy_log))
        self._gate = Gate(base, policy_log, head, self.clock)

    def _leave_trace(self) -> None:
        """Record what the plugins of this process show less of than the log holds, so that taking such a plugin away
        again widens nothing (D19). What they show more of waits for `vitrine migrate`."""
        assert self._gate is not None
        try:
            now = int(self.clock()) if self.clock is not None else 0
            with self.db.transaction():
                policy_store.take_version(self.db)      # one process at a time looks and writes
                policy_log, _ = policy_store.load_log(self.db)
                for scope, bit, level, mask in narrowing(self._gate.base, policy_log):
                    policy_store.append_change(self.db, "base", scope, now, bit=bit, level=level, value=mask)
            self._compile()
        except Exception as error:      # what is shown is narrow already; only the trace is missing
            log.error("recording narrower defaults failed: %s", type(error).__name__)

    def settings(self) -> SiteSettings:
        """What an admin set of the site, as it is now: every change moves the policy version. One statement."""
        self.gate()
        return self._settings

    @property
    def kept_settings(self) -> SiteSettings:
        """The same as it was at the last look at the version, without any statement."""
        return self._settings

    @property
    def site_name(self) -> str:
        """The site's name as of the last look at the version: the admin's word, else the operator's."""
        if not self.looks:
            self.gate()
        return self._settings.name or self.site.name

    def forget_gate(self) -> None:
        """A transaction was rolled back: what was compiled in it may never have held."""
        with self._lock:
            self._gate = None


def at_one_moment(read: Callable[Concatenate[Context, P], R]) -> Callable[Concatenate[Context, P], R]:
    """A reading of one moment, what decides and what it lets through: nobody hides a value and changes it in between.
    Nothing may be written in it."""

    @wraps(read)
    def within(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not ctx.db.begin_snapshot():
            return read(ctx, *args, **kwargs)
        try:
            found = read(ctx, *args, **kwargs)
        finally:
            ctx.db.end_snapshot()
        if not ctx._is_traced:      # which could not be recorded within
            ctx.gate()
        return found

    return within
