"""The command line: `vitrine …`, and the same verbs under `flask --app wsgi …`. Each verb calls one function elsewhere.

An error is one clear sentence on standard error and exit status 1, never a traceback.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from policies.errors import Invalid, VitrineError
from webapp.config import Config

PROGRESS_EVERY = 5.0


class Verb(click.Command):
    """A command whose errors are sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Invalid as error:
            raise click.ClickException(" ".join(error.errors.values())) from None
        except VitrineError as error:
            raise click.ClickException(str(error)) from None
        except (click.exceptions.Exit, click.ClickException, click.Abort, KeyboardInterrupt):
            raise
        except Exception as error:
            raise click.ClickException(_note_unexpected(error)) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Vitrine: unified community profiles."""


verb = cli.command


def _context(*, make_key: bool = False) -> Any:
    from webapp.app import open_context

    context = open_context(Config.from_env(os.environ, make_key=make_key))
    context.leaves_trace = False       # `init` and `migrate up` record what they should by themselves
    click.get_current_context().call_on_close(context.db.close)
    return context


def _ready_context() -> Any:
    """The same for verbs that need the tables of this release. Errors: ConfigError."""
    from webapp.ops.setup import check_set_up

    context = _context()
    check_set_up(context)
    return context


@verb(cls=Verb)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port on 127.0.0.1.")
def demo(port: int) -> None:
    """Make a demo database, print who can log in, and serve it on 127.0.0.1."""
    from webapp.app import open_context
    from webapp.ops.serve import serve
    from webapp.ops.setup import set_up
    from webapp.services.demo import make_demo

    os.environ.setdefault("BASE_URL", f"http://127.0.0.1:{port}")
    config = Config.from_env(os.environ, make_key=True)
    ctx = open_context(config)
    set_up(ctx, _now())
    click.echo("Making the demo community …")
    log_ins = make_demo(ctx, _now())
    ctx.db.close()
    click.echo("\nYou can log in as:")
    for log_in in log_ins:
        click.echo(f"  {log_in}")
    click.echo(f"\nServing on {config.base_url} (stop with Ctrl-C)\n")
    serve(config, "127.0.0.1", port, workers=2)


@verb(cls=Verb)
def init() -> None:
    """Create or migrate the database and make the secret key file."""
    from webapp.ops.setup import set_up

    set_up(_context(make_key=True), _now(), click.echo)


@verb(cls=Verb)
@click.option("--host", default=None, help="Address to listen on [default: the loopback address of BASE_URL].")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Web processes.")
def serve(host: str | None, port: int, workers: int) -> None:
    """Serve the site, with one worker beside the web processes."""
    from webapp.ops import serve as serving
    from webapp.ops.logs import log_to_stderr

    host = "127.0.0.1" if host == "localhost" else host     # the web server takes numbers only
    if not os.environ.get("BASE_URL") and host in {None, "127.0.0.1"}:
        os.environ["BASE_URL"] = f"http://127.0.0.1:{port}"
    config = Config.from_env(os.environ)
    log_to_stderr()
    serving.serve(config, host or serving.default_host(config), port, workers)


@verb(cls=Verb)
@click.argument("direction", type=click.Choice(["up", "down", "status"]))
@click.argument("target", required=False)
def migrate(direction: str, target: str | None) -> None:
    """Bring the database schema up, take its newest step (or all back through TARGET) down, or show its state."""
    from webapp.ops.setup import set_up
    from webapp.store.migrate import migrate_down, migrate_up, migration_status

    ctx = _context()
    if direction == "status":
        for name, applied in migration_status(ctx.db):
            click.echo(f"{'applied' if applied else 'pending'}  {name}")
        return
    if direction == "up" and target is None:
        set_up(ctx, _now(), click.echo)
        return
    names = migrate_up(ctx.db, target) if direction == "up" else migrate_down(ctx.db, target)
    for name in names or ["nothing to do"]:
        click.echo(name)


@verb("import", cls=Verb)
@click.argument("source")
@click.argument("folder", metavar="DUMP", type=click.Path(exists=True, path_type=Path))
@click.option("--site", required=True, help="Host name of the site the dump is of, e.g. bicycles.stackexchange.com.")
@click.option("--link-network", is_flag=True, help="Link accounts of one network account across sites.")
def import_(source: str, folder: Path, site: str, link_network: bool) -> None:
    """Import people and activity from a dump of SOURCE: a folder (stackexchange, csv), a file (xapi).

    Importing again adds nothing.
    """
    from webapp.services.importing import import_source

    progress = Progress()
    try:
        report = import_source(_ready_context(), source, folder, site, link_network, _now(), progress)
    finally:
        progress.close()
    for line in _report_lines(report):
        click.echo(line)


@verb(cls=Verb)
def doctor() -> None:
    """Check every invariant of the database; exit 1 on a breach."""
    from webapp.ops.doctor import examine

    findings = 0
    for finding in examine(_context()):
        findings += 1
        click.echo(finding)
    if findings:
        raise click.ClickException(f"{findings} finding{'s' * (findings > 1)}.")
    click.echo("All invariants hold.")


@verb("repair", cls=Verb)
def repair_() -> None:
    """Count every kept sum again from the events, and file those that an older release left out."""
    from webapp.services.repair import repair

    wrong = repair(_ready_context())
    rows = "1 row was" if wrong == 1 else f"{wrong} rows were"
    click.echo(f"{rows} wrong and set right." if wrong else "Nothing was wrong.")


@verb("leak-check", cls=Verb)
@click.option("--members", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many are looked at.")
def leak_check(members: int) -> None:
    """Look for hidden values in the answers of all routes, on a copy of the database; exit 1 on a leak."""
    from webapp.ops.leak_check import check_leaks, sentence

    progress = Progress()
    try:
        report = check_leaks(_ready_context(), Config.from_env(os.environ), _now(), members, progress)
    finally:
        progress.close()
    for leak in report.leaks[:20]:
        click.echo(leak)
    if report.leaks:
        raise click.ClickException(sentence(report))
    click.echo(sentence(report))


@verb(cls=Verb)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole database into one FILE, while the site runs."""
    from webapp.ops.backup import back_up

    click.echo(back_up(_context(), file, _now()))


