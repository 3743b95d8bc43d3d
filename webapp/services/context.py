"""What every service call is given: the database, the policies, the settings of the site. No Flask, no request.

A Context lives as long as its process. The compiled gate is kept per policy version: a page's first statement reads the
version, so a policy change by another process is seen by the next request.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policies.manager import PolicyManager
from policies.visibility import Gate
from webapp.services import site_tables
from webapp.services.site_tables import SiteSettings
from webapp.services.warm import Warm, WarmCache
from webapp.store import policy as policy_store
from webapp.store.database import Database


@dataclass(frozen=True, slots=True)
class Proving:
    """How the proofs of domains are looked at.

    nameservers: "address" or "address:port", none for those of the machine; private_networks: where files may be
    fetched from although the addresses are not public; ca_file: certificates trusted instead of the machine's.
    """

    nameservers: tuple[str, ...] = ()
    private_networks: tuple[str, ...] = ()
    ca_file: Path | None = None
    https_port: int = 443


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


@dataclass(slots=True)
class Context:
    """First argument of every service function."""

    db: Database
    manager: PolicyManager
    site: Site
    warm: WarmCache[Warm] = field(default_factory=WarmCache)
    looks: int = 0              # how often the policy version was looked at: who saw it move needs no look of its own
    kept: dict[str, tuple[int, Any]] = field(default_factory=dict)      # counts that cost: moment, value
    _gate: Gate | None = None
    _settings: SiteSettings = field(default_factory=SiteSettings)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def gate(self, version: int | None = None) -> Gate:
        """The gate for a policy version, or for the present one (one statement) when none is given.

        A kept gate newer than `version` is used as it is: a decision may be newer than the row snapshot, never older.
        """
        if version is None:
            version = self.db.policy_version()
        self.looks += 1
        gate = self._gate
        if gate is not None and gate.version >= version:
            return gate
        with self._lock:
            if self._gate is None or self._gate.version < version:
                log, head = policy_store.load_log(self.db)
                bits = policy_store.load_field_bits(self.db)
                self._settings = site_tables.load(self.db)
                self.manager.use_tables(self._settings.ladders, self._settings.points, self._settings.levels)
                self._gate = Gate(self.manager.compile(bits), log, head)
            return self._gate

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
        """A transaction that changed the policy was rolled back: what was compiled in it never held."""
        with self._lock:
            self._gate = None
