"""The configuration: read from the environment once, checked whole, then immutable. It reads no file but the key.

Environment variables are those of docs/operators.md. All problems are collected and raised as one ConfigError.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from policies.errors import ConfigError

#: The key is 256 bit when made by `vitrine init`; whatever is shorter than this is refused on a public site.
MIN_KEY_LENGTH = 32
_KEY_FILE = "secret.key"
#: VITRINE_HOOK_SECRET_DISCOURSE is what the webhooks of the source `discourse` are signed with.
_HOOK_SECRET = "VITRINE_HOOK_SECRET_"    # noqa: S105 (the name of a variable)
MIN_HOOK_SECRET = 16
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_COMMON_KEYS = frozenset({"secret", "changeme", "change-me", "dev", "development", "password", "test"})


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that an operator can set. Build it with `from_env`."""

    data_dir: Path
    database_url: str
    secret_key: str
    base_url: str = "http://127.0.0.1:8000"
    smtp_url: str | None = None
    mail_from: str = "vitrine@localhost"
    site_name: str = "Vitrine"
    security_contact: str = ""
    trusted_proxies: int = 0
    redis_url: str | None = None
    warm_cache_mb: int = 64
    api_reads: int = 6000
    plugins_dir: Path | None = None
    disabled_plugins: frozenset[str] = frozenset()
    may_widen: frozenset[str] = frozenset()
    domain_nameservers: tuple[str, ...] = ()
    domain_private_networks: tuple[str, ...] = ()
    domain_ca_file: Path | None = None
    webhook_private_networks: tuple[str, ...] = ()
    hook_secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def hosts(self) -> frozenset[str]:
        """Host names that requests may name (T83): that of BASE_URL; on loopback every loopback name."""
        host = urlsplit(self.base_url).hostname or ""
        return _LOOPBACK if is_loopback(host) else frozenset({host})

    @classmethod
    def from_env(cls, environ: Mapping[str, str], *, make_key: bool = False) -> Config:
        """Read and check the whole environment. `make_key`: write a key file if there is no key.

        Errors: ConfigError whose text lists every problem, one per line.
        """
        problems: list[str] = []
        data_dir = Path(environ.get("DATA_DIR") or "data")
        if data_dir.exists() and not data_dir.is_dir():
            problems.append(f"DATA_DIR: {data_dir} is not a folder.")
        base_url = (environ.get("BASE_URL") or "http://127.0.0.1:8000").rstrip("/")
        problems += _problems_of_base_url(base_url)
        database_url = environ.get("DATABASE_URL") or f"sqlite:///{data_dir / 'vitrine.db'}"
        if _scheme(database_url) not in {"sqlite", "postgresql", "postgres"}:
            problems.append("DATABASE_URL: starts neither with sqlite:/// nor with postgresql://.")
        smtp_url = environ.get("SMTP_URL") or None
        if smtp_url and _scheme(smtp_url) not in {"smtp", "smtps"}:
            problems.append("SMTP_URL: starts neither with smtp:// nor with smtps://.")
        redis_url = environ.get("REDIS_URL") or None
        if redis_url and _scheme(redis_url) not in {"redis", "rediss"}:
            problems.append("REDIS_URL: starts neither with redis:// nor with rediss://.")
        elif redis_url and find_spec("redis") is None:
            problems.append("REDIS_URL: the package redis is not installed; install vitrine[redis], or unset it.")
        trusted = environ.get("TRUSTED_PROXIES") or "0"
        if len(trusted) != 1 or trusted not in "0123456789":
            problems.append("TRUSTED_PROXIES: is the number of proxies in front of the site, 0 to 9.")
            trusted = "0"
        contact = environ.get("SECURITY_CONTACT") or ""
        if contact and _scheme(contact) not in {"https", "mailto", "tel"}:
            problems.append("SECURITY_CONTACT: must start with https:, mailto: or tel:.")
        warm = environ.get("WARM_CACHE_MB") or "64"
        if not warm.isdecimal() or int(warm) > 65_536:
            problems.append("WARM_CACHE_MB: is a number of megabytes, 0 for none.")
            warm = "64"
        reads = environ.get("API_READS_PER_MINUTE") or "6000"
        if not (reads.isascii() and reads.isdecimal()) or len(reads) > 12:
            problems.append("API_READS_PER_MINUTE: is a number of reads, 0 for no limit.")
            reads = "0"
        plugins_dir = Path(environ["VITRINE_PLUGINS_DIR"]) if environ.get("VITRINE_PLUGINS_DIR") else None
        if plugins_dir is not None and not plugins_dir.is_dir():
            problems.append(f"VITRINE_PLUGINS_DIR: {plugins_dir} is not a folder.")
        nameservers, networks, ca_file = _read_proving(environ, problems)
        hook_networks = _read_networks(environ, "WEBHOOK_PRIVATE_NETWORKS", problems)
        hook_secrets = {
            name.removeprefix(_HOOK_SECRET).lower(): secret
            for name, secret in environ.items() if name.startswith(_HOOK_SECRET) and secret
        }
        for name, secret in sorted(hook_secrets.items()):
            if len(secret) < MIN_HOOK_SECRET:
                problems.append(f"{_HOOK_SECRET}{name.upper()}: take at least {MIN_HOOK_SECRET} random characters.")
        key = _read_key(environ, data_dir, make_key and not problems, problems)
        if key and base_url.startswith("https://") and is_weak(key):
            problems.append(
                f"SECRET_KEY: too weak for a public site; take at least {MIN_KEY_LENGTH} random characters"
                " (or unset it: `vitrine init` makes a key file)."
            )
        if base_url.startswith("https://") and (environ.get("FLASK_DEBUG") or "0").lower() not in {"0", "false", "no"}:
            problems.append("FLASK_DEBUG: a public site does not run in debug mode; unset it.")
        if problems:
            raise ConfigError("\n".join(problems))
        host = urlsplit(base_url).hostname or "localhost"
        return cls(
            data_dir=data_dir, database_url=database_url, secret_key=key, base_url=base_url, smtp_url=smtp_url,
            mail_from=environ.get("MAIL_FROM") or f"vitrine@{host}",
            site_name=environ.get("SITE_NAME") or "Vitrine",
            security_contact=contact,
            trusted_proxies=int(trusted), redis_url=redis_url, warm_cache_mb=int(warm),
            api_reads=int(reads), plugins_dir=plugins_dir,
            disabled_plugins=_names(environ.get("VITRINE_DISABLED_PLUGINS")),
            domain_nameservers=nameservers, domain_private_networks=networks, domain_ca_file=ca_file,
            webhook_private_networks=hook_networks,
            may_widen=_names(environ.get("VITRINE_MAY_WIDEN")), hook_secrets=hook_secrets,
        )