@verb(cls=Verb)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a database that holds accounts.")
def restore(file: Path, force: bool) -> None:
    """Put the database of a backup FILE in place."""
    from webapp.ops.backup import restore as put_back

    click.echo(put_back(_context(make_key=True), file, force=force))


@verb(cls=Verb)
@click.option("--parent", type=int, default=None, hidden=True, help="End when this parent process ends.")
def worker(parent: int | None) -> None:
    """Run what is due: mail, grace periods, clean-up. `serve` and `demo` start one themselves."""
    from webapp.ops.logs import log_to_stderr
    from webapp.ops.queue import run_worker

    log_to_stderr()
    context = _ready_context()
    context.leaves_trace = True
    run_worker(context, parent)


@verb("create-admin", cls=Verb)
@click.option("--email", required=True, help="Address of the admin; an account it has already becomes one.")
def create_admin(email: str) -> None:
    """Make the first admin. There is no default password: a link is mailed and printed."""
    from webapp.services import signup

    link = signup.create_admin(_ready_context(), email, _now())
    click.echo(f"Open this once to choose password and handle:\n{link}" if link else f"{email} is an admin now.")


@verb(cls=Verb)
def plugins() -> None:
    """List the plugins in load order: where each comes from, whether it is on, and what it implements."""
    from webapp.plugins import origins
    from webapp.services.plugins import open_page

    ctx, config = _ready_context(), Config.from_env(os.environ)
    for view in open_page(ctx, origins(config)):
        state = "" if view.state == "on" else f", {view.state_words[0].lower()}{view.state_words[1:]}"
        widens = ", may widen" if view.may_widen else ""
        failed = f", {view.errors} errors" if view.errors else ""
        click.echo(f"{view.number:2} {view.name} ({view.origin}{state}{widens}{failed}): {', '.join(view.hooks)}")
    if config.disabled_plugins:
        click.echo(f"Taken out by VITRINE_DISABLED_PLUGINS: {', '.join(sorted(config.disabled_plugins))}")


@cli.group()
def plugin() -> None:
    """Make and check plugins."""


@plugin.command("new", cls=Verb)
@click.argument("name")
def new_plugin(name: str) -> None:
    """Write an installable package NAME into a new folder here: a policy, a section, a badge rule and their tests."""
    from webapp.ops.scaffold import make_plugin

    folder = make_plugin(name, Path.cwd())
    click.echo(f"Made {folder.name}. Next: pip install -e {folder.name}, then vitrine plugin check {name}")


@plugin.command("check", cls=Verb)
@click.argument("name")
@click.option("--fast", is_flag=True, help="Without the twin worlds, which take a minute.")
def check_plugin(name: str, fast: bool) -> None:
    """Try an installed plugin: total, deterministic, never wider, fast, no leak; exit 1 where it is not.

    It needs no site, and touches none.
    """
    from webapp.ops.plugin_check import check

    environ = {key: value for key, value in os.environ.items() if key != "SECRET_KEY_FILE"}
    progress, problems = Progress(), 0
    try:
        config = Config.from_env({**environ, "SECRET_KEY": secrets.token_urlsafe(32)})
        for problem in check(config, name, _now(), progress, twins=not fast):
            problems += 1
            click.echo(problem)
    finally:
        progress.close()
    if problems:
        raise click.ClickException(f"{problems} problem{'s' * (problems > 1)}.")
    click.echo(f"{name} conforms.")


@plugin.command("hooks", cls=Verb)
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write them into this file.")
def hooks_reference(write: Path | None) -> None:
    """Print the reference of all hooks (docs/hooks.md)."""
    from webapp.ops.hooks_reference import reference

    if write is None:
        click.echo(reference(), nl=False)
    else:
        write.write_text(reference(), encoding="utf-8")
        click.echo(f"Wrote {write}")


def _report_lines(report: Any) -> list[str]:
    """An ImportReport in words."""
    lines = [
        f"People: {report.people_new:,} new, {report.people_updated:,} updated, {report.people_known:,} unchanged"
        + (f", {report.people_buried:,} deleted here before" if report.people_buried else ""),
        f"Activity: {report.events_new:,} new, {report.events_known:,} known already",
    ]
    if report.linked or report.offered:
        lines.append(f"Links: {report.linked:,} made, {report.offered:,} offered to members")
    lines += [f"Skipped: {n:,} x {why}" for why, n in sorted(report.skipped.items())]
    lines += [f"Refused: {n:,} x {why}" for why, n in sorted(report.refused.items())]
    return lines


class Progress:
    """Progress of long work: a bar on a terminal, otherwise one plain line every few seconds.

    Call it with a label, how much is done, and how much there is (0: not known).
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._label = ""
        self._bar: Any = None
        self._done = 0
        self._said = 0.0

    def __call__(self, label: str, done: int, total: int = 0) -> None:
        if label != self._label:
            self.close()
            self._label, self._done, self._said = label, 0, 0.0
            if sys.stderr.isatty():
                self._bar = click.progressbar(length=max(total, 1), label=label, file=sys.stderr)
                self._bar.__enter__()
        if self._bar is not None:
            self._bar.update(max(done - self._done, 0))
            self._done = done
        elif (now := self._now()) - self._said >= PROGRESS_EVERY or (total and done >= total):
            self._said = now
            click.echo(f"{label}: {done:,} of {total:,}" if total else f"{label}: {done:,}", err=True)

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def _note_unexpected(error: Exception) -> str:
    """Write the traceback to DATA_DIR/errors.log, for the operator's eyes only, and say so in one sentence."""
    text = f"Something unexpected failed ({type(error).__name__})."
    path = Path(os.environ.get("DATA_DIR") or "data") / "errors.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {sys.argv[1] if sys.argv[1:] else ''}\n")
            log.writelines(traceback.format_exception(error))
    except OSError:
        return text
    return f"{text} The details are in {path}."


def _now() -> int:
    return int(time.time())


def main() -> None:
    """Entry point of the `vitrine` script."""
    cli()


if __name__ == "__main__":
    main()