def is_weak(key: str) -> bool:
    """Whether a secret key can be guessed: short, well known, or made of few different characters (T100)."""
    return len(key) < MIN_KEY_LENGTH or len(set(key)) < 10 or key.lower() in _COMMON_KEYS


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _names(text: str | None) -> frozenset[str]:
    return frozenset(name.strip() for name in (text or "").split(",") if name.strip())


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read_proving(
    environ: Mapping[str, str], problems: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...], Path | None]:
    """How proofs of domains are looked at: name servers, private networks that are open, certificates."""
    nameservers = tuple(sorted(_names(environ.get("DOMAIN_NAMESERVERS"))))
    for text in nameservers:
        host, colon, port = text.rpartition(":")
        if not colon or ("[" not in text and text.count(":") > 1):
            host, port = text, "53"
        try:
            ip_address(host.strip("[]"))
            if not 0 < int(port) < 65_536:
                raise ValueError
        except ValueError:
            problems.append(f"DOMAIN_NAMESERVERS: {text} is neither an address nor address:port.")
    networks = _read_networks(environ, "DOMAIN_PRIVATE_NETWORKS", problems)
    ca_file = Path(environ["DOMAIN_CA_FILE"]) if environ.get("DOMAIN_CA_FILE") else None
    if ca_file is not None and not ca_file.is_file():
        problems.append(f"DOMAIN_CA_FILE: {ca_file} is not a file.")
    return nameservers, networks, ca_file


def _read_networks(environ: Mapping[str, str], name: str, problems: list[str]) -> tuple[str, ...]:
    networks = tuple(sorted(_names(environ.get(name))))
    for text in networks:
        try:
            ip_network(text)
        except ValueError:
            problems.append(f"{name}: {text} is not a network like 10.0.0.0/8.")
    return networks


def _problems_of_base_url(base_url: str) -> list[str]:
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ["BASE_URL: is not a valid address."]
    if parts.scheme not in {"http", "https"} or not host:
        return ["BASE_URL: must be https://host, or http://127.0.0.1:port for a trial."]
    if parts.path or parts.query or parts.fragment or parts.username:
        return ["BASE_URL: is scheme and host only, without path, query or user."]
    if parts.scheme == "http" and not is_loopback(host):
        return [f"BASE_URL: plain http is served on loopback only; use https://{host}."]
    return []


def _read_key(environ: Mapping[str, str], data_dir: Path, make: bool, problems: list[str]) -> str:
    if environ.get("SECRET_KEY"):
        if environ.get("SECRET_KEY_FILE"):
            problems.append("SECRET_KEY and SECRET_KEY_FILE: set one of them, not both.")
        return environ["SECRET_KEY"]
    path = Path(environ.get("SECRET_KEY_FILE") or data_dir / _KEY_FILE)
    try:
        if path.exists():
            if path.stat().st_mode & 0o077:
                problems.append(f"SECRET_KEY_FILE: others may read {path}; run: chmod 600 {path}")
            key = path.read_text().strip()
            if not key:
                problems.append(f"SECRET_KEY_FILE: {path} is empty.")
            return key
        if make and not environ.get("SECRET_KEY_FILE"):
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = secrets.token_urlsafe(32)
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(key + "\n")
            return key
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"SECRET_KEY_FILE: {path} cannot be read or written ({type(error).__name__}).")
        return ""
    if not make:
        problems.append(f"SECRET_KEY: not set, and there is no {path}; run `vitrine init`.")
    return ""
